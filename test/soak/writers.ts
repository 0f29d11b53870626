/**
 * Clients that write as fast as they are answered, each its own keys or rows, with a ledger of what they did.
 *
 * Redis: pipelines of SET, MSET, DEL and INCR, and of several of them between MULTI and EXEC. PostgreSQL: autocommit statements over one and several rows, and explicit
 * transactions over pairs of rows that must always agree. Values are unique. Besides, all of them touch something shared:
 * a counter, of which the bounds are known, and accounts, whose sum stays the same. Two of the tables have secondary indexes,
 * which must agree with their rows.
 *
 * Every answer is compared with what it must be: a client alone on its keys can foretell it.
 */

import pg from 'pg';
import type { SeededRandom } from '../../src/platform/simulated/seeded-random.ts';
import type { ServerProcess } from '../support/server.ts';
import { RawClient, request } from '../wire/resp-client.ts';
import { Ledger, type Write } from './ledger.ts';

/** Known outside of the writers: whether connections may break now. */
export interface Run {
  readonly ports: { readonly redis: number; readonly postgres: number };
  /** No new writes; what is under way is waited for. */
  stopping: boolean;
  /** The server was killed, so that connections break. */
  killed: boolean;
}

export function runOf(server: ServerProcess): Run {
  const ports = { redis: server.port('redis'), postgres: server.port('postgres') };
  return { ports, stopping: false, killed: false };
}

export interface Writer {
  readonly ledger: Ledger;
  /** What went wrong while it ran: answers that cannot be. */
  readonly problems: string[];
  /** Makes what it works on, once. */
  prepare(run: Run): Promise<void>;
  /** Writes until the run stops or the server dies. */
  write(run: Run): Promise<void>;
  /** All that the server holds of this writer's. */
  read(run: Run): Promise<Map<string, string>>;
  /** Goes on from what the ledger found. */
  resume(): void;
}

const FILLER = 'abcdefghijklmnopqrstuvwxyz0123456789'.repeat(600);

/** Mostly short, now and then long enough to make logs roll over. */
function payload(name: string, sequence: number, random: SeededRandom): string {
  const length = random.chance(0.01) ? random.int(20_000) : random.int(400);
  return `${name}.${sequence}.${FILLER.slice(0, length)}`;
}

/** State as the writer expects it, with all its own writes. */
function apply(state: Map<string, string>, write: Write): void {
  for (const [key, value] of write) {
    if (value === undefined) state.delete(key);
    else state.set(key, value);
  }
}

// ---- Redis

const KEYS = 150;
const COUNTERS = 5;
const PIPELINE_MAX = 48;
export const SHARED_COUNTER = 'shared-counter';

/** Increments of the shared counter over all writers. */
export class SharedCounter {
  attempted = 0;
  acknowledged = 0;

  /** @returns what is wrong with the value found; goes on from it. */
  verify(value: number): string[] {
    const { attempted, acknowledged } = this;
    this.attempted = value;
    this.acknowledged = value;
    return value >= acknowledged && value <= attempted
      ? []
      : [`the shared counter is ${value}, of ${acknowledged} acknowledged and ${attempted} attempted increments`];
  }
}

/** Commands of one atomic write: each with what it must answer, the last answer being the acknowledgement. */
interface Step {
  readonly commands: readonly (readonly string[])[];
  readonly replies: readonly string[];
  readonly write: Write;
}

export class RedisWriter implements Writer {
  readonly ledger: Ledger;
  readonly problems: string[] = [];
  readonly keys: readonly string[];
  readonly #random: SeededRandom;
  readonly #shared: SharedCounter;
  #current = new Map<string, string>();
  #sequence = 0;

  constructor(number: number, random: SeededRandom, shared: SharedCounter) {
    const name = `redis writer ${number}`;
    this.ledger = new Ledger(name);
    this.#random = random.fork(name);
    this.#shared = shared;
    this.keys = [
      ...Array.from({ length: KEYS }, (_, i) => `w${number}:key:${i}`),
      ...Array.from({ length: COUNTERS }, (_, i) => `w${number}:counter:${i}`),
    ];
  }

