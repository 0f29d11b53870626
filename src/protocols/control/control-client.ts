/** Sends a request to the server that runs on a data directory. */

import { createHash } from 'node:crypto';
import { join, resolve } from 'node:path';
import { type Deferred, deferred } from '../../base/awaitable.ts';
import { ERRORS, type ErrorCode, OperationError } from '../../base/errors.ts';
import type { Platform } from '../../platform/platform.ts';
import type { AdministrationRequest, Out } from './administration.ts';
import type { ControlReply } from './control-server.ts';

/** Unix socket paths are limited to about 104 bytes. */
const PATH_BYTES_MAX = 100;

/** Where the server of a data directory listens: in it, or, when its path is too long, in `temporaryDirectory`. */
export function controlPath(dataDir: string, temporaryDirectory: string): string {
  const path = join(resolve(dataDir), 'control.sock');
  if (Buffer.byteLength(path) <= PATH_BYTES_MAX) return path;
  const digest = createHash('sha256').update(path).digest('hex').slice(0, 24);
  return join(temporaryDirectory, `orbit-${digest}.sock`);
}

/** @returns false when no server answers there; otherwise the request was carried out. @throws what the server answered. */
export async function requestControl(
  platform: Platform,
  path: string,
  request: AdministrationRequest,
  out: Out,
): Promise<boolean> {
  const outcome: Deferred<boolean> = deferred();
  let received = Buffer.alloc(0);
  const onReply = (reply: ControlReply): void => {
    if ('line' in reply) out(reply.line);
    else if ('done' in reply) outcome.resolve(true);
    else outcome.reject(errorOf(reply.error));
  };
  let socket: Awaited<ReturnType<Platform['sockets']['connect']>>;
  try {
    socket = await platform.sockets.connect(
      { path },
      {
        onData(chunk) {
          received = Buffer.concat([received, chunk]);
          for (let end = received.indexOf(0x0a); end >= 0; end = received.indexOf(0x0a)) {
            onReply(JSON.parse(received.toString('utf8', 0, end)) as ControlReply);
            received = received.subarray(end + 1);
          }
        },
        onEnd: () =>
          outcome.reject(new OperationError('io', 'the server closed the control socket before it had answered')),
        onClose: () =>
          outcome.reject(new OperationError('io', 'the control socket broke before the server had answered')),
      },
    );
  } catch {
    return false;
  }
  socket.write(Buffer.from(`${JSON.stringify(request)}\n`));
  try {
    return await outcome.promise;
  } finally {
    socket.destroy();
  }
}

function errorOf({ code, message, hint }: { code: string; message: string; hint?: string }): OperationError {
  const known: ErrorCode = code in ERRORS ? (code as ErrorCode) : 'io';
  return new OperationError(known, message, hint === undefined ? {} : { hint });
}
