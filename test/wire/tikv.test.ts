/** Servers on a TiKV test cluster over gRPC: two that share it, and what happens to their clients when it fails. */

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { nodeEnvironment } from '../../packages/tikv-client-node/src/node/node-environment.ts';
import { TestCluster } from '../../packages/tikv-client-node/test-cluster/cluster.ts';
import { type ListeningCluster, listen } from '../../packages/tikv-client-node/test-cluster/node/listen.ts';
import { ROOT, runOrbit, ServerProcess } from '../support/server.ts';
import { RawClient } from './resp-client.ts';

let directory: string;
let cluster: TestCluster;
let listening: ListeningCluster;
let a: ServerProcess;
let b: ServerProcess;

const COUNTER = `
  import { z } from 'zod';
  import { defineActor } from '${join(ROOT, 'src/index.ts')}';
  export const Counter = defineActor({
    type: 'counter', state: z.object({ n: z.number() }), initial: () => ({ n: 0 }),
    methods: { add(turn, by) { const n = turn.state.n + Number(by); turn.save({ n }); return n; } },
  });`;

function environment(): Record<string, string> {
  return {
    ORBIT_PERSISTENCE_BACKEND: 'tikv',
    ORBIT_TIKV_PD_ENDPOINTS: listening.pdEndpoints.join(','),
    ORBIT_TIKV_GRPC_KEEPALIVE_TIME: '1s',
  };
}

function start(name: string, args: readonly string[] = []): Promise<ServerProcess> {
  return ServerProcess.start({ dataDir: join(directory, name), env: environment(), args });
}

async function connect(server: ServerProcess): Promise<pg.Client> {
  const port = server.port('postgres');
  const client = new pg.Client({ host: '127.0.0.1', port, user: 'orbit', database: 'actors' });
  await client.connect();
  return client;
}

async function query(server: ServerProcess, ...statements: readonly string[]): Promise<readonly unknown[]> {
  const client = await connect(server);
  try {
    let rows: readonly unknown[] = [];
    for (const statement of statements) rows = (await client.query({ text: statement, rowMode: 'array' })).rows;
    return rows;
  } finally {
    await client.end();
  }
}

async function redis(server: ServerProcess, ...command: readonly string[]): Promise<string> {
  const client = await RawClient.connect(server.port('redis'));
  try {
    return await client.call(...command);
  } finally {
    client.close();
  }
}

async function get(server: ServerProcess, path: string): Promise<{ readonly status: number; readonly text: string }> {
  const response = await fetch(`http://127.0.0.1:${server.port('http')}${path}`);
  return { status: response.status, text: await response.text() };
}

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'orbit-tikv-'));
  cluster = new TestCluster({ environment: nodeEnvironment, disorderSeed: 5, pdMembers: 3 });
  cluster.faults.recording = false;
  listening = await listen(cluster);
  const toml = join(directory, 'orbit.toml');
  const module = join(directory, 'counter.ts');
  writeFileSync(module, COUNTER.replace("'zod'", `'${join(ROOT, 'node_modules/zod/index.js')}'`));
  writeFileSync(toml, `[actors]\nmodules = ["${module}"]\n`);
  [a, b] = await Promise.all([start('a', ['--config', toml]), start('b', ['--config', toml])]);
}, 60_000);

afterEach(() => cluster.faults.clear());

afterAll(async () => {
  await Promise.all([a?.stop(), b?.stop()]);
  await listening?.close();
  rmSync(directory, { recursive: true, force: true });
}, 30_000);

