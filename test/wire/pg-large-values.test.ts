/** Values of many megabytes over PostgreSQL's protocol, in both directions, and what is refused without ending the connection. */

import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import net from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import pg from 'pg';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { SeededRandom } from '../../src/platform/simulated/seeded-random.ts';
import { message, STARTUP } from '../fuzz/pgwire.ts';
import { type PgServer, startPgServer } from './pg-server.ts';

const MEGABYTE = 1024 * 1024;
const seed = process.env.ORBIT_TEST_SEED ?? '1';
const random = new SeededRandom(`large values ${seed}`);
const run = promisify(execFile);

let server: PgServer;
let client: pg.Client;

beforeEach(async () => {
  server = await startPgServer({ limits: { queryBytesMax: 128 * MEGABYTE } });
  client = new pg.Client(server.config);
  await client.connect();
  await client.query('create table t (a int primary key, b bytea, c text, n numeric)');
});

afterEach(async () => {
  await client.end();
  await server.stop();
});

function bytesOf(length: number): Buffer {
  const block = Buffer.from(random.bytes(4_099));
  return Buffer.alloc(length, block);
}

const md5 = (bytes: Buffer | string): string => createHash('md5').update(bytes).digest('hex');

test('a value larger than a statement may be goes in as a parameter and comes back', async () => {
  const bytes = bytesOf(36 * MEGABYTE + 1);
  await client.query('insert into t values (1, $1, $2)', [bytes, 'short']);
  const { rows } = await client.query('select md5(b), c, length(b) from t');
  expect(rows).toEqual([{ md5: md5(bytes), c: 'short', length: bytes.length }]);
  const back = await client.query('select * from t');
  expect(bytes.equals(back.rows[0].b), seed).toBe(true);
  expect(back.rows[0]).toMatchObject({ a: 1, c: 'short', n: null });
  expect(server.engine.memory.bytes).toBe(0);
}, 60_000);

test('texts of any characters come back, stored and computed, between small rows', async () => {
  const text = 'aé𝄞\n\t\\'.repeat(300_000) + 'x'.repeat(random.int(9));
  await client.query("insert into t values (1, '\\x00', 'one'), (3, null, 'three')");
  await client.query('insert into t values (2, $1, $2, 1.50)', [`\\x${'00ff'.repeat(700_000)}`, text]);
  const { rows } = await client.query('select * from t order by a');
  expect(rows.map(({ a }) => a)).toEqual([1, 2, 3]);
  expect(rows[1].c === text).toBe(true);
  expect(rows[1].b).toHaveLength(1_400_000);
  expect(rows[1].n).toBe('1.50');
  const computed = await client.query({
    text: "select c || '.' as c, $1::int as n from t order by a",
    values: [7],
  });
  expect(computed.rows.map(({ n }) => n)).toEqual([7, 7, 7]);
  expect(computed.rows[1].c === `${text}.`).toBe(true);
}, 60_000);

test('psql copies rows of megabytes out and in, in every format', async () => {
  const bytes = bytesOf(3 * MEGABYTE);
  await client.query('insert into t values (1, $1, $2), (2, null, $3)', [bytes, 'é\\\t"\n'.repeat(300_000), 'end']);
  const sums = 'select a, md5(b) as b, md5(c) as c from t order by a';
  const before = (await client.query(sums)).rows;
  const directory = await mkdtemp(path.join(tmpdir(), 'pg-large-'));
  try {
    const { host, port, user, database } = server.config;
    for (const format of ['text', 'csv', 'binary']) {
      const file = path.join(directory, format);
      const commands = [
        `\\copy t to '${file}' (format ${format})`,
        'delete from t',
        `\\copy t from '${file}' (format ${format})`,
      ];
      await run('psql', [
        '-X',
        '-v',
        'ON_ERROR_STOP=1',
        '-h',
        host,
        '-p',
        String(port),
        '-U',
        user,
        ...commands.flatMap((each) => ['-c', each]),
        database,
      ]);
      expect((await client.query(sums)).rows, format).toEqual(before);
    }
  } finally {
    await rm(directory, { recursive: true });
  }
  expect(server.engine.memory.bytes).toBe(0);
}, 60_000);

