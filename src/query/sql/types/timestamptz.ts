/**
 * Points in time and times of day: reading, printing, changing zones (PostgreSQL's timestamp.c, date.c, datetime.c).
 *
 * A timestamp is microseconds since 1970, of UTC or of local time, as a bigint; the ends of int64 are the infinities. A date is
 * days since 1970 as a number, with JavaScript's infinities. A time is microseconds since midnight.
 */

import { INT64_MAX, INT64_MIN } from '../../../base/value.ts';
import { TimeTz } from '../../../models/relational/values.ts';
import { SqlError } from '../sql-error.ts';
import { civilFromDays, dayOfWeek } from './calendar.ts';
import { microsOf, type ReadContext, readDateTime } from './datetime-input.ts';
import { instantOf, type TimeZone } from './time-zone.ts';
import type { KnownLabel, SqlType } from './types.ts';

export const INFINITY_MICROS = INT64_MAX;
export const MINUS_INFINITY_MICROS = INT64_MIN;

/** 4714-11-24 BC to 294277-01-01, exclusive; PostgreSQL's range. */
const MICROS_MIN = -210_866_803_200_000_000n;
const MICROS_END = 9_224_318_016_000_000_000n;
/** Dates go to 5874897-12-31. */
const DATE_MIN = -2_440_588;
const DATE_END = 2_145_042_906;
const DAY_SECONDS = 86_400;
const DAY_MICROS = 86_400_000_000n;

/** How values of some types look in text. */
export interface TextStyle {
  readonly zone: TimeZone;
  /** Default: `ISO`. */
  readonly dateStyle?: 'ISO' | 'SQL' | 'Postgres' | 'German';
  /** The order of day, month and year in input and in some output. Default: `MDY`. */
  readonly dateOrder?: 'MDY' | 'DMY' | 'YMD';
  /** Default: `postgres`. */
  readonly intervalStyle?: 'postgres' | 'postgres_verbose' | 'sql_standard' | 'iso_8601';
  /** By how many digits numbers in floating point are shorter than they could be: 0 or less. Default: the shortest that read back. */
  readonly floatDigits?: number | undefined;
  /** Default: `hex`. */
  readonly byteaOutput?: 'hex' | 'escape';
  /** Names of the catalog's objects, for `regclass` and its kin. Without it they are numbers. */
  readonly names?: ObjectNames | undefined;
}

/** What the catalog calls its objects. Kinds are those of the types: `regclass`, `regproc`, `regtype`, …. */
export interface ObjectNames {
  /** As it is written in the session's search path; undefined when there is none. */
  nameOf(kind: SqlType, oid: number): string | undefined;
  /** @param parts The name, and the schema before it where it was given. */
  oidOf(kind: SqlType, parts: readonly string[]): number | undefined;
  /** All labels of an enum that the transaction has changed, in order; undefined for any other, and outside of transactions. */
  labelsOf?(type: SqlType): readonly SeenLabel[] | undefined;
}

export interface SeenLabel extends KnownLabel {
  /** Not to be used before the transaction has committed. */
  readonly isNew: boolean;
}

export interface TimeContext extends TextStyle {
  /** Start of the transaction, for `now`. */
  readonly nowMicros: bigint;
  /** Texts are those of a definition that was made before. */
  readonly isStored?: true;
}

function readContext(context: TimeContext): ReadContext {
  return { zone: context.zone, order: context.dateOrder ?? 'MDY', nowMicros: context.nowMicros };
}

/** @throws SqlError as `readDateTime`. */
export function parseTimestamptz(input: string, context: TimeContext): bigint {
  return parsePoint(input, 'timestamp with time zone', context, false);
}

/** Local time; a zone in the text is read and does not count, as in PostgreSQL. @throws as `parseTimestamptz`. */
export function parseTimestamp(input: string, context: TimeContext): bigint {
  return parsePoint(input, 'timestamp', context, true);
}

function parsePoint(input: string, title: string, context: TimeContext, local: boolean): bigint {
  const read = readDateTime(input, title, readContext(context));
  switch (read.kind) {
    case 'infinity':
      return INFINITY_MICROS;
    case '-infinity':
      return MINUS_INFINITY_MICROS;
    case 'epoch':
      return 0n;
    default: {
      const micros = microsOf(read, context.zone, local);
      if (isTimestamp(micros)) return micros;
      throw new SqlError('datetime_field_overflow', `timestamp out of range: "${input}"`);
    }
  }
}

