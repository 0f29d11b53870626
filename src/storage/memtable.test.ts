import { describe, expect, it } from 'vitest';
import { randomFrom } from '../../test/support/random-from.ts';
import { text, utf8 } from '../base/bytes.ts';
import { hashKey } from './key-hash.ts';
import { type KeyRange, rangeContains } from './key-range.ts';
import { Memtable, type MemtableMark } from './memtable.ts';
import {
  DELETE,
  DELETE_FROM,
  DELETE_RANGE,
  operationBytes,
  operationValue,
  PUT,
  writeOperation,
} from './operations.ts';

const seed = Number(process.env.ORBIT_TEST_SEED ?? 1);

interface Written {
  readonly kind: 'put' | 'delete' | 'range';
  readonly key: string;
  readonly value: string;
  readonly range: KeyRange | undefined;
  readonly sequence: number;
}

/** The obvious way: a list of everything written. */
class Model {
  written: Written[] = [];

  /** As of `sequence`: a value, null where deleted, undefined where never written. */
  get(key: string, sequence: number): string | null | undefined {
    for (const operation of this.written.toReversed()) {
      if (operation.sequence > sequence) continue;
      if (operation.range !== undefined ? rangeContains(operation.range, utf8(key)) : operation.key === key)
        return operation.kind === 'put' ? operation.value : null;
    }
    return undefined;
  }

  keys(): string[] {
    const keys = this.written.filter(({ kind }) => kind !== 'range').map(({ key }) => key);
    return [...new Set(keys)].sort();
  }

  changed(range: KeyRange, sequence: number): boolean {
    return this.written.some(
      (operation) =>
        operation.sequence > sequence &&
        (operation.range === undefined ? rangeContains(range, utf8(operation.key)) : overlaps(operation.range, range)),
    );
  }
}

function overlaps(a: KeyRange, b: KeyRange): boolean {
  const before = (end: KeyRange['end'], start: Uint8Array) => end !== undefined && Buffer.compare(end, start) <= 0;
  return !before(a.end, b.start) && !before(b.end, a.start);
}

class Tested {
  readonly memtable = new Memtable(Buffer.alloc(64), 1);
  readonly model = new Model();

  write(operation: Written): void {
    const { memtable } = this;
    const { range } = operation;
    const key = range === undefined ? utf8(operation.key) : range.start;
    const value = range === undefined ? utf8(operation.value) : range.end;
    const kind =
      range === undefined ? (operation.kind === 'put' ? PUT : DELETE) : range.end ? DELETE_RANGE : DELETE_FROM;
    memtable.reserve(operationBytes(key.length, value?.length ?? 0), (bytes) => Buffer.alloc(bytes));
    const offset = memtable.used;
    memtable.used = writeOperation(memtable.arena, offset, kind, key, kind === DELETE ? undefined : value);
    expect(memtable.add(offset, operation.sequence)).toBe(memtable.used);
    this.model.written.push(operation);
  }

  get(key: string, sequence: number): string | null | undefined {
    const { memtable } = this;
    const root = memtable.find(utf8(key), hashKey(utf8(key)));
    const entry = root < 0 ? -1 : memtable.entryAt(root, sequence);
    const covering = memtable.rangeCovering(utf8(key), sequence);
    if (covering !== undefined && entry < covering.mark) return null;
    if (entry < 0) return undefined;
    return memtable.isDeletion(entry) ? null : text(operationValue(memtable.arena, memtable.offsetOf(entry)));
  }

  check(draw: (bound: number) => number, newest: number): void {
    const { memtable, model } = this;
    for (let i = 0; i < 20; i++) {
      const key = keyOf(draw);
      const sequence = draw(newest + 2);
      expect(this.get(key, sequence), `${key} at ${sequence}`).toEqual(model.get(key, sequence));
    }
    const range = rangeOf(draw);
    const since = draw(newest + 1);
    expect(memtable.changedInRange(range, since)).toBe(model.changed(range, since));
    memtable.prepareScan();
    const sorted = Array.from({ length: memtable.keyCount }, (_, i) => text(memtable.keyOf(memtable.sortedRoot(i))));
    const keys = model.keys();
    expect(sorted).toEqual(keys);
    const probe = keyOf(draw);
    expect(memtable.lowerBound(utf8(probe))).toBe(keys.filter((key) => key < probe).length);
  }
}

