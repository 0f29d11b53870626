/**
 * Vacuum: a volume is copied without what was deleted and overwritten, while reads and writes go on.
 *
 * The `.dat` is read once, in its order, every record verified; what the index names is appended to `.cpd`, with a row in
 * `.cpx`. Records written meanwhile lie behind and are taken over in the same way, deletes among them as tombstones, until
 * little is left; the rest is taken between two batches of the writer, and the files are swapped (`volume/swap.ts`).
 *
 * A damaged needle that the index names is copied as it is: a vacuum neither hides damage nor destroys what may yet be
 * mended. Needles whose time to live is over are left out. When anything fails before the swap, the new files are removed
 * and the volume stays as it was. The compaction revision goes up by one, as SeaweedFS expects.
 */

import { assert } from '../../base/assert.ts';
import { type Bytes, EMPTY_BYTES } from '../../base/bytes.ts';
import { messageOf, OperationError } from '../../base/errors.ts';
import type { File } from '../../platform/files.ts';
import { idHighOf, idLowOf } from '../formats/index-row.ts';
import { recordBytes } from '../formats/needle.ts';
import { encodeSuperBlock, type SuperBlock, superBlockBytes } from '../formats/super-block.ts';
import { NeedleMap } from '../index/needle-map.ts';
import { Generation } from '../volume/generation.ts';
import { IndexJournal } from '../volume/index-journal.ts';
import { isExpired } from '../volume/needle-read.ts';
import { RecordScan, type Scanned } from '../volume/record-scan.ts';
import { isTombstone } from '../volume/recover.ts';
import { decideSwap, discardSwap, finishSwap } from '../volume/swap.ts';
import type { Volume, VolumeStatus } from '../volume/volume.ts';

export const GARBAGE_THRESHOLD = 0.3;

const OUTPUT_BYTES = 1024 * 1024;
/** With less than this to take over, writers may wait for it. */
const REST_BYTES_MAX = 1024 * 1024;
const ROUNDS_MAX = 8;
/** The throttle sleeps when it is so far ahead. */
const AHEAD_MS = 20;

export interface VacuumOptions {
  /** Garbage, as a part of all content, from which it is worth it. Default 0.3; 0 always. */
  readonly threshold?: number;
  /** Bytes of `.dat` read each second. Default unlimited. */
  readonly bytesPerSecond?: number;
  readonly signal?: AbortSignal;
  readonly onProgress?: (doneBytes: number, totalBytes: number) => void;
}

export interface VacuumResult {
  /** False when there was too little garbage. */
  readonly done: boolean;
  readonly beforeBytes: number;
  readonly afterBytes: number;
}

/** Deleted content as a part of all content. */
export function garbageRatio(
  status: Pick<VolumeStatus, 'contentBytes' | 'deletedBytes' | 'deleted' | 'datBytes'>,
): number {
  if (status.contentBytes === 0) return 0;
  if (status.deletedBytes === 0 && status.deleted > 0) {
    return Math.max(0, (status.datBytes - status.contentBytes - 8) / status.datBytes);
  }
  return status.deletedBytes / status.contentBytes;
}

/**
 * @throws OperationError `disk_full` when the copy has no room, `cancelled`, `io`; then the volume is as it was. One at a
 * time per volume: the caller sees to that.
 */
export async function vacuum(volume: Volume, options: VacuumOptions = {}): Promise<VacuumResult> {
  const before = volume.generation;
  const beforeBytes = before.datBytes;
  if (garbageRatio(volume.status()) < (options.threshold ?? GARBAGE_THRESHOLD)) {
    return { done: false, beforeBytes, afterBytes: beforeBytes };
  }
  before.hold();
  try {
    const copy = await Copy.begin(volume, before, options);
    try {
      for (let round = 0; round < ROUNDS_MAX && before.datBytes - copy.position > REST_BYTES_MAX; round++) {
        await copy.upTo(before.datBytes);
      }
      if (copy.position < before.datBytes) await copy.upTo(before.datBytes);
      await copy.sync(); // Most of it now, so that writers wait for little.
      await volume.writer.exclusive(() => copy.finish());
    } catch (error) {
      await copy.abandon();
      throw error;
    }
    return { done: true, beforeBytes, afterBytes: copy.bytes };
  } finally {
    await before.release();
  }
}

