/**
 * BEGIN, COMMIT, ROLLBACK, savepoints, and SET and SHOW: what a session says about its transactions and parameters.
 * READ COMMITTED is the default; REPEATABLE READ is the store's `snapshot`, SERIALIZABLE its `serializable`.
 */

import type { Node } from '@pgsql/types';
import { type Awaitable, whenReady } from '../../../base/awaitable.ts';
import { PUBLIC_SCHEMA } from '../../../models/relational/table.ts';
import { type QualifiedName, relationName } from '../binder/names.ts';
import { deferrabilityOf } from '../catalog/catalog-objects.ts';
import type { ResultSink, UtilitySink } from '../results.ts';
import { requireRole } from '../roles.ts';
import { pathText } from '../search-path.ts';
import type { SessionContext } from '../session-context.ts';
import { notSupported, SqlError, unknownParameter } from '../sql-error.ts';
import { settingOf, utilityColumns } from '../statement-kinds.ts';
import type { TransactionBlock } from '../transaction-block.ts';
import type { SqlValue } from '../types/types.ts';

export class SettingStatements {
  readonly #session: SessionContext;
  readonly #block: TransactionBlock;

  constructor(session: SessionContext) {
    this.#session = session;
    this.#block = session.block;
  }

  transactionStatement(
    {
      kind,
      options,
      savepoint_name: savepointName = '',
      gid = '',
      chain,
    }: Extract<Node, { TransactionStmt: unknown }>['TransactionStmt'],
    sink: Pick<ResultSink, 'complete' | 'notice'>,
  ): Awaitable<void> {
    switch (kind) {
      case 'TRANS_STMT_BEGIN':
      case 'TRANS_STMT_START': {
        if (this.#block.status === 'explicit') {
          sink.notice({
            severity: 'WARNING',
            condition: 'active_sql_transaction',
            message: 'there is already a transaction in progress',
          });
        }
        this.#setTransactionModes(options ?? []);
        this.#block.status = 'explicit';
        this.#block.nowMicros ??= this.#session.engine.nowMicros();
        sink.complete(kind === 'TRANS_STMT_BEGIN' ? 'BEGIN' : 'START TRANSACTION');
        return undefined;
      }
      case 'TRANS_STMT_COMMIT':
        if (chain === true) this.#block.requireBlock('COMMIT AND CHAIN');
        if (this.#block.status === 'failed') {
          this.#endAnd(chain === true);
          sink.complete('ROLLBACK');
          return undefined;
        }
        if (this.#block.status === 'implicit') this.#warnNoTransaction(sink);
        return this.#commitAnd(chain === true, sink);
      case 'TRANS_STMT_ROLLBACK':
        if (chain === true) this.#block.requireBlock('ROLLBACK AND CHAIN');
        if (this.#block.status === 'implicit') this.#warnNoTransaction(sink);
        this.#endAnd(chain === true);
        sink.complete('ROLLBACK');
        return undefined;
      case 'TRANS_STMT_SAVEPOINT':
        this.#block.requireBlock('SAVEPOINT');
        this.#block.savepoints.push({
          name: savepointName,
          mark: (this.#block.transaction ?? this.#block.begin()).savepoint(),
          parameters: this.#session.parameters.mark(),
          schemaChanged: this.#block.schemaChanged,
          deferred: this.#block.deferred.mark(),
          advisory: this.#block.advisory.mark(),
          notifications: this.#block.notifications.mark,
          ownSequences: this.#block.sequences.markOwn(),
          grownEnums: this.#block.grownEnums,
          readOnly: this.#block.readOnly,
        });
        sink.complete('SAVEPOINT');
        return undefined;
      case 'TRANS_STMT_RELEASE': {
        this.#block.requireBlock('RELEASE SAVEPOINT');
        const index = this.#block.findSavepoint(savepointName);
        this.#block.readOnly = this.#block.savepoints[index]!.readOnly;
        this.#block.savepoints.length = index;
        for (const portal of this.#block.portals.values()) portal.depth = Math.min(portal.depth, index);
        sink.complete('RELEASE');
        return undefined;
      }
      case 'TRANS_STMT_ROLLBACK_TO': {
        this.#block.requireBlock('ROLLBACK TO SAVEPOINT');
        const index = this.#block.findSavepoint(savepointName);
        const savepoint = this.#block.savepoints[index]!;
        const { mark, parameters, schemaChanged, readOnly } = savepoint;
        this.#block.closePortals(index + 1);
        return whenReady(this.#block.holdPortals(), () => {
          this.#block.savepoints.length = index + 1;
          this.#block.transaction!.rollbackTo(mark!);
          this.#block.rolledBackTo(savepoint);
          this.#block.schemaChanged = schemaChanged;
          this.#block.readOnly = readOnly;
          this.#session.parameters.rollbackTo(parameters);
          this.#block.status = 'explicit';
          sink.complete('ROLLBACK');
        });
      }
      case 'TRANS_STMT_PREPARE':
        if (this.#block.status === 'explicit') {
          // As at a commit that fails, nothing is left of the transaction.
          this.#block.endTransaction();
          throw new SqlError('object_not_in_prerequisite_state', 'prepared transactions are disabled', {
            hint: 'Set max_prepared_transactions to a nonzero value.',
          });
        }
        if (this.#block.status === 'implicit') this.#warnNoTransaction(sink);
        this.#block.endTransaction();
        sink.complete('ROLLBACK');
        return undefined;
      default:
        this.#block.refuseBlock(kind === 'TRANS_STMT_COMMIT_PREPARED' ? 'COMMIT PREPARED' : 'ROLLBACK PREPARED');
        throw new SqlError('undefined_object', `prepared transaction with identifier "${gid}" does not exist`);
    }
  }

  /** @param chain A transaction with the same modes follows at once, where they are still known. */
  #endAnd(chain: boolean): void {
    const { status, savepoints, chainedModes } = this.#block;
    const isLost = status === 'failed' && savepoints.length === 0;
    const modes = isLost ? chainedModes : this.#block.modes();
    this.#block.endTransaction();
    if (chain) this.#chain(modes);
  }

  #commitAnd(chain: boolean, sink: Pick<ResultSink, 'complete'>): Awaitable<void> {
    const modes = this.#block.modes();
    return whenReady(this.#block.commitBlock(), () => {
      if (chain) this.#chain(modes);
      sink.complete('COMMIT');
    });
  }

  #chain(modes: TransactionBlock['chainedModes']): void {
    this.#block.status = 'explicit';
    this.#block.nowMicros ??= this.#session.engine.nowMicros();
    Object.assign(this.#block, modes, { chainedModes: modes });
  }

  #warnNoTransaction(sink: Pick<ResultSink, 'notice'>): void {
    sink.notice({
      severity: 'WARNING',
      condition: 'no_active_sql_transaction',
      message: 'there is no transaction in progress',
    });
  }

  #setTransactionModes(options: readonly Node[]): void {
    for (const option of options) {
      if (!('DefElem' in option)) continue;
      const { defname, arg, location } = option.DefElem;
      const value = arg !== undefined && 'A_Const' in arg ? arg.A_Const : undefined;
      switch (defname) {
        case 'transaction_isolation':
          this.#block.setIsolation(value?.sval?.sval ?? '');
          break;
        case 'transaction_read_only':
          this.#block.setReadOnly(value?.ival?.ival === 1);
          break;
        case 'transaction_deferrable':
          this.#block.setDeferrable(value?.ival?.ival === 1);
          break;
        default:
          throw notSupported(`transaction mode ${defname}`, location);
      }
    }
  }

  setStatement(
    { kind, name = '', args, is_local: local = false }: Extract<Node, { VariableSetStmt: unknown }>['VariableSetStmt'],
    sink: Pick<ResultSink, 'complete' | 'notice'>,
  ): void {
    if (local && this.#block.status === 'implicit') {
      sink.notice({
        severity: 'WARNING',
        condition: 'no_active_sql_transaction',
        message: 'SET LOCAL can only be used in transaction blocks',
      });
    }
    const lower = name.toLowerCase();
    switch (kind) {
      case 'VAR_SET_VALUE': {
        const values = (args ?? []).map((arg) => settingOf(arg, name));
        const value = lower === 'search_path' ? pathText(values) : values.join(', ');
        if (lower === 'transaction_isolation') this.#block.setIsolation(isolationLevel(value, name));
        else if (!this.#setMode(lower, value) && !this.#isSameUser(lower, value))
          this.#session.parameters.set(name, value, { local });
        sink.complete('SET');
        return;
      }
      case 'VAR_SET_DEFAULT':
        if (lower === 'session_authorization') {
          sink.complete('SET');
          return;
        }
        this.#session.parameters.reset(name, { local });
        sink.complete('SET');
        return;
      case 'VAR_RESET':
        if (lower === 'session_authorization') {
          sink.complete('RESET');
          return;
        }
        this.#session.parameters.reset(name, { local });
        sink.complete('RESET');
        return;
      case 'VAR_RESET_ALL':
        this.#session.parameters.resetAll();
        sink.complete('RESET');
        return;
      case 'VAR_SET_MULTI':
        if (name === 'TRANSACTION') {
          if (this.#isAlone) this.#warnOfTransaction(sink);
          else this.#setTransactionModes(args ?? []);
          sink.complete('SET');
          return;
        }
        if (name === 'TRANSACTION SNAPSHOT') {
          if (this.#isAlone) this.#warnOfTransaction(sink);
          this.#block.importSnapshot(settingOf(args![0]!, name));
          sink.complete('SET');
          return;
        }
        if (name === 'SESSION CHARACTERISTICS') {
          for (const option of args ?? []) {
            if (!('DefElem' in option)) continue;
            const { defname, arg } = option.DefElem;
            const value = arg !== undefined && 'A_Const' in arg ? arg.A_Const : undefined;
            if (defname === 'transaction_isolation') {
              this.#session.parameters.set('default_transaction_isolation', value?.sval?.sval ?? '', { local: false });
            } else if (defname === 'transaction_read_only') {
              const readOnly = value?.ival?.ival === 1 ? 'on' : 'off';
              this.#session.parameters.set('default_transaction_read_only', readOnly, { local: false });
            } else if (defname === 'transaction_deferrable') {
              const deferrable = value?.ival?.ival === 1 ? 'on' : 'off';
              this.#session.parameters.set('default_transaction_deferrable', deferrable, { local: false });
            } else throw notSupported(`transaction mode ${defname}`);
          }
          sink.complete('SET');
          return;
        }
        throw notSupported(`SET ${name}`);
      default:
        throw notSupported('SET … FROM CURRENT');
    }
  }

  /** The statement is all of its transaction. */
  get #isAlone(): boolean {
    return this.#block.status === 'implicit' && this.#block.standsAlone;
  }

  #warnOfTransaction(sink: Pick<ResultSink, 'notice'>): void {
    sink.notice({
      severity: 'WARNING',
      condition: 'no_active_sql_transaction',
      message: 'SET TRANSACTION can only be used in transaction blocks',
    });
  }

  setConstraints(
    { constraints, deferred }: Extract<Node, { ConstraintsSetStmt: unknown }>['ConstraintsSetStmt'],
    sink: Pick<ResultSink, 'complete' | 'notice'>,
  ): Awaitable<void> {
    if (this.#block.status === 'implicit') {
      sink.notice({
        severity: 'WARNING',
        condition: 'no_active_sql_transaction',
        message: 'SET CONSTRAINTS can only be used in transaction blocks',
      });
    }
    const mode = deferred === true ? 'deferred' : 'immediate';
    const named = constraints?.flatMap((node) => ('RangeVar' in node ? [relationName(node.RangeVar)] : []));
    const names = named === undefined ? undefined : this.#deferrableConstraints(named);
    return whenReady(names, (found) =>
      whenReady(this.#block.setConstraints(found, mode), () => sink.complete('SET CONSTRAINTS')),
    );
  }

  /** @throws SqlError `undefined_object`, `wrong_object_type`. */
  async #deferrableConstraints(named: readonly QualifiedName[]): Promise<readonly string[]> {
    await this.#block.loadSchemas();
    await this.#block.loadObjects();
    const { constraints } = this.#block.objects!;
    return named.map(({ schema, name }) => {
      const schemas = this.#block.schemasOf({ schema, name }).map(({ id }) => id);
      const found = constraints.filter(
        (each) => each.name === name && schemas.includes(each.table.table.schema ?? PUBLIC_SCHEMA),
      );
      if (found.length === 0) throw new SqlError('undefined_object', `constraint "${name}" does not exist`);
      if (found.some((each) => deferrabilityOf(each) !== undefined)) return name;
      throw new SqlError('wrong_object_type', `constraint "${name}" is not deferrable`);
    });
  }

  showStatement(
    statement: Extract<Node, { VariableShowStmt: unknown }>,
    sink: UtilitySink,
    { announce }: { readonly announce: boolean },
  ): Awaitable<void> {
    const columns = utilityColumns(statement)!;
    const name = statement.VariableShowStmt.name ?? '';
    const rows = name.toLowerCase() === 'all' ? this.#showAll() : [[this.#requireSetting(name)]];
    if (announce) sink.columns(columns);
    return whenReady(sink.rows(columns, rows), () => sink.complete('SHOW'));
  }

  /** @returns false for what is no mode of the transaction. */
  #setMode(name: string, value: string): boolean {
    const isOn = value === 'on' || value === 'true';
    if (name === 'transaction_read_only') this.#block.setReadOnly(isOn);
    else if (name === 'transaction_deferrable') this.#block.setDeferrable(isOn);
    else return false;
    return true;
  }

  /** Whether the session is asked to be who it is. @throws SqlError for anybody else. */
  #isSameUser(name: string, value: string): boolean {
    if (name !== 'role' && name !== 'session_authorization') return false;
    requireRole(name, value, this.#session.facts.user);
    return name === 'session_authorization';
  }

  /** What set_config does. @returns the value as SHOW prints it. */
  setByFunction(name: string, value: string | null, local: boolean): string {
    const lower = name.toLowerCase();
    if (value === null) this.#session.parameters.reset(name, { local });
    else if (lower === 'transaction_isolation') this.#block.setIsolation(isolationLevel(value, name));
    else if (!this.#setMode(lower, value) && !this.#isSameUser(lower, value)) {
      this.#session.parameters.set(name, value, { local });
    }
    return this.#requireSetting(name);
  }

  show(name: string): string | undefined {
    switch (name.toLowerCase()) {
      case 'transaction_isolation':
        return this.#block.isolationLevel();
      case 'transaction_read_only':
        return this.#block.isReadOnly() ? 'on' : 'off';
      case 'transaction_deferrable':
        return this.#block.isDeferrable() ? 'on' : 'off';
      default:
        return this.#session.parameters.show(name);
    }
  }

  #requireSetting(name: string): string {
    const value = this.show(name);
    if (value === undefined) throw unknownParameter(name);
    return value;
  }

  #showAll(): SqlValue[][] {
    return [...this.#session.parameters.all()].map(([name, value]) => [name, value, null]);
  }
}

function isolationLevel(value: string, name: string): string {
  const level = value.toLowerCase();
  if (['serializable', 'repeatable read', 'read committed', 'read uncommitted'].includes(level)) return level;
  throw new SqlError('invalid_parameter_value', `invalid value for parameter "${name}": "${value}"`);
}
