/** Binds SET of UPDATE, of MERGE and of ON CONFLICT DO UPDATE. */

import type { Node } from '@pgsql/types';
import { SqlError } from '../sql-error.ts';
import { bindField } from './bind-array.ts';
import type { RowQuery } from './bind-subquery.ts';
import { requireWritable, type WriteTarget } from './bind-view.ts';
import type { BoundAssignment, BoundExpression } from './bound.ts';
import { assign, assignedTwice, defaultOf, defaultPart, isDefault, putPart, refuseGenerated } from './column-values.ts';
import type { Clause, ExpressionBinder } from './expression-binder.ts';
import { nullConstant } from './literals.ts';
import { placeIn } from './names.ts';

const SET: Clause = { title: 'UPDATE', aggregates: 'refused' };

/** @param verb Of the statement. */
export function bindAssignments(
  targets: readonly Node[],
  target: WriteTarget,
  binder: ExpressionBinder,
  verb: 'INSERT' | 'UPDATE' = 'UPDATE',
): readonly BoundAssignment[] {
  const { table } = target.table;
  const assignments: BoundAssignment[] = [];
  const parts = new Set<number>();
  const rows = new Map<Node, RowQuery>();
  // What is wrong with a value is told before what is wrong with the columns.
  const values = targets.flatMap((node) => {
    if (!('ResTarget' in node)) return [];
    const val = node.ResTarget.val!;
    const row = rowQuery(val, binder, rows);
    const element = row === undefined ? rowElement(val) : val;
    return [
      {
        target: node.ResTarget,
        element,
        row,
        bound: row?.value ?? (isDefault(element) ? undefined : binder.bind(element, SET)),
      },
    ];
  });
  for (const {
    target: { name = '', location, indirection },
    element,
    row,
    bound,
  } of values) {
    const position = requireWritable(target, name, verb, location);
    const known = assignments.findIndex((other) => other.position === position);
    if (known >= 0 && (indirection === undefined || !parts.has(position))) {
      throw assignedTwice(table.columns[position]!);
    }
    const column = table.columns[position]!;
    // A view has no defaults of its own, and hands down null.
    const isNull = isDefault(element) && target.named !== table;
    if (!isDefault(element) || isNull) refuseGenerated(column, 'UPDATE', undefined);
    else if (column.generated !== undefined) continue;
    if (indirection !== undefined) {
      if (isDefault(element)) throw defaultPart(indirection, location);
      parts.add(position);
      const own: BoundExpression = {
        kind: 'column',
        type: column.type,
        modifier: column.modifier,
        location: undefined,
        index: position,
      };
      const before = known < 0 ? own : assignments[known]!.expression;
      binder.enter(SET);
      const expression = putPart(binder, column, { part: indirection, location }, before, bound!);
      if (known < 0) assignments.push({ position, expression });
      else assignments[known] = { position, expression };
      continue;
    }
    const expression = isNull
      ? assign(binder, column, nullConstant(undefined))
      : isDefault(element)
        ? defaultOf(column, binder.context)
        : assign(binder, column, bound!, row?.place);
    assignments.push({ position, expression });
  }
  return assignments;
}

/** `(a, b) = (x, y)` and `(a, b) = ROW (x, y)` come as references to the elements of one row. */
function rowElement(val: Node): Node {
  if (!('MultiAssignRef' in val)) return val;
  const { source, colno = 1, ncolumns = 0 } = val.MultiAssignRef;
  if (source === undefined || !('RowExpr' in source)) {
    const message = 'source for a multiple-column UPDATE item must be a sub-SELECT or ROW() expression';
    throw new SqlError('feature_not_supported', message, { location: placeIn(source) });
  }
  const { args = [], location } = source.RowExpr;
  if (args.length !== ncolumns) {
    throw new SqlError('syntax_error', 'number of columns does not match number of values', { location });
  }
  return args[colno - 1]!;
}

/** An element of `(a, b) = (query)`: of the only row, as which the query is bound once for all of them. */
function rowQuery(
  val: Node,
  binder: ExpressionBinder,
  known: Map<Node, RowQuery>,
): { readonly value: BoundExpression; readonly place: number | undefined } | undefined {
  if (!('MultiAssignRef' in val)) return undefined;
  const { source, colno = 1, ncolumns = 0 } = val.MultiAssignRef;
  if (source === undefined || !('SubLink' in source) || source.SubLink.subLinkType !== 'EXPR_SUBLINK') return undefined;
  // Every element brings a copy of its source.
  const key = [...known.keys()].find((each) => placeIn(each) === placeIn(source)) ?? source;
  let row = known.get(key);
  if (row === undefined) {
    row = binder.bindRowQuery(source.SubLink, ncolumns, SET);
    known.set(key, row);
  }
  return { value: bindField(row.value, `f${colno}`), place: row.places[colno - 1] };
}
