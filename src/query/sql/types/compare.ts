/**
 * The order of values that are not null, per type. Text compares by code point (the "C" collation), as keys do.
 */

import type { Numeric } from '../../../models/relational/numeric.ts';
import { withoutPadding } from '../../../models/relational/padding.ts';
import { compareNumeric } from './numeric-arithmetic.ts';
import type { SqlType, SqlValue } from './types.ts';

export type Compare = (a: Exclude<SqlValue, null>, b: Exclude<SqlValue, null>) => number;

function comparePlain(a: Exclude<SqlValue, null>, b: Exclude<SqlValue, null>): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** NaN equals itself and is greater than every other number. */
function compareFloat(x: Exclude<SqlValue, null>, y: Exclude<SqlValue, null>): number {
  const a = x as number;
  const b = y as number;
  if (a < b) return -1;
  if (a > b) return 1;
  if (a === b) return 0;
  return Number.isNaN(a) ? (Number.isNaN(b) ? 0 : 1) : -1;
}

/** JavaScript compares UTF-16 units; surrogates stand for characters above all others and are lifted there. */
export function compareText(x: Exclude<SqlValue, null>, y: Exclude<SqlValue, null>): number {
  const a = x as string;
  const b = y as string;
  if (a === b) return 0;
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) {
    const p = a.charCodeAt(i);
    const q = b.charCodeAt(i);
    if (p !== q) return lifted(p) - lifted(q);
  }
  return a.length - b.length;
}

function lifted(unit: number): number {
  return unit >= 0xd800 && unit < 0xe000 ? unit + 0x1_0000 : unit;
}

export function compareFor(type: SqlType): Compare {
  switch (type) {
    case 'float8':
      return compareFloat;
    case 'numeric':
      return (a, b) => compareNumeric(a as Numeric, b as Numeric);
    case 'bpchar':
      return (a, b) => compareText(withoutPadding(a as string), withoutPadding(b as string));
    case 'text':
    case 'varchar':
    case 'name':
    case 'unknown':
      return compareText;
    default:
      return comparePlain;
  }
}
