/**
 * The run-time parameters of a session, with PostgreSQL 15's names, defaults and bounds.
 *
 * Three kinds: what has effect here; what cannot change an answer (costs, memory, parallel workers, what is logged), which
 * is checked, kept and shown, and is no more than a hint; and what would change answers in ways that are not built, which takes the
 * value that it has and answers `feature_not_supported` to others. Parameters of the whole server, which a session cannot
 * set, are left out.
 */

import { SERVER_VERSION, SERVER_VERSION_NUM } from './functions/version.ts';
import {
  boolean,
  integer,
  invalidValue,
  oneOf,
  only,
  type ParameterParser,
  type ParameterUnit,
  real,
  showInteger,
  showReal,
} from './parameter-values.ts';
import { PLANNER_SWITCHES } from './planner/planner-settings.ts';
import { parsePath } from './search-path.ts';
import { notSupported, SqlError } from './sql-error.ts';
import { timeZone } from './types/time-zone.ts';

export interface ParameterDefinition {
  readonly name: string;
  readonly initial: string;
  /** Told to clients when it changes (ParameterStatus). */
  readonly reported?: boolean;
  /** The value as it is kept; throws for what it cannot be. Without it the parameter cannot be set. */
  readonly parse?: ParameterParser;
  /** As SHOW prints it. */
  readonly show?: (value: string) => string;
  /** What pg_settings says of it; of a text, when missing. */
  readonly facts?: ParameterFacts;
}

/** One parameter, as pg_settings shows it. */
export interface ParameterSetting {
  readonly definition: ParameterDefinition;
  /** As it is kept. */
  readonly value: string;
  readonly reset: string;
}

export interface ParameterFacts {
  readonly type: 'bool' | 'enum' | 'integer' | 'real' | 'string';
  readonly unit?: ParameterUnit;
  readonly min?: number;
  readonly max?: number;
  readonly words?: readonly string[];
}

function flag(name: string, initial: 'on' | 'off', parse: ParameterParser = boolean): ParameterDefinition {
  return { name, initial, parse, facts: { type: 'bool' } };
}

function word(name: string, initial: string, words: readonly string[], built?: readonly string[]): ParameterDefinition {
  const parse = built === undefined ? oneOf(...words) : only(oneOf(...words), ...built);
  return { name, initial, parse, facts: { type: 'enum', words } };
}

function whole(name: string, initial: number, min: number, max: number, unit?: ParameterUnit): ParameterDefinition {
  const facts = { type: 'integer', min, max, ...(unit === undefined ? {} : { unit }) } as const;
  const parse = integer(min, max, unit);
  return { name, initial: String(initial), parse, facts, ...(unit === undefined ? {} : { show: showInteger(unit) }) };
}

function fraction(name: string, initial: number, min: number, max: number, unit?: ParameterUnit): ParameterDefinition {
  const facts = { type: 'real', min, max, ...(unit === undefined ? {} : { unit }) } as const;
  return { name, initial: String(initial), parse: real(min, max, unit), show: showReal(unit), facts };
}

/** Only letters and digits of an encoding's name count: clients send `'utf-8'`, quotes and all (encnames.c). */
function encoding(value: string, name: string): string {
  const cleaned = value.toLowerCase().replace(/[^a-z0-9]/g, '');
  if (cleaned === 'utf8' || cleaned === 'unicode') return 'UTF8';
  throw notSupported(`${name} = ${value}`);
}