describe('two servers on one cluster', () => {
  test('show what the other wrote at once', async () => {
    for (let i = 0; i < 20; i++) {
      const [writer, reader] = i % 2 === 0 ? [a, b] : [b, a];
      expect(await redis(writer, 'SET', 'turn', String(i))).toBe('+OK\r\n');
      expect(await redis(reader, 'GET', 'turn')).toBe(`$${String(i).length}\r\n${i}\r\n`);
    }
    expect(await redis(b, 'DEL', 'turn')).toBe(':1\r\n');
    expect(await redis(a, 'EXISTS', 'turn')).toBe(':0\r\n');
  });

  test('count every increment once', async () => {
    const clients = await Promise.all([a, b, a, b].map((server) => RawClient.connect(server.port('redis'))));
    await Promise.all(
      clients.map(async (client) => {
        for (let i = 0; i < 10; i++) expect(await client.call('INCR', 'hits')).toMatch(/^:\d+\r\n$/);
      }),
    );
    for (const client of clients) client.close();
    expect(await redis(a, 'GET', 'hits')).toBe('$2\r\n40\r\n');
  });

  test('notice in EXEC what the other changed since WATCH', async () => {
    const client = await RawClient.connect(a.port('redis'));
    await client.call('SET', 'watched', 'old');
    for (const [change, outcome] of [
      [() => Promise.resolve(''), '*2\r\n+OK\r\n$3\r\nnew\r\n'],
      [() => redis(b, 'SET', 'watched', 'other'), '*-1\r\n'],
      [() => redis(b, 'DEL', 'watched'), '*-1\r\n'],
    ] as const) {
      await client.call('SET', 'watched', 'old');
      await client.call('WATCH', 'watched');
      expect(await client.call('GET', 'watched')).toBe('$3\r\nold\r\n');
      await change();
      await client.call('MULTI');
      await client.call('SET', 'watched', 'new');
      await client.call('GET', 'watched');
      expect(await client.call('EXEC')).toBe(outcome);
    }
    client.close();
  });

  test('refuse what they could not keep', async () => {
    expect(await redis(a, 'SWAPDB', '0', '1')).toMatch(/^-ERR SWAPDB is not supported on a store that several servers/);
    const serializable = query(a, 'BEGIN ISOLATION LEVEL SERIALIZABLE', 'SELECT count(*) FROM pg_class');
    await expect(serializable).rejects.toMatchObject({ code: '0A000' });
  });

  test('see each other change the schema, plans that were made before included', async () => {
    const prepared = await connect(b);
    await query(a, 'CREATE TABLE item (id int PRIMARY KEY, name text)', "INSERT INTO item VALUES (1, 'one')");
    const select = { name: 'items', text: 'SELECT name FROM item WHERE id = $1', values: [1] };
    expect((await prepared.query(select)).rows).toEqual([{ name: 'one' }]);
    await query(
      a,
      'ALTER TABLE item ALTER COLUMN name TYPE varchar(10)',
      'ALTER TABLE item ADD COLUMN n int DEFAULT 7',
    );
    expect(await query(b, 'SELECT * FROM item')).toEqual([[1, 'one', 7]]);
    await query(b, 'ALTER TABLE item DROP COLUMN name');
    await expect(prepared.query(select)).rejects.toMatchObject({ code: '42703' });
    expect(await query(a, 'SELECT * FROM item')).toEqual([[1, 7]]);
    await query(b, 'DROP TABLE item');
    await expect(query(a, 'SELECT * FROM item')).rejects.toMatchObject({ code: '42P01' });
    await query(a, 'CREATE TABLE item (id text)');
    expect(await query(b, "INSERT INTO item VALUES ('again')", 'SELECT * FROM item')).toEqual([['again']]);
    await prepared.end();
  });

  test('let a change of the schema wait for who writes, and who writes for the change', async () => {
    await query(a, 'CREATE TABLE held (id int PRIMARY KEY)');
    const writer = await connect(a);
    await writer.query('BEGIN');
    await writer.query('INSERT INTO held VALUES (1)');
    const order: string[] = [];
    const changed = query(b, 'ALTER TABLE held ADD COLUMN n int DEFAULT 1').then(() => order.push('changed'));
    const refused = query(b, "SET lock_timeout = '300ms'", 'ALTER TABLE held ADD COLUMN m int');
    await expect(refused).rejects.toMatchObject({ code: '55P03' });
    order.push('committed');
    await writer.query('COMMIT');
    await changed;
    expect(order).toEqual(['committed', 'changed']);
    await writer.query('INSERT INTO held VALUES (2, 2)');
    expect(await query(b, 'SELECT * FROM held ORDER BY id')).toEqual([
      [1, 1],
      [2, 2],
    ]);
    await writer.end();
  });

  test('never give a value of a sequence, or the id of a row, twice', async () => {
    await query(a, 'CREATE TABLE numbered (id serial PRIMARY KEY, by text)', 'CREATE TABLE plain (x int)');
    const insert = (server: ServerProcess, by: string) =>
      query(
        server,
        `INSERT INTO numbered (by) SELECT '${by}' FROM generate_series(1, 150)`,
        `INSERT INTO plain SELECT generate_series(1, 100)`,
        `INSERT INTO numbered (by) VALUES ('${by}'), ('${by}')`,
      );
    await Promise.all([insert(a, 'a'), insert(b, 'b'), insert(a, 'a'), insert(b, 'b')]);
    expect(await query(a, 'SELECT count(*)::int, count(DISTINCT id)::int FROM numbered')).toEqual([[608, 608]]);
    expect(await query(b, 'SELECT count(*)::int FROM plain')).toEqual([[400]]);
    const once = await query(
      b,
      'CREATE TABLE once (id serial, x text)',
      'BEGIN',
      "INSERT INTO once (x) SELECT 'x' FROM generate_series(1, 200)",
      'SELECT count(*)::int, min(id), max(id) FROM once',
      'COMMIT',
      'SELECT count(*)::int, min(id), max(id) FROM once',
    );
    // As many values as rows: those of an attempt that ran dry are given out again.
    expect(once).toEqual([[200, 1, 200]]);
    const [[set]] = (await query(b, "SELECT setval('numbered_id_seq', 100000)")) as [[string]];
    expect(set).toBe('100000');
    expect(await query(b, "SELECT nextval('numbered_id_seq')")).toEqual([['100001']]);
  });

  test('own an actor one at a time, the other naming the owner', async () => {
    expect(await redis(a, 'ACTOR.CALL', 'counter', 'x', 'add', '1')).toContain('1');
    expect(await redis(a, 'ACTOR.CALL', 'counter', 'x', 'add', '1')).toContain('2');
    expect(await redis(b, 'ACTOR.CALL', 'counter', 'x', 'add', '1')).toMatch(
      /^-TRYAGAIN counter\/x is owned by member /,
    );
    expect(await redis(b, 'ACTOR.CALL', 'counter', 'y', 'add', '5')).toContain('5');
    const members = async () => (JSON.parse((await get(b, '/health')).text) as { members: readonly object[] }).members;
    await expect.poll(members, { timeout: 15_000 }).toHaveLength(2);
  });
});

