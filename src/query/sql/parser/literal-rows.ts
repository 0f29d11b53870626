/**
 * The rows of VALUES read from the text of an INSERT as values of their columns, without a syntax tree.
 *
 * What each literal means is what the binder makes of it (binder/literals.ts, and the assignment to the column's type). What
 * is not as plain as that is left to it: expressions, casts, strings with a prefix, numbers with an exponent or of another
 * kind than their column, values that the column does not take. Then the answer is that nothing is known.
 *
 * Lexical rules: PostgreSQL 15, 4.1.2 and 4.2; `standard_conforming_strings` is on.
 */

import { Numeric } from '../../../models/relational/numeric.ts';
import type { Column, ColumnValue } from '../../../models/relational/table.ts';
import { SqlError } from '../sql-error.ts';
import { floatFrom } from '../types/cast.ts';
import { applyModifier } from '../types/modifiers.ts';
import { parseText } from '../types/text-form.ts';
import type { TimeContext } from '../types/timestamptz.ts';
import { domainOf, type SqlType } from '../types/types.ts';

/** A place in a row: the column whose value stands there, or the word DEFAULT. */
export type LiteralPlace = Pick<Column, 'type' | 'modifier'> | 'default';

/** The plan that had been made for the rows is gone, and they are not for the new one. Never leaves the session. */
export class RowsUnfit extends Error {}

/** Which numbers a column takes as they are; the others take none. */
type NumberForm = 'int2' | 'int4' | 'int8' | 'numeric' | 'float8' | 'none';

interface PlaceForm {
  readonly isDefault: boolean;
  readonly type: SqlType;
  readonly modifier: number;
  readonly number: NumberForm;
  /** A string is the value. */
  readonly isText: boolean;
  /** Digits behind the point, and a bound that is exclusive, of numeric with a modifier that all small values can have. */
  readonly scale: number;
  readonly below: number;
}

const NUMBER_FORMS: Readonly<Partial<Record<SqlType, NumberForm>>> = {
  int2: 'int2',
  int4: 'int4',
  int8: 'int8',
  numeric: 'numeric',
  float8: 'float8',
};
/** So many digits are a safe integer. */
const DIGITS_MAX = 15;

const SPACE = 0x20;
const QUOTE = 0x27;
const OPEN = 0x28;
const CLOSE = 0x29;
const COMMA = 0x2c;
const MINUS = 0x2d;
const POINT = 0x2e;
const SEMICOLON = 0x3b;

/** Reads the rows of texts that have the same places. */
export class LiteralRows {
  readonly #places: readonly PlaceForm[];

  private constructor(places: readonly PlaceForm[]) {
    this.#places = places;
  }

  /** Undefined where a value is more than its literal: of domains, which have checks. */
  static over(places: readonly LiteralPlace[]): LiteralRows | undefined {
    const forms: PlaceForm[] = [];
    for (const place of places) {
      if (place !== 'default' && domainOf(place.type) !== undefined) return undefined;
      forms.push(formOf(place));
    }
    return new LiteralRows(forms);
  }

  /**
   * All rows, the first of which begins at `at`; null where a place says DEFAULT. Undefined when anything but such rows and
   * a semicolon is there.
   */
  read(text: string, at: number, time: TimeContext): ColumnValue[][] | undefined {
    const cursor = new Cursor(text, at, time);
    const rows: ColumnValue[][] = [];
    const places = this.#places;
    do {
      if (text.charCodeAt(cursor.at) !== OPEN) return undefined;
      const row: ColumnValue[] = [];
      for (let i = 0; i < places.length; i++) {
        cursor.at++;
        cursor.skipSpace();
        const value = cursor.literal(places[i]!);
        if (value === undefined) return undefined;
        row.push(value);
        cursor.skipSpace();
        if (text.charCodeAt(cursor.at) !== (i + 1 < places.length ? COMMA : CLOSE)) return undefined;
      }
      cursor.at++;
      rows.push(row);
    } while (cursor.nextRow());
    return cursor.isAtEnd() ? rows : undefined;
  }
}

function formOf(place: LiteralPlace): PlaceForm {
  if (place === 'default') {
    return { isDefault: true, type: 'unknown', modifier: -1, number: 'none', isText: false, scale: 0, below: 0 };
  }
  const { type, modifier } = place;
  const precision = (modifier - 4) >>> 16;
  const scale = (modifier - 4) & 0x7ff;
  const isShort = type === 'numeric' && modifier >= 0 && precision <= DIGITS_MAX && scale <= precision;
  return {
    isDefault: false,
    type,
    modifier,
    number: NUMBER_FORMS[type] ?? 'none',
    isText: type === 'text' || (type === 'varchar' && modifier < 0),
    scale,
    below: isShort ? 10 ** precision : 0,
  };
}

class Cursor {
  readonly #text: string;
  readonly #time: TimeContext;
  at: number;

