/**
 * Which condition is tested where in a query over several tables, in the order in which the query names them: on one table
 * alone while it is read, across tables as soon as the last of them is joined, equalities as the key of the join. What
 * stands in WHERE is never tested below a left join's right side, whose nulls it must see.
 */

import { rowWidth } from '../../../models/relational/table.ts';
import { type BoundExpression, type BoundJoin, mapOperands } from '../binder/bound.ts';
import type { CatalogTable } from '../catalog-cache.ts';
import { isKeyColumn } from './access-path.ts';

export interface JoinStep {
  readonly join: BoundJoin;
  readonly width: number;
  /** On the table's own rows. */
  readonly scanned: readonly BoundExpression[];
  /** Pairs that must be equal: over the rows before, and over the table's own rows. */
  readonly equal: readonly { readonly left: BoundExpression; readonly right: BoundExpression }[];
  /** When `equal` and nothing else decides the primary key: its values, over the rows before. */
  readonly key: readonly BoundExpression[] | undefined;
  /** What else a joined row must meet to be one. */
  readonly condition: readonly BoundExpression[];
  /** What a row must meet once it is joined. */
  readonly after: readonly BoundExpression[];
}

/** @returns what is tested on the first table, and each join with what is tested there. */
export function planJoins(
  joins: readonly BoundJoin[],
  where: BoundExpression | undefined,
): { readonly first: readonly BoundExpression[]; readonly steps: readonly JoinStep[] } {
  const waiting = where === undefined ? [] : [...conjuncts(where)];
  const takeBelow = (end: number): BoundExpression[] => {
    const taken = waiting.filter((each) => columnsOf(each).every((index) => index < end));
    for (const each of taken) waiting.splice(waiting.indexOf(each), 1);
    return taken;
  };
  const first = takeBelow(joins[0]!.offset);
  const steps = joins.map((join): JoinStep => {
    const { offset, table } = join;
    const width = rowWidth(table.table);
    const own = takeBelow(offset + width);
    const on = join.condition === undefined ? [] : conjuncts(join.condition);
    const candidates = join.outer ? on : [...on, ...own];
    const scanned: BoundExpression[] = [];
    const equal: { left: BoundExpression; right: BoundExpression }[] = [];
    const condition: BoundExpression[] = [];
    for (const each of candidates) {
      const columns = columnsOf(each);
      if (columns.length > 0 && columns.every((index) => index >= offset)) {
        scanned.push(shifted(each, offset));
        continue;
      }
      const pair = equality(each, offset);
      if (pair !== undefined) equal.push(pair);
      else condition.push(each);
    }
    const key = keyOf(table, equal);
    const after = join.outer ? own : [];
    if (key === undefined) return { join, width, scanned, equal, key, condition, after };
    // Read by key, the table has no scan: all that was for it is tested on the joined row.
    return { join, width, scanned: [], equal: [], key, condition: candidates, after };
  });
  return { first, steps };
}

/** Values of the whole primary key, when equalities give them. */
function keyOf(
  { table }: CatalogTable,
  equal: readonly { readonly left: BoundExpression; readonly right: BoundExpression }[],
): readonly BoundExpression[] | undefined {
  if (table.primaryKey.length === 0) return undefined;
  const key: BoundExpression[] = [];
  for (const position of table.primaryKey) {
    const found = equal.find(({ right }) => isKeyColumn(right, position));
    if (found === undefined) return undefined;
    key.push(found.left);
  }
  return key;
}

function equality(condition: BoundExpression, offset: number) {
  if (condition.kind !== 'compare' || condition.operator !== '=') return undefined;
  for (const [left, right] of [
    [condition.left, condition.right],
    [condition.right, condition.left],
  ] as const) {
    const [before, own] = [columnsOf(left), columnsOf(right)];
    if (before.length === 0 || own.length === 0) continue;
    if (before.every((index) => index < offset) && own.every((index) => index >= offset)) {
      return { left, right: shifted(right, offset) };
    }
  }
  return undefined;
}

export function conjuncts(condition: BoundExpression): readonly BoundExpression[] {
  return condition.kind === 'and' ? condition.args.flatMap(conjuncts) : [condition];
}

function columnsOf(expression: BoundExpression): readonly number[] {
  if (expression.kind === 'column') return [expression.index];
  const columns: number[] = [];
  mapOperands(expression, (operand) => {
    columns.push(...columnsOf(operand));
    return operand;
  });
  return columns;
}

/** The expression over rows that begin at `offset` of the joined ones. */
function shifted(expression: BoundExpression, offset: number): BoundExpression {
  if (expression.kind === 'column') return { ...expression, index: expression.index - offset };
  return mapOperands(expression, (operand) => shifted(operand, offset));
}
