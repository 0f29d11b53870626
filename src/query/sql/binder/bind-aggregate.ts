/**
 * Binds calls of aggregates, ordered-set ones and GROUPING among them: the function, FILTER, DISTINCT, ORDER BY and WITHIN GROUP, and the
 * query that each belongs to (PostgreSQL's parse_agg.c, parse_func.c).
 */

import type { FuncCall, GroupingFunc } from '@pgsql/types';
import { findAggregate } from '../functions/aggregates.ts';
import { hypotheticalAggregate, isHypotheticalSet } from '../functions/hypothetical-aggregates.ts';
import { findPackedAggregate } from '../functions/packed-aggregates.ts';
import { SqlError } from '../sql-error.ts';
import { titleOf } from '../types/types.ts';
import { countArguments, forgetArguments, levelOf, liftedOut } from './aggregate-level.ts';
import { packArguments } from './bind-array.ts';
import { type BoundAggregate, type BoundExpression, leftmost, sameExpression } from './bound.ts';
import { requireEquality, requireOrder } from './comparable.ts';
import type { Clause, ExpressionBinder } from './expression-binder.ts';
import { passIn } from './scope.ts';
import { sortDirection } from './sort-keys.ts';

const FILTER: Clause = { title: 'FILTER', aggregates: 'refused' };

/** Aggregates of arguments of several kinds of types, and those of any type at all. */
const OF_MANY_TYPES: ReadonlySet<string> = new Set([
  'array_agg',
  'avg',
  'bit_and',
  'bit_or',
  'bit_xor',
  'range_agg',
  'range_intersect_agg',
  'sum',
]);
const OF_ANY_TYPE: ReadonlySet<string> = new Set(['json_agg', 'jsonb_agg', 'mode', 'percentile_disc']);

/** What parameters are that are taken as they stand is known where the rest of the call is read. */
function settleParameters(binder: ExpressionBinder, name: string, args: BoundExpression[]): void {
  const isOpen = (arg: BoundExpression): boolean => arg.kind === 'parameter' && arg.type === 'unknown';
  if (args.length < 2 || !args.some(isOpen)) return;
  const types = args.map((arg) => arg.type);
  const { packed = [], untyped = [] } = findPackedAggregate(name, types, false) ?? {};
  for (const [i, arg] of args.entries()) {
    const type = packed[i];
    if (type !== undefined && isOpen(arg) && !untyped.includes(i)) args[i] = binder.coerce(arg, type, -1, 'implicit');
  }
}

