/**
 * Brings the needle index of a volume into memory, and its files into agreement, whatever a crash left.
 *
 * The `.dat` file is the truth: records in the order in which they were written. The `.idx` file is a journal of it that
 * saves reading the `.dat`, as far as it can be trusted:
 *
 * - After an orderly close, told by `.clean` with the lengths of both files, all of it.
 * - Else all but its end: rows are synced at checkpoints, so the last 8,192, as far as they point into the last 128 MiB,
 *   may be lost or torn. What they tell is read from the `.dat` instead, every record verified.
 * - Not at all when it leaves out or repeats a stretch of the `.dat`: then it is written anew from all of the `.dat`.
 *   Deletes that stand in the index alone (offset 0, as SeaweedFS writes for remote volumes) are kept.
 *
 * What a crash tore:
 *
 * - The end of the `.dat`, where no intact record follows, is cut off and kept in `.torn`.
 * - A hole before intact records (power failed while several writes were under way, none of them acknowledged under class
 *   `disk`) is filled with a record of id 0, which nobody can ask for, so that the file can be read record by record.
 *
 * A damaged record is torn if some sector of it reads as zeros, as what never reached the disk does. Otherwise it has
 * rotted: it stays where it is, is named in the report, and whoever asks for its needle gets an error, not an older state.
 */

import { assert } from '../../base/assert.ts';
import { text, utf8 } from '../../base/bytes.ts';
import { crc32c } from '../../base/crc32c.ts';
import { hasCode } from '../../base/errors.ts';
import type { File, Files } from '../../platform/files.ts';
import { fileIdText } from '../formats/file-id.ts';
import { type IndexLayout, idHighOf, idLowOf, idOf, rowOffset, rowSize } from '../formats/index-row.ts';
import {
  encodeNeedle,
  type Needle,
  NO_DETAILS,
  recordBytes,
  type StoredNeedle,
  VACUUM_TOMBSTONE_COOKIE,
} from '../formats/needle.ts';
import type { NeedleVersion } from '../formats/super-block.ts';
import { NeedleMap } from '../index/needle-map.ts';
import { IndexJournal } from './index-journal.ts';
import type { Quarantined } from './quarantine.ts';
import { RecordScan, type Scanned } from './record-scan.ts';

/** A volume checkpoints before half of either has gathered since the last one. */
export const UNTRUSTED_ROWS = 8_192;
export const UNTRUSTED_BYTES = 128 * 1024 * 1024;

const SECTOR_BYTES = 512;
const TORN_COPY_BYTES_MAX = 64 * 1024 * 1024;
const READ_ROWS = 65_536;

/** A stretch of the `.dat` that cannot be read. */
export interface RecoveryReport {
  /** Where the index came from: all of `.idx`; `.idx` and the end of `.dat`; all of `.dat`. */
  readonly source: 'index' | 'tail' | 'data';
  /** Bytes cut off the end of the `.dat`. */
  readonly cutBytes: number;
  /** Bytes within it that were torn and are filled now. */
  readonly filledBytes: number;
  readonly quarantined: readonly Quarantined[];
}

export interface Recovered {
  readonly map: NeedleMap;
  readonly journal: IndexJournal;
  readonly datBytes: number;
  /** Of the youngest record; 0 before version 3. */
  readonly lastAppendNs: bigint;
  readonly report: RecoveryReport;
}

export interface RecoverOptions {
  readonly files: Files;
  /** Path without extension. */
  readonly base: string;
  readonly dat: File;
  readonly version: NeedleVersion;
  /** Where the first record begins. */
  readonly firstOffset: number;
  readonly layout: IndexLayout;
  readonly volumeId: number;
}

/** Leaves both files intact and in agreement; the `.idx` is open in the result. */
export async function recoverIndex(options: RecoverOptions): Promise<Recovered> {
  return new Recovery(options).run();
}

/** Records that both files were synced at these lengths. */
export async function writeCleanMark(files: Files, base: string, datBytes: number, idxBytes: number): Promise<void> {
  await files.writeAtomic(`${base}.clean`, utf8(`${cleanMark(datBytes, idxBytes)}\n`));
}

/** What `.clean` holds: lengths; behind it, for a volume with a sorted index, ` sdx ` and the length of that. */
export function cleanMark(datBytes: number, idxBytes: number): string {
  return `dat ${datBytes} idx ${idxBytes}`;
}

class Recovery {
  readonly #options: RecoverOptions;
  #map: NeedleMap;
  #lastAppendNs = 0n;
  #cutBytes = 0;
  #filledBytes = 0;
  readonly #quarantined: Quarantined[] = [];
  #datBytes = 0;

