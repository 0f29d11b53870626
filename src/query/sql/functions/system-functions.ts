/**
 * Information and administration that clients ask for as a matter of form (manual, 9.26): the connection, the server's start, and
 * parameters by name. What asks about things that are not here answers as a server without them does.
 */

import { assert } from '../../../base/assert.ts';
import type { ColumnValue } from '../../../models/relational/table.ts';
import { SqlArray, SqlRecord } from '../../../models/relational/values.ts';
import { SqlError } from '../sql-error.ts';
import { titleOf, typeOfOid } from '../types/types.ts';
import type { FunctionTable, RunContext } from './definition.ts';

const nothing = () => null;

function setParameter(
  name: string | null,
  value: string | null,
  local: boolean | null,
  { session }: RunContext,
): string {
  if (name === null) throw new SqlError('null_value_not_allowed', 'SET requires parameter name');
  assert(session.setParameter !== undefined, 'a volatile function is computed in a session');
  return session.setParameter(name, value, local === true);
}

const started = ({ session }: RunContext): bigint | null => session.startedMicros ?? null;

const DEFAULT_TABLESPACE = 1663;
const DATABASE = 5;

/** Of those that pg_encoding_to_char knows. */
const ENCODING_BYTES_MAX: Readonly<Record<number, number>> = { 0: 1, 6: 4, 8: 1 };

function encodingNamed(name: string): number {
  const plain = name.toLowerCase().replace(/[^a-z0-9]/g, '');
  if (plain === 'utf8' || plain === 'unicode') return 6;
  if (plain === 'sqlascii') return 0;
  return plain === 'latin1' || plain === 'iso88591' ? 8 : -1;
}

export const SYSTEM_FUNCTIONS: FunctionTable = {
  'set_config(text, text, bool) text volatile called': setParameter,
  'current_query() text volatile': ({ session }: RunContext) => session.query?.() ?? null,
  'pg_postmaster_start_time() timestamptz stable': started,
  'pg_conf_load_time() timestamptz stable': started,
  'pg_my_temp_schema() oid stable': ({ session }: RunContext) => session.temporarySchema?.() ?? 0,
  'pg_is_other_temp_schema(oid) bool stable': (oid: number, { session }: RunContext) =>
    oid !== session.temporarySchema?.() && session.catalog?.()?.isTemporarySchema(oid) === true,
  'pg_listening_channels() setof text volatile': ({ session }: RunContext): Iterable<ColumnValue> =>
    session.notifications?.channels ?? [],
  'pg_notify(text, text) void volatile called': (
    channel: string | null,
    payload: string | null,
    { session }: RunContext,
  ) => {
    session.notifications?.notify(channel ?? '', payload ?? '');
    return '';
  },
  'pg_notification_queue_usage() float8 volatile': () => 0,
  'pg_blocking_pids(int4) _int4 volatile': () => new SqlArray('int4', []),
  'pg_safe_snapshot_blocking_pids(int4) _int4 volatile': () => new SqlArray('int4', []),
  'pg_current_logfile() text volatile called': nothing,
  'pg_current_logfile(text) text volatile called': nothing,
  'getpgusername() name stable': ({ session }: RunContext) => session.user,
  'pg_char_to_encoding(name) int4 stable': (name: string) => encodingNamed(name),
  'pg_encoding_max_length(int4) int4': (encoding: number) => ENCODING_BYTES_MAX[encoding] ?? null,
  'pg_partition_root(regclass) regclass': nothing,
  'pg_relation_filenode(regclass) oid stable': (oid: number) => oid,
  'pg_tablespace_databases(oid) setof oid stable': (oid: number): Iterable<ColumnValue> =>
    oid === DEFAULT_TABLESPACE ? [DATABASE] : [],
  'oidvectortypes(oidvector) text stable': ({ values }: SqlArray) =>
    values
      .map((oid) => typeOfOid(oid as number))
      .map((type) => (type === undefined ? '???' : titleOf(type)))
      .join(', '),
  'pg_options_to_table(_text) setof {option_name:text,option_value:text} stable': ({ values }: SqlArray) =>
    values.map((option) => {
      const [name, ...value] = (option as string).split('=');
      return new SqlRecord(['text', 'text'], [name!, value.length === 0 ? null : value.join('=')]);
    }),
  'pg_sequence_parameters(oid) {start_value:int8,minimum_value:int8,maximum_value:int8,increment:int8,cycle_option:bool,cache_size:int8,data_type:oid} stable':
    (oid: number, { session }: RunContext) => session.catalog!()!.sequenceParameters(oid),
  'pg_jit_available() bool stable': () => false,
  'pg_trigger_depth() int4 stable': () => 0,
  'pg_is_wal_replay_paused() bool volatile': () => {
    throw new SqlError('object_not_in_prerequisite_state', 'recovery is not in progress', {
      hint: 'Recovery control functions can only be executed during recovery.',
    });
  },
  'pg_last_xact_replay_timestamp() timestamptz volatile': nothing,
  'pg_get_replica_identity_index(regclass) regclass stable': nothing,
  'pg_get_partition_constraintdef(oid) text stable': nothing,
  'pg_get_statisticsobjdef(oid) text stable': nothing,
  'pg_ts_dict_is_visible(oid) bool stable': nothing,
  'pg_ts_parser_is_visible(oid) bool stable': nothing,
  'pg_ts_template_is_visible(oid) bool stable': nothing,
  'pg_statistics_obj_is_visible(oid) bool stable': nothing,
  'textlen(text) int4': (text: string) => [...text].length,
};
