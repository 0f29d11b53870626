/**
 * Load for an HTTP server: keep-alive connections, each with one request under way, over bare sockets. Answers are read as far
 * as counting them needs: status line, Content-Length, body.
 */

import * as net from 'node:net';

export interface LoadOptions {
  readonly port: number;
  readonly connections: number;
  readonly requests: number;
  /** The whole request `i`, head and body. */
  readonly request: (i: number) => Buffer;
  /** An answer with another status ends the load with an error. */
  readonly status: number;
}

/** @returns requests per second. */
export async function load(options: LoadOptions): Promise<number> {
  const start = performance.now();
  let next = 0;
  const connection = () =>
    new Promise<void>((resolve, reject) => {
      const socket = net.connect({ host: '127.0.0.1', port: options.port, noDelay: true });
      let missing = -1;
      let head = '';
      const send = () => {
        if (next >= options.requests) socket.end();
        else socket.write(options.request(next++));
      };
      socket
        .on('connect', send)
        .on('error', reject)
        .on('close', () => resolve());
      socket.on('data', (chunk: Buffer) => {
        if (missing >= 0) {
          missing -= chunk.length;
        } else {
          head += chunk.latin1Slice();
          const end = head.indexOf('\r\n\r\n');
          if (end < 0) return;
          if (Number(head.slice(9, 12)) !== options.status) {
            reject(new Error(head));
            socket.destroy();
            return;
          }
          const length = /content-length: (\d+)/i.exec(head)?.[1];
          missing = Number(length ?? 0) - (head.length - end - 4);
        }
        if (missing > 0) return;
        missing = -1;
        head = '';
        send();
      });
    });
  await Promise.all(Array.from({ length: options.connections }, connection));
  return (options.requests / (performance.now() - start)) * 1000;
}

/** A request with a body. */
export function httpRequest(method: string, path: string, body?: Uint8Array): Buffer {
  const length = body === undefined ? '' : `Content-Length: ${body.length}\r\nContent-Type: application/x-bench\r\n`;
  const head = Buffer.from(`${method} ${path} HTTP/1.1\r\nHost: bench\r\n${length}\r\n`);
  return body === undefined ? head : Buffer.concat([head, body]);
}
