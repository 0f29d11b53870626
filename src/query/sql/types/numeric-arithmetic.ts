/**
 * Arithmetic of `numeric`, with the scales that PostgreSQL chooses (its numeric.c): sums keep the larger scale, products
 * add them, quotients give at least 16 significant digits. Rounding is half away from zero.
 */

import {
  isNaNumeric,
  NUMERIC_INFINITY,
  NUMERIC_MINUS_INFINITY,
  NUMERIC_NAN,
  NUMERIC_SCALE_MAX,
  NUMERIC_WHOLE_DIGITS_MAX,
  Numeric,
} from '../../../models/relational/numeric.ts';
import { SqlError } from '../sql-error.ts';

export const SIGNIFICANT_DIGITS_MIN = 16;
/** PostgreSQL computes in digits of base 10,000. */
const BASE_DIGITS = 4;
export const DISPLAY_SCALE_MAX = 1_000;

const powers: bigint[] = [];

export function powerOfTen(exponent: number): bigint {
  if (exponent > 64) return 10n ** BigInt(exponent);
  for (let i = powers.length; i <= exponent; i++) powers.push(10n ** BigInt(i));
  return powers[exponent]!;
}

export function numericOf(value: number | bigint): Numeric {
  return new Numeric(value, 0);
}

function aligned(a: Numeric, b: Numeric): readonly [bigint, bigint, number] {
  if (a.scale === b.scale) return [a.digits, b.digits, a.scale];
  if (a.scale > b.scale) return [a.digits, b.digits * powerOfTen(a.scale - b.scale), a.scale];
  return [a.digits * powerOfTen(b.scale - a.scale), b.digits, b.scale];
}

/** Powers of ten that are safe integers. */
const SMALL_POWERS = Array.from({ length: 16 }, (_, i) => 10 ** i);

/** The digits of `value` at a greater scale; NaN where they are no safe integer. */
function smallAt(value: Numeric, scale: number): number {
  if (value.scale === scale) return value.small;
  const power = SMALL_POWERS[scale - value.scale];
  if (power === undefined) return Number.NaN;
  const digits = value.small * power;
  return digits >= -Number.MAX_SAFE_INTEGER && digits <= Number.MAX_SAFE_INTEGER ? digits : Number.NaN;
}

/** NaN equals itself and is above everything else. */
export function compareNumeric(a: Numeric, b: Numeric): number {
  if (a.scale < 0 || b.scale < 0) return rank(a) - rank(b);
  const scale = a.scale > b.scale ? a.scale : b.scale;
  const [p, q] = [smallAt(a, scale), smallAt(b, scale)];
  if (p < q) return -1;
  if (p > q) return 1;
  if (p === q) return 0;
  const [x, y] = aligned(a, b);
  return x < y ? -1 : x > y ? 1 : 0;
}

function rank(value: Numeric): number {
  return isNaNumeric(value) ? 2 : value.isFinite ? 0 : value.sign;
}

function infinity(sign: number): Numeric {
  return sign > 0 ? NUMERIC_INFINITY : NUMERIC_MINUS_INFINITY;
}

export function negateNumeric(value: Numeric): Numeric {
  if (value.scale >= 0) return new Numeric(-value.digits, value.scale);
  return isNaNumeric(value) ? value : infinity(-value.sign);
}

export function addNumeric(a: Numeric, b: Numeric): Numeric {
  if (a.scale < 0 || b.scale < 0) {
    if (isNaNumeric(a) || isNaNumeric(b)) return NUMERIC_NAN;
    if (a.isFinite) return b;
    return b.isFinite || a.sign === b.sign ? a : NUMERIC_NAN;
  }
  const common = a.scale > b.scale ? a.scale : b.scale;
  const sum = smallAt(a, common) + smallAt(b, common);
  if (sum >= -Number.MAX_SAFE_INTEGER && sum <= Number.MAX_SAFE_INTEGER) return new Numeric(sum, common);
  const [x, y, scale] = aligned(a, b);
  return bounded(new Numeric(x + y, scale));
}

export function subtractNumeric(a: Numeric, b: Numeric): Numeric {
  if (a.scale < 0 || b.scale < 0) return addNumeric(a, negateNumeric(b));
  const common = a.scale > b.scale ? a.scale : b.scale;
  const difference = smallAt(a, common) - smallAt(b, common);
  if (difference >= -Number.MAX_SAFE_INTEGER && difference <= Number.MAX_SAFE_INTEGER) {
    return new Numeric(difference, common);
  }
  const [x, y, scale] = aligned(a, b);
  return bounded(new Numeric(x - y, scale));
}

export function multiplyNumeric(a: Numeric, b: Numeric): Numeric {
  if (a.scale < 0 || b.scale < 0) {
    if (isNaNumeric(a) || isNaNumeric(b) || a.sign === 0 || b.sign === 0) return NUMERIC_NAN;
    return infinity(a.sign * b.sign);
  }
  const small = a.small * b.small;
  const scale = a.scale + b.scale;
  if (small >= -Number.MAX_SAFE_INTEGER && small <= Number.MAX_SAFE_INTEGER && scale <= NUMERIC_SCALE_MAX) {
    // Not the zero that is below itself.
    return new Numeric(small + 0, scale);
  }
  const product = new Numeric(a.digits * b.digits, scale);
  return bounded(roundNumeric(product, Math.min(product.scale, NUMERIC_SCALE_MAX)));
}

