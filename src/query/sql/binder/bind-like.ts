/** LIKE in CREATE TABLE: what a new table takes over from one that is there (PostgreSQL's expandTableLikeClause). */

import type { Constraint, IndexElem, IndexStmt, Node, TableLikeClause } from '@pgsql/types';
import type { Column, Index, StorageParameters, Table } from '../../../models/relational/table.ts';
import type { CatalogTable } from '../catalog-cache.ts';

/** The tables that clauses of a statement name. */
export type Likes = ReadonlyMap<object, CatalogTable>;

const CONSTRAINTS = 1 << 2;
const DEFAULTS = 1 << 3;
const GENERATED = 1 << 4;
const IDENTITY = 1 << 5;
const INDEXES = 1 << 6;
const STORAGE = 1 << 8;
const COMMENTS = 1;

export interface LikeParts {
  readonly columns: readonly { readonly column: Column; readonly identity: Column['identity'] }[];
  /** CHECK, PRIMARY KEY and UNIQUE. */
  readonly constraints: readonly Constraint[];
  readonly indexes: readonly IndexStmt[];
}

export function bindLike({ options = 0 }: TableLikeClause, { table }: CatalogTable): LikeParts {
  const has = (part: number): boolean => (options & part) !== 0;
  const columns = table.columns.map((column) => {
    const { name, type, modifier, collation, notNull, generated, identity, storage, comment } = column;
    const value = has(DEFAULTS) && identity === undefined ? column.default : undefined;
    const copy: Column = {
      name,
      type,
      modifier,
      notNull,
      default: value,
      ...(collation === undefined ? {} : { collation }),
      ...(generated !== undefined && has(GENERATED) ? { generated } : {}),
      ...(storage !== undefined && has(STORAGE) ? { storage } : {}),
      ...(comment !== undefined && has(COMMENTS) ? { comment } : {}),
    };
    return { column: copy, identity: has(IDENTITY) ? identity : undefined };
  });
  const constraints: Constraint[] = [];
  const indexes: IndexStmt[] = [];
  if (has(CONSTRAINTS)) {
    for (const { name, expression } of table.checks ?? []) {
      constraints.push({ contype: 'CONSTR_CHECK', conname: name, raw_expr: expression.tree as unknown as Node });
    }
  }
  if (has(INDEXES)) {
    const nameOf = (position: number): Node => ({ String: { sval: table.columns[position]!.name } });
    if (table.primaryKey.length > 0) {
      const keys = table.primaryKey.map(nameOf);
      constraints.push({ contype: 'CONSTR_PRIMARY', keys, ...parametersOf(table.primaryKeyParameters) });
    }
    for (const index of table.indexes ?? []) {
      if (!index.isConstraint) indexes.push(indexLike(index, table));
      else {
        constraints.push({
          contype: index.isPrimary === true ? 'CONSTR_PRIMARY' : 'CONSTR_UNIQUE',
          deferrable: index.deferrable !== undefined,
          initdeferred: index.deferrable === 'deferred',
          keys: index.parts.map(({ column }) => nameOf(column!)),
          ...(index.include.length === 0 ? {} : { including: index.include.map(nameOf) }),
          nulls_not_distinct: !index.nullsDistinct,
          ...parametersOf(index.storageParameters),
        });
      }
    }
  }
  return { columns, constraints, indexes };
}

/** WITH (…), as a statement has it. */
function parametersOf(parameters: StorageParameters = []): { readonly options?: Node[] } {
  if (parameters.length === 0) return {};
  return {
    options: parameters.map(([defname, sval]) => ({ DefElem: { defname, arg: { String: { sval } } } })),
  };
}

function indexLike(index: Index, { columns }: Table): IndexStmt {
  const { parts, include, unique, nullsDistinct, predicate, method = 'btree' } = index;
  const element = (IndexElem: IndexElem): Node => ({ IndexElem });
  return {
    unique,
    nulls_not_distinct: !nullsDistinct,
    ...parametersOf(index.storageParameters),
    accessMethod: method,
    indexParams: parts.map(({ column, expression, descending, nullsFirst, operatorClass, collation }) =>
      element({
        ...(column === undefined ? { expr: expression!.tree as unknown as Node } : { name: columns[column]!.name }),
        ...(operatorClass === undefined ? {} : { opclass: [{ String: { sval: operatorClass } }] }),
        ...(collation === undefined ? {} : { collation: [{ String: { sval: collation } }] }),
        ...(method === 'btree'
          ? {
              ordering: descending ? 'SORTBY_DESC' : 'SORTBY_ASC',
              nulls_ordering: nullsFirst ? 'SORTBY_NULLS_FIRST' : 'SORTBY_NULLS_LAST',
            }
          : {}),
      }),
    ),
    ...(include.length === 0
      ? {}
      : { indexIncludingParams: include.map((position) => element({ name: columns[position]!.name })) }),
    ...(predicate === undefined ? {} : { whereClause: predicate.tree as unknown as Node }),
  };
}
