/**
 * Sockets of the machine: listeners, and what they accept.
 *
 * Node allocates a chunk per read unless a socket was created with `onread`, and `net.Server` creates its sockets
 * without it. So a listener takes the accepted handles from the server's own handle and makes its sockets itself
 * (`node-socket.ts`); `_handle` is private to Node, with plain `data` events as the fallback where it is missing.
 *
 * Connections of a burst are set up and torn down over several turns (`spread.ts`): each costs Node some 20 to 60 µs.
 */

import { rm } from 'node:fs/promises';
import * as net from 'node:net';
import { assert } from '../base/assert.ts';
import { EMPTY_BYTES } from '../base/bytes.ts';
import { Roster } from '../base/roster.ts';
import { LINGER_MS, ReadBuffer } from './bare-stream.ts';
import { closed, NodeSocket } from './node-socket.ts';
import { nodeTimers } from './node-timers.ts';
import { NodeTlsIdentity } from './node-tls.ts';
import {
  type ConnectOptions,
  KEEP_ALIVE_S,
  type Listener,
  type ListenOptions,
  type Socket,
  type SocketHandlers,
  type Sockets,
} from './sockets.ts';
import { spread } from './spread.ts';
import { handleOf, type ListeningHandle, type StreamHandle } from './stream-handle.ts';
import { listenError, listenPathError, socketError, systemCode } from './system-error.ts';
import type { TlsCredentials, TlsIdentity, TlsIdentityOptions } from './tls.ts';

/** Refused clients that are still being told so; beyond it they are cut without a word. */
const REFUSALS_MAX = 256;

export interface NodeSocketsOptions {
  /** False reads by `data` events: the fallback, made choosable for tests. Default true. */
  readonly sharedReadBuffer?: boolean;
}

export class NodeSockets implements Sockets {
  readonly #readBuffer: ReadBuffer | undefined;

  constructor(options: NodeSocketsOptions = {}) {
    this.#readBuffer = options.sharedReadBuffer === false ? undefined : new ReadBuffer();
  }

  listen(options: ListenOptions, onConnection: (socket: Socket) => SocketHandlers): Promise<Listener> {
    const listener = new NodeListener(options, onConnection, this.#readBuffer);
    return listener.start();
  }

  identify(credentials: TlsCredentials, options?: TlsIdentityOptions): TlsIdentity {
    return new NodeTlsIdentity(credentials, options);
  }

  connect(options: ConnectOptions, handlers: SocketHandlers): Promise<Socket> {
    const [host, port] = 'path' in options ? [options.path, 0] : [options.host, options.port];
    const address = 'path' in options ? options.path : `${host}:${port}`;
    const connection = new NodeSocket({ address: host, port }, 'server');
    return new Promise((resolve, reject) => {
      const raw = new net.Socket({ allowHalfOpen: true, noDelay: true, ...connection.readOptions(this.#readBuffer) });
      const onError = (error: Error) => {
        raw.destroy();
        reject(socketError(error, `cannot connect to ${address}`));
      };
      raw.once('error', onError);
      raw.connect('path' in options ? { path: options.path } : { host, port }, () => {
        raw.off('error', onError);
        connection.prepare(raw, this.#readBuffer === undefined ? undefined : handleOf(raw));
        connection.attach(handlers, this.#readBuffer === undefined);
        resolve(connection);
      });
    });
  }
}

class NodeListener implements Listener {
  readonly #options: ListenOptions;
  readonly #onConnection: (socket: Socket) => SocketHandlers;
  readonly #readBuffer: ReadBuffer | undefined;
  readonly #server: net.Server;
  readonly #open = new Roster<NodeSocket>();
  readonly #refused = new Roster<net.Socket>();
  #closed: Promise<void> | undefined;
  host = '';
  port = 0;

  constructor(
    options: ListenOptions,
    onConnection: (socket: Socket) => SocketHandlers,
    readBuffer: ReadBuffer | undefined,
  ) {
    this.#options = options;
    this.#onConnection = onConnection;
    this.#readBuffer = readBuffer;
    this.#server = net.createServer({ allowHalfOpen: true, noDelay: true, pauseOnConnect: true });
    this.#server.on('connection', (accepted) => this.#accept(accepted));
  }

  get connections(): number {
    return this.#open.size;
  }

  async start(): Promise<Listener> {
    const { host = '127.0.0.1', port = 0, path } = this.#options;
    const where = path ?? `${host.includes(':') ? `[${host}]` : host}:${port}`;
    const target = path === undefined ? { host, port } : { path };
    const toError = path === undefined ? listenError : listenPathError;
    try {
      await this.#bind(target);
    } catch (error) {
      if (path === undefined || systemCode(error) !== 'EADDRINUSE' || (await answers(path))) {
        throw toError(error, where);
      }
      // The name of a Unix socket outlives a process that was killed.
      await rm(path, { force: true });
      await this.#bind(target).catch((again: unknown) => {
        throw listenPathError(again, where);
      });
    }
    const address = this.#server.address();
    assert(address !== null, 'a listening server has an address');
    this.host = typeof address === 'string' ? address : address.address;
    this.port = typeof address === 'string' ? 0 : address.port;
    // Later errors are of accept(2), out of descriptors for example: the client is lost, the listener is not.
    this.#server.on('error', () => {});
    const readBuffer = this.#readBuffer;
    if (readBuffer !== undefined && this.#options.tls === undefined) {
      acceptHandles(this.#server, (handle) => this.#acceptHandle(handle, readBuffer), KEEP_ALIVE_S);
    }
    return this;
  }

  #bind(target: net.ListenOptions): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(target, () => {
        this.#server.off('error', reject);
        resolve();
      });
    });
  }

