/**
 * Time zones: how far local time is ahead of UTC at an instant, and which instant a local time is.
 *
 * Zones are UTC, fixed offsets (`+02`, `-05:30`; read as ISO 8601 inside a timestamp) and the names of the IANA database,
 * as the runtime's ICU has it. Abbreviations such as CEST are left out.
 */

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
    return key === 'utc' ? UTC : { name, offsetAt: () => 0 };
  }
  if (known.has(key)) return known.get(key);
  if (known.size >= KNOWN_MAX) known.clear();
  const zone = ianaZone(name);
  known.set(key, zone);
  return zone;
}

/** A zone that is always `seconds` ahead of UTC. */
export function fixedZone(name: string, seconds: number): TimeZone {
  return { name, offsetAt: () => seconds };
}

/** A zone by its offset, which counts to the west, with or without a name before it: `UTC+3`, `<-08>+08`, `-03:30`. */
export function posixZone(name: string): TimeZone | undefined {
  const posix = /^(?:[A-Za-z]{3,}|<[^>]+>)?([+-]?)(\d{1,2})(?::(\d{2}))?$/.exec(name);
  if (posix === null) return undefined;
  const offset = Number(posix[2]) * 3_600 + Number(posix[3] ?? 0) * 60;
  return fixedZone(name, posix[1] === '-' ? offset : -offset);
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
  let shortNames: Intl.DateTimeFormat | undefined;
  let lastFrom = Number.POSITIVE_INFINITY;
  let lastOffset = 0;
  return {
    name: format.resolvedOptions().timeZone === 'UTC' ? name : format.resolvedOptions().timeZone,
    offsetAt(seconds) {
      // Offsets change at multiples of 15 minutes, so one look holds for the whole quarter.
      const quarter = Math.floor(seconds / 900) * 900;
      if (quarter !== lastFrom) {
        lastOffset = lookUp(format, quarter);
        lastFrom = quarter;
      }
      return lastOffset;
    },
    abbreviationAt(seconds) {
      shortNames ??= new Intl.DateTimeFormat('en-US', { timeZone: name, timeZoneName: 'short' });
      const part = shortNames.formatToParts(seconds * 1_000).find(({ type }) => type === 'timeZoneName');
      return part !== undefined && /^[A-Z]{3,5}$/.test(part.value) ? part.value : undefined;
    },
  };
}

function lookUp(format: Intl.DateTimeFormat, seconds: number): number {
  const limit = 8_640_000_000_000;
  const at = Math.max(-limit, Math.min(limit, seconds));
  const parts: { [part in Intl.DateTimeFormatPartTypes]?: string } = {};
  for (const part of format.formatToParts(at * 1_000)) parts[part.type] = part.value;
  const year = parts.era === 'BC' || parts.era === 'B' ? 1 - Number(parts.year) : Number(parts.year);
  const local = new Date(0);
  local.setUTCFullYear(year, Number(parts.month) - 1, Number(parts.day));
  local.setUTCHours(Number(parts.hour), Number(parts.minute), Number(parts.second));
  return local.getTime() / 1_000 - at;
}
