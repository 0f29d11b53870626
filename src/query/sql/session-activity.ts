/**
 * What sessions of an engine see of each other: the rows of pg_stat_activity, and who can be stopped by pg_cancel_backend and
 * pg_terminate_backend. Sessions of other servers on the same store are not seen.
 */

import { Roster, type Seat } from '../../base/roster.ts';
import type { TableLock } from './locks/table-modes.ts';

export type SessionState = 'active' | 'idle' | 'idle in transaction' | 'idle in transaction (aborted)';

/** Where a session's client is. */
export interface ClientAddress {
  readonly address: string;
  readonly port: number;
}

/** Times are microseconds since 1970. */
export interface SessionActivity {
  readonly processId: number;
  readonly user: string;
  readonly database: string;
  readonly applicationName: string;
  readonly client: ClientAddress | undefined;
  readonly startedMicros: bigint;
  readonly transactionMicros: bigint | undefined;
  /** When the statement began that runs, or ran last. */
  readonly statementMicros: bigint | undefined;
  readonly stateMicros: bigint;
  readonly state: SessionState;
  /** By PostgreSQL's names of wait events. */
  readonly waits: readonly [type: string, event: string] | undefined;
  /** The text that runs, or ran last. */
  readonly query: string;
}

/** Without getters: in an object of its own each would be a hidden class of its own (`docs/decisions/small-heaps.md`). */
export interface ObservedSession {
  readonly processId: number;
  activity(): SessionActivity;
  tableLocks(): Iterable<TableLock>;
  /** Stops the statement that runs. */
  cancel(): void;
  /** Ends the session. */
  terminate(): void;
}

/** The sessions of an engine. */
export class SessionRegister {
  readonly #sessions = new Roster<ObservedSession>();

  /** Its seat is left when the session ends. */
  add(session: ObservedSession): Seat<ObservedSession> {
    return this.#sessions.add(session);
  }

  *activities(): Iterable<SessionActivity> {
    for (const session of this.#sessions) yield session.activity();
  }

  *tableLocks(): Iterable<TableLock & { readonly processId: number }> {
    for (const session of this.#sessions) {
      for (const lock of session.tableLocks()) yield { ...lock, processId: session.processId };
    }
  }

  /** @param processId As pg_backend_pid() gives it. @returns whether there is such a session. */
  signal(processId: number, signal: 'cancel' | 'terminate'): boolean {
    for (const session of this.#sessions) {
      if (session.processId !== processId) continue;
      session[signal]();
      return true;
    }
    return false;
  }
}
