/**
 * An exact decimal number as SQL's `numeric` sees it: an integer and the count of its digits after the point.
 *
 * 1.0 and 1.00 are equal and print differently, so the scale is part of the value. Immutable. Infinities and NaN are
 * left out. Arithmetic lives with the SQL functions; this file only reads and prints.
 */

/** Digits before and after the decimal point, as in PostgreSQL. */
export const NUMERIC_WHOLE_DIGITS_MAX = 131_072;
export const NUMERIC_SCALE_MAX = 16_383;

export class Numeric {
  /** The value is `digits` / 10^`scale`. */
  readonly digits: bigint;
  /** 0 to `NUMERIC_SCALE_MAX`. */
  readonly scale: number;

  constructor(digits: bigint, scale: number) {
    this.digits = digits;
    this.scale = scale;
  }

  /** `-12.50`; never an exponent. */
  toString(): string {
    if (this.scale === 0) return this.digits.toString();
    const negative = this.digits < 0n;
    const all = (negative ? -this.digits : this.digits).toString().padStart(this.scale + 1, '0');
    const point = all.length - this.scale;
    return `${negative ? '-' : ''}${all.slice(0, point)}.${all.slice(point)}`;
  }
}

/**
 * Reads `[+-]digits[.digits][e[+-]digits]`. @returns undefined for any other text, and 'overflow' beyond the bounds,
 * which are checked before any number is built.
 */
export function parseNumeric(text: string): Numeric | 'overflow' | undefined {
  const match = /^([+-]?)(\d*)(?:\.(\d*))?(?:[eE]([+-]?\d+))?$/.exec(text);
  if (match === null) return undefined;
  const whole = match[2] ?? '';
  const fraction = match[3] ?? '';
  if (whole === '' && fraction === '') return undefined;
  const exponent = Number(match[4] ?? 0);
  if (Math.abs(exponent) > NUMERIC_WHOLE_DIGITS_MAX || whole.length + exponent > NUMERIC_WHOLE_DIGITS_MAX) {
    return 'overflow';
  }
  const scale = fraction.length - exponent;
  if (scale > NUMERIC_SCALE_MAX) return 'overflow';
  let digits = BigInt(whole + fraction);
  if (scale < 0) digits *= 10n ** BigInt(-scale);
  return new Numeric(match[1] === '-' ? -digits : digits, Math.max(scale, 0));
}
