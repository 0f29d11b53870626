/**
 * Calls of functions that users defined in SQL as one query: it takes the place of the call. Those of other functions are in
 * bind-body.ts.
 *
 * An expression over the arguments alone becomes a function of them. Any other query is bound as one that stands where the
 * call stands, with the arguments as the columns of the only row around it; names of its own tables come first. A call that
 * returns a set is a query in FROM. The body sees nothing else of the statement (PostgreSQL's functions.c).
 */

import type { Node, SelectStmt } from '@pgsql/types';
import {
  type FunctionParameter,
  inputs,
  outputs,
  type UserFunction,
} from '../../../models/relational/function-definition.ts';
import type { ColumnType, TableId } from '../../../models/relational/table.ts';
import { SqlArray } from '../../../models/relational/values.ts';
import { isPolymorphic, polymorph } from '../functions/candidates.ts';
import type { FunctionDefinition } from '../functions/definition.ts';
import type { ScalarFunction } from '../functions/evaluation.ts';
import { nativeOf } from '../functions/extensions.ts';
import { makeRecord } from '../functions/records.ts';
import { at, notSupported, SqlError } from '../sql-error.ts';
import { recordTypeOf } from '../types/record-types.ts';
import { arrayOf, baseOf, elementOf, isRecord, type SqlType, titleOf, typeInfo } from '../types/types.ts';
import { type BoundColumn, type BoundExpression, type BoundRows, columnAt, hasSubquery } from './bound.ts';
import { type BindContext, definitionContext, nested, type QueryContext, timeOfDefinition } from './query-context.ts';
import { Frame, Scope, type ScopeColumn } from './scope.ts';
import { isImmutable, isVolatile } from './volatility.ts';

/** What a call gives, with records of OUT parameters and of RETURNS TABLE spelled out. */
export function resultOf({ parameters, result }: Pick<UserFunction, 'parameters' | 'result'>): SqlType {
  const fields = outputs(parameters);
  if (fields.length === 0) return result as SqlType;
  if (fields.length === 1) return fields[0]!.type;
  return recordTypeOf(fields.map(({ name, type }, i) => ({ name: name ?? `column${i + 1}`, type, modifier: -1 })));
}

function withTypes(
  parameters: readonly FunctionParameter[],
  concrete: (type: SqlType) => SqlType,
): readonly FunctionParameter[] {
  return parameters.map((each) => ({ ...each, type: concrete(each.type) as ColumnType }));
}

/** As the resolution of calls takes functions. */
export function definitionOf(user: UserFunction): FunctionDefinition {
  const given = givenBy(user);
  const variadic = given.at(-1)?.mode === 'variadic';
  const native = user.extension === undefined ? undefined : requireNative(user);
  return {
    name: user.name,
    arguments: given.map(({ type }, i) => (variadic && i === given.length - 1 ? repeatedOf(type) : type)),
    argumentNames: given.map(({ name }) => name),
    defaults: given.filter((parameter) => parameter.default !== undefined).map(({ name }) => name ?? ''),
    variadic,
    result: resultOf(user),
    ...(outputs(user.parameters).length > 1 && outputs(user.parameters).some(({ type }) => isPolymorphic(type))
      ? { resultFor: (concrete) => resultOf({ ...user, parameters: withTypes(user.parameters, concrete) }) }
      : {}),
    returnsSet: user.returnsSet,
    strict: user.strict,
    volatility: user.volatility,
    waits: native?.waits ?? false,
    code: native?.code ?? (() => null),
    user,
  };
}

/** @throws SqlError `undefined_function` of an extension that another server has made. */
function requireNative(user: UserFunction): FunctionDefinition {
  const found = nativeOf(user);
  if (found !== undefined) return found;
  const what = `function "${user.native}" of extension "${user.extension}"`;
  throw new SqlError('undefined_function', `this server does not have ${what}`);
}

/** The parameters that a call has arguments for: of a procedure all. */
export function givenBy({ isProcedure, parameters }: UserFunction): readonly FunctionParameter[] {
  return isProcedure === true ? parameters : inputs(parameters);
}

