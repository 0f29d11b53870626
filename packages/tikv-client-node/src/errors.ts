/**
 * What can go wrong, as the user of the client must tell it apart. A code exists if and only if some caller would act
 * differently upon it. Absence of a key is no error.
 *
 * `undetermined` is a class of its own (`UndeterminedError`): the commit may or may not have happened, so it is neither
 * retried nor rolled back; `Transaction.startTs` and the primary it names are what to look up later.
 */

export const ERRORS = {
  /** A concurrent commit changed what this transaction wrote or locked: run it again. */
  write_conflict: { retry: 'transaction' },
  /** Waiting would have closed a cycle: run it again. */
  deadlock: { retry: 'transaction' },
  /** The transaction was rolled back by others, its locks expired: run it again. */
  aborted: { retry: 'transaction' },
  /** The snapshot is older than what the store keeps. */
  snapshot_too_old: { retry: 'transaction' },
  lock_wait_timeout: { retry: 'later' },
  /** A lock is held and the caller would not wait. */
  lock_not_available: { retry: 'later' },
  /** An insert met a key that exists. */
  already_exists: { retry: 'no' },
  assertion_failed: { retry: 'no' },
  too_large: { retry: 'no' },
  invalid_argument: { retry: 'no' },
  transaction_closed: { retry: 'no' },
  /** The commit may or may not have happened. */
  undetermined: { retry: 'after_check' },
  /** No PD answered within the budget; the message names the endpoints. */
  pd_unavailable: { retry: 'later' },
  /** The stores of a region did not serve within the budget; the message names the last cause. */
  region_unavailable: { retry: 'later' },
  server_busy: { retry: 'later' },
  disk_full: { retry: 'later' },
  /** Locks in the way could not be resolved within the budget. */
  lock_unresolved: { retry: 'later' },
  /** The endpoints belong to another cluster than before, or to several. */
  cluster_mismatch: { retry: 'no' },
  /** The server refuses what this client was configured for: API version, keyspace, TLS identity. */
  configuration: { retry: 'no' },
  cancelled: { retry: 'no' },
  closed: { retry: 'no' },
  /** The server said something the protocol does not allow. */
  protocol: { retry: 'no' },
} as const satisfies Record<string, { retry: 'no' | 'transaction' | 'later' | 'after_check' }>;

export type TikvErrorCode = keyof typeof ERRORS;

export interface TikvErrorDetails {
  readonly cause?: unknown;
  /** The key in question, as the user wrote it. */
  readonly key?: Uint8Array | undefined;
  /** Whether repeating the statement (with a new `forUpdateTs`) is enough, without running the transaction again. */
  readonly statementRetry?: boolean | undefined;
  /** For a deadlock: start timestamps along the cycle. */
  readonly waitChain?: readonly bigint[] | undefined;
}

export class TikvError extends Error {
  override readonly name: string = 'TikvError';
  readonly code: TikvErrorCode;
  readonly key: Uint8Array | undefined;
  readonly statementRetry: boolean;
  readonly waitChain: readonly bigint[] | undefined;

  constructor(code: TikvErrorCode, message: string, details: TikvErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.code = code;
    this.key = details.key;
    this.statementRetry = details.statementRetry ?? false;
    this.waitChain = details.waitChain;
  }

  get retry(): 'no' | 'transaction' | 'later' | 'after_check' {
    return ERRORS[this.code].retry;
  }
}

/** The outcome of a commit is unknown. `TikvClient.transactionStatus(primary, startTs)` finds the truth. */
export class UndeterminedError extends TikvError {
  override readonly name = 'UndeterminedError';
  readonly startTs: bigint;
  readonly primary: Uint8Array;

  constructor(startTs: bigint, primary: Uint8Array, cause: unknown) {
    super('undetermined', `the outcome of the transaction of ${startTs} is unknown: ${messageOf(cause)}`, { cause });
    this.startTs = startTs;
    this.primary = primary;
  }
}

export function isTikvError(error: unknown, code: TikvErrorCode): error is TikvError {
  return error instanceof TikvError && error.code === code;
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** For what is a bug of ours when it happens. */
export function assert(condition: unknown, message: string | (() => string)): asserts condition {
  if (!condition) throw new Error(`assertion failed: ${typeof message === 'string' ? message : message()}`);
}
