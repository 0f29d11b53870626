/**
 * Deadlines and cancellation: turns what a `RequestContext` says into errors, one timer per request however many calls
 * wait on its behalf, armed only while something waits.
 */

import { OperationError } from '../base/errors.ts';
import type { Platform, Timer } from '../platform/platform.ts';
import type { RequestContext } from './request-context.ts';

export class RequestLimits {
  readonly #platform: Pick<Platform, 'clock' | 'timers'>;
  readonly #limits = new WeakMap<RequestContext, RequestLimit>();

  constructor(platform: Pick<Platform, 'clock' | 'timers'>) {
    this.#platform = platform;
  }

  /** The error that ends the request; undefined while it may go on. */
  ended(context: RequestContext, what: () => string): OperationError | undefined {
    if (!context.limited) return undefined;
    if (context.signal?.aborted === true) return cancelled(what(), context.signal.reason);
    if (this.#platform.clock.monotonicMs() < context.deadlineMs) return undefined;
    return new OperationError('deadline_exceeded', `${what()}: the deadline has passed`);
  }

  of(context: RequestContext): RequestLimit {
    let limit = this.#limits.get(context);
    if (limit === undefined) {
      limit = new RequestLimit(context, this.#platform);
      this.#limits.set(context, limit);
    }
    return limit;
  }

  /** `promise`, unless the request ends first: then `withdraw` is called and its error is the outcome. */
  guard(
    context: RequestContext,
    promise: Promise<unknown>,
    what: () => string,
    withdraw: (error: OperationError) => void,
  ): Promise<unknown> {
    const limit = this.of(context);
    return new Promise((resolve, reject) => {
      const onAbort = () => {
        release();
        const error = this.ended(context, what) ?? cancelled(what(), limit.signal.reason);
        withdraw(error);
        reject(error);
      };
      const stopHolding = limit.hold();
      const release = () => {
        limit.signal.removeEventListener('abort', onAbort);
        stopHolding();
      };
      limit.signal.addEventListener('abort', onAbort);
      promise.then(
        (value) => {
          release();
          resolve(value);
        },
        (error: unknown) => {
          release();
          reject(error);
        },
      );
      if (limit.signal.aborted) onAbort();
    });
  }
}

function cancelled(what: string, reason: unknown): OperationError {
  return new OperationError('cancelled', `${what}: the caller withdrew the request`, { cause: reason });
}

/** Deadline and signal of one request as one signal, live while someone holds it. */
class RequestLimit {
  readonly #context: RequestContext;
  readonly #platform: Pick<Platform, 'clock' | 'timers'>;
  readonly #controller = new AbortController();
  #holders = 0;
  #timer: Timer | undefined;
  readonly #abort = () => this.#controller.abort(this.#context.signal?.reason);

  constructor(context: RequestContext, platform: Pick<Platform, 'clock' | 'timers'>) {
    this.#context = context;
    this.#platform = platform;
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** Arms the timer. @returns lets go. */
  hold(): () => void {
    if (this.#holders++ === 0) this.#arm();
    let held = true;
    return () => {
      if (!held) return;
      held = false;
      if (--this.#holders === 0) this.#disarm();
    };
  }

  #arm(): void {
    const { signal, deadlineMs } = this.#context;
    if (signal?.aborted === true) this.#abort();
    else signal?.addEventListener('abort', this.#abort);
    if (deadlineMs !== Number.POSITIVE_INFINITY) this.#armTimer();
  }

  #armTimer(): void {
    const leftMs = this.#context.deadlineMs - this.#platform.clock.monotonicMs();
    // A timer may fire a little early, by its own rounding.
    if (leftMs <= 0) this.#abort();
    else this.#timer = this.#platform.timers.after(leftMs, () => this.#armTimer());
  }

  #disarm(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#context.signal?.removeEventListener('abort', this.#abort);
  }
}
