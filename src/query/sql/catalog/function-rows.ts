/**
 * The rows of pg_proc, pg_operator, pg_cast and pg_aggregate, out of the tables that calls are resolved by, and of the functions
 * that users defined; and what functions like pg_get_function_arguments tell of them.
 *
 * Oids of built-in functions and operators are not PostgreSQL's: they count from a number of ours, in the order of our tables,
 * and are no more stable than these. Aggregates are there as far as they take one argument.
 */

import { type FunctionParameter, inputs, type UserFunction } from '../../../models/relational/function-definition.ts';
import type { SqlExpression } from '../../../models/relational/table.ts';
import { SqlArray } from '../../../models/relational/values.ts';
import { resultOf } from '../binder/bind-function.ts';
import { deparse, quoteName } from '../binder/deparse.ts';
import { ExpressionBinder } from '../binder/expression-binder.ts';
import { definitionContext } from '../binder/query-context.ts';
import { type AggregateFunction, findAggregate } from '../functions/aggregates.ts';
import type { FunctionDefinition } from '../functions/definition.ts';
import { FUNCTIONS, OPERATORS } from '../functions/directories.ts';
import { SqlError } from '../sql-error.ts';
import { castRules } from '../types/cast-rules.ts';
import { allTypes, arrayOf, type SqlType, titleOf, typeInfo, typeOfOid } from '../types/types.ts';
import type { CatalogObjects } from './catalog-objects.ts';
import { OWNER, SYSTEM_SCHEMAS, schemaOid } from './oids.ts';
import type { SystemRow } from './system-row.ts';
import { typeFunction, typeFunctionNamed, typeFunctionRows } from './type-io.ts';

const FUNCTION_OIDS = 600_000_000;
const OPERATOR_OIDS = 610_000_000;
const AGGREGATE_OIDS = 620_000_000;
/** Below those of users, by which tools tell what is worth dumping. */
const CAST_OIDS = 10_000;
const SQL_LANGUAGE = 14;
const C_LANGUAGE = 13;
const INTERNAL_LANGUAGE = 12;

const VOLATILITY = { immutable: 'i', stable: 's', volatile: 'v' } as const;
const MODES = { in: 'i', out: 'o', inout: 'b', variadic: 'v', table: 't' } as const;

function oidOf(type: string): number {
  return typeInfo(type as SqlType).oid;
}

function oids(types: readonly string[]): SqlArray {
  return new SqlArray('oid', types.map(oidOf), types.length === 0 ? [] : [types.length], types.length === 0 ? [] : [0]);
}

interface BuiltinFunction {
  readonly oid: number;
  readonly definition: FunctionDefinition;
}

let known: readonly BuiltinFunction[] | undefined;

/** Those whose types are all known; the ones that type-io.ts tells of have PostgreSQL's own oids there. */
function builtins(): readonly BuiltinFunction[] {
  known ??= [...FUNCTIONS.all()]
    .filter(({ name }) => typeFunctionNamed(name, undefined) === undefined)
    .map((definition, i) => ({ oid: FUNCTION_OIDS + i, definition }));
  return known;
}

function row(oid: number, name: string, types: readonly string[], result: string): SystemRow {
  return {
    oid,
    proname: name,
    pronamespace: SYSTEM_SCHEMAS.pg_catalog,
    proowner: OWNER,
    prolang: INTERNAL_LANGUAGE,
    procost: 1,
    prokind: 'f',
    proparallel: 's',
    pronargs: types.length,
    prorettype: oidOf(result),
    proargtypes: oids(types),
    prosrc: name,
  };
}

/** An argument that repeats is of the type of its elements. */
function declaredTypes({ arguments: declared, variadic }: FunctionDefinition): readonly SqlType[] {
  if (!variadic) return declared;
  const last = declared.at(-1)!;
  return [...declared.slice(0, -1), last === 'any' ? 'any' : (arrayOf(last) ?? last)];
}

