/**
 * A turn as its method sees it, and what the runtime must remember to commit it or take it back.
 *
 * Turns also are the call chain: `caller` leads to the turn that made the call, and so on to the edge of this member.
 * A re-entrant turn (`outer` is set) runs inside the outermost turn of its activation: it writes into that turn's
 * transaction, commits with it, and is taken back alone when it throws.
 *
 * An activation keeps the object of a plain turn for its next one; a turn that wrote or awaited gets thrown away, so that
 * code which holds on to it after its end meets a closed turn and not somebody else's.
 */

import { assert } from '../base/assert.ts';
import type { Awaitable } from '../base/awaitable.ts';
import { OperationError } from '../base/errors.ts';
import type { Key } from '../storage/key-range.ts';
import type { Savepoint, Transaction } from '../storage/store.ts';
import type { TupleValue } from '../storage/tuple.ts';
import type { Activation } from './activation.ts';
import type {
  ActorDefinition,
  ActorKey,
  ActorMethods,
  ActorReference,
  ActorTimer,
  CallLimits,
  Reminder,
  ReminderSchedule,
  TimerSchedule,
  Turn,
} from './actor.ts';
import { startTimer } from './actor-timer.ts';
import type { Awaited } from './call-graph.ts';
import { tableKey } from './keys.ts';
import * as reminders from './reminders.ts';
import { NO_REQUEST, RequestContext } from './request-context.ts';

/** What a failed re-entrant turn goes back to. */
interface Mark {
  readonly state: unknown;
  readonly stored: boolean;
  readonly change: StateChange;
  readonly savepoint: Savepoint | undefined;
}

export type StateChange = 'none' | 'saved' | 'cleared';

export class ActorTurn implements Turn<unknown> {
  readonly activation: Activation;
  context: RequestContext = NO_REQUEST;
  caller: ActorTurn | undefined = undefined;
  open = false;
  observedVersion = 0;

  // What the turn wrote; of the outermost turn only.
  change: StateChange = 'none';
  begun: Transaction | undefined = undefined;
  #priorState: unknown = undefined;
  #priorStored = false;

  /** The outermost turn, for a re-entrant one. */
  outer: ActorTurn | undefined = undefined;
  #mark: Mark | undefined = undefined;
  #changedHere = false;
  /** Calls of this turn that have not answered. */
  waits: Awaited[] | undefined = undefined;
  #stopHolding: (() => void) | undefined = undefined;
  /** Kept where the turn may have to run again. */
  args: readonly unknown[] | undefined = undefined;
  attempt = 0;
  /** Its method returned a promise. */
  awaited = false;
  /** Its commit was refused because another member owns the actor. */
  fenced = false;

  constructor(activation: Activation) {
    this.activation = activation;
  }

  /** Nothing to commit, to wait for or to let go: such a turn ends without further ado. */
  get plain(): boolean {
    return (
      this.change === 'none' &&
      this.begun === undefined &&
      this.observedVersion === 0 &&
      this.#stopHolding === undefined &&
      this.waits === undefined &&
      !this.awaited
    );
  }

  get type(): string {
    return this.activation.type.name;
  }

  get key(): string {
    return this.activation.key;
  }

  get state(): unknown {
    if (!this.open) this.#refuseLateUse();
    return this.activation.state;
  }

  get saved(): boolean {
    return this.activation.stored;
  }

  get signal(): AbortSignal {
    if (!this.open) this.#refuseLateUse();
    if (!this.context.limited) return new AbortController().signal;
    const limit = this.activation.type.runtime.limits.of(this.context);
    this.#stopHolding ??= limit.hold();
    return limit.signal;
  }

  get transaction(): Transaction {
    if (!this.open) this.#refuseLateUse();
    const owner = this.outer ?? this;
    owner.begun ??= this.activation.type.runtime.commits.begin(owner);
    return owner.begun;
  }

  save(state: unknown): void {
    this.#change('saved', state);
  }

  clear(): void {
    const { activation } = this;
    this.#change('cleared', activation.type.definition.initial(activation.key));
  }

