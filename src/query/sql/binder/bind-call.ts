/**
 * Binds calls: tells aggregates, window functions and plain functions apart, finds the function for the types of its arguments
 * (PostgreSQL's parse_func.c), and the keywords that are calls, such as CURRENT_DATE.
 */

import type { FuncCall, Node, SQLValueFunction } from '@pgsql/types';
import { assert } from '../../../base/assert.ts';
import { isAggregate } from '../functions/aggregates.ts';
import type { ScalarFunction } from '../functions/evaluation.ts';
import { isHypotheticalSet } from '../functions/hypothetical-aggregates.ts';
import { INFORMATION_FUNCTIONS } from '../functions/information-functions.ts';
import { type CallShape, resolveFunction } from '../functions/resolve.ts';
import { WINDOW_FUNCTIONS } from '../operators/window-functions.ts';
import { at, missingSchema, notSupported, SqlError } from '../sql-error.ts';
import { isObjectType } from '../types/object-names.ts';
import { baseOf, isRecord, type SqlType, titleOf, typeInfo } from '../types/types.ts';
import { bindAggregate } from './bind-aggregate.ts';
import { applied, bindField } from './bind-array.ts';
import { bindAtOnce, bindStoredCall, isRun, runningCall } from './bind-body.ts';
import { bindUserCall, givenOf } from './bind-function.ts';
import { bindWindowCall } from './bind-window.ts';
import type { BoundExpression } from './bound.ts';
import type { ExpressionBinder } from './expression-binder.ts';
import { nameOfList, placeIn, stringsOf } from './names.ts';
import { takeSet } from './set-calls.ts';
import { constructorsNamed } from './type-calls.ts';
import type { ResolvedCall } from './type-names.ts';

/** Calls around what is being bound, and what is told to the one that is bound next. */
export interface CallsAround {
  aggregate: boolean;
  window: boolean;
  /** Of the function in FROM that is bound next, where a list of columns says what its rows are. */
  record: SqlType | undefined;
}

const SEQUENCE_CALLS: ReadonlySet<string> = new Set(['nextval', 'currval', 'setval']);

/** Keywords for the time of the transaction's start, by the type it is shown as. */
const TIME_FUNCTIONS: Readonly<Record<string, SqlType>> = {
  SVFOP_CURRENT_DATE: 'date',
  SVFOP_CURRENT_TIME: 'timetz',
  SVFOP_CURRENT_TIMESTAMP: 'timestamptz',
  SVFOP_LOCALTIME: 'time',
  SVFOP_LOCALTIMESTAMP: 'timestamp',
};

/** Keywords that are functions, by the function's name. */
const VALUE_FUNCTIONS: Readonly<Record<string, string>> = {
  SVFOP_CURRENT_USER: 'current_user',
  SVFOP_CURRENT_ROLE: 'current_user',
  SVFOP_USER: 'current_user',
  SVFOP_SESSION_USER: 'session_user',
  SVFOP_CURRENT_CATALOG: 'current_catalog',
  SVFOP_CURRENT_SCHEMA: 'current_schema',
};

export function bindCall(binder: ExpressionBinder, call: FuncCall): BoundExpression {
  const { location } = call;
  const names = stringsOf(call.funcname);
  const name = names.at(-1)!;
  const isQualified = names.length > 1 && names[0] !== 'pg_catalog';
  const settled = settledCall(binder, call);
  if (settled !== undefined && call.over === undefined) return settled;
  if (isQualified) return resolveCall(binder, name, call, names.join('.'));
  if (call.over !== undefined) return bindWindowed(binder, name, call);
  const isAggregated = isAggregate(name) || (call.agg_within_group === true && isHypotheticalSet(name));
  if (WINDOW_FUNCTIONS.has(name) && !isAggregated) {
    if (isHypotheticalSet(name) && (call.args ?? []).length > 0) {
      const message = `WITHIN GROUP is required for ordered-set aggregate ${name}`;
      throw new SqlError('wrong_object_type', message, { location });
    }
    throw new SqlError('wrong_object_type', `window function ${name} requires an OVER clause`, { location });
  }
  const option =
    call.agg_filter !== undefined
      ? 'FILTER'
      : call.agg_distinct === true
        ? 'DISTINCT'
        : call.agg_order !== undefined
          ? 'ORDER BY'
          : undefined;
  if (option !== undefined && !isAggregated) {
    // What is no function at all is told first.
    const keys = call.agg_within_group === true ? (call.agg_order ?? []) : [];
    const args = [...(call.args ?? []), ...keys.map((key) => ('SortBy' in key ? key.SortBy.node! : key))];
    const isMisplaced = (call.agg_order ?? []).length > 1 && call.agg_within_group !== true;
    if (isMisplaced) withOrderHint(() => resolveCall(binder, name, { ...call, args }));
    else resolveCall(binder, name, { ...call, args });
    const message = `${option} specified, but ${name} is not an aggregate function`;
    throw new SqlError('wrong_object_type', message, { location });
  }
  if (isAggregated) return bindAggregate(binder, name, call);
  return resolveCall(binder, name, call);
}

