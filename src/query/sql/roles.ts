/** The one role there is: whoever is connected owns everything. */

import type { RoleSpec } from '@pgsql/types';
import { SqlError } from './sql-error.ts';

/** @throws SqlError `undefined_object` for any other role than `user`. */
export function requireOwner(role: RoleSpec | undefined, user: string): void {
  const name = role?.roletype === 'ROLESPEC_CSTRING' ? (role.rolename ?? '') : user;
  if (name !== user) throw new SqlError('undefined_object', `role "${name}" does not exist`);
}