  async prepare(): Promise<void> {}

  async write(run: Run): Promise<void> {
    let client: RawClient | undefined;
    try {
      client = await RawClient.connect(run.ports.redis);
      while (!run.stopping) await this.#pipeline(client);
    } catch (error) {
      if (!run.killed) this.problems.push(`${this.ledger.name}: ${error}`);
    } finally {
      client?.close();
    }
  }

  async #pipeline(client: RawClient): Promise<void> {
    const random = this.#random;
    const commands: Buffer[] = [];
    /** What each command must answer; undefined for an increment of the shared counter. */
    const replies: { readonly expected: string | undefined; readonly commits?: boolean }[] = [];
    for (let left = 1 + random.int(random.chance(0.3) ? 1 : PIPELINE_MAX); left > 0; left--) {
      if (random.chance(0.05)) {
        commands.push(request('INCR', SHARED_COUNTER));
        replies.push({ expected: undefined });
        this.#shared.attempted++;
        continue;
      }
      const step = random.chance(0.15) ? this.#transaction() : this.#next();
      this.ledger.attempt(step.write);
      apply(this.#current, step.write);
      for (const [i, command] of step.commands.entries()) {
        commands.push(request(...command));
        replies.push({ expected: step.replies[i]!, commits: i === step.commands.length - 1 });
      }
    }
    client.send(Buffer.concat(commands));
    for (const { expected, commits } of replies) {
      const reply = await client.reply();
      if (expected === undefined) {
        if (/^:\d+\r\n$/.test(reply)) this.#shared.acknowledged++;
        else this.problems.push(`${this.ledger.name}: INCR answered ${JSON.stringify(reply)}`);
      } else if (reply === expected) {
        if (commits) this.ledger.acknowledge();
      } else {
        throw new Error(`answered ${JSON.stringify(reply)} for ${JSON.stringify(expected)}`);
      }
    }
  }

  /** Several commands between MULTI and EXEC, all of them or none; one in eight takes them back. */
  #transaction(): Step {
    const before = this.#current;
    this.#current = new Map(before);
    const write: [string, string | undefined][] = [];
    const commands: (readonly string[])[] = [['MULTI']];
    const answers: string[] = [];
    for (let left = 2 + this.#random.int(4); left > 0; left--) {
      const step = this.#next();
      apply(this.#current, step.write);
      write.push(...(step.write as typeof write));
      commands.push(...step.commands);
      answers.push(...step.replies);
    }
    this.#current = before;
    const queued = ['+OK\r\n', ...answers.map(() => '+QUEUED\r\n')];
    if (this.#random.chance(1 / 8)) {
      return { commands: [...commands, ['DISCARD']], replies: [...queued, '+OK\r\n'], write: [] };
    }
    const reply = `*${answers.length}\r\n${answers.join('')}`;
    return { commands: [...commands, ['EXEC']], replies: [...queued, reply], write };
  }

