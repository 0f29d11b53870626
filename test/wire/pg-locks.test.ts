/**
 * Locks that clients ask for, in step with PostgreSQL 15: rows in all strengths, tables in all modes, advisory locks; who
 * waits for whom, NOWAIT and SKIP LOCKED, deadlocks through all kinds. Skipped where PostgreSQL 15 is not installed.
 */

import pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type PgServer, startPgServer } from './pg-server.ts';
import { type PostgresReference, postgresBinaries, startPostgres } from './postgres-reference.ts';
import { ours, play, type ScheduleServer, type Step, theirs } from './schedules.ts';

const SETUP = [
  'drop table if exists w, t, u, p',
  'create table w (id int)',
  'create table p (id int primary key, k int unique, v int)',
  'insert into p values (1, 1, 0), (2, 2, 0)',
  'create table t (id int primary key, g int, v int)',
  'create table u (id int primary key, t int references t, v int)',
  'insert into t values (1, 1, 0), (2, 1, 0), (3, 2, 0)',
  'insert into u values (1, 1, 0), (2, 2, 0)',
];

const ADVISORY: Readonly<Record<string, readonly Step[]>> = {
  'exclude each other between sessions, not within one': [
    ['1', 'select pg_advisory_lock(1)'],
    ['1', 'select pg_advisory_lock(1), pg_try_advisory_lock(1)'],
    ['2', 'select pg_try_advisory_lock(1), pg_try_advisory_lock(2)'],
    ['2', 'select pg_advisory_lock(1)'],
    ['1', 'select pg_advisory_unlock(1)'],
    ['1', 'select pg_advisory_unlock(1)'],
    ['1', 'select pg_advisory_unlock(1)'],
    ['1', 'select pg_try_advisory_lock(1)'],
    ['2', 'select pg_advisory_unlock_all()'],
    ['1', 'select pg_try_advisory_lock(1), pg_try_advisory_lock(2)'],
  ],
  'are shared where they ask to be': [
    ['1', 'select pg_advisory_lock_shared(5)'],
    ['2', 'select pg_advisory_lock_shared(5), pg_try_advisory_lock(5)'],
    ['3', 'select pg_advisory_lock(5)'],
    ['1', 'select pg_advisory_unlock_shared(5)'],
    ['2', 'select pg_advisory_unlock_shared(5)'],
    ['1', 'select pg_try_advisory_lock_shared(5)'],
  ],
  'go back to share when the exclusive one is given up': [
    ['1', 'select pg_advisory_lock_shared(5), pg_advisory_lock(5)'],
    ['2', 'select pg_try_advisory_lock_shared(5)'],
    ['1', 'select pg_advisory_unlock(5)'],
    ['2', 'select pg_try_advisory_lock_shared(5), pg_try_advisory_lock(5)'],
  ],
  'of transactions end with them': [
    ['1', 'begin'],
    ['1', 'select pg_advisory_xact_lock(7), pg_advisory_xact_lock_shared(8), pg_try_advisory_xact_lock(9)'],
    ['2', 'select pg_try_advisory_xact_lock(7), pg_try_advisory_xact_lock_shared(8), pg_try_advisory_xact_lock(8)'],
    ['2', 'select pg_advisory_xact_lock(7)'],
    ['1', 'commit'],
    ['1', 'select pg_try_advisory_lock(7)'],
  ],
  'of transactions end with a rollback to a savepoint, those of sessions do not': [
    ['1', 'begin'],
    ['1', 'savepoint s'],
    ['1', 'select pg_advisory_xact_lock(7), pg_advisory_lock(8)'],
    ['2', 'select pg_try_advisory_lock(7), pg_try_advisory_lock(8)'],
    ['1', 'rollback to s'],
    ['2', 'select pg_try_advisory_lock(7), pg_try_advisory_lock(8)'],
    ['1', 'rollback'],
    ['2', 'select pg_try_advisory_lock(8)'],
  ],
  'outside of a block last as long as the statement': [
    ['1', 'select pg_advisory_xact_lock(7)'],
    ['2', 'select pg_try_advisory_lock(7)'],
  ],
  'have two spaces of keys': [
    ['1', 'select pg_advisory_lock(1, 2), pg_advisory_lock(4294967298)'],
    [
      '2',
      'select pg_try_advisory_lock(1, 2), pg_try_advisory_lock(4294967298), pg_try_advisory_lock(2, 1), pg_try_advisory_lock(-1), pg_try_advisory_lock(-1, -1)',
    ],
    ['1', 'select pg_try_advisory_lock(-1), pg_try_advisory_lock(-1, -1), pg_advisory_unlock(1, 2)'],
    [
      '1',
      "select locktype, classid, objid, objsubid, mode, granted from pg_locks where locktype = 'advisory' order by 2, 3, 4",
    ],
  ],
  'are told by pg_locks, waiting ones too': [
    ['1', 'select pg_advisory_lock(3), pg_advisory_lock_shared(4)'],
    ['2', 'select pg_advisory_lock(3)'],
    [
      '1',
      "select objid, objsubid, mode, granted, pid = pg_backend_pid() as mine from pg_locks where locktype = 'advisory' order by 1, 3, 4",
    ],
    ['1', 'select pg_advisory_unlock_all()'],
    ['1', "select objid, objsubid, mode, granted from pg_locks where locktype = 'advisory' order by 1, 3, 4"],
  ],
  'end with DISCARD ALL': [
    ['1', 'select pg_advisory_lock(3)'],
    ['2', 'select pg_try_advisory_lock(3)'],
    ['1', 'discard all'],
    ['2', 'select pg_try_advisory_lock(3)'],
  ],
  'are waited for no longer than lock_timeout says': [
    ['1', 'select pg_advisory_lock(3)'],
    ['2', "set lock_timeout = '20ms'"],
    ['2', 'select pg_advisory_lock(3)', 'deadlock'],
    ['2', 'select pg_try_advisory_lock(4)'],
  ],
  'are waited for no longer than statement_timeout says, and not held then': [
    ['1', 'select pg_advisory_lock(3)'],
    ['2', "set statement_timeout = '20ms'"],
    ['2', 'select pg_advisory_lock(3)', 'deadlock'],
    ['1', 'select pg_advisory_unlock(3)'],
    ['3', 'select pg_try_advisory_lock(3)'],
  ],
  'deadlock with each other': [
    ['1', 'select pg_advisory_lock(1)'],
    ['2', 'select pg_advisory_lock(2)'],
    ['1', 'select pg_advisory_lock(2)'],
    ['2', 'select pg_advisory_lock(1)', 'deadlock'],
    ['2', 'select pg_advisory_unlock(2)'],
  ],
  'deadlock with rows': [
    ['1', 'begin'],
    ['2', 'begin'],
    ['1', 'update t set v = 1 where id = 1'],
    ['2', 'select pg_advisory_xact_lock(1)'],
    ['1', 'select pg_advisory_lock(1)'],
    ['2', 'update t set v = 2 where id = 1', 'deadlock'],
    ['2', 'rollback'],
    ['1', 'commit'],
  ],
  'of sessions deadlock with rows of their transactions': [
    ['1', 'select pg_advisory_lock(1)'],
    ['1', 'begin'],
    ['2', 'begin'],
    ['2', 'update t set v = 1 where id = 1'],
    ['2', 'select pg_advisory_lock(1)'],
    ['1', 'update t set v = 2 where id = 1', 'deadlock'],
    ['1', 'rollback'],
    ['1', 'select pg_advisory_unlock(1)'],
    ['2', 'commit'],
  ],
};

