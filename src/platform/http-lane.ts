/**
 * The short way for plain HTTP/1.1 requests: read from the bare socket, answered with one write.
 *
 * `node:http` spends more on a small request than everything behind it: a stream in either direction, an object for every
 * header, events. This lane serves what most requests are and leaves all else to `node:http`: at the first request that is
 * not for it, a connection is handed over for good, with the bytes of that request unread. So no rule of HTTP is kept twice, and
 * nothing is refused here but what begins as no request does: most garbage, of which `node:http` makes an error with a
 * trace and the objects of a connection. The lane takes
 *
 * - GET, HEAD, PUT, POST, DELETE and OPTIONS of a target that begins with a slash, HTTP/1.1, whose head came in one piece of
 *   up to 8 KiB, with a Host, of tokens and visible characters, no header twice;
 * - without Transfer-Encoding, Upgrade, Trailer, and any Connection but `keep-alive`;
 * - with a body, if any, told by Content-Length. Up to 64 KiB it is read before the handler is called; such bodies of which
 *   a part has come take up to 16 MiB together, more of them go to `node:http`. Of a longer one, or one that waits for
 *   "100 Continue", the handler takes what it wants when it wants, and one read of the socket waits for it.
 *
 * Requests of a connection are answered one after the other. What a client sends ahead of an answer waits, up to one read of
 * the socket, and so does a client that leaves more than 1 MiB of answers unread. An answer before the end of the body is
 * the last one. A connection that never spoke has the time of a head, one between two requests a minute, a body a minute
 * from one piece to the next and its time as a whole, all of them to the second.
 */

import type * as net from 'node:net';
import { asBuffer, type Bytes, EMPTY_BYTES } from '../base/bytes.ts';
import { Roster, type Seat } from '../base/roster.ts';
import { Slab } from '../base/slab.ts';
import { ReadBuffer } from './bare-stream.ts';
import { nodeHttp } from './builtin-http.ts';
import type { HttpHandler, HttpResponse } from './http.ts';
import { HeadParser, type RequestHead } from './http-head.ts';
import { LaneRequest, LongBody } from './http-lane-request.ts';
import { NodeSocket } from './node-socket.ts';
import { nodeTimers } from './node-timers.ts';
import type { Timer } from './platform.ts';
import type { SocketHandlers } from './sockets.ts';
import type { StreamHandle } from './stream-handle.ts';

const BODY_BYTES_MAX = 64 * 1024;
const BODIES_BYTES_MAX = 16 * 1024 * 1024;
const UNREAD_BYTES_MAX = 1024 * 1024;
const OUT_BYTES = 64 * 1024;
/** Bodies up to here are copied behind their head: a second write costs more. */
const COPY_BYTES_MAX = OUT_BYTES / 2;
const SWEEP_MS = 1_000;
const IDLE_S = 60;
const BODY_S = 60;

