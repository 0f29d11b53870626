/** Certificates between the TiKV client and a cluster: expired ones are told by name, and new ones taken without a restart. */

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { afterAll, expect, test } from 'vitest';
import { connect, type TikvClient } from '#tikv-client';
import { nodeEnvironment } from '../../packages/tikv-client-node/src/node/node-environment.ts';
import { TestCluster } from '../../packages/tikv-client-node/test-cluster/cluster.ts';
import { type ListeningCluster, listen } from '../../packages/tikv-client-node/test-cluster/node/listen.ts';
import { type Issued, newAuthority } from '../support/certificates.ts';
import { ServerProcess } from '../support/server.ts';
import { RawClient } from './resp-client.ts';

const authority = newAuthority();
const valid = authority.issue('server');
const expired = authority.issue('server', { days: -1 });
const folder = mkdtempSync(join(tmpdir(), 'orbit-tikv-tls-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const KEY = Buffer.from('a');
const NEWEST = 0xffff_ffff_ffff_ffffn;

function write(name: string, text: string): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}

/** On the same ports again and again. */
class Listening {
  readonly #cluster = new TestCluster({ environment: nodeEnvironment, stores: 1, pdMembers: 1 });
  #listening: ListeningCluster | undefined;
  #ports: { readonly pdPort: number; readonly storePort: number } | undefined;

  async restart(identity: Issued, asksForOurs = false): Promise<readonly string[]> {
    await this.close();
    const tls = { key: identity.key, cert: identity.certificate, ...(asksForOurs && { ca: authority.certificate }) };
    this.#listening = await listen(this.#cluster, { tls, ...this.#ports });
    const portOf = (address: string) => Number(address.split(':')[1]);
    const { pdEndpoints } = this.#listening;
    this.#ports = { pdPort: portOf(pdEndpoints[0]!), storePort: portOf(this.#cluster.stores[0]!.address) };
    return pdEndpoints;
  }

  async close(): Promise<void> {
    await this.#listening?.close();
    this.#listening = undefined;
  }
}

async function serves(client: TikvClient): Promise<boolean> {
  try {
    const transaction = await client.begin();
    transaction.put(KEY, Buffer.from(String(transaction.startTs)));
    await transaction.commit();
    return (await client.snapshot(NEWEST).get(KEY)) !== undefined;
  } catch {
    return false;
  }
}

test('a server whose certificate has expired is refused by name, and used again when it has a new one', async () => {
  const listening = new Listening();
  const tls = { caPath: write('ca.pem', authority.certificate) };
  try {
    const pdEndpoints = await listening.restart(expired);
    const started = performance.now();
    await expect(connect({ pdEndpoints, tls, backoffWeight: 0.05 })).rejects.toMatchObject({
      code: 'pd_unavailable',
      message: expect.stringMatching(new RegExp(`${pdEndpoints[0]}.*certificate has expired`)),
    });
    expect(performance.now() - started).toBeLessThan(15_000);
    await listening.restart(valid);
    const client = await connect({ pdEndpoints, tls, backoffWeight: 0.05 });
    expect(await serves(client)).toBe(true);
    await listening.restart(expired);
    await expect(client.begin()).rejects.toMatchObject({
      code: 'pd_unavailable',
      message: expect.stringContaining(pdEndpoints[0]!),
    });
    await listening.restart(valid);
    await expect.poll(() => serves(client), { timeout: 15_000 }).toBe(true);
    await client.close();
  } finally {
    await listening.close();
  }
}, 60_000);

test('a client whose certificate has expired is served once its files are replaced', async () => {
  const listening = new Listening();
  const [old, fresh] = [authority.issue('client', { days: -1 }), authority.issue('client')];
  const tls = {
    caPath: write('ca.pem', authority.certificate),
    certPath: write('client.pem', old.certificate),
    keyPath: write('client.key', old.key),
  };
  try {
    const pdEndpoints = await listening.restart(valid, true);
    await expect(connect({ pdEndpoints, tls, backoffWeight: 0.05 })).rejects.toMatchObject({
      code: 'pd_unavailable',
      message: expect.stringContaining(pdEndpoints[0]!),
    });
    // While it looks for PD, the files are replaced.
    const connecting = connect({ pdEndpoints, tls, tlsReloadMs: 300 });
    write('client.pem', fresh.certificate);
    write('client.key', fresh.key);
    const client = await connecting;
    expect(await serves(client)).toBe(true);
    await client.close();
  } finally {
    await listening.close();
  }
}, 60_000);

test('a server tells its clients that a certificate has expired, and serves them once there is a new one', async () => {
  const listening = new Listening();
  const identity = authority.issue('client');
  let server: ServerProcess | undefined;
  try {
    const pdEndpoints = await listening.restart(valid, true);
    server = await ServerProcess.start({
      dataDir: join(folder, 'server'),
      env: {
        ORBIT_PERSISTENCE_BACKEND: 'tikv',
        ORBIT_TIKV_PD_ENDPOINTS: pdEndpoints.join(','),
        ORBIT_TIKV_ENABLE_TLS: 'true',
        ORBIT_TIKV_CA_CERT_PATH: write('server-ca.pem', authority.certificate),
        ORBIT_TIKV_CLIENT_CERT_PATH: write('server-client.pem', identity.certificate),
        ORBIT_TIKV_CLIENT_KEY_PATH: write('server-client.key', identity.key),
        ORBIT_TIKV_MAX_RETRIES: '1',
      },
    });
    const redis = await RawClient.connect(server.port('redis'));
    const postgres = new pg.Client({
      host: '127.0.0.1',
      port: server.port('postgres'),
      user: 'orbit',
      database: 'actors',
    });
    await postgres.connect();
    await postgres.query('CREATE TABLE sealed (id int)');
    expect(await redis.call('SET', 'k', '1')).toBe('+OK\r\n');
    await listening.restart(expired, true);
    const told = new RegExp(`${pdEndpoints[0]}.*certificate has expired`);
    const startedMs = performance.now();
    const [reply, failure] = await Promise.all([
      redis.call('SET', 'k', '2'),
      postgres.query('INSERT INTO sealed VALUES (1)').catch((error: unknown) => error),
    ]);
    expect(reply).toMatch(/^-IOERR /);
    expect(reply).toMatch(told);
    expect(failure).toMatchObject({ code: '58030', message: expect.stringMatching(told) });
    expect(performance.now() - startedMs).toBeLessThan(60_000);
    await listening.restart(valid, true);
    await expect.poll(() => redis.call('SET', 'k', '3'), { timeout: 30_000 }).toBe('+OK\r\n');
    await postgres.query('INSERT INTO sealed VALUES (2)');
    expect((await postgres.query('SELECT id FROM sealed')).rows).toEqual([{ id: 2 }]);
    await postgres.end();
    redis.close();
    expect(await server.stop()).toBe(0);
  } finally {
    await server?.kill();
    await listening.close();
  }
}, 180_000);
