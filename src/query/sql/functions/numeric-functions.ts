/**
 * Roots, powers, exponentials and logarithms of `numeric`, to the digits that PostgreSQL gives (numeric.c): results have at least 16
 * significant digits and never fewer decimals than the arguments. Computed on integers with guard digits to spare.
 */

import {
  isNaNumeric,
  NUMERIC_INFINITY,
  NUMERIC_MINUS_INFINITY,
  NUMERIC_NAN,
  Numeric,
} from '../../../models/relational/numeric.ts';
import { SqlError } from '../sql-error.ts';
import {
  compareNumeric,
  DISPLAY_SCALE_MAX,
  divideNumeric,
  divideRounded,
  integerOfNumeric,
  leadingDigit,
  multiplyNumeric,
  numericOf,
  powerOfTen,
  roundNumeric,
  SIGNIFICANT_DIGITS_MIN,
} from '../types/numeric-arithmetic.ts';

const GUARD_DIGITS = 20;
const BASE_DIGITS = 4;

function clampScale(scale: number, ...least: readonly number[]): number {
  return Math.min(Math.max(scale, 0, ...least), DISPLAY_SCALE_MAX);
}

function weightOf(value: Numeric): number {
  return leadingDigit(value)[0];
}

/** The value times 10^places, rounded. */
function scaled(value: Numeric, places: number): bigint {
  if (places >= value.scale) return value.digits * powerOfTen(places - value.scale);
  return divideRounded(value.digits, powerOfTen(value.scale - places));
}

/** Floor of the square root. */
function squareRoot(value: bigint): bigint {
  if (value < 2n) return value;
  let guess = 1n << BigInt((value.toString(2).length + 1) >> 1);
  for (;;) {
    const next = (guess + value / guess) >> 1n;
    if (next >= guess) return guess;
    guess = next;
  }
}

/** @throws SqlError `invalid_argument_for_power_function`. */
export function sqrtNumeric(value: Numeric): Numeric {
  if (!value.isFinite) {
    if (value.sign < 0) throw negativeRoot();
    return value;
  }
  if (value.digits < 0n) throw negativeRoot();
  const weight = Math.floor(((weightOf(value) + 1) * BASE_DIGITS) / 2 - 1);
  const scale = clampScale(SIGNIFICANT_DIGITS_MIN - weight, value.scale);
  if (value.digits === 0n) return new Numeric(0n, scale);
  const root = squareRoot(scaled(value, (scale + 1) * 2));
  return new Numeric(divideRounded(root, 10n), scale);
}

function negativeRoot(): SqlError {
  return new SqlError('invalid_argument_for_power_function', 'cannot take square root of a negative number');
}

/** Of a finite number that is not negative. */
export function sqrtToScale(value: Numeric, scale: number): Numeric {
  return new Numeric(divideRounded(squareRoot(scaled(value, (scale + 1) * 2)), 10n), scale);
}

/** e^x, times 10^places. `x` is times 10^places as well. */
function expScaled(x: bigint, places: number): bigint {
  const one = powerOfTen(places);
  // Halve until it is small, square afterwards: each squaring doubles the error, which the guard digits take.
  let halvings = 0;
  let rest = x;
  const small = one / 1_000n;
  while (rest > small || rest < -small) {
    rest /= 2n;
    halvings++;
  }
  let sum = one;
  let term = one;
  for (let n = 1n; term !== 0n; n++) {
    term = (term * rest) / one / n;
    sum += term;
  }
  for (; halvings > 0; halvings--) sum = (sum * sum) / one;
  return sum;
}

/** ln x, times 10^places; `x` is positive and times 10^places. */
function lnScaled(x: bigint, places: number): bigint {
  const one = powerOfTen(places);
  // Bring it near 1 by square roots; each doubles the logarithm that is left.
  let value = x;
  let doublings = 0;
  while (value > (one * 11n) / 10n || value < (one * 9n) / 10n) {
    value = squareRoot(value * one);
    doublings++;
  }
  // ln v = 2 atanh((v - 1) / (v + 1))
  const z = ((value - one) * one) / (value + one);
  const square = (z * z) / one;
  let sum = 0n;
  let term = z;
  for (let n = 1n; term !== 0n; n += 2n) {
    sum += term / n;
    term = (term * square) / one;
  }
  return (2n * sum) << BigInt(doublings);
}