/** Who holds, and who comes. */
const HOLDERS = [
  'select * from t where id = 3 for key share',
  'select * from t where id = 3 for share',
  'select * from t where id = 3 for no key update',
  'select * from t where id = 3 for update',
  'update t set v = 1 where id = 3',
  'update t set id = 30 where id = 3',
  'delete from t where id = 3',
  'insert into u values (9, 3, 0)',
];
const COMERS = [
  ...HOLDERS.slice(0, 4).map((sql) => `${sql} nowait`),
  'select id from t order by id for update skip locked',
  'select id from t order by id for key share skip locked',
  'update t set v = 7 where id = 3',
  'delete from t where id = 3',
];

const ROWS: Readonly<Record<string, readonly Step[]>> = {
  'a queue: each takes the first that is free': [
    ['1', 'begin'],
    ['2', 'begin'],
    ['3', 'begin'],
    ['1', 'select id from t order by id limit 1 for update skip locked'],
    ['2', 'select id from t order by id limit 1 for update skip locked'],
    ['3', 'select id from t order by id limit 1 offset 1 for update skip locked'],
    ['3', 'select id from t order by id for no key update skip locked'],
    ['1', 'delete from t where id = 1 and not exists (select 1 from u where t = 1)'],
    ['1', 'commit'],
    ['3', 'select id from t order by id for update skip locked'],
  ],
  'a join locks the rows of both': [
    ['1', 'begin'],
    ['1', 'select t.id, u.id from t join u on u.t = t.id where u.id = 1 for update'],
    ['2', 'select id from t order by id for update skip locked'],
    ['2', 'select id from u order by id for update skip locked'],
    ['2', 'update u set v = 1 where id = 1'],
    ['1', 'commit'],
  ],
  'OF locks the rows of one': [
    ['1', 'begin'],
    ['1', 'select t.id, u.id from t join u on u.t = t.id for update of u'],
    ['2', 'select id from t order by id for update skip locked'],
    ['2', 'select id from u order by id for update skip locked'],
    ['1', 'rollback'],
    ['1', 'begin'],
    ['1', 'select a.id, b.id from t a, t b where a.id = 1 and b.id = 2 for share of a for update of b nowait'],
    ['2', 'select id from t order by id for share skip locked'],
    ['2', 'select id from t order by id for update skip locked'],
  ],
  'an outer join locks both sides where WHERE asks for both': [
    ['1', 'begin'],
    ['1', 'select t.id, u.id from t left join u on u.t = t.id where u.v >= 0 order by 1, 2 for update'],
    ['2', 'select id from u where id = 1 for update nowait'],
    ['2', 'select id from t where id = 1 for update nowait'],
    ['2', 'select id from t where id = 3 for update nowait'],
    ['1', 'rollback'],
    ['1', 'begin'],
    [
      '1',
      'select t.id, u.id from t full join u on u.t = t.id left join p on p.id = u.id where t.g = 1 and p.v = 0 for update',
    ],
    ['2', 'select id from p where id = 2 for update nowait'],
    ['1', 'commit'],
    ['1', 'select t.id, u.id from u right join t on u.t = t.id where abs(u.v) = 0 and t.id = 1 for update of u'],
  ],
  'an outer join locks its other side': [
    ['1', 'begin'],
    ['1', 'select t.id, u.id from t left join u on u.t = t.id for update of t'],
    ['2', 'select id from t order by id for update skip locked'],
    ['2', 'select id from u order by id for update skip locked'],
  ],
  'a join looks at its condition again': [
    ['1', 'begin'],
    ['1', 'update t set g = 5, v = 50 where id = 1'],
    ['2', 'select t.id, t.v, u.id from t join u on u.t = t.id and t.g = 1 order by 1 for update'],
    ['3', 'select t.id, t.v, u.id from t join u on u.t = t.id order by 1 for share of t'],
    ['1', 'commit'],
  ],
  'a row that is gone is left out': [
    ['1', 'begin'],
    ['1', 'delete from t where id = 3'],
    ['2', 'select id from t order by id for update'],
    ['1', 'commit'],
  ],
  'at REPEATABLE READ a changed row is refused': [
    ['2', 'begin isolation level repeatable read'],
    ['2', 'select count(*) from t'],
    ['1', 'update t set v = 1 where id = 1'],
    ['2', 'select id from t where id = 2 for update'],
    ['2', 'select id from t where id = 1 for update'],
    ['2', 'rollback'],
  ],
  'a lock is given up with its savepoint': [
    ['1', 'begin'],
    ['1', 'savepoint s'],
    ['1', 'select id from t where id = 1 for update'],
    ['2', 'select id from t where id = 1 for update nowait'],
    ['1', 'rollback to s'],
    ['2', 'select id from t where id = 1 for update nowait'],
  ],
  'who refers to a row lets it be changed, and sees it as it was': [
    ['1', 'begin'],
    ['2', 'begin'],
    ['1', 'select * from p where id = 1 for key share'],
    ['2', 'update p set v = 5 where id = 1'],
    ['1', 'select * from p where id = 1 for key share'],
    ['3', 'delete from p where id = 1'],
    ['2', 'commit'],
    ['1', 'update p set v = v + 1 where id = 1 returning *'],
    ['1', 'commit'],
  ],
  'who takes a row away waits for who refers to it, nothing else tied to it': [
    ['1', 'begin'],
    ['1', 'select * from p where id = 1 for key share'],
    ['2', 'delete from p where id = 1'],
    ['1', 'commit'],
    ['1', 'begin'],
    ['1', 'delete from p where id = 2'],
    ['2', 'select * from p order by id for key share'],
    ['1', 'rollback'],
  ],
  'who refers to a row that others want to take away changes it': [
    ['1', 'begin'],
    ['2', 'begin'],
    ['1', 'insert into u values (9, 3, 0)'],
    ['2', 'select * from t where id = 3 for update'],
    ['1', 'update t set v = v + 1 where id = 3'],
    ['1', 'commit'],
    ['2', 'rollback'],
    ['1', 'begin'],
    ['2', 'begin'],
    ['1', 'update t set v = v + 1 where id = 3'],
    ['2', 'select * from t where id = 3 for update'],
    ['1', 'insert into u values (10, 3, 0)'],
    ['1', 'commit'],
    ['2', 'rollback'],
  ],
  'what is skipped is not locked': [
    ['1', 'begin'],
    ['2', 'begin'],
    ['1', 'insert into u values (9, 3, 0)'],
    ['2', 'select id from t where id = 3 for update skip locked'],
    ['3', 'update t set v = 3 where id = 3'],
    ['2', 'commit'],
    ['1', 'commit'],
  ],
  'a lock goes back to what it was with its savepoint': [
    ['1', 'begin'],
    ['1', 'select id from p where id = 1 for key share'],
    ['1', 'savepoint a'],
    ['1', 'select id from p where id = 1 for share'],
    ['1', 'savepoint b'],
    ['1', 'update p set v = 1 where id = 1'],
    ['1', 'savepoint c'],
    ['1', 'delete from p where id = 1'],
    ['1', 'rollback to c'],
    ['2', 'select id from p order by id for key share skip locked'],
    ['2', 'select id from p order by id for share skip locked'],
    ['1', 'rollback to b'],
    ['2', 'select id from p order by id for share skip locked'],
    ['2', 'select id from p order by id for no key update skip locked'],
    ['1', 'rollback to a'],
    ['2', 'select id from p order by id for no key update skip locked'],
    ['2', 'select id from p order by id for update skip locked'],
    ['1', 'commit'],
  ],
  'who refers to a row at REPEATABLE READ minds only what can be referred to': [
    ['2', 'begin isolation level repeatable read'],
    ['2', 'select count(*) from p'],
    ['1', 'update p set v = 7 where id = 1'],
    ['1', 'update p set k = 7 where id = 2'],
    ['2', 'select * from p where id = 1 for key share'],
    ['2', 'select * from p where id = 2 for key share'],
    ['2', 'rollback'],
  ],
  'lock_timeout ends the wait': [
    ['1', 'begin'],
    ['1', 'select id from t where id = 1 for update'],
    ['2', "set lock_timeout = '20ms'"],
    ['2', 'select id from t where id = 1 for update', 'deadlock'],
    ['2', 'update t set v = 1 where id = 1', 'deadlock'],
  ],
  'rows deadlock': [
    ['1', 'begin'],
    ['2', 'begin'],
    ['1', 'select id from t where id = 1 for update'],
    ['2', 'select id from t where id = 2 for share'],
    ['1', 'update t set v = 1 where id = 2'],
    ['2', 'select id from t where id = 1 for key share', 'deadlock'],
    ['2', 'rollback'],
    ['1', 'commit'],
  ],
  'what cannot be locked': [
    ['1', 'select count(*) from t for update'],
    ['1', 'select distinct g from t for no key update'],
    ['1', 'select g from t group by g for share'],
    ['1', 'select row_number() over () from t for key share'],
    ['1', 'select generate_series(1, 2) from t for update'],
    ['1', 'select 1 from t union select 2 for share'],
    ['1', 'select * from t for update of nope'],
    ['1', 'select * from t for update of public.t'],
    ['1', 'select * from t, generate_series(1, 1) g for update of g'],
    ['1', 'with w as (select 1) select * from t, w for share of w'],
    ['1', 'select t.id, u.id from t left join u on u.t = t.id for update'],
    ['1', 'select t.id, u.id from t full join u on u.t = t.id for update of t'],
    ['1', 'select t.id, u.id from t left join u on u.t = t.id where t.v = 0 and u.v is null for update'],
    ['1', 'select count(*) from (select * from t, generate_series(1, 2) g for update) x'],
    ['1', 'with w as (select 1) select count(*) from (select t.id from t, w for update) x'],
    ['1', 'values (1) for update'],
    ['1', 'select 1 for update'],
  ],
};

