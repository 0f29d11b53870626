/**
 * A long value as its parts, one behind the other: they lie together for the first time where they are wanted, and whoever
 * writes them there may give way in between.
 */

import type { Bytes } from './bytes.ts';

/** A part that is made where it is wanted. */
export interface MadePart {
  readonly length: number;
  /** Writes its bytes from `start` to `end` to `into`, from `at` on. What it is made of stays as it is until all is written. */
  write(into: Bytes, at: number, start: number, end: number): void;
}

export type Part = Bytes | MadePart;

export function lengthOfParts(parts: readonly Part[]): number {
  let length = 0;
  for (const part of parts) length += part.length;
  return length;
}

export function zeros(length: number): MadePart {
  return { length, write: (into, at, start, end) => into.fill(0, at, at + end - start) };
}

/** Writes the bytes of `part` from `start` to `end` to `into`, from `at` on. */
export function writePart(part: Part, into: Bytes, at: number, start: number, end: number): void {
  if (!(part instanceof Uint8Array)) part.write(into, at, start, end);
  else into.set(start === 0 && end === part.length ? part : part.subarray(start, end), at);
}

/** Writes all of them to `into`, from `at` on. */
export function writeParts(parts: readonly Part[], into: Bytes, at: number): void {
  let next = at;
  for (const part of parts) {
    writePart(part, into, next, 0, part.length);
    next += part.length;
  }
}
