/**
 * psql's commands that describe the database, against PostgreSQL 15 and against us: the same tables must look the same.
 * Skipped where PostgreSQL 15 is not installed.
 */

import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type PgServer, startPgServer } from './pg-server.ts';
import { type PostgresReference, postgresBinaries, startPostgres } from './postgres-reference.ts';

const run = promisify(execFile);
const binaries = postgresBinaries();

const SCHEMA = `
  create table p (id serial primary key, code text unique, n int check (n > 0) default 5, d text default 'x');
  create table c (id int generated always as identity primary key, p int references p on delete cascade,
    v varchar(10) not null, t timestamptz default now(), g int generated always as (id * 2) stored,
    code text references p (code) deferrable initially deferred, constraint pair unique (p, v));
  create index c_v on c (v desc, lower(v) nulls first) include (g) where v <> 'x';
  create table plain (a int, b numeric(6,2), "C d" char(3));
  create sequence s increment 5 maxvalue 1000 cycle;
  create view v as select id, code as c from p where n > 1;
  create view vj (x, y) as select p.id, c.v from p left join c on c.p = p.id order by p.id;
  create materialized view m as select code, count(*) from p group by code;
  create unique index on m (code);
  create schema other;
  create table other.p (id int primary key references public.p, k serial unique);
  create table other.only (a int default nextval('other.p_k_seq') references other.p);
  create type mood as enum ('sad', 'ok');
  create type pair_of as (a int, b text);
  create domain positive as int not null default 1 constraint above check (value > 0);
  create table typed (m mood, d positive, p pair_of, ms mood[]);
  create function twice(a int, b text default 'x') returns text language sql immutable as 'select a::text || b';
  create function listed(n int) returns table(x int, y text) language sql as 'select 1, ''a''';`;

const COMMANDS = [
  '\\d',
  '\\dt',
  '\\di',
  '\\ds',
  '\\dn',
  '\\du',
  '\\d p',
  '\\d c',
  '\\d plain',
  '\\d c_v',
  '\\d pair',
  '\\d s',
  '\\d p_id_seq',
  '\\dv',
  '\\dm',
  '\\d v',
  '\\d+ v',
  '\\d+ vj',
  '\\d m',
  '\\dt other.*',
  '\\di other.*',
  '\\ds *.*',
  '\\d other.p',
  '\\d other.only',
  '\\d typed',
  '\\d pair_of',
  '\\dT',
  '\\dD',
  '\\df',
  '\\sf twice',
];

describe.skipIf(binaries === undefined)('psql, as with PostgreSQL 15 (skipped where it is not installed)', () => {
  let reference: PostgresReference;
  let server: PgServer;

  const psql = async (
    config: { host?: string; port?: number; user?: string; database?: string },
    args: readonly string[],
  ) => {
    const { stdout, stderr } = await run(join(binaries!, 'psql'), ['-X', '-q', ...args], {
      env: {
        ...process.env,
        PGHOST: config.host!,
        PGPORT: String(config.port),
        PGUSER: config.user!,
        PGDATABASE: config.database!,
      },
    });
    return stderr + stdout;
  };

  beforeAll(async () => {
    reference = (await startPostgres())!;
    server = await startPgServer();
    for (const config of [reference.config, server.config]) await psql(config, ['-c', SCHEMA]);
  });

  afterAll(async () => {
    await server?.stop();
    await reference?.stop();
  });

  for (const command of COMMANDS) {
    test(`${command} says the same`, async () => {
      const [theirs, ours] = await Promise.all([
        psql(reference.config, ['-c', command]),
        psql(server.config, ['-c', command]),
      ]);
      expect(ours).toBe(theirs);
    });
  }
});
