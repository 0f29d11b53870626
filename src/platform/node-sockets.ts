/**
 * Sockets of the machine, reading into one buffer.
 *
 * Node allocates a chunk per read unless a socket was created with `onread`, and `net.Server` creates its sockets
 * without it. So a listener takes the accepted handles from the server's own handle and makes its sockets itself; `_handle`
 * is private to Node, which is why this stays in this file, with plain `data` events as the fallback where it is missing.
 * All reads of a `NodeSockets` share one buffer: a callback uses the chunk up before the next read can begin.
 *
 * Encrypted connections are read by `data` events: their bytes come out of OpenSSL, not of the kernel. So are clear ones of a
 * listener that takes both, because the first chunk must be put back when a handshake turns out to begin with it.
 *
 * What is written goes to that handle directly: a stream's own `write` costs as much again as the system call's way into
 * the kernel, most of it for an event loop turn of callbacks that a write which the kernel takes at once does not need. The
 * class of the handle's write requests is private too; the first write of the process goes the stream's way and shows it.
 * What is large leaves over several turns of the event loop (`paced-writes.ts`).
 *
 * `end` sends FIN after what was written and then reads the peer's remaining bytes away for a while: closing with
 * unread input resets the connection, and the reset may overtake the last reply (`lingering.ts`). Waiting for a peer that takes no bytes
 * is not bounded here; the slow-client timeout of a protocol calls `destroy`.
 *
 * Connections of a burst are set up and torn down over several turns (`spread.ts`): each costs Node some 20 to 60 µs. And of an
 * accepted handle Node's socket is made when something needs it, which most never do (`bare-stream.ts`).
 *
 * `http-lane.ts` puts connections that `node:http` accepted into such sockets, and gives them back with `detach`.
 */

import { rm } from 'node:fs/promises';
import * as net from 'node:net';
import type { TLSSocket } from 'node:tls';
import { assert } from '../base/assert.ts';
import { type Bytes, EMPTY_BYTES } from '../base/bytes.ts';
import { Roster, type Seat } from '../base/roster.ts';
import { type BareEvents, BareStream, LINGER_MS, READ_BYTES, ReadBuffer } from './bare-stream.ts';
import { busyPolling } from './busy-polling.ts';
import { linger } from './lingering.ts';
import { nodeTimers } from './node-timers.ts';
import { NodeTlsIdentity, sessionOf } from './node-tls.ts';
import { LARGE_BYTES, mayWriteNow, PacedWrites } from './paced-writes.ts';
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
import {
  handleOf,
  type ListeningHandle,
  learnRequests,
  type Peer,
  resetError,
  ShutdownRequestClass,
  type StreamHandle,
  type WriteRequest,
  WriteRequestClass,
  writeError,
} from './stream-handle.ts';
import { listenError, listenPathError, socketError, systemCode } from './system-error.ts';
import type { TlsCredentials, TlsIdentity, TlsIdentityOptions, TlsSession } from './tls.ts';

/** A client that sends much is read so many times, then others have their turn. */
const FULL_READS_MAX = 4;

/** The first byte of a TLS record that carries a handshake. No text protocol begins so. */
const HANDSHAKE = 0x16;

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
      acceptHandles(this.#server, (handle) => this.#acceptHandle(handle, readBuffer));
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
    else {
      handle.setKeepAlive?.(true, KEEP_ALIVE_S);
      this.#serve(NodeSocket.accepted(handle, readBuffer), false);
    }
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

/** Destroys a socket; resolves when it is closed. */
function closed(raw: net.Socket): Promise<void> {
  return new Promise((resolve) => {
    raw.once('close', () => resolve());
    raw.destroy();
  });
}

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
export function acceptHandles(server: net.Server, accept: (handle: StreamHandle) => void): boolean {
  const handle = (server as net.Server & { readonly _handle?: ListeningHandle | null })._handle;
  if (typeof handle?.onconnection !== 'function') return false;
  handle.onconnection = (status, accepted) => {
    if (status !== 0) return; // Out of descriptors for example: the client is lost, the listener is not.
    spread(() => {
      accepted.setNoDelay?.(true);
      accept(accepted);
    });
  };
  return true;
}

/** Closes when its turn comes. Until then nothing is read: Node takes what comes to a destroyed socket for an error, and throws. */
class AcceptedSocket extends net.Socket {
  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    handleOf(this)?.readStop();
    spread(() => super._destroy(error, callback));
  }
}