class Copy {
  readonly #volume: Volume;
  readonly #from: Generation;
  readonly #options: VacuumOptions;
  readonly #superBlock: SuperBlock;
  readonly #dat: File;
  readonly #journal: IndexJournal;
  readonly #map: NeedleMap;
  readonly #output = Buffer.allocUnsafeSlow(OUTPUT_BYTES);
  #outputBytes = 0;
  #written = 0;
  #position: number;
  #lastAppendNs = 0n;
  #isSwapped = false;
  readonly #startedMs: number;

  private constructor(volume: Volume, from: Generation, options: VacuumOptions, dat: File, idx: File) {
    this.#volume = volume;
    this.#from = from;
    this.#options = options;
    this.#dat = dat;
    this.#journal = new IndexJournal(idx, volume.layout, 0);
    this.#map = new NeedleMap(volume.layout);
    this.#superBlock = {
      ...from.superBlock,
      compactionRevision: (from.superBlock.compactionRevision + 1) & 0xffff,
    };
    this.#position = superBlockBytes(from.superBlock);
    this.#startedMs = volume.options.platform.clock.monotonicMs();
  }

  static async begin(volume: Volume, from: Generation, options: VacuumOptions): Promise<Copy> {
    const { files } = volume.options.platform;
    const { base } = volume;
    await discardSwap(files, base);
    const { contentBytes, deletedBytes, live } = volume.status();
    const neededBytes = contentBytes - deletedBytes + live * (recordBytes(0, 3) + volume.layout.rowBytes);
    const freeBytes = await files.freeBytes(volume.options.directory);
    if (freeBytes < neededBytes) {
      throw new OperationError('disk_full', `a vacuum of volume ${volume.volumeId} needs ${neededBytes} bytes`, {
        hint: `${freeBytes} are free. Free space on that file system, or delete more needles first.`,
      });
    }
    const dat = await files.open(`${base}.cpd`, { mode: 'createNew' });
    let idx: File | undefined;
    try {
      idx = await files.open(`${base}.cpx`, { mode: 'createNew' });
      const copy = new Copy(volume, from, options, dat, idx);
      await copy.#append(encodeSuperBlock(copy.#superBlock));
      return copy;
    } catch (error) {
      await dat.close();
      await idx?.close();
      await discardSwap(files, base);
      throw error;
    }
  }

  /** How far the old `.dat` has been taken over. */
  get position(): number {
    return this.#position;
  }

  get bytes(): number {
    return this.#written + this.#outputBytes;
  }

  async upTo(end: number): Promise<void> {
    const { version } = this.#from.superBlock;
    const scan = new RecordScan(this.#from.dat, {
      version,
      from: this.#position,
      to: end,
      volumeId: this.#volume.volumeId,
    });
    while (this.#position < end) {
      if (this.#options.signal?.aborted === true) throw new OperationError('cancelled', 'the vacuum was cancelled');
      const found = await scan.next();
      if (found === undefined) break;
      if (found.kind === 'needle') await this.#take(found);
      else scan.position = await this.#takeDamaged(found, scan, end);
      this.#position = scan.position;
      await this.#throttle();
      this.#options.onProgress?.(this.#position, end);
    }
    this.#position = end;
  }

  async #take(found: Scanned & { kind: 'needle' }): Promise<void> {
    const { needle, offset, record } = found;
    const [high, low] = [idHighOf(needle.id), idLowOf(needle.id)];
    const old = this.#from.map;
    if (needle.appendAtNs > this.#lastAppendNs) this.#lastAppendNs = needle.appendAtNs;
    if (needle.size === 0 && isTombstone(needle, this.#map)) {
      if (!this.#map.delete(high, low)) return; // What it deletes was not copied.
      this.#journal.add(high, low, this.bytes, -1);
      await this.#append(record ?? EMPTY_BYTES);
      return;
    }
    // A needle overwritten or deleted later than this scan is copied all the same: what did it lies behind.
    const isLive = old.find(high, low) && old.foundOffset === offset && old.foundSize >= 0;
    if (!isLive || isExpired(needle, this.#volume.options.platform.clock.nowMs())) return;
    this.#map.set(high, low, this.bytes, needle.size);
    if (this.#journal.add(high, low, this.bytes, needle.size)) await this.#journal.flush();
    if (record !== undefined) await this.#append(record);
    else await this.#copyRaw(offset, found.end);
  }

  /** @returns where the scan goes on. */
  async #takeDamaged(found: Scanned & { kind: 'damaged' }, scan: RecordScan, end: number): Promise<number> {
    const { map, superBlock } = this.#from;
    const next = map.firstAtOrAfter(found.offset);
    if (next !== undefined && map.foundOffset === found.offset) {
      const { foundSize: size } = map;
      const recordEnd = found.offset + recordBytes(size, superBlock.version);
      if (recordEnd <= end) {
        this.#map.set(next.high, next.low, this.bytes, size);
        this.#journal.add(next.high, next.low, this.bytes, size);
        await this.#copyRaw(found.offset, recordEnd);
        return recordEnd;
      }
    }
    // Nothing that is alive lies here. On with the next record that reads, but not beyond the next one that is alive.
    const isFound = await scan.seek(found.end ?? found.offset + 8, 0n);
    const alive = next === undefined ? end : Math.min(end, map.firstAtOrAfter(found.offset) ? map.foundOffset : end);
    return isFound ? Math.min(scan.position, alive) : alive;
  }

  async #copyRaw(from: number, to: number): Promise<void> {
    const piece = Buffer.allocUnsafeSlow(Math.min(OUTPUT_BYTES, to - from));
    for (let at = from; at < to; ) {
      const read = await this.#from.dat.read(piece.subarray(0, Math.min(piece.length, to - at)), at);
      if (read === 0) throw new OperationError('io', `${this.#from.dat.path} ends before ${to}`);
      await this.#append(piece.subarray(0, read));
      at += read;
    }
  }

  async #append(bytes: Bytes): Promise<void> {
    for (let done = 0; done < bytes.length; ) {
      const step = Math.min(bytes.length - done, this.#output.length - this.#outputBytes);
      this.#output.set(bytes.subarray(done, done + step), this.#outputBytes);
      this.#outputBytes += step;
      done += step;
      if (this.#outputBytes === this.#output.length) await this.#flush();
    }
  }

  async #flush(): Promise<void> {
    if (this.#outputBytes === 0) return;
    await this.#dat.write(this.#output.subarray(0, this.#outputBytes), this.#written);
    this.#written += this.#outputBytes;
    this.#outputBytes = 0;
  }

  async #throttle(): Promise<void> {
    const { bytesPerSecond, signal } = this.#options;
    if (bytesPerSecond === undefined) return;
    const { clock, timers } = this.#volume.options.platform;
    const dueMs = this.#startedMs + (this.#position / bytesPerSecond) * 1000;
    const aheadMs = dueMs - clock.monotonicMs();
    if (aheadMs > AHEAD_MS) await timers.sleep(aheadMs, signal);
  }

  async sync(): Promise<void> {
    await this.#flush();
    await this.#journal.flush();
    await this.#dat.sync();
    await this.#journal.file.sync();
  }

  /** Takes over the rest and swaps; nothing is written to the volume meanwhile. */
  async finish(): Promise<void> {
    const volume = this.#volume;
    const { files } = volume.options.platform;
    assert(volume.generation === this.#from, 'two vacuums of one volume');
    await this.upTo(this.#from.datBytes);
    await this.sync();
    try {
      await decideSwap(files, volume.base);
    } catch (error) {
      await this.#undecide(error);
      throw error;
    }
    this.#isSwapped = true;
    try {
      await finishSwap(files, volume.base);
    } catch (error) {
      // The new files are decided upon: what is written to the old ones now would be lost at the next opening.
      volume.fail(`the end of a vacuum failed: ${messageOf(error)}`);
      throw error;
    }
    const last = this.#from.lastAppendNs;
    volume.replaceGeneration(
      new Generation({
        dat: this.#dat,
        journal: this.#journal,
        map: this.#map,
        superBlock: this.#superBlock,
        datBytes: this.bytes,
        lastAppendNs: last > this.#lastAppendNs ? last : this.#lastAppendNs,
      }),
    );
  }

  /** The mark may have reached the disk: unless it is surely gone, an opening would swap, and lose later writes. */
  async #undecide(cause: unknown): Promise<void> {
    const { files } = this.#volume.options.platform;
    try {
      await files.remove(`${this.#volume.base}.cpc`);
      await files.syncDirectory(this.#volume.options.directory);
    } catch {
      this.#isSwapped = true;
      this.#volume.fail(`the end of a vacuum failed: ${messageOf(cause)}`);
    }
  }

  async abandon(): Promise<void> {
    if (this.#volume.generation.dat === this.#dat) return;
    await this.#dat.close();
    await this.#journal.file.close();
    if (!this.#isSwapped) await discardSwap(this.#volume.options.platform.files, this.#volume.base).catch(() => {});
  }
}
