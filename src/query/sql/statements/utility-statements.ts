/** Runs the statements that are done at once instead of being planned, each in the room of its kind. */

import type { Node } from '@pgsql/types';
import { type Awaitable, whenReady } from '../../../base/awaitable.ts';
import { bindExplainOptions } from '../binder/bind-explain.ts';
import { statementTitle, stringOf, stringsOf } from '../binder/names.ts';
import type { ParsedStatement } from '../parser/parser.ts';
import { explainColumn, type ResultColumn } from '../planner/plan.ts';
import type { ResultSink, UtilitySink } from '../results.ts';
import { requireOwner } from '../roles.ts';
import type { SessionContext } from '../session-context.ts';
import { notSupported } from '../sql-error.ts';
import { routineKind, utilityColumns } from '../statement-kinds.ts';
import type { StatementRunner } from '../statement-runner.ts';
import { dropContents } from '../temporary-relations.ts';
import type { TransactionBlock } from '../transaction-block.ts';
import { vacuumOrAnalyze } from './analyze-statement.ts';
import { cluster } from './cluster-statement.ts';
import { CopyStatements } from './copy-statements.ts';
import { createTableAs, selectInto } from './create-table-as.ts';
import { CursorStatements } from './cursor-statements.ts';
import { lockTables } from './lock-statement.ts';
import { executeOf, PreparedStatements } from './prepared-statements.ts';
import { SchemaChanges } from './schema-changes.ts';
import { SettingStatements } from './setting-statements.ts';

export class UtilityStatements {
  readonly settings: SettingStatements;
  readonly #session: SessionContext;
  readonly #block: TransactionBlock;
  readonly #runner: StatementRunner;
  readonly #schema: SchemaChanges;
  readonly #copies: CopyStatements;
  readonly prepared: PreparedStatements;
  readonly #cursors: CursorStatements;

  constructor(session: SessionContext, runner: StatementRunner) {
    this.#session = session;
    this.#block = session.block;
    this.#runner = runner;
    this.settings = new SettingStatements(session);
    this.#schema = new SchemaChanges(session, runner);
    this.#copies = new CopyStatements(session, runner);
    this.prepared = new PreparedStatements(session, runner);
    this.#cursors = new CursorStatements(session, runner);
  }

  /** Columns of a statement that is not planned; undefined when it has no rows. */
  columnsOf(node: Node): readonly ResultColumn[] | undefined {
    if ('FetchStmt' in node) return this.#cursors.columnsOf(node.FetchStmt);
    if ('ExplainStmt' in node) return [explainColumn(bindExplainOptions(node.ExplainStmt))];
    const execute = executeOf(node);
    return execute === undefined ? utilityColumns(node) : this.#session.statements.get(execute.name ?? '')?.columns;
  }

  run(statement: ParsedStatement, sink: UtilitySink, options: { readonly announce: boolean }): Awaitable<void> {
    const { node: written } = statement;
    if ('PrepareStmt' in written) return this.prepared.prepare(statement, written.PrepareStmt, sink);
    return whenReady(this.#runner.names.resolveTypes(written), (node) =>
      this.#run(node === written ? statement : { ...statement, node }, sink, options),
    );
  }

