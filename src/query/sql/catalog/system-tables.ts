/** The relations of pg_catalog and information_schema as tables that queries read like any other; nobody writes them. */

import { assert } from '../../../base/assert.ts';
import type { Column, ColumnValue, TableId } from '../../../models/relational/table.ts';
import { uniformTable } from '../../../models/relational/uniform-definitions.ts';
import type { Keyspace } from '../../../storage/keyspace.ts';
import { type CatalogTable, openTable } from '../catalog-cache.ts';
import type { EvaluationContext } from '../functions/evaluation.ts';
import { allTypes, type SqlType } from '../types/types.ts';
import type { Wanted } from '../wanted-rows.ts';
import { CatalogObjects } from './catalog-objects.ts';
import { INFORMATION_SCHEMA } from './information-schema.ts';
import { SYSTEM_RELATIONS, type SystemRelation } from './system-columns.ts';
import type { SystemRow } from './system-row.ts';
import { PG_CATALOG } from './system-rows.ts';

const YES_OR_NO: Omit<Column, 'name'> = { type: 'varchar', modifier: 7, notNull: false, default: undefined };

export class SystemTables {
  readonly #keyspace: Keyspace;
  readonly #relations: ReadonlyMap<string, SystemRelation>;
  readonly #opened = new Map<string, CatalogTable>();

  constructor(keyspace: Keyspace) {
    this.#keyspace = keyspace;
    this.#relations = new Map(SYSTEM_RELATIONS.map((relation) => [`${relation[0]}.${relation[1]}`, relation]));
  }

  byId(id: number): CatalogTable | undefined {
    const found = SYSTEM_RELATIONS.find(([, , oid]) => oid === id);
    return found && this.find(found[0], found[1]);
  }

  find(schema: string, name: string): CatalogTable | undefined {
    const full = `${schema}.${name}`;
    const relation = this.#relations.get(full);
    if (relation === undefined) return undefined;
    let table = this.#opened.get(full);
    if (table === undefined) {
      table = this.#open(relation);
      this.#opened.set(full, table);
    }
    return table;
  }

  #open([schema, name, oid, , list]: SystemRelation): CatalogTable {
    const types = new Set<string>([...allTypes()].map(({ type }) => type));
    const columns = list.split(', ').map((each): Column => {
      const [column, type] = each.split(' ') as [string, Column['type'] | 'yes_or_no'];
      if (type === 'yes_or_no') return { ...YES_OR_NO, name: column };
      const known = types.has(type) && type !== ('anyarray' as SqlType);
      return { name: column, type: known ? type : 'text', modifier: -1, notNull: false, default: undefined };
    });
    const definition = uniformTable({
      id: oid as TableId,
      name,
      version: 0,
      columns,
      primaryKey: [],
      primaryKeyName: '',
    });
    const rows = (schema === 'pg_catalog' ? PG_CATALOG : INFORMATION_SCHEMA)[name];
    const system = (context: EvaluationContext, wanted: Wanted): Iterable<ColumnValue[]> => {
      if (rows === undefined) return [];
      const catalog = context.session.catalog?.();
      assert(catalog instanceof CatalogObjects, 'the catalog is loaded before a plan that reads it runs');
      return toRows(columns, rows(catalog, context, wanted), wanted, schema === 'pg_catalog' ? absent : () => null);
    };
    return { ...openTable(this.#keyspace, definition), schemaName: schema, system };
  }
}

function* toRows(
  columns: readonly Column[],
  rows: Iterable<SystemRow>,
  wanted: Wanted,
  missing: (type: Column['type']) => ColumnValue,
): Iterable<ColumnValue[]> {
  for (const row of rows) {
    if (!wanted.admitsRow(row)) continue;
    const values = columns.map(({ name, type }) => {
      const value = row[name] as ColumnValue | undefined;
      return value === undefined ? missing(type) : value;
    });
    // The place of a hidden id, which tables without a primary key have.
    values.push(0n);
    yield values;
  }
}

/** Catalogs hold few nulls: what does not apply is false, zero or nothing. */
function absent(type: Column['type']): ColumnValue {
  switch (type) {
    case 'bool':
      return false;
    case 'int2':
    case 'int4':
    case 'float4':
    case 'oid':
    case 'regproc':
    case 'xid':
      return 0;
    case 'char':
      return '';
    default:
      return null;
  }
}
