/** The errors of the TiKV client in the words of the storage contract. */

import { isTikvError, TikvError, type TikvErrorCode } from '#tikv-client';
import { type ErrorCode, OperationError } from '../../base/errors.ts';

const CODES = {
  write_conflict: 'transaction_conflict',
  deadlock: 'deadlock',
  aborted: 'transaction_conflict',
  snapshot_too_old: 'transaction_too_old',
  lock_wait_timeout: 'lock_not_available',
  lock_not_available: 'lock_not_available',
  already_exists: 'already_exists',
  assertion_failed: 'corruption',
  too_large: 'too_large',
  invalid_argument: 'invalid_argument',
  transaction_closed: 'transaction_closed',
  undetermined: 'commit_unknown',
  pd_unavailable: 'io',
  region_unavailable: 'io',
  server_busy: 'overloaded',
  disk_full: 'disk_full',
  lock_unresolved: 'transaction_conflict',
  cluster_mismatch: 'invalid_config',
  configuration: 'invalid_config',
  cancelled: 'cancelled',
  closed: 'store_closed',
  protocol: 'corruption',
} as const satisfies Record<TikvErrorCode, ErrorCode>;

/** The same error, or its translation. */
export function translated(error: unknown): unknown {
  if (!(error instanceof TikvError)) return error;
  return new OperationError(CODES[error.code], error.message, { cause: error });
}

/** Whether a lock met a newer version: the statement is to be run again. */
export function isNewerVersion(error: unknown): error is TikvError {
  return isTikvError(error, 'write_conflict') && error.statementRetry;
}
