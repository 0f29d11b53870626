/**
 * An observer outside of a store: every commit by its version, what of it was acknowledged, and the state that any prefix
 * of the commits adds up to. What a store holds after a crash must be exactly one such prefix, and not too short a one.
 */

import { text, utf8 } from '../../src/base/bytes.ts';
import { ALL_KEYS, rangeContains } from '../../src/storage/key-range.ts';
import type { Change, Store, Transaction, Version } from '../../src/storage/store.ts';

export class Recorder {
  /** Commit `i` has version `i + 1`. */
  readonly commits: (readonly Change[])[] = [];
  /** Highest version that somebody was told of, per class. */
  readonly acknowledged = { disk: 0, process: 0 };

  note(version: Version, changes: readonly Change[]): void {
    if (version !== this.commits.length + 1) {
      throw new Error(`commit ${this.commits.length + 1} was given version ${version}`);
    }
    this.commits.push(changes);
  }

  acknowledge(version: Version, durability: 'disk' | 'process'): void {
    this.acknowledged[durability] = Math.max(this.acknowledged[durability], version);
  }

  /** Versions after `version` never happened. */
  forgetAfter(version: Version): void {
    this.commits.length = version;
    for (const durability of ['disk', 'process'] as const)
      this.acknowledged[durability] = Math.min(this.acknowledged[durability], version);
  }

  /** `key=value` of every entry as of `version`, in order. */
  stateAt(version: Version): string[] {
    const state = new Map<string, string>();
    for (const changes of this.commits.slice(0, version)) {
      for (const change of changes) {
        if (change.kind === 'put') state.set(text(change.key), text(change.value));
        else if (change.kind === 'delete') state.delete(text(change.key));
        else for (const key of [...state.keys()]) if (rangeContains(change.range, utf8(key))) state.delete(key);
      }
    }
    return [...state].sort(([a], [b]) => (a < b ? -1 : 1)).map(([key, value]) => `${key}=${value}`);
  }
}

/** `key=value` of every entry of a store, in order. Keys and values are ASCII, so text sorts as bytes do. */
export async function stateOf(store: Store): Promise<string[]> {
  const transaction = store.begin({ readOnly: true });
  try {
    return await stateIn(transaction);
  } finally {
    transaction.rollback();
  }
}

/** As `stateOf`, as a transaction sees it. */
export async function stateIn(transaction: Transaction): Promise<string[]> {
  const found: string[] = [];
  const cursor = transaction.scan(ALL_KEYS);
  for (let batch = await cursor.next(); batch !== undefined; batch = await cursor.next())
    for (const { key, value } of batch) found.push(`${text(key)}=${text(value)}`);
  return found;
}
