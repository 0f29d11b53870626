/**
 * Tables by name as of the newest commit, so that planning reads no keys.
 *
 * The store tells of every commit that touches the catalog before anyone can observe it; the cache then forgets all it
 * knows and begins a new generation. A plan is good for as long as the generation it was made in. A table is read again then,
 * and is the same object where its definition is the same (`decodedTable`): what reads its rows, and what planning has
 * gathered about it, is kept by that.
 *
 * Where other processes write to the store, their commits are not told. There the cache is good for one version of the
 * schema, which each transaction reads and compares (`note`) before it uses a plan.
 */

import { assert } from '../../base/assert.ts';
import { type Awaitable, isPromise, whenReady } from '../../base/awaitable.ts';
import { compareBytes, text } from '../../base/bytes.ts';
import { LruCache } from '../../base/lru-cache.ts';
import { type CatalogReader, findTableById, readTable, readTableById } from '../../models/relational/catalog.ts';
import { IndexKeys } from '../../models/relational/index-keys.ts';
import { InvertedKeys } from '../../models/relational/inverted-keys.ts';
import { schemaVersionKey } from '../../models/relational/keys.ts';
import { RowCodec } from '../../models/relational/row-codec.ts';
import {
  decodeSchema,
  INITIAL_SCHEMAS,
  readSchemas,
  type Schema,
  type Schemas,
  schemasRange,
} from '../../models/relational/schema.ts';
import {
  type ColumnValue,
  type Index,
  PUBLIC_SCHEMA,
  type SqlExpression,
  type Table,
  type TableId,
} from '../../models/relational/table.ts';
import type { Keyspace } from '../../storage/keyspace.ts';
import type { CommitRecord, Store, Transaction, Version } from '../../storage/store.ts';
import type { FunctionLookup } from './binder/query-context.ts';
import { asksForCatalog } from './binder/referenced-tables.ts';
import { callsFunctions } from './binder/stored-calls.ts';
import type { SystemTables } from './catalog/system-tables.ts';
import type { UserTypes } from './catalog/user-types.ts';
import type { EvaluationContext } from './functions/evaluation.ts';
import { isTemporary } from './temporary-relations.ts';
import { holdsNames } from './types/object-names.ts';
import type { Wanted } from './wanted-rows.ts';

/** The functions of users as a reader sees them; undefined without any. */
type FunctionsOf = (reader: CatalogReader) => Awaitable<FunctionLookup | undefined>;

const TABLES_MAX = 10_000;

export interface TableIndex {
  readonly index: Index;
  /** Not of an inverted index: it has no entries of this form. */
  readonly keys: IndexKeys;
  readonly inverted?: InvertedKeys;
}

/** A table and what reads and writes its rows. */
export interface CatalogTable {
  readonly table: Table;
  readonly codec: RowCodec;
  /** In the order of their ids. */
  readonly indexes: readonly TableIndex[];
  /** Tables that foreign keys tie to it, directly or through others; itself among them when there are any. */
  readonly related: ReadonlyMap<TableId, CatalogTable>;
  readonly keyspace: Keyspace;
  /** Those that its definition calls are among them. Missing where it calls none that users defined. */
  readonly functions: FunctionLookup | undefined;
  /** The name of its schema, where it was found by name. */
  readonly schemaName: string | undefined;
  /** Of a view that is computed each time. */
  readonly view: OpenView | undefined;
  /**
   * Of a relation of the system catalog: its rows, computed; a last value stands where a hidden id would. Rows that `wanted`
   * does not admit may be among them.
   */
  readonly system: ((context: EvaluationContext, wanted: Wanted) => Iterable<ColumnValue[]>) | undefined;
  /** Of a sequence, which queries read as a relation of one row: `system` gives it. */
  readonly isSequence: true | undefined;
}

/** What a view's query reads. */
export interface OpenView {
  /** Relations by id. */
  readonly reads: ReadonlyMap<TableId, CatalogTable>;
  /** Whether it needs what the system catalog says; see `asksForCatalog`. */
  readonly asksForCatalog: boolean;
}

