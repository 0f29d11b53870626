/**
 * Calls to stores by address: over the batch stream where the method has a place in it, else unary.
 *
 * Each store has `connectionCount` connections, used in turn, each with one batch stream. What is asked in one turn of the
 * event loop goes over one of them, in one message.
 */

import { BatchStream } from './batch-stream.ts';
import type { ClientConfig } from './config.ts';
import { isServing } from './health.ts';
import type { Method } from './methods.ts';
import { type Connection, GrpcStatus, RpcError } from './transport.ts';

interface StoreConnections {
  readonly connections: readonly Connection[];
  readonly streams: readonly BatchStream[];
  next: number;
}

export class StoreClient {
  readonly #config: ClientConfig;
  readonly #stores = new Map<string, StoreConnections>();
  #closed = false;

  constructor(config: ClientConfig) {
    this.#config = config;
  }

  get connectionCount(): number {
    return this.#stores.size * this.#config.connectionCount;
  }

  /** @throws RpcError */
  call(
    address: string,
    method: Method,
    request: Uint8Array,
    options: { readonly timeoutMs: number; readonly signal?: AbortSignal | undefined },
  ): Promise<Buffer> {
    if (this.#closed) return Promise.reject(new RpcError(GrpcStatus.CANCELLED, 'the client is closed', address));
    const store = this.#store(address);
    if (method.batchNumber !== undefined && this.#config.batchCommands) {
      let stream = store.streams[store.next]!;
      if (!stream.isGathering && store.streams.length > 1) {
        store.next = (store.next + 1) % store.connections.length;
        stream = store.streams[store.next]!;
      }
      return stream.call(method.batchNumber, request, options);
    }
    const index = store.next;
    store.next = (index + 1) % store.connections.length;
    return store.connections[index]!.call(method.path, request, options);
  }

  isReachable(address: string): Promise<boolean> {
    return isServing(this.#store(address).connections[0]!);
  }

  /** Another store may have the address now. */
  disconnect(address: string): void {
    const store = this.#stores.get(address);
    this.#stores.delete(address);
    for (const connection of store?.connections ?? []) connection.close();
  }

  close(): void {
    this.#closed = true;
    for (const address of [...this.#stores.keys()]) this.disconnect(address);
  }

  #store(address: string): StoreConnections {
    let store = this.#stores.get(address);
    if (store === undefined) {
      const connections = Array.from({ length: this.#config.connectionCount }, () =>
        this.#config.transport.connect(address),
      );
      const streams = connections.map((connection) => new BatchStream(this.#config.environment, connection));
      store = { connections, streams, next: 0 };
      this.#stores.set(address, store);
    }
    return store;
  }
}
