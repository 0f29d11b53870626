/**
 * Runs the actors of one member: finds or makes the activation, gives it one turn at a time, commits what the turn wrote,
 * answers when that is durable, and sends it away when it is idle.
 *
 * A call takes one of three ways. The fast one is in reference.ts: the activation's flags are 0, the turn starts there and
 * then, and unless it wrote or awaited something it ends there. `dispatch` is the general one: it checks the request's
 * limits, loads what is not loaded, refuses circles, or queues the call. Internal calls (timers, reminders, renewal of
 * leases) take it too, so nothing ever runs beside a turn.
 *
 * What keeps a turn correct:
 * - **One owner.** Each commit requires the lease's record to hold the lease's bytes: an owner that was replaced while it
 *   was paused is refused with `lease_lost`, and forgets what it had in memory.
 * - **Current state.** Commits of others to a saved state are seen in the stretch that orders them (`Store.watch`) and mark
 *   it stale; a turn that began before is refused with `transaction_conflict`, because its transaction begins only while
 *   the state is current and the store refuses its write when the key changed afterwards.
 * - **Honest replies.** A turn's commit is visible before it is durable, and the next turn starts at once. Replies, errors
 *   included, wait until the newest version they could have seen is durable. Inside a call chain only the outermost waits.
 * - **One stretch.** Decision and effect (flags, queues, tables) share a synchronous stretch; after an `await` flags are
 *   read again.
 *
 * Left out: a bound on the time of a turn. A method that never settles keeps its actor until the process ends; its callers
 * get `deadline_exceeded`, then `overloaded`.
 */

import { AssertionError, assert } from '../base/assert.ts';
import { type Awaitable, isPromise, whenReady } from '../base/awaitable.ts';
import { hasCode, messageOf, OperationError } from '../base/errors.ts';
import { type Log, silentLog } from '../base/log.ts';
import type { Directory, Placement } from '../cluster/directory.ts';
import type { Clock, Platform, Timer, Timers } from '../platform/platform.ts';
import type { Keyspace, Subspace } from '../storage/keyspace.ts';
import type { Store, Transaction } from '../storage/store.ts';
import { Activation, BUSY, COLD, COMMITTING, DEAD, LEAVING, QUEUED, STALE, TIMED, UNSYNCED } from './activation.ts';
import type {
  ActorDefinition,
  ActorKey,
  ActorMethods,
  ActorReference,
  ActorRuntime,
  ActorRuntimeStatistics,
  CallLimits,
  DeactivationReason,
} from './actor.ts';
import { ActorTurn } from './actor-turn.ts';
import { ActorType, type AnyDefinition, type MethodEntry } from './actor-type.ts';
import { cycleError, refuseDeadlock, turnInChain } from './call-graph.ts';
import { invalidate, type ResidentActors } from './invalidation.ts';
import { addressOf, keyText, stateKey } from './keys.ts';
import { QueuedCall } from './mailbox.ts';
import { nearest } from './nearest.ts';
import type { ReferenceMode } from './reference.ts';
import { ReminderService } from './reminders.ts';
import { NO_REQUEST, type RequestContext } from './request-context.ts';
import { RequestLimits } from './request-limits.ts';
import { isIdle, Residency } from './residency.ts';
import { readSavedState } from './saved-state.ts';
import { encodeState } from './state-codec.ts';

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

export class LocalActorRuntime implements ActorRuntime {
  readonly clock: Clock;
  readonly timers: Timers;
  readonly space: Subspace;
  readonly log: Log;
  readonly limits: RequestLimits;
  readonly residency: Residency;

