/**
 * Functions and procedures whose statements are run: what clients of the extended protocol see of them, what the statement
 * around a call sees, and their bounds. Their answers are held against PostgreSQL by the corpus.
 */

import pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startPgServer } from './pg-server.ts';

let server: Awaited<ReturnType<typeof startPgServer>>;
let client: pg.Client;

beforeAll(async () => {
  server = await startPgServer();
  client = new pg.Client(server.config);
  await client.connect();
  await client.query(`
    create table tasks (id int primary key, owner int not null, state text not null default 'new');
    create table done (task int primary key);
    insert into tasks select x, x % 3 from generate_series(1, 1000) x;
    create function finish(t int) returns int language sql as
      'insert into done values (t); update tasks set state = ''done'' where id = t returning owner';
  `);
});

afterAll(async () => {
  await client.end();
  await server.stop();
});

async function refusal(text: string): Promise<{ code: string; message: string; where?: string }> {
  return client.query(text).then(
    () => expect.fail(`${text} is taken`),
    (error: pg.DatabaseError) => ({ code: error.code!, message: error.message, where: error.where! }),
  );
}

test('a query that calls a function in its select list has read its rows before the first call', async () => {
  const { rows } = await client.query(`select finish(id) from tasks where state = 'new' and id <= 600`);
  expect(rows).toHaveLength(600);
  const { rows: left } = await client.query(`select count(*) from tasks where state = 'new'`);
  expect(left).toEqual([{ count: '400' }]);
});

test('a statement reads by what was there when it began, whatever others commit while its functions run', async () => {
  await client.query(`
    create table seen (id int primary key, n int not null);
    insert into seen select x, 0 from generate_series(1, 200) x;
    create index on seen (n);
    create function raise_next(i int) returns int language sql as
      'update seen set n = n + 1 where id = i + 1; select pg_sleep(0.002); select n from seen where id = i';
  `);
  const other = new pg.Client(server.config);
  await other.connect();
  try {
    const raised = client.query('select id, n, raise_next(id), (select max(n) from seen) as max from seen order by id');
    for (let i = 0; i < 20; i++) await other.query('insert into seen values ($1, 50)', [1000 + i]);
    const { rows } = await raised;
    // Of the rows that the other inserted before it began it may see some, and no more of them later on.
    expect(rows.slice(0, 200).map(({ n }) => n)).toEqual(Array(200).fill(0));
    expect(rows.slice(0, 200).map(({ raise_next }) => raise_next)).toEqual([0, ...Array(199).fill(1)]);
    expect(new Set(rows.map(({ max }) => max)).size).toBe(1);
    expect(rows.slice(200).every(({ n }) => n === 50)).toBe(true);
    expect(rows[0].max).toBe(rows.length > 200 ? 50 : 0);
  } finally {
    await other.end();
  }
});

test('a row that a function has changed is not changed by the statement around it', async () => {
  expect(await refusal('update tasks set owner = finish(id) where id = 900')).toMatchObject({
    code: '27000',
    message: 'tuple to be updated was already modified by an operation triggered by the current command',
  });
  expect(await refusal('delete from tasks where id = 901 and finish(id) = 1')).toMatchObject({ code: '27000' });
  expect((await client.query('select * from done where task >= 900')).rows).toEqual([]);
});

test('a function that fails undoes the statement around it, and tells where it failed', async () => {
  const before = (await client.query('select count(*) from done')).rows;
  const { code, where } = await refusal('select finish(x) from unnest(array[701, 702, 701]) x');
  expect({ code, where }).toEqual({ code: '23505', where: 'SQL function "finish" statement 1' });
  expect((await client.query('select count(*) from done')).rows).toEqual(before);
});

test('CALL takes parameters and answers with what the procedure gives', async () => {
  await client.query(`create procedure add(a int, b int, inout sum bigint) language sql as 'select a + b + sum'`);
  const { rows, command } = await client.query('call add($1, $2, $3)', [1, 2, 39]);
  expect({ rows, command }).toEqual({ rows: [{ sum: '42' }], command: 'CALL' });
  await client.query(`create procedure put(t int) language sql as 'insert into done values (t)'`);
  const quiet = await client.query({ name: 'put', text: 'call put($1)', values: [801] });
  expect({ rows: quiet.rows, fields: quiet.fields, command: quiet.command }).toEqual({
    rows: [],
    fields: [],
    command: 'CALL',
  });
  await client.query({ name: 'put', text: 'call put($1)', values: [802] });
  expect((await client.query('select task from done where task > 800 order by 1')).rows).toEqual([
    { task: 801 },
    { task: 802 },
  ]);
});

test('plans of a body follow changes of the tables and of the function', async () => {
  await client.query(`
    create table numbers (n int);
    create function put_number(x int) returns bigint language sql as
      'insert into numbers values (x); select count(*) from numbers';
  `);
  const call = async () => (await client.query({ name: 'n', text: 'select put_number($1)', values: [1] })).rows;
  expect(await call()).toEqual([{ put_number: '1' }]);
  await client.query('alter table numbers add column note text default 1');
  expect(await call()).toEqual([{ put_number: '2' }]);
  await client.query(`create or replace function put_number(x int) returns bigint language sql as
    'insert into numbers select x from generate_series(1, 10); select count(*) from numbers'`);
  expect(await call()).toEqual([{ put_number: '12' }]);
  await client.query('drop table numbers');
  expect(await refusal('select put_number(1)')).toMatchObject({ code: '42P01' });
});

test('a function waits for a row that somebody else holds, and sees what became of it', async () => {
  await client.query(`
    create table counters (id int primary key, n int not null);
    insert into counters values (1, 0);
    create function bump(i int) returns int language sql as
      'update counters set n = n + 1 where id = i; select n from counters where id = i';
  `);
  const other = new pg.Client(server.config);
  await other.connect();
  try {
    await other.query('begin; update counters set n = 10 where id = 1');
    const bumped = client.query('select bump(1)');
    await other.query('commit');
    expect((await bumped).rows).toEqual([{ bump: 11 }]);
  } finally {
    await other.end();
  }
});

test('functions call each other to a bound, and what one gives is bounded', async () => {
  await client.query(`create function down(n int) returns int language sql as
    'select case when n <= 0 then 0 else down(n - 1) end'`);
  expect((await client.query('select down(100)')).rows).toEqual([{ down: 0 }]);
  expect(await refusal('select down(100000)')).toMatchObject({ code: '54001', message: 'stack depth limit exceeded' });
  expect((await client.query('select down(1)')).rows).toEqual([{ down: 0 }]);
});
