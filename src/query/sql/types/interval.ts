/**
 * Intervals: arithmetic, text, comparing (PostgreSQL's timestamp.c and datetime.c). Months, days and microseconds are kept apart;
 * only comparing and multiplying mix them, at 30 days a month and 24 hours a day.
 */

import { INT64_MAX, INT64_MIN } from '../../../base/value.ts';
import { Interval } from '../../../models/relational/values.ts';
import { SqlError } from '../sql-error.ts';
import { readClock, splitFields } from './datetime-input.ts';

export const DAY_MICROS = 86_400_000_000n;
const INT32_MAX = 2_147_483_647;

/** What intervals compare by. Microseconds. */
export function spanOfInterval({ months, days, micros }: Interval): bigint {
  return (BigInt(months) * 30n + BigInt(days)) * DAY_MICROS + micros;
}

export function compareInterval(a: Interval, b: Interval): number {
  const x = spanOfInterval(a);
  const y = spanOfInterval(b);
  return x < y ? -1 : x > y ? 1 : 0;
}

/** @throws SqlError `datetime_field_overflow`. */
export function intervalOf(months: number, days: number, micros: bigint): Interval {
  if (
    Number.isNaN(months) ||
    Math.abs(months) > INT32_MAX + 1 ||
    Number.isNaN(days) ||
    Math.abs(days) > INT32_MAX + 1 ||
    months > INT32_MAX ||
    days > INT32_MAX ||
    micros > INT64_MAX ||
    micros < INT64_MIN
  ) {
    throw new SqlError('datetime_field_overflow', 'interval out of range');
  }
  return new Interval(months === 0 ? 0 : months, days === 0 ? 0 : days, micros);
}

export function addInterval(a: Interval, b: Interval): Interval {
  return intervalOf(a.months + b.months, a.days + b.days, a.micros + b.micros);
}

export function negateInterval({ months, days, micros }: Interval): Interval {
  return intervalOf(-months, -days, -micros);
}

/** Half to even, as rint does. */
export function rint(value: number): number {
  const floor = Math.floor(value);
  const rest = value - floor;
  if (rest < 0.5) return floor;
  if (rest > 0.5) return floor + 1;
  return floor % 2 === 0 ? floor : floor + 1;
}

const toMicroseconds = (seconds: number): number => rint(seconds * 1e6) / 1e6;

/** Fractions of months become days, those of days become time. */
export function scaleInterval(span: Interval, scale: (value: number) => number): Interval {
  const wholeMonths = scale(span.months);
  const wholeDays = scale(span.days);
  const months = Math.trunc(wholeMonths);
  let days = Math.trunc(wholeDays);
  const monthRest = toMicroseconds((wholeMonths - months) * 30);
  let seconds = toMicroseconds((wholeDays - days + monthRest - Math.trunc(monthRest)) * 86_400);
  if (Math.abs(seconds) >= 86_400) {
    days += Math.trunc(seconds / 86_400);
    seconds -= Math.trunc(seconds / 86_400) * 86_400;
  }
  days += Math.trunc(monthRest);
  const micros = rint(scale(Number(span.micros)) + seconds * 1e6);
  if (!Number.isFinite(micros)) throw new SqlError('datetime_field_overflow', 'interval out of range');
  return intervalOf(months, days, BigInt(micros));
}

/** 24 hours become a day. */
export function justifyHours({ months, days, micros }: Interval): Interval {
  let whole = days + Number(micros / DAY_MICROS);
  let rest = micros % DAY_MICROS;
  if (whole > 0 && rest < 0n) {
    rest += DAY_MICROS;
    whole--;
  } else if (whole < 0 && rest > 0n) {
    rest -= DAY_MICROS;
    whole++;
  }
  return intervalOf(months, whole, rest);
}

/** 30 days become a month. */
export function justifyDays({ months, days, micros }: Interval): Interval {
  let whole = months + Math.trunc(days / 30);
  let rest = days % 30;
  if (whole > 0 && rest < 0) {
    rest += 30;
    whole--;
  } else if (whole < 0 && rest > 0) {
    rest -= 30;
    whole++;
  }
  return intervalOf(whole, rest, micros);
}

