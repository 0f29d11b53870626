/**
 * Reminders: calls that an actor asked for at a later time, kept in the store.
 *
 * A reminder is two entries, written together: the record under the actor's own keys, and an empty one in an index
 * ordered by due time, which is all that looking for due reminders reads. Firing runs as a turn of the actor that first
 * moves the reminder on (to its next due time, or away) in the turn's own transaction and then calls the method: both
 * commit or neither. A method that throws leaves the reminder where it was; it is then postponed, longer each time.
 *
 * The record is laid out as saved state is (state-codec.ts, version 0) and holds a `StoredReminder`.
 */

import { type Awaitable, isPromise, whenReady } from '../base/awaitable.ts';
import { hasCode, messageOf, OperationError } from '../base/errors.ts';
import type { Platform, Timer } from '../platform/platform.ts';
import { runTransaction } from '../storage/run-transaction.ts';
import type { Entry, Store, Transaction } from '../storage/store.ts';
import { REMINDER_PERIOD_MIN_MS, type Reminder, type ReminderSchedule } from './actor.ts';
import type { ActorTurn } from './actor-turn.ts';
import type { MethodEntry } from './actor-type.ts';
import { addressOf, type DueEntry, decodeDueKey, dueKey, dueRange, reminderKey, reminderRange } from './keys.ts';
import type { LocalActorRuntime } from './local-actor-runtime.ts';
import { decodeState, encodeState } from './state-codec.ts';

/** Encoded, arguments included. */
const REMINDER_BYTES_MAX = 65_536;
/** Reminders that fire at the same time. */
const FIRING_MAX = 256;
/** Index entries looked at in one pass, those of other members included. */
const SCAN_ENTRIES_MAX = 4_096;
const POSTPONE_FIRST_MS = 1_000;
const POSTPONE_MAX_MS = 300_000;

interface StoredReminder {
  readonly method: string;
  readonly args: readonly unknown[];
  readonly dueAtMs: number;
  readonly everyMs: number | undefined;
  /** Failures in a row. */
  readonly failures: number;
}

export function remind(
  turn: ActorTurn,
  name: string,
  schedule: ReminderSchedule,
  method: string,
  args: readonly unknown[],
): Awaitable<void> {
  const { type, key } = turn.activation;
  type.method(method);
  const { afterMs, everyMs } = schedule;
  if (!(afterMs >= 0) || afterMs > Number.MAX_SAFE_INTEGER) {
    throw new OperationError('invalid_argument', `a reminder after ${afterMs} ms`);
  }
  if (everyMs !== undefined && !(everyMs >= REMINDER_PERIOD_MIN_MS)) {
    throw new OperationError('invalid_argument', `a reminder every ${everyMs} ms`, {
      hint: `the shortest period is ${REMINDER_PERIOD_MIN_MS} ms; use a timer for less`,
    });
  }
  const dueAtMs = Math.ceil(type.runtime.clock.nowMs() + afterMs);
  const reminder: StoredReminder = { method, args, dueAtMs, everyMs, failures: 0 };
  return whenReady(forget(turn, name), () =>
    putReminder(turn.transaction, type.runtime, type.name, key, name, reminder),
  );
}

export function forget(turn: ActorTurn, name: string): Awaitable<void> {
  const { type, key } = turn.activation;
  const { space } = type.runtime;
  const { transaction } = turn;
  const recordKey = reminderKey(space, type.name, key, name);
  return whenReady(transaction.get(recordKey), (bytes) => {
    if (bytes === undefined) return;
    transaction.delete(dueKey(space, decodeReminder(bytes).dueAtMs, type.name, key, name));
    transaction.delete(recordKey);
  });
}

export async function list(turn: ActorTurn): Promise<readonly Reminder[]> {
  const { type, key } = turn.activation;
  const found: Reminder[] = [];
  const cursor = turn.transaction.scan(reminderRange(type.runtime.space, type.name, key));
  for (let batch = await cursor.next(); batch !== undefined; batch = await cursor.next()) {
    for (const entry of batch) {
      const reader = type.runtime.space.reader(entry.key);
      reader.text();
      reader.text();
      reader.int();
      const { method, args, dueAtMs, everyMs } = decodeReminder(entry.value);
      found.push({ name: reader.text(), method, args, dueAtMs, everyMs });
    }
  }
  return found;
}

function putReminder(
  transaction: Transaction,
  runtime: LocalActorRuntime,
  type: string,
  key: string,
  name: string,
  reminder: StoredReminder,
): void {
  const bytes = encodeState(reminder, 0);
  if (bytes.length > REMINDER_BYTES_MAX) {
    throw new OperationError('too_large', `a reminder of ${bytes.length} bytes exceeds ${REMINDER_BYTES_MAX}`);
  }
  transaction.put(reminderKey(runtime.space, type, key, name), bytes);
  transaction.put(dueKey(runtime.space, reminder.dueAtMs, type, key, name), new Uint8Array(0));
}

function decodeReminder(bytes: Uint8Array): StoredReminder {
  return decodeState(bytes).value as StoredReminder;
}

/** Looks for due reminders in this member's charge and fires them; one look at a time. */
export class ReminderService {
  readonly #runtime: LocalActorRuntime;
  readonly #store: Store;
  readonly #platform: Pick<Platform, 'clock' | 'random' | 'timers'>;
  readonly #periodMs: number;
  readonly #firing = new Map<string, Promise<void>>();
  #timer: Timer | undefined;
  #looking: Promise<void> | undefined;
  #stopped = false;