  #run(statement: ParsedStatement, sink: UtilitySink, options: { readonly announce: boolean }): Awaitable<void> {
    const { node } = statement;
    if ('TransactionStmt' in node) return this.settings.transactionStatement(node.TransactionStmt, sink);
    if ('VariableSetStmt' in node) {
      this.settings.setStatement(node.VariableSetStmt, sink);
      return undefined;
    }
    if ('VariableShowStmt' in node) return this.settings.showStatement(node, sink, options);
    if ('CreateStmt' in node) return this.#schema.createTable(node.CreateStmt, sink);
    const explained = 'ExplainStmt' in node ? bindExplainOptions(node.ExplainStmt) : undefined;
    const made = 'ExplainStmt' in node ? node.ExplainStmt.query! : node;
    if ('SelectStmt' in made || 'CreateTableAsStmt' in made) {
      const rooms = {
        session: this.#session,
        runner: this.#runner,
        schema: this.#schema,
        prepared: this.prepared,
      };
      const creation = 'SelectStmt' in made ? selectInto(made.SelectStmt) : made.CreateTableAsStmt;
      return createTableAs(creation, statement, sink, rooms, explained);
    }
    if ('ViewStmt' in node) return this.#schema.views.create(node.ViewStmt, statement, sink);
    if ('RefreshMatViewStmt' in node) return this.#schema.views.refresh(node.RefreshMatViewStmt, statement, sink);
    if ('IndexStmt' in node) return this.#schema.indexes.create(node.IndexStmt, sink);
    if ('ClusterStmt' in node) return cluster(node.ClusterStmt, this.#session, this.#schema, sink);
    if ('ReindexStmt' in node) return this.#schema.indexes.reindex(node.ReindexStmt, sink);
    if ('CreateSeqStmt' in node) return this.#schema.sequences.create(node.CreateSeqStmt, sink);
    if ('AlterSeqStmt' in node) return this.#schema.sequences.alter(node.AlterSeqStmt, sink);
    if ('ConstraintsSetStmt' in node) return this.settings.setConstraints(node.ConstraintsSetStmt, sink);
    if ('CreateEnumStmt' in node) return this.#schema.types.createEnum(node.CreateEnumStmt, sink);
    if ('CreateRangeStmt' in node) return this.#schema.types.createRange(node.CreateRangeStmt, sink);
    if ('CompositeTypeStmt' in node) return this.#schema.types.createComposite(node.CompositeTypeStmt, sink);
    if ('CreateDomainStmt' in node) return this.#schema.types.createDomain(node.CreateDomainStmt, sink);
    if ('CreateFunctionStmt' in node)
      return this.#schema.functions.create(node.CreateFunctionStmt, statement.text, sink);
    if ('AlterFunctionStmt' in node) return this.#schema.functions.alter(node.AlterFunctionStmt, sink);
    if ('GrantStmt' in node) return this.#schema.grants.run(node.GrantStmt, sink);
    if ('AlterDefaultPrivilegesStmt' in node) {
      return this.#schema.grants.alterDefaults(node.AlterDefaultPrivilegesStmt, sink);
    }
    if ('CreateExtensionStmt' in node) return this.#schema.extensions.create(node.CreateExtensionStmt, sink);
    if ('AlterExtensionStmt' in node) return this.#schema.extensions.update(node.AlterExtensionStmt, sink);
    if ('AlterEnumStmt' in node) return this.#schema.types.alterEnum(node.AlterEnumStmt, sink);
    if ('AlterDomainStmt' in node) return this.#schema.types.alterDomain(node.AlterDomainStmt, sink);
    if ('RenameStmt' in node) return this.#schema.names.rename(node.RenameStmt, sink);
    if ('CommentStmt' in node) return this.#schema.comments.run(node.CommentStmt, sink);
    if ('DropStmt' in node) return this.#schema.drops.run(node.DropStmt, sink);
    if ('CreateSchemaStmt' in node) return this.#createSchema(statement, node.CreateSchemaStmt, sink);
    if ('AlterObjectSchemaStmt' in node) return this.#schema.schemas.setSchema(node.AlterObjectSchemaStmt, sink);
    if ('AlterOwnerStmt' in node) return this.#changeOwner(node.AlterOwnerStmt, sink);
    if ('TruncateStmt' in node) return this.#schema.truncate(node.TruncateStmt, sink);
    if ('AlterTableStmt' in node) return this.#schema.alterTable(node.AlterTableStmt, sink);
    if ('VacuumStmt' in node) return vacuumOrAnalyze(node.VacuumStmt, sink, this.#session, this.#runner);
    if ('LockStmt' in node) return lockTables(node.LockStmt, sink, this.#session, this.#runner);
    if ('CopyStmt' in node) return this.#copies.run(statement, node.CopyStmt, sink);
    if ('DiscardStmt' in node) return this.#discard(node.DiscardStmt.target ?? 'DISCARD_ALL', sink);
    if ('ListenStmt' in node) {
      this.#block.notifications.listen(node.ListenStmt.conditionname ?? '');
      sink.complete('LISTEN');
      return undefined;
    }
    if ('UnlistenStmt' in node) {
      this.#block.notifications.unlisten(node.UnlistenStmt.conditionname);
      sink.complete('UNLISTEN');
      return undefined;
    }
    if ('NotifyStmt' in node) {
      this.#block.notifications.notify(node.NotifyStmt.conditionname ?? '', node.NotifyStmt.payload ?? '');
      sink.complete('NOTIFY');
      return undefined;
    }
    if ('DeallocateStmt' in node) return this.prepared.deallocate(node.DeallocateStmt.name, sink);
    if ('DeclareCursorStmt' in node) return this.#cursors.declare(statement, node.DeclareCursorStmt, sink);
    if ('FetchStmt' in node) return this.#cursors.fetchOrMove(node.FetchStmt, sink, options);
    if ('ClosePortalStmt' in node) return this.#cursors.close(node.ClosePortalStmt.portalname, sink);
    throw notSupported(statementTitle(node));
  }

  async #discard(target: string, sink: Pick<ResultSink, 'complete'>): Promise<void> {
    const isAll = target === 'DISCARD_ALL';
    if (isAll) {
      this.#block.refuseBlock('DISCARD ALL');
      for (const name of this.#block.portals.names()) this.#block.closePortal(name);
      this.#session.parameters.resetAll();
      this.#session.statements.clear();
      this.#block.advisory.unlockAll();
      this.#block.notifications.unlisten(undefined);
    }
    if (isAll || target === 'DISCARD_SEQUENCES') this.#session.sequences.forget();
    if ((isAll || target === 'DISCARD_TEMP') && this.#block.temporary !== undefined) {
      const transaction = await this.#schema.begin();
      await dropContents(transaction, this.#session.engine.keyspace, this.#block.temporary.id);
    }
    sink.complete(target.replace('_', ' '));
  }

  #createSchema(
    { text, index }: ParsedStatement,
    tree: Extract<Node, { CreateSchemaStmt: unknown }>['CreateSchemaStmt'],
    sink: UtilitySink,
  ): Promise<void> {
    const quiet: UtilitySink = { columns: () => {}, rows: () => {}, complete: () => {}, notice: (n) => sink.notice(n) };
    return this.#schema.schemas.create(tree, sink, async (node) => {
      await this.run({ node, text, index }, quiet, { announce: false });
    });
  }

  async #changeOwner(
    { objectType, object, newowner }: Extract<Node, { AlterOwnerStmt: unknown }>['AlterOwnerStmt'],
    sink: Pick<ResultSink, 'complete'>,
  ): Promise<void> {
    const words = (objectType ?? '').replace('OBJECT_', '').replaceAll('_', ' ');
    const { schemas, types, functions } = this.#schema;
    const routine = routineKind(objectType);
    if (objectType === 'OBJECT_SCHEMA') await schemas.requireChangeable(stringOf(object));
    else if ((objectType === 'OBJECT_TYPE' || objectType === 'OBJECT_DOMAIN') && object && 'List' in object) {
      await types.requireChangeable(stringsOf(object.List.items), `ALTER ${words}`);
    } else if (routine !== undefined && object && 'ObjectWithArgs' in object) {
      await functions.requireChangeable(routine, object.ObjectWithArgs);
    } else throw notSupported(`ALTER ${words} … OWNER TO`);
    requireOwner(newowner, this.#session.facts.user);
    sink.complete(`ALTER ${words}`);
  }
}