export function* functionRows({ functions }: CatalogObjects): Iterable<SystemRow> {
  for (const { oid, definition } of builtins()) {
    const { name, result, returnsSet, strict, volatility, defaults, variadic, argumentNames } = definition;
    const types = declaredTypes(definition);
    yield {
      ...row(oid, name, types, result),
      proretset: returnsSet,
      proisstrict: strict,
      provolatile: VOLATILITY[volatility],
      pronargdefaults: defaults.length,
      provariadic: variadic ? oidOf(definition.arguments.at(-1)!) : 0,
      prorows: returnsSet ? 100 : 0,
      proargnames: argumentNames.some((each) => each !== undefined)
        ? new SqlArray(
            'text',
            argumentNames.map((each) => each ?? ''),
          )
        : null,
    };
  }
  yield* typeFunctionRows(row(0, '', [], 'cstring'));
  for (const { oid, name, argument, result } of aggregates()) {
    yield { ...row(oid, name, argument === undefined ? [] : [argument], result), prokind: 'a', provolatile: 'i' };
  }
  for (const user of functions) {
    const { id, name, schema, parameters, strict, volatility, returnsSet, source } = user;
    const given = inputs(parameters);
    const hasOutputs = parameters.some(({ mode }) => mode !== 'in');
    yield {
      ...row(
        id,
        name,
        given.map(({ type }) => type),
        user.isProcedure === true && user.result !== 'void' ? 'record' : resultOf(user),
      ),
      prokind: user.isProcedure === true ? 'p' : 'f',
      pronamespace: schemaOid(schema),
      prolang: user.extension === undefined ? SQL_LANGUAGE : C_LANGUAGE,
      procost: user.cost ?? costOf(user),
      prorows: returnsSet ? (user.rows ?? 1_000) : 0,
      proleakproof: user.leakproof === true,
      proisstrict: strict,
      proretset: returnsSet,
      prosecdef: user.securityDefiner === true,
      proparallel: parallelOf(user)[0]!,
      provolatile: VOLATILITY[volatility],
      pronargdefaults: given.filter((each) => each.default !== undefined).length,
      proallargtypes: hasOutputs
        ? new SqlArray(
            'oid',
            parameters.map(({ type }) => oidOf(type)),
          )
        : null,
      proargmodes: hasOutputs
        ? new SqlArray(
            'char',
            parameters.map(({ mode }) => MODES[mode]),
          )
        : null,
      proargnames: parameters.some((each) => each.name !== undefined)
        ? new SqlArray(
            'text',
            parameters.map((each) => each.name ?? ''),
          )
        : null,
      prosrc: source,
      probin: user.extension === undefined ? null : libraryOf(user.extension),
    };
  }
}

/** Where PostgreSQL has the code of an extension. */
function libraryOf(extension: string): string {
  return `$libdir/${extension}`;
}

/** Undefined for types that it is not there for, those without an order among them. */
function aggregateOf(name: string, type: SqlType): AggregateFunction | undefined {
  try {
    return findAggregate(name, type);
  } catch (error) {
    if (error instanceof SqlError) return undefined;
    throw error;
  }
}

interface AggregateRow {
  readonly oid: number;
  readonly name: string;
  readonly argument: SqlType | undefined;
  readonly result: SqlType;
}

function* aggregates(): Iterable<AggregateRow> {
  let oid = AGGREGATE_OIDS;
  yield { oid: oid++, name: 'count', argument: undefined, result: 'int8' };
  for (const name of ['count', 'sum', 'min', 'max', 'avg']) {
    const seen = new Set<SqlType>();
    for (const { type, kind } of allTypes()) {
      if (kind === 'p' || type.includes('user:')) continue;
      const found = aggregateOf(name, type);
      const argument: SqlType | undefined = name === 'count' ? 'any' : found?.argument;
      if (found === undefined || argument === undefined || seen.has(argument)) continue;
      seen.add(argument);
      yield { oid: oid++, name, argument, result: found.result };
    }
  }
}

export function* aggregateRows(): Iterable<SystemRow> {
  for (const { oid, result } of aggregates()) {
    yield { aggfnoid: oid, aggkind: 'n', aggfinalmodify: 'r', aggmfinalmodify: 'r', aggtranstype: oidOf(result) };
  }
}

