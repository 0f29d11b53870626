/** Opens the storage contract on a TiKV cluster. */

import { connect, TikvClient, type TlsFiles, type Transport } from '#tikv-client';
import type { Bytes } from '../../base/bytes.ts';
import { messageOf } from '../../base/errors.ts';
import type { Log } from '../../base/log.ts';
import type { Platform } from '../../platform/platform.ts';
import { translated } from './errors.ts';
import { TikvMetrics } from './metrics.ts';
import { TikvStore } from './tikv-store.ts';

export interface TikvOptions {
  readonly name: string;
  /** host:port of PD members. */
  readonly pdEndpoints: readonly string[];
  readonly platform: Pick<Platform, 'clock' | 'random' | 'timers'>;
  readonly log: Log;
  readonly keyPrefix?: Bytes;
  /** Removes versions older than this; at least 600,000. Default: others do. */
  readonly gcLifeTimeMs?: number | undefined;
  readonly apiVersion?: 'V1' | 'V2';
  readonly keyspace?: string;
  readonly connectTimeoutMs?: number;
  readonly requestTimeoutMs?: number;
  readonly commitTimeoutMs?: number;
  readonly connectionCount?: number;
  readonly keepaliveTimeMs?: number;
  readonly keepaliveTimeoutMs?: number;
  readonly windowBytes?: number;
  readonly messageBytesMax?: number;
  readonly regionCacheMax?: number;
  readonly regionCacheTtlMs?: number;
  readonly asyncCommit?: boolean;
  readonly onePhaseCommit?: boolean;
  readonly coalesceGets?: boolean;
  readonly scanBatchSize?: number;
  readonly tls?: TlsFiles;
  /** In place of gRPC, for simulations. */
  readonly transport?: Transport;
}

const VALUE_BYTES_MAX = 6 * 1024 * 1024;
const TRANSACTION_BYTES_MAX = 100 * 1024 * 1024;

/** @throws OperationError `io` naming the endpoints, `invalid_config`. */
export async function openTikvStore(options: TikvOptions): Promise<TikvStore> {
  const { name, platform, log, keyPrefix, transport, tls, connectTimeoutMs, gcLifeTimeMs, ...more } = options;
  const { keepaliveTimeMs, keepaliveTimeoutMs, windowBytes, messageBytesMax, ...rest } = more;
  const metrics = new TikvMetrics();
  const common = {
    ...rest,
    environment: platform,
    valueBytesMax: VALUE_BYTES_MAX,
    transactionBytesMax: TRANSACTION_BYTES_MAX,
    requestSource: 'external_orbit',
    hooks: metrics.hooks((what, error) =>
      log.warn({ provider: name, what, error: messageOf(error) }, 'background work on TiKV failed'),
    ),
  };
  try {
    const client =
      transport === undefined
        ? await connect({
            ...common,
            ...(tls === undefined ? {} : { tls }),
            ...(connectTimeoutMs === undefined ? {} : { connectTimeoutMs }),
            ...(windowBytes === undefined ? {} : { windowBytes }),
            ...(messageBytesMax === undefined ? {} : { messageBytesMax }),
            ...(keepaliveTimeMs === undefined ? {} : { keepaliveTimeMs }),
            ...(keepaliveTimeoutMs === undefined ? {} : { keepaliveTimeoutMs }),
          })
        : await TikvClient.connect({ ...common, transport });
    const garbage = gcLifeTimeMs === undefined ? undefined : client.gcWorker({ lifetimeMs: gcLifeTimeMs });
    garbage?.start();
    const store = {
      name,
      client,
      platform,
      metrics,
      garbage,
      valueBytesMax: VALUE_BYTES_MAX,
      transactionBytesMax: TRANSACTION_BYTES_MAX,
    };
    return new TikvStore(keyPrefix === undefined ? store : { ...store, keyPrefix }, await client.timestamp());
  } catch (error) {
    throw translated(error);
  }
}
