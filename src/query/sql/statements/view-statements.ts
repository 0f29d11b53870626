/**
 * CREATE and ALTER VIEW, CREATE and REFRESH MATERIALIZED VIEW, and which views a column is needed by.
 *
 * A view keeps its query as a tree whose relations are told by id; see `ViewDefinition`. Whether a view needs a column is
 * found out by binding its query without that column.
 */

import type { Node, RangeVar, RefreshMatViewStmt, SelectStmt, ViewStmt } from '@pgsql/types';
import {
  createTable,
  forgetReads,
  openIds,
  putReads,
  readDependents,
  readName,
  readTableById,
  redefineTable,
  truncateTable,
} from '../../../models/relational/catalog.ts';
import type { Column, Table, TableId, ViewDefinition } from '../../../models/relational/table.ts';
import { columnNumber, relationWord } from '../../../models/relational/table.ts';
import type { Transaction } from '../../../storage/store.ts';
import { bindView } from '../binder/bind-from.ts';
import { queryContext } from '../binder/bind-query.ts';
import { frozenRelation, frozenTree, whyNotUpdatable } from '../binder/bind-view.ts';
import type { BoundColumn } from '../binder/bound.ts';
import { collationOfColumn, keptCollation } from '../binder/collations.ts';
import { quoteName } from '../binder/deparse.ts';
import { type FrozenRange, relationName, stringsOf } from '../binder/names.ts';
import type { QueryContext } from '../binder/query-context.ts';
import { withCalls } from '../binder/stored-calls.ts';
import { type CatalogTable, openTable } from '../catalog-cache.ts';
import { drain } from '../operators/drain.ts';
import type { ParsedStatement } from '../parser/parser.ts';
import { queryText } from '../parser/query-text.ts';
import type { ResultSink } from '../results.ts';
import type { SessionContext } from '../session-context.ts';
import { notSupported, SqlError } from '../sql-error.ts';
import type { StatementRunner } from '../statement-runner.ts';
import { storageParameters, textOf } from '../storage-parameters.ts';
import { titleWithModifier, typeInfo } from '../types/types.ts';
import { schemaField } from './relation-lookup.ts';
import type { SchemaChanges } from './schema-changes.ts';

type Sink = Pick<ResultSink, 'complete' | 'notice'>;

/** A query as a view keeps it, and the columns that it gives. */
interface DefinedQuery {
  readonly view: ViewDefinition;
  readonly columns: readonly BoundColumn[];
  readonly reads: ReadonlyMap<TableId, CatalogTable>;
}

export class ViewStatements {
  readonly #session: SessionContext;
  readonly #runner: StatementRunner;
  readonly #schema: SchemaChanges;

  constructor(session: SessionContext, runner: StatementRunner, schema: SchemaChanges) {
    this.#session = session;
    this.#runner = runner;
    this.#schema = schema;
  }

