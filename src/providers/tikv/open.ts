/** Opens the storage contract on a TiKV cluster. */

import { connect, TikvClient, type TlsFiles, type Transport } from '#tikv-client';
import type { Bytes } from '../../base/bytes.ts';
import { messageOf } from '../../base/errors.ts';
import type { Log } from '../../base/log.ts';
import type { Files } from '../../platform/files.ts';
import type { Platform } from '../../platform/platform.ts';
import { translated } from './errors.ts';
import { LockJournal } from './lock-journal.ts';
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
  /** Multiplies the client's budgets of waiting, but for `commitTimeoutMs`. Default 1. */
  readonly patience?: number;
  /** For TiKV's metrics. Default "external_orbit". */
  readonly requestSource?: string;
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
  readonly snapshotCacheBytes?: number;
  readonly scanBatchSize?: number;
  readonly tls?: TlsFiles;
  /** Where to note whose locks this process holds, for the process after it; see lock-journal.ts. Default nowhere. */
  readonly lockJournal?: { readonly files: Files; readonly path: string };
  /** In place of gRPC, for simulations. */
  readonly transport?: Transport;
}

const VALUE_BYTES_MAX = 6 * 1024 * 1024;
const TRANSACTION_BYTES_MAX = 100 * 1024 * 1024;

/** @throws OperationError `io` naming the endpoints, `invalid_config`; of the files where a journal is asked for. */
export async function openTikvStore(options: TikvOptions): Promise<TikvStore> {
  const { name, platform, log, keyPrefix, transport, tls, connectTimeoutMs, gcLifeTimeMs, lockJournal, ...more } =
    options;
  const {
    keepaliveTimeMs,
    keepaliveTimeoutMs,
    windowBytes,
    messageBytesMax,
    patience = 1,
    commitTimeoutMs,
    ...rest
  } = more;
  const metrics = new TikvMetrics();
  const journal =
    lockJournal &&
    (await LockJournal.open(lockJournal.files, lockJournal.path, (error) =>
      log.warn({ provider: name, error: messageOf(error) }, 'locks of this process are not noted any more'),
    ));
  const common = {
    ...rest,
    environment: platform,
    backoffWeight: patience,
    // The client multiplies this budget too.
    ...(commitTimeoutMs !== undefined && { commitTimeoutMs: commitTimeoutMs / patience }),
    valueBytesMax: VALUE_BYTES_MAX,
    transactionBytesMax: TRANSACTION_BYTES_MAX,
    hooks: {
      ...metrics.hooks((what, error) =>
        log.warn({ provider: name, what, error: messageOf(error) }, 'background work on TiKV failed'),
      ),
      ...(journal !== undefined && {
        onLocking: (startTs: bigint, primary: Uint8Array) => journal.locking(startTs, primary),
        onUnlocked: (startTs: bigint) => journal.unlocked(startTs),
      }),
    },
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
    if (journal !== undefined) void endLeftBehind(client, journal, log);
    const garbage = gcLifeTimeMs === undefined ? undefined : client.gcWorker({ lifetimeMs: gcLifeTimeMs });
    garbage?.start();
    const store = {
      name,
      client,
      platform,
      metrics,
      garbage,
      journal,
      valueBytesMax: VALUE_BYTES_MAX,
      transactionBytesMax: TRANSACTION_BYTES_MAX,
    };
    return new TikvStore(keyPrefix === undefined ? store : { ...store, keyPrefix }, await client.timestamp());
  } catch (error) {
    await journal?.close();
    throw translated(error);
  }
}

/** Transactions of the process before this one: nobody need wait for their locks to expire. */
async function endLeftBehind(client: TikvClient, journal: LockJournal, log: Log): Promise<void> {
  await Promise.all(
    journal.left.map(async ({ startTs, primary }) => {
      try {
        await client.endTransaction(primary, startTs);
        journal.unlocked(startTs);
      } catch (error) {
        log.info(
          { transaction: String(startTs), error: messageOf(error) },
          'locks of a killed process stay until they expire',
        );
      }
    }),
  );
}
