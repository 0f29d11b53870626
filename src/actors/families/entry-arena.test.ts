import { describe, expect, it } from 'vitest';
import { randomFrom } from '../../../test/support/random-from.ts';
import { EntryArena } from './entry-arena.ts';
import { ABSENT } from './entry-slab.ts';

const SEED = Number(process.env.ORBIT_TEST_SEED ?? 20_260_611);

/** An arena by whole keys and values, as its owner uses it. */
class Entries {
  readonly arena: EntryArena;
  /** Zero makes all keys collide. */
  readonly hashMask: number;

  constructor(bytesMax: number, slabBytes?: number, hashMask = -1) {
    this.arena = new EntryArena({ bytesMax, seed: SEED, ...(slabBytes === undefined ? {} : { slabBytes }) });
    this.hashMask = hashMask;
    if (hashMask === -1) return;
    const hash = this.arena.hash.bind(this.arena);
    this.arena.hash = (...args) => hash(...args) & hashMask;
  }

  find(database: number, key: Buffer): boolean {
    const { arena } = this;
    return arena.find(arena.hash(database, key, 0, key.length), database, key, 0, key.length);
  }

  /** Null for known absence, undefined for an entry that is not here. */
  get(database: number, key: Buffer): Buffer | null | undefined {
    if (!this.find(database, key)) return undefined;
    const { arena } = this;
    arena.markUsed();
    const length = arena.valueLength;
    return length === ABSENT ? null : Buffer.from(arena.slab.bytes.subarray(arena.valueAt, arena.valueAt + length));
  }

  put(database: number, key: Buffer, value: Buffer | null, dirty: boolean): void {
    const { arena } = this;
    // As from a socket: the key lies somewhere in a larger buffer.
    const buffer = Buffer.concat([Buffer.from('xyz'), key, Buffer.from('\r\n')]);
    const hash = arena.hash(database, buffer, 3, 3 + key.length);
    arena.write(hash, database, database + 7, buffer, 3, key.length, value === null ? ABSENT : value.length);
    if (value !== null) arena.slab.bytes.set(value, arena.valueAt);
    if (dirty) arena.markDirty();
  }
}

/** As `expect`, for what is looked at a hundred thousand times. */
function check(holds: boolean, otherwise: string): void {
  if (!holds) expect.fail(otherwise);
}

function isSame(a: Buffer | null, b: Buffer | null | undefined): boolean {
  return a === b || (a !== null && b != null && a.equals(b));
}

const nameOf = (database: number, key: Buffer) => `${database}/${key.toString('latin1')}`;

