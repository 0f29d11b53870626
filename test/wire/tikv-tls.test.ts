/** Certificates between the TiKV client and a cluster: expired ones are told by name, and new ones taken without a restart. */

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { connect, type TikvClient } from '#tikv-client';
import { nodeEnvironment } from '../../packages/tikv-client-node/src/node/node-environment.ts';
import { TestCluster } from '../../packages/tikv-client-node/test-cluster/cluster.ts';
import { type ListeningCluster, listen } from '../../packages/tikv-client-node/test-cluster/node/listen.ts';
import { type Issued, newAuthority } from '../support/certificates.ts';

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
