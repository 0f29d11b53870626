/**
 * A socket of the machine: one that a listener accepted, or one that was connected.
 *
 * All reads of a `NodeSockets` share one buffer: a callback uses the chunk up before the next read can begin. Node allocates a chunk
 * per read unless a socket was created with `onread`. Encrypted connections are read by `data` events: their bytes come out of
 * OpenSSL, not of the kernel. So are clear ones of a listener that takes both, because the first chunk must be put back when a
 * handshake turns out to begin with it.
 *
 * What is written goes to the handle directly: a stream's own `write` costs as much again as the system call's way into
 * the kernel, most of it for an event loop turn of callbacks that a write which the kernel takes at once does not need. The
 * class of the handle's write requests is private too; the first write of the process goes the stream's way and shows it.
 * What is large leaves over several turns of the event loop (`paced-writes.ts`).
 *
 * `end` sends FIN after what was written and then reads the peer's remaining bytes away for a while: closing with
 * unread input resets the connection, and the reset may overtake the last reply (`lingering.ts`). Waiting for a peer that takes no bytes
 * is not bounded here; the slow-client timeout of a protocol calls `destroy`.
 *
 * Of an accepted handle Node's socket is made when something needs it, which most never do (`bare-stream.ts`).
 *
 * `http-lane.ts` puts connections that `node:http` accepted into such sockets, and gives them back with `detach`.
 */

import * as net from 'node:net';
import type { TLSSocket } from 'node:tls';
import { assert } from '../base/assert.ts';
import { type Bytes, EMPTY_BYTES } from '../base/bytes.ts';
import type { Seat } from '../base/roster.ts';
import { type BareEvents, BareStream, LINGER_MS, READ_BYTES, type ReadBuffer } from './bare-stream.ts';
import { busyPolling } from './busy-polling.ts';
import { linger } from './lingering.ts';
import { nodeTimers } from './node-timers.ts';
import { NodeTlsIdentity, sessionOf } from './node-tls.ts';
import { answersShortly, LARGE_BYTES, mayWriteNow, PacedWrites, SHORT_ANSWER_BYTES } from './paced-writes.ts';
import { mayGoNow } from './refusals.ts';
import type { Socket, SocketHandlers } from './sockets.ts';
import { spread } from './spread.ts';
import {
  handleOf,
  learnRequests,
  type Peer,
  resetError,
  ShutdownRequestClass,
  type StreamHandle,
  type WriteRequest,
  WriteRequestClass,
  writeError,
} from './stream-handle.ts';
import { socketError } from './system-error.ts';
import type { TlsIdentity, TlsSession } from './tls.ts';

/** A client that sends much is read so many times, then others have their turn. */
const FULL_READS_MAX = 4;

/** Longer parts of a write are worth a call of their own. */
const SHORT_BYTES = 4 * 1024;

/** The first byte of a TLS record that carries a handshake. No text protocol begins so. */
const HANDSHAKE = 0x16;

/** Destroys a socket; resolves when it is closed. */
export function closed(raw: net.Socket): Promise<void> {
  return new Promise((resolve) => {
    raw.once('close', () => resolve());
    raw.destroy();
  });
}

/** Closes when its turn comes. Until then nothing is read: Node takes what comes to a destroyed socket for an error, and throws. */
class AcceptedSocket extends net.Socket {
  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    handleOf(this)?.readStop();
    spread(() => super._destroy(error, callback));
  }
}

function sumOf(parts: readonly Bytes[]): number {
  let bytes = 0;
  for (const part of parts) bytes += part.length;
  return bytes;
}

