/**
 * Intervals out of text (PostgreSQL's DecodeInterval and DecodeISO8601Interval).
 *
 * Fields are read from right to left, so that a unit is known before its number. Years, months, days and microseconds are summed
 * up each within its integer type, and what leaves it is refused at once, whatever else follows.
 */

import { INT64_MAX, INT64_MIN } from '../../../base/value.ts';
import { Interval } from '../../../models/relational/values.ts';
import { SqlError } from '../sql-error.ts';
import { fractionMicros, splitFields } from './datetime-input.ts';
import { FIELD_BITS, type IntervalStyle, rint } from './interval.ts';

const INT32_MAX = 2_147_483_647;
const SECOND = 1_000_000n;
const MINUTE = 60n * SECOND;
const HOUR = 60n * MINUTE;
const DAY = 24n * HOUR;

type Unit =
  | 'microsecond'
  | 'millisecond'
  | 'second'
  | 'minute'
  | 'hour'
  | 'day'
  | 'week'
  | 'month'
  | 'year'
  | 'decade'
  | 'century'
  | 'millennium';

/** Words are cut to ten letters before they are looked up: `microseconds` is found, and so is `millenniums`. */
const WORD_LETTERS = 10;

const UNIT_NAMES: Readonly<Record<Unit, string>> = {
  microsecond: 'us usec usecs usecond useconds microsecon',
  millisecond: 'ms msec msecs msecond mseconds millisecon',
  second: 's sec secs second seconds',
  minute: 'm min mins minute minutes',
  hour: 'h hr hrs hour hours',
  day: 'd day days',
  week: 'w week weeks',
  month: 'mon mons month months',
  year: 'y yr yrs year years',
  decade: 'dec decs decade decades',
  century: 'c cent century centuries',
  millennium: 'mil mils millennia millennium',
};

const UNITS = new Map<string, Unit>(
  Object.entries(UNIT_NAMES).flatMap(([unit, names]) => names.split(' ').map((name) => [name, unit as Unit] as const)),
);

/** A unit by any of its names, like `mins`. */
export function unitNamed(name: string): Unit | undefined {
  return UNITS.get(name.slice(0, WORD_LETTERS));
}

/** Each unit once: the bits say which were there. */
const SEEN: Readonly<Record<Unit, number>> = {
  microsecond: 1,
  millisecond: 2,
  second: 4,
  minute: 8,
  hour: 16,
  day: 32,
  week: 64,
  month: 128,
  year: 256,
  decade: 512,
  century: 1_024,
  millennium: 2_048,
};
const SEEN_SECONDS = SEEN.second | SEEN.millisecond | SEEN.microsecond;
const SEEN_CLOCK = SEEN_SECONDS | SEEN.minute | SEEN.hour;

/** Thrown and caught in here: the text is no interval, or one of its numbers is too large. */
class Unreadable extends Error {
  readonly isTooLarge: boolean;
  constructor(isTooLarge: boolean) {
    super();
    this.isTooLarge = isTooLarge;
  }
}

function malformed(): never {
  throw new Unreadable(false);
}

function tooLarge(): never {
  throw new Unreadable(true);
}

function int32(value: number): number {
  return value >= -INT32_MAX - 1 && value <= INT32_MAX ? value : tooLarge();
}

function int64(value: bigint): bigint {
  return value >= INT64_MIN && value <= INT64_MAX ? value : tooLarge();
}

/** The parts of an interval while it is read; `fraction` is always less than one. */
class Parts {
  years = 0;
  months = 0;
  days = 0;
  micros = 0n;

  addMicros(whole: bigint, fraction: number, scale: bigint): void {
    this.micros = int64(this.micros + int64(whole * scale));
    this.#addFraction(fraction, scale);
  }

  addDays(whole: bigint, scale: number): void {
    this.days = int32(this.days + int32(int32(Number(whole)) * scale));
  }

  addMonths(whole: bigint): void {
    this.months = int32(this.months + int32(Number(whole)));
  }

  add(unit: Unit, whole: bigint, fraction: number): void {
    switch (unit) {
      case 'microsecond':
        this.addMicros(whole, fraction, 1n);
        break;
      case 'millisecond':
        this.addMicros(whole, fraction, 1_000n);
        break;
      case 'second':
        this.addMicros(whole, fraction, SECOND);
        break;
      case 'minute':
        this.addMicros(whole, fraction, MINUTE);
        break;
      case 'hour':
        this.addMicros(whole, fraction, HOUR);
        break;
      case 'day':
        this.addDays(whole, 1);
        this.#addFraction(fraction, DAY);
        break;
      case 'week':
        this.addDays(whole, 7);
        this.#addFractionOfDays(fraction, 7);
        break;
      case 'month':
        this.addMonths(whole);
        this.#addFractionOfDays(fraction, 30);
        break;
      case 'year':
        this.#addYears(whole, fraction, 1);
        break;
      case 'decade':
        this.#addYears(whole, fraction, 10);
        break;
      case 'century':
        this.#addYears(whole, fraction, 100);
        break;
      default:
        this.#addYears(whole, fraction, 1_000);
        break;
    }
  }

