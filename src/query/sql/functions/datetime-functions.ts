/** Date and time functions (manual, 9.9), after PostgreSQL's timestamp.c and date.c. */

import { Numeric } from '../../../models/relational/numeric.ts';
import { Interval, TimeTz } from '../../../models/relational/values.ts';
import { SqlError } from '../sql-error.ts';
import {
  civilFromDays,
  dayOfWeek,
  dayOfYear,
  daysFromCivil,
  daysInMonth,
  isoWeek,
  isoWeekStart,
  JULIAN_EPOCH,
} from '../types/calendar.ts';
import { castFor, numberOf } from '../types/cast.ts';
import {
  DAY_MICROS,
  formatInterval,
  intervalOf,
  justifyDays,
  justifyHours,
  justifyInterval,
  spanOfInterval,
} from '../types/interval.ts';
import { unitNamed } from '../types/interval-input.ts';
import { formatText } from '../types/text-form.ts';
import { fixedZone, type TimeZone, timeZone } from '../types/time-zone.ts';
import {
  checkedDate,
  checkedTimestamp,
  instantOfLocal,
  isInfinite,
  isTimestamp,
  joinLocal,
  localOfInstant,
  splitLocal,
  wholeSeconds,
} from '../types/timestamptz.ts';
import { type SqlType, titleOf } from '../types/types.ts';
import { zoneAbbreviation } from '../types/zone-abbreviations.ts';
import { addToInstant, addToLocal } from './datetime-operators.ts';
import type { FunctionTable, Kernel, RunContext } from './definition.ts';

type Field =
  | 'microsecond'
  | 'millisecond'
  | 'second'
  | 'minute'
  | 'hour'
  | 'day'
  | 'week'
  | 'month'
  | 'quarter'
  | 'year'
  | 'decade'
  | 'century'
  | 'millennium'
  | 'dow'
  | 'isodow'
  | 'doy'
  | 'isoyear'
  | 'epoch'
  | 'julian'
  | 'timezone'
  | 'timezone_hour'
  | 'timezone_minute';

const FIELDS: Readonly<Record<string, Field>> = {
  dow: 'dow',
  isodow: 'isodow',
  doy: 'doy',
  isoyear: 'isoyear',
  epoch: 'epoch',
  julian: 'julian',
  j: 'julian',
  jd: 'julian',
  quarter: 'quarter',
  qtr: 'quarter',
  timezone: 'timezone',
  timezone_h: 'timezone_hour',
  timezone_hour: 'timezone_hour',
  timezone_m: 'timezone_minute',
  timezone_minute: 'timezone_minute',
};

function unknownField(name: string, type: SqlType): SqlError {
  return new SqlError('invalid_parameter_value', `unit "${name}" not recognized for type ${titleOf(type)}`);
}

function unsupportedField(name: string, type: SqlType): SqlError {
  return new SqlError('feature_not_supported', `unit "${name}" not supported for type ${titleOf(type)}`);
}

function fieldOf(name: string, type: SqlType): Field {
  const word = name.trim().toLowerCase();
  const field = FIELDS[word] ?? unitNamed(word);
  if (field === undefined) throw unknownField(name.toLowerCase(), type);
  return field;
}

const whole = (value: number | bigint): Numeric => new Numeric(BigInt(value), 0);
const millis = (micros: bigint): Numeric => new Numeric(micros, 3);
const seconds = (micros: bigint): Numeric => new Numeric(micros, 6);
const floorDiv = (a: number, b: number): number => Math.floor(a / b);

function partOfDay(field: Field, micros: bigint): Numeric | undefined {
  switch (field) {
    case 'microsecond':
      return whole(micros % 60_000_000n);
    case 'millisecond':
      return millis(micros % 60_000_000n);
    case 'second':
      return seconds(micros % 60_000_000n);
    case 'minute':
      return whole((micros / 60_000_000n) % 60n);
    case 'hour':
      return whole(micros / 3_600_000_000n);
    default:
      return undefined;
  }
}

