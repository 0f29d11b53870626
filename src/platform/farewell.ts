/**
 * The end of an accepted connection of which no socket of Node's was made: most that begin with garbage are told so and ended at
 * once, and a stream made for it would be most of what that costs, in time and in objects that outlive it.
 *
 * Sends the end, then reads away what still comes until the peer has ended too, for a while at most (`lingering.ts` says why).
 *
 * One is let go each millisecond, the others stand in line: it is the end that whoever sends garbage in a loop waits for, and what
 * comes faster only takes processor time from everybody else. They know by then why they are refused. The line is short; who
 * finds it full is let go at once.
 */

import { linger } from './lingering.ts';
import { nodeTimers } from './node-timers.ts';
import type { Timer } from './platform.ts';
import { spread } from './spread.ts';
import type { ShutdownRequest, StreamHandle } from './stream-handle.ts';

/** How long a flushed connection waits for the peer's FIN. */
export const LINGER_MS = 2_000;

const LINE_MAX = 64;
const PERIOD_MS = 1;

/** Those who wait to be let go. */
const line: (() => void)[] = [];
/** One was let go less than a period ago. */
let isPacing = false;

/** @returns whether that is now; otherwise `letGo` is called when it is. */
function mayGoNow(letGo: () => void): boolean {
  if (line.length >= LINE_MAX) return true;
  if (isPacing) {
    line.push(letGo);
    return false;
  }
  isPacing = true;
  setTimeout(next, PERIOD_MS); // It keeps the process alive, which a connection that is not read does not.
  return true;
}

function next(): void {
  const letGo = line.shift();
  isPacing = letGo !== undefined;
  if (letGo === undefined) return;
  setTimeout(next, PERIOD_MS);
  letGo();
}

/** Nobody asks when the end was sent: the peer's answers it. */
function sent(): void {}

export class Farewell {
  readonly #handle: StreamHandle;
  /** A read that fills the buffer may not be the last. */
  readonly #bufferBytes: number;
  readonly #onClosed: () => void;
  readonly #Request: new () => ShutdownRequest;
  #timer: Timer | undefined;
  #bytesRead: number;
  #isClosed = false;

  /** @param handle It reads, and nothing waits to be written. @param onClosed Called once, never at once. */
  constructor(
    handle: StreamHandle,
    Request: new () => ShutdownRequest,
    options: { readonly bufferBytes: number; readonly onClosed: () => void },
  ) {
    this.#handle = handle;
    this.#bufferBytes = options.bufferBytes;
    this.#onClosed = options.onClosed;
    this.#Request = Request;
    this.#bytesRead = handle.bytesRead;
    const readAway = (): void => this.#readAway();
    handle.onread = readAway; // By name, so that it dies young (docs/decisions/small-heaps.md).
    if (mayGoNow(() => this.#letGo(true))) this.#letGo(false);
    else handle.readStop();
  }

  #letGo(hasWaited: boolean): void {
    if (this.#isClosed) return;
    this.#timer = nodeTimers.after(LINGER_MS, () => this.cut());
    const request = new this.#Request();
    request.oncomplete = sent;
    const isSent = this.#handle.shutdown(request) === 0;
    if (!isSent) nodeTimers.soon(() => this.cut());
    else if (hasWaited) this.#readOn();
  }

  #readAway(): void {
    const { bytesRead } = this.#handle;
    const came = bytesRead - this.#bytesRead;
    this.#bytesRead = bytesRead;
    if (came === 0)
      this.cut(); // The end, or an error.
    else if (came >= this.#bufferBytes) {
      this.#handle.readStop();
      if (!linger(() => this.#readOn())) this.cut();
    }
  }

  #readOn(): void {
    if (!this.#isClosed && this.#handle.readStart() !== 0) this.cut();
  }

  /** Closes when its turn comes. */
  cut(): void {
    this.#handle.readStop();
    spread(() => this.close());
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#timer?.cancel();
    this.#handle.close();
    this.#onClosed();
  }
}
