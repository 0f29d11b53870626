/**
 * Rows that are written to the client as they are stored are the rows that are made of them otherwise: a scan is written so, and
 * the same in reverse is not.
 */

import pg from 'pg';
import { afterEach, expect, test, vi } from 'vitest';
import { FieldReader } from '../../src/models/relational/field-reader.ts';
import { SeededRandom } from '../../src/platform/simulated/seeded-random.ts';
import { type PgServer, startPgServer } from './pg-server.ts';

const SEED = process.env.ORBIT_TEST_SEED ?? '1';
const ROWS = 1_000;
const COLUMNS = ['id', 'part', 'a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i', 'j', 'k', 'l', 'm', 'added', 'late'];
let server: PgServer | undefined;
let client: pg.Client | undefined;

afterEach(async () => {
  await client?.end();
  await server?.stop();
  client = undefined;
  server = undefined;
});

/** As they come on the wire: no conversion hides a difference. */
async function rowsOf(text: string): Promise<readonly (readonly unknown[])[]> {
  const types = { getTypeParser: () => (value: string) => value };
  const { rows, rowCount } = await client!.query({ text, rowMode: 'array', types: types as never });
  expect(rowCount, text).toBe(rows.length);
  return rows;
}

async function compareBothWays(selected: string, where: string): Promise<number> {
  const text = `select ${selected} from t where ${where}`;
  const forward = await rowsOf(`${text} order by t.id, t.part`);
  const backward = await rowsOf(`${text} order by t.id desc, t.part desc`);
  expect(forward, `${text}, seed ${SEED}`).toEqual(backward.toReversed());
  return forward.length;
}

function literals(random: SeededRandom, id: number): string {
  const any = (...texts: readonly string[]): string =>
    random.int(6) === 0 ? 'null' : texts[random.int(texts.length)]!;
  const long = `'${'ä€x'.repeat(random.int(90))}'`;
  return [
    String(id),
    any("'p'", "'päth'", "'a''b'").replace('null', "''"),
    any('0', '-1', '2147483647', '-2147483648', String(random.int(100_000))),
    any('0', '0.00', '-0.05', '12345.67', '1e30', '123456789012345678.9', "'NaN'", "'-Infinity'", '1e-70'),
    any("''", "'plain'", "'𝄞 and more'", long),
    any("'v'", long),
    any("'c'", "'full5'"),
    any('true', 'false'),
    any("'2024-02-29'", "'infinity'", "'0044-03-15 BC'"),
    any("'2024-02-29 12:00:00.5+02'"),
    any(`'{"a": [1, "ü"]}'`, "'null'"),
    any("'{1,null,3}'", "'{}'"),
    any('1.5', "'NaN'", '1e100'),
    any('-32768', '7'),
    any("'\\x00ff'"),
  ].join();
}

test.each(['memory', 'rocksdb'] as const)('rows on %s are written as they are made', async (provider) => {
  const random = new SeededRandom(SEED);
  server = await startPgServer({ provider });
  client = new pg.Client(server.config);
  await client.connect();
  await client.query(`create table t (id int, part text, gone text, a int, b numeric, c text, d varchar(300), e char(5),
    f bool, g date, h timestamptz, i jsonb, j int[], k float8, l int2, m bytea, primary key (id, part))`);
  const insert = async (from: number, to: number): Promise<void> => {
    const rows = Array.from({ length: to - from }, (_, i) => `(${literals(random, from + i)})`);
    await client!.query(`insert into t (id, part, a, b, c, d, e, f, g, h, i, j, k, l, m) values ${rows.join()}`);
  };
  await insert(0, ROWS / 2);
  await client.query('alter table t drop column gone, add column added int default 7, add column late text');
  await insert(ROWS / 2, ROWS);
  await client.query(`update t set late = 'now', added = null where id % 7 = 0`);
  for (const _ of [1, 2]) {
    expect(await compareBothWays('*', 'true')).toBe(ROWS);
    for (let round = 0; round < 6; round++) {
      const selected = Array.from({ length: 1 + random.int(5) }, () => COLUMNS[random.int(COLUMNS.length)]!);
      const from = random.int(ROWS);
      await compareBothWays(selected.join(), `id between ${from} and ${from + random.int(200)}`);
    }
  }
  await client.query('begin');
  await client.query(`update t set a = 1, c = 'own' where id between 10 and 20; delete from t where id = 15`);
  expect(await compareBothWays('id, c, a', 'id between 5 and 24')).toBe(19);
  await client.query('rollback');
  expect(await compareBothWays('id, c, a', 'id between 5 and 24')).toBe(20);
});

test('ranges that are asked for again and again leave as the messages that were made before, until a row changes', async () => {
  const random = new SeededRandom(`${SEED}/kept`);
  server = await startPgServer({ provider: 'rocksdb' });
  client = new pg.Client(server.config);
  await client.connect();
  await client.query('create table t (id int, part text, a int, b numeric, c text, g date, primary key (id, part))');
  await client.query(
    `insert into t select i, 'p', i * 3, i / 7.0, repeat('x', i % 150), '2024-01-01'::date + i from generate_series(1, 2000) i`,
  );
  const written = vi.spyOn(FieldReader.prototype, 'write');
  try {
    const alike = ['id, a, c', 'id, b, part'];
    // The text of a date is another one in sessions of another style: messages of those rows are not kept.
    const lists = [...alike, 'c, id, g'];
    const isKept = async (selected: string, from: number): Promise<boolean> => {
      written.mockClear();
      const { rowCount } = await client!.query(`select ${selected} from t where id between ${from} and ${from + 50}`);
      return rowCount! > 0 && written.mock.calls.length === 0;
    };
    // Rows are read as a run once they have left for the engine, and that is asked for often enough.
    const untilKept = (selected: string, from: number): Promise<void> =>
      vi.waitFor(async () => expect(await isKept(selected, from), `seed ${SEED}`).toBe(true), {
        timeout: 20_000,
        interval: 1,
      });
    await untilKept('id, a, c', 700);
    for (let round = 0; round < 150; round++) {
      const from = 600 + random.int(300);
      const selected = random.pick(lists);
      if (random.chance(0.1)) await client.query(`set datestyle to ${random.pick(['iso', 'german', 'sql'])}`);
      if (random.chance(0.05)) await client.query(`update t set a = a + 1, c = 'new' where id = ${from + 5}`);
      if (random.chance(0.03)) await client.query(`delete from t where id = ${from + 9}`);
      if (random.chance(0.03))
        await client.query(`insert into t values (${from + 9}, 'q${round}', 1, 1, 'put in', '2020-02-02')`);
      if (round % 5 === 0 && alike.includes(selected)) await untilKept(selected, from);
      await compareBothWays(selected, `id between ${from} and ${from + random.int(120)}`);
    }
  } finally {
    written.mockRestore();
  }
});