  async create(statement: ViewStmt, parsed: ParsedStatement, sink: Sink): Promise<void> {
    this.#session.block.refuseReadOnly('CREATE VIEW');
    const { view: range, aliases, query, replace = false, options, withCheckOption } = statement;
    if (range!.relpersistence === 'u') {
      throw new SqlError('syntax_error', 'views cannot be unlogged because they do not have storage');
    }
    const transaction = await this.#schema.begin();
    const { keyspace } = this.#session.engine;
    const select = requireSelect(query);
    const defined = await this.define(select, parsed, range!);
    const name = relationName(range!);
    const overTemporary = [...defined.reads.values()].some(({ table }) => this.#isTemporary(table));
    if (overTemporary && range!.relpersistence !== 't' && name.schema === undefined) {
      const message = `view "${name.name}" will be a temporary view`;
      sink.notice({ severity: 'NOTICE', condition: 'successful_completion', message });
    }
    const persistence = overTemporary ? 't' : range!.relpersistence;
    const target = await this.#schema.lookup.creationOf(transaction, { ...name, location: undefined }, persistence);
    const columns = viewColumns(
      defined.columns,
      stringsOf(aliases),
      'CREATE VIEW specifies more column names than columns',
    );
    const check = checkOption(withCheckOption, options);
    const parameters = storageParameters('view', withoutCheckOption(options));
    const view: ViewDefinition = check === undefined ? defined.view : { ...defined.view, check };
    const existing = await readName(transaction, keyspace, name.name, target.id);
    if (existing !== undefined && !replace) {
      throw new SqlError('duplicate_table', `relation "${name.name}" already exists`);
    }
    if (existing !== undefined && existing.kind !== 'view') {
      throw new SqlError('wrong_object_type', `"${name.name}" is not a view`);
    }
    const stored = parameters.length === 0 ? {} : { storageParameters: parameters };
    const shape = {
      ...{ name: name.name, ...schemaField(target), columns, primaryKey: [], primaryKeyName: '' },
      ...{ view, ...stored },
    };
    if (check !== undefined) await this.#requireUpdatable({ ...shape, id: 0 as TableId, version: 0 }, defined.reads);
    if (existing === undefined) {
      const nextId = await openIds(transaction, keyspace);
      await createTable(transaction, keyspace, shape, nextId());
    } else {
      const old = await readTableById(transaction, keyspace, existing.id);
      refuseOtherColumns(old, columns);
      await this.#refuseRecursion(transaction, old, view.reads);
      forgetReads(transaction, keyspace, old);
      const { storageParameters: _, ...rest } = old;
      const kept = columns.map((column, i) => ({ ...old.columns[i], ...column }));
      putReads(
        transaction,
        keyspace,
        redefineTable(transaction, keyspace, { ...rest, columns: kept, view, ...stored }),
      );
    }
    sink.complete('CREATE VIEW');
  }

  /** ALTER VIEW … SET and RESET. */
  async changeOptions(
    table: Table,
    options: readonly Node[],
    reads: ReadonlyMap<TableId, CatalogTable>,
    isReset: boolean,
  ): Promise<Table> {
    const { storageParameters: before, ...rest } = table;
    const parameters = storageParameters('view', withoutCheckOption(options), before, isReset);
    const changesCheck = options.some((option) => 'DefElem' in option && option.DefElem.defname === 'check_option');
    const check = isReset ? undefined : checkOption(undefined, options);
    const { check: old, ...plain } = table.view!;
    const kept = changesCheck ? check : old;
    const view: ViewDefinition = kept === undefined ? plain : { ...plain, check: kept };
    const changed = { ...rest, view, ...(parameters.length === 0 ? {} : { storageParameters: parameters }) };
    if (check !== undefined) await this.#requireUpdatable(changed, reads);
    return changed;
  }

  #isTemporary({ schema }: Table): boolean {
    return schema !== undefined && schema === this.#session.block.temporary?.id;
  }

  /** The query of `defined` as it is kept. Requires `begin`. @throws SqlError of the query. */
  async define(select: SelectStmt, { text }: ParsedStatement, defined: RangeVar): Promise<DefinedQuery> {
    const { rows, relations, context } = await this.#runner.bindDefinition(select);
    const frozen = new Map<object, FrozenRange['relation']>();
    const reads = new Map<TableId, CatalogTable>();
    const names = new Map<number, string>();
    for (const [range, table] of relations) {
      frozen.set(range, frozenRelation(table));
      reads.set(table.table.id, table);
      const schema = table.schemaName ?? this.#session.block.schemas.get(table.table.schema)?.name;
      if (range.schemaname !== undefined || range.location === undefined || schema === undefined) continue;
      names.set(range.location, `${quoteName(schema)}.${quoteName(table.table.name)}`);
    }
    const query = {
      tree: frozenTree(withCalls(select, context), frozen) as unknown as ViewDefinition['query']['tree'],
      zone: this.#session.parameters.zone.name,
    };
    return {
      view: { query, text: queryText(text, defined.location ?? 0, names), reads: [...reads.keys()] },
      columns: rows.columns,
      reads,
    };
  }

