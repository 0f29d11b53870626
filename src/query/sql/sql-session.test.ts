import { afterEach, beforeEach, expect, test } from 'vitest';
import { TestEngine } from '../../../test/support/sql.ts';
import { platform } from '../../../test/support/stores.ts';
import { isPromise } from '../../base/awaitable.ts';
import { GatheringSink } from './results.ts';
import { SqlEngine } from './sql-engine.ts';
import { SqlSession } from './sql-session.ts';

let sql: TestEngine;

beforeEach(async () => {
  sql = await TestEngine.open({ limits: { workBytesMax: 50_000, sliceMs: 10_000 } });
  await sql
    .session()
    .execute(
      `create table t (id int primary key, v int); insert into t values ${Array.from({ length: 200 }, (_, i) => `(${i}, ${i})`).join()}`,
    );
});

afterEach(() => sql.dispose());

test('point statements that were planned before answer without a promise', async () => {
  const session = sql.session();
  for (const text of [
    'select v from t where id = 7',
    'update t set v = v + 1 where id = 7',
    'delete from t where id = 1000',
    'begin; select v from t where id = 7; commit',
  ]) {
    await session.execute(text);
    const sink = new GatheringSink();
    expect(isPromise(session.query(text, sink)), text).toBe(false);
    expect(sink.results.length, text).toBeGreaterThan(0);
  }
});

test('a text that came before its table is planned once for all numbers when the table is there', async () => {
  const session = sql.session();
  const text = (id: number) => `select v from later where id = ${id}`;
  const matched = () => sql.engine.templates.match(text(9), sql.engine.catalog.generation, () => []);
  for (const id of [1, 2, 3]) await expect(session.execute(text(id))).rejects.toThrow('does not exist');
  expect(matched()).toBeUndefined();
  await sql.session().execute('create table later (id int primary key, v int)');
  await session.execute(text(4));
  expect(matched()?.values).toEqual([9]);
});

test('a suspended portal gives the rows of its own snapshot, whatever the transaction does meanwhile', async () => {
  const session = sql.session();
  await session.execute('begin');
  const portal = session.portal(await session.prepare('select id, v from t where id < 100 order by id', []), []);
  session.portals.set('c', portal);
  const first = new GatheringSink();
  expect(await session.run(portal, 3, first)).toBe('suspended');
  await sql.session().execute('update t set v = -1 where id < 50; delete from t where id = 60');
  await session.execute('update t set v = -2 where id >= 50');
  const rest = new GatheringSink();
  const seen: unknown[] = [];
  const gather = Object.assign(Object.create(rest), {
    rows: (_: unknown, rows: readonly unknown[]) => void seen.push(...rows),
    complete: () => {},
  });
  expect(await session.run(portal, 0, gather)).toBe('complete');
  expect(seen).toEqual(Array.from({ length: 97 }, (_, i) => [i + 3, i + 3]));
  await session.execute('commit');
  const [after] = await session.execute('select count(*), min(v), max(v) from t where id < 100');
  expect(after!.rows).toEqual([[99n, -2, -1]]);
});

test('an UPDATE that moves keys never meets a row twice', async () => {
  const session = sql.session();
  const [moved] = await session.execute('update t set id = id + 1000, v = v + 1');
  expect(moved!.tag).toBe('UPDATE 200');
  const [sum] = await session.execute('select count(*), sum(v), min(id) from t');
  expect(sum!.rows).toEqual([[200n, BigInt((199 * 200) / 2 + 200), 1000]]);
  const [doubled] = await session.execute('insert into t select id + 5000, v from t');
  expect(doubled!.tag).toBe('INSERT 0 200');
});

test('what does not fit the memory of a statement is refused, and leaves nothing behind', async () => {
  const session = sql.session();
  const rows = Array.from({ length: 1_000 }, (_, i) => `(${i + 1_000}, ${i})`).join();
  await session.execute(`insert into t values ${rows}`);
  for (const text of ['update t set id = id + 100000', 'delete from t returning *', 'select * from t order by v']) {
    await expect(session.execute(text), text).rejects.toMatchObject({
      condition: 'out_of_memory',
      detail: expect.stringContaining('workBytesMax'),
    });
  }
  expect((await session.execute('select count(*), max(id) from t'))[0]!.rows).toEqual([[1_200n, 1_999]]);
});