function isSeveral(written: Bytes | readonly Bytes[]): written is readonly Bytes[] {
  return Array.isArray(written);
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
  #isRefused = false;
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
    this.#knownPeer();
    bare.release(); // The socket begins by itself.
    this.prepare(
      new AcceptedSocket({ handle, allowHalfOpen: true, ...this.readOptions(bare.buffer) } as object),
      handle,
    );
    if (this.#handlers !== undefined) this.#listenTo(this.#raw!, false);
    return this.#raw;
  }

  #knownPeer(): Peer {
    if (this.#peer === undefined) {
      this.#peer = {};
      this.#handle!.getpeername?.(this.#peer); // A Unix socket has none; a client may also be gone again by now.
    }
    return this.#peer;
  }

  get remoteAddress(): string {
    return this.#knownPeer().address ?? '';
  }

  get remotePort(): number {
    return this.#knownPeer().port ?? 0;
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
    // The kernel tells it now; of one that was reset it knows no more.
    this.#knownPeer();
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
    if (handle !== undefined && this.#isWrittenDirectly) {
      if (this.#mustWait(bytes.length)) return this.#writePaced([bytes]);
      return this.#writeDirectly(handle, bytes, bytes.length);
    }
    const raw = this.rawNow();
    if (raw === undefined || raw.destroyed) return true;
    raw.write(bytes);
    if (raw.writableLength === 0) return true;
    this.#awaitDrain(raw);
    return false;
  }

  writeAll(parts: readonly Bytes[]): boolean {
    if (this.#ended || this.#handshaking) return true;
    const handle = this.#handle;
    if (handle === undefined || !this.#isWrittenDirectly) {
      // None may be written again before all are taken.
      return parts.map((part) => this.write(part)).every((isTaken) => isTaken);
    }
    return this.#mustWait(sumOf(parts)) ? this.#writePaced(parts) : this.#writeParts(handle, parts);
  }

  /** Past the stream, of which nothing waits. */
  get #isWrittenDirectly(): boolean {
    const raw = this.#raw;
    return WriteRequestClass !== undefined && (raw === undefined || (raw.writableLength === 0 && !raw.destroyed));
  }

  #mustWait(bytes: number): boolean {
    if (bytes <= SHORT_ANSWER_BYTES) answersShortly(this);
    return this.#paced !== undefined || (bytes > LARGE_BYTES && !mayWriteNow(this, bytes));
  }

  /**
   * What is short goes ahead of what is large: behind it the kernel would copy the large one across its pages, and clients
   * that are alone waited a third longer for a megabyte.
   */
  #writeParts(handle: StreamHandle, parts: readonly Bytes[]): boolean {
    const large = parts.findIndex((part) => part.length > SHORT_BYTES);
    if (large <= 0) return this.#writeDirectly(handle, parts, sumOf(parts));
    const ahead = parts.slice(0, large);
    const rest = parts.slice(large);
    const isTaken = this.#writeDirectly(handle, ahead, sumOf(ahead));
    return !this.#isGone && this.#writeDirectly(handle, rest, sumOf(rest)) && isTaken;
  }

  /** @param written One or several, of `bytes` together. */
  #writeDirectly(handle: StreamHandle, written: Bytes | readonly Bytes[], bytes: number): boolean {
    if (bytes === 0) return true;
    this.#request ??= new WriteRequestClass!();
    const request = this.#request;
    const status = isSeveral(written) ? handle.writev(request, written, true) : handle.writeBuffer(request, written);
    if (status !== 0) {
      this.#fail(writeError(status));
      return true;
    }
    if (handle.writeQueueSize === 0) {
      if (this.#isClient) busyPolling.answered(this);
      return true;
    }
    this.#request = undefined;
    request.buffer = written;
    const done = (result: number): void => {
      if (this.#isGone) return;
      if (result < 0) this.#fail(writeError(result));
      else if (this.#queuedBytes > 0) return;
      else if (this.#paced !== undefined) this.#paced.goOn();
      else this.#handlers?.onDrain?.();
    };
    request.oncomplete = done; // By name, so that it dies young (docs/decisions/small-heaps.md).
    return false;
  }

  /** What is not handed over at once waits for turns to come, and what is written next behind it. */
  #writePaced(parts: readonly Bytes[]): false {
    const paced = this.#paced ?? new PacedWrites(this, () => this.#writePiece());
    for (const part of parts) paced.add(part);
    if (this.#paced !== undefined) return false;
    this.#paced = paced;
    paced.goOn();
    return false;
  }

  #writePiece(): boolean {
    const paced = this.#paced;
    if (paced === undefined || this.#isGone) return false;
    const isTaken = this.#writeParts(this.#handle!, paced.take());
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
      else raw.resume(); // What still comes is read away.
      return;
    }
    this.#ended = true;
    this.#bare.leave();
    if (this.#paced === undefined) this.#finish();
  }

  refuse(): void {
    this.#isRefused = true;
    this.end();
  }

  /** All was handed over. */
  #finish(): void {
    if (this.#bare !== undefined) this.#bare.end(ShutdownRequestClass!, this.#isRefused);
    else if (!this.#isRefused || mayGoNow(() => this.#endRaw())) this.#endRaw();
    else this.#raw!.pause();
  }

  #endRaw(): void {
    const raw = this.#raw!;
    if (raw.destroyed) return;
    raw.end(() => {
      const timer = nodeTimers.after(LINGER_MS, () => raw.destroy());
      raw.once('close', () => timer.cancel());
    });
    raw.resume(); // What still comes is read away.
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
