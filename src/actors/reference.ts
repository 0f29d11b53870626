/**
 * Typed references and the fast way into a turn.
 *
 * Each actor type has a class of references, generated once, whose prototype carries one function per method: a call is a
 * property load and a function, no proxy. A reference remembers the activation it last met. While that one is idle, loaded
 * and current (its flags are 0) and the request has no limits, a synchronous method that saves nothing runs between two
 * writes of one flag, in a turn object that the activation keeps: no promise, no queue, no allocation.
 */

import { isPromise } from '../base/awaitable.ts';
import { type Activation, BUSY, DEAD } from './activation.ts';
import { DURATION_SAMPLE } from './actor.ts';
import type { ActorTurn } from './actor-turn.ts';
import type { ActorType, MethodEntry } from './actor-type.ts';
import type { RequestContext } from './request-context.ts';

/** How a call relates to the request it was made in. */
export type ReferenceMode = 'request' | 'detached';

export type ReferenceClass = new (
  activation: Activation,
  context: RequestContext,
  caller: ActorTurn | undefined,
  mode: ReferenceMode,
) => object;

class Reference {
  #activation: Activation;
  readonly #context: RequestContext;
  readonly #caller: ActorTurn | undefined;
  readonly #mode: ReferenceMode;
  /** Whether calls may take the fast way. */
  readonly #direct: boolean;

  constructor(activation: Activation, context: RequestContext, caller: ActorTurn | undefined, mode: ReferenceMode) {
    this.#activation = activation;
    this.#context = context;
    this.#caller = caller;
    this.#mode = mode;
    this.#direct = !context.limited && mode === 'request' && activation.type.retries === 0;
  }

  static caller(type: ActorType, entry: MethodEntry): (...args: readonly unknown[]) => unknown {
    const { run } = entry;
    const { runtime } = type;
    // The arguments stay in registers up to four of them; how many there are must be kept, for methods with defaults
    // and rest parameters.
    return function call(this: Reference, a?: unknown, b?: unknown, c?: unknown, d?: unknown): unknown {
      // biome-ignore lint/complexity/noArguments: a rest parameter would allocate an array on every call
      const count = arguments.length;
      const activation = this.#activation;
      if (activation.flags !== 0 || !this.#direct || count > 4 || type.opensTransactions) {
        // biome-ignore lint/complexity/noArguments: as above
        return this.#slowly(entry, Array.prototype.slice.call(arguments));
      }
      const turn = runtime.openTurn(activation, this.#context, this.#caller);
      const turnNumber = ++type.turns;
      const startMs = turnNumber % DURATION_SAMPLE === 0 ? runtime.clock.monotonicMs() : 0;
      let result: unknown;
      try {
        switch (count) {
          case 0:
            result = run(turn);
            break;
          case 1:
            result = run(turn, a);
            break;
          case 2:
            result = run(turn, a, b);
            break;
          case 3:
            result = run(turn, a, b, c);
            break;
          default:
            result = run(turn, a, b, c, d);
        }
      } catch (error) {
        return runtime.failed(turn, entry, error);
      }
      if (isPromise(result)) return runtime.finishLater(turn, entry, result);
      if (startMs !== 0) type.noteDuration(runtime.clock.monotonicMs() - startMs);
      if ((activation.flags as number) === BUSY && turn.plain) {
        turn.close();
        activation.lastTick = runtime.residency.tick;
        activation.flags = 0;
        return result;
      }
      return runtime.finished(turn, entry, result);
    };
  }

  static isReady(reference: object): boolean {
    return #activation in reference && reference.#direct && reference.#activation.flags === 0;
  }

  #slowly(entry: MethodEntry, args: readonly unknown[]): unknown {
    const { type, key } = this.#activation;
    const { runtime } = type;
    if (this.#mode === 'detached') return runtime.callDetached(type, key, entry, args, this.#context);
    if ((this.#activation.flags & DEAD) !== 0) {
      const resident = type.activations.get(key);
      if (resident === undefined) {
        const result = runtime.call(type, key, entry, args, this.#context, this.#caller);
        this.#activation = type.activations.get(key) ?? this.#activation;
        return result;
      }
      this.#activation = resident;
    }
    return runtime.dispatch(this.#activation, entry, args, this.#context, this.#caller);
  }
}

/**
 * Whether a call through this reference would run at once: its actor is idle, loaded and current. True for as long as nothing
 * else runs; false may also mean that the reference cannot tell without a call.
 */
export function isReady(reference: object): boolean {
  return Reference.isReady(reference);
}

/** The class of references to actors of `type`. */
export function referenceClass(type: ActorType): ReferenceClass {
  class TypedReference extends Reference {}
  for (const entry of type.methods.values()) {
    Object.defineProperty(TypedReference.prototype, entry.name, { value: Reference.caller(type, entry) });
  }
  return TypedReference;
}
