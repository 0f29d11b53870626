/** The PostgreSQL port with stock clients: node-postgres and psql. */

import { execFile } from 'node:child_process';
import * as net from 'node:net';
import { promisify } from 'node:util';
import pg from 'pg';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { PrincipalStore } from '../../src/protocols/principals.ts';
import { SqlSession } from '../../src/query/sql/sql-session.ts';
import { type PgServer, startPgServer } from './pg-server.ts';

const run = promisify(execFile);

let server: PgServer;
const open: pg.Client[] = [];

async function connect(config: Partial<pg.ClientConfig> = {}): Promise<pg.Client> {
  const client = new pg.Client({ ...server.config, ...config });
  client.on('error', () => {});
  open.push(client);
  await client.connect();
  return client;
}

/** SQLSTATE and message of a query that must fail. */
async function failure(query: Promise<unknown>): Promise<string> {
  try {
    await query;
  } catch (error) {
    const { code, message } = error as pg.DatabaseError;
    return `${code} ${message}`;
  }
  throw new Error('the query should have failed');
}

/** Resolves once `count` statements run in the server, that is: wait. */
async function running(count: number): Promise<void> {
  while (server.engine.runningStatements < count) await new Promise((resolve) => setImmediate(resolve));
}

afterEach(async () => {
  for (const client of open.splice(0)) await client.end().catch(() => {});
  await server.stop();
});

