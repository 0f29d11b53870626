/** to_char of points in time and of intervals (manual, 9.8; PostgreSQL's formatting.c, DCH_to_char). */

import type { Interval } from '../../../models/relational/values.ts';
import { SqlError } from '../sql-error.ts';
import { civilFromDays, dayOfWeek, dayOfYear, isoWeek, isoWeekStart, JULIAN_EPOCH } from '../types/calendar.ts';
import type { TimeZone } from '../types/time-zone.ts';
import { isInfinite, localOfInstant, splitLocal, wholeSeconds } from '../types/timestamptz.ts';
import { DAYS, dateTemplate, MONTHS, ordinalEnding, ROMAN_MONTHS, type TemplateNode } from './format-template.ts';

/** What a point in time or an interval is made of. */
interface Parts {
  readonly isInterval: boolean;
  /** 0 is 1 BC; of an interval the whole years. */
  readonly year: number;
  readonly month: number;
  readonly day: number;
  readonly hour: number;
  readonly minute: number;
  readonly second: number;
  readonly micros: number;
  readonly yearDay: number;
  /** Days since 1970. */
  readonly days: number;
  readonly offset: number;
  readonly zoneName: string;
}

/** Null for an infinity, and for an empty template. */
export function formatTimestampBy(
  local: bigint,
  template: string,
  zone?: { offset: number; name: string },
): string | null {
  if (template === '' || isInfinite(local)) return null;
  const [days, micros] = splitLocal(local);
  const [year, month, day] = civilFromDays(days);
  const seconds = Math.floor(micros / 1_000_000);
  return format(dateTemplate(template), {
    isInterval: false,
    year,
    month,
    day,
    hour: Math.floor(seconds / 3_600),
    minute: Math.floor(seconds / 60) % 60,
    second: seconds % 60,
    micros: micros % 1_000_000,
    yearDay: dayOfYear(days),
    days,
    offset: zone?.offset ?? 0,
    zoneName: zone?.name ?? '',
  });
}

export function formatInstantBy(instant: bigint, template: string, zone: TimeZone): string | null {
  if (isInfinite(instant)) return null;
  const seconds = wholeSeconds(instant);
  const offset = zone.offsetAt(seconds);
  const name = zone.abbreviationAt?.(seconds) ?? zoneNumber(offset);
  return formatTimestampBy(localOfInstant(instant, zone), template, { offset, name });
}

/** What stands for the name of a zone that has none: `+05`, `-0330`. */
function zoneNumber(offset: number): string {
  const minutes = Math.floor(Math.abs(offset) / 60);
  const hours = String(Math.floor(minutes / 60)).padStart(2, '0');
  return `${offset < 0 ? '-' : '+'}${hours}${minutes % 60 === 0 ? '' : String(minutes % 60).padStart(2, '0')}`;
}

export function formatIntervalBy({ months, days, micros }: Interval, template: string): string | null {
  if (template === '') return null;
  const year = Math.trunc(months / 12);
  const month = months % 12;
  const seconds = micros / 1_000_000n;
  return format(dateTemplate(template), {
    isInterval: true,
    year,
    month,
    day: days,
    hour: Number(seconds / 3_600n),
    minute: Number((seconds / 60n) % 60n),
    second: Number(seconds % 60n),
    micros: Number(micros % 1_000_000n),
    yearDay: (year * 12 + month) * 30 + days,
    days: julianOf(year, month, days) - JULIAN_EPOCH,
    offset: 0,
    zoneName: '',
  });
}

/** The Julian day of what need not be a date, as PostgreSQL's date2j has it. */
function julianOf(year: number, month: number, day: number): number {
  const y = month > 2 ? year + 4_800 : year + 4_799;
  const m = month > 2 ? month + 1 : month + 13;
  const century = Math.trunc(y / 100);
  return y * 365 - 32_167 + Math.trunc(y / 4) - century + Math.trunc(century / 4) + Math.trunc((7_834 * m) / 256) + day;
}

/** As C prints a number with at least that many characters, filled with zeros behind the sign. */
function padded(value: number, width: number): string {
  const digits = String(Math.abs(value));
  return value < 0 ? `-${digits.padStart(width - 1, '0')}` : digits.padStart(width, '0');
}

function format(nodes: readonly TemplateNode[], parts: Parts): string {
  let out = '';
  for (const node of nodes) {
    if (node.kind !== 'field') {
      out += node.text;
      continue;
    }
    const shown = formatField(node, parts);
    out += shown;
    if (node.ordinal !== undefined && ORDINALS.has(node.keyword.id) && shown !== '') {
      out += ordinalEnding(shown, node.ordinal);
    }
  }
  return out;
}

/** Fields that take the ending of an ordinal; names and the like do not. */
const ORDINALS = new Set(
  (
    'HH HH12 HH24 MI SS FF1 FF2 FF3 MS FF4 FF5 FF6 US SSSS MM DDD IDDD DD D ID WW IW Q CC Y,YYY YYYY IYYY YYY IYY YY IY Y I ' +
    'W J'
  ).split(' '),
);

