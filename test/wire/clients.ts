/**
 * Stock clients as applications use them: pools of connections, mixed operations, every answer compared with what it must be. Used by
 * the tests, in short, and by `npm run soak -- clients`.
 *
 * Each worker of a pool has keys or rows of its own and a model of them; only counters are shared, and only their sums compared.
 */

import { Redis } from 'ioredis';
import pg from 'pg';
import postgres from 'postgres';
import { createClientPool } from 'redis';
import { SeededRandom } from '../../src/platform/simulated/seeded-random.ts';

export interface ClientsOptions {
  readonly seed: number | string;
  readonly port: number;
  /** Over all connections. */
  readonly operations: number;
  readonly connections: number;
}

/** @throws Error where an answer is not what it must be, naming the worker and its operation. */
export type ClientRun = (options: ClientsOptions) => Promise<void>;

export const CLIENTS: Readonly<Record<string, { readonly protocol: 'redis' | 'postgres'; readonly run: ClientRun }>> = {
  ioredis: { protocol: 'redis', run: runIoredis },
  'node-redis': { protocol: 'redis', run: runNodeRedis },
  'node-postgres': { protocol: 'postgres', run: runNodePostgres },
  'postgres.js': { protocol: 'postgres', run: runPostgresJs },
};

const TABLES = [
  'drop table if exists client_rows',
  'drop table if exists client_counters',
  'create table client_rows (id int primary key, worker int not null, name text not null, amount numeric(12,2), active boolean not null, at timestamptz not null)',
  'create table client_counters (id int primary key, n bigint not null)',
  'insert into client_counters values (0, 0), (1, 0), (2, 0), (3, 0)',
];

/** An empty server, or one that others have used, made ready for a run. */
export async function prepare(protocol: 'redis' | 'postgres', port: number): Promise<void> {
  if (protocol === 'redis') {
    const client = new Redis({ port, retryStrategy: null });
    await client.flushall();
    await client.quit();
    return;
  }
  const client = new pg.Client({ host: '127.0.0.1', port, user: 'orbit', database: 'actors' });
  await client.connect();
  for (const statement of TABLES) await client.query(statement);
  await client.end();
}

function check(actual: unknown, expected: unknown, what: string): void {
  const [a, e] = [JSON.stringify(actual), JSON.stringify(expected)];
  if (a !== e) throw new Error(`${what}: ${a?.slice(0, 300)} for ${e?.slice(0, 300)}`);
}

/** Runs `once` on each of `connections` workers, so often that all together do `operations`. */
async function workers(
  { seed, operations, connections }: ClientsOptions,
  make: (worker: number, random: SeededRandom) => (step: number) => Promise<void>,
): Promise<void> {
  const random = new SeededRandom(`${seed} clients`);
  const each = Math.ceil(operations / connections);
  await Promise.all(
    Array.from({ length: connections }, async (_, worker) => {
      const once = make(worker, random.fork(`worker ${worker}`));
      for (let step = 0; step < each; step++) await once(step);
    }),
  );
}

// ---- Redis

/** What both clients of Redis can do, under one name. */
interface RedisLike {
  /** @returns replies of simple commands: strings, numbers, null. */
  call(args: readonly string[]): Promise<unknown>;
  /** All at once, without a transaction or within one. */
  many(commands: readonly (readonly string[])[], transaction: boolean): Promise<readonly unknown[]>;
}

const VALUE_BYTES_MAX = 3_000;

function redisWorker(client: RedisLike, worker: number, random: SeededRandom): (step: number) => Promise<void> {
  const model = new Map<string, string>();
  const key = () => `w${worker}:${random.int(20)}`;
  const value = (step: number) =>
    `${worker}.${step}.é${'x'.repeat(random.int(random.chance(0.05) ? 40 * VALUE_BYTES_MAX : 200))}`;
  return async (step) => {
    const what = `worker ${worker}, step ${step}`;
    const name = key();
    switch (random.int(10)) {
      case 0:
      case 1: {
        const set = value(step);
        check(await client.call(['SET', name, set]), 'OK', `${what} SET`);
        model.set(name, set);
        return;
      }
      case 2:
      case 3:
        return check(await client.call(['GET', name]), model.get(name) ?? null, `${what} GET`);
      case 4: {
        const present = model.delete(name) ? 1 : 0;
        return check(await client.call(['DEL', name]), present, `${what} DEL`);
      }
      case 5: {
        const names = [key(), key(), key()];
        const expected = names.map((one) => model.get(one) ?? null);
        return check(await client.call(['MGET', ...names]), expected, `${what} MGET`);
      }
      case 6: {
        const commands = Array.from({ length: 1 + random.int(30) }, (_, i) => ['SET', key(), `${step}.${i}`]);
        for (const [, one, set] of commands) model.set(one!, set!);
        const transaction = random.chance(0.5);
        return check(
          await client.many(commands, transaction),
          commands.map(() => 'OK'),
          `${what} many`,
        );
      }
      case 7:
        await client.call(['INCR', 'shared']);
        return;
      case 8: {
        const more = `+${step}`;
        const appended = (model.get(name) ?? '') + more;
        model.set(name, appended);
        return check(await client.call(['APPEND', name, more]), Buffer.byteLength(appended), `${what} APPEND`);
      }
      default: {
        const set = value(step);
        check(await client.call(['SET', name, set, 'EX', '1000']), 'OK', `${what} SET EX`);
        model.set(name, set);
        const left = Number(await client.call(['TTL', name]));
        if (left < 1 || left > 1_000) throw new Error(`${what}: a TTL of ${left}`);
      }
    }
  };
}

