/**
 * Statements that the server runs for itself, so that the first ones of its clients are not the first that V8 sees.
 *
 * A function's first calls are slow: it is compiled, then interpreted, and compiled again once it has been called often. The
 * hundreds of functions between a query string and its rows make the first statements of a process take some ten times what they
 * take later (docs/decisions/statements-are-rehearsed.md). So before the first client asks, connections of the server's own
 * run some thousands of statements over a store of their own: what clients store, see and count is left alone.
 *
 * Compiled code holds for the classes that it has met, and is thrown away at the first other one. So all is as clients have it: a store
 * of the same provider, an engine with the same options, and sockets that connect, log in and leave. For as long as it takes
 * a port of the loopback interface is open for them, at which others are cut off.
 *
 * Clients come first: a statement is rehearsed only when the event loop has waited for most of the time just before, and
 * a server that clients keep busy rehearses nothing. It ends by itself, and sooner when the server stops.
 */

import { assert } from '../../base/assert.ts';
import { type Deferred, deferred } from '../../base/awaitable.ts';
import { type Bytes, EMPTY_BYTES } from '../../base/bytes.ts';
import { messageOf } from '../../base/errors.ts';
import type { Log } from '../../base/log.ts';
import type { Platform } from '../../platform/platform.ts';
import type { Socket, SocketHandlers, Sockets } from '../../platform/sockets.ts';
import { rehearsedTexts } from './rehearsed-texts.ts';

export interface RehearsalOptions {
  readonly platform: Pick<Platform, 'clock' | 'timers' | 'sockets'>;
  readonly log: Log;
  readonly openStage: () => Promise<Stage>;
  /** The share of the time since its last call in which the event loop had work, from 0 to 1. */
  readonly loopShare: () => number;
}

/** What statements are rehearsed on. */
export interface Stage {
  /**
   * Of a listener whose engine has clients' class and options, over an empty store; with their parser, as each loads PostgreSQL's
   * grammar once. No password is asked for.
   */
  readonly accept: (socket: Socket) => SocketHandlers;
  /** Nothing is left of it then. */
  close(): Promise<void>;
}

/** How long the event loop is looked at before the next statements: less long the longer it was idle. */
const PAUSE_MS = 20;
const PAUSE_MS_MIN = 1;
/** Statements run one after another for so long. */
const STRETCH_MS = 2;
/** Whose clients leave less than the rest of the time idle is busy. */
const BUSY_SHARE = 0.2;
/** Whoever was busy for so long has compiled what it needs. */
const GIVE_UP_MS = 60_000;

/** Of one connection. */
const STATEMENTS_MAX = 64;

const HOST = '127.0.0.1';
const PROTOCOL_3 = 3 << 16;
const QUERY = 0x51;
const TERMINATE = Buffer.from('X\0\0\0\x04');
/** ReadyForQuery, up to the transaction status. */
const READY = Buffer.from('Z\0\0\0\x05');
const READY_BYTES = READY.length + 1;

export class Rehearsal {
  readonly #options: RehearsalOptions;
  #running: Promise<void> | undefined;
  readonly #stop = new AbortController();
  #pauseMs = PAUSE_MS;

  constructor(options: RehearsalOptions) {
    this.#options = options;
  }

  /** Begins, the first time that it is called, and again once it was given up. */
  begin(): void {
    if (this.#stop.signal.aborted || this.#running !== undefined) return;
    const givenUp = (): void => {
      this.#running = undefined;
    };
    this.#running = this.#run(givenUp).catch((error: unknown) => {
      this.#options.log.warn({ error: messageOf(error) }, 'statements could not be rehearsed');
    });
  }

  /** Settles once all has been run, or given up. */
  get done(): Promise<void> {
    return this.#running ?? Promise.resolve();
  }

  /** Ends it after the statement that runs. */
  async stop(): Promise<void> {
    this.#stop.abort();
    await this.done;
  }

  async #run(givenUp: () => void): Promise<void> {
    const { platform, openStage } = this.#options;
    const giveUpMs = platform.clock.monotonicMs() + GIVE_UP_MS;
    if (!(await this.#idle(giveUpMs))) {
      givenUp();
      return;
    }
    const stage = await openStage();
    try {
      await this.#runOn(stage, giveUpMs);
    } finally {
      await stage.close();
    }
  }

  async #runOn({ accept }: Stage, giveUpMs: number): Promise<void> {
    const { platform } = this.#options;
    const gate = new Gate();
    const listener = await platform.sockets.listen({ host: HOST }, (socket) => {
      gate.meet(socket);
      return accept(socket);
    });
    let client: DeafClient | undefined;
    try {
      let stretchEndMs = 0;
      for (const text of rehearsedTexts()) {
        if (platform.clock.monotonicMs() >= stretchEndMs) {
          if (!(await this.#idle(giveUpMs))) break;
          stretchEndMs = platform.clock.monotonicMs() + STRETCH_MS;
        }
        if (client !== undefined && client.asked > STATEMENTS_MAX) {
          client.leave();
          client = undefined;
        }
        client ??= await DeafClient.connect(platform.sockets, listener.port, gate);
        await client.ask(query(text));
      }
    } finally {
      client?.leave();
      await listener.close();
    }
  }

  /** Waits until clients leave the event loop to itself. @returns false when nothing is to be rehearsed any more. */
  async #idle(giveUpMs: number): Promise<boolean> {
    const { platform, loopShare } = this.#options;
    const { signal } = this.#stop;
    while (!signal.aborted && platform.clock.monotonicMs() < giveUpMs) {
      loopShare();
      // A timer does not keep a process alive that stops, so nobody may wait for one then.
      await platform.timers.sleep(this.#pauseMs, signal).catch(() => {});
      if (loopShare() < BUSY_SHARE) {
        this.#pauseMs = Math.max(PAUSE_MS_MIN, this.#pauseMs / 2);
        return !signal.aborted;
      }
      this.#pauseMs = PAUSE_MS;
    }
    return false;
  }
}

/** Cuts off whoever is not the client that is expected. Until that one has connected nobody is listened to. */
class Gate {
  #expectedPort: number | undefined;
  #waiting: Socket[] = [];

  /** The next client is connecting. */
  close(): void {
    this.#expectedPort = undefined;
  }

  /** It has connected, from this port. */
  openFor(port: number): void {
    this.#expectedPort = port;
    for (const socket of this.#waiting) {
      if (socket.remotePort === port) socket.resume();
      else socket.destroy();
    }
    this.#waiting = [];
  }

  meet(socket: Socket): void {
    if (this.#expectedPort === undefined) {
      socket.pause();
      this.#waiting.push(socket);
    } else if (socket.remotePort !== this.#expectedPort) socket.destroy();
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
