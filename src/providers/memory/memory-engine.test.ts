import { beforeEach, expect, test } from 'vitest';
import { isPromise } from '../../base/awaitable.ts';
import { type Bytes, latin1, utf8 } from '../../base/bytes.ts';
import type { Timers } from '../../platform/platform.ts';
import type { EngineBatch, EngineSnapshot } from '../../storage/engine.ts';
import { ALL_KEYS, type KeyRange } from '../../storage/key-range.ts';
import { DELETE, DELETE_RANGE, operationBytes, PUT, writeOperation } from '../../storage/operations.ts';
import type { ScanOptions } from '../../storage/store.ts';
import { MemoryEngine } from './memory-engine.ts';

/** Yields when the test lets it. */
class SteppedTimers implements Timers {
  readonly waiting: (() => void)[] = [];
  yield(): Promise<void> {
    return new Promise((resolve) => this.waiting.push(resolve));
  }
  after(): never {
    throw new Error('unused');
  }
  every(): never {
    throw new Error('unused');
  }
  sleep(): never {
    throw new Error('unused');
  }
  soon(): never {
    throw new Error('unused');
  }
}

type Change = readonly [key: string, value: string | undefined];

function batchOf(position: number, changes: readonly Change[], deletedRanges: readonly KeyRange[] = []): EngineBatch {
  const sizes = changes.map(([key, value]) => operationBytes(key.length, value?.length ?? 0));
  const arena = Buffer.from(new SharedArrayBuffer(sizes.reduce((sum, size) => sum + size, 0)));
  const operations = new Int32Array(new SharedArrayBuffer(changes.length * 4));
  let offset = 0;
  changes.forEach(([key, value], i) => {
    operations[i] = offset;
    offset = writeOperation(
      arena,
      offset,
      value === undefined ? DELETE : PUT,
      utf8(key),
      value === undefined ? undefined : utf8(value),
    );
  });
  return { position, deletedRanges, arena, operations, count: changes.length };
}

function many(count: number, value: string): Change[] {
  return Array.from({ length: count }, (_, i) => [`key ${String(i).padStart(5, '0')}`, value]);
}

function textOf(value: Bytes | undefined): string | undefined {
  return value === undefined ? undefined : latin1(value);
}

function scan(snapshot: EngineSnapshot, range: KeyRange = ALL_KEYS, options: ScanOptions = {}): string[] {
  const cursor = snapshot.scan(range, options);
  const out: string[] = [];
  for (;;) {
    const batch = cursor.next(100);
    if (isPromise(batch)) throw new Error('a memory engine answers at once');
    if (batch === undefined) return out;
    out.push(...batch.map(({ key, value }) => `${latin1(key)}=${latin1(value)}`));
  }
}

let timers: SteppedTimers;
let engine: MemoryEngine;

beforeEach(() => {
  timers = new SteppedTimers();
  engine = new MemoryEngine(timers);
});

test('starts empty at position 0 and applies puts, deletes and ranges in their order', async () => {
  expect([engine.position, engine.get(utf8('a')), scan(engine.snapshot())]).toEqual([0, undefined, []]);
  await engine.apply(
    batchOf(3, [
      ['a', '1'],
      ['b', '2'],
      ['c', '3'],
    ]),
    { sync: false },
  );
  const range = { start: utf8('a'), end: utf8('c') };
  await engine.apply(
    batchOf(
      5,
      [
        ['b', '4'],
        ['c', undefined],
        ['d', ''],
      ],
      [range],
    ),
    { sync: true },
  );
  expect(engine.position).toBe(5);
  expect(scan(engine.snapshot())).toEqual(['b=4', 'd=']);
  expect(engine.batchGet([utf8('d'), utf8('c'), utf8('b')]).map(textOf)).toEqual(['', undefined, '4']);
});

test('a batch without operations moves the position', async () => {
  await engine.apply(batchOf(7, []), { sync: false });
  expect(engine.position).toBe(7);
});

test('a small batch is applied before apply returns, and never touches a snapshot', async () => {
  await engine.apply(batchOf(1, [['a', '1']]), { sync: false });
  const snapshot = engine.snapshot() as EngineSnapshot;
  const applied = engine.apply(
    batchOf(2, [
      ['a', '2'],
      ['b', '2'],
    ]),
    { sync: false },
  );
  expect([textOf(engine.get(utf8('a'))), engine.position]).toEqual(['2', 2]);
  await applied;
  expect([scan(snapshot), snapshot.position, textOf(snapshot.get(utf8('a')) as Bytes)]).toEqual([['a=1'], 1, '1']);
  expect(timers.waiting).toEqual([]);
});

test('while a large batch is applied in slices, reads and snapshots see the state before it', async () => {
  await engine.apply(batchOf(1, many(100, 'old')), { sync: false });
  const before = engine.snapshot() as EngineSnapshot;
  const applied = engine.apply(batchOf(2, many(2_000, 'new'), [ALL_KEYS]), { sync: false });
  let slices = 0;
  let finished = false;
  applied.then(() => {
    finished = true;
  });
  const during: EngineSnapshot[] = [];
  while (timers.waiting.length > 0) {
    expect(finished).toBe(false);
    expect([engine.position, engine.entries, textOf(engine.get(utf8('key 00001')))]).toEqual([1, 100, 'old']);
    during.push(engine.snapshot() as EngineSnapshot);
    slices++;
    timers.waiting.shift()!();
    await new Promise((resolve) => setImmediate(resolve));
  }
  await applied;
  expect(slices).toBe(3);
  expect([engine.position, engine.entries]).toEqual([2, 2_000]);
  // Changes in place must not reach snapshots that were taken in between.
  await engine.apply(batchOf(3, many(100, 'xxx')), { sync: false });
  const expected = many(100, 'old').map(([key, value]) => `${key}=${value}`);
  for (const snapshot of [before, ...during]) expect(scan(snapshot)).toEqual(expected);
});

