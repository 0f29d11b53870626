/** Plans what follows grouping and comes before the order: window functions, then functions that return sets. */

import {
  type BoundExpression,
  type BoundFrameEnd,
  type BoundSet,
  type BoundSortKey,
  type BoundWindowCalls,
  columnAt,
  hasSubquery,
} from '../binder/bound.ts';
import { FunctionScan, type PlannedSet, ProjectSet } from '../operators/function-sets.ts';
import { reachOf, type Shift } from '../operators/range-reach.ts';
import type { SortKey } from '../operators/sort.ts';
import type { EvaluateLater } from '../operators/subquery.ts';
import { type PlannedFrameEnd, Window, type WindowOptions } from '../operators/window.ts';
import { compareFor } from '../types/compare.ts';
import { compileExpression } from './compile-expression.ts';
import { compileLater } from './compile-later.ts';
import { planNode } from './plan-node.ts';
import { measured, type Planned, type PlanScope } from './planned.ts';

export type Over = (expression: BoundExpression) => BoundExpression;

export function sortKey({ expression, descending, nullsFirst }: BoundSortKey, over: Over): SortKey {
  const found = over(expression);
  return {
    value: compileExpression(found),
    place: found.kind === 'column' ? found.index : undefined,
    compare: compareFor(expression.type),
    descending,
    nullsFirst,
  };
}

/** Expressions that a window computes of its input. */
export function expressionsOfWindow({ window, calls }: BoundWindowCalls): readonly BoundExpression[] {
  return [
    ...window.partitionBy,
    ...window.orderBy.map(({ expression }) => expression),
    ...[window.frame.start, window.frame.end].flatMap(({ offset }) => offset ?? []),
    ...calls.flatMap(({ args, filter }) => (filter === undefined ? args : [...args, filter])),
  ];
}

function shiftBy(moved: BoundExpression): Shift {
  const evaluate = compileExpression(moved);
  return (key, offset, context) => evaluate([key, offset], context)!;
}

export function planWindow(planned: Planned, { window, calls }: BoundWindowCalls, width: number, over: Over): Planned {
  const [first] = window.orderBy;
  const end = ({ kind, offset, moved }: BoundFrameEnd): PlannedFrameEnd => ({
    kind,
    offset: offset && compileExpression(over(offset)),
    reach:
      offset === undefined || window.frame.mode !== 'range'
        ? undefined
        : reachOf(first!.expression.type, moved && shiftBy(moved)),
  });
  const { frame } = window;
  const options: WindowOptions = {
    partitionBy: window.partitionBy.map((expression) =>
      sortKey({ expression, descending: false, nullsFirst: false }, over),
    ),
    orderBy: window.orderBy.map((key) => sortKey(key, over)),
    frame: { mode: frame.mode, start: end(frame.start), end: end(frame.end), exclude: frame.exclude },
    calls: calls.map((call) => ({
      function: call.function,
      args: call.args.map((arg) => compileExpression(over(arg))),
      filter: call.filter && compileExpression(over(call.filter)),
    })),
    width,
  };
  const node = planNode('WindowAgg', planned.node.rows, { inputs: [planned.node] });
  return {
    isPoint: planned.isPoint,
    node,
    open: measured(node, (context) => new Window(planned.open(context), options, context)),
  };
}

function compileSet({ function: found, args }: BoundSet, over: Over): PlannedSet {
  return {
    args: args.map((arg) => compileExpression(over(arg))),
    strict: found.strict,
    returnsSet: found.returnsSet === true,
    evaluate: found.evaluate,
  };
}

function waits(set: BoundSet): boolean {
  return set.function.waits === true;
}

export function planSets(planned: Planned, sets: readonly BoundSet[], width: number, over: Over): Planned {
  const compiled = sets.map((set) => compileSet(set, over));
  const node = planNode('ProjectSet', planned.node.rows * 10, { inputs: [planned.node] });
  return {
    isPoint: planned.isPoint && !sets.some(waits),
    node,
    open: measured(node, (context) => new ProjectSet(planned.open(context), compiled, width, context)),
  };
}

/** @param output What its columns are called. @param calls The functions with their arguments. */
export function planFunctionScan(
  sets: readonly BoundSet[],
  ordinality: boolean,
  alias: string,
  scope: PlanScope,
  output: () => readonly string[],
  calls: () => readonly string[],
): Planned {
  const values: EvaluateLater[] = [];
  // What holds a subquery is a value that the functions find in a row.
  const found = (arg: BoundExpression): BoundExpression =>
    hasSubquery(arg) ? columnAt(values.push(compileLater(arg, scope)) - 1, arg) : arg;
  const compiled = sets.map((set) => compileSet(set, found));
  const names = sets.map(({ function: found }) => found.name).join(', ');
  const { runs } = sets[0]!.function;
  const own = runs === undefined ? 'pg_catalog' : undefined;
  const schema = sets.length === 1 ? own : undefined;
  const target = { alias, other: { key: 'Function Name', name: names, schema } };
  const node = planNode({ type: 'Function Scan', target }, 100, {
    width: 8,
    output,
    details: () => [{ name: 'Function Call', value: calls().join(', '), only: 'verbose' }],
  });
  const open = measured(node, (context) => new FunctionScan(compiled, ordinality, context, values));
  return { isPoint: values.length === 0 && !sets.some(waits), node, open };
}
