/**
 * Text of `timestamp with time zone` and `timestamp`, as PostgreSQL reads and prints them with DateStyle ISO.
 *
 * A value is microseconds since 1970, of UTC or of local time, as a bigint; the ends of int64 are the infinities. Read are ISO 8601 forms, with a
 * space or T between date and time, an optional zone (Z, an offset or an IANA name) and an optional BC, and the words
 * epoch, infinity, -infinity, now, today, tomorrow and yesterday. Month names and other date orders are left out.
 */

import { INT64_MAX, INT64_MIN } from '../../../base/value.ts';
import { SqlError } from '../sql-error.ts';
import { fixedZone, instantOf, type TimeZone, timeZone, UTC } from './time-zone.ts';

export const INFINITY_MICROS = INT64_MAX;
export const MINUS_INFINITY_MICROS = INT64_MIN;

/** 4714-11-24 BC to 294277-01-01, exclusive; PostgreSQL's range. */
const MICROS_MIN = -210_866_803_200_000_000n;
const MICROS_END = 9_224_318_016_000_000_000n;
const DAY_SECONDS = 86_400;

export interface TimeContext {
  readonly zone: TimeZone;
  /** Start of the transaction, for `now`. */
  readonly nowMicros: bigint;
}

const PATTERN =
  /^(\d{1,6})-(\d{1,2})-(\d{1,2})(?:[ tT]+(\d{1,2}):(\d{1,2})(?::(\d{1,2})(?:\.(\d*))?)?)?\s*([zZ]|[+-]\d{1,2}(?::?\d{2}(?::?\d{2})?)?|[A-Za-z][A-Za-z_]*(?:\/[A-Za-z0-9_+-]+)*)?(?:\s+(BC|AD|bc|ad))?$/;

/** @throws SqlError `invalid_datetime_format`, `datetime_field_overflow`. */
export function parseTimestamptz(input: string, context: TimeContext): bigint {
  return parsePoint(input, 'timestamp with time zone', context);
}

/** Local time; a zone in the text is read and does not count, as in PostgreSQL. @throws as `parseTimestamptz`. */
export function parseTimestamp(input: string, context: TimeContext): bigint {
  const now = localOfInstant(context.nowMicros, context.zone);
  return parsePoint(input, 'timestamp', { zone: UTC, nowMicros: now });
}

function parsePoint(input: string, title: 'timestamp' | 'timestamp with time zone', context: TimeContext): bigint {
  const text = input.trim();
  const word = specialWord(text.toLowerCase(), context);
  if (word !== undefined) return word;
  const match = PATTERN.exec(text);
  if (match === null) throw invalid(input, title);
  let [, yearText, monthText, dayText, hourText, minuteText, secondText, fraction, zoneText, era] = match;
  if (zoneText !== undefined && /^(bc|ad)$/i.test(zoneText) && era === undefined) {
    era = zoneText;
    zoneText = undefined;
  }
  if (yearText!.length < 3) throw invalid(input, title);
  let year = Number(yearText);
  const month = Number(monthText);
  const day = Number(dayText);
  if (year === 0) throw outOfRange(input);
  if (era?.toLowerCase() === 'bc') year = 1 - year;
  const hour = Number(hourText ?? 0);
  const minute = Number(minuteText ?? 0);
  const second = Number(secondText ?? 0);
  if (month < 1 || month > 12 || day < 1 || day > daysInMonth(year, month)) throw outOfRange(input);
  if (minute > 59 || second > 60 || hour > 24 || (hour === 24 && (minute > 0 || second > 0 || Number(fraction) > 0))) {
    throw outOfRange(input);
  }
  const local = daysFromCivil(year, month, day) * DAY_SECONDS + hour * 3_600 + minute * 60 + second;
  const named = zoneText === undefined ? context.zone : zoneOf(zoneText, input, title);
  const zone = title === 'timestamp' ? UTC : named;
  const micros = BigInt(instantOf(local, zone)) * 1_000_000n + BigInt(Math.round(Number(`0.${fraction || '0'}`) * 1e6));
  if (micros < MICROS_MIN || micros >= MICROS_END) {
    throw new SqlError('datetime_field_overflow', `timestamp out of range: "${input}"`);
  }
  return micros;
}

function specialWord(word: string, context: TimeContext): bigint | undefined {
  switch (word) {
    case 'infinity':
    case '+infinity':
      return INFINITY_MICROS;
    case '-infinity':
      return MINUS_INFINITY_MICROS;
    case 'epoch':
      return 0n;
    case 'now':
      return context.nowMicros;
    case 'today':
    case 'tomorrow':
    case 'yesterday': {
      const now = Number(context.nowMicros / 1_000_000n);
      const today = Math.floor((now + context.zone.offsetAt(now)) / DAY_SECONDS);
      const day = today + (word === 'today' ? 0 : word === 'tomorrow' ? 1 : -1);
      return BigInt(instantOf(day * DAY_SECONDS, context.zone)) * 1_000_000n;
    }
    default:
      return undefined;
  }
}

