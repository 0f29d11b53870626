/**
 * Ranges: canonical form, and what can be asked of two of them (PostgreSQL's rangetypes.c). Ranges over integers and dates
 * are kept as [lower, upper); a range that holds nothing is `EMPTY_RANGE`.
 */

import { EMPTY_RANGE, SqlRange } from '../../../models/relational/values.ts';
import { SqlError } from '../sql-error.ts';
import { type Compare, compareFor } from './compare.ts';
import { type Bound, compareBounds, lowerOf, upperOf } from './range-bounds.ts';
import { type SqlType, type SqlValue, typeInfo } from './types.ts';

/** The next value up, for types that have one. @throws SqlError at the end of the type. */
function successor(type: SqlType): ((value: SqlValue) => SqlValue) | undefined {
  switch (type) {
    case 'int4':
      return (value) => {
        if (value === 2_147_483_647) throw new SqlError('numeric_value_out_of_range', 'integer out of range');
        return (value as number) + 1;
      };
    case 'int8':
      return (value) => {
        if (value === 2n ** 63n - 1n) throw new SqlError('numeric_value_out_of_range', 'bigint out of range');
        return (value as bigint) + 1n;
      };
    case 'date':
      return (value) => (value as number) + 1;
    default:
      return undefined;
  }
}

/** @throws SqlError `data_exception` when the bounds are the wrong way round. */
export function canonicalRange(type: SqlType, range: SqlRange): SqlRange {
  if (range.empty) return EMPTY_RANGE;
  const element = typeInfo(type).element!;
  const compare = compareFor(element);
  let { lower, upper, lowerInclusive, upperInclusive } = range;
  if (lower !== null && upper !== null) {
    const order = compare(lower, upper);
    if (order > 0) {
      throw new SqlError('data_exception', 'range lower bound must be less than or equal to range upper bound');
    }
    if (order === 0 && !(lowerInclusive && upperInclusive)) return EMPTY_RANGE;
  }
  // Ranges that users defined have no canonical form, whatever is between their bounds.
  const next = type.startsWith('user:') ? undefined : successor(element);
  if (next !== undefined) {
    const finite = (value: SqlValue): boolean =>
      value !== null && (typeof value !== 'number' || Number.isFinite(value));
    if (!lowerInclusive && finite(lower)) {
      lower = next(lower);
      lowerInclusive = true;
    }
    if (upperInclusive && finite(upper)) {
      upper = next(upper);
      upperInclusive = false;
    }
    if (lower !== null && upper !== null && compare(lower, upper) >= 0 && !(lowerInclusive && upperInclusive))
      return EMPTY_RANGE;
  }
  return new SqlRange(lower, upper, lower !== null && lowerInclusive, upper !== null && upperInclusive);
}

/** Operations on ranges of one type. */
export class RangeAlgebra {
  readonly #type: SqlType;
  readonly #compare: Compare;

  constructor(type: SqlType) {
    this.#type = type;
    this.#compare = compareFor(typeInfo(type).element!);
  }

  #bounds(a: Bound, b: Bound): number {
    return compareBounds(this.#compare, a, b);
  }

  containsElement(range: SqlRange, value: Exclude<SqlValue, null>): boolean {
    if (range.empty) return false;
    if (range.lower !== null) {
      const order = this.#compare(value, range.lower);
      if (order < 0 || (order === 0 && !range.lowerInclusive)) return false;
    }
    if (range.upper !== null) {
      const order = this.#compare(value, range.upper);
      if (order > 0 || (order === 0 && !range.upperInclusive)) return false;
    }
    return true;
  }

  contains(outer: SqlRange, inner: SqlRange): boolean {
    if (inner.empty) return true;
    if (outer.empty) return false;
    return this.#bounds(lowerOf(outer), lowerOf(inner)) <= 0 && this.#bounds(upperOf(outer), upperOf(inner)) >= 0;
  }

  overlaps(a: SqlRange, b: SqlRange): boolean {
    if (a.empty || b.empty) return false;
    return this.#bounds(lowerOf(a), upperOf(b)) <= 0 && this.#bounds(lowerOf(b), upperOf(a)) <= 0;
  }

  before(a: SqlRange, b: SqlRange): boolean {
    return !a.empty && !b.empty && this.#bounds(upperOf(a), lowerOf(b)) < 0;
  }

  /** Does not extend to the right of `b`. */
  notRightOf(a: SqlRange, b: SqlRange): boolean {
    return !a.empty && !b.empty && this.#bounds(upperOf(a), upperOf(b)) <= 0;
  }

  notLeftOf(a: SqlRange, b: SqlRange): boolean {
    return !a.empty && !b.empty && this.#bounds(lowerOf(a), lowerOf(b)) >= 0;
  }

  #meet(upper: Bound, lower: Bound): boolean {
    if (upper.value === null || lower.value === null) return false;
    const order = this.#compare(upper.value, lower.value);
    if (order === 0) return upper.inclusive !== lower.inclusive;
    if (order > 0) return false;
    return canonicalRange(this.#type, new SqlRange(upper.value, lower.value, !upper.inclusive, !lower.inclusive)).empty;
  }

  adjacent(a: SqlRange, b: SqlRange): boolean {
    if (a.empty || b.empty) return false;
    return this.#meet(upperOf(a), lowerOf(b)) || this.#meet(upperOf(b), lowerOf(a));
  }

  #from(lower: Bound, upper: Bound): SqlRange {
    return new SqlRange(lower.value, upper.value, lower.inclusive, upper.inclusive);
  }

  intersect(a: SqlRange, b: SqlRange): SqlRange {
    if (!this.overlaps(a, b)) return EMPTY_RANGE;
    const lower = this.#bounds(lowerOf(a), lowerOf(b)) >= 0 ? lowerOf(a) : lowerOf(b);
    const upper = this.#bounds(upperOf(a), upperOf(b)) <= 0 ? upperOf(a) : upperOf(b);
    return this.#from(lower, upper);
  }

  /** The smallest range that holds both. @param strict They must not leave a gap. */
  union(a: SqlRange, b: SqlRange, strict: boolean): SqlRange {
    if (a.empty) return b;
    if (b.empty) return a;
    if (strict && !this.overlaps(a, b) && !this.adjacent(a, b)) {
      throw new SqlError('data_exception', 'result of range union would not be contiguous');
    }
    const lower = this.#bounds(lowerOf(a), lowerOf(b)) <= 0 ? lowerOf(a) : lowerOf(b);
    const upper = this.#bounds(upperOf(a), upperOf(b)) >= 0 ? upperOf(a) : upperOf(b);
    return this.#from(lower, upper);
  }

  minus(a: SqlRange, b: SqlRange): SqlRange {
    const parts = this.without(a, b);
    if (parts.length > 1) throw new SqlError('data_exception', 'result of range difference would not be contiguous');
    return parts[0] ?? EMPTY_RANGE;
  }

  /** What `b` leaves of `a`: nothing, one range, or one on either side. */
  without(a: SqlRange, b: SqlRange): SqlRange[] {
    if (!this.overlaps(a, b)) return [a];
    const parts: SqlRange[] = [];
    if (this.#bounds(lowerOf(a), lowerOf(b)) < 0)
      parts.push(canonicalRange(this.#type, new SqlRange(a.lower, b.lower, a.lowerInclusive, !b.lowerInclusive)));
    if (this.#bounds(upperOf(a), upperOf(b)) > 0)
      parts.push(canonicalRange(this.#type, new SqlRange(b.upper, a.upper, !b.upperInclusive, a.upperInclusive)));
    return parts;
  }
}
