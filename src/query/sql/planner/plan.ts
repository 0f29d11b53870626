/**
 * Bound statements to plans: which path reads the table, whether the key already gives the order, how far a limit may be
 * pushed down. A plan is immutable and shared by sessions; opening it gives the operators of one execution.
 */

import { assert } from '../../../base/assert.ts';
import type { TableId } from '../../../models/relational/table.ts';
import type { BoundCopy } from '../binder/bind-copy.ts';
import { lockTitle } from '../binder/bind-locking.ts';
import {
  type BoundColumn,
  type BoundQuery,
  type BoundRows,
  type ExplainOptions,
  hasSubquery,
} from '../binder/bound.ts';
import { keptCollation } from '../binder/collations.ts';
import type { CatalogTable } from '../catalog-cache.ts';
import { CopyBinaryReader } from '../copy/copy-binary.ts';
import { CopyCsvReader } from '../copy/copy-csv.ts';
import { CopyTextReader } from '../copy/copy-text.ts';
import type { Evaluate } from '../functions/evaluation.ts';
import { CopyBinaryRows } from '../operators/copy-binary-rows.ts';
import { CopyFilter } from '../operators/copy-filter.ts';
import { CopyRows, type CopySource } from '../operators/copy-rows.ts';
import { Unheard } from '../operators/later.ts';
import { Modify } from '../operators/modify.ts';
import type { ModifyingOperator, Open, Operator } from '../operators/operator.ts';
import { InsertRows } from '../operators/row-writers.ts';
import { notSupported } from '../sql-error.ts';
import type { TimeContext } from '../types/timestamptz.ts';
import type { SqlType } from '../types/types.ts';
import { compileExpression } from './compile-expression.ts';
import { Explain } from './explain.ts';
import type { KnownTables } from './facts.ts';
import { foldQuery } from './fold-constants.ts';
import { compileAssignment, LateModify, planModify, unseeing, writtenTables } from './plan-modify.ts';
import type { PlanNode } from './plan-node.ts';
import { planAfterWith, planRows, planScope } from './plan-rows.ts';
import { type PlannedInsert, type PlanScope, withSubplans } from './planned.ts';
import type { PlannerSettings } from './planner-settings.ts';
import { type PointQuery, pointQueryOf } from './point-query.ts';
import { isLeaf } from './subquery-forms.ts';
import { writeRulesOf } from './write-rules.ts';

/** A column of a result, as clients are told about it. */
export interface ResultColumn {
  readonly name: string;
  readonly type: SqlType;
  readonly modifier: number;
  /** Id of the table that the column comes from as it is, and its number there from 1; 0 for computed ones. */
  readonly tableId: number;
  readonly columnNumber: number;
  /** Unless it is the type's own. */
  readonly collation?: string;
}

export interface Plan {
  readonly verb: 'SELECT' | 'EXPLAIN' | 'INSERT' | 'UPDATE' | 'DELETE' | 'MERGE' | 'COPY' | 'CALL';
  /** Undefined for statements without rows. */
  readonly columns: readonly ResultColumn[] | undefined;
  readonly parameterTypes: readonly SqlType[];
  /** Tables whose rows it writes or locks. */
  readonly writes: readonly CatalogTable[];
  /** Reads at most one key and writes nothing: needs no transaction of its own. */
  readonly isPointRead: boolean;
  /** Writes, so that a read-only transaction refuses it. */
  readonly modifies: boolean;
  /** What that refusal calls it, when that is another word than `verb`. */
  readonly refusedAs?: string;
  /** Ids of the tables that it names: what their statistics say may have decided about it. */
  readonly reads: () => ReadonlySet<TableId>;
  /** Generation of the catalog that its tables were found in. */
  readonly generation: number;
  /** The whole of it, when it is no more than that. */
  readonly point?: PointQuery | undefined;
  /** Writes in WITH, though its rows are those of a query. */
  readonly writesRows?: boolean;
  /** Functions that it calls run statements of their own. */
  readonly runsFunctions?: boolean;
  /** What EXPLAIN says of it. */
  readonly node?: PlanNode;
  /** Of an INSERT of one row of VALUES. */
  readonly overRows?: PlannedInsert | undefined;
  readonly open: Open;
}

/** A `Plan` that modifies opens a `ModifyingOperator`. */
export function affectedOf(operator: Operator): number {
  return (operator as ModifyingOperator).affected;
}

/** What a plan depends on besides the statement. */
export interface PlanEnvironment {
  readonly time: TimeContext;
  /** Of the catalog that the statement was bound with. */
  readonly generation: number;
  readonly known: KnownTables;
  readonly settings: PlannerSettings;
  /** Parameters that decide about plans and are not what they are for everybody. */
  readonly changedSettings: readonly { readonly name: string; readonly value: string }[];
  /** The name of a schema by its id; undefined when it has none any more. */
  readonly schemaName: (id: number | undefined) => string | undefined;
  /** Milliseconds with fractions, of a clock that never goes back. */
  readonly elapsedMs: () => number;
}

