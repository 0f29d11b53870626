/**
 * An engine whose state outlives the simulated process: the memory engine, with copies of what it held after each batch.
 *
 * A process that is killed leaves the newest state behind, as the page cache would. A power failure leaves the last synced
 * state or, since an operating system writes back when it likes, any of the younger ones. A batch is never torn: that is
 * what engines promise, and what RocksDB's own log keeps.
 */

import type { Awaitable } from '../../src/base/awaitable.ts';
import { type Bytes, copyBytes } from '../../src/base/bytes.ts';
import { OperationError } from '../../src/base/errors.ts';
import type { Timers } from '../../src/platform/platform.ts';
import type { SeededRandom } from '../../src/platform/simulated/seeded-random.ts';
import { MemoryEngine } from '../../src/providers/memory/memory-engine.ts';
import type { Engine, EngineBatch, EngineSnapshot } from '../../src/storage/engine.ts';
import { ALL_KEYS, type Key } from '../../src/storage/key-range.ts';
import { MemtableBatch } from '../../src/storage/memtable-batch.ts';
import { operationBytes, PUT, writeOperation } from '../../src/storage/operations.ts';
import type { Entry, Version } from '../../src/storage/store.ts';

export interface EngineState {
  readonly position: Version;
  readonly entries: readonly Entry[];
}

/** What is left of an engine when its process ends. */
export class EngineDisk {
  /** The last synced state, then those applied since. */
  states: EngineState[] = [{ position: 0, entries: [] }];
  /** Every state that was ever synced: what copies of the directory could have been taken of. */
  readonly synced: EngineState[] = [{ position: 0, entries: [] }];
  /** Batches are refused for lack of space. */
  full = false;
  readonly #random: SeededRandom;

  constructor(random: SeededRandom) {
    this.#random = random;
  }

  losePower(): void {
    this.states = [this.#random.pick(this.states)];
  }
}

export class SimulatedEngine implements Engine {
  readonly #memory: MemoryEngine;
  readonly #disk: EngineDisk;
  readonly #timers: Timers;
  readonly #applyMs: number;

  private constructor(disk: EngineDisk, timers: Timers, applyMs: number) {
    this.#disk = disk;
    this.#timers = timers;
    this.#applyMs = applyMs;
    this.#memory = new MemoryEngine(timers);
  }

  /** The engine as its disk has it. A batch takes `applyMs` to apply. */
  static async open(disk: EngineDisk, timers: Timers, applyMs: number): Promise<SimulatedEngine> {
    const engine = new SimulatedEngine(disk, timers, applyMs);
    const { position, entries } = disk.states.at(-1)!;
    const batch = new MemtableBatch(engine.#memory);
    for (const { key, value } of entries) {
      await batch.reserve(operationBytes(key.length, value.length), 0);
      batch.add((arena, offset) => writeOperation(arena, offset, PUT, key, value));
    }
    await batch.flush(position, true);
    return engine;
  }

  get position(): Version {
    return this.#memory.position;
  }

  get(key: Key): Awaitable<Bytes | undefined> {
    return this.#memory.get(key);
  }

  batchGet(keys: readonly Key[]): Awaitable<readonly (Bytes | undefined)[]> {
    return this.#memory.batchGet(keys);
  }

  snapshot(): Awaitable<EngineSnapshot> {
    return this.#memory.snapshot();
  }

  async apply(batch: EngineBatch, options: { readonly sync: boolean }): Promise<void> {
    await this.#timers.sleep(this.#applyMs);
    if (this.#disk.full) throw new OperationError('disk_full', 'no space is left for the engine');
    await this.#memory.apply(batch, options);
    const state = { position: this.#memory.position, entries: contents(this.#memory) };
    this.#disk.states.push(state);
    if (!options.sync) return;
    this.#disk.states = [state];
    this.#disk.synced.push(state);
  }

  recover(): Promise<void> {
    return this.#memory.recover();
  }

  memory(): Readonly<Record<string, number>> {
    return this.#memory.memory();
  }

  close(): Promise<void> {
    return this.#memory.close();
  }
}

function contents(engine: MemoryEngine): readonly Entry[] {
  const view = engine.snapshot();
  const entries: Entry[] = [];
  const cursor = view.scan(ALL_KEYS, {});
  for (;;) {
    const batch = cursor.next(1_000) as readonly Entry[] | undefined;
    if (batch === undefined) break;
    for (const { key, value } of batch) entries.push({ key: copyBytes(key), value: copyBytes(value) });
  }
  view.release();
  return entries;
}
