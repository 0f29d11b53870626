/**
 * Client side caching (CLIENT TRACKING): clients are told when what they have read may have changed, whoever changed it:
 * another client, SQL, or the reclaiming of expired values. Source: https://redis.io/docs/latest/develop/reference/client-side-caching/
 *
 * A client either is told once of each key that it has read since, or with BCAST of all keys that begin in a certain way. As in
 * Redis keys are taken by their names, whatever the database, and a flush or a swap of databases invalidates everything.
 *
 * What keeps a cache honest: a message never overtakes a reply that may hold what it invalidates. `Session.push` sends
 * it behind all replies so far, and behind that of a command that is running.
 *
 * The store is listened to only while somebody tracks. Where other processes write to it, their commits are not told, so that
 * tracking is refused there.
 */

import { latin1 } from '../../base/bytes.ts';
import { OperationError } from '../../base/errors.ts';
import type { Subspace } from '../../storage/keyspace.ts';
import type { Change, Store } from '../../storage/store.ts';
import type { ArgumentColumns } from './arguments.ts';
import { type CommandEntry, keyPositions } from './command.ts';
import { RespError } from './errors.ts';
import type { Session } from './session.ts';

/** Keys remembered for all clients together; beyond it those remembered first are invalidated. Half of some 100 MB are names. */
const KEYS_MAX = 500_000;

export interface TrackingOptions {
  /** Who gets the messages instead. */
  readonly redirect: Session | undefined;
  readonly broadcasts: boolean;
  /** With `broadcasts`: beginnings of keys, as one-byte strings. */
  readonly prefixes: readonly string[];
  readonly optIn: boolean;
  readonly optOut: boolean;
  readonly noLoop: boolean;
}

/** What one client is told of. */
export interface Tracking extends TrackingOptions {
  /** Undefined once it has ended, whatever still refers to it. */
  session: Session | undefined;
  /** CLIENT CACHING was said for the next command. */
  caching: boolean;
  /** The client to redirect to has gone. */
  redirectBroken: boolean;
}

export class ClientTracking {
  /** Whose commands are running: NOLOOP spares it what it has changed itself. */
  writer: Session | undefined;
  readonly #store: Store;
  readonly #space: Subspace;
  readonly #tracking = new Map<Session, Tracking>();
  /** Who has read a key, in the order in which keys were first read. */
  readonly #readers = new Map<string, Tracking | Set<Tracking>>();
  #items = 0;
  #stop: (() => void) | undefined;

  constructor(options: { readonly store: Store; readonly space: Subspace }) {
    this.#store = options.store;
    this.#space = options.space;
    this.#store.onReset(() => this.#invalidateAll());
  }

  /** Somebody tracks: whoever writes hands it to the store before others take their turn. */
  get isActive(): boolean {
    return this.#stop !== undefined;
  }