describe('a byte arena', () => {
  const shapes = [
    { name: 'roomy', bytesMax: 64 << 20, slabBytes: undefined, hashMask: -1, steps: 6_000 },
    {
      name: 'tiny, so that it evicts and cleans all the time',
      bytesMax: 256 << 10,
      slabBytes: 8 << 10,
      hashMask: -1,
      steps: 12_000,
    },
    { name: 'with hashes that collide', bytesMax: 512 << 10, slabBytes: 8 << 10, hashMask: 0x1000_0003, steps: 6_000 },
  ];
  for (const shape of shapes) {
    it(`holds what a map holds, except clean entries that it evicted: ${shape.name} (seed ${SEED})`, () => {
      const random = randomFrom(SEED);
      const entries = new Entries(shape.bytesMax, shape.slabBytes, shape.hashMask);
      const { arena } = entries;
      const model = new Map<string, Buffer | null>();
      const dirty = new Map<string, Buffer | null>();
      const hashes = new Int32Array(1);
      const references = new Int32Array(1);
      let foundAt = 0;
      const keyOf = () => {
        const number = random(400);
        return number < 20
          ? Buffer.alloc(number, number)
          : Buffer.from(`key:\0${number}`.padEnd(random(2) * 40 + 8, '\xff'), 'latin1');
      };
      const newValue = () => {
        const kind = random(20);
        if (kind === 0) return null;
        return Buffer.alloc(kind === 1 ? random(20_000) : random(300), random(256));
      };
      for (let step = 0; step < shape.steps; step++) {
        const database = random(3);
        const key = keyOf();
        const name = nameOf(database, key);
        const touchedKey = random(2) === 0 ? key : keyOf();
        hashes[0] = arena.hash(database, touchedKey, 0, touchedKey.length);
        arena.touch(hashes, references, 1, false);
        const what = random(100);
        if (what < 40) {
          const value = newValue();
          const marks = random(3) === 0;
          entries.put(database, key, value, marks);
          model.set(name, value);
          if (marks || dirty.has(name)) dirty.set(name, value);
          check(arena.database === database && arena.partition === database + 7, `${step}: the wrong record`);
        } else if (what < 85) {
          const found = entries.get(database, key);
          const expected = model.get(name);
          if (found === undefined) {
            check(!dirty.has(name), `${step}: a dirty entry is lost`);
            model.delete(name);
          } else {
            check(isSame(found, expected ?? null), `${step}: not what was written`);
            check(arena.isDirty === dirty.has(name), `${step}: dirty or not`);
          }
        } else if (what < 92) {
          if (entries.find(database, key)) arena.remove();
          model.delete(name);
          dirty.delete(name);
        } else if (what < 97) {
          const visited: string[] = [];
          const most = 1 + random(20);
          const mark = arena.visitDirty(most, () => {
            const { bytes } = arena.slab;
            const visitedKey = Buffer.from(bytes.subarray(arena.keyAt, arena.keyAt + arena.keyLength));
            const visitedName = nameOf(arena.database, visitedKey);
            const length = arena.valueLength;
            const value = length === ABSENT ? null : Buffer.from(bytes.subarray(arena.valueAt, arena.valueAt + length));
            check(isSame(value, dirty.get(visitedName)), `${step}: not what was written, of dirty ones`);
            visited.push(visitedName);
          });
          check(visited.length === Math.min(most, dirty.size), `${step}: ${visited.length} visited`);
          arena.cleanThrough(mark, step);
          for (const each of visited) dirty.delete(each);
        } else if (what === 97 && random(8) === 0) {
          arena.removeDatabase(database, true);
          for (const map of [model, dirty]) {
            for (const each of [...map.keys()]) if (each.startsWith(`${database}/`)) map.delete(each);
          }
        } else if (what === 98 && random(8) === 0) {
          arena.removeDirty();
          for (const each of dirty.keys()) model.delete(each);
          dirty.clear();
        }
        if (arena.findAt(references[0]!, database, touchedKey, 0, touchedKey.length)) {
          const { slab, at } = arena;
          check(entries.find(database, touchedKey), `${step}: an entry that is not there`);
          check(arena.slab === slab && arena.at === at, `${step}: not where the entry is`);
          foundAt++;
        }
        check(arena.dirtyCount === dirty.size, `${step}: ${arena.dirtyCount} are dirty, not ${dirty.size}`);
        if (dirty.size === 0) {
          check(arena.dirtyBytes === 0, `${step}: bytes are dirty`);
          check(arena.bytes <= shape.bytesMax + arena.slabBytes, `${step}: ${arena.bytes} bytes`);
        }
      }
      expect(foundAt).toBeGreaterThan(0);
      expect(arena.statistics().entries).toBeGreaterThan(0);
      if (shape.bytesMax < 512 << 10) expect(arena.statistics().evictedEntries).toBeGreaterThan(0);
      arena.clear();
      expect(arena.statistics()).toMatchObject({ entries: 0, dirtyEntries: 0 });
    });
  }

  it('grows its tables without losing a key, and takes 150 bytes for a key of 16 and a value of 102', () => {
    const entries = new Entries(256 << 20);
    const value = Buffer.alloc(102, 1);
    const key = Buffer.alloc(16);
    const count = 200_000;
    for (let i = 0; i < count; i++) {
      key.write(String(i).padStart(16, '0'));
      entries.put(0, key, value, false);
    }
    expect(entries.arena.statistics().entries).toBe(count);
    for (let i = 0; i < count; i += 97) {
      key.write(String(i).padStart(16, '0'));
      expect(entries.find(0, key)).toBe(true);
    }
    expect(entries.arena.bytes / count).toBeLessThan(165);
  });

  it('keeps values of every size up to a megabyte, and replaces each by any other', () => {
    const entries = new Entries(64 << 20);
    const sizes = [0, 1, 7, 8, 31, 32, 33, 1_000, 65_000, 66_000, 131_072, 1 << 20, (1 << 20) + 1];
    const key = Buffer.from('k');
    for (const from of sizes) {
      for (const to of sizes) {
        entries.put(0, key, Buffer.alloc(from, 1), false);
        entries.put(0, key, Buffer.alloc(to, 2), false);
        expect(entries.get(0, key)?.equals(Buffer.alloc(to, 2)), `${from} -> ${to}`).toBe(true);
      }
    }
    expect(entries.arena.statistics().entries).toBe(1);
  });

  it('gives an entry that is read a second chance, and evicts those that are not', () => {
    const entries = new Entries(128 << 10, 4 << 10);
    const hot = Buffer.from('hot');
    entries.put(0, hot, Buffer.alloc(100), false);
    for (let i = 0; i < 5_000; i++) {
      entries.put(0, Buffer.from(`cold${i}`), Buffer.alloc(100), false);
      expect(entries.get(0, hot), `after ${i}`).toBeDefined();
    }
    expect(entries.find(0, Buffer.from('cold0'))).toBe(false);
    expect(entries.arena.statistics().evictedEntries).toBeGreaterThan(3_000);
  });

  it('keeps what was read again, or comes back, while a multitude passes by once', () => {
    const entries = new Entries(128 << 10, 4 << 10);
    const value = Buffer.alloc(100);
    const keys = (name: string) => Array.from({ length: 50 }, (_, i) => Buffer.from(`${name}${i}`));
    const found = (name: string) => keys(name).filter((key) => entries.find(0, key)).length;
    const putAll = (name: string) => {
      for (const key of keys(name)) entries.put(0, key, value, false);
    };
    const pass = (name: string) => {
      for (let i = 0; i < 4_000; i++) entries.put(0, Buffer.from(`${name}${i}`), value, false);
    };
    putAll('hot');
    for (const key of keys('hot')) entries.get(0, key);
    putAll('fetched');
    for (const key of keys('fetched')) {
      entries.find(0, key);
      entries.arena.markFetched();
      entries.get(0, key); // What it was fetched for.
    }
    pass('cold');
    expect(found('hot')).toBe(50);
    expect(found('fetched')).toBe(0);
    putAll('back');
    for (let i = 0; found('back') > 0; i++) entries.put(0, Buffer.from(`passer-by${i}`), value, false);
    putAll('back');
    pass('colder');
    // Some are forgotten, as their hashes share their places with others.
    expect(found('back')).toBeGreaterThan(25);
    expect(found('hot')).toBe(50);
  });

  it('grows beyond its bound rather than lose what is dirty, and shrinks again', () => {
    const entries = new Entries(64 << 10, 4 << 10);
    for (let i = 0; i < 2_000; i++) entries.put(0, Buffer.from(`k${i}`), Buffer.alloc(100, i & 255), true);
    for (let i = 0; i < 2_000; i++) expect(entries.get(0, Buffer.from(`k${i}`))?.[0]).toBe(i & 255);
    expect(entries.arena.bytes).toBeGreaterThan(64 << 10);
    entries.arena.cleanThrough(
      entries.arena.visitDirty(Number.POSITIVE_INFINITY, () => {}),
      1,
    );
    for (let i = 0; i < 4_000; i++) entries.put(0, Buffer.from(`n${i}`), Buffer.alloc(100), false);
    expect(entries.arena.bytes).toBeLessThanOrEqual((64 << 10) + (4 << 10));
  });

  it('shows the marked ones slab by slab, and a slab again whose look was cut short', () => {
    const entries = new Entries(64 << 10, 4 << 10);
    const { arena } = entries;
    for (let i = 0; i < 200; i++) {
      entries.put(0, Buffer.from(`k${i}`), Buffer.alloc(30), true);
      arena.mark(i % 3 === 0);
    }
    entries.put(1, Buffer.from('gone'), Buffer.alloc(30), true);
    arena.mark(true);
    arena.remove();
    const seen: string[] = [];
    let calls = 0;
    let slab = 0;
    do {
      let left = 5;
      const next = arena.visitMarked(slab, () => {
        seen.push(arena.slab.bytes.latin1Slice(arena.keyAt, arena.keyAt + arena.keyLength));
        arena.slab.bytes[arena.valueAt] = 1;
        return --left > 0;
      });
      if (left === 0) {
        expect(next).toBeGreaterThan(0);
        for (const key of seen.slice(-5)) {
          entries.find(0, Buffer.from(key));
          arena.mark(false);
        }
      }
      slab = next;
      calls++;
    } while (slab !== 0);
    expect(calls).toBeGreaterThan(4);
    expect(seen.toSorted()).toEqual(Array.from({ length: 67 }, (_, i) => `k${i * 3}`).toSorted());
  });

  it('lets its one large record go when all the small ones have to stay', () => {
    const entries = new Entries(64 << 10, 4096);
    entries.put(0, Buffer.from('large'), Buffer.alloc(2_000), false);
    for (let i = 0; i < 1_500; i++) entries.put(0, Buffer.from(`small ${i}`), Buffer.alloc(64), true);
    expect(entries.get(0, Buffer.from('large'))).toBeUndefined();
    for (let i = 0; i < 1_500; i++) expect(entries.get(0, Buffer.from(`small ${i}`))).toEqual(Buffer.alloc(64));
  });
});
