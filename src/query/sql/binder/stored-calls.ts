/**
 * Calls of functions that users defined, and objects of the catalog, in what definitions keep: defaults, checks, generated
 * columns, indexes, queries of views. A definition holds the number of what each call, or text, was found to mean when it was
 * made: neither another name nor another search path changes what it says, and what it names is kept as long as it does.
 */

import type { TypeCast } from '@pgsql/types';
import type { SqlExpression, Table, TableId } from '../../../models/relational/table.ts';
import { stringsOf } from './names.ts';
import type { BindContext } from './query-context.ts';
import { walkTree } from './walk-tree.ts';

type Meanings = Pick<BindContext, 'functions' | 'objects'>;

/**
 * The tree as a definition keeps it, once `context` has bound it: calls hold the ids of their functions, and casts that name an
 * object of the catalog (`'t'::regclass`), or a sequence (`nextval('s')`), its number.
 */
export function withCalls<T>(tree: T, context: Meanings): T {
  const { functions, objects } = context;
  return (functions?.calls?.size ?? 0) + (objects?.size ?? 0) === 0 ? tree : settled(tree, context);
}

function settled<T>(tree: T, context: Meanings): T {
  if (typeof tree !== 'object' || tree === null) return tree;
  if (Array.isArray(tree)) {
    const parts = tree.map((each: unknown) => settled(each, context));
    return parts.some((each, i) => each !== tree[i]) ? (parts as T) : tree;
  }
  const called = context.functions?.calls?.get(tree);
  const named = context.objects?.get(tree);
  if (named !== undefined) {
    const arg = { A_Const: { sval: { sval: String(named.oid) } } };
    if (!('A_Const' in tree)) return { ...tree, arg };
    const names = ['pg_catalog', named.type].map((sval) => ({ String: { sval } }));
    return { TypeCast: { arg, typeName: { names, typemod: -1 } } } as T;
  }
  const changed: Record<string, unknown> = called === undefined ? {} : { userFunction: called.id };
  for (const [name, value] of Object.entries(tree)) {
    const part = settled(value as unknown, context);
    if (part !== value) changed[name] = part;
  }
  return Object.keys(changed).length === 0 ? tree : { ...tree, ...changed };
}

/** Objects that an expression of a definition names by their numbers, as values of types of names (`nameOfObject`). */
export function objectsNamedIn(tree: object): ReadonlySet<string> {
  const named = new Set<string>();
  walkTree(tree, (node) => {
    const { arg, typeName } = node as Partial<TypeCast>;
    if (arg === undefined || !('A_Const' in arg) || typeName === undefined) return true;
    const id = arg.A_Const.sval?.sval;
    const object = id === undefined ? undefined : nameOfObject(stringsOf(typeName.names).at(-1) ?? '', id);
    if (object !== undefined) named.add(object);
    return true;
  });
  return named;
}

const KINDS_OF_OBJECTS: Readonly<Record<string, string>> = {
  regclass: 'regclass',
  regtype: 'regtype',
  regproc: 'regproc',
  regprocedure: 'regproc',
};

/** The same for all values of such types that stand for the same object; undefined for a type of other values. */
export function nameOfObject(type: string, id: number | string): string | undefined {
  const kind = Object.hasOwn(KINDS_OF_OBJECTS, type) ? KINDS_OF_OBJECTS[type] : undefined;
  return kind && `${kind} ${id}`;
}

/** Functions that an expression of a definition calls. */
export function calledIn(tree: object): ReadonlySet<TableId> {
  const called = new Set<TableId>();
  walkTree(tree, (node) => {
    const { userFunction } = node as { readonly userFunction?: TableId };
    if (userFunction !== undefined) called.add(userFunction);
    return true;
  });
  return called;
}

const calling = new WeakMap<Table, boolean>();

/** Whether what a table, or a view, says of itself calls functions that users defined. */
export function callsFunctions(table: Table): boolean {
  let calls = calling.get(table);
  if (calls === undefined) {
    calls = [...expressionsOf(table)].some(({ tree }) => calledIn(tree).size > 0);
    calling.set(table, calls);
  }
  return calls;
}

function* expressionsOf({ checks = [], columns, indexes = [], view }: Table): Iterable<SqlExpression> {
  for (const { expression } of checks) yield expression;
  for (const { default: given, generated } of columns) {
    if (given?.kind === 'expression') yield given.expression;
    if (generated !== undefined) yield generated;
  }
  for (const { parts, predicate } of indexes) {
    for (const { expression } of parts) if (expression !== undefined) yield expression;
    if (predicate !== undefined) yield predicate;
  }
  if (view !== undefined) yield view.query;
}