async function runIoredis(options: ClientsOptions): Promise<void> {
  const pool = Array.from(
    { length: options.connections },
    () => new Redis({ port: options.port, retryStrategy: null, maxRetriesPerRequest: 0, lazyConnect: true }),
  );
  try {
    await Promise.all(pool.map((client) => client.connect()));
    await workers(options, (worker, random) => {
      const client = pool[worker]!;
      const like: RedisLike = {
        call: ([name, ...args]) => client.call(name!, ...args),
        async many(commands, transaction) {
          const pipeline = transaction ? client.multi() : client.pipeline();
          for (const [name, ...args] of commands) pipeline.call(name!, ...args);
          return (await pipeline.exec())!.map(([error, reply]) => (error === null ? reply : String(error)));
        },
      };
      return redisWorker(like, worker, random);
    });
  } finally {
    for (const client of pool) client.disconnect();
  }
}

async function runNodeRedis(options: ClientsOptions): Promise<void> {
  const pool = createClientPool(
    { socket: { host: '127.0.0.1', port: options.port, reconnectStrategy: false }, RESP: 3 },
    { minimum: options.connections, maximum: options.connections },
  );
  await pool.connect();
  try {
    const like: RedisLike = {
      call: (args) => pool.sendCommand([...args]),
      many: async (commands, transaction) => {
        const multi = pool.multi();
        for (const args of commands) multi.addCommand([...args]);
        return transaction ? await multi.exec() : await multi.execAsPipeline();
      },
    };
    await workers(options, (worker, random) => redisWorker(like, worker, random));
  } finally {
    pool.destroy();
  }
}

// ---- PostgreSQL

interface Row {
  readonly id: number;
  readonly name: string;
  readonly amount: string | null;
  readonly active: boolean;
  readonly at: Date;
}

interface SqlLike {
  /** `$1` and so on in `text`. @throws with `code` for an error of the server. */
  query(text: string, values: readonly unknown[]): Promise<readonly Record<string, unknown>[]>;
  /** Takes back what `work` did when it throws. */
  transaction(work: (query: SqlLike['query']) => Promise<void>): Promise<void>;
}

const COLUMNS = 'id, name, amount, active, at';