  constructor(options: RecoverOptions) {
    this.#options = options;
    this.#map = new NeedleMap(options.layout);
  }

  async run(): Promise<Recovered> {
    const { files, base, dat, layout, firstOffset } = this.#options;
    this.#datBytes = await dat.size();
    const idxPath = `${base}.idx`;
    const idx = await files.open(idxPath, { mode: 'create' });
    const idxBytes = await idx.size();
    const rows = Math.floor(idxBytes / layout.rowBytes);
    const isClean = await this.#isClean(idxBytes);
    const trusted = isClean ? rows : await this.#trustedRows(idx, rows);
    const reached = await this.#load(idx, trusted);
    if (reached === undefined) {
      const journal = await this.#rebuild(idx, rows);
      return this.#result('data', journal);
    }
    const journal = new IndexJournal(idx, layout, reached.rows * layout.rowBytes);
    if (reached.end === this.#datBytes && journal.bytes === idxBytes) {
      this.#lastAppendNs = await this.#timeOfLast(idx, rows);
      return this.#result('index', journal);
    }
    const isEmpty = reached.end === firstOffset && this.#datBytes > firstOffset;
    const kept = await this.#indexOnlyDeletes(idx, reached.rows, rows);
    await journal.truncate(journal.bytes);
    await this.#replay(reached.end, !isClean, journal);
    for (const id of kept) this.#deleteFromIndexOnly(id, journal);
    await journal.flush();
    await dat.sync();
    await idx.sync();
    return this.#result(isEmpty ? 'data' : 'tail', journal);
  }

