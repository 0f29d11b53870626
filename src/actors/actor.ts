/**
 * What an actor is, to those who write and those who call one.
 *
 * A virtual actor is a pair (type, key). It always exists: the first call activates it, idleness passivates it, and a
 * call after a restart finds the state it last saved. Its methods run as **turns**: one at a time, never in parallel, a
 * method that returns a promise keeps the actor until that promise settles.
 *
 * **Synchronous when possible.** A call returns `Awaitable`: a synchronous method of an idle, resident actor runs at
 * once and its result is returned without a promise, a queue or an allocation.
 *
 * **Reply after commit.** `turn.save(state)` and all writes of `turn.transaction` commit together when the method
 * returns; the reply leaves when they, and everything the turn observed, are durable. A throw takes all of it back.
 *
 * **State is a value.** Replace it with `save`; never change the object that `turn.state` returned unless the actor keeps
 * nothing (`persistent: false`). Arguments and results are handed over as they are, without a copy, between actors of one
 * member: do not change them after the call.
 */

import type { Awaitable } from '../base/awaitable.ts';
import type { Durability } from '../base/durability.ts';
import type { Observer } from '../base/observer.ts';
import type { Key } from '../storage/key-range.ts';
import type { Isolation, Transaction } from '../storage/store.ts';
import type { TupleValue } from '../storage/tuple.ts';
import type { RequestContext } from './request-context.ts';

/** Addresses an actor within its type. Numbers are addressed by their decimal text, so 7 and '7' are one actor. */
export type ActorKey = string | number | bigint | undefined;

/** Anything with zod's `parse`: returns the value, or a corrected one, or throws. */
export interface StateSchema<S> {
  parse(value: unknown): S;
}

export type ActorMethod<S> = (turn: Turn<S>, ...args: never[]) => unknown;
export type ActorMethods<S> = Readonly<Record<string, ActorMethod<S>>>;

/** Why an activation left memory. */
export type DeactivationReason =
  /** Nobody called for `idleMs`. */
  | 'idle'
  /** The bound on activations or on their memory was reached. */
  | 'memory'
  /** `turn.deactivateOnIdle()`, or `runtime.deactivate`. */
  | 'requested'
  /** The runtime stops. */
  | 'stopping'
  /** Another member owns the actor now; nothing can be saved any more. */
  | 'lease_lost'
  /** A commit may or may not have happened: what is in memory is not to be trusted. */
  | 'commit_unknown'
  /** An assertion failed, or `onActivate` threw. */
  | 'failed';

export interface ActorOptions<S, M extends ActorMethods<S>> {
  /** Name of the type: on disk, on the wire, in metrics. 1 to 255 bytes. */
  readonly type: string;
  /** The state of an actor that has saved none. */
  readonly initial: (key: string) => S;
  readonly methods: M;
  /** Checks saved state when it is loaded; not on the way of a turn. */
  readonly state?: StateSchema<S>;
  /** Version of the shape of `state`, 0 to 65,535. Default 0. Raise it together with `upgrade`. */
  readonly stateVersion?: number;
  /** Turns state that was saved under an older `stateVersion` into today's shape. */
  readonly upgrade?: (old: unknown, fromVersion: number) => S;
  /** False: keeps everything in memory only, reads nothing when activated, and `save` throws. Default true. */
  readonly persistent?: boolean;
  /** Passivated after so long without a call. `Infinity` keeps it resident, whatever the memory bound. Default 300,000. */
  readonly idleMs?: number;
  /**
   * A call back into an actor that waits further up the same call chain runs at once, inside the waiting turn and its
   * transaction. Default false: such a call throws `actor_cycle`.
   */
  readonly reentrant?: boolean;
  /** Calls that may wait for their turn; one more answers `overloaded`. Default: the runtime's. */
  readonly mailboxTurnsMax?: number;
  /** How often a turn runs again after `transaction_conflict`. It must be repeatable, nested calls included. Default 0. */
  readonly retries?: number;
  /** Isolation of `turn.transaction`. Default `snapshot`. */
  readonly isolation?: Isolation;
  /** Lowers the acknowledgement of this type's turns; see `TransactionOptions.durability`. */
  readonly durability?: Durability;
  /** Bytes of memory that a state takes, for the memory bound. Default: an estimate from its encoded size. */
  readonly stateBytes?: (state: S) => number;
  /** Runs as a turn before the first call. A throw fails that call, and the next call tries again. */
  readonly onActivate?: (turn: Turn<S>) => Awaitable<void>;
  /** Runs as a turn, after the last one; it can save. Not called for `lease_lost`, `commit_unknown` and `failed`. */
  readonly onDeactivate?: (turn: Turn<S>, reason: DeactivationReason) => Awaitable<void>;
}

export interface ActorDefinition<S, M extends ActorMethods<S> = ActorMethods<S>> extends ActorOptions<S, M> {
  readonly kind: 'actor';
}

/** The calls of an actor, as its methods without their turn. */
export type ActorReference<M> = {
  readonly [Name in keyof M]: M[Name] extends (turn: never, ...args: infer Args) => infer Result
    ? (...args: Args) => Awaitable<Awaited<Result>>
    : never;
};

/** Tightens the limits that a nested call inherits from its request. */
export interface CallLimits {
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
}

export interface TimerSchedule {
  readonly afterMs: number;
  /** Repeats: the next tick is so long after the end of the one before. */
  readonly everyMs?: number;
}

export interface ActorTimer {
  /** Harmless when it has fired or was cancelled. */
  cancel(): void;
}

export interface ReminderSchedule {
  /** First due after so long, by the wall clock. */
  readonly afterMs: number;
  /** Repeats with this period, at least `REMINDER_PERIOD_MIN_MS`. */
  readonly everyMs?: number;
}

