/** Indexes USING gin find the rows that reading the whole table finds, whatever is in them and whatever happens to them. */

import pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { SeededRandom } from '../../src/platform/simulated/seeded-random.ts';
import { type PgServer, startPgServer } from './pg-server.ts';

const seed = process.env.ORBIT_TEST_SEED ?? String(Math.trunc(Math.random() * 2 ** 31));
const random = new SeededRandom(seed);
const pick = <T>(all: readonly T[]): T => all[random.int(all.length)]!;

let server: PgServer;
let client: pg.Client;

beforeAll(async () => {
  server = await startPgServer();
  client = new pg.Client(server.config);
  await client.connect();
});

afterAll(async () => {
  await client?.end();
  await server?.stop();
});

/** Few names and values, so that documents have much in common. */
function json(depth = 0): unknown {
  const kind = random.int(depth > 2 ? 5 : 9);
  if (kind < 5) return pick([null, true, false, 0, 1, 1.5, -2, 'a', 'b', '', 'aa']);
  if (kind < 7) return Array.from({ length: random.int(4) }, () => json(depth + 1));
  return Object.fromEntries(Array.from({ length: random.int(4) }, () => [pick(['a', 'b', 'aa', '']), json(depth + 1)]));
}

const literal = (value: unknown): string => `'${JSON.stringify(value).replaceAll("'", "''")}'`;
const numbers = (): string =>
  `'{${Array.from({ length: random.int(4) }, () => pick(['1', '2', '3', 'null'])).join()}}'`;
const names = (): string =>
  `array[${Array.from({ length: random.int(3) }, () => pick(["'a'", "'b'", "'aa'", "''", 'null'])).join()}]::text[]`;

/** Paths that lead to values there are, mostly. */
function path(): string {
  const names = ['.a', '.b', '.aa', '."b"', '[*]', '[0]', '.*', '.**', '[last]'];
  const steps = (): string => Array.from({ length: random.int(3) }, () => pick(names)).join('');
  const value = (): string => pick(['null', 'true', 'false', '0', '1', '1.50', '-2', '"a"', '"b"', '""', '$.a', '(1)']);
  const test = (of: string): string => {
    switch (random.int(9)) {
      case 0:
        return `(${test(of)} && ${test(of)})`;
      case 1:
        return `(${test(of)} || ${test(of)})`;
      case 2:
        return `!(${test(of)})`;
      case 3:
        return `exists(${of}${steps()} ? (${test('@')}))`;
      case 4:
        return `${of}${steps()} ${pick(['!=', '<', '>='])} ${value()}`;
      case 5:
        return `(${of}${steps()} == ${value()}) is unknown`;
      case 6:
        return `${value()} == ${of}${steps()}`;
      default:
        return `${of}${steps()} == ${value()}`;
    }
  };
  const text =
    random.int(3) === 0 ? test('$') : `$${steps()}${random.int(4) === 0 ? '' : ` ? (${test('@')})${steps()}`}`;
  return `${pick(['', '', 'strict '])}${text}`;
}

function condition(): string {
  switch (random.int(11)) {
    case 0:
    case 1:
      return `j @> ${literal(json())}`;
    case 2:
      return `j ? ${pick(["'a'", "'b'", "''"])}`;
    case 3:
      return `j ${pick(['?|', '?&'])} ${names()}`;
    case 4:
      return `j -> 'a' @> ${literal(json())}`;
    case 5:
    case 6:
    case 7:
      return `${pick(['j', 'j', "j -> 'a'"])} ${pick(['@?', '@@'])} '${path()}'`;
    default:
      return pick([`a ${pick(['@>', '<@', '&&', '='])} ${numbers()}`, `${numbers()} ${pick(['@>', '<@', '&&'])} a`]);
  }
}

async function found(where: string, by: 'index' | 'table'): Promise<string> {
  await client.query(`set enable_bitmapscan = ${by === 'index' ? 'on' : 'off'}`);
  await client.query(`set enable_seqscan = ${by === 'index' ? 'off' : 'on'}`);
  const { rows } = await client.query(`select id from t where ${where} order by id`);
  return rows.map(({ id }) => id).join(' ');
}

test('random conditions are met by the same rows', async () => {
  await client.query('create table t (id int primary key, j jsonb, a int[])');
  const row = (id: number): string => `(${id}, ${random.chance(0.05) ? 'null' : literal(json())}, ${numbers()})`;
  const insert = (from: number, count: number): Promise<unknown> =>
    client.query(`insert into t values ${Array.from({ length: count }, (_, i) => row(from + i)).join()}`);
  await insert(0, 400);
  await client.query('create index tj on t using gin (j)');
  await client.query("create index ta on t using gin (a, (j -> 'a') jsonb_path_ops)");
  await insert(400, 400);
  let met = 0;
  for (let i = 0; i < 300; i++) {
    if (i % 10 === 0) {
      await client.query(`update t set j = ${literal(json())} where ${condition()} and id % 5 = 0`);
      await client.query(`update t set a = ${numbers()} where id % 50 = ${random.int(50)}`);
      await client.query(`delete from t where id % 50 = ${random.int(50)}`);
      await insert(1_000 + i * 10, 10);
    }
    const where = Array.from({ length: 1 + random.int(3) }, condition).join(pick([' and ', ' or ']));
    const byTable = await found(where, 'table');
    expect(await found(where, 'index'), `${where} (seed ${seed})`).toBe(byTable);
    if (byTable !== '') met++;
  }
  expect(met).toBeGreaterThan(50);
  await client.query('set enable_seqscan = off');
  const { rows } = await client.query(`explain (costs off) select id from t where j @> '{"a": 1}' and a && '{1}'`);
  expect(rows.map((each) => each['QUERY PLAN']).join('\n')).toContain('Bitmap Index Scan on t');
}, 120_000);
