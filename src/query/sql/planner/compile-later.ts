/**
 * Expressions with subqueries to closures that may answer with a promise; all others stay as `compileExpression` makes
 * them. What is lazy stays lazy: AND, OR, CASE and COALESCE ask no more than they need. Everything else computes its
 * operands first, then itself, at once, over a row of theirs. See docs/decisions/subqueries-are-awaitable-expressions.md.
 */

import { type Awaitable, isPromise, whenReady } from '../../../base/awaitable.ts';
import type { ColumnType } from '../../../models/relational/table.ts';
import {
  type BoundExpression,
  type BoundRows,
  type BoundSubquery,
  columnAt,
  columnsOf,
  conjuncts,
  hasSubquery,
  mapOperands,
  shifted,
} from '../binder/bound.ts';
import type { HeldCount } from '../operators/held-scan.ts';
import type { ExecutionContext, ExecutionRow } from '../operators/operator.ts';
import { type EvaluateLater, evaluateAll, type PlannedSubquery, subqueryEvaluator } from '../operators/subquery.ts';
import { baseOf, elementOf, type SqlType, type SqlValue } from '../types/types.ts';
import { compileExpression } from './compile-expression.ts';
import { type PlanNode, planNode } from './plan-node.ts';
import { nameSubplan, type Planned, type PlanScope, repeated, shown } from './planned.ts';
import { hashedExists, isKeepable, readsCte } from './subquery-forms.ts';

export function compileLater(expression: BoundExpression, scope: PlanScope): EvaluateLater {
  if (!hasSubquery(expression)) return compileExpression(expression);
  const later = (each: BoundExpression): EvaluateLater => compileLater(each, scope);
  switch (expression.kind) {
    case 'subquery':
      return subqueryEvaluator(planSubquery(expression, scope));
    case 'and':
      return junction(expression.args.map(later), false);
    case 'or':
      return junction(expression.args.map(later), true);
    case 'coalesce':
      return firstOf(expression.args.map(later));
    case 'case': {
      const whens = expression.whens.map(({ condition, result }) => ({
        condition: later(condition),
        result: later(result),
      }));
      const otherwise = later(expression.otherwise);
      const from = (i: number, row: ExecutionRow, context: ExecutionContext): Awaitable<SqlValue> => {
        const when = whens[i];
        if (when === undefined) return otherwise(row, context);
        return whenReady(when.condition(row, context), (value) =>
          value === true ? when.result(row, context) : from(i + 1, row, context),
        );
      };
      return (row, context) => from(0, row, context);
    }
    default: {
      const operands: EvaluateLater[] = [];
      const over = mapOperands(expression, (operand) => {
        operands.push(later(operand));
        return columnAt(operands.length - 1, operand);
      });
      const compute = compileExpression(over);
      return (row, context) => whenReady(evaluateAll(operands, row, context), (values) => compute(values, context));
    }
  }
}

/** What an array of such values holds; arrays are its parts. */
function arrayParts(type: SqlType): Pick<PlannedSubquery, 'element' | 'nested'> {
  const inner = elementOf(baseOf(type));
  if (inner !== undefined) return { element: inner as ColumnType, nested: true };
  return { element: type === 'unknown' ? 'text' : (type as ColumnType) };
}

function planSubquery(subquery: BoundSubquery, scope: PlanScope): PlannedSubquery {
  const { mode, query, args, reads, operands, test } = subquery;
  // A query in WITH around it, inside of what is run again, gives other rows each time.
  const isInitial = reads.length === 0 && !(scope.isRepeated && readsCte(query));
  const planned = isInitial ? scope.rows(query) : repeated(scope, () => scope.rows(query));
  const equal = test && equalities(test, operands.length);
  const hashed = isInitial ? undefined : hashedExists(subquery);
  const keepsAnswers = hashed === undefined && !scope.settings.has('enable_memoize') && isKeepable(subquery);
  const lookup = hashed && scope.rows(hashed.query);
  const node = keepsAnswers ? memoizeNode(planned.node, subquery) : planned.node;
  explainSubplan(subquery, node, lookup?.node, equal !== undefined && mode === 'any', scope);
  return {
    mode,
    ...(mode === 'array' ? arrayParts(query.columns[0]!.expression.type) : {}),
    open: planned.open,
    args: args.map(({ slot, value }) => ({ slot, value: compileExpression(value) })),
    correlated: !isInitial,
    operands: operands.map((operand) => compileLater(operand, scope)),
    test: test && compileExpression(test),
    equal,
    keepsAnswers,
    counts: isInitial ? undefined : heldCount(mode, query, planned),
    hashed: hashed && {
      open: lookup!.open,
      values: hashed.values.map(compileExpression),
      types: hashed.values.map(({ type }) => type),
      after: Math.ceil(lookup!.node.cost / Math.max(planned.node.cost, 0.01)),
    },
  };
}

