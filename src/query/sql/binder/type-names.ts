/**
 * Names of types that users defined, in the tree of a statement: found before binding, looked up in the catalog, and written
 * into the tree as what they mean. So binding itself looks nothing up, and an expression that a definition keeps means
 * the same type when that is renamed.
 */

import type { FuncCall, TypeName } from '@pgsql/types';
import type { ColumnType, TableId } from '../../../models/relational/table.ts';
import { isAggregate } from '../functions/aggregates.ts';
import { isFunction } from '../functions/resolve.ts';
import { WINDOW_FUNCTIONS } from '../operators/window-functions.ts';
import { typeNamed } from '../types/types.ts';
import { nameKey, type QualifiedName, stringsOf } from './names.ts';
import { tooDeep } from './query-context.ts';

/** A name and what it was found to mean. */
export interface ResolvedTypeName extends TypeName {
  readonly userType?: ColumnType;
}

/** A call by the name of a type: a cast, or what makes a range of its bounds. */
export interface ResolvedCall extends FuncCall {
  readonly userType?: ColumnType;
  /** In a definition: the function that was found when that was made, whatever it is called since. */
  readonly userFunction?: TableId;
}

/** Levels of a tree that its copy may have. */
const TREE_DEPTH_MAX = 5_000;

function isTypeName(value: object): value is TypeName {
  return 'names' in value && 'typemod' in value;
}

/** A name that may be that of a type which users defined. */
export interface UserTypeName extends QualifiedName {
  /** Of a call: it may as well be that of a function, which decides what is wrong with it. */
  readonly isCall?: boolean;
}

/** The name that a node of a tree gives to a type, unless it is a built-in one or was looked up before. */
export function userTypeName(node: object): UserTypeName | undefined {
  if (isTypeName(node)) return userName(node);
  const name = isCall(node) ? calledName(node) : undefined;
  return name && { ...name, isCall: true };
}

/** The name of a call, where it can be that of a type. */
function calledName({ funcname, location, userType }: ResolvedCall): QualifiedName | undefined {
  if (userType !== undefined) return undefined;
  const names = stringsOf(funcname);
  if (names.length > 2 || names.length === 0) return undefined;
  const name = names.at(-1)!;
  if (names.length === 2) return names[0] === 'pg_catalog' ? undefined : { schema: names[0], name, location };
  if (isFunction(name) || isAggregate(name) || WINDOW_FUNCTIONS.has(name)) return undefined;
  return { schema: undefined, name };
}

function isCall(value: object): value is ResolvedCall {
  return 'funcname' in value;
}

function userName(typeName: ResolvedTypeName): QualifiedName | undefined {
  if (typeName.userType !== undefined || typeName.pct_type === true) return undefined;
  const names = stringsOf(typeName.names);
  if (names.length > 2 || names.length === 0) return undefined;
  const [schema, name] = names.length === 2 ? names : [undefined, names[0]!];
  if (schema === undefined ? typeNamed(name!) !== undefined : schema === 'pg_catalog') return undefined;
  return { schema, name: name!, location: typeName.location };
}

/** The tree with the names told apart; what has none of them stays the same object. @throws SqlError `statement_too_complex`. */
export function withTypeNames<T extends object>(tree: T, types: ReadonlyMap<string, ColumnType>, depth = 0): T {
  if (depth > TREE_DEPTH_MAX) throw tooDeep(TREE_DEPTH_MAX);
  if (isTypeName(tree)) {
    const name = userName(tree);
    const userType = name === undefined ? undefined : types.get(nameKey(name));
    return userType === undefined ? tree : { ...tree, userType };
  }
  if (Array.isArray(tree)) {
    let changed: unknown[] | undefined;
    for (let i = 0; i < tree.length; i++) {
      const each: unknown = tree[i];
      if (typeof each !== 'object' || each === null) continue;
      const mapped = withTypeNames(each, types, depth + 1);
      if (mapped === each) continue;
      changed ??= [...tree];
      changed[i] = mapped;
    }
    return (changed ?? tree) as T;
  }
  let changed: Record<string, unknown> | undefined;
  if (isCall(tree)) {
    const name = calledName(tree);
    const userType = name === undefined ? undefined : types.get(nameKey(name));
    if (userType !== undefined) changed = { ...(tree as Record<string, unknown>), userType };
  }
  for (const [name, value] of Object.entries(tree)) {
    if (typeof value !== 'object' || value === null) continue;
    const mapped = withTypeNames(value as object, types, depth + 1);
    if (mapped === value) continue;
    changed ??= { ...(tree as Record<string, unknown>) };
    changed[name] = mapped;
  }
  return (changed ?? tree) as T;
}
