/**
 * What sessions see of each other and can do to each other: pg_stat_activity, pg_cancel_backend, pg_terminate_backend. The
 * same is asked of PostgreSQL 15 where that is installed.
 */

import pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startPgServer } from './pg-server.ts';
import { postgresBinaries, startPostgres } from './postgres-reference.ts';

interface Server {
  readonly config: pg.ClientConfig;
  stop(): Promise<void>;
}

const SERVERS: readonly (readonly [name: string, start: () => Promise<Server | undefined>])[] = [
  ['this server', () => startPgServer()],
  ...(postgresBinaries() === undefined ? [] : ([['PostgreSQL 15', () => startPostgres()]] as const)),
];

describe.each(SERVERS)('sessions of %s', (_, start) => {
  let server: Server;
  let watcher: pg.Client;
  let watched: pg.Client;
  let pid: number;

  beforeAll(async () => {
    server = (await start())!;
    watcher = new pg.Client(server.config);
    watched = new pg.Client({ ...server.config, application_name: 'watched' });
    // Of its end it is told twice: by the statement that fails, and by the connection.
    watched.on('error', () => {});
    await watcher.connect();
    await watched.connect();
    pid = (await watched.query('select pg_backend_pid() as pid')).rows[0].pid;
  }, 120_000);

  afterAll(async () => {
    await watcher?.end();
    await server?.stop();
  });

  const seen = async () =>
    (
      await watcher.query(
        `select application_name, usename, datname = current_database() as here, client_addr, client_port > 0 as port,
           state, wait_event_type, wait_event, query, backend_type, xact_start is not null as began,
           backend_start <= query_start as "order"
         from pg_stat_activity where pid = $1`,
        [pid],
      )
    ).rows[0];

  /** What is seen once it waits for that: an answer may arrive before whoever sent it waits for the next statement. */
  const waitingFor = async (event: string) => {
    for (;;) {
      const row = await seen();
      if (row.wait_event === event) return row;
    }
  };
  const running = () => waitingFor('PgSleep');
  const idle = () => waitingFor('ClientRead');

  const base = {
    application_name: 'watched',
    usename: 'orbit',
    here: true,
    client_addr: '127.0.0.1',
    port: true,
    backend_type: 'client backend',
    order: true,
  };
  const client = { wait_event_type: 'Client', wait_event: 'ClientRead' };

  test('show who is there, what they run or ran last, and what they wait for', async () => {
    await watched.query('select 1 as one');
    expect(await idle()).toEqual({ ...base, ...client, state: 'idle', query: 'select 1 as one', began: false });
    await watched.query('begin');
    expect(await idle()).toEqual({
      ...base,
      ...client,
      state: 'idle in transaction',
      query: 'begin',
      began: true,
    });
    await watched.query('select nope').catch(() => {});
    expect(await idle()).toMatchObject({ state: 'idle in transaction (aborted)', query: 'select nope' });
    await watched.query('rollback');
    const own = await watcher.query('select state, query from pg_stat_activity where pid = pg_backend_pid()');
    expect(own.rows).toEqual([
      { state: 'active', query: 'select state, query from pg_stat_activity where pid = pg_backend_pid()' },
    ]);
    const { rows } = await watcher.query('select numbackends from pg_stat_database where datname = current_database()');
    expect(rows).toEqual([{ numbackends: 2 }]);
  }, 60_000);

  test('cancel what others run, and nothing else', async () => {
    const slept = watched.query('select pg_sleep(600)').catch((error: pg.DatabaseError) => error);
    expect(await running()).toMatchObject({
      state: 'active',
      query: 'select pg_sleep(600)',
      wait_event_type: 'Timeout',
    });
    const cancelled = await watcher.query('select pg_cancel_backend($1) as done', [pid]);
    expect(cancelled.rows).toEqual([{ done: true }]);
    expect(await slept).toMatchObject({ code: '57014', message: 'canceling statement due to user request' });
    expect((await watched.query('select 5 as five')).rows).toEqual([{ five: 5 }]);
    expect((await watcher.query('select pg_cancel_backend(2147483647) as done')).rows).toEqual([{ done: false }]);
  }, 60_000);

  test('end others, whatever they are doing', async () => {
    const slept = watched.query('select pg_sleep(600)').catch((error: pg.DatabaseError) => error);
    await running();
    expect((await watcher.query('select pg_terminate_backend($1) as done', [pid])).rows).toEqual([{ done: true }]);
    expect(await slept).toMatchObject({
      code: '57P01',
      severity: 'FATAL',
      message: 'terminating connection due to administrator command',
    });
    for (let left = 1; left > 0; ) {
      const { rows } = await watcher.query('select count(*)::int as left from pg_stat_activity where pid = $1', [pid]);
      left = rows[0].left;
    }
  }, 60_000);
});
