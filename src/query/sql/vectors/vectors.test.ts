/**
 * Queries over vectors answer as the same queries over rows: `OFFSET 0` in between makes a scan give rows. The values are
 * those at the ends of what vectors can hold, and beyond.
 */

import { afterAll, beforeAll, expect, test } from 'vitest';
import { openTestStore, platform, type TestStore } from '../../../../test/support/stores.ts';
import { Simulation } from '../../../platform/simulated/simulation.ts';
import { SqlEngine } from '../sql-engine.ts';
import { SqlSession } from '../sql-session.ts';

const seed = process.env.ORBIT_TEST_SEED ?? '1';
const { random } = new Simulation(seed);
const ROWS = 2_000;
const QUERIES = 80;
const JOINS = 40;

let fixture: TestStore;
let engine: SqlEngine;
let session: SqlSession;

/** Values as SQL writes them, those that come first more often. */
const COLUMNS: Readonly<Record<string, { readonly type: string; readonly values: readonly string[] }>> = {
  i: { type: 'int', values: ['1', '2', '3', '-7', 'null', '2147483647', '-2147483648'] },
  l: { type: 'bigint', values: ['1', '2', 'null', '9007199254740993', '-4'] },
  m: { type: 'numeric(15,2)', values: ['0.05', '1', '12.34', '-0.01', 'null', '9999999999999.99'] },
  n: { type: 'numeric', values: ['0.5', '0.50', '1', '-3', 'null', "'NaN'", '123456789012345678901.5', '1e-12'] },
  d: { type: 'date', values: ["'2024-02-29'", "'1999-12-31'", 'null', "'infinity'", "'-infinity'"] },
  f: { type: 'float8', values: ['0', "'-0'", '1.5', "'NaN'", 'null', "'infinity'"] },
  s: {
    type: 'text',
    values: ["'a'", "'abc'", "'special requests'", "''", 'null', "'é𝄞'", "'a '", `'${'x'.repeat(200)}'`],
  },
  c: { type: 'char(6)', values: ["'a'", "'abcdef'", 'null', "''", "'é'"] },
};
const NAMES = Object.keys(COLUMNS);

/** One of the columns is of few values in each stretch of the table, so that vectors are tried first. */
function written(name: string, i: number): string {
  const { values } = COLUMNS[name]!;
  const plain = Math.floor(i / 700) % 2 === NAMES.indexOf(name) % 2;
  return values[random.int(plain ? 3 : values.length)]!;
}

function pick<T>(values: readonly T[]): T {
  return values[random.int(values.length)]!;
}

function condition(): string {
  const name = pick(NAMES);
  const operator = pick(['=', '<>', '<', '<=', '>', '>=']);
  switch (random.int(9)) {
    case 0:
      return `${name} is ${pick(['null', 'not null'])}`;
    case 1:
      return `s ${pick(['like', 'not like'])} ${pick(["'%special%requests%'", "'a%'", "'%'", "'abc'", "'a_c'", "'%a%a%'", "'%𝄞'"])}`;
    case 2:
      return `(${condition()} or ${condition()})`;
    case 3:
      return `m * ${pick(['2', '1.5', 'n', '0.001'])} ${operator} n - ${pick(['1', 'm', '0.25'])}`;
    case 4:
      return `i ${operator} id`;
    default:
      return `${name} ${operator} ${pick(COLUMNS[name]!.values)}`;
  }
}

const AGGREGATES = [
  'count(*)',
  'sum(i)',
  'avg(i)',
  'sum(l)',
  'sum(m)',
  'avg(m)',
  'sum(n)',
  'sum(m * (1 - m))',
  'sum(m * m * m)',
  'sum(m - n)',
  'sum(f)',
  'min(s)',
  'max(c)',
  'min(d)',
  'max(m)',
  'count(s)',
  'count(i + 1)',
  'bool_and(m > 0)',
  "count(*) filter (where s like 'a%' and i > 0)",
  'sum(id) filter (where m > 1)',
];

