/** The volume server over HTTP: what `curl` and clients of SeaweedFS do, against a server on a real disk. */

import { createHash } from 'node:crypto';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { crc32c } from '../../src/base/crc32c.ts';
import { decodeNeedle } from '../../src/blobs/formats/needle.ts';
import { loadConfig } from '../../src/config/load.ts';
import { signToken } from '../../src/protocols/blobs/token.ts';
import { type RunningServer, runServer } from '../../src/server.ts';
import { main } from '../config/inputs.ts';
import { ROOT } from '../support/server.ts';

const FIXTURES = join(ROOT, 'test/fixtures/seaweedfs');
const dat = readFileSync(join(FIXTURES, '1.dat'));

function temporaryDirectory() {
  const path = mkdtempSync(join(tmpdir(), 'orbit-blobs-'));
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) };
}

async function startBlobs(directory: string, extra = ''): Promise<RunningServer> {
  const toml = `
    [server]
    data_dir = "${directory}"
    [logging]
    level = "error"
    [storage]
    durability = "memory"
    [protocols.redis]
    enabled = false
    [protocols.postgresql]
    enabled = false
    [protocols.rest]
    enabled = false
    [monitoring.metrics]
    enabled = false
    [protocols.blobs]
    enabled = true
    port = 0
    ${extra}`;
  const config = await loadConfig(main(toml));
  return runServer(config, { stdout: () => {} });
}

function client(server: RunningServer) {
  const { host, port } = server.addresses.blobs!;
  return (path: string, init: RequestInit = {}) =>
    fetch(`http://${host}:${port}${path}`, { headers: { 'accept-encoding': 'identity' }, ...init });
}

// biome-ignore lint/suspicious/noExplicitAny: bodies are judged by what is expected of them.
const jsonOf = async (response: Response): Promise<any> => response.json();
const bytesOf = async (response: Response) => Buffer.from(await response.arrayBuffer());