/** What each of the arguments is that an array takes in. */
function repeatedOf(array: SqlType): SqlType {
  if (array === 'anyarray') return 'anyelement';
  return array === 'anycompatiblearray' ? 'anycompatible' : (elementOf(array) ?? array);
}

/** With the types of a call in the place of `anyelement` and its kin. @throws SqlError `datatype_mismatch`. */
export function concreteCall(call: UserCall, args: readonly BoundExpression[]): UserCall {
  const { definition: user, order, spread } = call;
  const given = givenBy(user);
  if (!given.some(({ type }) => isPolymorphic(type))) return call;
  const declared = given.map(({ type }) => type);
  const actual = given.map(({ mode }, i): SqlType => {
    if (mode === 'variadic' && !spread) return arrayOf(args[i]!.type) ?? 'unknown';
    return order[i]! < 0 ? 'unknown' : args[order[i]!]!.type;
  });
  const found = polymorph(declared, actual);
  if (typeof found === 'string') throw new SqlError('datatype_mismatch', found.split('\u0000')[0]!);
  const settled = (type: SqlType): ColumnType => {
    if (!isPolymorphic(type)) return type as ColumnType;
    const concrete = found.result(type);
    if (concrete.includes(' ')) throw new SqlError('datatype_mismatch', concrete);
    return concrete as ColumnType;
  };
  const parameters = user.parameters.map((each) => ({ ...each, type: settled(each.type) }));
  return { definition: { ...user, parameters, result: settled(user.result as SqlType) }, order, spread };
}

export type UserCall = NonNullable<ScalarFunction['user']>;

/** Arguments in the order of the parameters: defaults filled in, those that repeat as one array. */
export function completeArguments(
  { definition, order, spread }: UserCall,
  args: readonly BoundExpression[],
  context: BindContext,
): readonly BoundExpression[] {
  const given = givenBy(definition);
  const isVariadic = given.at(-1)?.mode === 'variadic';
  if (isVariadic && !spread) {
    const fixed = given.length - 1;
    const { type } = given[fixed]!;
    const element = elementOf(type)!;
    const rest = args.slice(fixed);
    const array: BoundExpression = {
      kind: 'call',
      type,
      modifier: -1,
      location: undefined,
      function: {
        name: 'array',
        arguments: rest.map((arg) => arg.type),
        result: type,
        strict: false,
        volatility: 'immutable',
        evaluate: (values) => new SqlArray(element as SqlArray['element'], values.slice()),
      },
      args: rest,
    };
    return [...args.slice(0, fixed), array];
  }
  return order.map((place, i) => {
    if (place >= 0) return args[place]!;
    const { type, default: value } = given[i]!;
    const { tree, zone } = value!;
    const binder = context.functions!.binder(definitionContext(zone, context), undefined);
    const bound = binder.bind(tree as unknown as Node, { title: 'DEFAULT expressions', aggregates: 'refused' });
    return binder.coerce(bound, type, -1, 'assignment');
  });
}

/** The columns that the body sees around it: parameters by name and by number. */
function parameterScope(user: UserFunction, args: readonly BoundExpression[]): Scope {
  const columns = inputs(user.parameters).flatMap(({ name }, i): ScopeColumn[] => {
    const expression = args[i]!;
    const numbered = { name: `$${i + 1}`, expression, origin: undefined };
    return name === undefined ? [numbered] : [{ name, expression, origin: undefined }, numbered];
  });
  const item = { alias: user.name, columns, open: true, offset: 0, table: undefined, isParameters: true };
  return new Scope(new Frame(undefined), [item]);
}

