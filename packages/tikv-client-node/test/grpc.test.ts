/** The client over real gRPC: HTTP/2, TLS, servers that go away, and the cluster as a process of its own. */

import { AsyncLocalStorage } from 'node:async_hooks';
import { execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { Tso } from '../src/methods.ts';
import { connect, connectRaw } from '../src/node/connect.ts';
import { FrameParser, frame } from '../src/node/grpc-frames.ts';
import { GrpcTransport } from '../src/node/grpc-transport.ts';
import { nodeEnvironment } from '../src/node/node-environment.ts';
import { GrpcStatus } from '../src/transport.ts';
import { TestCluster, type TestClusterOptions } from '../test-cluster/cluster.ts';
import { type ListenOptions, listen } from '../test-cluster/node/listen.ts';
import { bytes, putAll, readText, scanText } from './support/world.ts';

async function listening(options: Partial<TestClusterOptions> = {}, listenOptions: ListenOptions = {}) {
  const cluster = new TestCluster({ environment: nodeEnvironment, disorderSeed: 7, ...options });
  return { cluster, server: await listen(cluster, listenOptions) };
}

describe('gRPC', () => {
  it('puts frames together from chunks cut anywhere', () => {
    const messages = [Buffer.from('a'), Buffer.alloc(0), Buffer.alloc(300, 7)];
    const stream = Buffer.concat(messages.map(frame));
    for (let cut = 0; cut <= stream.length; cut++) {
      const parser = new FrameParser();
      const found: Buffer[] = [];
      parser.push(stream.subarray(0, cut), (message) => found.push(Buffer.from(message)));
      parser.push(stream.subarray(cut), (message) => found.push(Buffer.from(message)));
      expect(found).toEqual(messages);
      expect(parser.atBoundary).toBe(true);
    }
    expect(() => new FrameParser().push(Buffer.from([1, 0, 0, 0, 0]), () => {})).toThrow('compressed');
  });

  it('carries transactions over many regions and large values', async () => {
    const { cluster, server } = await listening();
    cluster.split('c', 'f', 'k');
    const client = await connect({ pdEndpoints: server.pdEndpoints, connectionCount: 2 });
    try {
      const pairs = Object.fromEntries(Array.from({ length: 26 }, (_, i) => [String.fromCharCode(97 + i), `v${i}`]));
      await putAll(client, pairs);
      expect(await scanText(await client.begin())).toEqual(Object.entries(pairs).map(([k, v]) => `${k}=${v}`));
      const large = Buffer.alloc(5 * 1024 * 1024, 'x');
      const transaction = await client.begin();
      transaction.put(bytes('large'), large);
      await transaction.commit();
      const reader = await client.begin();
      expect((await reader.get(bytes('large')))?.equals(large)).toBe(true);
      expect((await reader.batchGet(Object.keys(pairs).map(bytes))).map(String)).toEqual(Object.values(pairs));
    } finally {
      await client.close();
      await server.close();
    }
  });

  it('goes on when a store restarts and when the PD leader goes', async () => {
    const { cluster, server } = await listening();
    const client = await connect({ pdEndpoints: server.pdEndpoints });
    try {
      await putAll(client, { a: '1' });
      const [store] = cluster.stores;
      await server.stopStore(store!.id);
      await putAll(client, { a: '2' });
      await server.startStore(store!.id);
      cluster.transferLeader('a', store!.id);
      expect(await readText(client, 'a')).toBe('2');
      cluster.state.pd.leader = 1;
      await server.stopPd(0);
      await putAll(client, { a: '3' });
      expect(await readText(client, 'a')).toBe('3');
      expect(client.statistics().pdLeader).toBe(server.pdEndpoints[1]);
    } finally {
      await client.close();
      await server.close();
    }
  });

  it('tells hooks in the async context of who asked, so that traces can tell requests of operations', async () => {
    const { server } = await listening();
    const operation = new AsyncLocalStorage<string>();
    const told: string[] = [];
    const tell = (what: string) => told.push(`${what} of ${operation.getStore()}`);
    const hooks = { onRequest: tell, onCommit: (how: string) => tell(`commit ${how}`) };
    const client = await connect({ pdEndpoints: server.pdEndpoints, hooks });
    try {
      const run = (name: string) =>
        operation.run(name, async () => {
          const transaction = await client.begin({ pessimistic: true });
          await transaction.lock([bytes(name)]);
          await Promise.all(['x', 'y', 'z'].map((key) => transaction.get(bytes(key))));
          transaction.put(bytes(name), bytes('1'));
          await transaction.commit();
        });
      await Promise.all([run('first'), run('second')]);
      for (const name of ['first', 'second']) {
        const own = told.filter((one) => one.endsWith(` of ${name}`)).map((one) => one.split(' of ')[0]);
        for (const what of ['KvPessimisticLock', 'KvBatchGet', 'KvPrewrite']) expect(own).toContain(what);
        expect(own.some((what) => what?.startsWith('commit '))).toBe(true);
      }
    } finally {
      await client.close();
      await server.close();
    }
  });

  it('fails calls by name of the endpoint, in bounded time', async () => {
    const transport = new GrpcTransport({ environment: nodeEnvironment });
    const { server, cluster } = await listening({ stores: 1, pdMembers: 1 });
    const gone = server.pdEndpoints[0]!;
    const storeAddress = cluster.stores[0]!.address;
    const connection = transport.connect(storeAddress);
    await expect(connection.call('/tikvpb.Tikv/Nope', Buffer.alloc(0), { timeoutMs: 5_000 })).rejects.toMatchObject({
      status: GrpcStatus.UNIMPLEMENTED,
    });
    cluster.freezeStore(cluster.stores[0]!.id);
    await expect(connection.call('/tikvpb.Tikv/KvGet', Buffer.alloc(0), { timeoutMs: 50 })).rejects.toMatchObject({
      status: GrpcStatus.DEADLINE_EXCEEDED,
      message: expect.stringContaining(storeAddress),
    });
    connection.close();
    await server.close();
    const signal = AbortSignal.timeout(1_500);
    await expect(connect({ pdEndpoints: [gone] }, signal)).rejects.toMatchObject({ code: 'cancelled' });
    await expect(connect({ pdEndpoints: [gone], backoffWeight: 0.05 })).rejects.toMatchObject({
      code: 'pd_unavailable',
      message: expect.stringContaining(gone),
    });
  });

  it('notices at once that the server ended a stream with a status', async () => {
    const { cluster, server } = await listening({ stores: 1, pdMembers: 2 });
    const connection = new GrpcTransport({ environment: nodeEnvironment }).connect(server.pdEndpoints[1]!);
    const ended = await new Promise<unknown>((resolve) => {
      const stream = connection.open('/pdpb.PD/Tso', { onMessage() {}, onClose: resolve });
      const header = { clusterId: cluster.state.clusterId };
      stream.send(Tso.request.encode({ header, count: 1 }));
    });
    expect(ended).toMatchObject({ status: GrpcStatus.UNAVAILABLE, message: expect.stringContaining('not leader') });
    connection.close();
    // A batch stream that breaks is replaced, and calls after it are answered.
    const client = await connect({ pdEndpoints: server.pdEndpoints });
    const startedMs = performance.now();
    for (let i = 0; i < 5; i++) {
      cluster.faults.add({ method: 'KvPrewrite', action: { kind: 'loseReply', how: 'disconnect' } });
      await putAll(client, { a: String(i) });
    }
    expect(await readText(client, 'a')).toBe('4');
    expect(performance.now() - startedMs).toBeLessThan(20_000);
    await client.close();
    await server.close();
  });

  const folder = mkdtempSync(join(tmpdir(), 'tikv-client-tls-'));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it.skipIf(!hasOpenssl())('speaks TLS with certificates on both sides, and picks up new ones', async () => {
    const at = (name: string) => join(folder, name);
    const openssl = (...args: string[]) => execFileSync('openssl', args, { stdio: 'ignore' });
    openssl(
      'req',
      '-x509',
      '-newkey',
      ...ELLIPTIC,
      '-nodes',
      '-days',
      '2',
      '-subj',
      '/CN=authority',
      '-keyout',
      at('ca.key'),
      '-out',
      at('ca.pem'),
    );
    for (const name of ['server', 'client', 'other']) {
      openssl(
        'req',
        '-newkey',
        ...ELLIPTIC,
        '-nodes',
        '-subj',
        `/CN=${name}`,
        '-addext',
        'subjectAltName=IP:127.0.0.1',
        '-keyout',
        at(`${name}.key`),
        '-out',
        at(`${name}.csr`),
      );
      openssl(
        'x509',
        '-req',
        '-in',
        at(`${name}.csr`),
        '-CA',
        at('ca.pem'),
        '-CAkey',
        at('ca.key'),
        '-CAcreateserial',
        '-copy_extensions',
        'copy',
        '-days',
        '2',
        '-out',
        at(`${name}.pem`),
      );
    }
    const read = (name: string) => readFileSync(at(name));
    const tls = { key: read('server.key'), cert: read('server.pem'), ca: read('ca.pem') };
    const { server } = await listening({ stores: 1, pdMembers: 1 }, { tls });
    const material = { ca: read('ca.pem'), cert: read('client.pem'), key: read('client.key') };
    const files = { caPath: at('ca.pem'), certPath: at('client.pem'), keyPath: at('client.key') };
    const client = await connect({ pdEndpoints: server.pdEndpoints, tls: files });
    try {
      await putAll(client, { a: '1' });
      expect(await readText(client, 'a')).toBe('1');
      // A transport of our own, to reload at will.
      let current = material;
      const transport = new GrpcTransport({ environment: nodeEnvironment, tls: () => current });
      const connection = transport.connect(server.pdEndpoints[0]!);
      const members = () => connection.call('/pdpb.PD/GetMembers', Buffer.alloc(0), { timeoutMs: 5_000 });
      await members();
      current = { ca: material.ca, cert: read('other.pem'), key: read('other.key') };
      transport.reloadCredentials();
      await members();
      current = { ca: material.ca, cert: Buffer.alloc(0), key: Buffer.alloc(0) };
      transport.reloadCredentials();
      await expect(members()).rejects.toMatchObject({ status: GrpcStatus.UNAVAILABLE });
      connection.close();
      await expect(connect({ pdEndpoints: server.pdEndpoints, backoffWeight: 0.02 })).rejects.toMatchObject({
        code: 'pd_unavailable',
      });
      await expect(
        connect({ pdEndpoints: server.pdEndpoints, tls: { caPath: at('missing.pem') } }),
      ).rejects.toMatchObject({ code: 'configuration' });
    } finally {
      await client.close();
      await server.close();
    }
  });

  it('reaches a cluster that runs as a command', async () => {
    const main = join(dirname(fileURLToPath(import.meta.url)), '..', 'test-cluster', 'node', 'main.ts');
    const child = spawn(process.execPath, [main, '--mode=rawTtl', '--stores=2'], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    try {
      const line = await new Promise<string>((resolve, reject) => {
        child.stdout.once('data', (chunk: Buffer) => resolve(chunk.toString()));
        child.once('exit', (code) => reject(new Error(`the cluster ended with ${code}`)));
      });
      const pdEndpoints = line.trim().replace('TIKV_PD_ENDPOINTS=', '').split(',');
      const { client, raw } = await connectRaw({ pdEndpoints });
      await raw.put(bytes('a'), bytes('1'), { ttlSeconds: 100n });
      expect(String(await raw.get(bytes('a')))).toBe('1');
      expect(Number(await raw.ttl(bytes('a')))).toBeGreaterThan(90);
      await client.close();
    } finally {
      const ended = new Promise((resolve) => child.once('exit', resolve));
      child.kill('SIGTERM');
      await ended;
    }
  });
});

/** Keys that take no time to make, on however busy a machine. */
const ELLIPTIC = ['ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1'];

/** Makes the certificates of a test; without it that test is left out. */
function hasOpenssl(): boolean {
  try {
    execFileSync('openssl', ['version'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}
