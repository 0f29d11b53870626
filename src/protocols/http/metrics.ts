/** What /metrics tells of each part of the server. Names and meanings are listed in docs/operations/metrics.md. */

import type { ActorRuntimeStatistics, ActorTypeStatistics } from '../../actors/actor.ts';
import type { KeyspaceStatistics } from '../../actors/families/keyspace-partition.ts';
import type { Platform, Timer } from '../../platform/platform.ts';
import type { Listener } from '../../platform/sockets.ts';
import type { SqlEngine } from '../../query/sql/sql-engine.ts';
import type { Store } from '../../storage/store.ts';
import type { RespStatistics } from '../resp/listener.ts';
import type { Exposition, MetricSource, Sample } from './exposition.ts';

export function storeMetrics(
  store: Pick<Store, 'statistics' | 'health' | 'name' | 'durability' | 'figures'>,
): MetricSource {
  return (metrics) => {
    const figures = store.statistics();
    const of = (value: number): readonly Sample[] => [{ labels: { provider: store.name }, value }];
    metrics.gauge('orbit_store_info', 'Provider and durability class of the store, as labels.', [
      { labels: { provider: store.name, durability: store.durability }, value: 1 },
    ]);
    metrics.gauge('orbit_store_healthy', '1 when the store is healthy.', of(store.health.status === 'healthy' ? 1 : 0));
    metrics.gauge('orbit_store_version', 'Newest commit version.', of(figures.version));
    metrics.gauge('orbit_store_durable_version', 'Newest durable commit version.', of(figures.durableVersion));
    metrics.gauge('orbit_store_applied_version', 'Newest version applied to the engine.', of(figures.appliedVersion));
    metrics.counter('orbit_store_commits_total', 'Commits.', of(figures.commits));
    metrics.counter('orbit_store_conflicts_total', 'Commits refused for a conflict.', of(figures.conflicts));
    metrics.counter('orbit_store_deadlocks_total', 'Lock requests refused as a deadlock.', of(figures.deadlocks));
    metrics.counter('orbit_store_log_syncs_total', 'Syncs of the commit log.', of(figures.logSyncs));
    metrics.counter('orbit_store_log_bytes_total', 'Bytes written to the commit log.', of(figures.logBytes));
    metrics.gauge('orbit_store_overlay_bytes', 'Memory for writes not applied yet.', of(figures.overlayBytes));
    metrics.gauge('orbit_store_open_transactions', 'Transactions that are open.', of(figures.openTransactions));
    const named = (labels: Readonly<Record<string, string>>) => ({ provider: store.name, ...labels });
    for (const figure of store.figures?.() ?? []) {
      if (figure.kind === 'histogram') {
        const series = figure.series.map(({ labels, ...rest }) => ({ labels: named(labels), ...rest }));
        metrics.histogram(figure.name, figure.about, figure.bounds, series);
      } else {
        const samples = figure.samples.map(({ labels, value }) => ({ labels: named(labels), value }));
        metrics[figure.kind](figure.name, figure.about, samples);
      }
    }
  };
}

/** Memory that a provider's engine takes, by consumer. */
export function engineMetrics(store: {
  readonly name: string;
  readonly engine: { memory(): Readonly<Record<string, number>> };
}): MetricSource {
  return (metrics) => {
    metrics.gauge(
      'orbit_engine_memory_bytes',
      'Memory of the storage engine, by provider and consumer.',
      Object.entries(store.engine.memory()).map(([consumer, value]) => ({
        labels: { provider: store.name, consumer },
        value,
      })),
    );
  };
}

/** Listeners by protocol, like `resp`. */
export function listenerMetrics(
  listeners: () => Readonly<Record<string, Pick<Listener, 'connections'>>>,
): MetricSource {
  return (metrics) => {
    metrics.gauge(
      'orbit_connections',
      'Open connections by protocol.',
      Object.entries(listeners()).map(([protocol, { connections }]) => ({ labels: { protocol }, value: connections })),
    );
  };
}

