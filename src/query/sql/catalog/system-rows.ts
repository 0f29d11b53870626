/** The rows of pg_catalog, computed from our catalog: what PostgreSQL 15 would have for the same objects. */

import { columnNumber, type StorageParameters } from '../../../models/relational/table.ts';
import { SqlArray } from '../../../models/relational/values.ts';
import { collationOfType } from '../binder/collations.ts';
import { ROW_TYPE_OIDS } from '../binder/row-types.ts';
import type { EvaluationContext } from '../functions/evaluation.ts';
import { columnNames } from '../object-names.ts';
import { showBound } from '../parameter-values.ts';
import { isTemporary } from '../temporary-relations.ts';
import { allTypes, elementOf, typeInfo } from '../types/types.ts';
import type { Wanted } from '../wanted-rows.ts';
import { ACTIVITY_ROWS } from './activity-rows.ts';
import {
  type CatalogObjects,
  type IndexObject,
  indexCollations,
  indexOidOf,
  indexParts,
  parametersOf,
} from './catalog-objects.ts';
import { dependRows } from './depend-rows.ts';
import { descriptionRows } from './description-rows.ts';
import { EXTENSION_ROWS } from './extension-rows.ts';
import { aggregateRows, castRows, functionRows, operatorRows } from './function-rows.ts';
import {
  ACCESS_METHODS,
  attrdefOid,
  CLASS_OIDS,
  collationOid,
  DATABASE,
  OWNER,
  ruleOid,
  SYSTEM_SCHEMAS,
  schemaOid,
} from './oids.ts';
import { keyTypeOf, OPERATOR_CLASS_ROWS, operatorClassOid } from './operator-class-rows.ts';
import { pagesOf, rowBytes, STATISTICS_ROWS } from './statistics-rows.ts';
import { SYSTEM_RELATIONS } from './system-columns.ts';
import type { SystemRow, SystemRows } from './system-row.ts';
import { alignmentOf, classOidOf, enumRows, isByValue, rangeRows, storageOf, typeRows } from './type-rows.ts';

const HEAP = 2;
/** The role that stands for the owner of the database. */
const DATABASE_OWNER = 6171;

/** What pg_locks leaves empty unless the kind of lock has it. */
const NO_LOCK = {
  relation: null,
  page: null,
  tuple: null,
  virtualxid: null,
  transactionid: null,
  classid: null,
  objid: null,
  objsubid: null,
};

/** Milliseconds as a value of `timestamptz`. */
function microsOf(ms: number): bigint {
  return BigInt(Math.trunc(ms)) * 1_000n;
}

function vector(values: readonly number[]): SqlArray {
  return new SqlArray('int2', values, values.length === 0 ? [] : [values.length], values.length === 0 ? [] : [0]);
}

function parameterList(parameters: StorageParameters = []): SqlArray | null {
  if (parameters.length === 0) return null;
  return new SqlArray(
    'text',
    parameters.map(([name, value]) => `${name}=${value}`),
  );
}