function partOfDate(field: Field, days: number): Numeric | undefined {
  const [year, month, day] = civilFromDays(days);
  switch (field) {
    case 'day':
      return whole(day);
    case 'month':
      return whole(month);
    case 'quarter':
      return whole(Math.floor((month - 1) / 3) + 1);
    case 'week':
      return whole(isoWeek(days)[1]);
    case 'year':
      return whole(year > 0 ? year : year - 1);
    case 'isoyear': {
      const iso = isoWeek(days)[0];
      return whole(iso > 0 ? iso : iso - 1);
    }
    case 'decade':
      return whole(floorDiv(year, 10));
    case 'century':
      return whole(year > 0 ? floorDiv(year + 99, 100) : -floorDiv(99 - (year - 1), 100));
    case 'millennium':
      return whole(year > 0 ? floorDiv(year + 999, 1_000) : -floorDiv(999 - (year - 1), 1_000));
    case 'dow':
      return whole(dayOfWeek(days));
    case 'isodow':
      return whole(dayOfWeek(days) || 7);
    case 'doy':
      return whole(dayOfYear(days));
    default:
      return undefined;
  }
}

/** Of an infinite point in time: what grows without end is infinite, what comes round is null. */
function partOfInfinity(field: Field, positive: boolean): Numeric | null {
  switch (field) {
    case 'year':
    case 'decade':
    case 'century':
    case 'millennium':
    case 'julian':
    case 'isoyear':
    case 'epoch':
      return new Numeric(0n, positive ? -2 : -3);
    default:
      return null;
  }
}

function partOfPoint(
  name: string,
  type: 'timestamp' | 'timestamptz',
  point: bigint,
  zone: TimeZone | undefined,
): Numeric | null {
  const field = fieldOf(name, type);
  if (isInfinite(point)) return partOfInfinity(field, point > 0n);
  const local = zone === undefined ? point : localOfInstant(point, zone);
  const [days, inDay] = splitLocal(local);
  const micros = BigInt(inDay);
  switch (field) {
    case 'epoch':
      return seconds(point);
    case 'julian': {
      const fraction = Number(micros) / Number(DAY_MICROS);
      if (fraction === 0) return whole(days + JULIAN_EPOCH);
      const scale = 20;
      return new Numeric(
        BigInt(days + JULIAN_EPOCH) * 10n ** BigInt(scale) + (micros * 10n ** BigInt(scale)) / DAY_MICROS,
        scale,
      );
    }
    case 'timezone':
    case 'timezone_hour':
    case 'timezone_minute':
      if (zone === undefined) throw unsupportedField(name.toLowerCase(), type);
      return partOfZone(field, zone.offsetAt(wholeSeconds(point)));
    default: {
      const part = partOfDay(field, micros) ?? partOfDate(field, days);
      if (part === undefined) throw unsupportedField(name.toLowerCase(), type);
      return part;
    }
  }
}

function partOfZone(field: Field, offset: number): Numeric {
  if (field === 'timezone') return whole(offset);
  return whole(field === 'timezone_hour' ? Math.trunc(offset / 3_600) : Math.trunc((offset % 3_600) / 60));
}

function extractDate(name: string, days: number): Numeric | null {
  const field = fieldOf(name, 'date');
  if (field === 'epoch' && Number.isFinite(days)) return whole(BigInt(days) * 86_400n);
  if (field === 'julian' && Number.isFinite(days)) return whole(days + JULIAN_EPOCH);
  const example = partOfDate(field, 0);
  if (example === undefined && field !== 'epoch' && field !== 'julian')
    throw unsupportedField(name.toLowerCase(), 'date');
  return Number.isFinite(days) ? (partOfDate(field, days) ?? null) : partOfInfinity(field, days > 0);
}

function extractTime(name: string, micros: number): Numeric {
  const field = fieldOf(name, 'time');
  if (field === 'epoch') return seconds(BigInt(micros));
  const part = partOfDay(field, BigInt(micros));
  if (part === undefined) throw unsupportedField(name.toLowerCase(), 'time');
  return part;
}

function extractTimetz(name: string, { micros, offset }: TimeTz): Numeric {
  const field = fieldOf(name, 'timetz');
  if (field === 'epoch') return seconds(BigInt(micros) - BigInt(offset) * 1_000_000n);
  if (field.startsWith('timezone')) return partOfZone(field, offset);
  const part = partOfDay(field, BigInt(micros));
  if (part === undefined) throw unsupportedField(name.toLowerCase(), 'timetz');
  return part;
}

