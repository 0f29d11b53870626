/**
 * Finds the function or operator that a call means, and makes it ready to run on the types the call will have.
 *
 * Lookup follows PostgreSQL (func_get_detail, oper, left_oper): an exact match of types wins; an operator with one literal
 * of unknown type is first looked for with the other side's type; else candidates.ts decides. Messages are PostgreSQL's.
 */

import { assert } from '../../../base/assert.ts';
import { LruCache } from '../../../base/lru-cache.ts';
import type { SqlArray } from '../../../models/relational/values.ts';
import { SqlError } from '../sql-error.ts';
import { parseText } from '../types/text-form.ts';
import { UTC } from '../types/time-zone.ts';
import {
  arrayOf,
  baseOf,
  castPath,
  commonType,
  elementOf,
  isRecord,
  type SqlType,
  type SqlValue,
  titleOf,
  typeInfo,
  typeNamed,
} from '../types/types.ts';
import { type Candidate, chooseCandidate, isPolymorphic, polymorph } from './candidates.ts';
import { COMPARISON } from './comparisons.ts';
import type { FunctionDefinition, Kernel } from './definition.ts';
import { FUNCTIONS, OPERATORS } from './directories.ts';
import type { EvaluationContext, ScalarFunction } from './evaluation.ts';

/** What stands between the parentheses of a call, besides its types. */
export interface CallShape {
  /** Names of the arguments that are given by name: the last ones. */
  readonly names?: readonly string[];
  /** The last argument is an array that stands for arguments that repeat: `VARIADIC`. */
  readonly variadic?: boolean;
  /** Where the last argument stands. */
  readonly lastAt?: number | undefined;
  /** The name as it was written, for messages. */
  readonly shown?: string;
  /** The name with a schema, in which no function is built in. */
  readonly qualified?: string;
  /** What a record is, where a list of columns says it. */
  readonly record?: SqlType;
  /** The type that a user defined under that name. */
  readonly type?: SqlType;
}

/** A call of one argument by the name of a type is a cast. */
export interface TypeCall {
  readonly cast: SqlType;
}

interface Fit {
  readonly definition: FunctionDefinition;
  /** For each declared argument (repeated ones spread out), which argument of the call it is; -1 for a default. */
  readonly order: readonly number[];
  /** The last argument of the call is an array of those that repeat. */
  readonly spread?: boolean;
}

export function isFunction(name: string): boolean {
  return FUNCTIONS.has(name);
}

/** A function that is known to be there. */
export function findFunction(name: string, types: readonly SqlType[]): ScalarFunction {
  const found = resolveFunction(name, types);
  assert(!('cast' in found), 'a function is looked for, not a cast');
  return found;
}

/** Plain calls of built-in functions, by name and types: some take any number of arguments. */
const knownFunctions = new LruCache<string, ScalarFunction | TypeCall>(2_000);

/** @throws SqlError `undefined_function`, `ambiguous_function`, `datatype_mismatch`. */
export function resolveFunction(
  name: string,
  types: readonly SqlType[],
  shape: CallShape = {},
  location?: number,
  others: readonly FunctionDefinition[] = [],
): ScalarFunction | TypeCall {
  const { names, variadic, qualified, record, type } = shape;
  const isPlain =
    names === undefined && variadic !== true && qualified === undefined && record === undefined && type === undefined;
  if (!isPlain || others.length > 0 || !types.every(isFixed)) {
    return lookUpFunction(name, types, shape, location, others);
  }
  const key = `${name} ${types.join()}`;
  let found = knownFunctions.get(key);
  if (found === undefined) {
    found = lookUpFunction(name, types, shape, location, others);
    knownFunctions.set(key, found);
  }
  return found;
}