function query(from: string): (table: string) => string {
  const keys = Array.from({ length: random.int(3) }, () => pick([...NAMES, 'i + 0', 'id % 7', 'm * 2']));
  const aggregates = Array.from({ length: 1 + random.int(4) }, () => pick(AGGREGATES));
  const where = random.chance(0.7)
    ? ` where ${Array.from({ length: 1 + random.int(2) }, condition).join(' and ')}`
    : '';
  const group = keys.length === 0 ? '' : ` group by ${keys.join()}`;
  return (table) => `select ${[...keys, ...aggregates].join()} from ${table} ${from}${where}${group}`;
}

async function answer(text: string): Promise<string> {
  try {
    const [result] = await session.execute(text);
    const rows = (result as { readonly rows: readonly (readonly unknown[])[] }).rows;
    return rows.map((row) => row.map((value) => (Object.is(value, -0) ? '-0' : String(value))).join('|')).join('\n');
  } catch (error) {
    return String(error);
  }
}

beforeAll(async () => {
  fixture = await openTestStore('memory');
  engine = new SqlEngine({ store: fixture.store, platform });
  session = new SqlSession(engine, { user: 'orbit', database: 'orbit', processId: 1 });
  const columns = NAMES.map((name) => `${name} ${COLUMNS[name]!.type}`).join();
  for (const [table, id] of [
    ['keyed', 'id int primary key'],
    ['keyless', 'id int'],
  ]) {
    await session.execute(`create table ${table} (${id}, ${columns})`);
    for (let i = 0; i < ROWS; i += 500) {
      const rows = Array.from(
        { length: 500 },
        (_, at) => `(${i + at}, ${NAMES.map((name) => written(name, i + at)).join()})`,
      );
      await session.execute(`insert into ${table} values ${rows.join()}`);
    }
    await session.execute(`alter table ${table} add column late int default 5`);
    await session.execute(
      `insert into ${table} select id + ${ROWS}, i, l, m, n, d, f, s, c, 6 from ${table} where id < 99`,
    );
  }
});

afterAll(async () => {
  engine.close();
  await fixture.dispose();
});

test.each(['keyed', 'keyless'])(
  'what is grouped and added up is the same over vectors, of a %s table',
  async (table) => {
    for (let i = 0; i < QUERIES; i++) {
      const text = query('t');
      const [over, rows] = [text(table), text(`(select * from ${table} offset 0)`)];
      expect(await answer(over), `ORBIT_TEST_SEED=${seed}: ${over}`).toBe(await answer(rows));
    }
    expect(await answer(`select late, count(*), sum(late) from ${table} group by late`)).toBe(
      `5|${ROWS}|${ROWS * 5}\n6|99|594`,
    );
  },
);

/** What is equal may have few values in one side only, or there would be too many pairs. */
function join(): (left: string, right: string) => string {
  const keys = Array.from({ length: 1 + random.int(3) }, () => pick(NAMES));
  const on = ['a.id % 97 = b.id', ...keys.map((name) => `a.${name} = b.${name}`)].slice(random.int(2));
  const kind = pick(['join', 'left join', 'semi', 'anti']);
  const places = 'b.id < 97';
  const columns = pick(['a.id, b.id', 'a.s, b.c, b.n', 'count(*), sum(a.id), sum(b.m), max(b.s)']);
  if (kind === 'semi' || kind === 'anti') {
    const not = kind === 'anti' ? 'not ' : '';
    const own = columns.replaceAll('b.', 'a.');
    return (left, right) =>
      `select ${own} from ${left} a where ${not}exists (select 1 from ${right} b where ${on.join(' and ')} and ${places})`;
  }
  const more = kind === 'join' && random.chance(0.5) ? ` and a.i + 0.5 < b.m` : '';
  return (left, right) =>
    `select ${columns} from ${left} a ${kind} ${right} b on ${on.join(' and ')} and ${places}${more}`;
}

test('what is joined is the same over vectors', async () => {
  const sorted = async (text: string) => (await answer(text)).split('\n').toSorted().join('\n');
  for (let i = 0; i < JOINS; i++) {
    const text = join();
    const over = text('keyed', 'keyless');
    const rows = text('(select * from keyed offset 0)', 'keyless');
    expect(await sorted(over), `ORBIT_TEST_SEED=${seed}: ${over}`).toBe(await sorted(rows));
  }
});