/** What it does not name stays: the style, or the order of day, month and year. */
function dateStyle(value: string, name: string, current = 'ISO, MDY'): string {
  const [style, order] = current.split(', ') as [string, string];
  let newStyle: string | undefined;
  let newOrder: string | undefined;
  const refused = (detail: string): SqlError =>
    new SqlError('invalid_parameter_value', `invalid value for parameter "${name}": "${value}"`, { detail });
  const once = (known: string | undefined, next: string): string => {
    if (known !== undefined && known !== next) throw refused('Conflicting "datestyle" specifications.');
    return next;
  };
  if (value.trim() === '') return current;
  if (/\S\s+[^\s,]/.test(value.replace(/,\s*/g, ','))) throw badList(name, value);
  for (const each of value.split(',').map((part) => part.trim().toUpperCase())) {
    if (each === 'MDY' || each === 'DMY' || each === 'YMD') newOrder = once(newOrder, each);
    else if (/^(?:US|NONEURO.*)$/.test(each)) newOrder = once(newOrder, 'MDY');
    else if (/^EURO.*$/.test(each)) newOrder = once(newOrder, 'DMY');
    else if (each === 'SQL' || each === 'ISO') newStyle = once(newStyle, each);
    else if (each.startsWith('POSTGRES')) newStyle = once(newStyle, 'Postgres');
    else if (each === 'GERMAN') newStyle = once(newStyle, 'German');
    else if (each === 'DEFAULT') {
      newStyle ??= 'ISO';
      newOrder ??= 'MDY';
    } else throw refused(`Unrecognized key word: "${each.toLowerCase()}".`);
  }
  // Days come first in German, unless something else is said.
  return `${newStyle ?? style}, ${newOrder ?? (newStyle === 'German' ? 'DMY' : order)}`;
}

/** How PostgreSQL calls a zone that is so many seconds ahead: `<-07:30>+07:30`. */
export function offsetName(seconds: number): string {
  const minutes = Math.round(Math.abs(seconds) / 60);
  const pad = (part: number): string => String(part).padStart(2, '0');
  const shown = `${pad(Math.trunc(minutes / 60))}${minutes % 60 === 0 ? '' : `:${pad(minutes % 60)}`}`;
  return seconds < 0 ? `<-${shown}>+${shown}` : `<+${shown}>-${shown}`;
}

function zoneName(value: string, name: string): string {
  const text = value.trim();
  // A number is hours to the east.
  if (/^[+-]?\d+(?:\.\d+)?$/.test(text) && Math.abs(Number(text)) <= 168) return offsetName(Number(text) * 3_600);
  const zone = timeZone(text);
  if (zone === undefined) throw invalidValue(name, value);
  return zone.name;
}

function printable(value: string): string {
  return value.replace(/[^\x20-\x7e]/g, '?').slice(0, 63);
}

function nameList(value: string, name: string): string {
  if (parsePath(value) !== undefined) return value;
  throw badList(name, value);
}

function badList(name: string, value: string): SqlError {
  return new SqlError('invalid_parameter_value', `invalid value for parameter "${name}": "${value}"`, {
    detail: 'List syntax is invalid.',
  });
}

/** The languages that messages are in, and how numbers, money and dates are written without one. */
function locale(...built: readonly RegExp[]): ParameterParser {
  return (value, name) => {
    if (value === '' || value === 'C' || value === 'POSIX' || built.some((each) => each.test(value))) return value;
    if (/^[a-z]{2}_[A-Z]{2}(?:\.[\w-]+)?$|^C\.[\w-]+$/.test(value)) throw notSupported(`${name} = ${value}`);
    throw invalidValue(name, value);
  };
}

/** A name of something of which there is only what is listed. */
function existing(kind: string, ...names: readonly string[]): ParameterParser {
  return (value, name) => {
    if (names.includes(value)) return value;
    const detail = value === '' ? `${name} cannot be empty.` : `${kind} "${value}" does not exist.`;
    throw new SqlError('invalid_parameter_value', `invalid value for parameter "${name}": "${value}"`, { detail });
  };
}

/** As `existing`, of a list. */
function tablespaces(value: string, name: string): string {
  const missing = parsePath(nameList(value, name))!.find((each) => each !== '' && each !== 'pg_default');
  if (missing === undefined) return value;
  throw new SqlError('undefined_object', `tablespace "${missing}" does not exist`);
}

const ISOLATION_LEVELS = ['serializable', 'repeatable read', 'read committed', 'read uncommitted'] as const;
const MESSAGE_LEVELS = ['debug5', 'debug4', 'debug3', 'debug2', 'debug1'] as const;
const LOG_LEVELS = [...MESSAGE_LEVELS, 'info', 'notice', 'warning', 'error', 'log', 'fatal', 'panic'] as const;
const SWITCH = ['on', 'off'] as const;
const INT_MAX = 2_147_483_647;
const REAL_MAX = Number.MAX_VALUE;

