/** The arena with its file beneath it: entries go back and forth, and whatever is found is what was last written. */

import { describe, expect, it } from 'vitest';
import { randomFrom } from '../../../test/support/random-from.ts';
import type { Bytes } from '../../base/bytes.ts';
import { OperationError } from '../../base/errors.ts';
import type { File } from '../../platform/files.ts';
import { EntryArena } from './entry-arena.ts';
import { ABSENT } from './entry-slab.ts';

const SEED = Number(process.env.ORBIT_TEST_SEED ?? 20_260_702);

/** A file in memory whose calls can be slow, late or in vain. */
class TestFile implements File {
  readonly path = 'entries';
  bytes: Buffer = Buffer.alloc(0);
  /** Of this size: beyond it the disk is full. */
  bytesMax = Number.POSITIVE_INFINITY;
  nowMs = 0;
  /** How long a call at once takes. */
  callMs = 0;
  callsAtOnce = 0;
  isClosed = false;
  /** Calls that are not done yet. */
  readonly late: (() => void)[] = [];

  readNow(into: Bytes, position: number): number {
    this.callsAtOnce++;
    this.nowMs += this.callMs;
    return this.bytes.copy(into, 0, position, position + into.length);
  }

  writeNow(bytes: Bytes, position: number): void {
    this.callsAtOnce++;
    this.nowMs += this.callMs;
    this.#write(bytes, position);
  }

  read(into: Bytes, position: number): Promise<number> {
    return this.#later(() => this.bytes.copy(into, 0, position, position + into.length));
  }

  write(bytes: Bytes, position: number): Promise<void> {
    return this.#later(() => this.#write(bytes, position));
  }

  async close(): Promise<void> {
    this.isClosed = true;
  }

  writeParts = unused;
  sync = unused;
  truncate = unused;
  size = unused;

  #write(bytes: Bytes, position: number): void {
    const end = position + bytes.length;
    if (end > this.bytesMax) throw new OperationError('disk_full', 'no space left');
    if (end > this.bytes.length) this.bytes = Buffer.concat([this.bytes, Buffer.alloc(end - this.bytes.length)]);
    this.bytes.set(bytes, position);
  }

  #later<T>(call: () => T): Promise<T> {
    return new Promise((resolve, reject) => {
      this.late.push(() => {
        try {
          resolve(call());
        } catch (error) {
          reject(error);
        }
      });
    });
  }
}

function unused(): never {
  throw new Error('not for these tests');
}

interface Shape {
  readonly fileBytes: number;
  /** Few bits make keys share classes. */
  readonly hashMask?: number;
}

/** An arena over a file over a map, as its owner uses it. */
class Level {
  readonly arena: EntryArena;
  readonly file = new TestFile();
  readonly failures: unknown[] = [];
  /** What the store says, or will say once it has the dirty entries. */
  readonly truth = new Map<string, Buffer>();
  loads = 0;
  restored = 0;

  constructor({ fileBytes, hashMask = -1 }: Shape) {
    this.arena = new EntryArena({
      bytesMax: 64 << 10,
      slabBytes: 4 << 10,
      seed: SEED,
      file: {
        open: async () => this.file,
        bytesMax: fileBytes,
        clock: { monotonicMs: () => this.file.nowMs },
        onFailure: (error) => this.failures.push(error),
      },
    });
    const hash = this.arena.hash.bind(this.arena);
    if (hashMask !== -1) this.arena.hash = (...args) => hash(...args) & hashMask;
  }

  get statistics() {
    return this.arena.statistics().file!;
  }

  hash(database: number, key: Buffer): number {
    return this.arena.hash(database, key, 0, key.length);
  }

  find(database: number, key: Buffer): boolean {
    return this.arena.find(this.hash(database, key), database, key, 0, key.length);
  }

  /** As commands read. */
  read(database: number, key: Buffer, isPeek = false): Buffer | undefined {
    const { arena } = this;
    if (!this.find(database, key)) {
      const hash = this.hash(database, key);
      const found = isPeek
        ? arena.peek(hash, database, key, 0, key.length)
        : arena.restore(hash, database, key, 0, key.length);
      if (found) this.restored++;
      else {
        this.loads++;
        this.#put(database, key, this.truth.get(nameOf(database, key)), true);
        arena.stampClean(1);
      }
    }
    arena.markUsed();
    const { valueLength, valueAt } = arena;
    return valueLength === ABSENT ? undefined : Buffer.from(arena.slab.bytes.subarray(valueAt, valueAt + valueLength));
  }