interface RawListeners {
  readonly error: (error: Error) => void;
  readonly end: () => void;
  readonly close: () => void;
  readonly data: (chunk: Bytes) => void;
}

export class NodeSocket implements Socket, BareEvents {
  /** Among those that are open, if anyone counts them. */
  seat: Seat<NodeSocket> | undefined;
  /** Of an accepted handle: not asked yet. */
  #peer: Peer | undefined;
  #raw: net.Socket | undefined;
  /** Where to write to directly. */
  #handle: StreamHandle | undefined;
  /** Of an accepted handle of which no socket was made yet. */
  #bare: BareStream | undefined;
  #handlers: SocketHandlers | undefined;
  #listeners: RawListeners | undefined;
  /** For the next write: only one that the kernel does not take at once uses it up. */
  #request: WriteRequest | undefined;
  /** What is large, and what was written behind it, as long as it has not been handed over. */
  #paced: PacedWrites | undefined;
  #error: Error | undefined;
  #ended = false;
  #detached = false;
  #drainAwaited = false;
  /** In a row: as long as reads fill the buffer libuv goes on with the same socket, up to 32 times. */
  #fullReads = 0;
  #paused = false;
  /** For a handshake that the first byte may begin. */
  #offered: TlsIdentity | undefined;
  #handshaking = false;
  #tls: TlsSession | undefined;
  readonly #isClient: boolean;

  /** @param other Who is at the other end: for a client that asks again and again the loop stays awake. */
  constructor(peer: Peer | undefined, other: 'client' | 'server' = 'client') {
    this.#peer = peer;
    this.#isClient = other === 'client';
  }

  /** Of a handle whose bytes go to `buffer`; to be attached afterwards. */
  static accepted(handle: StreamHandle, buffer: ReadBuffer): NodeSocket {
    const connection = new NodeSocket(undefined);
    connection.#handle = handle;
    connection.#bare = new BareStream(handle, buffer, connection);
    return connection;
  }

