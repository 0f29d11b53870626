/** The tables of types and casts beside those of PostgreSQL 15. */

import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { castRules } from '../../src/query/sql/types/cast-rules.ts';
import { allTypes } from '../../src/query/sql/types/types.ts';
import { type PostgresReference, postgresBinaries, startPostgres } from './postgres-reference.ts';

const CONTEXTS = { i: 'implicit', a: 'assignment', e: 'explicit' } as const;

describe.skipIf(postgresBinaries() === undefined)('beside PostgreSQL 15 (skipped where it is not installed)', () => {
  let reference: PostgresReference;
  let client: pg.Client;
  beforeAll(async () => {
    reference = (await startPostgres())!;
    client = new pg.Client(reference.config);
    await client.connect();
  });
  afterAll(async () => {
    await client?.end();
    await reference?.stop();
  });

  it('types have the OIDs, sizes, titles and categories of pg_type', async () => {
    const { rows } = await client.query(
      `SELECT typname, oid::int, typlen::int, typcategory, typispreferred, typtype, typarray::int,
              format_type(oid, NULL) AS title FROM pg_type`,
    );
    const theirs = new Map(rows.map((row) => [row.oid, row]));
    let compared = 0;
    for (const { oid, name, size, title, category, preferred, kind, arrayOid } of allTypes()) {
      compared++;
      expect({ name, size, title, category, preferred, kind, arrayOid: arrayOid ?? 0 }, name).toEqual({
        name: theirs.get(oid)?.typname,
        size: theirs.get(oid)?.typlen,
        title: theirs.get(oid)?.title,
        category: theirs.get(oid)?.typcategory,
        preferred: theirs.get(oid)?.typispreferred,
        kind: theirs.get(oid)?.typtype,
        arrayOid: theirs.get(oid)?.typarray,
      });
    }
    expect(compared).toBeGreaterThan(80);
  });

  it('casts between them are those of pg_cast', async () => {
    const names = [...allTypes()].map(({ name }) => name);
    const { rows } = await client.query(
      `SELECT s.typname AS source, t.typname AS target, castcontext FROM pg_cast
         JOIN pg_type s ON s.oid = castsource JOIN pg_type t ON t.oid = casttarget
        WHERE s.typname = ANY($1) AND t.typname = ANY($1) AND s.oid <> t.oid`,
      [names],
    );
    const contexts: Readonly<Record<string, string>> = CONTEXTS;
    const theirs = rows.map(({ source, target, castcontext }) => `${source} ${target} ${contexts[castcontext]}`).sort();
    const ours = [...castRules()].map(([from, to, context]) => `${from} ${to} ${context}`).sort();
    expect(ours).toEqual(theirs);
  });
});