function extractInterval(name: string, { months, days, micros }: Interval): Numeric {
  const field = fieldOf(name, 'interval');
  const years = Math.trunc(months / 12);
  switch (field) {
    case 'day':
      return whole(days);
    case 'month':
      return whole(months % 12);
    case 'quarter':
      return whole(Math.trunc((months % 12) / 3) + 1);
    case 'year':
      return whole(years);
    case 'decade':
      return whole(Math.trunc(years / 10));
    case 'century':
      return whole(Math.trunc(years / 100));
    case 'millennium':
      return whole(Math.trunc(years / 1_000));
    case 'epoch': {
      const inDays = BigInt(years) * 1_461n * 21_600n + (BigInt(months % 12) * 30n + BigInt(days)) * 86_400n;
      return seconds(inDays * 1_000_000n + micros);
    }
    default: {
      const part = partOfDay(field, micros);
      if (part === undefined) throw unsupportedField(name.toLowerCase(), 'interval');
      return part;
    }
  }
}

/** The same as a double, as date_part gives it. */
function asDouble(extract: (name: never, value: never, context: RunContext) => Numeric | null): Kernel {
  return (name: never, value: never, context: RunContext) => {
    const part = extract(name, value, context);
    return part === null ? null : numberOf(part);
  };
}

const extractPoint = (name: string, point: bigint): Numeric | null => partOfPoint(name, 'timestamp', point, undefined);
const extractInstant = (name: string, point: bigint, { zone }: RunContext): Numeric | null =>
  partOfPoint(name, 'timestamptz', point, zone);
const partOfDateAsTimestamp = (name: string, days: number, context: RunContext): Numeric | null =>
  partOfPoint(name, 'timestamp', castFor('date', 'timestamp')!(days, context) as bigint, undefined);

/** Units of time that are no length of it, as the day of the week, are not known where one is cut off. */
function notTruncated(given: string, type: SqlType): SqlError {
  const name = given.toLowerCase();
  if (type === 'interval' && name === 'week') {
    const message = `unit "${name}" not supported for type interval`;
    return new SqlError('feature_not_supported', message, { detail: 'Months usually have fractional weeks.' });
  }
  return name.startsWith('timezone') ? unsupportedField(name, type) : unknownField(name, type);
}

function truncate(name: string, type: SqlType, local: bigint): bigint {
  if (isInfinite(local)) return local;
  const field = fieldOf(name, type);
  const [days, inDay] = splitLocal(local);
  const [year, month] = civilFromDays(days);
  const cut = (unit: number): bigint => joinLocal(days, Math.floor(inDay / unit) * unit);
  const startOfYear = (first: number): bigint => joinLocal(daysFromCivil(first, 1, 1), 0);
  switch (field) {
    case 'microsecond':
      return local;
    case 'millisecond':
      return cut(1_000);
    case 'second':
      return cut(1_000_000);
    case 'minute':
      return cut(60_000_000);
    case 'hour':
      return cut(3_600_000_000);
    case 'day':
      return joinLocal(days, 0);
    case 'week':
      return joinLocal(isoWeekStart(...isoWeek(days)), 0);
    case 'month':
      return joinLocal(daysFromCivil(year, month, 1), 0);
    case 'quarter':
      return joinLocal(daysFromCivil(year, Math.floor((month - 1) / 3) * 3 + 1, 1), 0);
    case 'year':
      return startOfYear(year);
    case 'decade':
      return startOfYear(year > 0 ? Math.floor(year / 10) * 10 : -(Math.floor((8 - (year - 1)) / 10) * 10));
    case 'century':
      return startOfYear(
        year > 0 ? Math.floor((year + 99) / 100) * 100 - 99 : -(Math.floor((99 - (year - 1)) / 100) * 100) + 1,
      );
    case 'millennium':
      return startOfYear(
        year > 0
          ? Math.floor((year + 999) / 1_000) * 1_000 - 999
          : -(Math.floor((999 - (year - 1)) / 1_000) * 1_000) + 1,
      );
    default:
      throw notTruncated(name, type);
  }
}

function truncateInstant(name: string, instant: bigint, zone: TimeZone): bigint {
  if (isInfinite(instant)) return instant;
  const local = localOfInstant(instant, zone);
  const cut = truncate(name, 'timestamptz', local);
  // Within an hour the offset stays what it is.
  return local - cut < 3_600_000_000n && splitLocal(local)[0] === splitLocal(cut)[0]
    ? instant - (local - cut)
    : instantOfLocal(cut, zone);
}

