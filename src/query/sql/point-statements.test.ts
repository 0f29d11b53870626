/** Statements about the one row under a whole key, which take shorter ways than others, beside other transactions. */

import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { openTestStore, platform, type TestStore } from '../../../test/support/stores.ts';
import { SqlEngine } from './sql-engine.ts';
import { SqlSession } from './sql-session.ts';

let fixture: TestStore;
let engine: SqlEngine;
let sessions = 0;

function newSession(): SqlSession {
  return new SqlSession(engine, { user: 'orbit', database: 'actors', processId: ++sessions });
}

/** Runs each statement; @returns the tag of the last. */
async function run(session: SqlSession, ...texts: readonly string[]): Promise<string> {
  let tag = '';
  for (const text of texts) tag = (await session.execute(text)).at(-1)!.tag;
  return tag;
}

async function storedValue(session: SqlSession, id: number): Promise<unknown> {
  return (await session.execute(`select v from t where id = ${id}`))[0]!.rows[0]?.[0];
}

beforeEach(async () => {
  fixture = await openTestStore('memory');
  engine = new SqlEngine({ store: fixture.store, platform });
  await run(
    newSession(),
    'create table t (id int primary key, v int not null check (v < 1000), name text)',
    "insert into t select i, i, 'name ' || i from generate_series(1, 9) i",
  );
});

afterEach(async () => {
  engine.close();
  await fixture.dispose();
});

test('an UPDATE that waited for its row works on what it is then', async () => {
  const [first, second] = [newSession(), newSession()];
  await run(first, 'begin', 'update t set v = v + 10 where id = 1');
  const waiting = run(second, 'update t set v = v + 100 where id = 1');
  await run(first, 'commit');
  expect(await waiting).toBe('UPDATE 1');
  expect(await storedValue(first, 1)).toBe(111);
});

test('an UPDATE that waited goes on after its holder rolled back, and finds nothing when the row is gone', async () => {
  const [first, second] = [newSession(), newSession()];
  await run(first, 'begin', 'update t set v = 500 where id = 1');
  const after = run(second, 'update t set v = v + 1 where id = 1');
  await run(first, 'rollback');
  expect(await after).toBe('UPDATE 1');
  expect(await storedValue(first, 1)).toBe(2);
  await run(first, 'begin', 'delete from t where id = 1');
  const late = run(second, 'update t set v = v + 1 where id = 1');
  await run(first, 'commit');
  expect(await late).toBe('UPDATE 0');
});

test('a transaction that has written sees its own row and the newest of others', async () => {
  const [first, second] = [newSession(), newSession()];
  await run(first, 'begin', 'update t set v = v + 10 where id = 1');
  await run(second, 'begin', 'update t set v = v + 10 where id = 2', 'update t set v = v + 20 where id = 2');
  const waiting = run(second, 'update t set v = v + 100 where id = 1');
  await run(first, 'commit');
  expect(await waiting).toBe('UPDATE 1');
  expect(await storedValue(second, 1)).toBe(111);
  expect(await storedValue(second, 2)).toBe(32);
  await run(first, 'update t set v = 77 where id = 3');
  expect(await storedValue(second, 3)).toBe(77);
  expect(await storedValue(first, 2)).toBe(2);
  await run(second, 'commit');
  expect(await storedValue(first, 2)).toBe(32);
});

test('a row that another transaction is about to insert is neither waited for nor changed', async () => {
  const [first, second] = [newSession(), newSession()];
  await run(first, 'begin', 'insert into t values (10, 10)');
  expect(await run(second, 'update t set v = 0 where id = 10')).toBe('UPDATE 0');
  await run(first, 'commit');
  expect(await storedValue(second, 10)).toBe(10);
});

test('under REPEATABLE READ a row that has changed since is a conflict, and reads stay as they were', async () => {
  const [first, second] = [newSession(), newSession()];
  await run(first, 'begin isolation level repeatable read');
  expect(await storedValue(first, 1)).toBe(1);
  await run(second, 'update t set v = 50 where id = 1');
  expect(await storedValue(first, 1)).toBe(1);
  await expect(run(first, 'update t set v = v + 1 where id = 1')).rejects.toMatchObject({
    code: 'transaction_conflict',
  });
  await run(first, 'rollback');
});

test('constraints hold, and keys that are null or missing find nothing', async () => {
  const session = newSession();
  for (const text of ['update t set v = null where id = 1', 'update t set v = 1000 where id = 1']) {
    await expect(run(session, text)).rejects.toMatchObject({ condition: expect.stringMatching(/_violation$/) });
  }
  expect(await run(session, 'update t set v = 5 where id = null')).toBe('UPDATE 0');
  expect(await run(session, 'update t set v = 5 where id = 99')).toBe('UPDATE 0');
  expect(await run(session, 'update t set v = 5, name = name || id where id = 1')).toBe('UPDATE 1');
  expect((await session.execute('select * from t where id = 1'))[0]!.rows).toEqual([[1, 5, 'name 11']]);
});

test('what a savepoint takes back is gone for reads by key, and an error ends the block', async () => {
  const session = newSession();
  await run(session, 'begin', 'update t set v = 10 where id = 1', 'savepoint s', 'update t set v = 20 where id = 1');
  expect(await storedValue(session, 1)).toBe(20);
  await run(session, 'rollback to s');
  expect(await storedValue(session, 1)).toBe(10);
  await expect(run(session, 'update t set v = 1000 where id = 1')).rejects.toMatchObject({
    condition: 'check_violation',
  });
  await expect(storedValue(session, 1)).rejects.toMatchObject({ condition: 'in_failed_sql_transaction' });
  await run(session, 'rollback');
  expect(await storedValue(session, 1)).toBe(1);
});

test('an index or a foreign key follows the row, whichever way it was changed', async () => {
  const session = newSession();
  await run(
    session,
    'create index on t (v)',
    'create table u (id int primary key, t int references t (id))',
    'insert into u values (1, 1)',
    'update t set v = 42 where id = 1',
  );
  expect((await session.execute('select id from t where v = 42'))[0]!.rows).toEqual([[1]]);
  await expect(run(session, 'update u set t = 99 where id = 1')).rejects.toMatchObject({
    condition: 'foreign_key_violation',
  });
});

test('the plan of a text that came before is kept once it is planned for the second time since the schema changed', async () => {
  const session = newSession();
  const lookUps = vi.spyOn(engine, 'cachedPlan');
  const found = async (times: number, text: (i: number) => string): Promise<readonly boolean[]> => {
    const each: boolean[] = [];
    for (let i = 1; i <= times; i++) {
      lookUps.mockClear();
      expect((await session.execute(text(i)))[0]!.rows).toHaveLength(1);
      each.push(lookUps.mock.results.some(({ value }) => value !== undefined));
    }
    return each;
  };
  const byNumber = (i: number): string => `select count(*) from t where v < ${i}`;
  const byName = (): string => "select count(*) from t where name = 'name 1'";
  // The first text of a kind leaves no more behind than that it came.
  for (const text of [byNumber, byName]) expect(await found(4, text)).toEqual([false, false, false, true]);
  await run(session, 'create table other (id int)');
  for (const text of [byNumber, byName]) expect(await found(3, text)).toEqual([false, false, true]);
});
