/** A part of a plan: how it is opened, what it is expected to give, and what EXPLAIN says of it. */

import type { BoundCte, BoundModify, BoundRows } from '../binder/bound.ts';
import type { PlannedCte } from '../operators/cte-scan.ts';
import type { ExecutionContext, Operator } from '../operators/operator.ts';

/** One line of EXPLAIN and what is below it. */
export interface PlanNode {
  readonly title: string;
  /** Lines under the title, like `Filter: (a > 1)`. */
  readonly details: readonly string[];
  readonly inputs: readonly PlanNode[];
  /** Rows that are expected. */
  readonly rows: number;
}

export interface Planned {
  /** @param rowsMax At most this many rows will be asked for. */
  readonly open: (context: ExecutionContext, rowsMax?: number) => Operator;
  readonly node: PlanNode;
  /** Reads at most one key. */
  readonly isPoint: boolean;
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
  /** A slot that no other part of the statement uses. */
  nextSlot(): number;
}

export function planNode(
  title: string,
  rows: number,
  inputs: readonly PlanNode[] = [],
  details: readonly string[] = [],
): PlanNode {
  return { title, details, inputs, rows: Math.max(1, Math.round(rows)) };
}