function truncateInterval(name: string, { months, days, micros }: Interval): Interval {
  const field = fieldOf(name, 'interval');
  const cut = (unit: bigint): Interval => new Interval(months, days, (micros / unit) * unit);
  const years = (count: number): Interval => new Interval(Math.trunc(months / (12 * count)) * 12 * count || 0, 0, 0n);
  switch (field) {
    case 'microsecond':
      return new Interval(months, days, micros);
    case 'millisecond':
      return cut(1_000n);
    case 'second':
      return cut(1_000_000n);
    case 'minute':
      return cut(60_000_000n);
    case 'hour':
      return cut(3_600_000_000n);
    case 'day':
      return new Interval(months, days, 0n);
    case 'month':
      return new Interval(months, 0, 0n);
    case 'quarter':
      return new Interval(Math.trunc(months / 3) * 3 || 0, 0, 0n);
    case 'year':
      return years(1);
    case 'decade':
      return years(10);
    case 'century':
      return years(100);
    case 'millennium':
      return years(1_000);
    default:
      throw notTruncated(name, 'interval');
  }
}

/** Years, months, days and time between two local times, borrowing from the earlier month's length. */
function age(a: bigint, b: bigint): Interval {
  if (isInfinite(a) || isInfinite(b)) throw new SqlError('datetime_field_overflow', 'timestamp out of range');
  const [later, earlier, sign] = a >= b ? [a, b, 1] : [b, a, -1];
  const [laterDays, laterMicros] = splitLocal(later);
  const [earlierDays, earlierMicros] = splitLocal(earlier);
  const [y1, m1, d1] = civilFromDays(laterDays);
  const [y2, m2, d2] = civilFromDays(earlierDays);
  let micros = laterMicros - earlierMicros;
  let days = d1 - d2;
  let months = (y1 - y2) * 12 + m1 - m2;
  if (micros < 0) {
    micros += Number(DAY_MICROS);
    days--;
  }
  if (days < 0) {
    days += sign > 0 ? daysInMonth(y2, m2) : daysInMonth(y2, m2);
    months--;
  }
  return intervalOf(sign * months, sign * days, BigInt(sign) * BigInt(micros));
}

/** A zone by name, abbreviation, or POSIX offset (which counts west). @throws SqlError `invalid_parameter_value`. */
function requireZone(name: string): TimeZone {
  const abbreviation = zoneAbbreviation(name.toLowerCase());
  if (abbreviation !== undefined) return fixedZone(name, abbreviation);
  const known = timeZone(name);
  if (known !== undefined) return known;
  throw new SqlError('invalid_parameter_value', `time zone "${name}" not recognized`);
}

/** Of `make_timestamptz` alone: numbers count to the east, and have a sign. @throws SqlError `invalid_parameter_value`. */
function numericZone(text: string): TimeZone | undefined {
  if (/^\d/.test(text)) {
    throw new SqlError('invalid_parameter_value', `invalid input syntax for type numeric time zone: "${text}"`, {
      hint: 'Numeric time zones must have "-" or "+" as first character.',
    });
  }
  const match = /^([+-])(\d+)(?::(\d*)(?::(\d*))?)?$/.exec(text);
  if (match === null) return undefined;
  const [first, second, seconds] = match.slice(2).map((part) => Number(part ?? 0)) as [number, number, number];
  // Without a colon the last two of more than two digits are minutes.
  const isJoined = match[3] === undefined && text.length > 3;
  const [hours, minutes] = isJoined ? [Math.floor(first / 100), first % 100] : [first, second];
  if (hours > 15 || minutes > 59 || seconds > 59) {
    throw new SqlError('invalid_parameter_value', `numeric time zone "${text}" out of range`);
  }
  const offset = hours * 3_600 + minutes * 60 + seconds;
  return fixedZone(text, match[1] === '-' ? -offset : offset);
}

function zoneOfInterval(span: Interval): TimeZone {
  if (span.months !== 0 || span.days !== 0) {
    const shown = formatInterval(span);
    throw new SqlError('invalid_parameter_value', `interval time zone "${shown}" must not include months or days`);
  }
  return fixedZone('', Number(span.micros / 1_000_000n));
}

