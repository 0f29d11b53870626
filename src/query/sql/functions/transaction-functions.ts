/** Numbers and snapshots of transactions (manual, 9.26.8), and the chance of `random()` (9.3.3). */

import { assert } from '../../../base/assert.ts';
import { SqlError } from '../sql-error.ts';
import { formatSnapshot, isVisible, readSnapshot } from '../types/snapshots.ts';
import type { FunctionTable, RunContext } from './definition.ts';
import type { TransactionAccess } from './evaluation.ts';

function transactions({ session }: RunContext): TransactionAccess {
  assert(session.transactions !== undefined, 'what depends on the transaction is computed in a session');
  return session.transactions;
}

const current = (context: RunContext): bigint => transactions(context).current();
const currentIfAssigned = (context: RunContext): bigint | null => transactions(context).currentIfAssigned();
const snapshot = (context: RunContext): string => formatSnapshot(transactions(context).snapshot());
const exportSnapshot = (context: RunContext): string => transactions(context).exportSnapshot();
const status = (id: bigint, context: RunContext): string | null => transactions(context).status(id);
const visible = (id: bigint, text: string): boolean => isVisible(id, readSnapshot(text));

/** The names of old, over bigint, beside those of now. */
function ofSnapshots(name: 'pg_snapshot' | 'txid_snapshot', id: 'xid8' | 'int8'): FunctionTable {
  return {
    [`${name}_xmin(${name}) ${id}`]: (text: string) => readSnapshot(text).xmin,
    [`${name}_xmax(${name}) ${id}`]: (text: string) => readSnapshot(text).xmax,
    [`${name}_xip(${name}) setof ${id}`]: (text: string) => readSnapshot(text).running,
  };
}

export const TRANSACTION_FUNCTIONS: FunctionTable = {
  // What wrote a row is not known, so that it is as old as can be told.
  'age(xid) int4 stable': () => 0,
  'mxid_age(xid) int4 stable': () => 0,
  'pg_current_xact_id() xid8 stable': current,
  'pg_current_xact_id_if_assigned() xid8 stable': currentIfAssigned,
  'pg_current_snapshot() pg_snapshot stable': snapshot,
  'pg_export_snapshot() text volatile': exportSnapshot,
  'pg_xact_status(xid8) text volatile': status,
  'pg_visible_in_snapshot(xid8, pg_snapshot) bool': visible,
  'txid_current() int8 stable': current,
  'txid_current_if_assigned() int8 stable': currentIfAssigned,
  'txid_current_snapshot() txid_snapshot stable': snapshot,
  'txid_status(int8) text volatile': status,
  'txid_visible_in_snapshot(int8, txid_snapshot) bool': visible,
  ...ofSnapshots('pg_snapshot', 'xid8'),
  ...ofSnapshots('txid_snapshot', 'int8'),
  'setseed(float8) void volatile': (seed: number, { session }: RunContext) => {
    if (!(seed >= -1 && seed <= 1)) {
      throw new SqlError('invalid_parameter_value', `setseed parameter ${seed} is out of allowed range [-1,1]`);
    }
    session.seeded?.seed(seed);
    return '';
  },
};
