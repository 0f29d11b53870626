/**
 * Statements that the server runs for itself, so that the first ones of its clients are not the first that V8 sees.
 *
 * A function's first calls are slow: it is compiled, then interpreted, and compiled again once it has been called often. The
 * hundreds of functions between a query string and its rows make the first statements of a process take some ten times what they
 * take later (docs/decisions/statements-are-rehearsed.md). So before the first client asks, connections without a
 * network run some thousands of statements over a store of their own: what clients store, see and count is left alone.
 *
 * Compiled code holds for the classes that it has met, and is thrown away at the first other one. So all is as clients have it: a store
 * of the same provider, an engine with the same options, and connections that log in and leave.
 *
 * Clients come first: a statement is rehearsed only when the event loop has waited for most of the time just before, and
 * a server that clients keep busy rehearses nothing. It ends by itself, and sooner when the server stops.
 */

import { assert } from '../../base/assert.ts';
import { type Deferred, deferred } from '../../base/awaitable.ts';
import type { Bytes } from '../../base/bytes.ts';
import { messageOf } from '../../base/errors.ts';
import { type Log, silentLog } from '../../base/log.ts';
import type { Platform } from '../../platform/platform.ts';
import type { Socket, SocketHandlers } from '../../platform/sockets.ts';
import type { SqlEngine } from '../../query/sql/sql-engine.ts';
import { OPEN_PRINCIPALS } from './authentication.ts';
import { pgwireListener } from './listener.ts';
import { rehearsedTexts } from './rehearsed-texts.ts';

export interface RehearsalOptions {
  readonly platform: Pick<Platform, 'clock' | 'timers' | 'random'>;
  readonly log: Log;
  readonly openStage: () => Promise<Stage>;
  /** The share of the time since its last call in which the event loop had work, from 0 to 1. */
  readonly loopShare: () => number;
}

/** What statements are rehearsed on. */
export interface Stage {
  /** Of clients' class and options, over an empty store; with their parser, as each loads PostgreSQL's grammar once. */
  readonly engine: SqlEngine;
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

const PROTOCOL_3 = 3 << 16;
const QUERY = 0x51;
const TERMINATE = Buffer.from('X\0\0\0\x04');
const READY_FOR_QUERY = 0x5a;
/** Type, length and transaction status. */
const READY_BYTES = 6;

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
    let client: UnheardClient | undefined;
    try {
      const { accept } = pgwireListener(stage.engine, { principals: OPEN_PRINCIPALS, platform, log: silentLog });
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
        client ??= await UnheardClient.connect(accept);
        await client.ask(query(text));
      }
    } finally {
      client?.leave();
      await stage.close();
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

/** Sends one message, and waits until the server is ready for the next; what is answered nobody reads. */
class UnheardClient implements Socket {
  readonly remoteAddress = '';
  readonly remotePort = 0;
  readonly localAddress = '';
  readonly localPort = 0;
  readonly bufferedBytes = 0;
  readonly tls = undefined;
  /** Messages. */
  asked = 0;
  readonly #handlers: SocketHandlers;
  #answered: Deferred<void> | undefined;
  #ended = false;

  private constructor(accept: (socket: Socket) => SocketHandlers) {
    this.#handlers = accept(this);
  }

  static async connect(accept: (socket: Socket) => SocketHandlers): Promise<UnheardClient> {
    const client = new UnheardClient(accept);
    await client.ask(startup());
    return client;
  }

  leave(): void {
    if (!this.#ended) this.#handlers.onData(TERMINATE);
    this.end();
  }

  async ask(message: Bytes): Promise<void> {
    assert(!this.#ended, 'the connection for rehearsals has ended');
    this.asked++;
    this.#answered = deferred<void>();
    this.#handlers.onData(message);
    await this.#answered.promise;
  }

  write(bytes: Bytes): boolean {
    if (bytes.length >= READY_BYTES && bytes[bytes.length - READY_BYTES] === READY_FOR_QUERY) this.#answered?.resolve();
    return true;
  }

  end(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#handlers.onClose();
    this.#answered?.resolve();
  }

  destroy(): void {
    this.end();
  }

  startTls(): void {}
  pause(): void {}
  resume(): void {}
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
