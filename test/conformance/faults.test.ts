/** What real directories go through: wrong formats, locks, garbage, changed durability. */

import { readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { text, utf8 } from '../../src/base/bytes.ts';
import type { Durability } from '../../src/base/durability.ts';
import { ALL_KEYS, prefixRange } from '../../src/storage/key-range.ts';
import { kill, put, useDataDirectory } from '../support/data-directory.ts';
import { stateOf } from '../support/recorder.ts';
import { platform } from '../support/stores.ts';

const data = useDataDirectory();
const { open } = data;

describe('a data directory', () => {
  it('of another format version is refused, and the way out is named', async () => {
    await (await open()).close();
    const path = join(data.path, 'FORMAT');
    const format = JSON.parse(await readFile(path, 'utf8')) as object;
    await writeFile(path, JSON.stringify({ ...format, format: 3 }));
    await expect(open()).rejects.toMatchObject({ code: 'store_format', hint: expect.stringContaining('release') });
    for (const bad of ['', '{', '"1"', '{"format":"1"}']) {
      await writeFile(path, bad);
      await expect(open()).rejects.toMatchObject({ code: 'store_format' });
    }
    await rm(path);
    await expect(open()).rejects.toMatchObject({ code: 'store_format', hint: expect.stringContaining('back') });
    await writeFile(path, JSON.stringify(format));
    await open();
  });

  it('is opened once: by this process, or by another', async () => {
    const store = await open();
    await expect(open()).rejects.toMatchObject({ code: 'store_locked' });
    const refused = data.startWriter('disk');
    expect((await refused.lines.next()).value).toBe('store_locked');
    await store.close();
    const { child, lines } = data.startWriter('disk');
    expect((await lines.next()).value).toBe('open');
    const error = await open().catch((caught: unknown) => caught);
    expect(error).toMatchObject({ code: 'store_locked' });
    expect((error as Error).message).toContain(String(child.pid));
    await kill(child);
    await open();
  });

  it('with garbage in its log is refused and left as it is, and opens once the file is put back', async () => {
    let store = await open();
    for (let i = 0; i < 25; i++) await put(store, `k/${i}`, 'x'.repeat(50_000));
    const expected = await stateOf(store);
    await store.close();
    const names = (await readdir(join(data.path, 'log'))).filter((name) => /^\d/.test(name)).sort();
    expect(names.length).toBeGreaterThan(1);
    for (const name of names) {
      const path = join(data.path, 'log', name);
      const good = await readFile(path);
      for (const at of [3, 64]) {
        const bad = Buffer.from(good);
        bad.write('garbage!', at);
        await writeFile(path, bad);
        const error = await open().catch((caught: unknown) => caught);
        expect(error, `${name} at ${at}`).toMatchObject({ code: 'corruption' });
        expect((error as Error).message).toContain(name);
        expect((await readFile(path)).equals(bad)).toBe(true);
      }
      await writeFile(path, good);
    }
    store = await open();
    expect(await stateOf(store)).toEqual(expected);
  });

  it('whose state is gone is built again from a whole log, and refused with half of one', async () => {
    let store = await open();
    for (let i = 0; i < 10; i++) await put(store, `k/${i}`, String(i));
    const expected = await stateOf(store);
    await store.close();
    await rm(join(data.path, 'state'), { recursive: true });
    store = await open();
    expect(await stateOf(store)).toEqual(expected);
    for (let i = 0; i < 100; i++) await put(store, `k/${i % 10}`, 'x'.repeat(80_000));
    await store.close();
    await rename(join(data.path, 'state'), join(data.path, 'aside'));
    await expect(open()).rejects.toMatchObject({ code: 'corruption', hint: expect.stringContaining('backup') });
    await rm(join(data.path, 'state'), { recursive: true, force: true });
    await rename(join(data.path, 'log'), join(data.path, 'log-aside'));
    await rename(join(data.path, 'aside'), join(data.path, 'state'));
    await rename(join(data.path, 'log-aside'), join(data.path, 'log'));
    store = await open();
    expect(store.version).toBe(110);
  });
});

describe('durability', () => {
  it('changed from one opening to the next keeps all data, whether the store was closed or not', async () => {
    const expected = new Map<string, string>();
    const order: Durability[] = ['disk', 'process', 'memory', 'disk'];
    let version = 0;
    for (const [round, durability] of order.entries()) {
      const store = await open(durability);
      expect(store.version).toBe(version);
      expect((await stateOf(store)).sort()).toEqual([...expected].map(([key, value]) => `${key}=${value}`).sort());
      for (let i = 0; i < 20; i++) {
        const key = `k/${(round * 7 + i) % 40}`;
        version = await put(store, key, `${round}.${i}`);
        expected.set(key, `${round}.${i}`);
      }
      await store.close();
      expect((await readdir(data.path)).includes('log')).toBe(durability !== 'memory');
    }
  });

  it('memory finds what a killed process left in the log', async () => {
    const { child, lines } = data.startWriter('disk');
    let version = 0;
    for (let i = 0; i < 500; i++) version = Math.max(version, Number((await lines.next()).value.split(' ')[0]) || 0);
    await kill(child);
    const store = await open('memory');
    expect(store.version).toBeGreaterThanOrEqual(version);
    const before = await stateOf(store);
    await put(store, 'k', 'v');
    await store.close();
    const again = await open('disk');
    expect((await stateOf(again)).sort()).toEqual([...before, 'k=v'].sort());
  });

  it('memory ends the log for good, also if that is interrupted', async () => {
    let store = await open('disk');
    await put(store, 'k', '1');
    await store.close();
    // A crash between renaming and removing.
    store = await open('memory');
    await put(store, 'k', '2');
    await store.close();
    await writeFile(join(data.path, 'log-absorbed'), 'a rest');
    store = await open('disk');
    expect(await stateOf(store)).toEqual(['k=2']);
    expect(await readdir(data.path)).not.toContain('log-absorbed');
  });
});

describe('the engine keeps its own key to itself', () => {
  it('whatever range is deleted, scanned or read', async () => {
    let store = await open();
    const filling = store.begin();
    for (let i = 0; i < 3_000; i++) filling.put(utf8(`k/${i}`), utf8('v'));
    await filling.commit();
    while (store.statistics().appliedVersion < store.version) await platform.timers.sleep(5);
    const zero = Buffer.from([0]);
    expect(() => store.get(zero)).toThrow(expect.objectContaining({ code: 'invalid_argument' }));
    for (const start of [Buffer.alloc(0), zero, Buffer.from([0, 0])]) {
      const transaction = store.begin();
      for (const reverse of [false, true]) {
        const cursor = transaction.scan({ start, end: utf8('k') }, { reverse });
        expect(await cursor.next()).toBeUndefined();
      }
      transaction.rollback();
    }
    const batch = store.writeBatch();
    batch.deleteRange(ALL_KEYS);
    await store.whenDurable((await batch.commit()).version);
    const transaction = store.begin();
    transaction.deleteRange({ start: zero, end: undefined });
    transaction.put(utf8('left'), utf8('1'));
    const { version } = await transaction.commit();
    while (store.statistics().appliedVersion < version) await platform.timers.sleep(5);
    await store.close();
    store = await open();
    expect(store.version).toBe(version);
    expect(await stateOf(store)).toEqual(['left=1']);
  });

  it('and the longest keys there are can end a range', async () => {
    let store = await open();
    const longest = Buffer.alloc(65_535, 'k');
    const transaction = store.begin();
    transaction.put(longest, utf8('1'));
    transaction.put(utf8('l'), utf8('2'));
    await transaction.commit();
    const deletion = store.begin();
    deletion.deleteRange({ start: Buffer.concat([longest, Buffer.alloc(1)]), end: undefined });
    await deletion.commit();
    await store.close();
    store = await open();
    expect(text((await store.get(longest))!)).toBe('1');
    expect(await store.get(utf8('l'))).toBeUndefined();
    const reading = store.begin();
    expect((await reading.scan(prefixRange(longest)).next())!.length).toBe(1);
    reading.rollback();
  });
});
