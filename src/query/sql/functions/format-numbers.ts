/**
 * to_char of numbers and to_number (manual, 9.8; PostgreSQL's formatting.c, NUM_processor): digits are set into the places of
 * a template, or read out of them. The locale is "C": a point, commas between thousands, a space for the currency.
 */

import { NUMERIC_NAN, Numeric } from '../../../models/relational/numeric.ts';
import { SqlError } from '../sql-error.ts';
import { multiplyNumeric, numericOf, powerOfTen, roundNumeric } from '../types/numeric-arithmetic.ts';
import { keywordsOf, ordinalEnding, parseTemplate, type TemplateNode } from './format-template.ts';

const KEYWORDS = keywordsOf(
  ', . 0 9 B C D EEEE FM G L MI PL PR RN SG SP S TH V b c d eeee fm g l mi pl pr rn sg sp s th v'
    .split(' ')
    .map((name) => ({ name, id: name.toUpperCase(), isDigit: false })),
);

/** What a template says about the number as a whole. */
interface Layout {
  readonly nodes: readonly TemplateNode[];
  /** Places before and behind the point, and those that V adds. */
  readonly pre: number;
  readonly post: number;
  readonly multi: number;
  readonly hasMulti: boolean;
  readonly fill: boolean;
  readonly decimal: boolean;
  readonly zero: boolean;
  /** The place of the first 0, and how many places there are up to the last. */
  readonly zeroStart: number;
  readonly zeroEnd: number;
  readonly bracket: boolean;
  readonly plus: boolean;
  readonly minus: boolean;
  readonly roman: boolean;
  readonly scientific: boolean;
  /** S: before the first digit or behind the last. */
  readonly sign: 'none' | 'before' | 'behind';
  readonly placesBeforeSign: number;
}

const syntax = (message: string, detail?: string): SqlError => new SqlError('syntax_error', message, { detail });

function layoutOf(template: string): Layout {
  const nodes = parseTemplate(template, KEYWORDS, false);
  const layout = {
    nodes,
    pre: 0,
    post: 0,
    multi: 0,
    fill: false,
    decimal: false,
    zero: false,
    zeroStart: 0,
    zeroEnd: 0,
    bracket: false,
    plus: false,
    minus: false,
    roman: false,
    scientific: false,
    blank: false,
    hasMulti: false,
    sign: 'none' as Layout['sign'],
    placesBeforeSign: 0,
  };
  const hasSign = (): boolean => layout.sign !== 'none';
  for (const node of nodes) {
    if (node.kind !== 'field') continue;
    const { id } = node.keyword;
    if (layout.scientific && id !== 'EEEE') throw syntax('"EEEE" must be the last pattern used');
    switch (id) {
      case '9':
        if (layout.bracket) throw syntax('"9" must be ahead of "PR"');
        if (layout.hasMulti) layout.multi++;
        else if (layout.decimal) layout.post++;
        else layout.pre++;
        break;
      case '0':
        if (layout.bracket) throw syntax('"0" must be ahead of "PR"');
        if (!layout.zero && !layout.decimal) {
          layout.zero = true;
          layout.zeroStart = layout.pre + 1;
        }
        if (layout.decimal) layout.post++;
        else layout.pre++;
        layout.zeroEnd = layout.pre + layout.post;
        break;
      case 'B':
        if (layout.pre === 0 && layout.post === 0 && !layout.zero) layout.blank = true;
        break;
      case 'D':
      case '.':
        if (layout.decimal) throw syntax('multiple decimal points');
        if (layout.hasMulti) throw syntax('cannot use "V" and decimal point together');
        layout.decimal = true;
        break;
      case 'FM':
        layout.fill = true;
        break;
      case 'S':
        if (hasSign()) throw syntax('cannot use "S" twice');
        if (layout.plus || layout.minus || layout.bracket) {
          throw syntax('cannot use "S" and "PL"/"MI"/"SG"/"PR" together');
        }
        if (layout.decimal) layout.sign = 'behind';
        else {
          layout.sign = 'before';
          layout.placesBeforeSign = layout.pre;
        }
        break;
      case 'MI':
        if (hasSign()) throw syntax('cannot use "S" and "MI" together');
        layout.minus = true;
        break;
      case 'PL':
        if (hasSign()) throw syntax('cannot use "S" and "PL" together');
        layout.plus = true;
        break;
      case 'SG':
        if (hasSign()) throw syntax('cannot use "S" and "SG" together');
        layout.minus = true;
        layout.plus = true;
        break;
      case 'PR':
        if (hasSign() || layout.plus || layout.minus) {
          throw syntax('cannot use "PR" and "S"/"PL"/"MI"/"SG" together');
        }
        layout.bracket = true;
        break;
      case 'RN':
        layout.roman = true;
        break;
      case 'V':
        if (layout.decimal) throw syntax('cannot use "V" and decimal point together');
        layout.hasMulti = true;
        break;
      case 'EEEE':
        if (layout.scientific) throw syntax('cannot use "EEEE" twice');
        if (
          layout.blank ||
          layout.fill ||
          hasSign() ||
          layout.bracket ||
          layout.minus ||
          layout.plus ||
          layout.roman ||
          layout.hasMulti
        ) {
          throw syntax(
            '"EEEE" is incompatible with other formats',
            '"EEEE" may only be used together with digit and decimal point patterns.',
          );
        }
        layout.scientific = true;
        break;
      default:
    }
  }
  return layout;
}

