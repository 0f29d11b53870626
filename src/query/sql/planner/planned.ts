/** A part of a plan: how it is opened, what it is expected to give, and what EXPLAIN says of it. */

import type { Column } from '../../../models/relational/table.ts';
import {
  type BoundCte,
  type BoundExpression,
  type BoundModify,
  type BoundRelation,
  type BoundRows,
  widthOf,
} from '../binder/bound.ts';
import { deparse, quoteName } from '../binder/deparse.ts';
import type { Evaluate } from '../functions/evaluation.ts';
import type { PlannedCte } from '../operators/cte-scan.ts';
import type { ExecutionContext, Open, Operator } from '../operators/operator.ts';
import { type Costs, OPERATOR_COST, TUPLE_COST } from './costs.ts';
import type { KnownTables } from './facts.ts';

/** One line of EXPLAIN and what is below it. */
export interface PlanNode {
  readonly title: string;
  /** Lines under the title, like `Filter: (a > 1)`. Made when somebody asks. */
  readonly details: () => readonly string[];
  readonly inputs: readonly PlanNode[];
  /** Rows that are expected; what it is thought to take until the first and until the last of them: see costs.ts. */
  readonly rows: number;
  readonly startup: number;
  readonly cost: number;
  /** Expected bytes of a row. */
  readonly width: number;
}

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

/** Plans a query inside of another. */
export type PlanRows = (query: BoundRows) => Planned;

/** What planning one statement shares. */
export interface PlanScope {
  readonly rows: PlanRows;
  /** Plans a statement that writes. */
  readonly modify: (query: BoundModify) => Planned;
  /** Queries of WITH around what is being planned. */
  readonly ctes: Map<BoundCte, PlannedCte>;
  /** Those whose recursive term is being planned: there the name stands for the round before. */
  readonly working: Set<BoundCte>;
  /** Whether EXPLAIN puts the table's name before a column's: when there is more than one. */
  qualifies(): boolean;
  /** What is known of the rows of tables. */
  readonly known: KnownTables;
  /** Plans of the subqueries that were met so far. */
  readonly subplans: PlanNode[];
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

const NO_DETAILS = (): readonly string[] => [];

export function planNode(
  title: string,
  rows: number,
  inputs: readonly PlanNode[] = [],
  details: () => readonly string[] = NO_DETAILS,
  width = inputs.reduce((sum, input) => sum + input.width, 0),
  costs?: Costs,
): PlanNode {
  const expected = expectedRows(rows);
  const { startup, cost } = costs ?? {
    startup: inputs[0]?.startup ?? 0,
    cost: inputs.reduce((sum, input) => sum + input.cost, expected * TUPLE_COST),
  };
  return { title, details, inputs, rows: expected, startup, cost, width };
}

/** Never less than one row, as PostgreSQL has it. */
export function expectedRows(rows: number): number {
  return Math.max(1, Math.round(rows));
}

/** The node with one more line, and fewer rows. */
export function detailed(node: PlanNode, rows: number, more: () => readonly string[]): PlanNode {
  const { title, inputs, details, width, startup, cost } = node;
  const costs = { startup, cost: cost + node.rows * OPERATOR_COST };
  return planNode(title, rows, inputs, () => [...details(), ...more()], width, costs);
}

/** Opens an operator so that EXPLAIN ANALYZE can watch it. */
export function measured(node: PlanNode, open: Planned['open']): Planned['open'] {
  return (context, rowsMax) => watch(context, node, open(context, rowsMax));
}

export function watch(context: ExecutionContext, node: PlanNode, operator: Operator): Operator {
  return context.measure === undefined ? operator : context.measure(node, operator);
}

/** What the places of a row are called. */
export type RowNames = (index: number) => string;

export function rowNames(relation: BoundRelation, scope: PlanScope): RowNames {
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
    const names =
      inner.kind === 'scan'
        ? inner.table.table.columns
        : inner.kind === 'derived'
          ? inner.query.columns
          : inner.kind === 'cte'
            ? inner.cte.columns
            : inner.functions.map(({ function: { name } }) => ({ name }));
    const name = quoteName(names[at]?.name ?? 'ordinality');
    return scope.qualifies() ? `${quoteName(inner.alias)}.${name}` : name;
  };
}

/** An expression as EXPLAIN prints it. */
export function shown(expression: BoundExpression, names: RowNames): string {
  return deparse(expression, undefined, false, 'none', names);
}
