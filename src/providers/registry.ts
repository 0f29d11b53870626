/**
 * The provider registry: opens the stores that a configuration uses, and knows which model and actor type lives where.
 *
 * What a provider needs is told by a `ProviderSpec`; the configuration's providers are such specs. Memory: each spec says
 * what its caches and buffers take; writes not yet applied, and those of open transactions, get shares of the limit.
 */

import { join } from 'node:path';
import { unreachable } from '../base/assert.ts';
import { utf8 } from '../base/bytes.ts';
import { OperationError } from '../base/errors.ts';
import { type Log, silentLog } from '../base/log.ts';
import type { Platform } from '../platform/platform.ts';
import type { Progress } from '../storage/backup.ts';
import type { ProviderSpec, RocksDbSpec, TiKvSpec } from '../storage/provider-specs.ts';
import type { Store, Version } from '../storage/store.ts';
import { openMemoryStore } from './memory/open.ts';
import { openRocksDbStore, type RocksDbStoreOptions, restoreRocksDbStore } from './rocksdb/open.ts';

export interface StoresSpec {
  /** Where providers may note what the process after this one needs to know. Default nowhere. */
  readonly server?: { readonly dataDir: string };
  readonly memory: { readonly limitBytes: number };
  readonly providers: {
    /** Keeps what no route sends elsewhere. */
    readonly default: string;
    readonly cluster: string | undefined;
    readonly byName: ReadonlyMap<string, ProviderSpec>;
  };
  readonly routes: {
    readonly models: Readonly<Record<string, string>>;
    readonly actors: ReadonlyMap<string, string>;
  };
}

/** What a store in memory may hold, of the limit. */
const MEMORY_STORE_SHARE = 0.6;
const OVERLAY_SHARE = 1 / 16;
/** Writes of open transactions: more of them is refused. */
const WRITE_SETS_SHARE = 1 / 2;
const OVERLAY_BYTES_MIN = 4 * 1024 * 1024;
/** How long writes wait for more of the same keys before the engine gets them; reads find them in memory meanwhile. */
const APPLY_DELAY_MS = 1_000;
const OVERLAY_BYTES_MAX = 64 * 1024 * 1024;
/** What a store that nobody needs afterwards may take for each of its caches and files. */
const SCRATCH_BYTES = 2 * 1024 * 1024;
const SCRATCH_FREE_BYTES_MIN = 1024 * 1024 * 1024;

export class Stores {
  /** Those in use, by provider name. */
  readonly byName: ReadonlyMap<string, Store>;
  readonly default: Store;
  readonly #spec: StoresSpec;

  private constructor(spec: StoresSpec, byName: ReadonlyMap<string, Store>) {
    this.#spec = spec;
    this.byName = byName;
    this.default = this.named(spec.providers.default);
  }

  /** @throws OperationError of the provider that cannot be opened; then none stays open. */
  static async open(spec: StoresSpec, platform: Platform, log: Log): Promise<Stores> {
    const { providers, routes } = spec;
    const names = new Set([providers.default, ...Object.values(routes.models), ...routes.actors.values()]);
    if (providers.cluster !== undefined) names.add(providers.cluster);
    const bounds = storeBounds(spec, names.size);
    const memoryBytesMax = Math.floor(spec.memory.limitBytes * MEMORY_STORE_SHARE);
    const open = new Map<string, Store>();
    try {
      for (const name of names)
        open.set(
          name,
          await openProvider(name, requireProvider(spec, name), platform, log, {
            ...bounds,
            memoryBytesMax,
            directory: spec.server?.dataDir,
          }),
        );
      return new Stores(spec, open);
    } catch (error) {
      for (const store of open.values()) await store.close();
      throw error;
    }
  }

  named(name: string): Store {
    const store = this.byName.get(name);
    if (store === undefined) throw new OperationError('not_found', `provider ${name} is not open`);
    return store;
  }

