/**
 * Whatever way the planner chooses, the rows are PostgreSQL's: random queries over a few tables, with and without
 * statistics and indexes, here and in PostgreSQL (PGlite).
 */

import { PGlite } from '@electric-sql/pglite';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { SqlEngine } from '../../src/query/sql/sql-engine.ts';
import { SqlSession } from '../../src/query/sql/sql-session.ts';
import { formatText } from '../../src/query/sql/types/text-form.ts';
import { UTC } from '../../src/query/sql/types/time-zone.ts';
import { openTestStore, platform, type TestStore } from '../support/stores.ts';

const seed = process.env.ORBIT_TEST_SEED ?? '1';
let store: TestStore;
let engine: SqlEngine;
let session: SqlSession;
let theirs: PGlite;

function generator(text: string): () => number {
  let state = 2_166_136_261;
  for (const character of text) state = Math.imul(state ^ character.charCodeAt(0), 16_777_619) >>> 0;
  return () => {
    state = (state + 0x6d2b_79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

beforeAll(async () => {
  store = await openTestStore('memory');
  engine = new SqlEngine({ store: store.store, platform });
  session = new SqlSession(engine, { user: 'orbit', database: 'actors', processId: 1 });
  theirs = await PGlite.create();
}, 60_000);

afterAll(async () => {
  session.close();
  engine.close();
  await store.dispose();
  await theirs.close();
});

const SETUP = [
  'CREATE TABLE a (id int PRIMARY KEY, x int, y int, t text, d date)',
  'CREATE TABLE b (k int, n int, a_id int, v numeric(10,2), t text, PRIMARY KEY (k, n))',
  'CREATE TABLE c (id bigint, a_id int, flag bool, note text)',
  `INSERT INTO a SELECT i, CASE WHEN i % 7 = 0 THEN NULL ELSE i % 20 END, i % 5, 't' || i % 11, date '2024-01-01' + i % 40
    FROM generate_series(1, 120) i`,
  `INSERT INTO b SELECT i / 4, i % 4, CASE WHEN i % 9 = 0 THEN NULL ELSE i % 130 END, (i % 37) / 4.0, 't' || i % 13
    FROM generate_series(1, 300) i`,
  `INSERT INTO c SELECT i % 50, i % 90, i % 3 = 0, CASE WHEN i % 4 = 0 THEN NULL ELSE 'n' || i % 6 END
    FROM generate_series(1, 150) i`,
];
const INDEXES = [
  'CREATE INDEX a_x ON a (x, y)',
  'CREATE INDEX a_d ON a (d DESC) INCLUDE (x)',
  'CREATE INDEX b_a ON b (a_id)',
  'CREATE INDEX b_t ON b (t, v)',
  'CREATE INDEX c_a ON c (a_id) WHERE flag',
  'CREATE INDEX c_id ON c (id DESC NULLS LAST)',
];

const COLUMNS = {
  a: { id: 'int', x: 'int', y: 'int', t: 'text', d: 'date' },
  b: { k: 'int', n: 'int', a_id: 'int', v: 'numeric', t: 'text' },
  c: { id: 'int', a_id: 'int', flag: 'bool', note: 'text' },
} as const;
type TableName = keyof typeof COLUMNS;

class Queries {
  readonly #random: () => number;

  constructor(from: string) {
    this.#random = generator(from);
  }

  #pick<T>(values: readonly T[]): T {
    return values[Math.floor(this.#random() * values.length)]!;
  }

  #chance(part: number): boolean {
    return this.#random() < part;
  }

  #int(max: number): number {
    return Math.floor(this.#random() * max);
  }

  #column(table: TableName, alias: string, type: string): string | undefined {
    const names = Object.entries(COLUMNS[table]).filter(([, each]) => each === type);
    return names.length === 0 ? undefined : `${alias}.${this.#pick(names)[0]}`;
  }

  #constant(type: string): string {
    switch (type) {
      case 'int':
        return String(this.#int(130));
      case 'numeric':
        return (this.#int(40) / 4).toFixed(2);
      case 'text':
        return `'${this.#pick(['t', 'n'])}${this.#int(12)}'`;
      case 'date':
        return this.#chance(0.5)
          ? `date '2024-01-${10 + this.#int(20)}'`
          : `timestamp '2024-01-${10 + this.#int(20)} 12:00'`;
      default:
        return this.#pick(['true', 'false']);
    }
  }

  /** A condition on one table. */
  #local(table: TableName, alias: string): string {
    const [name, type] = this.#pick(Object.entries(COLUMNS[table]));
    const column = `${alias}.${name}`;
    const value = () => this.#constant(type);
    switch (this.#int(9)) {
      case 0:
        return `${column} IS ${this.#chance(0.5) ? 'NOT ' : ''}NULL`;
      case 1:
        return `${column} IN (${value()}, ${value()}, ${value()})`;
      case 2:
        return `${column} BETWEEN ${value()} AND ${value()}`;
      case 3:
        return `(${column} = ${value()} OR ${this.#simple(table, alias)})`;
      case 4:
        return type === 'int'
          ? `${column} = ANY (ARRAY[${this.#int(130)}, ${this.#int(20)}])`
          : `${column} <> ${value()}`;
      default:
        return `${column} ${this.#pick(['=', '=', '<', '>', '<=', '>='])} ${value()}`;
    }
  }

  #simple(table: TableName, alias: string): string {
    const [name, type] = this.#pick(Object.entries(COLUMNS[table]));
    return `${alias}.${name} ${this.#pick(['=', '<', '>='])} ${this.#constant(type)}`;
  }

  /** An equality, mostly, between two tables. */
  #between(left: [TableName, string], right: [TableName, string]): string {
    const type = this.#pick(['int', 'int', 'int', 'text']);
    const [a, b] = [this.#column(left[0], left[1], type), this.#column(right[0], right[1], type)];
    if (a === undefined || b === undefined) return 'true';
    return `${a} ${this.#chance(0.9) ? '=' : '<'} ${b}`;
  }

  #subquery(outer: [TableName, string]): string {
    const table = this.#pick(['a', 'b', 'c'] as const);
    const inner: [TableName, string] = [table, 's'];
    const where = [this.#local(table, 's')];
    if (this.#chance(0.7)) where.push(this.#between(outer, inner));
    const not = this.#chance(0.3) ? 'NOT ' : '';
    if (this.#chance(0.5)) return `${not}EXISTS (SELECT 1 FROM ${table} s WHERE ${where.join(' AND ')})`;
    const [column, found] = [this.#column(outer[0], outer[1], 'int')!, this.#column(table, 's', 'int')!];
    const grouped = this.#chance(0.3) ? ` GROUP BY ${found}` : '';
    return `${column} ${not}IN (SELECT ${found} FROM ${table} s WHERE ${where.join(' AND ')}${grouped})`;
  }

  /** Keeps the planner off some methods, so that others have their turn. */
  switches(): string {
    const all = ['hashjoin', 'nestloop', 'mergejoin', 'seqscan', 'memoize', 'sort'];
    return all.map((each) => `SET enable_${each} = ${this.#chance(0.25) ? 'off' : 'on'}`).join('; ');
  }

  next(): { readonly text: string; readonly body: string; readonly ordered: boolean } {
    const { from, condition, text, ordered } = this.#query();
    return { text: text(`FROM ${from}${condition}`), body: `FROM ${from}${condition}`, ordered };
  }

  #query() {
    const count = 1 + this.#int(4);
    const tables = Array.from({ length: count }, (_, i): [TableName, string] => [
      this.#pick(['a', 'b', 'c'] as const),
      `t${i}`,
    ]);
    let from = `${tables[0]![0]} t0`;
    const where: string[] = [];
    for (let i = 1; i < count; i++) {
      const [name, alias] = tables[i]!;
      const on = this.#between(tables[this.#int(i)]!, tables[i]!);
      const kind = this.#int(10);
      if (kind < 6) {
        from += `, ${name} ${alias}`;
        where.push(on);
      } else {
        const extra = this.#chance(0.4) ? ` AND ${this.#local(name, alias)}` : '';
        const join = kind === 6 ? 'JOIN' : kind === 7 && this.#chance(0.5) ? 'RIGHT JOIN' : 'LEFT JOIN';
        // What stands before a comma cannot be told of in ON.
        from = `${from.replaceAll(/, (?=[abc] t)/g, ' CROSS JOIN ')} ${join} ${name} ${alias} ON ${on}${extra}`;
      }
    }
    for (const [name, alias] of tables) if (this.#chance(0.5)) where.push(this.#local(name, alias));
    if (this.#chance(0.35)) where.push(this.#subquery(this.#pick(tables)));
    const condition = where.length === 0 ? '' : ` WHERE ${where.join(' AND ')}`;
    const [name, alias] = this.#pick(tables);
    const column = `${alias}.${this.#pick(Object.keys(COLUMNS[name]))}`;
    const shared = { from, condition };
    const first = `${tables[0]![1]}.${Object.keys(COLUMNS[tables[0]![0]])[0]}`;
    const direction = this.#pick(['', ' DESC', ' DESC NULLS LAST', ' NULLS FIRST']);
    const limit = 1 + this.#int(20);
    const list = tables.map(([each, as]) => `${as}.${this.#pick(Object.keys(COLUMNS[each]))}`).join(', ');
    const forms: readonly { readonly ordered: boolean; readonly text: (body: string) => string }[] = [
      { ordered: true, text: (body) => `SELECT count(*), min(${column}::text), max(${column}::text) ${body}` },
      {
        ordered: false,
        text: (body) => `SELECT ${column}, count(*), count(DISTINCT ${first}) ${body} GROUP BY ${column}`,
      },
      { ordered: true, text: (body) => `SELECT ${column} ${body} ORDER BY 1${direction} LIMIT ${limit}` },
      { ordered: false, text: (body) => `SELECT DISTINCT ${column} ${body}` },
      { ordered: false, text: (body) => `SELECT ${list} ${body}` },
    ];
    return { ...shared, ...this.#pick(forms) };
  }
}

async function compare(queries: Queries, count: number): Promise<number> {
  let nonEmpty = 0;
  for (let i = 0; i < count; i++) {
    const { text, body, ordered } = queries.next();
    const size = await theirs.query<{ count: number }>(`SELECT count(*) ${body}`);
    // A product of everything with everything proves little and takes long.
    if (Number(size.rows[0]!.count) > 10_000) continue;
    const wanted = (await theirs.exec(text, { rowMode: 'array', parsers: PLAIN }))[0]!.rows as unknown as (
      | string
      | null
    )[][];
    await session.execute(queries.switches());
    const results = await session.execute(text).catch((error: unknown) => {
      // A product of tables may have to be held on the way to a small answer; here are no files to put it into.
      if ((error as { condition?: string }).condition === 'out_of_memory') return undefined;
      throw error;
    });
    if (results === undefined) continue;
    const { columns, rows } = results.at(-1)!;
    const found = rows.map((row) =>
      row.map((value, at) => (value === null ? null : formatText(columns![at]!.type, value, { zone: UTC }))),
    );
    const shown = (list: readonly (readonly (string | null)[])[]) => {
      const lines = list.map((row) => row.map((each) => each ?? 'NULL').join('|'));
      return ordered ? lines : lines.sort();
    };
    expect(shown(found), `seed ${seed}: ${text}`).toEqual(shown(wanted));
    if (wanted.length > 0) nonEmpty++;
  }
  return nonEmpty;
}

/** Values as they come on the wire. */
const PLAIN = Object.fromEntries(
  [16, 20, 21, 23, 25, 1043, 1082, 1114, 1700, 700, 701].map((oid) => [oid, (value: string) => value]),
);

test('queries answer as PostgreSQL without statistics, with them, and with indexes', async () => {
  const queries = new Queries(seed);
  for (const text of SETUP) {
    await theirs.exec(text);
    await session.execute(text);
  }
  let nonEmpty = await compare(queries, 40);
  await session.execute('ANALYZE');
  nonEmpty += await compare(queries, 50);
  for (const text of INDEXES) {
    await theirs.exec(text);
    await session.execute(text);
  }
  nonEmpty += await compare(queries, 90);
  // Most of them must show something to prove anything.
  expect(nonEmpty, `seed ${seed}`).toBeGreaterThan(25);
}, 180_000);
