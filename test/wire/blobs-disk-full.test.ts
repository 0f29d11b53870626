/**
 * Volumes on a file system that is really full: uploads, a vacuum and erasure coding end with a typed error and leave nothing
 * behind, what was stored is read, and the space that deletes and a vacuum give back is used again. Needs the right to mount
 * a small one in memory (root on Linux); skipped elsewhere.
 */

import { mkdtempSync, readdirSync, rmSync, statfsSync, unlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { runOrbit, ServerProcess } from '../support/server.ts';
import { mountSmallDisk, unmountSmallDisk } from '../support/small-disk.ts';

const SIZE_MB = 48;
const FILE_BYTES = 100_000;
const LARGE_BYTES = 40 * 1024 * 1024;

let folder: string | undefined;
let mounted: string | undefined;
let server: ServerProcess | undefined;

afterEach(async () => {
  await server?.kill();
  if (mounted !== undefined) unmountSmallDisk(mounted);
  if (folder !== undefined) rmSync(folder, { recursive: true, force: true });
});

/** No two alike, and none that gzip makes smaller. */
function contentOf(id: number): Buffer {
  const bytes = Buffer.alloc(FILE_BYTES);
  for (let at = 0; at < bytes.length; at += 4) bytes.writeInt32LE(Math.imul(id * 1_000_003 + at, 2654435761) | 0, at);
  return bytes;
}

const freeBytes = (path: string): number => {
  const { bavail, bsize } = statfsSync(path);
  return bavail * bsize;
};

test('volumes on a full disk refuse with a typed error, stay readable, and take writes again later (skipped without the right to mount)', {
  timeout: 180_000,
}, async ({ skip }) => {
  const disk = mountSmallDisk(SIZE_MB);
  if (disk === undefined) {
    console.warn('skipped: mounting a small file system takes root');
    skip();
    return;
  }
  mounted = disk;
  folder = mkdtempSync(join(tmpdir(), 'orbit-blobs-full-data-'));
  const volumes = join(disk, 'volumes');
  const start = async () => {
    server = await ServerProcess.start({
      dataDir: join(folder!, 'data'),
      args: ['--durability', 'memory'],
      env: {
        ORBIT_BLOBS_ENABLED: 'true',
        ORBIT_BLOBS_PORT: '0',
        ORBIT_BLOBS_DIRECTORIES: volumes,
        ORBIT_BLOBS_INITIAL_VOLUMES: '1',
        ORBIT_BLOBS_MIN_FREE_SPACE: '0',
        ORBIT_BLOBS_GARBAGE_THRESHOLD: '0',
        ORBIT_LOG_LEVEL: 'error',
      },
    });
  };
  const call = (id: number, init: RequestInit = {}) =>
    fetch(`http://127.0.0.1:${server!.port('blobs')}/1,${id.toString(16)}0000abcd`, init);
  const put = (id: number) => call(id, { method: 'PUT', body: contentOf(id) });
  const expectThere = async (from: number, to: number) => {
    for (let id = from; id <= to; id++) {
      const answer = await call(id);
      expect(answer.status, `file ${id}`).toBe(200);
      expect(Buffer.from(await answer.arrayBuffer()).equals(contentOf(id)), `file ${id}`).toBe(true);
    }
  };
  await start();

  // A large upload: in chunks, of which many are stored before the disk is full. All of them go.
  const large = await call(0xffff, { method: 'PUT', body: Buffer.alloc(LARGE_BYTES + 8 * 1024 * 1024, 'large') });
  expect([large.status, await large.json()]).toEqual([507, expect.objectContaining({ code: 'disk_full' })]);
  expect((await call(0xffff)).status).toBe(404);
  expect(await server!.stop()).toBe(0);
  expect((await runOrbit('blobs', 'compact', volumes, '1')).code).toBe(0);
  expect(freeBytes(disk)).toBeGreaterThan(0.9 * SIZE_MB * 1024 * 1024);
  await start();

  // Small ones, until none has room.
  const filler = join(disk, 'filler');
  writeFileSync(filler, Buffer.alloc(1024 * 1024));
  let stored = 0;
  let refused: Response;
  for (;;) {
    refused = await put(stored + 1);
    if (refused.status !== 201) break;
    stored++;
  }
  expect([refused.status, await refused.json()]).toEqual([507, expect.objectContaining({ code: 'disk_full' })]);
  expect(stored).toBeGreaterThan(300);
  await expectThere(1, stored);
  expect((await call(stored + 1)).status).toBe(404);

  // Neither the copy of a vacuum nor shards have room: what they began is gone, the volume is as it was.
  expect((await call(1, { method: 'DELETE' })).status).toBe(202);
  expect(await server!.stop()).toBe(0);
  const files = readdirSync(volumes).sort();
  const bytes = freeBytes(disk);
  for (const command of [['compact'], ['ec', 'encode']]) {
    const failed = await runOrbit('blobs', ...command, volumes, '1');
    expect([failed.code, failed.stderr], command.join(' ')).toEqual([
      1,
      expect.stringMatching(/bytes are free|\d+ are free/),
    ]);
    expect(readdirSync(volumes).sort()).toEqual(files);
    expect(Math.abs(freeBytes(disk) - bytes)).toBeLessThan(20_000);
  }
  await start();
  await expectThere(2, stored);

  // Deletes need little, a vacuum room for what is left: then all of the space is there again.
  unlinkSync(filler);
  for (let id = 2; id < stored - 3; id++) expect((await call(id, { method: 'DELETE' })).status).toBe(202);
  expect(await server!.stop()).toBe(0);
  expect((await runOrbit('blobs', 'compact', volumes, '1')).code).toBe(0);
  expect(freeBytes(disk)).toBeGreaterThan(0.9 * SIZE_MB * 1024 * 1024);
  await start();
  await expectThere(stored - 3, stored);
  for (let id = stored + 1; id <= stored + 50; id++) expect((await put(id)).status).toBe(201);
  await expectThere(stored - 3, stored + 50);
  expect(await server!.stop()).toBe(0);
});