  readonly #store: Store;
  readonly #directory: Directory;
  readonly #placement: Placement | undefined;
  readonly #forward: ForwardCall | undefined;
  readonly #mailboxTurnsMax: number;
  readonly #sweepMs: number;
  readonly #slowTurnMs: number;
  readonly #stopTimeoutMs: number;
  readonly #types = new Map<string, ActorType>();
  readonly #typeOf = new Map<object, ActorType>();
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
    this.#directory = options.directory;
    this.#placement = options.placement;
    this.#forward = options.forward;
    this.#mailboxTurnsMax = options.mailboxTurnsMax ?? 1_024;
    this.#sweepMs = options.sweepMs ?? 1_000;
    this.#slowTurnMs = options.slowTurnMs ?? 1_000;
    this.#stopTimeoutMs = options.stopTimeoutMs ?? 30_000;
    this.residency = new Residency({
      activationsMax: options.activationsMax ?? 1_000_000,
      memoryBytesMax: options.memoryBytesMax ?? 256 * 1024 * 1024,
      all: () => this.#all(),
      evict: (activation) => this.leaveWhenIdle(activation, 'memory'),
    });
    this.#sweepTimer = this.timers.every(this.#sweepMs, () =>
      this.residency.sweep((activation) => this.#lookAfter(activation)),
    );
    const actors: ResidentActors = {
      find: (type, key) => this.#types.get(type)?.activations.get(key),
      all: () => this.#all(),
      leaseMoved: (activation) => this.#remove(activation, 'lease_lost'),
    };
    this.#stopWatching = [
      this.#store.watch(this.space.range(), (record) => invalidate(record, this.space, actors)),
      // What was visible has been taken back: nothing in memory can be trusted, whatever an actor keeps there.
      this.#store.onReset(() => {
        for (const activation of this.#all()) this.#remove(activation, 'commit_unknown');
      }),
    ];
    this.#reminders = new ReminderService(this, this.#store, options.platform, options.reminderScanMs ?? 1_000);
    this.#reminders.start();
  }

  // Addressing

  register<S, M extends ActorMethods<S>>(definition: ActorDefinition<S, M>): void {
    this.#typeFor(definition as unknown as AnyDefinition);
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
    const type = this.#typeFor(definition as unknown as AnyDefinition);
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
    const actorType = this.#typeNamed(type);
    return this.call(actorType, keyText(key), actorType.method(method), args, context, undefined);
  }

  types(): readonly { readonly type: string; readonly methods: readonly string[] }[] {
    return [...this.#types.values()]
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

  #typeNamed(name: string): ActorType {
    const type = this.#types.get(name);
    if (type !== undefined) return type;
    const near = nearest(name, this.#types.keys());
    throw new OperationError('not_found', `no actor type is named "${name}"`, {
      hint: near === undefined ? 'list its module under [actors] modules' : `did you mean "${near}"?`,
    });
  }

  #typeFor(definition: AnyDefinition): ActorType {
    const known = this.#typeOf.get(definition);
    if (known !== undefined) return known;
    if (this.#types.has(definition.type)) {
      throw new OperationError('already_exists', `two definitions name their actor type "${definition.type}"`);
    }
    const type = new ActorType(this, definition, this.#mailboxTurnsMax);
    this.#types.set(type.name, type);
    this.#typeOf.set(definition, type);
    return type;
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
      activation = this.#add(type, key);
    }
    return this.dispatch(activation, entry, args, context, caller);
  }

  /** A call of the runtime itself. @throws OperationError `not_found` for an unknown type. */
  callInternally(type: string, key: string, entry: MethodEntry): Awaitable<unknown> {
    return this.call(this.#typeNamed(type), key, entry, [], NO_REQUEST, undefined);
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
      this.#remove(activation, 'lease_lost');
      return this.call(activation.type, activation.key, entry, args, context, caller);
    }
    if ((activation.flags & (COLD | STALE)) !== 0) {
      const ready = this.#prepare(activation, context, caller);
      if (isPromise(ready)) {
        const call = new QueuedCall(entry, args, context, caller);
        activation.needMailbox().unshift(call);
        activation.type.queued++;
        activation.flags |= QUEUED;
        ready.then(() => this.#afterTurn(activation), noop);
        return call.promise;
      }
    }
    return this.#run(this.openTurn(activation, context, caller), entry, args, context, caller);
  }

  /** Takes the activation for one turn. */
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
      committed = this.#commit(turn, entry);
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
    if (turn.fenced) this.#remove(activation, 'lease_lost');
    if (conflicted) {
      type.conflicts++;
      const again = turn.outer === undefined && turn.attempt < type.retries && (activation.flags & DEAD) === 0;
      if (again) return this.#runAgain(turn, entry) as Promise<never>;
    }
    type.errors++;
    const error = this.#translate(activation, entry, thrown);
    if (thrown instanceof AssertionError) {
      this.log.error({ actor: activation.address, method: entry.name, error: thrown.stack }, 'an assertion failed');
      this.#remove(activation, 'failed');
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
      await this.#load(activation);
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
        this.#remove(activation, 'commit_unknown');
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
    if ((activation.flags & (LEAVING | BUSY | QUEUED | DEAD)) === LEAVING) this.#leave(activation);
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

  // Commits

  /** @throws OperationError `lease_lost` or `transaction_conflict` when the activation may not write any more. */
  beginTransaction(turn: ActorTurn): Transaction {
    const { activation } = turn;
    this.#refuseOutdated(turn);
    const { isolation, durability } = activation.type.definition;
    return this.#store.begin({
      ...(isolation === undefined ? {} : { isolation }),
      ...(durability === undefined ? {} : { durability }),
      label: `actor:${activation.address}`,
    });
  }

  #refuseOutdated(turn: ActorTurn): void {
    const { activation } = turn;
    if ((activation.flags & DEAD) !== 0) {
      throw new OperationError('lease_lost', `${activation.address} left memory during the turn`);
    }
    if ((activation.flags & STALE) !== 0) {
      throw new OperationError(
        'transaction_conflict',
        `the state of ${activation.address} was changed during the turn`,
      );
    }
  }

  #commit(turn: ActorTurn, entry: MethodEntry): Awaitable<void> {
    // A re-entrant turn commits with the one around it.
    if (turn.outer !== undefined) return;
    const { activation } = turn;
    if (turn.context.limited) {
      const ended = this.limits.ended(turn.context, () => `${activation.address}.${entry.name}`);
      if (ended !== undefined) throw ended;
    }
    if (turn.change === 'none' && turn.begun === undefined) return;
    const writable = this.#store.whenWritable();
    return writable === undefined ? this.#commitNow(turn) : writable.then(() => this.#commitNow(turn));
  }

  #commitNow(turn: ActorTurn): Awaitable<void> {
    const { activation } = turn;
    const { type } = activation;
    this.#refuseOutdated(turn);
    turn.begun ??= this.beginTransaction(turn);
    const transaction = turn.begun;
    let bytes: Uint8Array | undefined;
    if (turn.change === 'saved') {
      bytes = encodeState(activation.state, type.definition.stateVersion ?? 0);
      transaction.put(stateKey(this.space, type.name, activation.key), bytes);
    } else if (turn.change === 'cleared') {
      transaction.delete(stateKey(this.space, type.name, activation.key));
    }
    const lease = activation.lease;
    assert(lease !== undefined, 'a turn ran without a lease');
    transaction.require(lease.recordKey, lease.recordBytes, () => {
      turn.fenced = true;
      return new OperationError('lease_lost', `another member owns ${activation.address} now`);
    });
    activation.flags |= COMMITTING;
    let commit: Awaitable<{ readonly version: number }>;
    try {
      commit = transaction.commitVisible();
    } catch (error) {
      throw this.#commitFailed(activation, error);
    } finally {
      // A commit that had to wait is not told from those of others: it marks its own state stale, which costs a read.
      activation.flags &= ~COMMITTING;
    }
    if (!isPromise(commit)) {
      this.#committed(turn, transaction, commit.version, bytes);
      return;
    }
    return commit.then(
      ({ version }) => this.#committed(turn, transaction, version, bytes),
      (error: unknown) => {
        throw this.#commitFailed(activation, error);
      },
    );
  }

  #committed(turn: ActorTurn, transaction: Transaction, version: number, bytes: Uint8Array | undefined): void {
    const { activation } = turn;
    turn.observe(Math.max(version, transaction.observedVersion));
    turn.begun = undefined;
    if (turn.change === 'none') return;
    activation.pendingVersion = version;
    activation.flags |= UNSYNCED;
    this.residency.resized(activation, bytes?.length ?? 0);
  }

  #commitFailed(activation: Activation, error: unknown): unknown {
    if (hasCode(error, 'commit_unknown')) this.#remove(activation, 'commit_unknown');
    return error;
  }

  // Activation

  #add(type: ActorType, key: string): Activation {
    this.residency.makeRoom();
    const activation = new Activation(type, key, this.residency.tick);
    type.activations.set(key, activation);
    type.activated++;
    this.residency.added(activation);
    return activation;
  }

  /** Takes the lease and loads the state, or only loads it anew; BUSY until then. */
  #prepare(activation: Activation, context: RequestContext, caller: ActorTurn | undefined): Awaitable<void> {
    activation.flags |= BUSY;
    const fail = (error: unknown): never => {
      const { type, address } = activation;
      const cause =
        error instanceof OperationError
          ? error
          : new OperationError('actor_failed', `${address} could not be activated: ${messageOf(error)}`, {
              cause: error,
            });
      type.errors++;
      activation.flags &= ~BUSY;
      this.#remove(activation, 'failed', cause);
      throw cause;
    };
    try {
      const ready =
        (activation.flags & COLD) !== 0 ? this.#activate(activation, context, caller) : this.#load(activation);
      if (isPromise(ready)) {
        return ready.then(() => {
          activation.flags &= ~BUSY;
        }, fail);
      }
      activation.flags &= ~BUSY;
    } catch (error) {
      fail(error);
    }
  }

  #activate(activation: Activation, context: RequestContext, caller: ActorTurn | undefined): Awaitable<void> {
    const { type, key } = activation;
    return whenReady(this.#directory.acquire(type.name, key), (lease) => {
      activation.lease = lease;
      if (lease.validUntilMs !== Number.POSITIVE_INFINITY) activation.flags |= TIMED;
      return whenReady(this.#load(activation), () => {
        activation.flags &= ~COLD;
        const { onActivate } = type.definition;
        return onActivate === undefined ? undefined : this.#runHook(activation, onActivate, context, caller);
      });
    });
  }

  #load(activation: Activation): Awaitable<void> {
    const { type, key } = activation;
    activation.flags &= ~STALE;
    if (!type.persistent) {
      activation.state = type.definition.initial(key);
      return;
    }
    const observer = { observedVersion: 0 };
    return whenReady(this.#store.get(stateKey(this.space, type.name, key), observer), (bytes) => {
      // Changed while it was being read.
      if ((activation.flags & STALE) !== 0) return this.#load(activation);
      activation.state = bytes === undefined ? type.definition.initial(key) : readSavedState(activation, bytes);
      activation.stored = bytes !== undefined;
      activation.pendingVersion = observer.observedVersion;
      if (observer.observedVersion !== 0) activation.flags |= UNSYNCED;
      this.residency.resized(activation, bytes?.length ?? 0);
    });
  }

  /** Runs a hook as a turn that nobody waits in line for; the activation is BUSY around it. */
  #runHook(
    activation: Activation,
    hook: (turn: ActorTurn) => Awaitable<void>,
    context: RequestContext,
    caller: ActorTurn | undefined,
  ): Awaitable<void> {
    const turn = this.openTurn(activation, context, caller);
    const entry: MethodEntry = { name: 'hook', run: hook, quiet: true };
    const end = () => {
      // What it observed is in the state now, or in nobody's answer.
      if (turn.observedVersion > activation.pendingVersion) activation.pendingVersion = turn.observedVersion;
      if (turn.observedVersion !== 0) activation.flags |= UNSYNCED;
      turn.close();
      activation.turn = undefined;
    };
    const fail = (error: unknown): never => {
      if (!turn.rollback()) activation.flags |= STALE;
      end();
      throw error;
    };
    try {
      const done = whenReady(hook(turn), () => this.#commit(turn, entry));
      if (isPromise(done)) return done.then(end, fail);
      end();
    } catch (error) {
      fail(error);
    }
  }

  // Passivation

  async deactivate(type: string, key: ActorKey): Promise<boolean> {
    const activation = this.#typeNamed(type).activations.get(keyText(key));
    if (activation === undefined) return false;
    await this.#gone(activation, 'requested');
    return true;
  }

  /** Leaves memory at once when idle, else after the last call. */
  leaveWhenIdle(activation: Activation, reason: DeactivationReason): void {
    if ((activation.flags & (LEAVING | DEAD)) !== 0) return;
    activation.needExtras().leaveReason = reason;
    activation.flags |= LEAVING;
    if ((activation.flags & (BUSY | QUEUED)) === 0) this.#leave(activation);
  }

  #gone(activation: Activation, reason: DeactivationReason): Promise<void> {
    const extras = activation.needExtras();
    extras.gone ??= Promise.withResolvers<void>();
    const { promise } = extras.gone;
    this.leaveWhenIdle(activation, reason);
    return promise;
  }

  #leave(activation: Activation): void {
    const { leaveReason } = activation.needExtras();
    const { onDeactivate } = activation.type.definition;
    if (onDeactivate === undefined || (activation.flags & COLD) !== 0) {
      this.#remove(activation, leaveReason);
      return;
    }
    // Calls that come in meanwhile wait, and go to the next activation.
    activation.flags |= BUSY;
    const end = () => this.#remove(activation, leaveReason);
    const fail = (error: unknown) => {
      this.log.warn({ actor: activation.address, error: messageOf(error) }, 'onDeactivate failed');
      end();
    };
    try {
      const done = this.#runHook(activation, (turn) => onDeactivate(turn, leaveReason), NO_REQUEST, undefined);
      if (isPromise(done)) done.then(end, fail);
      else end();
    } catch (error) {
      fail(error);
    }
  }

  /** Takes the activation out of memory now. Waiting calls get `error`, or go on to the next activation. */
  #remove(activation: Activation, reason: DeactivationReason, error?: OperationError): void {
    if ((activation.flags & DEAD) !== 0) return;
    const { type, key, extras, lease } = activation;
    activation.flags |= DEAD;
    if (type.activations.get(key) === activation) type.activations.delete(key);
    type.passivated++;
    this.residency.removed(activation);
    for (const timer of extras?.timers ?? []) timer.cancel();
    const doubtful = reason === 'lease_lost' || reason === 'commit_unknown';
    if (lease !== undefined && (activation.flags & TIMED) !== 0 && !doubtful) {
      const released = this.#directory.release(lease);
      if (isPromise(released)) released.catch(noop);
    }
    const mailbox = extras?.mailbox;
    for (let call = mailbox?.shift(); call !== undefined; call = mailbox?.shift()) {
      type.queued--;
      if (error === undefined) call.resolve(this.#redirect(type, key, call));
      else call.reject(error);
    }
    activation.flags &= ~QUEUED;
    extras?.gone?.resolve();
    if (doubtful) {
      this.log.warn({ actor: activation.address, reason }, 'an activation was dropped');
    }
  }

  async #redirect(type: ActorType, key: string, call: QueuedCall): Promise<unknown> {
    await undefined; // Never inside the stretch that removed the activation.
    return this.call(type, key, call.entry, call.args, call.context, call.caller);
  }

  *#all(): Generator<Activation> {
    for (const type of this.#types.values()) yield* type.activations.values();
  }

  /** Sends the activation away when it is idle for long, else keeps its lease. */
  #lookAfter(activation: Activation): void {
    if (!isIdle(activation)) return;
    const { tick } = this.residency;
    const idleMs = (tick - activation.lastTick) * this.#sweepMs;
    if (idleMs >= activation.type.idleMs) {
      this.leaveWhenIdle(activation, 'idle');
      return;
    }
    if (activation.lastTick !== tick - 1) activation.turn = undefined;
    if ((activation.flags & UNSYNCED) !== 0 && this.#isDurable(activation)) activation.flags &= ~UNSYNCED;
    if ((activation.flags & TIMED) !== 0) this.#renew(activation, idleMs);
  }

  #isDurable(activation: Activation): boolean {
    return this.#store.whenDurable(activation.pendingVersion, activation.type.definition.durability) === undefined;
  }

  /** Renews the lease of an activation in use, as a turn, so that no commit meets a record half changed. */
  #renew(activation: Activation, idleMs: number): void {
    const lease = activation.lease!;
    const leftMs = lease.validUntilMs - this.clock.monotonicMs();
    if (leftMs <= 0) {
      this.leaveWhenIdle(activation, 'idle');
      return;
    }
    if (leftMs > 4 * this.#sweepMs || idleMs > leftMs) return;
    const run = async () => {
      try {
        await this.#directory.renew(lease);
      } catch (error) {
        if (hasCode(error, 'lease_lost')) this.#remove(activation, 'lease_lost');
        throw error;
      }
    };
    const renewed = this.dispatch(activation, { name: 'renew', run, quiet: true }, [], NO_REQUEST, undefined);
    if (isPromise(renewed)) {
      renewed.catch((error: unknown) => {
        this.log.warn({ actor: activation.address, error: messageOf(error) }, 'a lease could not be renewed');
      });
    }
  }

  // Figures and the end

  statistics(): ActorRuntimeStatistics {
    return {
      resident: this.residency.count,
      memoryBytes: this.residency.memoryBytes,
      types: [...this.#types.values()].map((type) => type.statistics()),
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
        await Promise.all([...this.#all()].map((activation) => this.#gone(activation, 'stopping')));
      }
    })();
    if (await Promise.race([drained.then(() => false), outOfTime])) {
      this.log.warn({ resident: this.residency.count }, 'actors were stopped in the middle of their turns');
      for (const activation of this.#all()) this.#remove(activation, 'stopping', stoppingError());
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

/** Notes in the call graph that `caller` waits, until `outcome` is there. */
function waitFor(caller: ActorTurn, awaited: Activation | ActorTurn, outcome: Promise<unknown>): void {
  caller.waits ??= [];
  const { waits } = caller;
  waits.push(awaited);
  const done = () => {
    const at = waits.indexOf(awaited);
    if (at !== -1) waits.splice(at, 1);
  };
  outcome.then(done, done);
}

function contextWithChain(context: RequestContext, caller: ActorTurn | undefined): RequestContext {
  const chain: string[] = [];
  for (let turn = caller; turn !== undefined; turn = turn.caller) chain.unshift(turn.activation.address);
  if (chain.length === 0) return context;
  return context.with({ chain: [...context.chain, ...chain] });
}

function stoppingError(): OperationError {
  return new OperationError('overloaded', 'the actor runtime is stopping');
}

function noop(): void {}
