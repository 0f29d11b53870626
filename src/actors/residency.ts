/**
 * Which activations stay in memory: counts them and their bytes, looks through all of them bit by bit, and chooses those
 * that leave. Two hands go round the table of activations, each call moving them by a bounded number: one for the sweep
 * (who is idle), one for making room.
 *
 * Making room is a clock (Corbató, 1968): what was called since the last sweep gets a second chance. An order of last use
 * would be exact, at the price of two more pointers per activation and their upkeep in every turn.
 */

import { OperationError } from '../base/errors.ts';
import { ACTIVATION_BYTES, type Activation, DEAD, STALE, TIMED, UNSYNCED } from './activation.ts';

export interface ResidencyOptions {
  readonly activationsMax: number;
  readonly memoryBytesMax: number;
  readonly all: () => Iterator<Activation>;
  /** Sends an idle activation away to make room. */
  readonly evict: (activation: Activation) => void;
}

/** Activations looked at per sweep: a bound on how long a sweep keeps the event loop. */
const SWEEP_ACTIVATIONS_MAX = 100_000;
/** Activations looked at to make room for one, in each of two rounds. */
const EVICT_LOOKED_AT_MAX = 64;
/** In-memory size of a state, as a multiple of its encoded size. */
const STATE_BYTES_FACTOR = 3;
/** Flags that do not keep an activation from leaving. */
const REMOVABLE = STALE | UNSYNCED | TIMED;

/** Neither in a turn nor waited for. */
export function isIdle(activation: Activation): boolean {
  return (activation.flags & ~REMOVABLE) === 0;
}

export class Residency {
  /** Counts sweeps; the clock by which activations are idle. */
  tick = 0;
  count = 0;
  /** Estimated, of all resident activations. */
  memoryBytes = 0;
  readonly #options: ResidencyOptions;
  #sweepHand: Iterator<Activation>;
  #evictHand: Iterator<Activation>;

  constructor(options: ResidencyOptions) {
    this.#options = options;
    this.#sweepHand = options.all();
    this.#evictHand = options.all();
  }

  added(activation: Activation): void {
    this.count++;
    this.#grow(activation, activation.bytes);
  }

  removed(activation: Activation): void {
    this.count--;
    this.#grow(activation, -activation.bytes);
  }

  /** Takes note of the size of a state that was loaded or saved. */
  resized(activation: Activation, encodedBytes: number): void {
    const { stateBytes } = activation.type.definition;
    const state = stateBytes === undefined ? encodedBytes * STATE_BYTES_FACTOR : stateBytes(activation.state);
    const bytes = ACTIVATION_BYTES + state;
    if (bytes === activation.bytes || (activation.flags & DEAD) !== 0) return;
    this.#grow(activation, bytes - activation.bytes);
    activation.bytes = bytes;
  }

  #grow(activation: Activation, bytes: number): void {
    activation.type.memoryBytes += bytes;
    this.memoryBytes += bytes;
  }

  /** Makes room for one more. @throws OperationError `overloaded` when nothing can leave. */
  makeRoom(): void {
    if (this.#hasRoom()) return;
    const left = this.#evict();
    if (this.#hasRoom() || (left > 0 && this.count < this.#options.activationsMax)) return;
    throw new OperationError('overloaded', `${this.count} actors are in memory and none can leave`, {
      hint: 'raise the bounds on activations or their memory',
    });
  }

  #hasRoom(): boolean {
    return this.count < this.#options.activationsMax && this.memoryBytes < this.#options.memoryBytesMax;
  }

  /** @returns how many it sent away. */
  #evict(): number {
    let left = 0;
    for (let looked = 0; looked < 2 * EVICT_LOOKED_AT_MAX && !this.#hasRoom(); looked++) {
      let next = this.#evictHand.next();
      if (next.done === true) {
        this.#evictHand = this.#options.all();
        next = this.#evictHand.next();
        if (next.done === true) break;
      }
      const activation = next.value;
      if (!isIdle(activation) || activation.type.idleMs === Number.POSITIVE_INFINITY) continue;
      if (looked < EVICT_LOOKED_AT_MAX && activation.lastTick === this.tick) continue;
      this.#options.evict(activation);
      left++;
    }
    return left;
  }

  /** Begins the next tick and shows `look` the next activations. */
  sweep(look: (activation: Activation) => void): void {
    this.tick++;
    // States grow while they are resident, too.
    this.#evict();
    const bound = Math.min(SWEEP_ACTIVATIONS_MAX, this.count);
    for (let looked = 0; looked < bound; looked++) {
      let next = this.#sweepHand.next();
      if (next.done === true) {
        this.#sweepHand = this.#options.all();
        next = this.#sweepHand.next();
        if (next.done === true) return;
      }
      look(next.value);
    }
  }
}
