/**
 * gRPC over `node:http2`: unary calls and bidirectional streams, over one HTTP/2 session for each connection.
 *
 * A connection is made when it is first needed. After a failed attempt calls fail at once until a pause has passed
 * (100 ms × 1.6, at most 3 s), so that a dead store costs nobody a connect timeout each. While calls are open a ping
 * goes out every `keepaliveTimeMs`; no answer in `keepaliveTimeoutMs` ends the session.
 *
 * TLS material comes from a function that is asked for every new session. `reloadCredentials` lets sessions with older
 * material run dry: new calls get a new session, streams say `retired`.
 *
 * Not here: compression, metadata, server streams (TiKV's surface for clients needs none).
 */

import { type ClientHttp2Session, type ClientHttp2Stream, connect, constants } from 'node:http2';
import type { Environment, Timer } from '../environment.ts';
import { messageOf } from '../errors.ts';
import {
  type CallOptions,
  type Connection,
  GrpcStatus,
  type MessageStream,
  RpcError,
  type StreamHandlers,
  type Transport,
} from '../transport.ts';
import { decodeStatusMessage, FrameParser, frame, grpcTimeout } from './grpc-frames.ts';

export interface TlsMaterial {
  /** PEM. */
  readonly ca: string | Buffer;
  readonly cert?: string | Buffer;
  readonly key?: string | Buffer;
  /** Checked against the server's certificate in place of the host. */
  readonly serverName?: string;
}

export interface GrpcTransportOptions {
  readonly environment: Environment;
  /** Absent: plain text. */
  readonly tls?: (() => TlsMaterial) | undefined;
  /** Default 5,000. */
  readonly connectTimeoutMs?: number;
  /** Default 10,000. */
  readonly keepaliveTimeMs?: number;
  /** Default 3,000. */
  readonly keepaliveTimeoutMs?: number;
  /** What a peer may send before it is read, of a stream and of a connection. Default 128 MiB. */
  readonly windowBytes?: number;
  /** Longest message that is taken. Default 1 GiB. */
  readonly messageBytesMax?: number;
}

const WINDOW_BYTES = 128 * 1024 * 1024;
const RECONNECT_BASE_MS = 100;
const RECONNECT_FACTOR = 1.6;
const RECONNECT_MAX_MS = 3_000;
const RECONNECT_JITTER = 0.2;

export class GrpcTransport implements Transport {
  readonly #options: GrpcTransportOptions;
  readonly #connections = new Set<GrpcConnection>();

  constructor(options: GrpcTransportOptions) {
    this.#options = options;
  }

  get scheme(): 'http' | 'https' {
    return this.#options.tls === undefined ? 'http' : 'https';
  }

  connect(address: string): Connection {
    const connection = new GrpcConnection(address, this.#options, () => this.#connections.delete(connection));
    this.#connections.add(connection);
    return connection;
  }

  /** New sessions, with what `tls` answers now. */
  reloadCredentials(): void {
    for (const connection of this.#connections) connection.retire();
  }
}

class GrpcConnection implements Connection {
  readonly address: string;
  readonly #authority: string;
  readonly #options: GrpcTransportOptions;
  readonly #forget: () => void;
  #session: Session | undefined;
  #failures = 0;
  #blockedUntilMs = 0;
  #lastFailure: unknown;
  #closed = false;

  constructor(address: string, options: GrpcTransportOptions, forget: () => void) {
    const host = address.replace(/^https?:\/\//, '').replace(/\/+$/, '');
    this.address = host;
    this.#authority = `${options.tls === undefined ? 'http' : 'https'}://${host}`;
    this.#options = options;
    this.#forget = forget;
  }

  call(path: string, request: Uint8Array, options: CallOptions): Promise<Buffer> {
    return new Promise((resolve, reject) => {
      const { signal, timeoutMs } = options;
      if (signal?.aborted === true) {
        reject(new RpcError(GrpcStatus.CANCELLED, 'cancelled', this.address, signal.reason));
        return;
      }
      let response: Buffer | undefined;
      const settle = (error: RpcError | undefined) => {
        timer.cancel();
        signal?.removeEventListener('abort', onAbort);
        if (error !== undefined) reject(error);
        else if (response !== undefined) resolve(response);
        else reject(new RpcError(GrpcStatus.INTERNAL, 'the call ended without a response', this.address));
      };
      const timer = this.#options.environment.timers.after(timeoutMs, () =>
        call?.fail(new RpcError(GrpcStatus.DEADLINE_EXCEEDED, `no answer within ${timeoutMs} ms`, this.address)),
      );
      const onAbort = () => call?.fail(new RpcError(GrpcStatus.CANCELLED, 'cancelled', this.address, signal?.reason));
      signal?.addEventListener('abort', onAbort, { once: true });
      const call = this.#open(
        path,
        timeoutMs,
        (message) => {
          response = message;
        },
        settle,
      );
      call?.end(request);
    });
  }

  open(path: string, handlers: StreamHandlers): MessageStream {
    const stream = this.#open(
      path,
      undefined,
      (message) => handlers.onMessage(message),
      (error) =>
        handlers.onClose(error ?? new RpcError(GrpcStatus.UNAVAILABLE, 'the server ended the stream', this.address)),
    );
    return stream ?? ENDED;
  }

