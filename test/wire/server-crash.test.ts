/**
 * What survives a killed server, and why: rounds of `kill -9` under writers with the ledgers of the soak, and the system
 * calls behind one reply.
 */

import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { expect, test } from 'vitest';
import { runKill } from '../soak/kill.ts';
import { ServerProcess } from '../support/server.ts';
import { RawClient } from './resp-client.ts';

const seed = process.env.ORBIT_TEST_SEED ?? '1';

test('kill -9 takes no acknowledged write, tears none and invents none', async () => {
  const report = await runKill({ seed, rounds: 3, killAfterMs: [100, 700], killAfterWrites: 100 });
  expect(report.problems).toEqual([]);
  expect(report.readyMs).toHaveLength(3);
  expect(report.acknowledged).toBeGreaterThanOrEqual(300);
});

test('a server that keeps nothing is found out', async () => {
  const { problems, acknowledged } = await runKill({
    seed,
    rounds: 1,
    killAfterMs: [0, 1],
    killAfterWrites: 100,
    args: ['--durability', 'memory'],
    discard: true,
  });
  expect(acknowledged).toBeGreaterThanOrEqual(100);
  expect(problems.length).toBeGreaterThan(0);
});

/** Tests with traced processes are as quick as tracing is. */
const TRACED_MS_MAX = 60_000;

test.skipIf(!canTrace())(
  'a reply leaves after its write has reached the disk (skipped where strace cannot trace)',
  async () => {
    const folder = mkdtempSync(join(tmpdir(), 'orbit-trace-'));
    const trace = join(folder, 'trace');
    // -D: the server stays the child, strace goes on beside it. -y: files by path. -s: enough to see the payload.
    const strace = 'strace -D -f -y -s 4096 -e trace=openat,pwrite64,pwritev,write,writev,sendto,sendmsg -o';
    const server = ServerProcess.spawn({ dataDir: join(folder, 'data'), under: [...strace.split(' '), trace] });
    try {
      await server.ready;
      const redis = await RawClient.connect(server.port('redis'));
      expect(await redis.call('SET', 'traced', 'payload-of-redis')).toBe('+OK\r\n');
      redis.close();
      const postgres = new pg.Client({
        host: '127.0.0.1',
        port: server.port('postgres'),
        user: 'orbit',
        database: 'actors',
      });
      await postgres.connect();
      await postgres.query('CREATE TABLE traced (id int PRIMARY KEY, value text)');
      await postgres.query("INSERT INTO traced VALUES (1, 'payload-of-postgres')");
      await postgres.end();
      expect(await server.stop()).toBe(0);

      const lines = readFileSync(trace, 'latin1').split('\n');
      const opened = lines.filter((line) => /openat\(.*\/log\/[^/"]*\.log"/.test(line));
      const forWriting = opened.filter((line) => !line.includes('O_RDONLY'));
      expect(forWriting.some((line) => line.includes('O_DSYNC'))).toBe(true);
      expectInOrder(lines, 'payload-of-redis', /\+OK\\r\\n/);
      expectInOrder(lines, 'payload-of-postgres', /INSERT 0 1/);
    } finally {
      await server.kill();
      rmSync(folder, { recursive: true, force: true });
    }
  },
  TRACED_MS_MAX,
);

/** The log took the payload, that call had returned, and only then the reply was written to a socket. */
function expectInOrder(lines: readonly string[], payload: string, reply: RegExp): void {
  const begun = lines.findIndex(
    (line) => /pwritev?(64)?\(\d+<[^>]*\/log\/[^>]*\.log>/.test(line) && line.includes(payload),
  );
  expect(begun, `a write of ${payload} to the log`).toBeGreaterThan(-1);
  const thread = /^\d+/.exec(lines[begun]!)![0];
  const ended = lines[begun]!.includes('<unfinished ...>')
    ? lines.findIndex((line, i) => i > begun && new RegExp(`^${thread} .*<\\.\\.\\. pwritev?(64)? resumed>`).test(line))
    : begun;
  expect(ended, 'the end of that write').toBeGreaterThan(-1);
  expect(lines[ended]).toMatch(/= \d+$/);
  const replied = lines.findIndex(
    (line) => /\b(write|writev|sendto|sendmsg)\(\d+<(TCP|socket)/.test(line) && reply.test(line),
  );
  expect(replied, `a reply to ${payload}`).toBeGreaterThan(ended);
}

/** Containers often forbid it. */
function canTrace(): boolean {
  try {
    execFileSync('strace', ['-o', '/dev/null', 'true'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}