const LAYOUTS_MAX = 100;
const layouts = new Map<string, Layout>();

function layout(template: string): Layout {
  let known = layouts.get(template);
  if (known !== undefined) return known;
  known = layoutOf(template);
  if (layouts.size >= LAYOUTS_MAX) layouts.clear();
  layouts.set(template, known);
  return known;
}

const ROMAN: readonly (readonly [number, string])[] = [
  [1_000, 'M'],
  [900, 'CM'],
  [500, 'D'],
  [400, 'CD'],
  [100, 'C'],
  [90, 'XC'],
  [50, 'L'],
  [40, 'XL'],
  [10, 'X'],
  [9, 'IX'],
  [5, 'V'],
  [4, 'IV'],
  [1, 'I'],
];

function romanOf(value: number): string {
  if (!(value >= 1 && value <= 3_999)) return '#'.repeat(15);
  let rest = value;
  let out = '';
  for (const [each, sign] of ROMAN) {
    for (; rest >= each; rest -= each) out += sign;
  }
  return out;
}

/** A number as `d.ddd…e±dd`, with a sign or a space in front. */
function scientific(digits: bigint, scale: number, post: number): string {
  const negative = digits < 0n;
  const magnitude = negative ? -digits : digits;
  const length = magnitude === 0n ? 0 : magnitude.toString().length;
  const exponent = magnitude === 0n ? 0 : length - 1 - scale;
  const mantissa = roundNumeric(new Numeric(magnitude, scale + exponent < 0 ? 0 : scale + exponent), post).toString();
  const shown = String(Math.abs(exponent)).padStart(2, '0');
  return `${negative ? '-' : ' '}${mantissa}e${exponent < 0 ? '-' : '+'}${shown}`;
}

/** Where a number does not fit. */
function hashes({ pre, post }: Layout): string {
  return `${'#'.repeat(pre)}.${'#'.repeat(post)}`;
}

/** to_char of `numeric`. @throws SqlError `syntax_error`, `numeric_value_out_of_range`. */
export function formatNumericBy(value: Numeric, template: string): string {
  if (template === '') return '';
  const wanted = layout(template);
  if (wanted.roman) {
    const rounded = value.isFinite ? Number(roundNumeric(value, 0).digits) : 0;
    if (!value.isFinite) {
      const shown = value === NUMERIC_NAN ? 'NaN' : 'infinity';
      throw new SqlError('feature_not_supported', `cannot convert ${shown} to integer`);
    }
    if (Math.abs(rounded) > 2_147_483_647) {
      throw new SqlError('numeric_value_out_of_range', 'integer out of range');
    }
    return write(wanted, romanOf(rounded), '+', 0);
  }
  if (wanted.scientific) {
    if (!value.isFinite) return ` ${hashes(wanted)}####`;
    return scientificNumeric(value, wanted.post);
  }
  const shifted = wanted.multi > 0 ? multiplyNumeric(value, new Numeric(powerOfTen(wanted.multi), 0)) : value;
  const text = value.isFinite ? roundNumeric(shifted, wanted.post).toString() : value.toString();
  return formatDigits({ ...wanted, pre: wanted.pre + wanted.multi }, text);
}

