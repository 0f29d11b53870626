/**
 * One node of a plan as EXPLAIN tells it: what it is, what is expected of it, and what is below it. The words are
 * PostgreSQL's (explain.c); how they are laid out is for explain-format.ts to say.
 */

import type { BoundScan } from '../binder/bound.ts';
import type { CatalogTable } from '../catalog-cache.ts';
import { type Costs, OPERATOR_COST, TUPLE_COST } from './costs.ts';

/** A property of a node, under the name that every format uses. */
export interface Detail {
  readonly name: string;
  readonly value: string | number | boolean | readonly string[];
  /** What is told to programs only, or to people only with VERBOSE. */
  readonly only?: 'programs' | 'verbose';
}

/** What a node reads or writes. */
export interface Target {
  readonly alias: string;
  /** Of a table. */
  readonly relation?: string;
  /** Its id; undefined for `public`. The name itself for a relation of the system. */
  readonly schema?: number | string | undefined;
  /** Under which key a name that is no table's goes, like `CTE Name`, and that name. */
  readonly other?: { readonly key: string; readonly name: string; readonly schema?: string | undefined };
}

export interface NodeKind {
  /** PostgreSQL's `Node Type`. */
  readonly type: string;
  /** The same for people, where it is told in other words: `HashAggregate`, `Hash Left Join`. */
  readonly text?: string;
  /** What goes right behind the type in formats for programs: `Strategy`, `Operation`. */
  readonly variant?: Readonly<Record<string, string>>;
  readonly joinType?: string;
  /** Done by the node above it: it has no rows of its own to count. */
  readonly isPart?: true;
  readonly index?: string | undefined;
  readonly direction?: 'Forward' | 'Backward';
  readonly target?: Target;
}

/** A plan that an expression of a node, or the whole query, asks for values. */
export interface Subplan {
  readonly relationship: 'InitPlan' | 'SubPlan';
  /** Like `SubPlan 1` or `CTE sales`. */
  readonly name: string;
  readonly node: PlanNode;
}

export interface PlanNode {
  /** Stands for it where its runs are measured: copies that tell more of the same node share it. */
  readonly id: object;
  readonly kind: NodeKind;
  /** Made when somebody asks. */
  readonly details: () => readonly Detail[];
  /** What its columns are, for VERBOSE; undefined where nobody can tell. */
  readonly output: (() => readonly string[]) | undefined;
  readonly inputs: readonly PlanNode[];
  readonly subplans: readonly Subplan[];
  /** Rows that are expected; what it is thought to take until the first and until the last of them: see costs.ts. */
  readonly rows: number;
  readonly startup: number;
  readonly cost: number;
  /** Expected bytes of a row. */
  readonly width: number;
}

export interface NodeOptions {
  readonly inputs?: readonly PlanNode[];
  readonly details?: () => readonly Detail[];
  readonly output?: (() => readonly string[]) | undefined;
  /** Default: what its inputs have together. */
  readonly width?: number;
  /** Default: what its inputs take, and something for each row. */
  readonly costs?: Costs;
}

const NO_DETAILS = (): readonly Detail[] => [];

export function planNode(kind: NodeKind | string, rows: number, options: NodeOptions = {}): PlanNode {
  const { inputs = [], details = NO_DETAILS, output } = options;
  const expected = expectedRows(rows);
  const { startup, cost } = options.costs ?? {
    startup: inputs[0]?.startup ?? 0,
    cost: inputs.reduce((sum, input) => sum + input.cost, expected * TUPLE_COST),
  };
  return {
    id: {},
    kind: typeof kind === 'string' ? { type: kind } : kind,
    details,
    output,
    inputs,
    subplans: [],
    rows: expected,
    startup,
    cost,
    width: options.width ?? inputs.reduce((sum, input) => sum + input.width, 0),
  };
}

/** Never less than one row, as PostgreSQL has it. */
export function expectedRows(rows: number): number {
  return Math.max(1, Math.round(rows));
}

/** The node with one more property, and fewer rows. */
export function detailed(node: PlanNode, rows: number, more: () => readonly Detail[]): PlanNode {
  return {
    ...node,
    id: {},
    rows: expectedRows(rows),
    cost: node.cost + node.rows * OPERATOR_COST,
    details: () => [...node.details(), ...more()],
  };
}

/** A node that gives nothing before its input has ended. */
export function blockingCosts(input: PlanNode, rows: number): Costs {
  const startup = input.cost + input.rows * OPERATOR_COST * 2;
  return { startup, cost: startup + rows * TUPLE_COST };
}

/** The table that a node reads or writes. */
export function tableTarget({ table, system, schemaName }: CatalogTable, alias: string = table.name): Target {
  return { relation: table.name, schema: system === undefined ? table.schema : schemaName, alias };
}

export function scanTarget({ table, alias }: Pick<BoundScan, 'table' | 'alias'>): Target {
  return tableTarget(table, alias);
}