function formatField(
  { keyword: { id, name }, fill, translated }: Extract<TemplateNode, { kind: 'field' }>,
  parts: Parts,
): string {
  const { isInterval, month, day, hour, minute, second, micros } = parts;
  const number = (value: number, width: number): string => padded(value, fill ? 0 : value >= 0 ? width : width + 1);
  const text = (value: string, width: number): string => (fill || translated ? value : value.padEnd(width));
  const cased = (value: string): string =>
    name === name.toUpperCase() ? value.toUpperCase() : name === name.toLowerCase() ? value.toLowerCase() : value;
  const onlyDates = (): void => {
    if (!isInterval) return;
    throw new SqlError('invalid_datetime_format', 'invalid format specification for an interval value', {
      hint: 'Intervals are not tied to specific calendar dates.',
    });
  };
  switch (id) {
    case 'A.M.':
    case 'P.M.':
      return cased(hour % 24 >= 12 ? 'P.M.' : 'A.M.');
    case 'AM':
    case 'PM':
      return cased(hour % 24 >= 12 ? 'PM' : 'AM');
    case 'HH':
    case 'HH12':
      return padded(hour % 12 === 0 ? 12 : hour % 12, fill ? 0 : hour >= 0 ? 2 : 3);
    case 'HH24':
      return number(hour, 2);
    case 'MI':
      return number(minute, 2);
    case 'SS':
      return number(second, 2);
    case 'FF1':
      return padded(Math.trunc(micros / 100_000), 1);
    case 'FF2':
      return padded(Math.trunc(micros / 10_000), 2);
    case 'FF3':
    case 'MS':
      return padded(Math.trunc(micros / 1_000), 3);
    case 'FF4':
      return padded(Math.trunc(micros / 100), 4);
    case 'FF5':
      return padded(Math.trunc(micros / 10), 5);
    case 'FF6':
    case 'US':
      return padded(micros, 6);
    case 'SSSS':
      return String(hour * 3_600 + minute * 60 + second);
    case 'TZ':
      onlyDates();
      return name === 'tz' ? parts.zoneName.toLowerCase() : parts.zoneName;
    case 'TZH':
    case 'TZM':
    case 'OF': {
      onlyDates();
      const offset = Math.abs(parts.offset);
      const hours = Math.trunc(offset / 3_600);
      const minutes = Math.trunc((offset % 3_600) / 60);
      if (id === 'TZM') return padded(minutes, 2);
      const shown = `${parts.offset >= 0 ? '+' : '-'}${padded(hours, id === 'OF' && fill ? 0 : 2)}`;
      return id === 'OF' && offset % 3_600 !== 0 ? `${shown}:${padded(minutes, 2)}` : shown;
    }
    case 'A.D.':
    case 'B.C.':
      onlyDates();
      return cased(parts.year <= 0 ? 'B.C.' : 'A.D.');
    case 'AD':
    case 'BC':
      onlyDates();
      return cased(parts.year <= 0 ? 'BC' : 'AD');
    case 'MONTH':
      onlyDates();
      return text(cased(MONTHS[month - 1]!), 9);
    case 'MON':
      onlyDates();
      return cased(MONTHS[month - 1]!.slice(0, 3));
    case 'MM':
      return number(month, 2);
    case 'DAY':
      onlyDates();
      return text(cased(DAYS[dayOfWeek(parts.days)]!), 9);
    case 'DY':
      onlyDates();
      return cased(DAYS[dayOfWeek(parts.days)]!.slice(0, 3));
    case 'DDD':
      return padded(parts.yearDay, fill ? 0 : 3);
    case 'IDDD':
      return padded(
        isInterval ? parts.yearDay : parts.days - isoWeekStart(isoWeek(parts.days)[0], 1) + 1,
        fill ? 0 : 3,
      );
    case 'DD':
      return padded(day, fill ? 0 : 2);
    case 'D':
      onlyDates();
      return String(dayOfWeek(parts.days) + 1);
    case 'ID':
      onlyDates();
      return String(((dayOfWeek(parts.days) + 6) % 7) + 1);
    case 'WW':
      return padded(Math.trunc((parts.yearDay - 1) / 7) + 1, fill ? 0 : 2);
    case 'IW':
      return padded(isInterval ? Math.trunc((parts.yearDay - 1) / 7) + 1 : isoWeek(parts.days)[1], fill ? 0 : 2);
    case 'Q':
      return month === 0 ? '' : String(Math.trunc((month - 1) / 3) + 1);
    case 'CC': {
      const { year } = parts;
      let century: number;
      if (isInterval) century = Math.trunc(year / 100);
      // Centuries count from 1, as years do.
      else century = year > 0 ? Math.trunc((year - 1) / 100) + 1 : Math.trunc(year / 100) - 1;
      return Math.abs(century) <= 99 ? number(century, 2) : String(century);
    }
    case 'W':
      return String(Math.trunc((day - 1) / 7) + 1);
    case 'J':
      return String(parts.days + JULIAN_EPOCH);
    case 'RM': {
      if (month === 0 && parts.year === 0) return '';
      const at = month === 0 ? (parts.year >= 0 ? 0 : 11) : month < 0 ? -(month + 1) : 12 - month;
      return text(cased(ROMAN_MONTHS[at]!), 4);
    }
    default:
      return formatYear(id, parts, fill);
  }
}

function formatYear(id: string, { isInterval, year: civil, days }: Parts, fill: boolean): string {
  const shownOf = (value: number): number => (isInterval ? value : value <= 0 ? -(value - 1) : value);
  const year = shownOf(id.startsWith('I') && !isInterval ? isoWeek(days)[0] : civil);
  const isPositive = shownOf(civil) >= 0;
  const width = (digits: number): number => (fill ? 0 : isPositive ? digits : digits + 1);
  switch (id) {
    case 'Y,YYY': {
      const thousands = Math.trunc(year / 1_000);
      return `${thousands},${padded(year - thousands * 1_000, 3)}`;
    }
    case 'YYYY':
    case 'IYYY':
      return padded(year, width(4));
    case 'YYY':
    case 'IYY':
      return padded(year % 1_000, width(3));
    case 'YY':
    case 'IY':
      return padded(year % 100, width(2));
    case 'Y':
    case 'I':
      return String(year % 10);
    default:
      return '';
  }
}