/** PostgreSQL rounds the digits behind the first after it took their exponent: 9.99 has 10.0e+00. */
function scientificNumeric(value: Numeric, post: number): string {
  const { digits, scale } = value;
  if (scale >= 0) {
    const magnitude = digits < 0n ? -digits : digits;
    const length = magnitude === 0n ? 1 : magnitude.toString().length;
    const exponent = magnitude === 0n ? 0 : length - 1 - scale;
    const mantissa = roundNumeric(new Numeric(magnitude, length - 1), post).toString();
    const shown = String(Math.abs(exponent)).padStart(2, '0');
    return `${digits < 0n ? '-' : ' '}${mantissa}e${exponent < 0 ? '-' : '+'}${shown}`;
  }
  return scientific(digits, scale, post);
}

/** to_char of `integer` and `bigint`. @throws as `formatNumericBy`. */
export function formatIntegerBy(value: number | bigint, template: string, type: 'integer' | 'bigint'): string {
  if (template === '') return '';
  const wanted = layout(template);
  if (wanted.roman) {
    if (value > 2_147_483_647 || value < -2_147_483_648) {
      throw new SqlError('numeric_value_out_of_range', 'integer out of range');
    }
    return write(wanted, romanOf(Number(value)), '+', 0);
  }
  if (wanted.scientific) {
    if (type === 'bigint') return scientificNumeric(numericOf(value), wanted.post);
    return floatScientific(Number(value), wanted.post);
  }
  const shifted = BigInt(value) * powerOfTen(wanted.multi);
  const limit = type === 'integer' ? 2n ** 31n : 2n ** 63n;
  if (wanted.multi > 0 && (shifted >= limit || shifted < -limit)) {
    throw new SqlError('numeric_value_out_of_range', `${type} out of range`);
  }
  const fraction = wanted.post > 0 ? `.${'0'.repeat(wanted.post)}` : '';
  return formatDigits({ ...wanted, pre: wanted.pre + wanted.multi }, `${shifted}${fraction}`);
}

/** to_char of floats. @param digits That the type surely has: 6 or 15. @throws as `formatNumericBy`. */
export function formatFloatBy(value: number, template: string, digits: 6 | 15): string {
  if (template === '') return '';
  const wanted = layout(template);
  if (wanted.roman) return write(wanted, romanOf(Number(exactFixed(value, 0))), '+', 0);
  if (wanted.scientific) {
    if (!Number.isFinite(value)) return ` ${hashes(wanted)}####`;
    return floatScientific(value, wanted.post);
  }
  const shifted = wanted.multi > 0 ? value * 10 ** wanted.multi : value;
  const whole = exactFixed(Math.abs(shifted), 0).length;
  const post = whole >= digits ? 0 : Math.min(wanted.post, digits - whole);
  return formatDigits({ ...wanted, pre: wanted.pre + wanted.multi, post }, exactFixed(shifted, post));
}

/** As C's printf: the exact value rounded half to even. */
function exactFixed(value: number, post: number): string {
  if (Number.isNaN(value)) return 'NaN';
  if (!Number.isFinite(value)) return value > 0 ? 'Infinity' : '-Infinity';
  const [numerator, shift] = exactParts(Math.abs(value));
  const rounded = divideHalfEven(numerator * powerOfTen(post), 1n << BigInt(shift));
  const text = rounded.toString().padStart(post + 1, '0');
  const sign = value < 0 || Object.is(value, -0) ? '-' : '';
  return sign + (post === 0 ? text : `${text.slice(0, -post)}.${text.slice(-post)}`);
}

/** A float that is not negative as a whole number divided by a power of two. */
function exactParts(value: number): readonly [numerator: bigint, shift: number] {
  let shift = 0;
  let whole = value;
  while (!Number.isInteger(whole)) {
    whole *= 2;
    shift++;
  }
  return [BigInt(whole), shift];
}

function divideHalfEven(dividend: bigint, divisor: bigint): bigint {
  const quotient = dividend / divisor;
  const twice = (dividend % divisor) * 2n;
  return twice > divisor || (twice === divisor && quotient % 2n === 1n) ? quotient + 1n : quotient;
}

