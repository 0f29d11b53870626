/**
 * Carries calls to a cluster in the same process, over virtual or real time, with the delays and losses of a network.
 *
 * Messages of a stream arrive in order, as over TCP; calls overtake each other. A loss is what a broken connection
 * is: the call fails with UNAVAILABLE, before or after the server executed it.
 */

import type { Environment, Timer } from '../src/environment.ts';
import { messageOf } from '../src/errors.ts';
import {
  type CallOptions,
  type Connection,
  GrpcStatus,
  type MessageStream,
  RpcError,
  type StreamHandlers,
  type Transport,
} from '../src/transport.ts';
import type { TestCluster } from './cluster.ts';
import { type ServerStreamHandlers, StatusError } from './service.ts';
import type { SeededRandom } from './virtual-time.ts';

export interface InProcessOptions {
  readonly cluster: TestCluster;
  readonly environment: Environment;
  readonly random: SeededRandom;
  /** One way, lowest and highest. Default 0.1 and 1. */
  readonly latencyMs?: readonly [number, number];
}

/** May be changed during a run. */
export interface Losses {
  /** Of a message to the server or back: the connection breaks with it. */
  probability: number;
}

export class InProcessTransport implements Transport {
  readonly scheme = 'http';
  readonly options: InProcessOptions;
  readonly losses: Losses = { probability: 0 };
  #dead = false;

  constructor(options: InProcessOptions) {
    this.options = options;
  }

  get dead(): boolean {
    return this.#dead;
  }

  /** Nothing leaves any more and nothing arrives: the client's process has died. */
  die(): void {
    this.#dead = true;
  }

