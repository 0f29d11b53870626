/** Labels of enums that a transaction has added, which are not to be used before it has committed (PostgreSQL's check_safe_enum_use). */

import { SqlError } from '../sql-error.ts';
import type { SeenLabel } from './timestamptz.ts';
import { type SqlType, titleOf } from './types.ts';

/** @throws SqlError `unsafe_new_enum_value_usage`. */
export function refuseNewLabel(type: SqlType, label: Pick<SeenLabel, 'name' | 'isNew'> | undefined): void {
  if (label?.isNew !== true) return;
  throw new SqlError(
    'unsafe_new_enum_value_usage',
    `unsafe use of new value "${label.name}" of enum type ${titleOf(type)}`,
    { hint: 'New enum values must be committed before they can be used.' },
  );
}
