/** Mathematical functions (manual, 9.3). */

import {
  isNaNumeric,
  NUMERIC_SCALE_MAX,
  NUMERIC_WHOLE_DIGITS_MAX,
  Numeric,
} from '../../../models/relational/numeric.ts';
import { SqlError } from '../sql-error.ts';
import { integerFrom, numberOf } from '../types/cast.ts';
import {
  addNumeric,
  compareNumeric,
  divideNumeric,
  multiplyNumeric,
  negateNumeric,
  numericOf,
  roundNumeric,
  subtractNumeric,
  truncateNumeric,
} from '../types/numeric-arithmetic.ts';
import { arithmetic } from './arithmetic.ts';
import type { FunctionTable, Kernel } from './definition.ts';
import {
  expNumeric,
  factorial,
  gcdNumeric,
  lcmNumeric,
  lnNumeric,
  logNumeric,
  powerNumeric,
  sqrtNumeric,
  wholeQuotient,
} from './numeric-functions.ts';

function absolute(type: 'int2' | 'int4' | 'int8'): Kernel {
  const subtract = arithmetic('-', type);
  const zero = type === 'int8' ? 0n : 0;
  return (value: number | bigint) => (value < 0 ? subtract(zero, value) : value);
}

function floorNumeric(value: Numeric): Numeric {
  const whole = truncateNumeric(value, 0);
  return compareNumeric(whole, value) > 0 ? numericOf(whole.digits - 1n) : whole;
}

function ceilNumeric(value: Numeric): Numeric {
  return negateNumeric(floorNumeric(negateNumeric(value)));
}

function overflow(): SqlError {
  return new SqlError('numeric_value_out_of_range', 'value out of range: overflow');
}

function underflow(): SqlError {
  return new SqlError('numeric_value_out_of_range', 'value out of range: underflow');
}

function outOfDomain(): SqlError {
  return new SqlError('numeric_value_out_of_range', 'input is out of range');
}

/** A function of a float that fails for arguments outside of its domain. */
function within(run: (value: number) => number, inside: (value: number) => boolean): Kernel {
  return (value: number) => {
    if (Number.isNaN(value)) return value;
    if (!inside(value)) throw outOfDomain();
    return run(value);
  };
}

const finite = (value: number): boolean => Number.isFinite(value);
/** As PostgreSQL writes it, and divides and multiplies by it: so the last digits agree. */
const RADIANS_PER_DEGREE = Math.PI / 180;
const degrees = (radians: number): number => radians / RADIANS_PER_DEGREE;
const radians = (value: number): number => value * RADIANS_PER_DEGREE;

const asinUpTo90 = (x: number): number =>
  x <= 0.5 ? (Math.asin(x) / Math.asin(0.5)) * 30 : 90 - (Math.acos(x) / Math.acos(0.5)) * 60;
const acosUpTo90 = (x: number): number =>
  x <= 0.5 ? 90 - (Math.asin(x) / Math.asin(0.5)) * 30 : (Math.acos(x) / Math.acos(0.5)) * 60;
const asinDegrees = (x: number): number => (x >= 0 ? asinUpTo90(x) : -asinUpTo90(-x));
const acosDegrees = (x: number): number => (x >= 0 ? acosUpTo90(x) : 90 + asinUpTo90(-x));

/** In degrees, exact at multiples of 30 and 45 as PostgreSQL takes care to be. */
function sind(value: number): number {
  let rest = value % 360;
  let sign = 1;
  if (rest < 0) {
    rest = -rest;
    sign = -sign;
  }
  if (rest > 180) {
    rest = 360 - rest;
    sign = -sign;
  }
  if (rest > 90) rest = 180 - rest;
  return sign * sinQuadrant(rest);
}

function sinQuadrant(value: number): number {
  if (value <= 30) return Math.sin(radians(value)) / Math.sin(radians(30)) / 2;
  return 1 - (1 - Math.cos(radians(90 - value))) / (1 - Math.cos(radians(60))) / 2;
}

function cosd(value: number): number {
  let rest = Math.abs(value % 360);
  let sign = 1;
  if (rest > 180) rest = 360 - rest;
  if (rest > 90) {
    rest = 180 - rest;
    sign = -sign;
  }
  return (
    sign *
    (rest <= 60
      ? 1 - (1 - Math.cos(radians(rest))) / (1 - Math.cos(radians(60))) / 2
      : Math.sin(radians(90 - rest)) / Math.sin(radians(30)) / 2)
  );
}

