/**
 * Bank transfers and list appends as SQL of several connections, what clients saw checked as in histories.ts: at SERIALIZABLE
 * there is one order of all transactions that explains it, at REPEATABLE READ none of the cycles that snapshots exclude, at
 * READ COMMITTED none of those of writes and of what was written. A transaction that is refused (`40001`, `40P01`) is not
 * repeated: the workload goes on with another one.
 */

import pg from 'pg';
import { SeededRandom } from '../../src/platform/simulated/seeded-random.ts';
import type { Isolation } from '../../src/storage/store.ts';
import { checkListAppend, type ListOperation, type ListTransaction } from './histories.ts';

export interface SqlHistoryOptions {
  readonly config: pg.ClientConfig;
  readonly seed: number | string;
  readonly level: SqlLevel;
  /** To attempt, over all clients. */
  readonly transactions: number;
  readonly clients: number;
}

export type SqlLevel = 'read committed' | 'repeatable read' | 'serializable';

export interface SqlHistoryResult {
  readonly committed: number;
  readonly refused: number;
  readonly anomalies: readonly string[];
}

const STORE_LEVEL: Readonly<Record<SqlLevel, Isolation>> = {
  'read committed': 'readCommitted',
  'repeatable read': 'snapshot',
  serializable: 'serializable',
};

const LISTS = 5;
const LIST_VALUES_MAX = 40;

/** Lists are arrays in rows; appended to by UPDATE, by INSERT … ON CONFLICT, or after SELECT … FOR UPDATE. */
export async function runSqlListAppend(options: SqlHistoryOptions): Promise<SqlHistoryResult> {
  const history: ListTransaction[] = [];
  let nextValue = 1;
  let nextList = LISTS;
  const lists = Array.from({ length: LISTS }, (_, i) => i);
  const setUp = ['drop table if exists lists', 'create table lists (k int primary key, v int[] not null)'];
  const counts = await runClients(options, setUp, async (client, random, note) => {
    const operations: ListOperation[] = [];
    note((status, began, ended) => history.push({ operations, status, began, ended }));
    for (let left = 1 + random.int(4); left > 0; left--) {
      const at = random.int(LISTS);
      const k = lists[at]!;
      if (random.chance(0.5)) {
        const values = await read(client, k, random);
        operations.push({ kind: 'read', key: String(k), values });
        continue;
      }
      const value = nextValue++;
      if (random.chance(0.2)) await client.query('select v from lists where k = $1 for update', [k]);
      const appended = await client.query(
        random.chance(0.5)
          ? 'insert into lists values ($1, array[$2::int]) on conflict (k) do update set v = lists.v || excluded.v returning cardinality(v) as n'
          : 'update lists set v = v || $2::int where k = $1 returning cardinality(v) as n',
        [k, value],
      );
      // An UPDATE of a list that is not there yet has done nothing.
      if (appended.rows.length === 0) continue;
      operations.push({ kind: 'append', key: String(k), value });
      if (appended.rows[0].n >= LIST_VALUES_MAX && lists[at] === k) lists[at] = nextList++;
    }
  });
  const isolation = STORE_LEVEL[options.level];
  // Lists that nobody reads at the end are short of nothing: one more transaction reads them all.
  const last = new pg.Client(options.config);
  await last.connect();
  const { rows } = await last.query('select k, v from lists');
  await last.end();
  const end = counts.moment + 1;
  history.push({
    operations: rows.map(({ k, v }): ListOperation => ({ kind: 'read', key: String(k), values: v })),
    status: 'committed',
    began: end,
    ended: end + 1,
  });
  return { ...counts, anomalies: named(options, checkListAppend(history, isolation)) };
}

async function read(client: pg.Client, k: number, random: SeededRandom): Promise<readonly number[]> {
  const sql = random.pick([
    'select v from lists where k = $1',
    'select v from lists where k >= $1 and k <= $1 order by k limit 1',
    'select v from lists where k = $1 or k = -$1 - 1',
    'select v from lists where k + 0 = $1',
  ]);
  const { rows } = await client.query(sql, [k]);
  return rows.length === 0 ? [] : rows[0].v;
}

