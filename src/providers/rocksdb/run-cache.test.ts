import { expect, test } from 'vitest';
import { utf8 } from '../../base/bytes.ts';
import { SeededRandom } from '../../platform/simulated/seeded-random.ts';
import { rangeContains, rangesOverlap } from '../../storage/key-range.ts';
import { PackedEntries } from '../../storage/packed-entries.ts';
import { RunCache } from './run-cache.ts';

const SEED = Number(process.env.ORBIT_TEST_SEED ?? Math.trunc(Math.random() * 2 ** 31));

function run(from: number, to: number, position = 1) {
  const key = (i: number) => utf8(String(i).padStart(4, '0'));
  const entries = Array.from({ length: to - from }, (_, i) => ({
    key: key(from + i),
    value: utf8(`value ${from + i}`),
  }));
  return { start: key(from), end: key(to), position, entries: PackedEntries.of(entries) };
}

/** Changes a key in a batch of its own, or deletes it. */
function change(cache: RunCache, key: string, value?: string, position = 1): void {
  const bytes = utf8(`${key}${value ?? ''}`);
  cache.change(bytes, 0, key.length, value === undefined ? -1 : bytes.length);
  cache.settle(position);
}

test('a run is found by any key of its range, at its position and later ones', () => {
  const cache = new RunCache(1_000_000);
  cache.add(run(10, 20, 5));
  cache.add(run(30, 40, 5));
  expect(cache.find(utf8('0010'), 5)?.entries.count).toBe(10);
  expect(cache.find(utf8('0019x'), 7)?.entries.count).toBe(10);
  expect(cache.find(utf8('0010'), 4)).toBeUndefined();
  expect(cache.find(utf8('0009'), 5)).toBeUndefined();
  expect(cache.find(utf8('0020'), 5)).toBeUndefined();
  expect(cache.nextStart(utf8('0020'))).toEqual(utf8('0030'));
  expect(cache.nextStart(utf8('0030'))).toBeUndefined();
});

test('a run is found by the end of what lies before a key', () => {
  const cache = new RunCache(1_000_000);
  cache.add(run(1_000, 1_300, 5));
  cache.add(run(1_300, 1_600, 5));
  cache.add(run(2_000, 2_300, 5));
  const startBefore = (key: string, position = 5) => cache.findBefore(utf8(key), position)?.start;
  expect(startBefore('1300')).toEqual(utf8('1000'));
  expect(startBefore('1300x')).toEqual(utf8('1300'));
  expect(startBefore('1600')).toEqual(utf8('1300'));
  expect(startBefore('1600x')).toBeUndefined();
  expect(startBefore('1000')).toBeUndefined();
  expect(startBefore('2045', 4)).toBeUndefined();
});

test('short runs side by side become one, in whatever order they come', () => {
  for (const order of [
    [0, 1, 2],
    [0, 2, 1],
    [2, 1, 0],
  ]) {
    const cache = new RunCache(1_000_000);
    for (const i of order) cache.add(run(100 + i * 10, 110 + i * 10, 5 + i));
    expect(cache.find(utf8('0115'), 6), 'as of before the youngest').toBeUndefined();
    const found = cache.find(utf8('0115'), 7)!;
    expect([found.start, found.end]).toEqual([utf8('0100'), utf8('0130')]);
    expect(found.entries.entries()).toEqual(run(100, 130).entries.entries());
    expect(cache.memoryBytes).toBe(found.entries.memoryBytes + 256);
    change(cache, '0129');
    change(cache, '0129');
    expect([cache.isEmpty, cache.memoryBytes]).toEqual([true, 0]);
  }
});

test('runs stay apart that are long, or of which something was computed', () => {
  const cache = new RunCache(1_000_000);
  cache.add(run(0, 400));
  cache.add(run(400, 600));
  expect(cache.find(utf8('0000'), 1)?.end).toEqual(utf8('0400'));
  cache.find(utf8('0400'), 1)!.entries.shared.keep({}, 10);
  cache.add(run(600, 610));
  expect(cache.find(utf8('0600'), 1)?.start).toEqual(utf8('0600'));
});

test('a run of no range is not kept', () => {
  const cache = new RunCache(1_000_000);
  cache.add(run(10, 20));
  cache.add(run(20, 20));
  cache.add(run(20, 20));
  expect(cache.findBefore(utf8('0020'), 1)?.start).toEqual(utf8('0010'));
});

test('a short range is read again when it was read before', () => {
  const cache = new RunCache(1_000_000);
  expect(cache.isReadAgain(utf8('0010'))).toBe(false);
  expect(cache.isReadAgain(utf8('0011'))).toBe(false);
  expect(cache.isReadAgain(utf8('0010'))).toBe(true);
});

test('a changed key drops the run that it lies in, where nobody reads it, and no other', () => {
  const cache = new RunCache(1_000_000);
  cache.add(run(10, 20));
  cache.add(run(30, 40));
  change(cache, '0025');
  change(cache, '0015');
  expect(cache.find(utf8('0010'), 1)).toBeUndefined();
  expect(cache.find(utf8('0030'), 1)).toBeDefined();
  change(cache, '0035x');
  change(cache, '0035x');
  expect(cache.isEmpty).toBe(true);
  expect(cache.memoryBytes).toBe(0);
});