test('concurrent schema changes take turns, and every session sees them at once', async () => {
  const work = Array.from({ length: 8 }, async (_, i) => {
    const session = sql.session();
    await session.execute(`create table many${i} (id int primary key)`);
    await session.execute(`insert into many${i} values (${i})`);
    session.close();
  });
  await Promise.all(work);
  const session = sql.session();
  for (let i = 0; i < 8; i++) {
    expect((await session.execute(`select id from many${i}`))[0]!.rows).toEqual([[i]]);
  }
});

test('a statement that yields can be cancelled between its batches', async () => {
  const slow = new SqlEngine({ store: sql.fixture.store, platform, limits: { sliceMs: 0 } });
  const session = new SqlSession(slow, { user: 'u', database: 'd', processId: 1 });
  const running = session.execute('select count(*) from t where v % 7 = 3');
  await slow.parser.parse('select 1');
  while (slow.runningStatements === 0) await new Promise((resolve) => setImmediate(resolve));
  session.cancel();
  await expect(running).rejects.toMatchObject({ condition: 'query_canceled' });
  expect((await session.execute('select 1'))[0]!.rows).toEqual([[1]]);
  slow.close();
});

test('texts that differ in integers answer each for itself, errors with their own places', async () => {
  const session = sql.session();
  for (const id of [3, 14, 159, 7, 1_000, 20]) {
    const [read] = await session.execute(`select v, id from t where id = ${id}`);
    expect(read).toMatchObject({ tag: `SELECT ${id < 200 ? 1 : 0}`, rows: id < 200 ? [[id, id]] : [] });
    await expect(session.execute(`select v + ${id}, nosuch from t where id = 1`)).rejects.toMatchObject({
      condition: 'undefined_column',
      position: `select v + ${id}, n`.length,
    });
    await session.execute(`begin; update t set v = ${id} - 1 where id = ${id}; rollback`);
  }
  for (const id of [5, 50, 150, 51]) await session.execute(`update t set v = v - ${id} where id = ${id}`);
  const [zeros] = await session.execute('select id from t where v = 0 and id > 0 order by id');
  expect(zeros!.rows).toEqual([[5], [50], [51], [150]]);
});

test('a template made before its table changed is planned again', async () => {
  const session = sql.session();
  for (const id of [1, 2, 3]) await session.execute(`select * from t where id = ${id}`);
  await session.execute("drop table t; create table t (v text, id bigint primary key); insert into t values ('x', 4)");
  const [row] = await session.execute('select * from t where id = 4');
  expect(row!.rows).toEqual([['x', 4n]]);
  await session.execute('drop table t');
  await expect(session.execute('select * from t where id = 5')).rejects.toMatchObject({ condition: 'undefined_table' });
});

test('a change of the schema knows all types before it reads what tables are defined as, right after the engine was opened', async () => {
  const session = sql.session();
  await session.execute("create type mood as enum ('sad', 'ok'); create table moods (m mood default 'ok')");
  await session.execute('create table u (id int)');
  session.close();
  const again = new SqlEngine({ store: sql.fixture.store, platform });
  const reopened = new SqlSession(again, { user: 'orbit', database: 'actors', processId: 100 });
  await reopened.execute('drop table u');
  expect(again.types.ready()).toBeUndefined();
  reopened.close();
  again.close();
});

test('types and functions are there after the engine was opened again, and rows keep renamed labels', async () => {
  const session = sql.session();
  await session.execute("create type mood as enum ('sad', 'ok')");
  await session.execute('create domain small as int check (value < 10)');
  await session.execute('create table moods (m mood primary key, d small, all_of mood[])');
  await session.execute("insert into moods values ('ok', 3, '{sad,ok}'), ('sad', 4, null)");
  await session.execute("alter type mood add value 'calm' before 'ok'");
  await session.execute("alter type mood rename value 'sad' to 'blue'");
  await session.execute("create function shown(m mood) returns text language sql as 'select m::text || 1'");
  session.close();
  const again = new SqlEngine({ store: sql.fixture.store, platform });
  const reopened = new SqlSession(again, { user: 'orbit', database: 'actors', processId: 100 });
  const [result] = await reopened.execute('select m::text, d, all_of::text, shown(m) from moods order by m');
  expect(result!.rows).toEqual([
    ['blue', 4, null, 'blue1'],
    ['ok', 3, '{blue,ok}', 'ok1'],
  ]);
  await expect(reopened.execute("insert into moods values ('calm', 10)")).rejects.toMatchObject({
    condition: 'check_violation',
  });
  reopened.close();
  again.close();
});