const EFFECTIVE: readonly ParameterDefinition[] = [
  { name: 'application_name', initial: '', reported: true, parse: printable },
  word('bytea_output', 'hex', ['escape', 'hex']),
  flag('check_function_bodies', 'on'),
  { name: 'client_encoding', initial: 'UTF8', reported: true, parse: encoding },
  word('client_min_messages', 'notice', [...MESSAGE_LEVELS, 'log', 'notice', 'warning', 'error']),
  { name: 'DateStyle', initial: 'ISO, MDY', reported: true, parse: dateStyle },
  word('default_transaction_isolation', 'read committed', ISOLATION_LEVELS),
  flag('default_transaction_deferrable', 'off'),
  { ...flag('default_transaction_read_only', 'off'), reported: true },
  ...PLANNER_SWITCHES.map((name) => flag(name, 'on')),
  whole('idle_in_transaction_session_timeout', 0, 0, INT_MAX, 'ms'),
  whole('idle_session_timeout', 0, 0, INT_MAX, 'ms'),
  { name: 'in_hot_standby', initial: 'off', reported: true },
  { name: 'integer_datetimes', initial: 'on', reported: true },
  {
    ...word('IntervalStyle', 'postgres', ['postgres', 'postgres_verbose', 'sql_standard', 'iso_8601']),
    reported: true,
  },
  { name: 'is_superuser', initial: 'on', reported: true },
  { name: 'lc_collate', initial: 'C' },
  { name: 'lc_ctype', initial: 'C' },
  whole('lock_timeout', 0, 0, INT_MAX, 'ms'),
  { name: 'max_identifier_length', initial: '63' },
  { name: 'max_prepared_transactions', initial: '0' },
  { name: 'search_path', initial: '"$user", public', parse: nameList },
  { name: 'server_encoding', initial: 'UTF8', reported: true },
  { name: 'server_version', initial: SERVER_VERSION, reported: true },
  { name: 'server_version_num', initial: SERVER_VERSION_NUM },
  { name: 'session_authorization', initial: '', reported: true },
  whole('statement_timeout', 0, 0, INT_MAX, 'ms'),
  { name: 'TimeZone', initial: 'UTC', reported: true, parse: zoneName },
];

/** Of these only the values that are named, or the only ones there are, can be had. */
const BOUND: readonly ParameterDefinition[] = [
  flag('allow_system_table_mods', 'off', only(boolean, 'off')),
  flag('array_nulls', 'on', only(boolean, 'on')),
  word('backslash_quote', 'safe_encoding', ['safe_encoding', ...SWITCH], ['safe_encoding', 'on']),
  { name: 'default_table_access_method', initial: 'heap', parse: existing('Table access method', 'heap') },
  { name: 'default_tablespace', initial: '', parse: existing('Tablespace', '', 'pg_default') },
  flag('exit_on_error', 'off', only(boolean, 'off')),
  whole('extra_float_digits', 1, -15, 3),
  // Messages are in English.
  { name: 'lc_messages', initial: 'C', parse: locale(/^en_[A-Z]{2}(?:\.[\w-]+)?$|^C\.[\w-]+$/) },
  { name: 'lc_monetary', initial: 'C', parse: locale(/^C\.[\w-]+$/) },
  { name: 'lc_numeric', initial: 'C', parse: locale(/^C\.[\w-]+$/) },
  { name: 'lc_time', initial: 'C', parse: locale(/^C\.[\w-]+$/) },
  word('password_encryption', 'scram-sha-256', ['md5', 'scram-sha-256'], ['scram-sha-256']),
  flag('quote_all_identifiers', 'off', only(boolean, 'off')),
  word('session_replication_role', 'origin', ['origin', 'replica', 'local'], ['origin', 'local']),
  { ...flag('standard_conforming_strings', 'on', only(boolean, 'on')), reported: true },
  { name: 'temp_tablespaces', initial: '', parse: tablespaces },
  flag('track_activities', 'on', only(boolean, 'on')),
  flag('transform_null_equals', 'off', only(boolean, 'off')),
];

