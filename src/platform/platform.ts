/**
 * Everything that is not a function of its arguments: time, chance, files, sockets.
 *
 * The rest of the server reaches the outside world only through this seam, which has two implementations: the machine
 * (`node-platform.ts`) and a simulated one (`simulated/`) where a whole cluster runs in one process on virtual time and
 * replays exactly from its seed. A test enforces that clocks, random numbers, timers, `node:fs` and `node:net` appear
 * nowhere else.
 */

import type { Files } from './files.ts';
import type { Sockets } from './sockets.ts';

export interface Platform {
  readonly clock: Clock;
  readonly random: Random;
  readonly timers: Timers;
  readonly files: Files;
  readonly sockets: Sockets;
}

export interface Clock {
  /** Wall time in milliseconds since 1970; may jump. For what users see and for expiry. */
  nowMs(): number;
  /** Monotonic nanoseconds from an arbitrary start. For deadlines and latencies. */
  monotonicNs(): bigint;
  /** Monotonic milliseconds with fractions, the same clock: no allocation, for hot paths. */
  monotonicMs(): number;
}

export interface Random {
  /** Uniform in [0, 1). */
  float(): number;
  /** Uniform integer in [0, bound), bound at most 2^32. */
  int(bound: number): number;
  /** Unpredictable bytes on the machine; seeded in simulation. */
  bytes(length: number): Uint8Array;
  /** A random (version 4) UUID in its text form. */
  uuid(): string;
}

/** A timer that has been set; cancelling twice is harmless. */
export interface Timer {
  cancel(): void;
}

export interface Timers {
  /** Runs `callback` once after `delayMs`. The timer does not keep the process alive. */
  after(delayMs: number, callback: () => void): Timer;
  every(periodMs: number, callback: () => void): Timer;
  /** @throws OperationError `cancelled` when `signal` aborts first. */
  sleep(delayMs: number, signal?: AbortSignal): Promise<void>;
  /** Runs `callback` after pending I/O of this tick was handled (`setImmediate`). */
  soon(callback: () => void): void;
  /** Resolves after pending I/O was handled: long work calls it to give the event loop back. */
  yield(): Promise<void>;
}
