/**
 * An activation's life: made by the first call, given its lease and its state, looked after while it is in memory, and sent
 * away when it is idle, has to make room, or may not be trusted any more.
 *
 * Hooks run as turns that nobody waits in line for. Leases are renewed as turns too, so that no commit meets a record half
 * changed. Nobody who waits is lost: calls that come while an activation leaves go to the next one, and what cannot be
 * activated answers them with its error.
 *
 * Removing is final and takes no time: after `remove` an activation is DEAD, whatever still runs in it.
 */

import { type Awaitable, isPromise, whenReady } from '../base/awaitable.ts';
import { hasCode, messageOf, OperationError } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import type { Directory } from '../cluster/directory.ts';
import type { Clock } from '../platform/platform.ts';
import type { Subspace } from '../storage/keyspace.ts';
import type { Store } from '../storage/store.ts';
import { Activation, BUSY, COLD, DEAD, LEAVING, QUEUED, STALE, TIMED, UNSYNCED } from './activation.ts';
import type { DeactivationReason } from './actor.ts';
import type { ActorTurn } from './actor-turn.ts';
import type { ActorType, MethodEntry } from './actor-type.ts';
import { stateKey } from './keys.ts';
import type { QueuedCall } from './mailbox.ts';
import { NO_REQUEST, type RequestContext } from './request-context.ts';
import { isIdle, Residency } from './residency.ts';
import { readSavedState } from './saved-state.ts';
import type { TurnCommits } from './turn-commits.ts';

/** What runs the turns of activations. */
export interface Turns {
  readonly commits: TurnCommits;
  /** Takes the activation for one turn. */
  openTurn(activation: Activation, context: RequestContext, caller: ActorTurn | undefined): ActorTurn;
  /** A call of an activation that is in memory. */
  dispatch(
    activation: Activation,
    entry: MethodEntry,
    args: readonly unknown[],
    context: RequestContext,
    caller: ActorTurn | undefined,
  ): Awaitable<unknown>;
  /** A call of an actor that may not be. */
  call(
    type: ActorType,
    key: string,
    entry: MethodEntry,
    args: readonly unknown[],
    context: RequestContext,
    caller: ActorTurn | undefined,
  ): Awaitable<unknown>;
}

export interface LifecycleOptions {
  readonly store: Store;
  readonly space: Subspace;
  readonly directory: Directory;
  readonly clock: Clock;
  readonly log: Log;
  /** All that are in memory. */
  readonly all: () => Iterator<Activation>;
  readonly activationsMax: number;
  readonly memoryBytesMax: number;
  /** Time between two calls of `sweep`. */
  readonly sweepMs: number;
}

export class Lifecycle {
  readonly residency: Residency;
  readonly #turns: Turns;
  readonly #store: Store;
  readonly #space: Subspace;
  readonly #directory: Directory;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #sweepMs: number;

  constructor(turns: Turns, options: LifecycleOptions) {
    this.#turns = turns;
    this.#store = options.store;
    this.#space = options.space;
    this.#directory = options.directory;
    this.#clock = options.clock;
    this.#log = options.log;
    this.#sweepMs = options.sweepMs;
    this.residency = new Residency({
      activationsMax: options.activationsMax,
      memoryBytesMax: options.memoryBytesMax,
      all: options.all,
      evict: (activation) => this.leaveWhenIdle(activation, 'memory'),
    });
  }

