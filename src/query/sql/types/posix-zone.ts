/**
 * Time zones that spell themselves out, as POSIX has it: `CET-1CEST,M3.5.0,M10.5.0/3`, `<-08>+08`, `EST5EDT` (PostgreSQL's localtime.c,
 * tzparse). Offsets count to the west. Without dates for it, summer time is that of the United States since 2007.
 */

import { dayOfWeek, daysFromCivil, daysInMonth, isLeapYear } from './calendar.ts';
import type { TimeZone } from './time-zone.ts';

const DAY = 86_400;
const HOUR = 3_600;
const DEFAULT_RULES = 'M3.2.0,M11.1.0';

/** A moment of each year, in seconds of local time since the year began. */
type Rule = (year: number) => number;

const SPECIFICATION =
  /^([A-Za-z]{3,}|<[^<>]+>)([+-]?\d{1,2}(?::\d{1,2}){0,2})(?:([A-Za-z]{3,}|<[^<>]+>)([+-]?\d{1,2}(?::\d{1,2}){0,2})?(?:,([^,]+),([^,]+))?)?$/;

/** Undefined for what is no such text. */
export function posixZone(name: string): TimeZone | undefined {
  const bare = /^[+-]?\d{1,2}(?::\d{2})?$/.test(name);
  if (bare) return fixed(name, -seconds(name), undefined);
  const match = SPECIFICATION.exec(name);
  if (match === null) return undefined;
  const [, standardName, standardText, summerName, summerText, startText, endText] = match;
  const standard = -seconds(standardText!);
  if (Math.abs(standard) > 24 * HOUR) return undefined;
  const title = (text: string): string => text.replace(/^<|>$/g, '');
  if (summerName === undefined) return fixed(name, standard, title(standardName!));
  const summer = summerText === undefined ? standard + HOUR : -seconds(summerText);
  const [defaultStart, defaultEnd] = DEFAULT_RULES.split(',') as [string, string];
  const start = ruleOf(startText ?? defaultStart);
  const end = ruleOf(endText ?? defaultEnd);
  if (start === undefined || end === undefined) return undefined;
  const isSummer = (at: number): boolean => {
    const year = new Date((at + standard) * 1_000).getUTCFullYear();
    if (Number.isNaN(year)) return false;
    const begin = daysFromCivil(year, 1, 1) * DAY;
    const from = begin + start(year) - standard;
    const to = begin + end(year) - summer;
    return from < to ? at >= from && at < to : at >= from || at < to;
  };
  return {
    name,
    offsetAt: (at) => (isSummer(at) ? summer : standard),
    abbreviationAt: (at) => title(isSummer(at) ? summerName : standardName!),
  };
}

function fixed(name: string, offset: number, abbreviation: string | undefined): TimeZone {
  return {
    name,
    offsetAt: () => offset,
    ...(abbreviation === undefined ? {} : { abbreviationAt: () => abbreviation }),
  };
}

/** `5`, `-05:30`. */
function seconds(text: string): number {
  const [hours, minutes = 0, rest = 0] = text.replace(/^[+-]/, '').split(':').map(Number) as [number, number?, number?];
  const magnitude = hours * HOUR + minutes * 60 + rest;
  return text.startsWith('-') ? -magnitude : magnitude;
}

/** `M3.2.0/2` is the second Sunday of March, `J60` the first of March in any year, `59` the sixtieth day; at two unless it says when. */
function ruleOf(text: string): Rule | undefined {
  const [date, time = '2'] = text.split('/') as [string, string?];
  if (!/^[+-]?\d{1,3}(?::\d{1,2}){0,2}$/.test(time)) return undefined;
  const at = seconds(time);
  const month = /^M(\d{1,2})\.([1-5])\.([0-6])$/.exec(date);
  if (month !== null) {
    const [m, week, weekday] = month.slice(1).map(Number) as [number, number, number];
    if (m < 1 || m > 12) return undefined;
    return (year) => {
      const first = daysFromCivil(year, m, 1);
      let day = 1 + ((weekday - dayOfWeek(first) + 7) % 7) + (week - 1) * 7;
      if (day > daysInMonth(year, m)) day -= 7;
      return (first + day - 1 - daysFromCivil(year, 1, 1)) * DAY + at;
    };
  }
  const julian = /^(J?)(\d{1,3})$/.exec(date);
  if (julian === null) return undefined;
  const day = Number(julian[2]);
  if (julian[1] === '') return day > 365 ? undefined : () => day * DAY + at;
  if (day < 1 || day > 365) return undefined;
  return (year) => (day - 1 + (isLeapYear(year) && day >= 60 ? 1 : 0)) * DAY + at;
}
