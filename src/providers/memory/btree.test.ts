import { afterEach, describe, expect, test } from 'vitest';
import { setVerifying } from '../../base/assert.ts';
import { asBuffer, type Bytes, compareBytes, concatBytes, copyBytes, latin1, utf8 } from '../../base/bytes.ts';
import { SeededRandom } from '../../platform/simulated/seeded-random.ts';
import { ALL_KEYS, type KeyRange, prefixRange } from '../../storage/key-range.ts';
import type { ScanOptions } from '../../storage/store.ts';
import { checkTree, EMPTY_TREE, lookup, TreeEdit } from './btree.ts';
import { TreeCursor } from './btree-cursor.ts';
import { INLINE_VALUE_BYTES_MAX, type Node, PAGE_BYTES } from './btree-nodes.ts';

function put(edit: TreeEdit, key: Bytes, value: Bytes): void {
  const source = asBuffer(concatBytes(utf8('??'), key, value));
  edit.put(source, 2, key.length, value.length);
  source.fill(0xee); // The tree must have taken copies.
}

function remove(edit: TreeEdit, key: Bytes): boolean {
  return edit.delete(asBuffer(concatBytes(utf8('?'), key)), 1, key.length);
}

function scan(root: Node, range: KeyRange = ALL_KEYS, options: ScanOptions = {}, batch = 7): [string, string][] {
  const cursor = new TreeCursor(root, range, options);
  const out: [string, string][] = [];
  for (let entries = cursor.next(batch); entries !== undefined; entries = cursor.next(batch)) {
    expect(entries.length).toBeGreaterThan(0);
    expect(entries.length).toBeLessThanOrEqual(batch);
    for (const { key, value } of entries) out.push([latin1(key), latin1(value)]);
  }
  expect(cursor.next(batch)).toBeUndefined();
  return out;
}

/** Sorted pairs: what a tree must hold. */
class Model {
  readonly entries: [Bytes, Bytes][] = [];

  find(key: Bytes): number {
    let [from, to] = [0, this.entries.length];
    while (from < to) {
      const middle = (from + to) >>> 1;
      if (compareBytes(this.entries[middle]![0], key) < 0) from = middle + 1;
      else to = middle;
    }
    return from;
  }

  has(key: Bytes): boolean {
    const entry = this.entries[this.find(key)];
    return entry !== undefined && compareBytes(entry[0], key) === 0;
  }

  put(key: Bytes, value: Bytes): void {
    this.entries.splice(this.find(key), this.has(key) ? 1 : 0, [key, value]);
  }

  delete(key: Bytes): boolean {
    const had = this.has(key);
    if (had) this.entries.splice(this.find(key), 1);
    return had;
  }

  span(range: KeyRange): [number, number] {
    const from = this.find(range.start);
    const to = range.end === undefined ? this.entries.length : this.find(range.end);
    return [from, Math.max(from, to)];
  }

  scan(range: KeyRange, options: ScanOptions): [string, string][] {
    const found = this.entries
      .slice(...this.span(range))
      .map(([key, value]): [string, string] => [latin1(key), options.keysOnly === true ? '' : latin1(value)]);
    if (options.reverse === true) found.reverse();
    return found.slice(0, options.limit ?? found.length);
  }

  copy(): Model {
    const copy = new Model();
    copy.entries.push(...this.entries);
    return copy;
  }
}

function seeded(seed: number): (bound: number) => number {
  const random = new SeededRandom(seed);
  return (bound) => random.int(bound);
}

const firstSeed = Number(process.env.ORBIT_TEST_SEED ?? 1);

/** Kinds of keys and values that stress different parts: shared beginnings, one byte, long keys, long values. */
const shapes: Record<
  string,
  { key: (random: (bound: number) => number) => Bytes; value: (random: (bound: number) => number) => Bytes }
> = {
  'short keys and values': {
    key: (random) => utf8(`orbit/kv/${random(3)}/user:${random(2_000)}`),
    value: (random) => Buffer.alloc(random(120), random(256)),
  },
  'keys of zero to three bytes out of few': {
    key: (random) =>
      Buffer.from(Array.from({ length: 1 + random(3) }, () => [0, 1, 0x7f, 0x80, 0xfe, 0xff][random(6)]!)),
    value: (random) => Buffer.alloc(random(20), random(256)),
  },
  'keys longer than pages': {
    key: (random) => Buffer.alloc(1 + (random(4) === 0 ? random(65_535) : random(2_000)), 97 + random(3)),
    value: (random) => Buffer.alloc(random(100), random(256)),
  },
  'values around the inline limit': {
    key: (random) => utf8(`row ${random(400)}`),
    value: (random) =>
      Buffer.alloc(Math.max(0, INLINE_VALUE_BYTES_MAX - 2 + random(5) - (random(3) === 0 ? 1_000 : 0)), random(256)),
  },
  'values larger than pages': {
    key: (random) => utf8(`blob ${random(200)}`),
    value: (random) => Buffer.alloc(random(4) === 0 ? PAGE_BYTES * 2 + random(10_000) : random(300), random(256)),
  },
};