/** @param related Where tables tied to this one are, or will be, found. */
export function openTable(
  keyspace: Keyspace,
  table: Table,
  related: ReadonlyMap<TableId, CatalogTable> = new Map(),
  functions?: FunctionLookup | undefined,
): CatalogTable {
  // A view that is computed has no rows, and may have columns that no row could hold.
  const isComputed = table.view !== undefined && table.view.populated === undefined;
  const codec = new RowCodec(keyspace, isComputed ? { ...table, columns: [] } : table);
  const indexes = (table.indexes ?? []).map((index) => ({
    index,
    keys: new IndexKeys(keyspace, table, index, codec.keys),
    ...(index.method === 'gin' ? { inverted: new InvertedKeys(keyspace, table, index, codec.keys) } : {}),
  }));
  return {
    table,
    codec,
    indexes,
    related,
    keyspace,
    functions: functions && callsFunctions(table) ? functions : undefined,
    schemaName: undefined,
    view: undefined,
    system: undefined,
    isSequence: undefined,
  };
}

export class CatalogCache {
  /** Whether others change the schema without this process being told. */
  readonly isShared: boolean;
  /** Called when others are found to have changed the schema. */
  onOthersChange: () => void = () => {};
  /** Told of schemas for temporary relations that are there when the catalog is read: what no session has made is nobody's any more. */
  onLeftOver: (schemas: readonly Schema[]) => void = () => {};
  readonly #store: Store;
  readonly #keyspace: Keyspace;
  readonly #types: Pick<UserTypes, 'ready'>;
  readonly #systemTables: SystemTables;
  readonly #functionsOf: FunctionsOf;
  readonly #tables = new LruCache<string, CatalogTable | 'absent'>(TABLES_MAX);
  readonly #stopWatching: () => void;
  #generation = 1;
  #version: Version = 0;
  #schemas: Schemas = INITIAL_SCHEMAS;
  #schemasLoaded = false;
  #loadingSchemas: Promise<void> | undefined;
  /** Of definitions that say all there is to know, by the name of the schema: they outlive changes of other tables. */
  readonly #opened = new WeakMap<Table, Map<string, CatalogTable>>();
  /** What a table was last opened with, of tables that foreign keys tie together: all of these outlive changes of others, too. */
  readonly #tied = new WeakMap<Table, TiedTables>();
  /** The version of the schema that the cache is good for, where it is shared; -1 before it was first read. */
  #schemaVersion = -1;

