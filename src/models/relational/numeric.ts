/**
 * An exact decimal number as SQL's `numeric` sees it: an integer and the count of its digits after the point.
 *
 * 1.0 and 1.00 are equal and print differently, so the scale is part of the value. Immutable. NaN and the infinities are three
 * values of their own, told by a negative scale. Arithmetic lives with the SQL functions; this file only reads and prints.
 */

/** Digits before and after the decimal point, as in PostgreSQL. */
export const NUMERIC_WHOLE_DIGITS_MAX = 131_072;
export const NUMERIC_SCALE_MAX = 16_383;

const SMALL_MAX = BigInt(Number.MAX_SAFE_INTEGER);
const SMALL_MIN = -SMALL_MAX;
const NAN_SCALE = -1;
const INFINITY_SCALE = -2;
const MINUS_INFINITY_SCALE = -3;

export class Numeric {
  /** 0 to `NUMERIC_SCALE_MAX`; below 0 for NaN and the infinities. */
  readonly scale: number;
  /** The digits where they are a safe integer, else NaN: most are, and numbers are added much faster than bigints. */
  readonly small: number;
  /** The digits where `small` does not hold them. */
  readonly large: bigint | undefined;

  /** @param digits A bigint, or a safe integer. */
  constructor(digits: bigint | number, scale: number) {
    this.scale = scale;
    if (typeof digits === 'number') {
      this.small = digits;
      this.large = undefined;
    } else if (digits >= SMALL_MIN && digits <= SMALL_MAX) {
      this.small = Number(digits);
      this.large = undefined;
    } else {
      this.small = Number.NaN;
      this.large = digits;
    }
  }

  /** The value is `digits` / 10^`scale`; 0 when it is not finite. */
  get digits(): bigint {
    return this.large ?? BigInt(this.small);
  }

  get isFinite(): boolean {
    return this.scale >= 0;
  }

  /** -1, 0 or 1; NaN counts as positive. */
  get sign(): number {
    if (this.scale < 0) return this.scale === MINUS_INFINITY_SCALE ? -1 : 1;
    if (this.large !== undefined) return this.large < 0n ? -1 : 1;
    return this.small < 0 ? -1 : this.small > 0 ? 1 : 0;
  }

  /** `-12.50`, `NaN`, `Infinity`; never an exponent. */
  toString(): string {
    if (this.scale <= 0) {
      if (this.scale === 0) return (this.large ?? this.small).toString();
      return this.scale === NAN_SCALE ? 'NaN' : this.scale === INFINITY_SCALE ? 'Infinity' : '-Infinity';
    }
    const negative = this.sign < 0;
    const digits = (this.large ?? this.small).toString();
    const all = (negative ? digits.slice(1) : digits).padStart(this.scale + 1, '0');
    const point = all.length - this.scale;
    return `${negative ? '-' : ''}${all.slice(0, point)}.${all.slice(point)}`;
  }
}

export const NUMERIC_NAN = new Numeric(0n, NAN_SCALE);
export const NUMERIC_INFINITY = new Numeric(0n, INFINITY_SCALE);
export const NUMERIC_MINUS_INFINITY = new Numeric(0n, MINUS_INFINITY_SCALE);

export function isNaNumeric(value: Numeric): boolean {
  return value.scale === NAN_SCALE;
}

/**
 * Reads `[+-]digits[.digits][e[+-]digits]` and, in any case, `NaN`, `[+-]inf`, `[+-]infinity`. @returns undefined for any other
 * text, and 'overflow' beyond the bounds, which are checked before any number is built.
 */
export function parseNumeric(text: string): Numeric | 'overflow' | undefined {
  const match = /^([+-]?)(\d*)(?:\.(\d*))?(?:[eE]([+-]?\d+))?$/.exec(text);
  if (match === null) return notFinite(text);
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

function notFinite(text: string): Numeric | undefined {
  switch (text.toLowerCase()) {
    case 'nan':
      return NUMERIC_NAN;
    case 'inf':
    case '+inf':
    case 'infinity':
    case '+infinity':
      return NUMERIC_INFINITY;
    case '-inf':
    case '-infinity':
      return NUMERIC_MINUS_INFINITY;
    default:
      return undefined;
  }
}