export function respMetrics(
  resp: { statistics(): RespStatistics },
  keyspace: { statistics(): KeyspaceStatistics },
): MetricSource {
  return (metrics) => {
    const figures = resp.statistics();
    const { reclaimedKeys, waitingCommands, hot } = keyspace.statistics();
    metrics.counter('orbit_resp_connections_total', 'Redis connections accepted.', figures.connectionsAccepted);
    metrics.counter(
      'orbit_resp_commands_total',
      'Redis commands executed, by command.',
      figures.calls.map(({ command, calls }) => ({ labels: { command }, value: calls })),
    );
    metrics.counter('orbit_resp_errors_total', 'Redis commands answered with an error.', figures.errors);
    metrics.counter('orbit_resp_received_bytes_total', 'Bytes received from Redis clients.', figures.bytesReceived);
    metrics.counter('orbit_resp_sent_bytes_total', 'Bytes sent to Redis clients.', figures.bytesSent);
    metrics.counter(
      'orbit_resp_waiting_commands_total',
      'Redis commands that left their turn to wait for a disk or a lock.',
      waitingCommands,
    );
    metrics.counter('orbit_resp_expired_keys_total', 'Keys whose space was reclaimed after expiry.', reclaimedKeys);
    metrics.gauge('orbit_resp_hot_bytes', 'Memory of entries that are read and written without the store.', hot.bytes);
    metrics.counter('orbit_resp_hot_evicted_total', 'Entries that had no room in that memory.', hot.evictedEntries);
    if (hot.file === undefined) return;
    const { entries, bytes, hits, strayReads, refusedEntries } = hot.file;
    metrics.gauge('orbit_resp_entry_file_entries', 'Entries in the file of entries.', entries);
    metrics.gauge('orbit_resp_entry_file_bytes', 'Size of the file of entries.', bytes);
    metrics.counter('orbit_resp_entry_file_hits_total', 'Entries brought back from that file.', hits);
    metrics.counter('orbit_resp_entry_file_stray_reads_total', 'Reads of it that found another key.', strayReads);
    metrics.counter('orbit_resp_entry_file_refused_total', 'Entries it was too busy to take.', refusedEntries);
  };
}

/** Figures of one type, told under one name each with the type as label. */
const ACTOR_COUNTERS = [
  ['turns', 'orbit_actor_turns_total', 'Turns, by actor type.'],
  ['errors', 'orbit_actor_errors_total', 'Turns that ended in an error, by actor type.'],
  ['overloaded', 'orbit_actor_overloaded_total', 'Calls refused because the mailbox was full, by actor type.'],
  ['cycles', 'orbit_actor_cycles_total', 'Calls refused because their chain waits for itself, by actor type.'],
  ['conflicts', 'orbit_actor_conflicts_total', 'Turns run again after a conflict, by actor type.'],
  ['activations', 'orbit_actor_activations_total', 'Activations, by actor type.'],
  ['passivations', 'orbit_actor_passivations_total', 'Passivations, by actor type.'],
] as const satisfies readonly (readonly [keyof ActorTypeStatistics, string, string])[];

const ACTOR_GAUGES = [
  ['resident', 'orbit_actor_resident', 'Activations in memory, by actor type.'],
  ['queued', 'orbit_actor_queued', 'Calls that wait for their turn, by actor type.'],
  ['memoryBytes', 'orbit_actor_memory_bytes', 'Memory of activations, by actor type.'],
] as const satisfies readonly (readonly [keyof ActorTypeStatistics, string, string])[];

export function actorMetrics(runtime: { statistics(): ActorRuntimeStatistics }): MetricSource {
  return (metrics) => {
    const { types } = runtime.statistics();
    const samples = (field: (typeof ACTOR_COUNTERS | typeof ACTOR_GAUGES)[number][0]): readonly Sample[] =>
      types.map((figures) => ({ labels: { type: figures.type }, value: figures[field] }));
    for (const [field, name, help] of ACTOR_COUNTERS) metrics.counter(name, help, samples(field));
    for (const [field, name, help] of ACTOR_GAUGES) metrics.gauge(name, help, samples(field));
    const buckets = Math.max(0, ...types.map((figures) => figures.durationBuckets.length));
    if (buckets === 0) return;
    const bounds = Array.from({ length: buckets - 1 }, (_, i) => 2 ** i / 1e6);
    metrics.histogram(
      'orbit_actor_turn_seconds',
      'Durations of turns, by actor type; one of 64 synchronous turns is measured.',
      bounds,
      types.map((figures) => ({ labels: { type: figures.type }, counts: figures.durationBuckets })),
    );
  };
}