test('texts of statements stay limited: 54000, read past, and the connection lives on', async () => {
  const text = `select '${'x'.repeat(17 * MEGABYTE)}'`;
  await expect(client.query(text)).rejects.toMatchObject({ code: '54000' });
  await expect(client.query(`${text} where $1 = 1`, [1])).rejects.toMatchObject({ code: '54000' });
  await client.query('begin');
  await expect(client.query(text)).rejects.toMatchObject({ code: '54000' });
  await expect(client.query('select 1')).rejects.toMatchObject({ code: '25P02' });
  await client.query('rollback');
  expect((await client.query('select 1 as x')).rows).toEqual([{ x: 1 }]);
});

test('a message that does not fit into memory is 53200, read past, and nothing stays counted', async () => {
  await expect(client.query('insert into t values (1, $1)', [Buffer.alloc(130 * MEGABYTE)])).rejects.toMatchObject({
    code: '53200',
  });
  expect((await client.query('select count(*)::int as n from t')).rows).toEqual([{ n: 0 }]);
  expect(server.engine.memory.bytes).toBe(0);
}, 60_000);

/** A connection that reads only when it is asked to. */
async function converse(...messages: Buffer[]): Promise<net.Socket> {
  const socket = net.connect(server.port, '127.0.0.1');
  socket.on('error', () => {});
  socket.write(Buffer.concat([STARTUP, ...messages]));
  await new Promise((resolve) => socket.once('connect', resolve));
  return socket;
}

test('a longer message than the protocol has ends the connection; one that is not sent takes no memory', async () => {
  const hostile = await converse(Buffer.from('B\x40\x00\x00\x00', 'latin1'));
  let output = '';
  for await (const chunk of hostile) output += String(chunk);
  expect(output).toContain('08P01');
  const before = process.memoryUsage().arrayBuffers;
  const patient = await converse(Buffer.from('B\x3f\xff\xff\xf0', 'latin1'), Buffer.alloc(100));
  expect((await client.query('select 1 as x')).rows).toEqual([{ x: 1 }]);
  expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(16 * MEGABYTE);
  const closed = new Promise((resolve) => patient.once('close', resolve));
  patient.destroy();
  await closed;
});

test('an error that comes while half of a row has left waits for the rest of it', async () => {
  await client.query("insert into t values (1, null, repeat('x', 30000000)), (2, null, 'y')");
  const socket = await converse(message('Q', "set application_name = 'slow'; select c from t order by a"));
  const pid = `select pid from pg_stat_activity where application_name = 'slow' and state = 'active'`;
  let found: { readonly pid: number } | undefined;
  while (found === undefined) found = (await client.query(pid)).rows[0];
  await client.query('select pg_cancel_backend($1)', [found.pid]);
  const types: string[] = [];
  let rest = Buffer.alloc(0);
  let needed = 0;
  const chunks: Buffer[] = [];
  for await (const chunk of socket) {
    chunks.push(chunk as Buffer);
    needed -= (chunk as Buffer).length;
    if (needed > 0) continue;
    rest = Buffer.concat([rest, ...chunks.splice(0)]);
    for (needed = 5 - rest.length; needed <= 0; ) {
      const size = rest.readInt32BE(1) + 1;
      needed = size - rest.length;
      if (needed > 0) break;
      types.push(String.fromCharCode(rest[0]!));
      rest = rest.subarray(size);
      needed = 5 - rest.length;
    }
    if (types.at(-1) === 'Z' && types.includes('E')) break;
  }
  expect(types.slice(-4)).toEqual(['T', 'D', 'E', 'Z']);
}, 60_000);