/** Both, with one sign for all parts. */
export function justifyInterval(span: Interval): Interval {
  let days = span.days + Number(span.micros / DAY_MICROS);
  let micros = span.micros % DAY_MICROS;
  let months = span.months + Math.trunc(days / 30);
  days %= 30;
  if (months > 0 && (days < 0 || (days === 0 && micros < 0n))) {
    days += 30;
    months--;
  } else if (months < 0 && (days > 0 || (days === 0 && micros > 0n))) {
    days -= 30;
    months++;
  }
  if (days > 0 && micros < 0n) {
    micros += DAY_MICROS;
    days--;
  } else if (days < 0 && micros > 0n) {
    micros -= DAY_MICROS;
    days++;
  }
  return intervalOf(months, days, micros);
}

export type IntervalStyle = 'postgres' | 'postgres_verbose' | 'sql_standard' | 'iso_8601';

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

const UNIT_NAMES: Readonly<Record<Unit, string>> = {
  microsecond: 'us usec usecs usecond useconds microsecon microsecond microseconds',
  millisecond: 'ms msec msecs msecond mseconds millisecon millisecond milliseconds',
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
  return UNITS.get(name);
}

/** Bits of `interval` modifiers: which fields there are. */
export const FIELD_BITS = { month: 2, year: 4, day: 8, hour: 1_024, minute: 2_048, second: 4_096 } as const;

/** The parts of an interval while it is read. */
class Parts {
  months = 0;
  days = 0;
  micros = 0n;

  add(unit: Unit, whole: number, fraction: number): void {
    switch (unit) {
      case 'microsecond':
        this.micros += BigInt(rint(whole + fraction));
        return;
      case 'millisecond':
        this.micros += BigInt(whole) * 1_000n + BigInt(rint(fraction * 1_000));
        return;
      case 'second':
        this.seconds(whole, fraction, 1);
        return;
      case 'minute':
        this.seconds(whole, fraction, 60);
        return;
      case 'hour':
        this.seconds(whole, fraction, 3_600);
        return;
      case 'day':
        this.days += whole;
        this.seconds(0, fraction, 86_400);
        return;
      case 'week':
        this.days += whole * 7;
        this.#fractionOfDays(fraction * 7);
        return;
      case 'month':
        this.months += whole;
        this.#fractionOfDays(fraction * 30);
        return;
      case 'year':
        this.months += whole * 12 + rint(fraction * 12);
        return;
      case 'decade':
        this.months += whole * 120 + rint(fraction * 120);
        return;
      case 'century':
        this.months += whole * 1_200 + rint(fraction * 1_200);
        return;
      default:
        this.months += whole * 12_000 + rint(fraction * 12_000);
    }
  }

  seconds(whole: number, fraction: number, scale: number): void {
    this.micros += BigInt(whole) * BigInt(scale) * 1_000_000n;
    if (fraction === 0) return;
    const seconds = fraction * scale;
    const full = Math.trunc(seconds);
    this.micros += BigInt(full) * 1_000_000n + BigInt(rint((seconds - full) * 1e6));
  }

  #fractionOfDays(days: number): void {
    const whole = Math.trunc(days);
    this.days += whole;
    this.seconds(0, days - whole, 86_400);
  }
}

/** Time parts seen twice are an error; the bits say which were seen. */
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
const SEEN_TIME = SEEN.second | SEEN.minute | SEEN.hour;

/**
 * @param range Bits of `FIELD_BITS`, from a type like `interval hour to minute`; 0 for none.
 * @throws SqlError `invalid_datetime_format`, `interval_field_overflow`.
 */
export function parseInterval(input: string, style: IntervalStyle = 'postgres', range = 0): Interval {
  const parts = readFields(input, style, range) ?? readIso(input);
  if (parts === undefined) {
    throw new SqlError('invalid_datetime_format', `invalid input syntax for type interval: "${input}"`);
  }
  const { months, days, micros } = parts;
  if (Math.abs(months) > INT32_MAX && !/[:p]/i.test(input)) {
    throw new SqlError('datetime_field_overflow', 'interval out of range');
  }
  if (Math.abs(months) > INT32_MAX || Math.abs(days) > INT32_MAX || micros > INT64_MAX || micros < INT64_MIN) {
    throw new SqlError('interval_field_overflow', `interval field value out of range: "${input}"`);
  }
  return new Interval(months, days, micros);
}

