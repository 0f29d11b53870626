/** Serves one address of a cluster over gRPC: unary calls and bidirectional streams on `node:http2`. */

import {
  createSecureServer,
  createServer,
  type Http2Server,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from 'node:http2';
import { messageOf } from '../../src/errors.ts';
import { encodeStatusMessage, FrameParser, frame } from '../../src/node/grpc-frames.ts';
import { GrpcStatus } from '../../src/transport.ts';
import { ConnectionLost, type ServerStreamHandlers, type Service, StatusError } from '../service.ts';

const WINDOW_BYTES = 16 * 1024 * 1024;

export interface ServerTls {
  readonly key: string | Buffer;
  readonly cert: string | Buffer;
  /** Given: clients must show a certificate of this authority. */
  readonly ca?: string | Buffer;
}

export interface GrpcServerOptions {
  readonly host: string;
  /** 0: any free one. */
  readonly port: number;
  readonly tls?: ServerTls | undefined;
  /** Who answers now; undefined: streams are refused. */
  readonly service: () => Service | undefined;
}

export class GrpcServer {
  readonly #options: GrpcServerOptions;
  readonly #sessions = new Set<ServerHttp2Session>();
  #server: Http2Server | undefined;
  #port: number;

  constructor(options: GrpcServerOptions) {
    this.#options = options;
    this.#port = options.port;
  }

  get address(): string {
    return `${this.#options.host}:${this.#port}`;
  }

  /** Listens, unless it does; after `stop` on the same port. */
  async start(): Promise<void> {
    if (this.#server !== undefined) return;
    const { tls, host } = this.#options;
    const settings = { initialWindowSize: WINDOW_BYTES };
    const server =
      tls === undefined
        ? createServer({ settings })
        : createSecureServer({ settings, ...tls, requestCert: tls.ca !== undefined, rejectUnauthorized: true });
    server.on('session', (session) => {
      this.#sessions.add(session);
      session.on('close', () => this.#sessions.delete(session));
      session.on('error', () => {}); // A client that resets its connection is no concern of the server.
      session.setLocalWindowSize(WINDOW_BYTES);
    });
    server.on('stream', (stream, headers) => this.#serve(stream, String(headers[':path'])));
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(this.#port, host, () => resolve());
    });
    const bound = server.address();
    if (bound !== null && typeof bound === 'object') this.#port = bound.port;
    this.#server = server;
  }

  /** Every connection is cut. */
  async stop(): Promise<void> {
    const server = this.#server;
    if (server === undefined) return;
    this.#server = undefined;
    const closed = new Promise<void>((resolve) => server.close(() => resolve()));
    for (const session of this.#sessions) session.destroy();
    await closed;
  }

  #serve(stream: ServerHttp2Stream, path: string): void {
    const parser = new FrameParser();
    stream.on('error', () => {});
    stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
    let status: { code: number; message: string } = { code: GrpcStatus.OK, message: '' };
    stream.on('wantTrailers', () => {
      stream.sendTrailers({ 'grpc-status': String(status.code), 'grpc-message': encodeStatusMessage(status.message) });
    });
    const end = (error: unknown) => {
      if (stream.destroyed || stream.writableEnded) return;
      if (error instanceof ConnectionLost) {
        stream.session?.destroy();
        return;
      }
      status =
        error instanceof StatusError
          ? { code: error.status, message: error.message }
          : { code: GrpcStatus.INTERNAL, message: messageOf(error) };
      stream.end();
    };
    const service = this.#options.service();
    if (service === undefined) {
      end(new StatusError(GrpcStatus.UNAVAILABLE, 'nobody serves here'));
      return;
    }
    // A stream's first message may be a call's only one: which it is, the path tells.
    let handlers: ServerStreamHandlers | undefined;
    if (STREAMS.has(path)) {
      try {
        handlers = service.open(path, {
          send: (message) => {
            if (!stream.destroyed && stream.writable) stream.write(frame(message));
          },
          end,
        });
      } catch (error) {
        end(error);
        return;
      }
    }
    const onMessage = (message: Buffer) => {
      if (handlers !== undefined) {
        handlers.onMessage(message);
        return;
      }
      service.call(path, message).then((response) => {
        if (!stream.destroyed && stream.writable) stream.end(frame(response));
      }, end);
    };
    stream.on('data', (chunk: Buffer) => {
      try {
        parser.push(chunk, onMessage);
      } catch (error) {
        end(error);
      }
    });
    stream.on('end', () => {
      if (handlers !== undefined && stream.writable) stream.end();
    });
    stream.on('close', () => handlers?.onClose());
  }
}

const STREAMS: ReadonlySet<string> = new Set(['/tikvpb.Tikv/BatchCommands', '/pdpb.PD/Tso']);
