/**
 * A minimal HTTP/1.1 listener over `node:http`: one handler, a request in, a response out.
 *
 * Routing, authentication and the meaning of errors are the protocols'. What is kept here: headers must arrive within
 * their timeout, a body never exceeds its bound, a client that stops reading stops the body that streams to it, and a
 * handler that throws is answered with 500 and no details. HTTP/2 and upgrades are not offered.
 */

import * as http from 'node:http';
import * as https from 'node:https';
import { assert } from '../base/assert.ts';
import { type Bytes, concatBytes } from '../base/bytes.ts';
import { OperationError } from '../base/errors.ts';
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
  /** Aborted when the client has gone before its answer was complete. */
  readonly signal: AbortSignal;
  /** The whole body, the caller's own. @throws OperationError `too_large`, or `cancelled` when the client has gone. */
  body(): Promise<Bytes>;
}

export interface HttpResponse {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string | readonly string[]>>;
  /** A stream is pulled as fast as the client reads, and returned early when the client goes. */
  readonly body?: string | Bytes | AsyncIterable<Bytes>;
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

/** @throws OperationError `io` naming host, port and the fix. */
export async function listenHttp(options: HttpListenOptions, handler: HttpHandler): Promise<HttpListener> {
  const headerTimeoutMs = options.headerTimeoutMs ?? 10_000;
  const httpOptions: http.ServerOptions = {
    headersTimeout: headerTimeoutMs,
    requestTimeout: Math.max(options.requestTimeoutMs ?? 300_000, headerTimeoutMs),
    connectionsCheckingInterval: Math.max(50, Math.min(1_000, headerTimeoutMs / 4)),
    joinDuplicateHeaders: true,
    noDelay: true,
  };
  const server = options.tls === undefined ? http.createServer(httpOptions) : encrypted(httpOptions, options.tls);
  server.maxConnections = options.connectionsMax ?? 10_000;
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
      resolve();
    });
  });
  const address = server.address();
  let closed: Promise<void> | undefined;
  const stopAccepting = () => {
    closed ??= new Promise((resolve) => server.close(() => resolve()));
    server.closeIdleConnections();
  };
  return {
    host: typeof address === 'object' && address !== null ? address.address : host,
    port: typeof address === 'object' && address !== null ? address.port : port,
    stopAccepting,
    async close() {
      stopAccepting();
      server.closeAllConnections();
      await closed;
    },
  };
}

function encrypted(options: http.ServerOptions, identity: TlsIdentity): https.Server {
  assert(identity instanceof NodeTlsIdentity, 'an identity of the platform it is used on');
  return identity.serve(https.createServer({ ...options, ...identity.options }));
}

async function answer(
  incoming: http.IncomingMessage,
  outgoing: http.ServerResponse,
  handler: HttpHandler,
  options: HttpListenOptions,
): Promise<void> {
  const gone = new AbortController();
  outgoing.once('close', () => {
    if (!outgoing.writableFinished) gone.abort();
  });
  outgoing.on('error', () => {}); // The connection broke: `close` follows and tells.
  try {
    const response = await handler(
      requestOf(incoming, outgoing, gone.signal, options.bodyBytesMax ?? 16 * 1024 * 1024),
    );
    if (!gone.signal.aborted) await respond(incoming, outgoing, response, gone.signal);
  } catch (error) {
    options.onHandlerError?.(error);
    if (outgoing.headersSent)
      outgoing.destroy(); // A cut body must not look complete.
    else outgoing.writeHead(500, { 'content-type': 'text/plain; charset=utf-8' }).end('internal error\n');
  }
}

function requestOf(
  incoming: http.IncomingMessage,
  outgoing: http.ServerResponse,
  signal: AbortSignal,
  bodyBytesMax: number,
): HttpRequest {
  // The absolute form, "GET http://host/path", is for proxies, but servers must accept it (RFC 9112, 3.2.2).
  const target = (incoming.url ?? '/').replace(/^https?:\/\/[^/?#]*/i, '');
  const queryAt = target.indexOf('?');
  const path = queryAt < 0 ? target : target.slice(0, queryAt);
  return {
    method: incoming.method ?? 'GET',
    path: path === '' ? '/' : path,
    query: new URLSearchParams(queryAt < 0 ? '' : target.slice(queryAt + 1)),
    headers: { ...incoming.headers, 'set-cookie': incoming.headers['set-cookie']?.join(', ') },
    remoteAddress: incoming.socket.remoteAddress ?? '',
    signal,
    async body() {
      const tooLarge = () => {
        outgoing.setHeader('connection', 'close'); // Reading the rest away would cost what the bound saves.
        return new OperationError('too_large', `the request body exceeds ${bodyBytesMax} bytes`);
      };
      if (Number(incoming.headers['content-length'] ?? 0) > bodyBytesMax) throw tooLarge();
      const chunks: Bytes[] = [];
      let bytes = 0;
      try {
        for await (const chunk of incoming.iterator({ destroyOnReturn: false })) {
          bytes += (chunk as Bytes).length;
          if (bytes > bodyBytesMax) throw tooLarge();
          chunks.push(chunk as Bytes);
        }
      } catch (error) {
        if (error instanceof OperationError) throw error;
        throw new OperationError('cancelled', 'the client closed the connection', { cause: error });
      }
      return concatBytes(...chunks);
    },
  };
}

async function respond(
  incoming: http.IncomingMessage,
  outgoing: http.ServerResponse,
  response: HttpResponse,
  gone: AbortSignal,
): Promise<void> {
  for (const [name, value] of Object.entries(response.headers ?? {})) outgoing.setHeader(name, value);
  outgoing.statusCode = response.status;
  const { body } = response;
  if (body === undefined || typeof body === 'string' || body instanceof Uint8Array) {
    const bytes = typeof body === 'string' ? Buffer.from(body) : body;
    if (!outgoing.hasHeader('content-length') && response.status >= 200 && ![204, 304].includes(response.status)) {
      outgoing.setHeader('content-length', bytes?.length ?? 0);
    }
    outgoing.end(bytes);
  } else if (incoming.method === 'HEAD') {
    outgoing.end();
  } else {
    for await (const chunk of body) {
      if (gone.aborted) return; // Leaving the loop closes the stream.
      if (!outgoing.write(chunk)) await drained(outgoing);
      if (gone.aborted) return;
    }
    outgoing.end();
  }
  // An answer given before the whole request came: give the client a moment to read it, then cut the upload.
  if (!incoming.complete && outgoing.getHeader('connection') === 'close') {
    const timer = nodeTimers.after(2_000, () => incoming.destroy());
    incoming.once('close', () => timer.cancel());
  }
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
