/** Mathematical functions (manual, 9.3). */

import type { Numeric } from '../../../models/relational/numeric.ts';
import {
  compareNumeric,
  negateNumeric,
  numericOf,
  roundNumeric,
  truncateNumeric,
} from '../types/numeric-arithmetic.ts';
import { arithmetic } from './arithmetic.ts';
import type { FunctionTable, Kernel } from './definition.ts';

function absolute(type: 'int2' | 'int4' | 'int8'): Kernel {
  const subtract = arithmetic('-', type);
  const zero = type === 'int8' ? 0n : 0;
  return (value: number | bigint) => (value < 0 ? subtract(zero, value) : value);
}

function floorNumeric(value: Numeric): Numeric {
  const whole = truncateNumeric(value, 0);
  return compareNumeric(whole, value) > 0 ? numericOf(whole.digits - 1n) : whole;
}

const floatRow = (name: string, run: (value: number) => number): readonly [string, Kernel] => [
  `${name}(float8) float8`,
  run,
];

function ceilNumeric(value: Numeric): Numeric {
  return negateNumeric(floorNumeric(negateNumeric(value)));
}

export const MATH_FUNCTIONS: FunctionTable = {
  'abs(int2) int2': absolute('int2'),
  'abs(int4) int4': absolute('int4'),
  'abs(int8) int8': absolute('int8'),
  'abs(float4) float4': (value: number) => Math.abs(value),
  'abs(float8) float8': (value: number) => Math.abs(value),
  'abs(numeric) numeric': (value: Numeric) => (value.sign < 0 ? negateNumeric(value) : value),
  'mod(int2, int2) int2': arithmetic('%', 'int2'),
  'mod(int4, int4) int4': arithmetic('%', 'int4'),
  'mod(int8, int8) int8': arithmetic('%', 'int8'),
  'mod(numeric, numeric) numeric': arithmetic('%', 'numeric'),
  ...Object.fromEntries([floatRow('floor', Math.floor), floatRow('ceil', Math.ceil), floatRow('ceiling', Math.ceil)]),
  'floor(numeric) numeric': floorNumeric,
  'ceil(numeric) numeric': ceilNumeric,
  'ceiling(numeric) numeric': ceilNumeric,
  'round(numeric) numeric': (value: Numeric) => roundNumeric(value, 0),
  'round(numeric, int4) numeric': (value: Numeric, scale: number) =>
    roundNumeric(value, Math.max(-2_000, Math.min(2_000, scale))),
};
