/**
 * A minimal HTTP/1.1 listener: one handler, a request in, a response out. Plain requests in clear take a short way
 * (http-lane.ts), all others `node:http`.
 *
 * Routing, authentication and the meaning of errors are the protocols'. What is kept here: headers must arrive within
 * their timeout, a body never exceeds its bound, a client that stops reading stops the body that streams to it, and a
 * handler that throws is answered with 500 and no details. HTTP/2 and upgrades are not offered.
 */

import type * as http from 'node:http';
import type * as https from 'node:https';
import { assert } from '../base/assert.ts';
import { PieceSource } from '../base/byte-source.ts';
import { asBuffer, type Bytes, concatBytes } from '../base/bytes.ts';
import { OperationError } from '../base/errors.ts';
import { nodeHttp, nodeHttps } from './builtin-http.ts';
import { HttpLane } from './http-lane.ts';
import { acceptHandles } from './node-sockets.ts';
import { nodeTimers } from './node-timers.ts';
import { NodeTlsIdentity } from './node-tls.ts';
import { listenError } from './system-error.ts';
import type { TlsIdentity } from './tls.ts';

export interface HttpRequest {
  /** In capitals. */
  readonly method: string;
  /** Without the query, percent-escapes as they were sent. Starts with a slash, or is `*`. */
  readonly path: string;
  readonly query: URLSearchParams;
  /** By lower-case name; repeated headers joined by a comma. */
  readonly headers: Readonly<Record<string, string | undefined>>;
  readonly remoteAddress: string;
  /** The whole body where it has come already, the caller's own: `body` and `pieces` tell the same. */
  readonly whole?: Bytes | undefined;
  /** Aborted when the client has gone before its answer was complete. */
  readonly signal: AbortSignal;
  /**
   * The whole body, the caller's own; at most `bytesMax`, by default the listener's bound.
   * @throws OperationError `too_large`, or `cancelled` when the client has gone.
   */
  body(bytesMax?: number): Promise<Bytes>;
  /**
   * The body piece by piece, as fast as they are taken, without a bound; each piece is the caller's own. What is not taken
   * is not read. @throws OperationError `cancelled` when the client has gone.
   */
  pieces(): AsyncIterable<Bytes>;
  /**
   * The body in order, into memory of the caller's: less than `into` has room for only at its end. Instead of `body` and
   * `pieces`, not beside them. @throws OperationError `cancelled` when the client has gone.
   */
  read(into: Bytes): Promise<number>;
}

export interface HttpResponse {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string | readonly string[]>>;
  /** A stream is pulled as fast as the client reads, and returned early when the client goes. */
  readonly body?: string | Bytes | AsyncIterable<Bytes>;
  /** Called in place of a stream that is never pulled: the client has gone, or asked for the head only. */
  readonly onUnsent?: () => void;
}

export type HttpHandler = (request: HttpRequest) => HttpResponse | Promise<HttpResponse>;

export interface HttpListenOptions {
  readonly host: string;
  /** 0 picks a free one. */
  readonly port: number;
  /** Default 16 MiB. */
  readonly bodyBytesMax?: number;
  /** From the first byte of a request to the end of its headers. Default 10 s. */
  readonly headerTimeoutMs?: number;
  /** From the first byte of a request to the end of its body. Default 5 min. */
  readonly requestTimeoutMs?: number;
  /** Connections beyond it are closed unanswered. Default 10,000. */
  readonly connectionsMax?: number;
  /** Then nothing is answered in clear. */
  readonly tls?: TlsIdentity;
  /** Told of what a handler threw; the client only sees 500. */
  readonly onHandlerError?: (error: unknown) => void;
}

export interface HttpListener {
  readonly host: string;
  readonly port: number;
  /** Stops accepting and closes idle connections; requests under way are answered. */
  stopAccepting(): void;
  /** Stops accepting and closes all connections. */
  close(): Promise<void>;
}

const BODY_BYTES_MAX = 16 * 1024 * 1024;
const HEADER_TIMEOUT_MS = 10_000;
const REQUEST_TIMEOUT_MS = 300_000;
const CONNECTIONS_MAX = 10_000;

