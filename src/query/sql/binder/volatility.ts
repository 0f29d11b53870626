/** Whether an expression gives the same for the same row, always: what indexes and generated columns are made of. */

import { baseOf, elementOf, isRecord, type SqlType, typeInfo } from '../types/types.ts';
import { type BoundExpression, someOperand } from './bound.ts';

export function isImmutable(expression: BoundExpression): boolean {
  if (expression.kind === 'call' && declaredVolatility(expression) !== 'immutable' && !joinsPlain(expression))
    return false;
  if (expression.kind === 'cast' && isStableCast(expression.arg.type, expression.type)) return false;
  return !someOperand(expression, (operand) => !isImmutable(operand));
}

/** What is run is for the planner never immutable. */
function declaredVolatility({ function: { runs, volatility } }: Extract<BoundExpression, { kind: 'call' }>): string {
  return runs?.volatility ?? volatility;
}

/** Types that settings or the catalog have a part in printing, and in reading. */
const PRINTED_BY_SETTINGS: ReadonlySet<SqlType> = new Set(['date', 'timestamp', 'timestamptz', 'interval']);
const READ_BY_SETTINGS: ReadonlySet<SqlType> = new Set([...PRINTED_BY_SETTINGS, 'time', 'timetz']);
/** Where the time zone of the session decides. */
const ZONED: ReadonlySet<string> = new Set([
  'timestamptz date',
  'timestamptz time',
  'timestamptz timetz',
  'timestamptz timestamp',
  'timestamp timestamptz',
  'date timestamptz',
  'time timetz',
]);

/** Whether a cast gives the same within a statement only (provolatile of pg_proc, for types of several parts that of array_in and its kin). */
function isStableCast(from: SqlType, to: SqlType): boolean {
  const [source, target] = [baseOf(from), baseOf(to)];
  if (source === target) return false;
  const isText = (type: SqlType): boolean => typeInfo(type).category === 'S';
  if (isText(source)) return !isText(target) && (READ_BY_SETTINGS.has(target) || isLookedUp(target));
  if (isText(target)) return PRINTED_BY_SETTINGS.has(source) || isLookedUp(source);
  const [element, other] = [elementOf(source), elementOf(target)];
  if (element !== undefined && other !== undefined) return isStableCast(element, other);
  return ZONED.has(`${source} ${target}`);
}

/** Types whose text is read and printed by that of other types, or by names. */
function isLookedUp(type: SqlType): boolean {
  return 'AERC'.includes(typeInfo(type).category) || type.startsWith('reg') || isRecord(type);
}

/** Whether a function in it may give another value each time it is asked. */
export function isVolatile(expression: BoundExpression): boolean {
  if (expression.kind === 'call' && expression.function.volatility === 'volatile') return true;
  return someOperand(expression, isVolatile);
}

/** `||` of text with anything prints that: PostgreSQL looks inside, where printing most types depends on nothing. */
function joinsPlain(expression: Extract<BoundExpression, { kind: 'call' }>): boolean {
  const { name } = expression.function;
  return name === '||' && expression.args.every(({ type }) => 'NSB'.includes(typeInfo(type).category));
}
