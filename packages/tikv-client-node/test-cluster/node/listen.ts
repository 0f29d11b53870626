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
  /** One more address, for a store or member to move to. */
  newAddress(): Promise<string>;
  /** Resolves when what listens is what the cluster says. */
  settled(): Promise<void>;
  close(): Promise<void>;
}

/** Ports follow the cluster: who is stopped there has no listener and no connection here. */
export async function listen(cluster: TestCluster, options: ListenOptions = {}): Promise<ListeningCluster> {
  const { host = '127.0.0.1', tls, pdPort = 0, storePort = 0 } = options;
  const servers: GrpcServer[] = [];
  const serve = async (port: number): Promise<string> => {
    const server = new GrpcServer({ host, port, tls, service: () => cluster.serviceAt(server.address) });
    await server.start();
    servers.push(server);
    return server.address;
  };
  for (const index of cluster.pdAddresses.keys()) {
    cluster.movePd(index, await serve(pdPort === 0 ? 0 : pdPort + index));
  }
  for (const [index, store] of cluster.stores.entries()) {
    cluster.moveStore(store.id, await serve(storePort === 0 ? 0 : storePort + index));
  }
  let following = Promise.resolve();
  const follow = async (): Promise<void> => {
    for (const server of servers) {
      if (cluster.serviceAt(server.address) === undefined) await server.stop();
      else await server.start();
    }
  };
  const unwatch = cluster.watch(() => {
    following = following.then(follow);
  });
  const settled = () => following;
  return {
    pdEndpoints: [...cluster.pdAddresses],
    stopStore(storeId) {
      cluster.stopStore(storeId);
      return settled();
    },
    startStore(storeId) {
      cluster.startStore(storeId);
      return settled();
    },
    stopPd(index) {
      cluster.stopPd(index);
      return settled();
    },
    startPd(index) {
      cluster.startPd(index);
      return settled();
    },
    newAddress: () => serve(0),
    settled,
    async close() {
      unwatch();
      await following;
      await Promise.all(servers.map((server) => server.stop()));
    },
  };
}