function lookUpFunction(
  name: string,
  types: readonly SqlType[],
  shape: CallShape,
  location: number | undefined,
  others: readonly FunctionDefinition[],
): ScalarFunction | TypeCall {
  const candidates: Candidate<Fit>[] = [];
  for (const definition of shape.qualified === undefined ? [...FUNCTIONS.named(name), ...others] : others) {
    const candidate = fitted(definition, types.length, shape);
    if (candidate !== undefined) candidates.push(candidate);
  }
  const exact = preferPlain(candidates.filter((each) => each.arguments.every((type, i) => type === types[i])));
  if (exact !== undefined) return instantiate(exact, types, location, shape.record);
  const builtin = shape.qualified === undefined ? typeNamed(name) : undefined;
  const named = types.length === 1 && shape.names === undefined ? (shape.type ?? builtin) : undefined;
  if (named !== undefined && isCastByName(types[0]!, named)) return { cast: named };
  const chosen = chooseCandidate(withoutHidden(candidates), types);
  if (typeof chosen !== 'string') return instantiate(chosen, types, location, shape.record);
  if (shape.variadic === true && candidates.some(({ item }) => item.definition.arguments.at(-1) === 'any')) {
    throw new SqlError('datatype_mismatch', 'VARIADIC argument must be an array', { location: shape.lastAt });
  }
  const shown = `function ${shape.qualified ?? shape.shown ?? name}(${titles(types, shape)})`;
  if (chosen === 'ambiguous') {
    throw new SqlError('ambiguous_function', `${shown} is not unique`, {
      location,
      hint: 'Could not choose a best candidate function. You might need to add explicit type casts.',
    });
  }
  throw new SqlError('undefined_function', `${shown} does not exist`, {
    location,
    hint: 'No function matches the given name and argument types. You might need to add explicit type casts.',
  });
}

function titles(types: readonly SqlType[], { names = [] }: CallShape): string {
  const first = types.length - names.length;
  return types.map((type, i) => (i < first ? titleOf(type) : `${names[i - first]} => ${titleOf(type)}`)).join(', ');
}

function isCastByName(from: SqlType, to: SqlType): boolean {
  if (from === 'unknown') return true;
  const path = castPath(from, to, 'explicit');
  // A record does not become a string in this form alone: `text(r)` may mean a field.
  return path === 'same' || path === 'function' || (path === 'text' && !(isRecord(baseOf(from)) && isText(to)));
}

function isText(type: SqlType): boolean {
  return typeInfo(type).category === 'S';
}

/** One that repeats gives way to one that does not. */
function preferPlain<T extends Candidate<Fit>>(candidates: readonly T[]): T | undefined {
  return candidates.find((each) => !each.item.definition.variadic) ?? candidates[0];
}

function withoutHidden(candidates: readonly Candidate<Fit>[]): readonly Candidate<Fit>[] {
  return candidates.filter(
    (each) =>
      !each.item.definition.variadic ||
      !candidates.some(
        (other) => !other.item.definition.variadic && other.arguments.every((type, i) => type === each.arguments[i]),
      ),
  );
}

/** What VARIADIC takes in the place of values of any type. */
const ARRAYS_OF_ANY: ReadonlyMap<SqlType, SqlType> = new Map([
  ['any', 'anyarray'],
  ['anyelement', 'anyarray'],
  ['anycompatible', 'anycompatiblearray'],
]);

function fitted(definition: FunctionDefinition, count: number, shape: CallShape): Candidate<Fit> | undefined {
  const { arguments: declared, argumentNames, defaults, variadic } = definition;
  const names = shape.names ?? [];
  if (shape.variadic === true) {
    if (!variadic || count !== declared.length || names.length > 0) return undefined;
    const last = declared.at(-1)!;
    const array = ARRAYS_OF_ANY.get(last) ?? arrayOf(last)!;
    return {
      arguments: [...declared.slice(0, -1), array],
      item: { definition, order: declared.map((_, i) => i), spread: true },
    };
  }
  if (variadic) {
    if (count < declared.length || names.length > 0) return undefined;
    const args = Array.from({ length: count }, (_, i) => declared[Math.min(i, declared.length - 1)]!);
    return { arguments: args, item: { definition, order: args.map((_, i) => i) } };
  }
  if (count > declared.length || count < declared.length - defaults.length) return undefined;
  const order: number[] = declared.map((_, i) => (i < count - names.length ? i : -1));
  const args: SqlType[] = declared.slice(0, count - names.length);
  for (let i = 0; i < names.length; i++) {
    const at = argumentNames.indexOf(names[i]!);
    if (at < 0 || order[at] !== -1) return undefined;
    order[at] = count - names.length + i;
    args.push(declared[at]!);
  }
  for (let i = 0; i < declared.length - defaults.length; i++) if (order[i] === -1) return undefined;
  return { arguments: args, item: { definition, order } };
}