/** What running SQL statements hold. */
export function sqlMetrics(engine: Pick<SqlEngine, 'runningStatements' | 'memory' | 'temporaryFiles'>): MetricSource {
  return (metrics) => {
    metrics.gauge('orbit_sql_running_statements', 'Statements that run.', engine.runningStatements);
    metrics.gauge('orbit_sql_memory_bytes', 'Memory that statements hold rows in, by estimate.', engine.memory.bytes);
    metrics.gauge('orbit_sql_memory_limit_bytes', 'What they may hold together.', engine.memory.bytesMax);
    const files = engine.temporaryFiles;
    if (files === undefined) return;
    metrics.gauge('orbit_sql_temporary_bytes', 'Rows in temporary files.', files.bytes);
    metrics.counter('orbit_sql_temporary_files_total', 'Temporary files created.', files.totals.files);
    metrics.counter('orbit_sql_temporary_bytes_total', 'Bytes written to temporary files.', files.totals.bytes);
  };
}

export function processMetrics(lag: EventLoopLag): MetricSource {
  return (metrics: Exposition) => {
    const memory = process.memoryUsage();
    const cpu = process.cpuUsage();
    metrics.gauge('process_resident_memory_bytes', 'Resident memory.', memory.rss);
    metrics.gauge('nodejs_heap_size_used_bytes', 'Heap of the JavaScript engine in use.', memory.heapUsed);
    metrics.gauge('nodejs_heap_size_total_bytes', 'Heap of the JavaScript engine.', memory.heapTotal);
    metrics.gauge('nodejs_external_memory_bytes', 'Memory outside of that heap, buffers included.', memory.external);
    metrics.counter(
      'process_cpu_seconds_total',
      'Processor time of the process, user and system.',
      (cpu.user + cpu.system) / 1e6,
    );
    const { lastMs, maxMs } = lag.read();
    metrics.gauge('orbit_event_loop_lag_seconds', 'How late the last sampled timer ran.', lastMs / 1e3);
    metrics.gauge(
      'orbit_event_loop_lag_max_seconds',
      'How late a sampled timer ran at most since the scrape before.',
      maxMs / 1e3,
    );
    const { counts, sumMs } = lag.histogram;
    metrics.histogram(
      'orbit_event_loop_lag_histogram_seconds',
      'How late sampled timers ran.',
      LAG_BOUNDS_MS.map((boundMs) => boundMs / 1e3),
      [{ labels: {}, counts, sum: sumMs / 1e3 }],
    );
  };
}

const LAG_PERIOD_MS = 100;
const LAG_BOUNDS_MS = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000];

/** Measures how late timers run: what a request waits before anyone looks at it. */
export class EventLoopLag {
  readonly #platform: Pick<Platform, 'clock' | 'timers'>;
  #timer: Timer | undefined;
  #lastMs = 0;
  #maxMs = 0;
  /** Since the start: timers by `LAG_BOUNDS_MS`, and those beyond. */
  readonly #counts = new Array<number>(LAG_BOUNDS_MS.length + 1).fill(0);
  #sumMs = 0;

  constructor(platform: Pick<Platform, 'clock' | 'timers'>) {
    this.#platform = platform;
  }

  start(): void {
    if (this.#timer === undefined) this.#schedule();
  }

  stop(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  /** Milliseconds; begins a new maximum. */
  read(): { readonly lastMs: number; readonly maxMs: number } {
    const figures = { lastMs: this.#lastMs, maxMs: this.#maxMs };
    this.#maxMs = 0;
    return figures;
  }

  get histogram(): { readonly counts: readonly number[]; readonly sumMs: number } {
    return { counts: this.#counts, sumMs: this.#sumMs };
  }

  #schedule(): void {
    const { clock, timers } = this.#platform;
    const dueMs = clock.monotonicMs() + LAG_PERIOD_MS;
    this.#timer = timers.after(LAG_PERIOD_MS, () => {
      this.#note(Math.max(0, clock.monotonicMs() - dueMs));
      this.#schedule();
    });
  }

  #note(lateMs: number): void {
    this.#lastMs = lateMs;
    this.#maxMs = Math.max(this.#maxMs, lateMs);
    this.#sumMs += lateMs;
    const bucket = LAG_BOUNDS_MS.findIndex((boundMs) => lateMs <= boundMs);
    this.#counts[bucket < 0 ? LAG_BOUNDS_MS.length : bucket]!++;
  }
}