  constructor(text: string, at: number, time: TimeContext) {
    this.#text = text;
    this.at = at;
    this.#time = time;
  }

  skipSpace(): void {
    while (isSpace(this.#text.charCodeAt(this.at))) this.at++;
  }

  /** Behind a row: whether another follows, which then begins here. */
  nextRow(): boolean {
    this.skipSpace();
    if (this.#text.charCodeAt(this.at) !== COMMA) return false;
    this.at++;
    this.skipSpace();
    return true;
  }

  /** Whether the statement is over, and the text with it. */
  isAtEnd(): boolean {
    if (this.#text.charCodeAt(this.at) === SEMICOLON) this.at++;
    this.skipSpace();
    return this.at === this.#text.length;
  }

  /** The value of the literal that begins here; goes on behind it. What may follow is for the caller to see. */
  literal(place: PlaceForm): ColumnValue | undefined {
    const code = this.#text.charCodeAt(this.at);
    if (code === QUOTE) return place.isDefault ? undefined : this.#string(place);
    if (code === MINUS || isDigit(code)) return place.number === 'none' ? undefined : this.#number(place);
    return this.#word(place);
  }

  #string({ isText, type, modifier }: PlaceForm): ColumnValue | undefined {
    const text = this.#text;
    const from = this.at + 1;
    let end = text.indexOf("'", from);
    let isDoubled = false;
    while (end >= 0 && text.charCodeAt(end + 1) === QUOTE) {
      isDoubled = true;
      end = text.indexOf("'", end + 2);
    }
    if (end < 0) return undefined;
    this.at = end + 1;
    const value = isDoubled ? text.slice(from, end).replaceAll("''", "'") : text.slice(from, end);
    if (isText) return value;
    try {
      return applyModifier(type, modifier, parseText(type, value, this.#time, modifier), false);
    } catch (error) {
      if (error instanceof SqlError) return undefined;
      throw error;
    }
  }

  #number(place: PlaceForm): ColumnValue | undefined {
    const text = this.#text;
    let at = this.at;
    const negative = text.charCodeAt(at) === MINUS;
    if (negative) at++;
    const from = at;
    let digits = 0;
    let code = text.charCodeAt(at);
    for (; isDigit(code); code = text.charCodeAt(++at)) digits = digits * 10 + code - 48;
    const whole = at - from;
    let scale = 0;
    if (code === POINT) {
      const point = at;
      for (code = text.charCodeAt(++at); isDigit(code); code = text.charCodeAt(++at)) digits = digits * 10 + code - 48;
      scale = at - point - 1;
      if (scale === 0) return undefined;
    }
    if (whole === 0 || whole + scale > DIGITS_MAX || !endsLiteral(code)) return undefined;
    this.at = at;
    const value = negative ? 0 - digits : digits;
    if (place.number === 'numeric') return numericOf(value, scale, place);
    if (place.number === 'float8') return scale === 0 ? value : floatFrom('float8', new Numeric(value, scale));
    if (scale > 0) return undefined;
    switch (place.number) {
      case 'int8':
        return BigInt(value);
      case 'int4':
        return value === (value | 0) ? value : undefined;
      default:
        return value >= -32_768 && value <= 32_767 ? value : undefined;
    }
  }

  #word({ isDefault, type }: PlaceForm): ColumnValue | undefined {
    const from = this.at;
    while (isLetter(this.#text.charCodeAt(this.at)) && this.at - from < 8) this.at++;
    if (!endsLiteral(this.#text.charCodeAt(this.at))) return undefined;
    const word = this.#text.slice(from, this.at).toLowerCase();
    if (isDefault) return word === 'default' ? null : undefined;
    if (word === 'null') return null;
    if (type !== 'bool') return undefined;
    return word === 'true' ? true : word === 'false' ? false : undefined;
  }
}

function numericOf(digits: number, scale: number, place: PlaceForm): ColumnValue | undefined {
  if (place.modifier < 0) return new Numeric(digits, scale);
  if (scale <= place.scale) {
    const padded = digits * 10 ** (place.scale - scale);
    if (padded < place.below && padded > -place.below) return new Numeric(padded, place.scale);
  }
  try {
    return applyModifier('numeric', place.modifier, new Numeric(digits, scale), false);
  } catch (error) {
    if (error instanceof SqlError) return undefined;
    throw error;
  }
}

function isDigit(code: number): boolean {
  return code >= 48 && code <= 57;
}

function isLetter(code: number): boolean {
  return (code >= 97 && code <= 122) || (code >= 65 && code <= 90);
}

function isSpace(code: number): boolean {
  return code === SPACE || (code >= 9 && code <= 13 && code !== 11);
}

/** What can stand behind a number or a word without being part of it. */
function endsLiteral(code: number): boolean {
  return code === COMMA || code === CLOSE || isSpace(code);
}