  #change(change: StateChange, state: unknown): void {
    if (!this.open) this.#refuseLateUse();
    const { activation } = this;
    if (!activation.type.persistent) {
      throw new OperationError(
        'invalid_argument',
        `actor type ${activation.type.name} keeps its state in memory only`,
        {
          hint: 'leave out `persistent: false`',
        },
      );
    }
    const owner = this.outer ?? this;
    if (owner.change === 'none') {
      owner.#priorState = activation.state;
      owner.#priorStored = activation.stored;
    }
    owner.change = change;
    this.#changedHere = true;
    activation.state = state;
    activation.stored = change === 'saved';
  }

  storageKey(...values: readonly TupleValue[]): Key {
    return tableKey(this.activation.type.runtime.space, this.type, this.key, values);
  }

  get<T, N extends ActorMethods<T>>(
    definition: ActorDefinition<T, N>,
    key?: ActorKey,
    limits?: CallLimits,
  ): ActorReference<N> {
    if (!this.open) this.#refuseLateUse();
    const { runtime } = this.activation.type;
    const context = limits === undefined ? this.context : runtime.tighten(this.context, limits);
    return runtime.reference(definition, key, context, this, 'request');
  }

  detached<T, N extends ActorMethods<T>>(definition: ActorDefinition<T, N>, key?: ActorKey): ActorReference<N> {
    const { principal, trace } = this.context;
    const context = new RequestContext({
      ...(principal === undefined ? {} : { principal }),
      ...(trace === undefined ? {} : { trace }),
    });
    return this.activation.type.runtime.reference(definition, key, context, undefined, 'detached');
  }

  timer(schedule: TimerSchedule, tick: (turn: Turn<unknown>) => Awaitable<void>): ActorTimer {
    if (!this.open) this.#refuseLateUse();
    return startTimer(this.activation, schedule, tick);
  }

  remind(name: string, schedule: ReminderSchedule, method: string, ...args: readonly unknown[]): Awaitable<void> {
    return reminders.remind(this, name, schedule, method, args);
  }

  forget(name: string): Awaitable<void> {
    return reminders.forget(this, name);
  }

  reminders(): Awaitable<readonly Reminder[]> {
    return reminders.list(this);
  }

  deactivateOnIdle(): void {
    if (!this.open) this.#refuseLateUse();
    this.activation.type.runtime.lifecycle.leaveWhenIdle(this.activation, 'requested');
  }

  /** Takes note of a version that the reply must wait for. */
  observe(version: number): void {
    if (version > this.observedVersion) this.observedVersion = version;
  }

  /** Begins a re-entrant turn inside `outer`. */
  enter(outer: ActorTurn): void {
    const { activation } = this;
    this.outer = outer;
    this.#mark = {
      state: activation.state,
      stored: activation.stored,
      change: outer.change,
      savepoint: outer.begun?.savepoint(),
    };
  }

  /** Takes back what the turn wrote, and the state it replaced. @returns whether the state in memory can be trusted. */
  rollback(): boolean {
    const { activation } = this;
    if (this.outer !== undefined) {
      const mark = this.#mark!;
      const trusted = !this.#changedHere || activation.state !== mark.state;
      activation.state = mark.state;
      activation.stored = mark.stored;
      this.outer.change = mark.change;
      if (mark.savepoint !== undefined) this.outer.begun!.rollbackTo(mark.savepoint);
      else {
        this.outer.begun?.rollback();
        this.outer.begun = undefined;
      }
      return trusted;
    }
    this.begun?.rollback();
    this.begun = undefined;
    if (this.change === 'none') return true;
    // Who saves the very object that was there has changed it in place: only the store knows what it was.
    const trusted = activation.state !== this.#priorState;
    activation.state = this.#priorState;
    activation.stored = this.#priorStored;
    this.change = 'none';
    return trusted;
  }

  close(): void {
    this.open = false;
    this.caller = undefined;
    this.context = NO_REQUEST;
    if (this.#stopHolding !== undefined) {
      this.#stopHolding();
      this.#stopHolding = undefined;
    }
  }

  #refuseLateUse(): never {
    assert(false, () => `a turn of ${this.activation.address} was used after it had ended`);
  }
}
