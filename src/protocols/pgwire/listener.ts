/**
 * The PostgreSQL port: one connection per socket, and the register by which a cancel request finds its statement.
 */

import { deferred } from '../../base/awaitable.ts';
import type { Log } from '../../base/log.ts';
import { Roster, type Seat } from '../../base/roster.ts';
import type { Platform } from '../../platform/platform.ts';
import type { ListenTls, Socket, SocketHandlers } from '../../platform/sockets.ts';
import type { SqlEngine } from '../../query/sql/sql-engine.ts';
import { LoginDeadlines } from '../login-deadlines.ts';
import type { Principals } from './authentication.ts';
import { PgConnection } from './connection.ts';
import { ReplyTurn } from './reply-turn.ts';

export interface PgwireOptions {
  readonly principals: Principals;
  readonly platform: Pick<Platform, 'clock' | 'timers' | 'random'>;
  readonly log: Log;
  /** For clients that ask for encryption; without it the answer is no. */
  readonly tls?: ListenTls;
  /** Time to log in; 0 is without limit. */
  readonly connectTimeoutMs?: number;
  /** Default of statement_timeout for sessions that do not say; 0 is without limit. */
  readonly statementTimeoutMs?: number;
  /** The only database there is. Default `actors`. */
  readonly database?: string;
  /** Gathered bytes after which a result is written before it is complete. Default 64 KiB. */
  readonly outputBytesMax?: number;
}

/** What a cancel request names: the process id is positive, and that of no other connection. */
export interface Cancellable {
  readonly processId: number;
  readonly secret: number;
  readonly cancel: () => void;
}

/** Connections that a cancel request can name. */
export class CancelRegister {
  readonly #connections = new Roster<Cancellable>();
  #lastProcessId = 0;
  /** Process ids began anew, so that one may be in use. */
  #isAgain = false;

  /** Its seat is left when the connection ends. */
  add(secret: number, cancel: () => void): Seat<Cancellable> {
    do this.#lastProcessId = this.#following(this.#lastProcessId);
    while (this.#isAgain && this.#find(this.#lastProcessId) !== undefined);
    return this.#connections.add({ processId: this.#lastProcessId, secret, cancel });
  }

  /** Does nothing when the secret is wrong: who asks is told nothing either way. */
  cancel(processId: number, secret: number): void {
    const connection = this.#find(processId);
    if (connection?.secret === secret) connection.cancel();
  }

  #following(processId: number): number {
    if (processId < 0x7fff_ffff) return processId + 1;
    this.#isAgain = true;
    return 1;
  }

  #find(processId: number): Cancellable | undefined {
    for (const connection of this.#connections) if (connection.processId === processId) return connection;
    return undefined;
  }
}

export interface PgListener {
  /** For `Sockets.listen`. */
  readonly accept: (socket: Socket) => SocketHandlers;
  /**
   * Ends every connection with a word why, behind the answer to what it asked for, or after `timeoutMs` without one; resolves
   * when all are told. Stop accepting first.
   */
  drain(timeoutMs: number): Promise<void>;
}

export function pgwireListener(engine: SqlEngine, options: PgwireOptions): PgListener {
  const { timers } = options.platform;
  const connections = new Roster<PgConnection>();
  const allClosed = deferred<void>();
  let isDraining = false;
  const closed = (): void => {
    if (isDraining && connections.size === 0) allClosed.resolve();
  };
  const shared = {
    register: new CancelRegister(),
    replies: new ReplyTurn(timers),
    connections,
    deadlines: new LoginDeadlines(options.platform, options.connectTimeoutMs ?? 0),
    closed,
  };
  return {
    accept: (socket) => new PgConnection(engine, socket, shared, options),
    drain: async (timeoutMs) => {
      isDraining = true;
      for (const connection of connections) connection.drain();
      closed();
      const late = timers.after(timeoutMs, () => {
        for (const connection of connections) connection.terminate();
        allClosed.resolve();
      });
      await allClosed.promise;
      late.cancel();
    },
  };
}