function power(base: number, exponent: number): number {
  if (Number.isNaN(base)) return exponent === 0 ? 1 : base;
  if (Number.isNaN(exponent)) return base === 1 ? 1 : exponent;
  if (base === 0 && exponent < 0) {
    throw new SqlError('invalid_argument_for_power_function', 'zero raised to a negative power is undefined');
  }
  if (base < 0 && Math.floor(exponent) !== exponent) {
    throw new SqlError(
      'invalid_argument_for_power_function',
      'a negative number raised to a non-integer power yields a complex result',
    );
  }
  if (!Number.isFinite(exponent) && Math.abs(base) === 1) return 1;
  const result = base ** exponent;
  if (!Number.isFinite(result) && Number.isFinite(base) && Number.isFinite(exponent)) throw overflow();
  if (result === 0 && base !== 0 && Number.isFinite(base) && Number.isFinite(exponent)) throw underflow();
  return result;
}

function logarithm(run: (value: number) => number): Kernel {
  return (value: number) => {
    if (value === 0) throw new SqlError('invalid_argument_for_logarithm', 'cannot take logarithm of zero');
    if (value < 0) throw new SqlError('invalid_argument_for_logarithm', 'cannot take logarithm of a negative number');
    return run(value);
  };
}

function exponential(value: number): number {
  const result = Math.exp(value);
  if (!Number.isFinite(result) && Number.isFinite(value)) throw overflow();
  if (result === 0 && Number.isFinite(value)) throw underflow();
  return result;
}

function bitsOf(type: 'int2' | 'int4'): FunctionTable {
  const wrap = type === 'int2' ? (value: number) => (value << 16) >> 16 : (value: number) => value | 0;
  return {
    [`&(${type}, ${type}) ${type}`]: (a: number, b: number) => a & b,
    [`|(${type}, ${type}) ${type}`]: (a: number, b: number) => a | b,
    [`#(${type}, ${type}) ${type}`]: (a: number, b: number) => a ^ b,
    [`~(${type}) ${type}`]: (a: number) => ~a,
    [`<<(${type}, int4) ${type}`]: (a: number, b: number) => wrap(a << b),
    [`>>(${type}, int4) ${type}`]: (a: number, b: number) => a >> b,
  };
}

function gcdInteger(type: 'int4' | 'int8'): Kernel {
  return (a: number | bigint, b: number | bigint) => {
    let [x, y] = [BigInt(a), BigInt(b)];
    while (y !== 0n) [x, y] = [y, x % y];
    return integerFrom(type, x < 0n ? -x : x);
  };
}

function lcmInteger(type: 'int4' | 'int8'): Kernel {
  return (a: number | bigint, b: number | bigint) => {
    let [x, y] = [BigInt(a), BigInt(b)];
    if (x === 0n || y === 0n) return integerFrom(type, 0n);
    const product = x * y;
    while (y !== 0n) [x, y] = [y, x % y];
    const result = product / x;
    return integerFrom(type, result < 0n ? -result : result);
  };
}

/**
 * The number of the bucket, from 0 before the first one on, given how the bounds and the operand compare.
 * @throws SqlError `numeric_value_out_of_range` when the bucket behind the last one is no integer.
 */
function bucketOf(order: number, toLow: number, toHigh: number, count: number, inside: () => number): number {
  if (order === 0) throw bucketError('lower bound cannot equal upper bound');
  // Downwards everything is the other way round.
  if (toLow * order < 0) return 0;
  if (toHigh * order >= 0) return integerFrom('int4', count + 1) as number;
  return Math.min(inside() + 1, count);
}

function widthBucket(operand: number, low: number, high: number, count: number): number {
  if (count <= 0) throw bucketError('count must be greater than zero');
  if (Number.isNaN(operand) || Number.isNaN(low) || Number.isNaN(high)) {
    throw bucketError('operand, lower bound, and upper bound cannot be NaN');
  }
  if (!Number.isFinite(low) || !Number.isFinite(high)) throw bucketError('lower and upper bounds must be finite');
  const compare = (a: number, b: number): number => Number(a > b) - Number(a < b);
  return bucketOf(compare(high, low), compare(operand, low), compare(operand, high), count, () => {
    const scaled = (count * (operand - low)) / (high - low);
    // Bounds far apart are halved, lest their distance be infinite.
    return Math.floor(Number.isFinite(scaled) ? scaled : ((operand / 2 - low / 2) / (high / 2 - low / 2)) * count);
  });
}

