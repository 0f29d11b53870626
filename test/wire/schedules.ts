/**
 * Statements of several clients in step, on one server: after each, whoever can go on has gone on, and it is known who waits
 * for a lock. So the same schedule on two servers gives the same story, however fast they are.
 */

import { once } from 'node:events';
import { setTimeout as after } from 'node:timers/promises';
import pg from 'pg';
import type { LocalStore } from '../../src/storage/local-store.ts';
import { answerOf } from '../scripts/sql/script.ts';
import type { PgServer } from './pg-server.ts';
import type { PostgresReference } from './postgres-reference.ts';

/** Who, and what: `['1', 'begin']`. A statement that is refused as a deadlock is marked so, by a third part. */
export type Step = readonly [client: string, sql: string, deadlock?: 'deadlock'];

export interface ScheduleServer {
  readonly config: pg.ClientConfig;
  /** How many clients wait for a lock now. */
  waiting(): Promise<number>;
  /** Before the first step, on each connection. */
  readonly prepare: (place: number) => readonly string[];
  close(): Promise<void>;
}

/** Longer than any machine needs between two steps. */
const STEP_MS_MAX = 20_000;

export function ours(server: PgServer): ScheduleServer {
  const { locks } = server.test.store as LocalStore;
  return { config: server.config, waiting: async () => locks.waiting, prepare: () => [], close: async () => {} };
}

export async function theirs(reference: PostgresReference): Promise<ScheduleServer> {
  const monitor = new pg.Client(reference.config);
  await monitor.connect();
  return {
    config: reference.config,
    async waiting() {
      const { rows } = await monitor.query('select count(distinct pid)::int as n from pg_locks where not granted');
      return rows[0].n;
    },
    // PostgreSQL looks for deadlocks after a while, and whoever looks first is the victim: the last one, as here.
    prepare: (place) => [`set deadlock_timeout = '${place === 0 ? '10ms' : '60s'}'`],
    close: () => monitor.end(),
  };
}

/** Returns once all who are `open`, which counts the statements that have no answer yet, wait for locks. */
export async function settled(server: ScheduleServer, open: () => number): Promise<void> {
  const until = performance.now() + STEP_MS_MAX;
  for (;;) {
    const before = open();
    if (before === 0 || (before === (await server.waiting()) && before === open())) return;
    if (performance.now() > until) throw new Error(`neither waiting nor done: ${before}`);
    await after(2);
  }
}

/** What everyone was told, in the order in which it could be known. */
export async function play(server: ScheduleServer, setup: readonly string[], steps: readonly Step[]): Promise<string> {
  const names = [...new Set(steps.map(([name]) => name))].sort();
  const victim = steps.find(([, , deadlock]) => deadlock !== undefined)?.[0];
  const clients = new Map<string, pg.Client>();
  const lines: string[] = [];
  const pending = new Map<string, { readonly sql: string; answer: string | undefined }>();
  const first = new pg.Client(server.config);
  try {
    await first.connect();
    for (const sql of setup) await first.query(sql);
    for (const name of names) {
      const client = new pg.Client(server.config);
      client.on('error', () => {});
      await client.connect();
      clients.set(name, client);
      for (const sql of server.prepare(victim === undefined || name === victim ? 0 : 1)) await client.query(sql);
    }
    const report = (): void => {
      for (const [name, { sql, answer }] of [...pending].sort()) {
        if (answer === undefined) continue;
        pending.delete(name);
        lines.push(`${name}: ${sql}`, ...answer.split('\n').map((line) => `     ${line}`));
      }
    };
    const open = (): number => [...pending.values()].filter(({ answer }) => answer === undefined).length;
    for (const [name, sql, deadlock] of steps) {
      if (pending.has(name)) throw new Error(`${name} waits and cannot run ${sql}`);
      const entry: { readonly sql: string; answer: string | undefined } = { sql, answer: undefined };
      pending.set(name, entry);
      const client = clients.get(name)!;
      // An error is told before the transaction is ended, and its locks with it: ready for the next one is what ends a step.
      const over = new AbortController();
      const ready = Promise.race(['drain', 'end'].map((event) => once(client, event, { signal: over.signal })));
      const done = answerOf(client, sql).then(async (answer) => {
        await ready;
        over.abort();
        // What is told of a deadlock is each server's own way to say who waited for whom; and PostgreSQL knows a place for
        // locks that it takes while it reads the statement.
        entry.answer = answer.startsWith('ERROR 40P01') ? 'ERROR 40P01' : answer.replace(/(lock timeout) @\d+$/, '$1');
      });
      if (deadlock !== undefined) await done;
      await settled(server, open);
      const waits = entry.answer === undefined;
      report();
      if (waits) lines.push(`${name}: ${sql}`, '     waits');
    }
    if (pending.size > 0) lines.push(`in the end ${[...pending.keys()].join(', ')} waits`);
  } finally {
    await Promise.allSettled([...clients.values(), first].map((client) => client.end()));
  }
  return lines.join('\n');
}
