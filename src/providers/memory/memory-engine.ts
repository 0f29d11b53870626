/**
 * The engine of a store without disk: a copy-on-write B+tree in the memory of the process.
 *
 * A batch is applied to a private root and published in one step, so a reader sees the state before or after it. Large
 * batches are applied in slices that give the event loop back in between; small ones at once, and then, unless somebody
 * took a snapshot since the last batch, in place.
 *
 * Nothing is read from the batch's buffers after `apply` has resolved. Nothing survives the process: `sync` is a promise
 * about power loss that this engine cannot keep, and the durability class of its store says so.
 */

import { assert } from '../../base/assert.ts';
import { asBuffer, type Bytes } from '../../base/bytes.ts';
import { OperationError } from '../../base/errors.ts';
import type { Timers } from '../../platform/platform.ts';
import type { Engine, EngineBatch, EngineCursor, EngineSnapshot } from '../../storage/engine.ts';
import type { Key, KeyRange } from '../../storage/key-range.ts';
import {
  DELETE,
  OPERATION_HEADER_BYTES,
  operationBytes,
  operationKeyLength,
  operationKind,
  operationValueLength,
  PUT,
} from '../../storage/operations.ts';
import type { Entry, ScanOptions, Version } from '../../storage/store.ts';
import { EMPTY_TREE, lookup, TreeEdit } from './btree.ts';
import { TreeCursor } from './btree-cursor.ts';
import type { Node } from './btree-nodes.ts';

/**
 * A slice ends after this many operations or bytes, whichever comes first: one to two milliseconds. Counted, not timed,
 * so that a simulated run interleaves the same way each time.
 */
const SLICE_OPERATIONS_MAX = 512;
const SLICE_BYTES_MAX = 1024 * 1024;

export interface MemoryLimits {
  /** Keys, values and what holds them. Default: none. */
  readonly bytesMax?: number;
  /** Number of keys. Default: none. */
  readonly entriesMax?: number;
}

export class MemoryEngine implements Engine {
  readonly #timers: Timers;
  readonly #bytesMax: number;
  readonly #entriesMax: number;
  /** What readers see. */
  #root: Node;
  #position: Version = 0;
  readonly #edit: TreeEdit;
  /** A snapshot was taken of the root, so the next edit must not change its nodes. */
  #frozen = false;
  #applying = false;
  #closed = false;
  /** Oldest first, with the edit's `retiredBytes` at the time each was taken. */
  readonly #snapshots = new Map<MemorySnapshot, number>();

  constructor(timers: Timers, limits: MemoryLimits = {}) {
    this.#timers = timers;
    this.#bytesMax = limits.bytesMax ?? Number.POSITIVE_INFINITY;
    this.#entriesMax = limits.entriesMax ?? Number.POSITIVE_INFINITY;
    this.#root = EMPTY_TREE;
    this.#edit = new TreeEdit(this.#root);
  }

  get position(): Version {
    return this.#position;
  }

  get full(): boolean {
    return this.#root.bytes >= this.#bytesMax || this.#root.entries >= this.#entriesMax;
  }

  /** Number of keys. */
  get entries(): number {
    return this.#root.entries;
  }