function zoneOf(text: string, input: string, title: string): TimeZone {
  const sign = text[0];
  if (sign !== '+' && sign !== '-') {
    const zone = timeZone(text);
    if (zone !== undefined) return zone;
    if (!text.includes('/')) throw invalid(input, title);
    throw new SqlError('invalid_parameter_value', `time zone "${text.toLowerCase()}" not recognized`);
  }
  const digits = text.slice(1).replaceAll(':', '');
  const hours = Number(digits.slice(0, digits.length > 2 ? digits.length % 2 || 2 : 2));
  const rest = digits.slice(digits.length > 2 ? digits.length % 2 || 2 : digits.length);
  const minutes = Number(rest.slice(0, 2) || 0);
  const seconds = Number(rest.slice(2, 4) || 0);
  if (hours > 15 || minutes > 59 || seconds > 59) {
    throw new SqlError('datetime_field_overflow', `time zone displacement out of range: "${input}"`);
  }
  const offset = hours * 3_600 + minutes * 60 + seconds;
  return fixedZone(text, sign === '-' ? -offset : offset);
}

function invalid(input: string, title: string): SqlError {
  return new SqlError('invalid_datetime_format', `invalid input syntax for type ${title}: "${input}"`);
}

function outOfRange(input: string): SqlError {
  return new SqlError('datetime_field_overflow', `date/time field value out of range: "${input}"`);
}

/** What clocks of `zone` show at an instant, as microseconds. Infinities stay. */
export function localOfInstant(micros: bigint, zone: TimeZone): bigint {
  if (micros === INFINITY_MICROS || micros === MINUS_INFINITY_MICROS) return micros;
  return micros + BigInt(zone.offsetAt(wholeSeconds(micros))) * 1_000_000n;
}

/** The instant at which clocks of `zone` show a local time. @throws SqlError `datetime_field_overflow`. */
export function instantOfLocal(local: bigint, zone: TimeZone): bigint {
  if (local === INFINITY_MICROS || local === MINUS_INFINITY_MICROS) return local;
  const seconds = wholeSeconds(local);
  const micros = local + BigInt(instantOf(seconds, zone) - seconds) * 1_000_000n;
  if (micros >= MICROS_MIN && micros < MICROS_END) return micros;
  throw new SqlError('datetime_field_overflow', 'timestamp out of range');
}

function wholeSeconds(micros: bigint): number {
  return Number((micros - (((micros % 1_000_000n) + 1_000_000n) % 1_000_000n)) / 1_000_000n);
}

/** `2024-02-29 12:00:00.5`. */
export function formatTimestamp(micros: bigint): string {
  return formatPoint(micros, UTC, false);
}

/** `2024-02-29 12:00:00.5+01`. */
export function formatTimestamptz(micros: bigint, zone: TimeZone): string {
  return formatPoint(micros, zone, true);
}

function formatPoint(micros: bigint, zone: TimeZone, withOffset: boolean): string {
  if (micros === INFINITY_MICROS) return 'infinity';
  if (micros === MINUS_INFINITY_MICROS) return '-infinity';
  let seconds = Number(micros / 1_000_000n);
  let fraction = Number(micros % 1_000_000n);
  if (fraction < 0) {
    fraction += 1_000_000;
    seconds--;
  }
  const offset = zone.offsetAt(seconds);
  const local = seconds + offset;
  const days = Math.floor(local / DAY_SECONDS);
  const inDay = local - days * DAY_SECONDS;
  const [year, month, day] = civilFromDays(days);
  const shownYear = year > 0 ? year : 1 - year;
  let out = `${pad(shownYear, 4)}-${pad(month, 2)}-${pad(day, 2)} `;
  out += `${pad(Math.floor(inDay / 3_600), 2)}:${pad(Math.floor(inDay / 60) % 60, 2)}:${pad(inDay % 60, 2)}`;
  if (fraction !== 0) out += `.${String(fraction).padStart(6, '0').replace(/0+$/, '')}`;
  if (withOffset) {
    const ahead = Math.abs(offset);
    out += `${offset < 0 ? '-' : '+'}${pad(Math.floor(ahead / 3_600), 2)}`;
    if (ahead % 3_600 !== 0) out += `:${pad(Math.floor(ahead / 60) % 60, 2)}`;
    if (ahead % 60 !== 0) out += `:${pad(ahead % 60, 2)}`;
  }
  return year > 0 ? out : `${out} BC`;
}

function pad(value: number, width: number): string {
  return String(value).padStart(width, '0');
}

function daysInMonth(year: number, month: number): number {
  if (month === 2) return (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0 ? 29 : 28;
  return month === 4 || month === 6 || month === 9 || month === 11 ? 30 : 31;
}

/** Days since 1970 of a date in the proleptic Gregorian calendar; year 0 is 1 BC. After Howard Hinnant's algorithms. */
function daysFromCivil(year: number, month: number, day: number): number {
  const y = month <= 2 ? year - 1 : year;
  const era = Math.floor(y / 400);
  const yearOfEra = y - era * 400;
  const dayOfYear = Math.floor((153 * (month + (month > 2 ? -3 : 9)) + 2) / 5) + day - 1;
  const dayOfEra = yearOfEra * 365 + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100) + dayOfYear;
  return era * 146_097 + dayOfEra - 719_468;
}

function civilFromDays(days: number): readonly [number, number, number] {
  const z = days + 719_468;
  const era = Math.floor(z / 146_097);
  const dayOfEra = z - era * 146_097;
  const yearOfEra = Math.floor(
    (dayOfEra - Math.floor(dayOfEra / 1_460) + Math.floor(dayOfEra / 36_524) - Math.floor(dayOfEra / 146_096)) / 365,
  );
  const dayOfYear = dayOfEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100));
  const shifted = Math.floor((5 * dayOfYear + 2) / 153);
  const day = dayOfYear - Math.floor((153 * shifted + 2) / 5) + 1;
  const month = shifted < 10 ? shifted + 3 : shifted - 9;
  return [yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, day];
}
