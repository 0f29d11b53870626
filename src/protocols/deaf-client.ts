/** A client of the server's own, for rehearsals: it sends one message after another, and what is answered nobody reads. */

import { assert } from '../base/assert.ts';
import { type Deferred, deferred } from '../base/awaitable.ts';
import type { Bytes } from '../base/bytes.ts';
import type { Socket } from '../platform/sockets.ts';
import { HOST, type OpenStage } from './rehearsal.ts';

/** Is told of each chunk that comes. @returns whether the answer ends with it. */
export type AnswerEnd = (chunk: Bytes) => boolean;

export class DeafClient {
  /** Messages. */
  asked = 0;
  #socket: Socket | undefined;
  #isEnd: AnswerEnd | undefined;
  #answered: Deferred<void> | undefined;
  #closed = false;

  /** @throws OperationError when it cannot connect. */
  static async connect({ sockets, port, gate }: OpenStage): Promise<DeafClient> {
    const client = new DeafClient();
    gate.close();
    const socket = await sockets.connect(
      { host: HOST, port },
      { onData: (chunk) => client.#hear(chunk), onClose: () => client.#close() },
    );
    client.#socket = socket;
    gate.openFor(socket.localPort);
    return client;
  }

  /** Sends a message, and waits until it is answered, or the connection has ended. */
  async ask(message: Bytes, isEnd: AnswerEnd): Promise<void> {
    assert(!this.#closed, 'the connection for rehearsals has ended');
    this.asked++;
    this.#isEnd = isEnd;
    this.#answered = deferred<void>();
    this.#socket!.write(message);
    await this.#answered.promise;
  }

  /** @param farewell What the protocol has a client say that goes. */
  leave(farewell?: Bytes): void {
    if (farewell !== undefined) this.#socket!.write(farewell);
    this.#socket!.end();
  }

  #hear(chunk: Bytes): void {
    if (this.#isEnd?.(chunk)) this.#answered!.resolve();
  }

  #close(): void {
    this.#closed = true;
    this.#answered?.resolve();
  }
}
