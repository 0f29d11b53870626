/**
 * Statements that the server runs for itself, so that the first ones of its clients are not the first that V8 sees: the
 * hundreds of functions between a query string and its rows make the first statements of a process take some ten times what they
 * take later (docs/decisions/statements-are-rehearsed.md).
 *
 * The stage is a listener whose engine has clients' class and options, with their parser, as each loads PostgreSQL's grammar once.
 */

import { assert } from '../../base/assert.ts';
import { type Deferred, deferred } from '../../base/awaitable.ts';
import { type Bytes, EMPTY_BYTES } from '../../base/bytes.ts';
import type { Socket, Sockets } from '../../platform/sockets.ts';
import { type Gate, HOST, type OpenStage } from '../rehearsal.ts';
import { rehearsedTexts } from './rehearsed-texts.ts';

/** Of one connection. */
const STATEMENTS_MAX = 64;

const PROTOCOL_3 = 3 << 16;
const QUERY = 0x51;
const TERMINATE = Buffer.from('X\0\0\0\x04');
/** ReadyForQuery, up to the transaction status. */
const READY = Buffer.from('Z\0\0\0\x05');
const READY_BYTES = READY.length + 1;

/** Runs the rehearsed statements, one after another, on connections that follow each other. */
export async function rehearseStatements({ sockets, port, gate, moments }: OpenStage): Promise<void> {
  let client: DeafClient | undefined;
  try {
    for (const text of rehearsedTexts()) {
      if (!(await moments.goOn())) break;
      if (client !== undefined && client.asked > STATEMENTS_MAX) {
        client.leave();
        client = undefined;
      }
      client ??= await DeafClient.connect(sockets, port, gate);
      await client.ask(query(text));
    }
  } finally {
    client?.leave();
  }
}

/** Sends one message, and waits until the server is ready for the next; what is answered nobody reads. */
class DeafClient {
  /** Messages. */
  asked = 0;
  #socket: Socket | undefined;
  #answered: Deferred<void> | undefined;
  /** A chunk may end within a message. */
  #lastBytes: Bytes = EMPTY_BYTES;
  #closed = false;

  /** @throws OperationError when it cannot connect. */
  static async connect(sockets: Sockets, port: number, gate: Gate): Promise<DeafClient> {
    const client = new DeafClient();
    gate.close();
    const socket = await sockets.connect(
      { host: HOST, port },
      { onData: (bytes) => client.#hear(bytes), onClose: () => client.#close() },
    );
    client.#socket = socket;
    gate.openFor(socket.localPort);
    await client.ask(startup());
    return client;
  }

  leave(): void {
    this.#socket!.write(TERMINATE);
    this.#socket!.end();
  }

  async ask(message: Bytes): Promise<void> {
    assert(!this.#closed, 'the connection for rehearsals has ended');
    this.asked++;
    this.#answered = deferred<void>();
    this.#socket!.write(message);
    await this.#answered.promise;
  }

  #hear(bytes: Bytes): void {
    this.#lastBytes = Buffer.concat([this.#lastBytes, bytes.subarray(-READY_BYTES)]).subarray(-READY_BYTES);
    if (READY.equals(this.#lastBytes.subarray(0, READY.length))) this.#answered?.resolve();
  }

  #close(): void {
    this.#closed = true;
    this.#answered?.resolve();
  }
}

function startup(): Buffer {
  const body = Buffer.from('\0\0\0\0\0\0\0\0user\0orbit\0database\0actors\0\0');
  body.writeInt32BE(body.length, 0);
  body.writeInt32BE(PROTOCOL_3, 4);
  return body;
}

function query(text: string): Buffer {
  const message = Buffer.from(`\0\0\0\0\0${text}\0`);
  message[0] = QUERY;
  message.writeInt32BE(message.length - 1, 1);
  return message;
}
