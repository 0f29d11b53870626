/**
 * The rows of pg_depend (manual, 53.18): which object needs which other one to be there first. Tools order what they dump
 * and drop by it. What functions read inside their bodies is in no row, as in PostgreSQL for bodies that are strings.
 */

import { columnNumber } from '../../../models/relational/table.ts';
import { rowTypeOf } from '../binder/row-types.ts';
import { elementOf, type SqlType, typeInfo } from '../types/types.ts';
import { type CatalogObjects, indexOidOf, primaryConstraintOid } from './catalog-objects.ts';
import { attrdefOid, CLASS_OIDS, ruleOid, schemaOid } from './oids.ts';
import type { SystemRow } from './system-row.ts';
import { classOidOf } from './type-rows.ts';

const { pg_attrdef, pg_class, pg_constraint, pg_extension, pg_namespace, pg_proc, pg_rewrite, pg_type } = CLASS_OIDS;

/** `normal`; `auto`: goes with the other; `internal`: is a part of it; `extension`: belongs to it. */
type Kind = 'n' | 'a' | 'i' | 'e';

function depend(
  [classid, objid, objsubid = 0]: readonly [number, number, number?],
  deptype: Kind,
  [refclassid, refobjid, refobjsubid = 0]: readonly [number, number, number?],
): SystemRow {
  return { classid, objid, objsubid, refclassid, refobjid, refobjsubid, deptype };
}

/** On the type that a user defined, or on the one that an array is of; types of PostgreSQL's own need no row. */
function* onType(of: readonly [number, number, number?], type: SqlType): Iterable<SystemRow> {
  const base = elementOf(type) ?? type;
  if (base.startsWith('user:')) yield depend(of, 'n', [pg_type, typeInfo(base).oid]);
}

export function* dependRows(objects: CatalogObjects): Iterable<SystemRow> {
  yield* ofRelations(objects);
  yield* ofConstraints(objects);
  for (const { id, owner, schema } of objects.sequences) {
    yield depend([pg_class, id], 'n', [pg_namespace, schemaOid(schema)]);
    if (owner === undefined) continue;
    yield depend([pg_class, id], owner.identity ? 'i' : 'a', [pg_class, owner.table, owner.column]);
  }
  for (const type of objects.types) {
    yield depend([pg_type, type.id], 'n', [pg_namespace, schemaOid(type.schema)]);
    if (type.kind === 'domain') {
      yield* onType([pg_type, type.id], type.base);
      for (const { id } of type.checks) yield depend([pg_constraint, id], 'a', [pg_type, type.id]);
    } else if (type.kind === 'composite') {
      yield depend([pg_class, classOidOf(type)], 'i', [pg_type, type.id]);
      for (const [i, field] of type.fields.entries()) yield* onType([pg_class, classOidOf(type), i + 1], field.type);
    } else if (type.kind === 'range') {
      yield* onType([pg_type, type.id], type.subtype);
      yield depend([pg_type, typeInfo(type.multirange).oid], 'i', [pg_type, type.id]);
    }
  }
  for (const { id, schema } of objects.extensions) {
    yield depend([pg_extension, id], 'n', [pg_namespace, schemaOid(schema)]);
  }
  for (const { id, schema, parameters, result, extension } of objects.functions) {
    yield depend([pg_proc, id], 'n', [pg_namespace, schemaOid(schema)]);
    const owner = objects.extensions.find(({ name }) => name === extension);
    if (owner !== undefined) yield depend([pg_proc, id], 'e', [pg_extension, owner.id]);
    for (const { type } of parameters) yield* onType([pg_proc, id], type);
    yield* onType([pg_proc, id], result as SqlType);
  }
}

function* ofRelations(objects: CatalogObjects): Iterable<SystemRow> {
  for (const each of objects.relations) {
    const { table } = each;
    yield depend([pg_class, table.id], 'n', [pg_namespace, schemaOid(table.schema)]);
    yield depend([pg_type, typeInfo(rowTypeOf(table)).oid], 'i', [pg_class, table.id]);
    for (let position = 0; position < table.columns.length; position++) {
      const { type, default: value } = table.columns[position]!;
      const number = columnNumber(table, position);
      yield* onType([pg_class, table.id, number], type);
      if (objects.defaultText(each, position) === undefined) continue;
      const attrdef = [pg_attrdef, attrdefOid(table, number)] as const;
      yield depend(attrdef, 'a', [pg_class, table.id, number]);
      if (value?.kind === 'sequence') yield depend(attrdef, 'n', [pg_class, value.id]);
    }
    if (table.view === undefined) continue;
    const rule = [pg_rewrite, ruleOid(table)] as const;
    yield depend(rule, 'i', [pg_class, table.id]);
    for (const id of table.view.reads) yield depend(rule, 'n', [pg_class, id]);
    for (const { table: keyed } of objects.keysNeeded(each)) {
      yield depend(rule, 'n', [pg_constraint, primaryConstraintOid(keyed)]);
    }
  }
}

function* ofConstraints({ constraints, indexes }: CatalogObjects): Iterable<SystemRow> {
  const ofIndex = new Map<number, number>();
  for (const constraint of constraints) {
    const { oid, table } = constraint;
    yield depend([pg_constraint, oid], 'a', [pg_class, table.table.id]);
    if (constraint.kind === 'f') yield depend([pg_constraint, oid], 'n', [pg_class, constraint.key.references]);
    else if (constraint.kind !== 'c') ofIndex.set(indexOidOf(constraint), oid);
  }
  for (const { oid, table } of indexes) {
    const constraint = ofIndex.get(oid);
    if (constraint === undefined) yield depend([pg_class, oid], 'a', [pg_class, table.table.id]);
    else yield depend([pg_class, oid], 'i', [pg_constraint, constraint]);
  }
}
