/**
 * A world in one process: virtual time, a network, disks and the processes that run on them, all from one seed.
 *
 *   const simulation = new Simulation(seed);
 *   const disk = simulation.newDisk({ latencyMs: { sync: [0.1, 3] } });
 *   let node = simulation.boot({ host: 'a', disk });
 *   const store = await simulation.time.run(() => openStore(node));
 *   …
 *   node.losePower('torn');                     // or node.kill(): then the page cache survives
 *   node = simulation.boot({ host: 'a', disk }); // The same disk, as it is now.
 *
 * The same seed and the same calls give the same run. What is not simulated must stay out of it: worker threads, and
 * libraries that read the clock or the disk themselves.
 */

import { assert } from '../../base/assert.ts';
import type { Clock, Platform, Random, Timer, Timers } from '../platform.ts';
import { sleepWith } from '../sleep.ts';
import { SeededRandom } from './seeded-random.ts';
import { type DiskOptions, SimulatedDisk, type Unsynced } from './simulated-disk.ts';
import { SimulatedFiles } from './simulated-files.ts';
import { type NetworkOptions, SimulatedNetwork, SimulatedSockets } from './simulated-network.ts';
import { SimulatedTime } from './simulated-time.ts';

export interface SimulationOptions {
  readonly network?: NetworkOptions;
}

export interface BootOptions {
  /** The name by which others connect. Default "host". */
  readonly host?: string;
  /** Default a new, empty one. */
  readonly disk?: SimulatedDisk;
  /** How far this process's wall clock is ahead of virtual time. Default 0. */
  readonly clockAheadMs?: number;
}

export class Simulation {
  readonly seed: string;
  readonly time = new SimulatedTime();
  /** For the workload of a test; what the simulation draws itself comes from forks. */
  readonly random: SeededRandom;
  readonly network: SimulatedNetwork;
  #disks = 0;
  #processes = 0;

  constructor(seed: number | string, options: SimulationOptions = {}) {
    this.random = new SeededRandom(seed);
    this.seed = this.random.seed;
    this.network = new SimulatedNetwork(this.time, this.random.fork('network'), options.network);
  }

  newDisk(options: DiskOptions = {}): SimulatedDisk {
    return new SimulatedDisk(this.random.fork(`disk ${this.#disks++}`), options);
  }

  /** A process starts. Its predecessor on the same disk, if any, must be dead, or it finds the locks taken. */
  boot(options: BootOptions = {}): SimulatedPlatform {
    const pid = 1000 + this.#processes++;
    const disk = options.disk ?? this.newDisk();
    return new SimulatedPlatform(this, disk, pid, options);
  }
}

/** One process: a `Platform` that can be killed. */
export class SimulatedPlatform implements Platform {
  readonly host: string;
  readonly pid: number;
  readonly disk: SimulatedDisk;
  readonly clock: Clock;
  readonly random: Random;
  readonly timers: Timers;
  readonly files: SimulatedFiles;
  readonly sockets: SimulatedSockets;
  readonly #timers: SimulatedTimers;
  /** May be changed during a run: wall clocks jump. */
  clockAheadMs: number;
  #alive = true;

  constructor(simulation: Simulation, disk: SimulatedDisk, pid: number, options: BootOptions) {
    const { time } = simulation;
    const random = simulation.random.fork(`process ${pid}`);
    this.host = options.host ?? 'host';
    this.pid = pid;
    this.disk = disk;
    this.clockAheadMs = options.clockAheadMs ?? 0;
    // Monotonic clocks of two processes have nothing to do with each other.
    const monotonicStartMs = random.int(1_000_000);
    this.clock = {
      nowMs: () => Math.floor(time.wallMs + this.clockAheadMs),
      monotonicMs: () => monotonicStartMs + time.elapsedMs,
      monotonicNs: () => BigInt(Math.round((monotonicStartMs + time.elapsedMs) * 1e6)),
    };
    this.random = random;
    this.#timers = new SimulatedTimers(time);
    this.timers = this.#timers;
    this.files = new SimulatedFiles(disk, { time, random: random.fork('files'), pid });
    this.sockets = new SimulatedSockets(simulation.network, this.host);
  }

  get alive(): boolean {
    return this.#alive;
  }

  /** kill -9: timers never fire, calls never settle, sockets are closed by the kernel, the page cache lives on. */
  kill(): void {
    if (!this.#alive) return;
    this.#alive = false;
    this.#timers.kill();
    this.sockets.kill();
    this.files.kill();
  }

  /** The host's power goes, and with it all that was not synced, or what `unsynced` says. */
  losePower(unsynced: Unsynced): void {
    assert(this.#alive, 'the power of a running process goes; for the disk alone there is `disk.crash`');
    this.#alive = false;
    this.#timers.kill();
    this.sockets.powerLost();
    this.disk.crash(unsynced);
  }
}

class SimulatedTimers implements Timers {
  readonly #time: SimulatedTime;
  readonly #set = new Set<Timer>();
  #alive = true;

  constructor(time: SimulatedTime) {
    this.#time = time;
  }

  after(delayMs: number, callback: () => void): Timer {
    if (!this.#alive) return { cancel() {} };
    const timer = this.#time.after(delayMs, () => {
      this.#set.delete(timer);
      callback();
    });
    this.#set.add(timer);
    return this.#cancelling(timer);
  }

  every(periodMs: number, callback: () => void): Timer {
    if (!this.#alive) return { cancel() {} };
    const timer = this.#time.every(periodMs, callback);
    this.#set.add(timer);
    return this.#cancelling(timer);
  }

  sleep(delayMs: number, signal?: AbortSignal): Promise<void> {
    return sleepWith((ms, callback) => this.after(ms, callback), delayMs, signal);
  }

  soon(callback: () => void): void {
    this.after(0, callback);
  }

  yield(): Promise<void> {
    return this.sleep(0);
  }

  kill(): void {
    this.#alive = false;
    for (const timer of this.#set) timer.cancel();
    this.#set.clear();
  }

  #cancelling(timer: Timer): Timer {
    return {
      cancel: () => {
        timer.cancel();
        this.#set.delete(timer);
      },
    };
  }
}
