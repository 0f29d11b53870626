import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { type Bytes, equalBytes, keySuccessor, text, utf8 } from '../../base/bytes.ts';
import { newNodePlatform } from '../../platform/node-platform.ts';
import { SeededRandom } from '../../platform/simulated/seeded-random.ts';
import type { EngineSnapshot } from '../../storage/engine.ts';
import type { KeyRange } from '../../storage/key-range.ts';
import { MemtableBatch } from '../../storage/memtable-batch.ts';
import { DELETE, DELETE_RANGE, operationBytes, PUT, writeOperation } from '../../storage/operations.ts';
import { type DatabaseContext, rocksDbBinding } from './binding.ts';
import { aheadKey, encodeStub, PART_BYTES, PARTED_BYTES_MIN, partKey, STUBS_START, stubKey } from './parted-values.ts';
import { PartedWrites } from './parted-writes.ts';
import { RocksDbEngine } from './rocksdb-engine.ts';
import { FORWARD } from './shared-iterator.ts';

const SEED = process.env.ORBIT_TEST_SEED ?? '1';
const ALL: KeyRange = { start: utf8('a'), end: utf8('z') };

const raw = rocksDbBinding();
let directory: string;
let engine: RocksDbEngine;
let database: DatabaseContext;

async function open(): Promise<RocksDbEngine> {
  const { clock, timers } = newNodePlatform();
  const made = vi.spyOn(raw, 'db_init');
  try {
    const opened = await RocksDbEngine.open({
      directory,
      clock,
      timers,
      freeBytes: async () => Number.MAX_SAFE_INTEGER,
      keptAbove: utf8('above/'),
    });
    database = made.mock.results[0]!.value as DatabaseContext;
    return opened;
  } finally {
    made.mockRestore();
  }
}

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'orbit-parted-values-'));
  engine = await open();
});

afterEach(async () => {
  await engine.close();
  await rm(directory, { recursive: true, force: true });
});

async function reopen(): Promise<void> {
  await engine.close();
  engine = await open();
}

interface Change {
  readonly put?: Bytes;
  readonly deleteUpTo?: string;
}

async function apply(changes: Readonly<Record<string, Change>>): Promise<void> {
  const batch = new MemtableBatch(engine);
  const position = engine.position + 1;
  let bytes = 0;
  for (const [key, { put = EMPTY, deleteUpTo = '' }] of Object.entries(changes))
    bytes += operationBytes(key.length, put.length + deleteUpTo.length);
  await batch.reserve(bytes, position);
  for (const [key, { put, deleteUpTo }] of Object.entries(changes)) {
    batch.add((arena, at) => {
      if (put !== undefined) return writeOperation(arena, at, PUT, utf8(key), put);
      if (deleteUpTo === undefined) return writeOperation(arena, at, DELETE, utf8(key), undefined);
      return writeOperation(arena, at, DELETE_RANGE, utf8(key), utf8(deleteUpTo));
    });
  }
  await batch.flush(position, false);
}

const EMPTY = Buffer.alloc(0);

function long(name: string, more = 1): Bytes {
  return new SeededRandom(`${SEED}/${name}`).bytes(PARTED_BYTES_MIN + more);
}

/** How many keys there are of a kind that begins so. */
function countOf(start: Bytes): number {
  const iterator = raw.iterator_init(database, {
    ...FORWARD,
    values: false,
    gte: start,
    lt: Buffer.from([start[0]!, start[1]! + 1]),
  });
  try {
    return raw.iterator_nextv_sync(iterator, 100_000).rows.length / 2;
  } finally {
    raw.iterator_close(iterator);
  }
}

const parts = (): number => countOf(Buffer.from([0, 1]));
const stubs = (): number => countOf(STUBS_START);

async function scanned(view: EngineSnapshot, reverse = false, entriesMax = 8): Promise<Map<string, Bytes>> {
  const found = new Map<string, Bytes>();
  const cursor = view.scan(ALL, { reverse });
  for (let more = await cursor.next(entriesMax); more !== undefined; more = await cursor.next(entriesMax)) {
    expect(more.length).toBeLessThanOrEqual(entriesMax);
    for (const { key, value } of more) found.set(text(key), value);
  }
  return found;
}

test('bytes on disk are those that the format names', () => {
  expect(partKey(258n, 3).toString('hex')).toBe('0001000000000000010200000003');
  expect(stubKey(utf8('k')).toString('hex')).toBe('00026b');
  expect(aheadKey(258n).toString('hex')).toBe('00030000000000000102');
  expect(encodeStub({ id: 258n, length: 5_000_000 }).toString('hex')).toBe('004f524249544c560000000000000102004c4b40');
});

