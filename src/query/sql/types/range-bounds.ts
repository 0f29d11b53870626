/** The bounds of ranges, and the order that they give (PostgreSQL's rangetypes.c). */

import type { SqlRange } from '../../../models/relational/values.ts';
import type { Compare } from './compare.ts';
import type { SqlValue } from './types.ts';

export interface Bound {
  readonly value: SqlValue;
  readonly inclusive: boolean;
  readonly isLower: boolean;
}

export const lowerOf = ({ lower, lowerInclusive }: SqlRange): Bound => ({
  value: lower,
  inclusive: lowerInclusive,
  isLower: true,
});
export const upperOf = ({ upper, upperInclusive }: SqlRange): Bound => ({
  value: upper,
  inclusive: upperInclusive,
  isLower: false,
});

/** A bound that leaves its value out lies beside it: above as a lower bound, below as an upper one. None is infinitely far away. */
export function compareBounds(compare: Compare, a: Bound, b: Bound): number {
  if (a.value === null || b.value === null) {
    const x = a.value === null ? (a.isLower ? -1 : 1) : 0;
    const y = b.value === null ? (b.isLower ? -1 : 1) : 0;
    return x - y;
  }
  const order = compare(a.value, b.value);
  if (order !== 0) return order;
  if (a.inclusive && b.inclusive) return 0;
  const side = (bound: Bound): number => (bound.inclusive ? 0 : bound.isLower ? 1 : -1);
  return side(a) - side(b);
}

/** Empty ranges first; then by lower and upper bounds. @param compare The order of what the ranges are of. */
export function compareRanges(compare: Compare): (a: SqlRange, b: SqlRange) => number {
  return (a, b) => {
    if (a.empty || b.empty) return Number(b.empty) - Number(a.empty);
    const lower = compareBounds(compare, lowerOf(a), lowerOf(b));
    return lower !== 0 ? lower : compareBounds(compare, upperOf(a), upperOf(b));
  };
}