describe('a session', () => {
  beforeEach(async () => {
    server = await startPgServer();
  });

  test('learns the server parameters that drivers rely on', async () => {
    const client = await connect();
    const { rows } = await client.query('select version(), current_user, current_database()');
    expect(rows[0].version).toMatch(/^PostgreSQL 15\.8 \(Orbit\)/);
    expect(rows[0].current_user).toBe('orbit');
    expect((await client.query('show server_version')).rows[0].server_version).toBe('15.8 (Orbit)');
  });

  test('says which parameter cannot be read, without its value', async () => {
    const client = await connect();
    const refused = (text: string, values: unknown[]) =>
      client.query(text, values).then(
        () => undefined,
        (error: { where?: string }) => error.where,
      );
    expect(await refused('select $1::int, $2::int', [1, 'secret'])).toBe("unnamed portal parameter $2 = '...'");
    expect(await refused('select $1::jsonb', ['{'])).toBe("JSON data, line 1: {\nunnamed portal parameter $1 = '...'");
  });

  test('uses named prepared statements, and plans them again when the table changes', async () => {
    const client = await connect();
    await client.query('create table t (id int primary key, v text)');
    const insert = { name: 'ins', text: 'insert into t values ($1, $2)' };
    for (let i = 0; i < 3; i++) await client.query({ ...insert, values: [i, `v${i}`] });
    const select = { name: 'sel', text: 'select v from t where id = $1' };
    expect((await client.query({ ...select, values: [1] })).rows).toEqual([{ v: 'v1' }]);
    await client.query('drop table t; create table t (id int primary key, v text)');
    expect((await client.query({ ...select, values: [1] })).rows).toEqual([]);
    await client.query('drop table t; create table t (id int primary key, v int)');
    expect(await failure(client.query({ ...select, values: [1] }))).toBe(
      '0A000 cached plan must not change result type',
    );
    await client.query('drop table t');
    expect(await failure(client.query({ ...select, values: [1] }))).toBe('42P01 relation "t" does not exist');
  });

  test('a prepared INSERT sees that another session dropped and made the table anew', async () => {
    const [a, b] = [await connect(), await connect()];
    await a.query('create table t (id int primary key)');
    const insert = { name: 'ins', text: 'insert into t values ($1)' };
    await a.query({ ...insert, values: [1] });
    await b.query('drop table t; create table t (id int primary key)');
    await a.query({ ...insert, values: [1] });
    expect((await b.query('select count(*)::int as n from t')).rows).toEqual([{ n: 1 }]);
  });

  test('streams a large result in order, whole, while the client reads slowly', async () => {
    const client = await connect();
    await client.query('create table big (id int primary key, pad text)');
    const pad = 'x'.repeat(500);
    for (let from = 0; from < 8_000; from += 1_000) {
      const values = Array.from({ length: 1_000 }, (_, i) => `(${from + i}, '${pad}')`).join(',');
      await client.query(`insert into big values ${values}`);
    }
    const { rows } = await client.query('select id, pad from big order by id');
    expect(rows.length).toBe(8_000);
    expect(rows.every((row, i) => row.id === i && row.pad === pad)).toBe(true);
    expect((await client.query('select count(*)::int as n, sum(id) as s from big')).rows).toEqual([
      { n: 8_000, s: '31996000' },
    ]);
  });

  test('large rows arrive whole, and of a statement that is cancelled among them no more arrive', async () => {
    const client = await connect();
    const select = 'select i, repeat(i::text, 100000) as v from generate_series(100, 249) i';
    const { rows } = await client.query(select);
    expect(rows.map(({ i, v }) => v === String(i).repeat(100_000) && i)).toEqual(rows.map((_, at) => at + 100));
    expect(rows.length).toBe(150);
    const { stream } = (client as unknown as { readonly connection: { readonly stream: net.Socket } }).connection;
    const begun = new Promise<void>((resolve) => {
      stream.once('data', () => {
        stream.pause();
        resolve();
      });
    });
    const failed = failure(client.query(select));
    await begun;
    await cancel(client);
    stream.resume();
    expect(await failed).toBe('57014 canceling statement due to user request');
    expect((await client.query('select 1 as one')).rows).toEqual([{ one: 1 }]);
  });

  test('a sort beyond its memory is refused by name, and the session goes on', async () => {
    await server.stop();
    server = await startPgServer({ limits: { workBytesMax: 100_000 } });
    const client = await connect();
    await client.query('create table big (id int primary key, v int)');
    await client.query(`insert into big values ${Array.from({ length: 3_000 }, (_, i) => `(${i}, ${-i})`).join(',')}`);
    const error = await client.query('select * from big order by v').catch((caught: pg.DatabaseError) => caught);
    expect(error).toMatchObject({ code: '53200', detail: expect.stringContaining('workBytesMax') });
    expect((await client.query('select id from big order by v limit 2')).rows).toEqual([{ id: 2999 }, { id: 2998 }]);
    expect((await client.query('select id from big order by id desc limit 1')).rows).toEqual([{ id: 2999 }]);
  });

  test('a hostile statement is an error, and the next one works', async () => {
    const client = await connect();
    const deep = `select ${'('.repeat(20_000)}1${')'.repeat(20_000)}`;
    for (const text of [`select 1${'+1'.repeat(20_000)}`, deep, `select ${'not '.repeat(5_000)}true`]) {
      expect(await failure(client.query(text))).toMatch(/^54001 |^42601 /);
      expect((await client.query('select 1 as one')).rows).toEqual([{ one: 1 }]);
    }
    for (let i = 0; i < 40; i++) await failure(client.query(`select ${i}${'+1'.repeat(20_000)}`));
    expect((await client.query('select 2 as two')).rows).toEqual([{ two: 2 }]);
  });

  test('a statement beyond the limit is refused before it is parsed', async () => {
    await server.stop();
    server = await startPgServer({ limits: { statementBytesMax: 1_000 } });
    const client = await connect();
    expect(await failure(client.query(`select '${'x'.repeat(2_000)}'`))).toMatch(/^54000 /);
    expect((await client.query('select 1 as one')).rows).toEqual([{ one: 1 }]);
  });

  test('what is missing is refused by name', async () => {
    const client = await connect();
    await client.query('create table t (a int primary key, b int)');
    for (const [text, feature] of [
      ['create table u (a xml)', 'type xml'],
      ['create table u (a money)', 'type money'],
      ['create table u (a int) partition by range (a)', 'PARTITION BY'],
      ['create table u (a int, exclude using gist (a with =))', 'EXCLUDE'],
    ] as const) {
      const message = await failure(client.query(text));
      expect(message, text).toMatch(/^0A000 /);
      expect(message, text).toContain(feature);
      expect(message, text).toContain('is not supported');
    }
    expect(await failure(client.query('select * from pg_catalog.nope'))).toMatch(/^42P01 /);
    expect(await failure(client.query('delete from pg_class'))).toMatch(/^42501 /);
  });

  test('TRUNCATE, ON CONFLICT and a new primary key wait for whoever wrote before, and then see it', async () => {
    const [a, b] = [await connect(), await connect()];
    await a.query('create table t (id int primary key)');
    await a.query('create table h (v int)');
    const point = { name: 'p', text: 'select v from h where v = $1', values: [1] };
    await a.query('insert into h values (1)');
    expect((await b.query(point)).rows).toEqual([{ v: 1 }]);
    const blocked = async (begin: string, waiting: string): Promise<string> => {
      await a.query('begin');
      await a.query(begin);
      const late = b.query(waiting).then(
        ({ command, rowCount }) => `${command} ${rowCount}`,
        (error: pg.DatabaseError) => `${error.code}`,
      );
      await running(1);
      await a.query('commit');
      return late;
    };
    expect(await blocked('insert into t values (1)', 'insert into t values (1), (2) on conflict do nothing')).toBe(
      'INSERT 1',
    );
    expect(await blocked('insert into t values (3)', 'truncate t')).toBe('TRUNCATE null');
    expect((await a.query('select * from t')).rows).toEqual([]);
    expect(await blocked('insert into h values (1)', 'alter table h add primary key (v)')).toBe('23505');
    await a.query('truncate h');
    expect(await blocked('insert into h values (1)', 'alter table h add primary key (v)')).toBe('ALTER null');
    expect((await b.query(point)).rows).toEqual([{ v: 1 }]);
    expect(await failure(a.query('insert into h values (1)'))).toMatch(/^23505 /);
  });

  test('another session sees nothing before the commit, and all after it', async () => {
    const [a, b] = [await connect(), await connect()];
    await a.query('create table t (id int primary key)');
    await a.query('begin; insert into t values (1)');
    expect((await b.query('select * from t')).rowCount).toBe(0);
    await a.query('commit');
    expect((await b.query('select * from t')).rowCount).toBe(1);
  });

  test('a client that goes away leaves no transaction and no lock behind', async () => {
    const [a, b] = [await connect(), await connect()];
    await a.query('create table t (id int primary key, v int); insert into t values (1, 1)');
    await a.query('begin; update t set v = 2');
    await a.end();
    expect((await b.query('update t set v = v + 10 returning v')).rows).toEqual([{ v: 11 }]);
  });

  test('the session API works without the wire', async () => {
    const session = new SqlSession(server.engine, { user: 'orbit', database: 'actors', processId: 9_999 });
    const results = await session.execute(
      'create table s (id bigint primary key); insert into s values (7); select * from s',
    );
    expect(results.map(({ tag }) => tag)).toEqual(['CREATE TABLE', 'INSERT 0 1', 'SELECT 1']);
    expect(results[2]!.rows).toEqual([[7n]]);
    session.close();
  });
});

