/**
 * CLUSTER, and CLUSTER ON and SET WITHOUT CLUSTER of ALTER TABLE (PostgreSQL 15's cluster.c): which index a table was put in order
 * by is checked, kept and shown. Rows stay where they are: they always lie in the order of their key.
 */

import type { ClusterStmt } from '@pgsql/types';
import { redefineTable } from '../../../models/relational/catalog.ts';
import type { Index, Table } from '../../../models/relational/table.ts';
import { relationName } from '../binder/names.ts';
import type { ResultSink } from '../results.ts';
import type { SessionContext } from '../session-context.ts';
import { notSupported, SqlError } from '../sql-error.ts';
import type { SchemaChanges } from './schema-changes.ts';

export async function cluster(
  { relation, indexname, params = [] }: ClusterStmt,
  { block, engine }: Pick<SessionContext, 'block' | 'engine'>,
  schema: SchemaChanges,
  sink: Pick<ResultSink, 'complete'>,
): Promise<void> {
  for (const option of params) {
    const { defname = '', location } = 'DefElem' in option ? option.DefElem : {};
    if (defname !== 'verbose') throw notSupported(`CLUSTER (${defname.toUpperCase()})`, location);
  }
  block.refuseReadOnly('CLUSTER');
  if (relation === undefined) {
    block.refuseBlock('CLUSTER');
    sink.complete('CLUSTER');
    return;
  }
  const transaction = await schema.begin();
  const found = await schema.lookup.require(transaction, relationName(relation));
  const table =
    found.kind === 'table' || found.kind === 'view' ? await schema.lockById(transaction, found.id) : undefined;
  if (table === undefined || (table.view !== undefined && table.view.populated === undefined)) {
    throw new SqlError('wrong_object_type', `"${found.name}" is not a table or materialized view`);
  }
  if (indexname !== undefined) {
    redefineTable(transaction, engine.keyspace, clusteredOn(table, indexname));
  } else if (table.primaryKeyClustered !== true && !(table.indexes ?? []).some(({ clustered }) => clustered === true)) {
    const message = `there is no previously clustered index for table "${table.name}"`;
    throw new SqlError('undefined_object', message);
  }
  sink.complete('CLUSTER');
}

/** @throws SqlError `undefined_object`, `feature_not_supported` of an index that no order comes from. */
export function clusteredOn(table: Table, name: string): Table {
  const isKey = table.primaryKey.length > 0 && table.primaryKeyName === name;
  const index = table.indexes?.find((each) => each.name === name);
  if (!isKey && index === undefined) {
    throw new SqlError('undefined_object', `index "${name}" for table "${table.name}" does not exist`);
  }
  const why =
    index?.method !== undefined
      ? `cannot cluster on index "${name}" because access method does not support clustering`
      : index?.predicate !== undefined
        ? `cannot cluster on partial index "${name}"`
        : index?.invalid === true
          ? `cannot cluster on invalid index "${name}"`
          : undefined;
  if (why !== undefined) throw new SqlError('feature_not_supported', why);
  const { indexes, ...rest } = unclustered(table);
  const marked: readonly Index[] | undefined = indexes?.map((each) =>
    each.name === name ? { ...each, clustered: true } : each,
  );
  return {
    ...rest,
    ...(marked === undefined ? {} : { indexes: marked }),
    ...(isKey ? { primaryKeyClustered: true } : {}),
  };
}

export function unclustered({ primaryKeyClustered: _, indexes, ...table }: Table): Table {
  if (indexes === undefined) return table;
  return { ...table, indexes: indexes.map(({ clustered: __, ...index }) => index) };
}
