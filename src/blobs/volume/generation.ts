/**
 * The open files of a volume and the index over them, between two vacuums. A vacuum makes the next generation; whoever
 * still reads from the one before holds it open until done.
 */

import { assert } from '../../base/assert.ts';
import { hasCode } from '../../base/errors.ts';
import type { File } from '../../platform/files.ts';
import type { SuperBlock } from '../formats/super-block.ts';
import type { NeedleMap } from '../index/needle-map.ts';
import type { IndexJournal } from './index-journal.ts';
import { UNTRUSTED_BYTES, UNTRUSTED_ROWS } from './recover.ts';

const NS_PER_MS = 1_000_000n;

export interface GenerationParts {
  readonly dat: File;
  readonly journal: IndexJournal;
  readonly map: NeedleMap;
  readonly superBlock: SuperBlock;
  readonly datBytes: number;
  readonly lastAppendNs: bigint;
}

export class Generation {
  readonly dat: File;
  readonly journal: IndexJournal;
  readonly map: NeedleMap;
  readonly superBlock: SuperBlock;
  /** Length of the `.dat`: where the next record begins. */
  datBytes: number;
  lastAppendNs: bigint;
  #unsyncedRows = 0;
  #unsyncedBytes = 0;
  /** Whether the `.dat` has what is not synced. */
  #dirty = false;
  #checkpoint: Promise<void> | undefined;
  #failed: unknown;
  #holders = 1;

  constructor(parts: GenerationParts) {
    this.dat = parts.dat;
    this.journal = parts.journal;
    this.map = parts.map;
    this.superBlock = parts.superBlock;
    this.datBytes = parts.datBytes;
    this.lastAppendNs = parts.lastAppendNs;
  }

  /** Keeps the files open until `release`. */
  hold(): void {
    assert(this.#holders > 0, 'a generation held after its end');
    this.#holders++;
  }

  /** The last one closes the files. */
  async release(): Promise<void> {
    if (--this.#holders > 0) return;
    await this.#checkpoint?.catch(() => {});
    await Promise.all([this.dat.close(), this.journal.file.close()]);
  }

  /** Times for `count` records, one nanosecond apart and later than all before. @returns the first. */
  nextTimeNs(nowMs: number, count: number): bigint {
    const nowNs = BigInt(Math.floor(nowMs)) * NS_PER_MS;
    const first = nowNs > this.lastAppendNs ? nowNs : this.lastAppendNs + 1n;
    this.lastAppendNs = first + BigInt(count - 1);
    return first;
  }

  noteAppended(rows: number, bytes: number, synced: boolean): void {
    this.#unsyncedRows += rows;
    this.#unsyncedBytes += bytes;
    if (!synced) this.#dirty = true;
  }

  /**
   * Keeps what recovery could not trust within its bounds: begins a checkpoint when half of them is reached, and waits for
   * the one under way when that was not enough. @throws when a checkpoint failed.
   */
  async checkpointIfDue(): Promise<void> {
    if (this.#failed !== undefined) throw this.#failed;
    if (this.#unsyncedRows < UNTRUSTED_ROWS / 4 && this.#unsyncedBytes < UNTRUSTED_BYTES / 4) return;
    if (this.#checkpoint !== undefined) await this.#checkpoint;
    this.checkpoint().catch((error) => {
      this.#failed = error;
    });
  }

  /** Whether a crash of the machine could take something acknowledged. */
  get isDirty(): boolean {
    return this.#dirty;
  }

  /** Syncs first the `.dat`, then the rows that tell it. Rows that a full disk does not take stay queued: a write tells. */
  async checkpoint(): Promise<void> {
    if (this.#checkpoint !== undefined) return this.#checkpoint;
    const rows = this.#unsyncedRows;
    const bytes = this.#unsyncedBytes;
    const wasDirty = this.#dirty;
    this.#dirty = false;
    let isFlushed = true;
    this.#checkpoint = (async () => {
      if (wasDirty) await this.dat.sync();
      try {
        await this.journal.flush();
      } catch (error) {
        if (!hasCode(error, 'disk_full')) throw error;
        isFlushed = false;
      }
      await this.journal.file.sync();
    })();
    try {
      await this.#checkpoint;
      if (isFlushed) {
        this.#unsyncedRows -= rows;
        this.#unsyncedBytes -= bytes;
      }
    } catch (error) {
      this.#dirty ||= wasDirty;
      this.#failed = error;
      throw error;
    } finally {
      this.#checkpoint = undefined;
    }
  }
}
