/** Gathers operations in a memtable and applies them to an engine whenever it is full: how recovery and restore write. */

import type { Bytes } from '../base/bytes.ts';
import type { Engine, EngineBatch } from './engine.ts';
import { VersionedMemtable } from './overlay.ts';
import type { Version } from './store.ts';

const ARENA_BYTES = 4 * 1024 * 1024;

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
  return {
    position,
    deletedRanges: memtable.ranges.map((deletion) => deletion.range),
    arena: memtable.arena,
    ...newestOperations(memtable),
  };
}

/** The newest operation of each key that no later range deletion hides. */
function newestOperations(memtable: VersionedMemtable): { operations: Int32Array; count: number } {
  const operations = new Int32Array(new SharedArrayBuffer(Math.max(4, memtable.keyCount * 4)));
  let count = 0;
  for (let i = 0; i < memtable.keyCount; i++) {
    const entry = memtable.head(memtable.rootAt(i));
    if (!memtable.isHidden(entry)) operations[count++] = memtable.offsetOf(entry);
  }
  return { operations, count };
}

function newMemtable(bytes: number): VersionedMemtable {
  return new VersionedMemtable(Buffer.from(new SharedArrayBuffer(bytes)), 512, 0);
}