function sqlWorker(sql: SqlLike, worker: number, random: SeededRandom): (step: number) => Promise<void> {
  const model = new Map<number, Row>();
  const first = worker * 1_000_000;
  let next = first;
  const some = () => [...model.keys()][random.int(Math.max(1, model.size))] ?? first;
  const newRow = (): Row => ({
    id: next++,
    name: `n${random.int(50)} é'"\\ ${'y'.repeat(random.int(200))}`,
    amount: random.chance(0.2) ? null : (random.int(1_000_000) / 100).toFixed(2),
    active: random.chance(0.5),
    at: new Date(1_700_000_000_000 + random.int(1_000_000_000)),
  });
  const insert = async (query: SqlLike['query'], row: Row) => {
    const values = [row.id, worker, row.name, row.amount, row.active, row.at];
    await query('insert into client_rows values ($1, $2, $3, $4, $5, $6)', values);
  };
  return async (step) => {
    const what = `worker ${worker}, step ${step}`;
    switch (random.int(9)) {
      case 0:
      case 1: {
        const row = newRow();
        await insert(sql.query, row);
        model.set(row.id, row);
        return;
      }
      case 2:
      case 3: {
        const id = some();
        const rows = await sql.query(`select ${COLUMNS} from client_rows where id = $1`, [id]);
        const row = model.get(id);
        return check(rows, row === undefined ? [] : [row], `${what} select`);
      }
      case 4: {
        const row = model.get(some());
        if (row === undefined) return;
        const renamed = { ...row, name: `renamed ${step}`, active: !row.active };
        const rows = await sql.query(
          `update client_rows set name = $1, active = $2 where id = $3 returning ${COLUMNS}`,
          [renamed.name, renamed.active, row.id],
        );
        model.set(row.id, renamed);
        return check(rows, [renamed], `${what} update`);
      }
      case 5: {
        const id = some();
        const rows = await sql.query('delete from client_rows where id = $1 returning id', [id]);
        return check(rows, model.delete(id) ? [{ id }] : [], `${what} delete`);
      }
      case 6: {
        const rows = await sql.query(
          'select count(*) as n, count(amount) as amounts, min(id) as least from client_rows where id >= $1 and id < $2 and active = $3',
          [first, first + 1_000_000, true],
        );
        const active = [...model.values()].filter((row) => row.active);
        const amounts = active.filter((row) => row.amount !== null).length;
        const least = active.length === 0 ? null : Math.min(...active.map(({ id }) => id));
        return check(rows, [{ n: String(active.length), amounts: String(amounts), least }], `${what} count`);
      }
      case 7: {
        // A row that is there already: the error has its code, and the connection goes on.
        const row = newRow();
        await insert(sql.query, row);
        model.set(row.id, row);
        const error = await insert(sql.query, row).then(
          () => undefined,
          (thrown: { code?: string }) => thrown,
        );
        return check(error?.code, '23505', `${what} duplicate`);
      }
      default: {
        const row = newRow();
        const takesBack = random.chance(0.3);
        const done = sql.transaction(async (query) => {
          await insert(query, row);
          await query('update client_counters set n = n + 1 where id = $1', [random.int(4)]);
          const rows = await query(`select ${COLUMNS} from client_rows where id = $1`, [row.id]);
          check(rows, [row], `${what} within its transaction`);
          if (takesBack) throw new Error('taken back');
        });
        if (!takesBack) model.set(row.id, row);
        await done.catch((error: Error) => {
          if (error.message !== 'taken back') throw error;
        });
      }
    }
  };
}

async function runNodePostgres(options: ClientsOptions): Promise<void> {
  const pool = new pg.Pool({
    host: '127.0.0.1',
    port: options.port,
    user: 'orbit',
    database: 'actors',
    max: options.connections,
  });
  pool.on('error', () => {});
  const run = async (client: pg.Pool | pg.PoolClient, text: string, values: readonly unknown[], named: boolean) => {
    // Half of them prepared under a name.
    const name = named ? { name: String(text.length) + text.slice(0, 40) } : {};
    return (await client.query({ text, values: [...values], ...name })).rows as Record<string, unknown>[];
  };
  try {
    await workers(options, (worker, random) => {
      const like: SqlLike = {
        query: (text, values) => run(pool, text, values, worker % 2 === 0),
        async transaction(work) {
          const client = await pool.connect();
          try {
            await client.query('begin');
            await work((text, values) => run(client, text, values, worker % 2 === 0));
            await client.query('commit');
          } catch (error) {
            await client.query('rollback');
            throw error;
          } finally {
            client.release();
          }
        },
      };
      return sqlWorker(like, worker, random);
    });
  } finally {
    await pool.end();
  }
}

/** Whether the server tells of its types, as postgres.js asks it to at the beginning of each connection. */
async function tellsTypes(port: number): Promise<boolean> {
  const client = new pg.Client({ host: '127.0.0.1', port, user: 'orbit', database: 'actors' });
  await client.connect();
  try {
    await client.query('select oid from pg_catalog.pg_type limit 1');
    return true;
  } catch (error) {
    if ((error as { code?: string }).code === '42P01') return false;
    throw error;
  } finally {
    await client.end();
  }
}

async function runPostgresJs(options: ClientsOptions): Promise<void> {
  const sql = postgres({
    fetch_types: await tellsTypes(options.port),
    host: '127.0.0.1',
    port: options.port,
    user: 'orbit',
    database: 'actors',
    max: options.connections,
    onnotice: () => {},
  });
  const run = async (client: postgres.Sql | postgres.TransactionSql, text: string, values: readonly unknown[]) =>
    (await client.unsafe(text, [...values] as postgres.ParameterOrJSON<never>[], { prepare: true })).map((row) => ({
      ...row,
    }));
  try {
    await workers(options, (worker, random) => {
      const like: SqlLike = {
        query: (text, values) => run(sql, text, values),
        transaction: async (work) => {
          await sql.begin((transaction) => work((text, values) => run(transaction, text, values)));
        },
      };
      return sqlWorker(like, worker, random);
    });
  } finally {
    await sql.end({ timeout: 5 });
  }
}