/** Several keys may have been meant for arguments. */
function withOrderHint(resolve: () => BoundExpression): BoundExpression {
  try {
    return resolve();
  } catch (error) {
    if (!(error instanceof SqlError) || error.condition !== 'undefined_function') throw error;
    const { condition, message, location } = error;
    const hint =
      'No aggregate function matches the given name and argument types. ' +
      'Perhaps you misplaced ORDER BY; ORDER BY must appear after all regular arguments of the aggregate.';
    throw new SqlError(condition, message, { location, hint });
  }
}

/** What stands between the parentheses of a call. */
export function resolveArguments(
  binder: ExpressionBinder,
  call: FuncCall,
  qualified?: string,
): { readonly args: readonly BoundExpression[]; readonly shape: CallShape } {
  const argumentNames: string[] = [];
  const record = binder.around.record;
  binder.around.record = undefined;
  const args = (call.args ?? []).map((arg) => {
    if (!('NamedArgExpr' in arg)) return binder.bindInside(arg);
    argumentNames.push(arg.NamedArgExpr.name ?? '');
    return binder.bindInside(arg.NamedArgExpr.arg!);
  });
  const shape = {
    ...(argumentNames.length > 0 ? { names: argumentNames } : {}),
    ...(call.func_variadic === true ? { variadic: true, lastAt: placeIn(call.args?.at(-1)) } : {}),
    ...(record === undefined ? {} : { record }),
    ...(qualified === undefined ? {} : { qualified }),
    shown: stringsOf(call.funcname).join('.'),
  };
  return { args, shape };
}

/** A call of a function that is neither aggregate nor window function. @param qualified Its name with a schema. */
export function resolveCall(
  binder: ExpressionBinder,
  name: string,
  written: FuncCall,
  qualified?: string,
): BoundExpression {
  const call = withSequenceNumber(binder, name, written);
  const { location } = call;
  const names = stringsOf(call.funcname);
  const { args: given, shape } = resolveArguments(binder, call, qualified);
  const args = withSequence(binder, name, call, given);
  const types = args.map((arg) => arg.type);
  const { userType } = call as ResolvedCall;
  const ofStandard = names.length === 2 && names[0] === 'information_schema';
  if (qualified !== undefined && userType === undefined && !ofStandard && binder.context.functions === undefined) {
    throw missingSchema(names[0]!, location);
  }
  const ofSystem = ofStandard ? INFORMATION_FUNCTIONS.named(name) : names[0] === 'pg_catalog' ? [] : undefined;
  const known = ofSystem ?? binder.context.functions?.named({ ...nameOfList(names), location });
  const others = userType === undefined ? known : [...(known ?? []), ...constructorsNamed(userType)];
  const resolve = () =>
    resolveFunction(name, types, { ...shape, ...(userType && { type: userType }) }, location, others);
  const field =
    qualified === undefined && args.length === 1 ? fieldNamed(args[0]!, call.args![0]!, name, binder) : undefined;
  const found = field === undefined ? resolve() : callOrField(resolve, field);
  if ('kind' in found) return found;
  if (call.agg_star === true) {
    const message = `${name}(*) specified, but ${name} is not an aggregate function`;
    throw new SqlError('wrong_object_type', message, { location });
  }
  if (!('cast' in found) && found.user?.definition.isProcedure === true) {
    const hint = 'To call a procedure, use CALL.';
    const message = `${names.join('.')}(${types.map(titleOf).join(', ')}) is a procedure`;
    throw new SqlError('wrong_object_type', message, { location, hint });
  }
  if ('cast' in found) return binder.coerce(args[0]!, found.cast, -1, 'explicit');
  const coerced = coercedArguments(binder, found, args);
  noteObjects(binder, call, args, coerced);
  if (found.user !== undefined) {
    binder.context.functions?.calls?.set(written, found.user.definition);
    return callUser(binder, found, coerced, location);
  }
  if (found.returnsSet === true) return takeSet(binder, found, coerced, location);
  if (args[0]?.type === 'unknown') checkSequence(binder, name, coerced[0]!);
  const bound = applied(found, coerced, location);
  const inWords = call.funcformat === 'COERCE_SQL_SYNTAX' && bound.kind === 'call';
  return inWords ? { ...bound, inWords } : bound;
}

