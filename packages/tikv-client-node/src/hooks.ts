/**
 * What a user of the client may listen to, for metrics and traces. Listeners must not throw.
 *
 * They are called in the async context of who asked (`AsyncLocalStorage`), by which a trace tells whose request it was; what
 * several have asked for together, timestamps and gets that are coalesced, counts for the first of them.
 */

import type { BackoffKind } from './backoff.ts';

export interface Hooks {
  /** A request to a store ended. `outcome`: ok, a region error's name, or `rpc` for a failure of the transport. */
  onRequest?(method: string, storeId: bigint, latencyMs: number, outcome: string): void;
  onBackoff?(kind: BackoffKind, sleptMs: number): void;
  onTimestamps?(count: number, latencyMs: number): void;
  onRegionCache?(event: 'hit' | 'miss' | 'stale'): void;
  /** A get was answered with what its snapshot had read before. */
  onSnapshotCacheHit?(): void;
  onLockResolved?(how: 'committed' | 'rolledBack' | 'alive' | 'pushed'): void;
  /**
   * A transaction is about to take its first pessimistic locks; whoever knows that its process has died ends it at once with
   * `TikvClient.endTransaction`, where others wait until the locks have expired.
   */
  onLocking?(startTs: bigint, primary: Uint8Array): void;
  /** It holds none any more, or its outcome is decided. */
  onUnlocked?(startTs: bigint): void;
  onCommit?(how: 'onePhase' | 'async' | 'twoPhase' | 'failed' | 'undetermined', latencyMs: number): void;
  /** Trouble in the background that nobody waits for: secondaries not committed, a heartbeat that failed. */
  onBackground?(what: string, error: unknown): void;
}
