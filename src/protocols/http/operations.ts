/**
 * The operator's HTTP port: probes and metrics. It carries no user data.
 *
 *   GET /health/live     200 while the process answers at all
 *   GET /health/startup  200 once everything has been opened
 *   GET /health/ready    200 after a real write and read of the store; the outcome is reused for up to a second
 *   GET /health          200 while no provider is unhealthy: each with its reason and last success, and the members of a cluster
 *   GET /metrics         the text format of Prometheus
 *
 * HEAD is answered like GET without the body. Anything else is 404 or 405, as JSON.
 */

import { messageOf, OperationError } from '../../base/errors.ts';
import type { MemberRecord } from '../../cluster/members.ts';
import type { HttpHandler, HttpResponse } from '../../platform/http.ts';
import type { Platform } from '../../platform/platform.ts';
import type { Store } from '../../storage/store.ts';
import { Exposition, type MetricSource } from './exposition.ts';
import { errorResponse, json } from './http-status.ts';

export interface OperationsOptions {
  readonly platform: Pick<Platform, 'clock' | 'timers'>;
  readonly store: Pick<Store, 'probe' | 'health'>;
  readonly stores: readonly Pick<Store, 'name' | 'health'>[];
  /** Who shares the store; undefined where nobody can. */
  readonly members: () => readonly MemberRecord[] | undefined;
  /** Whether everything has been opened; false again once the server drains. */
  readonly started: () => boolean;
  readonly metrics: readonly MetricSource[];
}

const PROBE_REUSED_MS = 1_000;
const PROBE_TIMEOUT_MS = 5_000;

type Route = () => HttpResponse | Promise<HttpResponse>;

export function operationsHandler(options: OperationsOptions): HttpHandler {
  const ready = readiness(options);
  const routes: Readonly<Record<string, Route>> = {
    '/health/live': () => json(200, { status: 'live' }),
    '/health/startup': () => (options.started() ? json(200, { status: 'started' }) : json(503, { status: 'starting' })),
    '/health/ready': ready,
    '/health': () => healthOf(options),
    '/metrics': () => {
      const exposition = new Exposition();
      for (const source of options.metrics) source(exposition);
      return {
        status: 200,
        headers: { 'content-type': 'text/plain; version=0.0.4; charset=utf-8' },
        body: exposition.text(),
      };
    },
  };
  return (request) => {
    const route = Object.hasOwn(routes, request.path) ? routes[request.path] : undefined;
    if (route === undefined) return errorResponse(404, 'not_found', `there is nothing at ${request.path}`);
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      return errorResponse(405, 'unsupported', `${request.method} is not allowed here`, { allow: 'GET, HEAD' });
    }
    return route();
  };
}

const STATUS_WORDS = { healthy: 'Healthy', degraded: 'Degraded', unhealthy: 'Unhealthy' } as const;
const SEVERITY = ['healthy', 'degraded', 'unhealthy'] as const;

function healthOf({ stores, members }: OperationsOptions): HttpResponse {
  const each = stores.map(({ name, health }) => ({ name, health }));
  const worst = Math.max(0, ...each.map(({ health }) => SEVERITY.indexOf(health.status)));
  const providers = Object.fromEntries(
    each.map(({ name, health: { status, reason, lastSuccessAtMs } }) => [
      name,
      {
        status: STATUS_WORDS[status],
        ...(reason !== undefined && { reason }),
        ...(lastSuccessAtMs !== undefined && { last_success: new Date(lastSuccessAtMs).toISOString() }),
      },
    ]),
  );
  const living = members()?.map(({ id, startedAtMs, version, addresses }) => ({
    id,
    started: new Date(startedAtMs).toISOString(),
    version,
    addresses,
  }));
  const status = STATUS_WORDS[SEVERITY[worst]!];
  return json(status === 'Unhealthy' ? 503 : 200, {
    status,
    providers,
    ...(living !== undefined && { members: living }),
  });
}

/** One probe at a time, shared by all who ask; its outcome serves for a second. */
function readiness({ platform, store, started }: OperationsOptions): Route {
  let running: Promise<HttpResponse> | undefined;
  let last: HttpResponse | undefined;
  let lastAtMs = 0;
  const probe = async (): Promise<HttpResponse> => {
    const timeout = new AbortController();
    try {
      await Promise.race([
        store.probe(),
        platform.timers.sleep(PROBE_TIMEOUT_MS, timeout.signal).then(() => {
          throw new OperationError('deadline_exceeded', `the store did not answer within ${PROBE_TIMEOUT_MS} ms`);
        }),
      ]);
      const { status, reason } = store.health;
      if (status === 'unhealthy') return json(503, { status: 'not_ready', reason });
      return json(200, { status: 'ready', store: status, ...(reason !== undefined && { reason }) });
    } catch (error) {
      const code = error instanceof OperationError ? error.code : 'internal';
      return json(503, { status: 'not_ready', code, reason: messageOf(error) });
    } finally {
      timeout.abort();
    }
  };
  return () => {
    if (!started()) return json(503, { status: 'not_ready', reason: 'the server is starting or stopping' });
    if (last !== undefined && platform.clock.monotonicMs() - lastAtMs < PROBE_REUSED_MS) return last;
    running ??= probe()
      .then((response) => {
        last = response;
        lastAtMs = platform.clock.monotonicMs();
        return response;
      })
      .finally(() => {
        running = undefined;
      });
    return running;
  };
}
