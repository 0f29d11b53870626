/** What all servers of a cluster share. */

import type { Environment } from '../src/environment.ts';
import type { Faults } from './faults.ts';
import type { MvccData } from './mvcc-data.ts';
import type { PessimisticLocks } from './pessimistic-locks.ts';
import type { RawData } from './raw-data.ts';
import type { Topology } from './topology.ts';
import type { TimestampOracle } from './tso.ts';
import type { SeededRandom } from './virtual-time.ts';

/**
 * `txn`: transactions of API V1. `raw`, `rawTtl`: RawKV of API V1, without and with expiry. `v2`: both, in keyspaces.
 * One cluster holds one kind, for region boundaries mean different things to each.
 */
export type ClusterMode = 'txn' | 'raw' | 'rawTtl' | 'v2';

export interface ClusterState {
  readonly mode: ClusterMode;
  clusterId: bigint;
  readonly environment: Environment;
  /** Of the servers; undefined: answers come in order and together. */
  readonly disorder: SeededRandom | undefined;
  readonly topology: Topology;
  readonly data: MvccData;
  readonly raw: RawData;
  readonly locks: PessimisticLocks;
  readonly tso: TimestampOracle;
  readonly faults: Faults;
  /** Of API V2, by name. */
  readonly keyspaces: Map<string, number>;
  /** How long a store takes to learn from PD what it may have missed: `max-ts.ts`. */
  maxTsSyncMs: number;
  gcSafePoint: bigint;
  readonly serviceSafePoints: Map<string, { safePoint: bigint; expiresAtMs: number }>;
  readonly pd: PdState;
}

export interface PdState {
  readonly addresses: string[];
  /** What a member says its URLs are, by index, where that is not its address alone. */
  readonly clientUrls: Map<number, readonly string[]>;
  /** Index into `addresses`; undefined while there is none. */
  leader: number | undefined;
  /** By index. */
  readonly down: Set<number>;
  /** Releases before 8.5 do not know BatchScanRegions. */
  old: boolean;
  tsoDelayMs: number;
}