const INVALID_VALUE = /[^\t\x20-\x7e\x80-\xff]/;
const INVALID_NAME = /[^!#$%&'*+.^_`|~0-9a-z-]/i;

export interface LaneOptions {
  readonly handler: HttpHandler;
  readonly bodyBytesMax: number;
  readonly headerTimeoutMs: number;
  readonly requestTimeoutMs: number;
  readonly connectionsMax: number;
  readonly onHandlerError: ((error: unknown) => void) | undefined;
  /** Takes a connection to serve by `node:http`. */
  readonly handOver: (socket: net.Socket) => void;
}

export class HttpLane {
  readonly options: LaneOptions;
  readonly #readBuffer = new ReadBuffer();
  readonly #connections = new Roster<Connection>();
  readonly #handedOver = new Roster<net.Socket>();
  readonly #sweeping: Timer;
  #out = Buffer.allocUnsafeSlow(OUT_BYTES);
  #filled = 0;
  /** For bodies. */
  readonly slab = new Slab();
  #dateLine = '';
  #dateAt = -1;
  /** Of bodies of which a part has come. */
  bodiesBytes = 0;
  /** Seconds since the lane began. */
  nowS = 0;
  #isClosing = false;

  constructor(options: LaneOptions) {
    this.options = options;
    this.#sweeping = nodeTimers.every(SWEEP_MS, () => this.#sweep());
  }

  /** Whether answers are to tell that nothing follows them. */
  get isClosing(): boolean {
    return this.#isClosing;
  }

  get #isFull(): boolean {
    return this.#connections.size + this.#handedOver.size >= this.options.connectionsMax;
  }

  /** Serves what was accepted, also before the listener was closed. */
  acceptHandle(handle: StreamHandle): void {
    if (this.#isClosing || this.#isFull) {
      handle.close();
      return;
    }
    const socket = NodeSocket.accepted(handle, this.#readBuffer);
    const connection = new Connection(this, socket);
    connection.seat = this.#connections.add(connection);
    socket.attach(connection, false);
  }

  /** Has a connection that Node has made served by it. */
  accept(accepted: net.Socket): void {
    if (this.#isFull) accepted.on('error', () => {}).destroy();
    else this.#giveToNode(accepted);
  }

  /** Ends connections without a request under way; the others end with their answer. */
  stop(): void {
    this.#isClosing = true;
    for (const connection of this.#connections) connection.endIfIdle();
  }

  /** Cuts everything, connections that were handed over too. */
  close(): void {
    this.stop();
    this.#sweeping.cancel();
    for (const connection of this.#connections) connection.socket.destroy();
    for (const socket of this.#handedOver) socket.destroy();
  }

  forget(connection: Connection): void {
    connection.seat?.leave();
  }

  handOver(connection: Connection, unread: Bytes): void {
    this.forget(connection);
    const raw = connection.socket.detach(unread);
    this.#giveToNode(raw);
    raw.resume();
  }

  #giveToNode(raw: net.Socket): void {
    const seat = this.#handedOver.add(raw);
    raw.once('close', () => seat.leave());
    this.options.handOver(raw);
  }

  #sweep(): void {
    this.nowS++;
    for (const connection of this.#connections) connection.endIfLate();
  }

  /** Puts head and body behind what waits for `flush`; what does not fit is written now, in order. */
  append(socket: NodeSocket, head: string, body: string | Bytes): void {
    if (this.#filled + head.length > OUT_BYTES) this.flush(socket);
    if (head.length > OUT_BYTES) socket.write(Buffer.from(head, 'latin1'));
    else this.#filled += this.#out.latin1Write(head, this.#filled);
    if (body.length === 0) return;
    const bytes = typeof body === 'string' ? Buffer.from(body) : body;
    if (bytes.length <= COPY_BYTES_MAX && this.#filled + bytes.length <= OUT_BYTES) {
      this.#out.set(bytes, this.#filled);
      this.#filled += bytes.length;
      return;
    }
    this.flush(socket);
    socket.write(bytes);
  }

  /** Everything that waits is of one socket: whoever appends flushes before another connection is served. */
  flush(socket: NodeSocket): void {
    if (this.#filled === 0) return;
    const bytes = this.#out.subarray(0, this.#filled);
    this.#filled = 0;
    if (!socket.write(bytes)) this.#out = Buffer.allocUnsafeSlow(OUT_BYTES); // It is the socket's now.
  }

  /** Only looked at once a second. */
  dateLine(): string {
    if (this.#dateAt !== this.nowS) {
      this.#dateAt = this.nowS;
      this.#dateLine = `date: ${new Date().toUTCString()}\r\n`;
    }
    return this.#dateLine;
  }
}

/** Whether there are empty lines, if any, and then capitals up to the first blank or the end of what has come, as of a method. */
function mayBeginRequest(bytes: Buffer, from: number): boolean {
  let at = from;
  while (bytes[at] === 0x0d || bytes[at] === 0x0a) at++;
  for (const begin = at; at < bytes.length; at++) {
    const byte = bytes[at]!;
    if (byte === 0x20) return at > begin;
    if ((byte < 0x41 || byte > 0x5a) && byte !== 0x2d) return false;
  }
  return true;
}

/** Of one client: between two requests, within a body, or waiting for an answer. */
class Connection implements SocketHandlers {
  readonly socket: NodeSocket;
  /** Among those whom the lane serves. */
  seat: Seat<Connection> | undefined;
  readonly #lane: HttpLane;
  readonly #parser = new HeadParser();
  /** Whose body is coming, or whose answer is awaited. */
  #request: LaneRequest | undefined;
  #isAnswering = false;
  #body: Buffer | undefined;
  #bodyFilled = 0;
  /** Of the request that is being answered. */
  #long: LongBody | undefined;
  /** What came meanwhile. */
  #rest: Bytes | undefined;
  #isPaused = false;
  #hasEnded = false;
  #isClosed = false;
  /** Nothing is answered any more: closed, ending, or handed over. */
  #isOver = false;
  #wake: (() => void) | undefined;
  /** False while a client waits for it. */
  #isToldToGoOn: boolean | undefined;
  #bodyEndS = 0;
  #sinceS: number;
  #hasSpoken = false;

  constructor(lane: HttpLane, socket: NodeSocket) {
    this.#lane = lane;
    this.socket = socket;
    this.#sinceS = lane.nowS;
  }

  onData(chunk: Bytes): void {
    if (this.#isOver) return;
    if (!this.#isAnswering) {
      this.#take(asBuffer(chunk));
      return;
    }
    this.#sinceS = this.#lane.nowS;
    const from = this.#long === undefined ? 0 : this.#long.take(chunk, 0);
    if (from < chunk.length) this.#keep(chunk.subarray(from));
  }

  onDrain(): void {
    this.#wake?.();
    this.#resumeIfReady();
  }

  onEnd(): void {
    this.#hasEnded = true;
    // Most that end their side have gone: the handler is told, and who only said all it had to say gets the answer.
    if (this.#isAnswering) this.#request?.abort();
    else this.#end();
  }

  onClose(): void {
    this.#isClosed = true;
    this.#isOver = true;
    this.#lane.forget(this);
    this.#dropBody();
    this.#request?.abort();
    this.#wake?.();
  }

  endIfIdle(): void {
    if (this.#request === undefined) this.#end();
  }

  /** As `node:http` does. */
  #refuse(): void {
    this.socket.write(Buffer.from('HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n', 'latin1'));
    this.#isOver = true;
    this.socket.refuse();
  }

  #end(): void {
    this.#isOver = true;
    this.socket.end();
  }

  endIfLate(): void {
    const seconds = this.#lane.nowS - this.#sinceS;
    if (this.#isAnswering) {
      if (this.#long?.isAwaited !== true) this.#sinceS = this.#lane.nowS;
      else if (seconds > BODY_S || this.#lane.nowS > this.#bodyEndS) this.socket.destroy();
      return;
    }
    if (this.#request !== undefined) {
      if (seconds <= BODY_S) return;
      this.socket.write(Buffer.from('HTTP/1.1 408 Request Timeout\r\nconnection: close\r\n\r\n', 'latin1'));
      this.#end();
    } else if (seconds > (this.#hasSpoken ? IDLE_S : this.#lane.options.headerTimeoutMs / 1_000)) this.#end();
  }

  #keep(chunk: Bytes): void {
    this.#rest = this.#rest === undefined ? Buffer.from(chunk) : Buffer.concat([this.#rest, chunk]);
    this.#pause();
  }

  readonly #pause = (): void => {
    if (this.#isPaused) return;
    this.#isPaused = true;
    this.socket.pause();
  };

  /** The handler waits for more of the body. */
  readonly #onBodyAwaited = (): void => {
    this.#sinceS = this.#lane.nowS;
    if (this.#isToldToGoOn === false) {
      this.#isToldToGoOn = true;
      this.#lane.flush(this.socket);
      if (this.#long?.hasBegun === false) this.socket.write(Buffer.from('HTTP/1.1 100 Continue\r\n\r\n', 'latin1'));
    }
    if (!this.#isPaused) return;
    this.#isPaused = false;
    this.socket.resume();
  };

  #take(bytes: Buffer): void {
    let at = 0;
    if (this.#body !== undefined) {
      at = this.#fill(bytes, 0);
      if (this.#body !== undefined) return;
    }
    while (at < bytes.length) {
      if (this.#isAnswering) {
        this.#keep(bytes.subarray(at));
        break;
      }
      const head = this.#parser.parse(bytes, at);
      if (head === undefined || !this.#isForUs(head, bytes.length)) {
        this.#isOver = true;
        this.#lane.flush(this.socket);
        // Behind the end of what a client sends nothing can be put back for another to read.
        if (this.#hasEnded) this.socket.end();
        else if (!mayBeginRequest(bytes, at)) this.#refuse();
        else this.#lane.handOver(this, bytes.subarray(at));
        return;
      }
      const request = new LaneRequest(this.socket, head, this.#lane.options.bodyBytesMax);
      this.#request = request;
      this.#sinceS = this.#lane.nowS;
      at = head.end;
      if (head.bodyBytes > BODY_BYTES_MAX || (head.expectsContinue && head.bodyBytes > 0)) {
        this.#long = new LongBody(head.bodyBytes, { pause: this.#pause, await: this.#onBodyAwaited });
        request.long = this.#long;
        this.#isToldToGoOn = head.expectsContinue ? false : undefined;
        this.#bodyEndS = this.#lane.nowS + this.#lane.options.requestTimeoutMs / 1_000;
        at = this.#long.take(bytes, at);
        this.#call(request);
      } else if (head.bodyBytes > 0) {
        this.#body = this.#lane.slab.take(head.bodyBytes);
        this.#bodyFilled = 0;
        this.#lane.bodiesBytes += head.bodyBytes;
        at = this.#fill(bytes, at);
      } else this.#call(request);
      if (this.#isOver) break;
    }
    this.#lane.flush(this.socket);
    if (this.socket.bufferedBytes > UNREAD_BYTES_MAX) this.#pause();
    else this.#resumeIfReady();
  }

  #isForUs({ bodyBytes, end, expectsContinue }: RequestHead, length: number): boolean {
    if (bodyBytes === 0 || bodyBytes > BODY_BYTES_MAX || expectsContinue) return true;
    return bodyBytes <= length - end || this.#lane.bodiesBytes + bodyBytes <= BODIES_BYTES_MAX;
  }

  /** Takes of the body what has come, and calls the handler when that was all. @returns where it ended. */
  #fill(bytes: Buffer, from: number): number {
    const body = this.#body!;
    const step = Math.min(body.length - this.#bodyFilled, bytes.length - from);
    body.set(from === 0 && step === bytes.length ? bytes : bytes.subarray(from, from + step), this.#bodyFilled);
    this.#bodyFilled += step;
    if (this.#bodyFilled === body.length) {
      this.#dropBody();
      this.#request!.whole = body;
      this.#call(this.#request!);
      this.#lane.flush(this.socket);
    }
    return from + step;
  }

  #dropBody(): void {
    if (this.#body !== undefined) this.#lane.bodiesBytes -= this.#body.length;
    this.#body = undefined;
  }

  #call(request: LaneRequest): void {
    this.#hasSpoken = true;
    this.#isAnswering = true;
    let response: HttpResponse | Promise<HttpResponse>;
    try {
      response = this.#lane.options.handler(request);
    } catch (error) {
      this.#onFailed(error);
      return;
    }
    if (response instanceof Promise) response.then(this.#onAnswered, this.#onFailed);
    else this.#respond(response);
  }

  readonly #onAnswered = (response: HttpResponse): void => {
    if (this.#isClosed) {
      response.onUnsent?.();
      return;
    }
    this.#respond(response);
    this.#lane.flush(this.socket);
    this.#goOn();
  };

  readonly #onFailed = (error: unknown): void => {
    this.#lane.options.onHandlerError?.(error);
    if (this.#isClosed) return;
    this.#respond({ status: 500, headers: { 'content-type': 'text/plain; charset=utf-8' }, body: 'internal error\n' });
    this.#lane.flush(this.socket);
    this.#goOn();
  };

  #respond(response: HttpResponse): void {
    const { body } = response;
    const isWhole = body === undefined || typeof body === 'string' || body instanceof Uint8Array;
    let head: string;
    try {
      head = this.#headOf(response, isWhole ? lengthOf(body) : undefined);
    } catch (error) {
      response.onUnsent?.();
      this.#onFailed(error);
      return;
    }
    this.#lane.append(this.socket, head, EMPTY_BYTES);
    if (this.#request!.method === 'HEAD') {
      if (!isWhole) response.onUnsent?.();
    } else if (!isWhole) {
      this.#lane.flush(this.socket);
      const isChunked = !Object.hasOwn(response.headers ?? {}, 'content-length');
      this.#stream(body, isChunked).then(this.#onStreamed, this.#onStreamFailed);
      return;
    } else if (body !== undefined) this.#lane.append(this.socket, '', body);
    this.#finish();
  }

  /** `bodyBytes` is undefined of a stream. @throws for what is no header: it would be read as another one. */
  #headOf({ status, headers }: HttpResponse, bodyBytes: number | undefined): string {
    let head = `HTTP/1.1 ${status} ${nodeHttp.STATUS_CODES[status] ?? 'Unknown'}\r\n`;
    let hasLength = status === 204 || status === 304;
    for (const name in headers) {
      if (name === 'content-length') hasLength = true;
      const value = headers[name]!;
      if (typeof value === 'string') head += headerLine(name, value);
      else for (const one of value) head += headerLine(name, one);
    }
    if (!hasLength && bodyBytes !== undefined) head += `content-length: ${bodyBytes}\r\n`;
    else if (!hasLength && this.#request!.method !== 'HEAD') head += 'transfer-encoding: chunked\r\n';
    if (this.#isLast()) head += 'connection: close\r\n';
    return `${head}${this.#lane.dateLine()}\r\n`;
  }

  async #stream(body: AsyncIterable<Bytes>, isChunked: boolean): Promise<void> {
    let before = '';
    for await (const piece of body) {
      if (this.#isClosed) return; // Leaving the loop closes the stream.
      if (piece.length === 0) continue;
      if (isChunked) this.socket.write(Buffer.from(`${before}${piece.length.toString(16)}\r\n`, 'latin1'));
      before = '\r\n';
      if (!this.socket.write(piece)) await new Promise<void>((resolve) => (this.#wake = resolve));
      this.#wake = undefined;
      if (this.#isClosed) return;
    }
    if (isChunked) this.socket.write(Buffer.from(`${before}0\r\n\r\n`, 'latin1'));
  }

  readonly #onStreamed = (): void => {
    if (this.#isClosed) return;
    this.#finish();
    this.#goOn();
  };

  /** A cut body must not look complete. */
  readonly #onStreamFailed = (error: unknown): void => {
    this.#lane.options.onHandlerError?.(error);
    this.socket.destroy();
  };

  #finish(): void {
    this.#request = undefined;
    this.#isAnswering = false;
    this.#sinceS = this.#lane.nowS;
    const isLast = this.#isLast();
    this.#long?.abort();
    this.#long = undefined;
    if (!isLast) return;
    this.#isOver = true;
    this.#lane.flush(this.socket);
    this.socket.end();
  }

  /** Whether nothing more is answered: reading the rest of a body away would cost what its handler saved. */
  #isLast(): boolean {
    return this.#lane.isClosing || this.#long?.isComplete === false;
  }

  #goOn(): void {
    const rest = this.#rest;
    if (rest !== undefined && !this.#isOver) {
      this.#rest = undefined;
      this.#take(asBuffer(rest));
    }
    if (this.#isAnswering || this.#isOver) return;
    if (this.#hasEnded) this.socket.end();
    else this.#resumeIfReady();
  }

  #resumeIfReady(): void {
    if (!this.#isPaused || this.#isAnswering || this.#isOver || this.socket.bufferedBytes > UNREAD_BYTES_MAX) return;
    this.#isPaused = false;
    this.socket.resume();
  }
}

function lengthOf(body: string | Bytes | undefined): number {
  if (body === undefined) return 0;
  return typeof body === 'string' ? Buffer.byteLength(body) : body.length;
}

/** Names that were looked at; there are few. */
const knownNames = new Set<string>();
const KNOWN_NAMES_MAX = 256;

function headerLine(name: string, value: string): string {
  if (!knownNames.has(name)) {
    if (name === '' || INVALID_NAME.test(name)) throw new Error(`${JSON.stringify(name)} names no header`);
    if (knownNames.size < KNOWN_NAMES_MAX) knownNames.add(name);
  }
  if (INVALID_VALUE.test(value)) throw new Error(`the value of the header ${name} has an invalid character`);
  return `${name}: ${value}\r\n`;
}