  /** Figures for INFO. */
  get counts(): {
    readonly clients: number;
    readonly keys: number;
    readonly items: number;
    readonly prefixes: number;
  } {
    const prefixes = new Set([...this.#tracking.values()].flatMap((each) => each.prefixes));
    return { clients: this.#tracking.size, keys: this.#readers.size, items: this.#items, prefixes: prefixes.size };
  }

  of(session: Session): Tracking | undefined {
    return this.#tracking.get(session);
  }

  /** Whether what the client reads is remembered. */
  remembers(session: Session): boolean {
    return this.#tracking.get(session)?.broadcasts === false;
  }

  /** CLIENT CACHING was for the command that is done now. */
  commandDone(session: Session): void {
    const tracking = this.#tracking.get(session);
    if (tracking !== undefined) tracking.caching = false;
  }

  /** @throws RespError for what does not go together. */
  begin(session: Session, options: TrackingOptions): void {
    const before = this.#tracking.get(session);
    refuseContradictions(options, before);
    if (this.#store.supports.shared) {
      throw new OperationError('unsupported', 'CLIENT TRACKING is not supported on a store that several servers share');
    }
    // Who broadcasts without prefixes is told of all keys.
    const added = options.broadcasts && options.prefixes.length === 0 ? [''] : options.prefixes;
    const prefixes = [...new Set([...(before?.prefixes ?? []), ...added])].sort();
    if (before !== undefined) Object.assign(before, options, { prefixes, redirectBroken: false });
    else this.#tracking.set(session, { ...options, prefixes, session, caching: false, redirectBroken: false });
    this.#stop ??= this.#store.watch(this.#space.range(), ({ changes }) => this.#note(changes));
  }

  /** Harmless for who does not track. */
  end(session: Session): void {
    const tracking = this.#tracking.get(session);
    if (tracking === undefined) return;
    tracking.session = undefined;
    this.#tracking.delete(session);
    if (this.#tracking.size > 0) return;
    this.#readers.clear();
    this.#items = 0;
    this.#stop?.();
    this.#stop = undefined;
  }

  /** A client runs a command: what it reads is remembered before it does, so that no change is missed. */
  noteRead(session: Session, entry: CommandEntry, from: ArgumentColumns, at: number): void {
    const tracking = this.#tracking.get(session);
    if (tracking === undefined || tracking.broadcasts || !entry.command.flags.includes('readonly')) return;
    if (tracking.optIn ? !tracking.caching : tracking.optOut && tracking.caching) return;
    const first = from.firstArgument[at]!;
    for (const position of keyPositions(entry, from.firstArgument[at + 1]! - first)) {
      const start = from.starts[first + position]!;
      this.#remember(tracking, latin1(from.buffer.subarray(start, start + from.lengths[first + position]!)));
    }
  }

  #remember(tracking: Tracking, key: string): void {
    const readers = this.#readers.get(key);
    if (readers === tracking) return;
    if (readers instanceof Set) {
      if (readers.has(tracking)) return;
      readers.add(tracking);
    } else this.#readers.set(key, readers === undefined ? tracking : new Set([readers, tracking]));
    this.#items++;
    if (this.#readers.size <= KEYS_MAX) return;
    const [oldest] = this.#readers.keys();
    this.#invalidate(oldest!, undefined);
  }

  #note(changes: readonly Change[]): void {
    const broadcast: string[] = [];
    for (const change of changes) {
      if (change.kind === 'deleteRange') {
        this.#invalidateAll();
        return;
      }
      const reader = this.#space.reader(change.key);
      if (Number(reader.int()) < 0) {
        this.#invalidateAll(); // The order of databases.
        return;
      }
      const key = latin1(reader.bytes());
      broadcast.push(key);
      if (this.#readers.has(key)) this.#invalidate(key, this.writer);
    }
    for (const [session, tracking] of this.#tracking) {
      if (!tracking.broadcasts || (tracking.noLoop && session === this.writer)) continue;
      for (const prefix of tracking.prefixes) {
        const keys = broadcast.filter((key) => key.startsWith(prefix));
        if (keys.length > 0) this.#tell(session, tracking, invalidation(keys));
      }
    }
  }

  #invalidate(key: string, writer: Session | undefined): void {
    const readers = this.#readers.get(key)!;
    this.#readers.delete(key);
    this.#items -= readers instanceof Set ? readers.size : 1;
    for (const tracking of readers instanceof Set ? readers : [readers]) {
      const { session } = tracking;
      if (session === undefined || tracking.broadcasts || (tracking.noLoop && session === writer)) continue;
      this.#tell(session, tracking, invalidation([key]));
    }
  }

  #invalidateAll(): void {
    this.#readers.clear();
    this.#items = 0;
    for (const [session, tracking] of this.#tracking) this.#tell(session, tracking, INVALIDATE_ALL);
  }

  /** Without RESP3 there is no way to tell a client anything but replies: then, as in Redis, it hears nothing. */
  #tell(session: Session, tracking: Tracking, message: Buffer): void {
    const target = tracking.redirect ?? session;
    if (target.isClosed) {
      tracking.redirectBroken = true;
      if (session.protocol === 3) session.push(Buffer.from(`>2\r\n$21\r\ntracking-redir-broken\r\n:${target.id}\r\n`));
    } else if (target.protocol === 3) target.push(message);
  }
}

const INVALIDATE = '>2\r\n$10\r\ninvalidate\r\n';
/** Everything that the client has read may have changed. */
export const INVALIDATE_ALL: Buffer = Buffer.from(`${INVALIDATE}_\r\n`);

function invalidation(keys: readonly string[]): Buffer {
  const members = keys.map((key) => `$${key.length}\r\n${key}\r\n`).join('');
  return Buffer.from(`${INVALIDATE}*${keys.length}\r\n${members}`, 'latin1');
}

function refuseContradictions(options: TrackingOptions, before: Tracking | undefined): void {
  const { broadcasts, prefixes, optIn, optOut } = options;
  if (!broadcasts && prefixes.length > 0) throw new RespError('ERR PREFIX option requires BCAST mode to be enabled');
  if (before !== undefined && before.broadcasts !== broadcasts) {
    throw new RespError(
      "ERR You can't switch BCAST mode on/off before disabling tracking for this client, and then re-enabling it with a different mode.",
    );
  }
  if (broadcasts && (optIn || optOut)) throw new RespError('ERR OPTIN and OPTOUT are not compatible with BCAST');
  if (optIn && optOut) throw new RespError("ERR You can't specify both OPTIN mode and OPTOUT mode");
  if (before !== undefined && ((optIn && before.optOut) || (optOut && before.optIn))) {
    throw new RespError(
      "ERR You can't switch OPTIN/OPTOUT mode before disabling tracking for this client, and then re-enabling it with a different mode.",
    );
  }
  if (broadcasts) refuseOverlaps(prefixes, before?.prefixes ?? []);
}

function refuseOverlaps(prefixes: readonly string[], before: readonly string[]): void {
  const overlap = (a: string, b: string): boolean => a.startsWith(b) || b.startsWith(a);
  const shown = (prefix: string): string => Buffer.from(prefix, 'latin1').toString('utf8');
  for (const [i, prefix] of prefixes.entries()) {
    const existing = before.find((other) => overlap(prefix, other));
    if (existing !== undefined) {
      throw new RespError(
        `ERR Prefix '${shown(prefix)}' overlaps with an existing prefix '${shown(existing)}'. Prefixes for a single client must not overlap.`,
      );
    }
    const other = prefixes.find((each, j) => j > i && overlap(prefix, each));
    if (other !== undefined) {
      throw new RespError(
        `ERR Prefix '${shown(prefix)}' overlaps with another provided prefix '${shown(other)}'. Prefixes for a single client must not overlap.`,
      );
    }
  }
}
