/**
 * Longest common subsequence of two strings, with the choices that Redis makes among equally long ones (`lcsCommand`).
 *
 * Time and memory grow with the product of the lengths, which is bounded by `CELLS_MAX`.
 */

import type { Bytes } from '../../base/bytes.ts';
import { OperationError } from '../../base/errors.ts';

/** 128 MiB of table, and a fraction of a second. */
const CELLS_MAX = 32 * 1024 * 1024;

/** A stretch that both strings have in common: first and last byte in each. */
export interface CommonRange {
  readonly a: readonly [first: number, last: number];
  readonly b: readonly [first: number, last: number];
  readonly length: number;
}

export interface CommonSubsequence {
  readonly length: number;
  readonly bytes: Bytes;
  /** Last range first. */
  readonly ranges: readonly CommonRange[];
}

/** @throws OperationError `too_large`. */
export function longestCommonSubsequence(a: Bytes, b: Bytes): CommonSubsequence {
  const width = b.length + 1;
  if ((a.length + 1) * width > CELLS_MAX) {
    throw new OperationError('too_large', 'Insufficient memory, transient memory for LCS exceeds proto-max-bulk-len');
  }
  const lengths = new Uint32Array((a.length + 1) * width);
  for (let i = 1; i <= a.length; i++) {
    const byte = a[i - 1];
    const row = i * width;
    // Two of the three neighbours are known from the cell before.
    let corner = 0;
    let left = 0;
    for (let j = 1; j < width; j++) {
      const above = lengths[row - width + j]!;
      if (byte === b[j - 1]) left = corner + 1;
      else if (above > left) left = above;
      lengths[row + j] = left;
      corner = above;
    }
  }
  return walkBack(a, b, lengths);
}

function walkBack(a: Bytes, b: Bytes, lengths: Uint32Array): CommonSubsequence {
  const width = b.length + 1;
  const length = lengths[a.length * width + b.length]!;
  const bytes = new Uint8Array(length);
  const ranges: CommonRange[] = [];
  let left = length;
  let i = a.length;
  let j = b.length;
  let open: { aFirst: number; aLast: number; bFirst: number; bLast: number } | undefined;
  while (i > 0 && j > 0) {
    let ends = false;
    if (a[i - 1] === b[j - 1]) {
      bytes[left - 1] = a[i - 1]!;
      if (open === undefined) open = { aFirst: i - 1, aLast: i - 1, bFirst: j - 1, bLast: j - 1 };
      else if (open.aFirst === i && open.bFirst === j) {
        open.aFirst--;
        open.bFirst--;
      } else ends = true;
      if (open.aFirst === 0 || open.bFirst === 0) ends = true;
      left--;
      i--;
      j--;
    } else {
      if (lengths[(i - 1) * width + j]! > lengths[i * width + j - 1]!) i--;
      else j--;
      ends = open !== undefined;
    }
    if (ends && open !== undefined) {
      const { aFirst, aLast, bFirst, bLast } = open;
      ranges.push({ a: [aFirst, aLast], b: [bFirst, bLast], length: aLast - aFirst + 1 });
      open = undefined;
    }
  }
  return { length, bytes, ranges };
}
