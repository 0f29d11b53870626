/** Objects of the catalog in words, by the numbers that pg_depend has of them (PostgreSQL's getObjectDescription). */

import { columnNumber, relationWord } from '../../../models/relational/table.ts';
import { quoteName } from '../binder/deparse.ts';
import { SqlError } from '../sql-error.ts';
import { typeOfOid } from '../types/types.ts';
import type { CatalogObjects } from './catalog-objects.ts';
import { functionName } from './function-rows.ts';
import { attrdefOid, CLASS_OIDS, ruleOid } from './oids.ts';
import { SYSTEM_RELATIONS } from './system-columns.ts';
import { classOidOf } from './type-rows.ts';

/** Other catalogs of PostgreSQL's that name objects, of which there are none here. */
const OTHER_CLASSES: ReadonlySet<number> = new Set([
  1260, 1261, 1262, 1213, 1417, 1418, 2328, 2600, 2601, 2602, 2603, 2605, 2607, 2612, 2613, 2616, 2617, 2620, 2753,
  3079, 3256, 3381, 3456, 3466, 3576, 3600, 3601, 3602, 3764, 6100, 6104, 6106, 6237, 6243, 826,
]);

/**
 * @param catalog The oid of the catalog that the object is in. @param column 0 for the object itself.
 * @returns null for what is not there. @throws SqlError `internal_error` for what is no catalog of objects, as in PostgreSQL.
 */
export function describeObject(objects: CatalogObjects, catalog: number, oid: number, column: number): string | null {
  if (catalog === 0 && oid === 0) return null;
  switch (catalog) {
    case CLASS_OIDS.pg_class:
      return relationText(objects, oid, column);
    case CLASS_OIDS.pg_type: {
      const type = typeOfOid(oid);
      return type === undefined ? null : `type ${objects.typeTitle(type)}`;
    }
    case CLASS_OIDS.pg_proc: {
      const name = functionName(objects, oid, true);
      return name === undefined ? null : `function ${name}`;
    }
    case CLASS_OIDS.pg_namespace: {
      const name = objects.schemas().find((each) => each.oid === oid)?.name;
      return name === undefined ? null : `schema ${name}`;
    }
    case CLASS_OIDS.pg_extension: {
      const name = objects.extensions.find(({ id }) => id === oid)?.name;
      return name === undefined ? null : `extension ${name}`;
    }
    case CLASS_OIDS.pg_constraint: {
      const found = objects.constraints.find((each) => each.oid === oid);
      if (found !== undefined) {
        return `constraint ${found.name} on ${relationText(objects, found.table.table.id, 0)}`;
      }
      const checks = objects.types.flatMap((type) => (type.kind === 'domain' ? type.checks : []));
      const check = checks.find(({ id }) => id === oid);
      return check === undefined ? null : `constraint ${check.name}`;
    }
    case CLASS_OIDS.pg_attrdef: {
      for (const { table } of objects.relations) {
        const position = table.columns.findIndex((_, i) => attrdefOid(table, columnNumber(table, i)) === oid);
        if (position < 0) continue;
        return `default value for ${relationText(objects, table.id, columnNumber(table, position))}`;
      }
      return null;
    }
    case CLASS_OIDS.pg_rewrite: {
      const view = objects.views.find(({ table }) => ruleOid(table) === oid);
      return view === undefined ? null : `rule _RETURN on ${relationText(objects, view.table.id, 0)}`;
    }
    default:
      if (OTHER_CLASSES.has(catalog)) return null;
      throw new SqlError('internal_error', `unrecognized object class: ${catalog}`);
  }
}

function relationText(objects: CatalogObjects, oid: number, column: number): string | null {
  const found = relationOf(objects, oid);
  if (found === undefined) return null;
  const relation = `${found.word} ${objects.nameOf('regclass', oid)}`;
  if (column === 0) return relation;
  const name = found.columnNamed(column);
  return name === undefined ? null : `column ${quoteName(name)} of ${relation}`;
}

interface DescribedRelation {
  readonly word: string;
  readonly columnNamed: (number: number) => string | undefined;
}

function relationOf(objects: CatalogObjects, oid: number): DescribedRelation | undefined {
  const table = objects.relations.find((each) => each.table.id === oid)?.table;
  if (table !== undefined) {
    const word = relationWord(table);
    return { word, columnNamed: (number) => table.columns.find((_, i) => columnNumber(table, i) === number)?.name };
  }
  if (objects.indexes.some((each) => each.oid === oid)) return { word: 'index', columnNamed: () => undefined };
  if (objects.sequences.some(({ id }) => id === oid)) return { word: 'sequence', columnNamed: () => undefined };
  for (const type of objects.types) {
    if (type.kind !== 'composite' || classOidOf(type) !== oid) continue;
    return { word: 'composite type', columnNamed: (number) => type.fields[number - 1]?.name };
  }
  const system = SYSTEM_RELATIONS.find(([, , own]) => own === oid);
  if (system === undefined) return undefined;
  const [, , , kind, columns] = system;
  const columnNamed = (number: number): string | undefined => columns.split(', ')[number - 1]?.split(' ')[0];
  return { word: kind === 'v' ? 'view' : 'table', columnNamed };
}
