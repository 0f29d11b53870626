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
  subtractNumeric,
} from '../types/numeric-arithmetic.ts';
import { type SqlType, type SqlValue, titleOf } from '../types/types.ts';
import type { ScalarFunction } from './evaluation.ts';

export type NumberType = 'int2' | 'int4' | 'int8' | 'numeric' | 'float8';
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

function checkedFloat(value: number, a: number, b: number): number {
  if (!Number.isFinite(value) && Number.isFinite(a) && Number.isFinite(b)) {
    throw new SqlError('numeric_value_out_of_range', 'value out of range: overflow');
  }
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
  float8: {
    '+': (a: number, b: number) => checkedFloat(a + b, a, b),
    '-': (a: number, b: number) => checkedFloat(a - b, a, b),
    '*': (a: number, b: number) => {
      const product = checkedFloat(a * b, a, b);
      if (product === 0 && a !== 0 && b !== 0) throw underflow();
      return product;
    },
    '/': (a: number, b: number) => {
      if (b === 0 && !Number.isNaN(a)) throw divisionByZero();
      const quotient = checkedFloat(a / b, a, b);
      if (quotient === 0 && a !== 0 && Number.isFinite(b)) throw underflow();
      return quotient;
    },
  },
};

function underflow(): SqlError {
  return new SqlError('numeric_value_out_of_range', 'value out of range: underflow');
}

/** The operator on two numbers of `type`; undefined when there is none (`%` on double precision). */
export function arithmetic(operator: string, type: NumberType): ScalarFunction | undefined {
  const operation = OPERATIONS[type][operator];
  if (operation === undefined) return undefined;
  return {
    name: operator,
    arguments: [type, type],
    result: type,
    strict: true,
    volatility: 'immutable',
    evaluate: (args) => operation(args[0] as never, args[1] as never),
  };
}

export function negation(type: NumberType): ScalarFunction {
  const subtract = OPERATIONS[type]['-']!;
  const zero = type === 'int8' ? 0n : type === 'float8' ? -0 : 0;
  return {
    name: '-',
    arguments: [type],
    result: type,
    strict: true,
    volatility: 'immutable',
    evaluate: ([value]) => {
      if (type === 'float8') return -(value as number);
      if (type === 'numeric')
        return subtractNumeric(subtractNumeric(value as Numeric, value as Numeric), value as Numeric);
      return subtract(zero as never, value as never);
    },
  };
}
