/**
 * The names of all tables in a statement, so that they are looked up before binding begins. Names of queries in WITH are
 * among them; nobody asks for those.
 */

import type { Node } from '@pgsql/types';
import type { FrozenRange, QualifiedName } from './names.ts';
import { walkTree } from './walk-tree.ts';

/** They hold no names. */
export const CONSTANTS = new Set(['A_Const']);

/** What tells one name of a statement from another. */
export function nameKey({ schema, name, id }: QualifiedName): string {
  if (id !== undefined) return `\0${id}`;
  return schema === undefined ? name : `${schema}\0${name}`;
}

/** What has to be looked up before a statement is bound. */
export interface NamesOfStatement {
  readonly tables: ReadonlyMap<string, QualifiedName>;
  /** It speaks of the system catalog, which is to be loaded. */
  readonly asksForCatalog: boolean;
}

export function namesOf(node: Node): NamesOfStatement {
  const tables = new Map<string, QualifiedName>();
  let asks = false;
  walkTree(
    node,
    (next) => {
      if ('relname' in next && typeof next.relname === 'string') {
        const { schemaname: schema, relname: name, relation } = next as FrozenRange;
        const isRead = relation !== undefined && relation.refresh !== true;
        const found = { schema, name: name!, ...(isRead ? { id: relation.id } : {}) };
        tables.set(nameKey(found), found);
      }
      asks ||= isCatalogName(next);
      return true;
    },
    CONSTANTS,
  );
  return { tables, asksForCatalog: asks };
}

const CATALOG_WORD =
  /^(pg_|reg[a-z]+$|information_schema$|format_type$|(obj|col|shobj)_description$|to_reg|current_schemas$|has_[a-z]+_privilege$)/;

function isCatalogWord(value: unknown): boolean {
  return typeof value === 'string' && CATALOG_WORD.test(value);
}

function isCatalogName(node: object): boolean {
  const { sval, relname, schemaname } = node as Readonly<Record<string, unknown>>;
  return isCatalogWord(sval) || isCatalogWord(relname) || isCatalogWord(schemaname);
}

/** Whether a tree speaks of the system catalog, by the names in it. */
export function asksForCatalog(node: object): boolean {
  let asks = false;
  walkTree(
    node,
    (next) => {
      asks = isCatalogName(next);
      return !asks;
    },
    CONSTANTS,
  );
  return asks;
}
