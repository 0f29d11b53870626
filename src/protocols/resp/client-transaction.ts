/**
 * MULTI, EXEC, DISCARD, WATCH: what one client has queued and watches.
 *
 * Commands are queued as the bytes that came, once their names and numbers of arguments are right; a command refused there
 * makes EXEC refuse all (`EXECABORT`). EXEC runs the queue as one transaction and one commit over whatever keys,
 * partitions and databases it names. A command that fails then answers with its error and the others stand, as in Redis; what
 * the failed one had written is taken back.
 */

import { type Awaitable, isPromise } from '../../base/awaitable.ts';
import type { Bytes } from '../../base/bytes.ts';
import { OperationError } from '../../base/errors.ts';
import { type ArgumentColumns, ArgumentCursor } from './arguments.ts';
import type { CommandEntry } from './command.ts';
import { errorLine, RespError } from './errors.ts';
import { type KeyspaceTransaction, transact } from './keyspace-transaction.ts';
import type { Reply } from './replies.ts';
import type { ProtocolVersion } from './reply-writer.ts';
import { countError, type Session } from './session.ts';
import type { WatchedKey } from './watched-keys.ts';

/** What one queued command answered, and in which protocol: HELLO may be among them. */
export type Outcome =
  | { readonly entry: CommandEntry; readonly value: unknown; readonly protocol: ProtocolVersion }
  | { readonly error: string; readonly protocol: ProtocolVersion };

const NIL_ARRAY = Buffer.from('*-1\r\n');

/** Nil when a watched key had changed. */
export const execReply: Reply<readonly Outcome[] | undefined> = {
  name: 'array of replies or nil',
  write: (writer, outcomes) => {
    if (outcomes === undefined) {
      if (writer.protocol === 2) writer.raw(NIL_ARRAY);
      else writer.nil();
      return;
    }
    writer.array(outcomes.length);
    for (const outcome of outcomes) {
      writer.protocol = outcome.protocol;
      if ('error' in outcome) writer.error(outcome.error);
      else outcome.entry.writeReply(writer, outcome.value);
    }
  },
};

/** Commands in memory of their own. */
class QueuedCommands implements ArgumentColumns {
  readonly entries: CommandEntry[] = [];
  buffer: Buffer = Buffer.alloc(0);
  firstArgument = new Int32Array(9);
  starts = new Int32Array(32);
  lengths = new Int32Array(32);
  #used = 0;

  get bytes(): number {
    return this.#used;
  }

