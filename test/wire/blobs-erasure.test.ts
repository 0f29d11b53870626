/** An erasure-coded volume over HTTP: read with shards lost, deleted from, not written. */

import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { decodeVolume } from '../../src/blobs/erasure/decode.ts';
import { encodeVolume } from '../../src/blobs/erasure/encode.ts';
import { shardPath } from '../../src/blobs/erasure/shard-files.ts';
import { fileIdText } from '../../src/blobs/formats/file-id.ts';
import { decodeIndexRow, SMALL_INDEX } from '../../src/blobs/formats/index-row.ts';
import { decodeNeedle, type StoredNeedle } from '../../src/blobs/formats/needle.ts';
import { loadConfig } from '../../src/config/load.ts';
import { newNodePlatform } from '../../src/platform/node-platform.ts';
import { type RunningServer, runServer } from '../../src/server.ts';
import { main } from '../config/inputs.ts';
import { ROOT } from '../support/server.ts';

const FIXTURES = join(ROOT, 'test/fixtures/seaweedfs');
const dat = readFileSync(join(FIXTURES, '1.dat'));
const idx = readFileSync(join(FIXTURES, '1.idx'));
const directory = mkdtempSync(join(tmpdir(), 'orbit-blobs-ec-'));
const base = join(directory, 'blobs/7');
const context = { platform: newNodePlatform() };
let server: RunningServer;

const needles: StoredNeedle[] = [];
for (let at = 0; at < idx.length; at += SMALL_INDEX.rowBytes) {
  needles.push(decodeNeedle(dat, decodeIndexRow(idx, at, SMALL_INDEX).offset, 3));
}

function request(needle: { readonly id: bigint; readonly cookie: number }, init: RequestInit = {}): Promise<Response> {
  const { host, port } = server.addresses.blobs!;
  const path = fileIdText({ volumeId: 7, id: needle.id, cookie: needle.cookie });
  return fetch(`http://${host}:${port}/${path}`, { headers: { 'accept-encoding': 'gzip' }, ...init });
}

async function start(): Promise<void> {
  const off = ['redis', 'postgresql', 'rest'].map((name) => `[protocols.${name}]\nenabled = false\n`).join('');
  const toml = `
    [server]
    data_dir = "${directory}"
    [logging]
    level = "error"
    [storage]
    durability = "memory"
    [monitoring.metrics]
    enabled = false
    ${off}
    [protocols.blobs]
    enabled = true
    port = 0
    initial_volumes = 0`;
  server = await runServer(await loadConfig(main(toml)), { stdout: () => {} });
}

beforeAll(async () => {
  mkdirSync(join(directory, 'blobs'));
  for (const extension of ['dat', 'idx']) cpSync(join(FIXTURES, `1.${extension}`), `${base}.${extension}`);
  await encodeVolume(context, base);
  for (const shard of [0, 1, 2, 12]) rmSync(shardPath(base, shard));
  await start();
});

afterAll(async () => {
  await server.stop();
  rmSync(directory, { recursive: true, force: true });
});

it('serves every needle with four shards lost', async () => {
  for (const needle of needles) {
    const response = await request(needle);
    expect(response.status, `needle ${needle.id}`).toBe(200);
    expect(response.headers.get('etag')).toBe(`"${needle.crc.toString(16).padStart(8, '0')}"`);
    await response.arrayBuffer();
  }
  expect((await request({ id: needles[0]!.id, cookie: 1 })).status).toBe(404);
  expect((await request({ id: 9_999n, cookie: 1 })).status).toBe(404);
});

it('deletes by cookie, for good, and refuses writes', async () => {
  const [gone, other] = [needles[3]!, needles[4]!];
  expect((await request({ id: other.id, cookie: 1 }, { method: 'DELETE' })).ok).toBe(false);
  expect((await request(other)).status).toBe(200);
  expect((await request(gone, { method: 'DELETE' })).status).toBe(202);
  expect((await request(gone)).status).toBe(404);
  expect((await request({ id: 5_000n, cookie: 1 }, { method: 'PUT', body: 'x' })).ok).toBe(false);
  await server.stop();
  await start();
  expect((await request(gone)).status).toBe(404);
  expect((await request(other)).status).toBe(200);
  await server.stop();
  await decodeVolume(context, base);
  await start();
  expect((await request(gone)).status).toBe(404);
  expect((await request(other)).status).toBe(200);
  expect((await request({ id: 5_000n, cookie: 1 }, { method: 'PUT', body: 'x' })).status).toBe(201);
});
