/**
 * One Redis client: bytes in, commands in order, replies out in the same order.
 *
 * **A chunk is a stretch.** All complete commands of a received chunk are parsed first, then executed one after another
 * without giving the event loop back, their writes gathered into one commit, their replies into one buffer and one
 * write. Nothing on this way creates a promise.
 *
 * **Replies leave when durable.** Each stretch has a version, the highest it committed or observed; its replies wait
 * until that is durable, and behind the replies before them. Meanwhile the next chunks are executed: a pipelining client
 * does not wait for one sync per chunk. Bytes waiting are bounded; beyond the bound the client is not read.
 *
 * **A failed commit takes its replies back.** When gathered writes cannot be ordered (a key is locked by a transaction, the
 * disk is full), execution returns to the first command of that batch, forgets the replies since, and runs those
 * commands again with a commit for each: every command gets its own answer, and no OK is ever sent for a write that failed.
 *
 * **A command that must wait** (for a disk, a lock, a password hash) suspends this connection only: what it and its
 * followers need is copied out of the shared buffer, and the stretch before it ends as usual.
 *
 * **An unknown commit** (the log failed between order and sync) ends the connection behind `-UNKNOWN`, since no reply after it
 * could be matched to its command.
 */

import type { PartitionWork } from '../../actors/families/keyspace-partition.ts';
import { CommitFailed, WouldWait } from '../../actors/families/partition-commit.ts';
import { type Awaitable, isPromise, whenReady } from '../../base/awaitable.ts';
import { type Bytes, EMPTY_BYTES } from '../../base/bytes.ts';
import { hasCode, OperationError } from '../../base/errors.ts';
import type { Observer } from '../../base/observer.ts';
import type { Database } from '../../models/keyvalue/database.ts';
import type { Timer } from '../../platform/platform.ts';
import type { Socket, SocketHandlers } from '../../platform/sockets.ts';
import type { ArgumentCursor } from './arguments.ts';
import { DEFAULT_USER, type Principal } from './authentication.ts';
import { mayWrite } from './client-pause.ts';
import { INVALIDATE_ALL } from './client-tracking.ts';
import { ClientTransaction, runAlone } from './client-transaction.ts';
import { type CommandEntry, keyPositions } from './command.ts';
import { shown } from './connection-commands.ts';
import { errorLine, RespError } from './errors.ts';
import type { ExecutionContext } from './execution-context.ts';
import { HeldReplies } from './held-replies.ts';
import type { ProtocolVersion } from './reply-writer.ts';
import type { PartialCommand, RequestBatch } from './request-parser.ts';
import { isObserved, type ReplyMode, type RespServer, type Session } from './session.ts';

const NONE = -1;
/** What `#step` says instead of going on to the next command. */
const SUSPENDED = -2;

/** Replies of one stretch beyond which they are sent before its next command: a chunk can ask for gigabytes. */
const STRETCH_OUTPUT_BYTES = 256 * 1024;

/** Why a socket is not read. */
const WAITING = 1;
const UNDURABLE = 2;

/** Who has sent a sixteenth of what it has announced is believed to send the rest. */
const BELIEVED_TIMES = 16;
/** Of a large request: at least what one read of a socket may bring. */
const LARGE_BYTES = 1024 * 1024;
const BEHIND_BYTES = 64 * 1024;

/** Clients are weighed again each time one of them has grown by so much. */
const WEIGHED_BYTES = 1024 * 1024;

/** Of messages that wait for a reply; beyond it everything is invalidated at once. */
const PUSHES_MAX = 1_000;

/** Of what MONITOR shows and its reader has not read. */
const SHOWN_BYTES_MAX = 16 * 1024 * 1024;

/** A command that has waited for so many values one after the other fetches the others in a transaction. */
const LOADS_AWAITED_MAX = 16;

export class RespConnection implements Session, Observer, SocketHandlers {
  readonly id: number;
  readonly server: RespServer;
  database = 0;
  protocol: ProtocolVersion = 2;
  name = '';
  libraryName = '';
  libraryVersion = '';
  principal: Principal | undefined;
  replyMode: ReplyMode = 'on';
  observedVersion = 0;
  readonly transaction = new ClientTransaction();
  readonly connectedAtMs: number;
  activeAtMs: number;
  lastCommand: CommandEntry | undefined;

  readonly #context: ExecutionContext;
  readonly #socket: Socket;
  #closed = false;
  #ending = false;
  #ended = false;
  #finishing = false;
  #paused = 0;
  #loginTimer: Timer | undefined;

  /** Received and not parsed yet. */
  #input: Buffer = NO_INPUT;
  #inputLength = 0;
  #neededBytes = 0;
  /** What was kept for this client when all of them were last weighed because of it. */
  #weighedInputBytes = 0;
  #weighedOutputBytes = 0;
  #partial: PartialCommand | undefined;