  append(entry: CommandEntry, from: ArgumentColumns, at: number): void {
    const count = this.entries.length;
    if (count + 2 > this.firstArgument.length) this.firstArgument = larger(this.firstArgument, count + 2);
    let argument = this.firstArgument[count]!;
    const last = from.firstArgument[at + 1]!;
    for (let i = from.firstArgument[at]!; i < last; i++) {
      const length = from.lengths[i]!;
      const start = from.starts[i]!;
      if (argument >= this.starts.length) {
        this.starts = larger(this.starts, argument + 1);
        this.lengths = larger(this.lengths, argument + 1);
      }
      this.#reserve(length);
      this.buffer.set(from.buffer.subarray(start, start + length), this.#used);
      this.starts[argument] = this.#used;
      this.lengths[argument] = length;
      this.#used += length;
      argument++;
    }
    this.firstArgument[count + 1] = argument;
    this.entries.push(entry);
  }

  #reserve(bytes: number): void {
    if (this.#used + bytes <= this.buffer.length) return;
    const grown = Buffer.allocUnsafe(Math.max(this.#used + bytes, this.buffer.length * 2, 256));
    this.buffer.copy(grown, 0, 0, this.#used);
    this.buffer = grown;
  }
}

function larger(array: Int32Array<ArrayBuffer>, count: number): Int32Array<ArrayBuffer> {
  const grown = new Int32Array(Math.max(count, array.length * 2));
  grown.set(array);
  return grown;
}

/** Thrown through a transaction whose watched keys have changed. */
class Abandoned extends Error {
  override readonly name = 'Abandoned';
}

export class ClientTransaction {
  #queue: QueuedCommands | undefined;
  #refused = false;
  #watched: WatchedKey[] = [];
  /** EXEC runs what was queued. */
  isRunning = false;

  /** Between MULTI and EXEC. */
  get isQueueing(): boolean {
    return this.#queue !== undefined;
  }

  /** Commands queued, or -1 outside of MULTI. */
  get length(): number {
    return this.#queue?.entries.length ?? -1;
  }

  get queuedBytes(): number {
    return this.#queue?.bytes ?? 0;
  }

  /** A watched key has been written: EXEC will run nothing. */
  get isStale(): boolean {
    return this.#watched.some(({ changed }) => changed);
  }

  get queuesWrites(): boolean {
    return this.#queue?.entries.some((entry) => entry.isWrite) ?? false;
  }

  begin(): void {
    if (this.#queue !== undefined) throw new RespError('ERR MULTI calls can not be nested');
    this.#queue = new QueuedCommands();
    this.#refused = false;
  }

  /** Takes a copy of the command. @throws RespError for one that cannot be part of a transaction. */
  queue(entry: CommandEntry, from: ArgumentColumns, at: number, bytesMax: number): void {
    const queue = this.#queue!;
    if (entry.command.flags.includes('no_multi')) throw new RespError('ERR Command not allowed inside a transaction');
    if (this.#refused) return; // EXEC will not run it.
    queue.append(entry, from, at);
    if (queue.bytes > bytesMax) {
      this.#queue = new QueuedCommands();
      throw new RespError('ERR the commands of a transaction exceed what the input of a client may hold');
    }
  }

  /** A command could not be queued: EXEC will run none. */
  refuse(): void {
    if (this.#queue !== undefined) this.#refused = true;
  }

  discard(session: Session): void {
    if (this.#queue === undefined) throw new RespError('ERR DISCARD without MULTI');
    this.reset(session);
  }

  /** Forgets everything, queued and watched. */
  reset(session: Session): void {
    this.#queue = undefined;
    this.#refused = false;
    this.unwatch(session);
  }

  unwatch(session: Session): void {
    for (const watch of this.#watched.splice(0)) session.server.watchedKeys.remove(watch);
  }

  watch(session: Session, keys: readonly Bytes[]): Awaitable<void> {
    if (this.#queue !== undefined) throw new RespError('ERR WATCH inside MULTI is not allowed');
    const waits: Promise<unknown>[] = [];
    for (const key of keys) {
      const isWatched = this.#watched.some(
        (other) => other.database === session.database && Buffer.compare(other.redisKey, key) === 0,
      );
      if (isWatched) continue;
      const watch = session.server.watchedKeys.add(session, key);
      if (!isPromise(watch)) this.#watched.push(watch);
      else waits.push(watch.then((added) => this.#watched.push(added)));
    }
    return waits.length === 0 ? undefined : Promise.all(waits).then(() => undefined);
  }

  /** Those who track what they read are to hear of it from now on. */
  noteReads(session: Session): void {
    const queue = this.#queue;
    queue?.entries.forEach((entry, at) => {
      session.server.tracking.noteRead(session, entry, queue, at);
    });
  }

  /** @returns the outcomes in order; undefined when a watched key has changed. */
  exec(session: Session): Awaitable<readonly Outcome[] | undefined> {
    const queue = this.#queue;
    if (queue === undefined) throw new RespError('ERR EXEC without MULTI');
    const refused = this.#refused;
    const watched = this.#watched;
    this.#queue = undefined;
    this.#refused = false;
    this.#watched = [];
    this.isRunning = true;
    const release = (): void => {
      this.isRunning = false;
      for (const watch of watched) session.server.watchedKeys.remove(watch);
    };
    let outcomes: Awaitable<readonly Outcome[] | undefined>;
    try {
      if (refused) throw new RespError('EXECABORT Transaction discarded because of previous errors.');
      outcomes = runQueue(session, queue, watched);
    } catch (error) {
      release();
      if (error instanceof Abandoned) return undefined;
      throw error;
    }
    const tellMonitors = (): void => {
      const { monitors } = session.server;
      if (!monitors.isActive) return;
      for (const [at, entry] of queue.entries.entries()) monitors.note(session, entry, queue, at);
    };
    if (!isPromise(outcomes)) {
      release();
      tellMonitors();
      return outcomes;
    }
    return outcomes
      .then((all) => {
        tellMonitors();
        return all;
      })
      .catch((error: unknown) => {
        if (error instanceof Abandoned) return undefined;
        throw error;
      })
      .finally(release);
  }
}

function runQueue(
  session: Session,
  queue: QueuedCommands,
  watched: readonly WatchedKey[],
): Awaitable<readonly Outcome[]> {
  const { database, protocol, name, libraryName, libraryVersion, principal } = session;
  const before = { database, protocol, name, libraryName, libraryVersion, principal };
  const cursor = new ArgumentCursor();
  return transact(
    session,
    {
      label: 'exec',
      readOnly: false,
      beforeLateCommit: (on) => requireUnchangedLate(on, watched),
    },
    (on) => {
      Object.assign(session, before); // An earlier attempt may have got as far as SELECT.
      requireUnchanged(on, watched);
      if (watched.length === 0 || !isShared(on)) return runFrom(on, queue, cursor, []);
      return requireValues(on, watched).then(() => runFrom(on, queue, cursor, []));
    },
  );
}

/** @throws Abandoned when a watched key has changed. */
function requireUnchanged(on: KeyspaceTransaction, watched: readonly WatchedKey[]): void {
  if (watched.some((watch) => on.server.watchedKeys.hasChanged(watch, on.nowMs))) {
    throw new Abandoned('a watched key has changed');
  }
}

/** Whether others may write what is watched without this process being told. */
function isShared(on: KeyspaceTransaction): boolean {
  return on.server.partitions.store.supports.shared;
}

/** Before anything is written: the keys hold what they held when they were watched, and must when the transaction commits. */
async function requireValues(on: KeyspaceTransaction, watched: readonly WatchedKey[]): Promise<void> {
  const values = await on.transaction.batchGet(watched.map(({ key }) => key));
  for (const [i, watch] of watched.entries()) {
    if (on.server.watchedKeys.differs(watch, values[i], on.nowMs)) throw new Abandoned('a watched key has changed');
    on.requireUnchanged(watch.key, values[i]);
  }
}

/** As `requireUnchanged`, and the keys join what the commit requires to be unchanged. */
async function requireUnchangedLate(on: KeyspaceTransaction, watched: readonly WatchedKey[]): Promise<void> {
  if (!isShared(on)) for (const { key } of watched) await on.transaction.get(key);
  requireUnchanged(on, watched);
}

/** Runs the commands behind those that have an outcome; synchronous as far as they are. */
function runFrom(
  on: KeyspaceTransaction,
  queue: QueuedCommands,
  cursor: ArgumentCursor,
  outcomes: Outcome[],
): Awaitable<readonly Outcome[]> {
  const { session, transaction } = on;
  while (outcomes.length < queue.entries.length) {
    const at = outcomes.length;
    const entry = queue.entries[at]!;
    const savepoint = entry.isWrite ? transaction.savepoint() : undefined;
    const written = on.written.length;
    const fail = (error: unknown): void => {
      const line = errorLine(error);
      if (line === undefined || (error instanceof OperationError && error.retry === 'transaction')) throw error;
      if (savepoint !== undefined) transaction.rollbackTo(savepoint);
      on.written.length = written;
      entry.failedCalls++;
      countError(on.server.counters, line);
      outcomes.push({ error: line, protocol: session.protocol });
    };
    const startedMs = on.server.platform.clock.monotonicMs();
    try {
      cursor.begin(queue, at, entry.nameArguments);
      const value = runWithin(on, entry, entry.parseArguments(cursor));
      if (isPromise(value)) {
        const done = value.then((result) => {
          outcomes.push({ entry, value: result, protocol: session.protocol });
        }, fail);
        return done.then(() => {
          noteCall(session, queue, at, startedMs);
          return runFrom(on, queue, cursor, outcomes);
        });
      }
      outcomes.push({ entry, value, protocol: session.protocol });
    } catch (error) {
      fail(error);
    }
    noteCall(session, queue, at, startedMs);
  }
  return outcomes;
}

function noteCall(session: Session, queue: QueuedCommands, at: number, startedMs: number): void {
  const { slowLog, platform } = session.server;
  const entry = queue.entries[at]!;
  const elapsedMs = platform.clock.monotonicMs() - startedMs;
  entry.noteCall(elapsedMs);
  if (entry.isLogged) slowLog.note(session, entry, queue, at, elapsedMs);
}

/** One command in a transaction over all databases. */
function runWithin(
  on: KeyspaceTransaction,
  entry: CommandEntry,
  args: Readonly<Record<string, unknown>>,
): Awaitable<unknown> {
  on.lookups = entry.countsLookups ? on.server.counters.lookups : undefined;
  switch (entry.command.scope) {
    case 'keys':
      return entry.run(on.database(on.selected), args) as Awaitable<unknown>;
    case 'database':
      return entry.run([on.database(on.selected)], args) as Awaitable<unknown>;
    case 'server': {
      const databases = Array.from({ length: on.server.databases.count }, (_, number) => on.database(number));
      return entry.run(databases, args) as Awaitable<unknown>;
    }
    case 'keyspace':
      return entry.run(on, args) as Awaitable<unknown>;
    case 'session':
      return entry.run(on.session, args) as Awaitable<unknown>;
  }
}

/** A command of the scope `keyspace` outside of MULTI: a transaction with nothing else in it. */
export function runAlone(session: Session, entry: CommandEntry, from: ArgumentColumns, at: number): Awaitable<unknown> {
  const known = entry.command.known?.(session);
  if (known !== undefined) {
    session.observedVersion = Math.max(session.observedVersion, session.server.partitions.store.version);
    return known;
  }
  const command = new QueuedCommands();
  command.append(entry, from, at);
  const cursor = new ArgumentCursor();
  cursor.begin(command, 0, entry.nameArguments);
  const args = entry.parseArguments(cursor);
  return transact(session, { label: entry.name, readOnly: !entry.isWrite }, (on) => runWithin(on, entry, args));
}