/** A sum whatever its size: for values on the way to a result, of which squares have twice the digits. */
export function addExactly(a: Numeric, b: Numeric): Numeric {
  if (a.scale < 0 || b.scale < 0) return addNumeric(a, b);
  const common = a.scale > b.scale ? a.scale : b.scale;
  const sum = smallAt(a, common) + smallAt(b, common);
  if (sum >= -Number.MAX_SAFE_INTEGER && sum <= Number.MAX_SAFE_INTEGER) return new Numeric(sum, common);
  const [x, y, scale] = aligned(a, b);
  return new Numeric(x + y, scale);
}

/** A product with all of its digits, as `addExactly`. */
export function multiplyExactly(a: Numeric, b: Numeric): Numeric {
  if (a.scale < 0 || b.scale < 0) return multiplyNumeric(a, b);
  const small = a.small * b.small;
  const scale = a.scale + b.scale;
  if (small >= -Number.MAX_SAFE_INTEGER && small <= Number.MAX_SAFE_INTEGER) return new Numeric(small + 0, scale);
  return new Numeric(a.digits * b.digits, scale);
}

function divisionByZero(): SqlError {
  return new SqlError('division_by_zero', 'division by zero');
}

/** @throws SqlError `division_by_zero`. */
export function divideNumeric(a: Numeric, b: Numeric): Numeric {
  if (a.scale < 0 || b.scale < 0) {
    if (isNaNumeric(a) || isNaNumeric(b)) return NUMERIC_NAN;
    if (b.sign === 0) throw divisionByZero();
    if (a.isFinite) return numericOf(0);
    return b.isFinite ? infinity(a.sign * b.sign) : NUMERIC_NAN;
  }
  if (b.digits === 0n) throw divisionByZero();
  return divideToScale(a, b, divisionScale(a, b));
}

/** Of finite numbers, `b` not zero; rounded to `scale` digits. */
function divideToScale(a: Numeric, b: Numeric, scale: number): Numeric {
  // a / b to one digit more than wanted is not enough to round exactly; compare twice the remainder instead.
  const dividend = a.digits * powerOfTen(scale + b.scale);
  const divisor = b.digits * powerOfTen(a.scale);
  return bounded(new Numeric(divideRounded(dividend, divisor), scale));
}

/** The sign of the dividend. @throws SqlError `division_by_zero`. */
export function moduloNumeric(a: Numeric, b: Numeric): Numeric {
  if (a.scale < 0 || b.scale < 0) {
    if (isNaNumeric(a) || isNaNumeric(b)) return NUMERIC_NAN;
    if (b.sign === 0) throw divisionByZero();
    return a.isFinite ? a : NUMERIC_NAN;
  }
  if (b.digits === 0n) throw divisionByZero();
  const [x, y, scale] = aligned(a, b);
  return new Numeric(x % y, scale);
}

/** Rounded, or filled up with zeros, to `scale` digits after the point; with a negative scale to tens, hundreds, …. */
export function roundNumeric(value: Numeric, scale: number): Numeric {
  if (scale === value.scale || value.scale < 0) return value;
  if (scale < 0) {
    const shifted = divideRounded(value.digits, powerOfTen(value.scale - scale));
    return bounded(new Numeric(shifted * powerOfTen(-scale), 0));
  }
  if (scale > value.scale) return new Numeric(value.digits * powerOfTen(scale - value.scale), scale);
  return new Numeric(divideRounded(value.digits, powerOfTen(value.scale - scale)), scale);
}

/** Digits beyond `scale` cut off. */
export function truncateNumeric(value: Numeric, scale: number): Numeric {
  if (scale >= value.scale) return scale >= 0 ? roundNumeric(value, scale) : value;
  if (value.scale < 0) return value;
  const kept = value.digits / powerOfTen(value.scale - scale);
  return scale >= 0 ? new Numeric(kept, scale) : new Numeric(kept * powerOfTen(-scale), 0);
}

/** Rounded to a whole number. @throws SqlError `feature_not_supported` for NaN and the infinities. */
export function integerOfNumeric(value: Numeric, title = 'integer'): bigint {
  if (value.scale >= 0) return roundNumeric(value, 0).digits;
  throw new SqlError('feature_not_supported', `cannot convert ${isNaNumeric(value) ? 'NaN' : 'infinity'} to ${title}`);
}

/** Applies `numeric(precision, scale)`. @throws SqlError `numeric_value_out_of_range`. */
export function applyNumericModifier(value: Numeric, modifier: number): Numeric {
  if (modifier < 0 || isNaNumeric(value)) return value;
  const precision = (modifier - 4) >>> 16;
  // Signed, in eleven bits.
  const scale = (((modifier - 4) & 0x7ff) ^ 1_024) - 1_024;
  const fail = (ending: string): never => {
    throw new SqlError('numeric_value_out_of_range', 'numeric field overflow', {
      detail: `A field with precision ${precision}, scale ${scale} ${ending}`,
    });
  };
  if (!value.isFinite) return fail('cannot hold an infinite value.');
  const rounded = roundNumeric(value, scale);
  const magnitude = rounded.digits < 0n ? -rounded.digits : rounded.digits;
  if (magnitude !== 0n && magnitude >= powerOfTen(precision + Math.max(-scale, 0))) {
    return fail(`must round to an absolute value less than ${precision === scale ? '1' : `10^${precision - scale}`}.`);
  }
  return rounded;
}

export function divideRounded(dividend: bigint, divisor: bigint): bigint {
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
export function leadingDigit(value: Numeric): readonly [number, number] {
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
