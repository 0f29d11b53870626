/** The rows of information_schema: ISO/IEC 9075-11 as PostgreSQL 15 fills it, for tables, columns, constraints and sequences. */

import { columnNumber, type Table } from '../../../models/relational/table.ts';
import type { DomainType } from '../../../models/relational/type-definition.ts';
import { collationOfType } from '../binder/collations.ts';
import { deparse, quoteName } from '../binder/deparse.ts';
import type { CatalogTable } from '../catalog-cache.ts';
import type { SessionFacts } from '../functions/evaluation.ts';
import { columnNames } from '../object-names.ts';
import { isTemporary } from '../temporary-relations.ts';
import { baseOf, type SqlType, typeInfo } from '../types/types.ts';
import { type CatalogObjects, type ConstraintObject, deferrabilityOf } from './catalog-objects.ts';
import { boundDefault } from './domain-rules.ts';
import { schemaOid } from './oids.ts';
import { dataType, parameterRows, routineRows, schemaOfType } from './routine-rows.ts';
import type { SystemRow, SystemRows } from './system-row.ts';
import { measures } from './type-measures.ts';
import { tableOf, USAGE_ROWS } from './usage-rows.ts';

const TYPES = { p: 'PRIMARY KEY', u: 'UNIQUE', c: 'CHECK', f: 'FOREIGN KEY' } as const;

function keyColumns(constraint: ConstraintObject): readonly number[] {
  const { table } = constraint.table;
  switch (constraint.kind) {
    case 'p':
    case 'u':
      return constraint.index?.parts.map(({ column }) => column!) ?? table.primaryKey;
    case 'f':
      return constraint.key.columns;
    case 'c':
      return [];
  }
}

/** Those that a constraint is about, in the order of the table. */
function columnsOf(constraint: ConstraintObject): readonly number[] {
  if (constraint.kind !== 'c') return keyColumns(constraint);
  const names = columnNames(constraint.check.expression.tree);
  return [...constraint.table.table.columns.keys()].filter((i) => names.has(constraint.table.table.columns[i]!.name));
}

function named(objects: CatalogObjects, database: string, table: Table, constraint: string): SystemRow {
  const schema = objects.schemaName(table.schema);
  return {
    constraint_catalog: database,
    constraint_schema: schema,
    constraint_name: constraint,
    table_catalog: database,
    table_schema: schema,
    table_name: table.name,
  };
}

function tableType(objects: CatalogObjects, { view, schema }: Table): string {
  if (isTemporary({ name: objects.schemaName(schema) })) return 'LOCAL TEMPORARY';
  return view === undefined ? 'BASE TABLE' : 'VIEW';
}

/** What the standard wants to be a constraint, and PostgreSQL 15 does not name. */
function notNullName(table: Table, position: number): string {
  return `${schemaOid(table.schema)}_${table.id}_${columnNumber(table, position)}_not_null`;
}

/** What columns and domains of a type say of it; of one that is no domain. */
function typeColumns(
  objects: CatalogObjects,
  { database }: Pick<SessionFacts, 'database'>,
  type: SqlType,
  modifier: number,
): SystemRow {
  const info = typeInfo(type);
  return {
    data_type: dataType(type),
    ...measures(type, modifier),
    udt_catalog: database,
    udt_schema: schemaOfType(objects, type),
    udt_name: info.name,
  };
}

/** The default goes without saying. */
export function collationColumns({ database }: Pick<SessionFacts, 'database'>, name: string | undefined): SystemRow {
  if (name === undefined || name === 'default') return {};
  return { collation_catalog: database, collation_schema: 'pg_catalog', collation_name: name };
}

const PRIVILEGES = ['INSERT', 'SELECT', 'UPDATE', 'DELETE', 'TRUNCATE', 'REFERENCES', 'TRIGGER'];

/** Whoever may do one thing here may do all. */
const tableGrants: SystemRows = function* (objects, { session }) {
  for (const { table } of [...objects.tables, ...plainViews(objects)]) {
    for (const privilege of PRIVILEGES) {
      yield {
        grantor: session.user,
        grantee: session.user,
        table_catalog: session.database,
        table_schema: objects.schemaName(table.schema),
        table_name: table.name,
        privilege_type: privilege,
        is_grantable: 'YES',
        with_hierarchy: privilege === 'SELECT' ? 'YES' : 'NO',
      };
    }
  }
};

/** Materialized views are nothing that the standard knows. */
function plainViews({ views }: CatalogObjects): readonly CatalogTable[] {
  return views.filter(({ table }) => table.view?.populated === undefined);
}

