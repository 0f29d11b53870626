/** What the kernel is asked for: one read of the `.dat` for each GET, and no other. Skipped where strace cannot trace. */

import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { ServerProcess } from '../support/server.ts';

const FILES = 60;
/** Not worth compressing. */
const FILE = Buffer.from(Uint32Array.from({ length: 256 }, (_, i) => Math.imul(i + 1, 2654435761)).buffer);
/** A traced process is as quick as tracing is. */
const TRACED_MS_MAX = 60_000;

test.skipIf(!canTrace())(
  'a GET reads the data file once, and no index (skipped where strace cannot trace)',
  { timeout: TRACED_MS_MAX },
  async () => {
    const folder = mkdtempSync(join(tmpdir(), 'orbit-one-read-'));
    const trace = join(folder, 'trace');
    // A file for each thread: in one file calls that overlap are written in pieces.
    const strace = 'strace -D -ff -y -s 0 -e trace=read,readv,pread64,preadv,preadv2,mmap -o';
    const server = ServerProcess.spawn({
      dataDir: join(folder, 'data'),
      args: ['--durability', 'memory'],
      env: { ORBIT_BLOBS_ENABLED: 'true', ORBIT_BLOBS_PORT: '0', ORBIT_LOG_LEVEL: 'error' },
      under: [...strace.split(' '), trace],
    });
    try {
      await server.ready;
      const url = (id: number) => `http://127.0.0.1:${server.port('blobs')}/${1 + (id % 4)},${id.toString(16)}0000abcd`;
      for (let id = 1; id <= FILES; id++) {
        expect((await fetch(url(id), { method: 'PUT', body: FILE })).status).toBe(201);
      }
      for (let id = 1; id <= FILES; id++) {
        const answer = await fetch(url(id));
        expect([answer.status, (await answer.arrayBuffer()).byteLength]).toEqual([200, FILE.length]);
      }
      // None of these is there: the index in memory tells so.
      for (let id = 1; id <= FILES; id++) expect((await fetch(url(FILES + id))).status).toBe(404);
      expect(await server.stop()).toBe(0);
      const traces = readdirSync(folder).filter((name) => name.startsWith('trace.'));
      const lines = traces.flatMap((name) => readFileSync(join(folder, name), 'latin1').split('\n'));
      const calls = lines.filter((line) =>
        /\b(?:p?readv?2?|pread64|mmap)\(.*<[^>]*\/blobs\/\d+\.(?:dat|idx)>/.test(line),
      );
      const lengths = calls.map((line) => Number(/, (\d+), \d+\)/.exec(line)?.[1] ?? Number.NaN));
      // What else is read are the super blocks of the volumes, 8 bytes each, when they are opened.
      expect(lengths.filter((length) => length !== 8)).toHaveLength(FILES);
      expect(Math.min(...lengths.filter((length) => length !== 8))).toBeGreaterThan(FILE.length);
      expect(lengths.filter((length) => length === 8).length).toBeLessThanOrEqual(4 * 2);
    } finally {
      await server.kill();
      rmSync(folder, { recursive: true, force: true });
    }
  },
);

/** Containers often forbid it. */
function canTrace(): boolean {
  try {
    execFileSync('strace', ['-o', '/dev/null', 'true'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}