  #result(source: RecoveryReport['source'], journal: IndexJournal): Recovered {
    return {
      map: this.#map,
      journal,
      datBytes: this.#datBytes,
      lastAppendNs: this.#lastAppendNs,
      report: {
        source,
        cutBytes: this.#cutBytes,
        filledBytes: this.#filledBytes,
        quarantined: this.#quarantined,
      },
    };
  }

  async #isClean(idxBytes: number): Promise<boolean> {
    const { files, base } = this.#options;
    try {
      const mark = text(await files.read(`${base}.clean`)).trim();
      return mark.replace(/ sdx \d+$/, '') === cleanMark(this.#datBytes, idxBytes);
    } catch (error) {
      if (hasCode(error, 'not_found')) return false;
      throw error;
    }
  }

  async #trustedRows(idx: File, rows: number): Promise<number> {
    const { layout } = this.#options;
    const first = Math.max(0, rows - UNTRUSTED_ROWS);
    const bytes = Buffer.alloc((rows - first) * layout.rowBytes);
    await idx.read(bytes, first * layout.rowBytes);
    let trusted = rows;
    while (trusted > first) {
      const offset = rowOffset(bytes, (trusted - 1 - first) * layout.rowBytes, layout);
      if (offset > 0 && offset < this.#datBytes - UNTRUSTED_BYTES) break;
      trusted--;
    }
    return trusted;
  }

  /**
   * Takes the first `count` rows into the map. @returns how many rows it took, and where the last record they tell ends;
   * undefined when they do not tell the records one after the other.
   */
  async #load(idx: File, count: number): Promise<{ readonly rows: number; readonly end: number } | undefined> {
    const { layout, version, firstOffset } = this.#options;
    const { rowBytes } = layout;
    const map = this.#map;
    const buffer = Buffer.allocUnsafeSlow(Math.min(count, READ_ROWS) * rowBytes);
    let end = firstOffset;
    for (let row = 0; row < count; ) {
      const length = Math.min(count - row, READ_ROWS) * rowBytes;
      await idx.read(buffer.subarray(0, length), row * rowBytes);
      for (let at = 0; at < length; at += rowBytes, row++) {
        const offset = rowOffset(buffer, at, layout);
        const size = rowSize(buffer, at, layout);
        const high = buffer.readUInt32BE(at);
        const low = buffer.readUInt32BE(at + 4);
        if (offset === 0) {
          if (size === -1) map.delete(high, low);
          continue;
        }
        const recordEnd = offset + recordBytes(size, version);
        if (offset !== end || size < -1) return undefined;
        if (recordEnd > this.#datBytes) return { rows: row, end };
        end = recordEnd;
        if (size === -1) map.delete(high, low);
        else if (high !== 0 || low !== 0) map.set(high, low, offset, size);
      }
    }
    return { rows: count, end };
  }

  /** Of the last record that a row tells: an orderly closed volume needs no other. */
  async #timeOfLast(idx: File, rows: number): Promise<bigint> {
    const { dat, layout, version } = this.#options;
    if (version !== 3 || rows === 0) return 0n;
    const row = Buffer.alloc(layout.rowBytes);
    for (let at = rows - 1; at >= 0; at--) {
      await idx.read(row, at * layout.rowBytes);
      const offset = rowOffset(row, 0, layout);
      if (offset === 0) continue;
      const time = Buffer.alloc(8);
      await dat.read(time, offset + 16 + Math.max(0, rowSize(row, 0, layout)) + 4);
      return time.readBigUInt64BE(0);
    }
    return 0n;
  }

  /** Ids that rows `[from, to)` delete without a record, and that no later one of them sets again. */
  async #indexOnlyDeletes(idx: File, from: number, to: number): Promise<Set<bigint>> {
    const { layout } = this.#options;
    const { rowBytes } = layout;
    const deleted = new Set<bigint>();
    const buffer = Buffer.allocUnsafeSlow(Math.min(Math.max(0, to - from), READ_ROWS) * rowBytes);
    for (let row = from; row < to; row += READ_ROWS) {
      const length = Math.min(to - row, READ_ROWS) * rowBytes;
      await idx.read(buffer.subarray(0, length), row * rowBytes);
      for (let at = 0; at < length; at += rowBytes) {
        const isDelete = rowOffset(buffer, at, layout) === 0 && rowSize(buffer, at, layout) === -1;
        if (!isDelete && deleted.size === 0) continue;
        const id = idOf(buffer.readUInt32BE(at), buffer.readUInt32BE(at + 4));
        if (!isDelete) deleted.delete(id);
        else if (id !== 0n) deleted.add(id);
      }
    }
    return deleted;
  }

  #deleteFromIndexOnly(id: bigint, journal: IndexJournal): void {
    const [high, low] = [idHighOf(id), idLowOf(id)];
    if (this.#map.delete(high, low)) journal.add(high, low, 0, -1);
  }

  /** Writes the index anew from the whole `.dat`, beside the old one, and puts it in its place. */
  async #rebuild(old: File, rows: number): Promise<IndexJournal> {
    const { files, base, dat, layout, firstOffset } = this.#options;
    const kept = await this.#indexOnlyDeletes(old, 0, rows);
    await old.close();
    this.#map = new NeedleMap(layout);
    const path = `${base}.idx.new`;
    await files.remove(path);
    const journal = new IndexJournal(await files.open(path, { mode: 'createNew' }), layout, 0);
    await this.#replay(firstOffset, false, journal);
    for (const id of kept) this.#deleteFromIndexOnly(id, journal);
    await journal.flush();
    await dat.sync();
    await journal.file.sync();
    await files.rename(path, `${base}.idx`);
    await files.syncDirectory(directoryOf(base));
    return journal;
  }

  /** Reads records from `from` to the end, into map and journal. `mayBeTorn`: holes are filled. */
  async #replay(from: number, mayBeTorn: boolean, journal: IndexJournal): Promise<void> {
    const { dat, version, volumeId } = this.#options;
    const to = this.#datBytes;
    const scan = new RecordScan(dat, { version, from, to, volumeId });
    for (;;) {
      const found = await scan.next();
      if (found === undefined) break;
      if (found.kind === 'needle') {
        if (this.#apply(found.offset, found.needle, journal)) await journal.flush();
        continue;
      }
      const end = await this.#endOfDamage(scan, found);
      const isTorn = await this.#readsAsTorn(found.offset, end ?? to);
      if (end === undefined && (isTorn || found.end === undefined)) {
        await this.#cut(found.offset);
        break;
      }
      const next = end ?? found.end ?? to;
      scan.position = next;
      if (isTorn && mayBeTorn) await this.#fill(found.offset, next, journal);
      else this.#quarantine(found, next, journal);
    }
  }

  #apply(offset: number, needle: StoredNeedle, journal: IndexJournal): boolean {
    if (needle.appendAtNs > this.#lastAppendNs) this.#lastAppendNs = needle.appendAtNs;
    const [high, low] = [idHighOf(needle.id), idLowOf(needle.id)];
    if (isTombstone(needle, this.#map)) {
      this.#map.delete(high, low);
      return journal.add(high, low, offset, -1);
    }
    if (needle.id !== 0n) this.#map.set(high, low, offset, needle.size);
    return journal.add(high, low, offset, needle.size);
  }

  /** Where the next intact record begins; undefined when there is none. */
  async #endOfDamage(scan: RecordScan, found: Scanned & { kind: 'damaged' }): Promise<number | undefined> {
    if (found.end !== undefined && found.end < this.#datBytes) {
      scan.position = found.end;
      if ((await scan.next())?.kind === 'needle') return found.end;
    }
    return (await scan.seek(found.offset + 8, this.#lastAppendNs)) ? scan.position : undefined;
  }

  /** Whether some sector of the stretch, or the part of it that lies in the stretch, is nothing but zeros. */
  async #readsAsTorn(from: number, to: number): Promise<boolean> {
    const bytes = Buffer.alloc(64 * 1024);
    for (let at = from; at < to; ) {
      const length = Math.min(to - at, bytes.length - (at % SECTOR_BYTES));
      await this.#options.dat.read(bytes.subarray(0, length), at);
      for (let start = 0; start < length; ) {
        const end = Math.min(length, start + SECTOR_BYTES - ((at + start) % SECTOR_BYTES));
        if (bytes.subarray(start, end).every((byte) => byte === 0)) return true;
        start = end;
      }
      at += length;
    }
    return false;
  }

  async #cut(from: number): Promise<void> {
    const { files, base, dat } = this.#options;
    const length = this.#datBytes - from;
    const copy = Buffer.alloc(Math.min(length, TORN_COPY_BYTES_MAX));
    await dat.read(copy, from);
    // The copy is for whoever wants to look at it: a full disk must not keep the volume closed.
    await files.writeAtomic(`${base}.torn`, copy).catch(() => {});
    await dat.truncate(from);
    await dat.sync();
    this.#cutBytes += length;
    this.#datBytes = from;
  }

  async #fill(from: number, to: number, journal: IndexJournal): Promise<void> {
    const { dat, version } = this.#options;
    const bytes = fillerRecord(to - from, version, this.#lastAppendNs);
    if (bytes === undefined) return; // Too short for a record: the reader finds its way behind it.
    await dat.write(bytes, from);
    this.#filledBytes += to - from;
    this.#lastAppendNs += version === 3 ? 1n : 0n;
    journal.add(0, 0, from, bytes.readInt32BE(12));
  }

  #quarantine(found: Scanned & { kind: 'damaged' }, end: number, journal: IndexJournal): void {
    const { volumeId, version } = this.#options;
    const { header, offset } = found;
    const isWhole = header !== undefined && found.end === end && offset + recordBytes(header.size, version) === end;
    this.#quarantined.push({
      offset,
      end,
      fileId: header === undefined ? undefined : fileIdText({ volumeId, ...header }),
      reason: found.error.message,
    });
    if (!isWhole || header.id === 0n) {
      // A row of id 0 spans it, so that the index tells all of the file.
      const size = sizeOfRecord(end - offset, version);
      if (size >= 0) journal.add(0, 0, offset, size);
      return;
    }
    const [high, low] = [idHighOf(header.id), idLowOf(header.id)];
    if (header.size > 0) this.#map.set(high, low, offset, header.size);
    journal.add(high, low, offset, header.size);
  }
}