export function* operatorRows(): Iterable<SystemRow> {
  let oid = OPERATOR_OIDS;
  for (const { name, arguments: types, result } of OPERATORS.all()) {
    const [left, right] = types.length === 1 ? [undefined, types[0]!] : types;
    yield {
      oid: oid++,
      oprname: name,
      oprnamespace: SYSTEM_SCHEMAS.pg_catalog,
      oprowner: OWNER,
      oprkind: left === undefined ? 'l' : 'b',
      oprleft: left === undefined ? 0 : oidOf(left),
      oprright: oidOf(right!),
      oprresult: oidOf(result),
    };
  }
}

const CONTEXTS = { implicit: 'i', assignment: 'a', explicit: 'e' } as const;

export function* castRows(): Iterable<SystemRow> {
  let oid = CAST_OIDS;
  for (const [from, to, context] of castRules()) {
    yield {
      oid: oid++,
      castsource: oidOf(from),
      casttarget: oidOf(to),
      castcontext: CONTEXTS[context],
      castmethod: 'f',
    };
  }
}

export type FunctionPart = 'result' | 'arguments' | 'identity' | 'definition' | 'clause';

/** What pg_get_function_result and its kin print. */
export function functionText(objects: CatalogObjects, oid: number, part: FunctionPart): string | null {
  const user = objects.functions.find(({ id }) => id === oid);
  if (user !== undefined) return userText(user, part, objects);
  const builtin = builtins()[oid - FUNCTION_OIDS]?.definition;
  const aggregate = builtin === undefined ? [...aggregates()].find((each) => each.oid === oid) : undefined;
  if (aggregate !== undefined && (part === 'result' || part === 'arguments' || part === 'identity')) {
    const { argument, result } = aggregate;
    return part === 'result' ? titleOf(result) : argument === undefined ? '' : titleOf(argument);
  }
  if (builtin === undefined || part === 'definition' || part === 'clause') return null;
  if (part === 'result') return `${builtin.returnsSet ? 'SETOF ' : ''}${titleOf(builtin.result)}`;
  return declaredTypes(builtin)
    .map((type, i) => {
      const isLast = i === builtin.arguments.length - 1;
      const name = builtin.argumentNames[i];
      return `${builtin.variadic && isLast ? 'VARIADIC ' : ''}${name === undefined ? '' : `${name} `}${titleOf(type)}`;
    })
    .join(', ');
}

function userText(user: UserFunction, part: FunctionPart, objects: CatalogObjects): string | null {
  switch (part) {
    case 'result':
      return user.isProcedure === true ? null : resultText(user, objects);
    case 'arguments':
      return argumentsText(user, objects, true);
    case 'identity':
      return argumentsText(user, objects, false);
    case 'clause':
      return user.clause ?? null;
    case 'definition': {
      const traits = [
        ...(user.volatility === 'volatile' ? [] : [user.volatility.toUpperCase()]),
        ...(parallelOf(user) === 'unsafe' ? [] : [`PARALLEL ${parallelOf(user).toUpperCase()}`]),
        ...(user.strict ? ['STRICT'] : []),
        ...(user.securityDefiner === true ? ['SECURITY DEFINER'] : []),
        ...(user.leakproof === true ? ['LEAKPROOF'] : []),
        ...((user.cost ?? costOf(user)) === costOf(user) ? [] : [`COST ${user.cost}`]),
        ...((user.rows ?? 1_000) === 1_000 ? [] : [`ROWS ${user.rows}`]),
      ];
      const isProcedure = user.isProcedure === true;
      const word = isProcedure ? 'procedure' : 'function';
      const library = user.extension === undefined ? '' : `'${libraryOf(user.extension)}', `;
      const tag = user.source.includes(`$${word}$`) ? `$${word}x$` : `$${word}$`;
      return [
        `CREATE OR REPLACE ${isProcedure ? 'PROCEDURE' : 'FUNCTION'} ${quoteName(objects.schemaName(user.schema))}.${quoteName(user.name)}(${argumentsText(user, objects, true)})`,
        ...(isProcedure ? [] : [` RETURNS ${resultText(user, objects)}`]),
        ` LANGUAGE ${user.extension === undefined ? 'sql' : 'c'}`,
        ...(traits.length === 0 ? [] : [` ${traits.join(' ')}`]),
        user.clause ?? `AS ${library}${tag}${user.source}${tag}`,
        '',
      ].join('\n');
    }
  }
}

