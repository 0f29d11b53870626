/**
 * `regclass`, `regtype` and their kin: numbers of the catalog's objects that read and print as names. Types are known here;
 * everything else is asked of the catalog, through `TextStyle.names`.
 */

import { type Condition, SqlError } from '../sql-error.ts';
import type { TextStyle } from './timestamptz.ts';
import { allTypes, arrayOf, type SqlType, titleOf, typeInfo, typeNamed, typeOfOid } from './types.ts';

const MISSING: Readonly<Record<string, readonly [Condition, string]>> = {
  regclass: ['undefined_table', 'relation'],
  regtype: ['undefined_object', 'type'],
  regproc: ['undefined_function', 'function'],
  regprocedure: ['undefined_function', 'function'],
  regoper: ['undefined_function', 'operator'],
  regoperator: ['undefined_function', 'operator'],
  regnamespace: ['invalid_schema_name', 'schema'],
  regrole: ['undefined_object', 'role'],
  regcollation: ['undefined_object', 'collation'],
};

/** Whether values of a type are numbers of objects of the catalog. */
export function isObjectType(type: SqlType): boolean {
  return type in MISSING;
}

/** Whether values of a type are, or hold, numbers that the catalog has the names for. */
export function holdsNames(type: SqlType): boolean {
  if (!type.includes('user:')) return /^_?reg/.test(type);
  const { element, base, fields } = typeInfo(type);
  return [element, base, ...(fields ?? []).map((field) => field.type)].some((part) => part && holdsNames(part));
}

/** A name with its qualifiers; unquoted parts in lower case. @throws SqlError `invalid_name`. */
export function splitName(text: string): readonly string[] {
  const parts: string[] = [];
  let rest = text.trim();
  for (;;) {
    const match = /^(?:"((?:[^"]|"")+)"|([^".\s()]+(?:\s*\(.*\))?))\s*/.exec(rest);
    if (match === null) throw new SqlError('invalid_name', 'invalid name syntax');
    parts.push(match[1] === undefined ? match[2]!.toLowerCase() : match[1].replaceAll('""', '"'));
    rest = rest.slice(match[0].length);
    if (rest === '') return parts;
    if (!rest.startsWith('.')) throw new SqlError('invalid_name', 'invalid name syntax');
    rest = rest.slice(1).trimStart();
  }
}

/** @throws SqlError of the kind that says that there is no such object. */
export function parseObject(type: SqlType, text: string, style: TextStyle): number {
  const trimmed = text.trim();
  if (trimmed === '-') return 0;
  if (/^\d+$/.test(trimmed)) return Number(trimmed);
  if (type === 'regtype') {
    const found = typeOfText(trimmed) ?? typeByName(trimmed, style);
    if (found !== undefined) return found;
    throw new SqlError('undefined_object', `type "${trimmed}" does not exist`);
  }
  const parts = splitName(trimmed);
  const oid = style.names?.oidOf(type, parts);
  if (oid !== undefined) return oid;
  const [condition, what] = MISSING[type] ?? ['undefined_object', 'object'];
  const behind = type === 'regcollation' ? ' for encoding "UTF8"' : '';
  throw new SqlError(condition, `${what} "${parts.join('.')}"${behind} does not exist`);
}

function typeByName(text: string, style: TextStyle): number | undefined {
  const isArray = text.endsWith('[]');
  const oid = style.names?.oidOf('regtype', splitName(isArray ? text.slice(0, -2) : text));
  if (oid === undefined || !isArray) return oid;
  const element = typeOfOid(oid);
  return element === undefined ? undefined : typeInfo(element).arrayOid;
}

let byTitle: Map<string, SqlType> | undefined;

/** The OID of a built-in type by name or title, with or without a modifier and brackets. */
function typeOfText(text: string): number | undefined {
  const type = builtinType(text);
  return type === undefined ? undefined : typeInfo(type).oid;
}

const BOUNDS = /\[\d*\]$/;

/** `int4`, `character varying(10)`, `timestamp(3) with time zone`, `integer[]`. */
export function builtinType(text: string): SqlType | undefined {
  let name = text.trim().replace(/^(?:pg_catalog|"pg_catalog")\./i, '');
  let isArray = false;
  for (let bounds = BOUNDS.exec(name); bounds !== null; bounds = BOUNDS.exec(name)) {
    isArray = true;
    name = name.slice(0, bounds.index).trimEnd();
  }
  const quoted = /^"([^"]+)"$/.exec(name)?.[1];
  name = name
    .toLowerCase()
    .replace(/\s*\([\d\s,]*\)/, '')
    .replace(/\s+/g, ' ');
  if (byTitle === undefined) {
    byTitle = new Map();
    for (const { title, type } of allTypes()) if (!type.startsWith('user:')) byTitle.set(title, type);
    byTitle.set('char', 'bpchar').set('timestamp', 'timestamp').set('time', 'time').set('dec', 'numeric');
  }
  const type = quoted === undefined ? (byTitle.get(name) ?? typeNamed(name)) : typeNamed(quoted);
  if (type === undefined || !isArray) return type;
  return arrayOf(type);
}

export function formatObject(type: SqlType, oid: number, style: TextStyle): string {
  if (oid === 0) return '-';
  if (type === 'regtype') {
    const known = typeOfOid(oid);
    if (known !== undefined) return titleOf(known);
  }
  return style.names?.nameOf(type, oid) ?? String(oid);
}
