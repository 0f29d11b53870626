/**
 * Plans what puts queries together: VALUES, set operations, and WITH, whose statements that write run to their ends before
 * anything reads them. SELECT itself is planned in plan-select.ts.
 */

import { assert, unreachable } from '../../../base/assert.ts';
import { type Awaitable, isPromise, whenReady } from '../../../base/awaitable.ts';
import {
  type BoundCte,
  type BoundModify,
  type BoundRows,
  type BoundSetOperation,
  type BoundValues,
  type BoundWith,
  hasSubquery,
} from '../binder/bound.ts';
import { quoteName } from '../binder/deparse.ts';
import { SLOTS_OF_BINDING_MAX } from '../binder/scope.ts';
import type { CatalogTable } from '../catalog-cache.ts';
import { CteState, type PlannedCte } from '../operators/cte-scan.ts';
import { Distinct } from '../operators/distinct.ts';
import { Late, ProjectLater } from '../operators/later.ts';
import type { ExecutionContext, Open, Operator } from '../operators/operator.ts';
import { Append, SetOperation } from '../operators/set-operation.ts';
import { SingleRow } from '../operators/single-row.ts';
import { Values } from '../operators/values.ts';
import { compileExpression } from './compile-expression.ts';
import { compileLater } from './compile-later.ts';
import { valueBytes } from './facts.ts';
import type { PlanEnvironment } from './plan.ts';
import { blockingCosts, type Detail, type NodeKind, planNode } from './plan-node.ts';
import { aggregateKind, planSelect } from './plan-select.ts';
import { measured, type Planned, type PlanScope, shown, withSubplans } from './planned.ts';
import { isInlined } from './pull-up.ts';
import { readsCte, slotsReadBy } from './subquery-forms.ts';

/** What planning one statement shares. */
export function planScope(
  modify: (query: BoundModify, scope: PlanScope) => Planned,
  naming: Pick<PlanScope, 'qualifies' | 'isVerbose'>,
  { known, settings }: Pick<PlanEnvironment, 'known' | 'settings'>,
): PlanScope {
  let next = SLOTS_OF_BINDING_MAX;
  let subplans = 0;
  const scope: PlanScope = {
    rows: (query) => planRows(query, scope),
    modify: (query) => modify(query, scope),
    nextSlot: () => next++,
    ctes: new Map(),
    working: new Set(),
    settings,
    subplans: [],
    nextSubplan: () => ++subplans,
    isRepeated: false,
    ...naming,
    known,
  };
  return scope;
}

export function planRows(query: BoundRows, scope: PlanScope): Planned {
  switch (query.kind) {
    case 'select':
      return planSelect(query, scope);
    case 'values':
      return planValues(query, scope);
    case 'setOperation':
      return planSetOperation(query, scope);
    case 'with':
      return planWith(query, scope);
    default:
      return unreachable(query);
  }
}

function planValues(values: BoundValues, scope: PlanScope): Planned {
  const kind: NodeKind =
    values.rows.length === 1 ? { type: 'Result' } : { type: 'Values Scan', target: { alias: '*VALUES*' } };
  const output = () => {
    if (values.rows.length === 1) return values.rows[0]!.map((each) => shown(each, String));
    return values.rows[0]!.map((_, i) => `"*VALUES*".column${i + 1}`);
  };
  const width = values.columns.reduce((sum, { expression }) => sum + valueBytes(expression.type, undefined), 0);
  const node = planNode(kind, values.rows.length, { output, width });
  if (!values.rows.some((row) => row.some(hasSubquery))) {
    const rows = values.rows.map((row) => row.map(compileExpression));
    return { isPoint: true, node, open: measured(node, (context) => new Values(rows, context)) };
  }
  const rows = values.rows.map((row) => row.map((each) => compileLater(each, scope)));
  const open = (context: ExecutionContext): Operator =>
    new Append(
      rows.map((row) => (inner: ExecutionContext) => new ProjectLater(new SingleRow(), row, false, inner)),
      context,
    );
  return { isPoint: false, node, open: measured(node, open) };
}

function planSetOperation({ operation, all, inputs, columns }: BoundSetOperation, scope: PlanScope): Planned {
  const planned = inputs.map((input) => planRows(input, scope));
  const types = columns.map(({ expression }) => expression.type);
  const nodes = planned.map(({ node }) => node);
  const sum = nodes.reduce((rows, node) => rows + node.rows, 0);
  if (operation === 'union') {
    const append = planNode('Append', sum, { inputs: nodes, width: nodes[0]!.width, details: noneRemoved });
    const appended = measured(append, (context, rowsMax) => {
      const opens = planned.map(
        ({ open }): Open =>
          (inner) =>
            open(inner, rowsMax),
      );
      return new Append(opens, context);
    });
    if (all) return { isPoint: false, node: append, open: appended };
    const costs = blockingCosts(append, sum);
    const node = planNode(aggregateKind('Hashed'), sum, { inputs: [append], costs });
    return {
      isPoint: false,
      node,
      open: measured(node, (context) => new Distinct(appended(context), types, context)),
    };
  }
  const [left, right] = planned;
  assert(left !== undefined && right !== undefined, 'a set operation has two inputs');
  const command = `${operation === 'intersect' ? 'Intersect' : 'Except'}${all ? ' All' : ''}`;
  const kind = { type: 'SetOp', text: `HashSetOp ${command}`, variant: { Strategy: 'Hashed', Command: command } };
  const node = planNode(kind, left.node.rows, { inputs: nodes, width: left.node.width });
  return {
    isPoint: false,
    node,
    open: measured(node, (context) => {
      const rows = new SetOperation(left.open(context), right.open, { operation, all, types }, context);
      return operation === 'except' && !all ? new Distinct(rows, types, context) : rows;
    }),
  };
}

