/**
 * One client's connection: PostgreSQL's protocol 3.0, from its first byte to its last (PostgreSQL 15, "Message Flow").
 *
 * Messages are handled in order, as many as a chunk holds, and their answers leave with one write at the end of the turn of
 * the event loop (see `ReplyTurn`). As long as nothing has to wait, all of that is one synchronous stretch. When something
 * waits (the store, a lock, the client's own socket) the rest of the chunk is kept until it is done, and so is what still
 * comes: the first chunk of that pauses the socket.
 *
 * **Nothing leaves before it is durable**: each write first waits for the highest commit version that the session has
 * seen. If that commit turns out unknown, the gathered answers are dropped and the connection ends with 40003.
 *
 * After an error in the extended protocol everything up to Sync is skipped. A request for TLS is answered
 * 'S' where there is a certificate, one for GSSAPI never. Function calls
 * are left out. While COPY … FROM STDIN runs the statement is busy and pulls its data: messages are then read for it, one at
 * a time, and Flush and Sync among them are ignored; copy messages outside of a COPY are ignored too, as PostgreSQL does.
 */

import { type Awaitable, isPromise, whenReady } from '../../base/awaitable.ts';
import type { Bytes } from '../../base/bytes.ts';
import { messageOf, OperationError } from '../../base/errors.ts';
import type { FieldReader } from '../../models/relational/field-reader.ts';
import type { Timer } from '../../platform/platform.ts';
import type { Socket, SocketHandlers } from '../../platform/sockets.ts';
import type { TlsIdentity } from '../../platform/tls.ts';
import type { RowBatch, StoredEntries } from '../../query/sql/operators/operator.ts';
import type { ResultColumn } from '../../query/sql/planner/plan.ts';
import type { FieldFormat, Portal, PreparedStatement } from '../../query/sql/portal.ts';
import type { BinaryRows, Notice, ResultSink } from '../../query/sql/results.ts';
import type { ParameterValues } from '../../query/sql/session-parameters.ts';
import type { SqlEngine } from '../../query/sql/sql-engine.ts';
import { notSupported, SqlError, statementTooLong } from '../../query/sql/sql-error.ts';
import { SqlSession } from '../../query/sql/sql-session.ts';
import type { TimeContext } from '../../query/sql/types/timestamptz.ts';
import { type SqlType, type SqlValue, typeOfOid } from '../../query/sql/types/types.ts';
import { ScramExchange } from './authentication.ts';
import * as message from './backend-messages.ts';
import { CopyIn } from './copy-in.ts';
import { readParameter } from './field-format.ts';
import { BodyReader, type Frame, FrameReader, type MessageBounds, utf8Text } from './frame-reader.ts';
import type { CancelRegister, PgwireOptions } from './listener.ts';
import { MessageWriter } from './message-writer.ts';
import type { ReplyTurn } from './reply-turn.ts';
import { RowMessages } from './row-messages.ts';
import { CONNECTION_SQLSTATE } from './sqlstate.ts';

const PROTOCOL_3 = 3 << 16;
const SSL_REQUEST = 80_877_103;
const GSS_REQUEST = 80_877_104;
const CANCEL_REQUEST = 80_877_102;
/** Requests for encryption that one connection may make, one of each kind. */
const ENCRYPTION_REQUESTS_MAX = 2;
/** Before the client has proved who it is, it gets little memory. */
const LOGIN_MESSAGE_BYTES_MAX = 65_536;
/** Of what holds statements, values and rows, and of all else, as PostgreSQL (PQ_LARGE_MESSAGE_LIMIT, PQ_SMALL_MESSAGE_LIMIT). */
const LARGE_MESSAGE_BYTES_MAX = 0x3fff_fffe;
const SMALL_MESSAGE_BYTES_MAX = 10_000;
/** Of a Parse message, beside its text: its name and the types of its parameters. */
const PARSE_BYTES_MAX = 262_144;
const OUTPUT_BYTES_MAX = 65_536;
const DATABASE = 'actors';
const NAMES = {
  password: 0x70,
  query: 0x51,
  parse: 0x50,
  bind: 0x42,
  describe: 0x44,
  execute: 0x45,
  close: 0x43,
  sync: 0x53,
  flush: 0x48,
  terminate: 0x58,
  functionCall: 0x46,
  copyData: 0x64,
  copyDone: 0x63,
  copyFail: 0x66,
} as const;