/** What the query asks of rows that are held, if that is no more than how many there are. */
function heldCount(mode: BoundSubquery['mode'], query: BoundRows, { held, counted }: Planned): HeldCount | undefined {
  if (query.kind !== 'select') return undefined;
  if (mode === 'exists') return held && { scan: held, wanted: 'any' };
  return mode === 'scalar' && counted !== undefined ? { scan: counted, wanted: 'all' } : undefined;
}

/** One that reads nothing of the row outside and gives a value is PostgreSQL's InitPlan, any other a SubPlan. */
function explainSubplan(
  { mode, query, reads }: BoundSubquery,
  node: PlanNode,
  lookup: PlanNode | undefined,
  equates: boolean,
  scope: PlanScope,
): void {
  const number = scope.nextSubplan();
  if (reads.length === 0 && mode !== 'any' && mode !== 'all') {
    nameSubplan(query, `$${number - 1}`);
    scope.subplans.push({ relationship: 'InitPlan', name: `InitPlan ${number} (returns $${number - 1})`, node });
    return;
  }
  const name = `SubPlan ${number}`;
  nameSubplan(query, reads.length === 0 && equates ? `(hashed ${name})` : `(${name})`);
  scope.subplans.push({ relationship: 'SubPlan', name, node });
  if (lookup === undefined) return;
  const other = `SubPlan ${scope.nextSubplan()}`;
  nameSubplan(query, `(alternatives: ${name} or hashed ${other})`);
  scope.subplans.push({ relationship: 'SubPlan', name: other, node: lookup });
}

/** Answers are kept in front of the plan, by what it reads. */
function memoizeNode(node: PlanNode, { args, operands }: BoundSubquery): PlanNode {
  const keys = [...args.map(({ slot }) => `$${slot}`), ...operands.map((each) => shown(each, String))];
  return planNode({ type: 'Memoize', isPart: true }, node.rows, {
    inputs: [node],
    details: () => [
      { name: 'Cache Key', value: keys.join(', ') },
      { name: 'Cache Mode', value: 'binary' },
    ],
    output: node.output,
    costs: node,
  });
}

/** The test as equalities between the left sides and the query's row, if it is nothing else. */
function equalities(test: BoundExpression, width: number): PlannedSubquery['equal'] {
  const found = conjuncts(test).map((each) => {
    if (each.kind !== 'compare' || each.operator !== '=') return undefined;
    const isLeft = [...columnsOf(each.left)].every((index) => index < width);
    const isRight = [...columnsOf(each.right)].every((index) => index >= width);
    if (!isLeft || !isRight) return undefined;
    const right = compileExpression(shifted(each.right, -width));
    return { left: compileExpression(each.left), right, type: each.left.type };
  });
  return found.every((each) => each !== undefined) ? found : undefined;
}

function junction(args: readonly EvaluateLater[], decisive: boolean): EvaluateLater {
  const from = (i: number, unknown: boolean, row: ExecutionRow, context: ExecutionContext): Awaitable<SqlValue> => {
    let isUnknown = unknown;
    for (let at = i; at < args.length; at++) {
      const value = args[at]!(row, context);
      if (isPromise(value)) {
        return value.then((late) =>
          late === decisive ? decisive : from(at + 1, isUnknown || late === null, row, context),
        );
      }
      if (value === decisive) return decisive;
      if (value === null) isUnknown = true;
    }
    return isUnknown ? null : !decisive;
  };
  return (row, context) => from(0, false, row, context);
}

function firstOf(args: readonly EvaluateLater[]): EvaluateLater {
  const from = (i: number, row: ExecutionRow, context: ExecutionContext): Awaitable<SqlValue> => {
    const arg = args[i];
    if (arg === undefined) return null;
    return whenReady(arg(row, context), (value) => (value === null ? from(i + 1, row, context) : value));
  };
  return (row, context) => from(0, row, context);
}