describe('concurrent transactions', () => {
  let a: pg.Client;
  let b: pg.Client;

  beforeEach(async () => {
    server = await startPgServer();
    a = await connect();
    b = await connect();
    await a.query('create table acc (id int primary key, v int); insert into acc values (1, 10), (2, 20), (3, 30)');
  });

  test('READ COMMITTED waits for the row and adds to its newest version', async () => {
    await a.query('begin; update acc set v = v + 1 where id = 1');
    const waiting = b.query('update acc set v = v + 100 where id = 1 returning v');
    await running(1);
    await a.query('commit');
    expect((await waiting).rows).toEqual([{ v: 111 }]);
  });

  test('READ COMMITTED leaves out a row that meets the condition no longer', async () => {
    await a.query('begin; update acc set v = 0 where id = 1');
    const waiting = b.query('update acc set v = v + 100 where v = 10');
    await running(1);
    await a.query('commit');
    expect((await waiting).rowCount).toBe(0);
    expect((await b.query('select v from acc where id = 1')).rows).toEqual([{ v: 0 }]);
  });

  test('the same after writes of its own in the transaction', async () => {
    await b.query('begin; update acc set v = v + 5 where id = 1; update acc set v = v + 1 where id = 3');
    await a.query('begin; update acc set v = v + 1 where id = 2');
    const waiting = b.query('update acc set v = v + 100 where v > 0 returning id, v');
    await running(1);
    await a.query('commit');
    expect((await waiting).rows).toEqual([
      { id: 1, v: 115 },
      { id: 2, v: 121 },
      { id: 3, v: 131 },
    ]);
    await b.query('commit');
  });

  test('a deleted row is left out, and a rolled back change is as if it had never been', async () => {
    await a.query('begin; delete from acc where id = 1');
    const first = b.query('delete from acc where id = 1');
    await running(1);
    await a.query('commit');
    expect((await first).rowCount).toBe(0);
    await a.query('begin; delete from acc where id = 2');
    const second = b.query('update acc set v = v + 1 where id = 2 returning v');
    await running(1);
    await a.query('rollback');
    expect((await second).rows).toEqual([{ v: 21 }]);
  });

  test('the second INSERT of a key waits, then fails or succeeds with the first', async () => {
    await a.query('begin; insert into acc values (9, 1)');
    const first = failure(b.query('insert into acc values (9, 2)'));
    await running(1);
    await a.query('commit');
    expect(await first).toBe('23505 duplicate key value violates unique constraint "acc_pkey"');
    await a.query('begin; insert into acc values (10, 1)');
    const second = b.query('insert into acc values (10, 2) returning v');
    await running(1);
    await a.query('rollback');
    expect((await second).rows).toEqual([{ v: 2 }]);
  });

  test('REPEATABLE READ keeps its snapshot and refuses to overwrite a newer version', async () => {
    await b.query('begin isolation level repeatable read');
    expect((await b.query('select v from acc where id = 1')).rows).toEqual([{ v: 10 }]);
    await a.query('update acc set v = 11 where id = 1; insert into acc values (4, 40)');
    expect((await b.query('select v from acc order by id')).rows.map(({ v }) => v)).toEqual([10, 20, 30]);
    expect(await failure(b.query('update acc set v = 0 where id = 1'))).toBe(
      '40001 could not serialize access due to concurrent update',
    );
    expect(await failure(b.query('select 1'))).toMatch(/^25P02 /);
    expect((await b.query('commit')).command).toBe('ROLLBACK');
  });

  test('SERIALIZABLE refuses write skew', async () => {
    for (const client of [a, b]) await client.query('begin isolation level serializable');
    for (const client of [a, b]) await client.query('select sum(v) from acc where id in (1, 2)');
    await a.query('update acc set v = -1 where id = 1');
    await b.query('update acc set v = -1 where id = 2');
    await a.query('commit');
    expect(await failure(b.query('commit'))).toMatch(/^40001 /);
    expect((await b.query('select v from acc where id = 2')).rows).toEqual([{ v: 20 }]);
  });

  test('of two transactions that wait for each other one gets a deadlock', async () => {
    await a.query('begin; update acc set v = 1 where id = 1');
    await b.query('begin; update acc set v = 2 where id = 2');
    const waiting = a.query('update acc set v = 1 where id = 2');
    await running(1);
    expect(await failure(b.query('update acc set v = 2 where id = 1'))).toBe('40P01 deadlock detected');
    await waiting;
    await a.query('commit');
    await b.query('rollback');
    expect((await a.query('select v from acc order by id')).rows.map(({ v }) => v)).toEqual([1, 1, 30]);
  });

  test('FOR UPDATE with NOWAIT fails at once and with SKIP LOCKED takes what is free', async () => {
    await a.query('begin; select * from acc where id = 1 for update');
    expect(await failure(b.query('select * from acc where id = 1 for update nowait'))).toMatch(/^55P03 /);
    expect((await b.query('select id from acc order by id limit 1 for update skip locked')).rows).toEqual([{ id: 2 }]);
    await a.query('commit');
    expect((await b.query('select id from acc order by id limit 1 for update skip locked')).rows).toEqual([{ id: 1 }]);
  });

  test('a client that leaves its transaction alone for too long loses its connection and its locks', async () => {
    const idle = await connect();
    const ended = new Promise<string>((resolve) =>
      idle.on('error', (error: Error & { code?: string }) => resolve(`${error.code} ${error.message}`)),
    );
    await idle.query('set idle_in_transaction_session_timeout = 50');
    expect((await idle.query('show idle_in_transaction_session_timeout')).rows).toEqual([
      { idle_in_transaction_session_timeout: '50ms' },
    ]);
    await idle.query('select 1');
    await idle.query('begin; update acc set v = 0 where id = 1');
    expect(await ended).toBe('25P03 terminating connection due to idle-in-transaction timeout');
    expect((await b.query('update acc set v = 2 where id = 1')).rowCount).toBe(1);
    await b.query('set idle_in_transaction_session_timeout = 60000; begin');
    for (let i = 0; i < 3; i++) expect((await b.query('select v from acc where id = 1')).rows).toEqual([{ v: 2 }]);
    await b.query('commit; reset idle_in_transaction_session_timeout');
  });

  test('lock_timeout, statement_timeout and cancel end a wait, and the session goes on', async () => {
    await a.query('begin; update acc set v = 0 where id = 1');
    await b.query('set lock_timeout = 30');
    expect(await failure(b.query('update acc set v = 1 where id = 1'))).toBe(
      '55P03 canceling statement due to lock timeout',
    );
    await b.query('reset lock_timeout; set statement_timeout = 30');
    expect(await failure(b.query('update acc set v = 1 where id = 1'))).toBe(
      '57014 canceling statement due to statement timeout',
    );
    await b.query('reset statement_timeout');
    const waiting = failure(b.query('update acc set v = 1 where id = 1'));
    await running(1);
    await cancel(b);
    expect(await waiting).toBe('57014 canceling statement due to user request');
    await a.query('rollback');
    expect((await b.query('update acc set v = 1 where id = 1')).rowCount).toBe(1);
  });

  test('DROP TABLE waits for a transaction that wrote rows, and its own failure comes later', async () => {
    await a.query('begin; insert into acc values (5, 50)');
    const dropping = b.query('drop table acc');
    await running(1);
    await a.query('insert into acc values (6, 60); commit');
    await dropping;
    expect(await failure(a.query('select * from acc'))).toBe('42P01 relation "acc" does not exist');
  });

  test('concurrent transfers keep the sum', async () => {
    const clients = [a, b, await connect(), await connect()];
    await Promise.all(
      clients.map(async (client, n) => {
        for (let i = 0; i < 60; i++) {
          const [from, to] = [((i + n) % 3) + 1, ((i * 7 + n) % 3) + 1];
          for (;;) {
            try {
              await client.query(
                `begin; update acc set v = v - 1 where id = ${from}; update acc set v = v + 1 where id = ${to}; commit`,
              );
              break;
            } catch (error) {
              expect((error as pg.DatabaseError).code).toBe('40P01');
              await client.query('rollback');
            }
          }
        }
      }),
    );
    expect((await a.query('select sum(v)::int as total from acc')).rows).toEqual([{ total: 60 }]);
  });
});

