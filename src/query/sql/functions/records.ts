/** Rows as values. */

import { SqlRecord } from '../../../models/relational/values.ts';
import type { SqlType, SqlValue } from '../types/types.ts';

export function makeRecord(types: readonly SqlType[], values: readonly SqlValue[]): SqlRecord {
  return new SqlRecord(types as SqlRecord['types'], values.slice());
}
