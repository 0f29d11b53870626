import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { equalBytes, text, utf8 } from '../../base/bytes.ts';
import { newNodePlatform } from '../../platform/node-platform.ts';
import { SeededRandom } from '../../platform/simulated/seeded-random.ts';
import { prefixRange } from '../../storage/key-range.ts';
import { MemtableBatch } from '../../storage/memtable-batch.ts';
import { DELETE, DELETE_RANGE, operationBytes, PUT, writeOperation } from '../../storage/operations.ts';
import { rocksDbBinding } from './binding.ts';
import { RocksDbEngine } from './rocksdb-engine.ts';

const seed = process.env.ORBIT_TEST_SEED ?? '1';
const ROWS = 20_000;
let directory: string;
let engine: RocksDbEngine;
let freeBytes = Number.MAX_SAFE_INTEGER;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'orbit-rocksdb-engine-'));
  const { clock, timers } = newNodePlatform();
  engine = await RocksDbEngine.open({
    directory,
    clock,
    timers,
    freeBytes: async () => freeBytes,
    keptAbove: utf8('above/'),
  });
});

afterAll(async () => {
  await engine?.close();
  await rm(directory, { recursive: true, force: true });
});

const key = (row: number): Buffer => Buffer.from(`row ${String(row).padStart(8, '0')}`);

/** Replaces all rows, in one batch, and asks for views and rows all the while. */
async function replaceAll(position: number): Promise<void> {
  const batch = new MemtableBatch(engine);
  const range = prefixRange(utf8('row '));
  await batch.reserve(ROWS * operationBytes(12, 16) * 2, position);
  batch.add((arena, at) => writeOperation(arena, at, DELETE_RANGE, range.start, range.end));
  for (let row = 0; row < ROWS; row++) {
    batch.add((arena, at) => writeOperation(arena, at, PUT, key(row), utf8(`${row} at ${position}`)));
  }
  const before = await engine.get(key(engine.position % ROWS));
  let isApplied = false;
  const applied = batch.flush(position, false).then(() => {
    isApplied = true;
  });
  while (!isApplied) {
    const view = await engine.snapshot();
    const row = view.position % ROWS;
    const value = await view.get(key(row));
    expect(value && text(value)).toBe(view.position === position ? `${row} at ${position}` : before && text(before));
    view.release();
    await new Promise<void>((resolve) => setImmediate(resolve));
  }
  await applied;
}

test('a batch of reads ends before the values that are too much', async () => {
  const batch = new MemtableBatch(engine);
  await batch.reserve(3 * operationBytes(12, 1_000), 1);
  for (const row of [0, 1, 2])
    batch.add((arena, at) => writeOperation(arena, at, PUT, key(row), Buffer.alloc(1_000, row)));
  await batch.flush(1, false);
  const keys = [key(0), key(1), key(5), key(2)];
  const values = (await engine.batchGet(keys)).map((value) => value?.length);
  expect(values).toEqual([1_000, 1_000, undefined, 1_000]);
  const fewer = await engine.batchGet(keys, 1_500);
  expect(fewer.length).toBeLessThan(4);
  expect(fewer.every((value, i) => value === undefined || value[0] === [0, 1, 5, 2][i])).toBe(true);
});

test('views and rows are those of one position while what a batch has written is being kept', async () => {
  for (let i = 0; i < 3; i++) {
    const position = engine.position + 1;
    await replaceAll(position);
    expect(engine.position).toBe(position);
    for (let row = 0; row < ROWS; row += 97) {
      const value = await engine.get(key(row));
      expect(value && text(value)).toBe(`${row} at ${position}`);
    }
  }
});

test('what is kept above is not kept here, even where a read of what lies before it brings it along', async () => {
  const put = async (value: string): Promise<void> => {
    const batch = new MemtableBatch(engine);
    batch.add((arena, at) => writeOperation(arena, at, PUT, utf8('above/x'), utf8(value)));
    await batch.flush(engine.position + 1, false);
  };
  await put('old');
  expect(await engine.get(utf8('abou'))).toBeUndefined();
  await put('new');
  const [value] = await engine.batchGet([utf8('above/x')]);
  expect(text(value!)).toBe('new');
});

