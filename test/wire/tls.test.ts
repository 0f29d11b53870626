/**
 * Encryption on both wires, with stock clients and with bytes of our own: what is offered, what is refused, what a
 * certificate proves. Certificates are made for the occasion.
 */

import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import * as https from 'node:https';
import * as net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as tls from 'node:tls';
import { promisify } from 'node:util';
import { Redis } from 'ioredis';
import pg from 'pg';
import postgres from 'postgres';
import { createClient } from 'redis';
import { afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { NodeSockets } from '../../src/platform/node-sockets.ts';
import type { TlsCredentials, TlsIdentity } from '../../src/platform/tls.ts';
import { PrincipalStore } from '../../src/protocols/principals.ts';
import { type Authority, type Issued, newAuthority } from '../support/certificates.ts';
import { ServerProcess } from '../support/server.ts';
import { platform } from '../support/stores.ts';
import { type PgServer, startPgServer } from './pg-server.ts';
import { startRespServer, type TestServer } from './resp-server.ts';

const run = promisify(execFile);
const SSL_REQUEST = Buffer.from([0, 0, 0, 8, 4, 210, 22, 47]);

let authority: Authority;
let server: Issued;

beforeAll(() => {
  authority = newAuthority();
  server = authority.issue('localhost');
});

function identify(more: Partial<TlsCredentials> = {}, onFailure?: (error: Error) => void): TlsIdentity {
  const credentials = { certificate: server.certificate, key: server.key, ...more };
  return platform.sockets.identify(credentials, onFailure === undefined ? {} : { onFailure });
}

const undo: (() => Promise<unknown> | unknown)[] = [];
afterEach(async () => {
  for (const step of undo.splice(0).reverse()) await step();
});

/** Everything that arrives until the peer closes. */
function answerTo(port: number, ...parts: readonly Buffer[]): Promise<Buffer> {
  return new Promise((resolve) => {
    const received: Buffer[] = [];
    const socket = net.connect({ host: '127.0.0.1', port });
    socket.on('error', () => {});
    socket.on('data', (chunk) => received.push(chunk));
    socket.on('close', () => resolve(Buffer.concat(received)));
    for (const part of parts) socket.write(part);
  });
}

function startup(user: string): Buffer {
  const body = Buffer.from(`\0\x03\0\0user\0${user}\0database\0actors\0\0`, 'latin1');
  const header = Buffer.alloc(4);
  header.writeInt32BE(body.length + 4);
  return Buffer.concat([header, body]);
}

describe('PostgreSQL', () => {
  async function start(required: boolean, more: Partial<TlsCredentials> = {}, users = true): Promise<PgServer> {
    const principals = users ? await PrincipalStore.of([{ name: 'orbit', password: 'sécret' }]) : undefined;
    const tlsOptions = { identity: identify(more), required };
    const started = await startPgServer({ tls: tlsOptions, ...(principals !== undefined && { principals }) });
    undo.push(() => started.stop());
    return started;
  }

  async function connect(config: pg.ClientConfig): Promise<pg.Client> {
    const client = new pg.Client(config);
    client.on('error', () => {});
    await client.connect();
    undo.push(() => client.end());
    return client;
  }

  test('node-postgres asks for it, checks the certificate and proves its password', async () => {
    const { config } = await start(true);
    const ssl = { ca: authority.certificate };
    for (const enableChannelBinding of [false, true]) {
      const client = await connect({ ...config, password: 'sécret', ssl, enableChannelBinding });
      const { rows } = await client.query('select $1::text as long', ['x'.repeat(300_000)]);
      expect(rows[0].long).toHaveLength(300_000);
    }
    await expect(connect({ ...config, password: 'wrong', ssl })).rejects.toMatchObject({ code: '28P01' });
    const other = { ca: newAuthority('Someone else').certificate };
    await expect(connect({ ...config, password: 'sécret', ssl: other })).rejects.toThrow(/certificate|signature/);
  });

  test('clear text is refused with a word where encryption is required, and taken where it is not', async () => {
    const { config } = await start(true);
    const refused = connect({ ...config, password: 'sécret' });
    await expect(refused).rejects.toMatchObject({ code: '28000', message: 'connections must be encrypted' });
    const lenient = await start(false);
    const client = await connect({ ...lenient.config, password: 'sécret' });
    expect((await client.query('select 1 as one')).rows).toEqual([{ one: 1 }]);
  });

  test('postgres.js', async () => {
    const { port } = await start(true);
    const sql = postgres({
      host: '127.0.0.1',
      port,
      user: 'orbit',
      database: 'actors',
      password: 'sécret',
      ssl: { ca: authority.certificate },
      fetch_types: false,
      max: 2,
    });
    undo.push(() => sql.end());
    expect(await sql`select ${'encrypted'}::text as how`).toEqual([{ how: 'encrypted' }]);
  });

  test('psql in every mode (skipped without psql)', async ({ skip }) => {
    const { port } = await start(true);
    const folder = mkdtempSync(join(tmpdir(), 'orbit-tls-'));
    undo.push(() => rmSync(folder, { recursive: true, force: true }));
    const root = join(folder, 'ca.pem');
    writeFileSync(root, authority.certificate);
    const psql = async (options: string): Promise<string> => {
      const where = `host=127.0.0.1 port=${port} user=orbit dbname=actors ${options}`;
      const env = { PATH: process.env.PATH, PGPASSWORD: 'sécret', HOME: folder };
      const { stdout } = await run('psql', ['-XAt', '-d', where, '-c', '\\conninfo', '-c', 'select 1'], { env });
      return stdout;
    };
    try {
      await run('psql', ['--version']);
    } catch {
      skip();
    }
    for (const mode of ['prefer', 'require', 'verify-ca', 'verify-full']) {
      const told = await psql(`sslmode=${mode} sslrootcert=${root}`);
      expect(told, mode).toMatch(/TLSv1\.[23][\s\S]*\n1\n$/);
    }
    expect(await psql('sslmode=require channel_binding=require')).toContain('\n1\n');
    expect(await psql('sslmode=require ssl_max_protocol_version=TLSv1.2')).toContain('TLSv1.2');
    await expect(psql('sslmode=disable')).rejects.toMatchObject({
      stderr: expect.stringContaining('connections must be encrypted'),
    });
    await expect(
      psql('sslmode=require ssl_min_protocol_version=TLSv1 ssl_max_protocol_version=TLSv1.1'),
    ).rejects.toThrow();
  });

  test('client certificates: required, checked when optional', async () => {
    const { config } = await start(true, { authorities: authority.certificate, requireClientCertificate: true });
    const client = authority.issue('client');
    const stranger = newAuthority('Someone else').issue('client');
    const expired = authority.issue('client', { days: -1 });
    const ssl = { ca: authority.certificate };
    const ask = async (at: pg.ClientConfig, shown: Issued | undefined) => {
      const own = shown && { cert: shown.certificate, key: shown.key };
      const one = await connect({ ...at, password: 'sécret', ssl: { ...ssl, ...own } });
      return (await one.query('select 1 as one')).rows;
    };
    expect(await ask(config, client)).toEqual([{ one: 1 }]);
    for (const wrong of [undefined, stranger, expired]) await expect(ask(config, wrong)).rejects.toThrow();
    const optional = await start(true, { authorities: authority.certificate });
    expect(await ask(optional.config, undefined)).toEqual([{ one: 1 }]);
    expect(await ask(optional.config, client)).toEqual([{ one: 1 }]);
    await expect(ask(optional.config, stranger)).rejects.toThrow();
  });

  test('what comes in clear behind the request is not taken for the client’s', async () => {
    const { port } = await start(true, {}, false);
    const answer = await answerTo(port, Buffer.concat([SSL_REQUEST, startup('orbit')]));
    expect(answer.includes('received unencrypted data after SSL request')).toBe(true);
    expect(answer[0]).toBe('E'.charCodeAt(0));
  });

  test('one handshake for each connection, GSSAPI never, and garbage instead of a handshake ends it', async () => {
    const { port, config } = await start(false, {}, false);
    const gss = Buffer.from([0, 0, 0, 8, 4, 210, 22, 48]);
    const socket = net.connect({ host: '127.0.0.1', port });
    const first = await new Promise<Buffer>((resolve) => {
      socket.once('data', resolve);
      socket.write(gss);
    });
    expect(first.toString()).toBe('N');
    const second = await new Promise<Buffer>((resolve) => {
      socket.once('data', resolve);
      socket.write(SSL_REQUEST);
    });
    expect(second.toString()).toBe('S');
    const secure = tls.connect({ socket, ca: authority.certificate, servername: 'localhost' });
    const refusal = await new Promise<string>((resolve) => {
      secure.once('data', (chunk) => resolve(chunk.toString('latin1')));
      secure.write(SSL_REQUEST);
    });
    expect(refusal).toMatch(/too many|unsupported|N/);
    secure.destroy();
    const ended = new Promise<void>((resolve) => {
      const other = net.connect({ host: '127.0.0.1', port });
      other.on('error', () => {});
      other.once('data', () => other.write(Buffer.alloc(200, 'garbage')));
      other.on('close', () => resolve());
      other.write(SSL_REQUEST);
      other.resume();
    });
    await ended;
    const client = await connect({ ...config, ssl: { ca: authority.certificate } });
    expect((await client.query('select 1 as one')).rows).toEqual([{ one: 1 }]);
  });
});

describe('Redis', () => {
  async function start(required: boolean, more: Partial<TlsCredentials> = {}): Promise<TestServer> {
    const started = await startRespServer({ tls: { identity: identify(more), required } });
    undo.push(() => started.close());
    return started;
  }

  test('ioredis and node-redis, also with values longer than a record and pipelines', async () => {
    const { port } = await start(true);
    const ca = authority.certificate;
    const redis = new Redis({ port, tls: { ca }, retryStrategy: null });
    undo.push(() => redis.disconnect());
    const long = 'x'.repeat(1_000_000);
    expect(await redis.set('long', long)).toBe('OK');
    expect((await redis.get('long')) === long).toBe(true);
    const pipeline = redis.pipeline();
    for (let i = 0; i < 5_000; i++) pipeline.set(`k${i}`, String(i));
    expect((await pipeline.exec())!.every(([error, reply]) => error === null && reply === 'OK')).toBe(true);
    const client = await createClient({ socket: { host: 'localhost', port, tls: true, ca } }).connect();
    undo.push(() => client.close());
    expect(await client.get('k4999')).toBe('4999');
  });

  test('redis-cli (skipped without it)', async ({ skip }) => {
    const { port } = await start(true);
    const cli = (...args: readonly string[]) => run('redis-cli', ['-p', String(port), ...args]);
    try {
      await run('redis-cli', ['--tls', '--version']);
    } catch {
      skip();
    }
    expect((await cli('--tls', '--insecure', 'SET', 'a', 'b')).stdout).toBe('OK\n');
    expect((await cli('--tls', '--insecure', 'GET', 'a')).stdout).toBe('b\n');
  });

  test('clear text gets nothing where encryption is required; otherwise the first byte decides', async () => {
    const strict = await start(true);
    const answer = await answerTo(strict.port, Buffer.from('PING\r\n'));
    expect(answer.includes('PONG')).toBe(false);
    const { port } = await start(false);
    for (const options of [{}, { tls: { ca: authority.certificate } }]) {
      const redis = new Redis({ port, retryStrategy: null, ...options });
      expect(await redis.ping()).toBe('PONG');
      const pipeline = redis.pipeline();
      for (let i = 0; i < 3_000; i++) pipeline.incr('n');
      await pipeline.exec();
      redis.disconnect();
    }
    const redis = new Redis({ port, retryStrategy: null });
    expect(await redis.get('n')).toBe('6000');
    redis.disconnect();
  });

  test('a client that never greets, or goes in the middle of it, is let go', async () => {
    const failures: Error[] = [];
    const identity = identify({}, (error) => failures.push(error));
    const started = await startRespServer({ tls: { identity, required: true } });
    undo.push(() => started.close());
    const silent = net.connect({ host: '127.0.0.1', port: started.port });
    const broken = net.connect({ host: '127.0.0.1', port: started.port });
    for (const socket of [silent, broken]) await new Promise((resolve) => socket.once('connect', resolve));
    broken.write(Buffer.from([0x16, 3, 1, 2, 0, 1, 0]));
    broken.end();
    await new Promise((resolve) => broken.once('close', resolve).resume());
    await expect.poll(() => failures.length).toBe(1);
    expect(failures[0]).toMatchObject({ code: 'io', message: expect.stringContaining('TLS handshake with') });
    expect(started.resp.statistics().connectionsOpen).toBe(1);
    silent.destroy();
    await expect.poll(() => started.resp.statistics().connectionsOpen).toBe(0);
  });

  test('a renewed certificate is shown to whoever comes next; what is no certificate changes nothing', async () => {
    const identity = identify();
    const started = await startRespServer({ tls: { identity, required: true } });
    undo.push(() => started.close());
    const shown = () =>
      new Promise<string>((resolve, reject) => {
        const socket = tls.connect({ port: started.port, host: 'localhost', ca: authority.certificate });
        socket.on('error', reject);
        socket.on('secureConnect', () => {
          resolve(String(socket.getPeerCertificate().subject.CN));
          socket.destroy();
        });
      });
    const old = new Redis({ port: started.port, tls: { ca: authority.certificate }, retryStrategy: null });
    undo.push(() => old.disconnect());
    await old.set('kept', '1');
    expect(await shown()).toBe('localhost');
    const renewed = authority.issue('renewed');
    identity.replace({ certificate: renewed.certificate, key: renewed.key });
    expect(await shown()).toBe('renewed');
    expect(await old.get('kept')).toBe('1');
    const broken = [
      { certificate: 'nothing', key: renewed.key },
      { certificate: renewed.certificate, key: server.key },
      { certificate: renewed.certificate, key: renewed.key, authorities: 'nothing' },
    ];
    for (const credentials of broken) {
      expect(() => identity.replace(credentials)).toThrow(expect.objectContaining({ code: 'invalid_config' }));
    }
    expect(await shown()).toBe('renewed');
  });
});

test('who has said all can still be answered under encryption', async () => {
  const started = await startRespServer({ tls: { identity: identify(), required: true } });
  undo.push(() => started.close());
  const socket = tls.connect({
    socket: net.connect({ port: started.port, host: '127.0.0.1', allowHalfOpen: true }),
    servername: 'localhost',
    ca: authority.certificate,
  });
  let answer = '';
  socket.on('data', (chunk: Buffer) => {
    answer += chunk.toString();
  });
  socket.end('SET a 1\r\nGET a\r\n');
  await new Promise((resolve) => socket.once('close', resolve));
  expect(answer).toBe('+OK\r\n$1\r\n1\r\n');
});

test('sockets deliver every byte both ways under encryption, paused and resumed', async () => {
  const sockets = new NodeSockets();
  const identity = sockets.identify({ certificate: server.certificate, key: server.key });
  const listener = await sockets.listen({ tls: { identity, required: true } }, (socket) => ({
    onData(chunk) {
      socket.pause();
      setImmediate(() => socket.resume());
      socket.write(Buffer.from(chunk));
    },
    onClose() {},
  }));
  undo.push(() => listener.close());
  const client = tls.connect({ port: listener.port, host: 'localhost', ca: authority.certificate });
  const sent = Buffer.alloc(3_000_000, 'abcdefg');
  let received = 0;
  const done = new Promise<void>((resolve) => {
    client.on('data', (chunk: Buffer) => {
      expect(chunk.equals(sent.subarray(received, received + chunk.length))).toBe(true);
      received += chunk.length;
      if (received === sent.length) resolve();
    });
  });
  client.write(sent);
  await done;
  client.end();
  await new Promise((resolve) => client.once('close', resolve));
  await expect.poll(() => listener.connections).toBe(0);
});

describe('a server with certificates', () => {
  let folder: string;
  let process: ServerProcess | undefined;

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'orbit-tls-'));
    writeFileSync(join(folder, 'server.crt'), server.certificate);
    writeFileSync(join(folder, 'server.key'), server.key);
  });
  afterEach(async () => {
    await process?.kill();
    rmSync(folder, { recursive: true, force: true });
  });

  test('encrypts every listener beyond loopback, takes passwords, and reads certificates anew on SIGHUP', async () => {
    const config = join(folder, 'orbit.toml');
    writeFileSync(
      config,
      '[server]\nbind_address = "0.0.0.0"\n[server.tls]\ncert_file = "server.crt"\nkey_file = "server.key"\n' +
        '[security]\npassword = "secret"\n[protocols.redis.commands]\ndisabled_commands = ["flushall"]\n',
    );
    process = await ServerProcess.start({ dataDir: join(folder, 'data'), args: ['--config', config] });
    expect(process.stdout).toMatch(/^ {2}redis +0\.0\.0\.0:\d+ +redis-cli --tls /m);
    const ca = authority.certificate;
    const redisOptions = { port: process.port('redis'), tls: { ca }, retryStrategy: null };
    const redis = new Redis({ ...redisOptions, username: 'orbit', password: 'secret' });
    expect(await redis.set('a', '1')).toBe('OK');
    await expect(redis.call('flushall')).rejects.toThrow(/unknown command 'flushall'/);
    redis.disconnect();
    const stranger = new Redis(redisOptions).on('error', () => {});
    await expect(stranger.get('a')).rejects.toThrow('NOAUTH');
    stranger.disconnect();
    const pgConfig = { host: 'localhost', port: process.port('postgres'), user: 'orbit', database: 'actors' };
    const client = new pg.Client({ ...pgConfig, password: 'secret', ssl: { ca } });
    await client.connect();
    expect((await client.query('select 1 as one')).rows).toEqual([{ one: 1 }]);
    await client.end();
    const subject = (port: number) =>
      new Promise<string>((resolve, reject) => {
        https
          .get({ port, host: 'localhost', path: '/health/live', ca, agent: false }, (response) => {
            const { subject: name } = (response.socket as tls.TLSSocket).getPeerCertificate();
            response.resume().on('end', () => resolve(`${response.statusCode} ${name.CN}`));
          })
          .on('error', reject);
      });
    const { port: metrics } = { port: process.port('metrics') };
    expect(await subject(process.port('http'))).toBe('200 localhost');
    const renewed = authority.issue('renewed');
    writeFileSync(join(folder, 'server.crt'), renewed.certificate);
    process.hangUp(); // Half of a pair: refused, and told.
    await expect.poll(() => process!.stderr).toMatch(/error: the TLS certificate cannot be used/);
    expect(await subject(metrics)).toBe('200 localhost');
    writeFileSync(join(folder, 'server.key'), renewed.key);
    process.hangUp();
    await expect.poll(() => subject(metrics)).toBe('200 renewed');
    expect(await process.stop()).toBe(0);
  });

  test('does not begin with a key that is not of its certificate', async () => {
    writeFileSync(join(folder, 'server.key'), authority.issue('other').key);
    const env = { ORBIT_TLS_CERT_FILE: join(folder, 'server.crt'), ORBIT_TLS_KEY_FILE: join(folder, 'server.key') };
    process = ServerProcess.spawn({ dataDir: join(folder, 'data'), env });
    expect(await process.exited).toEqual({ code: 2, signal: null });
    expect(process.stderr).toMatch(/^error: the TLS certificate cannot be used: .+\nhint: .+\n$/);
  });
});