describe('advisory locks', () => {
  const sole = async (client: pg.Client, statement: string): Promise<unknown> =>
    Object.values((await client.query(statement)).rows[0] as object)[0];

  test('of transactions exclude each other between servers, and end with them', async () => {
    const [one, other] = await Promise.all([connect(a), connect(b)]);
    await one.query('BEGIN');
    await one.query('SELECT pg_advisory_xact_lock(7), pg_advisory_xact_lock(7), pg_advisory_xact_lock(1, 2)');
    expect(await sole(other, 'SELECT pg_try_advisory_xact_lock(7)')).toBe(false);
    expect(await sole(other, 'SELECT pg_try_advisory_xact_lock_shared(7)')).toBe(false);
    expect(await sole(other, 'SELECT pg_try_advisory_xact_lock(1, 2)')).toBe(false);
    expect(await sole(other, 'SELECT pg_try_advisory_xact_lock(8)')).toBe(true);
    await other.query("SET lock_timeout = '200ms'");
    await expect(other.query('SELECT pg_advisory_xact_lock(7)')).rejects.toMatchObject({ code: '55P03' });
    await other.query('RESET lock_timeout');
    const order: string[] = [];
    const waiting = other.query('SELECT pg_advisory_xact_lock(7)').then(() => order.push('waited'));
    expect(await sole(one, "SELECT count(*)::int FROM pg_locks WHERE locktype = 'advisory' AND granted")).toBe(2);
    order.push('committed');
    await one.query('COMMIT');
    await waiting;
    expect(order).toEqual(['committed', 'waited']);
    expect(await sole(one, 'SELECT pg_try_advisory_xact_lock(7)')).toBe(true);
    await Promise.all([one.end(), other.end()]);
  });

  test('are shared by those who ask for that, in either isolation level', async () => {
    const sharing = await Promise.all([a, b, a, b].map(connect));
    const alone = await connect(b);
    for (const [i, client] of sharing.entries()) {
      await client.query(i % 3 === 0 ? 'BEGIN ISOLATION LEVEL REPEATABLE READ' : 'BEGIN');
      expect(await sole(client, 'SELECT pg_try_advisory_xact_lock_shared(9)')).toBe(true);
      expect(await sole(alone, 'SELECT pg_try_advisory_xact_lock(9)')).toBe(false);
    }
    const waiting = alone.query('SELECT pg_advisory_xact_lock(9)');
    for (const client of sharing) await client.query('COMMIT');
    await waiting;
    await alone.query('BEGIN ISOLATION LEVEL REPEATABLE READ');
    await alone.query('SELECT pg_advisory_xact_lock(9)');
    expect(await sole(sharing[0]!, 'SELECT pg_try_advisory_xact_lock_shared(9)')).toBe(false);
    await alone.query('ROLLBACK');
    await Promise.all([alone, ...sharing].map((client) => client.end()));
  });

  test('are given back by a rollback to a savepoint', async () => {
    const [one, other] = await Promise.all([connect(a), connect(b)]);
    await one.query('BEGIN');
    await one.query('SELECT pg_advisory_xact_lock(10)');
    await one.query('SAVEPOINT s');
    await one.query('SELECT pg_advisory_xact_lock(11)');
    expect(await sole(other, 'SELECT pg_try_advisory_xact_lock(11)')).toBe(false);
    await one.query('ROLLBACK TO s');
    await other.query('SELECT pg_advisory_xact_lock(11)');
    expect(await sole(other, 'SELECT pg_try_advisory_xact_lock(10)')).toBe(false);
    await one.query('ROLLBACK');
    await Promise.all([one.end(), other.end()]);
  });

  test('deadlock with rows, and one of the transactions is told', async () => {
    await query(a, 'CREATE TABLE knot (id int PRIMARY KEY)', 'INSERT INTO knot VALUES (1)');
    const [one, other] = await Promise.all([connect(a), connect(b)]);
    await one.query('BEGIN');
    await other.query('BEGIN');
    await one.query('SELECT pg_advisory_xact_lock(12)');
    await other.query('UPDATE knot SET id = 2');
    const outcomes = await Promise.allSettled([
      one.query('UPDATE knot SET id = 3').finally(() => one.query('ROLLBACK')),
      other.query('SELECT pg_advisory_xact_lock(12)').finally(() => other.query('ROLLBACK')),
    ]);
    const refused = outcomes.flatMap((outcome) => (outcome.status === 'rejected' ? [outcome.reason.code] : []));
    expect(refused).toEqual(['40P01']);
    await Promise.all([one.end(), other.end()]);
  });

  test('of sessions are refused, with what there is instead', async () => {
    for (const call of ['pg_advisory_lock(1)', 'pg_try_advisory_lock_shared(1, 2)']) {
      const refused = query(a, `SELECT ${call}`);
      await expect(refused).rejects.toMatchObject({ code: '0A000', hint: expect.stringContaining('_xact_') });
    }
  });
});