  #next(): Step {
    const random = this.#random;
    const value = payload(this.ledger.name, this.#sequence++, random);
    const someKeys = (max: number): string[] => [
      ...new Set(Array.from({ length: 1 + random.int(max) }, () => this.keys[random.int(KEYS)]!)),
    ];
    switch (random.int(6)) {
      case 0: {
        const counter = this.keys[KEYS + random.int(COUNTERS)]!;
        const next = String(Number(this.#current.get(counter) ?? '0') + 1);
        return { commands: [['INCR', counter]], write: [[counter, next]], replies: [`:${next}\r\n`] };
      }
      case 1: {
        const keys = someKeys(3);
        const present = keys.filter((key) => this.#current.has(key)).length;
        const write = keys.map((key) => [key, undefined] as const);
        return { commands: [['DEL', ...keys]], write, replies: [`:${present}\r\n`] };
      }
      case 2: {
        const keys = someKeys(6);
        const command = ['MSET', ...keys.flatMap((key) => [key, value])];
        return { commands: [command], write: keys.map((key) => [key, value] as const), replies: ['+OK\r\n'] };
      }
      default: {
        const [key] = someKeys(1);
        return { commands: [['SET', key!, value]], write: [[key!, value]], replies: ['+OK\r\n'] };
      }
    }
  }

  async read(run: Run): Promise<Map<string, string>> {
    return readKeys(run.ports.redis, this.keys);
  }

  resume(): void {
    this.#current = new Map(this.ledger.found);
  }
}

/** GET of each key in one pipeline over a raw socket; absent ones are left out. */
export async function readKeys(port: number, keys: readonly string[]): Promise<Map<string, string>> {
  const client = await RawClient.connect(port);
  try {
    client.send(Buffer.concat(keys.map((key) => request('GET', key))));
    const values = new Map<string, string>();
    for (const key of keys) {
      const reply = await client.reply();
      if (reply === '$-1\r\n') continue;
      const head = /^\$(\d+)\r\n/.exec(reply);
      if (head === null) throw new Error(`GET ${key} answered ${reply}`);
      values.set(key, reply.slice(head[0].length, -2));
    }
    return values;
  } finally {
    client.close();
  }
}

// ---- PostgreSQL

const PAIRS = 20;
const ACCOUNTS = 8;
const BALANCE = 1_000;
/** Rows of one writer have ids in a range of their own. */
const IDS_PER_WRITER = 1_000_000_000;
/** `serialization_failure` and `deadlock_detected`: the transaction did not happen. */
const RETRIED: readonly string[] = ['40001', '40P01'];

export const SCHEMA: readonly string[] = [
  'CREATE TABLE pairs (id bigint PRIMARY KEY, value text NOT NULL)',
  'CREATE TABLE entries (id bigint PRIMARY KEY, value text NOT NULL)',
  'CREATE INDEX entries_by_value ON entries (substr(value, 1, 60))',
  'CREATE UNIQUE INDEX pairs_by_value ON pairs (substr(value, 1, 60) DESC, id)',
  'CREATE TABLE accounts (id int PRIMARY KEY, balance bigint NOT NULL)',
  `INSERT INTO accounts VALUES ${Array.from({ length: ACCOUNTS }, (_, i) => `(${i}, ${BALANCE})`).join(', ')}`,
];

export class PostgresWriter implements Writer {
  readonly ledger: Ledger;
  readonly problems: string[] = [];
  readonly #random: SeededRandom;
  readonly #firstId: number;
  readonly #entries: number[] = [];
  #current = new Map<string, string>();
  #sequence = 0;
  #nextEntry: number;

  constructor(number: number, random: SeededRandom) {
    this.ledger = new Ledger(`postgres writer ${number}`);
    this.#random = random.fork(this.ledger.name);
    this.#firstId = (number + 1) * IDS_PER_WRITER;
    this.#nextEntry = this.#firstId;
  }

  async prepare(run: Run): Promise<void> {
    const client = await connectPostgres(run.ports.postgres);
    try {
      const rows = Array.from({ length: PAIRS * 2 }, (_, i) => [this.#firstId + i, 'new'] as const);
      await this.#statement(
        client,
        `INSERT INTO pairs VALUES ${rows.map((_, i) => `($${2 * i + 1}, $${2 * i + 2})`).join(', ')}`,
        rows.flat(),
        rows.map(([id, value]) => [`pairs ${id}`, value] as const),
      );
    } finally {
      await client.end();
    }
  }

  async write(run: Run): Promise<void> {
    let client: pg.Client | undefined;
    try {
      client = await connectPostgres(run.ports.postgres);
      while (!run.stopping) await this.#once(client);
      await client.end();
    } catch (error) {
      // An error with a code was answered by the server, and none of those may be.
      const answered = /^[0-9A-Z]{5}$/.test((error as { code?: string }).code ?? '');
      if (!run.killed || answered) this.problems.push(`${this.ledger.name}: ${error}`);
    }
  }

  async #once(client: pg.Client): Promise<void> {
    const random = this.#random;
    const value = payload(this.ledger.name, this.#sequence++, random);
    const pair = this.#firstId + 2 * random.int(PAIRS);
    const pairWrite: Write = [
      [`pairs ${pair}`, value],
      [`pairs ${pair + 1}`, value],
    ];
    switch (random.int(8)) {
      case 0: {
        const id = this.#newEntry();
        await this.#statement(client, 'INSERT INTO entries VALUES ($1, $2)', [id, value], [[`entries ${id}`, value]]);
        this.#entries.push(id);
        return;
      }
      case 1: {
        const ids = Array.from({ length: 2 + random.int(4) }, () => this.#newEntry());
        const values = ids.map((_, i) => `($${i + 2}, $1)`).join(', ');
        const write = ids.map((id) => [`entries ${id}`, value] as const);
        await this.#statement(client, `INSERT INTO entries (id, value) VALUES ${values}`, [value, ...ids], write);
        this.#entries.push(...ids);
        return;
      }
      case 2: {
        const write: Write = pairWrite;
        await this.#statement(
          client,
          'UPDATE pairs SET value = $1 WHERE id >= $2 AND id < $3',
          [value, pair, pair + 2],
          write,
        );
        return;
      }
      case 3: {
        const id = this.#entries.splice(random.int(Math.max(1, this.#entries.length)), 1)[0];
        if (id === undefined) return;
        await this.#statement(client, 'DELETE FROM entries WHERE id = $1', [id], [[`entries ${id}`, undefined]]);
        return;
      }
      case 4: {
        await client.query('BEGIN');
        for (const id of [pair, pair + 1]) await updatePair(client, id, value);
        await client.query('ROLLBACK');
        return;
      }
      case 5:
        return this.#transfer(client);
      case 6: {
        const { rows } = await client.query<{ id: string; value: string }>(
          'SELECT id, value FROM pairs WHERE id = $1 OR id = $2',
          [pair, pair + 1],
        );
        for (const row of rows) {
          const expected = this.#current.get(`pairs ${row.id}`);
          if (row.value !== expected) {
            this.problems.push(`${this.ledger.name}: read ${row.value.slice(0, 40)} for ${expected?.slice(0, 40)}`);
          }
        }
        if (rows.length !== 2) this.problems.push(`${this.ledger.name}: ${rows.length} rows of pair ${pair}`);
        return;
      }
      default: {
        const id = this.#newEntry();
        await client.query('BEGIN');
        await updatePair(client, pair, value);
        const inserted = await client.query('INSERT INTO entries VALUES ($1, $2)', [id, value]);
        if (inserted.rowCount !== 1) this.problems.push(`${this.ledger.name}: inserted ${inserted.rowCount} rows`);
        await updatePair(client, pair + 1, value);
        await this.#statement(client, 'COMMIT', [], [...pairWrite, [`entries ${id}`, value]]);
        this.#entries.push(id);
      }
    }
  }

  /** Sends what commits `write`. An error leaves it in flight: only a broken connection may end so. */
  async #statement(client: pg.Client, sql: string, values: readonly unknown[], write: Write): Promise<void> {
    this.ledger.attempt(write);
    apply(this.#current, write);
    const { rowCount } = await client.query(sql, [...values]);
    if (sql !== 'COMMIT' && rowCount !== write.length) {
      this.problems.push(`${this.ledger.name}: ${sql} touched ${rowCount} rows, not ${write.length}`);
    }
    this.ledger.acknowledge();
  }

  /** Between accounts that all writers share, in no particular order, so that there are deadlocks. */
  async #transfer(client: pg.Client): Promise<void> {
    const random = this.#random;
    const from = random.int(ACCOUNTS);
    const to = (from + 1 + random.int(ACCOUNTS - 1)) % ACCOUNTS;
    const amount = 1 + random.int(20);
    await client.query('BEGIN');
    try {
      await client.query('UPDATE accounts SET balance = balance - $1 WHERE id = $2', [amount, from]);
      await client.query('UPDATE accounts SET balance = balance + $1 WHERE id = $2', [amount, to]);
      await client.query('COMMIT');
    } catch (error) {
      if (!RETRIED.includes((error as { code?: string }).code ?? '')) throw error;
      await client.query('ROLLBACK');
    }
  }

  #newEntry(): number {
    return this.#nextEntry++;
  }

  async read(run: Run): Promise<Map<string, string>> {
    const client = await connectPostgres(run.ports.postgres);
    try {
      const found = new Map<string, string>();
      for (const table of ['pairs', 'entries']) {
        const { rows } = await client.query<{ id: string; value: string }>(
          `SELECT id, value FROM ${table} WHERE id >= $1 AND id < $2`,
          [this.#firstId, this.#firstId + IDS_PER_WRITER],
        );
        for (const { id, value } of rows) found.set(`${table} ${id}`, value);
      }
      return found;
    } finally {
      await client.end();
    }
  }

  resume(): void {
    this.#current = new Map(this.ledger.found);
    this.#entries.length = 0;
    for (const key of this.ledger.found.keys()) {
      if (key.startsWith('entries ')) this.#entries.push(Number(key.slice('entries '.length)));
    }
  }
}

async function updatePair(client: pg.Client, id: number, value: string): Promise<void> {
  const { rowCount } = await client.query('UPDATE pairs SET value = $1 WHERE id = $2', [value, id]);
  if (rowCount !== 1) throw new Error(`row ${id} of pairs is not there`);
}

/** What must hold of the tables as a whole, whoever wrote. @returns what does not. */
export async function checkTables(run: Run, rowsExpected: number): Promise<string[]> {
  const client = await connectPostgres(run.ports.postgres);
  try {
    const problems: string[] = [];
    const single = async (sql: string): Promise<number> => {
      const { rows } = await client.query<{ value: string }>(sql);
      return Number(rows[0]!.value);
    };
    const sum = await single('SELECT sum(balance) AS value FROM accounts');
    if (sum !== ACCOUNTS * BALANCE) problems.push(`the accounts hold ${sum}, not ${ACCOUNTS * BALANCE}`);
    const rows =
      (await single('SELECT count(*) AS value FROM pairs')) + (await single('SELECT count(*) AS value FROM entries'));
    if (rows !== rowsExpected) problems.push(`the tables have ${rows} rows, the writers know ${rowsExpected}`);
    const pairs = await client.query<{ id: string; value: string }>('SELECT id, value FROM pairs ORDER BY id');
    for (let i = 0; i + 1 < pairs.rows.length; i += 2) {
      const [one, other] = [pairs.rows[i]!, pairs.rows[i + 1]!];
      if (one.value !== other.value) problems.push(`rows ${one.id} and ${other.id} of pairs disagree`);
    }
    for (const table of ['pairs', 'entries']) problems.push(...(await checkIndex(client, table)));
    return problems;
  } finally {
    await client.end();
  }
}

/** An index tells of every row, of no other, and as often: read by it, the table is what it is read by its key. */
async function checkIndex(client: pg.Client, table: string): Promise<string[]> {
  interface Row {
    readonly id: string;
    readonly value: string;
  }
  const indexed = "substr(value, 1, 60) >= ''";
  const byKey = await client.query<Row>(`SELECT id, value FROM ${table} ORDER BY id`);
  const byIndex = await client.query<Row>(`SELECT id, value FROM ${table} WHERE ${indexed} ORDER BY id`);
  const counted = await client.query<{ value: string }>(`SELECT count(*) AS value FROM ${table} WHERE ${indexed}`);
  const problems: string[] = [];
  if (Number(counted.rows[0]!.value) !== byKey.rows.length) {
    problems.push(`the index of ${table} has ${counted.rows[0]!.value} entries for ${byKey.rows.length} rows`);
  }
  const other = byIndex.rows.findIndex((row, i) => row.id !== byKey.rows[i]?.id || row.value !== byKey.rows[i]?.value);
  if (other >= 0 || byIndex.rows.length !== byKey.rows.length) {
    problems.push(`read by its index, ${table} has other rows than read by its key`);
  }
  return problems;
}

export async function connectPostgres(port: number): Promise<pg.Client> {
  const client = new pg.Client({ host: '127.0.0.1', port, user: 'orbit', database: 'actors' });
  client.on('error', () => {}); // Queries hear of it.
  await client.connect();
  return client;
}
