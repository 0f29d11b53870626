/**
 * The PostgreSQL port: one connection per socket, and the register by which a cancel request finds its statement.
 */

import type { Log } from '../../base/log.ts';
import type { Platform } from '../../platform/platform.ts';
import type { ListenTls, Socket, SocketHandlers } from '../../platform/sockets.ts';
import type { SqlEngine } from '../../query/sql/sql-engine.ts';
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

/** Connections that a cancel request can name, by process id. */
export class CancelRegister {
  readonly #connections = new Map<number, { readonly secret: number; readonly cancel: () => void }>();
  #lastProcessId = 0;

  /** @returns the process id under which it is registered: positive, and not in use. */
  add(secret: number, cancel: () => void): number {
    do this.#lastProcessId = this.#lastProcessId >= 0x7fff_ffff ? 1 : this.#lastProcessId + 1;
    while (this.#connections.has(this.#lastProcessId));
    this.#connections.set(this.#lastProcessId, { secret, cancel });
    return this.#lastProcessId;
  }

  remove(processId: number): void {
    this.#connections.delete(processId);
  }

  /** Does nothing when the secret is wrong: who asks is told nothing either way. */
  cancel(processId: number, secret: number): void {
    const connection = this.#connections.get(processId);
    if (connection !== undefined && connection.secret === secret) connection.cancel();
  }
}

/** What `Sockets.listen` calls for each new connection. */
export function pgwireListener(engine: SqlEngine, options: PgwireOptions): (socket: Socket) => SocketHandlers {
  const shared = { register: new CancelRegister(), replies: new ReplyTurn(options.platform.timers) };
  return (socket) => new PgConnection(engine, socket, shared, options);
}
