/**
 * Values of a foreign key as the table that it refers to holds them, and back, where the columns are of different types: `integer` that
 * refers to `bigint`, say. They refer to what is equal once the referring value has become one of the other type (PostgreSQL's
 * ATAddForeignKeyConstraint).
 */

import type { ColumnType, ColumnValue, ForeignKey, Table } from '../../../models/relational/table.ts';
import { SqlError } from '../sql-error.ts';
import { castFor } from '../types/cast.ts';
import { applyModifier } from '../types/modifiers.ts';
import type { TimeContext } from '../types/timestamptz.ts';
import { baseOf, canCast, isInteger, type SqlType } from '../types/types.ts';
import { sameValue } from './row-values.ts';

/** Text of dates and times, and so what they are equal to, can depend on who asks. */
const DEPENDS_ON_ZONE: ReadonlySet<SqlType> = new Set(['date', 'timestamp', 'timestamptz', 'time', 'timetz']);

/** Whether a column may refer to one of another type. */
export function canRefer(from: ColumnType, to: ColumnType): boolean {
  const [own, other] = [baseOf(from), baseOf(to)];
  if (own === other || (isInteger(own) && isInteger(other))) return true;
  if (own === 'float8' && other === 'float4') return true;
  return canCast(own, other, 'implicit') && !DEPENDS_ON_ZONE.has(own);
}

/** The values as the other table has them; undefined where none of its values is equal. @param values Not null. */
export function asReferenced(
  key: ForeignKey,
  values: readonly ColumnValue[],
  child: Table,
  parent: Table,
  context: TimeContext,
): readonly ColumnValue[] | undefined {
  const made: ColumnValue[] = [];
  for (const [i, value] of values.entries()) {
    const { type: from } = child.columns[key.columns[i]!]!;
    const { type: to } = parent.columns[key.referenced[i]!]!;
    const other = from === to ? value : converted(value, from, to, context);
    if (other === undefined) return undefined;
    made.push(other);
  }
  return made;
}

/** The only values that can refer to `values`; undefined where there are none. */
export function asReferring(
  key: ForeignKey,
  values: readonly ColumnValue[],
  child: Table,
  parent: Table,
  context: TimeContext,
): readonly ColumnValue[] | undefined {
  const made: ColumnValue[] = [];
  for (const [i, value] of values.entries()) {
    const { type: to, modifier } = child.columns[key.columns[i]!]!;
    const { type: from } = parent.columns[key.referenced[i]!]!;
    if (from === to) {
      made.push(value);
      continue;
    }
    const own = converted(value, from, to, context, modifier);
    // What was rounded or cut is not equal.
    const back = own === undefined ? undefined : converted(own, to, from, context);
    if (own === undefined || back === undefined || !sameValue(back, value)) return undefined;
    made.push(own);
  }
  return made;
}

/** What a change of the referenced columns makes of those that refer to them. @throws SqlError where that is no value of their types. */
export function cascaded(
  key: ForeignKey,
  values: readonly ColumnValue[],
  child: Table,
  parent: Table,
  context: TimeContext,
): readonly ColumnValue[] {
  return values.map((value, i) => {
    const { type: to, modifier } = child.columns[key.columns[i]!]!;
    const { type: from } = parent.columns[key.referenced[i]!]!;
    return from === to ? value : cast(value, from, to, context, modifier);
  });
}

function converted(
  value: ColumnValue,
  from: ColumnType,
  to: ColumnType,
  context: TimeContext,
  modifier = -1,
): ColumnValue | undefined {
  try {
    return cast(value, baseOf(from) as ColumnType, baseOf(to) as ColumnType, context, modifier);
  } catch (error) {
    if (error instanceof SqlError) return undefined;
    throw error;
  }
}

function cast(
  value: ColumnValue,
  from: ColumnType,
  to: ColumnType,
  context: TimeContext,
  modifier: number,
): ColumnValue {
  if (value === null) return null;
  const made = castFor(from, to)?.(value, context) ?? value;
  return applyModifier(to, modifier, made, false) as ColumnValue;
}
