/**
 * DROP of relations, schemas, types and functions, with what depends on them (dependents.ts).
 *
 * What is to go is gathered first, each object followed by those that depend on it, older ones first. Without CASCADE
 * anything among them that nobody named is an error that lists it; with CASCADE it goes too, and a notice says so. Parts
 * of an object (indexes, sequences of its columns, its own constraints) go with it unmentioned.
 */

import type { DropStmt } from '@pgsql/types';
import { deleteName, dropTable, readTableById, redefineTable } from '../../../models/relational/catalog.ts';
import { deleteExtension } from '../../../models/relational/extension-definition.ts';
import { functionKey, type UserFunction } from '../../../models/relational/function-definition.ts';
import { dropSchema } from '../../../models/relational/schema.ts';
import type { Sequence } from '../../../models/relational/sequence.ts';
import { columnNumber, type Table, type TableId } from '../../../models/relational/table.ts';
import { type TypeDefinition, typeKey } from '../../../models/relational/type-definition.ts';
import type { Transaction } from '../../../storage/store.ts';
import { quoteName } from '../binder/deparse.ts';
import { nameOfList, type QualifiedName, shownName, stringOf, stringsOf } from '../binder/names.ts';
import type { Notice, ResultSink } from '../results.ts';
import { TEMPORARY } from '../search-path.ts';
import type { SessionContext } from '../session-context.ts';
import { missingSchema, notSupported, SqlError } from '../sql-error.ts';
import { routineKind } from '../statement-kinds.ts';
import type { DefinitionUses } from './definition-uses.ts';
import { Dependents } from './dependents.ts';
import { type Doomed, identity, isPartOf, ownerId } from './doomed.ts';
import type { FoundRelation, RelationLookup } from './relation-lookup.ts';
import type { SchemaChanges } from './schema-changes.ts';

type Sink = Pick<ResultSink, 'complete' | 'notice'>;

type Kind = 'table' | 'view' | 'materialized view' | 'index' | 'sequence' | 'schema' | 'extension';
type RelationKind = Exclude<Kind, 'schema' | 'extension'>;

const KINDS: Readonly<Record<string, Kind>> = {
  OBJECT_TABLE: 'table',
  OBJECT_VIEW: 'view',
  OBJECT_MATVIEW: 'materialized view',
  OBJECT_INDEX: 'index',
  OBJECT_SEQUENCE: 'sequence',
  OBJECT_SCHEMA: 'schema',
  OBJECT_EXTENSION: 'extension',
};

const ARTICLES = {
  table: 'a table',
  view: 'a view',
  'materialized view': 'a materialized view',
  index: 'an index',
  sequence: 'a sequence',
  type: 'a type',
} as const;

interface Entry {
  readonly object: Doomed;
  /** As messages name it. */
  readonly title: string;
  /** What it was reached from; undefined for what the statement names. */
  readonly because: string | undefined;
  /** It goes with what it is a part of, and nobody is told. */
  readonly isPart: boolean;
}

/** By `identity`. */
type Entries = Map<string, Entry>;

interface Gathering {
  /** What the statement names: nobody is told that it goes. */
  readonly named: Entries;
  readonly uses: DefinitionUses;
  readonly found: Entries;
}

/** What definitions call goes when nothing calls it any more. */
const ORDER_OF_REMOVAL = [
  'constraint',
  'check',
  'default',
  'index',
  'table',
  'column',
  'function',
  'field',
  'type',
  'sequence',
  'extension',
  'schema',
] as const;

/** Dependents that an error or a notice lists. */
const LISTED_MAX = 100;

export class DropStatements {
  readonly #session: SessionContext;
  readonly #schema: SchemaChanges;
  readonly #lookup: RelationLookup;
  readonly #dependents: Dependents;

  constructor(session: SessionContext, schema: SchemaChanges) {
    this.#session = session;
    this.#schema = schema;
    this.#lookup = schema.lookup;
    this.#dependents = new Dependents(session, schema);
  }

