/**
 * Times to live of needles and volumes: two bytes, a count and a unit.
 *
 *   offset  size  field
 *   0       1     count
 *   1       1     unit: 0 none, 1 minute, 2 hour, 3 day, 4 week, 5 month (30 days), 6 year (365 days)
 *
 * As text a count and a letter: `3m 4h 5d 6w 7M 8y`; a bare number counts minutes, and the empty text is no time to live.
 * Both are those of SeaweedFS, whose way of choosing the unit is kept: a text is turned into seconds and then into the
 * largest unit that divides them with a count below 256, so `60m` is stored as `1h`.
 */

import type { Bytes } from '../../base/bytes.ts';
import { OperationError } from '../../base/errors.ts';

export const TTL_BYTES = 2;

export interface Ttl {
  /** 1 to 255. */
  readonly count: number;
  /** 1 to 6. */
  readonly unit: number;
}

const LETTERS = ['', 'm', 'h', 'd', 'w', 'M', 'y'] as const;
const MINUTES = [0, 1, 60, 1440, 10_080, 43_200, 525_600] as const;

/** Units in the order in which one that divides exactly is looked for. */
const EXACT_ORDER = [6, 5, 4, 3, 2, 1] as const;
/** Units in the order in which, failing that, one is taken whose truncated count fits. */
const TRUNCATING_ORDER = [1, 2, 3, 4, 5, 6] as const;

/** @throws OperationError `invalid_argument` for anything that is not a count and a unit; undefined for none. */
export function parseTtl(text: string): Ttl | undefined {
  if (text === '') return undefined;
  const match = /^(\d{1,9})([mhdwMy]?)$/.exec(text);
  if (match === null) {
    throw new OperationError('invalid_argument', `the time to live ${JSON.stringify(text.slice(0, 40))} is malformed`, {
      hint: 'Write a count and a unit: 3m, 4h, 5d, 6w, 7M or 8y.',
    });
  }
  const unit = match[2] === '' ? 1 : LETTERS.indexOf(match[2] as (typeof LETTERS)[number]);
  return ttlOfMinutes(Number(match[1]) * MINUTES[unit]!);
}

/** The stored form of a duration in whole minutes; undefined for none. Longer than 255 years is 255 years. */
function ttlOfMinutes(minutes: number): Ttl | undefined {
  if (minutes <= 0) return undefined;
  for (const unit of EXACT_ORDER) {
    const count = minutes / MINUTES[unit];
    if (Number.isInteger(count) && count < 256) return { count, unit };
  }
  for (const unit of TRUNCATING_ORDER) {
    const count = Math.floor(minutes / MINUTES[unit]);
    if (count < 256) return { count, unit };
  }
  return { count: 255, unit: 6 };
}

export function ttlText(ttl: Ttl | undefined): string {
  return ttl === undefined ? '' : `${ttl.count}${LETTERS[ttl.unit] ?? ''}`;
}

export function ttlSeconds(ttl: Ttl): number {
  return ttl.count * (MINUTES[ttl.unit] ?? 0) * 60;
}

export function encodeTtl(ttl: Ttl | undefined, into: Bytes, at: number): void {
  into[at] = ttl?.count ?? 0;
  into[at + 1] = ttl?.unit ?? 0;
}

/** Undefined for a count of 0 and for the unit "none". @throws OperationError `corruption` for an unknown unit. */
export function decodeTtl(bytes: Bytes, at: number): Ttl | undefined {
  const count = bytes[at]!;
  const unit = bytes[at + 1]!;
  if (count === 0 || unit === 0) return undefined;
  if (unit > 6) throw new OperationError('corruption', `a time to live has the unknown unit ${unit}`);
  return { count, unit };
}