test('a value of many megabytes is read in parts, and no more is read with it than fits', async () => {
  const long = new SeededRandom(Number(seed)).bytes(5_000_000);
  const batch = new MemtableBatch(engine);
  const position = engine.position + 1;
  await batch.reserve(3 * operationBytes(6, long.length), position);
  for (const name of ['long a', 'long c']) batch.add((arena, at) => writeOperation(arena, at, PUT, utf8(name), long));
  batch.add((arena, at) => writeOperation(arena, at, PUT, utf8('long b'), utf8('short')));
  await batch.flush(position, false);
  const read = engine.get(utf8('long a'));
  expect(read).toBeInstanceOf(Promise);
  expect(equalBytes((await read)!, long)).toBe(true);
  const keys = ['long b', 'long a', 'long c'].map(utf8);
  expect((await engine.batchGet(keys)).map((value) => value?.length)).toEqual([5, long.length, long.length]);
  expect((await engine.batchGet(keys, 1_000_000)).map((value) => value?.length)).toEqual([5]);
  expect((await engine.batchGet(keys.slice(1), 1_000_000)).map((value) => value?.length)).toEqual([long.length]);
});

test('ranges without keys between two keys are read twice at most, whatever their bounds, until something is written there', async () => {
  const put = async (name: string): Promise<void> => {
    const batch = new MemtableBatch(engine);
    batch.add((arena, at) => writeOperation(arena, at, PUT, utf8(name), utf8('here')));
    await batch.flush(engine.position + 1, false);
  };
  await put('gap/a');
  await put('gap/z');
  const isKept = async (from: string, to: string): Promise<boolean> => {
    const view = await engine.snapshot();
    const cursor = view.scan({ start: utf8(from), end: utf8(to) }, {});
    const piece = cursor.packed?.();
    const entries = piece === undefined ? ((await cursor.next(10)) ?? []) : piece.entries.entries();
    expect(entries.map((entry) => text(entry.key))).toEqual(from < 'gap/m' && to > 'gap/m' ? written : []);
    view.release();
    return piece !== undefined;
  };
  let written: string[] = [];
  await isKept('gap/k', 'gap/l');
  await isKept('gap/g', 'gap/h');
  for (const from of ['gap/g', 'gap/i', 'gap/p', 'gap/y']) expect(await isKept(from, `${from}x`)).toBe(true);
  await put('gap/m');
  written = ['gap/m'];
  for (let i = 0; i < 3; i++) await isKept('gap/l', 'gap/n');
  await isKept('gap/q', 'gap/r');
});

test('who reads to the end of everything is handed nothing that lies behind, in either direction', async () => {
  const read = vi.spyOn(rocksDbBinding(), 'iterator_nextv_sync');
  const view = await engine.snapshot();
  try {
    read.mockClear();
    const behind = { start: utf8('~~~'), end: undefined };
    expect(await view.scan(behind, {}).next(8)).toBeUndefined();
    expect(await view.scan(behind, { reverse: true }).next(8)).toBeUndefined();
    const rows = read.mock.results.flatMap(({ value }) => (value as { readonly rows: readonly Buffer[] }).rows);
    expect(read).toHaveBeenCalledTimes(2);
    for (const { length } of rows) expect(length).toBeLessThan(100);
  } finally {
    view.release();
    read.mockRestore();
  }
});

test('whether a range is empty is told of one key and of many', async () => {
  const rangeOf = (from: string, to: string) => ({ start: utf8(from), end: utf8(to) });
  expect(engine.isEmptyIn(rangeOf('row 0000001', 'row 0000001\0'))).toBe(true);
  expect(engine.isEmptyIn(rangeOf('row 00000017', 'row 00000017\0'))).toBe(false);
  expect(engine.isEmptyIn(rangeOf('row 0000001', 'row 0000002'))).toBe(false);
  expect(engine.isEmptyIn(rangeOf('row 00000017\0', 'row 00000018'))).toBe(true);
});

test('it is opened again only where that can succeed, and while it could not be, nothing reads or writes it', async () => {
  const put = async (value: string, position: number): Promise<void> => {
    const batch = new MemtableBatch(engine);
    batch.add((arena, at) => writeOperation(arena, at, PUT, utf8('again'), utf8(value)));
    await batch.flush(position, true);
  };
  const read = async (): Promise<string> => text((await engine.get(utf8('again')))!);
  const { position } = engine;
  await put('first', position + 1);
  const view = await engine.snapshot();
  freeBytes = 1024;
  await expect(engine.recover()).rejects.toMatchObject({ code: 'disk_full' });
  expect(text((await view.get(utf8('again')))!)).toBe('first');
  await put('second', position + 2);

  freeBytes = Number.MAX_SAFE_INTEGER;
  const current = join(directory, 'CURRENT');
  const named = await readFile(current);
  await writeFile(current, 'nothing\n');
  await expect(engine.recover()).rejects.toMatchObject({ code: 'corruption' });
  await expect(read()).rejects.toMatchObject({ code: 'corruption' });
  await expect(Promise.resolve().then(() => engine.batchGet([utf8('again')]))).rejects.toThrow();
  await expect(Promise.resolve().then(() => engine.snapshot())).rejects.toThrow();
  await expect(put('lost', position + 3)).rejects.toMatchObject({ code: 'corruption' });
  expect(engine.memory().memtables).toBe(0);

  await writeFile(current, named);
  await engine.recover();
  expect(await read()).toBe('second');
  await put('third', position + 3);
  expect(await read()).toBe('third');
});