const ACCOUNTS = 8;
const BALANCE = 100;

/** Transfers keep the sum; who reads all accounts in one statement sees all of it, above READ COMMITTED also in several. */
export async function runSqlBank(options: SqlHistoryOptions): Promise<SqlHistoryResult> {
  const anomalies: string[] = [];
  const setUp = [
    'drop table if exists accounts',
    'create table accounts (id int primary key, balance int not null check (balance >= 0))',
    `insert into accounts select g, ${BALANCE} from generate_series(0, ${ACCOUNTS - 1}) g`,
  ];
  const audit = (sum: number, how: string): void => {
    if (sum !== ACCOUNTS * BALANCE) anomalies.push(`${how} saw a sum of ${sum}`);
  };
  const counts = await runClients(options, setUp, async (client, random) => {
    if (random.int(4) === 0) {
      const one = await client.query('select sum(balance)::int as s from accounts');
      audit(one.rows[0].s, 'one statement');
      if (options.level === 'read committed') return;
      let sum = 0;
      for (let id = 0; id < ACCOUNTS; id++) {
        sum += (await client.query('select balance from accounts where id = $1', [id])).rows[0].balance;
      }
      audit(sum, 'a series of statements');
      return;
    }
    const from = random.int(ACCOUNTS);
    const to = (from + 1 + random.int(ACCOUNTS - 1)) % ACCOUNTS;
    const amount = 1 + random.int(BALANCE / 2);
    const lock = random.pick(['', ' for update', ' for no key update']);
    const isLocked = lock !== '' || options.level === 'read committed';
    const found = await client.query(
      `select balance from accounts where id = $1${isLocked && lock === '' ? ' for update' : lock}`,
      [from],
    );
    if (found.rows[0].balance < amount) return;
    await client.query('update accounts set balance = balance - $2 where id = $1', [from, amount]);
    await client.query('update accounts set balance = balance + $2 where id = $1', [to, amount]);
  });
  const last = new pg.Client(options.config);
  await last.connect();
  audit((await last.query('select sum(balance)::int as s from accounts')).rows[0].s, 'the end');
  await last.end();
  return { ...counts, anomalies: named(options, anomalies) };
}

type Ended = (status: ListTransaction['status'], began: number, ended: number) => void;

async function runClients(
  { config, seed, level, transactions, clients }: SqlHistoryOptions,
  setUp: readonly string[],
  body: (client: pg.Client, random: SeededRandom, note: (ended: Ended) => void) => Promise<void>,
): Promise<{ readonly committed: number; readonly refused: number; readonly moment: number }> {
  const first = new pg.Client(config);
  await first.connect();
  for (const sql of setUp) await first.query(sql);
  await first.end();
  const root = new SeededRandom(seed);
  let left = transactions;
  let committed = 0;
  let refused = 0;
  let moment = 0;
  const run = async (number: number): Promise<void> => {
    const random = root.fork(`client ${number}`);
    const client = new pg.Client(config);
    await client.connect();
    try {
      while (left-- > 0) {
        let ended: Ended | undefined;
        let status: ListTransaction['status'] = 'aborted';
        const began = moment++;
        try {
          await client.query(`begin isolation level ${level}`);
          await body(client, random, (callback) => {
            ended = callback;
          });
          if (random.int(20) === 0) await client.query('rollback');
          else {
            await client.query('commit');
            status = 'committed';
            committed++;
          }
        } catch (error) {
          const { code } = error as pg.DatabaseError;
          if (code !== '40001' && code !== '40P01') throw error;
          refused++;
          await client.query('rollback');
        } finally {
          ended?.(status, began, moment++);
        }
      }
    } finally {
      await client.end();
    }
  };
  await Promise.all(Array.from({ length: clients }, (_, number) => run(number)));
  return { committed, refused, moment };
}

function named({ seed, level }: SqlHistoryOptions, anomalies: readonly string[]): readonly string[] {
  return anomalies.map((anomaly) => `seed ${seed}, ${level}: ${anomaly}`);
}
