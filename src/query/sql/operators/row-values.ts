/** Values of rows as indexes tell them apart, and as messages show them. */

import { isDeepStrictEqual } from 'node:util';
import { Numeric } from '../../../models/relational/numeric.ts';
import type { ColumnValue, Table } from '../../../models/relational/table.ts';
import { compareNumeric } from '../types/numeric-arithmetic.ts';
import { formatText } from '../types/text-form.ts';
import type { ExecutionContext, ExecutionRow } from './operator.ts';

/** Whether two values of one column are one value to an index. */
export function sameValue(a: ColumnValue, b: ColumnValue): boolean {
  if (a === b) return true;
  if (a === null || b === null || typeof a !== 'object' || typeof b !== 'object') return false;
  if (a instanceof Numeric && b instanceof Numeric) return compareNumeric(a, b) === 0;
  return isDeepStrictEqual(a, b);
}

/** A value as messages show it. */
export function shownValue(table: Table, position: number, value: ColumnValue, context: ExecutionContext): string {
  return value === null ? 'null' : formatText(table.columns[position]!.type, value, context);
}

const SHOWN_VALUE_BYTES_MAX = 64;

/** The detail of errors about a whole row. */
export function failingRow(table: Table, row: ExecutionRow, context: ExecutionContext): string {
  const values = table.columns.map((_, each) => {
    const text = shownValue(table, each, row[each]!, context);
    return Buffer.byteLength(text) > SHOWN_VALUE_BYTES_MAX ? `${text.slice(0, SHOWN_VALUE_BYTES_MAX)}...` : text;
  });
  return `Failing row contains (${values.join(', ')}).`;
}
