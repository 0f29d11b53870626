/** LISTEN and NOTIFY, beside PostgreSQL 15 where it is installed: who is told what, when, and in which order. */

import pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type PgServer, startPgServer } from './pg-server.ts';
import { type PostgresReference, startPostgres } from './postgres-reference.ts';

let server: PgServer;
let peer: PostgresReference | undefined;

beforeAll(async () => {
  server = await startPgServer();
  peer = await startPostgres();
}, 120_000);

afterAll(async () => {
  await peer?.stop();
  await server?.stop();
});

/** A client that keeps what it is told. */
class Listener {
  readonly client: pg.Client;
  #told: string[] = [];
  #wake: () => void = () => {};

  constructor(config: pg.ClientConfig) {
    this.client = new pg.Client(config);
    this.client.on('notification', ({ channel, payload, processId }) => {
      this.#told.push(`${channel}=${payload}${processId === this.pid ? ' (own)' : ''}`);
      this.#wake();
    });
  }

  get pid(): number {
    return (this.client as unknown as { readonly processID: number }).processID;
  }

  /** All up to `last`, once it has come. */
  async upTo(last: string): Promise<string[]> {
    while (!this.#told.includes(last)) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    return this.#told.splice(0);
  }
}

type Step = readonly [who: 'a' | 'b', sql: string, values?: readonly unknown[]];

const channels: Step = ['a', 'select pg_listening_channels() as c order by 1'];

/** Each ends with what `a` is told up to then. */
const SCENARIOS: readonly (readonly Step[])[] = [
  [['a', 'listen x'], channels, ['b', "notify x, 'one'"], ['b', 'notify x'], ['b', "notify other, 'nobody'"]],
  [['b', "notify x, 'dup'; notify x, 'dup'; notify x, 'more'; notify x, 'dup'"]],
  [
    ['b', 'begin'],
    ['b', "notify x, 'late'"],
    ['a', "notify x, 'first'"],
    ['b', "notify x, 'last'"],
    ['b', 'commit'],
  ],
  [
    ['b', 'begin'],
    ['b', "notify x, 'never'"],
    ['b', 'rollback'],
    ['b', "select pg_notify('x', 'f' || n) from generate_series(1, 3) n"],
  ],
  [
    ['b', 'begin'],
    ['b', "notify x, 'kept'"],
    ['b', 'savepoint s'],
    ['b', "notify x, 'undone'"],
    ['b', 'rollback to s'],
    ['b', "notify x, 'after'"],
    ['b', 'release s'],
    ['b', 'commit'],
  ],
  [
    ['a', 'begin'],
    ['b', "notify x, 'while busy'"],
    ['a', 'select 1 as one'],
    ['a', "notify x, 'mine'"],
    ['a', 'commit'],
  ],
  [['a', 'begin'], ['a', 'listen y'], channels, ['a', 'rollback'], channels, ['b', "notify y, 'no'"]],
  [['a', 'begin'], ['a', "notify y, 'before'"], ['a', 'listen y'], ['a', 'commit'], channels, ['b', "notify y, 'yes'"]],
  [
    ['a', 'unlisten y'],
    channels,
    ['b', "notify y, 'no'"],
    ['a', 'listen "Two Words"'],
    ['b', 'notify "Two Words"'],
    ['a', 'unlisten "Two Words"'],
  ],
  [
    ['b', 'select pg_notify($1, $2)', ['x', 'prepared']],
    ['b', "select pg_notify('x', null)"],
    ['b', `notify x, '${'p'.repeat(7999)}'`],
  ],
  [
    ['b', `notify x, '${'p'.repeat(8000)}'`],
    ['b', "select pg_notify('', 'a')"],
    ['b', "select pg_notify(null, 'a')"],
    ['b', `select pg_notify('${'c'.repeat(64)}', 'a')`],
    ['b', "begin; notify x, 'lost'; select 1/0"],
    ['b', 'rollback'],
    ['b', 'begin read only'],
    ['b', "notify x, 'read only'"],
    ['b', 'commit'],
  ],
  [
    ['a', 'begin'],
    ['a', 'unlisten *'],
    channels,
    ['a', 'rollback'],
    channels,
    ['a', 'listen z'],
    ['a', 'discard all'],
    channels,
    ['a', 'listen x'],
  ],
];

/** What the statements answer and what is told, as text. */
async function observe(config: pg.ClientConfig): Promise<string[]> {
  const a = new Listener(config);
  const b = new pg.Client(config);
  await a.client.connect();
  await b.connect();
  await a.client.query('listen scenario');
  const seen: string[] = [];
  try {
    for (const [i, steps] of SCENARIOS.entries()) {
      for (const [who, text, values = []] of steps) {
        const client = who === 'a' ? a.client : b;
        try {
          const result = await client.query(text, values.length === 0 ? undefined : [...values]);
          const { command, rows } = Array.isArray(result) ? result.at(-1) : result;
          seen.push(`${who}: ${command} ${JSON.stringify(rows)}`);
        } catch (error) {
          const { code, message } = error as pg.DatabaseError;
          seen.push(`${who}: ${code} ${message}`);
        }
      }
      // After DISCARD ALL only this is known to be listened to.
      await a.client.query('listen scenario');
      await b.query(`notify scenario, '${i}'`);
      for (const told of await a.upTo(`scenario=${i}`)) seen.push(told);
    }
  } finally {
    await a.client.end();
    await b.end();
  }
  return seen;
}

test('sessions are told what PostgreSQL tells them', async () => {
  const ours = await observe(server.config);
  expect(ours.filter((each) => each.startsWith('x='))).toEqual([
    'x=one',
    'x=',
    'x=dup',
    'x=more',
    'x=first (own)',
    'x=late',
    'x=last',
    'x=f1',
    'x=f2',
    'x=f3',
    'x=kept',
    'x=after',
    'x=while busy',
    'x=mine (own)',
    'x=prepared',
    'x=',
    `x=${'p'.repeat(7999)}`,
    'x=read only',
  ]);
  if (peer !== undefined) expect(ours).toEqual(await observe(peer.config));
}, 60_000);

test('who writes and notifies is believed: the row is there when the listener looks', async () => {
  const a = new Listener(server.config);
  const b = new pg.Client(server.config);
  await a.client.connect();
  await b.connect();
  await a.client.query('create table jobs (id int primary key)');
  await a.client.query('listen jobs');
  for (let id = 1; id <= 20; id++) {
    const told = a.upTo(`jobs=${id}`);
    await b.query(`begin; insert into jobs values (${id}); notify jobs, '${id}'; commit`);
    expect(await told).toEqual([`jobs=${id}`]);
    expect((await a.client.query('select count(*)::int as n from jobs')).rows).toEqual([{ n: id }]);
  }
  await a.client.end();
  await b.end();
});

test('a listener that takes nothing makes notifying fail instead of filling the memory, until it has gone', async () => {
  const a = new pg.Client(server.config);
  const b = new pg.Client(server.config);
  await a.connect();
  await b.connect();
  await a.query('listen flood');
  await a.query('begin');
  const flood = "select pg_notify('flood', n || repeat('x', 7900)) from generate_series(1, 200) n";
  let refused: pg.DatabaseError | undefined;
  for (let i = 0; i < 20 && refused === undefined; i++) {
    await b.query(flood).catch((error: pg.DatabaseError) => {
      refused = error;
    });
  }
  expect(refused).toMatchObject({ code: '54000', message: 'too many notifications in the NOTIFY queue' });
  await a.end();
  // The server learns of it in its own time.
  for (let isRefused = true; isRefused; ) {
    isRefused = await b.query(flood).then(
      () => false,
      () => true,
    );
  }
  await b.end();
});
