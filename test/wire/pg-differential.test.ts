/**
 * The same statements to PostgreSQL 15 and to us: rows, types, tags, SQLSTATEs, messages, positions and details must be
 * equal. First the golden scripts, then random statements from a seed. Skipped where PostgreSQL 15 is not installed.
 */

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { SeededRandom } from '../../src/platform/simulated/seeded-random.ts';
import { answerOf, parseScript, printError } from '../scripts/sql/script.ts';
import { type PgServer, startPgServer } from './pg-server.ts';
import { type PostgresReference, postgresBinaries, startPostgres } from './postgres-reference.ts';

const installed = postgresBinaries() !== undefined;
const folder = join(import.meta.dirname, '..', 'scripts', 'sql');

describe.skipIf(!installed)('compared with PostgreSQL 15 (skipped where it is not installed)', () => {
  let reference: PostgresReference;
  let server: PgServer;
  let theirs: pg.Client;
  let ours: pg.Client;

  beforeAll(async () => {
    reference = (await startPostgres())!;
    server = await startPgServer();
    theirs = new pg.Client(reference.config);
    ours = new pg.Client(server.config);
    await theirs.connect();
    await ours.connect();
  });

  afterAll(async () => {
    await ours?.end();
    await theirs?.end();
    await server?.stop();
    await reference?.stop();
  });

  for (const name of readdirSync(folder).filter((file) => file.endsWith('.txt'))) {
    test(`${name} holds what PostgreSQL answers`, async () => {
      // A session of its own: a script may leave temporary relations behind.
      await theirs.end();
      theirs = new pg.Client(reference.config);
      await theirs.connect();
      await theirs.query('drop schema public cascade');
      await theirs.query('create schema public');
      for (const name of await leftSchemas(theirs)) await theirs.query(`drop schema "${name}" cascade`);
      for (const { statement, expected } of parseScript(readFileSync(join(folder, name), 'utf8'))) {
        if (statement === '') continue;
        expect(await answerOf(theirs, statement), statement).toBe(expected);
      }
    });
  }

  test('random statements answer alike', async () => {
    const seed = Number(process.env.ORBIT_TEST_SEED ?? Math.trunc(Math.random() * 2 ** 31));
    const generate = new StatementGenerator(seed);
    for (const client of [theirs, ours]) {
      await client.query(
        'create table r (a int, b text, c bigint, d numeric(10,3), e float8, f boolean, primary key (a, b))',
      );
      await client.query('create table s (k int primary key, a int, d numeric, e float8, t char(2))');
      await client.query(
        "insert into s values (-1, 1, 1.50, 0, 'a'), (0, null, 2, 'NaN', 'ab'), (1, 1, 0.0, 1.5, ''), (2, 3, null, -3, 'B'), (5, 8, 7, null, null)",
      );
    }
    for (let i = 0; i < 600; i++) {
      const statement = generate.statement();
      const expected = await answerOf(theirs, statement);
      expect(await answerOf(ours, statement), `seed ${seed}, statement ${i}: ${statement}`).toBe(expected);
    }
  });

  test('parameters of the extended protocol answer alike', async () => {
    const seed = Number(process.env.ORBIT_TEST_SEED ?? Math.trunc(Math.random() * 2 ** 31));
    const seeded = new SeededRandom(seed);
    const random = () => seeded.float();
    const values = [
      '1',
      '-7',
      '0',
      'abc',
      '2147483648',
      '1.5',
      't',
      null,
      '',
      '2024-01-01',
      'é',
      '99999999999999999999',
    ];
    const statements = [
      'select $1::int + 1, $2::text',
      'select $1 = 1, $2 || $1::text',
      'select $1::bigint, coalesce($2, $1::text)',
      'select a from r where a = $1 and b = $2',
      'select count(*) from r where a >= $1 and c < $2',
      'select $1::numeric * 2, $2::boolean',
      'insert into r (a, b) values ($1, $2) returning a, b',
      'update r set c = $1 where a = $2 returning c',
      'delete from r where a = $1 and b = $2 returning *',
      'select a from r order by a, b limit $1 offset $2',
    ];
    for (let i = 0; i < 300; i++) {
      const text = statements[Math.trunc(random() * statements.length)]!;
      const pick = () => values[Math.trunc(random() * values.length)];
      const query = { text, values: [pick(), pick()], rowMode: 'array' as const };
      const ask = async (client: pg.Client) => {
        try {
          const { rows, fields, command, rowCount } = await client.query(query);
          return JSON.stringify([rows, fields.map((field) => field.dataTypeID), command, rowCount]);
        } catch (error) {
          return printError(error);
        }
      };
      const expected = await ask(theirs);
      expect(await ask(ours), `seed ${seed}: ${text} with ${JSON.stringify(query.values)}`).toBe(expected);
    }
  });
});

/** Schemas that a script has made and not dropped. */
async function leftSchemas(client: pg.Client): Promise<readonly string[]> {
  const { rows } = await client.query<{ nspname: string }>(
    "select nspname from pg_namespace where nspname !~ '^pg_' and nspname not in ('public', 'information_schema')",
  );
  return rows.map(({ nspname }) => nspname);
}

/** Statements over table r; mostly valid, often of mixed types. Results are always fully ordered. */
class StatementGenerator {
  readonly #random: () => number;

  constructor(seed: number) {
    const seeded = new SeededRandom(seed);
    this.#random = () => seeded.float();
  }

