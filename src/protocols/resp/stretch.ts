/**
 * The commands of one client, executed one after another without giving the event loop back: their writes gathered into one
 * commit, their replies into the listener's writer. Nothing on this way creates a promise.
 *
 * **A failed commit takes its replies back.** When gathered writes cannot be ordered (a key is locked by a transaction, the
 * disk is full), execution returns to the first command of that batch, forgets the replies since, and runs those commands
 * again with a commit for each: every command gets its own answer, and no OK is ever sent for a write that failed. So
 * whatever changes the session, or ends the stretch, first has ordered what was gathered before it.
 *
 * **A command that must wait** (for a disk, a lock, a password hash) suspends this connection only: what it and its
 * followers need is copied out of the shared buffer, and the stretch before it ends as usual.
 *
 * What it leaves out: where commands come from, and when replies leave. It runs on what the listener shares, which is this
 * connection's until the stretch ends.
 */

import { CommitFailed, WouldWait } from '../../actors/families/partition-commit.ts';
import { type Awaitable, isPromise, whenReady } from '../../base/awaitable.ts';
import { hasCode, OperationError } from '../../base/errors.ts';
import type { Observer } from '../../base/observer.ts';
import type { Database } from '../../models/keyvalue/database.ts';
import type { ArgumentCursor } from './arguments.ts';
import { runAlone } from './client-transaction.ts';
import type { CommandEntry } from './command.ts';
import { databasesOf, enterPartitions, isLargeWrite, keysOf, requestedCommand } from './command-scope.ts';
import { errorLine } from './errors.ts';
import type { ExecutionContext } from './execution-context.ts';
import type { RequestBatch } from './request-parser.ts';
import { countError, isObserved, type Session } from './session.ts';

const NONE = -1;
/** What is said instead of the next command: the connection waits, and goes on with the rest by itself. */
export const SUSPENDED = -2;

/** Replies of one stretch beyond which they are sent before its next command: a chunk can ask for gigabytes. */
const STRETCH_OUTPUT_BYTES = 256 * 1024;

/** A command that has waited for so many values one after the other fetches the others in a transaction. */
const LOADS_AWAITED_MAX = 16;

const WOULD_WAIT = new WouldWait('the partition is busy');

/** The connection whose commands they are. */
export interface ExecutingClient extends Session, Observer {
  activeAtMs: number;
  lastCommand: CommandEntry | undefined;
  readonly isClosed: boolean;
  /** It closes behind the replies so far: no further command is executed. */
  isEnding: boolean;
  /** Ends the stretch: its replies leave, and nothing is read until `goOn`. */
  suspend(): void;
  /** As `suspend`, of a stretch whose replies cannot leave yet. */
  wait(): void;
  /** After a wait, unless it has closed: `reply` writes what comes first, then the commands of `rest` from `from` on. */
  goOn(rest: RequestBatch, from: number, reply?: () => void): void;
  /** Ends the connection behind one last error. */
  fail(line: string): void;
}

export class Stretch {
  readonly #context: ExecutionContext;
  readonly #client: ExecutingClient;
  /** First command whose write is not ordered, and where its reply begins. */
  #uncommitted = NONE;
  #uncommittedOutput = 0;
  /** Commands up to this one commit by themselves. */
  #alone = NONE;
  /** How often the first command has waited for values from disk. */
  #loadsAwaited = 0;
  readonly #database = (stored: number): Database => this.#context.server.partitions.database(stored);

  constructor(context: ExecutionContext, client: ExecutingClient) {
    this.#context = context;
    this.#client = client;
  }

  /**
   * Executes commands of `batch` from `from` on; `firstReply` writes the reply of a command that had waited. What they wrote
   * is ordered then. @returns the next command: one of the batch when there are enough replies, or when the client is
   * ending; or `SUSPENDED`.
   */
  run(batch: RequestBatch, from: number, firstReply?: () => void): number {
    const { writer, server } = this.#context;
    const client = this.#client;
    writer.protocol = client.protocol;
    client.activeAtMs = server.platform.clock.nowMs();
    server.partitions.begin(client, client.activeAtMs);
    this.#uncommitted = NONE;
    this.#alone = NONE;
    firstReply?.();
    let at = from;
    for (;;) {
      while (at >= 0 && at < batch.count && !client.isEnding && writer.bytes < STRETCH_OUTPUT_BYTES) {
        if (at > this.#alone && this.#mayHurry) {
          at = this.#hurry(batch, at);
          if (at < 0 || at >= batch.count || writer.bytes >= STRETCH_OUTPUT_BYTES) break;
        }
        at = this.#step(batch, at);
      }
      if (at === SUSPENDED) return SUSPENDED;
      const committed = this.#commit(at);
      if (isPromise(committed)) return this.#waitForOrder(committed, batch, at);
      if (committed === at || client.isEnding) return committed;
      at = committed;
    }
  }

