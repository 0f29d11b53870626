/**
 * CREATE INDEX and REINDEX, both with CONCURRENTLY: then in three transactions, of which only the first and the last, both
 * short, keep writers out; see index-builds.ts. What fails on the way leaves an invalid index behind.
 *
 * Entries of an index agree with the rows at every version, so REINDEX has nothing to mend. It writes them anew all the
 * same, except those of a primary key that rows are found by: those are the rows.
 */

import type { AlterTableStmt, IndexStmt, ReindexStmt } from '@pgsql/types';
import { deleteName, putName, readName, readTableById, redefineTable } from '../../../models/relational/catalog.ts';
import { claimsOf, entriesOf } from '../../../models/relational/index-keys.ts';
import { tableKey } from '../../../models/relational/keys.ts';
import {
  type Index,
  PUBLIC_SCHEMA,
  type StorageParameters,
  type Table,
  type TableId,
} from '../../../models/relational/table.ts';
import type { Transaction } from '../../../storage/store.ts';
import { type QualifiedName, relationName, shownName } from '../binder/names.ts';
import type { CatalogTable } from '../catalog-cache.ts';
import { fillIndex, type IndexBuild } from '../index-builds.ts';
import { objectName } from '../object-names.ts';
import type { ResultSink } from '../results.ts';
import type { SessionContext } from '../session-context.ts';
import { missingSchema, notSupported, SqlError } from '../sql-error.ts';
import type { StatementRunner } from '../statement-runner.ts';
import { storageParameters } from '../storage-parameters.ts';
import { requireTablespace } from '../tablespaces.ts';
import { skipped } from './relation-lookup.ts';
import type { SchemaChanges } from './schema-changes.ts';
import { TableEditor } from './table-editor.ts';

type Sink = Pick<ResultSink, 'complete' | 'notice'>;

export class IndexStatements {
  readonly #session: SessionContext;
  readonly #runner: StatementRunner;
  readonly #schema: SchemaChanges;

  constructor(session: SessionContext, runner: StatementRunner, schema: SchemaChanges) {
    this.#session = session;
    this.#runner = runner;
    this.#schema = schema;
  }

