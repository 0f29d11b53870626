/**
 * Threads of the process for work that would hold up the event loop. What passes between them is plain data, copied.
 *
 * A thread runs a module, which calls `serveThread`. It does not keep the process alive. There is no simulated twin: what
 * runs on a thread can be called directly too, and is, in simulation.
 */

import { parentPort, Worker } from 'node:worker_threads';
import { assert } from '../base/assert.ts';
import { OperationError } from '../base/errors.ts';

export interface Thread<Request, Reply> {
  post(request: Request): void;
  /** Takes the replies, in their order. */
  onReply(take: (reply: Reply) => void): void;
  /** Why the thread ended, if not by `stop`. */
  onEnd(take: (reason: OperationError) => void): void;
  stop(): Promise<void>;
}

/** `script` is the URL of the module, `.ts` where sources run directly. */
export function startThread<Request, Reply>(script: URL): Thread<Request, Reply> {
  const worker = new Worker(script);
  worker.unref();
  let stopping = false;
  const end: { take: (reason: OperationError) => void } = { take: () => {} };
  worker.on('error', (error) => {
    stopping = true;
    end.take(
      new OperationError('io', `a thread failed: ${error instanceof Error ? error.message : error}`, { cause: error }),
    );
  });
  worker.on('exit', () => {
    if (!stopping) end.take(new OperationError('io', 'a thread ended unexpectedly'));
  });
  return {
    post: (request) => worker.postMessage(request),
    onReply: (take) => void worker.on('message', take),
    onEnd: (take) => {
      end.take = take;
    },
    async stop() {
      stopping = true;
      await worker.terminate();
    },
  };
}

/** In the module of a thread: takes requests, in their order; `reply` may be called any number of times for each. */
export function serveThread<Request, Reply>(take: (request: Request, reply: (reply: Reply) => void) => void): void {
  const port = parentPort;
  assert(port !== null, 'this module runs on a thread of its own');
  const reply = (message: Reply) => port.postMessage(message);
  port.on('message', (request: Request) => take(request, reply));
}
