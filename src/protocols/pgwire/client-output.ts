/**
 * What a client is sent: gathered in a writer, and written to its socket once it may be.
 *
 * **Nothing leaves before it is durable**: `flush` first waits for the highest commit version that the session has seen. If
 * that commit turns out unknown, what was gathered is dropped. And no more is held than the client is behind: while its
 * socket holds more than the bound, a flush is not done.
 *
 * When to flush is not decided here.
 */

import type { Awaitable } from '../../base/awaitable.ts';
import type { Socket } from '../../platform/sockets.ts';
import type { SqlSession } from '../../query/sql/sql-session.ts';
import type { Store } from '../../storage/store.ts';
import { MessageWriter } from './message-writer.ts';

export class ClientOutput {
  readonly writer = new MessageWriter();
  /** Gathered bytes from which on they should be written, and bytes that the socket may hold. */
  readonly bytesMax: number;
  readonly #socket: Socket;
  readonly #store: Pick<Store, 'whenDurable'>;
  #session: SqlSession | undefined;
  #drained: (() => void) | undefined;
  #closed = false;

  constructor(socket: Socket, store: Pick<Store, 'whenDurable'>, bytesMax: number) {
    this.#socket = socket;
    this.#store = store;
    this.bytesMax = bytesMax;
  }

  /** From here on what is written may tell of what this session saw. */
  begin(session: SqlSession): void {
    this.#session = session;
  }

  /**
   * Writes what was gathered, once it is durable; a promise while that, or the client, has to be waited for.
   * @throws OperationError `commit_unknown` by the promise.
   */
  flush(): Awaitable<void> {
    if (this.writer.length === 0 || this.#closed) return undefined;
    const durable = this.#whenDurable();
    if (durable === undefined) return this.#write();
    return durable.then(
      () => this.#write(),
      (error: unknown) => {
        this.writer.clear();
        throw error;
      },
    );
  }

  #whenDurable(): Promise<void> | undefined {
    return this.#session && this.#store.whenDurable(this.#session.observedVersion);
  }

  #write(): Awaitable<void> {
    if (this.#closed) return undefined;
    this.writeNow();
    if (this.#socket.bufferedBytes <= this.bytesMax) return undefined;
    return new Promise((resolve) => {
      this.#drained = resolve;
    });
  }

  /** Writes what was gathered, which tells of nothing that could still be lost. */
  writeNow(): void {
    if (this.writer.length > 0) this.writer.flush((bytes) => this.#socket.write(bytes));
  }

  /** Drops what was gathered, unless it is durable already: an error comes in its place. */
  dropUndurable(): void {
    if (this.#whenDurable() !== undefined) this.writer.clear();
  }

  /** The socket has written what it held, or never will. */
  drained(): void {
    const drained = this.#drained;
    this.#drained = undefined;
    drained?.();
  }

  /** Writes what was gathered as it is, then nothing more. @param isRefused The client ends for what it sent, or for what happened to it. */
  end(isRefused: boolean): void {
    this.writeNow();
    this.#closed = true;
    if (isRefused) this.#socket.refuse();
    else this.#socket.end();
  }

  /** The socket has gone. */
  close(): void {
    this.#closed = true;
    this.drained();
  }
}
