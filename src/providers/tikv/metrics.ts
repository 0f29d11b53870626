/**
 * What a TiKV provider counts of its client: operations and requests with their latencies, errors, retries, commits.
 *
 * Latencies are kept in buckets, powers of two of 125 microseconds.
 */

import type { Hooks } from '#tikv-client';
import type { ProviderFigure } from '../../storage/store.ts';

const BUCKETS = 18;
const BOUNDS = Array.from({ length: BUCKETS }, (_, i) => (0.125 * 2 ** i) / 1e3);

/** What an operation of the storage contract was. */
export type OperationKind = 'read' | 'write' | 'delete' | 'scan' | 'lock';

class Latencies {
  readonly counts: number[] = Array.from({ length: BUCKETS + 1 }, () => 0);
  #sumMs = 0;

  get sum(): number {
    return this.#sumMs / 1e3;
  }

  add(ms: number): void {
    this.#sumMs += ms;
    const bucket = ms <= 0.125 ? 0 : Math.min(BUCKETS, Math.ceil(Math.log2(ms / 0.125)));
    this.counts[bucket]!++;
  }
}

export class TikvMetrics {
  readonly #operations = new Map<OperationKind, number>();
  readonly #requests = new Map<string, Latencies>();
  readonly #errors = new Map<string, number>();
  readonly #retries = new Map<string, number>();
  readonly #commits = new Map<string, number>();
  readonly #commitLatencies = new Latencies();
  readonly #timestampLatencies = new Latencies();
  #timestamps = 0;
  #regionMisses = 0;
  #snapshotCacheHits = 0;
  #locksResolved = 0;
  #backgroundFailures = 0;

  count(kind: OperationKind, times = 1): void {
    this.#operations.set(kind, (this.#operations.get(kind) ?? 0) + times);
  }

  hooks(onBackground: (what: string, error: unknown) => void): Hooks {
    return {
      onRequest: (method, _store, latencyMs, outcome) => {
        let latencies = this.#requests.get(method);
        if (latencies === undefined) {
          latencies = new Latencies();
          this.#requests.set(method, latencies);
        }
        latencies.add(latencyMs);
        if (outcome !== 'ok') add(this.#errors, outcome);
      },
      onBackoff: (kind) => add(this.#retries, kind),
      onTimestamps: (count, latencyMs) => {
        this.#timestamps += count;
        this.#timestampLatencies.add(latencyMs);
      },
      onRegionCache: (event) => {
        if (event !== 'hit') this.#regionMisses++;
      },
      onSnapshotCacheHit: () => {
        this.#snapshotCacheHits++;
      },
      onLockResolved: () => {
        this.#locksResolved++;
      },
      onCommit: (how, latencyMs) => {
        add(this.#commits, how);
        this.#commitLatencies.add(latencyMs);
      },
      onBackground: (what, error) => {
        this.#backgroundFailures++;
        onBackground(what, error);
      },
    };
  }

  figures(now: {
    readonly connections: number;
    readonly regions: number;
    readonly reachable: number;
  }): ProviderFigure[] {
    const counter = (name: string, about: string, samples: readonly Sample[]): ProviderFigure => ({
      kind: 'counter',
      name: `orbit_tikv_${name}_total`,
      about,
      samples,
    });
    const gauge = (name: string, about: string, value: number): ProviderFigure => ({
      kind: 'gauge',
      name: `orbit_tikv_${name}`,
      about,
      samples: [{ labels: {}, value }],
    });
    const histogram = (
      name: string,
      about: string,
      latencies: Iterable<readonly [Readonly<Record<string, string>>, Latencies]>,
    ): ProviderFigure => {
      const series = Array.from(latencies, ([labels, { counts, sum }]) => ({ labels, counts, sum }));
      return { kind: 'histogram', name: `orbit_tikv_${name}_seconds`, about, bounds: BOUNDS, series };
    };
    const one = (value: number): readonly Sample[] => [{ labels: {}, value }];
    return [
      counter('operations', 'Operations of the storage contract, by kind.', samplesOf(this.#operations, 'operation')),
      histogram(
        'request',
        'Requests to stores, by method.',
        [...this.#requests].map(([method, latencies]) => [{ method }, latencies]),
      ),
      counter('errors', 'Requests that were not served, by what was answered.', samplesOf(this.#errors, 'error')),
      counter('retries', 'Pauses before another attempt, by their reason.', samplesOf(this.#retries, 'reason')),
      counter('commits', 'Commits, by how they ended.', samplesOf(this.#commits, 'how')),
      histogram('commit', 'Durations of commits.', [[{}, this.#commitLatencies]]),
      counter('timestamps', 'Timestamps granted by PD.', one(this.#timestamps)),
      histogram('timestamp', 'Requests for timestamps.', [[{}, this.#timestampLatencies]]),
      counter('region_misses', 'Regions that had to be asked for.', one(this.#regionMisses)),
      counter('snapshot_cache_hits', 'Reads answered with what their snapshot had read.', one(this.#snapshotCacheHits)),
      counter('locks_resolved', 'Locks of others that were in the way.', one(this.#locksResolved)),
      counter('background_failures', 'Clean-ups that failed; others do them.', one(this.#backgroundFailures)),
      gauge('connections', 'Connections to stores.', now.connections),
      gauge('regions_cached', 'Regions known.', now.regions),
      gauge('stores_reachable', 'Stores that answered last.', now.reachable),
    ];
  }
}

interface Sample {
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

function add(counts: Map<string, number>, name: string): void {
  counts.set(name, (counts.get(name) ?? 0) + 1);
}

function samplesOf(counts: ReadonlyMap<string, number>, label: string): readonly Sample[] {
  return [...counts].map(([name, value]) => ({ labels: { [label]: name }, value }));
}