test('a deleted range drops the runs that tell a part of it, and no other', () => {
  const random = new SeededRandom(SEED);
  for (let round = 0; round < 200; round++) {
    const cache = new RunCache(1_000_000);
    let runs = Array.from({ length: 20 }, (_, i) => run(i * 40, i * 40 + 10 + random.int(20)));
    for (const added of runs) cache.add(added);
    for (let i = 0; i < 3; i++) {
      const from = random.int(800);
      const { start, end } = run(from, from + 1 + random.int(100));
      const range = { start, end: random.chance(0.1) ? undefined : end };
      cache.deleteRange(range);
      runs = runs.filter((kept) => !rangesOverlap(kept, range));
    }
    for (let key = 0; key < 800; key += 5) {
      const at = utf8(String(key).padStart(4, '0'));
      const told = runs.find((kept) => rangeContains(kept, at));
      expect(cache.find(at, 1)?.start, `ORBIT_TEST_SEED=${SEED}, round ${round}`).toEqual(told?.start);
    }
  }
});

test('a run that is read takes in what changes in it, in any order', () => {
  const cache = new RunCache(1_000_000);
  cache.add(run(10, 20));
  const model = new Map(Array.from({ length: 10 }, (_, i) => [`00${10 + i}`, `value ${10 + i}`]));
  const random = new SeededRandom(SEED);
  for (let position = 2; position < 60; position++) {
    const before = cache.find(utf8('0010'), position)!.entries;
    const seen = before.entries().map(({ value }) => Buffer.from(value).toString());
    const keys = new Set(
      Array.from({ length: 1 + random.int(6) }, () => `00${10 + random.int(10)}${random.int(3) || ''}`),
    );
    for (const key of keys) {
      const value = random.int(3) === 0 ? undefined : `new ${'.'.repeat(random.int(10))} ${position}`;
      const bytes = utf8(`${key}${value ?? ''}`);
      cache.change(bytes, 0, key.length, value === undefined ? -1 : bytes.length);
      if (value === undefined) model.delete(key);
      else model.set(key, value);
    }
    cache.settle(position);
    expect(cache.find(utf8('0010'), position - 1), `seed ${SEED}: as of before`).toBeUndefined();
    const { entries } = cache.find(utf8('0010'), position)!;
    const found = entries
      .entries()
      .map(({ key, value }) => [Buffer.from(key).toString(), Buffer.from(value).toString()]);
    expect(found, `seed ${SEED}, position ${position}`).toEqual([...model].sort(([a], [b]) => (a < b ? -1 : 1)));
    expect(cache.memoryBytes).toBe(entries.memoryBytes + 256);
    expect(
      before.entries().map(({ value }) => Buffer.from(value).toString()),
      'for whoever has it',
    ).toEqual(seen);
  }
});

test('a run that is read is dropped all the same where it would have to take in a long value', () => {
  const cache = new RunCache(1_000_000);
  cache.add(run(10, 20));
  cache.add(run(30, 40));
  for (const key of ['0015', '0035']) expect(cache.find(utf8(key), 1)).toBeDefined();
  change(cache, '0015', '.'.repeat(300_000), 2);
  change(cache, '0035', '.'.repeat(200_000), 2);
  expect(cache.find(utf8('0010'), 2)).toBeUndefined();
  expect(cache.find(utf8('0030'), 2)?.entries.count).toBe(10);
});

test('a run that reaches into another one is not kept', () => {
  const cache = new RunCache(1_000_000);
  cache.add(run(10, 20));
  for (const other of [run(10, 20), run(5, 11), run(15, 25), run(12, 14), run(5, 30)]) cache.add(other);
  change(cache, '0013');
  expect(cache.isEmpty).toBe(true);
  cache.add(run(20, 30));
  cache.add(run(10, 20));
  expect(cache.find(utf8('0010'), 1)).toBeDefined();
  expect(cache.find(utf8('0020'), 1)).toBeDefined();
});

test('it holds no more than its bytes, and what is used longer than what is not', () => {
  const one = run(0, 10).entries.memoryBytes + 256;
  const cache = new RunCache(one * 10);
  for (let i = 0; i < 5; i++) cache.add(run(i * 10, i * 10 + 10));
  for (let round = 0; round < 20; round++) {
    for (let i = 0; i < 5; i++)
      expect(cache.find(utf8(String(i * 10).padStart(4, '0')), 1), `round ${round}`).toBeDefined();
    cache.add(run(1_000 + round * 10, 1_010 + round * 10));
    expect(cache.memoryBytes).toBeLessThanOrEqual(one * 10);
  }
});

test('packed entries are found by their keys', () => {
  const { entries } = run(10, 20);
  expect(entries.find(utf8('0000'))).toBe(0);
  expect(entries.find(utf8('0012'))).toBe(2);
  expect(entries.find(utf8('0012x'))).toBe(3);
  expect(entries.find(utf8('0099'))).toBe(10);
  const some = entries.slice(2, 4).entries();
  expect(some.map(({ value }) => Buffer.from(value).toString())).toEqual(['value 12', 'value 13']);
});
