/**
 * Who may do what (manual, 9.26.2). There is one role, which may do everything: what is asked has to make sense, and the answer is yes.
 */

import { type Condition, SqlError } from '../sql-error.ts';
import { parseObject, splitName } from '../types/object-names.ts';
import type { SqlType } from '../types/types.ts';
import type { FunctionTable, RunContext } from './definition.ts';

interface Kind {
  /** In upper case. */
  readonly privileges: readonly string[];
  /** What may come before the privileges. */
  readonly subjects: readonly string[];
  /** Says that there is no object of the name. */
  readonly require?: (name: string, context: RunContext) => void;
}

const missing = (condition: Condition, what: string, name: string): SqlError =>
  new SqlError(condition, `${what} "${name}" does not exist`);

/** A name of one of the types that read names of objects. */
const named = (type: SqlType) => (name: string, context: RunContext) => void parseObject(type, name, context);

/** What there is none of but those given. */
const onlyThese =
  (what: string, names: readonly string[] = []) =>
  (name: string): void => {
    if (!names.includes(name)) throw missing('undefined_object', what, name);
  };

const COLUMN_PRIVILEGES = ['SELECT', 'INSERT', 'UPDATE', 'REFERENCES'];

const KINDS: Readonly<Record<string, Kind>> = {
  table: {
    privileges: ['SELECT', 'INSERT', 'UPDATE', 'DELETE', 'TRUNCATE', 'REFERENCES', 'TRIGGER'],
    subjects: ['text', 'oid'],
    require: named('regclass'),
  },
  sequence: { privileges: ['USAGE', 'SELECT', 'UPDATE'], subjects: ['text', 'oid'], require: named('regclass') },
  any_column: { privileges: COLUMN_PRIVILEGES, subjects: ['text', 'oid'], require: named('regclass') },
  column: {
    privileges: COLUMN_PRIVILEGES,
    subjects: ['text, text', 'text, int2', 'oid, text', 'oid, int2'],
    require: named('regclass'),
  },
  function: { privileges: ['EXECUTE'], subjects: ['text', 'oid'], require: named('regprocedure') },
  type: { privileges: ['USAGE'], subjects: ['text', 'oid'], require: named('regtype') },
  schema: {
    privileges: ['CREATE', 'USAGE'],
    subjects: ['text', 'oid'],
    require: (name, { session }) => {
      if (session.catalog?.()?.oidOf('regnamespace', [name]) === undefined)
        throw missing('invalid_schema_name', 'schema', name);
    },
  },
  database: {
    privileges: ['CREATE', 'TEMPORARY', 'TEMP', 'CONNECT'],
    subjects: ['text', 'oid'],
    require: (name, { session }) => {
      if (name !== session.database) throw missing('invalid_catalog_name', 'database', name);
    },
  },
  language: {
    privileges: ['USAGE'],
    subjects: ['text', 'oid'],
    require: onlyThese('language', ['sql', 'internal', 'c']),
  },
  tablespace: {
    privileges: ['CREATE'],
    subjects: ['text', 'oid'],
    require: onlyThese('tablespace', ['pg_default', 'pg_global']),
  },
  server: { privileges: ['USAGE'], subjects: ['text', 'oid'], require: onlyThese('server') },
  foreign_data_wrapper: {
    privileges: ['USAGE'],
    subjects: ['text', 'oid'],
    require: onlyThese('foreign-data wrapper'),
  },
  parameter: { privileges: ['SET', 'ALTER SYSTEM'], subjects: ['text'] },
};

/** Privileges in a list, each perhaps WITH GRANT OPTION. @throws SqlError `invalid_parameter_value`. */
function requirePrivileges(known: readonly string[], list: string): void {
  for (const each of list.split(',')) {
    const name = each.trim();
    if (known.includes(name.toUpperCase().replace(/ WITH GRANT OPTION$/, ''))) continue;
    throw new SqlError('invalid_parameter_value', `unrecognized privilege type: "${name}"`);
  }
}

function requireRole(name: string, { session }: RunContext): void {
  if (name !== session.user && name !== 'public') throw missing('undefined_object', 'role', name);
}

/** Each question with a user before it or without, about an object by its name or its oid. */
function questions(kind: string, { privileges, subjects, require }: Kind): FunctionTable {
  const rows = subjects.flatMap((subject) =>
    ['', 'name, ', 'oid, '].map((user) => {
      const answer = (...args: readonly unknown[]): boolean => {
        const context = args.at(-1) as RunContext;
        if (user === 'name, ') requireRole(args[0] as string, context);
        const object = args[user === '' ? 0 : 1];
        if (typeof object === 'string') require?.(object, context);
        requirePrivileges(privileges, args.at(-2) as string);
        return true;
      };
      return [`has_${kind}_privilege(${user}${subject}, text) bool stable`, answer] as const;
    }),
  );
  return Object.fromEntries(rows);
}

const yes = () => true;

/** Null where there is no object of the name. */
function objectNamed(type: SqlType) {
  return (text: string, context: RunContext): number | null => {
    // Numbers are no names here.
    if (/^\s*\d+\s*$/.test(text)) return null;
    if (type === 'regrole') return splitName(text)[0] === context.session.user ? 10 : null;
    try {
      return parseObject(type, text, context);
    } catch (error) {
      if (error instanceof SqlError && MISSING.has(error.condition)) return null;
      throw error;
    }
  };
}

const MISSING: ReadonlySet<Condition> = new Set([
  'undefined_object',
  'undefined_function',
  'invalid_schema_name',
  'ambiguous_function',
]);

export const PRIVILEGE_FUNCTIONS: FunctionTable = {
  ...Object.assign({}, ...Object.entries(KINDS).map(([kind, about]) => questions(kind, about))),
  'pg_has_role(name, text) bool stable': yes,
  'pg_has_role(oid, text) bool stable': yes,
  'pg_has_role(name, name, text) bool stable': yes,
  'pg_has_role(name, oid, text) bool stable': yes,
  'pg_has_role(oid, name, text) bool stable': yes,
  'pg_has_role(oid, oid, text) bool stable': yes,
  'row_security_active(oid) bool stable': () => false,
  'row_security_active(text) bool stable': (name: string, context: RunContext) => {
    parseObject('regclass', name, context);
    return false;
  },
  'to_regcollation(text) regcollation stable': objectNamed('regcollation'),
  'to_regnamespace(text) regnamespace stable': objectNamed('regnamespace'),
  'to_regproc(text) regproc stable': objectNamed('regproc'),
  'to_regprocedure(text) regprocedure stable': objectNamed('regprocedure'),
  'to_regrole(text) regrole stable': objectNamed('regrole'),
};
