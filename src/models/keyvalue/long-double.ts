/**
 * INCRBYFLOAT's arithmetic: the x87 `long double` of Redis on x86-64, a 64-bit mantissa that rounds half to even, printed with
 * at most 17 digits behind the point. Numbers are exact fractions of big integers, so the same text comes out everywhere.
 *
 * Accepted text is what `strtold` accepts: decimal and hexadecimal, with or without exponent, `inf` and `infinity`. NaN, blanks,
 * and what over- or underflows the type are refused.
 */

import type { Bytes } from '../../base/bytes.ts';
import { latin1 } from '../../base/bytes.ts';

/** `mantissa * 2^exponent`; the mantissa has at most 64 bits and carries the sign. */
interface Finite {
  readonly mantissa: bigint;
  readonly exponent: number;
}

export type LongDouble = Finite | 'infinite';

const MANTISSA_BITS = 64;
/** Beyond the largest finite value, 2^16384. */
const MAGNITUDE_BITS_MAX = 16_384;
const SMALLEST_EXPONENT = -16_445;
const TEXT_BYTES_MAX = 5 * 1024;
const DIGITS_SHOWN = 17;

const DECIMAL = /^([+-]?)(\d*)\.?(\d*)(?:[eE]([+-]?\d+))?$/;
const HEXADECIMAL = /^([+-]?)0[xX]([0-9a-fA-F]*)\.?([0-9a-fA-F]*)(?:[pP]([+-]?\d+))?$/;
const INFINITE = /^[+-]?inf(?:inity)?$/i;

/** The number that the whole of `bytes` spells; undefined when it spells none. */
export function parseLongDouble(bytes: Bytes): LongDouble | undefined {
  if (bytes.length === 0 || bytes.length >= TEXT_BYTES_MAX) return undefined;
  const text = latin1(bytes);
  if (INFINITE.test(text)) return 'infinite';
  const decimal = DECIMAL.exec(text);
  const hexadecimal = decimal === null ? HEXADECIMAL.exec(text) : null;
  const match = decimal ?? hexadecimal;
  if (match === null) return undefined;
  const [, sign, whole = '', fraction = '', power = '0'] = match;
  if (whole.length + fraction.length === 0) return undefined;
  const digits = BigInt(`${decimal === null ? '0x' : ''}${whole}${fraction}`);
  if (digits === 0n) return ZERO;
  const exponent = Number(power);
  const perDigit = decimal === null ? 4 : 1;
  const scale = exponent - fraction.length * perDigit;
  // Far outside of the range: decided before huge powers are computed.
  if (Math.abs(scale) > 6 * MAGNITUDE_BITS_MAX + 4 * text.length) return undefined;
  let numerator = sign === '-' ? -digits : digits;
  let denominator = 1n;
  const base = decimal === null ? 2n : 10n;
  if (scale >= 0) numerator *= base ** BigInt(scale);
  else denominator = base ** BigInt(-scale);
  const value = rounded(numerator, denominator);
  if (value === 'infinite' || value.mantissa === 0n) return undefined;
  return value;
}

const ZERO: Finite = { mantissa: 0n, exponent: 0 };

/** The sum; `infinite` beyond the range of the type. */
export function addLongDoubles(a: LongDouble, b: LongDouble): LongDouble {
  if (a === 'infinite' || b === 'infinite') return 'infinite';
  const exponent = Math.min(a.exponent, b.exponent);
  const sum = a.mantissa * 2n ** BigInt(a.exponent - exponent) + b.mantissa * 2n ** BigInt(b.exponent - exponent);
  return exponent >= 0 ? rounded(sum * 2n ** BigInt(exponent), 1n) : rounded(sum, 2n ** BigInt(-exponent));
}

/** The nearest value of the type. */
function rounded(numerator: bigint, denominator: bigint): LongDouble {
  if (numerator === 0n) return ZERO;
  const negative = numerator < 0n;
  const magnitude = negative ? -numerator : numerator;
  let exponent = bits(magnitude) - bits(denominator) - MANTISSA_BITS;
  for (;;) {
    exponent = Math.max(exponent, SMALLEST_EXPONENT);
    const mantissa = dividedToEven(
      exponent < 0 ? magnitude << BigInt(-exponent) : magnitude,
      exponent < 0 ? denominator : denominator << BigInt(exponent),
    );
    if (bits(mantissa) > MANTISSA_BITS) {
      exponent++;
      continue;
    }
    if (bits(mantissa) + exponent > MAGNITUDE_BITS_MAX) return 'infinite';
    return { mantissa: negative ? -mantissa : mantissa, exponent };
  }
}

function dividedToEven(numerator: bigint, denominator: bigint): bigint {
  const quotient = numerator / denominator;
  const twice = 2n * (numerator % denominator);
  if (twice < denominator || (twice === denominator && quotient % 2n === 0n)) return quotient;
  return quotient + 1n;
}

function bits(value: bigint): number {
  const hexadecimal = value.toString(16);
  return (hexadecimal.length - 1) * 4 + (32 - Math.clz32(Number.parseInt(hexadecimal[0]!, 16)));
}

/** As `%.17Lf` without trailing zeros. */
export function formatLongDouble({ mantissa, exponent }: Finite): string {
  const negative = mantissa < 0n;
  const scaled = (negative ? -mantissa : mantissa) * 10n ** BigInt(DIGITS_SHOWN);
  const shown = exponent >= 0 ? scaled << BigInt(exponent) : dividedToEven(scaled, 1n << BigInt(-exponent));
  if (shown === 0n) return '0';
  const digits = shown.toString().padStart(DIGITS_SHOWN + 1, '0');
  const fraction = digits.slice(-DIGITS_SHOWN).replace(/0+$/, '');
  return `${negative ? '-' : ''}${digits.slice(0, -DIGITS_SHOWN)}${fraction === '' ? '' : `.${fraction}`}`;
}