function overflow(): SqlError {
  return new SqlError('numeric_value_out_of_range', 'value overflows numeric format');
}

/** Beyond it PostgreSQL's own digits end (numeric.c: exp_var). */
const EXPONENT_MAX = 6_000;

export function expNumeric(value: Numeric): Numeric {
  if (!value.isFinite) return isNaNumeric(value) || value.sign > 0 ? value : numericOf(0);
  const decimal = Number(value.toString()) * Math.LOG10E;
  if (Number(value.toString()) >= EXPONENT_MAX) throw overflow();
  const scale = clampScale(SIGNIFICANT_DIGITS_MIN - Math.trunc(decimal), value.scale);
  if (decimal < -scale - 2) return new Numeric(0n, scale);
  const places = scale + GUARD_DIGITS + Math.max(0, Math.ceil(decimal)) * 2;
  return new Numeric(divideRounded(expScaled(scaled(value, places), places), powerOfTen(places - scale)), scale);
}

/** An estimate of the decimal weight of ln, as PostgreSQL makes it. */
function lnWeight(value: Numeric): number {
  if (value.digits <= 0n) return 0;
  if (compareNumeric(value, new Numeric(9n, 1)) >= 0 && compareNumeric(value, new Numeric(11n, 1)) <= 0) {
    const rest = new Numeric(value.digits - powerOfTen(value.scale), value.scale);
    if (rest.digits === 0n) return 0;
    return weightOf(rest) * BASE_DIGITS + Math.trunc(Math.log10(leadingDigit(rest)[1]));
  }
  const digits = value.digits.toString();
  const ln =
    Math.log(Number(digits.slice(0, 15))) + (digits.length - Math.min(15, digits.length) - value.scale) * Math.LN10;
  return Math.trunc(Math.log10(Math.abs(ln)));
}

function checkLog(value: Numeric): void {
  if (isNaNumeric(value)) return;
  if (value.sign === 0) throw new SqlError('invalid_argument_for_logarithm', 'cannot take logarithm of zero');
  if (value.sign < 0)
    throw new SqlError('invalid_argument_for_logarithm', 'cannot take logarithm of a negative number');
}

function lnPlaces(value: Numeric, scale: number): number {
  return scale + GUARD_DIGITS + value.scale + 10;
}

function lnTo(value: Numeric, places: number): bigint {
  return lnScaled(scaled(value, places), places);
}

/** @throws SqlError `invalid_argument_for_logarithm`. */
export function lnNumeric(value: Numeric): Numeric {
  checkLog(value);
  if (!value.isFinite) return value;
  const scale = clampScale(SIGNIFICANT_DIGITS_MIN - lnWeight(value), value.scale);
  const places = lnPlaces(value, scale);
  return new Numeric(divideRounded(lnTo(value, places), powerOfTen(places - scale)), scale);
}

/** Logarithm of `value` to `base`. */
export function logNumeric(base: Numeric, value: Numeric): Numeric {
  if (isNaNumeric(base) || isNaNumeric(value)) return NUMERIC_NAN;
  checkLog(base);
  checkLog(value);
  if (!base.isFinite || !value.isFinite) {
    if (!base.isFinite) return value.isFinite ? numericOf(0) : NUMERIC_NAN;
    return NUMERIC_INFINITY;
  }
  const baseWeight = lnWeight(base);
  const valueWeight = lnWeight(value);
  const resultWeight = valueWeight - baseWeight;
  const scale = clampScale(SIGNIFICANT_DIGITS_MIN - resultWeight, base.scale, value.scale);
  const places = Math.max(lnPlaces(base, scale), lnPlaces(value, scale)) + Math.abs(baseWeight) + Math.abs(valueWeight);
  const divisor = lnTo(base, places);
  if (divisor === 0n) throw new SqlError('division_by_zero', 'division by zero');
  return new Numeric(divideRounded(lnTo(value, places) * powerOfTen(scale), divisor), scale);
}