  connect(address: string): Connection {
    return new InProcessConnection(address.replace(/^https?:\/\//, ''), this);
  }

  latencyMs(): number {
    const [low, high] = this.options.latencyMs ?? [0.1, 1];
    return this.options.random.between(low, high);
  }

  loses(): boolean {
    return this.losses.probability > 0 && this.options.random.chance(this.losses.probability);
  }
}

class InProcessConnection implements Connection {
  readonly address: string;
  readonly #transport: InProcessTransport;
  readonly #streams = new Set<InProcessStream>();
  #closed = false;

  constructor(address: string, transport: InProcessTransport) {
    this.address = address;
    this.#transport = transport;
  }

  call(path: string, request: Uint8Array, options: CallOptions): Promise<Buffer> {
    const { environment, cluster } = this.#transport.options;
    return new Promise((resolve, reject) => {
      const timers: Timer[] = [];
      let settled = false;
      const settle = (error: RpcError | undefined, response?: Buffer) => {
        if (settled || this.#transport.dead) return;
        settled = true;
        for (const timer of timers) timer.cancel();
        options.signal?.removeEventListener('abort', onAbort);
        if (error !== undefined) reject(error);
        else resolve(response!);
      };
      const onAbort = () => settle(this.#error(GrpcStatus.CANCELLED, 'cancelled', options.signal?.reason));
      if (options.signal?.aborted === true) {
        onAbort();
        return;
      }
      options.signal?.addEventListener('abort', onAbort, { once: true });
      timers.push(
        environment.timers.after(options.timeoutMs, () =>
          settle(this.#error(GrpcStatus.DEADLINE_EXCEEDED, `no answer within ${options.timeoutMs} ms`)),
        ),
      );
      const broken = () => settle(this.#error(GrpcStatus.UNAVAILABLE, 'the connection was reset'));
      const later = (run: () => void) => environment.timers.after(this.#transport.latencyMs(), run);
      const bytes = Buffer.from(request);
      const dead = this.#transport.dead;
      later(() => {
        if (dead) return;
        const service = this.#closed ? undefined : cluster.serviceAt(this.address);
        if (service === undefined) settle(this.#error(GrpcStatus.UNAVAILABLE, 'connection refused'));
        else if (this.#transport.loses()) broken();
        else {
          service.call(path, bytes).then(
            (response) => later(() => (this.#transport.loses() ? broken() : settle(undefined, Buffer.from(response)))),
            (error) => later(() => settle(this.#fromServer(error))),
          );
        }
      });
    });
  }

  open(path: string, handlers: StreamHandlers): MessageStream {
    const stream = new InProcessStream(this.address, path, this.#transport, handlers, () =>
      this.#streams.delete(stream),
    );
    this.#streams.add(stream);
    return stream;
  }

  close(): void {
    this.#closed = true;
    for (const stream of [...this.#streams]) stream.cancel();
  }

  #error(status: number, message: string, cause?: unknown): RpcError {
    return new RpcError(status, message, this.address, cause);
  }

  #fromServer(error: unknown): RpcError {
    return error instanceof StatusError
      ? this.#error(error.status, error.message)
      : this.#error(GrpcStatus.INTERNAL, messageOf(error), error);
  }
}

class InProcessStream implements MessageStream {
  readonly retired = false;
  readonly bufferedBytes = 0;
  readonly #address: string;
  readonly #transport: InProcessTransport;
  readonly #handlers: StreamHandlers;
  readonly #forget: () => void;
  #server: ServerStreamHandlers | undefined;
  #open = true;
  /** When the last message of each direction arrives: none may overtake it. */
  #lastToServerMs = 0;
  #lastToClientMs = 0;

  constructor(
    address: string,
    path: string,
    transport: InProcessTransport,
    handlers: StreamHandlers,
    forget: () => void,
  ) {
    this.#address = address;
    this.#transport = transport;
    this.#handlers = handlers;
    this.#forget = forget;
    this.#toServer(() => {
      const service = transport.options.cluster.serviceAt(address);
      if (service === undefined) {
        this.#end(new RpcError(GrpcStatus.UNAVAILABLE, 'connection refused', address));
        return;
      }
      try {
        this.#server = service.open(path, {
          send: (message) => {
            const bytes = Buffer.from(message);
            this.#toClient(() => {
              if (transport.loses()) this.#broken();
              else this.#handlers.onMessage(bytes);
            });
          },
          end: (error) => this.#toClient(() => this.#end(new RpcError(error.status, error.message, address))),
        });
      } catch (error) {
        const status = error instanceof StatusError ? error.status : GrpcStatus.INTERNAL;
        this.#end(new RpcError(status, messageOf(error), address));
      }
    });
  }

  send(message: Uint8Array): void {
    const bytes = Buffer.from(message);
    this.#toServer(() => {
      const { cluster } = this.#transport.options;
      if (cluster.serviceAt(this.#address) === undefined || this.#transport.loses()) this.#broken();
      else this.#server?.onMessage(bytes);
    });
  }

  cancel(): void {
    this.#end(new RpcError(GrpcStatus.CANCELLED, 'cancelled', this.#address));
  }

  #broken(): void {
    this.#end(new RpcError(GrpcStatus.UNAVAILABLE, 'the connection was reset', this.#address));
  }

  #toServer(run: () => void): void {
    if (this.#transport.dead) return;
    const { environment } = this.#transport.options;
    const nowMs = environment.clock.monotonicMs();
    this.#lastToServerMs = Math.max(this.#lastToServerMs, nowMs + this.#transport.latencyMs());
    environment.timers.after(this.#lastToServerMs - nowMs, () => {
      if (this.#open) run();
    });
  }

  #toClient(run: () => void): void {
    const { environment, cluster } = this.#transport.options;
    const nowMs = environment.clock.monotonicMs();
    this.#lastToClientMs = Math.max(this.#lastToClientMs, nowMs + this.#transport.latencyMs());
    environment.timers.after(this.#lastToClientMs - nowMs, () => {
      if (!this.#open || this.#transport.dead) return;
      if (cluster.serviceAt(this.#address) === undefined) this.#broken();
      else run();
    });
  }

  #end(error: RpcError): void {
    if (!this.#open) return;
    this.#open = false;
    this.#forget();
    this.#server?.onClose();
    if (!this.#transport.dead) this.#handlers.onClose(error);
  }
}
