/**
 * The end of an accepted connection of which no socket of Node's was made: most that begin with garbage are told so and ended at
 * once, and a stream made for it would be most of what that costs, in time and in objects that outlive it.
 *
 * Sends the end, then reads away what still comes until the peer has ended too, for a while at most (`lingering.ts` says why).
 */

import { linger } from './lingering.ts';
import { nodeTimers } from './node-timers.ts';
import type { Timer } from './platform.ts';
import { spread } from './spread.ts';
import type { ShutdownRequest, StreamHandle } from './stream-handle.ts';

/** How long a flushed connection waits for the peer's FIN. */
export const LINGER_MS = 2_000;

/** Nobody asks when the end was sent: the peer's answers it. */
function sent(): void {}

export class Farewell {
  readonly #handle: StreamHandle;
  /** A read that fills the buffer may not be the last. */
  readonly #bufferBytes: number;
  readonly #onClosed: () => void;
  readonly #timer: Timer;
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
    this.#bytesRead = handle.bytesRead;
    this.#timer = nodeTimers.after(LINGER_MS, () => this.cut());
    const readAway = (): void => this.#readAway();
    handle.onread = readAway; // By name, so that it dies young (docs/decisions/small-heaps.md), as is the next.
    const request = new Request();
    request.oncomplete = sent;
    if (handle.shutdown(request) !== 0) nodeTimers.soon(() => this.cut());
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
    this.#timer.cancel();
    this.#handle.close();
    this.#onClosed();
  }
}