  /** A write of our own. */
  write(database: number, key: Buffer, value: Buffer | undefined): void {
    this.#note(database, key, value);
    this.#put(database, key, value);
    this.arena.markDirty();
  }

  /** A write of our own, of a value as long as the one that is there. @returns false when there is none. */
  rewrite(database: number, key: Buffer, byte: number): boolean {
    if (!this.find(database, key) || this.arena.valueLength === ABSENT) return false;
    const { arena } = this;
    arena.markDirty();
    arena.slab.bytes.fill(byte, arena.valueAt, arena.valueAt + arena.valueLength);
    this.#note(database, key, Buffer.alloc(arena.valueLength, byte));
    return true;
  }

  /** A write of somebody else, as the watch of the store tells it. */
  writeForeign(database: number, key: Buffer, value: Buffer | undefined, removes: boolean): void {
    this.#note(database, key, value);
    const { arena } = this;
    if (!this.find(database, key)) {
      arena.dropGivenUp(this.hash(database, key));
      return;
    }
    if (removes || arena.isDirty) {
      arena.remove();
      return;
    }
    this.#put(database, key, value);
    arena.stampClean(2);
  }

  clean(entriesMax: number): void {
    this.arena.cleanThrough(
      this.arena.visitDirty(entriesMax, () => {}),
      3,
    );
  }

  flush(database: number): void {
    this.arena.removeDatabase(database, true);
    for (const name of [...this.truth.keys()]) if (name.startsWith(`${database}/`)) this.truth.delete(name);
  }

  /** The store takes versions back. */
  reset(keys: readonly Buffer[]): void {
    for (const key of keys) this.#note(0, key, Buffer.from('as it was'));
    this.arena.clear();
  }

  #note(database: number, key: Buffer, value: Buffer | undefined): void {
    if (value === undefined) this.truth.delete(nameOf(database, key));
    else this.truth.set(nameOf(database, key), value);
  }

  #put(database: number, key: Buffer, value: Buffer | undefined, isLoaded = false): void {
    const { arena } = this;
    const length = value?.length ?? ABSENT;
    arena.write(this.hash(database, key), database, 7, key, 0, key.length, length, isLoaded);
    if (value !== undefined) arena.slab.bytes.set(value, arena.valueAt);
    arena.mark(value !== undefined && value[0] === 1);
  }
}

const nameOf = (database: number, key: Buffer) => `${database}/${key.toString('latin1')}`;
const keyOf = (number: number) => Buffer.from(`key ${number}`.padEnd(8 + (number % 40), '.'));
const settle = () => new Promise((resolve) => setImmediate(resolve));

async function readAll(level: Level, keys: number): Promise<void> {
  for (let i = 0; i < keys; i++) {
    expect(level.read(0, keyOf(i))?.equals(level.truth.get(nameOf(0, keyOf(i)))!), `key ${i}`).toBe(true);
  }
}

/** So many keys that most of them give way, and the file that then is opened. */
async function fill(level: Level, keys: number, valueBytes = 100): Promise<void> {
  for (let i = 0; i < keys; i++) {
    level.write(0, keyOf(i), Buffer.alloc(valueBytes, 2 + (i % 200)));
    level.clean(1);
    if (i % 50 === 0) await settle();
  }
}

