/** What a client can be told, with the defaults that TiDB's client has. */

import { BUDGET } from './backoff.ts';
import type { Environment } from './environment.ts';
import { TikvError } from './errors.ts';
import type { Hooks } from './hooks.ts';
import { TIMEOUT_MS } from './timeouts.ts';
import type { Transport } from './transport.ts';

export interface ClientOptions {
  /** host:port of PD members, with or without a scheme. */
  readonly pdEndpoints: readonly string[];
  readonly environment: Environment;
  readonly transport: Transport;
  /** `V2` keeps its keys in a keyspace. Default `V1`. */
  readonly apiVersion?: 'V1' | 'V2';
  /** Of API V2. Default `DEFAULT`. */
  readonly keyspace?: string;
  /** Channels per store. Default 1: BatchCommands makes one channel go far. */
  readonly connectionCount?: number;
  /** Point requests travel as commands of a stream. Default true. */
  readonly batchCommands?: boolean;
  /** Point gets of one snapshot that are asked for together travel as batch gets. Default true. */
  readonly coalesceGets?: boolean;
  /** What one snapshot keeps of what it has read, in bytes; 0 keeps nothing. Default 4 MiB. */
  readonly snapshotCacheBytes?: number;
  /** Commit without waiting for the second phase. Default true. */
  readonly asyncCommit?: boolean;
  /** Commit in one phase where all keys share a region. Default true. */
  readonly onePhaseCommit?: boolean;
  /** How long region entries live. Default 600,000. */
  readonly regionCacheTtlMs?: number;
  /** Region entries kept; beyond it any one makes room. Default 1,000,000. */
  readonly regionCacheMax?: number;
  /** Of one request that is neither a scan nor a clean-up. Default 30,000. */
  readonly requestTimeoutMs?: number;
  /** What a commit may spend waiting for stores and for locks before it gives up. Default 40,000. */
  readonly commitTimeoutMs?: number;
  /** Pairs per request of a scan. Default 256. */
  readonly scanBatchSize?: number;
  /** Multiplies the budgets of waiting. Default 1. */
  readonly backoffWeight?: number;
  /** Bytes of one value. Default 6 MiB. */
  readonly valueBytesMax?: number;
  /** Bytes of the writes of one transaction. Default 100 MiB. */
  readonly transactionBytesMax?: number;
  /** For the server's metrics. Default "external_orbit". */
  readonly requestSource?: string;
  readonly hooks?: Hooks;
}

export interface ClientConfig extends Required<Omit<ClientOptions, 'hooks' | 'environment' | 'transport'>> {
  readonly environment: Environment;
  readonly transport: Transport;
  readonly hooks: Hooks;
}

export function withDefaults(options: ClientOptions): ClientConfig {
  if (options.pdEndpoints.length === 0) throw new TikvError('invalid_argument', 'no PD endpoints are given');
  return {
    apiVersion: 'V1',
    keyspace: 'DEFAULT',
    connectionCount: 1,
    batchCommands: true,
    coalesceGets: true,
    snapshotCacheBytes: 4 * 1024 * 1024,
    asyncCommit: true,
    onePhaseCommit: true,
    regionCacheTtlMs: 600_000,
    regionCacheMax: 1_000_000,
    requestTimeoutMs: TIMEOUT_MS.short,
    commitTimeoutMs: BUDGET.prewrite,
    scanBatchSize: 256,
    backoffWeight: 1,
    valueBytesMax: 6 * 1024 * 1024,
    transactionBytesMax: 100 * 1024 * 1024,
    requestSource: 'external_orbit',
    hooks: {},
    ...options,
  };
}