export const INFORMATION_SCHEMA: Readonly<Record<string, SystemRows>> = {
  ...USAGE_ROWS,
  routines: routineRows,
  parameters: parameterRows,
  information_schema_catalog_name: (_, { session }) => [{ catalog_name: session.database }],
  schemata: (objects, { session }) =>
    objects.schemas().map(({ name }) => ({
      catalog_name: session.database,
      schema_name: name,
      schema_owner: session.user,
    })),
  tables: (objects, { session }) =>
    [...objects.tables, ...plainViews(objects)].map((each) => ({
      table_catalog: session.database,
      table_schema: objects.schemaName(each.table.schema),
      table_name: each.table.name,
      table_type: tableType(objects, each.table),
      is_insertable_into: each.table.view === undefined || objects.updatability(each).view ? 'YES' : 'NO',
      is_typed: 'NO',
    })),
  *columns(objects, { session }, wanted) {
    for (const each of [...objects.tables, ...plainViews(objects)]) {
      const { table } = each;
      if (!wanted.admits('table_name', table.name)) continue;
      const updatable = table.view === undefined ? undefined : objects.updatability(each).columns;
      for (let position = 0; position < table.columns.length; position++) {
        const { name, type, modifier, collation, notNull, identity, generated } = table.columns[position]!;
        const text = objects.defaultText(each, position) ?? null;
        const domain = objects.types.find(
          (known): known is DomainType => known.kind === 'domain' && known.type === type,
        );
        yield {
          table_catalog: session.database,
          table_schema: objects.schemaName(table.schema),
          table_name: table.name,
          column_name: name,
          ordinal_position: columnNumber(table, position),
          column_default: generated === undefined ? text : null,
          is_nullable: notNull ? 'NO' : 'YES',
          ...typeColumns(objects, session, baseOf(type), domain?.modifier ?? modifier),
          ...collationColumns(session, collation ?? collationOfType(type)),
          ...(domain && {
            domain_catalog: session.database,
            domain_schema: objects.schemaName(domain.schema),
            domain_name: domain.name,
          }),
          dtd_identifier: String(columnNumber(table, position)),
          is_self_referencing: 'NO',
          is_identity: identity === undefined ? 'NO' : 'YES',
          identity_generation: identity === undefined ? null : identity === 'always' ? 'ALWAYS' : 'BY DEFAULT',
          identity_cycle: 'NO',
          is_generated: generated === undefined ? 'NEVER' : 'ALWAYS',
          generation_expression: generated === undefined ? null : text,
          is_updatable: updatable?.[position] === false ? 'NO' : 'YES',
        };
      }
    }
  },
  views: (objects, { session }) =>
    plainViews(objects).map((each) => {
      const isUpdatable = objects.updatability(each).view ? 'YES' : 'NO';
      return {
        table_catalog: session.database,
        table_schema: objects.schemaName(each.table.schema),
        table_name: each.table.name,
        view_definition: objects.viewDefinition(each.table.id, false),
        check_option: each.table.view!.check?.toUpperCase() ?? 'NONE',
        is_updatable: isUpdatable,
        is_insertable_into: isUpdatable,
        is_trigger_updatable: 'NO',
        is_trigger_deletable: 'NO',
        is_trigger_insertable_into: 'NO',
      };
    }),
  *table_constraints(objects, { session }, wanted) {
    const { tables, constraints } = objects;
    for (const constraint of constraints) {
      if (!wanted.admits('table_name', constraint.table.table.name)) continue;
      const deferrable = deferrabilityOf(constraint);
      yield {
        ...named(objects, session.database, constraint.table.table, constraint.name),
        constraint_type: TYPES[constraint.kind],
        is_deferrable: deferrable === undefined ? 'NO' : 'YES',
        initially_deferred: deferrable === 'deferred' ? 'YES' : 'NO',
        enforced: 'YES',
        nulls_distinct: constraint.kind === 'u' ? (constraint.index.nullsDistinct ? 'YES' : 'NO') : null,
      };
    }
    for (const { table } of tables) {
      if (!wanted.admits('table_name', table.name)) continue;
      for (let position = 0; position < table.columns.length; position++) {
        if (!table.columns[position]!.notNull) continue;
        yield {
          ...named(objects, session.database, table, notNullName(table, position)),
          constraint_type: 'CHECK',
          is_deferrable: 'NO',
          initially_deferred: 'NO',
          enforced: 'YES',
        };
      }
    }
  },
  *key_column_usage(objects, { session }, wanted) {
    for (const constraint of objects.constraints) {
      const { table } = constraint.table;
      if (!wanted.admits('table_name', table.name) || !wanted.admits('constraint_name', constraint.name)) continue;
      const positions = keyColumns(constraint);
      for (let i = 0; i < positions.length; i++) {
        let place: number | null = null;
        if (constraint.kind === 'f') {
          const parent = constraint.table.related.get(constraint.key.references)!.table;
          const key = constraint.key.referenced[i]!;
          const unique = parent.primaryKey.includes(key)
            ? parent.primaryKey
            : (parent.indexes?.find(({ parts }) => parts.some(({ column }) => column === key))?.parts ?? []).map(
                ({ column }) => column,
              );
          place = unique.indexOf(key) + 1;
        }
        yield {
          ...named(objects, session.database, table, constraint.name),
          column_name: table.columns[positions[i]!]!.name,
          ordinal_position: i + 1,
          position_in_unique_constraint: place,
        };
      }
    }
  },
  *constraint_column_usage(objects, { session }, wanted) {
    for (const constraint of objects.constraints) {
      const table = tableOf(constraint);
      if (!wanted.admits('table_name', table.name) || !wanted.admits('constraint_name', constraint.name)) continue;
      const positions = constraint.kind === 'f' ? constraint.key.referenced : columnsOf(constraint);
      for (const position of positions) {
        yield {
          ...named(objects, session.database, table, constraint.name),
          column_name: table.columns[position]!.name,
        };
      }
    }
  },
  *referential_constraints(objects, { session }) {
    for (const constraint of objects.constraints) {
      if (constraint.kind !== 'f') continue;
      const { key } = constraint;
      const parent = constraint.table.related.get(key.references)!.table;
      const isPrimary =
        parent.primaryKey.length > 0 && key.referenced.every((each) => parent.primaryKey.includes(each));
      const unique = parent.indexes?.find(({ parts }) => parts.every(({ column }) => key.referenced.includes(column!)));
      yield {
        constraint_catalog: session.database,
        constraint_schema: objects.schemaName(constraint.table.table.schema),
        constraint_name: constraint.name,
        unique_constraint_catalog: session.database,
        unique_constraint_schema: objects.schemaName(parent.schema),
        unique_constraint_name: isPrimary ? parent.primaryKeyName : (unique?.name ?? null),
        match_option: key.matchFull ? 'FULL' : 'NONE',
        update_rule: key.onUpdate.toUpperCase(),
        delete_rule: key.onDelete.toUpperCase(),
      };
    }
  },
  *check_constraints(objects, { session }) {
    for (const constraint of objects.constraints) {
      if (constraint.kind !== 'c') continue;
      yield {
        constraint_catalog: session.database,
        constraint_schema: objects.schemaName(constraint.table.table.schema),
        constraint_name: constraint.name,
        check_clause: objects
          .constraintDefinition(constraint.oid, false)!
          .replace(/^CHECK (\(.*\))(?: NOT VALID)?$/s, '$1'),
      };
    }
    for (const { table } of objects.tables) {
      for (let position = 0; position < table.columns.length; position++) {
        const { name, notNull } = table.columns[position]!;
        if (!notNull) continue;
        yield {
          constraint_catalog: session.database,
          constraint_schema: objects.schemaName(table.schema),
          constraint_name: notNullName(table, position),
          check_clause: `${quoteName(name)} IS NOT NULL`,
        };
      }
    }
  },
  character_sets: (_, { session }) => [
    {
      character_set_name: 'UTF8',
      character_repertoire: 'UCS',
      form_of_use: 'UTF8',
      default_collate_catalog: session.database,
      default_collate_schema: 'pg_catalog',
      default_collate_name: 'C',
    },
  ],
  role_table_grants: tableGrants,
  table_privileges: tableGrants,
  *domains(objects, { session }) {
    for (const each of objects.types) {
      if (each.kind !== 'domain') continue;
      const bound = boundDefault(each);
      yield {
        domain_catalog: session.database,
        domain_schema: objects.schemaName(each.schema),
        domain_name: each.name,
        ...typeColumns(objects, session, baseOf(each.type), each.modifier),
        ...collationColumns(session, collationOfType(each.type)),
        domain_default: bound === undefined ? null : deparse(bound, objects.style()),
        dtd_identifier: '1',
      };
    }
  },
  sequences: (objects, { session }) =>
    objects.sequences
      .filter(({ owner }) => owner?.identity !== true)
      .map(({ name, schema, type, start, increment, min, max, cycle }) => ({
        sequence_catalog: session.database,
        sequence_schema: objects.schemaName(schema),
        sequence_name: name,
        data_type: typeInfo(type).title,
        numeric_precision: { int2: 16, int4: 32, int8: 64 }[type],
        numeric_precision_radix: 2,
        numeric_scale: 0,
        start_value: start.toString(),
        minimum_value: min.toString(),
        maximum_value: max.toString(),
        increment: increment.toString(),
        cycle_option: cycle ? 'YES' : 'NO',
      })),
};
