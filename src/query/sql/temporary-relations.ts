/**
 * Temporary relations: those of a schema that belongs to one session and goes when it ends.
 *
 * The schema is made with the first of them, under a name that nothing else has (`pg_temp_7`). It is kept as any other, so
 * that temporary tables commit and roll back like all others; what a process leaves behind when it dies is swept by
 * the next one that opens the store. Where several processes share a store nobody knows whose sessions are still there, and
 * what was left behind stays.
 */

import {
  beginSchemaChange,
  deleteName,
  dropTable,
  openIds,
  readTableById,
  relationsOf,
} from '../../models/relational/catalog.ts';
import { dropSchema, putSchema, type Schema } from '../../models/relational/schema.ts';
import { positionKey, sequenceKey } from '../../models/relational/sequence.ts';
import type { Keyspace } from '../../storage/keyspace.ts';
import type { Transaction } from '../../storage/store.ts';
import { TEMPORARY } from './search-path.ts';
import type { SessionContext } from './session-context.ts';
import type { SqlEngine } from './sql-engine.ts';

/** What becomes of a temporary table when a transaction commits; others stay as they are. */
export type OnCommit = 'delete' | 'drop';

export function isTemporary({ name }: Pick<Schema, 'name'>): boolean {
  return name.startsWith(`${TEMPORARY}_`);
}

/** Requires `beginSchemaChange`. The session's schema for temporary relations; made when there is none. */
export async function requireTemporarySchema(
  transaction: Transaction,
  { block, engine, facts, parameters }: SessionContext,
): Promise<Schema> {
  const known = block.temporary;
  if (known !== undefined) return known;
  let name = `${TEMPORARY}_${facts.processId}`;
  for (let i = 2; block.schemas.named(name) !== undefined; i++) name = `${TEMPORARY}_${facts.processId}_${i}`;
  const id = (await openIds(transaction, engine.keyspace))();
  const schema = { id, name };
  putSchema(transaction, engine.keyspace, schema);
  block.temporaryName = name;
  engine.temporarySchemas.add(name);
  parameters.temporaryScope = name;
  block.setSchemas(block.schemas.with(schema));
  return schema;
}

/** Requires `beginSchemaChange`. Drops everything in the schema. */
export async function dropContents(transaction: Transaction, keyspace: Keyspace, schemaId: number): Promise<void> {
  for (const { kind, id, name } of await relationsOf(transaction, keyspace, schemaId)) {
    if (kind === 'table' || kind === 'view')
      dropTable(transaction, keyspace, await readTableById(transaction, keyspace, id));
    else if (kind === 'sequence') {
      deleteName(transaction, keyspace, name, schemaId);
      transaction.delete(sequenceKey(keyspace, id));
      transaction.delete(positionKey(keyspace, id));
    }
  }
}

/** Drops schemas of sessions that are gone. Failures are logged: the next start sweeps again. */
export async function sweepTemporary(engine: SqlEngine, schemas: readonly Schema[]): Promise<void> {
  if (schemas.length === 0) return;
  engine.noteRunning(1);
  const transaction = engine.store.begin({ label: 'temporary relations' });
  try {
    await beginSchemaChange(transaction, engine.keyspace);
    for (const { id } of schemas) {
      await dropContents(transaction, engine.keyspace, id);
      dropSchema(transaction, engine.keyspace, id);
    }
    await transaction.commitVisible();
  } catch (error) {
    if (transaction.state === 'open') transaction.rollback();
    engine.log.warn(
      { error: error instanceof Error ? error.message : String(error) },
      'temporary tables of a session that ended could not be dropped',
    );
  } finally {
    engine.noteRunning(-1);
  }
}
