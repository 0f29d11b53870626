/**
 * Runs the actors of one member: finds or makes the activation, gives it one turn at a time, and answers when what the turn
 * wrote is durable. What a turn writes is `TurnCommits`; how activations come and go is `Lifecycle`.
 *
 * A call takes one of three ways. The fast one is in reference.ts: the activation's flags are 0, the turn starts there and
 * then, and unless it wrote or awaited something it ends there. `dispatch` is the general one: it checks the request's
 * limits, loads what is not loaded, refuses circles, or queues the call. Internal calls (timers, reminders, renewal of
 * leases) take it too, so nothing ever runs beside a turn.
 *
 * What keeps a turn correct, beside what is said there:
 * - **Current state.** Commits of others to a saved state are seen in the stretch that orders them (`Store.watch`) and mark
 *   it stale: it is read again before the next turn.
 * - **Honest replies.** A turn's commit is visible before it is durable, and the next turn starts at once. Replies, errors
 *   included, wait until the newest version they could have seen is durable. Inside a call chain only the outermost waits.
 * - **One stretch.** Decision and effect (flags, queues, tables) share a synchronous stretch; after an `await` flags are
 *   read again.
 *
 * Left out: a bound on the time of a turn. A method that never settles keeps its actor until the process ends; its callers
 * get `deadline_exceeded`, then `overloaded`.
 */

import { AssertionError } from '../base/assert.ts';
import { type Awaitable, isPromise, whenReady } from '../base/awaitable.ts';
import { messageOf, OperationError } from '../base/errors.ts';
import { type Log, silentLog } from '../base/log.ts';
import type { Directory, Placement } from '../cluster/directory.ts';
import type { Clock, Platform, Timer, Timers } from '../platform/platform.ts';
import type { Keyspace, Subspace } from '../storage/keyspace.ts';
import type { Store } from '../storage/store.ts';
import { Activation, BUSY, COLD, DEAD, LEAVING, QUEUED, STALE, TIMED, UNSYNCED } from './activation.ts';
import type {
  ActorDefinition,
  ActorKey,
  ActorMethods,
  ActorReference,
  ActorRuntime,
  ActorRuntimeStatistics,
  CallLimits,
} from './actor.ts';
import { ActorTurn } from './actor-turn.ts';
import type { ActorType, AnyDefinition, MethodEntry } from './actor-type.ts';
import { ActorTypes } from './actor-types.ts';
import { contextWithChain, cycleError, refuseDeadlock, turnInChain, waitFor } from './call-graph.ts';
import { invalidate, type ResidentActors } from './invalidation.ts';
import { addressOf, keyText } from './keys.ts';
import { Lifecycle, type Turns } from './lifecycle.ts';
import { QueuedCall } from './mailbox.ts';
import type { ReferenceMode } from './reference.ts';
import { ReminderService } from './reminders.ts';
import { NO_REQUEST, type RequestContext } from './request-context.ts';
import { RequestLimits } from './request-limits.ts';
import type { Residency } from './residency.ts';
import { TurnCommits } from './turn-commits.ts';

/** Carries a call to the member that owns the actor; errors come back as OperationError. */
export type ForwardCall = (
  member: string,
  type: string,
  key: string,
  method: string,
  args: readonly unknown[],
  context: RequestContext,
) => Promise<unknown>;

export interface ActorRuntimeOptions {
  readonly store: Store;
  readonly platform: Pick<Platform, 'clock' | 'random' | 'timers'>;
  readonly keyspace: Keyspace;
  readonly directory: Directory;
  readonly log?: Log;
  /** With `forward`: calls to actors of other members go there. Without: every actor is local. */
  readonly placement?: Placement;
  readonly forward?: ForwardCall;
  /** Resident activations; the least recently used make room. Default 1,000,000. */
  readonly activationsMax?: number;
  /** Estimated bytes of all resident activations. Default 256 MiB. */
  readonly memoryBytesMax?: number;
  /** Calls that may wait at one activation. Default 1,024. */
  readonly mailboxTurnsMax?: number;
  /** How often idle activations are looked for, and how exact `idleMs` is. Default 1,000. */
  readonly sweepMs?: number;
  /** How often due reminders are looked for, and how exact they are. Default 1,000. */
  readonly reminderScanMs?: number;
  /** A turn that took longer is logged. Default 1,000. */
  readonly slowTurnMs?: number;
  /** How long `stop` waits for turns. Default 30,000. */
  readonly stopTimeoutMs?: number;
}

