/**
 * What INFO tells, section by section, in the order of Redis and with its names where they mean here what they mean there.
 * Source: https://redis.io/docs/latest/commands/info/
 *
 * Left out is what is not counted, so that no dashboard shows a zero for it: rates, for example.
 */

import type { CommandEntry } from './command.ts';
import type { LatencyHistogram } from './latency-histogram.ts';
import { REDIS_VERSION, type RespServer } from './session.ts';

type Facts = readonly (readonly [string, string | number])[];

/** `Keyspace` leaves out databases that do not fit memory: counting those is DBSIZE's business. */
const SECTIONS: Readonly<Record<string, (server: RespServer) => Facts>> = {
  Server: ({ info, platform }) => {
    const uptimeS = Math.max(0, Math.floor((platform.clock.nowMs() - info.startedAtMs) / 1000));
    return [
      ['redis_version', REDIS_VERSION],
      ['redis_mode', 'standalone'],
      ['server_name', 'orbit'],
      ['orbit_version', info.version],
      ['os', info.system],
      ['arch_bits', 64],
      ['process_id', info.processId],
      ['run_id', info.runId],
      ['tcp_port', info.port],
      ['server_time_usec', Math.floor(platform.clock.nowMs() * 1_000)],
      ['uptime_in_seconds', uptimeS],
      ['uptime_in_days', Math.floor(uptimeS / 86_400)],
    ];
  },
  Clients: ({ clients, counters, info, tracking }) => [
    ['connected_clients', counters.connectionsOpen],
    ['maxclients', info.connectionsMax],
    ['blocked_clients', [...clients].reduce((count, { isWaiting }) => count + (isWaiting ? 1 : 0), 0)],
    ['tracking_clients', tracking.counts.clients],
  ],
  Memory: ({ info }) => [
    ['used_memory', info.memoryBytes()],
    ['used_memory_human', humanBytes(info.memoryBytes())],
    ['used_memory_rss', info.memoryBytes()],
    ['used_memory_rss_human', humanBytes(info.memoryBytes())],
    ['used_memory_peak', info.memoryPeakBytes()],
    ['used_memory_peak_human', humanBytes(info.memoryPeakBytes())],
    ['total_system_memory', info.systemMemoryBytes],
    ['total_system_memory_human', humanBytes(info.systemMemoryBytes)],
    ['maxmemory', 0],
    ['maxmemory_human', humanBytes(0)],
    ['maxmemory_policy', 'noeviction'],
  ],
  Persistence: ({ partitions: { store } }) => [
    ['loading', 0],
    ['async_loading', 0],
    ['rdb_bgsave_in_progress', 0],
    ['aof_enabled', store.durability === 'memory' ? 0 : 1],
    ['aof_rewrite_in_progress', 0],
    ['orbit_durability', store.durability],
    ['orbit_version_committed', store.version],
  ],
  Stats: ({ counters, partitions, tracking: { counts } }) => [
    ['total_connections_received', counters.connectionsAccepted],
    ['total_commands_processed', counters.commands],
    ['total_net_input_bytes', counters.bytesReceived],
    ['total_net_output_bytes', counters.bytesSent],
    ['expired_keys', partitions.statistics().reclaimedKeys],
    ['evicted_keys', 0],
    ['evicted_clients', counters.clientsEvicted],
    ['keyspace_hits', counters.lookups.hits],
    ['keyspace_misses', counters.lookups.misses],
    ['pubsub_channels', 0],
    ['pubsub_patterns', 0],
    ['tracking_total_keys', counts.keys],
    ['tracking_total_items', counts.items],
    ['tracking_total_prefixes', counts.prefixes],
    ['total_error_replies', counters.errors],
  ],
  Replication: () => [
    ['role', 'master'],
    ['connected_slaves', 0],
    ['master_failover_state', 'no-failover'],
    ['master_repl_offset', 0],
    ['repl_backlog_active', 0],
  ],
  CPU: ({ info }) => {
    const { user, system } = info.processorMicros();
    return [
      ['used_cpu_sys', (system / 1_000_000).toFixed(6)],
      ['used_cpu_user', (user / 1_000_000).toFixed(6)],
      ['used_cpu_sys_children', '0.000000'],
      ['used_cpu_user_children', '0.000000'],
    ];
  },
  Modules: () => [],
  Commandstats: ({ commands }) =>
    commands.all
      .filter(({ calls, failedCalls, rejectedCalls }) => calls + failedCalls + rejectedCalls > 0)
      .map((entry) => [`cmdstat_${entry.name}`, callsOf(entry)]),
  Errorstats: ({ counters }) =>
    [...counters.errorsByPrefix].sort().map(([prefix, count]) => [`errorstat_${prefix}`, `count=${count}`]),
  Latencystats: ({ commands, latency }) =>
    commands.all
      .filter(({ latencies }) => latencies !== undefined)
      .map((entry) => [`latency_percentiles_usec_${entry.name}`, percentilesOf(entry.latencies!, latency.percentiles)]),
  Cluster: () => [['cluster_enabled', 0]],
  Keyspace: ({ databases, partitions }) => {
    const facts: [string, string][] = [];
    for (let number = 0; number < databases.count; number++) {
      const known = partitions.known(databases.stored(number));
      if (known !== undefined && known.keys > 0)
        facts.push([`db${number}`, `keys=${known.keys},expires=${known.expiring},avg_ttl=0`]);
    }
    return facts;
  },
};

/** Sections that are told only when they are asked for, or everything is. */
const NOT_BY_DEFAULT = new Set(['commandstats', 'latencystats']);
const EVERYTHING = ['all', 'everything'];

export function information(server: RespServer, wanted: readonly string[]): string {
  const names = new Set(wanted.map((name) => name.toLowerCase()));
  const everything = EVERYTHING.some((name) => names.has(name));
  const byDefault = names.size === 0 || names.has('default');
  return Object.entries(SECTIONS)
    .filter(([title]) => {
      const name = title.toLowerCase();
      return everything || names.has(name) || (byDefault && !NOT_BY_DEFAULT.has(name));
    })
    .map(
      ([title, facts]) =>
        `# ${title}\r\n${facts(server)
          .map(([name, value]) => `${name}:${value}\r\n`)
          .join('')}`,
    )
    .join('\r\n');
}

function callsOf({ calls, failedCalls, rejectedCalls, micros }: CommandEntry): string {
  const each = calls === 0 ? 0 : micros / calls;
  return [
    `calls=${calls}`,
    `usec=${Math.round(micros)}`,
    `usec_per_call=${each.toFixed(2)}`,
    `rejected_calls=${rejectedCalls}`,
    `failed_calls=${failedCalls}`,
  ].join(',');
}

function percentilesOf(latencies: LatencyHistogram, percentiles: readonly number[]): string {
  return percentiles.map((percent) => `p${percent}=${latencies.percentile(percent).toFixed(3)}`).join(',');
}

const UNITS = ['B', 'K', 'M', 'G', 'T', 'P'];

/** As Redis shows it: `1.50M`. */
function humanBytes(bytes: number): string {
  let [value, unit] = [bytes, 0];
  for (; value >= 1_024 && unit < UNITS.length - 1; unit++) value /= 1_024;
  return `${unit === 0 ? value : value.toFixed(2)}${UNITS[unit]}`;
}