  async run(statement: DropStmt, sink: Sink): Promise<void> {
    const { removeType = '', concurrent, behavior, missing_ok: missingOk } = statement;
    if (routineKind(removeType) !== undefined) return this.#schema.functions.drop(statement, sink);
    if (removeType === 'OBJECT_TYPE' || removeType === 'OBJECT_DOMAIN')
      return this.#schema.types.drops.run(statement, sink);
    const kind = KINDS[removeType];
    const words = removeType.replace('OBJECT_', '').replace('MATVIEW', 'MATERIALIZED VIEW').replaceAll('_', ' ');
    if (kind === undefined) throw notSupported(`DROP ${words}`);
    this.#session.block.refuseReadOnly(`DROP ${words}`);
    if (concurrent === true) {
      this.#session.block.refuseBlock('DROP INDEX CONCURRENTLY');
      const unsupported = (what: string): SqlError =>
        new SqlError('feature_not_supported', `DROP INDEX CONCURRENTLY does not support ${what}`);
      if ((statement.objects ?? []).length > 1) throw unsupported('dropping multiple objects');
      if (behavior === 'DROP_CASCADE') throw unsupported('CASCADE');
    }
    const transaction = await this.#schema.begin();
    const named: Entries = new Map();
    for (const name of objectNames(statement)) {
      const found = await this.#named(transaction, kind, name, missingOk);
      if (found !== undefined) {
        const entry = await this.#entry(transaction, found, undefined, false);
        if (!named.has(identity(found))) named.set(identity(found), entry);
        continue;
      }
      const isRelation = kind !== 'schema' && kind !== 'extension';
      const what = isRelation ? shownName(name) : name.name;
      if (missingOk !== true) throw kind === 'schema' ? missingSchema(what) : missing(kind, what);
      const noSchema = name.schema !== undefined && this.#session.block.schemaNamed(name.schema) === undefined;
      const message = noSchema && isRelation ? `schema "${name.schema}"` : `${kind} "${what}"`;
      sink.notice({
        severity: 'NOTICE',
        condition: 'successful_completion',
        message: `${message} does not exist, skipping`,
      });
    }
    await this.#drop(transaction, named, behavior === 'DROP_CASCADE', sink);
    sink.complete(`DROP ${words}`);
  }