/** Parameters by number become columns by that name. */
function withNumbers<T>(tree: T): T {
  if (Array.isArray(tree)) return tree.map((each) => withNumbers(each as unknown)) as T;
  if (typeof tree !== 'object' || tree === null) return tree;
  if ('ParamRef' in tree) {
    const { number = 0, location } = (tree as unknown as Extract<Node, { ParamRef: unknown }>).ParamRef;
    return { ColumnRef: { fields: [{ String: { sval: `$${number}` } }], location } } as T;
  }
  return Object.fromEntries(Object.entries(tree).map(([name, value]) => [name, withNumbers(value as unknown)])) as T;
}

/** The body's query. @param first Only its first row counts. */
function bodyOf(user: UserFunction, first: boolean): SelectStmt {
  const query = withNumbers(user.query) as unknown as SelectStmt;
  // A strict one has no rows where an argument is null.
  const tests = user.strict
    ? inputs(user.parameters).map(
        (_, i): Node => ({
          NullTest: {
            arg: { ColumnRef: { fields: [{ String: { sval: `$${i + 1}` } }] } },
            nulltesttype: 'IS_NOT_NULL',
          },
        }),
      )
    : [];
  return {
    targetList: [{ ResTarget: { val: { ColumnRef: { fields: [{ A_Star: {} }] } } } }],
    fromClause: [
      { RangeSubselect: { lateral: true, subquery: { SelectStmt: query }, alias: { aliasname: '*body*' } } },
    ],
    ...(tests.length === 0 ? {} : { whereClause: { BoolExpr: { boolop: 'AND_EXPR', args: tests } } }),
    ...(first
      ? { limitCount: { A_Const: { ival: { ival: 1 } } }, limitOption: 'LIMIT_OPTION_COUNT' as const }
      : { limitOption: 'LIMIT_OPTION_DEFAULT' as const }),
    op: 'SETOP_NONE',
  };
}

/** What its body is bound in: literals of `RETURN …` and of `BEGIN ATOMIC …` mean what they did when it was made. */
export function readAsMade<C extends BindContext>(user: Pick<UserFunction, 'clause' | 'zone'>, context: C): C {
  return user.clause === undefined ? context : { ...context, time: timeOfDefinition(context.time, user.zone) };
}

function bodyContext(user: UserFunction, context: QueryContext): QueryContext {
  return {
    ...readAsMade(user, context),
    parameters: [],
    takesParameters: false,
    queries: { findTable: context.functions!.findTable, bind: context.queries.bind },
  };
}

/** Columns of the body as those of the result. @throws SqlError `invalid_function_definition`. */
export function coerceColumns(
  user: UserFunction,
  columns: readonly BoundColumn[],
  context: BindContext,
): readonly BoundExpression[] {
  const binder = context.functions!.binder(context, undefined);
  const result = resultOf(user);
  const fields = typeInfo(baseOf(result)).fields;
  const wrong = (detail: string): SqlError =>
    new SqlError(
      'invalid_function_definition',
      `return type mismatch in function declared to return ${titleOf(result)}`,
      { detail },
    );
  const isWhole = columns.length === 1 && isRecord(columns[0]!.expression.type) && isRecord(result);
  if (result === 'record' && !isWhole) return columns.map(({ expression }) => binder.settle(expression));
  if (fields === undefined || isWhole) {
    if (columns.length !== 1) throw wrong('Final statement must return exactly one column.');
    const { expression } = columns[0]!;
    const coerced = binder.tryCoerce(expression, result, -1, 'assignment');
    if (coerced === undefined) throw wrong(`Actual return type is ${titleOf(expression.type)}.`);
    return [coerced];
  }
  return fields.map((field, i) => {
    const column = columns[i];
    if (column === undefined) throw wrong('Final statement returns too few columns.');
    const coerced = binder.tryCoerce(column.expression, field.type, field.modifier, 'assignment');
    if (coerced === undefined) {
      throw wrong(
        `Final statement returns ${titleOf(column.expression.type)} instead of ${titleOf(field.type)} at column ${i + 1}.`,
      );
    }
    if (i === fields.length - 1 && columns.length > fields.length) {
      throw wrong('Final statement returns too many columns.');
    }
    return coerced;
  });
}

