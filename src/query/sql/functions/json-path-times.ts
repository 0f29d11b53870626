/**
 * Points in time in SQL/JSON paths: what `datetime()` makes of a string, by a template or by the forms of the standard, and how such
 * values compare (PostgreSQL's jsonpath_exec.c, executeDateTimeMethod and compareDatetime).
 */

import { TimeTz } from '../../../models/relational/values.ts';
import { SqlError } from '../sql-error.ts';
import { compareFor } from '../types/compare.ts';
import { formatText } from '../types/text-form.ts';
import { fixedZone, instantOf, type TimeZone, UTC } from '../types/time-zone.ts';
import { type TimeContext, wholeSeconds } from '../types/timestamptz.ts';
import type { SqlValue } from '../types/types.ts';
import { dateTemplate } from './format-template.ts';
import { type PointInTime, readStrictly } from './parse-dates.ts';

const DAY_MICROS = 86_400_000_000n;

/** A point in time that datetime() made; as a result it is a string. */
export class PathTime {
  readonly type: PointInTime['type'];
  readonly value: Exclude<SqlValue, null>;
  /** Where it was written down. */
  readonly zone: TimeZone;

  constructor({ type, value, offset }: PointInTime) {
    this.type = type;
    this.value = value;
    this.zone = offset === undefined ? UTC : fixedZone('', offset);
  }

  toString(): string {
    const text = formatText(this.type, this.value, { zone: this.zone });
    const isZoned = this.type === 'timestamptz' || this.type === 'timetz';
    return (isZoned ? text.replace(/([+-]\d\d)$/, '$1:00') : text).replace(' ', 'T');
  }
}

/** The forms of the standard, and those with a T. */
const FORMS = [
  'yyyy-mm-dd',
  'HH24:MI:SS.USTZH:TZM',
  'HH24:MI:SS.USTZH',
  'HH24:MI:SSTZH:TZM',
  'HH24:MI:SSTZH',
  'HH24:MI:SS.US',
  'HH24:MI:SS',
  ...['USTZH:TZM', 'USTZH'].map((zone) => `yyyy-mm-dd HH24:MI:SS.${zone}`),
  ...['TZH:TZM', 'TZH'].map((zone) => `yyyy-mm-dd HH24:MI:SS${zone}`),
  ...['.USTZH:TZM', '.USTZH', 'TZH:TZM', 'TZH'].map((zone) => `yyyy-mm-dd"T"HH24:MI:SS${zone}`),
  'yyyy-mm-dd HH24:MI:SS.US',
  'yyyy-mm-dd HH24:MI:SS',
  'yyyy-mm-dd"T"HH24:MI:SS.US',
  'yyyy-mm-dd"T"HH24:MI:SS',
];

/** Begins like a date or a time of day: anything else is refused without trying all forms. */
const PLAUSIBLE = /^\s*[+-]?\d+[-:]\d/;

/** @throws SqlError that tells what is wrong with the text, or with the template. */
export function pathTime(text: string, template: string | undefined): PathTime {
  if (template !== undefined) return new PathTime(readStrictly(text, dateTemplate(template, true)));
  if (PLAUSIBLE.test(text)) {
    for (const form of FORMS) {
      try {
        return new PathTime(readStrictly(text, dateTemplate(form, true)));
      } catch (error) {
        if (!(error instanceof SqlError)) throw error;
      }
    }
  }
  throw new SqlError(
    'invalid_argument_for_sql_json_datetime_function',
    `datetime format is not recognized: "${text}"`,
    { hint: 'Use a datetime template argument to specify the input data format.' },
  );
}

/** What is local, as of a zone: microseconds since 1970, beyond the range of timestamps where a date is. */
function instant(time: PathTime, zone: TimeZone): bigint {
  if (time.type === 'timestamptz') return time.value as bigint;
  const local = localMicros(time);
  const seconds = wholeSeconds(local);
  return local + BigInt(instantOf(seconds, zone) - seconds) * 1_000_000n;
}

function localMicros({ type, value }: PathTime): bigint {
  return type === 'date' ? BigInt(value as number) * DAY_MICROS : (value as bigint);
}

/**
 * Undefined for what cannot be compared, as a date and a time of day. What depends on the session's zone is compared by functions
 * whose names end in `_tz` only. @throws SqlError `feature_not_supported`.
 */
export function comparePathTimes(
  a: PathTime,
  b: PathTime,
  context: TimeContext,
  usesZone: boolean,
): number | undefined {
  if (a.type === b.type) return compareFor(a.type)(a.value, b.value);
  const isTimeOfDay = ({ type }: PathTime): boolean => type === 'time' || type === 'timetz';
  if (isTimeOfDay(a) !== isTimeOfDay(b)) return undefined;
  if (a.type !== 'timestamptz' && b.type !== 'timestamptz' && !isTimeOfDay(a)) {
    return compareFor('int8')(localMicros(a), localMicros(b));
  }
  if (!usesZone) {
    const [local, zoned] = a.type === 'timestamptz' || a.type === 'timetz' ? [b, a] : [a, b];
    const message = `cannot convert value from ${local.type} to ${zoned.type} without time zone usage`;
    throw new SqlError('feature_not_supported', message, { hint: 'Use *_tz() function for time zone support.' });
  }
  const { zone, nowMicros } = context;
  if (!isTimeOfDay(a)) return compareFor('int8')(instant(a, zone), instant(b, zone));
  const offset = zone.offsetAt(wholeSeconds(nowMicros));
  const zoned = ({ type, value }: PathTime): TimeTz =>
    type === 'timetz' ? (value as TimeTz) : new TimeTz(value as number, offset);
  return compareFor('timetz')(zoned(a), zoned(b));
}