/** By name, right side and left side ('' for none): types that users define are not among them, for those change. */
const knownOperators = new Map<string, Map<SqlType, Map<SqlType | '', ScalarFunction>>>();

/** Undefined as `left` stands for an operator before its operand. @throws as `resolveFunction`. */
export function resolveOperator(
  name: string,
  left: SqlType | undefined,
  right: SqlType,
  location?: number,
): ScalarFunction {
  const known = knownOperators
    .get(name)
    ?.get(right)
    ?.get(left ?? '');
  if (known !== undefined) return known;
  const found = lookUpOperator(name, left, right, location);
  if (isFixed(right) && (left === undefined || isFixed(left))) {
    inMap(inMap(knownOperators, name), right).set(left ?? '', found);
  }
  return found;
}

/** Built in, so that what was found for it once is right for good. */
function isFixed(type: SqlType): boolean {
  return !type.includes('user:');
}

function inMap<K, L, V>(map: Map<K, Map<L, V>>, key: K): Map<L, V> {
  let inner = map.get(key);
  if (inner === undefined) {
    inner = new Map();
    map.set(key, inner);
  }
  return inner;
}

function lookUpOperator(name: string, left: SqlType | undefined, right: SqlType, location?: number): ScalarFunction {
  const types = left === undefined ? [right] : [left, right];
  const operator = name === '!=' ? '<>' : name;
  const candidates: Candidate<Fit>[] = OPERATORS.named(operator)
    .filter((definition) => definition.arguments.length === types.length)
    .map((definition) => ({
      arguments: definition.arguments,
      item: { definition, order: definition.arguments.map((_, i) => i) },
    }));
  // One literal of unknown type: as if it had the type of the other side.
  const guessed = types.map((type) => (type === 'unknown' ? (types.find((each) => each !== 'unknown') ?? type) : type));
  const match = (wanted: readonly SqlType[]) =>
    candidates.find((each) => each.arguments.every((type, i) => type === wanted[i]));
  const exact = match(guessed) ?? match(guessed.map(baseOf));
  if (exact !== undefined) return instantiate(exact, types, location);
  const chosen = chooseCandidate(candidates, types);
  if (typeof chosen !== 'string') return instantiate(chosen, types, location);
  const shown = left === undefined ? `${name} ${titleOf(right)}` : `${titleOf(left)} ${name} ${titleOf(right)}`;
  if (chosen === 'ambiguous') {
    throw new SqlError('ambiguous_function', `operator is not unique: ${shown}`, {
      location,
      hint: 'Could not choose a best candidate operator. You might need to add explicit type casts.',
    });
  }
  throw new SqlError('undefined_function', `operator does not exist: ${shown}`, {
    location,
    hint:
      left === undefined
        ? 'No operator matches the given name and argument type. You might need to add an explicit type cast.'
        : 'No operator matches the given name and argument types. You might need to add explicit type casts.',
  });
}

