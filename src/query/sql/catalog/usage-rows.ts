/**
 * The rows of information_schema that say who uses what, and who may: types of columns and fields, elements of arrays, relations
 * that views and constraints are about, privileges. Whoever may do one thing here may do all.
 */

import { columnNumber, type Table } from '../../../models/relational/table.ts';
import type { SessionFacts } from '../functions/evaluation.ts';
import { elementOf, type SqlType, typeInfo } from '../types/types.ts';
import type { CatalogObjects, ConstraintObject } from './catalog-objects.ts';
import { dataType, schemaOfType } from './routine-rows.ts';
import type { SystemRow, SystemRows } from './system-row.ts';
import { measures } from './type-measures.ts';

type Session = Pick<SessionFacts, 'database' | 'user'>;

/** Materialized views are nothing that the standard knows. */
function relations({ tables, views }: CatalogObjects): readonly Table[] {
  return [...tables, ...views.filter(({ table }) => table.view?.populated === undefined)].map(({ table }) => table);
}

function relationColumns(objects: CatalogObjects, { database }: Session, { name, schema }: Table): SystemRow {
  return { table_catalog: database, table_schema: objects.schemaName(schema), table_name: name };
}

function udtColumns(objects: CatalogObjects, { database }: Session, type: SqlType): SystemRow {
  return { udt_catalog: database, udt_schema: schemaOfType(objects, type), udt_name: typeInfo(type).name };
}

/** Columns with the type that their values are stored as. */
function* storedColumns(objects: CatalogObjects): Iterable<{ table: Table; position: number; type: SqlType }> {
  for (const table of relations(objects)) {
    for (let position = 0; position < table.columns.length; position++) {
      yield { table, position, type: table.columns[position]!.type };
    }
  }
}

/** The relation that a constraint is about: of a foreign key the one that it refers to. */
export function tableOf(constraint: ConstraintObject): Table {
  const { table, related } = constraint.table;
  return constraint.kind === 'f' ? related.get(constraint.key.references)!.table : table;
}

const COLUMN_PRIVILEGES = ['INSERT', 'SELECT', 'UPDATE', 'REFERENCES'];

const columnGrants: SystemRows = function* (objects, { session }) {
  for (const { table, position } of storedColumns(objects)) {
    for (const privilege of COLUMN_PRIVILEGES) {
      yield {
        grantor: session.user,
        grantee: session.user,
        ...relationColumns(objects, session, table),
        column_name: table.columns[position]!.name,
        privilege_type: privilege,
        is_grantable: 'YES',
      };
    }
  }
};

/** What is granted to everyone is granted to the session's user too. */
function* granted({ user }: Session, row: SystemRow, privilege: string): Iterable<SystemRow> {
  for (const [grantee, grantable] of [
    [user, 'YES'],
    ['PUBLIC', 'NO'],
  ] as const) {
    yield { grantor: user, grantee, ...row, privilege_type: privilege, is_grantable: grantable };
  }
}

const routineGrants: SystemRows = function* (objects, { session }) {
  for (const { id, name, schema } of objects.functions) {
    const row = {
      specific_catalog: session.database,
      specific_schema: objects.schemaName(schema),
      specific_name: `${name}_${id}`,
      routine_catalog: session.database,
      routine_schema: objects.schemaName(schema),
      routine_name: name,
    };
    yield* granted(session, row, 'EXECUTE');
  }
};

const usageGrants: SystemRows = function* (objects, { session }) {
  const row = (kind: string, name: string, schema: number | undefined): SystemRow => ({
    object_catalog: session.database,
    object_schema: objects.schemaName(schema),
    object_name: name,
    object_type: kind,
  });
  for (const { kind, name, schema } of objects.types) {
    if (kind === 'domain') yield* granted(session, row('DOMAIN', name, schema), 'USAGE');
  }
  for (const { name, schema } of objects.sequences) {
    const [own] = granted(session, row('SEQUENCE', name, schema), 'USAGE');
    yield own!;
  }
};

const udtGrants: SystemRows = function* (objects, { session }) {
  for (const { kind, type } of objects.types) {
    if (kind === 'composite') yield* granted(session, udtColumns(objects, session, type), 'TYPE USAGE');
  }
};