  /** Where a model, like `keyvalue`, keeps its data. */
  ofModel(model: string): Store {
    return this.named(this.#spec.routes.models[model] ?? this.#spec.providers.default);
  }

  /** Where actors of a type keep their state. */
  ofActorType(type: string): Store {
    return this.named(this.#spec.routes.actors.get(type) ?? this.#spec.providers.default);
  }

  async close(): Promise<void> {
    for (const store of this.byName.values()) await store.close();
  }
}

/** Fills an unused provider from a backup of it. @returns the position reached. */
export async function restoreProvider(
  name: string,
  spec: StoresSpec,
  platform: Platform,
  log: Log,
  options: { readonly directory: string; readonly to: Version | undefined },
  progress: Progress,
): Promise<Version> {
  const provider = requireProvider(spec, name);
  if (provider.type !== 'RocksDB') {
    throw new OperationError(
      'unsupported',
      `provider ${name} is of type ${provider.type}, which keeps nothing that could be restored`,
      { hint: 'Name a RocksDB provider.' },
    );
  }
  const store = rocksDbOptions(name, provider, platform, log, storeBounds(spec, 1));
  return restoreRocksDbStore(store, options.directory, options.to, progress);
}

/**
 * An empty store of the kind that keeps a model, for what is worth nothing afterwards; whoever closes it removes `directory`.
 * Nobody waits for a disk there. It is one in memory where other processes have a part in the model's, or the disk is nearly full.
 */
export async function openScratchStore(
  spec: StoresSpec,
  model: string,
  directory: string,
  platform: Platform,
): Promise<Store> {
  const provider = requireProvider(spec, spec.routes.models[model] ?? spec.providers.default);
  const { writeSetBytesMax } = storeBounds(spec, 1);
  const named = { name: 'scratch', platform, log: silentLog, writeSetBytesMax, overlayBytesMax: OVERLAY_BYTES_MIN };
  if (provider.type !== 'RocksDB') return openMemoryStore(named);
  if ((await platform.files.freeBytes(provider.dataDir)) < SCRATCH_FREE_BYTES_MIN) return openMemoryStore(named);
  return openRocksDbStore({
    ...named,
    directory,
    durability: provider.durability === 'memory' ? 'memory' : 'process',
    blockCacheBytes: SCRATCH_BYTES,
    memtableBytes: SCRATCH_BYTES,
    backgroundJobs: 1,
    applyDelayMs: APPLY_DELAY_MS,
    logSegmentBytes: SCRATCH_BYTES,
    logRetainBytes: 0,
  });
}

function openProvider(
  name: string,
  provider: ProviderSpec,
  platform: Platform,
  log: Log,
  { memoryBytesMax, directory, ...bounds }: StoreBounds & { memoryBytesMax: number; directory: string | undefined },
): Promise<Store> {
  switch (provider.type) {
    case 'Memory':
      return openMemoryStore({
        name,
        platform,
        log,
        ...bounds,
        bytesMax: memoryBytesMax,
        ...(provider.entriesMax === undefined ? {} : { entriesMax: provider.entriesMax }),
      });
    case 'RocksDB':
      return openRocksDbStore(rocksDbOptions(name, provider, platform, log, bounds));
    case 'TiKV':
      return openTikv(name, provider, platform, log, directory);
    default:
      return unreachable(provider);
  }
}

/** The client is loaded only where it is used. */
async function openTikv(
  name: string,
  provider: TiKvSpec,
  platform: Platform,
  log: Log,
  directory: string | undefined,
): Promise<Store> {
  const { openTikvStore } = await import('./tikv/open.ts');
  const { tls, grpc } = provider;
  return openTikvStore({
    name,
    platform,
    log,
    pdEndpoints: provider.pdEndpoints,
    gcLifeTimeMs: provider.gcLifeTimeMs,
    keyPrefix: utf8(`${provider.keyPrefix}/`),
    connectTimeoutMs: provider.connectTimeoutMs,
    requestTimeoutMs: provider.requestTimeoutMs,
    commitTimeoutMs: provider.transactionTimeoutMs,
    patience: provider.patience,
    requestSource: provider.requestSource,
    asyncCommit: provider.asyncCommit,
    onePhaseCommit: provider.onePhaseCommit,
    coalesceGets: provider.coalesceGets,
    snapshotCacheBytes: provider.snapshotCacheBytes,
    scanBatchSize: provider.batchKeysMax,
    regionCacheMax: provider.regionCacheMax,
    regionCacheTtlMs: provider.regionCacheTtlMs,
    connectionCount: grpc.connectionsPerStore,
    keepaliveTimeMs: grpc.keepAliveMs,
    keepaliveTimeoutMs: grpc.keepAliveTimeoutMs,
    windowBytes: grpc.initialWindowBytes,
    messageBytesMax: grpc.messageBytesMax,
    ...(directory !== undefined && {
      lockJournal: { files: platform.files, path: join(directory, `LOCKS-${name}`) },
    }),
    ...(tls !== undefined && {
      tls: {
        caPath: tls.caFile,
        ...(tls.certFile !== undefined && { certPath: tls.certFile }),
        ...(tls.keyFile !== undefined && { keyPath: tls.keyFile }),
      },
    }),
  });
}

function rocksDbOptions(
  name: string,
  provider: RocksDbSpec,
  platform: Platform,
  log: Log,
  bounds: StoreBounds,
): RocksDbStoreOptions {
  return {
    name,
    directory: provider.dataDir,
    platform,
    log,
    durability: provider.durability,
    ...bounds,
    blockCacheBytes: provider.blockCacheBytes,
    memtableBytes: provider.writeBufferBytes * provider.writeBuffersMax,
    backgroundJobs: provider.backgroundJobsMax,
    applyDelayMs: APPLY_DELAY_MS,
    logSegmentBytes: provider.logSegmentBytes,
    logRetainBytes: provider.logRetainBytes,
  };
}

function requireProvider(spec: StoresSpec, name: string): ProviderSpec {
  const provider = spec.providers.byName.get(name);
  if (provider === undefined) throw new OperationError('not_found', `no provider is named ${name}`);
  return provider;
}

/** What each store may hold beside its engine, in bytes. */
interface StoreBounds {
  readonly overlayBytesMax: number;
  readonly writeSetBytesMax: number;
}

function storeBounds({ memory }: StoresSpec, stores: number): StoreBounds {
  const share = (memory.limitBytes * OVERLAY_SHARE) / stores;
  return {
    overlayBytesMax: Math.floor(Math.min(Math.max(share, OVERLAY_BYTES_MIN), OVERLAY_BYTES_MAX)),
    writeSetBytesMax: Math.floor((memory.limitBytes * WRITE_SETS_SHARE) / stores),
  };
}
