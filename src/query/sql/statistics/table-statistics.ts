/**
 * What the planner and pg_stats know of all tables: the stored statistics, kept in memory, and what was written since.
 *
 * Statistics come with the commits that write them. Counts of changed rows are this process's own and begin with it; with
 * them the number of rows follows the table between two analyses. When enough has changed (50 rows and a tenth of the
 * table, as in PostgreSQL), `onStale` is told, once until the next analysis.
 */

import {
  decodeStatistics,
  statisticsRange,
  type TableStatistics,
  tableOfStatistics,
} from '../../../models/relational/statistics.ts';
import type { TableId } from '../../../models/relational/table.ts';
import { rangeContains } from '../../../storage/key-range.ts';
import type { Keyspace } from '../../../storage/keyspace.ts';
import type { CommitRecord, Store } from '../../../storage/store.ts';

export type RowChange = 'inserted' | 'updated' | 'deleted' | 'truncated';

/** Since the process began, but for `changed`. */
export interface TableActivity {
  inserted: number;
  updated: number;
  deleted: number;
  /** Rows that were changed since the last analysis, and by how many the table grew. */
  changed: number;
  grown: number;
  /** Wall time, milliseconds since 1970; 0 for never. */
  analyzedAtMs: number;
  autoAnalyzedAtMs: number;
  analyses: number;
  autoAnalyses: number;
}

/** Rows that a table is thought to have before anybody counted. */
export const UNKNOWN_ROWS = 1_000;
const STALE_ROWS = 50;
const STALE_PART = 0.1;

export class StatisticsOfTables {
  /** Told of a table whose statistics should be gathered anew. */
  onStale: ((id: TableId) => void) | undefined;
  readonly #store: Store;
  readonly #keyspace: Keyspace;
  readonly #tables = new Map<TableId, TableStatistics>();
  readonly #epochs = new Map<TableId, number>();
  readonly #activity = new Map<TableId, TableActivity>();
  readonly #told = new Set<TableId>();
  readonly #stopWatching: () => void;
  #generation = 1;
  #loading: Promise<void> | undefined;
  #loaded = false;

  constructor(store: Store, keyspace: Keyspace) {
    this.#store = store;
    this.#keyspace = keyspace;
    this.#stopWatching = store.watch(statisticsRange(keyspace), (record) => this.#note(record));
    store.onReset(() => {
      this.#loaded = false;
      this.#loading = undefined;
      this.#generation++;
      this.#tables.clear();
    });
  }

  /** Undefined once all statistics are in memory. */
  ready(): Promise<void> | undefined {
    if (this.#loaded) return undefined;
    this.#loading ??= this.#load();
    return this.#loading;
  }

  /** Grows whenever statistics of any table change. */
  get generation(): number {
    return this.#generation;
  }

  /** The generation in which the statistics of a table changed last. */
  epochOf(id: TableId): number {
    return this.#epochs.get(id) ?? 0;
  }

  of(id: TableId): TableStatistics | undefined {
    return this.#tables.get(id);
  }

  /** How many rows the table is thought to have. */
  rowsOf(id: TableId): number {
    const known = this.#tables.get(id);
    const grown = this.#activity.get(id)?.grown ?? 0;
    if (known !== undefined) return Math.max(0, known.rows + grown);
    return Math.max(UNKNOWN_ROWS, grown);
  }

  activityOf(id: TableId): Readonly<TableActivity> | undefined {
    return this.#activity.get(id);
  }

  /** Rows that a commit changed. */
  noteChanges(id: TableId, change: RowChange, rows: number): void {
    const activity = this.#activityFor(id);
    if (change === 'truncated') {
      activity.grown = -(this.#tables.get(id)?.rows ?? 0);
      activity.changed = Math.max(activity.changed, rows);
    } else {
      activity[change] += rows;
      activity.changed += rows;
    }
    if (change === 'inserted') activity.grown += rows;
    else if (change === 'deleted') activity.grown -= rows;
    if (this.onStale === undefined || this.#told.has(id)) return;
    if (activity.changed <= STALE_ROWS + STALE_PART * (this.#tables.get(id)?.rows ?? 0)) return;
    this.#told.add(id);
    this.onStale(id);
  }

  /** Statistics that are about to be committed, so that who gathered them uses them at once. */
  set(id: TableId, statistics: TableStatistics): void {
    const activity = this.#activityFor(id);
    activity.changed = 0;
    activity.grown = 0;
    if (statistics.automatic) {
      activity.autoAnalyses++;
      activity.autoAnalyzedAtMs = statistics.analyzedAtMs;
    } else {
      activity.analyses++;
      activity.analyzedAtMs = statistics.analyzedAtMs;
    }
    this.#told.delete(id);
    this.#put(id, statistics);
  }

  /** An analysis that came to nothing may be asked for again. */
  forgetStale(id: TableId): void {
    this.#told.delete(id);
  }

  close(): void {
    this.onStale = undefined;
    this.#stopWatching();
  }

  #put(id: TableId, statistics: TableStatistics | undefined): void {
    this.#generation++;
    this.#epochs.set(id, this.#generation);
    if (statistics === undefined) {
      this.#tables.delete(id);
      this.#activity.delete(id);
      this.#told.delete(id);
    } else this.#tables.set(id, statistics);
  }

  #activityFor(id: TableId): TableActivity {
    let activity = this.#activity.get(id);
    if (activity === undefined) {
      activity = {
        inserted: 0,
        updated: 0,
        deleted: 0,
        changed: 0,
        grown: 0,
        analyzedAtMs: 0,
        autoAnalyzedAtMs: 0,
        analyses: 0,
        autoAnalyses: 0,
      };
      this.#activity.set(id, activity);
    }
    return activity;
  }

  #note({ changes }: CommitRecord): void {
    const range = statisticsRange(this.#keyspace);
    for (const change of changes) {
      if (change.kind === 'deleteRange' || !rangeContains(range, change.key)) continue;
      const id = tableOfStatistics(this.#keyspace, change.key);
      this.#put(id, change.kind === 'put' ? decodeStatistics(change.value) : undefined);
    }
  }

  async #load(): Promise<void> {
    const generation = this.#generation;
    const reader = this.#store.begin({ readOnly: true, label: 'statistics' });
    try {
      const cursor = reader.scan(statisticsRange(this.#keyspace));
      for (let batch = await cursor.next(); batch !== undefined; batch = await cursor.next()) {
        for (const { key, value } of batch) {
          const id = tableOfStatistics(this.#keyspace, key);
          // What was committed meanwhile is newer.
          if (this.epochOf(id) > generation) continue;
          const statistics = decodeStatistics(value);
          if (statistics !== undefined) this.#tables.set(id, statistics);
        }
      }
      this.#generation++;
      this.#loaded = true;
    } finally {
      reader.rollback();
      this.#loading = undefined;
    }
  }
}