  negate(): void {
    this.years = int32(-this.years);
    this.months = int32(-this.months);
    this.days = int32(-this.days);
    this.micros = int64(-this.micros);
  }

  #addYears(whole: bigint, fraction: number, scale: number): void {
    this.years = int32(this.years + int32(int32(Number(whole)) * scale));
    this.months = int32(this.months + rint(fraction * scale * 12));
  }

  /** Rounds half towards zero, as PostgreSQL does. */
  #addFraction(fraction: number, scale: bigint): void {
    if (fraction === 0) return;
    const exact = fraction * Number(scale);
    let micros = Math.trunc(exact);
    if (exact - micros > 0.5) micros++;
    else if (exact - micros < -0.5) micros--;
    this.micros = int64(this.micros + BigInt(micros));
  }

  #addFractionOfDays(fraction: number, scale: number): void {
    const exact = fraction * scale;
    const whole = Math.trunc(exact);
    this.days = int32(this.days + whole);
    this.#addFraction(exact - whole, DAY);
  }
}

/**
 * @param range Bits of `FIELD_BITS`, from a type like `interval hour to minute`; 0 for none.
 * @throws SqlError `invalid_datetime_format`, `interval_field_overflow`, `datetime_field_overflow`.
 */
export function parseInterval(input: string, style: IntervalStyle = 'postgres', range = 0): Interval {
  const { years, months, days, micros } = readParts(input, style, range);
  const total = years * 12 + months;
  if (Math.abs(total) > INT32_MAX && total !== -INT32_MAX - 1) {
    throw new SqlError('datetime_field_overflow', 'interval out of range');
  }
  return new Interval(total === 0 ? 0 : total, days === 0 ? 0 : days, micros);
}

function readParts(input: string, style: IntervalStyle, range: number): Parts {
  for (const read of [() => readFields(input, style, range), () => readIso(input)]) {
    try {
      return read();
    } catch (error) {
      if (!(error instanceof Unreadable)) throw error;
      if (error.isTooLarge) {
        throw new SqlError('interval_field_overflow', `interval field value out of range: "${input}"`);
      }
    }
  }
  throw new SqlError('invalid_datetime_format', `invalid input syntax for type interval: "${input}"`);
}

function defaultUnit(range: number): Unit {
  if (range === 0 || range === 0x7fff || (range & FIELD_BITS.second) !== 0) return 'second';
  if ((range & FIELD_BITS.minute) !== 0) return 'minute';
  if ((range & FIELD_BITS.hour) !== 0) return 'hour';
  if ((range & FIELD_BITS.day) !== 0) return 'day';
  return (range & FIELD_BITS.month) !== 0 ? 'month' : 'year';
}

function readFields(input: string, style: IntervalStyle, range: number): Parts {
  const fields = splitFields(input) ?? malformed();
  const parts = new Parts();
  let seen = 0;
  let unit: Unit | 'ago' | undefined;
  let ago = false;
  // The standard's '-1 1:00:00' is negative throughout.
  const allNegative =
    style === 'sql_standard' &&
    fields[0]?.text.startsWith('-') === true &&
    !fields.slice(1).some(({ text }) => /^[-+]/.test(text));
  for (let i = fields.length - 1; i >= 0; i--) {
    const { kind, text } = fields[i]!;
    let mask: number;
    if (kind === 'time' || (kind === 'tz' && text.includes(':'))) {
      const negative = text.startsWith('-') || allNegative;
      const micros = readClock(kind === 'tz' ? text.slice(1) : text, range);
      parts.micros = negative ? -micros : micros;
      mask = SEEN_CLOCK;
      // Before a time of day stands a number of days.
      unit = 'day';
    } else if (kind === 'tz' || kind === 'date' || kind === 'number') {
      unit ??= defaultUnit(range);
      let { whole, fraction, isYearsMonths } = readNumber(text);
      if (isYearsMonths) unit = 'month';
      if (allNegative && whole > 0n) whole = -whole;
      if (allNegative && fraction > 0) fraction = -fraction;
      if (unit === 'ago') malformed();
      parts.add(unit, whole, fraction);
      mask = unit === 'second' && fraction !== 0 ? SEEN_SECONDS : SEEN[unit];
      if (unit === 'hour') unit = 'day';
    } else {
      if (text === '@') continue;
      unit = text === 'ago' ? 'ago' : (unitNamed(text) ?? malformed());
      ago ||= unit === 'ago';
      continue;
    }
    if ((mask & seen) !== 0) malformed();
    seen |= mask;
  }
  if (seen === 0) malformed();
  if (ago) parts.negate();
  return parts;
}

