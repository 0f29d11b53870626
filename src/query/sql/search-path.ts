/**
 * `search_path`: where names without a schema are looked for, in order, and where new relations go (PostgreSQL's
 * namespace.c). `pg_catalog` comes first unless the setting puts it elsewhere, the session's temporary relations before
 * it; schemas that are not there are passed over. `$user` is the schema with the user's name.
 */

import type { Schema, Schemas } from '../../models/relational/schema.ts';
import { quoteName } from './binder/deparse.ts';

/** Schemas of the system catalog hold what is computed; their ids are in no key. */
export const PG_CATALOG: Schema = { id: -1, name: 'pg_catalog' };
export const INFORMATION_SCHEMA: Schema = { id: -2, name: 'information_schema' };

/** What names of schemas for temporary relations begin with; `pg_temp` alone is the session's own. */
export const TEMPORARY = 'pg_temp';

export interface SearchPath {
  /** In the order of the search. */
  readonly searched: readonly Schema[];
  /** Those of them that the setting names. */
  readonly named: readonly Schema[];
  /** Where new relations go; undefined when no schema of the setting exists. */
  readonly creation: Schema | undefined;
}

/** The names in a setting; undefined when it is no list of names. */
export function parsePath(setting: string): readonly string[] | undefined {
  const names: string[] = [];
  let rest = setting.trim();
  if (rest === '') return names;
  for (;;) {
    const match = /^(?:"((?:[^"]|"")*)"|([^\s,"]+))\s*/.exec(rest);
    if (match === null) return undefined;
    names.push(match[1] === undefined ? match[2]!.toLowerCase() : match[1].replaceAll('""', '"'));
    rest = rest.slice(match[0].length);
    if (rest === '') return names;
    if (!rest.startsWith(',')) return undefined;
    rest = rest.slice(1).trimStart();
  }
}

/** Names as SET writes them into the setting. */
export function pathText(names: readonly string[]): string {
  return names.map(quoteName).join(', ');
}

/** The schema with that name. @param temporary The session's own schema for temporary relations, if it has one. */
export function schemaNamed(name: string, schemas: Schemas, temporary: Schema | undefined): Schema | undefined {
  if (name === PG_CATALOG.name) return PG_CATALOG;
  if (name === INFORMATION_SCHEMA.name) return INFORMATION_SCHEMA;
  return name === TEMPORARY ? temporary : schemas.named(name);
}

export function resolvePath(
  setting: string,
  schemas: Schemas,
  user: string,
  temporary: Schema | undefined,
): SearchPath {
  const named: Schema[] = [];
  for (const name of parsePath(setting) ?? []) {
    const found = schemaNamed(name === '$user' ? user : name, schemas, temporary);
    if (found !== undefined && !named.includes(found)) named.push(found);
  }
  const implied = [...(temporary === undefined ? [] : [temporary]), PG_CATALOG].filter((each) => !named.includes(each));
  return { searched: [...implied, ...named], named, creation: named[0] };
}
