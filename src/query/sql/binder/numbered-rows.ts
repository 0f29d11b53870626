/**
 * ROWS FROM and WITH ORDINALITY over functions that are queries: row n of each beside row n of the others, nulls behind its last, and the
 * number behind. The rows of each query are numbered in the order in which it gives them, and joined by that number.
 */

import { WINDOW_FUNCTIONS } from '../operators/window-functions.ts';
import { allOf } from './bind-subquery.ts';
import {
  BOOLEAN,
  type BoundColumn,
  type BoundExpression,
  type BoundFrameEnd,
  type BoundJoin,
  type BoundRelation,
  type BoundRows,
  columnAt,
  widthOf,
} from './bound.ts';

/** One of the functions: its rows, and its columns over them. */
export interface NumberedPart {
  readonly relation: BoundRelation;
  readonly columns: readonly Pick<BoundColumn, 'name' | 'expression'>[];
}

const NUMBER = { type: 'int8', modifier: -1 } as const;

/** The rows of all parts side by side, in order; the number last. */
export function numberedRows(parts: readonly NumberedPart[]): BoundRows {
  const [first, ...others] = parts.map(numbered);
  const columns = [...first!.columns];
  let number = columns.pop()!.expression;
  let relation: BoundRelation = first!.relation;
  for (const other of others) {
    const width = widthOf(relation);
    const theirs = other.columns.map(({ name, expression }, i) => ({
      name,
      expression: columnAt(width + i, expression),
      origin: undefined,
    }));
    const right = theirs.pop()!.expression;
    const condition: BoundExpression = {
      ...{ kind: 'compare', ...BOOLEAN, location: undefined, operator: '=' },
      left: number,
      right,
    };
    const join: BoundJoin = { kind: 'join', type: 'full', left: relation, right: other.relation, condition, args: [] };
    relation = join;
    columns.push(...theirs);
    number = { kind: 'coalesce', ...NUMBER, location: undefined, args: [number, right] };
  }
  const all = allOf(relation, [...columns, { name: 'ordinality', expression: number, origin: undefined }]);
  if (others.length === 0) return all;
  return { ...all, orderBy: [{ expression: number, descending: false, nullsFirst: false }] };
}

const END = { offset: undefined, moved: undefined };
const START: BoundFrameEnd = { kind: 'unboundedPreceding', ...END };
const ALL: BoundFrameEnd = { kind: 'unboundedFollowing', ...END };

/** The part's columns with the number of the row behind. */
function numbered({ relation, columns }: NumberedPart): {
  readonly relation: BoundRelation;
  readonly columns: readonly BoundColumn[];
} {
  const window = {
    partitionBy: [],
    orderBy: [],
    frame: { mode: 'rows', start: START, end: ALL, exclude: 'none' },
  } as const;
  const count = { function: WINDOW_FUNCTIONS.get('row_number')!, args: [], filter: undefined };
  const own = columns.map(({ name, expression }) => ({ name, expression, origin: undefined }));
  const number: BoundColumn = {
    name: 'ordinality',
    expression: columnAt(widthOf(relation), NUMBER),
    origin: undefined,
  };
  const query: BoundRows = { ...allOf(relation, [...own, number]), windows: [{ window, calls: [count] }] };
  return {
    relation: { kind: 'derived', alias: '', query },
    columns: query.columns.map((column, i) => ({ ...column, expression: columnAt(i, column.expression) })),
  };
}
