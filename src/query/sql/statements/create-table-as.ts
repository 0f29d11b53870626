/** CREATE TABLE … AS and SELECT … INTO: a table with the columns of a query, filled with its rows. The query runs once, in the same transaction. */

import type { CreateTableAsStmt, Node, SelectStmt } from '@pgsql/types';
import { createTable, openIds, readName } from '../../../models/relational/catalog.ts';
import type { Column } from '../../../models/relational/table.ts';
import type { ExplainOptions } from '../binder/bound.ts';
import { relationName, requireStorable, stringsOf } from '../binder/names.ts';
import { primaryKeyName } from '../object-names.ts';
import { drain } from '../operators/drain.ts';
import type { ExecutionContext } from '../operators/operator.ts';
import { Values } from '../operators/values.ts';
import type { ParsedStatement } from '../parser/parser.ts';
import { explainColumn, explaining, type Plan, type ResultColumn } from '../planner/plan.ts';
import { closeRunning, tagOf } from '../portal.ts';
import type { UtilitySink } from '../results.ts';
import type { SessionContext } from '../session-context.ts';
import { notSupported, SqlError } from '../sql-error.ts';
import type { StatementRunner } from '../statement-runner.ts';
import { storageParameters } from '../storage-parameters.ts';
import { requireTablespace } from '../tablespaces.ts';
import type { PreparedStatements } from './prepared-statements.ts';
import { schemaField } from './relation-lookup.ts';
import { onCommitOf, type SchemaChanges } from './schema-changes.ts';
import { requireSelect } from './view-statements.ts';

export interface CreateTableAsRooms {
  readonly session: SessionContext;
  readonly runner: StatementRunner;
  readonly schema: SchemaChanges;
  readonly prepared: PreparedStatements;
}

/**
 * @param explained What EXPLAIN is to tell of the query while it runs.
 * @throws SqlError of the query, `duplicate_table`, `duplicate_column`.
 */