function* classRows(
  objects: CatalogObjects,
  { session: { statistics } }: EvaluationContext,
  wanted: Wanted,
): Iterable<SystemRow> {
  const isWanted = (oid: number, name: string): boolean => wanted.admits('oid', oid) && wanted.admits('relname', name);
  const { tables, views, sequences, indexes, types } = objects;
  const placeOf = ({ schema, unlogged }: { readonly schema?: number; readonly unlogged?: boolean }) => ({
    relnamespace: schemaOid(schema),
    relpersistence: unlogged === true ? 'u' : isTemporary({ name: objects.schemaName(schema) }) ? 't' : 'p',
  });
  const shared = {
    relowner: OWNER,
    relpersistence: 'p',
    relreplident: 'n',
    reltablespace: 0,
  };
  for (const { table } of tables) {
    if (!isWanted(table.id, table.name)) continue;
    const known = statistics?.of(table.id);
    yield {
      ...shared,
      oid: table.id,
      relname: table.name,
      ...placeOf(table),
      reltype: ROW_TYPE_OIDS + table.id,
      relam: HEAP,
      relfilenode: table.storage ?? table.id,
      reltuples: known?.rows ?? -1,
      relpages: known === undefined ? 0 : pagesOf(known.rows, rowBytes(table, known)),
      relhasindex: table.primaryKey.length > 0 || (table.indexes ?? []).length > 0,
      relkind: 'r',
      relnatts: table.columns.length + (table.dropped ?? []).length,
      relchecks: (table.checks ?? []).length,
      relhastriggers: (table.foreignKeys ?? []).length > 0 || (table.referencedBy ?? []).length > 0,
      relispopulated: true,
      relreplident: 'd',
      reloptions: parameterList(table.storageParameters),
    };
  }
  for (const type of types) {
    if (type.kind !== 'composite' || !isWanted(classOidOf(type), type.name)) continue;
    yield {
      ...shared,
      oid: classOidOf(type),
      relname: type.name,
      ...placeOf(type),
      reltype: type.id,
      relkind: 'c',
      relnatts: type.fields.length,
    };
  }
  for (const { table } of views) {
    if (!isWanted(table.id, table.name)) continue;
    const isStored = table.view?.populated !== undefined;
    yield {
      ...shared,
      oid: table.id,
      relname: table.name,
      ...placeOf(table),
      relam: isStored ? HEAP : 0,
      reltype: ROW_TYPE_OIDS + table.id,
      relfilenode: isStored ? (table.storage ?? table.id) : 0,
      reltuples: isStored ? -1 : 0,
      relhasindex: (table.indexes ?? []).length > 0,
      relkind: isStored ? 'm' : 'v',
      relreplident: isStored ? 'd' : 'n',
      relnatts: table.columns.length,
      relhasrules: true,
      relispopulated: table.view?.populated ?? true,
      reloptions: parameterList([
        ...(table.storageParameters ?? []),
        ...(table.view?.check === undefined ? [] : [['check_option', table.view.check] as const]),
      ]),
    };
  }
  for (const index of indexes) {
    if (!isWanted(index.oid, index.name)) continue;
    yield {
      ...shared,
      oid: index.oid,
      relname: index.name,
      ...placeOf(index.table.table),
      relam: ACCESS_METHODS[index.index?.method ?? 'btree'],
      reltuples: statistics?.of(index.table.table.id)?.rows ?? 0,
      relfilenode: index.oid,
      relkind: 'i',
      relnatts: indexParts(index).length + (index.index?.include.length ?? 0),
      relispopulated: true,
      reloptions: parameterList(parametersOf(index)),
    };
  }
  for (const sequence of sequences) {
    const { id, name } = sequence;
    if (!isWanted(id, name)) continue;
    yield {
      ...shared,
      oid: id,
      relname: name,
      ...placeOf(sequence),
      relfilenode: id,
      reltuples: 1,
      relkind: 'S',
      relnatts: 3,
      relispopulated: true,
    };
  }
  for (const [schema, name, oid, kind, columns] of SYSTEM_RELATIONS) {
    if (!isWanted(oid, name)) continue;
    yield {
      ...shared,
      oid,
      relname: name,
      relnamespace: SYSTEM_SCHEMAS[schema as keyof typeof SYSTEM_SCHEMAS],
      relkind: kind,
      relam: kind === 'r' ? HEAP : 0,
      reltuples: -1,
      relnatts: columns.split(', ').length,
      relispopulated: true,
    };
  }
}