  async #requireUpdatable(table: Table, reads: ReadonlyMap<TableId, CatalogTable>): Promise<void> {
    const opened = { ...openTable(this.#session.engine.keyspace, table), view: { reads, asksForCatalog: false } };
    const why = whyNotUpdatable(opened, await this.#context());
    if (why === undefined) return;
    throw new SqlError(
      'feature_not_supported',
      'WITH CHECK OPTION is supported only on automatically updatable views',
      {
        hint: why,
      },
    );
  }

  async #context(): Promise<QueryContext> {
    return queryContext(await this.#runner.bindingOfDefinitions(), () => undefined);
  }

  async #refuseRecursion(transaction: Transaction, { id, name }: Table, reads: readonly TableId[]): Promise<void> {
    const pending = [...reads];
    const seen = new Set<TableId>();
    for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
      if (next === id) {
        const message = `infinite recursion detected in rules for relation "${name}"`;
        throw new SqlError('invalid_object_definition', message);
      }
      if (seen.has(next) || this.#session.engine.systemTables.byId(next) !== undefined) continue;
      seen.add(next);
      pending.push(...((await readTableById(transaction, this.#session.engine.keyspace, next)).view?.reads ?? []));
    }
  }

  /** Views whose queries would not be what they are without the column, or with another of that name. Requires `begin`. */
  async needing(transaction: Transaction, table: Table, position: number): Promise<readonly Table[]> {
    const { keyspace, catalog } = this.#session.engine;
    const needing: Table[] = [];
    const context = await this.#context();
    for (const id of await readDependents(transaction, keyspace, table.id)) {
      const opened = await catalog.openQueryWithin(transaction, id);
      if (needs(opened, table.id, columnNumber(table, position), context)) needing.push(opened.table);
    }
    return needing;
  }

  /** Views whose queries may say what they say only because rows are told apart by the primary key. Requires `begin`. */
  async needingKey(transaction: Transaction, table: Table): Promise<readonly Table[]> {
    const { keyspace, catalog } = this.#session.engine;
    const needing: Table[] = [];
    const context = await this.#context();
    for (const id of await readDependents(transaction, keyspace, table.id)) {
      const opened = await catalog.openQueryWithin(transaction, id);
      const read = opened.view?.reads.get(table.id);
      if (read === undefined) continue;
      const withoutKey = { ...read, table: { ...read.table, primaryKey: [] } };
      const reads = new Map(opened.view!.reads).set(table.id, withoutKey);
      if (!binds({ ...opened, view: { ...opened.view!, reads } }, context)) needing.push(opened.table);
    }
    return needing;
  }

  async refresh(
    { relation, concurrent, skipData }: RefreshMatViewStmt,
    parsed: ParsedStatement,
    sink: Sink,
  ): Promise<void> {
    this.#session.block.refuseReadOnly('REFRESH MATERIALIZED VIEW');
    const transaction = await this.#schema.begin();
    const { keyspace } = this.#session.engine;
    const found = await this.#schema.lookup.require(transaction, relationName(relation!));
    const table = found.kind === 'table' ? await readTableById(transaction, keyspace, found.id) : undefined;
    if (table?.view === undefined) {
      throw new SqlError('feature_not_supported', `"${found.name}" is not a materialized view`);
    }
    if (concurrent === true && skipData === true) {
      throw new SqlError('syntax_error', 'CONCURRENTLY and WITH NO DATA options cannot be used together');
    }
    if (concurrent === true && table.view.populated !== true) {
      throw new SqlError(
        'feature_not_supported',
        'CONCURRENTLY cannot be used when the materialized view is not populated',
      );
    }
    if (concurrent === true) this.#requireUniqueIndex(table, found.schema.name);
    await this.#schema.lockTable(transaction, table);
    const current = await readTableById(transaction, keyspace, found.id);
    const view = { ...table.view, populated: skipData !== true };
    truncateTable(transaction, keyspace, current);
    redefineTable(transaction, keyspace, { ...current, view });
    if (skipData !== true) {
      const select = { SelectStmt: table.view.query.tree } as unknown as Node;
      await this.fill({ ...relation!, schemaname: found.schema.name }, current, select, parsed);
    }
    sink.complete('REFRESH MATERIALIZED VIEW');
  }

  /** Inserts the rows of a query into a table that takes no other writes. @returns their number. */
  async fill(range: RangeVar, table: Table, select: Node, { text, index }: ParsedStatement): Promise<number> {
    const relation: FrozenRange = { ...range, relation: { id: table.id, schema: '', columns: [], refresh: true } };
    const insert: Node = { InsertStmt: { relation, selectStmt: select } };
    const running = await this.#runner.open(
      await this.#runner.plan({ node: insert, text, index }, undefined),
      [],
      false,
    );
    try {
      await drain(running.operator, running.execution, () => {});
      return affectedRows(running.operator);
    } finally {
      running.operator.close();
    }
  }

  #requireUniqueIndex({ name, indexes = [] }: Table, schema: string): void {
    const fits = indexes.some(
      ({ unique, predicate, parts }) =>
        unique && predicate === undefined && parts.every(({ column }) => column !== undefined),
    );
    if (fits) return;
    throw new SqlError(
      'object_not_in_prerequisite_state',
      `cannot refresh materialized view "${schema}.${name}" concurrently`,
      { hint: 'Create a unique index with no WHERE clause on one or more columns of the materialized view.' },
    );
  }
}

function needs(view: CatalogTable, relation: TableId, number: number, context: QueryContext): boolean {
  const definition = view.table.view!;
  const tree = withoutColumn(definition.query.tree, relation, number);
  const changed = { ...view.table, view: { ...definition, query: { ...definition.query, tree } } };
  return !binds({ ...view, table: changed }, context);
}

/** Whether the query still gives the columns of the view. */
function binds(view: CatalogTable, context: QueryContext): boolean {
  try {
    const { columns } = bindView(view, context);
    return columns.length === view.table.columns.length;
  } catch (error) {
    if (error instanceof SqlError) return false;
    throw error;
  }
}

function affectedRows(operator: object): number {
  return 'affected' in operator && typeof operator.affected === 'number' ? operator.affected : 0;
}

/** @throws SqlError for what is no query, or does more than read. */
export function requireSelect(query: Node | undefined): SelectStmt {
  if (query === undefined || !('SelectStmt' in query)) throw notSupported('a view of this statement');
  const { SelectStmt: select } = query;
  if (select.intoClause !== undefined) {
    throw new SqlError('feature_not_supported', 'views must not contain SELECT INTO');
  }
  const writes = (select.withClause?.ctes ?? []).some(
    (node) =>
      'CommonTableExpr' in node &&
      node.CommonTableExpr.ctequery !== undefined &&
      !('SelectStmt' in node.CommonTableExpr.ctequery),
  );
  if (!writes) return select;
  throw new SqlError('feature_not_supported', 'views must not contain data-modifying statements in WITH');
}

function viewColumns(results: readonly BoundColumn[], names: readonly string[], tooMany: string): readonly Column[] {
  if (names.length > results.length) throw new SqlError('syntax_error', tooMany);
  const columns: Column[] = [];
  for (let i = 0; i < results.length; i++) {
    const { expression } = results[i]!;
    const name = names[i] ?? results[i]!.name;
    if (columns.some((column) => column.name === name)) {
      throw new SqlError('duplicate_column', `column "${name}" specified more than once`);
    }
    const type = expression.type === 'unknown' ? 'text' : expression.type;
    if (typeInfo(type).kind === 'p') {
      throw new SqlError('invalid_table_definition', `column "${name}" has pseudo-type ${typeInfo(type).title}`);
    }
    const { modifier } = expression;
    const kept = keptCollation(expression);
    columns.push({ name, type: type as Column['type'], modifier, ...kept, notNull: false, default: undefined });
  }
  return columns;
}

/** CREATE OR REPLACE may add columns behind the others, and change nothing else about them. */
function refuseOtherColumns(old: Table, columns: readonly Column[]): void {
  if (columns.length < old.columns.length) {
    throw new SqlError('invalid_table_definition', 'cannot drop columns from view');
  }
  for (let i = 0; i < old.columns.length; i++) {
    const [before, after] = [old.columns[i]!, columns[i]!];
    if (before.name !== after.name) {
      const message = `cannot change name of view column "${before.name}" to "${after.name}"`;
      const hint = 'Use ALTER VIEW ... RENAME COLUMN ... to change name of view column instead.';
      throw new SqlError('invalid_table_definition', message, { hint });
    }
    if (before.type === after.type && before.modifier === after.modifier) {
      const [was, is] = [before, after].map(collationOfColumn);
      if (was === is) continue;
      const message = `cannot change collation of view column "${before.name}" from "${was}" to "${is}"`;
      throw new SqlError('invalid_table_definition', message);
    }
    const [from, to] = [before, after].map(({ type, modifier }) => titleWithModifier(type, modifier));
    throw new SqlError(
      'invalid_table_definition',
      `cannot change data type of view column "${before.name}" from ${from} to ${to}`,
    );
  }
}

function checkOption(clause: ViewStmt['withCheckOption'], options: readonly Node[] = []): ViewDefinition['check'] {
  if (clause === 'LOCAL_CHECK_OPTION') return 'local';
  if (clause === 'CASCADED_CHECK_OPTION') return 'cascaded';
  let check: ViewDefinition['check'];
  for (const option of options) {
    if (!('DefElem' in option)) continue;
    const { defname = '', arg } = option.DefElem;
    if (defname !== 'check_option') continue;
    const value = arg === undefined ? 'true' : textOf(arg, defname);
    if (value !== 'local' && value !== 'cascaded') {
      throw new SqlError('invalid_parameter_value', `invalid value for enum option "check_option": ${value}`, {
        detail: 'Valid values are "local" and "cascaded".',
      });
    }
    check = value;
  }
  return check;
}

function withoutCheckOption(options: readonly Node[] = []): readonly Node[] {
  return options.filter((option) => !('DefElem' in option) || option.DefElem.defname !== 'check_option');
}

/** The query with one column less in a relation. */
function withoutColumn<T>(tree: T, relation: TableId, number: number): T {
  if (Array.isArray(tree)) return tree.map((each) => withoutColumn(each, relation, number)) as T;
  if (typeof tree !== 'object' || tree === null) return tree;
  if ('relation' in tree && typeof tree.relation === 'object' && tree.relation !== null && 'columns' in tree.relation) {
    const frozen = tree.relation as NonNullable<FrozenRange['relation']>;
    if (frozen.id !== relation) return tree;
    return { ...tree, relation: { ...frozen, columns: frozen.columns.filter(([each]) => each !== number) } };
  }
  return Object.fromEntries(
    Object.entries(tree).map(([name, value]) => [name, withoutColumn(value as unknown, relation, number)]),
  ) as T;
}

/** What PostgreSQL calls the parts of ALTER TABLE that views have nothing for. */
const ACTIONS: Readonly<Record<string, string>> = {
  AT_AddColumn: 'ADD COLUMN',
  AT_DropColumn: 'DROP COLUMN',
  AT_ColumnDefault: 'ALTER COLUMN ... SET DEFAULT',
  AT_SetNotNull: 'ALTER COLUMN ... SET NOT NULL',
  AT_DropNotNull: 'ALTER COLUMN ... DROP NOT NULL',
  AT_AlterColumnType: 'ALTER COLUMN ... SET DATA TYPE',
  AT_AddConstraint: 'ADD CONSTRAINT',
  AT_DropConstraint: 'DROP CONSTRAINT',
  AT_DropExpression: 'ALTER COLUMN ... DROP EXPRESSION',
  AT_SetStatistics: 'ALTER COLUMN ... SET STATISTICS',
  AT_SetStorage: 'ALTER COLUMN ... SET STORAGE',
  AT_SetLogged: 'SET LOGGED',
  AT_SetUnLogged: 'SET UNLOGGED',
};

/** @throws SqlError `wrong_object_type`. */
export function refuseForViews(table: Table, commands: readonly Node[]): void {
  for (const command of commands) {
    const action = 'AlterTableCmd' in command ? ACTIONS[command.AlterTableCmd.subtype ?? ''] : undefined;
    if (action === undefined) continue;
    const kept = action.endsWith('STATISTICS') || action.endsWith('STORAGE');
    if (kept && table.view?.populated !== undefined) continue;
    if (action.endsWith('SET DEFAULT')) throw notSupported('a default of a column of a view');
    throw new SqlError('wrong_object_type', `ALTER action ${action} cannot be performed on relation "${table.name}"`, {
      detail: `This operation is not supported for ${relationWord(table)}s.`,
    });
  }
}