describe('the volume server', () => {
  const directory = temporaryDirectory();
  let server: RunningServer;
  let http: ReturnType<typeof client>;

  beforeAll(async () => {
    mkdirSync(join(directory.path, 'blobs'));
    cpSync(join(FIXTURES, '1.dat'), join(directory.path, 'blobs/7.dat'));
    cpSync(join(FIXTURES, '1.idx'), join(directory.path, 'blobs/7.idx'));
    server = await startBlobs(directory.path);
    http = client(server);
  });
  afterAll(async () => {
    await server.stop();
    directory.remove();
  });

  it('serves all 298 needles of a volume that SeaweedFS wrote', async () => {
    let count = 0;
    for (let at = 8; at < dat.length; count++) {
      const needle = decodeNeedle(dat, at, 3);
      const fid = `7,${needle.id.toString(16)}${needle.cookie.toString(16).padStart(8, '0')}`;
      const response = await http(`/${fid}`);
      expect(response.status).toBe(200);
      expect(response.headers.get('etag')).toBe(`"${crc32c(needle.data).toString(16).padStart(8, '0')}"`);
      const data = await bytesOf(response);
      expect(data.equals(needle.gzip ? gunzipSync(needle.data) : needle.data)).toBe(true);
      at += needle.recordBytes;
    }
    expect(count).toBe(298);
  });

  it('stores forms and raw bodies, answers as SeaweedFS does, and reads them in every form of path', async () => {
    const form = new FormData();
    form.set('file', new Blob([Buffer.from('photo')], { type: 'image/jpeg' }), 'photo.jpg');
    const stored = await http('/7,ff01637037d6', { method: 'POST', body: form });
    expect(stored.status).toBe(201);
    const eTag = crc32c(Buffer.from('photo')).toString(16).padStart(8, '0');
    expect(await jsonOf(stored)).toEqual({ name: 'photo.jpg', size: 5, eTag, mime: 'image/jpeg' });
    expect(stored.headers.get('etag')).toBe(`"${eTag}"`);
    for (const path of ['/7,ff01637037d6', '/7,ff01637037d6.jpg', '/7/ff01637037d6', '/7/ff01637037d6/my.jpg']) {
      const read = await http(path);
      expect(read.status, path).toBe(200);
      expect(read.headers.get('content-type')).toBe('image/jpeg');
      const name = path.endsWith('my.jpg') ? 'my.jpg' : 'photo.jpg';
      expect(read.headers.get('content-disposition')).toBe(`inline; filename="${name}"`);
      expect(await read.text()).toBe('photo');
    }
    const raw = await http('/7,ff02637037d6', { method: 'PUT', body: Buffer.from([0, 1, 2, 3]) });
    expect(await jsonOf(raw)).toMatchObject({ name: '7,ff02637037d6', size: 4 });
    expect(await bytesOf(await http('/7,ff02637037d6'))).toEqual(Buffer.from([0, 1, 2, 3]));
    expect((await http('/7,ff02637037d6', { method: 'PUT', body: Buffer.from([0, 1, 2, 3]) })).status).toBe(204);
    expect((await http('/7/ff03637037d6', { method: 'PUT', body: 'x' })).status).toBe(400);
    expect((await http('/99,ff03637037d6', { method: 'PUT', body: 'x' })).status).toBe(404);
    expect((await http('/7,ff02637037d7', { method: 'PUT', body: 'other' })).status).toBe(500);
    expect((await http('/7,ff02637037d7')).status).toBe(404);
    expect((await http('/nonsense')).status).toBe(400);
    expect((await http('/7,ff02637037d6', { method: 'PATCH' })).status).toBe(405);
  });

  it('stores an empty upload as empty, with its cookie, and a form-encoded body as it is', async () => {
    expect((await http('/7,ff10000000aa', { method: 'PUT', body: '' })).status).toBe(201);
    const empty = await http('/7,ff10000000aa');
    expect([empty.status, await empty.text()]).toEqual([200, '']);
    expect((await http('/7,ff10000000ab')).status).toBe(404);
    const headers = { 'content-type': 'application/x-www-form-urlencoded' };
    expect((await http('/7,ff11000000aa', { method: 'POST', body: 'a=1&b=2', headers })).status).toBe(201);
    expect(await (await http('/7,ff11000000aa')).text()).toBe('a=1&b=2');
  });

  it('deletes by cookie only, and tells what was deleted', async () => {
    await http('/7,ff20000000aa', { method: 'PUT', body: 'to be deleted' });
    expect((await http('/7,ff20000000ab', { method: 'DELETE' })).status).toBe(400);
    const deleted = await http('/7,ff20000000aa', { method: 'DELETE' });
    expect(deleted.status).toBe(202);
    expect((await jsonOf(deleted)).size).toBeGreaterThan(13);
    expect((await http('/7,ff20000000aa')).status).toBe(404);
    const again = await http('/7,ff20000000aa', { method: 'DELETE' });
    expect([again.status, await jsonOf(again)]).toEqual([404, { size: 0 }]);
    expect(await (await http('/7,ff20000000aa?readDeleted=true')).text()).toBe('to be deleted');
  });

  it('answers ranges, one or several, and preconditions by RFC 9110', async () => {
    const put = await http('/7,ff30000000aa?ts=1700000000', {
      method: 'PUT',
      body: '0123456789',
      headers: { 'content-type': 'application/x-own' },
    });
    const etag = put.headers.get('etag')!;
    const get = (headers: Record<string, string>, method = 'GET') => http('/7,ff30000000aa', { method, headers });
    const one = await get({ range: 'bytes=2-4' });
    expect([one.status, one.headers.get('content-range'), await one.text()]).toEqual([206, 'bytes 2-4/10', '234']);
    expect(await (await get({ range: 'bytes=-3' })).text()).toBe('789');
    expect(await (await get({ range: 'bytes=8-' })).text()).toBe('89');
    const beyond = await get({ range: 'bytes=10-' });
    expect([beyond.status, beyond.headers.get('content-range')]).toEqual([416, 'bytes */10']);
    const several = await get({ range: 'bytes=0-1,5-6' });
    expect(several.status).toBe(206);
    const boundary = /boundary=(\w+)/.exec(several.headers.get('content-type')!)![1];
    const body = await several.text();
    expect(Number(several.headers.get('content-length'))).toBe(body.length);
    expect(body).toBe(
      `\r\n--${boundary}\r\nContent-Type: application/x-own\r\nContent-Range: bytes 0-1/10\r\n\r\n01` +
        `\r\n--${boundary}\r\nContent-Type: application/x-own\r\nContent-Range: bytes 5-6/10\r\n\r\n56\r\n--${boundary}--\r\n`,
    );
    expect((await get({ range: 'bytes=0-8,0-8' })).status).toBe(200);
    expect((await get({ 'if-none-match': `"x", ${etag}` })).status).toBe(304);
    expect((await get({ 'if-none-match': '"x"', 'if-modified-since': 'Wed, 01 Jan 2031 00:00:00 GMT' })).status).toBe(
      200,
    );
    expect((await get({ 'if-modified-since': 'Tue, 14 Nov 2023 22:13:20 GMT' })).status).toBe(304);
    expect((await get({ 'if-match': '"x"' })).status).toBe(412);
    expect((await get({ range: 'bytes=0-0', 'if-range': '"x"' })).status).toBe(200);
    const head = await get({}, 'HEAD');
    expect([head.status, head.headers.get('content-length'), head.headers.get('last-modified')]).toEqual([
      200,
      '10',
      'Tue, 14 Nov 2023 22:13:20 GMT',
    ]);
  });

  it('compresses text, keeps what was compressed, and sends each as the client takes it', async () => {
    const words = 'all the same words '.repeat(100);
    const put = await http('/7,ff40000000aa', {
      method: 'PUT',
      body: words,
      headers: { 'content-type': 'text/plain' },
    });
    expect((await jsonOf(put)).size).toBe(words.length);
    for (const [body, fid] of [
      [undefined, 'ff40000000aa'],
      [gzipSync(words), 'ff41000000aa'],
    ] as const) {
      if (body !== undefined) {
        const headers = { 'content-encoding': 'gzip', 'content-type': 'text/plain' };
        const stored = await http(`/7,${fid}`, { method: 'PUT', body, headers });
        expect((await jsonOf(stored)).size).toBe(words.length);
      }
      const packed = await http(`/7,${fid}`, { headers: { 'accept-encoding': 'gzip' } });
      expect(packed.headers.get('content-encoding')).toBe('gzip');
      expect(await packed.text()).toBe(words); // fetch unpacks it.
      const plain = await http(`/7,${fid}`, { headers: { 'accept-encoding': 'gzip;q=0, identity' } });
      expect([plain.headers.get('content-encoding'), await plain.text()]).toEqual([null, words]);
    }
  });

  it('checks Content-MD5, keeps pairs, and takes overrides of response headers', async () => {
    const md5 = createHash('md5').update('abc').digest('base64');
    const headers = { 'content-md5': md5, 'seaweed-owner-name': 'me', 'content-type': 'application/x-own' };
    const put = await http('/7,ff50000000aa', { method: 'PUT', body: 'abc', headers });
    expect([put.status, (await jsonOf(put)).contentMd5]).toEqual([201, md5]);
    const wrong = { 'content-md5': createHash('md5').update('abd').digest('base64') };
    expect((await http('/7,ff51000000aa', { method: 'PUT', body: 'abc', headers: wrong })).status).toBe(400);
    expect((await http('/7,ff51000000aa')).status).toBe(404);
    const read = await http('/7,ff50000000aa?response-content-type=text/x-other&dl=true');
    expect(read.headers.get('owner-name')).toBe('me');
    expect(read.headers.get('content-type')).toBe('text/x-other');
    expect(read.headers.get('content-disposition')).toMatch(/^attachment;/);
  });

  it('puts a file together from the chunks of a manifest, and deletes them with it', async () => {
    for (const [i, part] of ['first ', 'second ', 'third'].entries()) {
      await http(`/7,ff6${i}000000aa`, { method: 'PUT', body: part });
    }
    const manifest = {
      name: 'whole.txt',
      mime: 'text/plain',
      size: 18,
      chunks: [
        { fid: '7,ff62000000aa', offset: 13, size: 5 },
        { fid: '7,ff60000000aa', offset: 0, size: 6 },
        { fid: '7,ff61000000aa', offset: 6, size: 7 },
      ],
    };
    const put = await http('/7,ff6f000000aa?cm=true', { method: 'PUT', body: JSON.stringify(manifest) });
    expect(put.status).toBe(201);
    const read = await http('/7,ff6f000000aa');
    expect([await read.text(), read.headers.get('x-file-store')]).toEqual(['first second third', 'chunked']);
    expect(await (await http('/7,ff6f000000aa', { headers: { range: 'bytes=4-13' } })).text()).toBe('t second t');
    expect(await jsonOf(await http('/7,ff6f000000aa?cm=false'))).toEqual(manifest);
    expect(await jsonOf(await http('/7,ff6f000000aa', { method: 'DELETE' }))).toEqual({ size: 18 });
    expect((await http('/7,ff61000000aa')).status).toBe(404);
    expect((await http('/7,ff6e000000aa?cm=true', { method: 'PUT', body: '{"chunks": 1}' })).status).toBe(400);
  });

  it('streams a large upload in chunks, checks its MD5, and reads it back whole and by range', async () => {
    const large = Buffer.alloc(40 * 1024 * 1024 + 12_345);
    for (let i = 0; i < large.length; i += 4)
      large.writeInt32LE(Math.imul(i, 2654435761) | 0, Math.min(i, large.length - 4));
    const md5 = createHash('md5').update(large).digest('base64');
    const put = await http('/7,ff70000000aa', { method: 'PUT', body: large, headers: { 'content-md5': md5 } });
    expect([put.status, await jsonOf(put)]).toEqual([
      201,
      expect.objectContaining({ size: large.length, contentMd5: md5 }),
    ]);
    const read = await bytesOf(await http('/7,ff70000000aa'));
    expect(read.equals(large)).toBe(true);
    const from = 8 * 1024 * 1024 - 100;
    const range = await http('/7,ff70000000aa', { headers: { range: `bytes=${from}-${from + 4_999_999}` } });
    expect((await bytesOf(range)).equals(large.subarray(from, from + 5_000_000))).toBe(true);
    const before = (await jsonOf(await http('/status'))).Volumes[0].LiveCount;
    expect(
      (await http('/7,ff71000000aa', { method: 'PUT', body: large, headers: { 'content-md5': 'wrong' } })).status,
    ).toBe(400);
    expect((await jsonOf(await http('/status'))).Volumes[0].LiveCount).toBe(before);
    expect((await http('/7,ff70000000aa', { method: 'DELETE' })).status).toBe(202);
    const form = new FormData();
    form.set('file', new Blob([large]), 'large.bin');
    expect((await http('/7,ff72000000aa', { method: 'POST', body: form })).status).toBe(201);
    expect((await bytesOf(await http('/7,ff72000000aa'))).equals(large)).toBe(true);
  });

  it('tells its state', async () => {
    const status = await jsonOf(await http('/status?pretty=y'));
    expect(status.Volumes).toEqual([expect.objectContaining({ Id: 7, Version: 3, ReadOnly: false, Damaged: [] })]);
    expect(status.DiskStatuses[0].free).toBeGreaterThan(0);
    expect((await http('/healthz')).status).toBe(200);
    expect((await http('/7,1', { method: 'OPTIONS' })).headers.get('access-control-allow-methods')).toContain('PUT');
    expect(
      (await http('/healthz', { headers: { origin: 'http://x' } })).headers.get('access-control-allow-origin'),
    ).toBe('*');
  });
});