function* attributeRows(objects: CatalogObjects, _: EvaluationContext, wanted: Wanted): Iterable<SystemRow> {
  const isWanted = (relation: number): boolean => wanted.admits('attrelid', relation);
  const attribute = (
    relation: number,
    name: string,
    number: number,
    type: Parameters<typeof typeInfo>[0],
    modifier = -1,
    collation = collationOfType(type),
  ) => {
    const info = typeInfo(type);
    return {
      attrelid: relation,
      attname: name,
      atttypid: info.oid,
      attstattarget: -1,
      attlen: info.size,
      attndims: elementOf(type) === undefined ? 0 : 1,
      attnum: number,
      attcacheoff: -1,
      atttypmod: modifier,
      attbyval: isByValue(type),
      attalign: alignmentOf(type),
      attstorage: storageOf(type),
      attcompression: '',
      attidentity: '',
      attgenerated: '',
      attislocal: true,
      attcollation: collationOid(collation),
    };
  };
  for (const each of objects.relations) {
    const { table } = each;
    if (!isWanted(table.id)) continue;
    for (let position = 0; position < table.columns.length; position++) {
      const column = table.columns[position]!;
      yield {
        ...attribute(
          table.id,
          column.name,
          columnNumber(table, position),
          column.type,
          column.modifier,
          column.collation,
        ),
        attnotnull: column.notNull,
        attstattarget: column.statisticsTarget ?? -1,
        ...(column.storage === undefined ? {} : { attstorage: column.storage }),
        atthasdef: objects.defaultText(each, position) !== undefined,
        atthasmissing: column.missing !== undefined,
        attidentity: column.identity === undefined ? '' : column.identity === 'always' ? 'a' : 'd',
        attgenerated: column.generated === undefined ? '' : 's',
      };
    }
    for (const { number, type, modifier } of table.dropped ?? []) {
      yield {
        ...attribute(
          table.id,
          `........pg.dropped.${number}........`,
          number,
          type.startsWith('user:') ? 'text' : type,
          modifier,
        ),
        atttypid: 0,
        attisdropped: true,
      };
    }
  }
  for (const type of objects.types) {
    if (type.kind !== 'composite' || !isWanted(classOidOf(type))) continue;
    for (const [i, field] of type.fields.entries()) {
      yield attribute(classOidOf(type), field.name, i + 1, field.type, field.modifier, field.collation);
    }
  }
  for (const object of objects.indexes) {
    const { table, index } = object;
    if (!isWanted(object.oid)) continue;
    const parts = index?.parts ?? table.table.primaryKey.map((column) => ({ column, ...table.table.columns[column]! }));
    const collations = indexCollations(object);
    for (let i = 0; i < parts.length; i++) {
      const part = parts[i]!;
      const type = index?.method === undefined ? part.type : keyTypeOf(part, index.method);
      const modifier = type === part.type ? part.modifier : -1;
      yield attribute(object.oid, object.partNames[i]!, i + 1, type, modifier, collations[i]);
    }
    for (const [i, position] of (index?.include ?? []).entries()) {
      const { name, type, modifier } = table.table.columns[position]!;
      yield attribute(object.oid, name, parts.length + i + 1, type, modifier);
    }
  }
  for (const { id } of objects.sequences) {
    if (!isWanted(id)) continue;
    yield { ...attribute(id, 'last_value', 1, 'int8'), attnotnull: true };
    yield { ...attribute(id, 'log_cnt', 2, 'int8'), attnotnull: true };
    yield { ...attribute(id, 'is_called', 3, 'bool'), attnotnull: true };
  }
  for (const [, , oid, , columns] of SYSTEM_RELATIONS) {
    if (!isWanted(oid)) continue;
    for (const [i, column] of columns.split(', ').entries()) {
      const [name, type] = column.split(' ') as [string, Parameters<typeof typeInfo>[0]];
      if (!knownTypeNames().has(type)) continue;
      // All text of the catalog is in "C".
      yield attribute(oid, name, i + 1, type, -1, collationOfType(type) && 'C');
    }
  }
}

let knownTypes: ReadonlySet<string> | undefined;

function knownTypeNames(): ReadonlySet<string> {
  knownTypes ??= new Set([...allTypes()].map(({ type }) => type));
  return knownTypes;
}