  /** Node's socket; of an accepted handle it is made when somebody needs it. */
  rawNow(): net.Socket | undefined {
    const bare = this.#bare;
    if (bare === undefined || this.#ended) return this.#raw;
    this.#bare = undefined;
    const { handle } = bare;
    this.#askPeer(handle);
    bare.release(); // The socket begins by itself.
    this.prepare(
      new AcceptedSocket({ handle, allowHalfOpen: true, ...this.readOptions(bare.buffer) } as object),
      handle,
    );
    if (this.#handlers !== undefined) this.#listenTo(this.#raw!, false);
    return this.#raw;
  }

  #askPeer(handle: StreamHandle): Peer {
    const peer: Peer = {};
    handle.getpeername?.(peer); // A Unix socket has none; a client may also be gone again by now.
    this.#peer = peer;
    return peer;
  }

  get remoteAddress(): string {
    return (this.#peer ?? this.#askPeer(this.#handle!)).address ?? '';
  }

  get remotePort(): number {
    return (this.#peer ?? this.#askPeer(this.#handle!)).port ?? 0;
  }

  get localAddress(): string {
    return this.#raw?.localAddress ?? this.#askLocal().address ?? '';
  }

  get localPort(): number {
    return this.#raw?.localPort ?? this.#askLocal().port ?? 0;
  }

  #askLocal(): Peer {
    const local: Peer = {};
    this.#bare?.handle.getsockname?.(local);
    return local;
  }

  /** The `onread` part of `net.Socket`'s options. */
  readOptions(buffer: ReadBuffer | undefined): net.SocketConstructorOpts {
    if (buffer === undefined) return {};
    const callback = (length: number): boolean => {
      if (this.#detached) return this.#raw!.push(Buffer.from(buffer.first(length)));
      this.#deliver(buffer.first(length));
      return length < READ_BYTES ? this.#readAll() : this.#readOneOfMany();
    };
    return { onread: { buffer: buffer.bytes, callback } };
  }

  #readAll(): true {
    this.#fullReads = 0;
    return true;
  }

  /** There is more to read. @returns whether at once. */
  #readOneOfMany(): boolean {
    if (this.#ended) {
      if (!linger(() => this.#readOn())) this.destroy();
      return false;
    }
    if (++this.#fullReads < FULL_READS_MAX) return true;
    this.#fullReads = 0;
    nodeTimers.soon(() => this.#readOn());
    return false;
  }

  #readOn(): void {
    const raw = this.#raw!;
    if (!raw.destroyed && !this.#detached && (this.#ended || !this.#paused)) raw.resume();
  }

  /**
   * Gives the connection up, without a further word to its handlers: whoever takes it attaches to the result, which is
   * paused, and finds `unread` there before what comes later.
   */
  detach(unread: Bytes): net.Socket {
    const raw = this.rawNow()!;
    const listeners = this.#listeners!;
    for (const bytes of this.#paced?.takeAll() ?? []) raw.write(bytes);
    this.#paced = undefined;
    this.#detached = true;
    this.#ended = true;
    raw
      .off('end', listeners.end)
      .off('close', listeners.close)
      .off('data', listeners.data)
      .off('error', listeners.error);
    raw.pause();
    raw.unshift(Buffer.from(unread));
    return raw;
  }

  /** From here on the connection can be written to and closed. */
  prepare(raw: net.Socket, handle: StreamHandle | undefined): void {
    this.#raw = raw;
    this.#handle = handle;
    if (handle !== undefined) learnRequests(handle);
  }

  /** From here on it delivers. */
  attach(handlers: SocketHandlers, byDataEvents: boolean): void {
    this.#handlers = handlers;
    if (this.#bare !== undefined) this.#bare.start(this.#paused);
    else this.#listenTo(this.#raw!, byDataEvents);
  }

  // Of an accepted handle without a socket of Node's

  onRead(chunk: Bytes): void {
    // Asked when it has been reset, the kernel knows no more.
    if (this.#peer === undefined) this.#askPeer(this.#handle!);
    this.#deliver(chunk);
  }

  onFull(): void {
    this.rawNow();
  }

  onEnded(): void {
    this.#onEnd();
  }

  onReset(): void {
    this.#fail(resetError());
  }

  onClosed(): void {
    this.#onClose();
  }

  #listenTo(raw: net.Socket, byDataEvents: boolean): void {
    this.#raw = raw;
    this.#listeners ??= {
      error: (error) => {
        this.#error ??= error;
      },
      end: () => spread(() => this.#onEnd()),
      close: () => this.#onClose(),
      data: (chunk) => this.#onRawData(chunk),
    };
    const { error, end, close, data } = this.#listeners;
    raw.on('error', error).on('end', end).on('close', close);
    if (byDataEvents) raw.on('data', data);
    if (this.#paused) raw.pause();
    else raw.resume();
  }

  #onRawData(chunk: Bytes): void {
    const identity = this.#offered;
    if (identity === undefined) {
      this.#deliver(chunk);
      return;
    }
    this.#offered = undefined;
    if (chunk[0] !== HANDSHAKE) {
      this.#deliver(chunk);
      return;
    }
    const raw = this.#raw!;
    raw.pause();
    raw.unshift(chunk); // The secure socket takes what is there already.
    this.startTls(identity);
  }

  get tls(): TlsSession | undefined {
    return this.#tls;
  }

  /** Lets the client choose, by its first byte. */
  awaitTls(identity: TlsIdentity): void {
    this.#offered = identity;
  }

  startTls(identity: TlsIdentity): void {
    const plain = this.rawNow();
    if (plain === undefined || plain.destroyed || this.#ended) return;
    assert(this.#tls === undefined && !this.#handshaking, 'a connection is encrypted once');
    assert(identity instanceof NodeTlsIdentity, 'an identity of the platform it is used on');
    this.#handshaking = true;
    this.#handle = undefined; // It carries what OpenSSL writes.
    const { data, end } = this.#listeners!;
    plain.off('data', data).off('end', end);
    identity.accept(plain, (secure) => this.#secured(plain, secure));
  }

  #secured(plain: net.Socket, secure: TLSSocket): void {
    this.#handshaking = false;
    if (this.#ended) {
      secure.destroy();
      return;
    }
    this.#tls = sessionOf(secure);
    plain.off('close', this.#listeners!.close);
    this.#listenTo(secure, true);
  }

  get bufferedBytes(): number {
    if (this.#isGone) return 0;
    return this.#paced === undefined ? this.#queuedBytes : this.#queuedBytes + this.#paced.length;
  }

  /** Handed over, and not taken by the kernel. */
  get #queuedBytes(): number {
    return (this.#raw?.writableLength ?? 0) + (this.#handle?.writeQueueSize ?? 0);
  }

  write(bytes: Bytes): boolean {
    // Nobody will read it: the bytes are not kept.
    if (this.#ended || this.#handshaking) return true;
    const handle = this.#handle;
    const isDirect = handle !== undefined && WriteRequestClass !== undefined;
    if (isDirect && (this.#raw === undefined || (this.#raw.writableLength === 0 && !this.#raw.destroyed))) {
      const mustWait = this.#paced !== undefined || (bytes.length > LARGE_BYTES && !mayWriteNow(bytes.length));
      return mustWait ? this.#writePaced(bytes) : this.#writeDirectly(handle, WriteRequestClass!, bytes);
    }
    const raw = this.rawNow();
    if (raw === undefined || raw.destroyed) return true;
    raw.write(bytes);
    if (raw.writableLength === 0) return true;
    this.#awaitDrain(raw);
    return false;
  }

  #writeDirectly(handle: StreamHandle, Request: new () => WriteRequest, bytes: Bytes): boolean {
    if (bytes.length === 0) return true;
    this.#request ??= new Request();
    const request = this.#request;
    const status = handle.writeBuffer(request, bytes);
    if (status !== 0) {
      this.#fail(writeError(status));
      return true;
    }
    if (handle.writeQueueSize === 0) {
      if (this.#isClient) busyPolling.answered(this);
      return true;
    }
    this.#request = undefined;
    request.buffer = bytes;
    const written = (result: number): void => {
      if (this.#isGone) return;
      if (result < 0) this.#fail(writeError(result));
      else if (this.#queuedBytes > 0) return;
      else if (this.#paced !== undefined) this.#paced.goOn();
      else this.#handlers?.onDrain?.();
    };
    request.oncomplete = written; // By name, so that it dies young (docs/decisions/small-heaps.md).
    return false;
  }

  /** What is not handed over at once waits for turns to come, and what is written next behind it. */
  #writePaced(bytes: Bytes): false {
    const paced = this.#paced ?? new PacedWrites(() => this.#writePiece());
    paced.add(bytes);
    if (this.#paced !== undefined) return false;
    this.#paced = paced;
    paced.goOn();
    return false;
  }

  #writePiece(): boolean {
    const paced = this.#paced;
    if (paced === undefined || this.#isGone) return false;
    const isTaken = this.#writeDirectly(this.#handle!, WriteRequestClass!, paced.take());
    if (this.#isGone) return false;
    if (paced.length > 0) return isTaken;
    this.#paced = undefined;
    if (this.#ended) this.#finish();
    else if (isTaken) this.#handlers?.onDrain?.();
    return false;
  }

  pause(): void {
    this.#paused = true;
    if (this.#handshaking) return;
    if (this.#bare === undefined) this.#raw?.pause();
    else if (this.#handlers !== undefined) this.#bare.pause();
  }

  resume(): void {
    this.#paused = false;
    if (this.#handshaking || this.#handlers === undefined) return;
    if (this.#bare === undefined) this.#raw?.resume();
    else this.#bare.resume();
  }

  end(): void {
    if (this.#ended) return;
    // The first end of the process goes a socket's way.
    if (this.#bare === undefined || this.#handlers === undefined || ShutdownRequestClass === undefined) {
      const raw = this.rawNow();
      if (raw === undefined || raw.destroyed) return;
      this.#ended = true;
      if (this.#handshaking) {
        raw.destroy();
        return;
      }
      if (this.#paced === undefined) this.#finish();
      raw.resume(); // What still comes is read away.
      return;
    }
    this.#ended = true;
    this.#bare.leave();
    if (this.#paced === undefined) this.#finish();
  }

  /** All was handed over. */
  #finish(): void {
    if (this.#bare !== undefined) {
      this.#bare.end(ShutdownRequestClass!, this.#bare.isFirst);
      return;
    }
    const raw = this.#raw!;
    raw.end(() => {
      const timer = nodeTimers.after(LINGER_MS, () => raw.destroy());
      raw.once('close', () => timer.cancel());
    });
  }

  /** Nothing more can be written. */
  get #isGone(): boolean {
    return this.#bare === undefined ? (this.#raw?.destroyed ?? true) : this.#bare.isCut;
  }

  /** Ends it for an error; `onClose` tells it. */
  #fail(error: Error): void {
    if (this.#bare === undefined) {
      this.#raw?.destroy(error);
      return;
    }
    this.#error ??= error;
    this.#ended = true;
    this.#bare.cut();
  }

  destroy(): void {
    if (this.#bare === undefined || this.#handlers === undefined) this.rawNow()?.destroy();
    else this.#bare.cut();
    this.#ended = true;
  }

  /** Destroys it; resolves when it is closed. */
  async closed(): Promise<void> {
    const bare = this.#bare;
    this.#ended = true;
    if (bare === undefined) await closed(this.#raw!);
    else await new Promise<void>((resolve) => bare.close(resolve));
  }

  #deliver(chunk: Bytes): void {
    if (this.#ended) return;
    if (this.#isClient) busyPolling.asked(this);
    try {
      this.#handlers!.onData(chunk);
    } catch (error) {
      // A failed assertion ends the session that it belongs to, and `onClose` tells why.
      this.#ended = true;
      this.#error ??= error instanceof Error ? error : new Error(String(error));
      this.#fail(this.#error);
    }
  }

  /**
   * Node emits `drain` only above its high-water mark, and we need to know of any byte left over. An empty write behind
   * the rest calls back when the kernel has taken all; one at a time, and the usual write pays nothing.
   */
  #awaitDrain(raw: net.Socket): void {
    if (this.#drainAwaited) return;
    this.#drainAwaited = true;
    raw.write(EMPTY_BYTES, (error) => {
      this.#drainAwaited = false;
      if (error != null || raw.destroyed) return;
      if (raw.writableLength > 0 && !this.#ended) this.#awaitDrain(raw);
      else this.#handlers?.onDrain?.();
    });
  }

  #onEnd(): void {
    if (this.#ended) return;
    if (this.#handlers?.onEnd === undefined) this.end();
    else this.#handlers.onEnd();
  }

  #onClose(): void {
    this.#ended = true;
    this.#paced = undefined;
    this.seat?.leave();
    const error = this.#error;
    const handlers = this.#handlers;
    if (handlers === undefined) return;
    // What Node keeps of a closed socket lives until the whole heap is collected: the session behind it need not.
    this.#handlers = undefined;
    if (error === undefined) handlers.onClose();
    else if ('code' in error) handlers.onClose(socketError(error, `connection of ${this.#shownPeer()}`));
    else handlers.onClose(error);
  }

  #shownPeer(): string {
    return this.remoteAddress === '' ? 'a local client' : `${this.remoteAddress}:${this.remotePort}`;
  }
}
