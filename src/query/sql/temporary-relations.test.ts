import { afterEach, beforeEach, expect, test } from 'vitest';
import { TestEngine } from '../../../test/support/sql.ts';
import { platform } from '../../../test/support/stores.ts';
import { SqlEngine } from './sql-engine.ts';

let sql: TestEngine;

async function keysLeft(): Promise<number> {
  const reader = sql.fixture.store.begin({ readOnly: true });
  let count = 0;
  for (const range of [sql.engine.keyspace.relational.range(), sql.engine.keyspace.catalog.range(['table'])]) {
    const cursor = reader.scan(range);
    for (let batch = await cursor.next(); batch !== undefined; batch = await cursor.next()) count += batch.length;
    cursor.close();
  }
  reader.rollback();
  return count;
}

const SETUP = `create temp table tt (id serial primary key, v text unique); insert into tt (v) values ('a'), ('b');
  create temp view tv as select v from tt`;

beforeEach(async () => {
  sql = await TestEngine.open();
});

afterEach(() => sql.dispose());

test('a temporary table is one of its session, and goes with it', async () => {
  const [one, other] = [sql.session(), sql.session()];
  await one.execute(SETUP);
  await expect(other.execute('select * from tt')).rejects.toThrow('relation "tt" does not exist');
  await other.execute('create temp table tt (z int)');
  expect((await one.execute('select * from tv')).at(-1)!.rows).toEqual([['a'], ['b']]);
  expect((await other.execute('select * from tt')).at(-1)!.rows).toEqual([]);
  await other.execute('drop table tt');
  one.close();
  await sql.engine.drain();
  expect(await keysLeft()).toBe(0);
  expect((await other.execute("select count(*) from pg_class where relname in ('tt', 'tv')")).at(-1)!.rows).toEqual([
    [0n],
  ]);
});

test('a session with the number of one that left tables behind sees none of them, and they are swept', async () => {
  await sql.session(77).execute(SETUP);
  sql.engine.close();
  sql.engine = new SqlEngine({ store: sql.fixture.store, platform });
  const next = sql.session(77);
  await expect(next.execute('select * from tt')).rejects.toThrow('relation "tt" does not exist');
  await sql.engine.drain();
  expect(await keysLeft()).toBe(0);
  await next.execute('create temp table tt (z int); insert into tt values (1)');
  expect((await next.execute('select z from tt')).at(-1)!.rows).toEqual([[1]]);
});

test('a plan that another session shares never reads its temporary table', async () => {
  const [one, other] = [sql.session(), sql.session()];
  await one.execute('create table s (a int); insert into s values (1)');
  for (let i = 0; i < 2; i++) await other.execute('select a from s');
  await one.execute('create temp table s (a int); insert into s values (2)');
  for (let i = 0; i < 3; i++) {
    expect((await other.execute('select a from s')).at(-1)!.rows).toEqual([[1]]);
    expect((await one.execute('select a from s')).at(-1)!.rows).toEqual([[2]]);
  }
  await one.execute('drop table s');
  expect((await one.execute('select a from s')).at(-1)!.rows).toEqual([[1]]);
});
