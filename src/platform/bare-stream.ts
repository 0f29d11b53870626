/**
 * An accepted connection without a socket of Node's. Making that socket, and ending it, is most of what a connection costs in time
 * and in objects that outlive it; with it a silent client takes twice the memory, and ten thousand that leave at the same moment
 * had the event loop make ten thousand sockets, only to have them meet the end that the handle had met.
 *
 * It reads into the buffer of all, until it is released: who sends more than a buffer at once is read by Node's socket, as a
 * handle does not tell an empty read, which follows on full ones, from the end. Both are reads of no bytes.
 *
 * Its end is FIN behind what was written; then what still comes is read away until the peer has ended too, for a while at most
 * (`lingering.ts` says why).
 */

import type { Bytes } from '../base/bytes.ts';
import { linger } from './lingering.ts';
import { nodeTimers } from './node-timers.ts';
import type { Timer } from './platform.ts';
import { mayGoNow } from './refusals.ts';
import { spread } from './spread.ts';
import { ownerOf, type Peer, type ShutdownRequest, type StreamHandle, setOwner } from './stream-handle.ts';

export const READ_BYTES = 64 * 1024;

/** How long a flushed connection waits for the peer's FIN. */
export const LINGER_MS = 2_000;

/** The one buffer that sockets read into. */
export class ReadBuffer {
  readonly bytes: Bytes = Buffer.allocUnsafeSlow(READ_BYTES);
  #view: Bytes = this.bytes;

  /** Its first bytes; requests of one kind are of one length, so that the last view often serves again. */
  first(length: number): Bytes {
    if (this.#view.length !== length) this.#view = this.bytes.subarray(0, length);
    return this.#view;
  }
}

export interface BareEvents {
  /** @param chunk Valid during the call. */
  onRead(chunk: Bytes): void;
  /** A read has filled the buffer: the rest is for a socket of Node's. */
  onFull(): void;
  /** The peer sends no more. */
  onEnded(): void;
  /** The peer has cut the connection; it is to be cut here too. */
  onReset(): void;
  /** Once, never at once. */
  onClosed(): void;
}

export class BareStream {
  readonly handle: StreamHandle;
  readonly buffer: ReadBuffer;
  readonly #events: BareEvents;
  #bytesRead = 0;
  #isReading = false;
  #isPaused = false;
  /** Somebody else reads the handle. */
  #isReleased = false;
  /** What comes is for nobody. */
  #isLeaving = false;
  /** The end was sent. */
  #isOver = false;
  #hasPeerEnded = false;
  /** It closes when its turn comes. */
  isCut = false;
  #closing: 'no' | 'begun' | 'done' = 'no';
  #timer: Timer | undefined;
  /** Who waits until it is closed. */
  #awaiting: (() => void) | undefined;

  constructor(handle: StreamHandle, buffer: ReadBuffer, events: BareEvents) {
    this.handle = handle;
    this.buffer = buffer;
    this.#events = events;
  }

  /** Begins to read. */
  start(isPaused: boolean): void {
    this.handle.useUserBuffer(this.buffer.bytes);
    setOwner(this.handle, this);
    this.handle.onread = onRead;
    this.#isPaused = isPaused;
    this.#readOn();
  }

  pause(): void {
    this.#isPaused = true;
    if (!this.#isLeaving) this.#readStop();
  }

  resume(): void {
    if (!this.#isPaused) return;
    this.#isPaused = false;
    this.#readOn();
  }

  /** Leaves the handle to somebody else, who reads on. */
  release(): void {
    this.#isReleased = true;
    this.#readStop();
  }

  #readOn(): void {
    if (this.#isReading || this.isCut || this.#isReleased || this.#hasPeerEnded) return;
    if (this.#isPaused && !this.#isLeaving) return;
    this.#isReading = this.handle.readStart() === 0;
    if (!this.#isReading) this.#events.onReset();
  }

  #readStop(): void {
    if (this.#isReading) this.handle.readStop();
    this.#isReading = false;
  }

  /** The handle has read, or met the end. */
  onRead(): void {
    const { bytesRead } = this.handle;
    const came = bytesRead - this.#bytesRead;
    this.#bytesRead = bytesRead;
    if (came === 0) {
      this.#readStop();
      spread(() => this.#onEnd());
    } else if (this.#isLeaving) this.#readAway(came);
    else {
      this.#events.onRead(this.buffer.first(came));
      if (came < READ_BYTES) return;
      if (this.#isLeaving) this.#readAway(came);
      else if (!this.isCut && !this.#isReleased) this.#events.onFull();
    }
  }

  #readAway(came: number): void {
    if (came < READ_BYTES) return;
    this.#readStop();
    if (!linger(() => this.#readOn())) this.cut();
  }

  #onEnd(): void {
    if (this.isCut || this.#isReleased || this.#hasPeerEnded) return;
    const isReset = !isConnected(this.handle);
    this.#hasPeerEnded = true;
    if (this.#isLeaving) {
      if (isReset || this.#isOver) this.cut();
    } else if (isReset) this.#events.onReset();
    else this.#events.onEnded();
  }

  /** From here on what comes is read away. */
  leave(): void {
    this.#isLeaving = true;
    if (this.#isPaused) this.#readOn();
  }

  /** Sends the end behind what was written, after `leave`; closes when the peer has ended too. @param isRefused It stands in line for that (`refusals.ts`). */
  end(Request: new () => ShutdownRequest, isRefused: boolean): void {
    // Closing sends it too.
    if (this.#hasPeerEnded && this.handle.writeQueueSize === 0) this.cut();
    else if (!isRefused || mayGoNow(() => this.#letGo(Request))) this.#letGo(Request);
    else this.#readStop();
  }

  #letGo(Request: new () => ShutdownRequest): void {
    if (this.isCut) return;
    this.#readOn();
    const request = new Request();
    const sent = (): void => this.#onSent();
    request.oncomplete = sent;
    if (this.handle.shutdown(request) !== 0) nodeTimers.soon(() => this.cut());
  }

  #onSent(): void {
    if (this.isCut) return;
    this.#isOver = true;
    if (this.#hasPeerEnded) this.cut();
    else this.#timer = nodeTimers.after(LINGER_MS, () => this.cut());
  }

  /** Closes when its turn comes. */
  cut(): void {
    if (this.isCut) return;
    this.isCut = true;
    this.#readStop();
    spread(() => this.#close());
  }

  /** Closes now; calls `then` when it is closed. */
  close(then: () => void): void {
    if (this.#closing === 'done') then();
    else this.#awaiting = then;
    this.isCut = true;
    this.#close();
  }

  #close(): void {
    if (this.#closing !== 'no') return;
    this.#closing = 'begun';
    this.#timer?.cancel();
    this.handle.close(() => {
      this.#closing = 'done';
      this.#events.onClosed();
      this.#awaiting?.();
    });
  }
}

/** Called on the handle that has read. */
function onRead(this: StreamHandle): void {
  (ownerOf(this) as BareStream).onRead();
}

/** Of a connection that was reset the kernel knows no peer any more. A Unix socket has none. */
function isConnected(handle: StreamHandle): boolean {
  const peer: Peer = {};
  return handle.getpeername === undefined || handle.getpeername(peer) === 0;
}
