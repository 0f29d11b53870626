/**
 * The last short scans of ranges that were written above an engine, side by side as they were read: who reads the same range
 * again before anything is written gets the same bytes. A few, of one state of the store; those of the one before are forgotten.
 */

import { equalBytes } from '../base/bytes.ts';
import { objectList } from '../base/object-list.ts';
import type { KeyRange } from './key-range.ts';
import type { Merged } from './overlay-packing.ts';
import type { Version } from './store.ts';

const SCANS_MAX = 8;
const BYTES_MAX = 32 * 1024;

export interface PackedScan extends Merged {
  readonly range: KeyRange;
  /** Of the scan: how many entries were wanted, and whether without their values. */
  readonly entriesMax: number;
  readonly keysOnly: boolean;
}

export class PackedScans {
  readonly #scans = objectList<PackedScan>();
  #next = 0;
  #after: Version = -1;
  #readVersion: Version = -1;

  find(
    range: KeyRange,
    after: Version,
    readVersion: Version,
    entriesMax: number,
    keysOnly: boolean,
  ): PackedScan | undefined {
    if (readVersion !== this.#readVersion || after !== this.#after) return undefined;
    return this.#scans.find(
      (scan) =>
        scan.entriesMax === entriesMax &&
        scan.keysOnly === keysOnly &&
        equalBytes(scan.range.start, range.start) &&
        (scan.range.end === undefined || range.end === undefined
          ? scan.range.end === range.end
          : equalBytes(scan.range.end, range.end)),
    );
  }

  /** Keeps one that `find` did not find. */
  add(scan: PackedScan, after: Version, readVersion: Version): void {
    if (scan.entries.bytes.length > BYTES_MAX) return;
    if (readVersion !== this.#readVersion || after !== this.#after) {
      this.#scans.length = 0;
      this.#next = 0;
      this.#readVersion = readVersion;
      this.#after = after;
    }
    this.#scans[this.#next] = scan;
    this.#next = (this.#next + 1) % SCANS_MAX;
  }
}