describe.each(Object.entries(shapes))('a tree of %s', (_, shape) => {
  test.each([0, 1, 2])('agrees with a sorted array under random changes, and its snapshots stay (run %i)', (run) => {
    const seed = firstSeed + run * 1_000;
    const random = seeded(seed);
    const edit = new TreeEdit(EMPTY_TREE);
    const model = new Model();
    const snapshots: { root: Node; model: Model }[] = [];
    const range = (): KeyRange => {
      if (random(4) === 0) return prefixRange(shape.key(random).subarray(0, 1 + random(3)));
      // Now and then inverted, which is empty.
      const [start, end] = [shape.key(random), random(6) === 0 ? undefined : shape.key(random)];
      if (end === undefined || random(10) === 0 || compareBytes(start, end) <= 0) return { start, end };
      return { start: end, end: start };
    };
    const agree = (root: Node, expected: Model, context: string): void => {
      const options: ScanOptions = {
        reverse: random(2) === 0,
        keysOnly: random(3) === 0,
        ...(random(2) === 0 ? { limit: random(30) } : {}),
      };
      const bounds = random(3) === 0 ? ALL_KEYS : range();
      expect(scan(root, bounds, options, 1 + random(40)), context).toEqual(expected.scan(bounds, options));
      const probe = shape.key(random);
      const value = lookup(root, probe);
      expect(value === undefined ? undefined : latin1(value), context).toBe(
        expected.has(probe) ? latin1(expected.entries[expected.find(probe)]![1]) : undefined,
      );
    };
    // Phases that grow and shrink, so that splits and merges both happen.
    for (let step = 0; step < 2_000; step++) {
      const context = `seed ${seed}, step ${step}`;
      const shrinking = step % 1_000 > 600;
      const action = random(100);
      if (action < (shrinking ? 20 : 75)) {
        const [key, value] = [shape.key(random), shape.value(random)];
        put(edit, key, value);
        model.put(copyBytes(key), value);
      } else if (action < 96) {
        const key =
          model.entries.length > 0 && random(5) > 0
            ? model.entries[random(model.entries.length)]![0]
            : shape.key(random);
        expect(remove(edit, key), context).toBe(model.delete(key));
      } else if (action < 98 && (shrinking || random(10) === 0)) {
        const gone = range();
        edit.deleteRange(gone);
        const [from, to] = model.span(gone);
        model.entries.splice(from, to - from);
      } else {
        edit.beginEpoch();
        snapshots.push({ root: edit.root, model: model.copy() });
        if (snapshots.length > 5) snapshots.splice(random(5), 1);
      }
      if (step % 50 === 0) {
        checkTree(edit.root);
        expect(edit.root.entries, context).toBe(model.entries.length);
        agree(edit.root, model, context);
        for (const snapshot of snapshots) agree(snapshot.root, snapshot.model, context);
      }
    }
    for (const { root, model: then } of [...snapshots, { root: edit.root, model }]) {
      checkTree(root);
      expect(scan(root), `seed ${seed}`).toEqual(then.scan(ALL_KEYS, {}));
      expect(scan(root, ALL_KEYS, { reverse: true }), `seed ${seed}`).toEqual(then.scan(ALL_KEYS, { reverse: true }));
    }
    edit.deleteRange(ALL_KEYS);
    expect([edit.root.entries, scan(edit.root)]).toEqual([0, []]);
  });
});

test('an overwritten value of the same length does not reach a snapshot', () => {
  const edit = new TreeEdit(EMPTY_TREE);
  put(edit, utf8('k'), utf8('old'));
  const before = edit.root;
  edit.beginEpoch();
  put(edit, utf8('k'), utf8('new'));
  expect([scan(before), scan(edit.root)]).toEqual([[['k', 'old']], [['k', 'new']]]);
});

test('what lookup answers belongs to the caller', () => {
  const edit = new TreeEdit(EMPTY_TREE);
  for (const length of [3, INLINE_VALUE_BYTES_MAX + 1]) {
    put(edit, utf8('k'), Buffer.alloc(length, 1));
    lookup(edit.root, utf8('k'))!.fill(9);
    expect(latin1(lookup(edit.root, utf8('k'))!)).toBe('\x01'.repeat(length));
  }
});

test('a range deletion drops subtrees without visiting them', () => {
  const edit = new TreeEdit(EMPTY_TREE);
  for (let i = 0; i < 20_000; i++) put(edit, utf8(`key ${String(i).padStart(6, '0')}`), Buffer.alloc(50));
  edit.beginEpoch();
  const before = edit.retiredBytes;
  const whole = edit.root.bytes;
  edit.deleteRange({ start: utf8('key 000010'), end: utf8('key 019990') });
  checkTree(edit.root);
  expect(edit.root.entries).toBe(20);
  expect(edit.root.bytes).toBeLessThan(20_000);
  // All that left the tree is counted as held by older snapshots, once.
  expect(edit.retiredBytes - before).toBeGreaterThan(whole * 0.95);
  expect(edit.retiredBytes - before).toBeLessThan(whole * 1.05);
});

describe('many keys', () => {
  afterEach(() => setVerifying(true));

  test.each([
    ['in order', 250_000],
    ['at random', 300_000],
  ])('inserted %s cost little more memory than their bytes', (order, count) => {
    setVerifying(false);
    const random = seeded(firstSeed);
    const edit = new TreeEdit(EMPTY_TREE);
    const source = Buffer.alloc(100, 0x78);
    source.write('orbit/kv/0/key:');
    for (let i = 0; i < count; i++) {
      const number = order === 'in order' ? i : random(0x7fffffff);
      source.write(String(number).padStart(10, '0'), 15, 'latin1');
      edit.put(source, 0, 30, 70);
    }
    setVerifying(true);
    checkTree(edit.root);
    const { bytes, entries } = edit.root;
    expect(entries).toBeGreaterThan(count * 0.99);
    // Sequential pages are left full; random ones settle at ln 2 of their bytes.
    expect(bytes / entries - 100).toBeLessThan(order === 'in order' ? 35 : 90);
  });
});
