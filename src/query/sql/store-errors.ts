/** Errors of the store in the words that SQL has for them; all others pass through. */

import { OperationError } from '../../base/errors.ts';
import { SequenceDry } from './sequences.ts';
import { SqlError } from './sql-error.ts';

export function translateStoreError(error: unknown): unknown {
  if (error instanceof SequenceDry) {
    // What was sent cannot be taken back to begin again.
    return new SqlError(
      'configuration_limit_exceeded',
      `the statement took more values than expected: ${error.message}`,
      {
        hint: 'Run it again, or in smaller parts.',
      },
    );
  }
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
