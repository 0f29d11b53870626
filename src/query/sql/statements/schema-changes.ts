/**
 * CREATE, ALTER, DROP and TRUNCATE of tables, indexes and sequences.
 *
 * Schema changes are part of their transaction, and take turns: see models/relational/catalog.ts. Whoever writes rows of
 * a table holds its definition in share; who changes it, in exclusive, until the end of the transaction.
 */

import type { AlterTableCmd, Node } from '@pgsql/types';
import { isPromise } from '../../../base/awaitable.ts';
import {
  beginSchemaChange,
  createTable,
  openIds,
  readName,
  readTableById,
  redefineTable,
  truncateTable,
} from '../../../models/relational/catalog.ts';
import { tableKey } from '../../../models/relational/keys.ts';
import type { Schema } from '../../../models/relational/schema.ts';
import {
  type ForeignKey,
  primaryIndex,
  relationWord,
  type Table,
  type TableId,
} from '../../../models/relational/table.ts';
import type { Transaction } from '../../../storage/store.ts';
import { bindCreateTable, bindPrimaryKey, type EvaluateConstant, isKeptAsIndex } from '../binder/bind-create-table.ts';
import type { Likes } from '../binder/bind-like.ts';
import { requireColumn } from '../binder/column-values.ts';
import { quoteName } from '../binder/deparse.ts';
import { type QualifiedName, relationName, shownName, stringsOf } from '../binder/names.ts';
import { binderOver } from '../binder/table-rules.ts';
import { storedFunctions } from '../catalog/stored-functions.ts';
import type { CatalogTable } from '../catalog-cache.ts';
import { ACCESS_EXCLUSIVE } from '../locks/table-modes.ts';
import { freeName, primaryKeyName } from '../object-names.ts';
import { compileExpression } from '../planner/compile-expression.ts';
import type { ResultSink } from '../results.ts';
import { requireOwner } from '../roles.ts';
import type { SessionContext } from '../session-context.ts';
import type { SqlEngine } from '../sql-engine.ts';
import { notSupported, SqlError } from '../sql-error.ts';
import type { StatementRunner } from '../statement-runner.ts';
import { storageParameters } from '../storage-parameters.ts';
import { requireTablespace } from '../tablespaces.ts';
import { isTemporary, type OnCommit } from '../temporary-relations.ts';
import type { TransactionBlock } from '../transaction-block.ts';
import { clusteredOn, unclustered } from './cluster-statement.ts';
import {
  ColumnEditor,
  type ColumnEditorOptions,
  stillNeeded,
  unsupportedChange,
  withSequence,
} from './column-editor.ts';
import { alterProperty } from './column-properties.ts';
import { CommentStatements } from './comment-statements.ts';
import { cascadeNotice, DropStatements } from './drop-statements.ts';
import { ExtensionStatements } from './extension-statements.ts';
import { FunctionStatements } from './function-statements.ts';
import { GrantStatements } from './grant-statements.ts';
import { IndexStatements } from './index-statements.ts';
import { type FoundRelation, RelationLookup, schemaField, skipped } from './relation-lookup.ts';
import { RenameStatements } from './rename-statements.ts';
import { SchemaStatements } from './schema-statements.ts';
import { SequenceStatements } from './sequence-statements.ts';
import { TableEditor } from './table-editor.ts';
import { setLogged } from './table-persistence.ts';
import { TypeStatements } from './type-statements.ts';
import { refuseForViews, ViewStatements } from './view-statements.ts';

type Sink = Pick<ResultSink, 'complete' | 'notice'>;
type Statement<Kind extends string> =
  Extract<Node, Record<Kind, unknown>> extends infer Found
    ? Found extends Record<Kind, infer Tree>
      ? Tree
      : never
    : never;

export class SchemaChanges {
  readonly lookup: RelationLookup;
  readonly sequences: SequenceStatements;
  readonly names: RenameStatements;
  readonly comments: CommentStatements;
  readonly schemas: SchemaStatements;
  readonly drops: DropStatements;
  readonly types: TypeStatements;
  readonly functions: FunctionStatements;
  readonly extensions: ExtensionStatements;
  readonly grants: GrantStatements;
  readonly views: ViewStatements;
  readonly indexes: IndexStatements;
  readonly #session: SessionContext;
  readonly #engine: SqlEngine;
  readonly #block: TransactionBlock;
  readonly #runner: StatementRunner;

