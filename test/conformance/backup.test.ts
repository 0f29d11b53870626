/** Backups of every provider: one point in time, every position behind it, and no damage goes unnamed. */

import { readFileSync } from 'node:fs';
import { copyFile, mkdtemp, readdir, readFile, rename, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { utf8 } from '../../src/base/bytes.ts';
import { silentLog } from '../../src/base/log.ts';
import { SeededRandom } from '../../src/platform/simulated/seeded-random.ts';
import { MemoryEngine } from '../../src/providers/memory/memory-engine.ts';
import { restoreRocksDbStore } from '../../src/providers/rocksdb/open.ts';
import {
  type BackupManifest,
  contentHash,
  restoreBackup,
  verifyBackup,
  writeBackup,
} from '../../src/storage/backup.ts';
import { prefixRange } from '../../src/storage/key-range.ts';
import { LocalStore } from '../../src/storage/local-store.ts';
import type { Change } from '../../src/storage/store.ts';
import { Recorder, stateOf } from '../support/recorder.ts';
import { openTestStore, PROVIDERS, platform, type TestStore } from '../support/stores.ts';

const seed = process.env.ORBIT_TEST_SEED ?? '1';
const quiet = () => {};

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'orbit-backup-'));
});
afterEach(() => rm(directory, { recursive: true, force: true }));

/** A store in memory that holds what a backup does at `to`. */
async function restoredInMemory(backup: string, to?: number): Promise<{ store: LocalStore; position: number }> {
  const engine = new MemoryEngine(platform.timers);
  const position = await restoreBackup(engine, platform, backup, to === undefined ? {} : { to }, quiet);
  const store = await LocalStore.open({
    name: 'restored',
    platform,
    log: silentLog,
    engine,
    durability: 'memory',
    persistent: false,
  });
  return { store, position };
}

/** Commits in a row, each of several keys, all recorded. */
class Load {
  readonly recorder = new Recorder();
  readonly #store: LocalStore;
  readonly #random: SeededRandom;
  #stopped = false;
  readonly done: Promise<void>;

  constructor(store: LocalStore, name: string) {
    this.#store = store;
    this.#random = new SeededRandom(`${seed}/${name}`);
    this.done = this.#run();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await this.done;
  }