/** `5`, `-5.25`, and the standard's `-1-2` of years and months. */
function readNumber(text: string): { whole: bigint; fraction: number; isYearsMonths: boolean } {
  const match = /^([+-]?)(\d*)(?:-(\d*)|(\.\d*))?$/.exec(text);
  if (match === null || (match[2] === '' && match[4] === undefined)) malformed();
  const [, sign, digits, months, fraction] = match;
  const magnitude = BigInt(digits!);
  const whole = int64(sign === '-' ? -magnitude : magnitude);
  if (months !== undefined) {
    const rest = Number(months);
    if (rest >= 12) tooLarge();
    return { whole: int64(int64(whole * 12n) + BigInt(sign === '-' ? -rest : rest)), fraction: 0, isYearsMonths: true };
  }
  const part = fraction === undefined || fraction === '.' ? 0 : Number(fraction);
  return { whole, fraction: sign === '-' ? -part : part, isYearsMonths: false };
}

/** `1:30` is hours and minutes, unless the type says minutes and seconds; `1:30.5` is always the latter. */
function readClock(text: string, range: number): bigint {
  const match = /^(\d+):(\d*)(?::(\d+))?(\.\d*)?$/.exec(text) ?? malformed();
  const [, first, second, third, fraction] = match;
  const shifted = third === undefined && (fraction !== undefined || range === (FIELD_BITS.minute | FIELD_BITS.second));
  const [hours, minutes, seconds] = shifted
    ? [0n, BigInt(first!), BigInt(second!)]
    : [BigInt(first!), BigInt(second!), BigInt(third ?? 0)];
  int64(hours);
  if (minutes > 59n || seconds > 60n) tooLarge();
  const micros = BigInt(fraction === undefined ? 0 : fractionMicros(fraction));
  return int64(int64(hours * HOUR) + minutes * MINUTE + seconds * SECOND + micros);
}

/** `P1Y2M3DT4H5M6S`, `P1W`, and the alternatives `P0001-02-03T04:05:06` and `P00010203T040506`. */
function readIso(input: string): Parts {
  if (input.length < 2 || input[0] !== 'P') malformed();
  const parts = new Parts();
  let at = 1;
  /** What stands before a unit, and how many digits it begins with. */
  const number = (): { whole: bigint; fraction: number; digits: number } => {
    const rest = input.slice(at);
    const match = /^-?(?:(\d+)(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?/.exec(rest);
    if (match === null) return /^-(?:inf|nan)/i.test(rest) ? tooLarge() : malformed();
    at += match[0].length;
    const value = Number(match[0]);
    if (Math.abs(value) > 1e15) tooLarge();
    const whole = Math.trunc(value);
    return { whole: BigInt(whole), fraction: value - whole, digits: match[1]?.length ?? 0 };
  };
  let isDate = true;
  let isFirst = true;
  while (at < input.length) {
    if (input[at] === 'T') {
      isDate = false;
      isFirst = true;
      at++;
      continue;
    }
    const { whole, fraction, digits } = number();
    const mark = input[at++];
    const named = mark === undefined ? undefined : (isDate ? ISO_DATE : ISO_TIME)[mark];
    if (named !== undefined) parts.add(named, whole, fraction);
    else if (isDate) {
      if (mark !== undefined && mark !== 'T' && mark !== '-') malformed();
      if (digits === 8 && isFirst && mark !== '-') {
        parts.add('year', whole / 10_000n, 0);
        parts.addMonths((whole / 100n) % 100n);
        parts.add('day', whole % 100n, fraction);
      } else {
        if (!isFirst) malformed();
        parts.add('year', whole, fraction);
        if (mark === '-') {
          const months = number();
          parts.add('month', months.whole, months.fraction);
          if (input[at] === '-') {
            at++;
            const days = number();
            parts.add('day', days.whole, days.fraction);
          }
          if (at < input.length && input[at] !== 'T') malformed();
          continue;
        }
      }
      if (mark === 'T') at--;
      continue;
    } else {
      if (mark !== undefined && mark !== ':') malformed();
      if (digits === 6 && isFirst && mark === undefined) {
        parts.add('hour', whole / 10_000n, 0);
        parts.add('minute', (whole / 100n) % 100n, 0);
        parts.add('second', whole % 100n, 0);
        parts.add('microsecond', 0n, fraction);
        return parts;
      }
      if (!isFirst) malformed();
      parts.add('hour', whole, fraction);
      if (mark === undefined) return parts;
      const minutes = number();
      parts.add('minute', minutes.whole, minutes.fraction);
      if (at === input.length) return parts;
      if (input[at++] !== ':') malformed();
      const seconds = number();
      parts.add('second', seconds.whole, seconds.fraction);
      if (at < input.length) malformed();
      return parts;
    }
    isFirst = false;
  }
  return parts;
}

const ISO_DATE: Readonly<Record<string, Unit>> = { Y: 'year', M: 'month', W: 'week', D: 'day' };
const ISO_TIME: Readonly<Record<string, Unit>> = { H: 'hour', M: 'minute', S: 'second' };