/** @throws SqlError of constant parts that fail. */
export function planQuery(bound: BoundQuery, parameterTypes: readonly SqlType[], environment: PlanEnvironment): Plan {
  // Of most statements nobody asks.
  let known: ReturnType<typeof surveyed> | undefined;
  const survey = () => {
    known ??= surveyed(bound);
    return known;
  };
  const { time, generation } = environment;
  const naming = { qualifies: () => survey().relations > 1, isVerbose: false };
  const options = { parameterTypes, naming, environment };
  return { ...planBound(foldQuery(bound, time), options), generation, reads: () => survey().reads };
}

/** What a bound statement answers with, whether or not it can be planned; undefined for no rows. */
export function columnsOf(query: BoundQuery): readonly ResultColumn[] | undefined {
  switch (query.kind) {
    case 'explain':
      return [explainColumn(query.options)];
    case 'call':
      return query.query.columns.length === 0 ? undefined : query.query.columns.map(resultColumn);
    case 'insert':
    case 'update':
    case 'delete':
    case 'merge':
      return query.returning?.map(resultColumn);
    case 'modifyWith':
      return query.modify.returning?.map(resultColumn);
    default:
      return query.columns.map(resultColumn);
  }
}

interface PlanOptions {
  readonly parameterTypes: readonly SqlType[];
  /** When EXPLAIN puts the table's name before a column's. */
  readonly naming: Pick<PlanScope, 'qualifies' | 'isVerbose'>;
  readonly environment: PlanEnvironment;
}

function planBound(query: BoundQuery, planOptions: PlanOptions): Omit<Plan, 'generation' | 'reads'> {
  const { parameterTypes, naming, environment } = planOptions;
  const scope = planScope(planModify, naming, environment);
  switch (query.kind) {
    case 'explain': {
      const { options } = query;
      const { elapsedMs } = environment;
      const began = elapsedMs();
      const asked = options.verbose ? { qualifies: () => true, isVerbose: true } : naming;
      const inner = planBound(query.query, { ...planOptions, naming: asked });
      const planningMs = elapsedMs() - began;
      return explaining(inner, inner.node, options, planningMs, environment);
    }
    case 'call': {
      const { open, node } = planRows(query.query, scope);
      const columns = columnsOf(query);
      const isQuiet = columns === undefined;
      return {
        verb: 'CALL',
        columns,
        parameterTypes,
        writes: [],
        isPointRead: false,
        modifies: false,
        node,
        open: isQuiet ? (context) => new Unheard(open(context), context) : open,
      };
    }
    case 'insert':
    case 'update':
    case 'delete':
    case 'merge':
      return {
        ...modifying(VERBS[query.kind], query.returning, parameterTypes, query.table),
        ...withSubplans(planModify(query, scope), scope, 0),
      };
    case 'modifyWith': {
      const { ctes, modify } = query;
      const { open, node } = planAfterWith(
        ctes,
        () => planModify(modify, scope),
        scope,
        (make, context) => new LateModify(make, context),
        modify.table,
      );
      const plan = modifying(VERBS[modify.kind], modify.returning, parameterTypes, modify.table);
      const writes = [...plan.writes, ...writtenTables(ctes).flatMap((table) => [table, ...tiedTo(table)])];
      return { ...plan, writes: [...new Set(writes)], node, open: unseeing(ctes, modify, open) };
    }
    default: {
      const isWriting = query.kind === 'with' && query.ctes.some(({ modify }) => modify !== undefined);
      const { open, isPoint, node } = planRows(query, scope);
      const written =
        query.kind === 'with' ? writtenTables(query.ctes).flatMap((table) => [table, ...tiedTo(table)]) : [];
      const locked = [...lockedTables(query), ...written];
      return {
        verb: 'SELECT',
        columns: columnsOf(query),
        parameterTypes,
        writes: locked,
        isPointRead: isPoint && locked.length === 0,
        modifies: locked.length > 0,
        ...(query.kind === 'select' && query.locking?.[0] !== undefined
          ? { refusedAs: `SELECT ${lockTitle(query.locking[0].strength)}` }
          : {}),
        writesRows: isWriting,
        point: query.kind === 'select' ? pointQueryOf(query) : undefined,
        node,
        open: isWriting ? unseeing(query.ctes, query.query, open) : open,
      };
    }
  }
}

/** The plan that tells of another one. @param node Where it begins to tell. */
export function explaining<P extends Omit<Plan, 'generation' | 'reads'>>(
  plan: P,
  node: PlanNode | undefined,
  options: ExplainOptions,
  planningMs: number,
  environment: PlanEnvironment,
): P {
  assert(node !== undefined, 'a plan that can be explained');
  const explained = { node, open: plan.open, options, planningMs, environment };
  return {
    ...plan,
    verb: 'EXPLAIN',
    columns: [explainColumn(options)],
    writes: options.analyze ? plan.writes : [],
    isPointRead: false,
    modifies: options.analyze && plan.modifies,
    refusedAs: plan.refusedAs ?? plan.verb,
    writesRows: options.analyze && plan.modifies,
    point: undefined,
    open: (context) => new Explain(explained, context),
  };
}

