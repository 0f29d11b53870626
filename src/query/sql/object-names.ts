/** Names that PostgreSQL gives to constraints, indexes and sequences which nobody named (its indexcmds.c). */

import type { IndexElem, Node } from '@pgsql/types';
import { suggestedName } from './binder/bind-targets.ts';
import { stringsOf } from './binder/names.ts';

const NAME_BYTES_MAX = 63;

/** `{first}_{second}_{label}` in 63 bytes, the longer of the two parts cut first. */
export function objectName(first: string, second: string, label: string): string {
  const overhead = (second === '' ? 0 : 1) + (label === '' ? 0 : Buffer.byteLength(label) + 1);
  let [a, b] = [first, second];
  while (Buffer.byteLength(a) + Buffer.byteLength(b) > NAME_BYTES_MAX - overhead) {
    if (Buffer.byteLength(a) > Buffer.byteLength(b)) a = a.slice(0, -1);
    else b = b.slice(0, -1);
  }
  return [a, ...(second === '' ? [] : [b]), ...(label === '' ? [] : [label])].join('_');
}

/** What a primary key is called as long as nothing else is. */
export function primaryKeyName(table: string): string {
  return objectName(table, '', 'pkey');
}

/** The first of `t_a_key`, `t_a_key1`, `t_a_key2`, … that is free. */
export async function freeName(
  first: string,
  second: string,
  label: string,
  isTaken: (name: string) => Promise<boolean> | boolean,
): Promise<string> {
  for (let pass = 0; ; pass++) {
    const name = objectName(first, second, pass === 0 ? label : `${label}${pass}`);
    if (!(await isTaken(name))) return name;
  }
}

/** Column names in one, as much of them as a name can hold. */
export function joinedNames(names: readonly string[]): string {
  let joined = '';
  for (const name of names) {
    joined = joined === '' ? name : `${joined}_${name}`;
    if (Buffer.byteLength(joined) >= NAME_BYTES_MAX) break;
  }
  return joined;
}

/** Names of the parts of an index: those of columns, `expr` or the function's for expressions; numbered when equal. */
export function partNames(parts: readonly IndexElem[]): readonly string[] {
  const names: string[] = [];
  for (const { name, expr, indexcolname } of parts) {
    const wanted = indexcolname ?? name ?? nameOf(expr);
    let free = wanted;
    for (let i = 1; names.includes(free); i++) free = `${wanted}${i}`;
    names.push(free);
  }
  return names;
}

function nameOf(node: Node | undefined): string {
  return (node && suggestedName(node)?.name) ?? 'expr';
}

/** Names of the columns that an expression speaks of, in the order of their first mention. */
export function columnNames(tree: unknown): ReadonlySet<string> {
  const names = new Set<string>();
  const pending: unknown[] = [tree];
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    if (typeof next !== 'object' || next === null) continue;
    if ('ColumnRef' in next)
      names.add(stringsOf((next as Extract<Node, { ColumnRef: unknown }>).ColumnRef.fields).at(-1)!);
    else pending.push(...Object.values(next).reverse());
  }
  return names;
}

/** The tree with another name for a column. */
export function withColumnRenamed<T>(tree: T, from: string, to: string): T {
  if (Array.isArray(tree)) return tree.map((each) => withColumnRenamed(each, from, to)) as T;
  if (typeof tree !== 'object' || tree === null) return tree;
  if ('ColumnRef' in tree) {
    const { ColumnRef: reference } = tree as unknown as Extract<Node, { ColumnRef: unknown }>;
    const fields = reference.fields ?? [];
    if (stringsOf(fields).at(-1) !== from) return tree;
    return { ColumnRef: { ...reference, fields: [...fields.slice(0, -1), { String: { sval: to } }] } } as T;
  }
  return Object.fromEntries(
    Object.entries(tree).map(([name, value]) => [name, withColumnRenamed(value as unknown, from, to)]),
  ) as T;
}