function timetzAt(zone: TimeZone, { micros, offset }: TimeTz, context: RunContext): TimeTz {
  const target = zone.offsetAt(wholeSeconds(context.nowMicros));
  const day = Number(DAY_MICROS);
  return new TimeTz((((micros + (target - offset) * 1e6) % day) + day) % day, target);
}

function makeDate(year: number, month: number, day: number): number {
  const shown = `${year}-${String(month).padStart(2, '0')}-${String(day).padStart(2, '0')}`;
  const y = year < 0 ? year + 1 : year;
  if (year === 0 || month < 1 || month > 12 || day < 1 || day > daysInMonth(y, month)) {
    throw new SqlError('datetime_field_overflow', `date field value out of range: ${shown}`);
  }
  return checkedDate(daysFromCivil(y, month, day), shown);
}

function makeTime(hour: number, minute: number, second: number): number {
  const micros = (hour * 60 + minute) * 60e6 + Math.round(second * 1e6);
  if (
    hour < 0 ||
    hour > 24 ||
    minute < 0 ||
    minute > 59 ||
    second < 0 ||
    second > 60 ||
    Number.isNaN(second) ||
    micros > 86_400e6
  ) {
    throw new SqlError(
      'datetime_field_overflow',
      `time field value out of range: ${hour}:${String(minute).padStart(2, '0')}:${String(second).padStart(2, '0')}`,
    );
  }
  return micros;
}

function makeTimestamp(year: number, month: number, day: number, hour: number, minute: number, second: number): bigint {
  return checkedTimestamp(joinLocal(makeDate(year, month, day), makeTime(hour, minute, second)));
}

/** @throws SqlError `datetime_field_overflow` beyond microseconds of 64 bits. */
function fitted(micros: bigint): bigint {
  if (BigInt.asIntN(64, micros) === micros) return micros;
  throw new SqlError('datetime_field_overflow', 'interval out of range');
}

function bin(stride: Interval, source: bigint, origin: bigint): bigint {
  if (isInfinite(source)) return source;
  if (isInfinite(origin)) throw new SqlError('datetime_field_overflow', 'origin out of range');
  if (stride.months !== 0) {
    const message = 'timestamps cannot be binned into intervals containing months or years';
    throw new SqlError('feature_not_supported', message);
  }
  const length = fitted(spanOfInterval(stride));
  if (length <= 0n) throw new SqlError('datetime_field_overflow', 'stride must be greater than zero');
  const offset = fitted(source - origin);
  const rest = ((offset % length) + length) % length;
  return checkedTimestamp(source - rest);
}

function* series(
  start: bigint,
  stop: bigint,
  step: Interval,
  add: (point: bigint, step: Interval) => bigint,
): Iterable<bigint> {
  const direction = spanOfInterval(step);
  if (direction === 0n) throw new SqlError('invalid_parameter_value', 'step size cannot equal zero');
  for (let point = start; direction > 0n ? point <= stop : point >= stop; point = add(point, step)) yield point;
}

/** Do [a1, a2) and [b1, b2) have an instant in common? Ends may be the wrong way round; nulls as the standard wants them. */
function overlaps<T extends bigint | number>(a1: T | null, a2: T | null, b1: T | null, b2: T | null): boolean | null {
  const ordered = (x: T | null, y: T | null): readonly [T, T | null] | null => {
    if (x === null) return y === null ? null : [y, null];
    if (y === null) return [x, null];
    return x > y ? [y, x] : [x, y];
  };
  const a = ordered(a1, a2);
  const b = ordered(b1, b2);
  if (a === null || b === null) return null;
  const [first, second] = a[0] > b[0] ? [b, a] : [a, b];
  if (first[0] === second[0]) return first[1] === null || second[1] === null ? null : true;
  if (first[1] === null) return null;
  if (second[0] < first[1]) return true;
  return second[1] === null ? null : false;
}

function overlapsWith(type: 'timestamp' | 'timestamptz', mode: number): Kernel {
  const add = (point: bigint, end: bigint | Interval | null, context: RunContext): bigint | null => {
    if (end === null || typeof end === 'bigint') return end;
    return type === 'timestamp' ? addToLocal(point, end) : addToInstant(point, end, context);
  };
  return (
    a1: bigint | null,
    a2: bigint | Interval | null,
    b1: bigint | null,
    b2: bigint | Interval | null,
    context: RunContext,
  ) =>
    overlaps(
      a1,
      (mode & 1) === 0 ? (a2 as bigint | null) : a1 === null ? null : add(a1, a2, context),
      b1,
      (mode & 2) === 0 ? (b2 as bigint | null) : b1 === null ? null : add(b1, b2, context),
    );
}