describe('a volume server with a bound on files', () => {
  it('refuses what is announced to be larger before it is sent', async () => {
    const directory = temporaryDirectory();
    const server = await startBlobs(directory.path, 'file_size_limit = "40MB"');
    try {
      const { host, port } = server.addresses.blobs!;
      const answer = await new Promise<{ status: number; body: string }>((resolve, reject) => {
        const headers = { 'content-length': '50000000', expect: '100-continue' };
        const outgoing = request({ host, port, path: '/1,010000abcd', method: 'PUT', headers });
        outgoing.on('continue', () => reject(new Error('was told to go on')));
        outgoing.on('error', reject);
        outgoing.on('response', (incoming) => {
          let body = '';
          incoming.setEncoding('utf8').on('data', (chunk) => {
            body += chunk;
          });
          incoming.on('end', () => resolve({ status: incoming.statusCode!, body }));
        });
        outgoing.flushHeaders();
      });
      expect(answer).toEqual({ status: 400, body: expect.stringContaining('file over the limited 41943040 bytes') });
    } finally {
      await server.stop();
      directory.remove();
    }
  });
});

describe('a volume server with keys', () => {
  it('asks for a token of that file for writes and for reads', async () => {
    const directory = temporaryDirectory();
    const server = await startBlobs(directory.path, 'jwt_signing_key = "w"\njwt_read_key = "r"\ninitial_volumes = 2');
    try {
      const http = client(server);
      const now = Date.now();
      const fid = '2,01637037d6';
      const token = (key: string, of = fid, seconds = 60) => `jwt=${signToken(of, key, now, seconds)}`;
      const put = (query: string, headers: Record<string, string> = {}) =>
        http(`/${fid}?${query}`, { method: 'PUT', body: 'secret', headers });
      expect((await put('')).status).toBe(401);
      expect((await put(token('r'))).status).toBe(401);
      expect((await put(token('w', '2,02637037d6'))).status).toBe(401);
      expect((await put(token('w', fid, -1))).status).toBe(401);
      expect((await put('jwt=a.b.c')).status).toBe(401);
      expect((await put('', { authorization: `BEARER ${token('w').slice(4)}` })).status).toBe(201);
      expect((await http(`/${fid}`)).status).toBe(401);
      expect((await http(`/${fid}`, { headers: { cookie: `AT=${token('r').slice(4)}` } })).status).toBe(200);
      expect((await http(`/${fid}?${token('r')}`, { method: 'DELETE' })).status).toBe(401);
      expect((await http(`/${fid}?${token('w')}`, { method: 'DELETE' })).status).toBe(202);
    } finally {
      await server.stop();
      directory.remove();
    }
  });
});
