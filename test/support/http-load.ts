/**
 * Load for an HTTP server: keep-alive connections, each with one request under way, over bare sockets that share one read
 * buffer. Answers are read as far as counting them needs: status, Content-Length, body. Requests are best made beforehand: what
 * the load costs is taken from the server's share of the machine.
 */

import { asBuffer, type Bytes } from '../../src/base/bytes.ts';
import { NodeSockets } from '../../src/platform/node-sockets.ts';
import type { Socket } from '../../src/platform/sockets.ts';

export interface LoadOptions {
  readonly port: number;
  readonly connections: number;
  readonly requests: number;
  /** The whole request `i`, head and body. It may be written over once the next one is asked for. */
  readonly request: (i: number) => Buffer;
  /** An answer with another status ends the load with an error. */
  readonly status: number;
}

/** @returns requests per second. */
export async function load(options: LoadOptions): Promise<number> {
  const sockets = new NodeSockets();
  const statusText = String(options.status);
  let next = 0;
  let waiting = 0;
  const { promise: done, resolve, reject } = Promise.withResolvers<void>();
  const open: Socket[] = [];
  const connect = async () => {
    let socket: Socket;
    /** Bytes of the answer still to come; -1 before its head. */
    let missing = -1;
    let head = '';
    const send = () => {
      if (next < options.requests) {
        waiting++;
        // What the kernel does not take at once is kept by the socket: it must not be written over.
        if (!socket.write(options.request(next++))) reject(new Error('the server does not read'));
      } else if (waiting === 0) resolve();
    };
    const onData = (chunk: Bytes) => {
      if (missing >= 0) missing -= chunk.length;
      else {
        const bytes = asBuffer(chunk);
        head += bytes.latin1Slice(0, Math.min(bytes.length, 1_024));
        const end = head.indexOf('\r\n\r\n');
        if (end < 0) return;
        if (!head.startsWith(statusText, 9)) return reject(new Error(head));
        missing = contentLength(head, end) - (chunk.length - end - 4);
        head = '';
      }
      if (missing > 0) return;
      missing = -1;
      waiting--;
      send();
    };
    const onClose = (error?: Error) => reject(error ?? new Error('the server closed a connection'));
    socket = await sockets.connect({ host: '127.0.0.1', port: options.port }, { onData, onClose });
    open.push(socket);
    return send;
  };
  const senders = await Promise.all(Array.from({ length: options.connections }, connect));
  const start = performance.now();
  for (const send of senders) send();
  try {
    await done;
    return (options.requests / (performance.now() - start)) * 1000;
  } finally {
    for (const socket of open) socket.destroy();
  }
}

function contentLength(head: string, end: number): number {
  const at = head.indexOf('content-length: ');
  if (at >= 0 && at < end) return Number.parseInt(head.slice(at + 16, at + 26), 10);
  return Number(/content-length: *(\d+)/i.exec(head)?.[1] ?? 0);
}

/** A request with a body. */
export function httpRequest(method: string, path: string, body?: Uint8Array): Buffer {
  const length = body === undefined ? '' : `Content-Length: ${body.length}\r\nContent-Type: application/x-bench\r\n`;
  const head = Buffer.from(`${method} ${path} HTTP/1.1\r\nHost: bench\r\n${length}\r\n`);
  return body === undefined ? head : Buffer.concat([head, body]);
}
