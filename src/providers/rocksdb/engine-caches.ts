/**
 * What is kept of a RocksDB database in memory of ours, above its binding: values that were read by key, and runs of entries that
 * scans have read, both of the state at one position. A batch moves them to the next one: what it changes leaves them before the
 * position moves, or in the same stretch, so that nobody sees one without the other.
 *
 * Keys of a prefix that has a cache of its own above the store are left out of the values.
 */

import { asBuffer, type Bytes, startsWith } from '../../base/bytes.ts';
import type { Timers } from '../../platform/platform.ts';
import type { EngineBatch } from '../../storage/engine.ts';
import {
  OPERATION_HEADER_BYTES,
  operationEnd,
  operationKeyLength,
  operationKind,
  PUT,
} from '../../storage/operations.ts';
import type { Version } from '../../storage/store.ts';
import type { ReadAheadReply } from './apply-worker.ts';
import type { RunsOfView } from './rocksdb-view.ts';
import { RunCache } from './run-cache.ts';
import { ValueCache } from './value-cache.ts';

/** What a larger batch changes leaves the caches piece by piece, while it is being applied. */
const FORGOTTEN_AT_ONCE = 4_096;
/** Kept bytes for each of its keys below which they are all dropped. */
const FORGOTTEN_BYTES_EACH = 8;
/** Values of a batch that are kept without giving the event loop back: some milliseconds where each is the first in its page of memory. */
const KEPT_AT_ONCE = 256;

export interface EngineCachesOptions {
  /** Of values, with their index. */
  readonly valueBytes: number;
  readonly runBytes: number;
  /** Values of keys that begin so are not kept. */
  readonly keptAbove: Bytes;
  readonly timers: Pick<Timers, 'yield'>;
  /** Where the database is now. */
  readonly position: () => Version;
}

export class EngineCaches {
  readonly #values: ValueCache;
  readonly #runs: RunCache;
  readonly #keptAbove: Bytes;
  readonly #timers: Pick<Timers, 'yield'>;
  readonly #position: () => Version;
  /** A large batch is being applied, and its keys leave the caches: what is read meanwhile is not kept. */
  #isForgetting = false;

  constructor({ valueBytes, runBytes, keptAbove, timers, position }: EngineCachesOptions) {
    this.#values = new ValueCache(valueBytes);
    this.#runs = new RunCache(runBytes);
    this.#keptAbove = keptAbove;
    this.#timers = timers;
    this.#position = position;
  }