const MODES = [
  'access share',
  'row share',
  'row exclusive',
  'share update exclusive',
  'share',
  'share row exclusive',
  'exclusive',
  'access exclusive',
];

const TABLES: Readonly<Record<string, readonly Step[]>> = {
  'writers wait for a locked table': [
    ['1', 'begin'],
    ['1', 'lock t in share row exclusive mode'],
    ['2', 'select count(*) from t'],
    ['2', 'update t set v = 1 where id = 1'],
    ['3', 'insert into u values (7, 1, 1)'],
    ['1', 'update t set v = 5 where id = 1'],
    ['1', 'commit'],
    ['2', 'select v from t where id = 1'],
  ],
  'LOCK waits for writers, and sees what they wrote': [
    ['1', 'begin'],
    ['1', 'update t set v = 1 where id = 1'],
    ['2', 'begin'],
    ['2', 'lock table t, u in exclusive mode'],
    ['1', 'commit'],
    ['2', 'select v from t where id = 1'],
    ['2', 'update t set v = 2 where id = 1'],
    ['3', "set lock_timeout = '20ms'"],
    ['3', 'delete from t where id = 1', 'deadlock'],
    ['2', 'commit'],
  ],
  'tables deadlock with rows': [
    ['1', 'begin'],
    ['2', 'begin'],
    ['1', 'update t set v = 1 where id = 1'],
    ['2', 'lock w in exclusive mode'],
    ['1', 'insert into w values (7)'],
    ['2', 'update t set v = 2 where id = 1', 'deadlock'],
    ['2', 'rollback'],
    ['1', 'commit'],
  ],
  'who waits for a table only behind another goes ahead where that is no deadlock': [
    ['1', 'begin'],
    ['2', 'begin'],
    ['1', 'insert into w values (1)'],
    ['2', 'update t set v = 1 where id = 1'],
    ['3', 'lock w in exclusive mode'],
    ['1', 'update t set v = 2 where id = 1'],
    ['2', 'insert into w values (2)', 'deadlock'],
    ['2', 'commit'],
    ['1', 'commit'],
  ],
  'tables deadlock with advisory locks': [
    ['1', 'begin'],
    ['1', 'lock t'],
    ['2', 'select pg_advisory_lock(1)'],
    ['1', 'select pg_advisory_lock(1)'],
    ['2', 'update t set v = 2 where id = 1', 'deadlock'],
    ['2', 'select pg_advisory_unlock(1)'],
    ['1', 'rollback'],
  ],
  'a lock goes with its savepoint': [
    ['1', 'begin'],
    ['1', 'savepoint s'],
    ['1', 'lock t in exclusive mode'],
    ['2', 'begin'],
    ['2', 'lock t in row share mode nowait'],
    ['2', 'rollback'],
    ['1', 'rollback to s'],
    ['2', 'begin'],
    ['2', 'lock t in row share mode nowait'],
  ],
  'what LOCK refuses': [
    ['1', 'lock t'],
    ['1', 'begin'],
    ['1', 'lock nope'],
    ['1', 'rollback'],
    ['1', 'begin'],
    ['1', 'lock t in nope mode'],
    ['1', 'rollback'],
  ],
};

