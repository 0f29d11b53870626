/**
 * Reads dates and times as PostgreSQL does (datetime.c: ParseDateTime, DecodeDateTime, DecodeTimeOnly): the text is cut into
 * fields by their characters, then each field says what it is, by its form, by what is still missing, and by DateStyle.
 */

import { SqlError } from '../sql-error.ts';
import { civilFromDays, daysFromCivil, daysInMonth, JULIAN_EPOCH } from './calendar.ts';
import { fixedZone, instantOf, type TimeZone, timeZone } from './time-zone.ts';
import { zoneAbbreviation } from './zone-abbreviations.ts';

export type FieldKind = 'number' | 'string' | 'date' | 'time' | 'tz' | 'special';

export interface Field {
  readonly kind: FieldKind;
  readonly text: string;
}

const FIELDS_MAX = 25;

const isDigit = (c: string | undefined): boolean => c !== undefined && c >= '0' && c <= '9';
const isAlpha = (c: string | undefined): boolean =>
  c !== undefined && ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c > '\x7f');
const isSpace = (c: string | undefined): boolean => c !== undefined && /\s/.test(c);

/** Undefined for text that is no sequence of such fields. */
export function splitFields(text: string): Field[] | undefined {
  const fields: Field[] = [];
  let at = 0;
  const take = (test: (c: string) => boolean): string => {
    const start = at;
    while (at < text.length && test(text[at]!)) at++;
    return text.slice(start, at).toLowerCase();
  };
  while (at < text.length) {
    const c = text[at]!;
    if (isSpace(c)) {
      at++;
      continue;
    }
    if (fields.length >= FIELDS_MAX) return undefined;
    if (isDigit(c)) {
      let field = take(isDigit);
      const next = text[at];
      if (next === ':') {
        field += take((each) => isDigit(each) || each === ':' || each === '.');
        fields.push({ kind: 'time', text: field });
      } else if (next === '-' || next === '/' || next === '.') {
        field += next;
        at++;
        if (isDigit(text[at])) {
          let kind: FieldKind = next === '.' ? 'number' : 'date';
          field += take(isDigit);
          if (text[at] === next) {
            kind = 'date';
            field += take((each) => isDigit(each) || each === next);
          }
          fields.push({ kind, text: field });
        } else {
          field += take((each) => isDigit(each) || isAlpha(each) || each === next);
          fields.push({ kind: 'date', text: field });
        }
      } else fields.push({ kind: 'number', text: field });
    } else if (c === '.') {
      at++;
      fields.push({ kind: 'number', text: `.${take(isDigit)}` });
    } else if (isAlpha(c)) {
      let field = take(isAlpha);
      const next = text[at];
      const isDate =
        next === '-' || next === '/' || next === '.' || ((next === '+' || isDigit(next)) && !WORDS.has(field));
      if (isDate) field += take((each) => /[-+/_.:]/.test(each) || isDigit(each) || isAlpha(each));
      fields.push({ kind: isDate ? 'date' : 'string', text: field });
    } else if (c === '+' || c === '-') {
      at++;
      while (isSpace(text[at])) at++;
      if (isDigit(text[at])) {
        fields.push({ kind: 'tz', text: c + take((each) => isDigit(each) || /[:.-]/.test(each)) });
      } else if (isAlpha(text[at])) {
        fields.push({ kind: 'special', text: c + take(isAlpha) });
      } else return undefined;
    } else if (/[!-/:-@[-`{-~]/.test(c)) at++;
    else return undefined;
  }
  return fields;
}

type Word =
  | { readonly kind: 'month' | 'dow' | 'ampm' | 'era'; readonly value: number }
  | { readonly kind: 'ignore' | 'isotime' | 'dst' }
  | { readonly kind: 'reserved'; readonly value: string }
  | { readonly kind: 'unit'; readonly value: Unit };
type Unit = 'year' | 'month' | 'day' | 'hour' | 'minute' | 'second' | 'julian' | 'time' | 'other';

const WORDS = new Map<string, Word>();
for (const [i, [full, ...short]] of [
  ['january', 'jan'],
  ['february', 'feb'],
  ['march', 'mar'],
  ['april', 'apr'],
  ['may'],
  ['june', 'jun'],
  ['july', 'jul'],
  ['august', 'aug'],
  ['september', 'sep', 'sept'],
  ['october', 'oct'],
  ['november', 'nov'],
  ['december', 'dec'],
].entries()) {
  for (const name of [full!, ...short]) WORDS.set(name, { kind: 'month', value: i + 1 });
}
for (const [i, names] of [
  'sunday sun',
  'monday mon',
  'tuesday tue tues',
  'wednesday wed weds',
  'thursday thu thur thurs',
  'friday fri',
  'saturday sat',
].entries()) {
  for (const name of names.split(' ')) WORDS.set(name, { kind: 'dow', value: i });
}
for (const word of [
  'epoch',
  'infinity',
  '+infinity',
  '-infinity',
  'now',
  'today',
  'tomorrow',
  'yesterday',
  'allballs',
]) {
  WORDS.set(word, { kind: 'reserved', value: word });
}
WORDS.set('ad', { kind: 'era', value: 0 }).set('bc', { kind: 'era', value: 1 });
WORDS.set('am', { kind: 'ampm', value: 0 }).set('pm', { kind: 'ampm', value: 1 });
WORDS.set('at', { kind: 'ignore' })
  .set('on', { kind: 'ignore' })
  .set('t', { kind: 'isotime' })
  .set('dst', { kind: 'dst' });
for (const [name, value] of [
  ['y', 'year'],
  ['m', 'month'],
  ['d', 'day'],
  ['h', 'hour'],
  ['mm', 'minute'],
  ['s', 'second'],
  ['j', 'julian'],
  ['jd', 'julian'],
  ['julian', 'julian'],
  ['dow', 'other'],
  ['doy', 'other'],
  ['isodow', 'other'],
  ['isoyear', 'other'],
] as const) {
  WORDS.set(name, { kind: 'unit', value });
}

const YEAR = 1;
const MONTH = 2;
const DAY = 4;
const HOUR = 8;
const MINUTE = 16;
const SECOND = 32;
const TZ = 64;
const DOY = 128;
const DOW = 256;
const AMPM = 512;
const ERA = 1_024;
const DST = 2_048;
const DATE = YEAR | MONTH | DAY;
const TIME = HOUR | MINUTE | SECOND;

export type DateOrder = 'MDY' | 'DMY' | 'YMD';

export interface ReadContext {
  readonly zone: TimeZone;
  readonly order: DateOrder;
  readonly nowMicros: bigint;
}

export interface ReadDateTime {
  /** `point` for a date and time; else one of the words. */
  readonly kind: 'point' | 'epoch' | 'infinity' | '-infinity';
  /** Days since 1970. */
  readonly days: number;
  /** Microseconds since midnight; a whole day for 24:00. */
  readonly micros: number;
  /** Of the text; undefined when it names none. */
  readonly zone: TimeZone | undefined;
  /** Whether there was a date. */
  readonly dated: boolean;
}

class Malformed extends Error {}
class Overflow extends Error {
  readonly hint: boolean;
  constructor(hint = false) {
    super();
    this.hint = hint;
  }
}
class ZoneOverflow extends Error {}

/**
 * @param title The type, for messages. @param timeOnly A date may be missing.
 * @throws SqlError `invalid_datetime_format`, `datetime_field_overflow`, `invalid_time_zone_displacement_value`,
 * `invalid_parameter_value` for a zone that nobody knows.
 */
export function readDateTime(input: string, title: string, context: ReadContext, timeOnly = false): ReadDateTime {
  try {
    const fields = splitFields(input);
    if (fields === undefined || fields.length === 0) throw new Malformed();
    return new Reader(fields, context, timeOnly, input).read();
  } catch (error) {
    throw dateTimeError(error, input, title);
  }
}

function dateTimeError(error: unknown, input: string, title: string): unknown {
  if (error instanceof Malformed) {
    return new SqlError('invalid_datetime_format', `invalid input syntax for type ${title}: "${input}"`);
  }
  if (error instanceof ZoneOverflow) {
    return new SqlError('invalid_time_zone_displacement_value', `time zone displacement out of range: "${input}"`);
  }
  if (!(error instanceof Overflow)) return error;
  return new SqlError('datetime_field_overflow', `date/time field value out of range: "${input}"`, {
    hint: error.hint ? 'Perhaps you need a different "datestyle" setting.' : undefined,
  });
}

/** `+05:30`, `-8`, `+0530`. Seconds ahead of UTC. @throws Malformed, ZoneOverflow. */
function offsetOf(text: string): number {
  const match = /^([+-])(\d+)(?::(\d*)(?::(\d*))?)?$/.exec(text);
  if (match === null) throw new Malformed();
  let hours = Number(match[2]);
  let minutes = Number(match[3] ?? 0);
  const seconds = Number(match[4] ?? 0);
  if (match[3] === undefined && text.length > 3) {
    minutes = hours % 100;
    hours = Math.floor(hours / 100);
  }
  if (hours > 15 || minutes > 59 || seconds > 59) throw new ZoneOverflow();
  const offset = hours * 3_600 + minutes * 60 + seconds;
  return match[1] === '-' ? -offset : offset;
}

export function fractionMicros(text: string): number {
  return text.length < 2 ? 0 : Math.round(Number(`0${text}`) * 1e6);
}

class Reader {
  readonly #fields: readonly Field[];
  readonly #context: ReadContext;
  readonly #timeOnly: boolean;
  #mask = 0;
  #year = 0;
  #month = 0;
  #day = 0;
  #hour = 0;
  #minute = 0;
  #second = 0;
  #fraction = 0;
  #dayOfYear = 0;
  #twoDigits = false;
  #textMonth = false;
  #julian = false;
  #bc = false;
  #half: number | undefined;
  #zone: TimeZone | undefined;

  constructor(fields: readonly Field[], context: ReadContext, timeOnly: boolean, _input: string) {
    this.#fields = fields;
    this.#context = context;
    this.#timeOnly = timeOnly;
  }

  read(): ReadDateTime {
    let pending: Unit | undefined;
    let word: ReadDateTime['kind'] = 'point';
    for (let i = 0; i < this.#fields.length; i++) {
      const { kind, text } = this.#fields[i]!;
      let mask = 0;
      switch (kind) {
        case 'date':
          if (pending === 'julian') {
            const match = /^(\d+)(-.*|\+.*)$/.exec(text);
            if (match === null) throw new Malformed();
            mask = this.#julianDay(Number(match[1])) | TIME | TZ;
            this.#zone = fixedZone(match[2]!, offsetOf(match[2]!));
            pending = undefined;
          } else if (
            pending !== undefined ||
            (this.#mask & (MONTH | DAY)) === (MONTH | DAY) ||
            (this.#timeOnly && !(i === 0 && this.#fields[1]?.kind === 'time'))
          ) {
            if (isDigit(text[0]) || pending !== undefined) {
              if (pending !== undefined && pending !== 'time') throw new Malformed();
              pending = undefined;
              if ((this.#mask & TIME) === TIME) throw new Malformed();
              const dash = text.indexOf('-');
              if (dash < 0) throw new Malformed();
              this.#zone = fixedZone(text.slice(dash), offsetOf(text.slice(dash)));
              mask = this.#numberField(text.slice(0, dash), this.#timeOnly ? this.#mask | DATE : this.#mask) | TZ;
            } else {
              mask = this.#namedZone(text);
            }
          } else mask = this.#dateField(text);
          break;
        case 'time':
          if (pending !== undefined && pending !== 'time') throw new Malformed();
          pending = undefined;
          mask = this.#timeField(text);
          break;
        case 'tz':
          this.#zone = fixedZone(text, offsetOf(text));
          mask = TZ;
          break;
        case 'number':
          if (pending !== undefined) {
            mask = this.#labelled(pending, text);
            pending = undefined;
          } else {
            const point = text.indexOf('.');
            if (point >= 0 && (this.#mask & DATE) === 0 && !this.#timeOnly) mask = this.#dateField(text);
            else if (point > 2) mask = this.#numberField(text, this.#timeOnly ? this.#mask | DATE : this.#mask);
            else if (this.#timeOnly && (this.#mask & DATE) === 0) mask = this.#numberField(text, this.#mask | DATE);
            else if (text.length >= 6 && ((this.#mask & DATE) === 0 || (this.#mask & TIME) === 0)) {
              mask = this.#numberField(text, this.#mask);
            } else mask = this.#number(text, this.#mask);
          }
          break;
        default: {
          const offset = zoneAbbreviation(text);
          if (offset !== undefined) {
            // "MET DST" and the like are read as one offset.
            this.#zone = fixedZone(text.toUpperCase(), offset);
            mask = TZ;
            break;
          }
          const known = WORDS.get(text);
          if (known === undefined) {
            mask = this.#namedZone(text);
            break;
          }
          switch (known.kind) {
            case 'ignore':
              continue;
            case 'month':
              mask = MONTH;
              if (
                (this.#mask & MONTH) !== 0 &&
                !this.#textMonth &&
                (this.#mask & DAY) === 0 &&
                this.#month >= 1 &&
                this.#month <= 31
              ) {
                this.#day = this.#month;
                mask = DAY;
              }
              this.#textMonth = true;
              this.#month = known.value;
              break;
            case 'dow':
              mask = DOW;
              break;
            case 'ampm':
              mask = AMPM;
              this.#half = known.value;
              break;
            case 'era':
              mask = ERA;
              this.#bc = known.value === 1;
              break;
            case 'dst':
              mask = DST;
              break;
            case 'unit':
              pending = known.value;
              continue;
            case 'isotime': {
              const next = this.#fields[i + 1]?.kind;
              if (!this.#timeOnly && (this.#mask & DATE) !== DATE) throw new Malformed();
              if (next !== 'number' && next !== 'time' && next !== 'date') throw new Malformed();
              pending = 'time';
              continue;
            }
            default:
              switch (known.value) {
                case 'now':
                  mask = DATE | TIME | TZ;
                  this.#now();
                  this.#zone = this.#context.zone;
                  break;
                case 'today':
                case 'tomorrow':
                case 'yesterday':
                  mask = DATE;
                  // A time of day may have been there already.
                  this.#today(known.value === 'today' ? 0 : known.value === 'tomorrow' ? 1 : -1);
                  break;
                case 'allballs':
                  mask = TIME | TZ;
                  this.#zone = fixedZone('UTC', 0);
                  break;
                default:
                  mask = DATE | TIME | TZ;
                  word = known.value === '+infinity' ? 'infinity' : (known.value as 'epoch');
              }
          }
        }
      }
      if ((mask & this.#mask) !== 0) throw new Malformed();
      this.#mask |= mask;
    }
    if (pending !== undefined && pending !== 'other') throw new Malformed();
    if (word !== 'point') return { kind: word, days: 0, micros: 0, zone: undefined, dated: true };
    return this.#finish();
  }

  #finish(): ReadDateTime {
    this.#validate();
    if (this.#half !== undefined && this.#hour > 12) throw new Overflow();
    if (this.#half === 0 && this.#hour === 12) this.#hour = 0;
    else if (this.#half === 1 && this.#hour !== 12) this.#hour += 12;
    const dated = (this.#mask & DATE) === DATE;
    if (!dated && (!this.#timeOnly || (this.#mask & DATE) !== 0)) throw new Malformed();
    if (this.#timeOnly && (this.#mask & TIME) !== TIME) throw new Malformed();
    const micros = ((this.#hour * 60 + this.#minute) * 60 + this.#second) * 1e6 + this.#fraction;
    if (this.#hour > 24 || this.#minute > 59 || this.#second > 60 || micros > 86_400e6) throw new Overflow();
    const days = dated ? daysFromCivil(this.#year, this.#month, this.#day) : 0;
    return { kind: 'point', days, micros, zone: this.#zone, dated };
  }

  #validate(): void {
    if ((this.#mask & YEAR) !== 0 && !this.#julian) {
      if (this.#bc) {
        if (this.#year <= 0) throw new Overflow();
        this.#year = 1 - this.#year;
      } else if (this.#twoDigits) {
        if (this.#year < 70) this.#year += 2_000;
        else if (this.#year < 100) this.#year += 1_900;
      } else if (this.#year <= 0) throw new Overflow();
    }
    if ((this.#mask & DOY) !== 0) {
      [this.#year, this.#month, this.#day] = civilFromDays(daysFromCivil(this.#year, 1, 1) + this.#dayOfYear - 1);
    }
    if ((this.#mask & MONTH) !== 0 && (this.#month < 1 || this.#month > 12)) throw new Overflow(true);
    if ((this.#mask & DAY) !== 0 && (this.#day < 1 || this.#day > 31)) throw new Overflow(true);
    if ((this.#mask & DATE) === DATE && this.#day > daysInMonth(this.#year, this.#month)) throw new Overflow();
  }

  /** @returns Seconds since midnight. */
  #today(daysAhead: number): number {
    const seconds = Number(this.#context.nowMicros / 1_000_000n);
    const local = seconds + this.#context.zone.offsetAt(seconds);
    const days = Math.floor(local / 86_400);
    [this.#year, this.#month, this.#day] = civilFromDays(days + daysAhead);
    this.#julian = true;
    return local - days * 86_400;
  }

  #now(): void {
    const inDay = this.#today(0);
    this.#hour = Math.floor(inDay / 3_600);
    this.#minute = Math.floor(inDay / 60) % 60;
    this.#second = inDay % 60;
    this.#fraction = Number(this.#context.nowMicros % 1_000_000n);
  }

  #namedZone(text: string): number {
    const zone = timeZone(text);
    if (zone === undefined) {
      if (!/[/_0-9]/.test(text) && !text.includes('-')) throw new Malformed();
      throw new SqlError('invalid_parameter_value', `time zone "${text}" not recognized`);
    }
    this.#zone = zone;
    return TZ;
  }

  #julianDay(day: number): number {
    [this.#year, this.#month, this.#day] = civilFromDays(day - JULIAN_EPOCH);
    this.#julian = true;
    return DATE;
  }

  #labelled(unit: Unit, text: string): number {
    const match = /^(\d+)(\.\d*)?$/.exec(text);
    if (match === null) throw new Malformed();
    const value = Number(match[1]);
    const fraction = match[2];
    if (fraction !== undefined && unit !== 'julian' && unit !== 'time' && unit !== 'second') throw new Malformed();
    switch (unit) {
      case 'year':
        this.#year = value;
        return YEAR;
      case 'month':
        if ((this.#mask & MONTH) !== 0 && (this.#mask & HOUR) !== 0) {
          this.#minute = value;
          return MINUTE;
        }
        this.#month = value;
        return MONTH;
      case 'day':
        this.#day = value;
        return DAY;
      case 'hour':
        this.#hour = value;
        return HOUR;
      case 'minute':
        this.#minute = value;
        return MINUTE;
      case 'second':
        this.#second = value;
        if (fraction !== undefined) this.#fraction = fractionMicros(fraction);
        return SECOND;
      case 'julian': {
        const mask = this.#julianDay(value);
        if (fraction === undefined) return mask;
        const seconds = Number(`0${fraction}`) * 86_400;
        this.#hour = Math.floor(seconds / 3_600);
        this.#minute = Math.floor(seconds / 60) % 60;
        this.#second = Math.floor(seconds % 60);
        this.#fraction = Math.round((seconds - Math.floor(seconds)) * 1e6);
        return mask | TIME;
      }
      case 'time': {
        const mask = this.#numberField(text, this.#mask | DATE);
        if (mask !== TIME) throw new Malformed();
        return mask;
      }
      default:
        throw new Malformed();
    }
  }

  /** `2024-02-29`, `1/18/1999`, `08-Jan-99`, `1999.008`. */
  #dateField(text: string): number {
    let mask = 0;
    let seen = this.#mask;
    const parts = text.split(/[^0-9a-z\x80-\uffff]+/i).flatMap((part) => part.match(/\d+|\D+/g) ?? ['']);
    if (parts.at(-1) === '') throw new Malformed();
    const add = (more: number): void => {
      if ((seen & more) !== 0) throw new Malformed();
      seen |= more;
      mask |= more;
    };
    const numbers: string[] = [];
    for (const part of parts) {
      if (part === '') continue;
      if (isDigit(part[0])) {
        numbers.push(part);
        continue;
      }
      const word = WORDS.get(part);
      if (word?.kind === 'ignore') continue;
      if (word?.kind !== 'month') throw new Malformed();
      this.#month = word.value;
      this.#textMonth = true;
      add(MONTH);
    }
    for (const number of numbers) add(this.#number(number, seen));
    if ((seen & ~(DOY | TZ) & (DATE | TIME)) !== DATE && (seen & DATE) !== DATE) throw new Malformed();
    return mask;
  }

  #number(text: string, seen: number): number {
    const match = /^(\d*)(\.\d*)?$/.exec(text);
    if (match === null || match[1] === '') throw new Malformed();
    if (match[2] !== undefined) {
      if (match[1]!.length > 2) return this.#numberField(text, seen | DATE);
      this.#fraction = fractionMicros(match[2]);
    }
    const value = Number(match[1]);
    const length = text.length;
    if (length === 3 && (seen & DATE) === YEAR && value >= 1 && value <= 366) {
      this.#dayOfYear = value;
      return DOY | MONTH | DAY;
    }
    const year = (): number => {
      this.#year = value;
      this.#twoDigits = length <= 2;
      return YEAR;
    };
    const month = (): number => {
      this.#month = value;
      return MONTH;
    };
    const day = (): number => {
      this.#day = value;
      return DAY;
    };
    const { order } = this.#context;
    switch (seen & DATE) {
      case 0:
        return length >= 3 || order === 'YMD' ? year() : order === 'DMY' ? day() : month();
      case YEAR:
        return month();
      case MONTH:
        return this.#textMonth && (length >= 3 || order === 'YMD') ? year() : day();
      case YEAR | MONTH:
        if (this.#textMonth && length >= 3 && this.#twoDigits) {
          this.#day = this.#year;
          this.#year = value;
          this.#twoDigits = false;
          return DAY;
        }
        return day();
      case DAY:
        return month();
      case MONTH | DAY:
        return year();
      case DATE:
        return this.#numberField(text, seen);
      default:
        throw new Malformed();
    }
  }

  /** `20240229`, `040506.789`, `0405`. */
  #numberField(text: string, seen: number): number {
    let digits = text;
    const point = text.indexOf('.');
    if (point >= 0) {
      this.#fraction = fractionMicros(text.slice(point));
      digits = text.slice(0, point);
    } else if ((seen & DATE) !== DATE && text.length >= 6) {
      this.#day = Number(text.slice(-2));
      this.#month = Number(text.slice(-4, -2));
      this.#year = Number(text.slice(0, -4));
      if (text.length === 6) this.#twoDigits = true;
      return DATE;
    }
    if ((seen & TIME) !== TIME && (digits.length === 6 || digits.length === 4)) {
      this.#hour = Number(digits.slice(0, 2));
      this.#minute = Number(digits.slice(2, 4));
      this.#second = digits.length === 6 ? Number(digits.slice(4)) : 0;
      return TIME;
    }
    throw new Malformed();
  }

  #timeField(text: string): number {
    const [hour, minute, second, fraction] = readClock(text) ?? [];
    if (hour === undefined) throw new Malformed();
    if (minute! > 59 || second! > 60) throw new Overflow();
    [this.#hour, this.#minute, this.#second, this.#fraction] = [hour, minute!, second!, fraction!];
    const micros = ((hour * 60 + minute!) * 60 + second!) * 1e6 + fraction!;
    if (hour > 24 || micros > 86_400e6) throw new Overflow();
    return TIME;
  }
}

/** Hours, minutes, seconds, microseconds of `h:m`, `h:m:s.f` or `m:s.f`. Undefined when it is none of them. */
function readClock(text: string): readonly [number, number, number, number] | undefined {
  const match = /^(\d+):(\d*)(?::(\d+))?(\.\d*)?$/.exec(text);
  if (match === null) return undefined;
  const first = Number(match[1]);
  const second = Number(match[2]);
  const fraction = match[4] === undefined ? 0 : fractionMicros(match[4]);
  if (match[3] === undefined && match[4] !== undefined) return [0, first, second, fraction];
  return [first, second, Number(match[3] ?? 0), fraction];
}

/** The instant or local time that was read, as microseconds since 1970. */
export function microsOf({ days, micros, zone }: ReadDateTime, sessionZone: TimeZone, local: boolean): bigint {
  const seconds = days * 86_400 + Math.floor(micros / 1e6);
  const instant = local ? seconds : instantOf(seconds, zone ?? sessionZone);
  return BigInt(instant) * 1_000_000n + BigInt(micros % 1e6);
}