/** PostgreSQL tells how many inputs it found to be of no use: partitions, which there are none of here. */
function noneRemoved(): readonly Detail[] {
  return [{ name: 'Subplans Removed', value: 0, only: 'programs' }];
}

function planWith({ ctes, query }: BoundWith, scope: PlanScope): Planned {
  return planAfterWith(
    ctes,
    () => planRows(query, scope),
    scope,
    (make) => new Late(make),
  );
}

/**
 * What reads the queries of a WITH clause.
 * @param late Makes an operator of one that can be opened only when the statements in WITH that write have run.
 * @param writes The table that the body writes; whoever makes `late` then runs the checks.
 */
export function planAfterWith(
  ctes: readonly BoundCte[],
  planBody: () => Planned,
  scope: PlanScope,
  late: (make: () => Awaitable<Operator>, context: ExecutionContext) => Operator,
  writes?: CatalogTable,
): Planned {
  const subplansBefore = scope.subplans.length;
  const used = ctes.filter((cte) => (cte.references > 0 && !isInlined(cte)) || cte.modify !== undefined);
  const planned = used.map((cte) => planCte(cte, scope));
  const writing = planned.filter((_, i) => used[i]!.modify !== undefined);
  const dependent = planned.filter((_, i) => {
    const { query, recursion } = used[i]!;
    return [query, recursion?.query].some((each) => each && (readsCte(each) || slotsReadBy(each).length > 0));
  });
  const body = withSubplans(planBody(), scope, subplansBefore);
  const tables = [
    ...used.flatMap(({ modify }) => (modify === undefined ? [] : [modify.table])),
    ...(writes ? [writes] : []),
  ];
  const written = new Set(tables.map(({ table }) => table.id));
  const open = (context: ExecutionContext, rowsMax?: number): Operator => {
    // Run again for another outer row, queries that read it answer otherwise.
    for (const each of dependent) context.forget(each);
    if (writing.length === 0) return body.open(context, rowsMax);
    context.gatherChecks(written);
    // A body that reads gives its rows when all that they come from holds; one that writes is looked at when it has.
    const checked = (): Awaitable<void> => (writes === undefined ? context.runChecks() : undefined);
    const run = (): Awaitable<void> => whenReady(runAll(writing, context), checked);
    return late(() => whenReady(run(), () => body.open(context, rowsMax)), context);
  };
  return { ...body, isPoint: false, open };
}

/** Runs statements that write to their ends, one after another; their readers find the rows of RETURNING. */
function runAll(ctes: readonly PlannedCte[], context: ExecutionContext): Awaitable<void> {
  for (let i = 0; i < ctes.length; i++) {
    const cte = ctes[i]!;
    const state = context.state(cte, () => new CteState(cte, context));
    for (;;) {
      const more = state.more();
      if (isPromise(more)) return more.then((some) => runAll(ctes.slice(some ? i : i + 1), context));
      if (!more) break;
    }
  }
}

function planCte(cte: BoundCte, scope: PlanScope): PlannedCte {
  const types = cte.columns.map(({ expression }) => expression.type);
  assert(cte.query !== undefined || cte.modify !== undefined, 'a bound query');
  const { open, node } = cte.modify === undefined ? planRows(cte.query!, scope) : scope.modify(cte.modify);
  // The recursive term finds the state under the same object that the readers use.
  const own: { -readonly [K in keyof PlannedCte]: PlannedCte[K] } = { open, recursion: undefined, types };
  const explained = { planned: own, node };
  scope.ctes.set(cte, explained);
  if (cte.recursion !== undefined) {
    scope.working.add(cte);
    const term = planRows(cte.recursion.query, scope);
    scope.working.delete(cte);
    own.recursion = { open: term.open, distinct: cte.recursion.distinct };
    // PostgreSQL's guess: ten rounds.
    const costs = { startup: node.startup, cost: node.cost + 10 * term.node.cost };
    const inputs = [node, term.node];
    explained.node = planNode('Recursive Union', node.rows + 10 * term.node.rows, { inputs, width: node.width, costs });
  }
  scope.subplans.push({ relationship: 'InitPlan', name: `CTE ${quoteName(cte.name)}`, node: explained.node });
  return own;
}
