/** Stores on simulated disks: what was acknowledged survives every crash, and nothing comes back torn. */

import { describe, expect, it } from 'vitest';
import { utf8 } from '../../src/base/bytes.ts';
import { hasCode } from '../../src/base/errors.ts';
import { silentLog } from '../../src/base/log.ts';
import type { SeededRandom } from '../../src/platform/simulated/seeded-random.ts';
import type { SimulatedDisk } from '../../src/platform/simulated/simulated-disk.ts';
import { type SimulatedPlatform, Simulation } from '../../src/platform/simulated/simulation.ts';
import { prefixRange } from '../../src/storage/key-range.ts';
import { LocalStore } from '../../src/storage/local-store.ts';
import type { Change } from '../../src/storage/store.ts';
import { Recorder, stateIn, stateOf } from '../support/recorder.ts';
import { EngineDisk, SimulatedEngine } from '../support/simulated-engine.ts';

const seed = process.env.ORBIT_TEST_SEED ?? '1';
const SYNC_INTERVAL_MS = 200;
const SEGMENT_BYTES = 16 * 1024;

interface WorldOptions {
  readonly durability: 'disk' | 'process';
  readonly random: SeededRandom;
  readonly retainBytes?: number;
  /** Values larger than a segment, now and then. Default true. */
  readonly large?: boolean;
}

/** A disk, an engine's disk, a recorder outside; and one store after another on them. */
class World {
  readonly simulation: Simulation;
  readonly disk: SimulatedDisk;
  readonly engineDisk: EngineDisk;
  readonly recorder = new Recorder();
  readonly #random: SeededRandom;
  readonly #options: WorldOptions;
  node!: SimulatedPlatform;
  store!: LocalStore;
  resets = 0;
  /** Of the change feed: the last version it gave. */
  fed = 0;
  feedError: unknown;
  clientError: unknown;
  /** Versions acknowledged in class `process`, with the time. */
  #acknowledgedAt: { readonly version: number; readonly atMs: number }[] = [];
  #running = false;
  readonly outcomes = { acknowledged: 0, unknown: 0, conflicts: 0, refused: 0, full: 0, read: 0 };

  constructor(name: string, options: WorldOptions) {
    this.simulation = new Simulation(name);
    this.#random = options.random;
    this.#options = options;
    this.disk = this.simulation.newDisk({
      latencyMs: { write: [0.01, 0.2], sync: [0.1, 3], name: [0, 0.5], read: 0.01 },
    });
    this.engineDisk = new EngineDisk(this.#random.fork('engine'));
  }

  boot(): void {
    this.node = this.simulation.boot({ disk: this.disk });
  }

  open(): Promise<LocalStore> {
    return this.simulation.time.runUntil(this.opening());
  }

  /** Needs somebody to drive time. */
  async opening(): Promise<LocalStore> {
    const { node } = this;
    const engine = await SimulatedEngine.open(this.engineDisk, node.timers, this.#random.pick([0, 1, 20]));
    this.store = await LocalStore.open({
      name: 'simulated',
      platform: node,
      log: silentLog,
      engine,
      durability: this.#options.durability,
      commitLog: {
        directory: 'data/log',
        segmentBytes: SEGMENT_BYTES,
        retainBytes: this.#options.retainBytes ?? 2 * SEGMENT_BYTES,
        syncIntervalMs: SYNC_INTERVAL_MS,
      },
      overlayBytesMax: 48 * 1024,
      arenaBytes: 8 * 1024,
      applyDelayMs: 5,
      syncBytes: 24 * 1024,
      syncDelayMs: 100,
      persistent: true,
    });
    this.store.onReset(() => {
      this.resets++;
    });
    return this.store;
  }

  /** Clients that never end by themselves: they stop when the store refuses, or with their process. */
  startClients(count: number): void {
    this.#running = true;
    for (let i = 0; i < count; i++) {
      this.#client(this.#random.fork(`client ${this.node.pid} ${i}`)).catch((error: unknown) => {
        this.clientError ??= error;
      });
    }
    void this.#follow();
  }

  stopClients(): void {
    this.#running = false;
  }