  /** First command of the stretch whose write is not ordered, and where its reply begins. */
  #uncommitted = NONE;
  #uncommittedOutput = 0;
  /** Commands up to this one commit by themselves. */
  #alone = NONE;
  /** How often the first command has waited for values from disk. */
  #loadsAwaited = 0;

  /** Replies that wait for durability. */
  readonly #held = new HeldReplies();
  /** Messages for behind the replies of this stretch, or of the command that is running. */
  #pushes: Buffer[] = [];
  #inStretch = false;
  /** Commands that wait until fewer replies wait. */
  #parked: RequestBatch | undefined;
  readonly #onDurable = (): void => this.#sendDurable();
  readonly #onUnknown = (error: unknown): void => this.#failUnknown(error);

  constructor(context: ExecutionContext, socket: Socket) {
    this.#context = context;
    this.#socket = socket;
    this.server = context.server;
    this.id = context.nextId();
    this.principal = this.server.principals.required ? undefined : { name: DEFAULT_USER };
    this.server.counters.connectionsAccepted++;
    this.server.counters.connectionsOpen++;
    context.connections.add(this);
    context.clients.add(this);
    this.connectedAtMs = this.server.platform.clock.nowMs();
    this.activeAtMs = this.connectedAtMs;
    const { loginMs } = this.server.limits;
    if (this.principal === undefined && loginMs > 0) {
      this.#loginTimer = this.server.platform.timers.after(loginMs, () => this.#loginTimedOut());
    }
  }