function indexRow(objects: CatalogObjects, object: IndexObject): SystemRow {
  const { oid, table, index } = object;
  const { columns, primaryKey } = table.table;
  const positions = index === undefined ? primaryKey : index.parts.map(({ column }) => column);
  const all = [...positions, ...(index?.include ?? [])];
  return {
    indexrelid: oid,
    indrelid: table.table.id,
    indnatts: all.length,
    indnkeyatts: positions.length,
    indisunique: index?.unique ?? true,
    indnullsnotdistinct: index?.nullsDistinct === false,
    indisprimary: index === undefined || index.isPrimary === true,
    indimmediate: index?.deferrable === undefined,
    indisclustered: (index === undefined ? table.table.primaryKeyClustered : index.clustered) === true,
    indisvalid: index?.invalid !== true,
    indisready: true,
    indislive: true,
    indkey: vector(all.map((position) => (position === undefined ? 0 : columnNumber(table.table, position)))),
    indcollation: new SqlArray('oid', indexCollations(object).map(collationOid), [positions.length], [0]),
    indclass: new SqlArray(
      'oid',
      (index?.parts ?? primaryKey.map((position) => columns[position]!)).map((part) =>
        operatorClassOid(part, index?.method ?? 'btree'),
      ),
      [positions.length],
      [0],
    ),
    indoption: vector(
      (index?.parts ?? primaryKey.map(() => ({ descending: false, nullsFirst: false }))).map(
        ({ descending, nullsFirst }) => (descending ? 1 : 0) | (nullsFirst ? 2 : 0),
      ),
    ),
    indexprs: expressionsText(object),
    indpred: objects.predicateText(object) ?? null,
  };
}

function expressionsText(object: IndexObject): string | null {
  const texts = indexParts(object).filter((_, i) => object.index?.parts[i]?.column === undefined && object.index);
  return texts.length === 0 ? null : texts.map(({ text }) => text).join(', ');
}

const ACTION_CODES = { 'no action': 'a', restrict: 'r', cascade: 'c', 'set null': 'n', 'set default': 'd' } as const;

function* constraintRows({ constraints, indexes }: CatalogObjects, wanted: Wanted): Iterable<SystemRow> {
  for (const constraint of constraints) {
    const { table } = constraint.table;
    if (!wanted.admits('conrelid', table.id) || !wanted.admits('oid', constraint.oid)) continue;
    const numbers = (positions: readonly number[], of = table): SqlArray =>
      new SqlArray(
        'int2',
        positions.map((position) => columnNumber(of, position)),
      );
    const row = {
      oid: constraint.oid,
      conname: constraint.name,
      connamespace: schemaOid(table.schema),
      contype: constraint.kind,
      condeferrable: false,
      convalidated: true,
      conrelid: table.id,
      conindid: indexOidOf(constraint),
      confupdtype: ' ',
      confdeltype: ' ',
      confmatchtype: ' ',
      conislocal: true,
      connoinherit: constraint.kind !== 'c' || constraint.check.noInherit === true,
    };
    if (constraint.kind === 'p' || constraint.kind === 'u') {
      const { index } = constraint;
      yield {
        ...row,
        condeferrable: index?.deferrable !== undefined,
        condeferred: index?.deferrable === 'deferred',
        conkey: numbers(index?.parts.map(({ column }) => column!) ?? table.primaryKey),
      };
    } else if (constraint.kind === 'c') {
      const named = columnNames(constraint.check.expression.tree);
      const positions = [...named].flatMap((name) => {
        const position = table.columns.findIndex((column) => column.name === name);
        return position < 0 ? [] : [position];
      });
      yield {
        ...row,
        convalidated: constraint.check.notValid !== true,
        conkey: positions.length === 0 ? null : numbers(positions),
        conbin: 'expression',
      };
    } else {
      const { key } = constraint;
      const parent = constraint.table.related.get(key.references)!.table;
      const referenced = indexes.find(
        (each) =>
          each.table.table.id === parent.id &&
          sameColumns(each.index?.parts.map(({ column }) => column) ?? parent.primaryKey, key.referenced),
      );
      yield {
        ...row,
        convalidated: key.notValid !== true,
        condeferrable: key.deferrable !== undefined,
        condeferred: key.deferrable === 'deferred',
        conindid: referenced?.oid ?? 0,
        confrelid: key.references,
        confupdtype: ACTION_CODES[key.onUpdate],
        confdeltype: ACTION_CODES[key.onDelete],
        confmatchtype: key.matchFull ? 'f' : 's',
        conkey: numbers(key.columns),
        confkey: numbers(key.referenced, parent),
      };
    }
  }
}