  async create(statement: IndexStmt, sink: Sink): Promise<void> {
    const { block, engine } = this.#session;
    block.refuseReadOnly('CREATE INDEX');
    const concurrent = statement.concurrent === true;
    if (concurrent) block.refuseBlock('CREATE INDEX CONCURRENTLY');
    const transaction = await this.#schema.begin();
    const found = await this.#schema.lookup.require(transaction, relationName(statement.relation!));
    if (found.kind !== 'table') {
      throw new SqlError('wrong_object_type', `cannot create index on relation "${found.name}"`, {
        detail: `This operation is not supported for ${found.kind === 'index' ? 'indexes' : `${found.kind}s`}.`,
      });
    }
    const table = await this.#schema.lockById(transaction, found.id);
    const { idxname = '' } = statement;
    if (statement.if_not_exists === true && idxname !== '') {
      if ((await readName(transaction, engine.keyspace, idxname, table.schema)) !== undefined) {
        const message = `relation "${idxname}" already exists, skipping`;
        sink.notice({ severity: 'NOTICE', condition: 'duplicate_table', message });
        sink.complete('CREATE INDEX');
        return;
      }
    }
    const editor = new TableEditor(table, false, await this.#schema.editorOptions(transaction, sink, statement));
    const id = await editor.addIndex(statement, { invalid: concurrent });
    editor.store();
    if (concurrent) {
      await this.#fill(table.id, id, 'CREATE INDEX CONCURRENTLY');
      await this.#change(table.id, id, (current) => ({ ...current, indexes: validated(current, id) }));
    }
    sink.complete('CREATE INDEX');
  }

  /** ALTER INDEX … SET and RESET of storage parameters. */
  async alter({ relation, cmds = [], missing_ok: missingOk }: AlterTableStmt, sink: Sink): Promise<void> {
    this.#session.block.refuseReadOnly('ALTER INDEX');
    const transaction = await this.#schema.begin();
    const name = relationName(relation!);
    const found = await this.#schema.lookup.find(transaction, name, { schemaMayMiss: missingOk === true });
    if (found === undefined) {
      if (missingOk !== true) throw new SqlError('undefined_table', `relation "${shownName(name)}" does not exist`);
      sink.notice(skipped(name));
      sink.complete('ALTER INDEX');
      return;
    }
    if (found.kind !== 'index') throw new SqlError('wrong_object_type', `"${found.name}" is not an index`);
    const changes = cmds.flatMap((node) => ('AlterTableCmd' in node ? [node.AlterTableCmd] : []));
    const table = await this.#schema.lockById(transaction, found.table!);
    const index = table.indexes?.find(({ id }) => id === found.id);
    let parameters = (index === undefined ? table.primaryKeyParameters : index.storageParameters) ?? [];
    for (const { subtype = '', name: space, def } of changes) {
      if (subtype === 'AT_SetTableSpace') {
        requireTablespace(space);
        continue;
      }
      const isReset = subtype === 'AT_ResetRelOptions';
      if ((!isReset && subtype !== 'AT_SetRelOptions') || def === undefined || !('List' in def)) {
        throw notSupported('ALTER INDEX');
      }
      parameters = storageParameters(index?.method ?? 'index', def.List.items ?? [], parameters, isReset);
    }
    redefineTable(transaction, this.#session.engine.keyspace, withParameters(table, index, parameters));
    sink.complete('ALTER INDEX');
  }

  async reindex(statement: ReindexStmt, sink: Sink): Promise<void> {
    const { block } = this.#session;
    let concurrent = false;
    for (const option of statement.params ?? []) {
      const { defname = '', location } = 'DefElem' in option ? option.DefElem : {};
      if (defname === 'concurrently') concurrent = true;
      else throw notSupported(`REINDEX (${defname.toUpperCase()})`, location);
    }
    const { kind = '', relation, name = '' } = statement;
    if (concurrent) block.refuseBlock('REINDEX CONCURRENTLY');
    if (kind === 'REINDEX_OBJECT_INDEX' || kind === 'REINDEX_OBJECT_TABLE') {
      const isIndex = kind === 'REINDEX_OBJECT_INDEX';
      const { table, only } = await this.#target(relationName(relation!), isIndex);
      const count = await this.#rebuild(table, only, concurrent, sink);
      if (!isIndex && count === 0 && table.primaryKey.length === 0) {
        const suffix = concurrent ? ' that can be reindexed concurrently' : ' to reindex';
        const message = `table "${table.name}" has no indexes${suffix}`;
        sink.notice({ severity: 'NOTICE', condition: 'successful_completion', message });
      }
      sink.complete('REINDEX');
      return;
    }
    const words = kind.replace('REINDEX_OBJECT_', '');
    if (!concurrent) block.refuseBlock(`REINDEX ${words}`);
    const ids = await this.#tablesOf(words, name, concurrent);
    for (const id of ids) {
      await this.#schema.nextTransaction();
      const transaction = await this.#schema.begin();
      const table = await this.#tryRead(transaction, id);
      if (table !== undefined) await this.#rebuild(table, undefined, concurrent, sink);
    }
    sink.complete('REINDEX');
  }

  /** Tables of a schema, or of the database. */
  async #tablesOf(words: string, name: string, concurrent: boolean): Promise<readonly TableId[]> {
    const { block, facts } = this.#session;
    await this.#schema.begin();
    await block.loadObjects();
    const tables = block.objects!.tables.map(({ table }) => table);
    if (words === 'SCHEMA') {
      const schema = block.schemaNamed(name);
      if (schema === undefined) throw missingSchema(name);
      return tables.filter((table) => (table.schema ?? PUBLIC_SCHEMA) === schema.id).map(({ id }) => id);
    }
    if (name !== '' && name !== facts.database) {
      throw new SqlError('feature_not_supported', 'can only reindex the currently open database');
    }
    if (words !== 'SYSTEM') return tables.map(({ id }) => id);
    // The catalog is computed: it has no indexes.
    if (concurrent) throw new SqlError('feature_not_supported', 'cannot reindex system catalogs concurrently');
    return [];
  }

  async #target(
    name: QualifiedName,
    isIndex: boolean,
  ): Promise<{ readonly table: Table; readonly only: TableId | undefined }> {
    const transaction = await this.#schema.begin();
    const found = await this.#schema.lookup.require(transaction, name);
    if (isIndex ? found.kind !== 'index' : found.kind !== 'table') {
      const what = isIndex ? 'an index' : 'a table or materialized view';
      throw new SqlError('wrong_object_type', `"${found.name}" is not ${what}`);
    }
    const tableId = found.kind === 'index' ? found.table : found.id;
    const table = await readTableById(transaction, this.#session.engine.keyspace, tableId as TableId);
    return { table, only: isIndex ? (found.id as TableId) : undefined };
  }

  async #tryRead(transaction: Transaction, id: TableId): Promise<Table | undefined> {
    const { keyspace } = this.#session.engine;
    if ((await transaction.get(tableKey(keyspace, id))) === undefined) return undefined;
    return readTableById(transaction, keyspace, id);
  }