function defaultUnit(range: number): Unit {
  if (range === 0 || range === 0x7fff || (range & FIELD_BITS.second) !== 0) return 'second';
  if ((range & FIELD_BITS.minute) !== 0) return 'minute';
  if ((range & FIELD_BITS.hour) !== 0) return 'hour';
  if ((range & FIELD_BITS.day) !== 0) return 'day';
  return (range & FIELD_BITS.month) !== 0 ? 'month' : 'year';
}

function readFields(input: string, style: IntervalStyle, range: number): Parts | undefined {
  const fields = splitFields(input);
  if (fields === undefined || fields.length === 0) return undefined;
  const parts = new Parts();
  let seen = 0;
  let unit: Unit | undefined;
  let pendingUnit = false;
  let ago = false;
  // The standard's '-1 1:00:00' is negative throughout.
  const allNegative =
    style === 'sql_standard' &&
    fields[0]!.text.startsWith('-') &&
    !fields.slice(1).some(({ text }) => /^[-+]/.test(text));
  for (let i = fields.length - 1; i >= 0; i--) {
    const { kind, text } = fields[i]!;
    let mask = 0;
    if (kind === 'time' || (kind === 'tz' && text.slice(1).includes(':'))) {
      const negative = text.startsWith('-') || (allNegative && kind === 'time');
      const body = kind === 'tz' ? text.slice(1) : text;
      const clock = readClock(body);
      if (clock === undefined) return undefined;
      const [hours, minutes, seconds, fraction] = clock;
      // Without a fraction `1:30` is hours and minutes, unless the type says minutes and seconds.
      const shifted = range === (FIELD_BITS.minute | FIELD_BITS.second) && /^\d+:\d+$/.test(body);
      const [h, m, s] = shifted ? [0, hours, minutes] : [hours, minutes, seconds];
      if (m > 59 || s > 60) {
        throw new SqlError('interval_field_overflow', `interval field value out of range: "${input}"`);
      }
      const micros = ((BigInt(h) * 60n + BigInt(m)) * 60n + BigInt(s)) * 1_000_000n + BigInt(fraction);
      parts.micros += negative ? -micros : micros;
      mask = SEEN_TIME;
      unit = 'day';
      pendingUnit = false;
    } else if (kind === 'tz' || kind === 'date' || kind === 'number') {
      // Before the field of the type's last unit stands one of days.
      unit = unit ?? defaultUnit(range);
      const match = /^([+-]?)(\d*)(?:-(\d+)|(\.\d*))?$/.exec(text);
      if (match === null || (match[2] === '' && match[4] === undefined)) return undefined;
      const negative = match[1] === '-' || allNegative;
      let whole = Number(match[2]);
      let fraction = 0;
      if (match[3] !== undefined) {
        const months = Number(match[3]);
        if (months >= 12) {
          throw new SqlError('interval_field_overflow', `interval field value out of range: "${input}"`);
        }
        unit = 'month';
        whole = whole * 12 + months;
      } else if (match[4] !== undefined) fraction = match[4] === '.' ? 0 : Number(`0${match[4]}`);
      if (whole > Number.MAX_SAFE_INTEGER) {
        throw new SqlError('interval_field_overflow', `interval field value out of range: "${input}"`);
      }
      parts.add(unit, negative ? -whole : whole, negative ? -fraction : fraction);
      mask = unit === 'second' && fraction !== 0 ? SEEN.second | SEEN.millisecond | SEEN.microsecond : SEEN[unit];
      pendingUnit = false;
    } else {
      if (pendingUnit) return undefined;
      if (text === 'at' || text === '@') continue;
      if (text === 'ago') {
        if (i !== fields.length - 1) return undefined;
        ago = true;
        continue;
      }
      const named = UNITS.get(text);
      if (named === undefined) return undefined;
      unit = named;
      pendingUnit = true;
      continue;
    }
    if ((mask & seen) !== 0) return undefined;
    seen |= mask;
  }
  if (seen === 0 || pendingUnit) return undefined;
  if (ago) {
    parts.months = -parts.months;
    parts.days = -parts.days;
    parts.micros = -parts.micros;
  }
  return parts;
}

