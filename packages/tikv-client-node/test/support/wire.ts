/**
 * gRPC under a clock that tests move: real sockets carry the bytes, and time passes when they are at rest.
 *
 * A connection is at rest when each end has read all that the other has written. Node counts both, so nothing is left to
 * guess: a slow machine makes a test slow, and never makes a timeout fire. Latency is added in the client, on that clock.
 */

import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import type { Socket } from 'node:net';
import type { Environment } from '../../src/environment.ts';
import { GrpcTransport } from '../../src/node/grpc-transport.ts';
import {
  type CallOptions,
  type Connection,
  GrpcStatus,
  type MessageStream,
  RpcError,
  type StreamHandlers,
  type Transport,
} from '../../src/transport.ts';
import type { TestCluster } from '../../test-cluster/cluster.ts';
import { type ListeningCluster, listen } from '../../test-cluster/node/listen.ts';
import { turnOfTheEventLoop } from '../../test-cluster/node/turn.ts';
import type { SeededRandom } from '../../test-cluster/virtual-time.ts';

/** What HTTP/2 does between reading and writing takes two turns of the event loop at most. */
const CALM_TURNS = 5;

interface Ends {
  readonly client: Socket;
  /** Known once connected, and after the end. */
  port: number | undefined;
  server: Socket | undefined;
}

/** The connections of one cluster, all of whose clients are in this process. */
export class Wire {
  readonly #ends = new Set<Ends>();
  readonly #accepted = new Map<number, Socket>();
  /** How many there have been. */
  connections = 0;
  #listening: ListeningCluster | undefined;

  async open(cluster: TestCluster): Promise<void> {
    subscribe('net.client.socket', this.#onClient);
    subscribe('net.server.socket', this.#onServer);
    this.#listening = await listen(cluster);
  }

  async close(): Promise<void> {
    await this.#listening?.close();
    this.#listening = undefined;
    unsubscribe('net.client.socket', this.#onClient);
    unsubscribe('net.server.socket', this.#onServer);
    for (const { client } of this.#ends) client.destroy();
    this.#ends.clear();
    this.#accepted.clear();
  }

  /** For a store to move to. */
  newAddress(): Promise<string> {
    return this.#listening!.newAddress();
  }

  /** Resolves when every byte has arrived, and what it set off has written no other. */
  async atRest(): Promise<void> {
    for (let calm = 0; calm < CALM_TURNS; ) {
      await this.#listening?.settled();
      await turnOfTheEventLoop();
      calm = this.#isAtRest() ? calm + 1 : 0;
    }
  }

  #isAtRest(): boolean {
    let rest = true;
    for (const ends of this.#ends) {
      const { client, port } = ends;
      if (port === undefined) {
        if (client.destroyed) this.#ends.delete(ends);
        else rest = false;
        continue;
      }
      if (ends.server === undefined) {
        ends.server = this.#accepted.get(port);
        this.#accepted.delete(port);
      }
      const { server } = ends;
      if (client.destroyed && server?.destroyed !== false) this.#ends.delete(ends);
      else if (server === undefined || client.destroyed || server.destroyed) rest = false;
      else if (client.bytesWritten !== server.bytesRead || server.bytesWritten !== client.bytesRead) rest = false;
    }
    return rest;
  }

  readonly #onClient = (message: unknown): void => {
    const { socket: client } = message as { readonly socket: Socket };
    const ends: Ends = { client, port: undefined, server: undefined };
    this.#ends.add(ends);
    client.once('connect', () => {
      ends.port = client.localPort;
    });
  };

  readonly #onServer = (message: unknown): void => {
    const { socket } = message as { readonly socket: Socket };
    if (socket.remotePort === undefined) return;
    this.#accepted.set(socket.remotePort, socket);
    this.connections++;
  };
}

export interface WireTransportOptions {
  readonly environment: Environment;
  readonly random: SeededRandom;
}

const LATENCY_MS = [0.1, 1] as const;

/** gRPC with a latency, and with an end that no close announces to the client. */
export class WireTransport implements Transport {
  readonly scheme = 'http';
  readonly options: WireTransportOptions;
  readonly #grpc: GrpcTransport;
  readonly #connections = new Set<WireConnection>();
  #dead = false;

  constructor(options: WireTransportOptions) {
    this.options = options;
    this.#grpc = new GrpcTransport({ environment: options.environment });
  }

  get dead(): boolean {
    return this.#dead;
  }

  /** Its sockets close; nothing leaves any more and nothing arrives: the client's process has died. */
  die(): void {
    this.#dead = true;
    for (const connection of this.#connections) connection.close();
  }

  connect(address: string): Connection {
    const connection = new WireConnection(this.#grpc.connect(address), this, () =>
      this.#connections.delete(connection),
    );
    this.#connections.add(connection);
    return connection;
  }

  latencyMs(): number {
    return this.options.random.between(...LATENCY_MS);
  }

  /** After the latency of one way, unless the process dies before. */
  later(run: () => void): void {
    this.options.environment.timers.after(this.latencyMs(), () => {
      if (!this.#dead) run();
    });
  }
}

class WireConnection implements Connection {
  readonly #inner: Connection;
  readonly #transport: WireTransport;
  readonly #forget: () => void;

  constructor(inner: Connection, transport: WireTransport, forget: () => void) {
    this.#inner = inner;
    this.#transport = transport;
    this.#forget = forget;
  }

  get address(): string {
    return this.#inner.address;
  }

  call(path: string, request: Uint8Array, options: CallOptions): Promise<Buffer> {
    const transport = this.#transport;
    const bytes = Buffer.from(request);
    return new Promise((resolve, reject) => {
      transport.later(() => {
        this.#inner.call(path, bytes, options).then(
          (response) => transport.later(() => resolve(response)),
          (error: unknown) => transport.later(() => reject(error)),
        );
      });
    });
  }

  open(path: string, handlers: StreamHandlers): MessageStream {
    const { environment } = this.#transport.options;
    /** Each direction keeps its order. */
    const way = () => {
      let lastMs = 0;
      return (run: () => void) => {
        const nowMs = environment.clock.monotonicMs();
        lastMs = Math.max(lastMs, nowMs + this.#transport.latencyMs());
        environment.timers.after(lastMs - nowMs, () => {
          if (!this.#transport.dead) run();
        });
      };
    };
    const [toServer, toClient] = [way(), way()];
    let open = true;
    const end = (error: RpcError) => {
      if (!open) return;
      open = false;
      handlers.onClose(error);
    };
    const stream = this.#inner.open(path, {
      onMessage: (message) => {
        const bytes = Buffer.from(message);
        toClient(() => {
          if (open) handlers.onMessage(bytes);
        });
      },
      onClose: (error) => toClient(() => end(error)),
    });
    return {
      send: (message) => {
        const bytes = Buffer.from(message);
        toServer(() => stream.send(bytes));
      },
      cancel: () => {
        end(new RpcError(GrpcStatus.CANCELLED, 'cancelled', this.address));
        stream.cancel();
      },
      get bufferedBytes() {
        return stream.bufferedBytes;
      },
      get retired() {
        return stream.retired;
      },
    };
  }

  close(): void {
    this.#forget();
    this.#inner.close();
  }
}
