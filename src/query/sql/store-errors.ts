/** Errors of the store, and of an exhausted stack, in the words that SQL has for them; all others pass through. */

import { OperationError } from '../../base/errors.ts';
import { SequenceDry } from './catalog/sequences.ts';
import { SqlError } from './sql-error.ts';

/** A conflict of what a transaction has read with what others have written, not of two writes. */
export function readWriteConflict(cause: unknown): SqlError {
  return new SqlError(
    'serialization_failure',
    'could not serialize access due to read/write dependencies among transactions',
    { cause, hint: 'The transaction might succeed if retried.' },
  );
}

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
  // How deep a statement may nest is bounded, but code that is not compiled yet needs more of the stack than any bound foresees.
  if (error instanceof RangeError && error.message === 'Maximum call stack size exceeded') {
    return new SqlError('statement_too_complex', 'stack depth limit exceeded', { cause: error });
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