/** Sends a cancel request for what `client` runs, as libpq does: on a connection of its own. */
async function cancel(client: pg.Client): Promise<void> {
  const { processID, secretKey } = client as unknown as { readonly processID: number; readonly secretKey: number };
  const other = new pg.Client(server.config) as pg.Client & {
    readonly connection: {
      stream: NodeJS.WritableStream & { destroy(): void };
      connect(port: number, host: string): void;
      once(event: string, listener: () => void): void;
      cancel(processId: number, secret: number): void;
    };
  };
  const { connection } = other;
  await new Promise<void>((resolve) => {
    connection.once('end', resolve);
    connection.once('connect', () => connection.cancel(processID, secretKey));
    connection.connect(server.port, '127.0.0.1');
  });
}

describe('logging in', () => {
  test('SCRAM-SHA-256 lets the right password in and no other', async () => {
    const principals = await PrincipalStore.of([{ name: 'ann', password: 'sécret' }]);
    server = await startPgServer({ principals });
    const client = await connect({ user: 'ann', password: 'sécret' });
    expect((await client.query('select current_user as u')).rows).toEqual([{ u: 'ann' }]);
    expect(await failure(connect({ user: 'ann', password: 'wrong' }))).toBe(
      '28P01 password authentication failed for user "ann"',
    );
    expect(await failure(connect({ user: 'bob', password: 'sécret' }))).toBe(
      '28P01 password authentication failed for user "bob"',
    );
  });

  test('another database and a parameter that does not exist are refused', async () => {
    server = await startPgServer();
    expect(await failure(connect({ database: 'other' }))).toBe('3D000 database "other" does not exist');
    expect(await failure(connect({ options: '-c nosuch=1' }))).toMatch(/^42704 unrecognized configuration parameter/);
    const client = await connect({ options: '-c statement_timeout=3s' });
    expect((await client.query('show statement_timeout')).rows).toEqual([{ statement_timeout: '3s' }]);
  });
});