function instantiate(
  { arguments: declared, item: { definition, order, spread = false } }: Candidate<Fit>,
  actual: readonly SqlType[],
  location: number | undefined,
  record?: SqlType,
): ScalarFunction {
  let args = declared;
  let result = definition.result === 'record' ? (record ?? 'record') : definition.result;
  if (declared.some(isPolymorphic) || isPolymorphic(result)) {
    const concrete = polymorph(declared, actual);
    const found = typeof concrete === 'string' ? concrete : concrete.result(result);
    if (typeof concrete === 'string' || found.includes(' ')) {
      const [message, detail] = (typeof concrete === 'string' ? concrete : found).split('\u0000');
      // Of literals alone PostgreSQL tells no place.
      const place = message!.startsWith('could not determine') ? undefined : location;
      throw new SqlError('datatype_mismatch', message!, { location: place, detail });
    }
    args = concrete.arguments;
    const known = found === 'record' ? (record ?? found) : (found as SqlType);
    result = definition.resultFor?.((type) => concrete.result(type) as SqlType) ?? known;
  }
  // Anything at all: as it is, a literal as text.
  const untyped = args.flatMap((type, i) => (type === 'any' && actual[i] === 'unknown' ? [i] : []));
  args = args.map((type, i) => (type === 'any' ? (actual[i] === 'unknown' ? 'text' : actual[i]!) : type));
  const { code, name, strict, volatility, returnsSet, variadic, waits } = definition;
  const comparison = code === COMPARISON ? (name as NonNullable<ScalarFunction['comparison']>) : undefined;
  if (comparison !== undefined && args[0] !== args[1]) {
    // An integer beside an xid is one; see the binder.
    const common = commonType(args) ?? args[0]!;
    args = [common, common];
  } else if (comparison === undefined) {
    // Whoever takes records of any kind is told which.
    args = args.map((type, i) => (type === 'record' && isRecord(baseOf(actual[i]!)) ? actual[i]! : type));
  }
  const built = spread ? [...args.slice(0, -1), elementOf(args.at(-1)!) ?? args.at(-1)!] : args;
  if (definition.user !== undefined) {
    // Those of an extension are code of the server; of others a body is bound, with the defaults that it has.
    const isNative = definition.user.extension !== undefined && typeof code === 'function';
    return {
      name,
      arguments: args,
      result,
      strict,
      volatility,
      evaluate: isNative ? evaluation(code, definition, order, spread) : () => null,
      ...(returnsSet ? { returnsSet } : {}),
      ...(waits ? { waits } : {}),
      user: { definition: definition.user, order, spread },
    };
  }
  // Who tells the type of a literal is told that it has none.
  const told = name === 'pg_typeof' ? actual : built;
  const kernel = typeof code === 'function' ? code : code.build(told, result);
  return {
    name,
    arguments: args,
    result,
    strict,
    volatility,
    evaluate: evaluation(kernel, definition, order, spread),
    ...(returnsSet ? { returnsSet } : {}),
    ...(waits ? { waits } : {}),
    ...(comparison === undefined ? {} : { comparison }),
    ...(variadic ? { variadic } : {}),
    ...(untyped.length === 0 ? {} : { untyped }),
  };
}

type Run = (...args: unknown[]) => SqlValue;

function evaluation(
  kernel: Kernel,
  definition: FunctionDefinition,
  order: readonly number[],
  spread: boolean,
): ScalarFunction['evaluate'] {
  const run = kernel as unknown as Run;
  const { arguments: declared, defaults, variadic } = definition;
  if (variadic) {
    const fixed = declared.length - 1;
    if (spread) {
      return (args, context) => {
        const array = args[fixed] as SqlArray | null;
        // No arguments at all are no list of none, but for the template that has nothing to fill in.
        if (array === null && definition.name !== 'format') return null;
        return run(...args.slice(0, fixed), array?.values ?? [], context);
      };
    }
    return (args, context) => run(...args.slice(0, fixed), args.slice(fixed), context);
  }
  if (order.some((place, i) => place !== i)) {
    const firstDefault = declared.length - defaults.length;
    const time = { zone: UTC, nowMicros: 0n };
    const values = declared.map((type, i) =>
      i < firstDefault || defaults[i - firstDefault] === 'null'
        ? null
        : parseText(type, defaults[i - firstDefault]!, time),
    );
    return (args, context: EvaluationContext) =>
      run(...order.map((place, i) => (place < 0 ? values[i]! : args[place]!)), context);
  }
  switch (declared.length) {
    case 0:
      return (_, context) => run(context);
    case 1:
      return (args, context) => run(args[0], context);
    case 2:
      return (args, context) => run(args[0], args[1], context);
    case 3:
      return (args, context) => run(args[0], args[1], args[2], context);
    default:
      return (args, context) => run(...args, context);
  }
}