function widthBucketNumeric(operand: Numeric, low: Numeric, high: Numeric, count: number): number {
  if (count <= 0) throw bucketError('count must be greater than zero');
  if (isNaNumeric(operand) || isNaNumeric(low) || isNaNumeric(high)) {
    throw bucketError('operand, lower bound, and upper bound cannot be NaN');
  }
  if (!low.isFinite || !high.isFinite) throw bucketError('lower and upper bounds must be finite');
  const order = compareNumeric(high, low);
  return bucketOf(order, compareNumeric(operand, low), compareNumeric(operand, high), count, () => {
    const above = multiplyNumeric(subtractNumeric(operand, low), numericOf(count));
    return numberOf(truncateNumeric(divideNumeric(above, subtractNumeric(high, low)), 0));
  });
}

function bucketError(message: string): SqlError {
  return new SqlError('invalid_argument_for_width_bucket_function', message);
}

function minimalScale(value: Numeric): Numeric {
  let { digits, scale } = value;
  while (scale > 0 && digits % 10n === 0n) {
    digits /= 10n;
    scale--;
  }
  return scale === value.scale ? value : new Numeric(digits, scale);
}

function rounded(value: number): number {
  const floor = Math.floor(value);
  const rest = value - floor;
  if (rest < 0.5 || (rest === 0.5 && floor % 2 === 0)) return floor;
  // What is rounded up to zero stays negative.
  return floor === -1 ? -0 : floor + 1;
}

const keepSign =
  (run: (value: number) => number): Kernel =>
  (value: number) =>
    run(value);
/** Beyond the digits that a number can have nothing is left to round, but for one before the first. */
const scaleOf = (scale: number): number => Math.max(-NUMERIC_WHOLE_DIGITS_MAX - 1, Math.min(NUMERIC_SCALE_MAX, scale));
const MATH_FLOATS: Readonly<Record<string, Kernel>> = {
  floor: keepSign(Math.floor),
  ceil: keepSign(Math.ceil),
  ceiling: keepSign(Math.ceil),
  round: rounded,
  trunc: Math.trunc,
  // Of NaN it is 0, and of -0 it is not -0.
  sign: (value: number) => (value > 0 ? 1 : value < 0 ? -1 : 0),
  sqrt: (value: number) => {
    if (value < 0)
      throw new SqlError('invalid_argument_for_power_function', 'cannot take square root of a negative number');
    return Math.sqrt(value);
  },
  cbrt: Math.cbrt,
  exp: exponential,
  ln: logarithm(Math.log),
  log: logarithm(Math.log10),
  log10: logarithm(Math.log10),
  sin: within(Math.sin, finite),
  cos: within(Math.cos, finite),
  tan: within(Math.tan, finite),
  cot: within((value) => 1 / Math.tan(value), finite),
  asin: within(Math.asin, (value) => Math.abs(value) <= 1),
  acos: within(Math.acos, (value) => Math.abs(value) <= 1),
  atan: Math.atan,
  sinh: Math.sinh,
  cosh: Math.cosh,
  tanh: Math.tanh,
  asinh: Math.asinh,
  acosh: within(Math.acosh, (value) => value >= 1),
  atanh: within(Math.atanh, (value) => Math.abs(value) <= 1),
  sind: within(sind, finite),
  cosd: within(cosd, finite),
  // Plus zero, never minus.
  tand: within((value) => sind(value) / cosd(value) + 0, finite),
  cotd: within((value) => cosd(value) / sind(value) + 0, finite),
  asind: within(asinDegrees, (value) => Math.abs(value) <= 1),
  acosd: within(acosDegrees, (value) => Math.abs(value) <= 1),
  atand: (value: number) => (Math.atan(value) / Math.atan(1)) * 45,
  degrees: (value: number) => {
    const result = degrees(value);
    if (!Number.isFinite(result) && Number.isFinite(value)) throw overflow();
    return result;
  },
  radians,
};