/** A call in a definition, of the function that it was found to mean when that was made; undefined for any other. */
function settledCall(binder: ExpressionBinder, call: ResolvedCall): BoundExpression | undefined {
  const definition = call.userFunction === undefined ? undefined : binder.context.functions?.byId(call.userFunction);
  if (definition === undefined) return undefined;
  const { args, shape } = resolveArguments(binder, call, definition.name);
  const { location } = call;
  const types = args.map((arg) => arg.type);
  const found = resolveFunction(definition.name, types, shape, location, [definition]);
  assert(!('cast' in found), 'a function is called, and no type');
  return callUser(binder, found, coercedArguments(binder, found, args), location);
}

function coercedArguments(
  binder: ExpressionBinder,
  found: ScalarFunction,
  args: readonly BoundExpression[],
): readonly BoundExpression[] {
  return args.map((arg, i) =>
    found.untyped?.includes(i) === true
      ? binder.ofAnyType(arg)
      : binder.coerce(arg, found.arguments[i]!, -1, 'implicit'),
  );
}

/** `f(t)` is `t.f` where there is no such function. */
function callOrField<T>(resolve: () => T, field: BoundExpression): T | BoundExpression {
  try {
    return resolve();
  } catch (error) {
    if (error instanceof SqlError && error.condition === 'undefined_function') return field;
    throw error;
  }
}

/** The row of an item has the columns of the item, which may be called otherwise than those of its table. */
function fieldNamed(
  value: BoundExpression,
  node: Node,
  name: string,
  { scope, progress }: ExpressionBinder,
): BoundExpression | undefined {
  const [item, more] = 'ColumnRef' in node ? stringsOf(node.ColumnRef.fields) : [];
  if (item !== undefined && more === undefined && scope?.isWholeRow(item) === true) {
    return scope.columnOf(item, name, value.location, progress);
  }
  const isRow = isRecord(baseOf(value.type));
  const hasField = isRow && typeInfo(baseOf(value.type)).fields?.some((field) => field.name === name) === true;
  return hasField ? bindField(value, name) : undefined;
}

/** As `withSequence`, where the literal is cast to `regclass`: nothing else of the catalog has to be known for it. */
function withSequenceNumber(
  { context: { sequenceNamed, objects } }: ExpressionBinder,
  name: string,
  call: FuncCall,
): FuncCall {
  if (objects === undefined || sequenceNamed === undefined || !SEQUENCE_CALLS.has(name)) return call;
  const [node, ...rest] = call.args ?? [];
  if (node === undefined || !('TypeCast' in node)) return call;
  const { arg, typeName } = node.TypeCast;
  const literal = arg !== undefined && 'A_Const' in arg ? arg.A_Const : undefined;
  const text = literal?.sval?.sval;
  if (text === undefined || /^\d+$/.test(text) || stringsOf(typeName?.names).at(-1) !== 'regclass') return call;
  const oid = at(literal!.location, () => sequenceNamed(text));
  objects.set(node.TypeCast, { type: 'regclass', oid });
  const numbered = { ...node.TypeCast, arg: { A_Const: { ...literal, sval: { sval: String(oid) } } } };
  return { ...call, args: [{ TypeCast: numbered }, ...rest] };
}

/** In what a definition keeps the sequence is meant that a literal names, whatever it is called later. */
function withSequence(
  { context: { sequenceNamed, objects } }: ExpressionBinder,
  name: string,
  call: FuncCall,
  args: readonly BoundExpression[],
): readonly BoundExpression[] {
  const [first, ...rest] = args;
  const node = call.args?.[0];
  if (objects === undefined || sequenceNamed === undefined || !SEQUENCE_CALLS.has(name)) return args;
  if (node === undefined || !('A_Const' in node) || first?.kind !== 'constant' || typeof first.value !== 'string')
    return args;
  const { value, location } = first;
  const id = at(location, () => sequenceNamed(value));
  objects.set(node, { type: 'regclass', oid: id });
  return [{ ...first, type: 'regclass', value: id }, ...rest];
}