/** @throws OperationError `io` naming host, port and the fix. */
export async function listenHttp(options: HttpListenOptions, handler: HttpHandler): Promise<HttpListener> {
  const headerTimeoutMs = options.headerTimeoutMs ?? HEADER_TIMEOUT_MS;
  const httpOptions: http.ServerOptions = {
    headersTimeout: headerTimeoutMs,
    requestTimeout: Math.max(options.requestTimeoutMs ?? REQUEST_TIMEOUT_MS, headerTimeoutMs),
    connectionsCheckingInterval: Math.max(50, Math.min(1_000, headerTimeoutMs / 4)),
    joinDuplicateHeaders: true,
    noDelay: true,
  };
  const server = options.tls === undefined ? nodeHttp.createServer(httpOptions) : encrypted(httpOptions, options.tls);
  server.maxConnections = options.connectionsMax ?? CONNECTIONS_MAX;
  const lane = options.tls === undefined ? laneBefore(server, handler, options) : undefined;
  server.on('request', (incoming, outgoing) => {
    void answer(incoming, outgoing, handler, options);
  });
  const { host, port } = options;
  await new Promise<void>((resolve, reject) => {
    const onError = (error: Error) => reject(listenError(error, `${host.includes(':') ? `[${host}]` : host}:${port}`));
    server.once('error', onError);
    server.listen({ host, port }, () => {
      server.off('error', onError);
      server.on('error', () => {}); // Of accept(2): the client is lost, the listener is not.
      if (lane !== undefined) acceptHandles(server, (handle) => lane.acceptHandle(handle));
      resolve();
    });
  });
  const address = server.address();
  let closed: Promise<void> | undefined;
  const stopAccepting = () => {
    closed ??= new Promise((resolve) => server.close(() => resolve()));
    server.closeIdleConnections();
    lane?.stop();
  };
  return {
    host: typeof address === 'object' && address !== null ? address.address : host,
    port: typeof address === 'object' && address !== null ? address.port : port,
    stopAccepting,
    async close() {
      stopAccepting();
      server.closeAllConnections();
      lane?.close();
      await closed;
    },
  };
}

/** Puts the lane between a server and its connections. */
function laneBefore(server: http.Server, handler: HttpHandler, options: HttpListenOptions): HttpLane {
  const serveByNode = server.listeners('connection');
  server.removeAllListeners('connection');
  const lane = new HttpLane({
    handler,
    bodyBytesMax: options.bodyBytesMax ?? BODY_BYTES_MAX,
    headerTimeoutMs: options.headerTimeoutMs ?? HEADER_TIMEOUT_MS,
    requestTimeoutMs: options.requestTimeoutMs ?? REQUEST_TIMEOUT_MS,
    connectionsMax: options.connectionsMax ?? CONNECTIONS_MAX,
    onHandlerError: options.onHandlerError,
    handOver: (socket) => {
      for (const serve of serveByNode) serve.call(server, socket);
    },
  });
  server.on('connection', (socket) => lane.accept(socket));
  return lane;
}

function encrypted(options: http.ServerOptions, identity: TlsIdentity): https.Server {
  assert(identity instanceof NodeTlsIdentity, 'an identity of the platform it is used on');
  return identity.serve(nodeHttps.createServer({ ...options, ...identity.options }));
}

async function answer(
  incoming: http.IncomingMessage,
  outgoing: http.ServerResponse,
  handler: HttpHandler,
  options: HttpListenOptions,
): Promise<void> {
  outgoing.on('error', () => {}); // The connection broke: `close` follows and tells.
  try {
    const request = new IncomingRequest(incoming, outgoing, options.bodyBytesMax ?? BODY_BYTES_MAX);
    const handled = handler(request);
    const response = handled instanceof Promise ? await handled : handled;
    if (!outgoing.destroyed) {
      const streamed = respond(incoming, outgoing, response);
      if (streamed !== undefined) await streamed;
    } else response.onUnsent?.();
  } catch (error) {
    options.onHandlerError?.(error);
    if (outgoing.headersSent)
      outgoing.destroy(); // A cut body must not look complete.
    else outgoing.writeHead(500, { 'content-type': 'text/plain; charset=utf-8' }).end('internal error\n');
  }
}

/** Most requests have none, and making one costs more than looking into it. */
const NO_QUERY = new URLSearchParams();

/** Bodies up to here go out in one piece with their head. */
const ONE_PIECE_BYTES_MAX = 16 * 1024;

/** Everything about it is made when it is asked for: most requests need little. */
class IncomingRequest implements HttpRequest {
  readonly path: string;
  readonly #search: string;
  readonly #incoming: http.IncomingMessage;
  readonly #outgoing: http.ServerResponse;
  readonly #bodyBytesMax: number;
  #query: URLSearchParams | undefined;
  #source: PieceSource | undefined;
  #gone: AbortController | undefined;