/** `P1Y2M3DT4H5M6S`, `P1W`, `P0001-02-03T04:05:06`. */
function readIso(input: string): Parts | undefined {
  const text = input.trim();
  if (!/^P.+$/.test(text)) return undefined;
  const parts = new Parts();
  if (text === 'PT') return parts;
  // A number alone is one of years.
  const years = /^P([+-]?\d+)$/.exec(text);
  if (years !== null) {
    parts.months = Number(years[1]) * 12;
    return parts;
  }
  const alternative =
    /^P(?:([+-]?\d+)-([+-]?\d+)(?:-([+-]?\d+))?)?(?:T([+-]?\d+):([+-]?\d+)(?::([+-]?\d+)(\.\d*)?)?)?$/.exec(text);
  if (alternative !== null) {
    const [, years = '0', months = '0', days = '0', hours = '0', minutes = '0', seconds = '0', fraction = ''] =
      alternative;
    parts.months = Number(years) * 12 + Number(months);
    parts.days = Number(days);
    parts.seconds(Number(hours), 0, 3_600);
    parts.seconds(Number(minutes), 0, 60);
    parts.seconds(Number(seconds), Number(`0${fraction}` || 0), 1);
    return parts;
  }
  const [, date = '', time] = /^P([^T]*)(?:T(.+))?$/.exec(text) ?? [];
  if (date === '' && time === undefined) return undefined;
  const read = (part: string, units: Readonly<Record<string, Unit>>): boolean => {
    let rest = part;
    while (rest !== '') {
      const match = /^([+-]?)(\d*)(\.\d*)?([A-Z])/.exec(rest);
      const unit = match === null ? undefined : units[match[4]!];
      if (match === null || unit === undefined || (match[2] === '' && match[3] === undefined)) return false;
      const sign = match[1] === '-' ? -1 : 1;
      parts.add(unit, sign * Number(match[2]), sign * Number(`0${match[3] ?? ''}`));
      rest = rest.slice(match[0].length);
    }
    return true;
  };
  if (!read(date, { Y: 'year', M: 'month', W: 'week', D: 'day' })) return undefined;
  if (time !== undefined && !read(time, { H: 'hour', M: 'minute', S: 'second' })) return undefined;
  return parts;
}

function seconds(value: bigint, fraction: bigint, pad: boolean): string {
  const whole = pad ? String(value).padStart(2, '0') : String(value);
  return fraction === 0n ? whole : `${whole}.${String(fraction).padStart(6, '0').replace(/0+$/, '')}`;
}

