/**
 * Gathers operations in a memtable and applies them to an engine whenever it is full: how restore writes. And what an engine
 * gets of a memtable.
 */

import type { Bytes } from '../base/bytes.ts';
import type { Engine, EngineBatch } from './engine.ts';
import type { Version } from './store.ts';
import { VersionedMemtable } from './versioned-memtable.ts';

const ARENA_BYTES = 4 * 1024 * 1024;
/** About a millisecond's. */
const KEYS_PER_PART = 8_192;

export class MemtableBatch {
  readonly #engine: Engine;
  #memtable = newMemtable(ARENA_BYTES);

  constructor(engine: Engine) {
    this.#engine = engine;
  }

  /** Makes room for `bytes` more, applying what was gathered, at `position`, when there is none. */
  async reserve(bytes: number, position: Version): Promise<void> {
    if (this.#memtable.used + bytes <= this.#memtable.arena.length) return;
    await this.flush(position, false);
    if (bytes > this.#memtable.arena.length) this.#memtable = newMemtable(bytes);
  }

  /** Adds one operation that `write` lays down at an offset of the arena, returning the offset behind it. */
  add(write: (arena: Buffer, offset: number) => number): void {
    const offset = this.#memtable.used;
    this.#memtable.used = write(this.#memtable.arena, offset);
    this.#memtable.add(offset, 1);
  }

  /** Adds a run of operations. */
  addAll(operations: Bytes): void {
    const memtable = this.#memtable;
    let offset = memtable.used;
    memtable.arena.set(operations, offset);
    memtable.used += operations.length;
    while (offset < memtable.used) offset = memtable.add(offset, 1);
  }

  async flush(position: Version, sync: boolean): Promise<void> {
    await this.#engine.apply(engineBatch(this.#memtable, position), { sync });
    this.#memtable.reset();
  }
}

/** What an engine needs of a memtable to reach `position`. */
export function engineBatch(memtable: VersionedMemtable, position: Version): EngineBatch {
  const operations = newOperations(memtable);
  return batchOf(memtable, position, operations, addNewest(memtable, 0, memtable.keyCount, [], operations, 0));
}

/**
 * As `engineBatch` of a sealed memtable and its version, less the keys that the engine gets from `younger` ones anyway. Calls
 * `giveWay` between parts.
 */
export async function thinnedBatch(
  memtable: VersionedMemtable,
  younger: readonly VersionedMemtable[],
  giveWay: () => Promise<void>,
): Promise<EngineBatch> {
  const operations = newOperations(memtable);
  let count = 0;
  for (let from = 0; from < memtable.keyCount; from += KEYS_PER_PART) {
    if (from > 0) await giveWay();
    const to = Math.min(from + KEYS_PER_PART, memtable.keyCount);
    count = addNewest(memtable, from, to, younger, operations, count);
  }
  return batchOf(memtable, memtable.lastVersion, operations, count);
}

function newOperations({ keyCount }: VersionedMemtable): Int32Array {
  return new Int32Array(new SharedArrayBuffer(Math.max(4, keyCount * 4)));
}

function batchOf(memtable: VersionedMemtable, position: Version, operations: Int32Array, count: number): EngineBatch {
  const deletedRanges = memtable.ranges.all.map(({ range }) => range);
  return { position, deletedRanges, arena: memtable.arena, operations, count };
}

/**
 * Adds the newest operation of each key, of those that arrived as `from` to `to`, that no later range deletion hides and none
 * of `younger` has an operation of. @returns how many there are then.
 */
function addNewest(
  memtable: VersionedMemtable,
  from: number,
  to: number,
  younger: readonly VersionedMemtable[],
  operations: Int32Array,
  count: number,
): number {
  let end = count;
  for (let i = from; i < to; i++) {
    const root = memtable.rootAt(i);
    const entry = memtable.head(root);
    if (!memtable.isHidden(entry) && !isIn(younger, memtable, root)) operations[end++] = memtable.offsetOf(entry);
  }
  return end;
}

function isIn(younger: readonly VersionedMemtable[], memtable: VersionedMemtable, root: number): boolean {
  for (let i = 0; i < younger.length; i++) if (younger[i]!.hasKeyOf(memtable, root)) return true;
  return false;
}

function newMemtable(bytes: number): VersionedMemtable {
  return new VersionedMemtable(Buffer.from(new SharedArrayBuffer(bytes)), 512, 0);
}
