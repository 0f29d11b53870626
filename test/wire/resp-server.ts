/** A Redis port over a store in memory or on disk, for tests: started in one call, stopped in another. */

import { KeyspacePartitions } from '../../src/actors/families/keyspace-partition.ts';
import { LocalActorRuntime } from '../../src/actors/local-actor-runtime.ts';
import { silentLog } from '../../src/base/log.ts';
import { SoleMemberDirectory } from '../../src/cluster/sole-member-directory.ts';
import { newNodePlatform } from '../../src/platform/node-platform.ts';
import type { Listener, ListenTls } from '../../src/platform/sockets.ts';
import { openUnnamed } from '../../src/platform/unnamed-file.ts';
import { type RespListener, type RespListenerOptions, respListener } from '../../src/protocols/resp/listener.ts';
import { openMemoryStore } from '../../src/providers/memory/open.ts';
import { openRocksDbStore } from '../../src/providers/rocksdb/open.ts';
import { Keyspace } from '../../src/storage/keyspace.ts';
import type { Store } from '../../src/storage/store.ts';
import { type ContractProvider, openContractStore } from '../support/stores.ts';

export interface TestServer {
  readonly port: number;
  readonly store: Store;
  readonly partitions: KeyspacePartitions;
  readonly runtime: LocalActorRuntime;
  readonly resp: RespListener;
  close(): Promise<void>;
}

export interface TestServerOptions extends Pick<RespListenerOptions, 'limits' | 'principals' | 'disabledCommands'> {
  readonly tls?: ListenTls;
  /** A directory for a store on disk; default: a store in memory. */
  readonly directory?: string;
  /** Default: `rocksdb` where there is a directory, else `memory`. */
  readonly provider?: ContractProvider;
  /** Puts something between the store and the partitions. */
  readonly wrapStore?: (store: Store) => Store;
  /** As `KeyspacePartitionsOptions`. */
  readonly hotBytesMax?: number;
  /** A directory for the file of entries, and its bound; default: no file. */
  readonly entryFile?: {
    readonly directory: string;
    readonly bytesMax: number;
    readonly onFailure?: (error: unknown) => void;
  };
  readonly writeBehind?: boolean;
}

export async function startRespServer({
  wrapStore,
  directory,
  provider,
  tls,
  hotBytesMax,
  entryFile,
  writeBehind = false,
  ...options
}: TestServerOptions = {}): Promise<TestServer> {
  const platform = newNodePlatform();
  const shared = provider === 'tikv' ? await openContractStore(provider) : undefined;
  const inner =
    shared !== undefined
      ? shared.store
      : directory === undefined
        ? await openMemoryStore({ name: 'memory', platform, log: silentLog })
        : await openRocksDbStore({ name: 'rocksdb', directory, platform, log: silentLog, durability: 'disk' });
  const store = wrapStore?.(inner) ?? inner;
  const keyspace = new Keyspace();
  const owners = await SoleMemberDirectory.open(inner, platform, keyspace, 'test');
  const runtime = new LocalActorRuntime({ store: inner, platform, keyspace, directory: owners });
  const partitions = new KeyspacePartitions({
    runtime,
    store,
    platform,
    space: keyspace.kv,
    writeBehind,
    ...(hotBytesMax === undefined ? {} : { hotBytesMax }),
    ...(entryFile === undefined
      ? {}
      : {
          entryFile: {
            open: () => openUnnamed(platform.files, entryFile.directory, 'entries'),
            bytesMax: entryFile.bytesMax,
            clock: platform.clock,
            onFailure:
              entryFile.onFailure ??
              ((error) => {
                throw error;
              }),
          },
        }),
  });
  const resp = respListener({
    partitions,
    platform,
    info: {
      version: '0.0.0',
      processId: 1,
      port: 0,
      connectionsMax: 1_000,
      runId: '0'.repeat(40),
      startedAtMs: platform.clock.nowMs(),
      memoryBytes: () => 0,
      memoryPeakBytes: () => 0,
      systemMemoryBytes: 0,
      system: 'none',
      processorMicros: () => ({ user: 0, system: 0 }),
    },
    ...options,
  });
  const where = { host: '127.0.0.1', port: 0, ...(tls !== undefined && { tls }) };
  const listener: Listener = await platform.sockets.listen(where, resp.accept);
  return {
    port: listener.port,
    store,
    partitions,
    runtime,
    resp,
    close: async () => {
      partitions.stop();
      await listener.close();
      await runtime.stop();
      await inner.close();
      await shared?.dispose();
    },
  };
}