  /** Drops what is named, and what depends on it. @throws SqlError `dependent_objects_still_exist` without `cascade`. */
  async #drop(transaction: Transaction, named: Entries, cascade: boolean, sink: Sink): Promise<void> {
    const all = await this.#gathered(transaction, [...named.values()], named);
    const [only] = named.size === 1 ? named.values() : [];
    const [what, them] = only === undefined ? (['desired object(s)', 'them'] as const) : ([only.title, 'it'] as const);
    await this.#dropAll(transaction, all, { what, them }, cascade, sink);
  }

  async #dropAll(
    transaction: Transaction,
    all: readonly Entry[],
    { what, them }: { readonly what: string; readonly them: 'it' | 'them' },
    cascade: boolean,
    sink: Pick<Sink, 'notice'>,
  ): Promise<void> {
    const tables = new Set(all.flatMap(({ object }) => (object.kind === 'table' ? [object.table.id] : [])));
    const byOwner = Map.groupBy(all, ({ object }) => ownerId(object));
    const others = all.filter(
      ({ object, because, isPart }) =>
        because !== undefined &&
        !isPart &&
        !byOwner.get(ownerId(object))!.some((other) => other.object !== object && isPartOf(object, other.object)),
    );
    if (others.length > 0) {
      if (!cascade) {
        const lines = others.map(({ title, because }) => `${title} depends on ${because}`);
        throw new SqlError(
          'dependent_objects_still_exist',
          `cannot drop ${what} because other objects depend on ${them}`,
          { detail: listed(lines), hint: 'Use DROP ... CASCADE to drop the dependent objects too.' },
        );
      }
      sink.notice(cascadeNotice(others.map(({ title }) => `drop cascades to ${title}`)));
    }
    // What hangs on a table first, schemas last.
    const byKind = Map.groupBy(all, ({ object }) => object.kind);
    for (const kind of ORDER_OF_REMOVAL) {
      for (const { object } of byKind.get(kind) ?? []) await this.#remove(transaction, object, tables);
    }
  }

  /** DROP FUNCTION and its kin. @throws SqlError `dependent_objects_still_exist` without `cascade`. */
  dropFunctions(
    transaction: Transaction,
    definitions: readonly UserFunction[],
    cascade: boolean,
    sink: Sink,
  ): Promise<void> {
    return this.#dropNamed(
      transaction,
      definitions.map((definition) => ({ kind: 'function', definition })),
      cascade,
      sink,
    );
  }

  /** DROP TYPE and DROP DOMAIN. @throws SqlError `dependent_objects_still_exist` without `cascade`. */
  dropTypes(transaction: Transaction, types: readonly TypeDefinition[], cascade: boolean, sink: Sink): Promise<void> {
    return this.#dropNamed(
      transaction,
      types.map((type) => ({ kind: 'type', type })),
      cascade,
      sink,
    );
  }

  async #dropNamed(transaction: Transaction, objects: readonly Doomed[], cascade: boolean, sink: Sink): Promise<void> {
    const named: Entries = new Map();
    for (const object of objects) {
      named.set(identity(object), await this.#entry(transaction, object, undefined, false));
    }
    await this.#drop(transaction, named, cascade, sink);
  }

  /** As with CASCADE, and nobody is told. */
  async dropQuietly(transaction: Transaction, table: Table): Promise<void> {
    await this.#dropNamed(transaction, [{ kind: 'table', table }], true, { complete: () => {}, notice: () => {} });
  }

  /** Views that need what is about to go. @param because What that is. @throws SqlError `dependent_objects_still_exist` without `cascade`. */
  async dropViews(
    transaction: Transaction,
    views: readonly Table[],
    because: string,
    cascade: boolean,
    sink: Pick<Sink, 'notice'>,
  ): Promise<void> {
    const entries: Entry[] = [];
    for (const table of views.toReversed()) {
      entries.push(await this.#entry(transaction, { kind: 'table', table }, because, false));
    }
    const all = await this.#gathered(transaction, entries, new Map());
    await this.#dropAll(transaction, all, { what: because, them: 'it' }, cascade, sink);
  }

  async #named(
    transaction: Transaction,
    kind: Kind,
    name: QualifiedName,
    missingOk: boolean | undefined,
  ): Promise<Doomed | undefined> {
    if (kind === 'schema') return this.#schemaNamed(name);
    if (kind !== 'extension') return this.#find(transaction, kind, name, missingOk);
    const extension = await this.#schema.extensions.find(transaction, name.name);
    return extension && { kind, extension };
  }

  #schemaNamed({ name }: QualifiedName): Doomed | undefined {
    const { block } = this.#session;
    const schema = block.schemaNamed(name);
    if (schema === undefined) return undefined;
    if (schema.id < 0 || schema.name.startsWith(TEMPORARY)) {
      throw new SqlError(
        'dependent_objects_still_exist',
        `cannot drop schema ${schema.name} because it is required by the database system`,
      );
    }
    return { kind: 'schema', schema };
  }

  async #find(
    transaction: Transaction,
    kind: RelationKind,
    name: QualifiedName,
    missingOk: boolean | undefined,
  ): Promise<Doomed | undefined> {
    const found = await this.#lookup.find(transaction, name, { schemaMayMiss: missingOk === true });
    if (found === undefined) return undefined;
    const actual = await this.#kindOf(transaction, found);
    if (actual !== kind) throw wrongKind(name.name, kind, actual);
    return this.#load(transaction, found);
  }

  async #kindOf(transaction: Transaction, { kind, id }: FoundRelation): Promise<keyof typeof ARTICLES> {
    if (kind !== 'table') return kind;
    const table = await readTableById(transaction, this.#session.engine.keyspace, id);
    return table.view === undefined ? 'table' : 'materialized view';
  }

  async #load(transaction: Transaction, found: FoundRelation): Promise<Doomed> {
    const { keyspace } = this.#session.engine;
    if (found.kind === 'sequence') {
      const { definition } = this.#schema.sequences.state(found.id)!;
      await this.#refuseIdentity(transaction, definition);
      return { kind: 'sequence', sequence: definition };
    }
    if (found.kind === 'table' || found.kind === 'view') {
      return { kind: 'table', table: await readTableById(transaction, keyspace, found.id) };
    }
    if (found.kind === 'type') {
      return { kind: 'type', type: await this.#schema.types.definition(transaction, found.id) };
    }
    if (found.kind !== 'index') throw notSupported(`dropping a ${found.kind}`);
    const table = await readTableById(transaction, keyspace, found.table!);
    const index = table.indexes?.find(({ name }) => name === found.name);
    if (index !== undefined && !index.isConstraint) return { kind: 'index', table, index };
    const tableTitle = await this.#lookup.title(transaction, table.name, table.schema);
    const title = await this.#lookup.title(transaction, found.name, table.schema);
    throw new SqlError(
      'dependent_objects_still_exist',
      `cannot drop index ${title} because constraint ${quoteName(found.name)} on table ${tableTitle} requires it`,
      { hint: `You can drop constraint ${quoteName(found.name)} on table ${tableTitle} instead.` },
    );
  }

  async #refuseIdentity(transaction: Transaction, { name, schema, owner }: Sequence): Promise<void> {
    if (owner?.identity !== true) return;
    const table = await readTableById(transaction, this.#session.engine.keyspace, owner.table);
    const column = table.columns.find((_, position) => columnNumber(table, position) === owner.column)!;
    const title = await this.#lookup.title(transaction, name, schema);
    const place = `column ${quoteName(column.name)} of table ${await this.#lookup.title(transaction, table.name, table.schema)}`;
    throw new SqlError('dependent_objects_still_exist', `cannot drop sequence ${title} because ${place} requires it`, {
      hint: `You can drop ${place} instead.`,
    });
  }

  async #entry(transaction: Transaction, object: Doomed, because: string | undefined, isPart: boolean): Promise<Entry> {
    return { object, title: await this.#dependents.titleOf(transaction, object), because, isPart };
  }

  /** The entries and all that depends on them, each before what depends on it. */
  async #gathered(transaction: Transaction, entries: readonly Entry[], named: Entries): Promise<readonly Entry[]> {
    if (entries.length === 0) return [];
    const uses = await this.#dependents.uses(transaction);
    const found: Entries = new Map();
    for (const entry of entries) await this.#gather(transaction, entry, { named, uses, found });
    return [...found.values()].reverse();
  }

  /** Adds to `found` what depends on the object, newer ones first, each behind what depends on it; then the object. */
  async #gather(transaction: Transaction, entry: Entry, gathering: Gathering): Promise<void> {
    const { named, uses, found } = gathering;
    const key = identity(entry.object);
    if (found.has(key)) return;
    for (const { object, isPart, because = entry.title } of await this.#dependents.of(
      transaction,
      entry.object,
      uses,
    )) {
      const next = named.get(identity(object)) ?? (await this.#entry(transaction, object, because, isPart));
      await this.#gather(transaction, next, gathering);
    }
    if (!found.has(key)) found.set(key, entry);
  }

  /** @param dropped Tables that go as well: what others say of them need not be kept. */
  async #remove(transaction: Transaction, object: Doomed, dropped: ReadonlySet<TableId>): Promise<void> {
    const { keyspace } = this.#session.engine;
    switch (object.kind) {
      case 'schema': {
        const { block } = this.#session;
        dropSchema(transaction, keyspace, object.schema.id);
        block.setSchemas(block.schemas.without(object.schema.id));
        return;
      }
      case 'sequence':
        return this.#schema.sequences.remove(transaction, object.sequence.id);
      case 'function':
        transaction.delete(functionKey(keyspace, object.definition.id));
        this.#session.block.functionsChanged();
        return;
      case 'extension':
        deleteExtension(transaction, keyspace, object.extension);
        return;
      case 'type': {
        const { id, name, schema } = object.type;
        deleteName(transaction, keyspace, name, schema);
        transaction.delete(typeKey(keyspace, id));
        return;
      }
      case 'field': {
        const { name } = object.type.fields[object.field]!;
        const type = await this.#schema.types.definition(transaction, object.type.id);
        if (type.kind !== 'composite') return;
        return this.#schema.types.replace(transaction, {
          ...type,
          fields: type.fields.filter((field) => field.name !== name),
        });
      }
      case 'default': {
        if (dropped.has(object.table.id)) return;
        const table = await this.#locked(transaction, object.table.id);
        const columns = table.columns.map((column, position) => {
          if (position !== object.column) return column;
          const { sequence: _, ...rest } = column;
          return { ...rest, default: undefined };
        });
        redefineTable(transaction, keyspace, { ...table, columns });
        return;
      }
      case 'check': {
        if (dropped.has(object.table.id)) return;
        const table = await this.#locked(transaction, object.table.id);
        const checks = (table.checks ?? []).filter(({ name }) => name !== object.check.name);
        redefineTable(transaction, keyspace, { ...table, checks });
        return;
      }
      case 'column': {
        if (dropped.has(object.table.id)) return;
        const { name, schema } = object.table;
        const command = {
          subtype: 'AT_DropColumn',
          name: object.table.columns[object.column]!.name,
          behavior: 'DROP_CASCADE',
        } as const;
        const schemaname = this.#session.block.schemas.get(schema)?.name ?? '';
        return this.#schema.alterTable(
          { relation: { relname: name, schemaname }, objtype: 'OBJECT_TABLE', cmds: [{ AlterTableCmd: command }] },
          { complete: () => {}, notice: () => {} },
        );
      }
      case 'constraint': {
        if (dropped.has(object.table.id)) return;
        const child = await this.#locked(transaction, object.table.id);
        const foreignKeys = (child.foreignKeys ?? []).filter(({ id }) => id !== object.key.id);
        redefineTable(transaction, keyspace, { ...child, foreignKeys });
        if (!dropped.has(object.key.references)) await this.#forgetChild(transaction, child.id, object.key.references);
        return;
      }
      case 'index': {
        if (dropped.has(object.table.id)) return;
        return this.#schema.removeIndex(transaction, await this.#locked(transaction, object.table.id), object.index.id);
      }
      case 'table': {
        const table = await this.#locked(transaction, object.table.id);
        for (const { references } of table.foreignKeys ?? []) {
          if (!dropped.has(references)) await this.#forgetChild(transaction, table.id, references);
        }
        dropTable(transaction, keyspace, table);
      }
    }
  }

  /** The table is no longer referred to by `child`, unless another of its foreign keys does. */
  async #forgetChild(transaction: Transaction, child: TableId, id: TableId): Promise<void> {
    const parent = await this.#locked(transaction, id);
    const referencedBy = (parent.referencedBy ?? []).filter((each) => each !== child);
    redefineTable(transaction, this.#session.engine.keyspace, { ...parent, referencedBy });
  }

  async #locked(transaction: Transaction, id: TableId): Promise<Table> {
    const { keyspace } = this.#session.engine;
    await this.#schema.lockTable(transaction, await readTableById(transaction, keyspace, id));
    return readTableById(transaction, keyspace, id);
  }
}

