/**
 * Arithmetic of `numeric`, with the scales that PostgreSQL chooses (its numeric.c): sums keep the larger scale, products
 * add them, quotients give at least 16 significant digits. Rounding is half away from zero.
 */

import { NUMERIC_WHOLE_DIGITS_MAX, Numeric } from '../../../models/relational/numeric.ts';
import { SqlError } from '../sql-error.ts';

const SIGNIFICANT_DIGITS_MIN = 16;
/** PostgreSQL computes in digits of base 10,000. */
const BASE_DIGITS = 4;
const DISPLAY_SCALE_MAX = 1_000;

const powers: bigint[] = [];

export function powerOfTen(exponent: number): bigint {
  if (exponent > 64) return 10n ** BigInt(exponent);
  for (let i = powers.length; i <= exponent; i++) powers.push(10n ** BigInt(i));
  return powers[exponent]!;
}

export function numericOf(value: number | bigint): Numeric {
  return new Numeric(BigInt(value), 0);
}

function aligned(a: Numeric, b: Numeric): readonly [bigint, bigint, number] {
  if (a.scale === b.scale) return [a.digits, b.digits, a.scale];
  if (a.scale > b.scale) return [a.digits, b.digits * powerOfTen(a.scale - b.scale), a.scale];
  return [a.digits * powerOfTen(b.scale - a.scale), b.digits, b.scale];
}

export function compareNumeric(a: Numeric, b: Numeric): number {
  const [x, y] = aligned(a, b);
  return x < y ? -1 : x > y ? 1 : 0;
}

export function addNumeric(a: Numeric, b: Numeric): Numeric {
  const [x, y, scale] = aligned(a, b);
  return bounded(new Numeric(x + y, scale));
}

export function subtractNumeric(a: Numeric, b: Numeric): Numeric {
  const [x, y, scale] = aligned(a, b);
  return bounded(new Numeric(x - y, scale));
}

export function multiplyNumeric(a: Numeric, b: Numeric): Numeric {
  const product = new Numeric(a.digits * b.digits, a.scale + b.scale);
  return bounded(roundNumeric(product, Math.min(product.scale, 2 * DISPLAY_SCALE_MAX)));
}

/** @throws SqlError `division_by_zero`. */
export function divideNumeric(a: Numeric, b: Numeric): Numeric {
  if (b.digits === 0n) throw new SqlError('division_by_zero', 'division by zero');
  const scale = divisionScale(a, b);
  // a / b to one digit more than wanted is not enough to round exactly; compare twice the remainder instead.
  const dividend = a.digits * powerOfTen(scale + b.scale);
  const divisor = b.digits * powerOfTen(a.scale);
  return bounded(new Numeric(divideRounded(dividend, divisor), scale));
}

/** The sign of the dividend. @throws SqlError `division_by_zero`. */
export function moduloNumeric(a: Numeric, b: Numeric): Numeric {
  if (b.digits === 0n) throw new SqlError('division_by_zero', 'division by zero');
  const [x, y, scale] = aligned(a, b);
  return new Numeric(x % y, scale);
}

/** Rounded, or filled up with zeros, to `scale` digits after the point. */
export function roundNumeric(value: Numeric, scale: number): Numeric {
  if (scale === value.scale) return value;
  if (scale > value.scale) return new Numeric(value.digits * powerOfTen(scale - value.scale), scale);
  return new Numeric(divideRounded(value.digits, powerOfTen(value.scale - scale)), scale);
}

/** Rounded to a whole number. */
export function integerOfNumeric(value: Numeric): bigint {
  return roundNumeric(value, 0).digits;
}

/** Applies `numeric(precision, scale)`. @throws SqlError `numeric_value_out_of_range`. */
export function applyNumericModifier(value: Numeric, modifier: number): Numeric {
  if (modifier < 0) return value;
  const precision = (modifier - 4) >>> 16;
  const scale = (modifier - 4) & 0xffff;
  const rounded = roundNumeric(value, scale);
  const magnitude = rounded.digits < 0n ? -rounded.digits : rounded.digits;
  if (magnitude >= powerOfTen(precision)) {
    throw new SqlError('numeric_value_out_of_range', 'numeric field overflow', {
      detail: `A field with precision ${precision}, scale ${scale} must round to an absolute value less than ${
        precision === scale ? '1' : `10^${precision - scale}`
      }.`,
    });
  }
  return rounded;
}

function divideRounded(dividend: bigint, divisor: bigint): bigint {
  const quotient = dividend / divisor;
  const remainder = dividend % divisor;
  const twice = (remainder < 0n ? -remainder : remainder) * 2n;
  if (twice < (divisor < 0n ? -divisor : divisor)) return quotient;
  return dividend < 0n === divisor < 0n ? quotient + 1n : quotient - 1n;
}

function divisionScale(a: Numeric, b: Numeric): number {
  const [weightA, firstA] = leadingDigit(a);
  const [weightB, firstB] = leadingDigit(b);
  let weight = weightA - weightB;
  if (firstA <= firstB) weight--;
  const scale = Math.max(SIGNIFICANT_DIGITS_MIN - weight * BASE_DIGITS, a.scale, b.scale, 0);
  return Math.min(scale, DISPLAY_SCALE_MAX);
}

/** Exponent and value of the first digit that is not zero, in base 10,000. */
function leadingDigit(value: Numeric): readonly [number, number] {
  if (value.digits === 0n) return [0, 0];
  const text = (value.digits < 0n ? -value.digits : value.digits).toString();
  const exponent = text.length - 1 - value.scale;
  const weight = Math.floor(exponent / BASE_DIGITS);
  const length = exponent - weight * BASE_DIGITS + 1;
  return [weight, Number(text.slice(0, length).padEnd(length, '0'))];
}

function bounded(value: Numeric): Numeric {
  // A quick look at the size first: turning a number to text costs more than the sum did.
  const magnitude = value.digits < 0n ? -value.digits : value.digits;
  if (magnitude >> 64n === 0n) return value;
  if (magnitude.toString(16).length * 1.3 < NUMERIC_WHOLE_DIGITS_MAX) return value;
  if (magnitude >= powerOfTen(NUMERIC_WHOLE_DIGITS_MAX + value.scale)) {
    throw new SqlError('numeric_value_out_of_range', 'value overflows numeric format');
  }
  return value;
}