  /** Whether commands may take the quick way: nothing about the session changes what they mean. */
  get #mayHurry(): boolean {
    const client = this.#client;
    const { server, quick } = this.#context;
    return (
      client.principal !== undefined &&
      !client.transaction.isQueueing &&
      client.replyMode === 'on' &&
      !server.pause.isActive &&
      !server.monitors.isActive &&
      !server.slowLog.wantsAll &&
      !(server.tracking.isActive && server.tracking.remembers(client)) &&
      quick.enabled
    );
  }

  /** Executes the commands that quick ones are, from `at` on. @returns the next one, or `SUSPENDED`. */
  #hurry(batch: RequestBatch, at: number): number {
    const { quick } = this.#context;
    const database = this.#context.server.databases.stored(this.#client.database);
    const mayFetch = this.#loadsAwaited < LOADS_AWAITED_MAX;
    const next = quick.run(batch, at, database, STRETCH_OUTPUT_BYTES, mayFetch);
    if (next > at) {
      this.#client.lastCommand = quick.lastCommand;
      this.#loadsAwaited = 0;
    }
    if (this.#uncommitted === NONE && quick.firstWrite !== NONE) {
      this.#uncommitted = quick.firstWrite;
      this.#uncommittedOutput = quick.firstWriteOutput;
    }
    return quick.fetching === undefined ? next : this.#waitForLoad(quick.fetching, batch, next);
  }

  /** Executes one command. @returns the next one, an earlier one to return to, or `SUSPENDED`. */
  #step(batch: RequestBatch, at: number): number {
    const { cursor, server, writer } = this.#context;
    const client = this.#client;
    const outputBefore = writer.length;
    server.counters.commands++;
    let entry: CommandEntry | undefined;
    let isAccepted = false;
    let startedMs = 0;
    try {
      entry = requestedCommand(client, batch, at);
      client.lastCommand = entry;
      if (client.transaction.isQueueing && !entry.command.runsInMulti) {
        client.transaction.queue(entry, batch, at, server.limits.inputBytesMax);
        writer.simple('QUEUED');
        return client.replyMode === 'on' ? at + 1 : this.#withhold(outputBefore, at + 1);
      }
      if (server.pause.isActive) {
        const held = server.pause.holds(entry, client);
        if (held !== undefined) return this.#holdBack(held, batch, at);
      }
      isAccepted = true;
      startedMs = server.platform.clock.monotonicMs();
      if (server.tracking.isActive) this.#noteReads(entry, batch, at);
      const next = this.#run(entry, cursor, batch, at);
      if (next === at + 1) {
        this.#tellMonitors(entry, batch, at);
        this.#noteCall(entry, startedMs, batch, at);
      }
      return client.replyMode === 'on' || next !== at + 1 ? next : this.#withhold(outputBefore, next);
    } catch (error) {
      const line = errorLine(error);
      if (line === undefined) {
        server.log.error({ error, client: client.id }, 'a command failed with a bug');
        server.partitions.discard();
        if (this.#uncommitted !== NONE) writer.truncate(this.#uncommittedOutput);
        this.#error('ERR internal error');
        client.isEnding = true;
        return at;
      }
      if (entry === undefined || !entry.command.runsInMulti) client.transaction.refuse();
      if (entry !== undefined && isAccepted) {
        this.#tellMonitors(entry, batch, at);
        this.#noteCall(entry, startedMs, batch, at);
        entry.failedCalls++;
      }
      this.#error(line);
      return client.replyMode === 'on' ? at + 1 : this.#withhold(outputBefore, at + 1);
    }
  }

  /** A command is done, its waits included: for INFO and SLOWLOG. */
  #noteCall(entry: CommandEntry, startedMs: number, batch: RequestBatch, at: number): void {
    const { slowLog, latency, platform } = this.#context.server;
    const elapsedMs = platform.clock.monotonicMs() - startedMs;
    entry.noteCall(elapsedMs);
    latency.note(entry, elapsedMs, platform.clock);
    if (entry.isLogged) slowLog.note(this.#client, entry, batch, at, elapsedMs);
  }

  /** MONITOR: a command that is done, or waits for its result. What runs again behind a failed commit was told before. */
  #tellMonitors(entry: CommandEntry, batch: RequestBatch, at: number): void {
    const { monitors } = this.#context.server;
    if (monitors.isActive && at > this.#alone) monitors.note(this.#client, entry, batch, at);
  }

  /** CLIENT TRACKING: what the command reads, before it does. CLIENT CACHING holds for one command, or for a transaction. */
  #noteReads(entry: CommandEntry, batch: RequestBatch, at: number): void {
    const { tracking } = this.#context.server;
    if (entry.name === 'exec') this.#client.transaction.noteReads(this.#client);
    else tracking.noteRead(this.#client, entry, batch, at);
    if (entry.name !== 'multi' && !entry.name.startsWith('client')) tracking.commandDone(this.#client);
  }

  #run(entry: CommandEntry, cursor: ArgumentCursor, batch: RequestBatch, at: number): number {
    const { scope } = entry.command;
    if (scope === 'keyspace') return this.#runSession(entry, undefined, batch, at);
    if (scope === 'keys' && at > this.#alone && this.#mayHurry && this.#runLong(entry, batch, at)) return at + 1;
    cursor.begin(batch, at, entry.nameArguments);
    const args = entry.parseArguments(cursor);
    return scope === 'session' ? this.#runSession(entry, args, batch, at) : this.#runTurn(entry, args, batch, at);
  }

  /** One command of many keys, on the bytes that came. @returns false where it has to go the general way. */
  #runLong(entry: CommandEntry, batch: RequestBatch, at: number): boolean {
    const { quick, server, writer } = this.#context;
    const outputBefore = writer.length;
    const database = server.databases.stored(this.#client.database);
    if (!quick.runLong(entry, batch, at, database)) return false;
    this.#loadsAwaited = 0;
    if (server.partitions.writes > 0 && this.#uncommitted === NONE) {
      this.#uncommitted = at;
      this.#uncommittedOutput = outputBefore;
    }
    return true;
  }

  /** CLIENT REPLY: drops a reply that the client does not want. */
  #withhold(outputBefore: number, next: number): number {
    const { writer } = this.#context;
    const client = this.#client;
    if (client.replyMode === 'skip') client.replyMode = 'on';
    else if (client.replyMode === 'skipNext') client.replyMode = 'skip';
    writer.truncate(outputBefore);
    return next;
  }

  /** CLIENT PAUSE: what came before is sent, and the rest goes on when the pause is over. */
  #holdBack(held: Promise<void>, batch: RequestBatch, at: number): number {
    const next = this.#commitBefore(batch, at);
    if (next !== at) return next;
    const rest = batch.detach(at);
    this.#client.suspend();
    held.then(() => this.#client.goOn(rest, 0));
    return SUSPENDED;
  }

  /** `args` is left out for a command that needs them in memory of their own. */
  #runSession(
    entry: CommandEntry,
    args: Readonly<Record<string, unknown>> | undefined,
    batch: RequestBatch,
    at: number,
  ): number {
    // A return to earlier commands must not repeat what changes the session, so they are ordered first.
    const next = this.#commitBefore(batch, at);
    if (next !== at) return next;
    const isTransaction = entry.command.group === 'transactions';
    if (this.#loadsAwaited === 0 && (isTransaction || entry.command.scope === 'keyspace')) {
      const settled = this.#context.server.partitions.settleMost();
      if (settled !== undefined && entry.command.known?.(this.#client) === undefined) {
        this.#context.server.counters.commands--;
        return this.#waitForLoad(
          settled.then(() => true),
          batch,
          at,
        );
      }
    }
    this.#loadsAwaited = 0;
    // WATCH must not take for a change what was written before it.
    if (isTransaction) this.#context.server.partitions.settle();
    const result =
      args === undefined
        ? runAlone(this.#client, entry, batch, at)
        : (entry.run(this.#client, args) as Awaitable<unknown>);
    if (isPromise(result)) {
      this.#tellMonitors(entry, batch, at);
      this.#suspend(result, entry, batch.detach(at));
      return SUSPENDED;
    }
    this.#context.writer.protocol = this.#client.protocol; // HELLO answers in the protocol it chose.
    entry.writeReply(this.#context.writer, result);
    return at + 1;
  }

  /** Orders what the stretch has written so far. @returns `at`, an earlier command to return to, or `SUSPENDED`. */
  #commitBefore(batch: RequestBatch, at: number): number {
    const committed = this.#commit(at);
    if (!isPromise(committed)) return committed;
    return this.#waitForOrder(committed, batch, at);
  }

  #runTurn(entry: CommandEntry, args: Readonly<Record<string, unknown>>, batch: RequestBatch, at: number): number {
    const { server, writer, work } = this.#context;
    const { partitions } = server;
    // Where others write to the store no turn can answer by itself.
    if (!partitions.entries.keeps) return this.#leaveTurn(entry, batch, at);
    // A turn would copy all of it in one piece, and fill the memory of hot entries with it.
    if (isLargeWrite(entry, batch, at, partitions.store)) return this.#leaveTurn(entry, batch, at);
    if (entry.isWrite && entry.command.scope !== 'keys' && isObserved(server)) {
      // What it empties was perhaps written in this stretch: who watches has to be told.
      const next = this.#commitBefore(batch, at);
      if (next !== at) return next;
      partitions.settle();
    }
    const outputBefore = writer.length;
    const commitsBefore = partitions.commits;
    work.entry = entry;
    work.args = args;
    work.on = databasesOf(this.#client, entry, this.#database);
    partitions.entries.lookups = entry.countsLookups ? server.counters.lookups : undefined;
    if (entry.isWrite) partitions.beginTurn();
    const began = enterPartitions(this.#context, this.#client, entry, batch, at, work);
    if (!began) this.#context.abandonWork();
    const error = began ? work.error : WOULD_WAIT;
    if (error === undefined) {
      this.#loadsAwaited = 0;
      if (entry.isWrite) partitions.endTurn();
      if (partitions.commits !== commitsBefore) this.#uncommitted = NONE;
      if (partitions.writes === 0) return at + 1;
      if (this.#uncommitted === NONE) {
        this.#uncommitted = at;
        this.#uncommittedOutput = outputBefore;
      }
      return at <= this.#alone ? this.#commitAlone(entry, batch, at) : at + 1;
    }
    writer.truncate(outputBefore);
    if (error instanceof CommitFailed) return this.#returnTo(at, error.cause);
    partitions.undoTurn(); // A command that failed half-way: nothing of it may be ordered with the others.
    if (partitions.commits !== commitsBefore) this.#uncommitted = NONE;
    if (error instanceof WouldWait) return this.#waitForValue(entry, batch, at);
    const line = errorLine(error);
    if (line === undefined)
      this.#context.server.log.error({ error, client: this.#client.id }, 'a command failed with a bug');
    entry.failedCalls++;
    this.#error(line ?? 'ERR internal error');
    return at + 1;
  }

  /** A value comes from disk: the command runs again when it is here. Whatever else has to wait is a transaction. */
  #waitForValue(entry: CommandEntry, batch: RequestBatch, at: number): number {
    const loading = this.#context.server.partitions.takeLoading();
    if (loading === undefined || at <= this.#alone || this.#loadsAwaited >= LOADS_AWAITED_MAX) {
      this.#loadsAwaited = 0;
      return this.#leaveTurn(entry, batch, at);
    }
    this.#context.server.counters.commands--;
    return this.#waitForLoad(loading, batch, at);
  }

  /** What came before is sent, and the rest goes on when values are here, or will not be kept. */
  #waitForLoad(loading: Promise<boolean>, batch: RequestBatch, at: number): number {
    const next = this.#commitBefore(batch, at);
    if (next !== at) return next;
    const rest = batch.detach(at);
    this.#client.suspend();
    loading.then((kept) => {
      this.#loadsAwaited = kept ? this.#loadsAwaited + 1 : LOADS_AWAITED_MAX;
      this.#client.goOn(rest, 0);
    });
    return SUSPENDED;
  }

  /**
   * Orders what the stretch has written. @returns `at`, or an earlier command to return to because that failed, or a
   * promise of the order from a store that takes its time.
   */
  #commit(at: number): Awaitable<number> {
    if (this.#uncommitted === NONE) return at;
    try {
      const committed = this.#context.server.partitions.commit();
      if (isPromise(committed)) return committed.then(() => at);
      this.#uncommitted = NONE;
      return at;
    } catch (error) {
      return this.#returnTo(at - 1, error);
    }
  }

  /** Forgets the replies since the first unordered write; commands up to `at` will commit one by one. */
  #returnTo(at: number, error: unknown): number {
    const { writer, server } = this.#context;
    if (!(error instanceof OperationError) || this.#uncommitted === NONE) throw error;
    server.partitions.discard();
    if (error.code === 'commit_unknown') {
      writer.truncate(this.#uncommittedOutput);
      this.#uncommitted = NONE;
      this.#error(errorLine(error)!);
      this.#client.isEnding = true;
      return at + 1;
    }
    const first = this.#uncommitted;
    writer.truncate(this.#uncommittedOutput);
    this.#uncommitted = NONE;
    this.#alone = Math.max(this.#alone, at);
    return first;
  }

  /** Orders the write of one command, or answers with its error. */
  #commitAlone(entry: CommandEntry, batch: RequestBatch, at: number): number {
    const { partitions } = this.#context.server;
    try {
      const committed = partitions.commit();
      if (isPromise(committed)) return this.#waitForOrder(committed, batch, at + 1);
      this.#uncommitted = NONE;
      return at + 1;
    } catch (error) {
      partitions.discard();
      this.#context.writer.truncate(this.#uncommittedOutput);
      this.#uncommitted = NONE;
      if (hasCode(error, 'transaction_conflict')) return this.#leaveTurn(entry, batch, at);
      const line = errorLine(error);
      if (line === undefined) throw error;
      entry.failedCalls++;
      this.#error(line);
      if (hasCode(error, 'commit_unknown')) this.#client.isEnding = true;
      return at + 1;
    }
  }

  /** Runs a command that cannot go on within its turn as a transaction; the connection waits for it. */
  #leaveTurn(entry: CommandEntry, batch: RequestBatch, at: number): number {
    const next = this.#commitBefore(batch, at);
    if (next !== at) return next;
    this.#tellMonitors(entry, batch, at);
    const rest = batch.detach(at);
    const { cursor, server } = this.#context;
    cursor.begin(rest, 0, entry.nameArguments);
    const args = entry.parseArguments(cursor);
    const { databases: order } = server;
    const result = server.partitions.wait(
      {
        database: order.stored(this.#client.database),
        lockKeys: entry.isWrite ? keysOf(entry, rest) : [],
        readOnly: !entry.isWrite,
        lookups: entry.countsLookups ? server.counters.lookups : undefined,
      },
      (databases) => {
        const map = order.map;
        const on = databasesOf(this.#client, entry, databases);
        return whenReady(entry.run(on, args) as Awaitable<unknown>, (value) => {
          if (order.map === map) return value;
          throw new OperationError('transaction_conflict', 'the databases were swapped meanwhile');
        });
      },
    );
    this.#suspend(result, entry, rest);
    return SUSPENDED;
  }

  /** Ends the stretch here; when `result` of the first command of `rest` is there, its reply is written and the others go on. */
  #suspend(result: Promise<unknown>, entry: CommandEntry, rest: RequestBatch): void {
    const client = this.#client;
    client.suspend();
    const startedMs = client.server.platform.clock.monotonicMs();
    const go = (write: () => void): void => {
      if (client.isClosed) return;
      this.#noteCall(entry, startedMs, rest, 0);
      client.goOn(rest, 1, () => {
        write();
        if (client.replyMode !== 'on') this.#withhold(0, 1);
      });
    };
    result.then(
      (value) =>
        go(() => {
          this.#context.writer.protocol = client.protocol;
          entry.writeReply(this.#context.writer, value);
        }),
      (error) =>
        go(() => {
          entry.failedCalls++;
          this.#error(errorLine(error) ?? 'ERR internal error');
          if (errorLine(error) === undefined) {
            this.#context.server.log.error({ error, client: client.id }, 'a command failed with a bug');
          }
          if (hasCode(error, 'commit_unknown')) client.isEnding = true;
        }),
    );
  }

  /**
   * A store that orders asynchronously: the replies so far are held until it has. Its refusal ends the connection, as
   * the commands behind those replies cannot be run again.
   */
  #waitForOrder(ordered: Promise<unknown>, batch: RequestBatch, at: number): typeof SUSPENDED {
    const { writer } = this.#context;
    const client = this.#client;
    const held = Buffer.concat([...writer.parts()].map(({ bytes }) => bytes));
    writer.reset();
    this.#uncommitted = NONE;
    client.wait();
    const rest = batch.detach(at);
    ordered.then(
      () => client.goOn(rest, 0, () => writer.raw(held)),
      (error) => client.fail(errorLine(error) ?? 'ERR internal error'),
    );
    return SUSPENDED;
  }

  #error(line: string): void {
    countError(this.#context.server.counters, line);
    this.#context.writer.error(line);
  }
}
