/**
 * The names of all tables in a statement, so that they are looked up before binding begins. Names of queries in WITH are
 * among them; nobody asks for those.
 */

import type { Node } from '@pgsql/types';
import type { FrozenRange, QualifiedName } from './names.ts';
import { walkTree } from './walk-tree.ts';

/** They hold no names. */
const CONSTANTS = new Set(['A_Const']);

/** What tells one name of a statement from another. */
export function nameKey({ schema, name, id }: QualifiedName): string {
  if (id !== undefined) return `\0${id}`;
  return schema === undefined ? name : `${schema}\0${name}`;
}

export function referencedTables(node: Node): ReadonlyMap<string, QualifiedName> {
  const names = new Map<string, QualifiedName>();
  walkTree(
    node,
    (next) => {
      if ('relname' in next && typeof next.relname === 'string') {
        const { schemaname: schema, relname: name, relation } = next as FrozenRange;
        const isRead = relation !== undefined && relation.refresh !== true;
        const found = { schema, name: name!, ...(isRead ? { id: relation.id } : {}) };
        names.set(nameKey(found), found);
      }
      return true;
    },
    CONSTANTS,
  );
  return names;
}

const CATALOG_WORD =
  /^(pg_|reg[a-z]+$|information_schema$|format_type$|(obj|col|shobj)_description$|to_reg|current_schemas$|has_[a-z]+_privilege$)/;

function isCatalogWord(value: unknown): boolean {
  return typeof value === 'string' && CATALOG_WORD.test(value);
}

/** Whether a statement speaks of the system catalog, by the names in it: it is loaded before such a statement is bound. */
export function asksForCatalog(node: object): boolean {
  let asks = false;
  walkTree(
    node,
    (next) => {
      const { sval, relname, schemaname } = next as Readonly<Record<string, unknown>>;
      asks ||= isCatalogWord(sval) || isCatalogWord(relname) || isCatalogWord(schemaname);
      return !asks;
    },
    CONSTANTS,
  );
  return asks;
}