/** Whether it lies within the range of finite timestamps. */
export function isTimestamp(micros: bigint): boolean {
  return micros >= MICROS_MIN && micros < MICROS_END;
}

/** @throws SqlError `datetime_field_overflow`. */
export function checkedTimestamp(micros: bigint): bigint {
  if (isTimestamp(micros)) return micros;
  throw new SqlError('datetime_field_overflow', 'timestamp out of range');
}

export function isInfinite(micros: bigint): boolean {
  return micros === INFINITY_MICROS || micros === MINUS_INFINITY_MICROS;
}

/** @param shown For the error. @throws SqlError `datetime_field_overflow`. */
export function checkedDate(days: number, shown?: string): number {
  if ((days >= DATE_MIN && days < DATE_END) || !Number.isFinite(days)) return days;
  throw new SqlError('datetime_field_overflow', `date out of range${shown === undefined ? '' : `: ${shown}`}`);
}

export function parseDate(input: string, context: TimeContext): number {
  const read = readDateTime(input, 'date', readContext(context));
  switch (read.kind) {
    case 'infinity':
      return Number.POSITIVE_INFINITY;
    case '-infinity':
      return Number.NEGATIVE_INFINITY;
    case 'epoch':
      return 0;
    default:
      if (read.days >= DATE_MIN && read.days < DATE_END) return read.days;
      throw new SqlError('datetime_field_overflow', `date out of range: "${input}"`);
  }
}

/** What clocks of a place show depends on the date. */
function isZoneWithoutDate({ dated, zone }: ReturnType<typeof readDateTime>): boolean {
  return !dated && zone !== undefined && zone.name.includes('/');
}

export function parseTime(input: string, context: TimeContext): number {
  const read = readDateTime(input, 'time', readContext(context), true);
  if (read.kind === 'point' && !isZoneWithoutDate(read)) return read.micros;
  throw new SqlError('invalid_datetime_format', `invalid input syntax for type time: "${input}"`);
}

