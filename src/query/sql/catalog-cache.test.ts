import { afterEach, beforeEach, expect, test } from 'vitest';
import { lastRows, TestEngine } from '../../../test/support/sql.ts';
import type { SqlSession } from './sql-session.ts';

let sql: TestEngine;
let session: SqlSession;
let other: SqlSession;

beforeEach(async () => {
  sql = await TestEngine.open();
  session = sql.session();
  other = sql.session();
});

afterEach(() => sql.dispose());

async function found(name: string): Promise<unknown> {
  return sql.engine.catalog.find(name, sql.engine.catalog.schemas.named('public')!);
}

test('a table and a view outlive changes of other tables, and no change of their own', async () => {
  await session.execute('create table t (id int primary key, v int default 7); create view w as select v from t');
  const table = await found('t');
  const view = await found('w');
  const { generation } = sql.engine.catalog;
  await other.execute('create table u (id int); create index on u (id); drop table u');
  expect(sql.engine.catalog.generation).toBeGreaterThan(generation);
  expect(await found('t')).toBe(table);
  expect(await found('w')).toBe(view);
  await other.execute('create index on t (v)');
  expect(await found('t')).not.toBe(table);
  expect(await found('w')).not.toBe(view);
});

test('tables that foreign keys tie together outlive changes of others, and no change of one of them', async () => {
  await session.execute('create table a (id int primary key); create table b (id int primary key references a)');
  await session.execute('create table c (id int primary key references b, self int references c)');
  const names = ['a', 'b', 'c'];
  const before = await Promise.all(names.map(found));
  await other.execute('create table u (id int); drop table u');
  expect(await Promise.all(names.map(found))).toEqual(before.map((each) => expect.toSatisfy((now) => now === each)));
  await other.execute('begin; alter table a add column v int; insert into a values (1, 2); insert into b values (1)');
  await other.execute('rollback');
  await expect(session.execute('insert into b values (1)')).rejects.toThrow('violates foreign key constraint');
  await other.execute('alter table a add column v int default 7');
  const after = await Promise.all(names.map(found));
  for (const [i, each] of after.entries()) expect(each).not.toBe(before[i]);
  await session.execute('insert into a values (1); insert into b values (1); insert into c values (1, 1)');
  await other.execute('drop table c');
  await session.execute('delete from b; delete from a');
  await other.execute('create table d (id int primary key references a on delete cascade)');
  await session.execute('insert into a values (1); insert into d values (1); delete from a');
  expect(await lastRows(session, 'select * from d')).toEqual([]);
});

test('what another session changes of a table is seen by the next statement', async () => {
  await session.execute('create table t (id int primary key, v int default 7); create view w as select * from t');
  await session.execute('insert into t values (1)');
  const texts = ['select * from t order by id', 'select * from w order by id'];
  for (const text of texts) expect(await lastRows(session, text)).toEqual([[1, 7]]);
  await other.execute('alter table t alter column v set default 8');
  await session.execute('insert into t values (2)');
  for (const text of texts) expect(await lastRows(session, text)).toHaveLength(2);
  expect(await lastRows(session, texts[0]!)).toEqual([
    [1, 7],
    [2, 8],
  ]);
  await other.execute('alter table t add column x int default 5');
  expect(await lastRows(session, texts[0]!)).toEqual([
    [1, 7, 5],
    [2, 8, 5],
  ]);
  expect(await lastRows(session, texts[1]!)).toEqual([
    [1, 7],
    [2, 8],
  ]);
  await other.execute('alter table t add check (v < 9)');
  await expect(session.execute('insert into t values (3, 9)')).rejects.toThrow('violates check constraint');
  await other.execute('create or replace view w as select id, v + 1 as v from t');
  expect(await lastRows(session, texts[1]!)).toEqual([
    [1, 8],
    [2, 9],
  ]);
  await other.execute("drop table t cascade; create table t (v text); insert into t values ('new')");
  expect(await lastRows(session, 'select * from t')).toEqual([['new']]);
  await expect(session.execute('select * from w')).rejects.toThrow('does not exist');
});

test('what others change while a query of the catalog runs takes nothing from it', async () => {
  await session.execute('create table t (id int primary key)');
  const text = "select relname from pg_class join pg_attribute on attrelid = oid where relname = 't'";
  let ended = false;
  const changing = (async () => {
    for (let i = 0; !ended; i++) await other.execute(i % 2 === 0 ? 'create table u (id int)' : 'drop table u');
  })();
  for (let i = 0; i < 100; i++) expect(await lastRows(session, text)).toEqual([['t']]);
  ended = true;
  await changing;
});

test('a change that is rolled back leaves the table as it was', async () => {
  await session.execute('create table t (id int primary key, v int default 7)');
  await other.execute('begin; alter table t alter column v set default 8; alter table t add column x int');
  await other.execute('insert into t values (1)');
  expect(await lastRows(other, 'select * from t')).toEqual([[1, 8, null]]);
  await other.execute('rollback');
  await session.execute('insert into t values (1)');
  for (const each of [session, other]) expect(await lastRows(each, 'select * from t')).toEqual([[1, 7]]);
});

test('what follows from the type of a column is seen when the type changes', async () => {
  await session.execute('create domain small as int check (value < 10); create type pair as (a int)');
  await session.execute("create table t (id int primary key, s small default 1, p pair default '(1)')");
  await session.execute('insert into t values (1)');
  await other.execute('alter domain small add check (value <> 5)');
  await expect(session.execute('insert into t values (2, 5)')).rejects.toThrow('violates check constraint');
  await other.execute(
    'alter domain small set default 4; drop table t; drop type pair; create type pair as (a int, b int)',
  );
  await other.execute("create table t (id int primary key, s small, p pair default '(1,2)')");
  await session.execute('insert into t values (1)');
  expect(await lastRows(session, 'select s, (p).b from t')).toEqual([[4, 2]]);
});

test('a transaction sees the schemas and functions that it makes, and none that it has taken back', async () => {
  await other.execute('create function one() returns int language sql as $$ select 1 $$; create schema s');
  await session.execute('begin; create table t (id int default one(), v int)');
  await session.execute('create schema own; create function own.two() returns int language sql as $$ select 2 $$');
  await session.execute('create table own.u (id int default own.two() + one())');
  await session.execute('savepoint a; create schema gone; create function gone.three() returns int return 3');
  expect(await lastRows(session, 'select gone.three()')).toEqual([[3]]);
  await session.execute('rollback to a');
  await expect(session.execute('create table gone.v (id int)')).rejects.toThrow('schema "gone" does not exist');
  await session.execute('rollback to a');
  await expect(session.execute('create view v as select gone.three()')).rejects.toThrow('does not exist');
  await session.execute('rollback to a; drop function one() cascade; create view v as select own.two() as two');
  await expect(session.execute('create view w as select one()')).rejects.toThrow('function one() does not exist');
  await session.execute(
    'rollback to a; create or replace function own.two() returns int language sql as $$ select 4 $$',
  );
  await session.execute('create table s.w (id int default own.two()); insert into s.w default values; commit');
  expect(await lastRows(other, 'insert into own.u default values returning id')).toEqual([[5]]);
  expect(await lastRows(other, 'select id from s.w')).toEqual([[4]]);
});

test('a change of the schema sees what was committed while it waited for its turn', async () => {
  await other.execute('begin; create schema s; create function s.f() returns int language sql as $$ select 7 $$');
  const waiting = session.execute('create table s.t (id int default s.f())');
  await other.execute('commit');
  await waiting;
  expect(await lastRows(session, 'insert into s.t default values returning id')).toEqual([[7]]);
});
