/**
 * CREATE, ALTER, DROP and TRUNCATE of what the catalog holds.
 *
 * Schema changes are part of their transaction, and take turns: see models/relational/catalog.ts.
 */

import type { Node } from '@pgsql/types';
import { isPromise } from '../../base/awaitable.ts';
import { hasCode } from '../../base/errors.ts';
import { beginSchemaChange, createTable, dropTable, truncateTable } from '../../models/relational/catalog.ts';
import { tableKey } from '../../models/relational/keys.ts';
import type { Table } from '../../models/relational/table.ts';
import type { Transaction } from '../../storage/store.ts';
import { bindAlterTable } from './binder/bind-alter-table.ts';
import { bindCreateTable } from './binder/bind-create-table.ts';
import { stringOf, stringsOf, tableName } from './binder/names.ts';
import { compileExpression } from './planner/compile-expression.ts';
import type { ResultSink } from './results.ts';
import { rewriteTable } from './rewrite-table.ts';
import type { SessionContext } from './session-context.ts';
import type { SqlEngine } from './sql-engine.ts';
import { notSupported, SqlError } from './sql-error.ts';
import type { StatementRunner } from './statement-runner.ts';
import type { TransactionBlock } from './transaction-block.ts';

export class SchemaChanges {
  readonly #session: SessionContext;
  readonly #engine: SqlEngine;
  readonly #block: TransactionBlock;
  readonly #runner: StatementRunner;

  constructor(session: SessionContext, runner: StatementRunner) {
    this.#session = session;
    this.#engine = session.engine;
    this.#block = session.block;
    this.#runner = runner;
  }