describe('a server that was killed', () => {
  test('holds up nobody once it is back, whatever it had locked', async () => {
    await query(a, 'CREATE TABLE left_locked (id int PRIMARY KEY, by text)', "INSERT INTO left_locked VALUES (1, 'a')");
    const killed = await start('killed');
    const client = await connect(killed);
    client.on('error', () => {});
    await client.query('BEGIN');
    await client.query("UPDATE left_locked SET by = 'killed'");
    await killed.kill();
    const refused = query(b, "SET lock_timeout = '200ms'", "UPDATE left_locked SET by = 'b'");
    await expect(refused).rejects.toMatchObject({ code: '55P03' });
    const back = await start('killed');
    // Without it the locks would last 20 s.
    await query(b, "SET lock_timeout = '5s'", "UPDATE left_locked SET by = by || ' and b'");
    expect(await query(back, 'SELECT by FROM left_locked')).toEqual([['a and b']]);
    expect(await back.stop()).toBe(0);
  }, 180_000);
});

describe('a commit whose outcome is unknown', () => {
  /** The reply to the request that commits is lost, and the store is gone for long enough that nobody finds out at once. */
  function lose(): void {
    cluster.faults.add({ method: 'KvPrewrite', times: 1_000, action: { kind: 'loseReply', how: 'undetermined' } });
  }

  async function outcome(message: string, server: ServerProcess): Promise<string> {
    const id = /transaction (\d+-[0-9a-f]+)/.exec(message)?.[1];
    expect(id).toBeDefined();
    const { stdout, stderr } = await runOrbit(
      'transaction',
      id!,
      '--data-dir',
      join(directory, server === a ? 'a' : 'b'),
    );
    return stdout + stderr;
  }

  test('is 40003 for psql, and the check finds the truth', async () => {
    await query(a, 'CREATE TABLE truth (id int)');
    lose();
    const failure = await query(a, 'INSERT INTO truth VALUES (1)').catch((error: unknown) => error);
    cluster.faults.clear();
    expect(failure).toMatchObject({ code: '40003', hint: expect.stringContaining('orbit transaction') });
    expect(await outcome((failure as Error).message, a)).toBe('committed\n');
    expect(await query(b, 'SELECT count(*)::int FROM truth')).toEqual([[1]]);
  });

  test('has an error of its own for Redis clients', async () => {
    await redis(b, 'SET', 'unsure', 'before');
    lose();
    const failure = await redis(b, 'SET', 'unsure', 'after');
    cluster.faults.clear();
    expect(failure).toMatch(/^-UNKNOWN .*; orbit transaction \S+ tells what became of it\.\r\n$/);
    expect(await outcome(failure, b)).toBe('committed\n');
    expect(await redis(a, 'GET', 'unsure')).toBe('$5\r\nafter\r\n');
  });
});