export function bindAggregate(binder: ExpressionBinder, name: string, call: FuncCall): BoundExpression {
  const { location } = call;
  if (binder.around.aggregate) {
    throw new SqlError('grouping_error', 'aggregate function calls cannot be nested', { location });
  }
  const counts = countArguments(binder.scope);
  const star = call.agg_star === true;
  binder.around.aggregate = true;
  const args = (call.args ?? []).map((arg) => binder.bindInside(arg));
  const within = call.agg_within_group === true;
  if (!within) settleParameters(binder, name, args);
  const order = (call.agg_order ?? []).map((node) => ({
    expression: binder.bindInside('SortBy' in node ? node.SortBy.node! : node),
    ...sortDirection(node),
  }));
  const orderBy = order.map((key) => ({ ...key, expression: binder.settle(key.expression) }));
  binder.around.aggregate = false;
  const filter =
    call.agg_filter && binder.inClause(FILTER, () => binder.condition(binder.bindInside(call.agg_filter!), 'FILTER'));
  const hypothetical = within && isHypotheticalSet(name);
  if (hypothetical && args.length === orderBy.length) {
    for (const [i, key] of orderBy.entries()) {
      const [wanted, value] = binder.alike([key.expression, args[i]!], 'WITHIN GROUP') as [
        BoundExpression,
        BoundExpression,
      ];
      args[i] = binder.settle(value);
      orderBy[i] = { ...key, expression: binder.settle(wanted) };
    }
  }
  const given = within ? [...orderBy.map((key) => key.expression), ...args] : args;
  const types = given.map((arg) => arg.type);
  const packed = !hypothetical
    ? findPackedAggregate(name, types, within)
    : args.length === orderBy.length
      ? hypotheticalAggregate(
          name,
          orderBy.map((key) => ({ ...key, type: key.expression.type })),
        )
      : undefined;
  const single = args.length === (star ? 0 : 1) && !within ? findAggregate(name, args[0]?.type) : undefined;
  const found = packed ?? single;
  const first = within ? order[0]?.expression : args[0];
  if (args.length <= 1 && first?.type === 'unknown') requireKnownType(name, location);
  if (found === undefined && !within && ORDERED_SETS.has(name) && findPackedAggregate(name, types.toReversed(), true)) {
    throw new SqlError('wrong_object_type', `WITHIN GROUP is required for ordered-set aggregate ${name}`, { location });
  }
  if (found === undefined || (star && name !== 'count')) {
    const shown = [...args, ...(within ? orderBy.map((key) => key.expression) : [])];
    const title = `${name}(${shown.map((arg) => titleOf(arg.type)).join(', ')})`;
    throw new SqlError('undefined_function', `function ${title} does not exist`, {
      location,
      hint: hypothetical
        ? `To use the hypothetical-set aggregate ${name}, the number of hypothetical direct arguments (here ${args.length}) must match the number of ordering columns (here ${orderBy.length}).`
        : orderBy.length > 1 && !within
          ? 'No aggregate function matches the given name and argument types. Perhaps you misplaced ORDER BY; ORDER BY must appear after all regular arguments of the aggregate.'
          : 'No function matches the given name and argument types. You might need to add explicit type casts.',
    });
  }
  // Values that are told apart have a type, whatever the function takes: a parameter that is given none elsewhere is text.
  const ofAnyType = (arg: BoundExpression): BoundExpression =>
    call.agg_distinct === true ? binder.settle(arg) : binder.ofAnyType(arg);
  let argument = args[0];
  if (packed !== undefined) {
    argument = packArguments(packed, given, location, { ...binder.operands, ofAnyType });
    if (within && !hypothetical)
      orderBy[0] = { ...orderBy[0]!, expression: binder.coerce(given[0]!, packed.packed[0]!, -1, 'implicit') };
  } else if (argument !== undefined) {
    argument =
      name === 'count' ? ofAnyType(argument) : binder.settle(binder.coerce(argument, found.argument!, -1, 'implicit'));
  }
  const distinct = call.agg_distinct === true && argument !== undefined;
  if (distinct) for (const arg of args) requireEquality(arg);
  for (const key of orderBy) requireOrder(key.expression);
  if (distinct && !orderBy.every((key) => [argument, ...args].some((arg) => sameExpression(key.expression, arg)))) {
    throw new SqlError(
      'invalid_column_reference',
      'in an aggregate with DISTINCT, ORDER BY expressions must appear in argument list',
      { location: leftmost(orderBy[0]!.expression) },
    );
  }
  const wanted = distinct ? { ...found, distinct: argument!.type } : found;
  const aggregate = { function: wanted, argument, distinct, filter, orderBy };
  const parts = [argument, filter, ...orderBy.map((key) => key.expression)].filter((part) => part !== undefined);
  const level = levelOf(binder.scope, parts);
  if (level === undefined) return takeAggregate(binder, aggregate, location);
  const { binder: owner } = level.scope;
  if (owner === undefined) {
    const message = 'aggregate functions are not allowed in FROM clause of their own query level';
    throw new SqlError('grouping_error', message, { location });
  }
  refuseAggregates(owner, location);
  const lift = liftedOut(level);
  const lifted = {
    ...aggregate,
    argument: argument && lift(argument),
    filter: filter && lift(filter),
    orderBy: orderBy.map((key) => ({ ...key, expression: lift(key.expression) })),
  };
  forgetArguments(level, counts);
  return passIn(takeAggregate(owner, lifted, location), level.crossed, binder.progress);
}