function* domainConstraintRows({ types }: CatalogObjects): Iterable<SystemRow> {
  for (const type of types) {
    if (type.kind !== 'domain') continue;
    for (const { id, name, notValid } of type.checks) {
      yield {
        oid: id,
        conname: name,
        connamespace: schemaOid(type.schema),
        contype: 'c',
        convalidated: notValid !== true,
        contypid: type.id,
        confupdtype: ' ',
        confdeltype: ' ',
        confmatchtype: ' ',
        conislocal: true,
        conkey: null,
        conbin: 'expression',
      };
    }
  }
}

function sameColumns(a: readonly (number | undefined)[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((each) => each !== undefined && b.includes(each));
}

function roleRow(context: EvaluationContext): SystemRow {
  return {
    oid: OWNER,
    rolname: context.session.user,
    rolsuper: true,
    rolinherit: true,
    rolcreaterole: true,
    rolcreatedb: true,
    rolcanlogin: true,
    rolreplication: true,
    rolconnlimit: -1,
    rolpassword: '********',
    rolbypassrls: true,
    usename: context.session.user,
    usesysid: OWNER,
    usecreatedb: true,
    usesuper: true,
    userepl: true,
    usebypassrls: true,
    passwd: '********',
  };
}

/** Whoever owns the database owns `public`; everybody may use it. */
const PUBLIC_PRIVILEGES = new SqlArray('aclitem', ['pg_database_owner=UC/pg_database_owner', '=U/pg_database_owner']);

/** Whom `public` belongs to. */
const DATABASE_OWNER_ROLE: SystemRow = {
  oid: DATABASE_OWNER,
  rolname: 'pg_database_owner',
  rolinherit: true,
  rolconnlimit: -1,
  rolpassword: '********',
};

export const PG_CATALOG: Readonly<Record<string, SystemRows>> = {
  ...STATISTICS_ROWS,
  ...EXTENSION_ROWS,
  ...OPERATOR_CLASS_ROWS,
  ...ACTIVITY_ROWS,
  pg_class: classRows,
  pg_attribute: attributeRows,
  *pg_index(objects, _, wanted) {
    for (const index of objects.indexes) {
      const isWanted = wanted.admits('indrelid', index.table.table.id) && wanted.admits('indexrelid', index.oid);
      if (isWanted) yield indexRow(objects, index);
    }
  },
  *pg_constraint(objects, _, wanted) {
    yield* constraintRows(objects, wanted);
    yield* domainConstraintRows(objects);
  },
  pg_type: typeRows,
  pg_namespace: (objects) =>
    objects.schemas().map(({ oid, name }) => ({
      oid,
      nspname: name,
      nspowner: oid === schemaOid() ? DATABASE_OWNER : OWNER,
      nspacl: oid === schemaOid() ? PUBLIC_PRIVILEGES : null,
    })),
  *pg_attrdef(objects, _, wanted) {
    for (const each of objects.tables) {
      const { table } = each;
      if (!wanted.admits('adrelid', table.id)) continue;
      for (let position = 0; position < table.columns.length; position++) {
        const text = objects.defaultText(each, position);
        if (text === undefined) continue;
        const adnum = columnNumber(table, position);
        yield { oid: attrdefOid(table, adnum), adrelid: table.id, adnum, adbin: text };
      }
    }
  },
  pg_am: () => [
    { oid: HEAP, amname: 'heap', amhandler: 0, amtype: 't' },
    { oid: ACCESS_METHODS.btree, amname: 'btree', amhandler: 0, amtype: 'i' },
    { oid: ACCESS_METHODS.hash, amname: 'hash', amhandler: 0, amtype: 'i' },
    { oid: ACCESS_METHODS.gin, amname: 'gin', amhandler: 0, amtype: 'i' },
  ],
  pg_roles: (_, context) => [roleRow(context), DATABASE_OWNER_ROLE],
  pg_authid: (_, context) => [roleRow(context), DATABASE_OWNER_ROLE],
  pg_user: (_, context) => [roleRow(context)],
  pg_shadow: (_, context) => [roleRow(context)],
  pg_database: (_, { session }) => [
    {
      oid: DATABASE,
      datname: session.database,
      datdba: OWNER,
      encoding: 6,
      datlocprovider: 'c',
      datallowconn: true,
      datconnlimit: -1,
      dattablespace: 1663,
      datcollate: 'C',
      datctype: 'C',
      datacl: null,
    },
  ],
  pg_tablespace: () => [
    { oid: 1663, spcname: 'pg_default', spcowner: OWNER },
    { oid: 1664, spcname: 'pg_global', spcowner: OWNER },
  ],
  pg_collation: () => [
    {
      oid: 100,
      collname: 'default',
      collnamespace: 11,
      collowner: OWNER,
      collprovider: 'd',
      collisdeterministic: true,
      collencoding: -1,
    },
    {
      oid: 950,
      collname: 'C',
      collnamespace: 11,
      collowner: OWNER,
      collprovider: 'c',
      collisdeterministic: true,
      collencoding: -1,
      collcollate: 'C',
      collctype: 'C',
    },
    {
      oid: 951,
      collname: 'POSIX',
      collnamespace: 11,
      collowner: OWNER,
      collprovider: 'c',
      collisdeterministic: true,
      collencoding: -1,
      collcollate: 'POSIX',
      collctype: 'POSIX',
    },
    {
      oid: collationOid('ucs_basic'),
      collname: 'ucs_basic',
      collnamespace: 11,
      collowner: OWNER,
      collprovider: 'c',
      collisdeterministic: true,
      collencoding: 6,
      collcollate: 'C',
      collctype: 'C',
    },
  ],
  pg_language: () => [
    { oid: 12, lanname: 'internal', lanowner: OWNER },
    { oid: 13, lanname: 'c', lanowner: OWNER },
    { oid: 14, lanname: 'sql', lanowner: OWNER, lanpltrusted: true },
  ],
  pg_description: descriptionRows,
  pg_depend: dependRows,
  pg_init_privs: () => [
    {
      objoid: schemaOid(),
      classoid: CLASS_OIDS.pg_namespace,
      objsubid: 0,
      privtype: 'i',
      initprivs: PUBLIC_PRIVILEGES,
    },
  ],
  pg_sequence: ({ sequences }) =>
    sequences.map(({ id, type, start, increment, max, min, cache, cycle }) => ({
      seqrelid: id,
      seqtypid: typeInfo(type).oid,
      seqstart: start,
      seqincrement: increment,
      seqmax: max,
      seqmin: min,
      seqcache: cache,
      seqcycle: cycle,
    })),
  pg_sequences: (objects, { session }) =>
    objects.sequences.map(({ id, name, schema, type, start, increment, max, min, cache, cycle }) => ({
      schemaname: objects.schemaName(schema),
      sequencename: name,
      sequenceowner: session.user,
      data_type: typeInfo(type).oid,
      start_value: start,
      min_value: min,
      max_value: max,
      increment_by: increment,
      cycle,
      cache_size: cache,
      last_value: session.sequences?.lastOf(id) ?? null,
    })),
  pg_tables: (objects, { session }) =>
    objects.tables.map(({ table }) => ({
      schemaname: objects.schemaName(table.schema),
      tablename: table.name,
      tableowner: session.user,
      tablespace: null,
      hasindexes: table.primaryKey.length > 0 || (table.indexes ?? []).length > 0,
      hastriggers: (table.foreignKeys ?? []).length > 0 || (table.referencedBy ?? []).length > 0,
    })),
  pg_views: (objects, { session }) =>
    objects.views
      .filter(({ table }) => table.view?.populated === undefined)
      .map(({ table }) => ({
        schemaname: objects.schemaName(table.schema),
        viewname: table.name,
        viewowner: session.user,
        definition: objects.viewDefinition(table.id, false),
      })),
  pg_matviews: (objects, { session }) =>
    objects.views
      .filter(({ table }) => table.view?.populated !== undefined)
      .map(({ table }) => ({
        schemaname: objects.schemaName(table.schema),
        matviewname: table.name,
        matviewowner: session.user,
        tablespace: null,
        hasindexes: (table.indexes ?? []).length > 0,
        ispopulated: table.view?.populated === true,
        definition: objects.viewDefinition(table.id, false),
      })),
  pg_rewrite: (objects) =>
    objects.views.map(({ table }) => ({
      oid: ruleOid(table),
      rulename: '_RETURN',
      ev_class: table.id,
      ev_type: '1',
      ev_enabled: 'O',
      is_instead: true,
    })),
  pg_indexes: (objects) =>
    objects.indexes.map(({ oid, name, table }) => ({
      schemaname: objects.schemaName(table.table.schema),
      tablename: table.table.name,
      indexname: name,
      tablespace: null,
      indexdef: objects.indexDefinition(oid, 0, false),
    })),
  *pg_settings(_, { session }) {
    for (const { definition, value, reset } of session.settings?.() ?? []) {
      const { name, initial, parse, facts = { type: 'string' } } = definition;
      yield {
        name,
        setting: value,
        unit: facts.unit ?? null,
        category: '',
        short_desc: '',
        context: parse === undefined ? 'internal' : 'user',
        vartype: facts.type,
        source: value === initial ? 'default' : value === reset ? 'client' : 'session',
        min_val: facts.min === undefined ? null : showBound(facts.min, facts.type),
        max_val: facts.max === undefined ? null : showBound(facts.max, facts.type),
        enumvals: facts.words === undefined ? null : new SqlArray('text', facts.words),
        boot_val: initial,
        reset_val: reset,
        pending_restart: false,
      };
    }
  },
  *pg_stat_progress_create_index(_, { session }) {
    for (const build of session.indexBuilds?.() ?? []) {
      yield {
        pid: build.processId,
        datid: DATABASE,
        datname: build.database,
        relid: build.table,
        index_relid: build.index,
        command: build.command,
        phase: 'building index: scanning table',
        lockers_total: 0n,
        lockers_done: 0n,
        current_locker_pid: 0n,
        blocks_total: 0n,
        blocks_done: 0n,
        tuples_total: BigInt(Math.trunc(build.rowsTotal)),
        tuples_done: BigInt(build.rowsDone),
        partitions_total: 0n,
        partitions_done: 0n,
      };
    }
  },
  *pg_cursors(_, { session }) {
    for (const [name, { prepared, declared, createdMs }] of session.portals?.() ?? []) {
      yield {
        name,
        statement: prepared.statement?.text ?? '',
        is_holdable: declared?.isHoldable ?? false,
        is_binary: declared?.isBinary ?? false,
        is_scrollable: declared?.isScrollable ?? false,
        creation_time: microsOf(createdMs),
      };
    }
  },
  *pg_prepared_statements(_, { session }) {
    for (const [name, { statement, preparedMs, parameterTypes, fromSql, uses }] of session.prepared?.() ?? []) {
      if (name === '') continue;
      yield {
        name,
        statement: statement?.text ?? '',
        prepare_time: microsOf(preparedMs),
        parameter_types: new SqlArray(
          'regtype',
          parameterTypes.map((type) => typeInfo(type).oid),
        ),
        from_sql: fromSql,
        generic_plans: BigInt(uses),
        custom_plans: 0n,
      };
    }
  },
  *pg_locks(_, { session }) {
    for (const { table, mode, processId } of session.sessions?.tableLocks() ?? []) {
      yield {
        ...NO_LOCK,
        locktype: 'relation',
        database: DATABASE,
        relation: table,
        virtualtransaction: `${processId}/1`,
        pid: processId,
        mode,
        granted: true,
      };
    }
    for (const { key, processId, shared, granted } of session.advisory?.all() ?? []) {
      yield {
        ...NO_LOCK,
        locktype: 'advisory',
        database: DATABASE,
        classid: key.classId,
        objid: key.objectId,
        objsubid: key.space,
        virtualtransaction: `${processId}/1`,
        pid: processId,
        mode: shared ? 'ShareLock' : 'ExclusiveLock',
        granted,
      };
    }
  },
  pg_proc: functionRows,
  pg_operator: operatorRows,
  pg_cast: castRows,
  pg_aggregate: aggregateRows,
  pg_enum: enumRows,
  pg_range: rangeRows,
};
