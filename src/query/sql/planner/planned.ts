/** A part of a plan: how it is opened, and what EXPLAIN says of it (plan-node.ts). */

import type { Column } from '../../../models/relational/table.ts';
import {
  type BoundCte,
  type BoundExpression,
  type BoundModify,
  type BoundRelation,
  type BoundRows,
  conjunction,
  widthOf,
} from '../binder/bound.ts';
import { deparse, quoteName } from '../binder/deparse.ts';
import type { Evaluate } from '../functions/evaluation.ts';
import type { PlannedCte } from '../operators/cte-scan.ts';
import type { HeldScanOptions } from '../operators/held-scan.ts';
import type { ExecutionContext, Open, Operator } from '../operators/operator.ts';
import type { KnownTables } from './facts.ts';
import type { Detail, PlanNode, Subplan } from './plan-node.ts';
import type { PlannerSettings } from './planner-settings.ts';

export interface Planned {
  /** @param rowsMax At most this many rows will be asked for. */
  readonly open: (context: ExecutionContext, rowsMax?: number) => Operator;
  readonly node: PlanNode;
  /** Reads at most one key. */
  readonly isPoint: boolean;
  /** Which column of the relation each place of a row holds; undefined when they are all there, in order. */
  readonly layout?: readonly number[] | undefined;
  /** Rows come in the order that was asked for. */
  readonly ordered?: boolean;
  /** Of an INSERT of one row of VALUES. */
  readonly overRows?: PlannedInsert | undefined;
  /** Its rows are those of such a scan, computed or not. */
  readonly held?: HeldScanOptions | undefined;
  /** Its one row says how many rows such a scan has. */
  readonly counted?: HeldScanOptions | undefined;
}

/** An INSERT of one row of VALUES that can as well be opened over others. */
export interface PlannedInsert {
  /** The column that each value of a row is assigned to; undefined for one that is assigned to none. */
  readonly columns: readonly (Column | undefined)[];
  /** What computes a value of the row that was planned. */
  readonly value: (place: number) => Evaluate;
  /** @param input Gives rows of values of those columns' types. */
  readonly over: (input: Open) => Open;
}

export interface ExplainedCte {
  readonly planned: PlannedCte;
  /** Of a recursive query: that of its first term, while the other is being planned. */
  node: PlanNode;
}

/** Plans a query inside of another. */
export type PlanRows = (query: BoundRows) => Planned;

/** What planning one statement shares. */
export interface PlanScope {
  readonly rows: PlanRows;
  /** Plans a statement that writes. */
  readonly modify: (query: BoundModify) => Planned;
  /** Queries of WITH around what is being planned. */
  readonly ctes: Map<BoundCte, ExplainedCte>;
  /** Those whose recursive term is being planned: there the name stands for the round before. */
  readonly working: Set<BoundCte>;
  /** Whether EXPLAIN puts the table's name before a column's: when there is more than one. */
  qualifies(): boolean;
  /** Whether it does so at the scan of the table itself, too: when it tells more. */
  readonly isVerbose: boolean;
  /** What is known of the rows of tables. */
  readonly known: KnownTables;
  readonly settings: PlannerSettings;
  /** Plans of the subqueries and queries in WITH that were met so far and no node tells of yet. */
  readonly subplans: Subplan[];
  /** What the next subquery is called: `SubPlan 1`. */
  nextSubplan(): number;
  /** Whether what is being planned is opened once for each row outside: see `repeated`. */
  isRepeated: boolean;
  /** A slot that no other part of the statement uses. */
  nextSlot(): number;
}

/** Plans a part that is opened again for each row outside. */
export function repeated<T>(scope: PlanScope, plan: () => T): T {
  const before = scope.isRepeated;
  scope.isRepeated = true;
  try {
    return plan();
  } finally {
    scope.isRepeated = before;
  }
}

/** Opens an operator so that EXPLAIN ANALYZE can watch it. */
export function measured(node: PlanNode, open: Planned['open']): Planned['open'] {
  return (context, rowsMax) => {
    if (context.measure === undefined) return open(context, rowsMax);
    return watch(context, node, open(context.measure.within(node.id, context), rowsMax));
  };
}

export function watch(context: ExecutionContext, node: PlanNode, operator: Operator): Operator {
  return context.measure === undefined ? operator : context.measure.watch(node.id, operator);
}

/** The plan with what EXPLAIN tells of subplans that came up while it was made. @param since How many there were before. */
export function withSubplans<P extends Pick<Planned, 'node'>>(planned: P, scope: PlanScope, since: number): P {
  const subplans = scope.subplans.splice(since);
  if (subplans.length === 0) return planned;
  return { ...planned, node: { ...planned.node, subplans: [...subplans, ...planned.node.subplans] } };
}

/** What the places of a row are called. */
export type RowNames = (index: number) => string;

/** The same as the scan of a single relation says them. */
export function scanNames(relation: BoundRelation, scope: PlanScope): RowNames {
  return rowNames(relation, scope, () => scope.isVerbose);
}

export function rowNames(
  relation: BoundRelation,
  scope: PlanScope,
  qualifies: () => boolean = () => scope.qualifies(),
): RowNames {
  return (index) => {
    let at = index;
    let inner = relation;
    while (inner.kind === 'join') {
      const width = widthOf(inner.left);
      if (at < width) inner = inner.left;
      else {
        at -= width;
        inner = inner.right;
      }
    }
    const { alias } = inner;
    const names =
      inner.kind === 'scan'
        ? inner.table.table.columns
        : inner.kind === 'derived'
          ? inner.query.columns
          : inner.kind === 'cte'
            ? inner.cte.columns
            : inner.functions.map(({ function: { name } }) => ({ name: inner.functions.length === 1 ? alias : name }));
    const name = quoteName(names[at]?.name ?? 'ordinality');
    return qualifies() ? `${quoteName(inner.alias)}.${name}` : name;
  };
}

/** What subqueries are called by the expressions that hold them: `(hashed SubPlan 1)`, `$0`. */
const subplanNames = new WeakMap<BoundRows, string>();

export function nameSubplan(query: BoundRows, name: string): void {
  subplanNames.set(query, name);
}

/** An expression as EXPLAIN prints it. */
export function shown(expression: BoundExpression, names: RowNames): string {
  return deparse(expression, { names, folded: true, subquery: (query) => subplanNames.get(query) });
}

/** The property of a node that a condition is; none without conditions. */
export function conditionDetail(name: string, conditions: readonly BoundExpression[], names: RowNames): Detail[] {
  return conditions.length === 0 ? [] : [{ name, value: shown(conjunction(conditions), names) }];
}