  /** Readers that each stay with the state of when they began, and compare what they see with it, until clients stop. */
  startReaders(count: number): void {
    for (let i = 0; i < count; i++) {
      this.#reader(this.#random.fork(`reader ${i}`)).catch((error: unknown) => {
        this.clientError ??= error;
      });
    }
  }

  async #reader(random: SeededRandom): Promise<void> {
    const { node, store, recorder } = this;
    while (this.#running) {
      const transaction = store.begin({ readOnly: true });
      try {
        const expected = recorder.stateAt(transaction.readVersion);
        await node.timers.sleep(random.pick([2, 5, 20, 100]));
        expect(await stateIn(transaction)).toEqual(expected);
        this.outcomes.read++;
      } catch (error) {
        if (!hasCode(error, 'transaction_too_old')) throw error;
      } finally {
        transaction.rollback();
      }
    }
  }

  async #client(random: SeededRandom): Promise<void> {
    const { node, store } = this;
    while (this.#running && node.alive) {
      try {
        await this.#transact(random);
      } catch (error) {
        if (hasCode(error, 'transaction_conflict') || hasCode(error, 'transaction_too_old')) this.outcomes.conflicts++;
        else if (hasCode(error, 'disk_full')) this.outcomes.full++;
        else if (hasCode(error, 'commit_unknown')) this.outcomes.unknown++;
        else if (hasCode(error, 'store_read_only') || hasCode(error, 'store_closed')) {
          this.outcomes.refused++;
          return;
        } else throw error;
      }
      if (store.statistics().version > 5_000) return;
      await node.timers.sleep(random.pick([0, 0, 1, 10]));
    }
  }

  async #transact(random: SeededRandom): Promise<void> {
    const { store, recorder } = this;
    const room = store.whenWritable();
    if (room !== undefined) await room;
    const changes: Change[] = [];
    const writes = 1 + random.int(4);
    for (let i = 0; i < writes; i++) {
      const key = utf8(`k/${String(random.int(60)).padStart(3, '0')}`);
      if (random.chance(0.15)) changes.push({ kind: 'delete', key });
      else if (random.chance(0.03)) changes.push({ kind: 'deleteRange', range: prefixRange(key.subarray(0, 4)) });
      else {
        const bytes =
          this.#options.large !== false && random.chance(0.01) ? 3 * SEGMENT_BYTES : random.pick([0, 10, 100, 1_500]);
        changes.push({ kind: 'put', key, value: utf8(`${recorder.commits.length}.${i}.${'x'.repeat(bytes)}`) });
      }
    }
    if (random.chance(0.2)) {
      const batch = store.writeBatch();
      for (const change of changes) apply(batch, change);
      const ordered = batch.commit();
      if (ordered instanceof Promise) throw new Error('a batch commits synchronously');
      const { version } = ordered;
      recorder.note(version, changes);
      await this.#acknowledge(version, store.durability === 'disk' ? 'disk' : 'process');
      return;
    }
    const lowered = store.durability === 'process' || random.chance(0.2);
    const transaction = store.begin(lowered ? { durability: 'process' } : {});
    try {
      if (random.chance(0.5)) await transaction.get(utf8(`k/${random.int(60)}`));
      for (const change of changes) apply(transaction, change);
      const ordered = transaction.commitVisible();
      if (ordered instanceof Promise) throw new Error('a commit without locks and requirements is synchronous');
      recorder.note(ordered.version, changes);
      await this.#acknowledge(Math.max(ordered.version, transaction.observedVersion), lowered ? 'process' : 'disk');
    } finally {
      transaction.rollback();
    }
  }

  async #acknowledge(version: number, durability: 'disk' | 'process'): Promise<void> {
    const durable = this.store.whenDurable(version, durability);
    if (durable !== undefined) await durable;
    this.outcomes.acknowledged++;
    this.recorder.acknowledge(version, durability);
    this.#acknowledgedAt.push({ version, atMs: this.simulation.time.elapsedMs });
  }

  async #follow(): Promise<void> {
    const { store, recorder } = this;
    this.fed = 0;
    this.feedError = undefined;
    try {
      const after = store.durableVersion;
      for await (const { version, changes } of store.changes(after)) {
        if (this.fed !== 0) expect(version).toBe(this.fed + 1);
        expect(version).toBeLessThanOrEqual(store.durableVersion);
        expect(changes.length).toBeLessThanOrEqual(recorder.commits[version - 1]!.length);
        this.fed = version;
      }
    } catch (error) {
      this.feedError = error;
    }
  }

  /** The process ends by itself: everything written is still there. */
  kill(): void {
    const { recorder } = this;
    const promised = Math.max(recorder.acknowledged.disk, recorder.acknowledged.process, this.fed);
    this.node.kill();
    this.#promise(promised);
  }

  losePower(unsynced: 'lost' | 'torn' | 'kept'): void {
    const { recorder, simulation } = this;
    // What was acknowledged in class `process` is synced a moment later.
    const olderMs = simulation.time.elapsedMs - SYNC_INTERVAL_MS - 50;
    const old = this.#acknowledgedAt.filter(({ atMs }) => atMs < olderMs).map(({ version }) => version);
    const fed = this.#options.durability === 'disk' ? this.fed : 0;
    const promised = Math.max(recorder.acknowledged.disk, fed, ...old);
    this.node.losePower(unsynced);
    this.engineDisk.losePower();
    this.#promise(promised);
  }

  promised = 0;
  #promise(version: number): void {
    this.promised = version;
    this.#running = false;
    this.#acknowledgedAt = [];
    this.fed = 0;
  }

  /** What the store holds is a prefix of all commits, with everything that was promised. */
  async check(): Promise<void> {
    const { store, recorder } = this;
    expect(this.clientError).toBeUndefined();
    expect(store.version).toBeGreaterThanOrEqual(this.promised);
    expect(store.version).toBeLessThanOrEqual(recorder.commits.length);
    const state = await this.simulation.time.run(() => stateOf(store));
    expect(state).toEqual(recorder.stateAt(store.version));
    recorder.forgetAfter(store.version);
    // Recovered is durable: nobody is told of what a second crash could take back.
    recorder.acknowledge(store.version, 'disk');
    this.promised = 0;
  }
}