  /** @param types What tables have columns of: ready before one of them is opened. */
  constructor(
    store: Store,
    keyspace: Keyspace,
    types: Pick<UserTypes, 'ready'>,
    systemTables: SystemTables,
    functionsOf: FunctionsOf,
  ) {
    this.#systemTables = systemTables;
    this.#functionsOf = functionsOf;
    this.#store = store;
    this.#keyspace = keyspace;
    this.#types = types;
    this.isShared = store.supports.shared;
    this.#stopWatching = store.watch(keyspace.catalog.range(), (record) => {
      this.#version = record.version;
      this.#forget();
      this.#noteSchemas(record);
    });
    store.onReset(() => {
      this.#schemasLoaded = false;
      this.#loadingSchemas = undefined;
    });
  }

  #forget(): void {
    this.#generation++;
    this.#tables.clear();
  }

  /** Grows with every committed change of the schema. */
  get generation(): number {
    return this.#generation;
  }

  /** Version of the last commit that changed the schema since the cache was opened; 0 when none did. */
  get version(): Version {
    return this.#version;
  }

  /** The committed schemas; what a store without definitions has until `loadSchemas`. */
  get schemas(): Schemas {
    return this.#schemas;
  }

  /** Undefined once the schemas are in memory, where commits keep them up to date. */
  loadSchemas(): Promise<void> | undefined {
    if (this.#schemasLoaded) return undefined;
    this.#loadingSchemas ??= this.#readSchemas();
    return this.#loadingSchemas;
  }

  async #readSchemas(): Promise<void> {
    while (!this.#schemasLoaded) {
      const generation = this.#generation;
      const reader = this.#store.begin({ readOnly: true, label: 'schemas' });
      try {
        const schemas = await readSchemas(reader, this.#keyspace);
        if (generation !== this.#generation) continue;
        this.#schemas = schemas;
        this.#schemasLoaded = true;
        if (!this.isShared) this.onLeftOver(schemas.all().filter(isTemporary));
      } finally {
        reader.rollback();
      }
    }
  }

  #noteSchemas({ changes }: CommitRecord): void {
    const { start, end } = schemasRange(this.#keyspace);
    for (const change of changes) {
      if (change.kind === 'deleteRange') continue;
      if (compareBytes(change.key, start) < 0 || (end !== undefined && compareBytes(change.key, end) >= 0)) continue;
      const id = Number(this.#keyspace.catalog.decode(change.key)[1]);
      const schema = change.kind === 'put' ? decodeSchema(change.value) : undefined;
      this.#schemas = schema === undefined ? this.#schemas.without(id) : this.#schemas.with(schema);
    }
  }

  /** The version of the schema as a reader sees it: the number of changes that were committed. */
  async readSchemaVersion(reader: CatalogReader): Promise<number> {
    const bytes = await reader.get(schemaVersionKey(this.#keyspace));
    return bytes === undefined ? 0 : Number(text(bytes));
  }

  /** A version of the schema was seen: a newer one than is known ends the generation. @returns the newest known. */
  note(schemaVersion: number): number {
    if (schemaVersion > this.#schemaVersion) {
      if (this.#schemaVersion >= 0) {
        this.#forget();
        this.#schemasLoaded = false;
        this.#loadingSchemas = undefined;
        this.onOthersChange();
      }
      this.#schemaVersion = schemaVersion;
    }
    return this.#schemaVersion;
  }

  /** Before planning, where the cache is shared: what others have changed by now is known. */
  refresh(): Promise<unknown> | undefined {
    if (!this.isShared) return undefined;
    return this.readSchemaVersion(this.#store).then((version) => this.note(version));
  }

  /** The committed table of that name in a schema; undefined when there is none. */
  find(name: string, schema: Schema): Awaitable<CatalogTable | undefined> {
    const cached = schema.id === PUBLIC_SCHEMA ? name : `${name}\0${schema.id}`;
    const known = this.#tables.get(cached);
    if (known !== undefined) return known === 'absent' ? undefined : known;
    const loading = this.#types.ready();
    if (loading !== undefined) return loading.then(() => this.find(name, schema));
    const generation = this.#generation;
    const opened = this.isShared ? this.#findAtOnce(name, schema) : this.#findIn(this.#store, name, schema);
    return whenReady(opened, (found) => {
      if (generation === this.#generation) this.#tables.set(cached, found ?? 'absent');
      return found;
    });
  }

  /** The table as `transaction` sees it, its own schema changes included. */
  findWithin(transaction: Transaction, name: string, schema: Schema): Awaitable<CatalogTable | undefined> {
    const loading = this.#types.ready();
    if (loading !== undefined) return loading.then(() => this.findWithin(transaction, name, schema));
    return this.#findIn(transaction, name, schema);
  }

  #findIn(reader: CatalogReader, name: string, schema: Schema): Awaitable<CatalogTable | undefined> {
    return whenReady(
      readTable(reader, this.#keyspace, name, schema.id),
      (table) => table && this.#open(reader, table, schema.name),
    );
  }

  /** All that is read of it is of one version, whoever changes it meanwhile. */
  async #findAtOnce(name: string, schema: Schema): Promise<CatalogTable | undefined> {
    const reader = this.#store.begin({ readOnly: true, label: 'catalog' });
    try {
      return await this.#findIn(reader, name, schema);
    } finally {
      reader.rollback();
    }
  }

  /** The relation with that id as `transaction` sees it. @throws OperationError `corruption` when there is none. */
  openWithin(transaction: Transaction, id: TableId): Awaitable<CatalogTable> {
    return whenReady(readTableById(transaction, this.#keyspace, id), (table) => this.#open(transaction, table, ''));
  }

  /** As `openWithin`, of a view, with what its query reads: of a materialized one too, which is read as a table is. */
  openQueryWithin(transaction: Transaction, id: TableId): Awaitable<CatalogTable> {
    return whenReady(readTableById(transaction, this.#keyspace, id), (table) => {
      assert(table.view !== undefined, 'what depends on a relation by its query is a view');
      const { populated: _, ...view } = table.view;
      return whenReady(this.#open(transaction, { ...table, view }, ''), (opened) => ({ ...opened, table }));
    });
  }

  close(): void {
    this.#stopWatching();
    this.#tables.clear();
  }

  #openReads(
    reader: CatalogReader,
    ids: readonly TableId[],
    opened: Map<TableId, CatalogTable>,
    from = 0,
  ): Awaitable<void> {
    for (let i = from; i < ids.length; i++) {
      const id = ids[i]!;
      const system = this.#systemTables.byId(id);
      if (system !== undefined) {
        opened.set(id, system);
        continue;
      }
      const found = whenReady(readTableById(reader, this.#keyspace, id), (table) => this.#open(reader, table, ''));
      if (isPromise(found)) {
        return found.then((late) => {
          opened.set(id, late);
          return this.#openReads(reader, ids, opened, i + 1);
        });
      }
      opened.set(id, found);
    }
  }

  #open(reader: CatalogReader, table: Table, schemaName: string): Awaitable<CatalogTable> {
    if (table.view !== undefined && table.view.populated === undefined) {
      const { query, reads } = table.view;
      const opened = new Map<TableId, CatalogTable>();
      return whenReady(this.#openReads(reader, reads, opened), () => {
        const before = this.#opened.get(table)?.get(schemaName);
        if (before !== undefined && sameReads(before, opened)) return before;
        const asks = asksForCatalog(query.tree) || [...opened.values()].some(needsCatalog);
        const view = { ...openTable(this.#keyspace, table), schemaName, view: { reads: opened, asksForCatalog: asks } };
        if (!asks && !callsFunctions(table)) this.#keepOpened(table, schemaName, view);
        return view;
      });
    }
    if ((table.foreignKeys ?? []).length === 0 && (table.referencedBy ?? []).length === 0) {
      if (!callsFunctions(table)) return this.#openAlone(table, schemaName);
      return whenReady(this.#functionsOf(reader), (functions) => ({
        ...openTable(this.#keyspace, table, undefined, functions),
        schemaName,
      }));
    }
    return whenReady(this.#functionsOf(reader), (functions) => this.#openTied(reader, table, schemaName, functions));
  }

  /** Of a table that no other is tied to, and that calls nothing. */
  #openAlone(table: Table, schemaName: string): CatalogTable {
    const before = this.#opened.get(table)?.get(schemaName);
    if (before !== undefined) return before;
    const opened = { ...openTable(this.#keyspace, table), schemaName };
    if (!needsCatalog(opened)) this.#keepOpened(table, schemaName, opened);
    return opened;
  }

  #keepOpened(table: Table, schemaName: string, opened: CatalogTable): void {
    const known = this.#opened.get(table);
    if (known === undefined) this.#opened.set(table, new Map([[schemaName, opened]]));
    else known.set(schemaName, opened);
  }

  #openTied(
    reader: CatalogReader,
    table: Table,
    schemaName: string,
    functions: FunctionLookup | undefined,
  ): Awaitable<CatalogTable> {
    const before = this.#tied.get(table);
    const isSame = before !== undefined && this.#isAsBefore(reader, before);
    return whenReady(isSame, (same) => {
      if (same && before !== undefined) return before.open(table.id, schemaName);
      return whenReady(this.#readTied(reader, table, functions), (related) => {
        const tied = new TiedTables(related);
        if (!tied.dependOnOthers) for (const each of related.values()) this.#tied.set(each.table, tied);
        return tied.open(table.id, schemaName);
      });
    });
  }

  #readTied(
    reader: CatalogReader,
    table: Table,
    functions: FunctionLookup | undefined,
  ): Awaitable<Map<TableId, CatalogTable>> {
    const related = new Map<TableId, CatalogTable>();
    const add = (each: Table): Awaitable<void> => {
      related.set(each.id, openTable(this.#keyspace, each, related, functions));
      for (const id of tiesOf(each)) {
        if (related.has(id)) continue;
        const added = whenReady(readTableById(reader, this.#keyspace, id), add);
        if (isPromise(added)) return added.then(() => add(each));
      }
    };
    return whenReady(add(table), () => related);
  }

  /** Whether the definitions of all of them are what they were. */
  #isAsBefore(reader: CatalogReader, tied: TiedTables): Awaitable<boolean> {
    const isNewest = reader === this.#store;
    if (isNewest && tied.seen === this.#generation) return true;
    const generation = this.#generation;
    const tables = [...tied.related.values()];
    const compare = (from: number): Awaitable<boolean> => {
      for (let i = from; i < tables.length; i++) {
        const { table } = tables[i]!;
        const found = findTableById(reader, this.#keyspace, table.id);
        if (isPromise(found)) return found.then((late) => late === table && compare(i + 1));
        if (found !== table) return false;
      }
      if (isNewest) tied.seen = generation;
      return true;
    };
    return compare(0);
  }
}

function tiesOf({ foreignKeys = [], referencedBy = [] }: Table): readonly TableId[] {
  return [...foreignKeys.map(({ references }) => references), ...referencedBy];
}

/** Tables that foreign keys tie together, each with all of them. */
class TiedTables {
  readonly related: Map<TableId, CatalogTable>;
  /** By their ids and the names of their schemas. */
  readonly #opened = new Map<string, CatalogTable>();
  /** Whether what they are follows from more than their own definitions. */
  readonly dependOnOthers: boolean;
  /** The last generation of the cache in which their definitions were found to be these. */
  seen = 0;

  constructor(related: Map<TableId, CatalogTable>) {
    this.related = related;
    this.dependOnOthers = [...related.values()].some((each) => needsCatalog(each) || callsFunctions(each.table));
  }

  open(id: TableId, schemaName: string): CatalogTable {
    const key = `${id} ${schemaName}`;
    let opened = this.#opened.get(key);
    if (opened === undefined) {
      const known = this.related.get(id)!;
      opened = { ...known, schemaName };
      this.#opened.set(key, opened);
      // Keys to the table itself lead to the very same.
      if (known.schemaName === undefined) this.related.set(id, opened);
    }
    return opened;
  }
}

/** Whether the view read the very same relations. */
function sameReads({ view }: CatalogTable, reads: ReadonlyMap<TableId, CatalogTable>): boolean {
  if (view?.reads.size !== reads.size) return false;
  for (const [id, table] of reads) if (view.reads.get(id) !== table) return false;
  return true;
}

const asking = new WeakMap<Table, boolean>();

/** Whether reading the relation, or writing to it, needs what the system catalog says. */
export function needsCatalog({ system, view, table }: CatalogTable): boolean {
  if (system !== undefined || view?.asksForCatalog === true) return true;
  let asks = asking.get(table);
  if (asks === undefined) {
    asks =
      table.columns.some(({ type }) => holdsNames(type)) ||
      [...expressionsOf(table)].some(({ tree }) => asksForCatalog(tree));
    asking.set(table, asks);
  }
  return asks;
}

/** What writers compute for each row. */
function* expressionsOf({ checks = [], columns }: Table): Iterable<SqlExpression> {
  for (const { expression } of checks) yield expression;
  for (const { default: given, generated } of columns) {
    if (given?.kind === 'expression') yield given.expression;
    if (generated !== undefined) yield generated;
  }
}