/** @throws SqlError `invalid_argument_for_power_function`, `numeric_value_out_of_range`. */
export function powerNumeric(base: Numeric, exponent: Numeric): Numeric {
  if (!base.isFinite || !exponent.isFinite) return powerOfSpecial(base, exponent);
  if (base.digits === 0n && exponent.digits < 0n) {
    throw new SqlError('invalid_argument_for_power_function', 'zero raised to a negative power is undefined');
  }
  const whole = roundNumeric(exponent, 0);
  const isWhole = compareNumeric(whole, exponent) === 0;
  if (base.digits < 0n && !isWhole) {
    throw new SqlError(
      'invalid_argument_for_power_function',
      'a negative number raised to a non-integer power yields a complex result',
    );
  }
  if (isWhole && whole.digits >= -2_147_483_648n && whole.digits <= 2_147_483_647n) {
    return wholePower(base, Number(whole.digits));
  }
  if (base.digits === 0n) return new Numeric(0n, SIGNIFICANT_DIGITS_MIN);
  const magnitude = base.digits < 0n ? new Numeric(-base.digits, base.scale) : base;
  // A few digits of the result's logarithm first: how large it will be says how many are needed. Near 1 they come late.
  const lateness = Math.max(0, -lnWeight(magnitude));
  const exponentDigits = Math.max(0, exponent.digits.toString().length - exponent.scale);
  const roughPlaces = GUARD_DIGITS + lateness;
  const rough = (lnTo(magnitude, roughPlaces) * exponent.digits) / powerOfTen(exponent.scale);
  const estimate = Number(`${rough}e-${roughPlaces}`);
  if (estimate > EXPONENT_MAX) throw overflow();
  if (estimate < -EXPONENT_MAX) return new Numeric(0n, DISPLAY_SCALE_MAX);
  const weight = Math.trunc(estimate * Math.LOG10E);
  const scale = clampScale(SIGNIFICANT_DIGITS_MIN - weight, base.scale, exponent.scale);
  if (weight < -scale - 2) return new Numeric(0n, scale);
  const places = scale + GUARD_DIGITS + Math.abs(weight) * 2 + exponentDigits + lateness + 10;
  const product = (lnTo(magnitude, places) * exponent.digits) / powerOfTen(exponent.scale);
  const result = new Numeric(divideRounded(expScaled(product, places), powerOfTen(places - scale)), scale);
  return base.digits < 0n && integerOfNumeric(whole) % 2n !== 0n ? new Numeric(-result.digits, scale) : result;
}

function wholePower(base: Numeric, exponent: number): Numeric {
  if (base.digits === 0n)
    return new Numeric(exponent === 0 ? powerOfTen(SIGNIFICANT_DIGITS_MIN) : 0n, SIGNIFICANT_DIGITS_MIN);
  const digits = (base.digits < 0n ? -base.digits : base.digits).toString();
  const log = Math.log10(Number(`0.${digits.slice(0, 17)}`)) + digits.length - base.scale;
  const estimate = exponent * log;
  if (estimate > 131_072) throw overflow();
  const scale = clampScale(SIGNIFICANT_DIGITS_MIN, base.scale);
  if (estimate < -scale - 2) return new Numeric(0n, scale);
  if (exponent >= 0) {
    const bits = digits.length * exponent;
    if (bits < 20_000) return roundNumeric(new Numeric(base.digits ** BigInt(exponent), base.scale * exponent), scale);
  }
  // By squaring, on as many digits as the result can show.
  const keep = scale + Math.max(0, Math.ceil(estimate)) + GUARD_DIGITS + Math.ceil(Math.abs(estimate));
  let result = new Numeric(1n, 0);
  let square = base;
  for (let rest = Math.abs(exponent); rest > 0; rest = Math.floor(rest / 2)) {
    if (rest % 2 === 1) result = limited(multiplyExact(result, square), keep);
    if (rest > 1) square = limited(multiplyExact(square, square), keep);
  }
  if (exponent >= 0) return roundNumeric(result, scale);
  return new Numeric(divideRounded(powerOfTen(scale + result.scale), result.digits), scale);
}

