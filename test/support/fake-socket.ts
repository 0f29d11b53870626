/** A socket for connections without a network: keeps what is written, and lends its chunks as the platform does. */

import { deferred } from '../../src/base/awaitable.ts';
import type { Socket, SocketHandlers } from '../../src/platform/sockets.ts';

export class FakeSocket implements Socket {
  readonly remoteAddress = '127.0.0.1';
  readonly remotePort = 1;
  readonly localAddress = '127.0.0.1';
  readonly localPort = 2;
  readonly bufferedBytes = 0;
  readonly tls = undefined;
  readonly written: Buffer[] = [];
  closed = false;
  paused = false;
  handlers: SocketHandlers | undefined;
  readonly #ended = deferred<void>();

  startTls(): void {}
  write(bytes: Uint8Array): boolean {
    this.written.push(Buffer.from(bytes));
    return true;
  }
  writeAll(parts: readonly Uint8Array[]): boolean {
    return this.write(Buffer.concat(parts));
  }
  pause(): void {
    this.paused = true;
  }
  resume(): void {
    this.paused = false;
  }
  end(): void {
    if (this.closed) return;
    this.closed = true;
    this.handlers?.onClose();
    this.#ended.resolve();
  }
  refuse(): void {
    this.end();
  }
  destroy(): void {
    this.end();
  }

  /** Feeds bytes in a buffer that is overwritten afterwards, as the platform does. */
  async feed(bytes: Buffer): Promise<void> {
    if (this.closed) return;
    const lent = Buffer.from(bytes);
    this.handlers!.onData(lent);
    lent.fill(0xee);
    while (this.paused && !this.closed) await new Promise((resolve) => setImmediate(resolve));
  }

  /** Resolves once the connection has ended: after everything that it had to say. */
  whenClosed(): Promise<void> {
    return this.#ended.promise;
  }

  get output(): Buffer {
    return Buffer.concat(this.written);
  }
}