  /** Looks at some of those in memory: who is idle, and whose lease has to be renewed. */
  sweep(): void {
    this.residency.sweep((activation) => this.#lookAfter(activation));
  }

  add(type: ActorType, key: string): Activation {
    this.residency.makeRoom();
    const activation = new Activation(type, key, this.residency.tick);
    type.activations.set(key, activation);
    type.activated++;
    this.residency.added(activation);
    return activation;
  }

  /** Takes the lease and loads the state, or only loads it anew; BUSY until then. */
  prepare(activation: Activation, context: RequestContext, caller: ActorTurn | undefined): Awaitable<void> {
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
      this.remove(activation, 'failed', cause);
      throw cause;
    };
    try {
      const ready =
        (activation.flags & COLD) !== 0 ? this.#activate(activation, context, caller) : this.load(activation);
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
      return whenReady(this.load(activation), () => {
        activation.flags &= ~COLD;
        const { onActivate } = type.definition;
        return onActivate === undefined ? undefined : this.#runHook(activation, onActivate, context, caller);
      });
    });
  }

  /** Reads the saved state, as it is now. @throws OperationError of the store, or `corruption`. */
  load(activation: Activation): Awaitable<void> {
    const { type, key } = activation;
    activation.flags &= ~STALE;
    if (!type.persistent) {
      activation.state = type.definition.initial(key);
      return;
    }
    const observer = { observedVersion: 0 };
    return whenReady(this.#store.get(stateKey(this.#space, type.name, key), observer), (bytes) => {
      // Changed while it was being read.
      if ((activation.flags & STALE) !== 0) return this.load(activation);
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
    const turn = this.#turns.openTurn(activation, context, caller);
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
      const done = whenReady(hook(turn), () => this.#turns.commits.commit(turn, entry));
      if (isPromise(done)) return done.then(end, fail);
      end();
    } catch (error) {
      fail(error);
    }
  }

  // The end of it

  /** Leaves memory at once when idle, else after the last call. */
  leaveWhenIdle(activation: Activation, reason: DeactivationReason): void {
    if ((activation.flags & (LEAVING | DEAD)) !== 0) return;
    activation.needExtras().leaveReason = reason;
    activation.flags |= LEAVING;
    if ((activation.flags & (BUSY | QUEUED)) === 0) this.leave(activation);
  }

  /** As `leaveWhenIdle`. @returns a promise of its having left. */
  gone(activation: Activation, reason: DeactivationReason): Promise<void> {
    const extras = activation.needExtras();
    extras.gone ??= Promise.withResolvers<void>();
    const { promise } = extras.gone;
    this.leaveWhenIdle(activation, reason);
    return promise;
  }

  /** Ends it between two turns, by the hook for that. */
  leave(activation: Activation): void {
    const { leaveReason } = activation.needExtras();
    const { onDeactivate } = activation.type.definition;
    if (onDeactivate === undefined || (activation.flags & COLD) !== 0) {
      this.remove(activation, leaveReason);
      return;
    }
    // Calls that come in meanwhile wait, and go to the next activation.
    activation.flags |= BUSY;
    const end = () => this.remove(activation, leaveReason);
    const fail = (error: unknown) => {
      this.#log.warn({ actor: activation.address, error: messageOf(error) }, 'onDeactivate failed');
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
  remove(activation: Activation, reason: DeactivationReason, error?: OperationError): void {
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
      this.#log.warn({ actor: activation.address, reason }, 'an activation was dropped');
    }
  }

  async #redirect(type: ActorType, key: string, call: QueuedCall): Promise<unknown> {
    await undefined; // Never inside the stretch that removed the activation.
    return this.#turns.call(type, key, call.entry, call.args, call.context, call.caller);
  }

  // Looking after those that are in memory

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
    const leftMs = lease.validUntilMs - this.#clock.monotonicMs();
    if (leftMs <= 0) {
      this.leaveWhenIdle(activation, 'idle');
      return;
    }
    if (leftMs > 4 * this.#sweepMs || idleMs > leftMs) return;
    const run = async () => {
      try {
        await this.#directory.renew(lease);
      } catch (error) {
        if (hasCode(error, 'lease_lost')) this.remove(activation, 'lease_lost');
        throw error;
      }
    };
    const renewed = this.#turns.dispatch(activation, { name: 'renew', run, quiet: true }, [], NO_REQUEST, undefined);
    if (isPromise(renewed)) {
      renewed.catch((error: unknown) => {
        this.#log.warn({ actor: activation.address, error: messageOf(error) }, 'a lease could not be renewed');
      });
    }
  }
}

function noop(): void {}
