/**
 * The long works of erasure coding as plain data, so that a thread of its own can run them (job-thread.ts): on the event
 * loop a second of coding would be a second in which nobody is served.
 *
 * One thread per work. Works that are asked for while `jobsMax` are under way wait; progress comes back a few times a
 * second.
 */

import { type ErrorCode, OperationError } from '../../base/errors.ts';
import { startThread, type Thread } from '../../platform/threads.ts';
import type { WorkOptions } from './context.ts';
import type { DecodeReport } from './decode.ts';
import type { EncodeReport } from './encode.ts';
import type { ScrubReport } from './rebuild.ts';
import type { Ratio } from './reed-solomon.ts';

export type Job =
  | { readonly kind: 'encode'; readonly base: string; readonly ratio?: Ratio }
  | { readonly kind: 'decode'; readonly base: string }
  | { readonly kind: 'scrub'; readonly base: string; readonly repair: boolean; readonly rebuild: boolean };

export interface JobReports {
  readonly encode: EncodeReport;
  readonly decode: DecodeReport;
  readonly scrub: ScrubReport;
}

export type JobRequest =
  | { readonly kind: 'run'; readonly job: Job; readonly bytesPerS: number | undefined }
  | { readonly kind: 'stop' };

export type JobReply =
  | { readonly kind: 'progress'; readonly done: number; readonly total: number }
  | { readonly kind: 'done'; readonly report: unknown }
  | { readonly kind: 'failed'; readonly code: ErrorCode | undefined; readonly message: string; readonly hint?: string };

export class ErasureJobs {
  readonly #jobsMax: number;
  #running = 0;
  readonly #waiting: (() => void)[] = [];

  /** `jobsMax` works run at once, each on a processor of its own. */
  constructor(jobsMax = 1) {
    this.#jobsMax = jobsMax;
  }

  /** @throws what the work throws; `cancelled` when `signal` aborts, also while it waits. */
  async run<K extends Job['kind']>(job: Job & { readonly kind: K }, options: WorkOptions = {}): Promise<JobReports[K]> {
    while (this.#running >= this.#jobsMax) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    this.#running++;
    try {
      if (options.signal?.aborted === true)
        throw new OperationError('cancelled', 'the work was stopped before it began');
      return (await runOnThread(job, options)) as JobReports[K];
    } finally {
      this.#running--;
      this.#waiting.shift()?.();
    }
  }
}

async function runOnThread(job: Job, { progress, bytesPerS, signal }: WorkOptions): Promise<unknown> {
  const script = import.meta.url.endsWith('.ts') ? './job-thread.ts' : './job-thread.js';
  const thread: Thread<JobRequest, JobReply> = startThread(new URL(script, import.meta.url));
  const stop = () => thread.post({ kind: 'stop' });
  try {
    return await new Promise<unknown>((resolve, reject) => {
      thread.onReply((reply) => {
        switch (reply.kind) {
          case 'progress':
            progress?.(reply.done, reply.total);
            break;
          case 'done':
            resolve(reply.report);
            break;
          case 'failed': {
            const { code, message, hint } = reply;
            const details = hint === undefined ? {} : { hint };
            reject(code === undefined ? new Error(message) : new OperationError(code, message, details));
            break;
          }
        }
      });
      thread.onEnd(reject);
      signal?.addEventListener('abort', stop, { once: true });
      thread.post({ kind: 'run', job, bytesPerS });
    });
  } finally {
    signal?.removeEventListener('abort', stop);
    await thread.stop();
  }
}
