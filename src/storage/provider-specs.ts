/**
 * What a provider needs to be opened, one shape per type. The configuration's providers are these and what only the
 * configuration knows of; sizes are bytes, times milliseconds, and every default has been applied.
 */

import type { Durability } from '../base/durability.ts';

export type ProviderSpec = MemorySpec | RocksDbSpec | TiKvSpec;

export interface MemorySpec {
  readonly type: 'Memory';
  readonly entriesMax: number | undefined;
}

export interface RocksDbSpec {
  readonly type: 'RocksDB';
  readonly durability: Durability;
  readonly dataDir: string;
  readonly backgroundJobsMax: number;
  readonly writeBufferBytes: number;
  readonly writeBuffersMax: number;
  readonly blockCacheBytes: number;
  readonly logSegmentBytes: number;
  readonly logRetainBytes: number;
}

export interface TiKvSpec {
  readonly type: 'TiKV';
  readonly pdEndpoints: readonly string[];
  readonly connectTimeoutMs: number;
  readonly requestTimeoutMs: number;
  readonly transactionTimeoutMs: number;
  readonly asyncCommit: boolean;
  readonly onePhaseCommit: boolean;
  /** Multiplies what an operation may spend on waiting, but for `transactionTimeoutMs`. */
  readonly patience: number;
  readonly coalesceGets: boolean;
  readonly snapshotCacheBytes: number;
  readonly batchKeysMax: number;
  readonly regionCacheMax: number;
  readonly regionCacheTtlMs: number;
  /** First part of every key, text. */
  readonly keyPrefix: string;
  /** What TiKV's metrics count our requests under. */
  readonly requestSource: string;
  /** Undefined: others collect garbage. */
  readonly gcLifeTimeMs: number | undefined;
  readonly tls:
    | { readonly caFile: string; readonly certFile: string | undefined; readonly keyFile: string | undefined }
    | undefined;
  readonly grpc: {
    readonly connectionsPerStore: number;
    readonly keepAliveMs: number;
    readonly keepAliveTimeoutMs: number;
    readonly initialWindowBytes: number;
    readonly messageBytesMax: number;
  };
}
