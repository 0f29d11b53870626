/** Errors of the store in the words that SQL has for them; all others pass through. */

import { OperationError } from '../../base/errors.ts';
import { SqlError } from './sql-error.ts';

export function translateStoreError(error: unknown): unknown {
  if (!(error instanceof OperationError) || error instanceof SqlError) return error;
  switch (error.code) {
    case 'transaction_conflict':
      return new SqlError('serialization_failure', 'could not serialize access due to concurrent update', {
        cause: error,
      });
    case 'deadlock':
      return new SqlError('deadlock_detected', 'deadlock detected', { cause: error, detail: error.message });
    case 'lock_not_available':
      return new SqlError('lock_not_available', 'canceling statement due to lock timeout', { cause: error });
    default:
      return error;
  }
}
