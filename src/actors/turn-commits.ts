/**
 * What a turn wrote, as one commit of the store.
 *
 * - **One owner.** Each commit requires the lease's record to hold the lease's bytes: an owner that was replaced while it
 *   was paused is refused with `lease_lost`, and forgets what it had in memory.
 * - **Current state.** Commits of others to a saved state mark it stale; a turn that began before is refused with
 *   `transaction_conflict`, because its transaction begins only while the state is current and the store refuses its write
 *   when the key changed afterwards.
 *
 * A turn that wrote nothing has no commit, and one within another is part of that one's.
 */

import { assert } from '../base/assert.ts';
import { type Awaitable, isPromise } from '../base/awaitable.ts';
import { hasCode, OperationError } from '../base/errors.ts';
import type { KeyRange } from '../storage/key-range.ts';
import type { Subspace } from '../storage/keyspace.ts';
import type { Store, Transaction } from '../storage/store.ts';
import { type Activation, COMMITTING, DEAD, STALE, UNSYNCED } from './activation.ts';
import type { ActorTurn } from './actor-turn.ts';
import type { MethodEntry } from './actor-type.ts';
import { stateKey } from './keys.ts';
import type { Lifecycle } from './lifecycle.ts';
import type { RequestLimits } from './request-limits.ts';
import { encodeState } from './state-codec.ts';

export class TurnCommits {
  readonly #store: Store;
  readonly #space: Subspace;
  readonly #range: KeyRange;
  readonly #limits: RequestLimits;
  readonly #lifecycle: Lifecycle;

  constructor(store: Store, space: Subspace, limits: RequestLimits, lifecycle: Lifecycle) {
    this.#store = store;
    this.#space = space;
    this.#range = space.range();
    this.#limits = limits;
    this.#lifecycle = lifecycle;
  }

  /**
   * @param within All that the turn will touch, where that is known.
   * @throws OperationError `lease_lost` or `transaction_conflict` when the activation may not write any more.
   */
  begin(turn: ActorTurn, within?: KeyRange): Transaction {
    const { activation } = turn;
    this.#refuseOutdated(turn);
    const { isolation, durability } = activation.type.definition;
    if (within === undefined) activation.type.opensTransactions = true;
    return this.#store.begin({
      ...(isolation === undefined ? {} : { isolation }),
      ...(durability === undefined ? {} : { durability }),
      ...(within === undefined ? {} : { within }),
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

  /**
   * Orders what the turn wrote, once the store has room. @throws OperationError as `begin`, those of the store, and
   * `deadline_exceeded` or `canceled` when nobody waits for the turn any more.
   */
  commit(turn: ActorTurn, entry: MethodEntry): Awaitable<void> {
    // A re-entrant turn commits with the one around it.
    if (turn.outer !== undefined) return;
    const { activation } = turn;
    if (turn.context.limited) {
      const ended = this.#limits.ended(turn.context, () => `${activation.address}.${entry.name}`);
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
    // It has asked for no transaction, so that there is its state only: nobody hands over for it what is written late elsewhere.
    turn.begun ??= this.begin(turn, this.#range);
    const transaction = turn.begun;
    let bytes: Uint8Array | undefined;
    if (turn.change === 'saved') {
      bytes = encodeState(activation.state, type.definition.stateVersion ?? 0);
      transaction.put(stateKey(this.#space, type.name, activation.key), bytes);
    } else if (turn.change === 'cleared') {
      transaction.delete(stateKey(this.#space, type.name, activation.key));
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
    this.#lifecycle.residency.resized(activation, bytes?.length ?? 0);
  }

  #commitFailed(activation: Activation, error: unknown): unknown {
    if (hasCode(error, 'commit_unknown')) this.#lifecycle.remove(activation, 'commit_unknown');
    return error;
  }
}