function resultText(user: UserFunction, objects: CatalogObjects): string {
  const columns = user.parameters.filter(({ mode }) => mode === 'table');
  if (columns.length > 0) {
    return `TABLE(${columns.map(({ name, type }) => `${quoteName(name ?? '')} ${objects.typeTitle(type)}`).join(', ')})`;
  }
  return `${user.returnsSet ? 'SETOF ' : ''}${objects.typeTitle(resultOf(user))}`;
}

function argumentsText(
  { parameters, isProcedure }: UserFunction,
  objects: CatalogObjects,
  withDefaults: boolean,
): string {
  return parameters
    .filter(({ mode }) => mode !== 'table')
    .map(({ name, type, mode, default: value }) => {
      const words = mode === 'in' && isProcedure !== true ? '' : `${mode.toUpperCase()} `;
      const shown = `${words}${name === undefined ? '' : `${quoteName(name)} `}${objects.typeTitle(type)}`;
      const given = withDefaults ? parameterDefault({ type, default: value }, objects) : undefined;
      return given === undefined ? shown : `${shown} DEFAULT ${given}`;
    })
    .join(', ');
}

/** The default of a parameter as SQL. */
export function parameterDefault(
  { type, default: value }: Pick<FunctionParameter, 'type'> & { readonly default?: SqlExpression | undefined },
  objects: CatalogObjects,
): string | undefined {
  if (value === undefined) return undefined;
  const binder = new ExpressionBinder(definitionContext(value.zone, { functions: objects.calls }), undefined);
  const bound = binder.bind(value.tree as never, { title: 'DEFAULT expressions', aggregates: 'refused' });
  return deparse(binder.coerce(bound, type, -1, 'assignment'), objects.style());
}

/** Oids of functions of that name, with these arguments where they are given. */
export function functionsNamed(
  objects: CatalogObjects,
  name: string,
  schemas: readonly string[],
  types: readonly SqlType[] | undefined,
): readonly number[] {
  const fits = (declared: readonly SqlType[]): boolean => types === undefined || declared.join() === types.join();
  for (const schema of schemas) {
    const found =
      schema === 'pg_catalog'
        ? [
            ...builtins()
              .filter(({ definition }) => definition.name === name && fits(declaredTypes(definition)))
              .map(({ oid }) => oid),
            ...[typeFunctionNamed(name, types?.map(oidOf)) ?? []].flat(),
          ]
        : objects.functions
            .filter(
              (each) =>
                each.name === name &&
                objects.schemaName(each.schema) === schema &&
                fits(inputs(each.parameters).map(({ type }) => type)),
            )
            .map(({ id }) => id);
    if (found.length > 0) return found;
  }
  return [];
}

/** How regproc and regprocedure print it. */
export function functionName(objects: CatalogObjects, oid: number, withTypes: boolean): string | undefined {
  const io = typeFunction(oid);
  if (io !== undefined) {
    if (!withTypes) return io.name;
    const titles = io.types.map((type) => {
      const known = typeOfOid(type);
      return known === undefined ? 'internal' : objects.typeTitle(known);
    });
    return `${io.name}(${titles.join(',')})`;
  }
  const user = objects.functions.find(({ id }) => id === oid);
  const builtin = user === undefined ? builtins()[oid - FUNCTION_OIDS]?.definition : undefined;
  const name = user === undefined ? builtin && quoteName(builtin.name) : objects.calleeName(oid);
  if (name === undefined) return undefined;
  if (!withTypes) return name;
  const types = user === undefined ? declaredTypes(builtin!) : inputs(user.parameters).map(({ type }) => type);
  return `${name}(${types.map(titleOf).join(',')})`;
}

/** Of a call, where nobody has said: functions in C are cheap. */
function costOf({ extension }: UserFunction): number {
  return extension === undefined ? 100 : 1;
}

function parallelOf({ extension, parallel }: UserFunction): 'safe' | 'restricted' | 'unsafe' {
  return parallel ?? (extension === undefined ? 'unsafe' : 'safe');
}