export interface Reminder {
  readonly name: string;
  readonly method: string;
  readonly args: readonly unknown[];
  /** Wall time in milliseconds. */
  readonly dueAtMs: number;
  readonly everyMs: number | undefined;
}

export const REMINDER_PERIOD_MIN_MS = 1_000;

/**
 * One run of a method. It ends when the method has returned, and its promise, if any, has settled; whatever is called on
 * it later throws an assertion. As an `Observer` it can be passed to reads of the store: what they saw delays the reply.
 */
export interface Turn<S> extends Observer {
  readonly type: string;
  readonly key: string;
  readonly state: S;
  /** Whether the store holds a saved state, this turn's own `save` and `clear` included. */
  readonly saved: boolean;
  /** The request this turn serves. */
  readonly context: RequestContext;
  /**
   * Aborted once the request's deadline has passed or its caller withdrew it. A turn that ends after that is rolled back
   * and answers `deadline_exceeded` or `cancelled`.
   */
  readonly signal: AbortSignal;
  /** Begun on first use, fenced by the actor's lease, committed when the turn ends. Do not end it yourself. */
  readonly transaction: Transaction;

  /** Replaces the state, now in memory and durably with the turn's commit. */
  save(state: S): void;
  /** Deletes the saved state; the actor is as if it had never saved. */
  clear(): void;
  /** A key that belongs to this actor alone, for `transaction`: its own small tables. */
  storageKey(...values: readonly TupleValue[]): Key;

  /** Another actor, called within this request: its deadline, principal and call chain go along. */
  get<T, N extends ActorMethods<T>>(
    definition: ActorDefinition<T, N>,
    key?: ActorKey,
    limits?: CallLimits,
  ): ActorReference<N>;
  /** Another actor, called outside of this request: nobody waits for it, no deadline ends it; for work sent off. */
  detached<T, N extends ActorMethods<T>>(definition: ActorDefinition<T, N>, key?: ActorKey): ActorReference<N>;

  /** Runs `tick` later as a turn of this actor. Lost when the activation ends; does not keep it from being idle. */
  timer(schedule: TimerSchedule, tick: (turn: Turn<S>) => Awaitable<void>): ActorTimer;
  /**
   * Calls `method` of this actor later, across restarts. Written with this turn's commit. Runs at least once; when the
   * method saves, exactly once as far as the store can tell, since firing and saving are one commit.
   * A reminder of the same name is replaced.
   */
  remind(name: string, schedule: ReminderSchedule, method: string, ...args: readonly unknown[]): Awaitable<void>;
  /** Cancels a reminder; harmless when there is none. */
  forget(name: string): Awaitable<void>;
  /** The reminders of this actor, by name. */
  reminders(): Awaitable<readonly Reminder[]>;

  /** Leaves memory once no call waits. */
  deactivateOnIdle(): void;
}

/** Counters since the runtime began, and gauges of now; for metrics. */
export interface ActorTypeStatistics {
  readonly type: string;
  readonly turns: number;
  /** Turns that ended in an error. */
  readonly errors: number;
  readonly overloaded: number;
  readonly cycles: number;
  readonly conflicts: number;
  readonly activations: number;
  readonly passivations: number;
  /** Gauges. */
  readonly resident: number;
  readonly queued: number;
  readonly memoryBytes: number;
  /**
   * Durations of turns; bucket i counts those shorter than 2^i microseconds (the last one: all longer ones). Every
   * asynchronous turn counts, and one of `DURATION_SAMPLE` synchronous ones.
   */
  readonly durationBuckets: readonly number[];
}

export const DURATION_SAMPLE = 64;

export interface ActorRuntimeStatistics {
  readonly resident: number;
  readonly memoryBytes: number;
  readonly types: readonly ActorTypeStatistics[];
}

export interface ActorRuntime {
  /**
   * A typed reference; costs no activation. Keep it as long as you like: it finds the actor again after passivation.
   * Calls may throw or reject with any error of the method, and with OperationError `overloaded`, `deadline_exceeded`,
   * `cancelled`, `actor_cycle`, `lease_lost`, `actor_failed` (the method threw something else), `transaction_conflict`,
   * `commit_unknown` and those of the store.
   */
  get<S, M extends ActorMethods<S>>(
    definition: ActorDefinition<S, M>,
    key?: ActorKey,
    context?: RequestContext,
  ): ActorReference<M>;

  /** Makes a type callable by name. @throws OperationError `already_exists` when another definition has that name. */
  register<S, M extends ActorMethods<S>>(definition: ActorDefinition<S, M>): void;

  /**
   * A call by names, for protocols. @throws OperationError `not_found` for an unknown type or method; the hint names the
   * nearest.
   */
  invoke(
    type: string,
    key: ActorKey,
    method: string,
    args: readonly unknown[],
    context?: RequestContext,
  ): Awaitable<unknown>;

  /** Names of the registered types, sorted, each with the names of its methods. */
  types(): readonly { readonly type: string; readonly methods: readonly string[] }[];

  /** Passivates one actor once no call waits. @returns whether it was resident. */
  deactivate(type: string, key: ActorKey): Promise<boolean>;

  statistics(): ActorRuntimeStatistics;

  /** Refuses new calls with `overloaded`, finishes the turns that were accepted, passivates everything. */
  stop(): Promise<void>;
}

/** Declares an actor type; see `ActorOptions`. */
export function defineActor<S, M extends ActorMethods<S>>(options: ActorOptions<S, M>): ActorDefinition<S, M> {
  return { kind: 'actor', ...options };
}