function multiplyExact(a: Numeric, b: Numeric): Numeric {
  return new Numeric(a.digits * b.digits, a.scale + b.scale);
}

/** With as many significant digits, and no more. */
function limited(value: Numeric, digits: number): Numeric {
  const excess = value.digits.toString().length - digits - GUARD_DIGITS;
  if (excess <= 0) return value;
  return new Numeric(value.digits / powerOfTen(excess), value.scale - excess);
}

function powerOfSpecial(base: Numeric, exponent: Numeric): Numeric {
  const one = numericOf(1);
  const isOne = base.isFinite && compareNumeric(base, one) === 0;
  if (exponent.isFinite && exponent.digits === 0n) return one;
  if (isOne) return one;
  if (isNaNumeric(base) || isNaNumeric(exponent)) return NUMERIC_NAN;
  if (!exponent.isFinite) {
    const magnitude = base.isFinite
      ? compareNumeric(base.sign < 0 ? new Numeric(-base.digits, base.scale) : base, one)
      : 1;
    if (magnitude === 0) return one;
    if (base.isFinite && base.digits === 0n && exponent.sign < 0) {
      throw new SqlError('invalid_argument_for_power_function', 'zero raised to a negative power is undefined');
    }
    return magnitude > 0 === exponent.sign > 0 ? NUMERIC_INFINITY : numericOf(0);
  }
  if (exponent.sign < 0) return numericOf(0);
  if (base.sign > 0) return NUMERIC_INFINITY;
  const whole = roundNumeric(exponent, 0);
  if (compareNumeric(whole, exponent) !== 0) {
    throw new SqlError(
      'invalid_argument_for_power_function',
      'a negative number raised to a non-integer power yields a complex result',
    );
  }
  return whole.digits % 2n === 0n ? NUMERIC_INFINITY : NUMERIC_MINUS_INFINITY;
}

/** The product of 1 to n. */
export function factorial(n: bigint): Numeric {
  if (n < 0n) throw new SqlError('numeric_value_out_of_range', 'factorial of a negative number is undefined');
  if (n > 32_177n) throw overflow();
  let product = 1n;
  for (let i = 2n; i <= n; i++) product *= i;
  return numericOf(product);
}

/** The whole part of a quotient. */
export function wholeQuotient(a: Numeric, b: Numeric): Numeric {
  if (!a.isFinite || !b.isFinite || b.digits === 0n) return divideNumeric(a, b);
  const scale = Math.max(a.scale, b.scale);
  return numericOf(scaled(a, scale) / scaled(b, scale));
}

export function gcdNumeric(a: Numeric, b: Numeric): Numeric {
  if (!a.isFinite || !b.isFinite) return NUMERIC_NAN;
  const scale = Math.max(a.scale, b.scale);
  let [x, y] = [scaled(a, scale), scaled(b, scale)];
  while (y !== 0n) [x, y] = [y, x % y];
  return new Numeric(x < 0n ? -x : x, scale);
}

export function lcmNumeric(a: Numeric, b: Numeric): Numeric {
  if (!a.isFinite || !b.isFinite) return NUMERIC_NAN;
  const scale = Math.max(a.scale, b.scale);
  if (a.digits === 0n || b.digits === 0n) return new Numeric(0n, scale);
  const product = multiplyNumeric(wholeQuotient(a, gcdNumeric(a, b)), b);
  return roundNumeric(product.digits < 0n ? new Numeric(-product.digits, product.scale) : product, scale);
}
