/**
 * LISTEN, UNLISTEN and NOTIFY between the sessions of one engine (PostgreSQL 15, async.c).
 *
 * What a transaction says takes effect when it commits, in the order in which transactions commit; the same payload on the same channel is
 * told once per transaction. Whoever has listened from before gets it between its transactions. What nobody has taken
 * is bounded: beyond it transactions that notify fail. Sessions of other servers on the same store are not told.
 */

import { SqlError } from './sql-error.ts';

/** As PostgreSQL: it must be shorter than that. */
const PAYLOAD_BYTES_END = 8_000;
const CHANNEL_BYTES_END = 64;
/** What one listener may leave untaken. */
const QUEUED_BYTES_MAX = 8 * 1024 * 1024;
/** What a notification takes beside its texts. */
const NOTIFICATION_BYTES = 128;

export interface Notification {
  readonly channel: string;
  readonly payload: string;
  /** Of the session that sent it. */
  readonly processId: number;
}

type Listening =
  | { readonly kind: 'listen' | 'unlisten'; readonly channel: string }
  | { readonly kind: 'unlistenAll' }
  | { readonly kind: 'notify'; readonly channel: string; readonly payload: string };

/** Who listens to what. */
export class NotificationBoard {
  readonly #listeners = new Map<string, Set<SessionNotifications>>();

  listen(channel: string, listener: SessionNotifications): void {
    const listeners = this.#listeners.get(channel);
    if (listeners === undefined) this.#listeners.set(channel, new Set([listener]));
    else listeners.add(listener);
  }

  unlisten(channel: string, listener: SessionNotifications): void {
    const listeners = this.#listeners.get(channel);
    if (listeners?.delete(listener) === true && listeners.size === 0) this.#listeners.delete(channel);
  }

  listenersOf(channel: string): Iterable<SessionNotifications> {
    return this.#listeners.get(channel) ?? [];
  }
}

/** One session's part: what its transaction has said, what it listens to, and what it was told. */
export class SessionNotifications {
  readonly #board: NotificationBoard;
  readonly #processId: number;
  /** Called when others have told it something. */
  readonly #arrived: () => void;
  readonly #channels = new Set<string>();
  /** Of the transaction that runs. */
  #said: Listening[] = [];
  #queue: Notification[] = [];
  #queuedBytes = 0;
  #version = 0;

  constructor(board: NotificationBoard, processId: number, arrived: () => void) {
    this.#board = board;
    this.#processId = processId;
    this.#arrived = arrived;
  }

  /** That are listened to: what the running transaction says is not among them. */
  get channels(): Iterable<string> {
    return this.#channels;
  }

  listen(channel: string): void {
    this.#said.push({ kind: 'listen', channel });
  }

  /** @param channel Undefined for all. */
  unlisten(channel: string | undefined): void {
    this.#said.push(channel === undefined ? { kind: 'unlistenAll' } : { kind: 'unlisten', channel });
  }

  /** @throws SqlError `invalid_parameter_value`. */
  notify(channel: string, payload: string): void {
    if (channel === '') throw new SqlError('invalid_parameter_value', 'channel name cannot be empty');
    if (Buffer.byteLength(channel) >= CHANNEL_BYTES_END) {
      throw new SqlError('invalid_parameter_value', 'channel name too long');
    }
    if (Buffer.byteLength(payload) >= PAYLOAD_BYTES_END) {
      throw new SqlError('invalid_parameter_value', 'payload string too long');
    }
    this.#said.push({ kind: 'notify', channel, payload });
  }

  /** How much the transaction has said. */
  get mark(): number {
    return this.#said.length;
  }

  rollbackTo(mark: number): void {
    this.#said.length = Math.min(this.#said.length, mark);
  }

  /** Before a commit. @throws SqlError `program_limit_exceeded` when somebody takes too long to take what it was told. */
  requireRoom(): void {
    for (const each of this.#said) {
      if (each.kind !== 'notify') continue;
      for (const listener of this.#board.listenersOf(each.channel)) {
        if (listener.#queuedBytes < QUEUED_BYTES_MAX) continue;
        throw new SqlError('program_limit_exceeded', 'too many notifications in the NOTIFY queue');
      }
    }
  }

  /** @param version Nobody may be told before that commit is durable. */
  committed(version: number): void {
    if (this.#said.length === 0) return;
    const said = this.#said;
    this.#said = [];
    const told = new Set<string>();
    const listeners = new Set<SessionNotifications>();
    // Who begins to listen in a transaction hears of what it says.
    for (const each of said) this.#apply(each);
    for (const each of said) {
      if (each.kind !== 'notify') continue;
      const { channel, payload } = each;
      const key = `${channel}\0${payload}`;
      if (told.has(key)) continue;
      told.add(key);
      for (const listener of this.#board.listenersOf(channel)) {
        listener.#tell({ channel, payload, processId: this.#processId }, version);
        listeners.add(listener);
      }
    }
    listeners.delete(this);
    for (const listener of listeners) listener.#arrived();
  }

  aborted(): void {
    if (this.#said.length > 0) this.#said = [];
  }

  /** What it was told since the last time, in order, and the commit that must be durable before anybody learns of it. */
  take(): { readonly notifications: readonly Notification[]; readonly version: number } | undefined {
    if (this.#queue.length === 0) return undefined;
    const notifications = this.#queue;
    this.#queue = [];
    this.#queuedBytes = 0;
    return { notifications, version: this.#version };
  }

  /** Stops listening at once. */
  close(): void {
    this.#apply({ kind: 'unlistenAll' });
    this.#queue = [];
  }

  #apply(each: Listening): void {
    if (each.kind === 'listen') {
      this.#channels.add(each.channel);
      this.#board.listen(each.channel, this);
    } else if (each.kind === 'unlisten') {
      this.#channels.delete(each.channel);
      this.#board.unlisten(each.channel, this);
    } else if (each.kind === 'unlistenAll') {
      for (const channel of this.#channels) this.#board.unlisten(channel, this);
      this.#channels.clear();
    }
  }

  #tell(notification: Notification, version: number): void {
    this.#queue.push(notification);
    this.#queuedBytes += NOTIFICATION_BYTES + notification.channel.length + notification.payload.length;
    this.#version = Math.max(this.#version, version);
  }
}
