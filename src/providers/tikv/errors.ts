/** The errors of the TiKV client in the words of the storage contract. */

import { isTikvError, TikvError, type TikvErrorCode, UndeterminedError } from '#tikv-client';
import type { Bytes } from '../../base/bytes.ts';
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
  if (error instanceof UndeterminedError) {
    const id = transactionId(error.startTs, error.primary);
    return new OperationError('commit_unknown', `the outcome of transaction ${id} is unknown: ${causeOf(error)}`, {
      cause: error,
      hint: `orbit transaction ${id} tells what became of it.`,
    });
  }
  return new OperationError(CODES[error.code], error.message, { cause: error });
}

function causeOf(error: Error): string {
  return error.cause instanceof Error ? error.cause.message : error.message;
}

/** How an operator names a transaction: its start timestamp, and the key that decides over it in hexadecimal. */
function transactionId(startTs: bigint, primary: Bytes): string {
  return `${startTs}-${Buffer.from(primary).toString('hex')}`;
}

/** @throws OperationError `invalid_argument`. */
export function parseTransactionId(id: string): { readonly startTs: bigint; readonly primary: Bytes } {
  const match = /^(\d{1,20})-((?:[0-9a-f]{2})+)$/.exec(id);
  if (match === null) {
    throw new OperationError('invalid_argument', `${JSON.stringify(id)} is no transaction`, {
      hint: 'It is in the error that told of the unknown commit: a number, "-", and hexadecimal digits.',
    });
  }
  return { startTs: BigInt(match[1]!), primary: Buffer.from(match[2]!, 'hex') };
}

/** Whether a lock met a newer version: the statement is to be run again. */
export function isNewerVersion(error: unknown): error is TikvError {
  return isTikvError(error, 'write_conflict') && error.statementRetry;
}