  retire(): void {
    this.#session?.retire();
    this.#session = undefined;
    this.#blockedUntilMs = 0;
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#forget();
    this.#session?.destroy('the connection was closed');
    this.#session = undefined;
  }

  /** Undefined after it failed; `onEnd` has then been, or will be, told. */
  #open(
    path: string,
    timeoutMs: number | undefined,
    onMessage: (message: Buffer) => void,
    onEnd: (error: RpcError | undefined) => void,
  ): GrpcCall | undefined {
    const { clock, timers } = this.#options.environment;
    const fail = (message: string, cause?: unknown) => {
      const error = new RpcError(GrpcStatus.UNAVAILABLE, message, this.address, cause);
      timers.soon(() => onEnd(error));
    };
    if (this.#closed) return void fail('the connection was closed');
    if (this.#session === undefined || !this.#session.usable) {
      if (clock.monotonicMs() < this.#blockedUntilMs) {
        return void fail(`cannot connect: ${messageOf(this.#lastFailure)}`, this.#lastFailure);
      }
      try {
        this.#session = this.#newSession();
      } catch (error) {
        this.#failed(error);
        return void fail(`cannot connect: ${messageOf(error)}`, error);
      }
    }
    return new GrpcCall(this.#session, this.address, path, timeoutMs, onMessage, onEnd, this.#options.messageBytesMax);
  }

  #newSession(): Session {
    return new Session(this.#authority, this.#options, {
      onConnected: () => {
        this.#failures = 0;
      },
      onFailedToConnect: (error) => this.#failed(error),
    });
  }

  #failed(error: unknown): void {
    const { clock, random } = this.#options.environment;
    const pauseMs = Math.min(RECONNECT_MAX_MS, RECONNECT_BASE_MS * RECONNECT_FACTOR ** this.#failures++);
    this.#blockedUntilMs = clock.monotonicMs() + pauseMs * (1 + RECONNECT_JITTER * (2 * random.float() - 1));
    this.#lastFailure = error;
  }
}

/** What `open` answers when nothing could be opened: `onClose` tells the rest. */
const ENDED: MessageStream = { send() {}, cancel() {}, bufferedBytes: 0, retired: true };

interface SessionListener {
  onConnected(): void;
  onFailedToConnect(error: unknown): void;
}

/** One HTTP/2 session with its keepalive. */
class Session {
  readonly http2: ClientHttp2Session;
  retired = false;
  /** Why the session ended, for the calls that end with it. */
  endedBecause: string | undefined;
  readonly #options: GrpcTransportOptions;
  #openCalls = 0;
  #keepalive: Timer | undefined;

  constructor(authority: string, options: GrpcTransportOptions, listener: SessionListener) {
    const { environment, tls } = options;
    this.#options = options;
    const material = tls?.();
    this.http2 = connect(authority, {
      settings: { enablePush: false, initialWindowSize: options.windowBytes ?? WINDOW_BYTES },
      ...(material === undefined
        ? {}
        : {
            ca: material.ca,
            ALPNProtocols: ['h2'],
            ...(material.cert === undefined ? {} : { cert: material.cert }),
            ...(material.key === undefined ? {} : { key: material.key }),
            ...(material.serverName === undefined ? {} : { servername: material.serverName }),
          }),
    });
    let connected = false;
    const timeoutMs = options.connectTimeoutMs ?? 5_000;
    const timer = environment.timers.after(timeoutMs, () => this.destroy(`no connection within ${timeoutMs} ms`));
    this.http2.on('connect', () => {
      connected = true;
      timer.cancel();
      this.http2.setLocalWindowSize(options.windowBytes ?? WINDOW_BYTES);
      listener.onConnected();
    });
    this.http2.on('error', (error) => {
      this.endedBecause ??= messageOf(error);
    });
    this.http2.on('goaway', () => {
      this.retired = true;
    });
    this.http2.on('close', () => {
      timer.cancel();
      this.#keepalive?.cancel();
      this.endedBecause ??= 'the connection was closed by the peer';
      if (!connected) listener.onFailedToConnect(new Error(this.endedBecause));
    });
    this.#watch();
  }

  get usable(): boolean {
    return !this.retired && !this.http2.closed && !this.http2.destroyed;
  }

  callOpened(): void {
    this.#openCalls++;
  }