export class LocalActorRuntime implements ActorRuntime, Turns {
  readonly clock: Clock;
  readonly timers: Timers;
  readonly space: Subspace;
  readonly log: Log;
  readonly limits: RequestLimits;
  readonly lifecycle: Lifecycle;
  readonly residency: Residency;
  readonly commits: TurnCommits;

  readonly #store: Store;
  readonly #placement: Placement | undefined;
  readonly #forward: ForwardCall | undefined;
  readonly #slowTurnMs: number;
  readonly #stopTimeoutMs: number;
  readonly #types: ActorTypes;
  readonly #reminders: ReminderService;
  readonly #sweepTimer: Timer;
  readonly #stopWatching: readonly (() => void)[];
  #stopping: Promise<void> | undefined;

  constructor(options: ActorRuntimeOptions) {
    this.#store = options.store;
    this.clock = options.platform.clock;
    this.timers = options.platform.timers;
    this.space = options.keyspace.actors;
    this.log = options.log ?? silentLog;
    this.limits = new RequestLimits(options.platform);
    this.#placement = options.placement;
    this.#forward = options.forward;
    this.#slowTurnMs = options.slowTurnMs ?? 1_000;
    this.#stopTimeoutMs = options.stopTimeoutMs ?? 30_000;
    this.#types = new ActorTypes(this, options.mailboxTurnsMax ?? 1_024);
    const sweepMs = options.sweepMs ?? 1_000;
    this.lifecycle = new Lifecycle(this, {
      store: this.#store,
      space: this.space,
      directory: options.directory,
      clock: this.clock,
      log: this.log,
      all: () => this.#types.activations(),
      activationsMax: options.activationsMax ?? 1_000_000,
      memoryBytesMax: options.memoryBytesMax ?? 256 * 1024 * 1024,
      sweepMs,
    });
    this.residency = this.lifecycle.residency;
    this.commits = new TurnCommits(this.#store, this.space, this.limits, this.lifecycle);
    this.#sweepTimer = this.timers.every(sweepMs, () => this.lifecycle.sweep());
    const actors: ResidentActors = {
      find: (type, key) => this.#types.find(type, key),
      all: () => this.#types.activations(),
      leaseMoved: (activation) => this.lifecycle.remove(activation, 'lease_lost'),
    };
    this.#stopWatching = [
      this.#store.watch(this.space.range(), (record) => invalidate(record, this.space, actors)),
      // What was visible has been taken back: nothing in memory can be trusted, whatever an actor keeps there.
      this.#store.onReset(() => {
        for (const activation of this.#types.activations()) this.lifecycle.remove(activation, 'commit_unknown');
      }),
    ];
    this.#reminders = new ReminderService(this, this.#store, options.platform, options.reminderScanMs ?? 1_000);
    this.#reminders.start();
  }

  // Addressing

  register<S, M extends ActorMethods<S>>(definition: ActorDefinition<S, M>): void {
    this.#types.of(definition as unknown as AnyDefinition);
  }

  get<S, M extends ActorMethods<S>>(
    definition: ActorDefinition<S, M>,
    key?: ActorKey,
    context: RequestContext = NO_REQUEST,
  ): ActorReference<M> {
    return this.reference(definition, key, context, undefined, 'request');
  }

  reference<S, M extends ActorMethods<S>>(
    definition: ActorDefinition<S, M>,
    key: ActorKey,
    context: RequestContext,
    caller: ActorTurn | undefined,
    mode: ReferenceMode,
  ): ActorReference<M> {
    const type = this.#types.of(definition as unknown as AnyDefinition);
    const text = keyText(key);
    const activation = type.activations.get(text) ?? absent(type, text);
    return new type.Reference(activation, context, caller, mode) as ActorReference<M>;
  }

  invoke(
    type: string,
    key: ActorKey,
    method: string,
    args: readonly unknown[],
    context: RequestContext = NO_REQUEST,
  ): Awaitable<unknown> {
    const actorType = this.#types.require(type);
    return this.call(actorType, keyText(key), actorType.method(method), args, context, undefined);
  }

  types(): readonly { readonly type: string; readonly methods: readonly string[] }[] {
    return [...this.#types]
      .map((type) => ({ type: type.name, methods: [...type.methods.keys()] }))
      .sort((a, b) => (a.type < b.type ? -1 : 1));
  }

  /** Whether this member is the one to wake that actor. */
  placedHere(type: string, key: string): boolean {
    return this.#placement === undefined || this.#placement.ownerOf(type, key) === this.#placement.self;
  }

  /** The limits of a nested call: never wider than those of its request. */
  tighten(context: RequestContext, limits: CallLimits): RequestContext {
    const deadlineMs =
      limits.timeoutMs === undefined
        ? context.deadlineMs
        : Math.min(context.deadlineMs, this.clock.monotonicMs() + limits.timeoutMs);
    const signals = [context.signal, limits.signal].filter((signal) => signal !== undefined);
    return context.with({ deadlineMs, ...(signals.length === 0 ? {} : { signal: AbortSignal.any(signals) }) });
  }

  // Calls

  /** A call to an actor that may not be resident, or not here. */
  call(
    type: ActorType,
    key: string,
    entry: MethodEntry,
    args: readonly unknown[],
    context: RequestContext,
    caller: ActorTurn | undefined,
  ): Awaitable<unknown> {
    let activation = type.activations.get(key);
    if (activation === undefined) {
      if (this.#forward !== undefined && this.#placement !== undefined && !this.placedHere(type.name, key)) {
        const sent = contextWithChain(context, caller);
        return this.#forward(this.#placement.ownerOf(type.name, key), type.name, key, entry.name, args, sent);
      }
      if (this.#stopping !== undefined && caller === undefined) throw stoppingError();
      activation = this.lifecycle.add(type, key);
    }
    return this.dispatch(activation, entry, args, context, caller);
  }

  /** A call of the runtime itself. @throws OperationError `not_found` for an unknown type. */
  callInternally(type: string, key: string, entry: MethodEntry): Awaitable<unknown> {
    return this.call(this.#types.require(type), key, entry, [], NO_REQUEST, undefined);
  }

  /** Runs after the current turn; failures are logged, whether somebody waits or not. */
  callDetached(
    type: ActorType,
    key: string,
    entry: MethodEntry,
    args: readonly unknown[],
    context: RequestContext,
  ): Promise<unknown> {
    const outcome = Promise.resolve().then(() => this.call(type, key, entry, args, context, undefined));
    outcome.catch((error: unknown) => {
      const actor = addressOf(type.name, key);
      this.log.warn({ actor, method: entry.name, error: messageOf(error) }, 'a detached call failed');
    });
    return outcome;
  }

  /** Runs the call now, inside a waiting turn of its own chain, or later. */
  dispatch(
    activation: Activation,
    entry: MethodEntry,
    args: readonly unknown[],
    context: RequestContext,
    caller: ActorTurn | undefined,
  ): Awaitable<unknown> {
    const what = () => `${activation.address}.${entry.name}`;
    if (context.limited) {
      const ended = this.limits.ended(context, what);
      if (ended !== undefined) throw ended;
    }
    if (context.chain.length > 0 && context.chain.includes(activation.address)) {
      activation.type.cycles++;
      const circle = [...context.chain, activation.address].join(' -> ');
      throw new OperationError('actor_cycle', `actors would wait for each other forever: ${circle}`);
    }
    let outcome: Awaitable<unknown>;
    let queued: QueuedCall | undefined;
    let inner: ActorTurn | undefined;
    if ((activation.flags & (BUSY | DEAD)) === 0) {
      if (this.#stopping !== undefined && caller === undefined && !entry.quiet) throw stoppingError();
      outcome = this.#begin(activation, entry, args, context, caller);
    } else if ((activation.flags & DEAD) !== 0) {
      return this.call(activation.type, activation.key, entry, args, context, caller);
    } else {
      const waiting = turnInChain(caller, activation);
      if (waiting !== undefined) {
        if (activation.type.definition.reentrant !== true) throw cycleError(caller!, activation, [activation]);
        inner = new ActorTurn(activation);
        inner.enter(waiting.outer ?? waiting);
        outcome = this.#run(inner, entry, args, context, caller);
      } else {
        if (this.#stopping !== undefined && caller === undefined && !entry.quiet) throw stoppingError();
        if (caller !== undefined) refuseDeadlock(caller, activation);
        queued = this.#enqueue(activation, new QueuedCall(entry, args, context, caller));
        outcome = queued.promise;
      }
    }
    if (!isPromise(outcome)) return outcome;
    if (caller !== undefined) waitFor(caller, inner ?? activation, outcome);
    if (!context.limited) return outcome;
    return this.limits.guard(context, outcome, what, (error) => {
      if (queued !== undefined) this.#withdraw(activation, queued, error);
    });
  }

  #enqueue(activation: Activation, call: QueuedCall): QueuedCall {
    const { type } = activation;
    const mailbox = activation.needMailbox();
    if (mailbox.count >= type.mailboxTurnsMax) {
      type.overloaded++;
      throw new OperationError('overloaded', `the mailbox of ${activation.address} is full (${mailbox.count} calls)`);
    }
    mailbox.push(call);
    type.queued++;
    activation.flags |= QUEUED;
    return call;
  }

  #withdraw(activation: Activation, call: QueuedCall, error: OperationError): void {
    const mailbox = call.waitsIn;
    if (mailbox === undefined || !mailbox.remove(call)) return;
    activation.type.queued--;
    if (mailbox.count === 0) activation.flags &= ~QUEUED;
    call.reject(error);
  }

  // Turns

  /** Starts a turn at an idle activation, first loading what is missing. */
  #begin(
    activation: Activation,
    entry: MethodEntry,
    args: readonly unknown[],
    context: RequestContext,
    caller: ActorTurn | undefined,
  ): Awaitable<unknown> {
    if ((activation.flags & TIMED) !== 0 && this.clock.monotonicMs() >= activation.lease!.validUntilMs) {
      this.lifecycle.remove(activation, 'lease_lost');
      return this.call(activation.type, activation.key, entry, args, context, caller);
    }
    if ((activation.flags & (COLD | STALE)) !== 0) {
      const ready = this.lifecycle.prepare(activation, context, caller);
      if (isPromise(ready)) return this.#callLater(activation, ready, new QueuedCall(entry, args, context, caller));
    }
    const handedOver = activation.type.opensTransactions ? this.#store.whenHandedOver?.() : undefined;
    if (handedOver !== undefined) {
      activation.flags |= BUSY;
      const free = (): void => {
        activation.flags &= ~BUSY;
      };
      return this.#callLater(activation, handedOver.then(free, free), new QueuedCall(entry, args, context, caller));
    }
    return this.#run(this.openTurn(activation, context, caller), entry, args, context, caller);
  }

  /** Puts a call in front of all others, for when the activation is `ready`; it is busy until then. */
  #callLater(activation: Activation, ready: Promise<void>, call: QueuedCall): Promise<unknown> {
    activation.needMailbox().unshift(call);
    activation.type.queued++;
    activation.flags |= QUEUED;
    ready.then(() => this.#afterTurn(activation), noop);
    return call.promise;
  }

  openTurn(activation: Activation, context: RequestContext, caller: ActorTurn | undefined): ActorTurn {
    let turn = activation.turn;
    if (turn === undefined) {
      turn = new ActorTurn(activation);
      activation.turn = turn;
    }
    turn.context = context;
    turn.caller = caller;
    turn.open = true;
    turn.observedVersion = 0;
    activation.flags |= BUSY;
    return turn;
  }

  #run(
    turn: ActorTurn,
    entry: MethodEntry,
    args: readonly unknown[],
    context: RequestContext,
    caller: ActorTurn | undefined,
  ): Awaitable<unknown> {
    const { type } = turn.activation;
    turn.context = context;
    turn.caller = caller;
    turn.open = true;
    if (type.retries > 0) turn.args = args;
    type.turns++;
    let result: unknown;
    try {
      result = entry.run(turn, ...args);
    } catch (error) {
      return this.failed(turn, entry, error);
    }
    return isPromise(result) ? this.finishLater(turn, entry, result) : this.finished(turn, entry, result);
  }

  async finishLater(turn: ActorTurn, entry: MethodEntry, result: Promise<unknown>): Promise<unknown> {
    const startMs = this.clock.monotonicMs();
    turn.awaited = true;
    let value: unknown;
    try {
      value = await result;
    } catch (error) {
      this.#noteDuration(turn, entry, startMs);
      return this.failed(turn, entry, error);
    }
    this.#noteDuration(turn, entry, startMs);
    return this.finished(turn, entry, value);
  }

  #noteDuration(turn: ActorTurn, entry: MethodEntry, startMs: number): void {
    const elapsedMs = this.clock.monotonicMs() - startMs;
    turn.activation.type.noteDuration(elapsedMs);
    if (elapsedMs <= this.#slowTurnMs) return;
    this.log.warn({ actor: turn.activation.address, method: entry.name, elapsedMs }, 'a turn was slow');
  }

  /** The method has returned: commits, ends the turn, answers. */
  finished(turn: ActorTurn, entry: MethodEntry, value: unknown): Awaitable<unknown> {
    let committed: Awaitable<void>;
    try {
      committed = this.commits.commit(turn, entry);
    } catch (error) {
      return this.failed(turn, entry, error);
    }
    if (!isPromise(committed)) return this.#answer(turn, entry, value);
    return committed.then(
      () => this.#answer(turn, entry, value),
      (error: unknown) => this.failed(turn, entry, error),
    );
  }

  /** The method or its commit threw: takes everything back, runs again where that may help, else answers the error. */
  failed(turn: ActorTurn, entry: MethodEntry, thrown: unknown): Awaitable<never> {
    const { activation } = turn;
    const { type } = activation;
    const conflicted = thrown instanceof OperationError && thrown.retry === 'transaction';
    if (!turn.rollback() || conflicted) activation.flags |= type.persistent ? STALE : 0;
    if (turn.fenced) this.lifecycle.remove(activation, 'lease_lost');
    if (conflicted) {
      type.conflicts++;
      const again = turn.outer === undefined && turn.attempt < type.retries && (activation.flags & DEAD) === 0;
      if (again) return this.#runAgain(turn, entry) as Promise<never>;
    }
    type.errors++;
    const error = this.#translate(activation, entry, thrown);
    if (thrown instanceof AssertionError) {
      this.log.error({ actor: activation.address, method: entry.name, error: thrown.stack }, 'an assertion failed');
      this.lifecycle.remove(activation, 'failed');
    }
    return whenReady(this.#answer(turn, entry, undefined), () => {
      throw error;
    });
  }

  #translate(activation: Activation, entry: MethodEntry, thrown: unknown): OperationError {
    if (thrown instanceof OperationError) return thrown;
    return new OperationError('actor_failed', `${activation.address}.${entry.name} failed: ${messageOf(thrown)}`, {
      cause: thrown,
    });
  }

  async #runAgain(turn: ActorTurn, entry: MethodEntry): Promise<unknown> {
    const { activation, context, caller, args, attempt } = turn;
    turn.close();
    // The activation stays BUSY: nobody runs in between.
    try {
      await this.lifecycle.load(activation);
    } catch (error) {
      this.#release(activation, false);
      throw error;
    }
    const next = new ActorTurn(activation);
    next.attempt = attempt + 1;
    activation.turn = next;
    return this.#run(next, entry, args!, context, caller);
  }

  /** Ends the turn and hands over `value` once what it observed is durable, or noted by whoever will wait for that. */
  #answer(turn: ActorTurn, entry: MethodEntry, value: unknown): Awaitable<unknown> {
    const { activation, context, caller } = turn;
    const version =
      (activation.flags & UNSYNCED) !== 0
        ? Math.max(turn.observedVersion, activation.pendingVersion)
        : turn.observedVersion;
    this.#endTurn(turn, entry);
    if (version === 0) return value;
    if (caller !== undefined) {
      if (caller.open) caller.observe(version);
      return value;
    }
    const { observer } = context;
    if (observer !== undefined) {
      if (version > observer.observedVersion) observer.observedVersion = version;
      return value;
    }
    const durable = this.#store.whenDurable(version, activation.type.definition.durability);
    if (durable === undefined) {
      if (activation.pendingVersion <= version) activation.flags &= ~UNSYNCED;
      return value;
    }
    return durable.then(
      () => value,
      (error: unknown) => {
        this.lifecycle.remove(activation, 'commit_unknown');
        throw error;
      },
    );
  }

  #endTurn(turn: ActorTurn, entry: MethodEntry): void {
    const { activation } = turn;
    const reusable = turn.plain && turn.outer === undefined;
    turn.close();
    if (turn.outer !== undefined) {
      turn.outer.observe(turn.observedVersion);
      return;
    }
    if (!reusable) activation.turn = undefined;
    this.#release(activation, entry.quiet);
  }

  /** Gives the activation free, for the next call in its mailbox or to leave. */
  #release(activation: Activation, quiet: boolean): void {
    if (!quiet) activation.lastTick = this.residency.tick;
    activation.flags &= ~BUSY;
    this.#afterTurn(activation);
  }

  #afterTurn(activation: Activation): void {
    if ((activation.flags & QUEUED) !== 0) this.#drain(activation);
    if ((activation.flags & (LEAVING | BUSY | QUEUED | DEAD)) === LEAVING) this.lifecycle.leave(activation);
  }

  #drain(activation: Activation): void {
    const mailbox = activation.needMailbox();
    if (mailbox.draining) return;
    mailbox.draining = true;
    while ((activation.flags & (BUSY | DEAD)) === 0) {
      const call = mailbox.shift();
      if (call === undefined) break;
      activation.type.queued--;
      if (mailbox.count === 0) activation.flags &= ~QUEUED;
      try {
        call.resolve(this.#begin(activation, call.entry, call.args, call.context, call.caller));
      } catch (error) {
        call.reject(error);
      }
    }
    mailbox.draining = false;
  }

  // Figures and the end

  async deactivate(type: string, key: ActorKey): Promise<boolean> {
    const activation = this.#types.require(type).activations.get(keyText(key));
    if (activation === undefined) return false;
    await this.lifecycle.gone(activation, 'requested');
    return true;
  }

  statistics(): ActorRuntimeStatistics {
    return {
      resident: this.residency.count,
      memoryBytes: this.residency.memoryBytes,
      types: [...this.#types].map((type) => type.statistics()),
    };
  }

  stop(): Promise<void> {
    this.#stopping ??= this.#stop();
    return this.#stopping;
  }

  async #stop(): Promise<void> {
    // `stop` has set `#stopping` before anything below runs.
    await undefined;
    this.#sweepTimer.cancel();
    const patience = new AbortController();
    const outOfTime = this.timers.sleep(this.#stopTimeoutMs, patience.signal).then(
      () => true,
      () => false,
    );
    const drained = (async () => {
      await this.#reminders.stop();
      // Turns that are finishing may still wake others.
      while (this.residency.count > 0) {
        await Promise.all(
          [...this.#types.activations()].map((activation) => this.lifecycle.gone(activation, 'stopping')),
        );
      }
    })();
    if (await Promise.race([drained.then(() => false), outOfTime])) {
      this.log.warn({ resident: this.residency.count }, 'actors were stopped in the middle of their turns');
      for (const activation of this.#types.activations())
        this.lifecycle.remove(activation, 'stopping', stoppingError());
    }
    patience.abort();
    for (const stopWatching of this.#stopWatching) stopWatching();
  }
}

/** Stands for an actor that is not resident, in a reference to it. */
function absent(type: ActorType, key: string): Activation {
  const activation = new Activation(type, key, 0);
  activation.flags = DEAD;
  return activation;
}

function stoppingError(): OperationError {
  return new OperationError('overloaded', 'the actor runtime is stopping');
}

function noop(): void {}
