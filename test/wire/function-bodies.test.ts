/**
 * Functions and procedures whose statements are run: what clients of the extended protocol see of them, what the statement
 * around a call may not touch, and their bounds. Their answers are held against PostgreSQL by the corpus.
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

test.each([
  'select id from tasks where finish(id) = 1',
  'select t.id from tasks t, finish(700) f where t.owner = f',
  'select (select count(*) from done), finish(700)',
  'insert into done select finish(700)',
  'with d as (select finish(700)) select * from tasks, d',
  'update tasks set owner = finish(700) where id = 1',
])('%s is refused, and does nothing', async (text) => {
  const { code, message } = await refusal(text);
  expect({ code, message }).toEqual({
    code: '0A000',
    message: 'a function that writes to a table of the statement that calls it is not supported',
  });
  expect((await client.query('select * from done where task = 700')).rows).toEqual([]);
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