export const USAGE_ROWS: Readonly<Record<string, SystemRows>> = {
  enabled_roles: (_, { session }) => [{ role_name: session.user }],
  column_privileges: columnGrants,
  role_column_grants: columnGrants,
  routine_privileges: routineGrants,
  role_routine_grants: routineGrants,
  usage_privileges: usageGrants,
  role_usage_grants: usageGrants,
  udt_privileges: udtGrants,
  role_udt_grants: udtGrants,
  collations: (_, { session }) =>
    ['default', 'C', 'POSIX', 'ucs_basic'].map((name) => ({
      collation_catalog: session.database,
      collation_schema: 'pg_catalog',
      collation_name: name,
      pad_attribute: 'NO PAD',
    })),
  collation_character_set_applicability: (_, { session }) =>
    ['default', 'C', 'POSIX', 'ucs_basic'].map((name) => ({
      collation_catalog: session.database,
      collation_schema: 'pg_catalog',
      collation_name: name,
      character_set_name: 'UTF8',
    })),
  *column_udt_usage(objects, { session }) {
    for (const { table, position, type } of storedColumns(objects)) {
      const { base = type } = typeInfo(type);
      yield {
        ...udtColumns(objects, session, base),
        ...relationColumns(objects, session, table),
        column_name: table.columns[position]!.name,
      };
    }
  },
  *column_domain_usage(objects, { session }) {
    for (const { table, position, type } of storedColumns(objects)) {
      const domain = objects.types.find((each) => each.kind === 'domain' && each.type === type);
      if (domain === undefined) continue;
      yield {
        domain_catalog: session.database,
        domain_schema: objects.schemaName(domain.schema),
        domain_name: domain.name,
        ...relationColumns(objects, session, table),
        column_name: table.columns[position]!.name,
      };
    }
  },
  *domain_udt_usage(objects, { session }) {
    for (const each of objects.types) {
      if (each.kind !== 'domain') continue;
      yield {
        ...udtColumns(objects, session, each.base),
        domain_catalog: session.database,
        domain_schema: objects.schemaName(each.schema),
        domain_name: each.name,
      };
    }
  },
  *domain_constraints(objects, { session }) {
    for (const each of objects.types) {
      if (each.kind !== 'domain') continue;
      for (const { name } of each.checks) {
        yield {
          constraint_catalog: session.database,
          constraint_schema: objects.schemaName(each.schema),
          constraint_name: name,
          domain_catalog: session.database,
          domain_schema: objects.schemaName(each.schema),
          domain_name: each.name,
          is_deferrable: 'NO',
          initially_deferred: 'NO',
        };
      }
    }
  },
  *element_types(objects, { session }) {
    for (const { table, position, type } of storedColumns(objects)) {
      const element = elementOf(type);
      if (element === undefined) continue;
      yield {
        object_catalog: session.database,
        object_schema: objects.schemaName(table.schema),
        object_name: table.name,
        object_type: table.view === undefined ? 'TABLE' : 'VIEW',
        collection_type_identifier: String(columnNumber(table, position)),
        data_type: dataType(element),
        ...udtColumns(objects, session, element),
        dtd_identifier: `a${columnNumber(table, position)}`,
      };
    }
    for (const each of objects.types) {
      if (each.kind !== 'composite') continue;
      for (const [i, { type }] of each.fields.entries()) {
        const element = elementOf(type);
        if (element === undefined) continue;
        yield {
          object_catalog: session.database,
          object_schema: objects.schemaName(each.schema),
          object_name: each.name,
          object_type: 'USER-DEFINED TYPE',
          collection_type_identifier: String(i + 1),
          data_type: dataType(element),
          ...udtColumns(objects, session, element),
          dtd_identifier: `a${i + 1}`,
        };
      }
    }
  },
  *attributes(objects, { session }) {
    for (const each of objects.types) {
      if (each.kind !== 'composite') continue;
      for (const [i, { name, type, modifier }] of each.fields.entries()) {
        yield {
          ...udtColumns(objects, session, each.type),
          attribute_name: name,
          ordinal_position: i + 1,
          is_nullable: 'YES',
          data_type: dataType(type),
          ...measures(type, modifier),
          attribute_udt_catalog: session.database,
          attribute_udt_schema: schemaOfType(objects, type),
          attribute_udt_name: typeInfo(type).name,
          dtd_identifier: String(i + 1),
          is_derived_reference_attribute: 'NO',
        };
      }
    }
  },
  *user_defined_types(objects, { session }) {
    for (const { kind, name, schema } of objects.types) {
      if (kind !== 'composite') continue;
      yield {
        user_defined_type_catalog: session.database,
        user_defined_type_schema: objects.schemaName(schema),
        user_defined_type_name: name,
        user_defined_type_category: 'STRUCTURED',
        is_instantiable: 'YES',
      };
    }
  },
  *constraint_table_usage(objects, { session }) {
    for (const constraint of objects.constraints) {
      if (constraint.kind === 'c') continue;
      yield {
        ...relationColumns(objects, session, tableOf(constraint)),
        constraint_catalog: session.database,
        constraint_schema: objects.schemaName(constraint.table.table.schema),
        constraint_name: constraint.name,
      };
    }
  },
  *view_table_usage(objects, { session }) {
    for (const { table } of objects.views) {
      if (table.view === undefined || table.view.populated !== undefined) continue;
      for (const id of table.view.reads) {
        const read = objects.tableOf(id)?.table;
        if (read === undefined) continue;
        yield {
          view_catalog: session.database,
          view_schema: objects.schemaName(table.schema),
          view_name: table.name,
          ...relationColumns(objects, session, read),
        };
      }
    }
  },
};
