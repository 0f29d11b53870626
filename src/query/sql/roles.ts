/** The one role there is: whoever is connected owns everything. */

import type { RoleSpec } from '@pgsql/types';
import { SqlError } from './sql-error.ts';

/** What SET ROLE and SET SESSION AUTHORIZATION may name. @throws SqlError `invalid_parameter_value` for anybody else. */
export function requireRole(parameter: 'role' | 'session_authorization', name: string, user: string): void {
  if (name === user || (parameter === 'role' && name.toLowerCase() === 'none')) return;
  throw new SqlError('invalid_parameter_value', `role "${name}" does not exist`);
}

/** @throws SqlError `undefined_object` for any other role than `user`. */
export function requireOwner(role: RoleSpec | undefined, user: string): void {
  const name = role?.roletype === 'ROLESPEC_CSTRING' ? (role.rolename ?? '') : user;
  if (name !== user) throw new SqlError('undefined_object', `role "${name}" does not exist`);
}
