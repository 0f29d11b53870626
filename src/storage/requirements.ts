/**
 * What keys must hold for a transaction to commit: looked at in the stretch that orders its writes, whatever its isolation.
 *
 * An engine may have to wait for some. What it then answers stays true as long as the conflict table, kept by a snapshot, shows
 * no change since it was asked; so nothing is asked twice while the commit waits for something else.
 */

import { isPromise } from '../base/awaitable.ts';
import { type Bytes, copyBytes, equalBytes } from '../base/bytes.ts';
import type { Observer } from '../base/observer.ts';
import { hashKey } from './key-hash.ts';
import type { Key, KeyRange } from './key-range.ts';
import type { LocalStore } from './local-store.ts';
import type { Snapshot } from './snapshots.ts';

interface Requirement {
  readonly key: Key;
  readonly hash: number;
  readonly expected: Bytes | undefined;
  readonly error: (() => Error) | undefined;
  /** What the key held when it was last read. */
  value: Bytes | undefined;
  /** Opened when an engine had to wait for `value`: which is valid until the key changes after it. */
  validity: Snapshot | undefined;
}

export class Requirements {
  readonly #store: LocalStore;
  /** No other keys are touched. */
  readonly #within: KeyRange | undefined;
  readonly #all: Requirement[] = [];

  constructor(store: LocalStore, within: KeyRange | undefined) {
    this.#store = store;
    this.#within = within;
  }

  /** How many there are: a mark for `truncate`. */
  get count(): number {
    return this.#all.length;
  }

  /** Keeps copies. @param expected Undefined for a key that must be absent. @param error What is thrown instead of a conflict. */
  add(key: Key, expected: Bytes | undefined, error: (() => Error) | undefined): void {
    this.#all.push({
      key: copyBytes(key),
      hash: hashKey(key),
      expected: expected && copyBytes(expected),
      error,
      value: undefined,
      validity: undefined,
    });
  }

  /** Keeps the first `count`. */
  truncate(count: number): void {
    for (const requirement of this.#all.splice(count)) this.#forget(requirement);
  }

  /** Fetches what the keys hold now. @returns a promise where an engine has to wait: then it is to be asked again. */
  read(observer: Observer): Promise<unknown> | undefined {
    let waits: Promise<void>[] | undefined;
    for (const requirement of this.#all) {
      const { key, hash, validity } = requirement;
      if (validity?.validates === true && !this.#store.overlay.changedSince(key, hash, validity.readVersion)) continue;
      this.#forget(requirement);
      const value = this.#store.get(key, observer);
      if (!isPromise(value)) {
        requirement.value = value;
        continue;
      }
      requirement.validity = this.#store.openSnapshot(true, this.#within);
      waits ??= [];
      waits.push(
        value.then((read) => {
          requirement.value = read;
        }),
      );
    }
    return waits === undefined ? undefined : Promise.all(waits);
  }

  /** The first that is not met by what was read. */
  unmet(): { readonly key: Key; readonly error: (() => Error) | undefined } | undefined {
    for (const requirement of this.#all) {
      const { expected, value } = requirement;
      const met = expected === undefined ? value === undefined : value !== undefined && equalBytes(value, expected);
      if (!met) return requirement;
    }
    return undefined;
  }

  #forget(requirement: Requirement): void {
    if (requirement.validity !== undefined) this.#store.snapshots.close(requirement.validity);
    requirement.validity = undefined;
  }
}