  /** In bytes. */
  get memory(): { readonly values: number; readonly runs: number } {
    return { values: this.#values.memoryBytes, runs: this.#runs.memoryBytes };
  }

  // --- Reads

  /** Whether values of this key are looked for and kept here. */
  holds(key: Bytes): boolean {
    return !startsWith(key, this.#keptAbove);
  }

  /** A copy, if it is here. */
  value(key: Bytes): Bytes | undefined {
    return this.#values.get(key);
  }

  /** Keeps a value of a key that this `holds`, as it was read at the position of now. @returns whether there is room for more. */
  keep(key: Bytes, value: Bytes): boolean {
    if (this.#isForgetting) return false;
    this.#values.put(key, value);
    return this.#values.hasRoom;
  }

  /** Keeps what was read ahead. */
  keepPiece({ bytes: piece, offsets, position }: ReadAheadReply): void {
    if (position !== this.#position() || this.#isForgetting) return;
    const bytes = asBuffer(piece);
    for (let i = 0; i + 2 < offsets.length; i += 2) {
      const [start, keyEnd, end] = [offsets[i]!, offsets[i + 1]!, offsets[i + 2]!];
      if (startsAt(bytes, start, keyEnd, this.#keptAbove) || this.#values.has(bytes, start, keyEnd)) continue;
      this.#values.putBeside(bytes, start, keyEnd, end);
    }
  }

  /** The runs as far as they are of the state at `position`. */
  runsOf(position: Version): RunsOfView {
    const runs = this.#runs;
    const isNow = (): boolean => position === this.#position() && !this.#isForgetting;
    return {
      // A batch that is in the files already, and whose keys have not been dropped here, is younger than the runs.
      find: (key) => (position <= this.#position() ? runs.find(key, position) : undefined),
      findBefore: (key) => (position <= this.#position() ? runs.findBefore(key, position) : undefined),
      nextStart: (key) => runs.nextStart(key),
      isReadAgain: (start) => runs.isReadAgain(start),
      hasRoom: () => isNow() && runs.hasRoom,
      add: (start, end, entries) => {
        if (isNow()) runs.add({ start, end, position, entries });
      },
    };
  }

  /** The database was opened again, perhaps at another position. */
  clear(): void {
    this.#values.clear();
    this.#runs.clear();
  }

  // --- Batches: `prepare`, then `move` when it is applied, then `fill`; or `giveUp` when it could not be

  /** Drops what a large batch is about to change, and keeps nothing that is read until it is applied. */
  async prepare({ arena, operations, count, deletedRanges }: EngineBatch): Promise<void> {
    if (count <= FORGOTTEN_AT_ONCE && deletedRanges.length === 0) return;
    this.#isForgetting = true;
    for (const range of deletedRanges) this.#runs.deleteRange(range);
    const ranges = deletedRanges.filter(({ start }) => this.holds(start));
    if (ranges.length > 0) for (const _ of this.#values.deleteRanges(ranges)) await this.#timers.yield();
    const bytes = asBuffer(arena);
    this.#clearLittle(bytes, operations, count);
    for (let i = 0; i < count; i++) {
      if ((i + 1) % FORGOTTEN_AT_ONCE === 0) await this.#timers.yield();
      this.#forgetOne(bytes, operations[i]!, true);
    }
  }

  /**
   * Drops what a batch changed, also what was read while it was being applied; the first of its values replace it at once, where
   * they have been asked for or there is room. To be called in the stretch in which the position becomes that of the batch.
   * @returns how many operations `fill` need not look at.
   */
  move({ position, arena, operations, count }: EngineBatch): number {
    let filled = 0;
    if (!this.#isForgetting) {
      const bytes = asBuffer(arena);
      let keptAbove = 0;
      for (let i = 0; i < count; i++) if (!this.#forgetOne(bytes, operations[i]!, i >= KEPT_AT_ONCE)) keptAbove++;
      // Where all of them are kept above there is nothing to look for.
      filled = keptAbove === count ? count : Math.min(count, KEPT_AT_ONCE);
    }
    this.#isForgetting = false;
    this.#runs.settle(position);
    return filled;
  }

  /**
   * Keeps what a batch wrote while there is room: who reads it straight after a load need not ask RocksDB. Little is pushed out by it.
   * @param from The first operation that was not looked at yet. @param isWanted Asked now and then whether to go on.
   */
  async fill({ arena, operations, count }: EngineBatch, from: number, isWanted: () => boolean): Promise<void> {
    const bytes = asBuffer(arena);
    for (let i = from; i < count && this.#values.hasRoom; i++) {
      if ((i + 1) % KEPT_AT_ONCE === 0) {
        await this.#timers.yield();
        if (!isWanted()) return;
      }
      const start = operations[i]! + OPERATION_HEADER_BYTES;
      this.#keepOne(bytes, operations[i]!, start, start + operationKeyLength(bytes, operations[i]!));
    }
  }

  /** The batch was not applied: runs know changes that were not made. */
  giveUp(): void {
    this.#isForgetting = false;
    this.#runs.clear();
  }

  /** Where little is kept, to look for every key would cost more than to read that little again. */
  #clearLittle(bytes: Buffer, operations: Int32Array, count: number): void {
    const { liveBytes } = this.#values;
    if (liveBytes === 0 || liveBytes >= count * FORGOTTEN_BYTES_EACH) return;
    let held = 0;
    for (let i = 0; i < count; i++) {
      const start = operations[i]! + OPERATION_HEADER_BYTES;
      if (!startsAt(bytes, start, start + operationKeyLength(bytes, operations[i]!), this.#keptAbove)) held++;
    }
    if (liveBytes < held * FORGOTTEN_BYTES_EACH) this.#values.clear();
  }

  /** @returns false for a key that is kept above. */
  #forgetOne(bytes: Buffer, at: number, onlyDrop: boolean): boolean {
    const start = at + OPERATION_HEADER_BYTES;
    const end = start + operationKeyLength(bytes, at);
    if (!this.#runs.isEmpty) {
      this.#runs.change(bytes, start, end, operationKind(bytes, at) === PUT ? operationEnd(bytes, at) : -1);
    }
    if (startsAt(bytes, start, end, this.#keptAbove)) return false;
    if (onlyDrop && this.#values.liveBytes === 0) return true;
    if (onlyDrop || !this.#keepOne(bytes, at, start, end)) this.#values.delete(bytes, start, end);
    return true;
  }

  /** @returns false for an operation whose key must not be among the values. */
  #keepOne(bytes: Buffer, at: number, start: number, keyEnd: number): boolean {
    const values = this.#values;
    if (operationKind(bytes, at) !== PUT || startsAt(bytes, start, keyEnd, this.#keptAbove)) return false;
    if (!values.hasRoom && !values.has(bytes, start, keyEnd)) return false;
    values.putBeside(bytes, start, keyEnd, operationEnd(bytes, at));
    return true;
  }
}

function startsAt(bytes: Bytes, start: number, end: number, prefix: Bytes): boolean {
  if (end - start < prefix.length) return false;
  for (let i = 0; i < prefix.length; i++) if (bytes[start + i] !== prefix[i]) return false;
  return true;
}