  #loginTimedOut(): void {
    if (this.principal === undefined) this.#fail('NOAUTH Authentication took too long.');
  }

  get remoteAddress(): string {
    return this.#socket.remoteAddress;
  }

  get remotePort(): number {
    return this.#socket.remotePort;
  }

  get localAddress(): string {
    return this.#socket.localAddress;
  }

  get localPort(): number {
    return this.#socket.localPort;
  }

  get inputBytes(): number {
    return this.#inputLength;
  }

  get outputBytes(): number {
    return this.#held.length + this.#socket.bufferedBytes;
  }

  closeAfterReply(): void {
    this.#ending = true;
  }

  kill(by: Session): void {
    if (by === this) this.#ending = true;
    else this.#socket.destroy();
  }

  // Socket events

  onData(chunk: Bytes): void {
    this.server.counters.bytesReceived += chunk.length;
    if (this.#closed || this.#ending || this.#ended) return;
    if (this.#isPaused(WAITING)) {
      this.#append(chunk);
      return;
    }
    const { loading } = this.server.databases;
    if (loading !== undefined) {
      this.#append(chunk);
      this.#waitForRoom(loading);
      return;
    }
    if (this.#inputLength === 0) {
      this.#process(chunk);
      return;
    }
    this.#append(chunk);
    if (this.#inputLength >= this.#neededBytes) this.#processInput();
  }

  onEnd(): void {
    this.#finish();
  }

  /** Answers what has been received and closes, as if the client had said that it is done. */
  drain(): void {
    this.#finish();
  }

  #finish(): void {
    this.#finishing = true;
    this.#endIfDone();
  }

  onClose(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#loginTimer?.cancel();
    this.server.counters.connectionsOpen--;
    this.#held.drop();
    this.#parked = undefined;
    this.#input = NO_INPUT;
    this.#inputLength = 0;
    this.#partial = undefined;
    this.transaction.reset(this);
    this.server.tracking.end(this);
    this.server.monitors.remove(this);
    this.#context.clients.delete(this);
    this.#context.connections.delete(this);
    this.#context.onConnectionClosed();
  }

  // Input

  #append(chunk: Bytes): void {
    const length = this.#inputLength + chunk.length;
    if (length > this.server.limits.inputBytesMax) {
      this.#fail('ERR Protocol error: the client sent more than its input buffer may hold');
      return;
    }
    if (length > this.#input.length) {
      const larger = Buffer.allocUnsafeSlow(this.#roomFor(length));
      this.#input.copy(larger, 0, 0, this.#inputLength);
      this.#input = larger;
    }
    this.#input.set(chunk, this.#inputLength);
    this.#inputLength = length;
    if (length < WEIGHED_BYTES) this.#weighedInputBytes = 0;
    else if (length >= this.#weighedInputBytes + WEIGHED_BYTES) {
      this.#weighedInputBytes = length;
      this.#context.boundClients();
    }
  }

  /**
   * What an announced length takes, once a part of it is here: each step on the way would be a copy of all there is. With it
   * what a last chunk brings beside it. Otherwise twice as much as there was.
   */
  #roomFor(length: number): number {
    const announced = this.#neededBytes + (this.#neededBytes > LARGE_BYTES ? BEHIND_BYTES : 0);
    const isBelieved = announced >= length && this.#inputLength * BELIEVED_TIMES >= announced;
    return isBelieved ? announced : Math.max(length, this.#inputLength * 2);
  }

  #processInput(): void {
    const input = this.#input;
    const length = this.#inputLength;
    this.#input = NO_INPUT;
    this.#inputLength = 0;
    this.#process(input.subarray(0, length));
  }

  /** Executes what is complete in `bytes`, and keeps a copy of the rest. */
  #process(bytes: Bytes): void {
    try {
      this.#parseAndExecute(bytes);
    } catch (error) {
      this.#failBug(error);
    }
  }

  #parseAndExecute(bytes: Bytes): void {
    const { batch } = this.#context;
    let start = 0;
    do {
      batch.parse(bytes, start, bytes.length, this.server.limits, this.principal !== undefined, this.#partial);
      const room = this.server.partitions.store.whenWritable();
      if (room !== undefined && this.#mayWrite(batch)) {
        // Parsed again from here on when there is room.
        this.#append(bytes.subarray(start));
        this.#waitForRoom(room);
        return;
      }
      this.#partial = batch.partial;
      this.#neededBytes = batch.neededBytes;
      const { consumed, count } = batch;
      const finished = this.#execute(batch, 0);
      start = consumed;
      if (this.#closed || this.#ending) return;
      if (!finished || count === 0) break;
      if (count >= this.server.limits.commandsMax && start < bytes.length) {
        this.#append(bytes.subarray(start));
        this.#giveWay();
        return;
      }
    } while (start < bytes.length && this.#partial === undefined && this.#neededBytes === 0);
    if (start < bytes.length) this.#append(bytes.subarray(start));
  }

  /** Lets other clients have their turn before the rest of the input. */
  #giveWay(): void {
    this.#pause(WAITING);
    this.server.platform.timers.yield().then(() => this.#continueReading());
  }

  /** Whether any command of the batch may need room in the store. */
  #mayWrite(batch: RequestBatch): boolean {
    const { commands } = this.server;
    for (let at = 0; at < batch.count; at++) {
      const name = batch.firstArgument[at]!;
      const entry = commands.find(batch.buffer, batch.starts[name]!, batch.lengths[name]!);
      if (entry !== undefined && mayWrite(entry, this)) return true;
    }
    return false;
  }

  #waitForRoom(room: Promise<void>): void {
    this.#pause(WAITING);
    room.then(
      () => this.#continueReading(),
      () => this.#continueReading(), // The commands will get the error.
    );
  }

  /** After a wait: what arrived meanwhile, then the socket again. */
  #continueReading(): void {
    if (this.#closed) return;
    this.#resume(WAITING);
    if (this.#inputLength > 0 && this.#inputLength >= this.#neededBytes) {
      const { loading } = this.server.databases;
      if (loading !== undefined) this.#waitForRoom(loading);
      else this.#processInput();
    }
    this.#endIfDone();
  }

  // Execution

  /**
   * One stretch: commands of `batch` from `from` on. `firstReply` writes the reply of a command that had waited.
   * @returns false when the connection now waits; the rest of the batch was copied and goes on by itself.
   */
  #execute(batch: RequestBatch, from: number, firstReply?: () => void): boolean {
    const { tracking } = this.server;
    if (!tracking.isActive) return this.#executeStretch(batch, from, firstReply);
    tracking.writer = this;
    try {
      return this.#executeStretch(batch, from, firstReply);
    } finally {
      tracking.writer = undefined;
    }
  }

  #executeStretch(batch: RequestBatch, from: number, firstReply?: () => void): boolean {
    const { writer, server } = this.#context;
    this.#inStretch = true;
    writer.reset();
    writer.protocol = this.protocol;
    this.activeAtMs = server.platform.clock.nowMs();
    server.partitions.begin(this, this.activeAtMs);
    this.#uncommitted = NONE;
    this.#alone = NONE;
    firstReply?.();
    let at = from;
    for (;;) {
      while (at >= 0 && at < batch.count && !this.#ending && writer.length < STRETCH_OUTPUT_BYTES) {
        if (at > this.#alone && this.#mayHurry) {
          at = this.#hurry(batch, at);
          if (at < 0 || at >= batch.count || writer.length >= STRETCH_OUTPUT_BYTES) break;
        }
        at = this.#step(batch, at);
      }
      if (at === SUSPENDED) return false;
      const committed = this.#commit(at);
      if (isPromise(committed)) {
        this.#waitForOrder(committed, batch, at);
        return false;
      }
      const goesOn = committed < batch.count && !this.#ending;
      if (committed === at && !goesOn) break;
      if (committed === at) {
        this.#emitAndPark(batch, at);
        return false;
      }
      at = committed;
    }
    if (batch.error !== undefined && !this.#ending) {
      this.#error(`ERR ${batch.error}`);
      this.#ending = true;
    }
    this.#emit();
    return true;
  }

  /** Sends what has become much for one stretch; the rest goes on when others had their turn, and replies are durable. */
  #emitAndPark(batch: RequestBatch, at: number): void {
    this.#emit();
    if (this.#closed || this.#ended) return;
    this.#parked = batch.detach(at);
    this.#pause(WAITING);
    this.server.platform.timers.yield().then(() => {
      if (!this.#isPaused(UNDURABLE)) this.#unpark();
    });
  }

  /** Whether commands may take the quick way: nothing about the session changes what they mean. */
  get #mayHurry(): boolean {
    return (
      this.principal !== undefined &&
      !this.transaction.isQueueing &&
      this.replyMode === 'on' &&
      !this.server.pause.isActive &&
      !this.server.monitors.isActive &&
      !(this.server.tracking.isActive && this.server.tracking.remembers(this)) &&
      this.#context.quick.enabled
    );
  }

  /** Executes the commands that quick ones are, from `at` on. @returns the next one, or `SUSPENDED`. */
  #hurry(batch: RequestBatch, at: number): number {
    const { quick } = this.#context;
    const database = this.server.databases.stored(this.database);
    const mayFetch = this.#loadsAwaited < LOADS_AWAITED_MAX;
    const next = quick.run(batch, at, database, STRETCH_OUTPUT_BYTES, mayFetch);
    if (next > at) {
      this.lastCommand = quick.lastCommand;
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
    const outputBefore = writer.length;
    server.counters.commands++;
    let entry: CommandEntry | undefined;
    let isAccepted = false;
    try {
      entry = this.#entryOf(batch, at);
      this.lastCommand = entry;
      if (this.transaction.isQueueing && !entry.command.runsInMulti) {
        this.transaction.queue(entry, batch, at, server.limits.inputBytesMax);
        writer.simple('QUEUED');
        return this.replyMode === 'on' ? at + 1 : this.#withhold(outputBefore, at + 1);
      }
      if (server.pause.isActive) {
        const held = server.pause.holds(entry, this);
        if (held !== undefined) return this.#holdBack(held, batch, at);
      }
      isAccepted = true;
      entry.calls++;
      const startedMs = entry.isTimed ? server.platform.clock.monotonicMs() : 0;
      if (server.tracking.isActive) this.#noteReads(entry, batch, at);
      const next = this.#run(entry, cursor, batch, at);
      if (next === at + 1) this.#tellMonitors(entry, batch, at);
      if (entry.isTimed && next !== SUSPENDED) {
        server.slowLog.note(this, entry, batch, at, server.platform.clock.monotonicMs() - startedMs);
      }
      return this.replyMode === 'on' || next !== at + 1 ? next : this.#withhold(outputBefore, next);
    } catch (error) {
      const line = errorLine(error);
      if (line === undefined) {
        server.log.error({ error, client: this.id }, 'a command failed with a bug');
        server.partitions.discard();
        writer.length = Math.min(writer.length, this.#uncommitted === NONE ? writer.length : this.#uncommittedOutput);
        this.#error('ERR internal error');
        this.#ending = true;
        return at;
      }
      if (entry === undefined || !entry.command.runsInMulti) this.transaction.refuse();
      if (entry !== undefined && isAccepted) this.#tellMonitors(entry, batch, at);
      this.#error(line);
      return this.replyMode === 'on' ? at + 1 : this.#withhold(outputBefore, at + 1);
    }
  }

  /** MONITOR: a command that is done, or waits for its result. What runs again behind a failed commit was told before. */
  #tellMonitors(entry: CommandEntry, batch: RequestBatch, at: number): void {
    const { monitors } = this.server;
    if (monitors.isActive && at > this.#alone) monitors.note(this, entry, batch, at);
  }

  /** CLIENT TRACKING: what the command reads, before it does. CLIENT CACHING holds for one command, or for a transaction. */
  #noteReads(entry: CommandEntry, batch: RequestBatch, at: number): void {
    const { tracking } = this.server;
    if (entry.name === 'exec') this.transaction.noteReads(this);
    else tracking.noteRead(this, entry, batch, at);
    if (entry.name !== 'multi' && !entry.name.startsWith('client')) tracking.commandDone(this);
  }

  #run(entry: CommandEntry, cursor: ArgumentCursor, batch: RequestBatch, at: number): number {
    const { scope } = entry.command;
    if (scope === 'keyspace') return this.#runSession(entry, undefined, batch, at);
    cursor.begin(batch, at, entry.nameArguments);
    const args = entry.parseArguments(cursor);
    return scope === 'session' ? this.#runSession(entry, args, batch, at) : this.#runTurn(entry, args, batch, at);
  }

  /** CLIENT REPLY: drops a reply that the client does not want. */
  #withhold(outputBefore: number, next: number): number {
    const { writer } = this.#context;
    if (this.replyMode === 'skipNext' && this.lastCommand?.name !== 'client|reply') this.replyMode = 'on';
    writer.length = Math.min(writer.length, outputBefore);
    return next;
  }

  /** CLIENT PAUSE: what came before is sent, and the rest goes on when the pause is over. */
  #holdBack(held: Promise<void>, batch: RequestBatch, at: number): number {
    const next = this.#commitBefore(batch, at);
    if (next !== at) return next;
    const rest = batch.detach(at);
    this.#pause(WAITING);
    this.#emit();
    held.then(() => {
      if (this.#closed) return;
      try {
        if (this.#execute(rest, 0)) this.#continueReading();
      } catch (error) {
        this.#failBug(error);
      }
    });
    return SUSPENDED;
  }

  /** @throws RespError for an unknown command, a wrong number of arguments, or one that needs authentication. */
  #entryOf(batch: RequestBatch, at: number): CommandEntry {
    const { commands } = this.server;
    const first = batch.firstArgument[at]!;
    const count = batch.argumentCount(at);
    let entry = commands.find(batch.buffer, batch.starts[first]!, batch.lengths[first]!);
    if (entry === undefined) throw unknownCommand(batch, at);
    if (entry.subcommands !== undefined && count > 1) {
      const subcommand = entry.subcommands.find(batch.buffer, batch.starts[first + 1]!, batch.lengths[first + 1]!);
      if (subcommand === undefined) {
        const name = shown(argumentOf(batch, first + 1), 128);
        throw new RespError(`ERR unknown subcommand '${name}'. Try ${entry.name.toUpperCase()} HELP.`);
      }
      entry = subcommand;
    }
    if (!entry.accepts(count)) {
      const error = entry.wrongArity();
      if (entry.name !== 'exec') throw error;
      this.transaction.reset(this);
      throw new RespError(`EXECABORT Transaction discarded because of: ${error.message.replace(/^ERR /, '')}`);
    }
    if (this.principal === undefined && !entry.allowedUnauthenticated) {
      throw new RespError('NOAUTH Authentication required.');
    }
    return entry;
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
      const settled = this.server.partitions.settleMost();
      if (settled !== undefined && entry.command.known?.(this) === undefined) {
        entry.calls--;
        this.server.counters.commands--;
        return this.#waitForLoad(
          settled.then(() => true),
          batch,
          at,
        );
      }
    }
    this.#loadsAwaited = 0;
    // WATCH must not take for a change what was written before it.
    if (isTransaction) this.server.partitions.settle();
    const result =
      args === undefined ? runAlone(this, entry, batch, at) : (entry.run(this, args) as Awaitable<unknown>);
    if (isPromise(result)) {
      this.#tellMonitors(entry, batch, at);
      this.#suspend(result, entry, batch.detach(at + 1), 0);
      return SUSPENDED;
    }
    this.#context.writer.protocol = this.protocol; // HELLO answers in the protocol it chose.
    entry.writeReply(this.#context.writer, result);
    return at + 1;
  }

  /** Orders what the stretch has written so far. @returns `at`, an earlier command to return to, or `SUSPENDED`. */
  #commitBefore(batch: RequestBatch, at: number): number {
    const committed = this.#commit(at);
    if (!isPromise(committed)) return committed;
    this.#waitForOrder(committed, batch, at);
    return SUSPENDED;
  }

  #runTurn(entry: CommandEntry, args: Readonly<Record<string, unknown>>, batch: RequestBatch, at: number): number {
    const { server, writer, work } = this.#context;
    const { partitions } = server;
    // Where others write to the store no turn can answer by itself.
    if (!partitions.entries.keeps) return this.#leaveTurn(entry, batch, at);
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
    work.on = this.#databasesOf(entry);
    if (entry.isWrite) partitions.beginTurn();
    const began = this.#enter(entry, batch, at, work);
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
    writer.length = outputBefore;
    if (error instanceof CommitFailed) return this.#returnTo(at, error.cause);
    partitions.undoTurn(); // A command that failed half-way: nothing of it may be ordered with the others.
    if (partitions.commits !== commitsBefore) this.#uncommitted = NONE;
    if (error instanceof WouldWait) return this.#waitForValue(entry, batch, at);
    const line = errorLine(error);
    if (line === undefined) this.server.log.error({ error, client: this.id }, 'a command failed with a bug');
    this.#error(line ?? 'ERR internal error');
    return at + 1;
  }

  /** A value comes from disk: the command runs again when it is here. Whatever else has to wait is a transaction. */
  #waitForValue(entry: CommandEntry, batch: RequestBatch, at: number): number {
    const loading = this.server.partitions.takeLoading();
    if (loading === undefined || at <= this.#alone || this.#loadsAwaited >= LOADS_AWAITED_MAX) {
      this.#loadsAwaited = 0;
      return this.#leaveTurn(entry, batch, at);
    }
    entry.calls--;
    this.server.counters.commands--;
    return this.#waitForLoad(loading, batch, at);
  }

  /** What came before is sent, and the rest goes on when values are here, or will not be kept. */
  #waitForLoad(loading: Promise<boolean>, batch: RequestBatch, at: number): number {
    const next = this.#commitBefore(batch, at);
    if (next !== at) return next;
    const rest = batch.detach(at);
    this.#pause(WAITING);
    this.#emit();
    loading.then((kept) => {
      if (this.#closed) return;
      this.#loadsAwaited = kept ? this.#loadsAwaited + 1 : LOADS_AWAITED_MAX;
      try {
        if (this.#execute(rest, 0)) this.#continueReading();
      } catch (error) {
        this.#failBug(error);
      }
    });
    return SUSPENDED;
  }

  #databasesOf(entry: CommandEntry): Database | readonly Database[] {
    const { partitions } = this.server;
    const selected = this.server.databases.stored(this.database);
    if (entry.command.scope === 'keys') return partitions.database(selected);
    if (entry.command.scope === 'database') return [partitions.database(selected)];
    return Array.from({ length: partitions.databases }, (_, number) => partitions.database(number));
  }

  /** @returns false when the turn could not begin at once. */
  #enter(entry: CommandEntry, batch: RequestBatch, at: number, work: PartitionWork): boolean {
    const { partitions } = this.server;
    if (entry.command.scope !== 'keys') {
      const selected = this.server.databases.stored(this.database);
      const databases = entry.command.scope === 'database' ? [selected] : [...Array(partitions.databases).keys()];
      return partitions.runAll(
        databases.flatMap((database) => partitions.partitionsOf(database)),
        work,
      );
    }
    const first = batch.firstArgument[at]!;
    const count = batch.argumentCount(at);
    const last = entry.lastKey < 0 ? count + entry.lastKey : entry.lastKey;
    const partition = this.#partitionOf(batch, first + entry.firstKey);
    if (entry.firstKey >= last) return partitions.run(partition, work);
    const numbers = this.#context.partitions;
    numbers.length = 0;
    numbers.push(partition);
    for (let i = entry.firstKey + entry.keyStep; i <= last; i += entry.keyStep) {
      const next = this.#partitionOf(batch, first + i);
      if (!numbers.includes(next)) numbers.push(next);
    }
    if (numbers.length === 1) return partitions.run(partition, work);
    return partitions.runAll(
      numbers.sort((a, b) => a - b),
      work,
    );
  }

  #partitionOf(batch: RequestBatch, argument: number): number {
    const start = batch.starts[argument]!;
    const database = this.server.databases.stored(this.database);
    return this.server.partitions.partitionOf(database, batch.buffer, start, start + batch.lengths[argument]!);
  }

  /**
   * Orders what the stretch has written. @returns `at`, or an earlier command to return to because that failed, or a
   * promise of the order from a store that takes its time.
   */
  #commit(at: number): Awaitable<number> {
    if (this.#uncommitted === NONE) return at;
    try {
      const committed = this.server.partitions.commit();
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
      writer.length = this.#uncommittedOutput;
      this.#uncommitted = NONE;
      this.#error(errorLine(error)!);
      this.#ending = true;
      return at + 1;
    }
    const first = this.#uncommitted;
    writer.length = this.#uncommittedOutput;
    this.#uncommitted = NONE;
    this.#alone = Math.max(this.#alone, at);
    return first;
  }

  /** Orders the write of one command, or answers with its error. */
  #commitAlone(entry: CommandEntry, batch: RequestBatch, at: number): number {
    const { partitions } = this.server;
    try {
      const committed = partitions.commit();
      if (isPromise(committed)) {
        this.#waitForOrder(committed, batch, at + 1);
        return SUSPENDED;
      }
      this.#uncommitted = NONE;
      return at + 1;
    } catch (error) {
      partitions.discard();
      this.#context.writer.length = this.#uncommittedOutput;
      this.#uncommitted = NONE;
      if (hasCode(error, 'transaction_conflict')) return this.#leaveTurn(entry, batch, at);
      const line = errorLine(error);
      if (line === undefined) throw error;
      this.#error(line);
      if (hasCode(error, 'commit_unknown')) this.#ending = true;
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
        database: order.stored(this.database),
        lockKeys: entry.isWrite ? keysOf(entry, rest) : [],
        readOnly: !entry.isWrite,
      },
      (databases) => {
        const map = order.map;
        const selected = map.stored(this.database);
        const { scope } = entry.command;
        const on =
          scope === 'keys'
            ? databases(selected)
            : scope === 'database'
              ? [databases(selected)]
              : Array.from({ length: server.partitions.databases }, (_, number) => databases(number));
        return whenReady(entry.run(on, args) as Awaitable<unknown>, (value) => {
          if (order.map === map) return value;
          throw new OperationError('transaction_conflict', 'the databases were swapped meanwhile');
        });
      },
    );
    this.#suspend(result, entry, rest, 1);
    return SUSPENDED;
  }

  // Waiting

  /** Ends the stretch here; when `result` is there, its reply is written and `rest` goes on at `next`. */
  #suspend(result: Promise<unknown>, entry: CommandEntry, rest: RequestBatch, next: number): void {
    this.#pause(WAITING);
    this.#emit();
    const { slowLog, platform } = this.server;
    const startedMs = platform.clock.monotonicMs();
    const go = (write: () => void): void => {
      if (this.#closed) return;
      if (next === 1) slowLog.note(this, entry, rest, 0, platform.clock.monotonicMs() - startedMs);
      const reply = (): void => {
        write();
        if (this.replyMode !== 'on') this.#withhold(0, next);
      };
      try {
        if (this.#execute(rest, next, reply)) this.#continueReading();
      } catch (error) {
        this.#failBug(error);
      }
    };
    result.then(
      (value) =>
        go(() => {
          this.#context.writer.protocol = this.protocol;
          entry.writeReply(this.#context.writer, value);
        }),
      (error) =>
        go(() => {
          this.#error(errorLine(error) ?? 'ERR internal error');
          if (errorLine(error) === undefined) {
            this.server.log.error({ error, client: this.id }, 'a command failed with a bug');
          }
          if (hasCode(error, 'commit_unknown')) this.#ending = true;
        }),
    );
  }

  /**
   * A store that orders asynchronously: the replies so far are held until it has. Its refusal ends the connection, as
   * the commands behind those replies cannot be run again.
   */
  #waitForOrder(ordered: Promise<unknown>, batch: RequestBatch, at: number): void {
    const { writer } = this.#context;
    const held = Buffer.from(writer.view());
    writer.reset();
    this.#uncommitted = NONE;
    this.#pause(WAITING);
    const rest = batch.detach(at);
    ordered.then(
      () => {
        if (this.#closed) return;
        try {
          if (this.#execute(rest, 0, () => writer.raw(held))) this.#continueReading();
        } catch (error) {
          this.#failBug(error);
        }
      },
      (error) => this.#fail(errorLine(error) ?? 'ERR internal error'),
    );
  }

  #isPaused(reason: number): boolean {
    return (this.#paused & reason) !== 0;
  }

  #pause(reason: number): void {
    if (this.#paused === 0) this.#socket.pause();
    this.#paused |= reason;
  }

  #resume(reason: number): void {
    if (!this.#isPaused(reason)) return;
    this.#paused &= ~reason;
    if (this.#paused === 0 && !this.#closed) this.#socket.resume();
  }

  // Output

  #error(line: string): void {
    this.server.counters.errors++;
    this.#context.writer.error(line);
  }

  /** Sends the replies of the stretch, now or when they are durable. */
  #emit(): void {
    const { writer, server } = this.#context;
    if (isObserved(server)) server.partitions.settle();
    const version = this.observedVersion;
    this.observedVersion = 0;
    if (writer.length > 0 && !this.#closed) {
      if (this.#held.isEmpty) {
        const durable = version === 0 ? undefined : server.partitions.store.whenDurable(version);
        if (durable === undefined) {
          server.counters.bytesSent += writer.length;
          if (this.#socket.write(writer.view())) this.#weighedOutputBytes = 0;
          else {
            writer.replaceBuffer();
            this.#checkOutput();
          }
        } else {
          this.#hold(version);
          durable.then(this.#onDurable, this.#onUnknown);
        }
      } else this.#hold(version);
    }
    this.#inStretch = false;
    if (this.#pushes.length > 0 && !this.#isPaused(WAITING)) {
      for (const message of this.#pushes.splice(0)) this.#sendPush(message);
    }
    this.#endIfDone();
  }

  push(message: Buffer): void {
    if (this.#closed || this.#ended) return;
    if (this.#inStretch || this.#isPaused(WAITING)) {
      // A reply that is still to come may hold what it invalidates.
      if (this.#pushes.length >= PUSHES_MAX) this.#pushes = [INVALIDATE_ALL];
      this.#pushes.push(message);
    }
    if (!this.#inStretch) this.#sendPush(message);
  }

  show(line: Buffer): void {
    if (this.#closed || this.#ended) return;
    this.#sendPush(line);
    if (this.outputBytes > SHOWN_BYTES_MAX) this.evict();
  }

  #sendPush(message: Buffer): void {
    if (!this.#held.isEmpty) {
      this.#held.hold(message, message.length, 0);
      return;
    }
    this.server.counters.bytesSent += message.length;
    this.#socket.write(message);
    this.#checkOutput();
  }

  #hold(version: number): void {
    const { writer, server } = this.#context;
    this.#held.hold(writer.buffer, writer.length, version);
    if (this.#held.length > server.limits.undurableBytesMax) this.#pause(UNDURABLE);
  }

  /** Sends all replies that have become durable with one write, and waits for the next ones. */
  #sendDurable(): void {
    if (this.#closed || this.#held.isEmpty) return;
    const bytes = this.#held.takeDurable(this.server.partitions.store);
    const { waiting } = this.#held;
    if (bytes !== undefined) {
      this.server.counters.bytesSent += bytes.length;
      this.#held.sent(!this.#socket.write(bytes));
      this.#checkOutput();
    }
    if (this.#held.length <= this.server.limits.undurableBytesMax) this.#resume(UNDURABLE);
    if (waiting !== undefined && !this.#closed) waiting.then(this.#onDurable, this.#onUnknown);
    if (!this.#isPaused(UNDURABLE)) this.#unpark();
    this.#endIfDone();
  }

  #unpark(): void {
    const parked = this.#parked;
    if (parked === undefined || this.#closed) return;
    this.#parked = undefined;
    try {
      if (this.#execute(parked, 0)) this.#continueReading();
    } catch (error) {
      this.#failBug(error);
    }
  }

  #failUnknown(error: unknown): void {
    if (this.#closed || this.#held.isEmpty) return;
    this.#fail(errorLine(error) ?? 'UNKNOWN the commit may or may not have happened');
  }

  /** Ends the connection behind one last error; replies that are still held are dropped. */
  #fail(line: string): void {
    if (this.#closed) return;
    this.server.counters.errors++;
    this.#ending = true;
    this.#held.drop();
    this.#socket.write(Buffer.from(`-${line.replace(/[\r\n]/g, ' ')}\r\n`));
    this.#end();
  }

  /** A failed assertion: this session cannot be trusted any more, the others can. */
  #failBug(error: unknown): void {
    this.server.log.error({ error, client: this.id }, 'a command failed with a bug');
    this.server.partitions.discard();
    this.#fail('ERR internal error');
  }

  #checkOutput(): void {
    const bytes = this.#socket.bufferedBytes;
    if (bytes <= this.server.limits.outputBytesMax) {
      if (bytes >= this.#weighedOutputBytes + WEIGHED_BYTES) {
        this.#weighedOutputBytes = bytes;
        this.#context.boundClients();
      } else if (bytes === 0) this.#weighedOutputBytes = 0;
      return;
    }
    this.server.log.warn({ client: this.id }, 'closing a client that does not read its replies');
    this.#socket.destroy();
  }

  /** Ends the connection for what is kept for it. */
  evict(): void {
    this.server.log.warn(
      { client: this.id, inputBytes: this.inputBytes, outputBytes: this.outputBytes },
      'closing the client for which most is kept: together they exceed their memory',
    );
    this.#socket.destroy();
  }

  /** Closes once the client or the last command has said so and every reply is on its way. */
  #endIfDone(): void {
    if (this.#closed || !this.#held.isEmpty) return;
    if (!this.#ending && (!this.#finishing || this.#isPaused(WAITING))) return;
    this.#end();
  }

  #end(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#socket.end();
  }
}

const NO_INPUT: Buffer = Buffer.from(EMPTY_BYTES);
const WOULD_WAIT = new WouldWait('the partition is busy');

function argumentOf(batch: RequestBatch, argument: number): Bytes {
  const start = batch.starts[argument]!;
  return batch.buffer.subarray(start, start + batch.lengths[argument]!);
}

function keysOf(entry: CommandEntry, batch: RequestBatch): readonly Bytes[] {
  const first = batch.firstArgument[0]!;
  return keyPositions(entry, batch.argumentCount(0)).map((position) => argumentOf(batch, first + position));
}

/** Word for word as Redis, which shows at most some 128 bytes of the arguments. */
function unknownCommand(batch: RequestBatch, at: number): RespError {
  const first = batch.firstArgument[at]!;
  const end = batch.firstArgument[at + 1]!;
  let args = '';
  for (let i = first + 1; i < end && args.length < 128; i++) {
    args += `'${shown(argumentOf(batch, i), 128 - args.length)}' `;
  }
  const name = shown(argumentOf(batch, first), 128);
  return new RespError(`ERR unknown command '${name}', with args beginning with: ${args}`);
}
