/**
 * An engine that sometimes answers late, as one on a disk does: what it is asked, it does before or after a wait, by its
 * seed. Over the memory engine it takes a simulated run down every road that a disk would, and replays it.
 */

import { type Awaitable, whenReady } from '../../src/base/awaitable.ts';
import type { Bytes } from '../../src/base/bytes.ts';
import type { Timers } from '../../src/platform/platform.ts';
import type { SeededRandom } from '../../src/platform/simulated/seeded-random.ts';
import type { Engine, EngineBatch, EngineCursor, EngineSnapshot } from '../../src/storage/engine.ts';
import type { Key, KeyRange } from '../../src/storage/key-range.ts';
import type { Entry, ScanOptions, Version } from '../../src/storage/store.ts';

export interface SlowEngineOptions {
  readonly timers: Timers;
  readonly random: SeededRandom;
  /** Waits last up to this long. */
  readonly delayMs: number;
}

export class SlowEngine implements Engine {
  readonly #engine: Engine;
  readonly #options: SlowEngineOptions;
  #applying: Promise<void> | undefined;

  constructor(engine: Engine, options: SlowEngineOptions) {
    this.#engine = engine;
    this.#options = options;
  }

  get position(): Version {
    return this.#engine.position;
  }

  get(key: Key): Awaitable<Bytes | undefined> {
    return this.#late(() => this.#engine.get(key));
  }

  batchGet(keys: readonly Key[]): Awaitable<readonly (Bytes | undefined)[]> {
    return this.#late(() => this.#engine.batchGet(keys));
  }

  /** While a batch is applied it often waits for that, so that several who asked are answered in one moment. */
  snapshot(): Awaitable<EngineSnapshot> {
    const take = (): Awaitable<EngineSnapshot> =>
      whenReady(this.#engine.snapshot(), (snapshot) => this.#slowSnapshot(snapshot));
    if (this.#applying !== undefined && this.#options.random.int(2) === 0) return this.#applying.then(take);
    return this.#late(take);
  }

  apply(batch: EngineBatch, options: { readonly sync: boolean }): Promise<void> {
    const applied = this.#wait()
      .then(() => this.#engine.apply(batch, options))
      .then(() => this.#wait())
      .finally(() => {
        this.#applying = undefined;
      });
    this.#applying = applied;
    return applied;
  }

  recover(): Promise<void> {
    return this.#engine.recover();
  }

  memory(): Readonly<Record<string, number>> {
    return this.#engine.memory();
  }

  close(): Promise<void> {
    return this.#engine.close();
  }

  #slowSnapshot(snapshot: EngineSnapshot): EngineSnapshot {
    return {
      position: snapshot.position,
      get: (key: Key) => this.#late(() => snapshot.get(key)),
      scan: (range: KeyRange, options: ScanOptions) => this.#slowCursor(snapshot.scan(range, options)),
      release: () => snapshot.release(),
    };
  }

  #slowCursor(cursor: EngineCursor): EngineCursor {
    return {
      next: (entriesMax: number): Awaitable<readonly Entry[] | undefined> => this.#late(() => cursor.next(entriesMax)),
      close: () => cursor.close(),
    };
  }

  /** At once, after a wait, or at once but told after a wait. */
  #late<T>(work: () => Awaitable<T>): Awaitable<T> {
    switch (this.#options.random.int(4)) {
      case 0:
        return this.#wait().then(work);
      case 1: {
        const result = work();
        return this.#wait().then(() => result);
      }
      default:
        return work();
    }
  }

  #wait(): Promise<void> {
    return this.#options.timers.sleep(this.#options.random.float() * this.#options.delayMs);
  }
}