describe('entries in a file beneath the arena', () => {
  const shapes = [
    { name: 'a file that holds all', fileBytes: 4 << 20, steps: 60_000, keys: 3_000 },
    { name: 'a file whose ring turns', fileBytes: 96 << 10, steps: 60_000, keys: 3_000 },
    { name: 'hashes that share classes', fileBytes: 256 << 10, hashMask: 0xf000_0007, steps: 40_000, keys: 1_500 },
    { name: 'the smallest file', fileBytes: 1, hashMask: 0xf000_000f, steps: 40_000, keys: 1_500 },
  ];
  for (const shape of shapes) {
    for (const isLate of [false, true]) {
      const how = isLate ? 'slow and late' : 'at once';
      it(`are found as they were last written, with ${shape.name}, ${how} (seed ${SEED})`, async () => {
        const random = randomFrom(SEED + (isLate ? 1 : 0));
        const level = new Level(shape);
        const { arena, file } = level;
        let expiring = 0;
        for (let step = 0; step < shape.steps; step++) {
          if (step % 50 === 0) {
            if (isLate) file.callMs = random(3) === 0 ? 20 : 0;
            for (const call of file.late.splice(0, random(3))) call();
            await settle();
          }
          const database = random(10) === 0 ? 1 : 0;
          // Some keys are read more than others.
          const key = keyOf(random(2) === 0 ? random(shape.keys) : random(shape.keys >>> 4));
          const expiry = random(8) === 0 ? 1 : 2 + random(250);
          const value = random(10) === 0 ? undefined : Buffer.alloc(1 + random(random(20) === 0 ? 230 : 150), expiry);
          const what = random(1_000);
          if (what < 700) {
            const found = level.read(database, key, step % 2 === 0);
            const expected = level.truth.get(nameOf(database, key));
            if (found === undefined ? expected !== undefined : expected === undefined || !found.equals(expected)) {
              expect.fail(`${step}: not what was written`);
            }
            if (found?.[0] === 1) expiring++;
          } else if (what < 800) level.write(database, key, value);
          else if (what < 850) level.rewrite(database, key, 2 + random(250));
          else if (what < 930) level.writeForeign(database, key, value, random(4) === 0);
          else if (what < 990) level.clean(1 + random(40));
          else if (what < 993) level.clean(Number.POSITIVE_INFINITY);
          else if (what < 994 && random(20) === 0) level.flush(0);
          else if (what < 999 && random(3) === 0) level.flush(1);
          else if (what === 999 && random(5) === 0)
            level.reset(Array.from({ length: 50 }, () => keyOf(random(shape.keys))));
        }
        expect(level.failures).toEqual([]);
        expect(expiring).toBeGreaterThan(0);
        expect(level.restored).toBeGreaterThan(isLate ? 100 : 500);
        expect(level.statistics.hits).toBe(level.restored);
        expect(file.bytes.length).toBeLessThanOrEqual(Math.max(shape.fileBytes, 8 << 10));
        if (shape.hashMask !== undefined) expect(level.statistics.strayReads).toBeGreaterThan(0);
        level.clean(Number.POSITIVE_INFINITY);
        let marked = 0;
        for (let i = 0; i < shape.keys; i++) {
          if (level.find(0, keyOf(i)) && arena.valueLength > 0 && arena.slab.bytes[arena.valueAt] === 1) marked++;
        }
        if (!isLate) expect(arena.counts.marked[0]).toBeGreaterThanOrEqual(marked);
      });
    }
  }

  it('are all there once they have been given up, whatever was read meanwhile', async () => {
    const level = new Level({ fileBytes: 4 << 20 });
    await fill(level, 2_000);
    await readAll(level, 2_000);
    level.loads = 0;
    await readAll(level, 2_000);
    await readAll(level, 2_000);
    // Of full buckets of the index some had to give way.
    expect(level.loads).toBeLessThan(30);
    expect(level.statistics.refusedEntries).toBe(0);
    expect(level.statistics.entries).toBeLessThanOrEqual(2_000);
  });

  it('that are only looked at come back when that happens again', async () => {
    const level = new Level({ fileBytes: 4 << 20 });
    await fill(level, 2_000);
    const given = Array.from({ length: 2_000 }, (_, i) => keyOf(i)).filter((key) => !level.find(0, key));
    const looked = given.slice(500, 600);
    for (const key of looked) expect(level.read(0, key, true)).toEqual(level.truth.get(nameOf(0, key)));
    // But for a few that went so lately that it is still known.
    const passed = looked.filter((key) => !level.find(0, key));
    expect(passed.length).toBeGreaterThan(looked.length / 2);
    const again = passed.at(-1)!;
    level.loads = 0;
    expect(level.read(0, again, true)).toEqual(level.truth.get(nameOf(0, again)));
    expect(level.find(0, again)).toBe(true);
    expect(level.loads).toBe(0);
    // A copy of it is nobody's: what is written afterwards is what everybody finds.
    const [first, last] = [given[700]!, given[701]!];
    level.read(0, first, true);
    level.write(0, first, Buffer.from('new'));
    level.read(0, last, true);
    expect(level.read(0, first, true)).toEqual(Buffer.from('new'));
  });

  for (const isPeek of [false, true]) {
    it(`that are ${isPeek ? 'looked at' : 'read'} stay in a file that is too small for all`, async () => {
      const level = new Level({ fileBytes: 256 << 10 });
      await fill(level, 1_000);
      for (let i = 0; i < 20_000; i++) {
        // More than the arena holds, less than the file; and those that pass by.
        level.read(0, keyOf(i % 500), isPeek);
        if (i % 4 === 0) level.read(0, keyOf(10_000 + i), isPeek);
      }
      level.loads = 0;
      for (let i = 0; i < 500; i++) level.read(0, keyOf(i));
      expect(level.loads).toBeLessThan(25);
      expect(level.file.bytes.length).toBeLessThanOrEqual(256 << 10);
    });
  }

  it('of several blocks, or of none, stay with the store', async () => {
    const level = new Level({ fileBytes: 4 << 20 });
    await fill(level, 600, 230);
    for (let i = 0; i < 30; i++) level.write(0, Buffer.from(`large ${i}`), Buffer.alloc(5_000, 9));
    level.clean(Number.POSITIVE_INFINITY);
    await fill(level, 600, 230);
    for (let i = 0; i < 30; i++) expect(level.read(0, Buffer.from(`large ${i}`))).toEqual(Buffer.alloc(5_000, 9));
    expect(level.loads).toBe(30);
  });

  it('are left to the store for a while when reading takes long', async () => {
    const level = new Level({ fileBytes: 4 << 20 });
    await fill(level, 2_000);
    level.file.callMs = 20;
    level.file.callsAtOnce = 0;
    level.restored = 0;
    for (let i = 0; i < 500; i++) level.read(0, keyOf(i));
    expect(level.file.callsAtOnce).toBeLessThan(8);
    expect(level.loads).toBeGreaterThan(490);
    level.file.callMs = 0;
    level.restored = 0;
    for (let round = 0; round < 5; round++) {
      for (const call of level.file.late.splice(0)) call();
      await settle();
      await readAll(level, 2_000);
    }
    expect(level.restored).toBeGreaterThan(1_000);
  });

  it('are the store’s alone once the disk is full, and the file is closed', async () => {
    for (const callMs of [0, 20]) {
      const level = new Level({ fileBytes: 4 << 20 });
      level.file.bytesMax = 12 << 10;
      level.file.callMs = callMs;
      await fill(level, 2_000);
      for (let i = 0; i < 5; i++) {
        for (const call of level.file.late.splice(0)) call();
        await settle();
        await readAll(level, 2_000);
      }
      expect(level.failures).toHaveLength(1);
      expect(level.failures[0]).toMatchObject({ code: 'disk_full' });
      expect(level.file.isClosed).toBe(true);
      expect(level.statistics).toMatchObject({ entries: 0, bytes: 0 });
      const { restored } = level;
      await readAll(level, 2_000);
      expect(level.restored).toBe(restored);
    }
  });

  it('are the store’s alone when a file cannot be opened or read at once, or ends early', async () => {
    const cut = new Level({ fileBytes: 4 << 20 });
    await fill(cut, 2_000);
    cut.file.readNow = () => 0;
    await readAll(cut, 2_000);
    expect(cut.failures).toHaveLength(1);
    expect(cut.failures[0]).toMatchObject({ code: 'io' });

    const failures: unknown[] = [];
    const arena = new EntryArena({
      bytesMax: 64 << 10,
      slabBytes: 4 << 10,
      seed: SEED,
      file: {
        open: () => Promise.reject(new OperationError('disk_full', 'no room for a directory')),
        bytesMax: 1 << 20,
        clock: { monotonicMs: () => 0 },
        onFailure: (error) => failures.push(error),
      },
    });
    for (let i = 0; i < 1_000; i++) {
      arena.write(arena.hash(0, keyOf(i), 0, keyOf(i).length), 0, 0, keyOf(i), 0, keyOf(i).length, 100);
    }
    await settle();
    expect(failures).toHaveLength(1);

    const plain = new Level({ fileBytes: 4 << 20 });
    Object.defineProperty(plain.file, 'readNow', { value: undefined });
    await fill(plain, 2_000);
    expect(plain.failures).toEqual([]);
    expect(plain.file.isClosed).toBe(true);
    expect(plain.statistics.bytes).toBe(0);
  });

  it('count to the memory of the arena with their places, and to nothing once it is closed', async () => {
    const level = new Level({ fileBytes: 4 << 20 });
    await fill(level, 5_000);
    expect(level.statistics.entries).toBeGreaterThan(3_000);
    expect(level.arena.bytes).toBeLessThanOrEqual((64 << 10) + (4 << 10));
    level.arena.close();
    expect(level.statistics).toMatchObject({ entries: 0, bytes: 0 });
    await readAll(level, 5_000);
  });
});