/** What an ordered-set aggregate is told that is the same for all rows of a group: behind the values that are ordered. */
export function directArguments({ function: found, argument, orderBy }: BoundAggregate): readonly BoundExpression[] {
  const isOrderedSet = isHypotheticalSet(found.name) || ORDERED_SETS.has(found.name);
  return isOrderedSet && argument?.kind === 'call' ? argument.args.slice(orderBy.length) : [];
}

const ORDERED_SETS: ReadonlySet<string> = new Set(['mode', 'percentile_cont', 'percentile_disc']);

/** What a literal without a type can be is not decided by these. @throws SqlError `ambiguous_function`, `datatype_mismatch`. */
export function requireKnownType(name: string, location: number | undefined): void {
  if (OF_ANY_TYPE.has(name)) {
    const message = 'could not determine polymorphic type because input has type unknown';
    throw new SqlError('datatype_mismatch', message);
  }
  if (!OF_MANY_TYPES.has(name)) return;
  throw new SqlError('ambiguous_function', `function ${name}(unknown) is not unique`, {
    location,
    hint: 'Could not choose a best candidate function. You might need to add explicit type casts.',
  });
}

/** @throws SqlError `grouping_error` where the clause that is being bound takes none. */
function refuseAggregates({ clause: { aggregates, title, place = title } }: ExpressionBinder, location?: number): void {
  if (aggregates === 'allowed') return;
  throw new SqlError('grouping_error', `aggregate functions are not allowed in ${place}`, { location });
}

/** An aggregate over the rows of this query, wherever it stands. @throws SqlError `grouping_error`. */
function takeAggregate(
  binder: ExpressionBinder,
  aggregate: BoundAggregate,
  location: number | undefined,
): BoundExpression {
  refuseAggregates(binder, location);
  if (binder.around.aggregate) {
    throw new SqlError('grouping_error', 'aggregate function calls cannot be nested', { location });
  }
  // One that is written twice is computed once.
  let index = binder.aggregates.findIndex(
    (other) =>
      other.function.name === aggregate.function.name &&
      other.distinct === aggregate.distinct &&
      sameExpression(other.argument, aggregate.argument) &&
      sameExpression(other.filter, aggregate.filter) &&
      sameExpression(other.orderBy, aggregate.orderBy),
  );
  if (index < 0) index = binder.aggregates.push(aggregate) - 1;
  const { result } = aggregate.function;
  return { kind: 'column', type: result, modifier: -1, location, index, computed: 'aggregate' };
}

/** GROUPING, of the query whose keys its arguments name: for one inside of that it is a value of the group around it. @throws SqlError `grouping_error`. */
export function bindGrouping(binder: ExpressionBinder, { args, location }: GroupingFunc): BoundExpression {
  const counts = countArguments(binder.scope);
  const bound = (args ?? []).map((arg) => binder.bindInside(arg));
  const level = levelOf(binder.scope, bound);
  if (level === undefined) return takeGrouping(binder, bound, location);
  const { binder: owner } = level.scope;
  if (owner === undefined) {
    const message = 'grouping operations are not allowed in FROM clause of their own query level';
    throw new SqlError('grouping_error', message, { location });
  }
  const lifted = bound.map(liftedOut(level));
  forgetArguments(level, counts);
  return passIn(takeGrouping(owner, lifted, location), level.crossed, binder.progress);
}

function takeGrouping(
  binder: ExpressionBinder,
  args: readonly BoundExpression[],
  location: number | undefined,
): BoundExpression {
  if (binder.clause.aggregates === 'refused') {
    const { title, place = title } = binder.clause;
    throw new SqlError('grouping_error', `grouping operations are not allowed in ${place}`, { location });
  }
  const index = binder.groupings.push({ args, location }) - 1;
  return { kind: 'column', type: 'int4', modifier: -1, location, index, computed: 'grouping' };
}
