/** The rows of pg_type, pg_enum and pg_range: built-in types, those that users defined, those of tables' rows. */

import type { RangeType, TypeDefinition } from '../../../models/relational/type-definition.ts';
import { collationOfType } from '../binder/collations.ts';
import { deparse } from '../binder/deparse.ts';
import { rowTypeOf } from '../binder/row-types.ts';
import { allTypes, arrayOf, baseOf, type SqlType, type TypeInfo, typeInfo } from '../types/types.ts';
import type { CatalogObjects } from './catalog-objects.ts';
import { boundDefault } from './domain-rules.ts';
import { functionsNamed } from './function-rows.ts';
import { collationOid, OWNER, SYSTEM_SCHEMAS, schemaOid } from './oids.ts';
import { operatorClassOid } from './operator-class-rows.ts';
import type { SystemRow } from './system-row.ts';
import { typeFunctions } from './type-io.ts';

/** Composite types are relations as well: their oids, beyond all that the catalog gives out. */
const COMPOSITE_CLASS_OIDS = 700_000_000;

export function classOidOf({ id }: TypeDefinition): number {
  return COMPOSITE_CLASS_OIDS + id;
}

export function* typeRows(objects: CatalogObjects): Iterable<SystemRow> {
  const { types, tables, views } = objects;
  for (const info of allTypes()) {
    if (!info.type.includes('user:')) yield typeRow(info, SYSTEM_SCHEMAS.pg_catalog);
  }
  for (const definition of types) {
    const info = typeInfo(definition.type);
    const row = typeRow(info, schemaOid(definition.schema));
    if (definition.kind === 'composite') yield { ...row, typrelid: classOidOf(definition) };
    else if (definition.kind === 'domain') {
      const bound = boundDefault(definition);
      const typdefault = bound === undefined ? null : deparse(bound, objects.style());
      yield {
        ...row,
        typnotnull: definition.notNull,
        typdefault,
        typdefaultbin: typdefault,
        typtypmod: definition.modifier,
      };
    } else yield row;
    yield typeRow(typeInfo(info.array!), schemaOid(definition.schema));
  }
  for (const { table } of [...tables, ...views]) {
    const type = rowTypeOf(table);
    yield { ...typeRow(typeInfo(type), schemaOid(table.schema)), typrelid: table.id };
    yield typeRow(typeInfo(arrayOf(type)!), schemaOid(table.schema));
  }
}

/** Types that are not aligned as their sizes say. */
const ALIGNED: Readonly<Record<string, string>> = {
  name: 'c',
  uuid: 'c',
  cstring: 'c',
  unknown: 'c',
  macaddr: 'i',
  macaddr8: 'i',
  aclitem: 'i',
  record: 'd',
  anyarray: 'd',
  anycompatiblearray: 'd',
  anyrange: 'd',
  anycompatiblerange: 'd',
  anymultirange: 'd',
  anycompatiblemultirange: 'd',
  txid_snapshot: 'd',
  pg_snapshot: 'd',
};

/** `typalign`. What holds values of others is aligned as those are, and never less than an integer. */
export function alignmentOf(type: SqlType): string {
  const { size, element, kind } = typeInfo(baseOf(type));
  const own = ALIGNED[baseOf(type)];
  if (own !== undefined) return own;
  if (size === 1) return 'c';
  if (size === 2) return 's';
  if (size >= 0) return size >= 8 ? 'd' : 'i';
  return kind === 'c' || (element !== undefined && alignmentOf(element) === 'd') ? 'd' : 'i';
}

/** Whether a value is passed as it is, and not by where it lies. */
export function isByValue(type: SqlType): boolean {
  const base = baseOf(type);
  return base !== 'macaddr8' && [1, 2, 4, 8].includes(typeInfo(base).size);
}

/** How long values of a type are stored unless a column says otherwise: what is mostly small stays with its row. */
export function storageOf(type: SqlType): string {
  if (typeInfo(type).size !== -1 || type === 'int2vector' || type === 'oidvector') return 'p';
  return ['numeric', 'inet', 'cidr'].includes(baseOf(type)) ? 'm' : 'x';
}

function typeRow(info: TypeInfo, namespace: number): SystemRow {
  return {
    oid: info.oid,
    typname: info.name,
    typnamespace: namespace,
    typowner: OWNER,
    typlen: info.size,
    typbyval: isByValue(info.type),
    typtype: info.kind,
    typcategory: info.category,
    typispreferred: info.preferred,
    typisdefined: true,
    typdelim: ',',
    typelem: elementOid(info),
    typarray: info.arrayOid ?? 0,
    ...typeFunctions(info),
    typalign: alignmentOf(info.type),
    typstorage: storageOf(info.type),
    typbasetype: info.base === undefined ? 0 : typeInfo(info.base).oid,
    typtypmod: -1,
    typcollation: collationOid(collationOfType(info.type)),
  };
}

/** Of what has subscripts; a name has letters. */
function elementOid({ type, kind, element }: TypeInfo): number {
  if (type === 'name') return typeInfo('char').oid;
  return element === undefined || kind === 'r' || kind === 'm' ? 0 : typeInfo(element).oid;
}

export function* enumRows({ types }: CatalogObjects): Iterable<SystemRow> {
  for (const type of types) {
    if (type.kind !== 'enum') continue;
    for (const { oid, order, name } of type.labels) {
      yield { oid, enumtypid: type.id, enumsortorder: order, enumlabel: name };
    }
  }
}

export function* rangeRows(objects: CatalogObjects): Iterable<SystemRow> {
  const defined = new Map<SqlType, RangeType>(
    objects.types.flatMap((type) => (type.kind === 'range' ? [[type.type, type] as const] : [])),
  );
  const builtin = [...allTypes()].filter(({ kind, type }) => kind === 'r' && !type.includes('user:'));
  for (const { type, oid, element, multirange } of [...builtin, ...[...defined.keys()].map(typeInfo)]) {
    const { difference, operatorClass, collation } = defined.get(type) ?? {};
    const schemas = difference?.schema === undefined ? ['pg_catalog', 'public'] : [difference.schema];
    const bounds = [element!, element!];
    yield {
      rngtypid: oid,
      rngsubtype: typeInfo(element!).oid,
      rngmultitypid: typeInfo(multirange!).oid,
      rngcollation: collationOid(collation ?? collationOfType(element!)),
      rngsubopc: operatorClassOid({ type: element!, ...(operatorClass === undefined ? {} : { operatorClass }) }),
      rngsubdiff: difference === undefined ? 0 : (functionsNamed(objects, difference.name, schemas, bounds)[0] ?? 0),
    };
  }
}