test('after batches of any size and deleted ranges, values and scans tell what is there, however much was kept before', async () => {
  const random = new SeededRandom(`${seed}/engine-caches`);
  const name = (n: number): string => `churn ${String(n).padStart(5, '0')}`;
  const KEYS = 12_000;
  let model = new Map<string, string>();
  const check = async (times: number, isSettled: boolean, before: ReadonlyMap<string, string>): Promise<void> => {
    for (let i = 0; i < times; i++) {
      const key = name(random.int(KEYS));
      const value = await engine.get(utf8(key));
      const found = value && text(value);
      // A large range is deleted before the rest of its batch is written.
      const allowed = isSettled ? [model.get(key)] : [model.get(key), before.get(key), undefined];
      expect(allowed, `ORBIT_TEST_SEED=${seed}, ${key}`).toContain(found);
      if (i % 16 === 0) await new Promise<void>((resolve) => setImmediate(resolve));
    }
  };
  const scan = async (): Promise<void> => {
    const view = await engine.snapshot();
    const first = random.int(KEYS - 700);
    const cursor = view.scan({ start: utf8(name(first)), end: utf8(name(first + 700)) }, {});
    const found = new Map<string, string>();
    for (let more = await cursor.next(600); more !== undefined; more = await cursor.next(600)) {
      for (const { key, value } of more) found.set(text(key), text(value));
    }
    cursor.close();
    view.release();
    for (let n = first; n < first + 700; n++) {
      expect(found.get(name(n)), `ORBIT_TEST_SEED=${seed}, ${name(n)}`).toBe(model.get(name(n)));
    }
  };
  for (let round = 0; round < 40; round++) {
    const before = model;
    model = new Map(before);
    const batch = new MemtableBatch(engine);
    const position = engine.position + 1;
    const count = random.pick([1, 40, 5_000]);
    await batch.reserve((count + 2) * operationBytes(16, 32), position);
    for (let ranges = random.pick([0, 0, 1, 2]); ranges > 0; ranges--) {
      const from = random.int(KEYS);
      const to = Math.min(KEYS, from + random.pick([10, 3_000]));
      batch.add((arena, at) => writeOperation(arena, at, DELETE_RANGE, utf8(name(from)), utf8(name(to))));
      for (let n = from; n < to; n++) model.delete(name(n));
    }
    for (let i = 0; i < count; i++) {
      const key = name(random.int(KEYS));
      if (random.chance(0.2)) {
        batch.add((arena, at) => writeOperation(arena, at, DELETE, utf8(key), undefined));
        model.delete(key);
      } else {
        const value = `${key} at ${position}`;
        batch.add((arena, at) => writeOperation(arena, at, PUT, utf8(key), utf8(value)));
        model.set(key, value);
      }
    }
    const applied = batch.flush(position, false);
    await check(200, false, before);
    await applied;
    await check(300, true, before);
    await scan();
    await scan();
  }
});

test('what lies behind a value that was asked for is read ahead, and answers without asking RocksDB', async () => {
  const { position } = engine;
  const batch = new MemtableBatch(engine);
  await batch.reserve(200 * operationBytes(12, 16), position + 1);
  for (let i = 0; i < 200; i++) {
    batch.add((arena, at) => writeOperation(arena, at, PUT, utf8(`ahead ${i + 100}`), utf8(`value ${i}`)));
  }
  await batch.flush(position + 1, false);
  // Opening it again empties the caches.
  await engine.recover();
  const read = vi.spyOn(rocksDbBinding(), 'db_get_many_sync');
  try {
    let asked = 0;
    // Each look asks for another key, as one that was asked for is kept.
    await vi.waitFor(
      async () => {
        read.mockClear();
        const i = asked++;
        expect(text((await engine.get(utf8(`ahead ${i + 100}`)))!)).toBe(`value ${i}`);
        expect(read).not.toHaveBeenCalled();
      },
      { timeout: 15_000, interval: 80 },
    );
    expect(asked).toBeGreaterThan(1);
  } finally {
    read.mockRestore();
  }
});