  constructor(session: SessionContext, runner: StatementRunner) {
    this.#session = session;
    this.#engine = session.engine;
    this.#block = session.block;
    this.#runner = runner;
    this.lookup = new RelationLookup(session);
    const onCommit: TransactionBlock['onCommit'] = (transaction, id, action) =>
      this.#endOfTransaction(transaction, id, action);
    session.block.onCommit = onCommit; // By name, so that it dies young (docs/decisions/small-heaps.md).
    this.sequences = new SequenceStatements(session, this);
    this.names = new RenameStatements(session, this);
    this.comments = new CommentStatements(session, this);
    this.schemas = new SchemaStatements(session, this);
    this.drops = new DropStatements(session, this);
    this.types = new TypeStatements(session, this, runner);
    this.functions = new FunctionStatements(session, this, runner);
    this.extensions = new ExtensionStatements(session, this);
    this.grants = new GrantStatements(session, this);
    this.views = new ViewStatements(session, runner, this);
    this.indexes = new IndexStatements(session, runner, this);
  }

  async createTable(statement: Statement<'CreateStmt'>, sink: Sink): Promise<void> {
    this.#block.refuseReadOnly('CREATE TABLE');
    const transaction = await this.begin();
    const context = await this.#runner.bindingOfDefinitions(statement);
    const { relation } = statement;
    const likes = await this.#likes(transaction, statement);
    const schema = await this.lookup.creationOf(transaction, relationName(relation!), relation!.relpersistence);
    const onCommit = onCommitOf(statement.oncommit, schema);
    const {
      definition: bound,
      constraints,
      sequences,
      indexes,
      namesKey,
    } = bindCreateTable(statement, context, this.#evaluate(), likes);
    const definition = { ...bound, ...schemaField(schema) };
    const { keyspace } = this.#engine;
    if ((await readName(transaction, keyspace, definition.name, schema.id)) !== undefined) {
      const message = `relation "${definition.name}" already exists`;
      if (statement.if_not_exists !== true) throw new SqlError('duplicate_table', message);
      sink.notice({ severity: 'NOTICE', condition: 'duplicate_table', message: `${message}, skipping` });
      sink.complete('CREATE TABLE');
      return;
    }
    const options = await this.editorOptions(transaction, sink);
    const id = options.nextId();
    const columns = [...definition.columns];
    for (const sequence of sequences) {
      const { position, identity } = sequence;
      const created = await options.createSequence({ ...definition, id, version: 1 }, sequence);
      columns[position] = withSequence(columns[position]!, created, identity);
    }
    const isTaken = async (name: string) => (await readName(transaction, keyspace, name, schema.id)) !== undefined;
    const { primaryKey } = definition;
    const isNamed = namesKey || primaryKey.length === 0;
    const keyName = isNamed ? definition.primaryKeyName : await freeName(definition.name, '', 'pkey', isTaken);
    const table = await named(keyName, () =>
      createTable(transaction, keyspace, { ...definition, columns, primaryKeyName: keyName }, id),
    );
    this.#engine.tableMade(id);
    if (onCommit !== undefined) this.#block.onCommitRules.set(id, onCommit);
    if (constraints.length > 0 || indexes.length > 0) {
      const editor = new TableEditor(table, true, options);
      const isForeign = ({ constraint }: (typeof constraints)[number]) => constraint.contype === 'CONSTR_FOREIGN';
      for (const each of constraints) if (!isForeign(each)) await editor.addConstraint(each.constraint, each.column);
      for (const each of constraints) if (isForeign(each)) await editor.addConstraint(each.constraint, each.column);
      for (const index of indexes) await editor.addIndex(index);
      editor.store();
    }
    sink.complete('CREATE TABLE');
  }

  /** The tables that LIKE names. */
  async #likes(transaction: Transaction, { tableElts = [] }: Statement<'CreateStmt'>): Promise<Likes> {
    const likes = new Map<object, CatalogTable>();
    for (const element of tableElts) {
      if (!('TableLikeClause' in element)) continue;
      const name = relationName(element.TableLikeClause.relation!);
      const found = await this.lookup.find(transaction, name);
      if (found === undefined || (found.kind !== 'table' && found.kind !== 'view')) {
        const { location } = name;
        throw new SqlError('undefined_table', `relation "${shownName(name)}" does not exist`, { location });
      }
      likes.set(element.TableLikeClause, await this.#engine.catalog.openWithin(transaction, found.id));
    }
    return likes;
  }

  /** Rows that stay cannot refer to rows that go. @throws SqlError `feature_not_supported`. */
  async #refuseOtherRule(transaction: Transaction, { id, name, referencedBy = [] }: Table): Promise<void> {
    const other = referencedBy.find((child) => child !== id && this.#block.onCommitRules.get(child) !== 'delete');
    if (other === undefined) return;
    const child = await readTableById(transaction, this.#engine.keyspace, other);
    throw new SqlError('feature_not_supported', 'unsupported ON COMMIT and foreign key combination', {
      detail: `Table "${child.name}" references "${name}", but they do not have the same ON COMMIT setting.`,
    });
  }

  /** ON COMMIT of a temporary table. */
  async #endOfTransaction(transaction: Transaction, id: TableId, action: OnCommit): Promise<void> {
    const { keyspace } = this.#engine;
    if ((await transaction.get(tableKey(keyspace, id))) === undefined) {
      this.#block.onCommitRules.delete(id);
      return;
    }
    const table = await readTableById(transaction, keyspace, id);
    if (action === 'delete') {
      await this.#refuseOtherRule(transaction, table);
      truncateTable(transaction, keyspace, table);
    } else await this.drops.dropQuietly(transaction, table);
  }

  async truncate(statement: Statement<'TruncateStmt'>, sink: Sink): Promise<void> {
    this.#block.refuseReadOnly('TRUNCATE TABLE');
    this.#block.ranStatement = true;
    await this.#block.holdPortals();
    const transaction = this.#block.transaction ?? this.#block.begin();
    await this.#block.loadSchemas();
    const tables = new Map<TableId, Table>();
    for (const relation of statement.relations ?? []) {
      if (!('RangeVar' in relation)) continue;
      const table = await this.#lockNewest(transaction, relationName(relation.RangeVar));
      tables.set(table.id, table);
    }
    const { keyspace } = this.#engine;
    for (const table of tables.values()) {
      for (const id of table.referencedBy ?? []) {
        if (tables.has(id)) continue;
        const child = await readTableById(transaction, keyspace, id);
        if (statement.behavior !== 'DROP_CASCADE') {
          throw new SqlError(
            'feature_not_supported',
            'cannot truncate a table referenced in a foreign key constraint',
            {
              detail: `Table "${child.name}" references "${table.name}".`,
              hint: `Truncate table "${child.name}" at the same time, or use TRUNCATE ... CASCADE.`,
            },
          );
        }
        const message = `truncate cascades to table "${child.name}"`;
        sink.notice({ severity: 'NOTICE', condition: 'successful_completion', message });
        tables.set(id, await this.lockById(transaction, id));
      }
    }
    this.#block.wrote = true;
    for (const table of tables.values()) {
      truncateTable(transaction, keyspace, table);
      this.#block.noteChanges(table.id, 'truncated', this.#engine.statistics.rowsOf(table.id));
      if (statement.restart_seqs !== true) continue;
      for (const { sequence } of table.columns) {
        const state = sequence === undefined ? undefined : this.sequences.state(sequence);
        if (state === undefined) continue;
        const { definition } = state;
        this.#session.sequences.beginAnew(definition, definition.start, false);
      }
    }
    sink.complete('TRUNCATE TABLE');
  }

  async alterTable(statement: Statement<'AlterTableStmt'>, sink: Sink): Promise<void> {
    if (statement.objtype === 'OBJECT_TYPE') return this.types.alterComposite(statement, sink);
    if (statement.objtype === 'OBJECT_INDEX') return this.indexes.alter(statement, sink);
    const title = ALTERED[statement.objtype ?? ''];
    if (title === undefined) {
      throw notSupported(`ALTER ${(statement.objtype ?? '').replace('OBJECT_', '').replaceAll('_', ' ')}`);
    }
    this.#block.refuseReadOnly(title);
    const transaction = await this.begin();
    const name = relationName(statement.relation!);
    const found = await this.lookup.find(transaction, name, { schemaMayMiss: statement.missing_ok === true });
    if (found === undefined) {
      const missing = `relation "${shownName(name)}" does not exist`;
      if (statement.missing_ok !== true) throw new SqlError('undefined_table', missing);
      sink.notice(skipped(name));
      sink.complete(title);
      return;
    }
    const commands = (statement.cmds ?? []).flatMap((node) => ('AlterTableCmd' in node ? [node.AlterTableCmd] : []));
    if (found.kind === 'sequence' && commands.every(({ subtype = '' }) => SEQUENCE_CHANGES.has(subtype))) {
      for (const { subtype, newowner } of commands) {
        if (subtype === 'AT_ChangeOwner') requireOwner(newowner, this.#session.facts.user);
        else await this.sequences.setLogged(transaction, found.id, subtype === 'AT_SetLogged');
      }
      sink.complete(title);
      return;
    }
    if (found.kind !== 'table' && found.kind !== 'view') {
      throw new SqlError('wrong_object_type', `"${name.name}" is not a table`);
    }
    if (title === 'ALTER SEQUENCE') throw new SqlError('wrong_object_type', `"${name.name}" is not a sequence`);
    // Whoever writes rows meets the constraint already, so that writers are kept out only while the definition changes.
    const isValidation = commands.length > 0 && commands.every(({ subtype }) => subtype === 'AT_ValidateConstraint');
    const table = isValidation
      ? await readTableById(transaction, this.#engine.keyspace, found.id)
      : await this.lockById(transaction, found.id);
    if (title === 'ALTER VIEW' && found.kind !== 'view') {
      throw new SqlError('wrong_object_type', `"${name.name}" is not a view`);
    }
    if (table.view !== undefined) refuseForViews(table, statement.cmds ?? []);
    const options = await this.editorOptions(transaction, sink, statement);
    const editor = new TableEditor(table, false, options);
    const columns = new ColumnEditor(editor, options);
    const ordered = commands.map((command) => ({ command, pass: passOf(command) })).sort((a, b) => a.pass - b.pass);
    const retyped = commands.filter(({ subtype }) => subtype === 'AT_AlterColumnType');
    for (const { command } of ordered) {
      if (!retyped.includes(command)) await this.#alter(command, editor, columns, options, sink);
      // All at once: each of them is computed of the rows as they were.
      else if (command === retyped[0]) await columns.alterTypes(retyped);
    }
    if (isValidation) await this.lockTable(transaction, table);
    editor.store();
    sink.complete(title);
  }

  async #alter(
    command: AlterTableCmd,
    editor: TableEditor,
    columns: ColumnEditor,
    options: ColumnEditorOptions,
    sink: Sink,
  ): Promise<void> {
    const { subtype = '', name = '', def, behavior, missing_ok: missingOk } = command;
    const cascade = behavior === 'DROP_CASCADE';
    const constraint = def !== undefined && 'Constraint' in def ? def.Constraint : undefined;
    switch (subtype) {
      case 'AT_AddColumn': {
        if (def === undefined || !('ColumnDef' in def)) throw unsupportedChange(subtype);
        for (const each of await columns.add(def.ColumnDef, missingOk === true)) {
          if (each.constraint.contype === 'CONSTR_PRIMARY')
            await addPrimaryKey(editor, columns, [each.column!], each.constraint);
          else await editor.addConstraint(each.constraint, each.column);
        }
        return;
      }
      case 'AT_DropColumn':
        if (missingOk === true && !editor.table.columns.some((column) => column.name === name)) {
          const message = `column "${name}" of relation "${editor.table.name}" does not exist, skipping`;
          sink.notice({ severity: 'NOTICE', condition: 'successful_completion', message });
          return;
        }
        return columns.drop(name, cascade);
      case 'AT_ColumnDefault':
        return columns.setDefault(name, def);
      case 'AT_SetNotNull':
        return columns.setNotNull(name, true);
      case 'AT_DropNotNull':
        return columns.setNotNull(name, false);
      // OIDs of rows have not been there since PostgreSQL 12.
      case 'AT_DropOids':
        return;
      case 'AT_AddConstraint':
        if (constraint === undefined) throw unsupportedChange(subtype);
        if (constraint.contype !== 'CONSTR_PRIMARY') return editor.addConstraint(constraint);
        return addPrimaryKey(editor, columns, stringsOf(constraint.keys), constraint);
      case 'AT_DropConstraint':
        return this.#dropConstraint(editor, columns, name, cascade, missingOk === true, sink);
      case 'AT_AlterConstraint':
        if (def === undefined || !('ATAlterConstraint' in def)) throw unsupportedChange(subtype);
        return editor.alterConstraint(def.ATAlterConstraint);
      case 'AT_ValidateConstraint':
        return editor.validate(name);
      case 'AT_ClusterOn':
        editor.table = clusteredOn(editor.table, name);
        return;
      case 'AT_DropCluster':
        editor.table = unclustered(editor.table);
        return;
      case 'AT_SetTableSpace':
        return requireTablespace(command.name);
      case 'AT_SetLogged':
      case 'AT_SetUnLogged':
        return setLogged(editor, options, subtype === 'AT_SetLogged');
      case 'AT_ChangeOwner':
        return requireOwner(command.newowner, this.#session.facts.user);
      case 'AT_SetRelOptions':
      case 'AT_ResetRelOptions':
        if (def === undefined || !('List' in def)) throw unsupportedChange(subtype);
        return this.#setParameters(editor, def.List.items ?? [], subtype === 'AT_ResetRelOptions', options);
      default:
        if (isAlwaysSo(command)) return;
        if (!(await alterProperty(command, editor, options, sink))) throw unsupportedChange(subtype);
    }
  }

  async #setParameters(
    editor: TableEditor,
    given: readonly Node[],
    isReset: boolean,
    { openById }: ColumnEditorOptions,
  ): Promise<void> {
    const { storageParameters: before, ...table } = editor.table;
    if (isPlainView(table)) {
      const { view } = await openById(table.id);
      editor.table = await this.views.changeOptions(editor.table, given, view!.reads, isReset);
      return;
    }
    const parameters = storageParameters('table', given, before, isReset);
    editor.table = parameters.length === 0 ? table : { ...table, storageParameters: parameters };
  }

  async #dropConstraint(
    editor: TableEditor,
    columns: ColumnEditor,
    name: string,
    cascade: boolean,
    missingOk: boolean,
    sink: Sink,
  ): Promise<void> {
    const { table } = editor;
    const { transaction } = this.#block;
    const { keyspace } = this.#engine;
    const index = table.indexes?.find((each) => each.isConstraint && each.name === name);
    const isPrimary = table.primaryKey.length > 0 && table.primaryKeyName === name;
    const key = table.foreignKeys?.find((each) => each.name === name);
    if (index !== undefined || isPrimary) {
      const positions = isPrimary ? table.primaryKey : index!.parts.map(({ column }) => column!);
      if (isPrimary) {
        const views = await this.views.needingKey(transaction!, table);
        const because = `constraint ${quoteName(name)} on table ${quoteName(table.name)}`;
        await this.drops.dropViews(transaction!, views, because, cascade, sink);
      }
      await this.#dropReliant(editor, positions, name, cascade, sink);
      if (isPrimary) await columns.setPrimaryKey([], primaryKeyName(table.name));
      else editor.removeIndex(index!);
    } else if (key !== undefined) {
      const foreignKeys = table.foreignKeys!.filter((each) => each !== key);
      editor.table = { ...table, foreignKeys };
      if (foreignKeys.some(({ references }) => references === key.references)) return;
      if (key.references === table.id) {
        editor.table = { ...editor.table, referencedBy: (table.referencedBy ?? []).filter((id) => id !== table.id) };
        return;
      }
      const parent = await readTableById(transaction!, keyspace, key.references);
      await this.lockTable(transaction!, parent);
      const referencedBy = (parent.referencedBy ?? []).filter((id) => id !== table.id);
      redefineTable(transaction!, keyspace, { ...parent, referencedBy });
    } else if (table.checks?.some((each) => each.name === name) === true) {
      editor.table = { ...table, checks: table.checks.filter((each) => each.name !== name) };
    } else {
      const message = `constraint "${name}" of relation "${table.name}" does not exist`;
      if (!missingOk) throw new SqlError('undefined_object', message);
      sink.notice({ severity: 'NOTICE', condition: 'successful_completion', message: `${message}, skipping` });
    }
  }

  /** Foreign keys that need the unique key which is about to go. */
  async #dropReliant(
    editor: TableEditor,
    positions: readonly number[],
    name: string,
    cascade: boolean,
    sink: Sink,
  ): Promise<void> {
    const { table } = editor;
    const { transaction } = this.#block;
    const gone: string[] = [];
    for (const id of table.referencedBy ?? []) {
      const child = id === table.id ? editor.table : await readTableById(transaction!, this.#engine.keyspace, id);
      const relies = (key: ForeignKey): boolean =>
        key.references === table.id &&
        key.referenced.length === positions.length &&
        key.referenced.every((each) => positions.includes(each));
      const keys = (child.foreignKeys ?? []).filter(relies);
      if (keys.length === 0) continue;
      if (!cascade) {
        const object = `constraint ${name} on table ${table.name}`;
        const needed = keys.map((key) => `constraint ${key.name} on table ${child.name} depends on index ${name}`);
        throw stillNeeded(object, needed.join('\n'));
      }
      for (const key of keys) gone.push(`drop cascades to constraint ${key.name} on table ${child.name}`);
      const foreignKeys = child.foreignKeys!.filter((key) => !relies(key));
      if (id === table.id) editor.table = { ...editor.table, foreignKeys };
      else {
        await this.lockTable(transaction!, child);
        redefineTable(transaction!, this.#engine.keyspace, { ...child, foreignKeys });
      }
    }
    if (gone.length > 0) sink.notice(cascadeNotice(gone));
  }

  // --- What rooms of schema changes share

  /** Ends the transaction of a statement that has several, and begins the next. */
  async nextTransaction(): Promise<void> {
    await this.#block.commit();
    this.#block.beginImplicit();
  }

  /** Waits for its turn to change the schema. */
  async begin(): Promise<Transaction> {
    this.#block.ranStatement = true;
    await this.#block.holdPortals();
    const transaction = this.#block.transaction ?? this.#block.begin();
    transaction.beginStatement();
    const timeoutMs = this.#session.parameters.milliseconds('lock_timeout');
    const bound = timeoutMs > 0 ? { timeoutMs } : {};
    await this.#session.interrupts.race(beginSchemaChange(transaction, this.#engine.keyspace, bound));
    const isFirst = !this.#block.schemaChanged;
    this.#block.wrote = true;
    this.#block.schemaChanged = true;
    await this.#engine.catalog.refresh(); // Nobody else changes it from here on.
    await this.#engine.sequences.ready();
    await this.#engine.types.ready(); // Definitions of tables have values of them.
    await (isFirst ? this.#block.keepSchema() : this.#block.loadSchemas());
    return transaction;
  }

  /** Like `view s.v`. */
  async titleOf(transaction: Transaction, table: Table): Promise<string> {
    return `${relationWord(table)} ${await this.lookup.title(transaction, table.name, table.schema)}`;
  }

  /** Keeps everyone out who writes to the table, until the end of the transaction. */
  async lockTable(transaction: Transaction, table: Table): Promise<void> {
    const timeoutMs = this.#session.parameters.milliseconds('lock_timeout');
    const bound = timeoutMs > 0 ? { timeoutMs } : {};
    const locked = transaction.lock(this.#engine.tableLocks.exclusive(table.id), bound);
    if (isPromise(locked)) await this.#session.interrupts.race(locked);
    this.#block.tellLock(table.id, ACCESS_EXCLUSIVE);
    transaction.beginStatement();
  }

  /** Requires `begin`. The table, locked. */
  async lockById(transaction: Transaction, id: TableId): Promise<Table> {
    const { keyspace } = this.#engine;
    await this.lockTable(transaction, await readTableById(transaction, keyspace, id));
    return readTableById(transaction, keyspace, id);
  }

  /** @throws SqlError `undefined_table`, `wrong_object_type`. */
  async #requireTable(transaction: Transaction, name: QualifiedName): Promise<FoundRelation> {
    const found = await this.lookup.require(transaction, name);
    if (found.kind !== 'table') throw new SqlError('wrong_object_type', `"${name.name}" is not a table`);
    return found;
  }

  /** Locks the table that has the name when the lock is granted. @throws SqlError `undefined_table`. */
  async #lockNewest(transaction: Transaction, name: QualifiedName): Promise<Table> {
    for (;;) {
      transaction.beginStatement();
      const { id } = await this.#requireTable(transaction, name);
      const before = await readTableById(transaction, this.#engine.keyspace, id);
      await this.lockTable(transaction, before);
      const found = await this.lookup.find(transaction, name);
      if (found?.id === id) return readTableById(transaction, this.#engine.keyspace, id);
    }
  }

  /** An index of a table that is locked. */
  async removeIndex(transaction: Transaction, table: Table, id: TableId): Promise<void> {
    const editor = new TableEditor(table, false, await this.editorOptions(transaction, { notice: () => {} }));
    editor.removeIndex(table.indexes!.find((each) => each.id === id)!);
    editor.store();
  }

  #evaluate(): EvaluateConstant {
    const now = this.#block.nowMicros ?? this.#engine.nowMicros();
    const evaluation = {
      ...this.#session.parameters.style,
      nowMicros: now,
      statementMicros: now,
      clockMicros: () => now,
      parameters: [],
      slots: [],
      session: this.#session.facts,
      // For functions that are queries.
      atOnce: () => this.#runner.execution(this.#block.transaction).atOnce(),
    };
    return (expression) => compileExpression(expression)([], evaluation);
  }

  /** What editors of definitions ask for. @param definition What they are to work on, if it may have expressions. */
  async editorOptions(
    transaction: Transaction,
    sink: Pick<Sink, 'notice'>,
    definition?: object,
  ): Promise<ColumnEditorOptions> {
    const { keyspace, store, catalog } = this.#engine;
    const nextId = await openIds(transaction, keyspace);
    const bindContext = await this.#runner.bindingOfDefinitions(definition);
    return {
      store,
      keyspace,
      transaction,
      context: this.#runner.execution(transaction),
      functions: storedFunctions(await this.#block.loadFunctions(), this.#block.schemas),
      zone: this.#session.parameters.zone.name,
      nextId,
      bindContext,
      evaluate: this.#evaluate(),
      find: async (name) => {
        const found = await this.lookup.find(transaction, name);
        if (found !== undefined && found.kind !== 'table') {
          throw new SqlError('wrong_object_type', `referenced relation "${found.name}" is not a table`);
        }
        return found?.kind === 'table' ? catalog.findWithin(transaction, found.name, found.schema) : undefined;
      },
      findById: async (id) => readTableById(transaction, keyspace, id),
      lock: (table) => this.lockTable(transaction, table),
      openById: async (id) => catalog.openWithin(transaction, id),
      isTemporary: ({ schema }) => schema !== undefined && schema === this.#block.temporary?.id,
      notice: (message) => sink.notice({ severity: 'NOTICE', condition: 'successful_completion', message }),
      binder: (table) => binderOver(table, bindContext),
      createSequence: (table, { position, identity, options }) =>
        this.sequences.createOwned(transaction, table, position, identity !== undefined, options, nextId),
      alterSequence: (id, options) => this.sequences.change(transaction, id, options),
      dropSequence: (id) => this.sequences.remove(transaction, id),
      setSequenceLogged: (id, isLogged) => this.sequences.setLogged(transaction, id, isLogged),
      sequencesOf: (table) => this.sequences.ownedBy(transaction, table),
      renumberSequences: (table, numbers) => this.sequences.renumber(transaction, table, numbers),
      viewsOf: async (table, position) => {
        const views = await this.views.needing(transaction, table, position);
        return Promise.all(views.map(async (view) => ({ title: await this.titleOf(transaction, view), table: view })));
      },
      dropViews: (views, because, cascade) => this.drops.dropViews(transaction, views, because, cascade, sink),
    };
  }
}

/** @throws SqlError for a table that is not temporary. */
export function onCommitOf(clause: string | undefined, schema: Schema): OnCommit | undefined {
  if (clause === undefined || clause === 'ONCOMMIT_NOOP') return undefined;
  if (!isTemporary(schema)) {
    throw new SqlError('invalid_table_definition', 'ON COMMIT can only be used on temporary tables');
  }
  return clause === 'ONCOMMIT_DROP' ? 'drop' : clause === 'ONCOMMIT_DELETE_ROWS' ? 'delete' : undefined;
}

const ALTERED: Readonly<Record<string, string>> = {
  OBJECT_TABLE: 'ALTER TABLE',
  OBJECT_VIEW: 'ALTER VIEW',
  OBJECT_MATVIEW: 'ALTER MATERIALIZED VIEW',
  OBJECT_SEQUENCE: 'ALTER SEQUENCE',
};

/** What is so of every table here: there are no triggers of users, no policies, no replicas, one access method. */
function isAlwaysSo({ subtype, name, def }: AlterTableCmd): boolean {
  switch (subtype) {
    case 'AT_EnableTrigAll':
    case 'AT_EnableTrigUser':
    case 'AT_DisableTrigUser':
    case 'AT_DisableRowSecurity':
    case 'AT_NoForceRowSecurity':
      return true;
    case 'AT_ReplicaIdentity':
      return def !== undefined && 'ReplicaIdentityStmt' in def && def.ReplicaIdentityStmt.identity_type === 'd';
    case 'AT_SetAccessMethod':
      return name === 'heap';
    default:
      return false;
  }
}

/** What ALTER TABLE and ALTER SEQUENCE do alike to a sequence. */
const SEQUENCE_CHANGES: ReadonlySet<string> = new Set(['AT_ChangeOwner', 'AT_SetLogged', 'AT_SetUnLogged']);

function isPlainView({ view }: Table): boolean {
  return view !== undefined && view.populated === undefined;
}

async function addPrimaryKey(
  editor: TableEditor,
  columns: ColumnEditor,
  names: readonly string[],
  constraint: Parameters<typeof bindPrimaryKey>[1],
): Promise<void> {
  const { table } = editor;
  const used = constraint.indexname === undefined ? undefined : await editor.requireUsable(constraint);
  if (table.primaryKey.length > 0 || primaryIndex(table) !== undefined) {
    throw new SqlError('invalid_table_definition', `multiple primary keys for table "${table.name}" are not allowed`);
  }
  if (used !== undefined) {
    for (const { column } of used.parts) await columns.setNotNull(table.columns[column!]!.name, true);
    return editor.addConstraint(constraint);
  }
  for (const key of names) requireColumn(table, key, undefined);
  if (isKeptAsIndex(constraint)) {
    for (const each of names) await columns.setNotNull(each, true);
    return editor.addConstraint(constraint, names.length === 1 ? names[0] : undefined);
  }
  const name = await editor.keyName(constraint.conname);
  const parameters = storageParameters('index', constraint.options ?? []);
  await columns.setPrimaryKey(bindPrimaryKey(names, constraint, table.columns), name, parameters);
}

/** The order in which PostgreSQL does the parts of one ALTER TABLE. */
function passOf({ subtype, def }: AlterTableCmd): number {
  switch (subtype) {
    case 'AT_DropColumn':
    case 'AT_DropConstraint':
    case 'AT_DropNotNull':
    case 'AT_DropIdentity':
    case 'AT_DropExpression':
      return 0;
    case 'AT_AlterColumnType':
      return 1;
    case 'AT_AddColumn':
      return 2;
    case 'AT_ColumnDefault':
    case 'AT_SetNotNull':
      return 3;
    case 'AT_AddIdentity':
      return 5;
    case 'AT_AddConstraint': {
      const contype = def !== undefined && 'Constraint' in def ? def.Constraint.contype : undefined;
      return contype === 'CONSTR_FOREIGN' ? 6 : contype === 'CONSTR_CHECK' ? 5 : 4;
    }
    default:
      return 7;
  }
}

/** A name that is taken, in SQL's words. */
async function named<T>(name: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof SqlError) && error instanceof Error && 'code' in error && error.code === 'already_exists') {
      throw new SqlError('duplicate_table', `relation "${name}" already exists`, { cause: error });
    }
    throw error;
  }
}