describe('a client that says nothing', () => {
  /** All that it is told until the server closes. */
  async function heard(): Promise<string> {
    const socket = net.connect(server.port, '127.0.0.1');
    const chunks: Buffer[] = [];
    for await (const chunk of socket) chunks.push(chunk as Buffer);
    return Buffer.concat(chunks).toString('latin1');
  }

  test('is let go when its time to log in is over, and whoever has logged in is not', async () => {
    server = await startPgServer({ connectTimeoutMs: 300 });
    const client = await connect();
    expect(await heard()).toMatch(/^E.*\0C28000\0Mcanceling authentication due to timeout\0/s);
    expect((await client.query('select 1 as one')).rows).toEqual([{ one: 1 }]);
  });

  test('is told that the server stops', async () => {
    server = await startPgServer();
    const told = heard();
    while (server.listener.connections === 0) await new Promise((resolve) => setImmediate(resolve));
    await server.drain(10_000);
    expect(await told).toMatch(/^E.*\0C57P03\0Mthe database system is shutting down\0/s);
  });

  test('may leave', async () => {
    server = await startPgServer();
    const socket = net.connect(server.port, '127.0.0.1');
    while (server.listener.connections === 0) await new Promise((resolve) => setImmediate(resolve));
    socket.end();
    while (server.listener.connections > 0) await new Promise((resolve) => setImmediate(resolve));
    const client = await connect();
    expect((await client.query('select 1 as one')).rows).toEqual([{ one: 1 }]);
  });
});

