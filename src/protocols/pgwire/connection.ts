/**
 * One client's connection: PostgreSQL's protocol 3.0, from its first byte to its last (PostgreSQL 15, "Message Flow").
 *
 * Messages are handled in order, as many as a chunk holds, and their answers leave with one write at the end of the turn of
 * the event loop (see `ReplyTurn`). As long as nothing has to wait, all of that is one synchronous stretch. When something
 * waits (the store, a lock, the client's own socket) the rest of the chunk is kept until it is done, and so is what still
 * comes: the first chunk of that pauses the socket.
 *
 * Here are the order of things and the end of the connection. Its parts, of which a silent client has none: `Login` until the
 * client is known, then `ExtendedQuery`, `ResultMessages` for what statements answer, and `ClientOutput`, by which nothing leaves
 * before it is durable; a commit that turns out unknown ends the connection with 40003.
 *
 * Function calls are left out. While COPY … FROM STDIN runs the statement is busy and pulls its data: messages are then read
 * for it, one at a time, and Flush and Sync among them are ignored; copy messages outside of a COPY are ignored too, as
 * PostgreSQL does.
 */

import { type Awaitable, isPromise, whenReady } from '../../base/awaitable.ts';
import type { Bytes } from '../../base/bytes.ts';
import { messageOf, OperationError } from '../../base/errors.ts';
import type { Roster, Seat } from '../../base/roster.ts';
import type { Timer } from '../../platform/platform.ts';
import type { Socket, SocketHandlers } from '../../platform/sockets.ts';
import type { ParameterValues } from '../../query/sql/session-parameters.ts';
import type { SqlEngine } from '../../query/sql/sql-engine.ts';
import { notSupported, SqlError } from '../../query/sql/sql-error.ts';
import { SqlSession } from '../../query/sql/sql-session.ts';
import type { LoginDeadlines, Newcomer } from '../login-deadlines.ts';
import * as message from './backend-messages.ts';
import { ClientOutput } from './client-output.ts';
import { CopyIn } from './copy-in.ts';
import { ExtendedQuery } from './extended-query.ts';
import { BodyReader, type Frame, FrameReader } from './frame-reader.ts';
import { FRONTEND, sessionBounds } from './frontend-messages.ts';
import type { Cancellable, CancelRegister, PgwireOptions } from './listener.ts';
import { Login, type LoginAccepted } from './login.ts';
import type { MessageWriter } from './message-writer.ts';
import type { ReplyTurn } from './reply-turn.ts';
import { ResultMessages } from './result-messages.ts';
import { CONNECTION_SQLSTATE } from './sqlstate.ts';

const OUTPUT_BYTES_MAX = 65_536;

type Phase = 'login' | 'ready' | 'closed';

/** What the connections of one port have in common. */
interface SharedByConnections {
  readonly register: CancelRegister;
  readonly replies: ReplyTurn;
  /** Those that are open. */
  readonly connections: Roster<PgConnection>;
  readonly deadlines: LoginDeadlines;
  /** One has left them. */
  readonly closed: () => void;
}

export class PgConnection implements SocketHandlers, Newcomer {
  readonly #engine: SqlEngine;
  readonly #socket: Socket;
  readonly #register: CancelRegister;
  readonly #replies: ReplyTurn;
  readonly #options: PgwireOptions;
  /** These six once there is something to read or to tell: many clients never say a word. */
  #reader!: FrameReader;
  #output!: ClientOutput;
  #writer!: MessageWriter;
  /** Of the message that is being handled. */
  #fields!: BodyReader;
  #login: Login | undefined;
  #reply!: () => void;
  #phase: Phase = 'login';
  readonly cameAtMs: number;
  /** Left when the client is logged in. */
  readonly #deadline: Seat<Newcomer> | undefined;
  /** These four once the client is logged in. */
  #session: SqlSession | undefined;
  #extended: ExtendedQuery | undefined;
  #results: ResultMessages | undefined;
  #cancellable: Seat<Cancellable> | undefined;
  #reportedParameters: ParameterValues | undefined;
  /** Something is being waited for. */
  #busy = false;
  /** Answers leave at the end of the turn; what comes before that waits for them to leave. */
  #replying = false;
  /** Nothing has come before what is being handled. */
  #isFirst = true;
  /** The socket delivers nothing. */
  #paused = false;
  #ended = false;
  /** While a transaction waits for its client. */
  #idleTimer: Timer | undefined;
  /** The COPY that runs. */
  #copy: CopyIn | undefined;
  /** The last message is answered, and the next one begins something new. */
  #isAtRest = false;
  #isDraining = false;
  readonly #seat: Seat<PgConnection>;
  readonly #closed: () => void;

