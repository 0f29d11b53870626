/**
 * The names of all tables in a statement, and of types that users defined, so that they are looked up before binding begins.
 * Names of queries in WITH are among them; nobody asks for those.
 */

import type { Node } from '@pgsql/types';
import { type FrozenRange, nameKey, type QualifiedName } from './names.ts';
import { type UserTypeName, userTypeName } from './type-names.ts';
import { CONSTANTS, walkTree } from './walk-tree.ts';

/** What has to be looked up before a statement is bound. */
export interface NamesOfStatement {
  readonly tables: ReadonlyMap<string, QualifiedName>;
  /** Names that no built-in type has, by `nameKey`; those that were looked up before are not among them. */
  readonly types: ReadonlyMap<string, UserTypeName> | undefined;
  /** It speaks of the system catalog, which is to be loaded. */
  readonly asksForCatalog: boolean;
}

export function namesOf(node: Node): NamesOfStatement {
  const tables = new Map<string, QualifiedName>();
  let types: Map<string, UserTypeName> | undefined;
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
      const type = userTypeName(next);
      if (type !== undefined) {
        types ??= new Map();
        if (type.isCall !== true || !types.has(nameKey(type))) types.set(nameKey(type), type);
      }
      asks ||= isCatalogName(next);
      return true;
    },
    CONSTANTS,
  );
  return { tables, types, asksForCatalog: asks };
}

/** Every built-in type with a keyword is written with `pg_catalog` in front, which needs nothing to be loaded. */
const CATALOG_WORD =
  /^(pg_(?!catalog$)|reg(?:class|collation|config|dictionary|namespace|oper|operator|proc|procedure|role|type)$|information_schema$|format_type$|(obj|col|shobj)_description$|to_reg|current_schemas$|has_[a-z]+_privilege$)/;

/** Whether a name is one of the system catalog, or of a function that reads it. */
export function isCatalogWord(value: unknown): boolean {
  return typeof value === 'string' && CATALOG_WORD.test(value);
}

function isCatalogName(node: object): boolean {
  const { sval, relname, schemaname } = node as Readonly<Record<string, unknown>>;
  return isCatalogWord(sval) || isCatalogWord(relname) || isCatalogWord(schemaname);
}

/** Whether a tree speaks of the system catalog, by the names in it. @param isKnown Whether such a name needs nothing of it. */
export function asksForCatalog(node: object, isKnown: (named: object) => boolean = () => false): boolean {
  let asks = false;
  walkTree(
    node,
    (next) => {
      asks = isCatalogName(next) && !isKnown(next);
      return !asks;
    },
    CONSTANTS,
  );
  return asks;
}
