/**
 * ACL LOG: who was refused lately. Every principal may do everything, so what is refused is a login; the same one within a
 * minute is counted, not listed again. Source: https://redis.io/docs/latest/commands/acl-log/
 */

import { clientLine } from './client-line.ts';
import type { Session } from './session.ts';

const ENTRIES_MAX = 128;
const SAME_MS = 60_000;

export interface RefusedLogin {
  readonly id: number;
  count: number;
  /** The command, as it is called. */
  readonly command: string;
  readonly isInMulti: boolean;
  readonly user: string;
  readonly client: string;
  readonly createdAtMs: number;
  updatedAtMs: number;
}

export class AccessLog {
  #entries: RefusedLogin[] = [];
  #nextId = 0;

  /** Newest first. */
  get entries(): readonly RefusedLogin[] {
    return this.#entries;
  }

  noteRefused(session: Session, command: string, user: string): void {
    const nowMs = session.server.platform.clock.nowMs();
    const isInMulti = session.transaction.isRunning;
    const place = this.#entries.findIndex(
      (entry) =>
        entry.user === user &&
        entry.command === command &&
        entry.isInMulti === isInMulti &&
        nowMs - entry.createdAtMs <= SAME_MS,
    );
    const [known] = place === -1 ? [] : this.#entries.splice(place, 1);
    if (known !== undefined) {
      known.count++;
      known.updatedAtMs = nowMs;
    }
    this.#entries.unshift(
      known ?? {
        id: this.#nextId++,
        count: 1,
        command,
        isInMulti,
        user,
        client: clientLine(session).trimEnd(),
        createdAtMs: nowMs,
        updatedAtMs: nowMs,
      },
    );
    if (this.#entries.length > ENTRIES_MAX) this.#entries.length = ENTRIES_MAX;
  }

  clear(): void {
    this.#entries = [];
  }
}
