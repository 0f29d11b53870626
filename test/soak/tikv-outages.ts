/**
 * What a TiKV cluster can lose while it is used, over gRPC and in real time: a store, PD's leader, all of PD. Somebody who uses
 * the client library, psql and redis-cli write all the while, each over one connection. What is served from elsewhere must not
 * fail; what cannot be served must end within a bound, with an error that has a type and names the endpoints; and all go on by
 * themselves once the cause has gone. `--count` is the number of seconds that each lasts.
 */

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { connect, TikvError } from '#tikv-client';
import { nodeEnvironment } from '../../packages/tikv-client-node/src/node/node-environment.ts';
import { TestCluster } from '../../packages/tikv-client-node/test-cluster/cluster.ts';
import { type ListeningCluster, listen } from '../../packages/tikv-client-node/test-cluster/node/listen.ts';
import { ServerProcess } from '../support/server.ts';
import { RawClient } from '../wire/resp-client.ts';
import type { SoakOptions, SoakResult } from './soak.ts';

const SECONDS = 30;
/** A timestamp is waited for 15 s, one call and one pause on top of it may be under way then, and the machine is busy. */
const WAIT_MS_MAX = 25_000;
/** From the end of an outage to the first write of everybody. */
const RECOVERY_MS_MAX = 10_000;
const PD_MEMBERS = 3;

/** Somebody who writes. `write` rejects, or returns, what an outage may show of itself. */
interface Writer {
  readonly name: string;
  /** @returns undefined for success, the error as this kind of client sees it otherwise. */
  write(): Promise<string | undefined>;
  /** Whether this is the error that is documented for an outage. */
  isTyped(error: string): boolean;
  close(): Promise<void>;
}

interface Outage {
  readonly name: string;
  /** Nobody may notice but by waiting. */
  readonly isServed: boolean;
  begin(): Promise<void>;
  end(): Promise<void>;
}

export interface OutageReport {
  readonly problems: readonly string[];
  /** Longest wait for an error, and from the end of the outage to the first write, by outage. */
  readonly lines: readonly string[];
}

export async function runOutages(seconds: number, progress: (line: string) => void): Promise<OutageReport> {
  const cluster = new TestCluster({ environment: nodeEnvironment, pdMembers: PD_MEMBERS, disorderSeed: 1 });
  cluster.faults.recording = false;
  const listening = await listen(cluster);
  const dataDir = await mkdtemp(join(tmpdir(), 'orbit-outages-'));
  const env = { ORBIT_PERSISTENCE_BACKEND: 'tikv', ORBIT_TIKV_PD_ENDPOINTS: listening.pdEndpoints.join(',') };
  const server = ServerProcess.spawn({ dataDir, env });
  const writers: Writer[] = [];
  const problems: string[] = [];
  const lines: string[] = [];
  try {
    await server.ready;
    writers.push(await libraryWriter(listening), await postgresWriter(server), await redisWriter(server));
    for (const outage of outagesOf(cluster, listening)) {
      const line = await suffer(outage, writers, seconds, listening.pdEndpoints, problems);
      progress(line);
      lines.push(line);
    }
  } finally {
    for (const writer of writers) await writer.close();
    await server.kill();
    await listening.close();
    await rm(dataDir, { recursive: true, force: true });
  }
  return { problems, lines };
}

export async function tikvOutages({ count = SECONDS, progress }: SoakOptions): Promise<SoakResult> {
  const { problems, lines } = await runOutages(count, progress);
  return { problems, line: `${count} s each: ${lines.join('; ')}` };
}

function outagesOf(cluster: TestCluster, listening: ListeningCluster): readonly Outage[] {
  const members = Array.from({ length: PD_MEMBERS }, (_, index) => index);
  const { pd } = cluster.state;
  const startPd = async () => {
    for (const index of [...pd.down]) await listening.startPd(index);
  };
  const store = cluster.stores[0]!;
  return [
    {
      name: 'a store gone',
      isServed: true,
      begin: () => listening.stopStore(store.id),
      end: () => listening.startStore(store.id),
    },
    {
      name: "PD's leader gone",
      isServed: true,
      begin: async () => {
        const leader = pd.leader ?? 0;
        await listening.stopPd(leader);
        pd.leader = (leader + 1) % PD_MEMBERS;
      },
      end: startPd,
    },
    {
      name: 'all of PD gone',
      isServed: false,
      begin: async () => {
        for (const index of members) await listening.stopPd(index);
      },
      end: startPd,
    },
  ];
}

