/** The operator's HTTP port over a real socket and a real store. */

import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { OperationError } from '../../src/base/errors.ts';
import { type HttpListener, listenHttp } from '../../src/platform/http.ts';
import { newNodePlatform } from '../../src/platform/node-platform.ts';
import {
  actorMetrics,
  EventLoopLag,
  listenerMetrics,
  processMetrics,
  respMetrics,
  storeMetrics,
} from '../../src/protocols/http/metrics.ts';
import { operationsHandler } from '../../src/protocols/http/operations.ts';
import type { StoreHealth } from '../../src/storage/store.ts';
import { RawClient } from './resp-client.ts';
import { startRespServer, type TestServer } from './resp-server.ts';

let server: TestServer;
let http: HttpListener;
let base: string;
let started = true;
let probes = 0;
let probeFailure: Error | undefined;
const platform = newNodePlatform();
const lag = new EventLoopLag(platform);
let farHealth: StoreHealth = { status: 'healthy' };
/** Monotonic time of readiness, moved by hand. */
let skewMs = 0;

beforeAll(async () => {
  server = await startRespServer();
  lag.start();
  const { store } = server;
  const handler = operationsHandler({
    platform: {
      clock: { ...platform.clock, monotonicMs: () => platform.clock.monotonicMs() + skewMs },
      timers: platform.timers,
    },
    store: {
      health: { status: 'healthy' },
      probe: () => {
        probes++;
        return probeFailure === undefined ? store.probe() : Promise.reject(probeFailure);
      },
    },
    stores: [
      store,
      {
        name: 'far',
        get health() {
          return farHealth;
        },
      },
    ],
    members: () => [
      { id: 'one', incarnation: 1, startedAtMs: 0, expiresAtMs: 1, version: '1.2.3', addresses: { redis: 'here:1' } },
    ],
    started: () => started,
    metrics: [
      storeMetrics(store),
      listenerMetrics(() => ({ resp: { connections: server.resp.statistics().connectionsOpen } })),
      respMetrics(server.resp, server.partitions),
      actorMetrics(server.runtime),
      processMetrics(lag),
    ],
  });
  http = await listenHttp({ host: '127.0.0.1', port: 0 }, handler);
  base = `http://127.0.0.1:${http.port}`;
});

afterAll(async () => {
  lag.stop();
  await http?.close();
  await server?.close();
});

async function get(path: string): Promise<[status: number, body: unknown]> {
  const response = await fetch(`${base}${path}`);
  return [response.status, await response.json()];
}

describe('probes', () => {
  it('answer whether the process lives and has started', async () => {
    expect(await get('/health/live')).toEqual([200, { status: 'live' }]);
    expect(await get('/health/startup')).toEqual([200, { status: 'started' }]);
    started = false;
    expect((await get('/health/startup'))[0]).toBe(503);
    expect((await get('/health/ready'))[0]).toBe(503);
    expect((await get('/health/live'))[0]).toBe(200);
    started = true;
  });

  it('call the server ready after a real write and read, and reuse the outcome for a second', async () => {
    skewMs += 1_000;
    probes = 0;
    const answers = await Promise.all(Array.from({ length: 5 }, () => get('/health/ready')));
    for (const answer of answers) expect(answer).toEqual([200, { status: 'ready', store: 'healthy' }]);
    expect(probes).toBe(1);
    probeFailure = new OperationError('store_read_only', 'the log failed');
    expect((await get('/health/ready'))[0]).toBe(200);
    skewMs += 1_000;
    expect(await get('/health/ready')).toEqual([
      503,
      { status: 'not_ready', code: 'store_read_only', reason: 'the log failed' },
    ]);
    expect(probes).toBe(2);
    probeFailure = undefined;
  });
});

describe('other requests', () => {
  it('are refused as JSON', async () => {
    expect(await get('/nothing')).toEqual([
      404,
      { error: { code: 'not_found', message: 'there is nothing at /nothing' } },
    ]);
    expect((await get('/toString'))[0]).toBe(404);
    const response = await fetch(`${base}/metrics`, { method: 'POST', body: 'x' });
    expect(response.status).toBe(405);
    expect(response.headers.get('allow')).toBe('GET, HEAD');
    expect(await response.json()).toMatchObject({ error: { code: 'unsupported' } });
    expect((await fetch(`${base}/health/live`, { method: 'HEAD' })).status).toBe(200);
  });
});

describe('metrics', () => {
  it('tell what was done, in the text format of Prometheus, each documented', async () => {
    const client = await RawClient.connect(server.port);
    await client.call('SET', 'k', 'v');
    await client.call('GET', 'k');
    const response = await fetch(`${base}/metrics`);
    client.close();
    expect(response.headers.get('content-type')).toBe('text/plain; version=0.0.4; charset=utf-8');
    const text = await response.text();
    expect(text).toContain('orbit_resp_commands_total{command="set"} 1\n');
    expect(text).toContain('orbit_connections{protocol="resp"} 1\n');
    expect(text).toMatch(/^orbit_store_commits_total\{provider="memory"\} [1-9]\d*$/m);
    expect(text).toMatch(/^orbit_actor_turns_total\{type="keyspace-partition"\} [1-9]\d*$/m);
    expect(text).toMatch(/^orbit_actor_turn_seconds_bucket\{type="keyspace-partition",le="\+Inf"\} \d+$/m);
    expect(text).toMatch(/^orbit_event_loop_lag_histogram_seconds_bucket\{le="0\.05"\} \d+$/m);
    expect(text).toMatch(/^process_resident_memory_bytes [1-9]\d+$/m);
    for (const line of text.trimEnd().split('\n')) {
      expect(line).toMatch(/^(# (HELP|TYPE) [a-z_]+ .+|[a-z_]+(\{([a-z]+="[^"]*",?)+\})? [-+\w.]+)$/);
    }
    const page = await readFile(new URL('../../docs/operations/metrics.md', import.meta.url), 'utf8');
    for (const [, name] of text.matchAll(/^# TYPE (\S+)/gm)) expect(page).toContain(`\`${name}\``);
  });

  it('health tells of each provider, with the last success of those elsewhere, and of the members', async () => {
    const name = server.store.name;
    const members = [
      { id: 'one', started: '1970-01-01T00:00:00.000Z', version: '1.2.3', addresses: { redis: 'here:1' } },
    ];
    const healthy = { [name]: { status: 'Healthy' }, far: { status: 'Healthy' } };
    expect(await get('/health')).toEqual([200, { status: 'Healthy', providers: healthy, members }]);
    farHealth = { status: 'degraded', reason: 'a store is away', lastSuccessAtMs: 1_000 };
    const far = { status: 'Degraded', reason: 'a store is away', last_success: '1970-01-01T00:00:01.000Z' };
    expect(await get('/health')).toEqual([
      200,
      { status: 'Degraded', providers: { [name]: { status: 'Healthy' }, far }, members },
    ]);
    farHealth = { ...farHealth, status: 'unhealthy' };
    expect(await get('/health')).toMatchObject([503, { status: 'Unhealthy' }]);
    farHealth = { status: 'healthy' };
  });
});