const installed = postgresBinaries() !== undefined;

describe.skipIf(!installed)('in step with PostgreSQL 15 (skipped where it is not installed)', () => {
  let reference: PostgresReference;
  let server: PgServer;
  let expected: ScheduleServer;

  beforeAll(async () => {
    reference = (await startPostgres())!;
    expected = await theirs(reference);
    server = await startPgServer();
  }, 60_000);

  afterAll(async () => {
    await expected?.close();
    await server?.stop();
    await reference?.stop();
  });

  describe('advisory locks', () => {
    for (const [name, steps] of Object.entries(ADVISORY)) {
      test(name, async () => {
        expect(await play(ours(server), SETUP, steps)).toBe(await play(expected, SETUP, steps));
      }, 60_000);
    }
  });

  describe('rows', () => {
    for (const [name, steps] of Object.entries(ROWS)) {
      test(name, async () => {
        expect(await play(ours(server), SETUP, steps)).toBe(await play(expected, SETUP, steps));
      }, 60_000);
    }

    for (const holder of HOLDERS) {
      test(`who comes after: ${holder}`, async () => {
        for (const comer of COMERS) {
          const steps: Step[] = [
            ['1', 'begin'],
            ['1', holder],
            ['2', comer],
            ['1', 'rollback'],
          ];
          expect(await play(ours(server), SETUP, steps)).toBe(await play(expected, SETUP, steps));
        }
      }, 60_000);
    }
  });

  describe('tables', () => {
    for (const [name, steps] of Object.entries(TABLES)) {
      test(name, async () => {
        expect(await play(ours(server), SETUP, steps)).toBe(await play(expected, SETUP, steps));
      }, 60_000);
    }

    for (const mode of MODES) {
      test(`who comes after LOCK TABLE … IN ${mode.toUpperCase()} MODE`, async () => {
        const comers = MODES.map((each) => `lock t in ${each} mode nowait`);
        for (const comer of [...comers, 'update t set v = 1 where id = 1', 'delete from t where id = 3']) {
          // docs/sql.md says so.
          if (mode === 'share' && comer.includes('in share mode')) continue;
          const steps: Step[] = [
            ['1', 'begin'],
            ['1', `lock t in ${mode} mode`],
            ['2', 'begin'],
            ['2', comer],
            ['1', 'rollback'],
          ];
          expect(await play(ours(server), SETUP, steps)).toBe(await play(expected, SETUP, steps));
        }
      }, 60_000);
    }
  });

  test('advisory locks end with the connection', async () => {
    const steps: Step[] = [['1', 'select pg_advisory_lock(99)']];
    await play(ours(server), SETUP, steps);
    // The connection is gone; its end may take a moment to arrive.
    await expect
      .poll(async () => await play(ours(server), SETUP, [['2', 'select pg_try_advisory_lock(99)']]))
      .toContain('     t\n');
  });
});

