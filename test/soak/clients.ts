/** Stock clients in pools of 50 on one server, one kind after the other, 10,000 mixed operations each; each answer is checked. */

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ServerProcess } from '../support/server.ts';
import { TikvProcess } from '../support/tikv-process.ts';
import { CLIENTS, prepare } from '../wire/clients.ts';
import type { SoakOptions, SoakResult } from './soak.ts';

const OPERATIONS = 10_000;
const CONNECTIONS = 50;

export async function clients({ seed, count = OPERATIONS, store, progress }: SoakOptions): Promise<SoakResult> {
  const dataDir = await mkdtemp(join(tmpdir(), 'orbit-clients-'));
  const cluster = store === 'tikv' ? await TikvProcess.start() : undefined;
  const server = await ServerProcess.start({ dataDir, ...(cluster && { env: cluster.environment }) });
  const problems: string[] = [];
  const done: string[] = [];
  try {
    for (const [name, { protocol, run }] of Object.entries(CLIENTS)) {
      const port = server.port(protocol);
      const begun = performance.now();
      try {
        await prepare(protocol, port);
        await run({ seed, port, operations: count, connections: CONNECTIONS });
        done.push(`${name} ${((performance.now() - begun) / 1_000).toFixed(1)} s`);
        progress(done.at(-1)!);
      } catch (error) {
        problems.push(`seed ${seed}: ${name}: ${error instanceof Error ? error.stack : error}`);
      }
    }
    if ((await server.stop()) !== 0) problems.push('the last stop was no success');
  } finally {
    await server.kill();
    cluster?.stop();
    await rm(dataDir, { recursive: true, force: true });
  }
  return {
    problems,
    line: `${count.toLocaleString('en')} operations by pools of ${CONNECTIONS}, all answers as expected: ${done.join(', ')}`,
  };
}
