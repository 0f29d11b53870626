/**
 * Gathers statistics by itself, in the background, of tables that have changed enough: one table after another, some time
 * after the change. A table that is being filled is waited for, within bounds, so that a load is looked at once, when it is
 * over. It works in short slices with pauses three times as long between
 * them, so it never takes more than a part of the event loop, and stops where it is when the engine closes. A table that was
 * analyzed is left alone for many times as long as that took: while one is being filled its rows are counted anyway.
 */

import { type Awaitable, isPromise } from '../../../base/awaitable.ts';
import { messageOf } from '../../../base/errors.ts';
import type { Log } from '../../../base/log.ts';
import { decodeTable } from '../../../models/relational/catalog.ts';
import { statisticsKey, tableKey } from '../../../models/relational/keys.ts';
import { encodeStatistics } from '../../../models/relational/statistics.ts';
import type { TableId } from '../../../models/relational/table.ts';
import type { Platform, Timer } from '../../../platform/platform.ts';
import type { Keyspace } from '../../../storage/keyspace.ts';
import type { Store } from '../../../storage/store.ts';
import { openTable } from '../catalog-cache.ts';
import { isAnalyzedByItself } from '../storage-parameters.ts';
import { analyzeTable } from './analyze.ts';
import type { StatisticsOfTables } from './table-statistics.ts';

export interface AutoAnalyzeOptions {
  readonly store: Store;
  readonly keyspace: Keyspace;
  readonly platform: Pick<Platform, 'clock' | 'timers' | 'random'>;
  readonly statistics: StatisticsOfTables;
  readonly log: Log;
  /** From the change that was one too many to the analysis. */
  readonly delayMs: number;
}

const SLICE_MS = 4;
const REST_MS = 12;
/** A table is left alone so many times as long as its analysis worked. */
const RESTS = 32;
/** A table that grows by this part of it within the delay is being filled, and is waited for through so many delays. */
const FILLING_PART = 0.05;
const FILLING_DELAYS_MAX = 10;

interface Turn {
  /** In monotonic milliseconds. */
  dueMs: number;
  /** Changed rows when it was last looked at. */
  changed: number;
  delaysLeft: number;
}

export class AutoAnalyze {
  readonly #options: AutoAnalyzeOptions;
  readonly #waiting = new Map<TableId, Turn>();
  /** Until when tables are left alone; forgotten when it has passed. */
  readonly #resting = new Map<TableId, number>();
  #timer: Timer | undefined;
  #running: Promise<void> | undefined;
  #stopped = false;
  #sliceEndsMs = 0;
  /** How long the analysis that runs has worked. */
  #workedMs = 0;

  constructor(options: AutoAnalyzeOptions) {
    this.#options = options;
    options.statistics.onStale = (id) => this.#add(id);
  }

  /** Settles when nothing is being analyzed or waiting for it, for tests. */
  async idle(): Promise<void> {
    this.#timer?.cancel();
    this.#timer = undefined;
    for (const turn of this.#waiting.values()) {
      turn.dueMs = 0;
      turn.delaysLeft = 0;
    }
    await this.#begin();
  }

  stop(): void {
    this.#stopped = true;
    this.#options.statistics.onStale = undefined;
    this.#waiting.clear();
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  #add(id: TableId): void {
    if (this.#stopped) return;
    const dueMs = this.#options.platform.clock.monotonicMs() + this.#options.delayMs;
    this.#waiting.set(id, {
      dueMs: Math.max(dueMs, this.#resting.get(id) ?? 0),
      changed: this.#changesOf(id),
      delaysLeft: FILLING_DELAYS_MAX,
    });
    this.#schedule();
  }

  #changesOf(id: TableId): number {
    return this.#options.statistics.activityOf(id)?.changed ?? 0;
  }

  /** Whether the table has changed so much since its turn was last put off that it is put off once more. */
  #isFilling(id: TableId, turn: Turn): boolean {
    if (turn.delaysLeft === 0) return false;
    const { statistics } = this.#options;
    const changed = this.#changesOf(id);
    return changed - turn.changed > statistics.rowsOf(id) * FILLING_PART;
  }

  #schedule(): void {
    if (this.#running !== undefined || this.#waiting.size === 0) return;
    this.#timer?.cancel();
    const { clock, timers } = this.#options.platform;
    this.#timer = timers.after(
      Math.max(0, Math.min(...[...this.#waiting.values()].map(({ dueMs }) => dueMs)) - clock.monotonicMs()),
      () => {
        this.#timer = undefined;
        void this.#begin();
      },
    );
  }

  #begin(): Promise<void> {
    this.#running ??= this.#run().finally(() => {
      this.#running = undefined;
      if (!this.#stopped) this.#schedule();
    });
    return this.#running;
  }

  async #run(): Promise<void> {
    const { clock } = this.#options.platform;
    const startMs = clock.monotonicMs();
    for (const [id, untilMs] of this.#resting) if (untilMs <= startMs) this.#resting.delete(id);
    // What becomes stale while this runs waits for the next turn.
    for (const [id, turn] of [...this.#waiting]) {
      if (turn.dueMs > startMs) continue;
      if (this.#isFilling(id, turn)) {
        turn.dueMs = startMs + this.#options.delayMs;
        turn.changed = this.#changesOf(id);
        turn.delaysLeft--;
        continue;
      }
      this.#waiting.delete(id);
      if (this.#stopped) return;
      try {
        await this.#analyze(id);
        this.#resting.set(id, clock.monotonicMs() + this.#workedMs * RESTS);
      } catch (error) {
        this.#options.statistics.forgetStale(id);
        if (this.#stopped) return;
        this.#options.log.warn({ table: id, error: messageOf(error) }, 'a table could not be analyzed');
      }
    }
  }

  async #analyze(id: TableId): Promise<void> {
    const { store, keyspace, platform, statistics } = this.#options;
    const reader = store.begin({ isolation: 'readCommitted', readOnly: true, label: 'analyze' });
    try {
      const definition = await reader.get(tableKey(keyspace, id));
      if (definition === undefined) return; // Dropped meanwhile.
      const table = openTable(keyspace, decodeTable(definition));
      if (!isAnalyzedByItself(table.table.storageParameters)) {
        statistics.forgetStale(id);
        return;
      }
      this.#workedMs = 0;
      this.#sliceEndsMs = platform.clock.monotonicMs() + SLICE_MS;
      const found = await analyzeTable(
        table,
        {
          scan: (range, options) => reader.scan(range, options),
          refresh: () => reader.beginStatement(),
          pause: () => this.#pause(),
          random: () => platform.random.float(),
        },
        { columns: undefined, before: undefined, nowMs: platform.clock.nowMs(), automatic: true },
      );
      const writer = store.begin({ label: 'analyze' });
      try {
        // A table that was dropped since must not leave statistics behind.
        if ((await writer.get(tableKey(keyspace, id))) === undefined) return;
        writer.put(statisticsKey(keyspace, id), encodeStatistics(found));
        const committed = writer.commitVisible();
        if (isPromise(committed)) await committed;
        statistics.set(id, found);
      } finally {
        writer.rollback();
      }
    } finally {
      reader.rollback();
    }
  }

  #pause(): Awaitable<void> {
    if (this.#stopped) throw new Error('the engine closes');
    const { clock, timers } = this.#options.platform;
    const late = clock.monotonicMs() - this.#sliceEndsMs;
    if (late < 0) return undefined;
    this.#workedMs += SLICE_MS + late;
    return timers.sleep(REST_MS).then(() => {
      this.#sliceEndsMs = clock.monotonicMs() + SLICE_MS;
    });
  }
}