/** What EXPLAIN answers with. */
export function explainColumn({ format }: Pick<ExplainOptions, 'format'>): ResultColumn {
  const type = format === 'json' ? 'json' : 'text';
  return { name: 'QUERY PLAN', type, modifier: -1, tableId: 0, columnNumber: 0 };
}

const RELATION_KINDS = new Set(['scan', 'derived', 'cte', 'function', 'insert', 'update', 'delete', 'merge']);

/** Fields that hold no part of the statement. */
const LEFT_OUT = new Set(['table', 'origin', 'function']);

/** The tables that a statement names, and how many tables, queries and functions it reads or writes. */
function surveyed(query: object): { readonly reads: ReadonlySet<TableId>; readonly relations: number } {
  const kinds = RELATION_KINDS;
  const seen = new Set<object>();
  const reads = new Set<TableId>();
  const pending: object[] = [query];
  let relations = 0;
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    if (Array.isArray(next)) {
      for (const value of next as readonly unknown[])
        if (typeof value === 'object' && value !== null) pending.push(value);
      continue;
    }
    if (isLeaf(next) || seen.has(next)) continue;
    seen.add(next);
    if ('kind' in next && kinds.has(next.kind as string)) relations++;
    if ('table' in next && isCatalogTable(next.table)) reads.add(next.table.table.id);
    for (const name in next) {
      const value: unknown = (next as Readonly<Record<string, unknown>>)[name];
      if (typeof value === 'object' && value !== null && !LEFT_OUT.has(name)) pending.push(value);
    }
  }
  return { reads, relations };
}

function isCatalogTable(value: unknown): value is CatalogTable {
  return typeof value === 'object' && value !== null && 'codec' in value;
}

const VERBS = { insert: 'INSERT', update: 'UPDATE', delete: 'DELETE', merge: 'MERGE' } as const;

/** Tables whose rows a query locks. */
function lockedTables(query: BoundRows): readonly CatalogTable[] {
  if (query.kind !== 'select' || query.locking === undefined) return [];
  return query.locking.map(({ table }) => table);
}

/** @param source Asked for data once the plan runs. */
export function planCopy(copy: BoundCopy, source: CopySource, generation: number): Plan {
  const { table, format } = copy;
  const rules = writeRulesOf(table);
  const columns = copy.columns.map((position) => table.table.columns[position]!);
  if (copy.assignments.some(({ expression }) => hasSubquery(expression))) {
    throw notSupported('COPY to a table with a default that is a function of more than an expression');
  }
  const assigned = copy.assignments.map(compileAssignment);
  const where = copy.where && compileExpression(copy.where);
  // A condition looks at whole rows; their values are then written as they are, not computed a second time.
  const wide: Evaluate[] = new Array(table.table.columns.length).fill(() => null);
  for (const { position, value } of assigned) wide[position] = value;
  const assignments =
    where === undefined
      ? assigned
      : assigned.map(({ position }) => ({ position, value: ((row) => row[position]!) satisfies Evaluate }));
  const takesRows = copy.assignments.every(
    ({ position, expression }, i) => position === i && expression.kind === 'column' && expression.index === i,
  );
  return {
    ...modifying('COPY', undefined, [], table),
    refusedAs: 'COPY FROM',
    generation,
    reads: () => new Set([table.table.id]),
    open: (context) => {
      const bounds = { lineBytesMax: context.limits.copyLineBytesMax, memory: context.workspace };
      const shape = { ...format, ...bounds };
      const name = table.table.name;
      const binary = () =>
        new CopyBinaryReader({ table: name, columns: columns.map((column) => column.name), ...bounds });
      const reader = format.csv ? new CopyCsvReader(shape) : new CopyTextReader(shape);
      const sent = format.binary
        ? new CopyBinaryRows(source, binary(), columns, context)
        : new CopyRows(source, reader, { table: name, columns, format }, context);
      const rows = where === undefined ? sent : new CopyFilter(sent, wide, where, context);
      const options = { returning: undefined, readFirst: false };
      const writer = new InsertRows(rules, assignments, context, undefined, takesRows, rows);
      return new Modify(rows, writer, options, context);
    },
  };
}

function modifying(
  verb: 'INSERT' | 'UPDATE' | 'DELETE' | 'MERGE' | 'COPY',
  returning: readonly BoundColumn[] | undefined,
  parameterTypes: readonly SqlType[],
  table: CatalogTable,
): Omit<Plan, 'open' | 'generation' | 'reads'> {
  const columns = returning?.map(resultColumn);
  return { verb, columns, parameterTypes, writes: [table, ...tiedTo(table)], isPointRead: false, modifies: true };
}

/** Tables whose rows a foreign key's action may write. */
function tiedTo({ table, related }: CatalogTable): readonly CatalogTable[] {
  if ((table.referencedBy ?? []).length === 0) return [];
  return [...related.values()].filter((each) => each.table.id !== table.id);
}

function resultColumn({ name, expression, origin }: BoundColumn): ResultColumn {
  return {
    name,
    type: expression.type,
    modifier: expression.modifier,
    tableId: origin?.table.table.id ?? 0,
    columnNumber: origin === undefined ? 0 : origin.position + 1,
    ...keptCollation(expression),
  };
}