  statement(): string {
    switch (this.#int(15)) {
      case 0:
      case 1:
      case 2:
        return `insert into r values (${this.#small()}, ${this.#text()}, ${this.#number(1)}, ${this.#number(1)}, ${this.#number(1)}, ${this.#boolean(1)})${this.#pick(['', '', ' on conflict do nothing', ' on conflict (b, a) do nothing'])} returning *`;
      case 3:
        return `update r set ${this.#pick(['c', 'd', 'e'])} = ${this.#number(2)} where ${this.#boolean(2)}`;
      case 4:
        return `delete from r where ${this.#boolean(2)} and a = ${this.#small()}`;
      case 5:
        return `select count(*), sum(a), sum(c), avg(a), min(b), max(d), count(f) from r where ${this.#boolean(2)}`;
      case 6:
        return `select * from r where ${this.#boolean(2)} order by a ${this.#way()}, b ${this.#way()} limit ${this.#int(5)} offset ${this.#int(3)}`;
      case 10: {
        const group = this.#pick(['f', 'a', 'a / 2', 'c % 3', 'd', 'e', 'f, b', 'b']);
        return `select ${group}, count(*), sum(a), min(c), max(d), count(distinct ${this.#pick(['a', 'b', 'd', 'f'])}) as n from r where ${this.#boolean(2)} group by ${group} having ${this.#pick(['count(*) > 0', 'count(*) > 1', 'sum(a) > 3', 'min(c) is not null'])} order by ${group} limit ${this.#int(9)}`;
      }
      case 12:
      case 13: {
        const on = this.#pick([
          'r.a = s.a',
          'r.a = s.k',
          's.k = r.c',
          's.d = r.d',
          's.e = r.e',
          's.t = r.b',
          'r.a < s.k',
        ]);
        const kind = this.#pick(['join', 'left join']);
        const more = this.#pick(['true', 's.k > 1', 'r.a > 0', 's.t is null', 'r.f']);
        return `select r.a, r.b, s.k, s.t from r ${kind} s on ${on} and ${this.#pick(['true', more])} where ${more} order by 1, 2, 3 limit 40`;
      }
      case 11: {
        const list = this.#pick(['f', 'a % 2, f', 'd', 'b', 'e', 'a']);
        return `select distinct ${list} from r where ${this.#boolean(2)} order by ${list} ${this.#way()} offset ${this.#int(2)}`;
      }
      case 7:
        return `select ${this.#number(3)}, ${this.#boolean(2)}, b from r where a ${this.#comparison()} ${this.#small()} order by ${this.#pick(['c', 'd', 'e', 'f', 'b'])} ${this.#way()}, a, b`;
      default:
        return `select ${this.#constant(3)}, ${this.#constant(2)}`;
    }
  }

  #int(bound: number): number {
    return Math.trunc(this.#random() * bound);
  }

  #pick<T>(values: readonly T[]): T {
    return values[this.#int(values.length)]!;
  }

  #small(): number {
    return this.#int(12) - 3;
  }

  #text(): string {
    return this.#pick(["''", "'a'", "'ab'", "'B'", "'é'", "'𝄞'", "'\uffee'", "'z z'"]);
  }

  #way(): string {
    return this.#pick(['', 'asc', 'desc', 'desc nulls last', 'asc nulls first']);
  }

  #comparison(): string {
    return this.#pick(['=', '<', '<=', '>', '>=', '<>']);
  }

  #constant(depth: number): string {
    if (depth === 0 || this.#int(4) === 0) {
      return this.#pick([
        '0',
        '1',
        '7',
        '-3',
        '2147483647',
        '1.5',
        '-0.25',
        '100000',
        '9223372036854775807',
        '2.0::float8',
        'null',
        '3::smallint',
        '1e3',
        '0.001',
      ]);
    }
    if (this.#int(5) === 0)
      return `(${this.#constant(depth - 1)})::${this.#pick(['int', 'bigint', 'numeric', 'float8', 'smallint'])}`;
    return `(${this.#constant(depth - 1)} ${this.#pick(['+', '-', '*', '/', '%'])} ${this.#constant(depth - 1)})`;
  }

  #number(depth: number): string {
    if (depth === 0 || this.#int(3) === 0)
      return this.#pick(['a', 'c', 'd', 'e', 'null', String(this.#small()), '2.5', '1000000']);
    if (this.#int(5) === 0) return `coalesce(${this.#number(depth - 1)}, ${this.#number(depth - 1)})`;
    if (this.#int(6) === 0)
      return `case when ${this.#boolean(depth - 1)} then ${this.#number(depth - 1)} else ${this.#number(depth - 1)} end`;
    return `(${this.#number(depth - 1)} ${this.#pick(['+', '-', '*', '/'])} ${this.#number(depth - 1)})`;
  }

  #boolean(depth: number): string {
    if (depth === 0) return this.#pick(['f', 'true', 'false', 'null', 'a > 2', 'c is null']);
    switch (this.#int(7)) {
      case 0:
        return `(${this.#boolean(depth - 1)} and ${this.#boolean(depth - 1)})`;
      case 1:
        return `(${this.#boolean(depth - 1)} or ${this.#boolean(depth - 1)})`;
      case 2:
        return `not ${this.#boolean(depth - 1)}`;
      case 3:
        return `${this.#number(depth - 1)} ${this.#comparison()} ${this.#number(depth - 1)}`;
      case 4:
        return `b ${this.#comparison()} ${this.#text()}`;
      case 5:
        return `a in (${this.#small()}, ${this.#small()}, ${this.#pick(['null', '1'])})`;
      default:
        return `a between ${this.#small()} and ${this.#small()}`;
    }
  }
}
