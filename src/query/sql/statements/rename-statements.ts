/** ALTER … RENAME: what changes how an object is called, and nothing that it holds. */

import type { RenameStmt } from '@pgsql/types';
import { deleteName, putName, readName, readTableById, redefineTable } from '../../../models/relational/catalog.ts';
import { encodeSequence, sequenceKey } from '../../../models/relational/sequence.ts';
import type { Column, Table, TableId } from '../../../models/relational/table.ts';
import type { Transaction } from '../../../storage/store.ts';
import { relationName, shownName } from '../binder/names.ts';
import { withColumnRenamed } from '../object-names.ts';
import type { ResultSink } from '../results.ts';
import type { SessionContext } from '../session-context.ts';
import { notSupported, SqlError } from '../sql-error.ts';
import { routineKind } from '../statement-kinds.ts';
import { type FoundRelation, skipped } from './relation-lookup.ts';
import type { SchemaChanges } from './schema-changes.ts';

type Sink = Pick<ResultSink, 'complete' | 'notice'>;

const TITLES: Readonly<Record<string, string>> = {
  OBJECT_TABLE: 'ALTER TABLE',
  OBJECT_COLUMN: 'ALTER TABLE',
  OBJECT_TABCONSTRAINT: 'ALTER TABLE',
  OBJECT_INDEX: 'ALTER INDEX',
  OBJECT_SEQUENCE: 'ALTER SEQUENCE',
  OBJECT_VIEW: 'ALTER VIEW',
  OBJECT_MATVIEW: 'ALTER MATERIALIZED VIEW',
};

export class RenameStatements {
  readonly #session: SessionContext;
  readonly #schema: SchemaChanges;

  constructor(session: SessionContext, schema: SchemaChanges) {
    this.#session = session;
    this.#schema = schema;
  }

