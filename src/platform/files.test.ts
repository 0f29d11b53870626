/** What `Files` promises, for the machine's and the simulated ones alike. */

import * as fs from 'node:fs/promises';
import * as os from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { copyBytes, text, utf8 } from '../base/bytes.ts';
import type { File, Files } from './files.ts';
import { NodeFiles } from './node-files.ts';
import { Simulation } from './simulated/simulation.ts';

interface Subject {
  readonly name: string;
  readonly open: () => Promise<{
    readonly files: Files;
    readonly directory: string;
    readonly close: () => Promise<void>;
  }>;
}

const subjects: readonly Subject[] = [
  {
    name: 'the machine',
    async open() {
      const directory = await fs.mkdtemp(join(os.tmpdir(), 'orbit-files-'));
      return { files: new NodeFiles(), directory, close: () => fs.rm(directory, { recursive: true }) };
    },
  },
  {
    name: 'the machine, blocking',
    async open() {
      const directory = await fs.mkdtemp(join(os.tmpdir(), 'orbit-files-'));
      const files = new NodeFiles({ blocking: true });
      return { files, directory, close: () => fs.rm(directory, { recursive: true }) };
    },
  },
  {
    name: 'the simulation',
    async open() {
      const { files } = new Simulation(1).boot();
      await files.makeDirectory('/data');
      return { files, directory: '/data', close: async () => {} };
    },
  },
];

