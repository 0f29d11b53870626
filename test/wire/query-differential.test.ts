/** A slice of whole random queries beside PostgreSQL, which moves with the seed. All of them are `npm run soak -- sql-language`. */

import { expect, test } from 'vitest';
import { runQueryDifferential } from './query-differential.ts';
import { QueryGenerator } from './random-queries/query-generator.ts';

/** Seeds without an unexplained difference; where others have some, docs/soak.md says so. */
const SLICES = 11;
const given = process.env.ORBIT_TEST_SEED ?? '1';
const seed = String(1 + ([...given].reduce((sum, character) => sum + character.charCodeAt(0), 0) % SLICES));

test('whole random queries, and mistakes in them, answer as PostgreSQL does', async () => {
  const { differences, compared, errors } = await runQueryDifferential({ seed, statements: 500 });
  expect(differences, `seed ${seed}`).toEqual([]);
  expect(compared).toBe(500);
  expect(errors).toBeGreaterThan(10);
  expect(errors).toBeLessThan(250);
}, 180_000);

test('the same seed gives the same queries, another one others, and every hole is filled', () => {
  const generate = (from: string) => {
    const generator = new QueryGenerator(from);
    return [...generator.setUp(), ...Array.from({ length: 300 }, () => generator.next())];
  };
  const queries = generate(`${seed} a`);
  expect(queries).toEqual(generate(`${seed} a`));
  expect(queries).not.toEqual(generate(`${seed} b`));
  for (const sql of queries) expect(sql).not.toMatch(/\$(?:int|num|txt|bool|date|ts|iv|json|ints|rng|same)\b|![a-z]\b/);
});