const LARGE_MESSAGES: ReadonlySet<number> = new Set([
  NAMES.query,
  NAMES.parse,
  NAMES.bind,
  NAMES.functionCall,
  NAMES.copyData,
]);

/** Of V8, on machines of 64 bits. */
const STRING_CHARS_MAX = 0x1fff_ffe8;

type Phase = 'startup' | 'sasl-first' | 'sasl-final' | 'ready' | 'closed';

export class PgConnection implements SocketHandlers, ResultSink {
  readonly #engine: SqlEngine;
  readonly #socket: Socket;
  readonly #register: CancelRegister;
  readonly #replies: ReplyTurn;
  readonly #options: PgwireOptions;
  readonly #reader = new FrameReader();
  readonly #writer = new MessageWriter();
  readonly #rows: RowMessages;
  /** Of the message that is being handled. */
  readonly #fields = new BodyReader();
  readonly #outputBytesMax: number;
  #phase: Phase = 'startup';
  #encryptionRequests = 0;
  #startup: ReadonlyMap<string, string> = new Map();
  #scram: ScramExchange | undefined;
  #session: SqlSession | undefined;
  #processId: number | undefined;
  #reportedParameters: ParameterValues | undefined;
  readonly #reported = new Map<string, string>();
  /** In the extended protocol, after an error, until Sync. */
  #skipping = false;
  /** Something is being waited for. */
  #busy = false;
  /** Answers leave at the end of the turn; what comes before that waits for them to leave. */
  #replying = false;
  readonly #reply = (): void => {
    if (this.#replying) this.#replyNow();
  };
  /** The socket delivers nothing. */
  #paused = false;
  #ended = false;
  #drained: (() => void) | undefined;
  #loginTimer: Timer | undefined;
  /** While a transaction waits for its client. */
  #idleTimer: Timer | undefined;
  /** The COPY that runs. */
  #copy: CopyIn | undefined;

