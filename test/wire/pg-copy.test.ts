/** COPY … FROM STDIN, and pgbench, which loads with it: with psql and pgbench as they are. */

import { type ChildProcess, execFile, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { promisify } from 'node:util';
import pg from 'pg';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type PgServer, startPgServer } from './pg-server.ts';

const run = promisify(execFile);
const hasPgbench = spawnSync('pgbench', ['--version']).status === 0;

let server: PgServer;
let client: pg.Client;

beforeEach(async () => {
  server = await startPgServer();
  client = new pg.Client(server.config);
  client.on('error', () => {});
  await client.connect();
});

afterEach(async () => {
  await client.end();
  await server.stop();
});

function target(): string[] {
  const { host, port, user, database } = server.config;
  return ['-h', host, '-p', String(port), '-U', user, database];
}

/** Gives psql commands and data as a script. */
async function psql(input: string): Promise<{ readonly stdout: string; readonly stderr: string }> {
  const child: ChildProcess = spawn('psql', ['-X', '-q', '-A', '-t', ...target()]);
  let stdout = '';
  let stderr = '';
  child.stdout!.on('data', (chunk) => (stdout += String(chunk)));
  child.stderr!.on('data', (chunk) => (stderr += String(chunk)));
  child.stdin!.end(input);
  await once(child, 'close');
  return { stdout, stderr };
}

test('psql loads rows; escapes, nulls, defaults and the end mark are read as PostgreSQL reads them', async () => {
  await client.query("create table t (a int primary key, b text, c char(3), d text default 'none')");
  const { stdout, stderr } = await psql(
    'copy t (b, a, c) from stdin;\nx\\ty\t1\ta\n\\N\t2\t\\N\n\t3\tabc  \n\\.\nselect * from t order by a;\n' +
      "copy t (a, b) from stdin with (delimiter '|', null '');\n4|\n5|x\\|y\n\\.\nselect a, b, c is null from t where a > 3 order by a;\n",
  );
  expect(stderr).toBe('');
  expect(stdout).toBe('1|x\ty|a  |none\n2|||none\n3||abc|none\n4||t\n5|x|y|t\n');
});

test('a bad line loads nothing, says where it is, and leaves the connection usable', async () => {
  await client.query('create table t (a int primary key, b varchar(2))');
  for (const [data, message] of [
    ['1\ta\nx\tb\n', 'ERROR:  invalid input syntax for type integer: "x"\nCONTEXT:  COPY t, line 2, column a: "x"\n'],
    ['1\n', 'ERROR:  missing data for column "b"\nCONTEXT:  COPY t, line 1'],
    ['1\ta\tb\n', 'ERROR:  extra data after last expected column\nCONTEXT:  COPY t, line 1'],
    ['1\tabc\n', 'ERROR:  value too long for type character varying(2)\nCONTEXT:  COPY t, line 1, column b: "abc"'],
    [
      '1\ta\n1\tb\n',
      'ERROR:  duplicate key value violates unique constraint "t_pkey"\nDETAIL:  Key (a)=(1) already exists',
    ],
    ['\\N\ta\n', 'ERROR:  null value in column "a" of relation "t" violates not-null constraint'],
  ] as const) {
    const { stdout, stderr } = await psql(`copy t from stdin;\n${data}\\.\nselect count(*) from t;\n`);
    expect(stderr).toContain(message);
    expect(stdout).toBe('0\n');
  }
});

test('a load is part of its transaction, and larger than any buffer', async () => {
  await client.query('create table t (a int primary key, b text)');
  const lines = Array.from({ length: 20_000 }, (_, i) => `${i}\t${'x'.repeat(50)}\n`).join('');
  const { stdout } = await psql(
    `begin;\ncopy t from stdin;\n${lines}\\.\nselect count(*), sum(a) from t;\nrollback;\nselect count(*) from t;\n`,
  );
  expect(stdout).toBe('20000|199990000\n0\n');
});

test('what COPY cannot do yet is refused by name', async () => {
  await client.query('create table t (a int)');
  for (const [text, feature] of [
    ["copy t from '/etc/passwd'", 'COPY with a file'],
    ["copy t to '/tmp/never'", 'COPY with a file'],
  ] as const) {
    await expect(client.query(text), text).rejects.toMatchObject({
      code: '0A000',
      message: expect.stringContaining(feature),
    });
  }
});

test.skipIf(!hasPgbench)(
  'pgbench loads its tables and runs in every mode without an error (needs pgbench)',
  async () => {
    await run('pgbench', ['-i', '-s', '1', '-q', ...target()]);
    for (const mode of ['simple', 'extended', 'prepared']) {
      for (const script of [['-S'], []]) {
        const { stdout } = await run('pgbench', ['-M', mode, ...script, '-c', '4', '-t', '10', ...target()]);
        expect(stdout).toMatch(/number of failed transactions: 0 /);
        expect(stdout).toMatch(/processed: 40\/40/);
      }
    }
    const { rows } = await client.query('select sum(bbalance) as s, count(*) as n from pgbench_branches');
    const history = await client.query('select sum(delta) as s, count(*) as n from pgbench_history');
    const tellers = await client.query('select sum(tbalance) as s from pgbench_tellers');
    expect(rows[0].s).toBe(tellers.rows[0].s);
    expect(history.rows[0].n).toBe('40'); // The last run emptied the history first.
  },
  60_000,
);