  constructor(
    runtime: LocalActorRuntime,
    store: Store,
    platform: Pick<Platform, 'clock' | 'random' | 'timers'>,
    periodMs: number,
  ) {
    this.#runtime = runtime;
    this.#store = store;
    this.#platform = platform;
    this.#periodMs = periodMs;
  }

  start(): void {
    this.#timer = this.#platform.timers.every(this.#periodMs, () => {
      this.#looking ??= this.#look().finally(() => {
        this.#looking = undefined;
      });
    });
  }

  /** Fires no more; resolves when those under way have ended. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#timer?.cancel();
    await this.#looking;
    await Promise.all(this.#firing.values());
  }

  async #look(): Promise<void> {
    const transaction = this.#store.begin({
      readOnly: true,
      label: 'reminders',
      within: this.#runtime.space.range(),
    });
    try {
      const nowMs = Math.floor(this.#platform.clock.nowMs());
      // The same range each time: a store remembers that there is nothing in it, and what lies behind it is not read.
      const range = dueRange(this.#runtime.space);
      const cursor = transaction.scan(range, { limit: SCAN_ENTRIES_MAX, keysOnly: true });
      try {
        for (let batch = await cursor.next(); batch !== undefined; batch = await cursor.next()) {
          if (!this.#fireAll(batch, nowMs)) return;
        }
      } finally {
        cursor.close();
      }
    } catch (error) {
      if (!hasCode(error, 'store_closed')) {
        this.#runtime.log.error({ error: messageOf(error) }, 'due reminders could not be read');
      }
    } finally {
      transaction.rollback();
    }
  }

  /** @returns false when no more may fire now, or are due. */
  #fireAll(batch: readonly Entry[], nowMs: number): boolean {
    for (const { key } of batch) {
      if (this.#stopped || this.#firing.size >= FIRING_MAX) return false;
      const due = decodeDueKey(this.#runtime.space, key);
      if (due.dueAtMs > nowMs) return false;
      const id = JSON.stringify([due.type, due.key, due.name]);
      if (this.#firing.has(id) || !this.#runtime.placedHere(due.type, due.key)) continue;
      this.#firing.set(
        id,
        this.#fire(due).finally(() => this.#firing.delete(id)),
      );
    }
    return true;
  }

  async #fire(due: DueEntry): Promise<void> {
    try {
      const outcome = this.#runtime.callInternally(due.type, due.key, this.#firingEntry(due));
      if (isPromise(outcome)) await outcome;
    } catch (error) {
      // Another member has the actor: it looks for itself, and the reminder stays due.
      if (hasCode(error, 'lease_lost')) return;
      const actor = addressOf(due.type, due.key);
      this.#runtime.log.warn({ actor, reminder: due.name, error: messageOf(error) }, 'a reminder failed');
      if (this.#stopped) return;
      await this.#postpone(due).catch((failure: unknown) => {
        this.#runtime.log.error({ actor, error: messageOf(failure) }, 'a reminder could not be postponed');
      });
    }
  }

  /** Moves the reminder on and calls its method, as one turn. */
  #firingEntry(due: DueEntry): MethodEntry {
    const runtime = this.#runtime;
    const { clock } = this.#platform;
    return {
      name: `reminder ${due.name}`,
      quiet: false,
      run: (turn) => {
        const { transaction } = turn;
        const { space } = runtime;
        const recordKey = reminderKey(space, due.type, due.key, due.name);
        return whenReady(transaction.get(recordKey), (bytes) => {
          transaction.delete(dueKey(space, due.dueAtMs, due.type, due.key, due.name));
          const reminder = bytes === undefined ? undefined : decodeReminder(bytes);
          // Replaced or forgotten since the index was read.
          if (reminder === undefined || reminder.dueAtMs !== due.dueAtMs) return undefined;
          if (reminder.everyMs === undefined) transaction.delete(recordKey);
          else {
            // Periods that passed while nobody ran are not made up for.
            const missed = Math.max(0, Math.floor((clock.nowMs() - reminder.dueAtMs) / reminder.everyMs));
            const dueAtMs = Math.ceil(reminder.dueAtMs + (missed + 1) * reminder.everyMs);
            putReminder(transaction, runtime, due.type, due.key, due.name, { ...reminder, dueAtMs, failures: 0 });
          }
          return turn.activation.type.method(reminder.method).run(turn, ...reminder.args);
        });
      },
    };
  }

  async #postpone(due: DueEntry): Promise<void> {
    const { space } = this.#runtime;
    await runTransaction(this.#store, this.#platform, async (transaction) => {
      const bytes = await transaction.get(reminderKey(space, due.type, due.key, due.name));
      const reminder = bytes === undefined ? undefined : decodeReminder(bytes);
      if (reminder === undefined || reminder.dueAtMs !== due.dueAtMs) return;
      const failures = reminder.failures + 1;
      const delayMs = Math.min(POSTPONE_FIRST_MS * 2 ** (failures - 1), POSTPONE_MAX_MS);
      const dueAtMs = Math.ceil(this.#platform.clock.nowMs() + delayMs);
      transaction.delete(dueKey(space, due.dueAtMs, due.type, due.key, due.name));
      putReminder(transaction, this.#runtime, due.type, due.key, due.name, { ...reminder, dueAtMs, failures });
    });
  }
}