  get(key: Key): Bytes | undefined {
    this.#requireOpen();
    return lookup(this.#root, key);
  }

  batchGet(keys: readonly Key[]): readonly (Bytes | undefined)[] {
    this.#requireOpen();
    return keys.map((key) => lookup(this.#root, key));
  }

  isEmptyIn(range: KeyRange): boolean {
    this.#requireOpen();
    return new TreeCursor(this.#root, range, { keysOnly: true }).next(1) === undefined;
  }

  snapshot(): EngineSnapshot {
    this.#requireOpen();
    this.#frozen = true;
    const snapshot = new MemorySnapshot(this.#root, this.#position, () => this.#snapshots.delete(snapshot));
    this.#snapshots.set(snapshot, this.#edit.retiredBytes);
    return snapshot;
  }

  async apply(batch: EngineBatch, _options: { readonly sync: boolean }): Promise<void> {
    this.#requireOpen();
    assert(!this.#applying, 'batches are applied one at a time');
    assert(batch.position >= this.#position, 'positions do not go back');
    const edit = this.#edit;
    const arena = asBuffer(batch.arena);
    const whole = fitsSlice(arena, batch);
    // While slices run others read the old root, so its nodes must stay as they are.
    if (this.#frozen || !whole) edit.beginEpoch();
    this.#frozen = false;
    this.#applying = true;
    try {
      for (const range of batch.deletedRanges) edit.deleteRange(range);
      for (let done = applySlice(edit, arena, batch, 0); done < batch.count; ) {
        await this.#timers.yield();
        this.#requireOpen();
        done = applySlice(edit, arena, batch, done);
      }
      this.#root = edit.root;
      this.#position = batch.position;
      // A snapshot taken between the slices is of the old root, which this epoch does not touch.
      this.#frozen = false;
    } catch (error) {
      edit.root = this.#root;
      edit.beginEpoch();
      throw error;
    } finally {
      this.#applying = false;
    }
  }

  /** Memory does not fill up like a disk: there is nothing to recover from. */
  async recover(): Promise<void> {
    this.#requireOpen();
  }

  /**
   * `tree`: the current state. `snapshots`: at most this much more is kept by snapshots that are still held.
   */
  memory(): Readonly<Record<string, number>> {
    const oldest = this.#snapshots.values().next();
    const retired = this.#edit.retiredBytes;
    return { tree: this.#root.bytes, snapshots: oldest.done === true ? 0 : retired - oldest.value };
  }

  async close(): Promise<void> {
    this.#closed = true;
    for (const snapshot of this.#snapshots.keys()) snapshot.abandon();
    this.#snapshots.clear();
    this.#root = EMPTY_TREE;
    this.#edit.root = this.#root;
    this.#edit.beginEpoch();
  }

  #requireOpen(): void {
    if (this.#closed) throw new OperationError('store_closed', 'the memory engine is closed');
  }
}

function fitsSlice(arena: Buffer, batch: EngineBatch): boolean {
  if (batch.count > SLICE_OPERATIONS_MAX) return false;
  let bytes = 0;
  for (let number = 0; number < batch.count; number++) bytes += sizeAt(arena, batch.operations[number]!);
  return bytes <= SLICE_BYTES_MAX;
}

function sizeAt(arena: Buffer, offset: number): number {
  return operationBytes(operationKeyLength(arena, offset), operationValueLength(arena, offset));
}

/** Applies operations from number `from` until the slice is full. @returns the number of the next one. */
function applySlice(edit: TreeEdit, arena: Buffer, batch: EngineBatch, from: number): number {
  const last = Math.min(batch.count, from + SLICE_OPERATIONS_MAX);
  let bytes = 0;
  let number = from;
  for (; number < last && bytes < SLICE_BYTES_MAX; number++) {
    const offset = batch.operations[number]!;
    const kind = operationKind(arena, offset);
    const keyBytes = operationKeyLength(arena, offset);
    const keyAt = offset + OPERATION_HEADER_BYTES;
    if (kind === PUT) {
      edit.put(arena, keyAt, keyBytes, operationValueLength(arena, offset));
    } else {
      assert(kind === DELETE, () => `operation of kind ${kind} in a batch`);
      edit.delete(arena, keyAt, keyBytes);
    }
    bytes += sizeAt(arena, offset);
  }
  return number;
}

class MemorySnapshot implements EngineSnapshot {
  readonly position: Version;
  #root: Node;
  #state: 'open' | 'released' | 'abandoned' = 'open';
  readonly #onRelease: () => void;
  readonly #cursors = new Set<TreeCursor>();

  constructor(root: Node, position: Version, onRelease: () => void) {
    this.#root = root;
    this.position = position;
    this.#onRelease = onRelease;
  }

  get(key: Key): Bytes | undefined {
    this.#requireOpen();
    return lookup(this.#root, key);
  }

  scan(range: KeyRange, options: ScanOptions): EngineCursor {
    this.#requireOpen();
    const cursor = new TreeCursor(this.#root, range, options);
    this.#cursors.add(cursor);
    return {
      next: (entriesMax: number): readonly Entry[] | undefined => {
        assert(entriesMax > 0, 'a batch holds at least one entry');
        return cursor.next(entriesMax);
      },
      close: (): void => {
        cursor.close();
        this.#cursors.delete(cursor);
      },
    };
  }

  release(): void {
    if (this.#state === 'abandoned') return;
    assert(this.#state === 'open', 'a snapshot is released once');
    this.#end('released');
    this.#onRelease();
  }

  /** The engine closes under it. */
  abandon(): void {
    this.#end('abandoned');
  }

  #end(state: 'released' | 'abandoned'): void {
    this.#state = state;
    for (const cursor of this.#cursors) cursor.close();
    this.#cursors.clear();
    this.#root = EMPTY_TREE;
  }

  #requireOpen(): void {
    if (this.#state === 'abandoned') throw new OperationError('store_closed', 'the memory engine is closed');
    assert(this.#state === 'open', 'a released snapshot is not read');
  }
}