/** Nothing that a statement answers depends on these. */
const HINTS: readonly ParameterDefinition[] = [
  whole('backend_flush_after', 0, 0, 256, '8kB'),
  whole('client_connection_check_interval', 0, 0, INT_MAX, 'ms'),
  whole('commit_siblings', 5, 0, 1000),
  word('constraint_exclusion', 'partition', ['partition', ...SWITCH]),
  fraction('cpu_index_tuple_cost', 0.005, 0, REAL_MAX),
  fraction('cpu_operator_cost', 0.0025, 0, REAL_MAX),
  fraction('cpu_tuple_cost', 0.01, 0, REAL_MAX),
  fraction('cursor_tuple_fraction', 0.1, 0, 1),
  whole('deadlock_timeout', 1000, 1, INT_MAX, 'ms'),
  flag('debug_pretty_print', 'on'),
  flag('debug_print_parse', 'off'),
  flag('debug_print_plan', 'off'),
  flag('debug_print_rewritten', 'off'),
  whole('default_statistics_target', 100, 1, 10_000),
  word('default_toast_compression', 'pglz', ['pglz', 'lz4']),
  whole('effective_cache_size', 524_288, 1, INT_MAX, '8kB'),
  whole('effective_io_concurrency', 1, 0, 1000),
  flag('enable_async_append', 'on'),
  flag('enable_gathermerge', 'on'),
  flag('enable_material', 'on'),
  flag('enable_parallel_append', 'on'),
  flag('enable_parallel_hash', 'on'),
  flag('enable_partition_pruning', 'on'),
  flag('enable_partitionwise_aggregate', 'off'),
  flag('enable_partitionwise_join', 'off'),
  flag('enable_tidscan', 'on'),
  flag('escape_string_warning', 'on'),
  word('force_parallel_mode', 'off', ['off', 'on', 'regress']),
  whole('from_collapse_limit', 8, 1, INT_MAX),
  flag('geqo', 'on'),
  whole('geqo_effort', 5, 1, 10),
  whole('geqo_generations', 0, 0, INT_MAX),
  whole('geqo_pool_size', 0, 0, INT_MAX),
  fraction('geqo_seed', 0, 0, 1),
  fraction('geqo_selection_bias', 2, 1.5, 2),
  whole('geqo_threshold', 12, 2, INT_MAX),
  whole('gin_fuzzy_search_limit', 0, 0, INT_MAX),
  whole('gin_pending_list_limit', 4096, 64, INT_MAX, 'kB'),
  fraction('hash_mem_multiplier', 2, 1, 1000),
  // There is none to turn on; drivers turn it off before they ask for types.
  flag('jit', 'off'),
  fraction('jit_above_cost', 100_000, -1, REAL_MAX),
  flag('jit_expressions', 'on'),
  fraction('jit_inline_above_cost', 500_000, -1, REAL_MAX),
  fraction('jit_optimize_above_cost', 500_000, -1, REAL_MAX),
  flag('jit_tuple_deforming', 'on'),
  whole('join_collapse_limit', 8, 1, INT_MAX),
  flag('lo_compat_privileges', 'off'),
  flag('log_duration', 'off'),
  word('log_error_verbosity', 'default', ['terse', 'default', 'verbose']),
  flag('log_executor_stats', 'off'),
  flag('log_lock_waits', 'off'),
  whole('log_min_duration_sample', -1, -1, INT_MAX, 'ms'),
  whole('log_min_duration_statement', -1, -1, INT_MAX, 'ms'),
  word('log_min_error_statement', 'error', LOG_LEVELS),
  word('log_min_messages', 'warning', LOG_LEVELS),
  whole('log_parameter_max_length', -1, -1, 1_073_741_823, 'B'),
  whole('log_parameter_max_length_on_error', 0, -1, 1_073_741_823, 'B'),
  flag('log_parser_stats', 'off'),
  flag('log_planner_stats', 'off'),
  flag('log_replication_commands', 'off'),
  word('log_statement', 'none', ['none', 'ddl', 'mod', 'all']),
  fraction('log_statement_sample_rate', 1, 0, 1),
  flag('log_statement_stats', 'off'),
  whole('log_temp_files', -1, -1, INT_MAX, 'kB'),
  fraction('log_transaction_sample_rate', 0, 0, 1),
  whole('logical_decoding_work_mem', 65_536, 64, INT_MAX, 'kB'),
  whole('maintenance_io_concurrency', 10, 0, 1000),
  whole('maintenance_work_mem', 65_536, 1024, INT_MAX, 'kB'),
  whole('max_parallel_maintenance_workers', 2, 0, 1024),
  whole('max_parallel_workers', 8, 0, 1024),
  whole('max_parallel_workers_per_gather', 2, 0, 1024),
  whole('min_parallel_index_scan_size', 64, 0, 715_827_882, '8kB'),
  whole('min_parallel_table_scan_size', 1024, 0, 715_827_882, '8kB'),
  flag('parallel_leader_participation', 'on'),
  fraction('parallel_setup_cost', 1000, 0, REAL_MAX),
  fraction('parallel_tuple_cost', 0.1, 0, REAL_MAX),
  word('plan_cache_mode', 'auto', ['auto', 'force_generic_plan', 'force_custom_plan']),
  fraction('random_page_cost', 4, 0, REAL_MAX),
  fraction('recursive_worktable_factor', 10, 0.001, 1_000_000),
  // There are no policies.
  flag('row_security', 'on'),
  fraction('seq_page_cost', 1, 0, REAL_MAX),
  word('stats_fetch_consistency', 'cache', ['none', 'cache', 'snapshot']),
  flag('synchronize_seqscans', 'on'),
  // A commit is as durable as the server's class says, whatever a session asks for.
  word('synchronous_commit', 'on', ['local', 'remote_write', 'remote_apply', ...SWITCH]),
  whole('temp_buffers', 1024, 100, 1_073_741_823, '8kB'),
  flag('trace_notify', 'off'),
  flag('trace_sort', 'off'),
  flag('track_counts', 'on'),
  word('track_functions', 'none', ['none', 'pl', 'all']),
  flag('track_io_timing', 'off'),
  flag('track_wal_io_timing', 'off'),
  flag('update_process_title', 'on'),
  fraction('vacuum_cost_delay', 0, 0, 100, 'ms'),
  whole('vacuum_cost_limit', 200, 1, 10_000),
  whole('vacuum_cost_page_dirty', 20, 0, 10_000),
  whole('vacuum_cost_page_hit', 1, 0, 10_000),
  whole('vacuum_cost_page_miss', 2, 0, 10_000),
  whole('vacuum_failsafe_age', 1_600_000_000, 0, 2_100_000_000),
  whole('vacuum_freeze_min_age', 50_000_000, 0, 1_000_000_000),
  whole('vacuum_freeze_table_age', 150_000_000, 0, 2_000_000_000),
  whole('vacuum_multixact_failsafe_age', 1_600_000_000, 0, 2_100_000_000),
  whole('vacuum_multixact_freeze_min_age', 5_000_000, 0, 1_000_000_000),
  whole('vacuum_multixact_freeze_table_age', 150_000_000, 0, 2_000_000_000),
  whole('wal_sender_timeout', 60_000, 0, INT_MAX, 'ms'),
  whole('wal_skip_threshold', 2048, 0, INT_MAX, 'kB'),
  whole('work_mem', 4096, 64, INT_MAX, 'kB'),
  // Of a type that is not there.
  word('xmlbinary', 'base64', ['base64', 'hex']),
  word('xmloption', 'content', ['content', 'document']),
];

/** Can be set and shown by its name alone; who a session may be is for `requireRole` to say. */
export const ROLE: ParameterDefinition = { name: 'role', initial: 'none', parse: (value) => value };

/** By name, as SHOW ALL lists them. */
export const DEFINITIONS: readonly ParameterDefinition[] = [...EFFECTIVE, ...BOUND, ...HINTS].sort((a, b) =>
  a.name.toLowerCase() < b.name.toLowerCase() ? -1 : 1,
);