  async createTable(
    statement: Extract<Node, { CreateStmt: unknown }>['CreateStmt'],
    sink: Pick<ResultSink, 'complete' | 'notice'>,
  ): Promise<void> {
    this.#block.refuseReadOnly('CREATE TABLE');
    const now = this.#engine.nowMicros();
    const evaluation = {
      ...this.#session.parameters.style,
      nowMicros: now,
      statementMicros: now,
      clockMicros: () => now,
      parameters: [],
      slots: [],
      session: this.#session.facts,
    };
    const definition = bindCreateTable(statement, this.#runner.bindContext([], false), (expression) =>
      compileExpression(expression)([], evaluation),
    );
    const transaction = await this.#beginSchemaChange();
    try {
      await createTable(transaction, this.#engine.keyspace, definition);
    } catch (error) {
      if (!hasCode(error, 'already_exists')) throw error;
      const message = `relation "${definition.name}" already exists`;
      if (statement.if_not_exists !== true) throw new SqlError('duplicate_table', message, { cause: error });
      sink.notice({ severity: 'NOTICE', condition: 'duplicate_table', message: `${message}, skipping` });
    }
    sink.complete('CREATE TABLE');
  }

  async dropTables(
    statement: Extract<Node, { DropStmt: unknown }>['DropStmt'],
    sink: Pick<ResultSink, 'complete' | 'notice'>,
  ): Promise<void> {
    if (statement.removeType !== 'OBJECT_TABLE') {
      throw notSupported(`DROP ${(statement.removeType ?? '').replace('OBJECT_', '').replaceAll('_', ' ')}`);
    }
    this.#block.refuseReadOnly('DROP TABLE');
    const transaction = await this.#beginSchemaChange();
    const tables: Table[] = [];
    for (const object of statement.objects ?? []) {
      const names = 'List' in object ? stringsOf(object.List.items) : [stringOf(object)];
      const name = tableName({
        relname: names.at(-1)!,
        ...(names.length > 1 ? { schemaname: names.at(-2)! } : {}),
        ...(names.length > 2 ? { catalogname: names.at(-3)! } : {}),
      });
      const found = await this.#engine.catalog.findWithin(transaction, name);
      if (found !== undefined) tables.push(found.table);
      else if (statement.missing_ok !== true) {
        throw new SqlError('undefined_table', `table "${name}" does not exist`);
      } else {
        const message = `table "${name}" does not exist, skipping`;
        sink.notice({ severity: 'NOTICE', condition: 'successful_completion', message });
      }
    }
    for (const table of tables) {
      await this.#lockTable(transaction, table);
      dropTable(transaction, this.#engine.keyspace, table);
    }
    sink.complete('DROP TABLE');
  }

  /** Keeps everyone out who writes to the table, until the end of the transaction. */
  async #lockTable(transaction: Transaction, table: Table): Promise<void> {
    const timeoutMs = this.#session.parameters.milliseconds('lock_timeout');
    const bound = timeoutMs > 0 ? { timeoutMs } : {};
    const locked = transaction.lock([tableKey(this.#engine.keyspace, table.id)], bound);
    if (isPromise(locked)) await this.#session.interrupts.race(locked);
  }

  async truncate(
    { relations }: Extract<Node, { TruncateStmt: unknown }>['TruncateStmt'],
    sink: Pick<ResultSink, 'complete'>,
  ): Promise<void> {
    this.#block.refuseReadOnly('TRUNCATE TABLE');
    this.#block.ranStatement = true;
    await this.#block.holdPortals();
    const transaction = this.#block.transaction ?? this.#block.begin();
    for (const relation of relations ?? []) {
      if (!('RangeVar' in relation)) continue;
      const table = await this.#lockNewest(transaction, tableName(relation.RangeVar));
      this.#block.wrote = true;
      truncateTable(transaction, this.#engine.keyspace, table);
    }
    sink.complete('TRUNCATE TABLE');
  }

  /** Locks the table that has the name when the lock is granted. @throws SqlError `undefined_table`. */
  async #lockNewest(transaction: Transaction, name: string): Promise<Table> {
    for (;;) {
      transaction.beginStatement();
      const before = await this.#engine.catalog.findWithin(transaction, name);
      if (before === undefined) throw new SqlError('undefined_table', `relation "${name}" does not exist`);
      await this.#lockTable(transaction, before.table);
      transaction.beginStatement();
      const after = await this.#engine.catalog.findWithin(transaction, name);
      if (after?.table.id === before.table.id && after.table.version === before.table.version) return after.table;
    }
  }

  async alterTable(
    statement: Extract<Node, { AlterTableStmt: unknown }>['AlterTableStmt'],
    sink: Pick<ResultSink, 'complete' | 'notice'>,
  ): Promise<void> {
    if (statement.objtype !== 'OBJECT_TABLE') {
      throw notSupported(`ALTER ${(statement.objtype ?? '').replace('OBJECT_', '').replaceAll('_', ' ')}`);
    }
    this.#block.refuseReadOnly('ALTER TABLE');
    const transaction = await this.#beginSchemaChange();
    const name = tableName(statement.relation!);
    const found = await this.#engine.catalog.findWithin(transaction, name);
    if (found === undefined) {
      if (statement.missing_ok !== true) throw new SqlError('undefined_table', `relation "${name}" does not exist`);
      const message = `relation "${name}" does not exist, skipping`;
      sink.notice({ severity: 'NOTICE', condition: 'successful_completion', message });
      sink.complete('ALTER TABLE');
      return;
    }
    const definition = bindAlterTable(statement, found.table);
    await this.#lockTable(transaction, found.table);
    transaction.beginStatement();
    await rewriteTable(transaction, found.table, definition, {
      keyspace: this.#engine.keyspace,
      zone: this.#session.parameters.zone,
      pause: () => this.#session.interrupts.pause(),
    });
    sink.complete('ALTER TABLE');
  }

  async #beginSchemaChange(): Promise<Transaction> {
    this.#block.ranStatement = true;
    await this.#block.holdPortals();
    const transaction = this.#block.transaction ?? this.#block.begin();
    transaction.beginStatement();
    const timeoutMs = this.#session.parameters.milliseconds('lock_timeout');
    const bound = timeoutMs > 0 ? { timeoutMs } : {};
    await this.#session.interrupts.race(beginSchemaChange(transaction, this.#engine.keyspace, bound));
    this.#block.wrote = true;
    this.#block.schemaChanged = true;
    return transaction;
  }
}
