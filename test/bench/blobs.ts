/**
 * Needle volumes: small files over HTTP beside `node:http` that does nothing with them, synced writes beside the disk's own
 * `fdatasync`, a large upload beside writing the same bytes to a file, and the index of ten million needles.
 *
 * Rates are what this machine gave while others used it; the processor time of the server per request (all its threads) is
 * the figure to compare. ORBIT_BENCH_MB sets the size of the large upload, 1,024 by default; ORBIT_BENCH_NEEDLES the
 * number of needles. `npm run bench -- blobs [small|large|index]` runs one part.
 */

import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, fdatasyncSync, openSync, writeSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import * as net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { crc32c } from '../../src/base/crc32c.ts';
import { silentLog } from '../../src/base/log.ts';
import { SMALL_INDEX, writeIndexRow } from '../../src/blobs/formats/index-row.ts';
import { bodyBytes, encodeNeedle, type Needle, NO_DETAILS, recordBytes } from '../../src/blobs/formats/needle.ts';
import { encodeSuperBlock, newSuperBlock } from '../../src/blobs/formats/super-block.ts';
import { Volume } from '../../src/blobs/volume/volume.ts';
import { newNodePlatform } from '../../src/platform/node-platform.ts';
import { httpRequest, load } from '../support/http-load.ts';
import { ServerProcess } from '../support/server.ts';
import { compare, format, type Measured, median } from './compare.ts';

const CONNECTIONS = 64;
const REQUESTS = 40_000;
const FILE = Buffer.alloc(1024, 'x y z ');
const LARGE_MB = Number(process.env.ORBIT_BENCH_MB ?? 1024);
const NEEDLES = Number(process.env.ORBIT_BENCH_NEEDLES ?? 10_000_000);
const US_PER_TICK = 10_000;
const MB = 1024 * 1024;