/** The expression of `SELECT expression`; undefined for any other query. */
function onlyExpression(user: UserFunction): Node | undefined {
  const { targetList = [], op, ...rest } = user.query as unknown as SelectStmt;
  const [target] = targetList;
  if (target === undefined || targetList.length !== 1 || op !== 'SETOP_NONE' || !('ResTarget' in target)) return;
  const others = Object.keys(rest).filter((name) => name !== 'limitOption' && name !== 'groupDistinct');
  return others.length === 0 ? target.ResTarget.val : undefined;
}

/** A function of the arguments alone, if the body is one. */
export function asExpression(user: UserFunction, context: BindContext): ScalarFunction | undefined {
  const node = onlyExpression(user);
  if (node === undefined || user.result === 'void' || isRecord(resultOf(user))) return undefined;
  const args = inputs(user.parameters).map(({ type }, i) => columnAt(i, { type, modifier: -1 }));
  const { queries: _, ...plain } = { ...readAsMade(user, context), parameters: [], takesParameters: false };
  const binder = context.functions!.binder(plain, parameterScope(user, args));
  let bound: BoundExpression;
  try {
    bound = at(undefined, () => binder.bind(withNumbers(node), { title: 'SELECT', aggregates: 'refused' }));
  } catch (error) {
    // Aggregates, subqueries and sets need a query.
    if (error instanceof SqlError) return undefined;
    throw error;
  }
  const coerced = binder.tryCoerce(bound, resultOf(user), -1, 'assignment');
  if (coerced === undefined || hasSubquery(coerced)) return undefined;
  const evaluate = context.functions!.compile(coerced);
  return {
    name: user.name,
    arguments: args.map(({ type }) => type),
    result: resultOf(user),
    strict: user.strict,
    volatility: volatilityOf(user, coerced),
    evaluate: (values, evaluation) => evaluate(values, evaluation),
    id: user.id,
  };
}

/** A function of the arguments alone, if the body is a query that reads no table, and calls nothing that runs statements. */
export function asQuery(user: UserFunction, context: BindContext): ScalarFunction | undefined {
  const { functions } = context;
  if (functions === undefined || user.query === undefined || user.returnsSet || user.result === 'void')
    return undefined;
  const written: (ReadonlySet<TableId> | undefined)[] = [];
  const inside = functions.withQueries({
    ...context,
    functions: { ...functions, findTable: () => undefined },
    parameters: [],
    takesParameters: false,
    progress: { depth: 0, slots: 0, written },
  });
  const args = inputs(user.parameters).map(({ type }, i) => columnAt(i, { type, modifier: -1 }));
  let bound: BoundExpression;
  try {
    bound = bindUserCall({ definition: user, order: args.map((_, i) => i), spread: true }, args, inside, undefined);
  } catch (error) {
    // It names a table.
    if (error instanceof SqlError) return undefined;
    throw error;
  }
  if (written.length > 0) return undefined;
  const { name, strict, volatility, id } = user;
  const types = args.map(({ type }) => type);
  return {
    name,
    arguments: types,
    result: resultOf(user),
    strict,
    volatility,
    evaluate: functions.compileAtOnce(bound),
    runsQuery: true,
    id,
  };
}

/** An expression may be better than its function promises: PostgreSQL puts it in the place of the call, unless nulls are kept from it. */
function volatilityOf({ strict, volatility }: UserFunction, body: BoundExpression): UserFunction['volatility'] {
  if (strict || volatility === 'immutable') return volatility;
  if (isImmutable(body)) return 'immutable';
  return isVolatile(body) ? volatility : 'stable';
}

/** How a call is printed: without the defaults behind what it says, and with what the last parameter takes in as one array. */
export function givenOf({ definition, order }: UserCall): { readonly given?: number; readonly spreads?: true } {
  if (givenBy(definition).at(-1)?.mode === 'variadic') return { spreads: true };
  const given = order.filter((place) => place >= 0).length;
  return given < order.length && order.every((place, i) => (i < given ? place === i : place < 0)) ? { given } : {};
}