/** Whether a record without body deletes its id, or is an empty upload. */
export function isTombstone(needle: StoredNeedle, map: NeedleMap): boolean {
  if (needle.size > 0) return false;
  if (needle.checksum !== 0) return true;
  if (needle.sealed) return false;
  // Of SeaweedFS: it rewrites no empty needle as empty, and marks what it deletes while it ends a vacuum.
  if (!map.find(idHighOf(needle.id), idLowOf(needle.id)) || map.foundSize < 0) return false;
  return map.foundSize === 0 || needle.cookie === VACUUM_TOMBSTONE_COOKIE;
}

/** Size of the body of a record of that length, a multiple of 8. */
function sizeOfRecord(length: number, version: NeedleVersion): number {
  return length - recordBytes(0, version);
}

/** A record of id 0 of exactly that length; undefined when no record is so short, or has no time to tell it by. */
function fillerRecord(length: number, version: NeedleVersion, afterNs: bigint): Buffer | undefined {
  const size = sizeOfRecord(length, version);
  if (version !== 3 || size < 0) return undefined;
  // Data size and flags are the other five bytes of a body.
  const data = Buffer.alloc(Math.max(0, size - 5));
  const needle: Needle = { ...NO_DETAILS, cookie: 0, id: 0n, data };
  const bytes = Buffer.alloc(length);
  const end = encodeNeedle(bytes, 0, needle, {
    version,
    checksum: data.length === 0 ? 0 : crc32c(data),
    appendAtNs: afterNs + 1n,
  });
  assert(end === length, () => `a filler of ${end} bytes for a hole of ${length}`);
  return bytes;
}

export function directoryOf(path: string): string {
  const slash = path.lastIndexOf('/');
  return slash < 0 ? '.' : path.slice(0, Math.max(1, slash));
}