export async function run(): Promise<readonly string[]> {
  const only = process.argv[3] ?? '';
  const directory = await mkdtemp(join(tmpdir(), 'orbit-bench-blobs-'));
  try {
    const lines: string[] = [];
    const add = (line: string) => {
      lines.push(line);
      process.stderr.write(`${line}\n`);
    };
    if (only === '' || only === 'small') await small(directory, add);
    if (only === '' || only === 'large') await large(directory, add);
    if (only === '' || only === 'index') await index(directory, add);
    return lines;
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

function startServer(dataDir: string, durability: string): Promise<ServerProcess> {
  const env = {
    ORBIT_BLOBS_ENABLED: 'true',
    ORBIT_BLOBS_PORT: '0',
    ORBIT_BLOBS_DURABILITY: durability,
    ORBIT_LOG_LEVEL: 'error',
  };
  return ServerProcess.start({ dataDir, args: ['--durability', 'memory'], env });
}

async function small(directory: string, add: (line: string) => void): Promise<void> {
  const bare = await startBare();
  try {
    for (const durability of ['process', 'disk']) {
      const server = await startServer(join(directory, durability), durability);
      try {
        const port = server.port('blobs');
        let id = 1;
        const fid = (i: number) => `/${1 + (i % 4)},${i.toString(16)}0000abcd`;
        const put = (pid: number, target: number, request: (i: number) => Buffer): Promise<Measured> => {
          const requests = Array.from({ length: REQUESTS }, (_, i) => request(i));
          return measured(pid, REQUESTS, () => send(target, 201, requests));
        };
        const writes = (): Promise<Measured> => {
          const first = id;
          id += REQUESTS;
          return put(server.pid, port, (i) => httpRequest('PUT', fid(first + i), FILE));
        };
        const bareWrites = () => put(bare.pid, bare.port, (i) => httpRequest('PUT', fid(i), FILE));
        const name = `PUT 1 KB, c${CONNECTIONS}, class ${durability}`;
        add(await compare({ name, unit: 'req/s', peerName: 'node:http', ours: writes, peer: bareWrites }));
        if (durability === 'disk') {
          add(`one fdatasync after another of 1 KB appends: ${format(syncRate(join(directory, 'raw')))} syncs/s`);
          continue;
        }
        const written = id;
        let seed = 1;
        const get = (i: number) => {
          seed = (Math.imul(seed, 1103515245) + 12345 + i) >>> 0;
          return httpRequest('GET', fid(1 + (seed % (written - 1))));
        };
        const reads = (pid: number, target: number) => (): Promise<Measured> => {
          const requests = Array.from({ length: REQUESTS }, (_, i) => get(i));
          return measured(pid, REQUESTS, () => send(target, 200, requests));
        };
        add(
          await compare({
            name: `GET 1 KB, c${CONNECTIONS}`,
            unit: 'req/s',
            peerName: 'node:http',
            ours: reads(server.pid, port),
            peer: reads(bare.pid, bare.port),
          }),
        );
      } finally {
        await server.stop();
      }
    }
  } finally {
    bare.child.kill();
  }
}

/** Sends requests that were made beforehand. */
function send(port: number, status: number, requests: readonly Buffer[]): Promise<number> {
  const request = (i: number) => requests[i]!;
  return load({ port, connections: CONNECTIONS, requests: requests.length, status, request });
}

/** A server that reads bodies and answers the same kilobyte. */
async function startBare(): Promise<{ readonly child: ChildProcess; readonly port: number; readonly pid: number }> {
  const source = `
    const http = require('node:http');
    const body = Buffer.alloc(1024, 'x y z ');
    http.createServer((request, response) => {
      if (request.method === 'GET') { response.writeHead(200, { 'content-length': 1024 }); response.end(body); return; }
      request.on('data', () => {});
      request.on('end', () => { response.writeHead(201, { 'content-length': 2 }); response.end('{}'); });
    }).listen(0, '127.0.0.1', function () { console.log(this.address().port); });`;
  const child = spawn(process.execPath, ['-e', source], { stdio: ['ignore', 'pipe', 'inherit'] });
  const port = await new Promise<number>((resolve) => child.stdout!.once('data', (text) => resolve(Number(text))));
  return { child, port, pid: child.pid! };
}

function syncRate(path: string): number {
  const fd = openSync(path, 'w');
  const rates: number[] = [];
  for (let run = 0; run < 3; run++) {
    const start = performance.now();
    for (let i = 0; i < 300; i++) {
      writeSync(fd, FILE);
      fdatasyncSync(fd);
    }
    rates.push((300 / (performance.now() - start)) * 1000);
  }
  closeSync(fd);
  return median(rates);
}

async function large(directory: string, add: (line: string) => void): Promise<void> {
  const server = await startServer(join(directory, 'large'), 'disk');
  try {
    const piece = Buffer.alloc(MB);
    for (let i = 0; i < piece.length; i += 4) piece.writeInt32LE(Math.imul(i, 2654435761) | 0, i);
    await upload(server.port('blobs'), '/1,010000abcd', 64, piece);
    const before = (await server.memory())!.rssBytes;
    const raw: number[] = [];
    const ours: number[] = [];
    const cpuBefore = await processorUs(server.pid);
    for (let run = 1; run <= 3; run++) {
      // A file of its own, as the upload takes new blocks: memory that a file has just given back is much faster.
      raw.push(rawWrite(join(directory, `raw-large-${run}`), piece));
      ours.push(await upload(server.port('blobs'), `/${run},020000abcd`, LARGE_MB, piece));
    }
    const { peakBytes } = (await server.memory())!;
    const cpuMs = ((await processorUs(server.pid)) - cpuBefore) / 1000 / (3 * LARGE_MB);
    const [our, their] = [median(ours), median(raw)];
    add(
      `PUT ${LARGE_MB} MB, class disk             orbit ${our.toFixed(0)} MB/s  file and fdatasync ${their.toFixed(0)} MB/s  ` +
        `ratio ${(our / their).toFixed(2)}x  memory +${((peakBytes - before) / MB).toFixed(0)} MB  processor ${cpuMs.toFixed(2)} ms/MB`,
    );
  } finally {
    await server.stop();
  }
}

/** @returns megabytes per second, the sync at the end included. */
function rawWrite(path: string, piece: Buffer): number {
  const fd = openSync(path, 'w');
  const start = performance.now();
  for (let i = 0; i < LARGE_MB; i++) writeSync(fd, piece);
  fdatasyncSync(fd);
  const rate = (LARGE_MB / (performance.now() - start)) * 1000;
  closeSync(fd);
  return rate;
}

function upload(port: number, path: string, megabytes: number, piece: Buffer): Promise<number> {
  return new Promise((resolve, reject) => {
    const start = performance.now();
    const socket = net.connect({ host: '127.0.0.1', port });
    socket.on('error', reject);
    socket.once('data', (chunk) => {
      socket.end();
      const answer = chunk.toString('latin1');
      if (answer.startsWith('HTTP/1.1 201')) resolve((megabytes / (performance.now() - start)) * 1000);
      else reject(new Error(answer));
    });
    socket.write(
      `PUT ${path} HTTP/1.1\r\nHost: bench\r\nContent-Type: application/x-bench\r\nContent-Length: ${megabytes * MB}\r\n\r\n`,
    );
    let sent = 0;
    const more = () => {
      while (sent < megabytes) {
        sent++;
        if (!socket.write(piece)) {
          socket.once('drain', more);
          return;
        }
      }
    };
    more();
  });
}

/** A volume of ten million small needles, made directly; opened as a server opens it. */
async function index(directory: string, add: (line: string) => void): Promise<void> {
  const platform = newNodePlatform();
  const needle: Needle = { ...NO_DETAILS, cookie: 1, id: 1n, data: Buffer.from('0123456789') };
  const length = recordBytes(bodyBytes(needle, 3), 3);
  const base = join(directory, '9');
  const dat = await platform.files.open(`${base}.dat`, { mode: 'create' });
  const idx = await platform.files.open(`${base}.idx`, { mode: 'create' });
  await dat.write(encodeSuperBlock(newSuperBlock()), 0);
  const records = Buffer.alloc(length * 10_000);
  const rows = Buffer.alloc(16 * 10_000);
  const checksum = crc32c(needle.data);
  for (let first = 0; first < NEEDLES; first += 10_000) {
    for (let i = 0; i < 10_000; i++) {
      const id = 1 + (first + i) * 3;
      const appendAtNs = 1_700_000_000_000_000_000n + BigInt(first + i);
      encodeNeedle(records, i * length, { ...needle, id: BigInt(id) }, { version: 3, checksum, appendAtNs });
      writeIndexRow(rows, i * 16, SMALL_INDEX, 0, id, 8 + (first + i) * length, bodyBytes(needle, 3));
    }
    await dat.write(records, 8 + first * length);
    await idx.write(rows, first * 16);
  }
  await dat.close();
  await idx.close();
  await writeFile(`${base}.clean`, `dat ${8 + NEEDLES * length} idx ${NEEDLES * 16}\n`);
  const start = performance.now();
  const volume = await Volume.open({
    platform,
    directory,
    name: { collection: '', volumeId: 9 },
    log: silentLog,
  });
  const seconds = (performance.now() - start) / 1000;
  const memory = volume.status().indexMemoryBytes / NEEDLES;
  const readsBefore = volume.datReads;
  for (let i = 0; i < 1000; i++) {
    const id = BigInt(1 + ((i * 7919) % NEEDLES) * 3);
    if ((await volume.read(id, 1)) === undefined) throw new Error(`needle ${id} is lost`);
  }
  const reads = (volume.datReads - readsBefore) / 1000;
  await volume.close();
  add(
    `${format(NEEDLES)} needles: opened in ${seconds.toFixed(2)} s from .idx, ${memory.toFixed(2)} bytes of index each, ` +
      `${reads} reads of the data file per GET`,
  );
}

async function measured(pid: number, requests: number, work: () => Promise<number>): Promise<Measured> {
  const before = await processorUs(pid);
  const rate = await work();
  return { rate, processorUs: ((await processorUs(pid)) - before) / requests };
}

async function processorUs(pid: number): Promise<number> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) * US_PER_TICK;
}
