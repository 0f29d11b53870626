/** What the answers to SQL statements wait for, on a disk that syncs when the test lets time pass. */

import { afterEach, beforeEach, expect, it } from 'vitest';
import { silentLog } from '../../src/base/log.ts';
import { Simulation } from '../../src/platform/simulated/simulation.ts';
import { MemoryEngine } from '../../src/providers/memory/memory-engine.ts';
import { GatheringSink } from '../../src/query/sql/results.ts';
import { SqlEngine } from '../../src/query/sql/sql-engine.ts';
import { SqlSession } from '../../src/query/sql/sql-session.ts';
import { LocalStore } from '../../src/storage/local-store.ts';

const simulation = new Simulation('answers');
const node = simulation.boot({ disk: simulation.newDisk({ latencyMs: { sync: 10 } }) });
let store: LocalStore;
let engine: SqlEngine;
let stores = 0;
let sessions = 0;

beforeEach(async () => {
  const opening = LocalStore.open({
    name: 'answers',
    platform: node,
    log: silentLog,
    engine: new MemoryEngine(node.timers),
    durability: 'disk',
    commitLog: { directory: `log ${stores++}`, segmentBytes: 1 << 20 },
    persistent: true,
  });
  store = await simulation.time.runUntil(opening);
  engine = new SqlEngine({ store, platform: node });
  await engine.parser.parse('select 1'); // Loaded in real time.
  const setUp = newSession().execute(
    `create table t (id int primary key, v int); create table notes (v int);
     create table bounded (id int primary key, v int check (v < 100));
     insert into t values (1, 10), (2, 20); insert into bounded values (1, 1)`,
  );
  await simulation.time.runUntil(setUp);
});

afterEach(async () => {
  engine.close();
  await simulation.time.runUntil(store.close());
});

function newSession(): SqlSession {
  return new SqlSession(engine, { user: 'orbit', database: 'actors', processId: ++sessions });
}

/** What a statement answers, in no virtual time. */
async function answer(session: SqlSession, text: string): Promise<readonly unknown[]> {
  const sink = new GatheringSink();
  await session.query(text, sink);
  return sink.results.flatMap(({ rows, tag }) => [...rows.flat(), tag]);
}

/** Whether what the session has answered so far may leave. */
function mayLeave(session: SqlSession): boolean {
  const waits = store.whenDurable(session.observedVersion);
  waits?.catch(() => {});
  return waits === undefined;
}

it('an update in a block is answered before the commit that it builds on is durable, its commit is not', async () => {
  const [first, second] = [newSession(), newSession()];
  await answer(first, 'update t set v = v + 1 where id = 1');
  expect(mayLeave(first)).toBe(false);
  await answer(second, 'begin');
  expect(await answer(second, 'update t set v = v + 1 where id = 1')).toEqual(['UPDATE 1']);
  expect(await answer(second, 'insert into notes values (1)')).toEqual(['INSERT 0 1']);
  expect(mayLeave(second)).toBe(true);
  await answer(second, 'commit');
  expect(mayLeave(second)).toBe(false);
  await simulation.time.advance(50);
  expect(mayLeave(second)).toBe(true);
  expect(await answer(second, 'select v from t where id = 1')).toEqual([12, 'SELECT 1']);
});

it('so is one that has waited for the lock', async () => {
  const [first, second] = [newSession(), newSession()];
  await answer(first, 'begin; update t set v = v + 1 where id = 1');
  await answer(second, 'begin; update t set v = v + 1 where id = 2');
  const waiting = answer(second, 'update t set v = v + 1 where id = 1');
  await answer(first, 'commit');
  expect(await waiting).toEqual(['UPDATE 1']);
  expect(mayLeave(first)).toBe(false);
  expect(mayLeave(second)).toBe(true);
});

it.each([
  ['a point read', 'select v from t where id = 1'],
  ['a scan', 'select sum(v) from t'],
  ['a read of several keys', 'select v from t where id in (1, 2)'],
  ['RETURNING', 'update t set v = v + 1 where id = 1 returning v'],
])('%s of what was written upon it waits', async (_, text) => {
  const [first, second] = [newSession(), newSession()];
  await answer(first, 'update t set v = v + 1 where id = 1');
  await answer(second, 'begin');
  await answer(second, 'update t set v = v + 1 where id = 1');
  expect(mayLeave(second)).toBe(true);
  await answer(second, text);
  expect(mayLeave(second)).toBe(false);
});

it('an update waits where its row, or a check that it passes, may not be durable', async () => {
  const [first, second] = [newSession(), newSession()];
  await answer(first, 'insert into t values (3, 30)');
  await answer(second, 'begin');
  expect(await answer(second, 'update t set v = 0 where id = 3')).toEqual(['UPDATE 1']);
  expect(mayLeave(second)).toBe(false);
  await answer(second, 'rollback');
  await simulation.time.advance(50);

  await answer(first, 'update bounded set v = v + 1 where id = 1');
  await answer(second, 'begin');
  expect(await answer(second, 'update bounded set v = v + 1 where id = 1')).toEqual(['UPDATE 1']);
  expect(mayLeave(second)).toBe(false);
  await answer(second, 'rollback');
  await simulation.time.advance(50);

  await answer(first, 'delete from t where id = 2; insert into t values (2, 21)');
  await answer(second, 'begin');
  expect(await answer(second, 'update t set v = v + 1 where id = 2')).toEqual(['UPDATE 1']);
  expect(mayLeave(second)).toBe(true); // It was there before, and still is.
});
