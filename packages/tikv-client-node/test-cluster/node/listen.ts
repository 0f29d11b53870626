/** A cluster over TCP: every PD member and store listens on a port of its own. */

import type { TestCluster } from '../cluster.ts';
import { GrpcServer, type ServerTls } from './grpc-server.ts';

export interface ListenOptions {
  /** Default 127.0.0.1. */
  readonly host?: string;
  /** Of PD member 0; the others follow. Default any free ones. */
  readonly pdPort?: number;
  /** Of the first store; the others follow. Default any free ones. */
  readonly storePort?: number;
  readonly tls?: ServerTls;
}

export interface ListeningCluster {
  readonly pdEndpoints: readonly string[];
  /** Cuts a store's connections and stops listening; its leaders move. */
  stopStore(storeId: bigint): Promise<void>;
  /** On the same port. */
  startStore(storeId: bigint): Promise<void>;
  stopPd(index: number): Promise<void>;
  startPd(index: number): Promise<void>;
  close(): Promise<void>;
}

export async function listen(cluster: TestCluster, options: ListenOptions = {}): Promise<ListeningCluster> {
  const { host = '127.0.0.1', tls, pdPort = 0, storePort = 0 } = options;
  const pds: GrpcServer[] = [];
  const stores = new Map<bigint, GrpcServer>();
  for (const index of cluster.pdAddresses.keys()) {
    const service = () => cluster.serviceAt(cluster.pdAddresses[index]!);
    const server = new GrpcServer({ host, port: pdPort === 0 ? 0 : pdPort + index, tls, service });
    await server.start();
    cluster.movePd(index, server.address);
    pds.push(server);
  }
  for (const [index, store] of cluster.stores.entries()) {
    const service = () => cluster.serviceAt(store.address);
    const server = new GrpcServer({ host, port: storePort === 0 ? 0 : storePort + index, tls, service });
    await server.start();
    cluster.moveStore(store.id, server.address);
    stores.set(store.id, server);
  }
  return {
    pdEndpoints: [...cluster.pdAddresses],
    async stopStore(storeId) {
      cluster.stopStore(storeId);
      await stores.get(storeId)!.stop();
    },
    async startStore(storeId) {
      await stores.get(storeId)!.start();
      cluster.startStore(storeId);
    },
    async stopPd(index) {
      cluster.state.pd.down.add(index);
      await pds[index]!.stop();
    },
    async startPd(index) {
      await pds[index]!.start();
      cluster.state.pd.down.delete(index);
    },
    async close() {
      await Promise.all([...pds, ...stores.values()].map((server) => server.stop()));
    },
  };
}