describe('health and metrics', () => {
  test('tell what became of requests', async () => {
    await redis(a, 'SET', 'm', '1');
    const { status, text } = await get(a, '/metrics');
    expect(status).toBe(200);
    expect(text).toMatch(/^orbit_tikv_operations_total\{provider="tikv",operation="write"\} [1-9]/m);
    expect(text).toMatch(/^orbit_tikv_request_seconds_count\{provider="tikv",method="KvPrewrite"\} [1-9]/m);
    expect(text).toMatch(/^orbit_tikv_commit_seconds_sum\{provider="tikv"\} [0-9]/m);
    expect(text).toMatch(/^orbit_tikv_connections\{provider="tikv"\} [1-9]/m);
    const health = JSON.parse((await get(a, '/health')).text) as object;
    expect(health).toMatchObject({ status: 'Healthy', providers: { tikv: { last_success: expect.any(String) } } });
  });

  test('say when a store is away, and that it is back', async () => {
    const [store] = cluster.stores;
    await listening.stopStore(store!.id);
    for (let i = 0; i < 20; i++) expect(await redis(a, 'SET', `away ${i}`, 'x')).toBe('+OK\r\n');
    await expect
      .poll(async () => JSON.parse((await get(a, '/health')).text), { timeout: 10_000 })
      .toMatchObject({
        status: 'Degraded',
        providers: { tikv: { reason: expect.stringContaining(store!.address) } },
      });
    await listening.startStore(store!.id);
    await expect
      .poll(async () => JSON.parse((await get(a, '/health')).text), { timeout: 10_000 })
      .toMatchObject({ status: 'Healthy' });
  });

  test('wait for PD while all of it is gone, in bounds, and go on', async () => {
    for (const index of [0, 1, 2]) await listening.stopPd(index);
    const waiting = redis(a, 'SET', 'patient', 'x');
    const unanswered = await Promise.race([waiting, new Promise((resolve) => setTimeout(resolve, 500, 'waits'))]);
    for (const index of [0, 1, 2]) await listening.startPd(index);
    expect(unanswered).toBe('waits');
    expect(await waiting).toBe('+OK\r\n');
  });

  test('outlast the leader of PD', async () => {
    await listening.stopPd(0);
    cluster.state.pd.leader = 1;
    for (let i = 0; i < 5; i++) expect(await redis(b, 'INCR', 'led')).toBe(`:${i + 1}\r\n`);
    await listening.startPd(0);
  });
});

