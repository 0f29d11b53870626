/**
 * Errors as Redis clients know them: an upper-case prefix that programs test, and a sentence.
 *
 * `RESP_PREFIX` is the only place that turns an `ErrorCode` into a prefix; a code without a row does not compile.
 * `RespError` is for what only this protocol can get wrong: arity, syntax, authentication order.
 */

import type { ErrorCode } from '../../base/errors.ts';
import { OperationError } from '../../base/errors.ts';

const RESP_PREFIX = {
  already_exists: 'ERR',
  not_found: 'ERR',
  invalid_argument: 'ERR',
  wrong_type: 'WRONGTYPE',
  out_of_range: 'ERR',
  unsupported: 'ERR',
  too_large: 'ERR',
  transaction_conflict: 'TRYAGAIN',
  transaction_too_old: 'TRYAGAIN',
  deadlock: 'TRYAGAIN',
  lock_not_available: 'TRYAGAIN',
  transaction_closed: 'ERR',
  commit_unknown: 'UNKNOWN',
  store_read_only: 'READONLY',
  store_closed: 'LOADING',
  store_locked: 'LOADING',
  store_format: 'ERR',
  corruption: 'ERR',
  disk_full: 'MISCONF',
  out_of_memory: 'OOM',
  io: 'IOERR',
  overloaded: 'BUSY',
  deadline_exceeded: 'ERR',
  cancelled: 'ERR',
  actor_cycle: 'ERR',
  lease_lost: 'TRYAGAIN',
  actor_failed: 'ERR',
  unauthenticated: 'NOAUTH',
  permission_denied: 'NOPERM',
  invalid_config: 'ERR',
} as const satisfies Record<ErrorCode, string>;

/** A complete error line, prefix included. */
export class RespError extends Error {
  override readonly name = 'RespError';
}

export const SYNTAX_ERROR = 'ERR syntax error';
export const NOT_AN_INTEGER = 'ERR value is not an integer or out of range';

/** The error line for what a command threw; undefined for a bug, which ends the connection. */
export function errorLine(error: unknown): string | undefined {
  if (error instanceof RespError) return error.message;
  if (!(error instanceof OperationError)) return undefined;
  const line = `${RESP_PREFIX[error.code]} ${error.message}`;
  // How to look up what happened is as much news as that it has to be: there is no other place to say it.
  return error.code === 'commit_unknown' && error.hint !== undefined ? `${line}; ${error.hint}` : line;
}