test('a long value is written in parts, and found as a whole by whoever reads it, before and after a start', async () => {
  const value = long('value', 2 * PART_BYTES + 17);
  await apply({ b: { put: utf8('before') }, long: { put: value }, m: { put: utf8('behind') } });
  expect([parts(), stubs()]).toEqual([7, 1]);
  for (let start = 0; start < 2; start++) {
    expect(equalBytes((await engine.get(utf8('long')))!, value)).toBe(true);
    const several = await engine.batchGet(['b', 'long', 'x', 'm'].map(utf8));
    expect(several.map((one) => one?.length)).toEqual([6, value.length, undefined, 6]);
    const view = await engine.snapshot();
    expect(equalBytes((await view.get(utf8('long')))!, value)).toBe(true);
    for (const reverse of [false, true]) {
      for (const entriesMax of [1, 2, 8, 40, 600]) {
        const found = await scanned(view, reverse, entriesMax);
        expect([...found.keys()]).toEqual(reverse ? ['m', 'long', 'b'] : ['b', 'long', 'm']);
        expect(equalBytes(found.get('long')!, value)).toBe(true);
        expect(text(found.get('m')!)).toBe('behind');
      }
    }
    const keys = await view.scan(ALL, { keysOnly: true }).next(8);
    expect(keys?.map(({ key }) => text(key))).toEqual(['b', 'long', 'm']);
    const begun = await view.scan({ start: utf8('long'), end: undefined }, { valueBytes: 10 }).next(8);
    expect(begun?.map((entry) => entry.value.length)).toEqual([PART_BYTES]);
    expect(equalBytes(begun![0]!.value, value.subarray(0, PART_BYTES))).toBe(true);
    view.release();
    if (start === 0) await reopen();
  }
});

test('what replaces or deletes a long value takes its parts, and views keep what they see', async () => {
  const [first, second] = [long('first'), long('second', 3)];
  await apply({ d: { put: first }, r: { put: first }, s: { put: first }, t: { put: first }, u: { put: utf8('u') } });
  const view = await engine.snapshot();
  const parted = parts();
  await apply({ d: {}, r: { deleteUpTo: 's' }, s: { put: second }, t: { put: utf8('short') } });
  expect(parted).toBe(20);
  expect([parts(), stubs()]).toEqual([5, 1]);
  const now = await engine.snapshot();
  const found = await scanned(now);
  expect([...found.keys()]).toEqual(['s', 't', 'u']);
  expect(equalBytes(found.get('s')!, second)).toBe(true);
  now.release();
  const before = await scanned(view);
  expect([...before.keys()]).toEqual(['d', 'r', 's', 't', 'u']);
  for (const key of ['d', 'r', 's', 't']) expect(equalBytes(before.get(key)!, first)).toBe(true);
  view.release();
  await apply({ a: { deleteUpTo: 'z' } });
  expect([parts(), stubs()]).toEqual([0, 0]);
});

test('after a start too, a deleted range of many keys takes the parts of those in it', async () => {
  const value = long('value');
  const many = Object.fromEntries(Array.from({ length: 1_200 }, (_, i) => [`k${i}`, { put: utf8('short') }]));
  await apply({ ...many, k5: { put: value }, y: { put: value } });
  await reopen();
  await apply({ k: { deleteUpTo: 'l' } });
  expect([parts(), stubs()]).toEqual([5, 1]);
  await reopen();
  await apply({ y: {} });
  expect([parts(), stubs()]).toEqual([0, 0]);
});

test('a value that only looks like a stub is what it is', async () => {
  const lookalike = encodeStub({ id: 1n, length: 5_000_000 });
  await apply({ real: { put: long('value') }, sham: { put: lookalike } });
  expect(await engine.get(utf8('sham'))).toEqual(lookalike);
  expect(await engine.batchGet([utf8('sham')])).toEqual([lookalike]);
  const view = await engine.snapshot();
  expect(Buffer.from((await scanned(view)).get('sham')!)).toEqual(lookalike);
  expect(Buffer.from((await scanned(view, true)).get('sham')!)).toEqual(lookalike);
  view.release();
  expect(engine.isEmptyIn({ start: utf8('real'), end: keySuccessor(utf8('real')) })).toBe(false);
});

test('what was written ahead of a batch that never came is given up with the next one', async () => {
  await apply({ a: { put: long('value') } });
  const batch = raw.batch_init();
  raw.batch_put(batch, aheadKey(7n), EMPTY, undefined);
  for (const number of [0, 1, 2]) raw.batch_put(batch, partKey(7n, number), utf8('part'), undefined);
  raw.batch_write(database, batch, { sync: false });
  await reopen();
  expect(parts()).toBe(8);
  await apply({ b: { put: long('other') } });
  expect([parts(), stubs(), countOf(Buffer.from([0, 3]))]).toEqual([10, 2, 0]);
  expect(equalBytes((await engine.get(utf8('b')))!, long('other'))).toBe(true);
});

test('what was written ahead of a batch whose write failed, and that came all the same, is kept', async () => {
  const [came, lost] = [long('came'), long('lost')];
  const writes = new PartedWrites(raw, database);
  writes.begin();
  const batch = raw.batch_init();
  writes.put(batch, utf8('k'), came);
  raw.batch_write(database, batch, { sync: false });
  // Nobody was told of that one, and the next one is not written at all.
  writes.put(raw.batch_init(), utf8('l'), lost);
  expect(parts()).toBe(10);
  writes.begin();
  expect([parts(), stubs(), countOf(Buffer.from([0, 3]))]).toEqual([5, 1, 0]);
  expect(equalBytes((await engine.get(utf8('k')))!, came)).toBe(true);
  expect(await engine.get(utf8('l'))).toBeUndefined();
});

test('a long value that is replaced while it is being read is read as it was or as it is', async () => {
  const values = [long('one'), long('two', 9)];
  await apply({ k: { put: values[0]! } });
  for (let i = 1; i <= 6; i++) {
    const read = engine.get(utf8('k'));
    const applied = apply({ k: { put: values[i % 2]! } });
    const found = (await read)!;
    expect(values.some((value) => equalBytes(value, found))).toBe(true);
    await applied;
    expect(equalBytes((await engine.get(utf8('k')))!, values[i % 2]!)).toBe(true);
  }
});
