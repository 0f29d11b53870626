/**
 * The operating errors of every layer.
 *
 * Three kinds of trouble are never mixed: absence is a value (`undefined`), operating errors are thrown as
 * `OperationError` with a code of this table, and bugs are assertions. A code exists if and only if some caller would
 * act differently upon it, and it speaks no protocol's language: each protocol has one table from code to SQLSTATE,
 * RESP prefix, gRPC or HTTP status, and a code without a row there does not compile.
 */

type Retry =
  /** Repeating the same request gives the same answer. */
  | 'no'
  /** The whole transaction may be run again from its start. */
  | 'transaction'
  /** Run again once the condition the message names has passed. */
  | 'later'
  /** The effect may have happened: only idempotent work may be repeated, after looking. */
  | 'after_check';

export const ERRORS = {
  // Data and schema
  already_exists: { retry: 'no', means: 'that unique key is taken' },
  not_found: { retry: 'no', means: 'the named object does not exist' },
  invalid_argument: { retry: 'no', means: 'the request is malformed' },
  wrong_type: { retry: 'no', means: 'the value has another type than the operation needs' },
  out_of_range: { retry: 'no', means: 'a number is outside the range of its type' },
  unsupported: { retry: 'no', means: 'this build does not have the feature' },
  too_large: { retry: 'no', means: 'a key, value, statement or transaction exceeds its limit' },
  // Transactions
  transaction_conflict: { retry: 'transaction', means: 'a concurrent commit changed what this one read' },
  transaction_too_old: { retry: 'transaction', means: 'its read version has been compacted away' },
  deadlock: { retry: 'transaction', means: 'waiting would close a cycle of transactions' },
  lock_not_available: { retry: 'later', means: 'the lock is held and the caller would not wait (longer)' },
  transaction_closed: { retry: 'no', means: 'the transaction was committed or rolled back' },
  commit_unknown: { retry: 'after_check', means: 'the commit may or may not have happened' },
  // Store
  store_read_only: { retry: 'no', means: 'the store takes no writes until it is opened again' },
  store_closed: { retry: 'no', means: 'the store is closing or closed' },
  store_locked: { retry: 'later', means: 'another process has the data directory open' },
  store_format: { retry: 'no', means: 'the data directory is of a format version this build does not know' },
  corruption: { retry: 'no', means: 'stored bytes fail their checksum or do not decode' },
  disk_full: { retry: 'later', means: 'no space is left for writes; deletes still work' },
  out_of_memory: { retry: 'later', means: 'a bound on memory is reached; deletes still work' },
  io: { retry: 'later', means: 'the operating system refused a file or socket operation' },
  // Actors and cluster
  overloaded: { retry: 'later', means: 'a bounded queue is full' },
  deadline_exceeded: { retry: 'after_check', means: 'the deadline passed before the answer' },
  cancelled: { retry: 'after_check', means: 'the caller withdrew the request' },
  actor_cycle: { retry: 'no', means: 'a call chain waits for itself' },
  lease_lost: { retry: 'later', means: 'another member owns the actor now' },
  actor_failed: { retry: 'no', means: 'the method threw an error of its own' },
  // Access
  unauthenticated: { retry: 'no', means: 'no credentials, or wrong ones' },
  permission_denied: { retry: 'no', means: 'the principal lacks the right' },
  // Configuration
  invalid_config: { retry: 'no', means: 'a configuration value cannot be used' },
} as const satisfies Record<string, { retry: Retry; means: string }>;

export type ErrorCode = keyof typeof ERRORS;

export interface ErrorDetails {
  /** The error that this one translates. */
  readonly cause?: unknown;
  /** What the user can do about it, as a sentence. */
  readonly hint?: string;
}

/** An error that some caller can act upon. The message names the thing and the place. */
export class OperationError extends Error {
  override readonly name = 'OperationError';
  readonly code: ErrorCode;
  readonly hint: string | undefined;

  constructor(code: ErrorCode, message: string, details: ErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.code = code;
    this.hint = details.hint;
  }

  get retry(): Retry {
    return ERRORS[this.code].retry;
  }
}

/** True for an `OperationError` of that code. */
export function hasCode(error: unknown, code: ErrorCode): error is OperationError {
  return error instanceof OperationError && error.code === code;
}

/** The text of anything thrown, for a log line or a wrapped message. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