/** A call that gives one value. @param args In the order of the call, of the types that the function wants. */
export function bindUserCall(
  call: UserCall,
  given: readonly BoundExpression[],
  context: QueryContext,
  location: number | undefined,
): BoundExpression {
  const concrete = concreteCall(call, given);
  const { definition: user } = concrete;
  const args = completeArguments(concrete, given, context);
  const result = resultOf(user);
  return nested(context, () => {
    const simple = asExpression(user, context);
    if (simple !== undefined) {
      return { kind: 'call', type: result, modifier: -1, location, function: simple, args, ...givenOf(call) };
    }
    const { query, frame } = bindBody(user, args, context, true);
    const reads = [...frame.reads];
    const [first] = query.columns;
    if (first === undefined) throw notSupported('a function whose query has no columns', location);
    const { type, modifier } = first.expression;
    const value: BoundExpression = {
      kind: 'subquery',
      type,
      modifier,
      location,
      mode: 'scalar',
      query,
      args: frame.args,
      reads,
      operands: [],
      test: undefined,
    };
    if (user.result !== 'void') return value;
    // Run for what it does: its value is nothing.
    const nothing: ScalarFunction = {
      name: user.name,
      arguments: [type],
      result: 'void',
      strict: false,
      volatility: user.volatility,
      evaluate: () => null,
    };
    return { kind: 'call', type: 'void', modifier: -1, location, function: nothing, args: [value] };
  });
}

function bindBody(
  user: UserFunction,
  args: readonly BoundExpression[],
  context: QueryContext,
  first: boolean,
): { readonly query: BoundRows; readonly frame: Frame } {
  const frame = new Frame(parameterScope(user, args));
  const inner = bodyContext(user, context);
  const bound = at(undefined, () => context.queries.bind(bodyOf(user, first), inner, frame));
  if (user.result === 'void' || bound.kind !== 'select') return { query: bound, frame };
  const values = coerceColumns(user, bound.columns, inner);
  const result = resultOf(user);
  const isRow = isRecord(result) && !(values.length === 1 && isRecord(values[0]!.type));
  if (!first || !isRow) return { query: withColumns(bound, columnsOf(user, bound, values)), frame };
  const types = values.map((value) => value.type);
  const record: BoundExpression = {
    kind: 'call',
    type: result,
    modifier: -1,
    location: undefined,
    function: {
      name: 'row',
      arguments: types,
      result,
      strict: false,
      volatility: 'immutable',
      evaluate: (each) => makeRecord(types, each),
    },
    args: values,
  };
  return { query: withColumns(bound, [{ name: user.name, expression: record, origin: undefined }]), frame };
}

function columnsOf(user: UserFunction, query: BoundRows, values: readonly BoundExpression[]): readonly BoundColumn[] {
  const fields = typeInfo(baseOf(resultOf(user))).fields;
  return values.map((expression, i) => ({
    name: fields !== undefined && values.length > 1 ? fields[i]!.name : (query.columns[i]?.name ?? user.name),
    expression,
    origin: undefined,
  }));
}

function withColumns(query: Extract<BoundRows, { kind: 'select' }>, columns: readonly BoundColumn[]): BoundRows {
  return { ...query, columns };
}

/** A call in FROM: the query that gives its rows, and the frame whose arguments it takes. */
export function bindUserSet(
  call: UserCall,
  given: readonly BoundExpression[],
  context: QueryContext,
): { readonly query: BoundRows; readonly frame: Frame } {
  const concrete = concreteCall(call, given);
  const { definition: user } = concrete;
  return nested(context, () => bindBody(user, completeArguments(concrete, given, context), context, !user.returnsSet));
}

/** Binds the query once, with arguments that say nothing. @throws SqlError of whatever is wrong in it. */
export function checkQuery(user: UserFunction, context: QueryContext): void {
  const args = inputs(user.parameters).map(({ type }, i) => columnAt(i, { type, modifier: -1 }));
  bindBody(user, args, context, !user.returnsSet);
}
