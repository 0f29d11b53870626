/**
 * The control socket: how commands of the same machine reach a running server.
 *
 * A Unix socket in the data directory, readable by its owner only. A client sends one request as a line of JSON; the
 * server answers with lines of JSON, `{"line": …}` for each line of output and `{"done": true}` or `{"error": …}` last.
 */

import { messageOf, OperationError } from '../../base/errors.ts';
import type { Log } from '../../base/log.ts';
import type { Socket, SocketHandlers } from '../../platform/sockets.ts';
import { type Administered, type AdministrationRequest, administer } from './administration.ts';

const REQUEST_BYTES_MAX = 64 * 1024;

export function controlListener(administered: Administered, log: Log): (socket: Socket) => SocketHandlers {
  return (socket) => {
    let received = Buffer.alloc(0);
    let started = false;
    const send = (message: ControlReply) => void socket.write(Buffer.from(`${JSON.stringify(message)}\n`));
    const run = async (request: AdministrationRequest): Promise<void> => {
      try {
        await administer(administered, request, (line) => send({ line }));
        send({ done: true });
      } catch (error) {
        const { code, hint } = error instanceof OperationError ? error : { code: 'io' as const, hint: undefined };
        log.warn({ command: request.command, error: messageOf(error) }, 'a control request failed');
        send({ error: { code, message: messageOf(error), ...(hint === undefined ? {} : { hint }) } });
      }
      socket.end();
    };
    return {
      onData(chunk) {
        if (started) return;
        received = Buffer.concat([received, chunk]);
        const end = received.indexOf(0x0a);
        if (end < 0) {
          if (received.length > REQUEST_BYTES_MAX) socket.destroy();
          return;
        }
        started = true;
        let request: AdministrationRequest;
        try {
          request = JSON.parse(received.toString('utf8', 0, end)) as AdministrationRequest;
        } catch {
          socket.destroy();
          return;
        }
        void run(request);
      },
      onClose() {},
    };
  };
}

export type ControlReply =
  | { readonly line: string }
  | { readonly done: true }
  | { readonly error: { readonly code: string; readonly message: string; readonly hint?: string } };
