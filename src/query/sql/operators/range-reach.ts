/**
 * How far a frame of RANGE reaches: the sort key less or more an offset, to compare other keys with (PostgreSQL's in_range
 * functions). Unlike what the operators give, a sum may lie beyond its type, a time of day past midnight, and a date
 * between two days.
 */

import { assert } from '../../../base/assert.ts';
import {
  isNaNumeric,
  NUMERIC_INFINITY,
  NUMERIC_MINUS_INFINITY,
  type Numeric,
} from '../../../models/relational/numeric.ts';
import { type Interval, TimeTz } from '../../../models/relational/values.ts';
import { castFor } from '../types/cast.ts';
import { compareInterval, intervalOf } from '../types/interval.ts';
import { addExactly, negateNumeric } from '../types/numeric-arithmetic.ts';
import { baseOf, type SqlType, type SqlValue } from '../types/types.ts';
import type { ExecutionContext } from './operator.ts';

type Value = Exclude<SqlValue, null>;

export interface Reach {
  /** Less than nothing, or no number. */
  isRefused(offset: Value): boolean;
  /**
   * @param subtracts Whether the offset is taken away from the key.
   * @param isUpper Whether what is compared with it may be no greater, instead of no less.
   */
  limit(key: Value, offset: Value, sides: Sides, context: ExecutionContext): Value;
}

export interface Sides {
  readonly subtracts: boolean;
  readonly isUpper: boolean;
}

/** Adds an interval to a point in time, or takes it away. */
export type Shift = (key: Value, offset: Value, context: ExecutionContext) => Value;

/** @param shift By the operator of the key's type; for those that are not computed here. */
export function reachOf(key: SqlType, shift: Shift | undefined): Reach {
  switch (baseOf(key)) {
    case 'int2':
    case 'int4':
    case 'int8':
      return INTEGERS;
    case 'float4':
    case 'float8':
      return FLOATS;
    case 'numeric':
      return NUMERICS;
    case 'time':
    case 'timetz':
      return TIMES;
    default: {
      assert(shift !== undefined, () => `an operator that shifts ${key}`);
      const isDate = baseOf(key) === 'date';
      return {
        isRefused: (offset) => compareInterval(offset as Interval, NOTHING) < 0,
        limit: (value, offset, _, context) => {
          const moved = shift(value, offset, context);
          return isDate ? fractionalDays(moved as bigint, context) : moved;
        },
      };
    }
  }
}

const NOTHING = intervalOf(0, 0, 0n);

const INTEGERS: Reach = {
  isRefused: (offset) => (offset as number | bigint) < 0,
  limit: (key, offset, { subtracts }) => {
    const [a, b] = [BigInt(key as number | bigint), BigInt(offset as number | bigint)];
    return subtracts ? a - b : a + b;
  },
};

const FLOATS: Reach = {
  isRefused: (offset) => !((offset as number) >= 0),
  limit: (key, offset, { subtracts, isUpper }) => {
    const [a, b] = [key as number, offset as number];
    // Infinity less itself is anywhere: every number is in reach.
    if (
      isAnywhere(
        a === Number.POSITIVE_INFINITY,
        a === Number.NEGATIVE_INFINITY,
        b === Number.POSITIVE_INFINITY,
        subtracts,
      )
    ) {
      return isUpper ? Number.POSITIVE_INFINITY : Number.NEGATIVE_INFINITY;
    }
    return subtracts ? a - b : a + b;
  },
};

const NUMERICS: Reach = {
  isRefused: (offset) => isNaNumeric(offset as Numeric) || (offset as Numeric).sign < 0,
  limit: (key, offset, { subtracts, isUpper }) => {
    const [a, b] = [key as Numeric, offset as Numeric];
    const isInfinite = !a.isFinite && !isNaNumeric(a);
    if (isAnywhere(isInfinite && a.sign > 0, isInfinite && a.sign < 0, !b.isFinite, subtracts)) {
      return isUpper ? NUMERIC_INFINITY : NUMERIC_MINUS_INFINITY;
    }
    return addExactly(a, subtracts ? negateNumeric(b) : b);
  },
};

/** Only the time of an interval counts, and days do not begin anew. */
const TIMES: Reach = {
  isRefused: (offset) => (offset as Interval).micros < 0n,
  limit: (key, offset, { subtracts }) => {
    const by = Number((offset as Interval).micros) * (subtracts ? -1 : 1);
    return key instanceof TimeTz ? new TimeTz(key.micros + by, key.offset) : (key as number) + by;
  },
};

function isAnywhere(isHighest: boolean, isLowest: boolean, byInfinity: boolean, subtracts: boolean): boolean {
  return byInfinity && (subtracts ? isHighest : isLowest);
}

const toDate = castFor('timestamp', 'date')!;
const toTimestamp = castFor('date', 'timestamp')!;

function fractionalDays(micros: bigint, time: ExecutionContext): number {
  const days = toDate(micros, time) as number;
  if (!Number.isFinite(days)) return days;
  return days + Number(micros - (toTimestamp(days, time) as bigint)) / 86_400e6;
}