export function formatInterval(span: Interval, style: IntervalStyle = 'postgres'): string {
  const years = Math.trunc(span.months / 12);
  const months = span.months % 12;
  const { days, micros } = span;
  const negative = micros < 0n;
  const magnitude = negative ? -micros : micros;
  const hour = magnitude / 3_600_000_000n;
  const minute = (magnitude / 60_000_000n) % 60n;
  const second = (magnitude / 1_000_000n) % 60n;
  const fraction = magnitude % 1_000_000n;
  const clock = `${String(hour).padStart(2, '0')}:${String(minute).padStart(2, '0')}:${seconds(second, fraction, true)}`;
  switch (style) {
    case 'postgres': {
      let out = '';
      let before = false;
      for (const [value, unit] of [
        [years, 'year'],
        [months, 'mon'],
        [days, 'day'],
      ] as const) {
        if (value === 0) continue;
        out += `${out === '' ? '' : ' '}${before && value > 0 ? '+' : ''}${value} ${unit}${value === 1 ? '' : 's'}`;
        before = value < 0;
      }
      if (out !== '' && micros === 0n) return out;
      return `${out}${out === '' ? '' : ' '}${negative ? '-' : before ? '+' : ''}${clock}`;
    }
    case 'postgres_verbose': {
      let out = '@';
      let before: boolean | undefined;
      const add = (value: number | bigint, unit: string, text?: string): void => {
        if (value === 0 || (value === 0n && text === undefined)) return;
        const isNegative = text === undefined ? value < 0 : negative;
        before ??= isNegative;
        const shown = text ?? String(value < 0 ? -value : value);
        out += ` ${isNegative === before ? '' : '-'}${shown} ${unit}${shown === '1' ? '' : 's'}`;
      };
      add(years, 'year');
      add(months, 'mon');
      add(days, 'day');
      add(negative ? -hour : hour, 'hour');
      add(negative ? -minute : minute, 'min');
      if (second !== 0n || fraction !== 0n) add(second, 'sec', seconds(second, fraction, false));
      if (out === '@') out += ' 0';
      return before === true ? `${out} ago` : out;
    }
    case 'iso_8601': {
      if (span.months === 0 && days === 0 && micros === 0n) return 'PT0S';
      let out = 'P';
      if (years !== 0) out += `${years}Y`;
      if (months !== 0) out += `${months}M`;
      if (days !== 0) out += `${days}D`;
      if (micros !== 0n) out += 'T';
      const sign = negative ? '-' : '';
      if (hour !== 0n) out += `${sign}${hour}H`;
      if (minute !== 0n) out += `${sign}${minute}M`;
      if (second !== 0n || fraction !== 0n) out += `${sign}${seconds(second, fraction, false)}S`;
      return out;
    }
    default: {
      const hasMonths = span.months !== 0;
      const hasDays = days !== 0;
      const hasTime = micros !== 0n;
      const anyNegative = span.months < 0 || days < 0 || negative;
      const anyPositive = span.months > 0 || days > 0 || micros > 0n;
      if (!anyNegative && !anyPositive) return '0';
      if ((anyNegative && anyPositive) || (hasMonths && (hasDays || hasTime))) {
        return `${span.months < 0 ? '-' : '+'}${Math.abs(years)}-${Math.abs(months)} ${days < 0 ? '-' : '+'}${Math.abs(days)} ${negative ? '-' : '+'}${Number(hour)}:${clock.slice(clock.indexOf(':') + 1)}`;
      }
      const sign = anyNegative ? '-' : '';
      if (hasMonths) return `${sign}${Math.abs(years)}-${Math.abs(months)}`;
      const plain = `${Number(hour)}:${clock.slice(clock.indexOf(':') + 1)}`;
      return hasDays ? `${sign}${Math.abs(days)} ${plain}` : `${sign}${plain}`;
    }
  }
}

/** A modifier as `format_type` prints it behind `interval`: ` day to second(2)`. */
export function intervalModifierText(modifier: number): string {
  const range = (modifier >> 16) & 0x7fff;
  const precision = modifier & 0xffff;
  const fields =
    range === 0x7fff
      ? []
      : (['year', 'month', 'day', 'hour', 'minute', 'second'] as const).filter((each) => range & FIELD_BITS[each]);
  const [first, last = first] = [fields[0], fields.at(-1)];
  const words = first === undefined ? '' : first === last ? ` ${first}` : ` ${first} to ${last}`;
  return precision === 0xffff ? words : `${words}(${precision})`;
}

/** Applies `interval(p)` and `interval hour to minute`: fields beyond the range go, seconds round. */
export function applyIntervalModifier(span: Interval, modifier: number): Interval {
  if (modifier < 0) return span;
  const range = (modifier >> 16) & 0x7fff;
  const precision = modifier & 0xffff;
  let { months, days, micros } = span;
  if (range !== 0 && range !== 0x7fff) {
    const has = (bits: number): boolean => (range & bits) !== 0;
    const timed = has(FIELD_BITS.hour | FIELD_BITS.minute | FIELD_BITS.second);
    if (!has(FIELD_BITS.month) && !timed && !has(FIELD_BITS.day)) months = Math.trunc(months / 12) * 12;
    if (!timed) {
      micros = 0n;
      if (!has(FIELD_BITS.day)) days = 0;
    } else if (!has(FIELD_BITS.second)) {
      const unit = has(FIELD_BITS.minute) ? 60_000_000n : 3_600_000_000n;
      micros = (micros / unit) * unit;
    }
  }
  if (precision < 6) {
    const unit = 10n ** BigInt(6 - precision);
    const rest = micros % unit;
    micros -= rest;
    if ((rest < 0n ? -rest : rest) * 2n >= unit) micros += rest < 0n ? -unit : unit;
  }
  return new Interval(months, days, micros);
}
