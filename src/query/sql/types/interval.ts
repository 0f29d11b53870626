/**
 * Intervals: arithmetic, text, comparing (PostgreSQL's timestamp.c and datetime.c). Months, days and microseconds are kept apart;
 * only comparing and multiplying mix them, at 30 days a month and 24 hours a day.
 */

import { INT64_MAX, INT64_MIN } from '../../../base/value.ts';
import { Interval } from '../../../models/relational/values.ts';
import { SqlError } from '../sql-error.ts';

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
  intervalOf(months, days, 0n);
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
  let months = intervalOf(span.months + Math.trunc(days / 30), 0, 0n).months;
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

/** Bits of `interval` modifiers: which fields there are. */
export const FIELD_BITS = { month: 2, year: 4, day: 8, hour: 1_024, minute: 2_048, second: 4_096 } as const;

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