test('a slice is bounded in bytes as well as in operations', async () => {
  const applied = engine.apply(
    batchOf(1, [
      ['a', 'x'.repeat(2 ** 20)],
      ['b', 'y'.repeat(2 ** 20)],
    ]),
    { sync: false },
  );
  expect(timers.waiting.length).toBe(1);
  timers.waiting.shift()!();
  await applied;
  expect(engine.get(utf8('b'))?.length).toBe(2 ** 20);
});

test('keeps no part of the batch: its arena may be reused at once', async () => {
  const batch = batchOf(1, [
    ['a', 'inline'],
    ['b', 'x'.repeat(5_000)],
  ]);
  await engine.apply(batch, { sync: false });
  batch.arena.fill(0);
  expect([textOf(engine.get(utf8('a'))), textOf(engine.get(utf8('b')))]).toEqual(['inline', 'x'.repeat(5_000)]);
});

test('two batches at once and operations that are no batch operations are bugs, and leave the state as it was', async () => {
  await engine.apply(batchOf(1, [['a', '1']]), { sync: false });
  const slow = engine.apply(batchOf(2, many(1_000, 'new')), { sync: false });
  await expect(engine.apply(batchOf(3, []), { sync: false })).rejects.toThrow(/one at a time/);
  timers.waiting.shift()!();
  await slow;
  const arena = Buffer.alloc(64);
  writeOperation(arena, 0, DELETE_RANGE, utf8('a'), utf8('b'));
  const snapshot = engine.snapshot() as EngineSnapshot;
  const foreign = { position: 3, deletedRanges: [ALL_KEYS], arena, operations: new Int32Array(1), count: 1 };
  await expect(engine.apply(foreign, { sync: false })).rejects.toThrow(/kind 3/);
  expect([engine.position, engine.entries]).toEqual([2, 1_001]);
  snapshot.release();
  await engine.apply(batchOf(3, [['b', '1']]), { sync: false });
  expect(engine.entries).toBe(1_002);
});

test('accounts for the tree and for what snapshots hold', async () => {
  await engine.apply(batchOf(1, many(500, 'v'.repeat(100))), { sync: false });
  const { tree, snapshots } = engine.memory() as { tree: number; snapshots: number };
  expect(tree).toBeGreaterThan(500 * 100);
  expect(tree).toBeLessThan(500 * 300);
  expect(snapshots).toBe(0);
  const [older, newer] = [engine.snapshot() as EngineSnapshot, engine.snapshot() as EngineSnapshot];
  await engine.apply(batchOf(2, many(500, 'w'.repeat(100))), { sync: false });
  expect(engine.memory().snapshots).toBeGreaterThanOrEqual(tree * 0.9);
  older.release();
  expect(engine.memory().snapshots).toBeGreaterThanOrEqual(tree * 0.9);
  newer.release();
  expect(engine.memory().snapshots).toBe(0);
});

test('a released snapshot ends its cursors and is not read again', async () => {
  await engine.apply(batchOf(1, many(300, 'v')), { sync: false });
  const snapshot = engine.snapshot() as EngineSnapshot;
  const cursor = snapshot.scan(ALL_KEYS, {});
  expect(((await cursor.next(10)) ?? []).length).toBe(10);
  snapshot.release();
  expect(await cursor.next(10)).toBeUndefined();
  expect(() => snapshot.get(utf8('a'))).toThrow(/released/);
  expect(() => snapshot.release()).toThrow(/once/);
});

test('scans take bounds, direction, limit and keys only', async () => {
  await engine.apply(
    batchOf(1, [
      ['a', '1'],
      ['b', '2'],
      ['c', '3'],
      ['d', '4'],
    ]),
    { sync: false },
  );
  const snapshot = engine.snapshot() as EngineSnapshot;
  const range = { start: utf8('b'), end: utf8('d') };
  expect(scan(snapshot, range)).toEqual(['b=2', 'c=3']);
  expect(scan(snapshot, range, { reverse: true })).toEqual(['c=3', 'b=2']);
  expect(scan(snapshot, ALL_KEYS, { reverse: true, limit: 3, keysOnly: true })).toEqual(['d=', 'c=', 'b=']);
});

test('is refused after close, also to an apply that is under way', async () => {
  const snapshot = engine.snapshot() as EngineSnapshot;
  const slow = engine.apply(batchOf(1, many(1_000, 'v')), { sync: false });
  await engine.close();
  timers.waiting.shift()!();
  const closed = expect.objectContaining({ code: 'store_closed' });
  await expect(slow).rejects.toEqual(closed);
  expect(() => engine.get(utf8('a'))).toThrow(closed);
  expect(() => snapshot.get(utf8('a'))).toThrow(closed);
  snapshot.release();
  expect(() => engine.snapshot()).toThrow(closed);
  await expect(engine.recover()).rejects.toEqual(closed);
});
