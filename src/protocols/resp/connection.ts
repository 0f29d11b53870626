/**
 * One Redis client: bytes in, commands in order, replies out in the same order.
 *
 * **A chunk is a stretch.** All complete commands of a received chunk are parsed first, then executed one after another
 * without giving the event loop back (`Stretch`), and their replies leave with one write once they are durable
 * (`ReplyOutput`). Meanwhile the next chunks are executed: a pipelining client does not wait for one sync per chunk. A chunk
 * with many commands, or large replies, is several stretches: others have their turn in between.
 *
 * Here is what decides when the client is read and when it is closed. It is not read while one of its commands waits, while
 * the store has no room, or while more replies wait to be durable than may; what comes then is kept, within bounds. One that does not
 * read its replies is served a step at a time: more of them would be of no use to it, and what they take is taken from others.
 *
 * **An unknown commit** (the log failed between order and sync) ends the connection behind `-UNKNOWN`, since no reply after it
 * could be matched to its command.
 */

import type { Bytes } from '../../base/bytes.ts';
import type { Seat } from '../../base/roster.ts';
import type { Socket, SocketHandlers } from '../../platform/sockets.ts';
import type { Newcomer } from '../login-deadlines.ts';
import { ANYONE, type Principal } from './authentication.ts';
import { mayWrite } from './client-pause.ts';
import { ClientTransaction } from './client-transaction.ts';
import type { CommandEntry } from './command.ts';
import { errorLine } from './errors.ts';
import type { ExecutionContext } from './execution-context.ts';
import { InputBuffer } from './input-buffer.ts';
import { type ReplyingClient, ReplyOutput, WEIGHED_BYTES } from './reply-output.ts';
import type { ProtocolVersion } from './reply-writer.ts';
import type { PartialCommand, RequestBatch } from './request-parser.ts';
import { countError, type ReplyMode, type RespServer, type Session } from './session.ts';
import { type ExecutingClient, Stretch, SUSPENDED } from './stretch.ts';

/** Of what MONITOR shows and its reader has not read. */
const SHOWN_BYTES_MAX = 16 * 1024 * 1024;

/** How long a client that is far behind with reading its replies waits for the next ones, unless it reads them before. */
const UNREAD_MS = 20;

/** Why a socket is not read. */
const WAITING = 1;
const UNDURABLE = 2;

/** Of clients that are silent: nobody queues commands in it, or watches keys. */
const NO_TRANSACTION = new ClientTransaction();

export class RespConnection implements ExecutingClient, ReplyingClient, SocketHandlers, Newcomer {
  readonly id: number;
  readonly server: RespServer;
  database = 0;
  protocol: ProtocolVersion = 2;
  name = '';
  libraryName = '';
  libraryVersion = '';
  principal: Principal | undefined;
  replyMode: ReplyMode = 'on';
  isSpared = false;
  touchesNothing = false;
  observedVersion = 0;
  transaction = NO_TRANSACTION;
  readonly cameAtMs: number;
  readonly connectedAtMs: number;
  activeAtMs: number;
  lastCommand: CommandEntry | undefined;

  isClosed = false;
  isEnding = false;

  readonly #context: ExecutionContext;
  readonly #seat: Seat<unknown>;
  readonly #socket: Socket;
  /**
   * These three, and a transaction, once there is something to read or to tell: many clients never say a word. First what was
   * received and is not parsed yet.
   */
  #input!: InputBuffer;
  #stretch: Stretch | undefined;
  #output!: ReplyOutput;
  #ended = false;
  /** It ends for what it sent, or for what happened to it. */
  #isRefused = false;
  #finishing = false;
  #paused = 0;
  readonly #deadline: Seat<Newcomer> | undefined;
  /** Ends the wait of a client that is far behind. */
  #caughtUp: (() => void) | undefined;

  /** What was kept for this client when all of them were last weighed because of it. */
  #weighedInputBytes = 0;
  #partial: PartialCommand | undefined;
  /** Commands that wait until fewer replies wait. */
  #parked: RequestBatch | undefined;

  constructor(context: ExecutionContext, socket: Socket) {
    this.#context = context;
    this.#socket = socket;
    this.server = context.server;
    this.id = context.nextId();
    this.principal = this.server.principals.required ? undefined : ANYONE;
    this.server.counters.connectionsAccepted++;
    this.server.counters.connectionsOpen++;
    this.#seat = context.connections.add(this);
    const { clock } = this.server.platform;
    this.cameAtMs = Math.floor(clock.monotonicMs());
    this.connectedAtMs = clock.nowMs();
    this.activeAtMs = this.connectedAtMs;
    if (this.principal === undefined) this.#deadline = context.deadlines.add(this);
  }

