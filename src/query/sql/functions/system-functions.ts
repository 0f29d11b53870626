/**
 * Information and administration that clients ask for as a matter of form (manual, 9.26): privileges, which the only role there is has all of,
 * the connection, the server's start, and parameters by name. What asks about things that are not here answers as a server without them does.
 */

import { assert } from '../../../base/assert.ts';
import { SqlError } from '../sql-error.ts';
import type { FunctionTable, RunContext } from './definition.ts';

const yes = () => true;
const nothing = () => null;

/** What can be asked about, by the kind of object. */
const PRIVILEGES: Readonly<Record<string, readonly string[]>> = {
  table: ['SELECT', 'INSERT', 'UPDATE', 'DELETE', 'TRUNCATE', 'REFERENCES', 'TRIGGER'],
  any_column: ['SELECT', 'INSERT', 'UPDATE', 'REFERENCES'],
  column: ['SELECT', 'INSERT', 'UPDATE', 'REFERENCES'],
  sequence: ['USAGE', 'SELECT', 'UPDATE'],
  function: ['EXECUTE'],
  type: ['USAGE'],
  language: ['USAGE'],
};

/** Privileges in a list, each perhaps WITH GRANT OPTION. @throws SqlError `invalid_parameter_value`. */
function requirePrivileges(kind: string, list: string): void {
  for (const each of list.split(',')) {
    const name = each.trim();
    if (PRIVILEGES[kind]!.includes(name.toUpperCase().replace(/ WITH GRANT OPTION$/, ''))) continue;
    throw new SqlError('invalid_parameter_value', `unrecognized privilege type: "${name}"`);
  }
}

/** Each question with a user before it or without, about an object by its oid, or about a relation by its name. */
function privileges(kind: string, subjects: readonly string[]): FunctionTable {
  const rows = subjects.flatMap((subject) =>
    ['', 'name, ', 'oid, '].map((user) => {
      const place = user === '' ? 0 : 1;
      const answer = (...args: readonly unknown[]): boolean => {
        const context = args.at(-1) as RunContext;
        const relation = args[place];
        requirePrivileges(kind, args.at(-2) as string);
        if (typeof relation !== 'string' || context.session.catalog?.find(relation) !== undefined) return true;
        throw new SqlError('undefined_table', `relation "${relation}" does not exist`);
      };
      return [`has_${kind}_privilege(${user}${subject}, text) bool stable`, answer] as const;
    }),
  );
  return Object.fromEntries(rows);
}

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

export const SYSTEM_FUNCTIONS: FunctionTable = {
  'set_config(text, text, bool) text volatile called': setParameter,
  ...privileges('table', ['text', 'oid']),
  ...privileges('sequence', ['text', 'oid']),
  ...privileges('function', ['oid']),
  ...privileges('type', ['oid']),
  ...privileges('language', ['oid']),
  ...privileges('any_column', ['oid']),
  ...privileges('column', ['oid, text', 'oid, int2']),
  'pg_has_role(name, text) bool stable': yes,
  'pg_has_role(oid, text) bool stable': yes,
  'pg_has_role(name, name, text) bool stable': yes,
  'pg_has_role(name, oid, text) bool stable': yes,
  'pg_has_role(oid, name, text) bool stable': yes,
  'pg_has_role(oid, oid, text) bool stable': yes,
  'row_security_active(oid) bool stable': () => false,
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