function apply(
  writes: { put: LocalWrites['put']; delete: LocalWrites['delete']; deleteRange: LocalWrites['deleteRange'] },
  change: Change,
): void {
  if (change.kind === 'put') writes.put(change.key, change.value);
  else if (change.kind === 'delete') writes.delete(change.key);
  else writes.deleteRange(change.range);
}
type LocalWrites = ReturnType<LocalStore['writeBatch']>;

/** Runs `work` for several seeds that follow from the one of the run; a failure names the seed that repeats it. */
async function forSeeds(
  count: number,
  name: string,
  work: (name: string, random: SeededRandom) => Promise<void>,
): Promise<void> {
  for (let i = 0; i < count; i++) {
    const id = `${seed}/${name}/${i}`;
    try {
      await work(id, new Simulation(id).random);
    } catch (error) {
      throw new Error(`failed with ORBIT_TEST_SEED=${seed}, round ${i} of "${name}"`, { cause: error });
    }
  }
}

describe.each(['disk', 'process'] as const)('a store of class %s', (durability) => {
  it('keeps what it acknowledged through crashes of every kind', () =>
    forSeeds(8, `crashes ${durability}`, async (id, random) => {
      const world = new World(id, { durability, random });
      world.boot();
      await world.open();
      for (let round = 0; round < 5; round++) {
        world.startClients(1 + random.int(6));
        await world.simulation.time.advance(random.pick([3, 20, 80, 400]));
        if (random.chance(0.4)) world.kill();
        else world.losePower(random.pick(['lost', 'torn', 'torn', 'kept']));
        world.boot();
        await world.open();
        await world.check();
      }
      expect(world.outcomes.acknowledged).toBeGreaterThan(0);
    }));

  it('shows each reader the state of when it began, however much of it is written anew', async () => {
    let read = 0;
    await forSeeds(8, `readers ${durability}`, async (id, random) => {
      const world = new World(id, { durability, random });
      world.boot();
      await world.open();
      world.startClients(1 + random.int(6));
      world.startReaders(1 + random.int(3));
      await world.simulation.time.advance(150);
      world.stopClients();
      await world.simulation.time.advance(150);
      read += world.outcomes.read;
      await world.check();
      await world.simulation.time.runUntil(world.store.close());
    });
    // A single world may overwrite what its readers stay with, each time.
    expect(read, `seed ${seed}`).toBeGreaterThan(0);
  });

  it('keeps it through crashes while it recovers', () =>
    forSeeds(6, `recovery ${durability}`, async (id, random) => {
      const world = new World(id, { durability, random });
      world.boot();
      await world.open();
      world.startClients(4);
      await world.simulation.time.advance(150);
      world.losePower('torn');
      const { promised } = world;
      for (let attempt = 0; attempt < 4; attempt++) {
        world.boot();
        world.opening().catch((error: unknown) => {
          world.clientError ??= error;
        });
        await world.simulation.time.advance(random.between(0, 30));
        if (random.chance(0.3)) world.kill();
        else world.losePower(random.pick(['lost', 'torn']));
      }
      world.boot();
      await world.open();
      world.promised = promised;
      await world.check();
    }));

  it('goes back to what is durable when a sync fails, takes no more writes, and recovers', () =>
    forSeeds(8, `failed sync ${durability}`, async (id, random) => {
      const world = new World(id, { durability, random });
      const { disk, simulation } = world;
      world.boot();
      await world.open();
      for (let round = 0; round < 3; round++) {
        const clients = 1 + random.int(5);
        world.startClients(clients);
        await simulation.time.advance(random.pick([20, 150]));
        const resets = world.resets;
        const watched: number[] = [];
        world.store.watch(prefixRange(utf8('k/')), ({ version }) => watched.push(version));
        const disarm = disk.fail(random.pick(['sync', 'sync', 'write']), {
          path: /log/,
          afterBytes: random.int(2_000),
        });
        await simulation.time.advance(2 * SYNC_INTERVAL_MS + 100);
        const { store, recorder } = world;
        disarm();
        if (store.health.status === 'healthy') continue; // It struck where it does no harm: while a file was prepared.
        expect(world.resets).toBe(resets + 1);
        expect(store.health.status).toBe('unhealthy');
        // Nothing that could still be lost is shown.
        expect(store.version).toBe(store.durableVersion);
        expect(await simulation.time.run(() => stateOf(store))).toEqual(recorder.stateAt(store.version));
        expect(() => put(store, 'k/late')).toThrow(expect.objectContaining({ code: 'store_read_only' }));
        expect(hasCode(world.feedError, 'commit_unknown')).toBe(true);
        await expect(store.whenDurable(store.version + 1)).rejects.toMatchObject({ code: 'commit_unknown' });
        expect(world.outcomes.refused + world.outcomes.unknown).toBeGreaterThan(0);
        // What was written is in the page cache, and perhaps on the disk, and perhaps not. It may come back or not, but
        // what the store says after it was opened again stays true.
        const promised = recorder.acknowledged[durability];
        if (random.chance(0.5)) {
          await simulation.time.run(() => store.close());
          await world.open();
        } else {
          if (random.chance(0.5)) world.kill();
          else world.losePower('torn');
          world.boot();
          await world.open();
        }
        world.promised = durability === 'disk' ? promised : 0;
        await world.check();
        world.startClients(1);
        await simulation.time.advance(30);
        world.losePower('lost');
        world.boot();
        await world.open();
        await world.check();
      }
    }));

  it('refuses writes on a full disk but not deletions, and resumes when there is space', () =>
    forSeeds(4, `full ${durability}`, async (id, random) => {
      // All log is kept: a log that reuses its own segments hardly needs space.
      const world = new World(id, { durability, random, large: false, retainBytes: 1 << 30 });
      const { disk, simulation } = world;
      world.boot();
      await world.open();
      world.startClients(2);
      await simulation.time.advance(50);
      world.stopClients();
      await simulation.time.advance(50);
      const { store, recorder } = world;
      if (random.chance(0.3)) world.engineDisk.full = true;
      disk.capacityBytes = 0;
      // Small writes, until it shows.
      let refused: unknown;
      for (let i = 0; i < 2_000 && refused === undefined; i++) {
        try {
          const version = put(store, `k/${i % 60}`);
          recorder.note(version, [{ kind: 'put', key: utf8(`k/${i % 60}`), value: utf8('filler') }]);
        } catch (error) {
          refused = error;
        }
        await simulation.time.advance(1);
      }
      expect(refused).toMatchObject({ code: 'disk_full' });
      expect(store.health).toMatchObject({ status: 'degraded' });
      const deletion = store.begin();
      deletion.delete(utf8('k/7'));
      const { version } = await simulation.time.runUntil(deletion.commit());
      recorder.note(version, [{ kind: 'delete', key: utf8('k/7') }]);
      recorder.acknowledge(version, durability);
      disk.capacityBytes = Number.POSITIVE_INFINITY;
      world.engineDisk.full = false;
      await simulation.time.advance(2_000);
      expect(store.health).toEqual({ status: 'healthy' });
      world.startClients(3);
      await simulation.time.advance(100);
      expect(recorder.acknowledged[durability]).toBeGreaterThan(version);
      world.kill();
      world.boot();
      await world.open();
      await world.check();
    }));

  it('closes on a full disk, and says of what could not be written that its outcome is unknown', () =>
    forSeeds(3, `close full ${durability}`, async (id, random) => {
      const world = new World(id, { durability, random });
      world.boot();
      await world.open();
      world.disk.capacityBytes = 0;
      const { store, recorder, simulation } = world;
      const transaction = store.begin();
      const value = Buffer.alloc(2 * SEGMENT_BYTES, 'x');
      transaction.put(utf8('k/big'), value);
      const outcome = transaction.commit().catch((error: unknown) => error);
      recorder.note(1, [{ kind: 'put', key: utf8('k/big'), value }]);
      await simulation.time.advance(random.between(0, 2_000));
      await simulation.time.runUntil(store.close());
      expect(await outcome).toMatchObject({ code: 'commit_unknown' });
      world.disk.capacityBytes = Number.POSITIVE_INFINITY;
      await world.open();
      await world.check();
    }));

  it('recovers from any earlier synced state of its engine, as long as the log reaches back to it', () =>
    forSeeds(3, `copies ${durability}`, async (id, random) => {
      const world = new World(id, { durability, random, retainBytes: 1 << 30 });
      world.boot();
      await world.open();
      world.startClients(4);
      await world.simulation.time.advance(400);
      world.losePower(random.pick(['lost', 'torn', 'kept']));
      const copies = [...world.engineDisk.synced];
      expect(copies.length).toBeGreaterThan(2);
      const { promised } = world;
      const log = world.disk.snapshot('data');
      for (let i = 0; i < copies.length; i += 1 + random.int(3)) {
        world.disk.restore('data', log);
        world.engineDisk.states = [copies[i]!];
        world.boot();
        await world.open();
        world.promised = promised;
        await world.check();
        world.kill();
      }
    }));

  it('syncs within its interval even when there is never a pause', () =>
    forSeeds(1, `no pause ${durability}`, async (id, random) => {
      const world = new World(id, { durability, random });
      world.boot();
      await world.open();
      const { store, simulation, recorder, node } = world;
      const versions: { readonly version: number; readonly atMs: number }[] = [];
      const write = async () => {
        while (node.alive && simulation.time.elapsedMs < 1_500) {
          const transaction = store.begin({ durability: 'process' });
          const change: Change = { kind: 'put', key: utf8('k/1'), value: utf8(`${versions.length}`) };
          transaction.put(change.key, change.value);
          transaction.commitVisible();
          const { version } = store;
          recorder.note(version, [change]);
          await store.whenDurable(version, 'process');
          versions.push({ version, atMs: simulation.time.elapsedMs });
        }
      };
      for (let i = 0; i < 3; i++) void write();
      await simulation.time.advance(1_000);
      world.losePower('lost');
      const old = versions.filter(({ atMs }) => atMs < 1_000 - SYNC_INTERVAL_MS - 20).at(-1)!;
      expect(old.version).toBeGreaterThan(20);
      world.promised = old.version;
      world.boot();
      await world.open();
      await world.check();
    }));
});

/** Orders a commit and answers with its version. */
function put(store: LocalStore, key: string): number {
  const batch = store.writeBatch();
  batch.put(utf8(key), utf8('filler'));
  const commit = batch.commit();
  if (commit instanceof Promise) throw new Error('a batch commits synchronously');
  return commit.version;
}
