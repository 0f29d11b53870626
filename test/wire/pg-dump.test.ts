/**
 * pg_dump as users run it: what it finds here is what it finds in PostgreSQL 15 with the same objects, and its dumps go
 * both ways without a difference. Skipped where PostgreSQL 15 is not installed.
 */

import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type PgServer, startPgServer } from './pg-server.ts';
import { type PostgresReference, postgresBinaries, startPostgres } from './postgres-reference.ts';

const run = promisify(execFile);
const binaries = postgresBinaries();

type Target = PgServer['config'];

const flags = ({ host, port, user, database }: Target): string[] => [
  ...['-h', host, '-p', String(port), '-U', user, '-d', database],
];

/** Without what differs between any two runs. */
async function dump(target: Target): Promise<string> {
  const { stdout, stderr } = await run(join(binaries!, 'pg_dump'), flags(target), { maxBuffer: 1e7 });
  expect(stderr).toBe('');
  return stdout.replace(/^(?:\\(?:un)?restrict .*|-- Dumped from .*)\n/gm, '');
}

async function execute(target: Target, sql: string): Promise<void> {
  const psql = run(join(binaries!, 'psql'), ['-Xq', '-v', 'ON_ERROR_STOP=1', ...flags(target)], { maxBuffer: 1e7 });
  psql.child.stdin!.end(sql);
  await psql;
}

/** Queries that are printed as they were written, where PostgreSQL prints them anew; and so are these clauses. */
function withoutQueries(text: string): string {
  return text.replace(/^(?:CREATE VIEW \S+ AS$[\s\S]*?;$| {4}return x.*;| {4}RETURN .*;)/gim, '…');
}

describe.skipIf(binaries === undefined)('pg_dump (skipped where PostgreSQL 15 is not installed)', () => {
  let ours: PgServer;
  let reference: PostgresReference;
  let theirs: Target;
  let sql: string;

  beforeAll(async () => {
    ours = await startPgServer();
    reference = (await startPostgres())!;
    theirs = reference.config;
    sql = await readFile(join(import.meta.dirname, 'pg-dump.sql'), 'utf8');
    await Promise.all([execute(ours.config, sql), execute(theirs, sql)]);
  }, 120_000);

  afterAll(async () => {
    await ours.stop();
    await reference.stop();
  });

  test('finds the same objects and rows', async () => {
    const expected = await dump(theirs);
    expect(expected.match(/^CREATE /gm)!.length).toBeGreaterThan(25);
    expect(withoutQueries(await dump(ours.config))).toBe(withoutQueries(expected));
  }, 120_000);

  test('makes dumps that PostgreSQL takes', async () => {
    await execute(theirs, 'create database restored');
    const restored = { ...theirs, database: 'restored' };
    await execute(restored, await dump(ours.config));
    expect(await dump(restored)).toBe(await dump(theirs));
  }, 120_000);

  test('makes dumps of PostgreSQL that come back as they were', async () => {
    const fresh = await startPgServer();
    try {
      const expected = await dump(theirs);
      await execute(fresh.config, expected);
      expect(await dump(fresh.config)).toBe(expected);
      const client = new pg.Client(fresh.config);
      await client.connect();
      const { rows } = await client.query('select kind, count(*)::int as n from shop.both_kinds group by 1 order by 1');
      expect(rows).toEqual([
        { kind: 'customer', n: 2 },
        { kind: 'order', n: 3 },
      ]);
      await client.end();
    } finally {
      await fresh.stop();
    }
  }, 120_000);
});