test('rows are written while a constraint is validated', async () => {
  const server = await startPgServer();
  const clients = await Promise.all([1, 2, 3].map(() => connectTo(server)));
  const [validating, deleting, writing] = clients as [pg.Client, pg.Client, pg.Client];
  try {
    await writing.query('create table parents (id int primary key)');
    await writing.query('create table children (id int primary key, parent int)');
    await writing.query('insert into parents values (1), (2)');
    await writing.query('insert into children values (1, 1)');
    await writing.query('alter table children add constraint held foreign key (parent) references parents not valid');
    await deleting.query('begin');
    await deleting.query('select from parents where id = 1 for update');
    // It waits for the parent of the first row.
    const validated = validating.query('alter table children validate constraint held');
    await expect.poll(() => waits(writing, 'validate')).toBe(true);
    await writing.query('insert into children values (2, 2)');
    await expect(writing.query('insert into children values (3, 3)')).rejects.toMatchObject({ code: '23503' });
    await deleting.query('rollback');
    await validated;
    const { rows } = await writing.query("select convalidated from pg_constraint where conname = 'held'");
    expect(rows).toEqual([{ convalidated: true }]);
  } finally {
    for (const client of clients) await client.end();
    await server.stop();
  }
}, 60_000);

async function connectTo({ config }: PgServer): Promise<pg.Client> {
  const client = new pg.Client(config);
  await client.connect();
  return client;
}

async function waits(client: pg.Client, word: string): Promise<boolean> {
  const text = 'select count(*)::int from pg_stat_activity where wait_event is not null and query like $1';
  const { rows } = await client.query<{ count: number }>(text, [`%${word} constraint%`]);
  return rows[0]!.count === 1;
}