  constructor(incoming: http.IncomingMessage, outgoing: http.ServerResponse, bodyBytesMax: number) {
    this.#incoming = incoming;
    this.#outgoing = outgoing;
    this.#bodyBytesMax = bodyBytesMax;
    let target = incoming.url ?? '/';
    // The absolute form, "GET http://host/path", is for proxies, but servers must accept it (RFC 9112, 3.2.2).
    if (!target.startsWith('/')) target = target.replace(/^https?:\/\/[^/?#]*/i, '');
    const queryAt = target.indexOf('?');
    const path = queryAt < 0 ? target : target.slice(0, queryAt);
    this.path = path === '' ? '/' : path;
    this.#search = queryAt < 0 ? '' : target.slice(queryAt + 1);
  }

  get method(): string {
    return this.#incoming.method ?? 'GET';
  }

  get query(): URLSearchParams {
    if (this.#search === '') return NO_QUERY;
    this.#query ??= new URLSearchParams(this.#search);
    return this.#query;
  }

  get headers(): Readonly<Record<string, string | undefined>> {
    const { headers } = this.#incoming;
    // The one header that is a list, and that no client sends.
    if (headers['set-cookie'] === undefined) return headers as Record<string, string | undefined>;
    return { ...headers, 'set-cookie': headers['set-cookie'].join(', ') } as Record<string, string | undefined>;
  }

  get remoteAddress(): string {
    return this.#incoming.socket.remoteAddress ?? '';
  }

  get signal(): AbortSignal {
    if (this.#gone === undefined) {
      const gone = new AbortController();
      const outgoing = this.#outgoing;
      const told = () => {
        if (!outgoing.writableFinished) gone.abort();
      };
      if (outgoing.closed) told();
      else outgoing.once('close', told);
      this.#gone = gone;
    }
    return this.#gone.signal;
  }

  body(bytesMax = this.#bodyBytesMax): Promise<Bytes> {
    const incoming = this.#incoming;
    return new Promise((resolve, reject) => {
      const tooLarge = () => {
        incoming.pause();
        this.#outgoing.setHeader('connection', 'close'); // Reading the rest away would cost what the bound saves.
        reject(new OperationError('too_large', `the request body exceeds ${bytesMax} bytes`));
      };
      if (Number(incoming.headers['content-length'] ?? 0) > bytesMax) return tooLarge();
      const chunks: Bytes[] = [];
      let bytes = 0;
      const gone = (error?: Error) => reject(clientGone(error));
      const stop = () => incoming.off('data', take).off('end', end).off('error', gone).off('close', gone);
      const take = (chunk: Bytes) => {
        bytes += chunk.length;
        chunks.push(chunk);
        if (bytes <= bytesMax) return;
        stop();
        tooLarge();
      };
      const end = () => {
        stop();
        resolve(chunks.length === 1 ? chunks[0]! : concatBytes(...chunks));
      };
      if (incoming.readableEnded) return resolve(concatBytes());
      if (incoming.destroyed) return gone();
      incoming.on('data', take).on('end', end).on('error', gone).on('close', gone);
      return undefined;
    });
  }

  read(into: Bytes): Promise<number> {
    this.#source ??= new PieceSource(this.pieces());
    return this.#source.read(into);
  }

  async *pieces(): AsyncGenerator<Bytes> {
    try {
      for await (const chunk of this.#incoming.iterator({ destroyOnReturn: false })) yield chunk as Bytes;
    } catch (error) {
      throw clientGone(error);
    } finally {
      // Whoever leaves the rest gets no next request on this connection.
      if (!this.#incoming.complete && !this.#outgoing.headersSent) this.#outgoing.setHeader('connection', 'close');
    }
  }
}

function clientGone(cause: unknown): OperationError {
  return new OperationError('cancelled', 'the client closed the connection', { cause });
}

/** @returns a promise where the body is a stream. */
function respond(
  incoming: http.IncomingMessage,
  outgoing: http.ServerResponse,
  response: HttpResponse,
): Promise<void> | undefined {
  const { body, headers } = response;
  const { status } = response;
  const flat: (string | string[])[] = [];
  let hasLength = status < 200 || status === 204 || status === 304;
  for (const name in headers) {
    flat.push(name, headers[name] as string | string[]);
    if (name === 'content-length') hasLength = true;
  }
  const isWhole = body === undefined || typeof body === 'string' || body instanceof Uint8Array;
  if (isWhole && !hasLength) {
    const length = body === undefined ? 0 : typeof body === 'string' ? Buffer.byteLength(body) : body.length;
    flat.push('content-length', String(length));
  }
  outgoing.writeHead(status, flat);
  if (body instanceof Uint8Array && body.length <= ONE_PIECE_BYTES_MAX) {
    outgoing.end(asBuffer(body).latin1Slice(0, body.length), 'latin1');
  } else if (isWhole) {
    outgoing.end(body);
  } else if (incoming.method === 'HEAD') {
    outgoing.end();
    response.onUnsent?.();
  } else return stream(incoming, outgoing, body);
  cutUpload(incoming, outgoing);
  return undefined;
}

async function stream(
  incoming: http.IncomingMessage,
  outgoing: http.ServerResponse,
  body: AsyncIterable<Bytes>,
): Promise<void> {
  for await (const chunk of body) {
    if (outgoing.destroyed) return; // Leaving the loop closes the stream.
    if (!outgoing.write(chunk)) await drained(outgoing);
    if (outgoing.destroyed) return;
  }
  outgoing.end();
  cutUpload(incoming, outgoing);
}

/** An answer given before the whole request came: gives the client a moment to read it, then cuts the upload. */
function cutUpload(incoming: http.IncomingMessage, outgoing: http.ServerResponse): void {
  if (incoming.complete || outgoing.getHeader('connection') !== 'close') return;
  const timer = nodeTimers.after(2_000, () => incoming.destroy());
  incoming.once('close', () => timer.cancel());
}

function drained(outgoing: http.ServerResponse): Promise<void> {
  if (outgoing.destroyed) return Promise.resolve();
  return new Promise((resolve) => {
    const done = () => {
      outgoing.off('drain', done);
      outgoing.off('close', done);
      resolve();
    };
    outgoing.on('drain', done);
    outgoing.on('close', done);
  });
}
