/** Actor runtimes for tests: on a simulated machine whose disk keeps the commit log, so that runtimes crash and return. */

import { type ActorRuntimeOptions, LocalActorRuntime } from '../../src/actors/local-actor-runtime.ts';
import { silentLog } from '../../src/base/log.ts';
import { SoleMemberDirectory } from '../../src/cluster/sole-member-directory.ts';
import type { SimulatedDisk } from '../../src/platform/simulated/simulated-disk.ts';
import { type SimulatedPlatform, Simulation } from '../../src/platform/simulated/simulation.ts';
import { MemoryEngine } from '../../src/providers/memory/memory-engine.ts';
import { Keyspace } from '../../src/storage/keyspace.ts';
import { LocalStore } from '../../src/storage/local-store.ts';
import type { Store } from '../../src/storage/store.ts';

export const keyspace = new Keyspace();

export const SEED = process.env.ORBIT_TEST_SEED ?? '4711';

export interface MachineOptions extends Partial<ActorRuntimeOptions> {
  /** Reads of saved state take a while, as on an engine that has to wait for its disk. */
  readonly slowReads?: boolean;
}

/** One machine: its process, the store on its disk, the actors in it. */
export class ActorMachine {
  readonly simulation: Simulation;
  readonly disk: SimulatedDisk;
  platform!: SimulatedPlatform;
  store!: LocalStore;
  runtime!: LocalActorRuntime;
  readonly #options: MachineOptions;

  private constructor(options: MachineOptions, syncMs: readonly [number, number]) {
    this.simulation = new Simulation(SEED);
    this.disk = this.simulation.newDisk({ latencyMs: { sync: syncMs } });
    this.#options = options;
  }

  static async start(options: MachineOptions = {}, syncMs: readonly [number, number] = [1, 2]): Promise<ActorMachine> {
    const machine = new ActorMachine(options, syncMs);
    await machine.boot();
    return machine;
  }

  get time() {
    return this.simulation.time;
  }

  boot(): Promise<void> {
    return this.time.run(async () => {
      this.platform = this.simulation.boot({ disk: this.disk });
      this.store = await LocalStore.open({
        name: 'test',
        platform: this.platform,
        log: silentLog,
        engine: new MemoryEngine(this.platform.timers),
        durability: 'disk',
        commitLog: { directory: 'log', segmentBytes: 256 * 1024 },
        persistent: true,
      });
      const directory = await SoleMemberDirectory.open(this.store, this.platform, keyspace, 'one');
      this.runtime = new LocalActorRuntime({
        store: this.#options.slowReads === true ? withSlowReads(this.store, this.platform) : this.store,
        platform: this.platform,
        keyspace,
        directory,
        ...this.#options,
      });
    });
  }

  /** Power goes, what was not synced is lost, and everything starts again. */
  async crash(): Promise<void> {
    this.platform.losePower('lost');
    await this.boot();
  }

  /** Drives virtual time until `work` is done. */
  run<T>(work: () => Promise<T>): Promise<T> {
    return this.time.run(work);
  }

  async stop(): Promise<void> {
    await this.run(async () => {
      await this.runtime.stop();
      await this.store.close();
    });
  }
}

function withSlowReads(store: LocalStore, platform: SimulatedPlatform): Store {
  const get: Store['get'] = async (key, observer) => {
    await platform.timers.sleep(1);
    return store.get(key, observer);
  };
  return new Proxy<Store>(store, {
    get(target, property) {
      if (property === 'get') return get;
      const value: unknown = Reflect.get(target, property, target);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}