export const MATH_OPERATORS: FunctionTable = {
  ...bitsOf('int2'),
  ...bitsOf('int4'),
  '&(int8, int8) int8': (a: bigint, b: bigint) => a & b,
  '|(int8, int8) int8': (a: bigint, b: bigint) => a | b,
  '#(int8, int8) int8': (a: bigint, b: bigint) => a ^ b,
  '~(int8) int8': (a: bigint) => ~a,
  '<<(int8, int4) int8': (a: bigint, b: number) => BigInt.asIntN(64, a << BigInt(b & 63)),
  '>>(int8, int4) int8': (a: bigint, b: number) => a >> BigInt(b & 63),
  '^(float8, float8) float8': power,
  '^(numeric, numeric) numeric': powerNumeric,
  '|/(float8) float8': MATH_FLOATS.sqrt!,
  '||/(float8) float8': Math.cbrt,
  ...Object.fromEntries(
    (['int2', 'int4', 'int8'] as const).map((type) => [`@(${type}) ${type}`, absolute(type)] as const),
  ),
  '@(float4) float4': Math.abs,
  '@(float8) float8': Math.abs,
  '@(numeric) numeric': (value: Numeric) => (value.sign < 0 ? negateNumeric(value) : value),
};

export const MATH_FUNCTIONS: FunctionTable = {
  ...Object.fromEntries(Object.entries(MATH_FLOATS).map(([name, run]) => [`${name}(float8) float8`, run])),
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
  'div(numeric, numeric) numeric': wholeQuotient,
  'floor(numeric) numeric': floorNumeric,
  'ceil(numeric) numeric': ceilNumeric,
  'ceiling(numeric) numeric': ceilNumeric,
  'round(numeric) numeric': (value: Numeric) => roundNumeric(value, 0),
  'round(numeric, int4) numeric': (value: Numeric, scale: number) => roundNumeric(value, scaleOf(scale)),
  'trunc(numeric) numeric': (value: Numeric) => truncateNumeric(value, 0),
  'trunc(numeric, int4) numeric': (value: Numeric, scale: number) => truncateNumeric(value, scaleOf(scale)),
  'sign(numeric) numeric': (value: Numeric) =>
    value.isFinite ? numericOf(value.sign) : value.toString() === 'NaN' ? value : numericOf(value.sign),
  'sqrt(numeric) numeric': sqrtNumeric,
  'exp(numeric) numeric': expNumeric,
  'ln(numeric) numeric': lnNumeric,
  'log(numeric) numeric': (value: Numeric) => logNumeric(numericOf(10), value),
  'log10(numeric) numeric': (value: Numeric) => logNumeric(numericOf(10), value),
  'log(numeric, numeric) numeric': logNumeric,
  'power(numeric, numeric) numeric': powerNumeric,
  'pow(numeric, numeric) numeric': powerNumeric,
  'power(float8, float8) float8': power,
  'pow(float8, float8) float8': power,
  'atan2(float8, float8) float8': Math.atan2,
  'atan2d(float8, float8) float8': (y: number, x: number) => (Math.atan2(y, x) / Math.atan(1)) * 45,
  'pi() float8': () => Math.PI,
  'gcd(int4, int4) int4': gcdInteger('int4'),
  'gcd(int8, int8) int8': gcdInteger('int8'),
  'gcd(numeric, numeric) numeric': gcdNumeric,
  'lcm(int4, int4) int4': lcmInteger('int4'),
  'lcm(int8, int8) int8': lcmInteger('int8'),
  'lcm(numeric, numeric) numeric': lcmNumeric,
  'factorial(int8) numeric': factorial,
  'numeric_inc(numeric) numeric': (value: Numeric) => addNumeric(value, numericOf(1)),
  'scale(numeric) int4': (value: Numeric) => (value.isFinite ? value.scale : null),
  'min_scale(numeric) int4': (value: Numeric) => (value.isFinite ? minimalScale(value).scale : null),
  'trim_scale(numeric) numeric': minimalScale,
  'width_bucket(float8, float8, float8, int4) int4': widthBucket,
  'width_bucket(numeric, numeric, numeric, int4) int4': widthBucketNumeric,
};
