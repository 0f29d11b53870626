/** Stores for tests: each provider with small bounds, so that a test of milliseconds crosses all of them. */

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { TestCluster } from '../../packages/tikv-client-node/test-cluster/cluster.ts';
import { listen } from '../../packages/tikv-client-node/test-cluster/node/listen.ts';
import type { Durability } from '../../src/base/durability.ts';
import { silentLog } from '../../src/base/log.ts';
import { newNodePlatform } from '../../src/platform/node-platform.ts';
import { openMemoryStore } from '../../src/providers/memory/open.ts';
import { openRocksDbStore } from '../../src/providers/rocksdb/open.ts';
import { openTikvStore } from '../../src/providers/tikv/open.ts';
import type { LocalStore } from '../../src/storage/local-store.ts';
import type { Store } from '../../src/storage/store.ts';

export const platform = newNodePlatform();

/** A store and the directory it lives in; `reopen` closes and opens it again. */
export interface TestStore {
  store: LocalStore;
  readonly directory: string | undefined;
  reopen(): Promise<void>;
  /** Closes the store and removes its directory. */
  dispose(): Promise<void>;
}

export interface TestStoreOptions {
  readonly durability?: Durability;
  readonly overlayBytesMax?: number;
  /** Of a persistent store; default a new one. It is removed by `dispose` all the same. */
  readonly directory?: string;
}

/** A store of any provider, for what holds for all of them. */
export interface ContractStore {
  store: Store;
  reopen(): Promise<void>;
  dispose(): Promise<void>;
}

export type ContractProvider = Provider | 'tikv';
export const CONTRACT_PROVIDERS: readonly ContractProvider[] = ['memory', 'rocksdb', 'tikv'];

/** TiKV: a test cluster of its own, over gRPC, with a few regions. */
export async function openContractStore(provider: ContractProvider): Promise<ContractStore> {
  if (provider !== 'tikv') return openTestStore(provider);
  const cluster = new TestCluster({ environment: platform, disorderSeed: 1, pdMembers: 1 });
  cluster.faults.recording = false;
  cluster.split('b', 'm/02000', 's/00500', 's/02100', 'w');
  const server = await listen(cluster);
  const open = () => openTikvStore({ name: 'test', platform, log: silentLog, pdEndpoints: server.pdEndpoints });
  const test: ContractStore = {
    store: await open(),
    async reopen() {
      await test.store.close();
      test.store = await open();
    },
    async dispose() {
      await test.store.close();
      await server.close();
    },
  };
  return test;
}

export type Provider = 'memory' | 'rocksdb';
export const PROVIDERS: readonly Provider[] = ['memory', 'rocksdb'];

export async function openTestStore(provider: Provider, options: TestStoreOptions = {}): Promise<TestStore> {
  if (provider === 'memory') {
    const open = () =>
      openMemoryStore({
        name: 'test',
        platform,
        log: silentLog,
        overlayBytesMax: options.overlayBytesMax ?? 4 << 20,
        applyDelayMs: 5,
      });
    const test: TestStore = {
      store: await open(),
      directory: undefined,
      async reopen() {
        await test.store.close();
        test.store = await open();
      },
      dispose: () => test.store.close(),
    };
    return test;
  }
  const directory = options.directory ?? (await mkdtemp(join(tmpdir(), 'orbit-store-')));
  const open = () =>
    openRocksDbStore({
      name: 'test',
      directory,
      platform,
      log: silentLog,
      durability: options.durability ?? 'disk',
      blockCacheBytes: 8 << 20,
      memtableBytes: 16 << 20,
      logSegmentBytes: 2 << 20,
      logRetainBytes: 4 << 20,
      overlayBytesMax: options.overlayBytesMax ?? 4 << 20,
      applyDelayMs: 5,
    });
  const test: TestStore = {
    store: await open(),
    directory,
    async reopen() {
      await test.store.close();
      test.store = await open();
    },
    async dispose() {
      await test.store.close();
      await rm(directory, { recursive: true, force: true });
    },
  };
  return test;
}