const overlapRows = (['timestamp', 'timestamptz'] as const).flatMap((type) =>
  [0, 1, 2, 3].map((mode) => {
    const second = (mode & 1) === 0 ? type : 'interval';
    const fourth = (mode & 2) === 0 ? type : 'interval';
    const stable = type === 'timestamptz' && mode > 0 ? ' stable' : '';
    return [`overlaps(${type}, ${second}, ${type}, ${fourth}) bool${stable} called`, overlapsWith(type, mode)] as const;
  }),
);

/** The end is a time of day, or an interval after the start that may pass midnight. */
const overlapTimes = [1, 2, 3].map((mode) => {
  const end = (start: number | null, given: number | Interval | null): number | null => {
    if (start === null || !(given instanceof Interval)) return given as number | null;
    const micros = (BigInt(start) + given.micros) % DAY_MICROS;
    return Number(micros < 0n ? micros + DAY_MICROS : micros);
  };
  const type = (bit: number): string => ((mode & bit) === 0 ? 'time' : 'interval');
  return [
    `overlaps(time, ${type(1)}, time, ${type(2)}) bool called`,
    (a1: number | null, a2: number | Interval | null, b1: number | null, b2: number | Interval | null) =>
      overlaps(a1, end(a1, a2), b1, end(b1, b2)),
  ] as const;
});

const midnight = ({ zone, nowMicros }: RunContext): bigint =>
  joinLocal(splitLocal(localOfInstant(nowMicros, zone))[0], 0);