export async function createTableAs(
  { query: source, into, objtype, if_not_exists: ifMissing }: CreateTableAsStmt,
  parsed: ParsedStatement,
  sink: UtilitySink,
  { session, runner, schema, prepared }: CreateTableAsRooms,
  explained?: ExplainOptions,
): Promise<void> {
  const isView = objtype === 'OBJECT_MATVIEW';
  const invoked = 'ExecuteStmt' in source! ? prepared.resolve(source.ExecuteStmt) : undefined;
  const query = invoked?.prepared.statement.node ?? source!;
  if (!('SelectStmt' in query)) throw new SqlError('wrong_object_type', 'prepared statement is not a SELECT');
  const title = isView ? 'CREATE MATERIALIZED VIEW' : 'CREATE TABLE AS';
  const { rel, colNames, skipData, options, onCommit, tableSpaceName } = into!;
  requireTablespace(tableSpaceName);
  const unlogged = rel!.relpersistence === 'u';
  if (unlogged && isView) throw new SqlError('feature_not_supported', 'materialized views cannot be unlogged');
  const parameters = storageParameters('table', options ?? []);
  const stored = parameters.length === 0 ? {} : { storageParameters: parameters };
  session.block.refuseReadOnly(title);
  const transaction = await schema.begin();
  const { keyspace } = session.engine;
  const { name } = relationName(rel!);
  const target = await schema.lookup.creationOf(
    transaction,
    { ...relationName(rel!), location: undefined },
    rel!.relpersistence,
  );
  const rule = onCommitOf(onCommit, target);
  if ((await readName(transaction, keyspace, name, target.id)) !== undefined) {
    const message = `relation "${name}" already exists`;
    if (ifMissing !== true) throw new SqlError('duplicate_table', message);
    sink.notice({ severity: 'NOTICE', condition: 'duplicate_table', message: `${message}, skipping` });
    if (explained !== undefined) sink.columns([explainColumn(explained)]);
    sink.complete(explained === undefined ? title : 'EXPLAIN');
    return;
  }
  const { text, index } = invoked?.prepared.statement ?? parsed;
  const plan = await runner.plan({ node: query, text, index }, invoked?.types);
  const columns = columnsOf(plan.columns!, stringsOf(colNames));
  const nextId = await openIds(transaction, keyspace);
  if (isView) {
    if (explained !== undefined) throw notSupported('EXPLAIN ANALYZE of CREATE MATERIALIZED VIEW');
    const select = requireSelect(query);
    const { view } = await schema.views.define(select, parsed, rel!);
    const populated = skipData !== true;
    const shape = {
      name,
      ...schemaField(target),
      columns,
      primaryKey: [],
      primaryKeyName: primaryKeyName(name),
      view: { ...view, populated },
      ...stored,
    };
    const table = await createTable(transaction, keyspace, shape, nextId());
    if (!populated) sink.complete(title);
    else sink.complete(`SELECT ${await schema.views.fill({ ...rel!, schemaname: target.name }, table, query, parsed)}`);
    return;
  }
  const definition = {
    name,
    ...schemaField(target),
    columns,
    primaryKey: [],
    primaryKeyName: primaryKeyName(name),
    ...(unlogged ? { unlogged } : {}),
    ...stored,
  };
  const { id } = await createTable(transaction, keyspace, definition, nextId());
  if (rule !== undefined) session.block.onCommitRules.set(id, rule);
  if (skipData === true && explained === undefined) {
    sink.complete(invoked === undefined ? title : 'SELECT 0');
    return;
  }
  const insert: Node = { InsertStmt: { relation: { ...rel!, schemaname: target.name }, selectStmt: query } };
  const filling = { node: insert, text, index };
  const elapsedMs = (): number => session.engine.platform.clock.monotonicMs();
  const began = elapsedMs();
  const filled = await runner.plan(filling, invoked?.types);
  const inserting = explained === undefined ? filled : explainedQuery(filled);
  const running = await runner.open(inserting, invoked?.values ?? [], false);
  try {
    if (explained !== undefined) sink.columns(inserting.columns!);
    await drain(running.operator, running.execution, (batch) =>
      explained === undefined ? undefined : sink.rows(inserting.columns!, batch),
    );
    sink.complete(tagOf(running).replace('INSERT 0', 'SELECT'));
  } finally {
    closeRunning(running);
  }

  /** Tells of the query alone, not of what fills the table. */
  function explainedQuery(whole: Plan): Plan {
    const run = skipData === true ? { ...whole, open: (context: ExecutionContext) => new Values([], context) } : whole;
    const environment = runner.planEnvironment(runner.bindContext([], false).time, whole.generation);
    return explaining(run, whole.node?.inputs[0], explained!, elapsedMs() - began, environment);
  }
}

/** SELECT … INTO as what it is another spelling of. */
export function selectInto({ intoClause, ...select }: SelectStmt): CreateTableAsStmt {
  return { query: { SelectStmt: select }, into: intoClause!, objtype: 'OBJECT_TABLE' };
}

function columnsOf(results: readonly ResultColumn[], names: readonly string[]): readonly Column[] {
  if (names.length > results.length) throw new SqlError('syntax_error', 'too many column names were specified');
  const columns: Column[] = [];
  for (let i = 0; i < results.length; i++) {
    const { type: resultType, modifier, collation } = results[i]!;
    const name = names[i] ?? results[i]!.name;
    if (columns.some((column) => column.name === name)) {
      throw new SqlError('duplicate_column', `column "${name}" specified more than once`);
    }
    const type = resultType === 'unknown' ? 'text' : resultType;
    requireStorable(name, type);
    const kept = collation === undefined ? {} : { collation };
    columns.push({ name, type: type as Column['type'], modifier, ...kept, notNull: false, default: undefined });
  }
  return columns;
}