describe('psql', () => {
  test('shows results, notices and errors with their place', async ({ skip }) => {
    server = await startPgServer();
    const script = [
      'create table t (id int primary key, v text);',
      "insert into t values (1, 'a'), (2, 'é');",
      'select * from t order by id;',
      'begin;',
      'begin;',
      'select nope from t;',
      'rollback;',
    ].join('\n');
    const args = [
      '-X',
      '-h',
      '127.0.0.1',
      '-p',
      String(server.port),
      '-U',
      'orbit',
      '-d',
      'actors',
      '-v',
      'VERBOSITY=verbose',
    ];
    const psql = run('psql', args);
    psql.child.stdin?.end(script);
    const outcome = await psql.catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return undefined;
      throw error;
    });
    if (outcome === undefined) skip('psql is not installed');
    const { stdout, stderr } = outcome!;
    expect(stdout).toContain(' id | v \n----+---\n  1 | a\n  2 | é\n(2 rows)');
    expect(stderr).toContain('WARNING:  25001: there is already a transaction in progress');
    expect(stderr).toContain('ERROR:  42703: column "nope" does not exist');
    expect(stderr).toContain('LINE 1: select nope from t;\n               ^');
  });
});

describe('on disk', () => {
  test('what was acknowledged is there after closing and opening', async () => {
    server = await startPgServer({ provider: 'rocksdb' });
    const client = await connect();
    await client.query(
      "create table if not exists t (id int primary key, v numeric(6,2), w timestamptz default now(), x text default 'd')",
    );
    await client.query('insert into t (id, v) values (1, 1.5), (2, null)');
    await client.query('begin; insert into t (id) values (3)');
    await client.end();
    await server.listener.close();
    server.engine.close();
    await server.test.reopen();
    const { SqlEngine } = await import('../../src/query/sql/sql-engine.ts');
    const { platform } = await import('../support/stores.ts');
    const session = new SqlSession(new SqlEngine({ store: server.test.store, platform }), {
      user: 'u',
      database: 'd',
      processId: 1,
    });
    const [result] = await session.execute('select id, v::text, x from t order by id');
    expect(result!.rows).toEqual([
      [1, '1.50', 'd'],
      [2, null, 'd'],
    ]);
    session.close();
  });
});
