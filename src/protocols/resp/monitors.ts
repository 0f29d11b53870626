/**
 * MONITOR: clients that are shown every command, in the order in which commands are done. Administrative ones are left out, and
 * passwords are not shown. What EXEC ran comes before EXEC itself.
 *
 * While somebody looks, no command takes the quick way. Long arguments, and very many of them, are cut short. Who reads too slowly is cut off by the connection (`Session.show`).
 * Source: https://redis.io/docs/latest/commands/monitor/
 */

import { latin1 } from '../../base/bytes.ts';
import type { ArgumentColumns } from './arguments.ts';
import { addressOf } from './client-line.ts';
import type { CommandEntry } from './command.ts';
import { secretsOf } from './secrets.ts';
import type { Session } from './session.ts';

/** Of an argument, bytes shown. */
const ARGUMENT_BYTES_MAX = 16 * 1024;
/** Characters of a line behind which no argument begins. */
const LINE_MAX = 256 * 1024;
const HIDDEN = '"(redacted)"';
/** What is not printed as it is. */
const SPECIAL = /[^ !#-[\]-~]/g;
const ESCAPES: Readonly<Record<number, string>> = {
  7: '\\a',
  8: '\\b',
  9: '\\t',
  10: '\\n',
  13: '\\r',
  34: '\\"',
  92: '\\\\',
};

export class Monitors {
  readonly #sessions = new Set<Session>();

  get isActive(): boolean {
    return this.#sessions.size > 0;
  }

  has(session: Session): boolean {
    return this.#sessions.has(session);
  }

  add(session: Session): void {
    this.#sessions.add(session);
  }

  remove(session: Session): void {
    this.#sessions.delete(session);
  }

  /** Shows a command that is done. */
  note(by: Session, entry: CommandEntry, from: ArgumentColumns, at: number): void {
    if (entry.command.flags.includes('admin')) return;
    const { clock } = by.server.platform;
    const nowMs = clock.nowMs();
    const micros = (Math.floor(nowMs) % 1_000) * 1_000 + (Number(clock.monotonicNs() / 1_000n) % 1_000);
    const time = `${Math.floor(nowMs / 1_000)}.${String(micros).padStart(6, '0')}`;
    const first = from.firstArgument[at]!;
    let line = `+${time} [${by.database} ${addressOf(by)}]`;
    const secrets = secretsOf(entry, from, at);
    const end = from.firstArgument[at + 1]!;
    for (let i = first; i < end; i++) {
      if (line.length > LINE_MAX) {
        line += ` "... (${end - i} more arguments)"`;
        break;
      }
      line += ` ${secrets.has(i - first) ? HIDDEN : quoted(from, i)}`;
    }
    const bytes = Buffer.from(`${line}\r\n`, 'latin1');
    for (const session of [...this.#sessions]) session.show(bytes);
  }
}

function quoted({ buffer, starts, lengths }: ArgumentColumns, argument: number): string {
  const start = starts[argument]!;
  const length = lengths[argument]!;
  const shown = latin1(buffer.subarray(start, start + Math.min(length, ARGUMENT_BYTES_MAX)));
  const text = shown.replace(SPECIAL, (character) => {
    const byte = character.charCodeAt(0);
    return ESCAPES[byte] ?? `\\x${byte.toString(16).padStart(2, '0')}`;
  });
  const more = length - ARGUMENT_BYTES_MAX;
  return more > 0 ? `"${text}... (${more} more bytes)"` : `"${text}"`;
}