export function parseTimetz(input: string, context: TimeContext): TimeTz {
  const title = 'time with time zone';
  const read = readDateTime(input, title, readContext(context), true);
  if (read.kind !== 'point' || isZoneWithoutDate(read)) {
    throw new SqlError('invalid_datetime_format', `invalid input syntax for type ${title}: "${input}"`);
  }
  const zone = read.zone ?? context.zone;
  const seconds = Math.floor(read.micros / 1e6);
  const now = Number(context.nowMicros / 1_000_000n);
  const days = read.dated ? read.days : Math.floor((now + zone.offsetAt(now)) / DAY_SECONDS);
  const local = days * DAY_SECONDS + seconds;
  return new TimeTz(read.micros, local - instantOf(local, zone));
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

export function wholeSeconds(micros: bigint): number {
  return Number((micros - (((micros % 1_000_000n) + 1_000_000n) % 1_000_000n)) / 1_000_000n);
}

/** `2024-02-29 12:00:00.5`. */
export function formatTimestamp(micros: bigint, style?: TextStyle): string {
  return formatPoint(micros, undefined, style);
}

/** `2024-02-29 12:00:00.5+01`. */
export function formatTimestamptz(micros: bigint, style: TextStyle): string {
  return formatPoint(micros, style.zone, style);
}

const WEEKDAYS = ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat'];
const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

function formatPoint(micros: bigint, zone: TimeZone | undefined, style: TextStyle | undefined): string {
  if (micros === INFINITY_MICROS) return 'infinity';
  if (micros === MINUS_INFINITY_MICROS) return '-infinity';
  const seconds = wholeSeconds(micros);
  const fraction = Number(((micros % 1_000_000n) + 1_000_000n) % 1_000_000n);
  const offset = zone === undefined ? 0 : zone.offsetAt(seconds);
  const local = seconds + offset;
  const days = Math.floor(local / DAY_SECONDS);
  const clock = formatClock((local - days * DAY_SECONDS) * 1e6 + fraction);
  const dateStyle = style?.dateStyle ?? 'ISO';
  const [year, month, day] = civilFromDays(days);
  const era = year > 0 ? '' : ' BC';
  if (dateStyle === 'ISO') {
    const date = `${pad(year > 0 ? year : 1 - year, 4)}-${pad(month, 2)}-${pad(day, 2)}`;
    return `${date} ${clock}${zone === undefined ? '' : formatOffset(offset)}${era}`;
  }
  const abbreviation = zone?.abbreviationAt?.(seconds);
  const shownZone = zone === undefined ? '' : abbreviation === undefined ? formatOffset(offset) : ` ${abbreviation}`;
  if (dateStyle === 'Postgres') {
    const dayFirst = style?.dateOrder === 'DMY';
    const name = MONTHS[month - 1]!;
    const date = dayFirst ? `${pad(day, 2)} ${name}` : `${name} ${pad(day, 2)}`;
    const separated = zone !== undefined && abbreviation === undefined ? ` ${formatOffset(offset)}` : shownZone;
    return `${WEEKDAYS[dayOfWeek(days)]} ${date} ${clock} ${pad(year > 0 ? year : 1 - year, 4)}${separated}${era}`;
  }
  return `${formatDay(days, style)} ${clock}${shownZone}${era}`.replace(`${era} ${clock}`, ` ${clock}`);
}

/** `+05:30`, `-08`. */
function formatOffset(offset: number): string {
  const ahead = Math.abs(offset);
  let out = `${offset < 0 ? '-' : '+'}${pad(Math.floor(ahead / 3_600), 2)}`;
  if (ahead % 3_600 !== 0) out += `:${pad(Math.floor(ahead / 60) % 60, 2)}`;
  if (ahead % 60 !== 0) out += `:${pad(ahead % 60, 2)}`;
  return out;
}

/** `12:00:00.5` of microseconds since midnight. */
export function formatClock(micros: number): string {
  const seconds = Math.floor(micros / 1e6);
  const fraction = micros - seconds * 1e6;
  const out = `${pad(Math.floor(seconds / 3_600), 2)}:${pad(Math.floor(seconds / 60) % 60, 2)}:${pad(seconds % 60, 2)}`;
  return fraction === 0 ? out : `${out}.${String(fraction).padStart(6, '0').replace(/0+$/, '')}`;
}

export function formatTimetz({ micros, offset }: TimeTz): string {
  return formatClock(micros) + formatOffset(offset);
}

export function formatDate(days: number, style?: TextStyle): string {
  if (!Number.isFinite(days)) return days > 0 ? 'infinity' : '-infinity';
  return formatDay(days, style);
}

function formatDay(days: number, style: TextStyle | undefined): string {
  const [year, month, day] = civilFromDays(days);
  const y = pad(year > 0 ? year : 1 - year, 4);
  const m = pad(month, 2);
  const d = pad(day, 2);
  const era = year > 0 ? '' : ' BC';
  const dayFirst = style?.dateOrder === 'DMY';
  switch (style?.dateStyle) {
    case 'SQL':
      return `${dayFirst ? `${d}/${m}` : `${m}/${d}`}/${y}${era}`;
    case 'German':
      return `${d}.${m}.${y}${era}`;
    case 'Postgres':
      return `${dayFirst ? `${d}-${m}` : `${m}-${d}`}-${y}${era}`;
    default:
      return `${y}-${m}-${d}${era}`;
  }
}

/** 2000-01-01 in microseconds from 1970: where PostgreSQL counts from. */
const MICROS_2000 = 946_684_800_000_000n;

/** Microseconds of a day rounded to `precision` digits of a second, half up. */
export function roundMicros(value: bigint, precision: number): bigint {
  if (precision >= 6) return value;
  const unit = 10n ** BigInt(6 - precision);
  return ((value + unit / 2n) / unit) * unit;
}

/** A moment rounded to `precision` digits of a second, half away from 2000: before it a half goes down. */
export function roundTimestamp(value: bigint, precision: number): bigint {
  if (precision >= 6 || isInfinite(value)) return value;
  const from2000 = value - MICROS_2000;
  const rounded = from2000 < 0n ? -roundMicros(-from2000, precision) : roundMicros(from2000, precision);
  return rounded + MICROS_2000;
}

function pad(value: number, width: number): string {
  return String(value).padStart(width, '0');
}

/** Days and microseconds of the day of a local time. */
export function splitLocal(micros: bigint): readonly [days: number, micros: number] {
  const rest = ((micros % DAY_MICROS) + DAY_MICROS) % DAY_MICROS;
  return [Number((micros - rest) / DAY_MICROS), Number(rest)];
}

export function joinLocal(days: number, micros: number): bigint {
  return BigInt(days) * DAY_MICROS + BigInt(micros);
}
