/** `+ - * /` on dates, times and intervals (manual, table 9.32). */

import { Interval, TimeTz } from '../../../models/relational/values.ts';
import { SqlError } from '../sql-error.ts';
import { addMonths } from '../types/calendar.ts';
import { castFor } from '../types/cast.ts';
import { addInterval, DAY_MICROS, justifyHours, negateInterval, scaleInterval } from '../types/interval.ts';
import {
  checkedDate,
  checkedTimestamp,
  instantOfLocal,
  isInfinite,
  joinLocal,
  localOfInstant,
  splitLocal,
} from '../types/timestamptz.ts';
import type { FunctionTable, Kernel, RunContext } from './definition.ts';

/** Months first, the day clipped to the month's end; then days; then time. */
export function addToLocal(local: bigint, { months, days, micros }: Interval): bigint {
  if (isInfinite(local)) return local;
  let sum = local;
  if (months !== 0 || days !== 0) {
    const [day, inDay] = splitLocal(local);
    sum = joinLocal((months === 0 ? day : addMonths(day, months)) + days, inDay);
    checkedTimestamp(sum);
  }
  return checkedTimestamp(sum + micros);
}

/** Months and days are those of the session's zone; time is not. */
export function addToInstant(instant: bigint, span: Interval, { zone }: RunContext): bigint {
  if (isInfinite(instant)) return instant;
  let sum = instant;
  if (span.months !== 0 || span.days !== 0) {
    const local = addToLocal(localOfInstant(instant, zone), new Interval(span.months, span.days, 0n));
    sum = instantOfLocal(local, zone);
  }
  return checkedTimestamp(sum + span.micros);
}

/** Whole days, and the time that is left. */
function subtractPoints(a: bigint, b: bigint): Interval {
  if (isInfinite(a) || isInfinite(b)) {
    throw new SqlError('datetime_field_overflow', 'cannot subtract infinite timestamps');
  }
  return justifyHours(new Interval(0, 0, a - b));
}

const dateToTimestamp = castFor('date', 'timestamp')!;
const ofDate = (days: number, context: RunContext): bigint => dateToTimestamp(days, context) as bigint;

function addToTime(micros: number, span: bigint): number {
  const sum = (BigInt(micros) + span) % DAY_MICROS;
  return Number(sum < 0n ? sum + DAY_MICROS : sum);
}

function dateAndTime(days: number, micros: number, context: RunContext): bigint {
  const start = ofDate(days, context);
  return isInfinite(start) ? start : checkedTimestamp(start + BigInt(micros));
}

function dateAndTimetz(days: number, { micros, offset }: TimeTz, context: RunContext): bigint {
  const start = ofDate(days, context);
  return isInfinite(start) ? start : checkedTimestamp(start + BigInt(micros) - BigInt(offset) * 1_000_000n);
}

const addDays = (days: number, more: number): number => (Number.isFinite(days) ? checkedDate(days + more) : days);
const timetzPlus = ({ micros, offset }: TimeTz, { micros: more }: Interval): TimeTz =>
  new TimeTz(addToTime(micros, more), offset);
const datePlusSpan = (days: number, span: Interval, context: RunContext): bigint =>
  addToLocal(ofDate(days, context), span);
const scaled = (span: Interval, factor: number): Interval => scaleInterval(span, (value) => value * factor);

/** With the operands the other way round as well. */
function commutative(
  a: string,
  b: string,
  result: string,
  run: (a: never, b: never, context: RunContext) => unknown,
): [string, Kernel][] {
  const turned = (y: never, x: never, context: RunContext): unknown => run(x, y, context);
  return [
    [`+(${a}, ${b}) ${result}`, run as Kernel],
    [`+(${b}, ${a}) ${result}`, turned as Kernel],
  ];
}

export const DATETIME_OPERATORS: FunctionTable = {
  ...Object.fromEntries([
    ...commutative('date', 'int4', 'date', addDays),
    ...commutative('date', 'interval', 'timestamp', datePlusSpan),
    ...commutative('date', 'time', 'timestamp', dateAndTime),
    ...commutative('date', 'timetz', 'timestamptz', dateAndTimetz),
    ...commutative('time', 'interval', 'time', (micros: number, span: Interval) => addToTime(micros, span.micros)),
    ...commutative('timetz', 'interval', 'timetz', timetzPlus),
    ...commutative('timestamp', 'interval', 'timestamp', addToLocal),
    ...commutative('timestamptz', 'interval', 'timestamptz stable', addToInstant),
  ]),
  '-(date, int4) date': (days: number, less: number) => addDays(days, -less),
  '-(date, date) int4': (a: number, b: number) => {
    if (Number.isFinite(a) && Number.isFinite(b)) return a - b;
    throw new SqlError('datetime_field_overflow', 'cannot subtract infinite dates');
  },
  '-(date, interval) timestamp': (days: number, span: Interval, context: RunContext) =>
    addToLocal(ofDate(days, context), negateInterval(span)),
  '-(time, time) interval': (a: number, b: number) => new Interval(0, 0, BigInt(a - b)),
  '-(time, interval) time': (micros: number, span: Interval) => addToTime(micros, -span.micros),
  '-(timetz, interval) timetz': (time: TimeTz, span: Interval) => timetzPlus(time, new Interval(0, 0, -span.micros)),
  '-(timestamp, timestamp) interval': subtractPoints,
  '-(timestamptz, timestamptz) interval': subtractPoints,
  '-(timestamp, interval) timestamp': (local: bigint, span: Interval) => addToLocal(local, negateInterval(span)),
  '-(timestamptz, interval) timestamptz stable': (instant: bigint, span: Interval, context: RunContext) =>
    addToInstant(instant, negateInterval(span), context),
  '+(interval, interval) interval': addInterval,
  '-(interval, interval) interval': (a: Interval, b: Interval) => addInterval(a, negateInterval(b)),
  '-(interval) interval': negateInterval,
  '*(interval, float8) interval': scaled,
  '*(float8, interval) interval': (factor: number, span: Interval) => scaled(span, factor),
  '/(interval, float8) interval': (span: Interval, divisor: number) => {
    if (divisor === 0) throw new SqlError('division_by_zero', 'division by zero');
    return scaleInterval(span, (value) => value / divisor);
  },
};