  /** It has neither said nor been told anything. */
  get #isSilent(): boolean {
    return this.#stretch === undefined;
  }

  #meet(): void {
    this.#input = new InputBuffer(this.#context.inputMemory);
    this.#stretch = new Stretch(this.#context, this);
    this.#output = new ReplyOutput(this.#context, this, this.#socket);
    this.transaction = new ClientTransaction();
  }

  loginTimedOut(): void {
    if (this.principal === undefined) this.fail('NOAUTH Authentication took too long.');
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
    return this.#isSilent ? 0 : this.#input.length;
  }

  get outputBytes(): number {
    return this.#isSilent ? 0 : this.#output.bytes;
  }

  closeAfterReply(): void {
    this.isEnding = true;
  }

  kill(by: Session): void {
    if (by === this) this.isEnding = true;
    else this.disconnect();
  }

  disconnect(): void {
    this.#socket.destroy();
  }

  // Socket events

  onData(chunk: Bytes): void {
    this.server.counters.bytesReceived += chunk.length;
    if (this.isClosed || this.isEnding || this.#ended) return;
    if (this.#isSilent) this.#meet();
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
    if (this.#input.length === 0) {
      this.#process(chunk);
      return;
    }
    this.#append(chunk);
    if (this.#input.isReady) this.#processInput();
  }

  onDrain(): void {
    this.#output.drained();
    const caughtUp = this.#caughtUp;
    this.#caughtUp = undefined;
    caughtUp?.();
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
    if (this.isClosed) return;
    this.isClosed = true;
    this.#deadline?.leave();
    this.server.counters.connectionsOpen--;
    if (!this.#isSilent) this.#forget();
    this.server.tracking.end(this);
    this.server.monitors.remove(this);
    this.#seat.leave();
    this.#context.onConnectionClosed();
  }

  /** Nobody is there any more to be answered. */
  #forget(): void {
    this.#output.close();
    this.#parked = undefined;
    this.#input.drop();
    this.#partial = undefined;
    this.transaction.reset(this);
  }

  // Input

  #append(chunk: Bytes): void {
    const length = this.#input.length + chunk.length;
    if (length > this.server.limits.inputBytesMax) {
      this.fail('ERR Protocol error: the client sent more than its input buffer may hold');
      return;
    }
    this.#input.append(chunk);
    this.activeAtMs = this.server.platform.clock.nowMs();
    if (length < WEIGHED_BYTES) this.#weighedInputBytes = 0;
    else if (length >= this.#weighedInputBytes + WEIGHED_BYTES) {
      this.#weighedInputBytes = length;
      this.#context.boundClients();
    }
  }

  #processInput(): void {
    const input = this.#input.take();
    this.#process(input, !this.#input.isLent(input));
    this.#input.giveBack(input);
  }

  /** Executes what is complete in `bytes`, and keeps a copy of the rest. @param isOwn Nobody else has them. */
  #process(bytes: Bytes, isOwn = false): void {
    try {
      this.#parseAndExecute(bytes, isOwn);
    } catch (error) {
      this.#failBug(error);
    }
  }

  #parseAndExecute(bytes: Bytes, isOwn: boolean): void {
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
      batch.isBufferKept = isOwn;
      this.#partial = batch.partial;
      this.#input.neededBytes = batch.neededBytes;
      const { consumed, count } = batch;
      const finished = this.#execute(batch, 0);
      start = consumed;
      if (this.isClosed || this.isEnding) return;
      if (!finished || count === 0) break;
      if (count >= this.server.limits.commandsMax && start < bytes.length) {
        this.#append(bytes.subarray(start));
        this.#giveWay();
        return;
      }
    } while (start < bytes.length && this.#partial === undefined && this.#input.neededBytes === 0);
    if (start < bytes.length && (start > 0 || !this.#input.putBack(bytes))) this.#append(bytes.subarray(start));
    if (this.#output.isFarBehind && !this.#isPaused(WAITING) && !this.#ended) this.#giveWay();
  }

  /** Lets other clients have their turn before the rest of the input. */
  #giveWay(): void {
    this.#pause(WAITING);
    this.#nextTurn().then(() => this.#continueReading());
  }

  #nextTurn(): Promise<void> {
    const { timers } = this.server.platform;
    if (!this.#output.isFarBehind) return timers.yield();
    return new Promise((resolve) => {
      const timer = timers.after(UNREAD_MS, resolve);
      const caughtUp = (): void => {
        timer.cancel();
        resolve();
      };
      this.#caughtUp = caughtUp;
    });
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
    if (this.isClosed) return;
    this.#resume(WAITING);
    if (this.#input.isReady) {
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
    this.#output.begin();
    const at = this.#stretch!.run(batch, from, firstReply);
    if (at === SUSPENDED) return false;
    if (at < batch.count && !this.isEnding) {
      this.#emitAndPark(batch, at);
      return false;
    }
    if (batch.error !== undefined && !this.isEnding) {
      countError(this.server.counters, 'ERR');
      this.#context.writer.error(`ERR ${batch.error}`);
      this.isEnding = true;
      this.#isRefused = true;
    }
    this.#emit();
    return true;
  }

  /** Sends what has become much for one stretch; the rest goes on when others had their turn, and replies are durable. */
  #emitAndPark(batch: RequestBatch, at: number): void {
    this.#emit();
    if (this.isClosed || this.#ended) return;
    this.#parked = batch.detach(at);
    this.#pause(WAITING);
    this.#nextTurn().then(() => {
      if (!this.#isPaused(UNDURABLE)) this.#unpark();
    });
  }

  #unpark(): void {
    const parked = this.#parked;
    if (parked === undefined || this.isClosed) return;
    this.#parked = undefined;
    try {
      if (this.#execute(parked, 0)) this.#continueReading();
    } catch (error) {
      this.#failBug(error);
    }
  }

  // Waiting

  suspend(): void {
    this.#pause(WAITING);
    this.#emit();
  }

  wait(): void {
    this.#pause(WAITING);
  }

  goOn(rest: RequestBatch, from: number, reply?: () => void): void {
    if (this.isClosed) return;
    try {
      if (this.#execute(rest, from, reply)) this.#continueReading();
    } catch (error) {
      this.#failBug(error);
    }
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
    if (this.#paused === 0 && !this.isClosed) this.#socket.resume();
  }

  get isWaiting(): boolean {
    return this.#isPaused(WAITING);
  }

  setBehind(isBehind: boolean): void {
    if (isBehind) this.#pause(UNDURABLE);
    else this.#resume(UNDURABLE);
  }

  released(): void {
    if (!this.#isPaused(UNDURABLE)) this.#unpark();
    this.#endIfDone();
  }

  // Output

  #emit(): void {
    this.#output.emit();
    this.#endIfDone();
  }

  push(message: Buffer): void {
    if (this.isClosed || this.#ended) return;
    if (this.#isSilent) this.#meet();
    this.#output.push(message);
  }

  show(line: Buffer): void {
    if (this.isClosed || this.#ended) return;
    if (this.#isSilent) this.#meet();
    this.#output.show(line);
    if (this.outputBytes > SHOWN_BYTES_MAX) this.evict();
  }

  // Ending

  failUnknown(error: unknown): void {
    this.fail(errorLine(error) ?? 'UNKNOWN the commit may or may not have happened');
  }

  fail(line: string): void {
    if (this.isClosed) return;
    countError(this.server.counters, line);
    this.isEnding = true;
    this.#isRefused = true;
    if (this.#isSilent) this.#meet();
    this.#output.fail(line);
    this.#end();
  }

  /** A failed assertion: this session cannot be trusted any more, the others can. */
  #failBug(error: unknown): void {
    this.server.log.error({ error, client: this.id }, 'a command failed with a bug');
    this.server.partitions.discard();
    this.fail('ERR internal error');
  }

  /** Ends the connection for what is kept for it. */
  evict(): void {
    this.server.counters.clientsEvicted++;
    this.server.log.warn(
      { client: this.id, inputBytes: this.inputBytes, outputBytes: this.outputBytes },
      'closing the client for which most is kept: together they exceed their memory',
    );
    this.#socket.destroy();
  }

  /** Closes once the client or the last command has said so and every reply is on its way. */
  #endIfDone(): void {
    if (this.isClosed || (!this.#isSilent && !this.#output.isEmpty)) return;
    if (!this.isEnding && (!this.#finishing || this.#isPaused(WAITING))) return;
    this.#end();
  }

  #end(): void {
    if (this.#ended) return;
    this.#ended = true;
    if (this.#isRefused) this.#socket.refuse();
    else this.#socket.end();
  }
}
