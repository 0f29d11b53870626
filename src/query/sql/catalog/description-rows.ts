/** What COMMENT ON has said of the objects of the catalog: the rows of pg_description. */

import { columnNumber } from '../../../models/relational/table.ts';
import type { CatalogObjects, ConstraintObject } from './catalog-objects.ts';
import { CLASS_OIDS } from './oids.ts';
import type { SystemRow } from './system-row.ts';

export interface DescribedObject {
  readonly catalog: keyof typeof CLASS_OIDS;
  readonly oid: number;
  /** Its number, or 0 for the object itself. */
  readonly column: number;
  readonly comment: string;
}

export function* describedObjects(objects: CatalogObjects): Iterable<DescribedObject> {
  for (const { catalog, oid, column = 0, comment } of allObjects(objects)) {
    if (comment !== undefined) yield { catalog, oid, column, comment };
  }
}

type MaybeDescribed = Pick<DescribedObject, 'catalog' | 'oid'> & {
  readonly column?: number;
  readonly comment: string | undefined;
};

function* allObjects(objects: CatalogObjects): Iterable<MaybeDescribed> {
  for (const { oid, comment } of objects.schemas()) yield { catalog: 'pg_namespace', oid, comment };
  for (const { id: oid, comment } of objects.extensions) yield { catalog: 'pg_extension', oid, comment };
  for (const { id: oid, comment } of objects.functions) yield { catalog: 'pg_proc', oid, comment };
  for (const type of objects.types) {
    yield { catalog: 'pg_type', oid: type.id, comment: type.comment };
    if (type.kind !== 'domain') continue;
    for (const { id: oid, comment } of type.checks) yield { catalog: 'pg_constraint', oid, comment };
  }
  for (const { id: oid, comment } of objects.sequences) yield { catalog: 'pg_class', oid, comment };
  for (const { table } of objects.relations) {
    yield { catalog: 'pg_class', oid: table.id, comment: table.comment };
    for (const [position, { comment }] of table.columns.entries()) {
      yield { catalog: 'pg_class', oid: table.id, column: columnNumber(table, position), comment };
    }
  }
  for (const { oid, index, table } of objects.indexes) {
    yield { catalog: 'pg_class', oid, comment: index === undefined ? table.table.primaryIndexComment : index.comment };
  }
  for (const each of objects.constraints) yield { catalog: 'pg_constraint', oid: each.oid, comment: commentOf(each) };
}

export function* descriptionRows(objects: CatalogObjects): Iterable<SystemRow> {
  for (const { catalog, oid, column, comment } of describedObjects(objects)) {
    yield { objoid: oid, classoid: CLASS_OIDS[catalog], objsubid: column, description: comment };
  }
}

function commentOf(constraint: ConstraintObject): string | undefined {
  if (constraint.kind === 'c') return constraint.check.comment;
  if (constraint.kind === 'f') return constraint.key.comment;
  const { index, table } = constraint;
  return index === undefined ? table.table.primaryKeyComment : index.constraintComment;
}
