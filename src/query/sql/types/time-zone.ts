/**
 * Time zones: how far local time is ahead of UTC at an instant, and which instant a local time is.
 *
 * Zones are UTC, fixed offsets (`+02`, `-05:30`; read as ISO 8601 inside a timestamp), the names of the IANA database,
 * as the runtime's ICU has it, and those that spell themselves out (`posix-zone.ts`).
 */

import { posixZone } from './posix-zone.ts';

export interface TimeZone {
  /** As SHOW prints it. */
  readonly name: string;
  /** Seconds that local time is ahead of UTC at `seconds` since 1970. */
  offsetAt(seconds: number): number;
  /** What local time is called there at that instant, like CEST; undefined where it has no such name. */
  abbreviationAt?(seconds: number): string | undefined;
}

export const UTC: TimeZone = { name: 'UTC', offsetAt: () => 0, abbreviationAt: () => 'UTC' };

const known = new Map<string, TimeZone | undefined>();
const KNOWN_MAX = 1_000;

/** Undefined for a name that nobody knows. Case does not matter. */
export function timeZone(name: string): TimeZone | undefined {
  const key = name.toLowerCase();
  if (key === 'utc' || key === 'gmt' || key === 'z' || key === 'zulu') {
    return key === 'utc'
      ? UTC
      : { name: spelled(name), offsetAt: () => 0, abbreviationAt: () => (key === 'gmt' ? 'GMT' : 'UTC') };
  }
  if (known.has(key)) return known.get(key);
  if (known.size >= KNOWN_MAX) known.clear();
  const zone = americanZone(key) ?? ianaZone(name) ?? posixZone(name);
  known.set(key, zone);
  return zone;
}

/** A zone that is always `seconds` ahead of UTC. */
export function fixedZone(name: string, seconds: number): TimeZone {
  return { name, offsetAt: () => seconds };
}

/** The instant, in seconds since 1970, at which clocks of `zone` show `local` (seconds, as if it were UTC). */
export function instantOf(local: number, zone: TimeZone): number {
  // In a gap both offsets are wrong, in an overlap both are right: then standard time decides, as in PostgreSQL.
  const before = zone.offsetAt(local - 86_400);
  const after = zone.offsetAt(local + 86_400);
  if (before === after) return local - before;
  const isBefore = zone.offsetAt(local - before) === before;
  const isAfter = zone.offsetAt(local - after) === after;
  if (isBefore === isAfter) return local - Math.min(before, after);
  return local - (isBefore ? before : after);
}

/**
 * Zones of the United States as a whole: their rules only, without the history of any place. ICU knows no more of them than of one
 * of their cities.
 */
const AMERICAN: Readonly<Record<string, readonly [hours: number, city: string | undefined]>> = {
  EST5EDT: [-5, 'America/New_York'],
  CST6CDT: [-6, 'America/Chicago'],
  MST7MDT: [-7, 'America/Denver'],
  PST8PDT: [-8, 'America/Los_Angeles'],
  EST: [-5, undefined],
  MST: [-7, undefined],
  HST: [-10, undefined],
};

/** Years in which all of the country had summer time, or all year. */
function hasAmericanSummer(seconds: number): boolean {
  return (
    seconds >= -94_694_400 || // 1967
    (seconds >= -1_640_995_200 && seconds < -1_577_923_200) || // 1918 and 1919
    (seconds >= -883_612_800 && seconds < -757_382_400) // 1942 to 1945
  );
}

function americanZone(key: string): TimeZone | undefined {
  const name = key.toUpperCase();
  if (!Object.hasOwn(AMERICAN, name)) return undefined;
  const [hours, city] = AMERICAN[name]!;
  const standard = hours * 3_600;
  if (city === undefined) return { name, offsetAt: () => standard, abbreviationAt: () => name };
  const place = ianaZone(city)!;
  const offsetAt = (seconds: number): number => (hasAmericanSummer(seconds) ? place.offsetAt(seconds) : standard);
  const isSummer = (seconds: number): boolean => offsetAt(seconds) !== standard;
  return { name, offsetAt, abbreviationAt: (seconds) => (isSummer(seconds) ? name.slice(4) : name.slice(0, 3)) };
}

/** The calendar repeats after 400 years, and rules with it; what ICU can say of the far future it says of the nearer. */
const CYCLE_SECONDS = 146_097 * 86_400;
const FAR = Date.UTC(2410, 0, 1) / 1_000;

function nearer(seconds: number): number {
  return seconds < FAR ? seconds : seconds - Math.ceil((seconds - FAR + 1) / CYCLE_SECONDS) * CYCLE_SECONDS;
}

/** Languages whose words for zones are those of the IANA database somewhere. */
const LANGUAGES = ['en-US', 'en-GB', 'en-AU', 'en-NZ', 'en-IN', 'en-ZA'];