function floatScientific(value: number, post: number): string {
  const sign = value < 0 || Object.is(value, -0) ? '-' : ' ';
  if (value === 0) return `${sign}${post === 0 ? '0' : `0.${'0'.repeat(post)}`}e+00`;
  const [numerator, shift] = exactParts(Math.abs(value));
  const divisor = 1n << BigInt(shift);
  let exponent = Math.floor(Math.log10(Math.abs(value)));
  const mantissaAt = (at: number): bigint => {
    const places = post - at;
    return places >= 0
      ? divideHalfEven(numerator * powerOfTen(places), divisor)
      : divideHalfEven(numerator, divisor * powerOfTen(-places));
  };
  let mantissa = mantissaAt(exponent);
  if (mantissa < powerOfTen(post)) mantissa = mantissaAt(--exponent);
  if (mantissa >= powerOfTen(post + 1)) mantissa = mantissaAt(++exponent);
  const text = mantissa.toString();
  const shown = String(Math.abs(exponent)).padStart(2, '0');
  return `${sign}${post === 0 ? text : `${text[0]}.${text.slice(1)}`}e${exponent < 0 ? '-' : '+'}${shown}`;
}

/** @param text The number, rounded to the places that the layout has behind the point. */
function formatDigits(wanted: Layout, text: string): string {
  const sign = text.startsWith('-') ? '-' : '+';
  const digits = sign === '-' ? text.slice(1) : text;
  const point = digits.indexOf('.');
  const whole = point < 0 ? digits.length : point;
  if (whole > wanted.pre) return write(wanted, hashes(wanted), sign, 0);
  return write(wanted, digits, sign, wanted.pre - whole);
}

/** Ends what is shown. */
const END = '\0';

/** One number on its way into the template's places. */
class NumberWriter {
  readonly #layout: Layout;
  readonly number: string;
  readonly sign: '+' | '-';
  #bracket: boolean;
  #signStyle: Layout['sign'];
  readonly #spaces: number;
  /** The place in the number of the last digit that counts; undefined: all do. */
  readonly #lastRelevant: number | undefined;
  #signWritten: boolean;
  readonly #count: number;
  readonly #zeroStart: number;
  #current = 0;
  #at = 0;
  /** Whether a digit was written at the last place. */
  hasDigit = false;
  out = '';

  constructor(layout: Layout, number: string, sign: '+' | '-', spaces: number) {
    this.#layout = layout;
    this.number = number;
    this.sign = sign;
    this.#bracket = layout.bracket;
    this.#signStyle = layout.sign;
    this.#spaces = spaces;
    this.#zeroStart = layout.zeroStart > 0 ? layout.zeroStart - 1 : 0;
    if (layout.plus || layout.minus) this.#signWritten = !(layout.plus && !layout.minus);
    else {
      if (sign !== '-' && layout.fill) this.#bracket = false;
      this.#signWritten = sign === '+' && layout.fill && layout.sign === 'none';
      if (layout.sign === 'before' && layout.pre === layout.placesBeforeSign) this.#signStyle = 'behind';
    }
    if (layout.fill && layout.decimal) this.#lastRelevant = this.#findLastRelevant();
    this.#count = layout.post + layout.pre - 1 + (!this.#signWritten && spaces === 0 ? 1 : 0);
  }

  #findLastRelevant(): number | undefined {
    const point = this.number.indexOf('.');
    if (point < 0) return undefined;
    let last = point;
    for (let i = point + 1; i < this.number.length; i++) if (this.number[i] !== '0') last = i;
    if (this.#layout.zeroEnd > this.#spaces) {
      const zero = Math.min(this.number.length - 1, this.#layout.zeroEnd - this.#spaces);
      if (last < zero) last = zero;
    }
    return last;
  }

