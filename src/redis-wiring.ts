/**
 * What the Redis port is made of, once for clients and once for what is rehearsed: compiled code holds for objects of one shape,
 * so both are made here.
 */

import type { ActorRuntime } from './actors/actor.ts';
import { KeyspacePartition, KeyspacePartitions } from './actors/families/keyspace-partition.ts';
import type { ActorRuntimeOptions } from './actors/local-actor-runtime.ts';
import { RoutedActorRuntime } from './actors/routed-runtime.ts';
import { type Log, silentLog } from './base/log.ts';
import type { Config } from './config/config.ts';
import { SYSTEM, SYSTEM_MEMORY_BYTES } from './platform/machine.ts';
import type { Platform } from './platform/platform.ts';
import type { Stage } from './protocols/rehearsal.ts';
import { OPEN_PRINCIPALS, type Principals } from './protocols/resp/authentication.ts';
import { type RespListenerOptions, respListener } from './protocols/resp/listener.ts';

/** What Redis clients may keep waiting is a quarter of the memory, but enough for a large request and its reply. */
const CLIENT_BYTES_MIN = 32 * 2 ** 20;

/** What INFO shows. */
interface Shown {
  readonly version: string;
  /** The one that is bound. */
  readonly port: () => number;
}

/** Of one of so many `runtimes`. */
export function actorOptions(
  config: Config,
  platform: Platform,
  log: Log,
  of: Pick<ActorRuntimeOptions, 'store' | 'keyspace' | 'directory'>,
  runtimes: number,
): ActorRuntimeOptions {
  return {
    store: of.store,
    platform,
    keyspace: of.keyspace,
    directory: of.directory,
    log,
    activationsMax: config.actors.activationsMax,
    mailboxTurnsMax: config.actors.mailboxTurnsMax,
    memoryBytesMax: Math.floor(config.memory.limitBytes / 8 / runtimes),
  };
}

export function respOptions(
  config: Config,
  platform: Platform,
  { version, port }: Shown,
  of: {
    readonly partitions: KeyspacePartitions;
    readonly principals: Principals;
    readonly actors: ActorRuntime;
    readonly log: Log;
  },
): RespListenerOptions {
  const { redis } = config.listeners;
  return {
    partitions: of.partitions,
    platform,
    principals: of.principals,
    actors: of.actors,
    log: of.log,
    info: {
      version,
      processId: process.pid,
      get port() {
        return port();
      },
      connectionsMax: redis.connectionsMax,
      runId: Buffer.from(platform.random.bytes(20)).toString('hex'),
      startedAtMs: platform.clock.nowMs(),
      memoryBytes: () => process.memoryUsage.rss(),
      memoryPeakBytes: () => process.resourceUsage().maxRSS * 1_024,
      systemMemoryBytes: SYSTEM_MEMORY_BYTES,
      system: SYSTEM,
      processorMicros: () => process.cpuUsage(),
    },
    limits: {
      loginMs: redis.connectTimeoutMs,
      commandsMax: redis.pipelineCommandsMax,
      clientBytesMax: Math.max(CLIENT_BYTES_MIN, Math.floor(config.memory.limitBytes / 4)),
    },
    disabledCommands: redis.disabledCommands,
  };
}

/** What commands are rehearsed on, over a store that its opener closes. */
export function commandStage(
  config: Config,
  platform: Platform,
  version: string,
  of: Pick<ActorRuntimeOptions, 'store' | 'keyspace' | 'directory'>,
): Stage {
  const { store, keyspace } = of;
  const options = actorOptions(config, platform, silentLog, of, 1);
  const actors = new RoutedActorRuntime(new Map([[store.name, options]]), () => store.name);
  actors.register(KeyspacePartition);
  const partitions = new KeyspacePartitions({
    runtime: actors,
    store,
    platform,
    space: keyspace.kv,
    hotBytesMax: Math.floor(config.memory.limitBytes / 8),
    entryFile: undefined,
    writeBehind: true,
  });
  const own = { partitions, principals: OPEN_PRINCIPALS, actors, log: silentLog };
  const { accept } = respListener(respOptions(config, platform, { version, port: () => 0 }, own));
  const close = async (): Promise<void> => {
    partitions.stop();
    await actors.stop();
  };
  return { accept, close };
}