/** Of places whose zones no language above abbreviates: hours ahead, and what they are called then. */
const FURTHER_NAMES: Readonly<Record<string, Readonly<Record<number, string>>>> = {
  'Europe/Moscow': { 3: 'MSK', 4: 'MSK' },
  'Asia/Tokyo': { 9: 'JST', 10: 'JDT' },
  'Asia/Seoul': { 9: 'KST', 10: 'KDT' },
  'Asia/Shanghai': { 8: 'CST', 9: 'CDT' },
  'Asia/Taipei': { 8: 'CST', 9: 'CDT' },
  'Asia/Hong_Kong': { 8: 'HKT', 9: 'HKST' },
  'Asia/Jerusalem': { 2: 'IST', 3: 'IDT' },
  'Asia/Karachi': { 5: 'PKT', 6: 'PKST' },
  'Asia/Manila': { 8: 'PST', 9: 'PDT' },
  'Asia/Jakarta': { 7: 'WIB' },
};

/** A date in each month of a year in which all zones of today have their rules. */
const SAMPLES = Array.from({ length: 12 }, (_, month) => Date.UTC(2_020, month, 15) / 1_000);

function abbreviations(name: string, offsetAt: (seconds: number) => number): (seconds: number) => string | undefined {
  const formats = LANGUAGES.map(
    (language) => new Intl.DateTimeFormat(language, { timeZone: name, timeZoneName: 'short' }),
  );
  const told = (seconds: number): string | undefined => {
    for (const format of formats) {
      const part = format.formatToParts(seconds * 1_000).find(({ type }) => type === 'timeZoneName')?.value;
      if (part !== undefined && /^[A-Z]{3,5}$/.test(part)) return part;
    }
    return undefined;
  };
  // Before 1970 there are offsets only: they are called what they are called today.
  const byOffset = new Map<number, string | undefined>();
  for (const [hours, text] of Object.entries(FURTHER_NAMES[name] ?? {})) byOffset.set(Number(hours) * 3_600, text);
  for (const at of SAMPLES) {
    const offset = offsetAt(at);
    if (!byOffset.has(offset)) byOffset.set(offset, told(at));
  }
  return (seconds) => {
    const offset = offsetAt(seconds);
    // Only before there were zones clocks were not in step with others by whole minutes.
    if (offset % 60 !== 0) return 'LMT';
    return byOffset.get(offset) ?? told(nearer(seconds));
  };
}

/** As the IANA database writes it, of a name that is one of several for a place: ICU tells of one only. */
function spelled(name: string): string {
  if (!name.includes('/')) return /\d/.test(name) || name.length <= 3 ? name.toUpperCase() : capitalized(name);
  return name.split('/').map(capitalized).join('/');
}

function capitalized(name: string): string {
  if (/^(?:us|gmt.*|utc|uct|prc|rok)$/i.test(name)) return name.toUpperCase();
  return name
    .toLowerCase()
    .replace(/(^|[_-])([a-z]+)/g, (_, before: string, word: string) =>
      /^(?:of|es|au|da)$/.test(word) && before !== '' ? before + word : before + word[0]!.toUpperCase() + word.slice(1),
    );
}

function ianaZone(name: string): TimeZone | undefined {
  if (!/^[A-Za-z][A-Za-z0-9_+/-]{0,63}$/.test(name)) return undefined;
  let format: Intl.DateTimeFormat;
  try {
    format = new Intl.DateTimeFormat('en-US-u-ca-gregory', {
      timeZone: name,
      hourCycle: 'h23',
      era: 'short',
      year: 'numeric',
      month: 'numeric',
      day: 'numeric',
      hour: 'numeric',
      minute: 'numeric',
      second: 'numeric',
    });
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
  const canonical = format.resolvedOptions().timeZone;
  let nameOf: ((seconds: number) => string | undefined) | undefined;
  let lastFrom = Number.POSITIVE_INFINITY;
  let lastOffset = 0;
  const offsetAt = (seconds: number): number => {
    // Offsets change at multiples of 15 minutes, so one look holds for the whole quarter.
    const quarter = Math.floor(nearer(seconds) / 900) * 900;
    if (quarter !== lastFrom) {
      lastOffset = lookUp(format, quarter);
      lastFrom = quarter;
    }
    return lastOffset;
  };
  return {
    name: canonical.toLowerCase() === name.toLowerCase() ? canonical : spelled(name),
    offsetAt,
    abbreviationAt(seconds) {
      nameOf ??= abbreviations(canonical, offsetAt);
      return nameOf(seconds);
    },
  };
}

function lookUp(format: Intl.DateTimeFormat, at: number): number {
  const parts: { [part in Intl.DateTimeFormatPartTypes]?: string } = {};
  for (const part of format.formatToParts(at * 1_000)) parts[part.type] = part.value;
  const year = parts.era === 'BC' || parts.era === 'B' ? 1 - Number(parts.year) : Number(parts.year);
  const local = new Date(0);
  local.setUTCFullYear(year, Number(parts.month) - 1, Number(parts.day));
  local.setUTCHours(Number(parts.hour), Number(parts.minute), Number(parts.second));
  return local.getTime() / 1_000 - at;
}