  /** @param only Missing: all indexes of the table. @returns how many. */
  async #rebuild(table: Table, only: TableId | undefined, concurrent: boolean, sink: Sink): Promise<number> {
    const indexes = (table.indexes ?? []).filter(({ id }) => only === undefined || id === only);
    if (indexes.length === 0) return 0;
    if (concurrent) for (const { id } of indexes) await this.#replace(table.id, id, sink);
    else {
      const transaction = await this.#schema.begin();
      const current = await this.#schema.lockById(transaction, table.id);
      const editor = new TableEditor(current, false, await this.#schema.editorOptions(transaction, sink));
      for (const index of indexes) await editor.rebuildIndex(index);
      editor.store();
    }
    return indexes.length;
  }

  /** Builds a twin of an index beside it, and puts it in its place. */
  async #replace(tableId: TableId, id: TableId, sink: Sink): Promise<void> {
    const { keyspace } = this.#session.engine;
    const transaction = await this.#schema.begin();
    const table = await this.#schema.lockById(transaction, tableId);
    const index = table.indexes?.find((each) => each.id === id);
    if (index === undefined) throw new SqlError('undefined_object', 'the index was dropped meanwhile');
    const options = await this.#schema.editorOptions(transaction, sink);
    const editor = new TableEditor(table, false, options);
    const { isPrimary: _, ...plain } = index;
    const name = objectName(index.name, '', 'ccnew');
    const twin: Index = { ...plain, id: options.nextId(), name, isConstraint: false, invalid: true };
    await editor.putIndex(twin);
    editor.store();
    await this.#fill(tableId, twin.id, 'REINDEX CONCURRENTLY');
    await this.#change(tableId, twin.id, (current, last) => {
      const old = current.indexes?.find((each) => each.id === id);
      if (old === undefined) throw new SqlError('undefined_object', 'the index was dropped meanwhile');
      for (const rangeOf of [entriesOf, claimsOf]) last.deleteRange(rangeOf(keyspace, current, old));
      deleteName(last, keyspace, twin.name, current.schema);
      deleteName(last, keyspace, old.name, current.schema);
      const { invalid, ...valid } = { ...old, id: twin.id };
      const indexes = current.indexes!.filter((each) => each !== old);
      return { ...current, indexes: indexes.map((each) => (each.id === twin.id ? valid : each)) };
    });
    await this.#schema.nextTransaction();
  }

  /** Commits the invalid index, and fills it. */
  async #fill(tableId: TableId, id: TableId, command: IndexBuild['command']): Promise<void> {
    const { engine, facts, interrupts } = this.#session;
    await this.#schema.nextTransaction();
    const build: IndexBuild = {
      processId: facts.processId,
      database: facts.database,
      table: tableId,
      index: id,
      command,
      rowsTotal: engine.statistics.rowsOf(tableId),
      rowsDone: 0,
    };
    const table = await this.#open(tableId);
    await fillIndex(table, { engine, interrupts, context: this.#runner.execution(undefined), build });
  }

  async #open(tableId: TableId): Promise<CatalogTable> {
    const { engine } = this.#session;
    const reader = engine.store.begin({ readOnly: true, label: 'index build' });
    try {
      return await engine.catalog.openWithin(reader, tableId);
    } finally {
      reader.rollback();
    }
  }

  /** Changes the definition once more, if the index is still there. */
  async #change(
    tableId: TableId,
    id: TableId,
    change: (table: Table, transaction: Transaction) => Table,
  ): Promise<void> {
    const { keyspace } = this.#session.engine;
    const transaction = await this.#schema.begin();
    const current = await this.#schema.lockById(transaction, tableId);
    if (!(current.indexes ?? []).some((each) => each.id === id)) {
      throw new SqlError('undefined_object', 'the index was dropped while it was built');
    }
    const changed = redefineTable(transaction, keyspace, change(current, transaction));
    const index = changed.indexes!.find((each) => each.id === id)!;
    if ((await readName(transaction, keyspace, index.name, changed.schema)) === undefined) {
      await putName(transaction, keyspace, index.name, changed.schema, { kind: 'index', id, table: tableId });
    }
  }
}

/** @param index Undefined for the one that stands for the primary key. */
function withParameters(table: Table, index: Index | undefined, parameters: StorageParameters): Table {
  if (index === undefined) {
    const { primaryKeyParameters: _, ...rest } = table;
    return parameters.length === 0 ? rest : { ...rest, primaryKeyParameters: parameters };
  }
  const { storageParameters: _, ...rest } = index;
  const changed: Index = parameters.length === 0 ? rest : { ...rest, storageParameters: parameters };
  return { ...table, indexes: table.indexes!.map((each) => (each === index ? changed : each)) };
}

function validated({ indexes = [] }: Table, id: TableId): readonly Index[] {
  return indexes.map((each) => {
    if (each.id !== id) return each;
    const { invalid: _, ...valid } = each;
    return valid;
  });
}