  get #relevantPoint(): boolean {
    return this.#lastRelevant !== undefined && this.number[this.#lastRelevant] === '.';
  }

  /** `9.9` of 0.1 has a blank before the point. */
  get #isBlankZero(): boolean {
    const { zero, post } = this.#layout;
    return !zero && this.#at === 0 && this.number[0] === '0' && post !== 0;
  }

  /** A place of the template: 9, 0, D or a point. */
  place(id: string): void {
    const { zero, fill, decimal, roman } = this.#layout;
    if (roman) return;
    this.hasDigit = false;
    const isBefore = this.#current < this.#spaces;
    if (
      !this.#signWritten &&
      (!isBefore || (zero && this.#zeroStart === this.#current)) &&
      (!this.#isBlankZero || this.#relevantPoint)
    ) {
      this.#writeSign();
    }
    if (isBefore && (this.#zeroStart > this.#current || !zero)) {
      if (!fill) this.out += ' ';
    } else if (zero && isBefore) {
      this.out += '0';
      this.hasDigit = true;
    } else {
      this.#digit(id);
      if (this.#at < this.number.length) this.#at++;
    }
    let end = this.#count + (this.#spaces > 0 ? 1 : 0) + (decimal ? 1 : 0);
    if (this.#lastRelevant !== undefined && this.#lastRelevant === this.#at) end = this.#current;
    if (this.#current + 1 === end) {
      if (this.#signWritten && this.#bracket) this.out += this.sign === '+' ? ' ' : '>';
      else if (this.#signStyle === 'behind') this.out += this.sign;
    }
    this.#current++;
  }

  #writeSign(): void {
    if (this.#signStyle !== 'none') {
      if (this.#signStyle !== 'before') return;
      this.out += this.sign;
    } else if (this.#bracket) this.out += this.sign === '+' ? ' ' : '<';
    else if (this.sign === '-') this.out += '-';
    else if (!this.#layout.fill) this.out += ' ';
    this.#signWritten = true;
  }

  #digit(id: string): void {
    const { fill } = this.#layout;
    const next = this.number[this.#at];
    if (next === '.') {
      if (!this.#relevantPoint || fill) this.out += '.';
    } else if (this.#lastRelevant !== undefined && this.#at > this.#lastRelevant && id !== '0') {
      // Zeros at the end that FM leaves out.
    } else if (this.#isBlankZero) {
      if (!fill) this.out += ' ';
      else if (this.#relevantPoint) this.out += '0';
    } else {
      // Behind the end of what has fewer digits than places (NaN, a float's last digits) PostgreSQL ends the text.
      this.out += next ?? END;
      this.hasDigit = true;
    }
  }
}

function write(layout: Layout, number: string, sign: '+' | '-', spaces: number): string {
  // Of a template with Roman numerals nothing else counts but FM.
  const wanted: Layout = layout.roman
    ? {
        ...layout,
        pre: 0,
        post: 0,
        decimal: false,
        zero: false,
        bracket: false,
        plus: false,
        minus: false,
        sign: 'none',
      }
    : layout;
  const writer = new NumberWriter(wanted, number, sign, spaces);
  const { fill } = wanted;
  for (const node of wanted.nodes) {
    if (node.kind !== 'field') {
      writer.out += node.text;
      continue;
    }
    const { id, name } = node.keyword;
    switch (id) {
      case '9':
      case '0':
      case '.':
      case 'D':
        writer.place(id);
        break;
      case ',':
      case 'G':
        if (writer.hasDigit) writer.out += ',';
        else if (!fill) writer.out += ' ';
        break;
      case 'L':
        writer.out += ' ';
        break;
      case 'RN': {
        const cased = name === 'rn' ? number.toLowerCase() : number;
        writer.out += fill ? cased : cased.padStart(15);
        break;
      }
      case 'TH':
        if (!wanted.roman && number[0] !== '#' && sign !== '-' && !wanted.decimal) {
          if (!/\d$/.test(number)) {
            throw new SqlError('invalid_text_representation', `"${number}" is not a number`);
          }
          writer.out += ordinalEnding(number, name === 'th' ? 'th' : 'TH');
        }
        break;
      case 'MI':
        if (sign === '-') writer.out += '-';
        else if (!fill) writer.out += ' ';
        break;
      case 'PL':
        if (sign === '+') writer.out += '+';
        else if (!fill) writer.out += ' ';
        break;
      case 'SG':
        writer.out += sign;
        break;
      default:
    }
  }
  const end = writer.out.indexOf(END);
  return end < 0 ? writer.out : writer.out.slice(0, end);
}

/** One text on its way out of the template's places. */
class NumberReader {
  readonly #layout: Layout;
  readonly #text: string;
  #at = 0;
  #sign: ' ' | '+' | '-' = ' ';
  #number = '';
  #before = 0;
  #behind = 0;
  #hasPoint = false;

  constructor(layout: Layout, text: string) {
    this.#layout = layout;
    this.#text = text;
  }

  get #isAtEnd(): boolean {
    return this.#at >= this.#text.length;
  }

  /** The digits with their sign, and how many stand behind the point. */
  read(): { readonly text: string; readonly scale: number } {
    let hasDigits = false;
    for (const node of this.#layout.nodes) {
      if (this.#isAtEnd) break;
      if (node.kind !== 'field') {
        this.#at += this.#characterLength();
        continue;
      }
      switch (node.keyword.id) {
        case '9':
        case '0':
        case '.':
        case 'D':
          this.#place(node.keyword.id);
          hasDigits = false;
          this.#at++;
          break;
        case ',':
        case 'G':
          if (!hasDigits && this.#layout.fill) break;
          if (this.#text[this.#at] === ',') this.#at++;
          break;
        case 'L':
          this.#skipOthers(1);
          break;
        case 'TH':
          if (!this.#layout.decimal) this.#skipOthers(2);
          break;
        case 'MI':
          if (this.#text[this.#at] === '-') this.#takeSign();
          else this.#skipOthers(1);
          break;
        case 'PL':
          if (this.#text[this.#at] === '+') this.#takeSign();
          else this.#skipOthers(1);
          break;
        case 'SG':
          if (/[+-]/.test(this.#text[this.#at]!)) this.#takeSign();
          else this.#skipOthers(1);
          break;
        default:
      }
    }
    return { text: `${this.#sign}${this.#number.replace(/\.$/, '')}`, scale: this.#behind };
  }

  #characterLength(): number {
    return (this.#text.codePointAt(this.#at) ?? 0) > 0xffff ? 2 : 1;
  }

  #takeSign(): void {
    this.#sign = this.#text[this.#at] as '+' | '-';
    this.#at++;
  }

  /** Characters that are no part of a number. */
  #skipOthers(count: number): void {
    for (let i = 0; i < count && !this.#isAtEnd; i++) {
      if ('0123456789.,+-'.includes(this.#text[this.#at]!)) return;
      this.#at += this.#characterLength();
    }
  }

  #place(id: string): void {
    const { decimal, bracket, sign, post, plus, minus } = this.#layout;
    const text = this.#text;
    if (text[this.#at] === ' ') this.#at++;
    if (this.#isAtEnd) return;
    if (this.#sign === ' ' && (id === '0' || id === '9') && this.#before + this.#behind === 0) {
      const next = text[this.#at];
      if (sign === 'before' ? next === '-' : next === '-' || (bracket && next === '<')) {
        this.#sign = '-';
        this.#at++;
      } else if (next === '+' && sign !== 'behind') {
        this.#sign = '+';
        this.#at++;
      }
    }
    if (this.#isAtEnd) return;
    let isRead = false;
    const next = text[this.#at]!;
    if (/\d/.test(next)) {
      if (this.#hasPoint && this.#behind === post) return;
      this.#number += next;
      if (this.#hasPoint) this.#behind++;
      else this.#before++;
      isRead = true;
    } else if (decimal && !this.#hasPoint && next === '.') {
      this.#number += '.';
      this.#hasPoint = true;
      isRead = true;
    }
    if (this.#sign !== ' ' || this.#before + this.#behind === 0) return;
    if (sign !== 'none' && isRead && this.#at + 1 < text.length && !/\d/.test(text[this.#at + 1]!)) {
      const after = text[this.#at + 1];
      if (after === '-' || after === '+') {
        this.#sign = after;
        this.#at++;
      }
    } else if (!isRead && sign === 'none' && (plus || minus)) {
      if (next === '-' || next === '+') this.#sign = next;
    }
  }
}

/** to_number's digits as text, the scale and precision that the template gives them, and the power of ten that V takes away. */
export function readNumberBy(
  text: string,
  template: string,
): { readonly text: string; readonly precision: number; readonly scale: number; readonly multi: number | undefined } {
  const wanted = layout(template);
  if (wanted.scientific) throw new SqlError('feature_not_supported', '"EEEE" not supported for input');
  if (wanted.roman) throw new SqlError('feature_not_supported', '"RN" not supported for input');
  const read = new NumberReader(wanted, text).read();
  return {
    text: read.text,
    precision: wanted.pre + wanted.multi + read.scale,
    scale: read.scale,
    multi: wanted.hasMulti ? wanted.multi : undefined,
  };
}