  constructor(
    engine: SqlEngine,
    socket: Socket,
    { register, replies }: { readonly register: CancelRegister; readonly replies: ReplyTurn },
    options: PgwireOptions,
  ) {
    this.#engine = engine;
    this.#socket = socket;
    this.#register = register;
    this.#replies = replies;
    this.#options = options;
    this.#outputBytesMax = options.outputBytesMax ?? OUTPUT_BYTES_MAX;
    this.#rows = new RowMessages({
      writer: this.#writer,
      bytesMax: this.#outputBytesMax,
      style: () => this.#session!.parameters.style,
      isClosed: () => this.#phase === 'closed',
      flush: () => this.#flush(),
      yield: () => options.platform.timers.yield(),
      fail: (error) => this.#fatal(error),
    });
    const loginMs = options.connectTimeoutMs ?? 0;
    if (loginMs > 0) this.#loginTimer = options.platform.timers.after(loginMs, () => this.#loginTimedOut());
  }

  // --- The socket

  onData(chunk: Bytes): void {
    if (this.#phase === 'closed') return;
    if (this.#idleTimer !== undefined) this.#stopIdling();
    if (this.#replying) this.#replyNow();
    this.#reader.feed(chunk);
    if (!this.#busy) this.#process();
    else if (this.#copy?.more() !== true) this.#pause();
    this.#reader.keep();
  }

  onDrain(): void {
    const drained = this.#drained;
    this.#drained = undefined;
    drained?.();
  }

  onEnd(): void {
    if (this.#replying) this.#replyNow();
    this.#ended = true;
    if (!this.#busy) this.#close();
    else this.#copy?.abandon();
  }

  onClose(): void {
    this.#phase = 'closed';
    this.#loginTimer?.cancel();
    this.#stopIdling();
    if (this.#processId !== undefined) this.#register.remove(this.#processId);
    this.#session?.close();
    this.#reader.close();
    this.onDrain();
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
      const flushed = this.#flush();
      if (isPromise(flushed)) this.#await(flushed, false);
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
      case 'startup':
        return this.#handleStartup(this.#fields.reset(frame.body));
      case 'sasl-first':
      case 'sasl-final':
        if (frame.type !== NAMES.password) throw new SqlError('protocol_violation', 'expected SASL response');
        return this.#handleSasl(this.#fields.reset(frame.body));
      case 'ready':
        return this.#handleMessage(frame);
      default:
        return undefined;
    }
  }

  // --- Logging in

  #handleStartup(body: BodyReader): void {
    const code = body.int32();
    if (code === SSL_REQUEST && this.#options.tls !== undefined && this.#socket.tls === undefined) {
      this.#encrypt(this.#options.tls.identity);
      return;
    }
    if (code === SSL_REQUEST || code === GSS_REQUEST) {
      if (++this.#encryptionRequests > ENCRYPTION_REQUESTS_MAX) {
        throw new SqlError('protocol_violation', 'too many requests for encryption');
      }
      this.#writer.int8('N'.charCodeAt(0));
      return;
    }
    if (code === CANCEL_REQUEST) {
      this.#register.cancel(body.int32(), body.uint32());
      this.#close();
      return;
    }
    if (code >>> 16 !== 3) {
      this.#refuse(
        CONNECTION_SQLSTATE.unsupported_protocol,
        `unsupported frontend protocol ${code >>> 16}.${code & 0xffff}: server supports 3.0 to 3.0`,
      );
      return;
    }
    const parameters = new Map<string, string>();
    const unknownOptions: string[] = [];
    for (let name = body.text(); name !== ''; name = body.text()) {
      const value = body.text();
      if (name.startsWith('_pq_.')) unknownOptions.push(name);
      else parameters.set(name, value);
    }
    if (code !== PROTOCOL_3 || unknownOptions.length > 0) {
      message.negotiateProtocolVersion(this.#writer, unknownOptions);
    }
    this.#startup = parameters;
    const user = parameters.get('user') ?? '';
    if (user === '') {
      this.#refuse(CONNECTION_SQLSTATE.invalid_authorization, 'no PostgreSQL user name specified in startup packet');
      return;
    }
    const { principals, platform, tls } = this.#options;
    if (tls?.required && this.#socket.tls === undefined) {
      const hint = 'Ask for it: sslmode=require.';
      this.#refuse(CONNECTION_SQLSTATE.invalid_authorization, 'connections must be encrypted', hint);
      return;
    }
    if (principals.required) {
      this.#scram = new ScramExchange(principals.verifier(user), platform.random, this.#socket.tls?.endPoint);
      this.#phase = 'sasl-first';
      this.#reader.started(this.#messageBounds);
      message.authenticationSasl(this.#writer, this.#scram.mechanisms);
      return;
    }
    if (!isLocal(this.#socket.remoteAddress)) {
      this.#refuse(
        CONNECTION_SQLSTATE.invalid_authorization,
        'connections from other machines need a password, and no users are configured',
      );
      return;
    }
    this.#logIn();
  }

  /** What came in clear behind the request could be anyone's, and must not be taken for the client's (CVE-2021-23214). */
  #encrypt(identity: TlsIdentity): void {
    if (this.#reader.buffered > 0) {
      throw new SqlError('protocol_violation', 'received unencrypted data after SSL request');
    }
    this.#writer.int8('S'.charCodeAt(0));
    this.#writer.flush((bytes) => this.#socket.write(bytes));
    this.#socket.startTls(identity);
  }

  #handleSasl(body: BodyReader): void {
    const scram = this.#scram!;
    if (this.#phase === 'sasl-first') {
      const mechanism = body.text();
      const length = body.int32();
      const first = utf8Text(body.bytes(length));
      body.finish();
      message.authenticationSaslData(this.#writer, 11, scram.first(mechanism, first));
      this.#phase = 'sasl-final';
      return;
    }
    const signature = scram.final(utf8Text(body.bytes(body.remaining)));
    const user = this.#startup.get('user') ?? '';
    if (signature === undefined) {
      this.#refuse(CONNECTION_SQLSTATE.invalid_password, `password authentication failed for user "${user}"`);
      return;
    }
    message.authenticationSaslData(this.#writer, 12, signature);
    this.#logIn();
  }

  #logIn(): void {
    this.#loginTimer?.cancel();
    this.#scram = undefined;
    const { platform, database: only = DATABASE } = this.#options;
    const user = this.#startup.get('user')!;
    const database = this.#startup.get('database') ?? user;
    if (database !== only) {
      const hint = `The only database here is "${only}".`;
      this.#refuse(CONNECTION_SQLSTATE.invalid_database, `database "${database}" does not exist`, hint);
      return;
    }
    if ((this.#startup.get('replication') ?? 'false') !== 'false') throw notSupported('replication');
    const parameters = new Map<string, string>();
    if ((this.#options.statementTimeoutMs ?? 0) > 0) {
      parameters.set('statement_timeout', String(this.#options.statementTimeoutMs));
    }
    for (const [name, value] of this.#startup) {
      if (name === 'user' || name === 'database' || name === 'replication') continue;
      if (name === 'options') for (const [option, chosen] of commandLineOptions(value)) parameters.set(option, chosen);
      else parameters.set(name, value);
    }
    const secret = Buffer.from(platform.random.bytes(4)).readUInt32BE();
    const processId = this.#register.add(secret, () => this.#session?.cancel());
    this.#processId = processId;
    const session = new SqlSession(this.#engine, {
      user,
      database,
      processId,
      parameters,
      client: { address: this.#socket.remoteAddress.replace(/^::ffff:/, ''), port: this.#socket.remotePort },
      // Not in the middle of what is being done: the session may be asking for its own end.
      terminate: () => void platform.timers.yield().then(() => this.#terminate()),
      notified: () => this.#tell(),
    });
    this.#session = session;
    this.#phase = 'ready';
    this.#reader.started(this.#messageBounds);
    message.authenticationOk(this.#writer);
    this.#reportParameters();
    message.backendKeyData(this.#writer, processId, secret);
    message.readyForQuery(this.#writer, session.status);
  }

  #loginTimedOut(): void {
    if (this.#phase === 'ready' || this.#phase === 'closed') return;
    this.#refuse(CONNECTION_SQLSTATE.invalid_authorization, 'canceling authentication due to timeout');
  }

  #terminate(): void {
    if (this.#phase === 'closed') return;
    this.#writer.clear();
    this.#refuse(CONNECTION_SQLSTATE.admin_shutdown, 'terminating connection due to administrator command');
  }

  // --- Queries

  get #messageBounds(): MessageBounds {
    const { memory } = this.#engine;
    if (this.#phase !== 'ready') return { bytesMax: () => LOGIN_MESSAGE_BYTES_MAX, refusal: () => undefined, memory };
    const { statementBytesMax } = this.#engine.limits;
    return {
      bytesMax: (type) => (LARGE_MESSAGES.has(type) ? LARGE_MESSAGE_BYTES_MAX : SMALL_MESSAGE_BYTES_MAX),
      refusal: (type, length) => {
        const text = type === NAMES.query ? length - 5 : type === NAMES.parse ? length - PARSE_BYTES_MAX : 0;
        return text > statementBytesMax ? statementTooLong(text, statementBytesMax) : undefined;
      },
      memory,
    };
  }

  #handleMessage({ type, body, isOwn = false, refusal }: Frame): Awaitable<void> {
    if (this.#skipping && type !== NAMES.sync && type !== NAMES.terminate) return undefined;
    if (refusal !== undefined) return this.#refuseMessage(type, refusal);
    const fields = this.#fields.reset(body);
    switch (type) {
      case NAMES.query:
        return this.#query(fields);
      case NAMES.sync:
        return this.#sync();
      case NAMES.terminate:
        return whenReady(this.#flush(), () => this.#close());
      case NAMES.flush:
        return this.#flush();
      case NAMES.parse:
        return this.#extended(() => this.#parse(fields));
      case NAMES.bind:
        return this.#extended(() => this.#bind(fields, isOwn));
      case NAMES.describe:
        return this.#extended(() => this.#describe(fields));
      case NAMES.execute:
        return this.#extended(() => this.#execute(fields));
      case NAMES.close:
        return this.#extended(() => this.#closeObject(fields));
      case NAMES.copyData:
      case NAMES.copyDone:
      case NAMES.copyFail:
        return undefined;
      case NAMES.functionCall:
        message.errorResponse(this.#writer, 'ERROR', notSupported('a function call by its id'));
        this.#session!.fail();
        this.#ready();
        return undefined;
      default:
        throw new SqlError('protocol_violation', `invalid frontend message type ${type}`);
    }
  }

  #refuseMessage(type: number, refusal: SqlError): void {
    if (type === NAMES.copyData) return;
    if (type !== NAMES.query && type !== NAMES.functionCall) {
      this.#extendedFailed(refusal);
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
      this.#rows.formats = [];
      done = this.#session!.query(text, this);
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
      (error: unknown) => this.#rows.between(() => this.#queryFailed(error)),
    );
  }

  #queryFailed(error: unknown): void {
    this.#report(error);
    this.#ready();
  }

  #sync(): Awaitable<void> {
    this.#skipping = false;
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

  #extended(work: () => Awaitable<void>): Awaitable<void> {
    try {
      const done = work();
      if (!isPromise(done)) return undefined;
      return done.catch((error: unknown) => this.#rows.between(() => this.#extendedFailed(error)));
    } catch (error) {
      this.#extendedFailed(error);
      return undefined;
    }
  }

  #extendedFailed(error: unknown): void {
    this.#session!.fail();
    this.#report(error);
    this.#skipping = true;
  }

  #parse(fields: BodyReader): Awaitable<void> {
    const name = fields.text();
    const text = fields.text();
    const types: (SqlType | undefined)[] = [];
    for (let count = fields.uint16(); count > 0; count--) types.push(parameterType(fields.uint32()));
    fields.finish();
    const { statements } = this.#session!;
    if (name === '') statements.delete('');
    else if (statements.has(name)) {
      throw new SqlError('duplicate_prepared_statement', `prepared statement "${name}" already exists`);
    } else if (statements.size >= this.#engine.limits.preparedStatementsMax) {
      throw new SqlError(
        'configuration_limit_exceeded',
        `a session keeps at most ${this.#engine.limits.preparedStatementsMax} prepared statements`,
      );
    }
    const keep = (prepared: PreparedStatement): void => {
      statements.set(name, prepared);
      message.bare(this.#writer, '1');
    };
    const prepared = this.#session!.prepare(text, types);
    return isPromise(prepared) ? prepared.then(keep) : keep(prepared);
  }

  /** @param isOwn Whether values may be parts of the message's body. */
  #bind(fields: BodyReader, isOwn: boolean): void {
    const session = this.#session!;
    const portalName = fields.text();
    const name = fields.text();
    const prepared = this.#statement(name);
    const formats = readFormats(fields);
    const count = fields.uint16();
    const types = prepared.parameterTypes;
    if (count !== types.length) {
      throw new SqlError(
        'protocol_violation',
        `bind message supplies ${count} parameters, but prepared statement "${name}" requires ${types.length}`,
      );
    }
    if (formats.length > 1 && formats.length !== count) {
      throw new SqlError(
        'protocol_violation',
        `bind message has ${formats.length} parameter formats but ${count} parameters`,
      );
    }
    session.requireBindable(prepared);
    const time = this.#time;
    const values: SqlValue[] = [];
    for (let i = 0; i < count; i++) {
      const length = fields.int32();
      const format = (formats.length === 1 ? formats[0] : formats[i]) ?? 'text';
      values.push(length === -1 ? null : readParameter(types[i]!, format, fields.bytes(length), time, isOwn));
    }
    const wanted = readFormats(fields);
    fields.finish();
    const columns = prepared.columns?.length ?? 0;
    if (wanted.length > 1 && wanted.length !== columns) {
      throw new SqlError(
        'protocol_violation',
        `bind message has ${wanted.length} result formats but query has ${columns} columns`,
      );
    }
    if (portalName !== '' && session.portals.has(portalName)) {
      throw new SqlError('duplicate_cursor', `cursor "${portalName}" already exists`);
    }
    if (session.portals.size >= this.#engine.limits.preparedStatementsMax) {
      throw new SqlError(
        'configuration_limit_exceeded',
        `a session keeps at most ${this.#engine.limits.preparedStatementsMax} portals`,
      );
    }
    session.closePortal(portalName);
    const all = wanted.length === 1 && columns !== 1 ? new Array<FieldFormat>(columns).fill(wanted[0]!) : wanted;
    session.portals.set(portalName, session.portal(prepared, values, all));
    message.bare(this.#writer, '2');
  }

  #describe(fields: BodyReader): void {
    const kind = fields.byte();
    const name = fields.text();
    fields.finish();
    if (kind === 0x53) {
      const prepared = this.#statement(name);
      message.parameterDescription(this.#writer, prepared.parameterTypes);
      this.#describeColumns(prepared.columns, []);
      return;
    }
    if (kind !== 0x50) throw new SqlError('protocol_violation', `invalid DESCRIBE message subtype ${kind}`);
    const { prepared, formats } = this.#portal(name);
    this.#describeColumns(prepared.columns, formats);
  }

  #describeColumns(columns: readonly ResultColumn[] | undefined, formats: readonly FieldFormat[]): void {
    if (columns === undefined) message.bare(this.#writer, 'n');
    else message.rowDescription(this.#writer, columns, formats);
  }

  #execute(fields: BodyReader): Awaitable<void> {
    const portal = this.#portal(fields.text());
    const rowsMax = Math.max(fields.int32(), 0);
    fields.finish();
    this.#rows.formats = portal.formats;
    const finish = (outcome: 'complete' | 'suspended' | 'empty'): void => {
      if (outcome === 'suspended') message.bare(this.#writer, 's');
      else if (outcome === 'empty') message.bare(this.#writer, 'I');
    };
    const outcome = this.#session!.run(portal, rowsMax, this);
    return isPromise(outcome) ? outcome.then(finish) : finish(outcome);
  }

  #closeObject(fields: BodyReader): void {
    const kind = fields.byte();
    const name = fields.text();
    fields.finish();
    if (kind === 0x53) this.#session!.statements.delete(name);
    else if (kind === 0x50) this.#session!.closePortal(name);
    else throw new SqlError('protocol_violation', `invalid CLOSE message subtype ${kind}`);
    message.bare(this.#writer, '3');
  }

  #statement(name: string): PreparedStatement {
    const prepared = this.#session!.statements.get(name);
    if (prepared !== undefined) return prepared;
    const shown = name === '' ? 'unnamed prepared statement' : `prepared statement "${name}"`;
    throw new SqlError('invalid_sql_statement_name', `${shown} does not exist`);
  }

  #portal(name: string): Portal {
    const portal = this.#session!.portals.get(name);
    if (portal === undefined) throw new SqlError('invalid_cursor_name', `portal "${name}" does not exist`);
    return portal;
  }

  /** Asked only by types that depend on it. */
  readonly #time: TimeContext = ((connection: PgConnection) => ({
    get zone() {
      return connection.#session!.parameters.zone;
    },
    get nowMicros() {
      return connection.#engine.nowMicros();
    },
    get dateOrder() {
      return connection.#session!.parameters.style.dateOrder ?? 'MDY';
    },
    get intervalStyle() {
      return connection.#session!.parameters.style.intervalStyle ?? 'postgres';
    },
    get names() {
      return connection.#session!.parameters.style.names;
    },
  }))(this);

  // --- Results

  /** Of a query that was sent as text. */
  columns(columns: readonly ResultColumn[], formats: readonly FieldFormat[] = []): void {
    this.#rows.formats = formats;
    message.rowDescription(this.#writer, columns, formats);
  }

  rows(columns: readonly ResultColumn[], rows: RowBatch): Awaitable<void> {
    return this.#rows.rows('D', columns, this.#rows.formats, rows, 0);
  }

  /** In the binary format values have to be made. */
  get takesStoredRows(): boolean {
    return this.#rows.formats.every((format) => format === 'text');
  }

  storedRows(columns: readonly ResultColumn[], entries: StoredEntries, fields: FieldReader): Awaitable<void> {
    return this.#rows.stored(columns, entries, fields, 0);
  }

  complete(tag: string): void {
    message.commandComplete(this.#writer, tag);
  }

  empty(): void {
    message.bare(this.#writer, 'I');
  }

  /** Tells the client to send; from here on the messages are the statement's. */
  copyIn(columns: number, format: FieldFormat): Awaitable<CopyIn> {
    message.copyInResponse(this.#writer, columns, format);
    const copy = new CopyIn(this.#reader, {
      pause: () => this.#pause(),
      resume: () => this.#resume(),
      close: () => {
        this.#copy = undefined;
      },
    });
    return whenReady(this.#flush(), () => {
      this.#copy = copy;
      if (this.#phase === 'closed' || this.#ended) copy.abandon();
      return copy;
    });
  }

  copyOut(columns: number, format: FieldFormat): void {
    message.copyOutResponse(this.#writer, columns, format);
  }

  copyLines(lines: readonly string[]): Awaitable<void> {
    return this.#rows.lines(lines, 0);
  }

  copyBinary(part: 'header' | 'trailer' | BinaryRows): Awaitable<void> {
    const writer = this.#writer;
    if (part === 'header') message.copyHeader(writer);
    else if (part === 'trailer') message.copyTrailer(writer);
    else return this.#rows.rows('d', part.columns, [], part.rows, 0);
    return writer.length >= this.#outputBytesMax ? this.#flush() : undefined;
  }

  copyDone(): void {
    message.bare(this.#writer, 'c');
  }

  notice(notice: Notice): void {
    const least = this.#session!.parameters.value('client_min_messages');
    if (least === 'error' || (least === 'warning' && notice.severity === 'NOTICE')) return;
    message.notice(this.#writer, notice);
  }

  #report(thrown: unknown): void {
    this.#rows.drop();
    const error = isTooLong(thrown) ? valueTooLong(thrown) : thrown;
    if (!(error instanceof OperationError)) {
      this.#options.log.error(
        { error: messageOf(error), stack: error instanceof Error ? error.stack : undefined },
        'a statement failed for a reason of ours',
      );
    }
    message.errorResponse(this.#writer, 'ERROR', error);
  }

  #ready(): void {
    this.#reportParameters();
    const session = this.#session!;
    for (const each of session.takeNotifications()) message.notification(this.#writer, each);
    message.readyForQuery(this.#writer, session.status);
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
    if (parameters.values === this.#reportedParameters) return;
    this.#reportedParameters = parameters.values;
    for (const [name, value] of parameters.reported()) {
      if (this.#reported.get(name) === value) continue;
      this.#reported.set(name, value);
      message.parameterStatus(this.#writer, name, value);
    }
  }

  // --- Writing

  /** Writes what was gathered, once it is durable; a promise while that, or the client, has to be waited for. */
  #flush(): Awaitable<void> {
    if (this.#writer.length === 0 || this.#phase === 'closed') return undefined;
    const durable = this.#session && this.#engine.store.whenDurable(this.#session.observedVersion);
    if (durable === undefined) return this.#write();
    return durable.then(
      () => this.#write(),
      (error: unknown) => {
        this.#writer.clear();
        throw error;
      },
    );
  }

  #write(): Awaitable<void> {
    if (this.#phase === 'closed') return undefined;
    this.#writer.flush((bytes) => this.#socket.write(bytes));
    if (this.#socket.bufferedBytes <= this.#outputBytesMax) return undefined;
    return new Promise((resolve) => {
      this.#drained = resolve;
    });
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
    if (this.#session !== undefined && this.#engine.store.whenDurable(this.#session.observedVersion) !== undefined) {
      this.#writer.clear();
    }
    // A client that awaits the rest of a row would take an error for a part of it.
    if (!this.#rows.isWithin) message.errorResponse(this.#writer, 'FATAL', error);
    this.#close();
  }

  #refuse(sqlstate: string, text: string, hint?: string): void {
    if (!this.#rows.isWithin) message.fatalResponse(this.#writer, sqlstate, text, hint);
    this.#close();
  }

  #close(): void {
    if (this.#phase === 'closed') return;
    if (this.#writer.length > 0) this.#writer.flush((bytes) => this.#socket.write(bytes));
    this.#phase = 'closed';
    this.#loginTimer?.cancel();
    this.#session?.close();
    this.#socket.end();
  }
}

/** Whether a text would have been longer than V8 can have it. */
function isTooLong(error: unknown): error is Error {
  if (!(error instanceof Error)) return false;
  return error.message === 'Invalid string length' || ('code' in error && error.code === 'ERR_STRING_TOO_LONG');
}

function valueTooLong(cause: Error): SqlError {
  return new SqlError('program_limit_exceeded', `a text exceeds the limit of ${STRING_CHARS_MAX} characters`, {
    cause,
  });
}

function isLocal(address: string): boolean {
  return address === '' || address === '::1' || address.startsWith('127.') || address.startsWith('::ffff:127.');
}

function parameterType(oid: number): SqlType | undefined {
  if (oid === 0 || oid === 705) return undefined;
  const type = typeOfOid(oid);
  if (type === undefined || type === 'void') throw notSupported(`a parameter of the type with OID ${oid}`);
  return type === 'name' || type === 'varchar' ? 'text' : type;
}

function readFormats(fields: BodyReader): FieldFormat[] {
  const formats: FieldFormat[] = [];
  for (let count = fields.uint16(); count > 0; count--) {
    const code = fields.int16();
    if (code !== 0 && code !== 1) throw new SqlError('protocol_violation', `unsupported format code: ${code}`);
    formats.push(code === 1 ? 'binary' : 'text');
  }
  return formats;
}

/** Settings in the client's `options`: `-c name=value` and `--name=value`, a backslash before a space that belongs. */
function* commandLineOptions(options: string): Generator<readonly [string, string]> {
  const words = options.match(/(?:\\.|[^\s\\])+/g) ?? [];
  for (let i = 0; i < words.length; i++) {
    let word = words[i]!.replace(/\\(.)/g, '$1');
    if (word === '-c') word = (words[++i] ?? '').replace(/\\(.)/g, '$1');
    else if (word.startsWith('-c')) word = word.slice(2);
    else if (word.startsWith('--')) word = word.slice(2);
    const equals = word.indexOf('=');
    if (equals < 1) throw new SqlError('invalid_parameter_value', `invalid command-line argument: ${word}`);
    yield [word.slice(0, equals).replaceAll('-', '_'), word.slice(equals + 1)];
  }
}
