/** A script of COPY, both ways and in all its formats, through psql: against PostgreSQL 15 and against us. Skipped where it is not installed. */

import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type PgServer, startPgServer } from './pg-server.ts';
import { type PostgresReference, postgresBinaries, startPostgres } from './postgres-reference.ts';

const run = promisify(execFile);
const binaries = postgresBinaries();
const script = join(import.meta.dirname, '..', 'fixtures', 'copy.sql');

describe.skipIf(binaries === undefined)('COPY, as with PostgreSQL 15 (skipped where it is not installed)', () => {
  let reference: PostgresReference;
  let server: PgServer;

  beforeAll(async () => {
    reference = (await startPostgres())!;
    server = await startPgServer();
  });

  afterAll(async () => {
    await server?.stop();
    await reference?.stop();
  });

  test('psql reads and writes the same', async () => {
    const answers: string[] = [];
    for (const config of [reference.config, server.config]) {
      const directory = await mkdtemp(join(tmpdir(), 'orbit-copy-'));
      try {
        const { host, port, user, database } = config;
        const target = ['-h', host!, '-p', String(port), '-U', user!, database!];
        const psql = [join(binaries!, 'psql'), '-X', ...target].map((word) => `'${word}'`).join(' ');
        const { stdout } = await run('sh', ['-c', `${psql} < '${script}' 2>&1`], { cwd: directory });
        answers.push(stdout);
      } finally {
        await rm(directory, { recursive: true, force: true });
      }
    }
    expect(answers[0]).toContain('unexpected EOF in COPY data');
    expect(answers[1]).toBe(answers[0]);
  });
});
