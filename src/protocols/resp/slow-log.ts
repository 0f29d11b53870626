/**
 * SLOWLOG: the latest commands that took longer than a threshold, newest first.
 *
 * What a connection executes quickly from memory is not timed each by itself, as looking at the clock twice costs more than a
 * GET does: unless the threshold is so low that such commands may pass it, and then they take the slower way. The time is
 * that of execution, waiting for disks and locks included.
 */

import type { Bytes } from '../../base/bytes.ts';
import { asBuffer } from '../../base/bytes.ts';
import type { ArgumentColumns } from './arguments.ts';
import type { CommandEntry } from './command.ts';
import { secretsOf } from './secrets.ts';
import type { Session } from './session.ts';

const HIDDEN = Buffer.from('(redacted)');
const ARGUMENTS_MAX = 32;
const ARGUMENT_BYTES_MAX = 128;

/** What is executed quickly takes a small part of it, but for pauses that concern everybody. */
const QUICK_MICROS_MAX = 1_000;

export interface SlowCommand {
  readonly id: number;
  readonly atS: number;
  readonly micros: number;
  readonly args: readonly Bytes[];
  readonly address: string;
  readonly clientName: string;
}

export class SlowLog {
  /** Commands that took longer are kept; negative keeps none. */
  thresholdMicros = 10_000;
  entriesMax = 128;
  #entries: SlowCommand[] = [];
  #nextId = 0;

  /** Every single command has to be timed. */
  get wantsAll(): boolean {
    return this.thresholdMicros >= 0 && this.thresholdMicros < QUICK_MICROS_MAX;
  }

  /** Newest first. */
  get entries(): readonly SlowCommand[] {
    return this.#entries;
  }

  note(session: Session, entry: CommandEntry, columns: ArgumentColumns, at: number, elapsedMs: number): void {
    const micros = Math.floor(elapsedMs * 1_000);
    if (this.thresholdMicros < 0 || micros < this.thresholdMicros) return;
    this.#entries.unshift({
      id: this.#nextId++,
      atS: Math.floor(session.server.platform.clock.nowMs() / 1_000),
      micros,
      args: shownArguments(entry, columns, at),
      address: `${session.remoteAddress}:${session.remotePort}`,
      clientName: session.name,
    });
    if (this.#entries.length > this.entriesMax) this.#entries.length = this.entriesMax;
  }

  clear(): void {
    this.#entries = [];
  }
}

/** Copies, shortened as Redis does. */
function shownArguments(entry: CommandEntry, columns: ArgumentColumns, at: number): Bytes[] {
  const first = columns.firstArgument[at]!;
  const count = columns.firstArgument[at + 1]! - first;
  const secrets = secretsOf(entry, columns, at);
  const shown: Bytes[] = [];
  for (let i = 0; i < Math.min(count, ARGUMENTS_MAX); i++) {
    if (count > ARGUMENTS_MAX && i === ARGUMENTS_MAX - 1) {
      shown.push(Buffer.from(`... (${count - ARGUMENTS_MAX + 1} more arguments)`));
      break;
    }
    if (secrets.has(i)) {
      shown.push(HIDDEN);
      continue;
    }
    const start = columns.starts[first + i]!;
    const length = columns.lengths[first + i]!;
    const bytes = asBuffer(columns.buffer.subarray(start, start + Math.min(length, ARGUMENT_BYTES_MAX)));
    const more = length - ARGUMENT_BYTES_MAX;
    shown.push(more > 0 ? Buffer.concat([bytes, Buffer.from(`... (${more} more bytes)`)]) : Buffer.from(bytes));
  }
  return shown;
}