  callClosed(): void {
    if (--this.#openCalls === 0 && this.retired) this.http2.close();
  }

  retire(): void {
    this.retired = true;
    if (this.#openCalls === 0) this.http2.close();
  }

  destroy(reason: string): void {
    this.endedBecause ??= reason;
    this.http2.destroy();
  }

  #watch(): void {
    const { environment, keepaliveTimeMs = 10_000, keepaliveTimeoutMs = 3_000 } = this.#options;
    this.#keepalive = environment.timers.after(keepaliveTimeMs, () => {
      if (this.http2.destroyed) return;
      if (this.#openCalls === 0 || this.http2.connecting) {
        this.#watch();
        return;
      }
      this.#keepalive = environment.timers.after(keepaliveTimeoutMs, () =>
        this.destroy(`no answer to a ping within ${keepaliveTimeoutMs} ms`),
      );
      this.http2.ping((error) => {
        this.#keepalive?.cancel();
        if (error === null && !this.http2.destroyed) this.#watch();
      });
    });
  }
}

/** One HTTP/2 stream: a unary call or a bidirectional one. `onEnd` is called exactly once. */
class GrpcCall implements MessageStream {
  readonly #session: Session;
  readonly #address: string;
  readonly #stream: ClientHttp2Stream;
  readonly #parser: FrameParser;
  readonly #onEnd: (error: RpcError | undefined) => void;
  #status: number | undefined;
  #message = '';
  #ended = false;

  constructor(
    session: Session,
    address: string,
    path: string,
    timeoutMs: number | undefined,
    onMessage: (message: Buffer) => void,
    onEnd: (error: RpcError | undefined) => void,
    messageBytesMax: number | undefined,
  ) {
    this.#session = session;
    this.#address = address;
    this.#onEnd = onEnd;
    this.#parser = new FrameParser(messageBytesMax);
    const stream = session.http2.request({
      ':method': 'POST',
      ':path': path,
      'content-type': 'application/grpc',
      te: 'trailers',
      ...(timeoutMs === undefined ? {} : { 'grpc-timeout': grpcTimeout(timeoutMs) }),
    });
    this.#stream = stream;
    session.callOpened();
    stream.on('response', (headers) => {
      const httpStatus = headers[':status'];
      if (httpStatus !== 200 && headers['grpc-status'] === undefined) {
        this.fail(new RpcError(GrpcStatus.UNAVAILABLE, `HTTP status ${String(httpStatus)}`, address));
        return;
      }
      this.#takeStatus(headers);
    });
    stream.on('trailers', (headers) => this.#takeStatus(headers));
    stream.on('data', (chunk: Buffer) => {
      if (this.#ended) return;
      try {
        this.#parser.push(chunk, onMessage);
      } catch (error) {
        this.fail(new RpcError(GrpcStatus.INTERNAL, messageOf(error), address, error));
      }
    });
    // The server has said its last; a stream of ours is still open for writing, and would stay so.
    stream.on('end', () => {
      if (!stream.writableEnded) stream.close(constants.NGHTTP2_NO_ERROR);
    });
    stream.on('error', (error) => this.#end(this.#connectionError(error)));
    stream.on('close', () => {
      session.callClosed();
      if (this.#status === undefined) this.#end(this.#connectionError(undefined));
      else if (this.#status !== GrpcStatus.OK) this.#end(new RpcError(this.#status, this.#message, address));
      else if (!this.#parser.atBoundary) this.#end(new RpcError(GrpcStatus.INTERNAL, 'a message was cut off', address));
      else this.#end(undefined);
    });
  }

  get bufferedBytes(): number {
    return this.#stream.writableLength;
  }

  get retired(): boolean {
    return this.#session.retired;
  }

  send(message: Uint8Array): void {
    if (!this.#ended && this.#stream.writable) this.#stream.write(frame(message));
  }

  end(message: Uint8Array): void {
    if (!this.#ended) this.#stream.end(frame(message));
  }

  cancel(): void {
    this.fail(new RpcError(GrpcStatus.CANCELLED, 'cancelled', this.#address));
  }

  fail(error: RpcError): void {
    if (this.#ended) return;
    this.#end(error);
    this.#stream.close(constants.NGHTTP2_CANCEL);
  }

  #takeStatus(headers: Readonly<Record<string, unknown>>): void {
    const status = headers['grpc-status'];
    if (status === undefined) return;
    this.#status = Number(status);
    this.#message = decodeStatusMessage(String(headers['grpc-message'] ?? `status ${String(status)}`));
  }

  #connectionError(error: Error | undefined): RpcError {
    // What Node says of a stream that waited for a connection: why there is none is its cause.
    const unconnected = error?.cause instanceof Error ? `cannot connect: ${error.cause.message}` : undefined;
    const reason = this.#session.endedBecause ?? unconnected ?? error?.message ?? 'the stream was reset';
    return new RpcError(GrpcStatus.UNAVAILABLE, reason, this.#address, error);
  }

  #end(error: RpcError | undefined): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#onEnd(error);
  }
}