  stopAccepting(): void {
    this.#closed ??= new Promise((resolve) => this.#server.close(() => resolve()));
  }

  async close(): Promise<void> {
    this.stopAccepting();
    await Promise.all([...this.#open].map((connection) => connection.closed()));
    await Promise.all([...this.#refused].map(closed));
    await this.#closed;
  }

  get #isFull(): boolean {
    return this.#open.size >= (this.#options.connectionsMax ?? Number.POSITIVE_INFINITY);
  }

  #acceptHandle(handle: StreamHandle, readBuffer: ReadBuffer): void {
    if (this.#closed !== undefined) handle.close();
    else if (this.#isFull) this.#refuse(new net.Socket({ handle, allowHalfOpen: true } as object));
    else this.#serve(NodeSocket.accepted(handle, readBuffer), false);
  }

  /** One that Node has made: read by `data` events. */
  #accept(accepted: net.Socket): void {
    if (this.#isFull) {
      this.#refuse(accepted);
      return;
    }
    // A Unix socket has neither; a client may also be gone again by now.
    const connection = new NodeSocket({ address: accepted.remoteAddress ?? '', port: accepted.remotePort ?? 0 });
    connection.prepare(accepted, undefined);
    accepted.setKeepAlive(true, KEEP_ALIVE_S * 1_000);
    this.#serve(connection, true);
  }

  #serve(connection: NodeSocket, byDataEvents: boolean): void {
    connection.seat = this.#open.add(connection);
    let handlers: SocketHandlers;
    try {
      handlers = this.#onConnection(connection);
    } catch (error) {
      connection.attach(NOBODY, byDataEvents);
      connection.destroy();
      throw error; // A session that cannot be set up is a bug: let the process's own handler tell.
    }
    connection.attach(handlers, byDataEvents);
    const { tls } = this.#options;
    if (tls?.required) connection.startTls(tls.identity);
    else if (tls !== undefined) connection.awaitTls(tls.identity);
  }

  #refuse(accepted: net.Socket): void {
    accepted.on('error', () => {});
    if (this.#refused.size >= REFUSALS_MAX) {
      accepted.destroy();
      return;
    }
    const seat = this.#refused.add(accepted);
    const timer = nodeTimers.after(LINGER_MS, () => accepted.destroy());
    accepted.once('close', () => {
      timer.cancel();
      seat.leave();
    });
    // In the middle of a handshake a word in clear would only be taken for a broken one.
    accepted.end(this.#options.tls?.required ? EMPTY_BYTES : (this.#options.refusal ?? EMPTY_BYTES));
    accepted.resume(); // Unread input would reset the connection before the refusal is read.
  }
}

/** Who could not be set up hears nothing. */
const NOBODY: SocketHandlers = { onData() {}, onClose() {} };

/** Whether a process listens on a Unix socket; in doubt it does. */
function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = net.connect({ path });
    probe.once('connect', () => {
      probe.destroy();
      resolve(true);
    });
    probe.once('error', (error) => resolve(systemCode(error) !== 'ECONNREFUSED'));
  });
}

/**
 * Has what a listening server accepts given to `accept`, and no socket made of it by Node.
 * @returns false where Node's server shows no handle: then it goes on making sockets.
 */
export function acceptHandles(
  server: net.Server,
  accept: (handle: StreamHandle) => void,
  keepAliveS?: number,
): boolean {
  const handle = (server as net.Server & { readonly _handle?: ListeningHandle | null })._handle;
  if (typeof handle?.onconnection !== 'function') return false;
  const setOptions = (of: StreamHandle): void => {
    of.setNoDelay?.(true);
    if (keepAliveS !== undefined) of.setKeepAlive?.(true, keepAliveS);
  };
  // Linux gives what is accepted the options of what listens, which saves five calls of the system for each.
  const isInherited = process.platform === 'linux';
  if (isInherited) setOptions(handle);
  handle.onconnection = (status, accepted) => {
    if (status !== 0) return; // Out of descriptors for example: the client is lost, the listener is not.
    spread(() => {
      if (!isInherited) setOptions(accepted);
      accept(accepted);
    });
  };
  return true;
}
