/**
 * Which deferrable constraints are checked at the end of the transaction (SET CONSTRAINTS), and the checks that wait for it.
 * ROLLBACK TO SAVEPOINT brings back both: what was checked behind the savepoint waits again (PostgreSQL's trigger.c,
 * AfterTriggerEndSubXact).
 */

import type { Awaitable } from '../../base/awaitable.ts';
import type { DeferrableConstraint } from './operators/operator.ts';
import { SqlError } from './sql-error.ts';

export type ConstraintMode = 'immediate' | 'deferred';

type Check = () => Awaitable<void>;

interface WaitingCheck {
  readonly constraint: DeferrableConstraint;
  readonly check: Check;
}

/** Where a savepoint was made. */
export interface DeferredMark {
  readonly waiting: WaitingCheck[];
  readonly count: number;
  readonly modes: ReadonlyMap<string, ConstraintMode>;
}

const WAITING_MAX = 100_000;
/** Stands for all constraints. */
const ALL = '';
const NO_MODES: ReadonlyMap<string, ConstraintMode> = new Map();

export class DeferredChecks {
  /** Grows at its end only; what is taken out makes a new one, as a savepoint may go back to this. */
  #waiting: WaitingCheck[] = [];
  #modes = NO_MODES;

  get count(): number {
    return this.#waiting.length;
  }

  /** @returns false where the check is due now. @throws SqlError `out_of_memory`. */
  defer(constraint: DeferrableConstraint, check: Check): boolean {
    if (!this.#waits(constraint)) return false;
    if (this.#waiting.length >= WAITING_MAX) {
      throw new SqlError('out_of_memory', `more than ${WAITING_MAX} deferred checks in one transaction`);
    }
    this.#waiting.push({ constraint, check });
    return true;
  }

  /** @param names Undefined for all constraints. @returns the checks that are due by that. */
  setMode(names: readonly string[] | undefined, mode: ConstraintMode): readonly Check[] {
    const modes = new Map(names === undefined ? [] : this.#modes);
    for (const name of names ?? [ALL]) modes.set(name, mode);
    this.#modes = modes;
    return mode === 'immediate' ? this.#take(({ constraint }) => !this.#waits(constraint)) : [];
  }

  takeAll(): readonly Check[] {
    return this.#take(() => true);
  }

  mark(): DeferredMark {
    return { waiting: this.#waiting, count: this.#waiting.length, modes: this.#modes };
  }

  rollbackTo({ waiting, count, modes }: DeferredMark): void {
    waiting.length = count;
    this.#waiting = waiting;
    this.#modes = modes;
  }

  /** At the end of the transaction. */
  clear(): void {
    if (this.#waiting.length > 0) this.#waiting = [];
    this.#modes = NO_MODES;
  }

  #waits({ name, deferrable }: DeferrableConstraint): boolean {
    return (this.#modes.get(name) ?? this.#modes.get(ALL) ?? deferrable) === 'deferred';
  }

  #take(isDue: (check: WaitingCheck) => boolean): readonly Check[] {
    const due: Check[] = [];
    const rest: WaitingCheck[] = [];
    for (const each of this.#waiting) {
      if (isDue(each)) due.push(each.check);
      else rest.push(each);
    }
    if (due.length > 0) this.#waiting = rest;
    return due;
  }
}
