/**
 * `+ - * / %` and unary minus on numbers. Integers never wrap and never grow: beyond their type they are
 * `numeric_value_out_of_range`, as in PostgreSQL (int.c, int8.c, float.c, numeric.c).
 */

import { INT64_MAX, INT64_MIN } from '../../../base/value.ts';
import type { Numeric } from '../../../models/relational/numeric.ts';
import { SqlError } from '../sql-error.ts';
import {
  addNumeric,
  divideNumeric,
  moduloNumeric,
  multiplyNumeric,
  negateNumeric,
  subtractNumeric,
} from '../types/numeric-arithmetic.ts';
import { type SqlType, type SqlValue, titleOf } from '../types/types.ts';
import type { FunctionTable, Kernel } from './definition.ts';

type NumberType = 'int2' | 'int4' | 'int8' | 'numeric' | 'float4' | 'float8';
type Arithmetic = (a: never, b: never) => SqlValue;

function outOfRange(type: SqlType): SqlError {
  return new SqlError('numeric_value_out_of_range', `${titleOf(type)} out of range`);
}

function divisionByZero(): SqlError {
  return new SqlError('division_by_zero', 'division by zero');
}

/** Sums, differences and products of 32-bit integers are exact below 2^53 or so large that they are out of range. */
function small(type: 'int2' | 'int4'): Record<string, Arithmetic> {
  const max = type === 'int2' ? 32_767 : 2_147_483_647;
  const checked = (value: number): number => {
    if (value > max || value < -max - 1) throw outOfRange(type);
    return value === 0 ? 0 : value;
  };
  return {
    '+': (a: number, b: number) => checked(a + b),
    '-': (a: number, b: number) => checked(a - b),
    '*': (a: number, b: number) => checked(a * b),
    '/': (a: number, b: number) => {
      if (b === 0) throw divisionByZero();
      return checked(Math.trunc(a / b));
    },
    '%': (a: number, b: number) => {
      if (b === 0) throw divisionByZero();
      return checked(a % b);
    },
  };
}

function checked64(value: bigint): bigint {
  if (value > INT64_MAX || value < INT64_MIN) throw outOfRange('int8');
  return value;
}

const OPERATIONS: { readonly [T in NumberType]: Record<string, Arithmetic> } = {
  int2: small('int2'),
  int4: small('int4'),
  int8: {
    '+': (a: bigint, b: bigint) => checked64(a + b),
    '-': (a: bigint, b: bigint) => checked64(a - b),
    '*': (a: bigint, b: bigint) => checked64(a * b),
    '/': (a: bigint, b: bigint) => {
      if (b === 0n) throw divisionByZero();
      return checked64(a / b);
    },
    '%': (a: bigint, b: bigint) => {
      if (b === 0n) throw divisionByZero();
      return a % b;
    },
  },
  numeric: {
    '+': (a: Numeric, b: Numeric) => addNumeric(a, b),
    '-': (a: Numeric, b: Numeric) => subtractNumeric(a, b),
    '*': (a: Numeric, b: Numeric) => multiplyNumeric(a, b),
    '/': (a: Numeric, b: Numeric) => divideNumeric(a, b),
    '%': (a: Numeric, b: Numeric) => moduloNumeric(a, b),
  },
  float4: floats(Math.fround),
  float8: floats((value) => value),
};

/** Results round to the type; what becomes infinite or zero by that is an error. */
function floats(round: (value: number) => number): Record<string, Arithmetic> {
  const checked = (exact: number, a: number, b: number): number => {
    const value = round(exact);
    if (!Number.isFinite(value) && Number.isFinite(a) && Number.isFinite(b)) {
      throw new SqlError('numeric_value_out_of_range', 'value out of range: overflow');
    }
    return value;
  };
  return {
    '+': (a: number, b: number) => checked(a + b, a, b),
    '-': (a: number, b: number) => checked(a - b, a, b),
    '*': (a: number, b: number) => {
      const product = checked(a * b, a, b);
      if (product === 0 && a !== 0 && b !== 0) throw underflow();
      return product;
    },
    '/': (a: number, b: number) => {
      if (b === 0 && !Number.isNaN(a)) throw divisionByZero();
      const quotient = checked(a / b, a, b);
      if (quotient === 0 && a !== 0 && Number.isFinite(b)) throw underflow();
      return quotient;
    },
  };
}

function underflow(): SqlError {
  return new SqlError('numeric_value_out_of_range', 'value out of range: underflow');
}

/** The operator on two numbers of `type`, for those who compute with values of their own. */
export function arithmetic(
  operator: '+' | '-' | '*' | '/' | '%',
  type: NumberType,
): (a: SqlValue, b: SqlValue) => SqlValue {
  return OPERATIONS[type][operator] as (a: SqlValue, b: SqlValue) => SqlValue;
}

const INTEGERS = ['int2', 'int4', 'int8'] as const;

function* rows(): Iterable<readonly [string, Kernel]> {
  for (const [type, operations] of Object.entries(OPERATIONS)) {
    for (const [operator, run] of Object.entries(operations)) yield [`${operator}(${type}, ${type}) ${type}`, run];
  }
  // Integers of two widths: the wider one's operation.
  for (const a of INTEGERS) {
    for (const b of INTEGERS) {
      if (a === b) continue;
      const wider = INTEGERS.indexOf(a) > INTEGERS.indexOf(b) ? a : b;
      for (const operator of ['+', '-', '*', '/']) {
        const run = OPERATIONS[wider][operator]! as (a: unknown, b: unknown) => SqlValue;
        const mixed: Kernel =
          wider !== 'int8'
            ? run
            : a === 'int8'
              ? (x: bigint, y: number) => run(x, BigInt(y))
              : (x: number, y: bigint) => run(BigInt(x), y);
        yield [`${operator}(${a}, ${b}) ${wider}`, mixed];
      }
    }
  }
  for (const operator of ['+', '-', '*', '/']) {
    const run = OPERATIONS.float8[operator]!;
    yield [`${operator}(float4, float8) float8`, run];
    yield [`${operator}(float8, float4) float8`, run];
  }
  for (const type of Object.keys(OPERATIONS) as NumberType[]) {
    yield [`+(${type}) ${type}`, (value: SqlValue) => value];
    yield [`-(${type}) ${type}`, negation(type)];
  }
}

function negation(type: NumberType): Kernel {
  if (type === 'float4' || type === 'float8') return (value: number) => -value;
  if (type === 'numeric') return (value: Numeric) => negateNumeric(value);
  const subtract = OPERATIONS[type]['-']!;
  const zero = type === 'int8' ? 0n : 0;
  return (value: SqlValue) => subtract(zero as never, value as never);
}

export const ARITHMETIC: FunctionTable = Object.fromEntries(rows());