function keyOf(draw: (bound: number) => number): string {
  return `${'abc'[draw(3)]}${draw(4) === 0 ? '' : String(draw(60))}`;
}

function rangeOf(draw: (bound: number) => number): KeyRange {
  const [start, end] = [keyOf(draw), keyOf(draw)].sort() as [string, string];
  return { start: utf8(start), end: draw(6) === 0 ? undefined : utf8(end) };
}

function operationOf(draw: (bound: number) => number, sequence: number): Written {
  const kind = draw(12) === 0 ? 'range' : draw(4) === 0 ? 'delete' : 'put';
  return {
    kind,
    key: keyOf(draw),
    value: kind === 'put' ? 'v'.repeat(draw(40)) : '',
    range: kind === 'range' ? rangeOf(draw) : undefined,
    sequence,
  };
}

describe('a memtable', () => {
  it('agrees with a list of what was written: versions, deletions, ranges, order', () => {
    for (let round = 0; round < 40; round++) {
      const draw = randomFrom(seed * 1_000 + round);
      const tested = new Tested();
      for (let sequence = 1; sequence <= 60; sequence++) {
        for (let i = draw(6); i >= 0; i--) tested.write(operationOf(draw, sequence));
        if (draw(5) === 0) tested.check(draw, sequence);
      }
      tested.check(draw, 60);
    }
  });

  it('forgets back to a mark, and goes on', () => {
    for (let round = 0; round < 40; round++) {
      const draw = randomFrom(seed * 2_000 + round);
      const tested = new Tested();
      const marks: { readonly mark: MemtableMark; readonly written: readonly Written[] }[] = [];
      for (let step = 0; step < 120; step++) {
        if (draw(6) === 0) marks.push({ mark: tested.memtable.mark(), written: [...tested.model.written] });
        else if (draw(9) === 0 && marks.length > 0) {
          const kept = draw(marks.length);
          tested.memtable.truncate(marks[kept]!.mark);
          tested.model.written = [...marks[kept]!.written];
          marks.length = kept + 1;
        } else tested.write(operationOf(draw, 0));
        if (draw(8) === 0) tested.check(draw, 0);
      }
    }
  });

  it('drops what is younger than a sequence, and takes younger writes again', () => {
    for (let round = 0; round < 40; round++) {
      const draw = randomFrom(seed * 3_000 + round);
      const tested = new Tested();
      let sequence = 0;
      for (let step = 0; step < 80; step++) {
        sequence++;
        for (let i = draw(4); i >= 0; i--) tested.write(operationOf(draw, sequence));
        if (draw(10) === 0) {
          const kept = draw(sequence + 2) - 1;
          tested.memtable.dropAfter(kept);
          tested.model.written = tested.model.written.filter((operation) => operation.sequence <= kept);
          sequence = Math.max(0, Math.min(sequence, kept));
          tested.check(draw, sequence);
        }
      }
      tested.check(draw, sequence);
    }
  });

  it('is as new after a reset, and keeps its contents when it shrinks', () => {
    const draw = randomFrom(seed);
    const tested = new Tested();
    for (let i = 1; i < 200; i++) tested.write(operationOf(draw, i));
    const given = tested.memtable.shrink();
    given.fill(0xff);
    tested.check(draw, 200);
    tested.memtable.reset();
    tested.model.written = [];
    expect(tested.memtable.isEmpty).toBe(true);
    for (let i = 1; i < 50; i++) tested.write(operationOf(draw, i));
    tested.check(draw, 50);
  });

  it('tells keys of one hash apart', () => {
    const byHash = new Map<number, string>();
    let pair: [string, string] | undefined;
    for (let i = 0; pair === undefined; i++) {
      const key = `k${i}`;
      // Few bits, so that two collide in the table; a full collision would take billions.
      const slot = hashKey(utf8(key)) & 15;
      const other = byHash.get(slot);
      if (other !== undefined) pair = [other, key];
      byHash.set(slot, key);
    }
    const tested = new Tested();
    for (const [i, key] of pair.entries())
      tested.write({ kind: 'put', key, value: String(i), range: undefined, sequence: 1 });
    expect(tested.get(pair[0], 1)).toBe('0');
    expect(tested.get(pair[1], 1)).toBe('1');
  });
});
