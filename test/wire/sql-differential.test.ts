/**
 * Random SQL to this server and to PostgreSQL 18, answers compared as they leave on the wire (see `sql-differential.ts`): a slice that
 * moves with the seed. All of it is `npm run soak -- sql`.
 */

import { describe, expect, test } from 'vitest';
import { runSqlDifferential, shown } from './sql-differential.ts';
import { SqlGenerator } from './sql-generator.ts';
import { AGGREGATES, EXPRESSIONS, STATEMENTS, TYPES } from './sql-rows.ts';

const seed = process.env.ORBIT_TEST_SEED ?? '1';

test('random statements answer as PostgreSQL does, and every row of the generator is there', async () => {
  const { differences, missing, compared, errors } = await runSqlDifferential({ seed, statements: 1_200 });
  expect(missing).toEqual([]);
  expect(differences, `seed ${seed}`).toEqual([]);
  expect(compared).toBe(1_200);
  // Mostly rows, but errors too.
  expect(errors).toBeGreaterThan(20);
  expect(errors).toBeLessThan(900);
}, 180_000);

describe('the comparison', () => {
  const message = (type: string, body: Buffer) => {
    const head = Buffer.alloc(5, type);
    head.writeInt32BE(body.length + 4, 1);
    return Buffer.concat([head, body]);
  };
  const row = (value: string) => message('D', Buffer.concat([Buffer.from([0, 1, 0, 0, 0, 1]), Buffer.from(value)]));
  const tag = message('C', Buffer.from('SELECT 1\0'));
  const error = (code: string) => message('E', Buffer.from(`SERROR\0C${code}\0Mwords\0\0`));

  test('sees another value, tag and code, and neither words nor rows before an error', () => {
    expect(shown(Buffer.concat([row('1'), tag]))).toBe('D "1"\nC SELECT 1');
    expect(shown(Buffer.concat([row('2'), tag]))).not.toBe(shown(Buffer.concat([row('1'), tag])));
    expect(shown(error('22012'))).toBe('E 22012');
    expect(shown(Buffer.concat([row('1'), error('22012')]))).toBe('E 22012');
  });

  test('generates the same for the same seed, and other statements for another one', () => {
    const vocabulary = { types: TYPES, expressions: EXPRESSIONS, aggregates: AGGREGATES, statements: STATEMENTS };
    const generate = (from: string) => {
      const generator = new SqlGenerator(from, vocabulary);
      return [...generator.setUp(), ...Array.from({ length: 200 }, () => generator.next())];
    };
    expect(generate('a')).toEqual(generate('a'));
    expect(generate('a')).not.toEqual(generate('b'));
    // Everything was filled in.
    for (const sql of generate(seed)) expect(sql).not.toMatch(/[$@]\w|%(any|row|id)/);
  });
});