export const DATETIME_FUNCTIONS: FunctionTable = {
  'extract(text, date) numeric': extractDate,
  'extract(text, time) numeric': extractTime,
  'extract(text, timetz) numeric': extractTimetz,
  'extract(text, timestamp) numeric': extractPoint,
  'extract(text, timestamptz) numeric stable': extractInstant,
  'extract(text, interval) numeric': extractInterval,
  'date_part(text, date) float8': asDouble(partOfDateAsTimestamp),
  'date_part(text, time) float8': asDouble(extractTime),
  'date_part(text, timetz) float8': asDouble(extractTimetz),
  'date_part(text, timestamp) float8': asDouble(extractPoint),
  'date_part(text, timestamptz) float8 stable': asDouble(extractInstant),
  'date_part(text, interval) float8': asDouble(extractInterval),
  'date_trunc(text, timestamp) timestamp': (name: string, local: bigint) => truncate(name, 'timestamp', local),
  'date_trunc(text, timestamptz) timestamptz stable': (name: string, instant: bigint, { zone }: RunContext) =>
    truncateInstant(name, instant, zone),
  'date_trunc(text, timestamptz, text) timestamptz stable': (name: string, instant: bigint, zone: string) =>
    isInfinite(instant) ? instant : truncateInstant(name, instant, requireZone(zone)),
  'date_trunc(text, interval) interval': truncateInterval,
  'date_bin(interval, timestamp, timestamp) timestamp': bin,
  'date_bin(interval, timestamptz, timestamptz) timestamptz': bin,
  'age(timestamp, timestamp) interval': age,
  'age(timestamptz, timestamptz) interval': (a: bigint, b: bigint, { zone }: RunContext) =>
    age(localOfInstant(a, zone), localOfInstant(b, zone)),
  'age(timestamp) interval stable': (point: bigint, context: RunContext) => age(midnight(context), point),
  'age(timestamptz) interval stable': (point: bigint, context: RunContext) =>
    age(midnight(context), localOfInstant(point, context.zone)),
  'isfinite(date) bool': (days: number) => Number.isFinite(days),
  'isfinite(timestamp) bool': (point: bigint) => !isInfinite(point),
  'isfinite(timestamptz) bool': (point: bigint) => !isInfinite(point),
  'isfinite(interval) bool': () => true,
  'justify_hours(interval) interval': justifyHours,
  'justify_days(interval) interval': justifyDays,
  'justify_interval(interval) interval': justifyInterval,
  'make_date(year int4, month int4, day int4) date': makeDate,
  'make_time(hour int4, min int4, sec float8) time': makeTime,
  'make_timestamp(year int4, month int4, mday int4, hour int4, min int4, sec float8) timestamp': makeTimestamp,
  'make_timestamptz(year int4, month int4, mday int4, hour int4, min int4, sec float8) timestamptz stable': (
    year: number,
    month: number,
    day: number,
    hour: number,
    minute: number,
    second: number,
    { zone }: RunContext,
  ) => instantOfLocal(makeTimestamp(year, month, day, hour, minute, second), zone),
  'make_timestamptz(year int4, month int4, mday int4, hour int4, min int4, sec float8, timezone text) timestamptz stable':
    (year: number, month: number, day: number, hour: number, minute: number, second: number, zone: string) =>
      instantOfLocal(makeTimestamp(year, month, day, hour, minute, second), numericZone(zone) ?? requireZone(zone)),
  'make_interval(years int4 = 0, months int4 = 0, weeks int4 = 0, days int4 = 0, hours int4 = 0, mins int4 = 0, secs float8 = 0) interval':
    (years: number, months: number, weeks: number, days: number, hours: number, minutes: number, secs: number) => {
      if (!Number.isFinite(secs)) throw new SqlError('datetime_field_overflow', 'interval out of range');
      const micros = BigInt(hours * 60 + minutes) * 60_000_000n + BigInt(Math.round(secs * 1e6));
      return intervalOf(years * 12 + months, weeks * 7 + days, micros);
    },
  'timezone(text, timestamptz) timestamp': (zone: string, instant: bigint) =>
    isInfinite(instant) ? instant : localOfInstant(instant, requireZone(zone)),
  'timezone(text, timestamp) timestamptz': (zone: string, local: bigint) =>
    isInfinite(local) ? local : instantOfLocal(local, requireZone(zone)),
  'timezone(text, timetz) timetz volatile': (zone: string, time: TimeTz, context: RunContext) =>
    timetzAt(requireZone(zone), time, context),
  'timezone(interval, timestamptz) timestamp': (span: Interval, instant: bigint) =>
    isInfinite(instant) ? instant : localOfInstant(instant, zoneOfInterval(span)),
  'timezone(interval, timestamp) timestamptz': (span: Interval, local: bigint) =>
    isInfinite(local) ? local : instantOfLocal(local, zoneOfInterval(span)),
  'timezone(interval, timetz) timetz': (span: Interval, time: TimeTz, context: RunContext) =>
    timetzAt(zoneOfInterval(span), time, context),
  'to_timestamp(float8) timestamptz': (epoch: number) => {
    if (Number.isNaN(epoch)) throw new SqlError('datetime_field_overflow', 'timestamp cannot be NaN');
    if (!Number.isFinite(epoch)) return epoch > 0 ? 2n ** 63n - 1n : -(2n ** 63n);
    const micros = BigInt(Math.floor(epoch)) * 1_000_000n + BigInt(Math.round((epoch - Math.floor(epoch)) * 1e6));
    if (isTimestamp(micros)) return micros;
    throw new SqlError(
      'datetime_field_overflow',
      `timestamp out of range: "${formatText('float8', epoch, { zone: fixedZone('', 0) })}"`,
    );
  },
  'generate_series(timestamp, timestamp, interval) setof timestamp': (start: bigint, stop: bigint, step: Interval) =>
    series(start, stop, step, addToLocal),
  'generate_series(timestamptz, timestamptz, interval) setof timestamptz stable': (
    start: bigint,
    stop: bigint,
    step: Interval,
    context: RunContext,
  ) => series(start, stop, step, (point, span) => addToInstant(point, span, context)),
  'timeofday() text volatile': (context: RunContext) => new Date(Number(context.clockMicros() / 1_000n)).toUTCString(),
  ...Object.fromEntries(overlapRows),
  ...Object.fromEntries(overlapTimes),
  'overlaps(timetz, timetz, timetz, timetz) bool called': (
    a1: TimeTz | null,
    a2: TimeTz | null,
    b1: TimeTz | null,
    b2: TimeTz | null,
  ) => {
    const instant = (time: TimeTz | null) => time && time.micros - time.offset * 1e6;
    return overlaps(instant(a1), instant(a2), instant(b1), instant(b2));
  },
  'overlaps(time, time, time, time) bool called': (
    a1: number | null,
    a2: number | null,
    b1: number | null,
    b2: number | null,
  ) => overlaps(a1, a2, b1, b2),
};