async function suffer(
  outage: Outage,
  writers: readonly Writer[],
  seconds: number,
  endpoints: readonly string[],
  problems: string[],
): Promise<string> {
  const problem = (writer: Writer, what: string) => problems.push(`${outage.name}: ${writer.name}: ${what}`);
  for (const writer of writers) {
    const error = await writer.write();
    if (error !== undefined) problem(writer, `could not write before it: ${error}`);
  }
  await outage.begin();
  const endsAtMs = performance.now() + seconds * 1_000;
  let longestMs = 0;
  let errors = 0;
  let recoveryMs = 0;
  const persist = async (writer: Writer): Promise<void> => {
    for (;;) {
      const beganAtMs = performance.now();
      const error = await writer.write();
      const nowMs = performance.now();
      longestMs = Math.max(longestMs, nowMs - beganAtMs);
      if (nowMs - beganAtMs > WAIT_MS_MAX) problem(writer, `waited ${Math.round(nowMs - beganAtMs)} ms`);
      if (error !== undefined) {
        errors++;
        if (outage.isServed) problem(writer, `failed with ${error}`);
        else if (!writer.isTyped(error)) problem(writer, `failed with an error of another type: ${error}`);
        else if (!endpoints.some((endpoint) => error.includes(endpoint)))
          problem(writer, `names no endpoint: ${error}`);
      } else if (beganAtMs > endsAtMs) {
        recoveryMs = Math.max(recoveryMs, nowMs - endsAtMs);
        return;
      }
      if (nowMs > endsAtMs + WAIT_MS_MAX + RECOVERY_MS_MAX) {
        problem(writer, 'does not go on');
        return;
      }
      await sleep(100);
    }
  };
  const ended = sleep(seconds * 1_000).then(() => outage.end());
  await Promise.all([ended, ...writers.map(persist)]);
  if (recoveryMs > RECOVERY_MS_MAX) problems.push(`${outage.name}: went on after ${Math.round(recoveryMs)} ms only`);
  return (
    `${outage.name}: ${errors} errors, each after ${Math.round(longestMs)} ms at most, all writing again ` +
    `${Math.round(recoveryMs)} ms after it`
  );
}

async function libraryWriter(listening: ListeningCluster): Promise<Writer> {
  const client = await connect({ pdEndpoints: listening.pdEndpoints });
  return {
    name: 'the library',
    async write() {
      try {
        const transaction = await client.begin();
        transaction.put(Buffer.from('outage'), Buffer.from(String(transaction.startTs)));
        await transaction.commit();
        return undefined;
      } catch (error) {
        return error instanceof TikvError ? `${error.code} ${error.message}` : `no TikvError: ${error}`;
      }
    },
    isTyped: (error) => error.startsWith('pd_unavailable '),
    close: () => client.close(),
  };
}

async function postgresWriter(server: ServerProcess): Promise<Writer> {
  const port = server.port('postgres');
  const client = new pg.Client({ host: '127.0.0.1', port, user: 'orbit', database: 'actors' });
  client.on('error', () => {});
  await client.connect();
  await client.query('CREATE TABLE outage (id serial PRIMARY KEY)');
  return {
    name: 'psql',
    async write() {
      try {
        await client.query('INSERT INTO outage DEFAULT VALUES');
        return undefined;
      } catch (error) {
        return `${(error as { code?: string }).code} ${(error as Error).message}`;
      }
    },
    isTyped: (error) => error.startsWith('58030 '),
    close: () => client.end(),
  };
}

async function redisWriter(server: ServerProcess): Promise<Writer> {
  const client = await RawClient.connect(server.port('redis'));
  return {
    name: 'redis-cli',
    async write() {
      const reply = await client.call('SET', 'outage', 'x');
      return reply === '+OK\r\n' ? undefined : reply.trim();
    },
    isTyped: (error) => error.startsWith('-IOERR '),
    close: async () => client.close(),
  };
}