describe.each(subjects)('files of $name', (subject) => {
  let files: Files;
  let directory: string;
  let close: () => Promise<void>;
  let names = 0;

  beforeAll(async () => {
    ({ files, directory, close } = await subject.open());
  });
  afterAll(() => close());

  const newPath = () => join(directory, `file-${names++}`);

  async function withFile(path: string, work: (file: File) => Promise<void>, synced = false): Promise<void> {
    const file = await files.open(path, { mode: 'create', synced });
    try {
      await work(file);
    } finally {
      await file.close();
    }
  }

  it('write parts one after the other, empty ones included', async () => {
    await withFile(newPath(), async (file) => {
      await file.writeParts([utf8('first '), utf8(''), utf8('second '), utf8('third')], 3);
      const bytes = new Uint8Array(30);
      expect(await file.read(bytes, 3)).toBe(18);
      expect(text(bytes.subarray(0, 18))).toBe('first second third');
      await file.writeParts([], 0);
      expect(await file.size()).toBe(21);
    });
  });

  it('reads back what was written, at any position', async () => {
    await withFile(newPath(), async (file) => {
      await file.write(utf8('world'), 6);
      await file.write(utf8('hello'), 0);
      expect(await file.size()).toBe(11);
      const into = Buffer.alloc(11);
      expect(await file.read(into, 0)).toBe(11);
      expect(text(into)).toBe('hello\0world');
    });
  });

  it('reads short only at the end', async () => {
    await withFile(newPath(), async (file) => {
      await file.write(new Uint8Array(10_000).fill(7), 0);
      expect(await file.read(new Uint8Array(8_000), 4_000)).toBe(6_000);
      expect(await file.read(new Uint8Array(8), 10_000)).toBe(0);
      expect(await file.read(new Uint8Array(8), 20_000)).toBe(0);
    });
  });

  it.each([false, true])('writes views of shared memory (synced: %s)', async (synced) => {
    const shared = new Uint8Array(new SharedArrayBuffer(64));
    shared.set(utf8('shared'), 32);
    const path = newPath();
    await withFile(path, (file) => file.write(shared.subarray(32, 38), 0), synced);
    expect(text(await files.read(path))).toBe('shared');
  });

  it('writes nothing when asked to write nothing', async () => {
    const path = newPath();
    await withFile(path, (file) => file.write(new Uint8Array(0), 0));
    expect(await files.size(path)).toBe(0);
  });

  it('cuts and extends with zeros', async () => {
    const path = newPath();
    await withFile(path, async (file) => {
      await file.write(utf8('abcdef'), 0);
      await file.truncate(3);
      await file.truncate(5);
      await file.sync();
    });
    expect(text(await files.read(path))).toBe('abc\0\0');
  });

  it('tells what is missing, what exists, and names the path', async () => {
    const path = newPath();
    const missing = { code: 'not_found', message: expect.stringContaining(path) };
    await expect(files.open(path, { mode: 'read' })).rejects.toMatchObject(missing);
    await expect(files.open(path, { mode: 'write' })).rejects.toMatchObject(missing);
    await expect(files.read(path)).rejects.toMatchObject(missing);
    await expect(files.size(path)).rejects.toMatchObject(missing);
    await expect(files.rename(path, `${path}-2`)).rejects.toMatchObject(missing);
    await expect(files.open(`${path}/inner`, { mode: 'create' })).rejects.toMatchObject({ code: 'not_found' });
    expect(await files.exists(path)).toBe(false);
    await (await files.open(path, { mode: 'createNew' })).close();
    await expect(files.open(path, { mode: 'createNew' })).rejects.toMatchObject({ code: 'already_exists' });
    expect(await files.exists(path)).toBe(true);
  });

  it('refuses to write to a file opened for reading', async () => {
    const path = newPath();
    await files.writeAtomic(path, utf8('x'));
    const file = await files.open(path, { mode: 'read' });
    await expect(file.write(utf8('y'), 0)).rejects.toMatchObject({ code: 'io' });
    await file.close();
    expect(text(await files.read(path))).toBe('x');
  });

  it('refuses to use a file after close, where its descriptor may be another file', async () => {
    const file = await files.open(newPath(), { mode: 'create' });
    await file.close();
    await file.close();
    await expect((async () => file.write(utf8('x'), 0))()).rejects.toThrow('after close');
  });

  it('replaces a file and leaves nothing beside it', async () => {
    const inner = join(directory, 'atomic');
    await files.makeDirectory(inner);
    const path = join(inner, 'current');
    await files.writeAtomic(path, utf8('a longer first version'));
    await files.writeAtomic(path, utf8('second'));
    expect(text(await files.read(path))).toBe('second');
    expect(await files.list(inner)).toEqual(['current']);
  });

  it('lists sorted, and a missing directory as empty', async () => {
    const inner = join(directory, 'listed');
    await files.makeDirectory(join(inner, 'deep', 'deeper'));
    await files.makeDirectory(inner);
    for (const name of ['b', 'a', 'c']) await files.writeAtomic(join(inner, name), utf8(name));
    expect(await files.list(inner)).toEqual(['a', 'b', 'c', 'deep']);
    expect(await files.list(join(directory, 'nowhere'))).toEqual([]);
  });

  it('says why a directory cannot be made', async () => {
    const path = newPath();
    await files.writeAtomic(path, utf8('x'));
    const hint = expect.stringContaining('move');
    const message = `cannot create directory ${path}`;
    await expect(files.makeDirectory(path)).rejects.toMatchObject({
      code: 'already_exists',
      message: expect.stringContaining(message),
      hint,
    });
    await expect(files.makeDirectory(join(path, 'a', 'b'))).rejects.toMatchObject({ code: 'io', hint });
    expect(await files.exists(path)).toBe(true);
  });

  it('renames over an existing file', async () => {
    const [from, to] = [newPath(), newPath()];
    await files.writeAtomic(from, utf8('new'));
    await files.writeAtomic(to, utf8('old'));
    await files.rename(from, to);
    await files.syncDirectory(directory);
    expect(text(await files.read(to))).toBe('new');
    expect(await files.exists(from)).toBe(false);
  });

  it('removes files and trees, and nothing is no error', async () => {
    const inner = join(directory, 'removed');
    await files.makeDirectory(join(inner, 'deep'));
    await files.writeAtomic(join(inner, 'deep', 'file'), utf8('x'));
    await files.remove(inner);
    await files.remove(inner);
    expect(await files.exists(inner)).toBe(false);
  });

  it('keeps an open file usable after its removal', async () => {
    const path = newPath();
    await withFile(path, async (file) => {
      await file.write(utf8('still here'), 0);
      await files.remove(path);
      const into = Buffer.alloc(10);
      await file.read(into, 0);
      expect(text(into)).toBe('still here');
    });
  });

  it('tells how much space is free', async () => {
    expect(await files.freeBytes(directory)).toBeGreaterThan(0);
    await expect(files.freeBytes(newPath())).rejects.toMatchObject({ code: 'not_found' });
  });

  it('locks once, also against itself, until released', async () => {
    const path = newPath();
    const lock = await files.lock(path);
    await expect(files.lock(path)).rejects.toMatchObject({
      code: 'store_locked',
      message: expect.stringMatching(/is in use by this process \(\d+\)$/),
      hint: expect.stringContaining('data directory'),
    });
    await lock.release();
    await lock.release();
    const again = await files.lock(path);
    await lock.release();
    await expect(files.lock(path)).rejects.toMatchObject({ code: 'store_locked' });
    await again.release();
    expect(await files.exists(path)).toBe(false);
  });

  it('takes many writes at once', async () => {
    const path = newPath();
    const block = (i: number) => new Uint8Array(1_000).fill(i);
    await withFile(path, async (file) => {
      await Promise.all(Array.from({ length: 50 }, (_, i) => file.write(block(i), i * 1_000)));
    });
    const bytes = copyBytes(await files.read(path));
    for (let i = 0; i < 50; i++) expect(bytes.subarray(i * 1_000, i * 1_000 + 1_000)).toEqual(Buffer.from(block(i)));
  });
});

it.runIf(process.platform === 'linux')('gives up where a directory takes none', async () => {
  await expect(new NodeFiles().makeDirectory('/proc/a/b')).rejects.toMatchObject({ code: 'not_found' });
});