describe('deployments', () => {
  test('may keep actors on TiKV and everything else on RocksDB', async () => {
    const toml = join(directory, 'mixed.toml');
    writeFileSync(
      toml,
      `[actors]
       modules = ["${join(directory, 'counter.ts')}"]
       [defaults]
       addressable = "local"
       cluster = "tikv-cluster"
       [providers.local]
       type = "RocksDB"
       [providers.tikv-cluster]
       type = "TiKV"
       pd_endpoints = ${JSON.stringify(listening.pdEndpoints)}
       key_prefix = "mixed"
       [routes.actors]
       counter = "tikv-cluster"`,
    );
    const startMixed = (name: string) =>
      ServerProcess.start({ dataDir: join(directory, name), args: ['--config', toml] });
    const first = await startMixed('mixed-1');
    await redis(first, 'SET', 'here', '1');
    expect(await redis(first, 'ACTOR.CALL', 'counter', 'mixed', 'add', '3')).toContain('3');
    expect(await redis(a, 'GET', 'here')).toBe('$-1\r\n');
    expect(await first.stop()).toBe(0);
    // Another server: it has the actor's state, which went with the lease, and nothing else.
    const second = await startMixed('mixed-2');
    expect(await redis(second, 'ACTOR.CALL', 'counter', 'mixed', 'add', '3')).toContain('6');
    expect(await redis(second, 'GET', 'here')).toBe('$-1\r\n');
    const health = JSON.parse((await get(second, '/health')).text) as object;
    expect(health).toMatchObject({
      providers: { local: { status: 'Healthy' }, 'tikv-cluster': { status: 'Healthy' } },
    });
    expect(await second.stop()).toBe(0);
  }, 180_000);

  test('are refused where the endpoints belong to two clusters', async () => {
    const other = new TestCluster({ environment: nodeEnvironment, stores: 1, pdMembers: 1, clusterId: 7_002n });
    const elsewhere = await listen(other);
    const endpoints = [...listening.pdEndpoints, ...elsewhere.pdEndpoints].join(',');
    const env = { ORBIT_PERSISTENCE_BACKEND: 'tikv', ORBIT_TIKV_PD_ENDPOINTS: endpoints };
    const server = ServerProcess.spawn({ dataDir: join(directory, 'two'), env });
    const { code } = await server.exited;
    expect(code).toBe(2);
    expect(server.stderr).toMatch(/127\.0\.0\.1:\d+ belongs to cluster 700[12], not to 700[12]/);
    await elsewhere.close();
  });
});