  async #run(): Promise<void> {
    for (let i = 0; !this.#stopped; i++) {
      const room = this.#store.whenWritable();
      if (room !== undefined) await room;
      const changes: Change[] = [{ kind: 'put', key: utf8('last'), value: utf8(String(i)) }];
      for (let n = this.#random.int(5); n >= 0; n--) {
        const key = utf8(`k/${this.#random.int(300)}`);
        if (this.#random.chance(0.2)) changes.push({ kind: 'delete', key });
        else if (this.#random.chance(0.02)) changes.push({ kind: 'deleteRange', range: prefixRange(key) });
        else changes.push({ kind: 'put', key, value: utf8(`${i} ${'x'.repeat(this.#random.int(400))}`) });
      }
      const transaction = this.#store.begin();
      for (const change of changes) {
        if (change.kind === 'put') transaction.put(change.key, change.value);
        else if (change.kind === 'delete') transaction.delete(change.key);
        else transaction.deleteRange(change.range);
      }
      transaction.commitVisible();
      const { version } = this.#store;
      this.recorder.note(version, changes);
      if (i % 8 === 0) await this.#store.whenDurable(version);
      if (i % 8 === 4) await platform.timers.yield();
    }
  }
}

describe.each(PROVIDERS)('a backup of the %s provider', (provider) => {
  let test: TestStore;
  beforeEach(async () => {
    test = await openTestStore(provider);
  });
  afterEach(() => test.dispose());

  it('taken under load is one point in time, and restores to every position of its log', async () => {
    const load = new Load(test.store, `backup ${provider}`);
    await platform.timers.sleep(200);
    const backup = join(directory, 'backup');
    const manifest = await writeBackup(test.store, platform, backup, quiet);
    await load.stop();
    const { recorder } = load;
    expect(manifest.from).toBeGreaterThan(0);
    expect(manifest.entries).toBe(recorder.stateAt(manifest.from).length);
    const span = manifest.to - manifest.from;
    if (provider === 'memory') expect(span).toBe(0);
    const step = Math.max(1, Math.floor(span / 12));
    for (let to = manifest.from; to <= manifest.to; to += step) {
      const { store, position } = await restoredInMemory(backup, to);
      expect(position).toBe(to);
      expect(await stateOf(store), `as of ${to}`).toEqual(recorder.stateAt(to));
      expect(store.version).toBe(to);
      await store.close();
    }
    for (const outside of [manifest.from - 1, manifest.to + 1]) {
      await expect(restoredInMemory(backup, outside)).rejects.toMatchObject({ code: 'out_of_range' });
    }
  });

  it('has the content hash of its store, on every provider', async () => {
    const load = new Load(test.store, `hash ${provider}`);
    await platform.timers.sleep(100);
    await load.stop();
    const backup = join(directory, 'backup');
    const manifest = await writeBackup(test.store, platform, backup, quiet);
    const original = await contentHash(test.store);
    expect(manifest).toMatchObject({ contentHash: original.hash, entries: original.entries, from: original.version });
    const { store } = await restoredInMemory(backup);
    expect(await contentHash(store)).toEqual(original);
    await store.close();
    const into = join(directory, 'restored');
    const options = { name: 'r', directory: into, platform, log: silentLog, durability: 'disk' } as const;
    expect(await restoreRocksDbStore(options, backup, undefined, quiet)).toBe(original.version);
    const restored = await openTestStore('rocksdb', { directory: into });
    expect(await contentHash(restored.store)).toEqual(original);
    // And goes on from there.
    const transaction = restored.store.begin();
    transaction.put(utf8('after'), utf8('1'));
    expect((await transaction.commit()).version).toBe(original.version + 1);
    await restored.reopen();
    expect(restored.store.version).toBe(original.version + 1);
    await restored.dispose();
    await expect(restoreRocksDbStore({ ...options, directory }, backup, undefined, quiet)).rejects.toMatchObject({
      code: 'already_exists',
    });
  });
});

describe('a damaged backup', () => {
  let test: TestStore;
  let backup: string;
  let manifest: BackupManifest;
  beforeEach(async () => {
    test = await openTestStore('rocksdb');
    const load = new Load(test.store, 'damaged');
    await platform.timers.sleep(150);
    await load.stop();
    backup = join(directory, 'backup');
    // Written behind the backup's position and before its end, so that its log has something in it.
    const writes = meanwhile(() => put(test.store, 'meanwhile', 100));
    manifest = await writeBackup(test.store, writes, backup, quiet);
    expect(manifest.files.map(({ kind }) => kind)).toEqual(['data', 'log']);
  });
  afterEach(() => test.dispose());

  it('is refused, naming the file that is damaged, missing, cut, longer or exchanged', async () => {
    const names = [...manifest.files.map(({ name }) => name), 'MANIFEST.json'];
    const good = join(directory, 'good');
    const damages: readonly [string, (path: string, name: string) => Promise<unknown>][] = [
      ['missing', (path) => rm(path)],
      // The last byte of the manifest is a line end.
      ['cut', async (path) => truncate(path, (await readFile(path)).length - 2)],
      ['empty', (path) => truncate(path, 0)],
      ['longer', async (path) => writeFile(path, Buffer.concat([await readFile(path), Buffer.from([32])]))],
      ['exchanged', (path, name) => copyFile(join(backup, names[(names.indexOf(name) + 1) % names.length]!), path)],
    ];
    for (const name of names) {
      for (const [what, damage] of damages) {
        // A space behind the end of JSON is not damage.
        if (name === 'MANIFEST.json' && what === 'longer') continue;
        await copyDirectory(backup, good);
        await damage(join(good, name), name);
        const error = await verifyBackup(platform, good, quiet).catch((caught: unknown) => caught);
        expect(error, `${what} ${name}`).toMatchObject({ name: 'OperationError' });
        expect((error as Error).message, `${what} ${name}`).toContain(name);
      }
    }
    await copyDirectory(backup, good);
    await verifyBackup(platform, good, quiet);
  });

  it('is refused for any changed byte of its manifest', async () => {
    const good = join(directory, 'good');
    await copyDirectory(backup, good);
    const path = join(good, 'MANIFEST.json');
    const bytes = await readFile(path);
    const structure = new Set([...' \n'].map((character) => character.charCodeAt(0)));
    for (let at = 0; at < bytes.length; at += 3) {
      if (structure.has(bytes[at]!)) continue;
      const changed = Buffer.from(bytes);
      changed[at]! ^= 1;
      await writeFile(path, changed);
      const error = await verifyBackup(platform, good, quiet).catch((caught: unknown) => caught);
      expect(error, `byte ${at}`).toMatchObject({ name: 'OperationError' });
    }
  });

  it('leaves nothing behind in the directory it was to be restored to', async () => {
    const data = join(backup, 'data-000001.orbit');
    const bytes = await readFile(data);
    bytes[bytes.length >> 1]! ^= 1;
    await writeFile(data, bytes);
    const into = join(directory, 'into');
    const options = { name: 'r', directory: into, platform, log: silentLog, durability: 'disk' } as const;
    await expect(restoreRocksDbStore(options, backup, undefined, quiet)).rejects.toMatchObject({ code: 'corruption' });
    expect(await readdir(into).catch(() => [])).toEqual([]);
  });

  it('is not finished without its manifest', async () => {
    await rename(join(backup, 'MANIFEST.json'), join(directory, 'elsewhere'));
    await expect(verifyBackup(platform, backup, quiet)).rejects.toMatchObject({ code: 'not_found' });
  });
});

describe('taking a backup', () => {
  it('needs an empty directory', async () => {
    const test = await openTestStore('memory');
    await writeFile(join(directory, 'something'), '');
    await expect(writeBackup(test.store, platform, directory, quiet)).rejects.toMatchObject({ code: 'already_exists' });
    await test.dispose();
  });

  it('keeps the log it needs, however much is written meanwhile', async () => {
    const test = await openTestStore('rocksdb');
    for (let i = 0; i < 30; i++) await put(test.store, `first/${i}`, 1_000);
    let written = 0;
    // Every report of the scan is an occasion to write more than the log retains.
    const flood = async () => {
      for (; written < 14; written++) {
        const room = test.store.whenWritable();
        if (room !== undefined) await room;
        await put(test.store, `flood/${written % 3}`, 1 << 20);
      }
    };
    const manifest = await writeBackup(test.store, meanwhile(flood), join(directory, 'backup'), quiet);
    expect(written).toBe(14);
    expect(manifest.to - manifest.from).toBe(14);
    await test.dispose();
  });

  it('writes blocks as docs/formats/backup.md shows them', async () => {
    const page = readFileSync(new URL('../../docs/formats/backup.md', import.meta.url), 'utf8');
    const shown = Buffer.from(/```block\n([0-9a-f \n]+)```/.exec(page)![1]!.replace(/\s/g, ''), 'hex');
    const test = await openTestStore('memory');
    const transaction = test.store.begin();
    transaction.put(utf8('a'), utf8('one'));
    transaction.put(utf8('b'), utf8(''));
    await transaction.commit();
    const backup = join(directory, 'backup');
    await writeBackup(test.store, platform, backup, quiet);
    expect(await readFile(join(backup, 'data-000001.orbit'))).toEqual(shown);
    await test.dispose();
  });
});

async function put(store: LocalStore, key: string, bytes: number): Promise<void> {
  const transaction = store.begin();
  transaction.put(utf8(key), Buffer.alloc(bytes, 'x'));
  await transaction.commit();
}

/** The platform, on which a scan does `work` whenever it gives way. */
function meanwhile(work: () => Promise<void>): typeof platform {
  const timers = {
    ...bound(platform.timers),
    yield: async () => {
      await work();
      await platform.timers.yield();
    },
  };
  return { ...platform, timers };
}

function bound<T extends object>(object: T): T {
  return new Proxy(object, {
    ownKeys: () => ['after', 'every', 'sleep', 'soon', 'yield'],
    getOwnPropertyDescriptor: () => ({ enumerable: true, configurable: true }),
    get: (target, name) => (Reflect.get(target, name) as () => unknown).bind(target),
  });
}

async function copyDirectory(from: string, to: string): Promise<void> {
  await rm(to, { recursive: true, force: true });
  await platform.files.makeDirectory(to);
  for (const name of await readdir(from)) await copyFile(join(from, name), join(to, name));
}