  constructor(engine: SqlEngine, socket: Socket, shared: SharedByConnections, options: PgwireOptions) {
    const { register, replies, connections, deadlines, closed } = shared;
    this.#seat = connections.add(this);
    this.cameAtMs = Math.floor(options.platform.clock.monotonicMs());
    this.#deadline = deadlines.add(this);
    this.#closed = closed;
    this.#engine = engine;
    this.#socket = socket;
    this.#register = register;
    this.#replies = replies;
    this.#options = options;
  }

  /** It has neither said nor been told anything. */
  get #isSilent(): boolean {
    return this.#login === undefined;
  }

  #meet(): void {
    const [socket, { store, memory }, options] = [this.#socket, this.#engine, this.#options];
    this.#reader = new FrameReader();
    this.#output = new ClientOutput(socket, store, options.outputBytesMax ?? OUTPUT_BYTES_MAX);
    this.#writer = this.#output.writer;
    this.#fields = new BodyReader();
    this.#login = new Login({ socket, reader: this.#reader, output: this.#output, memory }, options);
    const reply = (): void => {
      if (this.#replying) this.#replyNow();
    };
    this.#reply = reply; // By name, so that it dies young (docs/decisions/small-heaps.md).
  }

  loginTimedOut(): void {
    if (this.#phase === 'closed') return;
    this.#refuse(CONNECTION_SQLSTATE.invalid_authorization, 'canceling authentication due to timeout');
  }

  // --- The socket

  onData(chunk: Bytes): void {
    if (this.#phase === 'closed') return;
    if (this.#isSilent) this.#meet();
    if (this.#idleTimer !== undefined) this.#stopIdling();
    if (this.#replying) this.#replyNow();
    this.#reader.feed(chunk);
    if (!this.#busy) this.#process();
    else if (this.#copy?.more() !== true) this.#pause();
    this.#reader.keep();
    this.#isFirst = false;
  }

  onDrain(): void {
    this.#output.drained();
  }

  onEnd(): void {
    if (this.#replying) this.#replyNow();
    this.#ended = true;
    if (!this.#busy) this.#close();
    else this.#copy?.abandon();
  }

  onClose(): void {
    this.#phase = 'closed';
    this.#deadline?.leave();
    if (!this.#isSilent) this.#forget();
    this.#seat.leave();
    this.#closed();
  }

  /** Nobody is there any more to be answered. */
  #forget(): void {
    this.#output.close();
    this.#stopIdling();
    this.#cancellable?.leave();
    this.#session?.close();
    this.#reader.close();
  }

  /** The server stops: ends the connection behind the answer to what is under way. */
  drain(): void {
    this.#isDraining = true;
    if (this.#phase === 'login') {
      this.#refuse(CONNECTION_SQLSTATE.cannot_connect_now, 'the database system is shutting down');
    } else this.#leaveIfDone();
  }

  #leaveIfDone(): void {
    if (!this.#isDraining || !this.#isAtRest || this.#busy || this.#replying || this.#phase !== 'ready') return;
    this.#refuse(CONNECTION_SQLSTATE.admin_shutdown, 'terminating connection due to administrator command');
  }

  // --- Messages in order

  /** Handles whole messages until there is none, or until one has to wait; then writes the answers. */
  #process(): void {
    while (this.#phase !== 'closed') {
      let handled: Awaitable<void>;
      try {
        const frame = this.#reader.next();
        if (frame === undefined) {
          if (this.#ended) this.#replyNow();
          else this.#replyLater();
          break;
        }
        handled = this.#handle(frame);
      } catch (error) {
        this.#fatal(error);
        return;
      }
      if (isPromise(handled)) {
        this.#await(handled, true);
        return;
      }
    }
    if (this.#ended && !this.#busy) this.#close();
  }

  #replyLater(): void {
    if (this.#replying || this.#writer.length === 0) return;
    this.#replying = true;
    this.#replies.add(this.#reply);
  }

  #replyNow(): void {
    this.#replying = false;
    if (this.#busy) return;
    try {
      const flushed = this.#output.flush();
      if (isPromise(flushed)) this.#await(flushed, false);
      else if (this.#isDraining) this.#leaveIfDone();
    } catch (error) {
      this.#fatal(error);
    }
  }

  /** Goes on once `pending` is done. */
  #await(pending: Promise<void>, more: boolean): void {
    this.#busy = true;
    this.#reader.keep();
    pending.then(
      () => {
        this.#busy = false;
        if (this.#phase === 'closed') return;
        this.#resume();
        if (more || this.#reader.buffered > 0 || this.#ended) this.#process();
        this.#tell();
        if (this.#isDraining) this.#leaveIfDone();
      },
      (error: unknown) => {
        this.#busy = false;
        this.#fatal(error);
      },
    );
  }

  #pause(): void {
    if (this.#paused) return;
    this.#paused = true;
    this.#socket.pause();
  }

  #resume(): void {
    if (!this.#paused) return;
    this.#paused = false;
    this.#socket.resume();
  }

  #handle(frame: Frame): Awaitable<void> {
    switch (this.#phase) {
      case 'ready':
        return this.#handleMessage(frame);
      case 'login':
        this.#handleLogin(frame);
        return undefined;
      default:
        return undefined;
    }
  }

  // --- Logging in

  #handleLogin({ type, body }: Frame): void {
    const outcome = this.#login!.handle(type, this.#fields.reset(body));
    switch (outcome?.kind) {
      case 'accepted':
        this.#begin(outcome);
        break;
      case 'cancel':
        this.#register.cancel(outcome.processId, outcome.secret);
        this.#close();
        break;
      case 'refused':
        this.#refuse(outcome.sqlstate, outcome.text, outcome.hint);
        break;
    }
  }

  #begin({ user, database, parameters }: LoginAccepted): void {
    this.#deadline?.leave();
    const { platform, log } = this.#options;
    const secret = Buffer.from(platform.random.bytes(4)).readUInt32BE();
    this.#cancellable = this.#register.add(secret, () => this.#session?.cancel());
    const { processId } = this.#cancellable.item;
    const session = new SqlSession(this.#engine, {
      user,
      database,
      processId,
      parameters,
      client: { address: this.#socket.remoteAddress.replace(/^::ffff:/, ''), port: this.#socket.remotePort },
      // Not in the middle of what is being done: the session may be asking for its own end.
      terminate: () => void platform.timers.yield().then(() => this.terminate()),
      notified: () => this.#tell(),
    });
    this.#session = session;
    this.#output.begin(session);
    const channel = {
      output: this.#output,
      log,
      isClosed: () => this.#phase === 'closed',
      yield: () => platform.timers.yield(),
      copyIn: () => this.#copyIn(),
      fail: (error: unknown) => this.#fatal(error),
    };
    this.#results = new ResultMessages(channel, session.parameters);
    this.#extended = new ExtendedQuery(this.#engine, session, this.#writer, this.#results);
    this.#phase = 'ready';
    this.#reader.started(sessionBounds(this.#engine.memory, this.#engine.limits.statementBytesMax));
    message.authenticationOk(this.#writer);
    this.#reportParameters();
    message.backendKeyData(this.#writer, processId, secret);
    message.readyForQuery(this.#writer, session.status);
    this.#isAtRest = true;
  }

  /** Ends the connection in the middle of what it does. */
  terminate(): void {
    if (this.#phase === 'closed') return;
    if (!this.#isSilent) this.#writer.clear();
    this.#refuse(CONNECTION_SQLSTATE.admin_shutdown, 'terminating connection due to administrator command');
  }

  // --- Queries

  #handleMessage({ type, body, isOwn = false, refusal }: Frame): Awaitable<void> {
    const extended = this.#extended!;
    this.#isAtRest = false;
    if (extended.isSkipping && type !== FRONTEND.sync && type !== FRONTEND.terminate) return undefined;
    if (refusal !== undefined) return this.#refuseMessage(type, refusal);
    const fields = this.#fields.reset(body);
    switch (type) {
      case FRONTEND.query:
        return this.#query(fields);
      case FRONTEND.sync:
        return this.#sync();
      case FRONTEND.terminate:
        // Whoever takes leave with its first words has awaited no answer, not even to its name.
        return whenReady(this.#output.flush(), () => this.#close(this.#isFirst));
      case FRONTEND.flush:
        return this.#output.flush();
      case FRONTEND.parse:
      case FRONTEND.bind:
      case FRONTEND.describe:
      case FRONTEND.execute:
      case FRONTEND.close:
        return extended.handle(type, fields, isOwn);
      case FRONTEND.copyData:
      case FRONTEND.copyDone:
      case FRONTEND.copyFail:
        return undefined;
      case FRONTEND.functionCall:
        message.errorResponse(this.#writer, 'ERROR', notSupported('a function call by its id'));
        this.#session!.fail();
        this.#ready();
        return undefined;
      default:
        throw new SqlError('protocol_violation', `invalid frontend message type ${type}`);
    }
  }

  #refuseMessage(type: number, refusal: SqlError): void {
    if (type === FRONTEND.copyData) return;
    if (type !== FRONTEND.query && type !== FRONTEND.functionCall) {
      this.#extended!.fail(refusal);
      return;
    }
    this.#session!.fail();
    this.#queryFailed(refusal);
  }

  #query(fields: BodyReader): Awaitable<void> {
    let done: Awaitable<void>;
    try {
      const text = fields.text();
      fields.finish();
      this.#results!.formats = [];
      done = this.#session!.query(text, this.#results!);
    } catch (error) {
      this.#queryFailed(error);
      return undefined;
    }
    if (!isPromise(done)) {
      this.#ready();
      return undefined;
    }
    return done.then(
      () => this.#ready(),
      (error: unknown) => this.#results!.between(() => this.#queryFailed(error)),
    );
  }

  #queryFailed(error: unknown): void {
    this.#results!.error(error);
    this.#ready();
  }

  #sync(): Awaitable<void> {
    this.#extended!.isSkipping = false;
    let done: Awaitable<void>;
    try {
      done = this.#session!.sync();
    } catch (error) {
      this.#queryFailed(error);
      return undefined;
    }
    if (!isPromise(done)) {
      this.#ready();
      return undefined;
    }
    return done.then(
      () => this.#ready(),
      (error: unknown) => this.#queryFailed(error),
    );
  }

  /** From here on the client's messages are the statement's. */
  #copyIn(): Awaitable<CopyIn> {
    const copy = new CopyIn(this.#reader, {
      pause: () => this.#pause(),
      resume: () => this.#resume(),
      close: () => {
        this.#copy = undefined;
      },
    });
    return whenReady(this.#output.flush(), () => {
      this.#copy = copy;
      if (this.#phase === 'closed' || this.#ended) copy.abandon();
      return copy;
    });
  }

  // --- Between statements

  #ready(): void {
    this.#reportParameters();
    const session = this.#session!;
    for (const each of session.takeNotifications()) message.notification(this.#writer, each);
    message.readyForQuery(this.#writer, session.status);
    this.#isAtRest = true;
    this.#startIdling(session);
  }

  /** Sends what others have told the session, where it waits for its client. */
  #tell(): void {
    if (this.#busy || this.#phase !== 'ready') return;
    const told = this.#session!.takeNotifications();
    if (told.length === 0) return;
    for (const each of told) message.notification(this.#writer, each);
    this.#replyLater();
  }

  /** Ends the connection when the client leaves it or its transaction alone for too long. */
  #startIdling({ parameters, status }: SqlSession): void {
    const isIdle = status === 'idle';
    const idleMs = parameters.milliseconds(isIdle ? 'idle_session_timeout' : 'idle_in_transaction_session_timeout');
    if (this.#idleTimer !== undefined) this.#stopIdling();
    if (idleMs === 0) return;
    this.#idleTimer = this.#options.platform.timers.after(idleMs, () => {
      this.#idleTimer = undefined;
      // Messages that came with the last ones keep it busy.
      if (this.#busy || this.#phase === 'closed') return;
      if (isIdle) this.#refuse('57P05', 'terminating connection due to idle-session timeout');
      else this.#refuse('25P03', 'terminating connection due to idle-in-transaction timeout');
    });
  }

  #stopIdling(): void {
    this.#idleTimer?.cancel();
    this.#idleTimer = undefined;
  }

  /** Tells the client of parameters that changed since it was last told. */
  #reportParameters(): void {
    const { parameters } = this.#session!;
    const before = this.#reportedParameters;
    if (parameters.values === before) return;
    this.#reportedParameters = parameters.values;
    parameters.report(before, (name, value) => message.parameterStatus(this.#writer, name, value));
  }

  // --- Ending

  /** Ends the connection with an error that the protocol cannot recover from. */
  #fatal(error: unknown): void {
    if (this.#phase === 'closed') return;
    if (!(error instanceof OperationError)) {
      this.#options.log.error(
        { error: messageOf(error), stack: error instanceof Error ? error.stack : undefined },
        'a connection failed for a reason of ours',
      );
    }
    // What was gathered may leave only if it is durable already.
    this.#output.dropUndurable();
    // A client that awaits the rest of a row would take an error for a part of it.
    if (this.#results?.isWithin !== true) message.errorResponse(this.#writer, 'FATAL', error);
    this.#close(true);
  }

  #refuse(sqlstate: string, text: string, hint?: string): void {
    if (this.#isSilent) this.#meet();
    if (this.#results?.isWithin !== true) message.fatalResponse(this.#writer, sqlstate, text, hint);
    this.#close(true);
  }

  #close(isRefused = false): void {
    if (this.#phase === 'closed') return;
    this.#phase = 'closed';
    this.#deadline?.leave();
    this.#session?.close();
    if (this.#isSilent) this.#socket.end();
    else this.#output.end(isRefused);
  }
}