/** Likewise of other objects that literals name, as the function takes them: `pg_relation_size('t')`. */
function noteObjects(
  { context: { objects } }: ExpressionBinder,
  { args: nodes = [] }: FuncCall,
  given: readonly BoundExpression[],
  coerced: readonly BoundExpression[],
): void {
  if (objects === undefined) return;
  for (const [i, node] of nodes.entries()) {
    const arg = coerced[i];
    if (given[i]?.type !== 'unknown' || !('A_Const' in node) || arg?.kind !== 'constant') continue;
    if (isObjectType(arg.type)) objects.set(node, { type: arg.type, oid: arg.value as number });
  }
}

/** A sequence that a literal names has to be there, as if the literal was one of type regclass. */
function checkSequence(binder: ExpressionBinder, name: string, arg: BoundExpression): void {
  const { sequenceNamed } = binder.context;
  if (sequenceNamed === undefined || !SEQUENCE_CALLS.has(name)) return;
  if (arg.kind !== 'constant' || typeof arg.value !== 'string') return;
  const { value, location } = arg;
  at(location, () => sequenceNamed(value));
}

function callUser(
  binder: ExpressionBinder,
  found: ScalarFunction,
  args: readonly BoundExpression[],
  location: number | undefined,
): BoundExpression {
  const { definition } = found.user!;
  if (definition.extension !== undefined) {
    const { user: _, ...native } = found;
    return applied({ ...native, id: definition.id }, args, location);
  }
  const isInFrom = binder.clause.title === 'functions in FROM';
  const { progress: own } = binder;
  const stays = isRun(definition) || binder.context.functions?.keepsCalls === true;
  if (stays || own.run?.has(definition) === true || (found.returnsSet === true && !isInFrom)) {
    const running = runningCall(found.user!, args, found.result, binder.context);
    if (found.returnsSet === true) return takeSet(binder, running.function, running.args, location);
    const bound = applied(running.function, running.args, location);
    return bound.kind === 'call' ? { ...bound, ...givenOf(found.user!) } : bound;
  }
  // In FROM the call is a query of its own.
  if (isInFrom) return applied(found, args, location);
  const { queries, progress } = binder.context;
  if (queries === undefined) return bindStoredCall(found.user!, args, found.result, binder.context, location);
  if (definition.volatility === 'immutable') {
    // As indexes hold it.
    const stored = bindAtOnce(found.user!, args, binder.context, location);
    if (stored !== undefined) return stored;
  }
  const context = { ...binder.context, queries, progress: progress ?? binder.progress };
  if (definition.volatility === 'volatile') own.inPlace?.push(definition);
  return bindUserCall(found.user!, args, context, location);
}

function bindWindowed(binder: ExpressionBinder, name: string, call: FuncCall): BoundExpression {
  const { location } = call;
  if (binder.around.aggregate) {
    throw new SqlError('grouping_error', 'aggregate function calls cannot contain window function calls', {
      location,
    });
  }
  if (binder.around.window) {
    throw new SqlError('windowing_error', 'window function calls cannot be nested', { location });
  }
  if (binder.clause.windows !== 'allowed') {
    const { title, place = title } = binder.clause;
    throw new SqlError('windowing_error', `window functions are not allowed in ${place}`, { location });
  }
  binder.around.window = true;
  const bound = bindWindowCall(name, call, binder);
  binder.around.window = false;
  return bound;
}

export function bindValueFunction(
  binder: ExpressionBinder,
  { op, typmod, location }: SQLValueFunction,
): BoundExpression {
  const keyword = (op ?? '').replace(/^SVFOP_/, '');
  const spelled = keyword.endsWith('_N') ? `${keyword.slice(0, -2)}(${typmod ?? 0})` : keyword;
  const timed = TIME_FUNCTIONS[(op ?? '').replace(/_N$/, '')];
  if (timed !== undefined) {
    const now = resolveFunction('now', [], {}, location);
    assert(!('cast' in now), 'a function of no arguments is no cast');
    return { ...binder.coerce(applied(now, [], location), timed, typmod ?? 0, 'explicit'), spelled };
  }
  const name = VALUE_FUNCTIONS[op ?? ''];
  if (name === undefined) throw notSupported((op ?? '').replace('SVFOP_', ''), location);
  const found = resolveFunction(name, [], {}, location);
  assert(!('cast' in found), 'a function of no arguments is no cast');
  return { ...applied(found, [], location), spelled };
}