  async rename(statement: RenameStmt, sink: Sink): Promise<void> {
    if (await this.#schema.types.rename(statement, sink)) return;
    if (routineKind(statement.renameType) !== undefined) return this.#schema.functions.rename(statement, sink);
    const { renameType = 'OBJECT_TABLE', relation, subname = '', newname = '' } = statement;
    if (renameType === 'OBJECT_SCHEMA') return this.#schema.schemas.rename(subname, newname, sink);
    const title = TITLES[renameType === 'OBJECT_COLUMN' ? (statement.relationType ?? renameType) : renameType];
    if (title === undefined || relation === undefined) {
      throw notSupported(`renaming a ${renameType.replace('OBJECT_', '').toLowerCase()}`);
    }
    this.#session.block.refuseReadOnly(title);
    const transaction = await this.#schema.begin();
    const name = relationName(relation);
    const found = await this.#schema.lookup.find(transaction, name, { schemaMayMiss: statement.missing_ok === true });
    if (found === undefined) {
      const message = `relation "${shownName(name)}" does not exist`;
      if (statement.missing_ok !== true) throw new SqlError('undefined_table', message);
      sink.notice(skipped(name));
      sink.complete(title);
      return;
    }
    if (renameType === 'OBJECT_COLUMN' || renameType === 'OBJECT_TABCONSTRAINT') {
      if (found.kind !== 'table' && !(found.kind === 'view' && renameType === 'OBJECT_COLUMN'))
        throw new SqlError('wrong_object_type', `"${name.name}" is not a table`);
      const table = await this.#locked(transaction, found.id);
      const renamed =
        renameType === 'OBJECT_COLUMN'
          ? renameColumn(table, subname, newname)
          : await this.#renameConstraint(transaction, table, subname, newname);
      redefineTable(transaction, this.#session.engine.keyspace, renamed);
    } else await this.#renameRelation(transaction, found, newname);
    sink.complete(title);
  }

  async #locked(transaction: Transaction, id: TableId): Promise<Table> {
    const { keyspace } = this.#session.engine;
    await this.#schema.lockTable(transaction, await readTableById(transaction, keyspace, id));
    return readTableById(transaction, keyspace, id);
  }

  /** A table, an index or a sequence: all are relations, whatever the statement calls them. */
  async #renameRelation(transaction: Transaction, found: FoundRelation, newName: string): Promise<void> {
    const { keyspace } = this.#session.engine;
    const { name, schema, ...relation } = found;
    await this.#requireFree(transaction, newName, schema.id);
    deleteName(transaction, keyspace, name, schema.id);
    await putName(transaction, keyspace, newName, schema.id, relation);
    if (found.kind === 'table' || found.kind === 'view') {
      redefineTable(transaction, keyspace, { ...(await this.#locked(transaction, found.id)), name: newName });
    } else if (found.kind === 'index') {
      const table = await this.#locked(transaction, found.table!);
      const indexes = (table.indexes ?? []).map((index) => (index.name === name ? { ...index, name: newName } : index));
      const primaryKeyName = found.id === table.id ? newName : table.primaryKeyName;
      redefineTable(transaction, keyspace, { ...table, indexes, primaryKeyName });
    } else if (found.kind === 'sequence') {
      const definition = { ...this.#schema.sequences.state(found.id)!.definition, name: newName };
      transaction.put(sequenceKey(keyspace, found.id), encodeSequence(definition));
      const own = this.#session.sequences.own.get(found.id);
      if (own !== undefined) own.definition = definition;
    } else throw notSupported(`renaming a ${found.kind}`);
  }

  async #renameConstraint(transaction: Transaction, table: Table, name: string, newName: string): Promise<Table> {
    const { keyspace } = this.#session.engine;
    const { checks = [], foreignKeys = [], indexes = [], primaryKey, primaryKeyName } = table;
    const isIndex =
      (primaryKey.length > 0 && primaryKeyName === name) ||
      indexes.some((index) => index.isConstraint && index.name === name);
    if (isIndex) {
      const relation = (await readName(transaction, keyspace, name, table.schema))!;
      const schema = this.#session.block.schemas.get(table.schema)!;
      await this.#renameRelation(transaction, { ...relation, name, schema }, newName);
      return readTableById(transaction, keyspace, table.id);
    }
    const all = [...checks, ...foreignKeys];
    if (!all.some((each) => each.name === name)) {
      const message = `constraint "${name}" for table "${table.name}" does not exist`;
      throw new SqlError('undefined_object', message);
    }
    if ([...all, ...indexes].some((each) => each.name === newName)) {
      const message = `constraint "${newName}" for relation "${table.name}" already exists`;
      throw new SqlError('duplicate_object', message);
    }
    const rename = <C extends { readonly name: string }>(each: C): C =>
      each.name === name ? { ...each, name: newName } : each;
    const renamed = checks.map(rename).sort((a, b) => (a.name < b.name ? -1 : 1));
    return { ...table, checks: renamed, foreignKeys: foreignKeys.map(rename) };
  }

  async #requireFree(transaction: Transaction, name: string, schema: number): Promise<void> {
    if ((await readName(transaction, this.#session.engine.keyspace, name, schema)) === undefined) return;
    throw new SqlError('duplicate_table', `relation "${name}" already exists`);
  }
}

function renameColumn(table: Table, name: string, newName: string): Table {
  const position = table.columns.findIndex((column) => column.name === name);
  if (position < 0) throw new SqlError('undefined_column', `column "${name}" does not exist`);
  if (table.columns.some((column) => column.name === newName)) {
    const message = `column "${newName}" of relation "${table.name}" already exists`;
    throw new SqlError('duplicate_column', message);
  }
  // Expressions in the definition speak of columns by name.
  const { checks, indexes, columns } = table;
  return {
    ...table,
    ...(checks === undefined ? {} : { checks: withColumnRenamed(checks, name, newName) }),
    ...(indexes === undefined ? {} : { indexes: withColumnRenamed(indexes, name, newName) }),
    columns: columns.map((column, i): Column => {
      const { generated } = column;
      const renamed = i === position ? { ...column, name: newName } : column;
      return generated === undefined ? renamed : { ...renamed, generated: withColumnRenamed(generated, name, newName) };
    }),
  };
}
