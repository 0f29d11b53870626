/** Timers of an activation: each tick is a turn like any other, and all of them end with the activation. */

import { assert } from '../base/assert.ts';
import { isPromise } from '../base/awaitable.ts';
import { messageOf } from '../base/errors.ts';
import type { Timer } from '../platform/platform.ts';
import { type Activation, DEAD } from './activation.ts';
import type { ActorTimer, TimerSchedule, Turn } from './actor.ts';
import type { MethodEntry } from './actor-type.ts';
import { NO_REQUEST } from './request-context.ts';

/** Starts a timer; it runs on even when the turn that started it fails. */
export function startTimer(
  activation: Activation,
  schedule: TimerSchedule,
  tick: (turn: Turn<unknown>) => unknown,
): ActorTimer {
  assert(schedule.afterMs >= 0 && (schedule.everyMs ?? 1) > 0, 'a timer with a negative delay or without a period');
  const timer = new ActivationTimer(activation, schedule, { name: 'timer', run: tick, quiet: true });
  const extras = activation.needExtras();
  extras.timers ??= new Set();
  extras.timers.add(timer);
  timer.arm(schedule.afterMs);
  return timer;
}

class ActivationTimer implements ActorTimer {
  readonly #activation: Activation;
  readonly #schedule: TimerSchedule;
  readonly #entry: MethodEntry;
  #timer: Timer | undefined;
  #cancelled = false;

  constructor(activation: Activation, schedule: TimerSchedule, entry: MethodEntry) {
    this.#activation = activation;
    this.#schedule = schedule;
    // A tick that was queued before its timer was cancelled does nothing.
    this.#entry = { ...entry, run: (turn) => (this.#cancelled ? undefined : entry.run(turn)) };
  }

  arm(delayMs: number): void {
    this.#timer = this.#activation.type.runtime.timers.after(delayMs, () => this.#fire());
  }

  cancel(): void {
    this.#cancelled = true;
    this.#timer?.cancel();
    this.#activation.extras?.timers?.delete(this);
  }

  #fire(): void {
    const activation = this.#activation;
    if (this.#cancelled || (activation.flags & DEAD) !== 0) return;
    try {
      const outcome = activation.type.runtime.dispatch(activation, this.#entry, [], NO_REQUEST, undefined);
      if (!isPromise(outcome)) this.#rest();
      else
        outcome.then(
          () => this.#rest(),
          (error: unknown) => this.#failed(error),
        );
    } catch (error) {
      this.#failed(error);
    }
  }

  #failed(error: unknown): void {
    const { type, address } = this.#activation;
    type.runtime.log.warn({ actor: address, error: messageOf(error) }, 'a timer of an actor failed');
    this.#rest();
  }

  #rest(): void {
    if (this.#cancelled || (this.#activation.flags & DEAD) !== 0) return;
    if (this.#schedule.everyMs === undefined) this.cancel();
    else this.arm(this.#schedule.everyMs);
  }
}