/** What CASCADE says of what it took along. */
export function cascadeNotice(lines: readonly string[]): Notice {
  return {
    severity: 'NOTICE',
    condition: 'successful_completion',
    message: lines.length === 1 ? lines[0]! : `drop cascades to ${lines.length} other objects`,
    ...(lines.length === 1 ? {} : { detail: listed(lines) }),
  };
}

function listed(lines: readonly string[]): string {
  if (lines.length <= LISTED_MAX) return lines.join('\n');
  const rest = lines.length - LISTED_MAX;
  const more = `and ${rest} other object${rest === 1 ? '' : 's'} (see server log for list)`;
  return [...lines.slice(0, LISTED_MAX), more].join('\n');
}

function missing(kind: Exclude<Kind, 'schema'>, name: string): SqlError {
  const isRelation = kind !== 'index' && kind !== 'extension';
  return new SqlError(isRelation ? 'undefined_table' : 'undefined_object', `${kind} "${name}" does not exist`);
}

/** The names in DROP. */
function objectNames(statement: DropStmt): readonly QualifiedName[] {
  return (statement.objects ?? []).map((object) =>
    nameOfList('List' in object ? stringsOf(object.List.items) : [stringOf(object)]),
  );
}

function wrongKind(name: string, wanted: keyof typeof ARTICLES, actual: keyof typeof ARTICLES): SqlError {
  return new SqlError('wrong_object_type', `"${name}" is not ${ARTICLES[wanted]}`, {
    hint: `Use DROP ${actual.toUpperCase()} to remove ${ARTICLES[actual]}.`,
  });
}
