/** The Redis port: makes a connection of every socket that the platform accepts. */

import type { ActorRuntime } from '../../actors/actor.ts';
import type { KeyspacePartitions } from '../../actors/families/keyspace-partition.ts';
import { deferred } from '../../base/awaitable.ts';
import { type Log, silentLog } from '../../base/log.ts';
import { Roster } from '../../base/roster.ts';
import type { Platform } from '../../platform/platform.ts';
import type { Socket, SocketHandlers } from '../../platform/sockets.ts';
import { AccessLog } from './access-log.ts';
import { OPEN_PRINCIPALS, type Principals } from './authentication.ts';
import { ClientPause } from './client-pause.ts';
import { ClientTracking } from './client-tracking.ts';
import { newCommandTable } from './command-table.ts';
import { RespConnection } from './connection.ts';
import { Databases } from './databases.ts';
import { ExecutionContext, type Member } from './execution-context.ts';
import { IdleClients } from './idle-clients.ts';
import { LatencyMonitor } from './latency-monitor.ts';
import { Monitors } from './monitors.ts';
import { ScanCursors } from './scan-cursors.ts';
import {
  isObserved,
  RESP_LIMITS,
  type RespCounters,
  type RespLimits,
  type RespServer,
  type RespServerInfo,
  type Session,
} from './session.ts';
import { SlowLog } from './slow-log.ts';
import { WatchedKeys } from './watched-keys.ts';

export interface RespListenerOptions {
  readonly partitions: KeyspacePartitions;
  readonly platform: Pick<Platform, 'clock' | 'random' | 'timers' | 'sockets'>;
  readonly info: RespServerInfo;
  readonly limits?: Partial<RespLimits>;
  readonly principals?: Principals;
  /** What ACTOR.CALL calls; without it the command is refused. */
  readonly actors?: ActorRuntime;
  readonly log?: Log;
  /** Commands that are answered as unknown: `flushall`, `config|set`. */
  readonly disabledCommands?: readonly string[];
}

export interface RespStatistics extends Readonly<RespCounters> {
  /** Calls by command name, of commands that were called. */
  readonly calls: readonly { readonly command: string; readonly calls: number }[];
}

export interface RespListener {
  /** For `Sockets.listen`. */
  readonly accept: (socket: Socket) => SocketHandlers;
  statistics(): RespStatistics;
  /**
   * Answers what was received on every connection and closes it; resolves when all are closed, or after `timeoutMs`.
   * Stop accepting first.
   */
  drain(timeoutMs: number): Promise<void>;
}

export function respListener(options: RespListenerOptions): RespListener {
  const commands = newCommandTable(options.disabledCommands);
  const counters: RespCounters = {
    connectionsAccepted: 0,
    connectionsOpen: 0,
    commands: 0,
    errors: 0,
    errorsByPrefix: new Map(),
    lookups: { hits: 0, misses: 0 },
    bytesReceived: 0,
    bytesSent: 0,
    clientsEvicted: 0,
  };
  const { partitions, platform } = options;
  const log = options.log ?? silentLog;
  const { store, space } = partitions;
  const databases = new Databases({ store, space, count: partitions.databases, platform, log });
  const clients = new Roster<Member & Session>();
  const monitors = new Monitors();
  const server: RespServer = {
    partitions,
    platform,
    limits: { ...RESP_LIMITS, ...options.limits },
    principals: options.principals ?? OPEN_PRINCIPALS,
    info: options.info,
    commands,
    counters,
    databases,
    watchedKeys: new WatchedKeys({ store, space, databases, clock: platform.clock }),
    tracking: new ClientTracking({ store, space }),
    scanCursors: new ScanCursors(),
    slowLog: new SlowLog(),
    accessLog: new AccessLog(),
    latency: new LatencyMonitor(),
    monitors,
    pause: new ClientPause(platform),
    idleClients: new IdleClients({ platform, clients, monitors }),
    clients,
    actors: options.actors,
    log,
  };
  partitions.isObserved = () => isObserved(server);
  const context = new ExecutionContext(server, clients);
  return {
    accept: (socket) => new RespConnection(context, socket),
    drain: async (timeoutMs) => {
      server.idleClients.stop();
      const timeout = new AbortController();
      const closed = deferred<void>();
      context.onConnectionClosed = () => {
        if (context.connections.size === 0) closed.resolve();
      };
      for (const connection of context.connections) connection.drain();
      context.onConnectionClosed();
      const late = options.platform.timers.sleep(timeoutMs, timeout.signal).catch(() => undefined);
      await Promise.race([closed.promise, late]);
      timeout.abort();
    },
    statistics: () => ({
      ...counters,
      calls: commands.all
        .filter((entry) => entry.calls > 0)
        .map((entry) => ({ command: entry.name, calls: entry.calls })),
    }),
  };
}
