/** TABLESPACE of CREATE and ALTER: there is one, in which everything is. */

import { SqlError } from './sql-error.ts';

/** @throws SqlError `undefined_object`, `invalid_parameter_value` of another one than is there for tables. */
export function requireTablespace(name: string | undefined): void {
  if (name === undefined || name === 'pg_default') return;
  if (name === 'pg_global') {
    throw new SqlError('invalid_parameter_value', 'only shared relations can be placed in pg_global tablespace');
  }
  throw new SqlError('undefined_object', `tablespace "${name}" does not exist`);
}
