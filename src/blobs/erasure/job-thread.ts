/** Runs one work (jobs.ts) on a thread of its own, with files that block it: there is nothing else to hold up. */

import { messageOf, OperationError } from '../../base/errors.ts';
import { newNodePlatform } from '../../platform/node-platform.ts';
import { serveThread } from '../../platform/threads.ts';
import type { WorkContext, WorkOptions } from './context.ts';
import { decodeVolume } from './decode.ts';
import { encodeVolume } from './encode.ts';
import type { Job, JobReply, JobRequest } from './jobs.ts';
import { scrubVolume } from './rebuild.ts';

const PROGRESS_MS = 200;
/** How long the thread may go without looking for a request to stop. */
const LISTEN_MS = 50;

const platform = newNodePlatform({ files: { blocking: true } });
const context: WorkContext = { platform, blocking: true };
const stopping = new AbortController();

function run(job: Job, options: WorkOptions): Promise<unknown> {
  switch (job.kind) {
    case 'encode':
      return encodeVolume(context, job.base, { ...options, ...(job.ratio !== undefined && { ratio: job.ratio }) });
    case 'decode':
      return decodeVolume(context, job.base, options);
    case 'scrub':
      return scrubVolume(context, job.base, { ...options, repair: job.repair, rebuild: job.rebuild });
  }
}

serveThread<JobRequest, JobReply>((request, reply) => {
  if (request.kind === 'stop') {
    stopping.abort();
    return;
  }
  const { job, bytesPerS } = request;
  let toldMs = 0;
  const options: WorkOptions = {
    signal: stopping.signal,
    ...(bytesPerS !== undefined && { bytesPerS }),
    listenMs: LISTEN_MS,
    progress: (done, total) => {
      const nowMs = platform.clock.monotonicMs();
      if (nowMs - toldMs < PROGRESS_MS && done < total) return;
      toldMs = nowMs;
      reply({ kind: 'progress', done, total });
    },
  };
  run(job, options).then(
    (report) => reply({ kind: 'done', report }),
    (error: unknown) => {
      const known = error instanceof OperationError;
      reply({
        kind: 'failed',
        code: known ? error.code : undefined,
        message: messageOf(error),
        ...(known && error.hint !== undefined && { hint: error.hint }),
      });
    },
  );
});
