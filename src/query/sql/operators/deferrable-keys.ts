/**
 * Deferrable UNIQUE and PRIMARY KEY: rows may share a value for a while (PostgreSQL's unique_key_recheck).
 *
 * Entries of such an index are told apart by their rows. Whoever writes or removes one holds the claim of its value, a key
 * of its own, until the end of the transaction: of two transactions that want one value the second waits, and under
 * snapshot isolation it fails. A value that was found with two entries is looked at again at the end of the statement, or
 * of the transaction when the session says so.
 */

import { EMPTY_BYTES } from '../../../base/bytes.ts';
import { hasCode } from '../../../base/errors.ts';
import type { ColumnValue } from '../../../models/relational/table.ts';
import type { Key } from '../../../storage/key-range.ts';
import type { Transaction } from '../../../storage/store.ts';
import { MemoryBudget } from './memory-budget.ts';
import type { ExecutionContext } from './operator.ts';
import type { UniqueSlot, WriteIndex } from './write-rules.ts';

export class DeferrableKeys {
  readonly #context: ExecutionContext;
  readonly #duplicate: (slot: UniqueSlot) => Error;
  #budget: MemoryBudget | undefined;
  #shared: UniqueSlot[] = [];

  /** @param duplicate The error of a value that two rows share. */
  constructor(context: ExecutionContext, duplicate: (slot: UniqueSlot) => Error) {
    this.#context = context;
    this.#duplicate = duplicate;
  }

  /** What a row has in such an index; undefined where it excludes no other. */
  slot(index: WriteIndex, values: readonly ColumnValue[]): UniqueSlot | undefined {
    const { keys } = index.source;
    return keys.claims(values) ? { key: keys.claim(values), index, values } : undefined;
  }

  /**
   * Takes the claims of values that are about to be removed and written. Under snapshot isolation a value that someone
   * else took meanwhile is a duplicate first, and a conflict second.
   */
  async claim(removed: readonly UniqueSlot[], written: readonly UniqueSlot[]): Promise<void> {
    const keys: Key[] = [...removed, ...written].map(({ key }) => key);
    if (keys.length === 0) return;
    try {
      await this.#context.lock(keys, {});
    } catch (error) {
      if (!hasCode(error, 'transaction_conflict')) throw error;
      const reader = this.#context.beginReader();
      try {
        for (const slot of written) if ((await countEntries(reader, slot)) > 0) throw this.#duplicate(slot);
      } finally {
        reader.rollback();
      }
      throw error;
    }
  }

  removed(slot: UniqueSlot): void {
    this.#context.transaction.delete(slot.key);
  }

  /** Looks whether others share the value, whose entry was written. */
  async written(slot: UniqueSlot): Promise<void> {
    this.#context.transaction.put(slot.key, EMPTY_BYTES);
    if (!this.#context.nothingNewer) this.#context.transaction.beginStatement();
    if (!(await this.#isShared(slot))) return;
    this.#budget ??= new MemoryBudget('unique values to look at again', this.#context);
    this.#budget.take([...slot.values]);
    this.#shared.push(slot);
  }

  /** At the end of the statement. @throws SqlError `unique_violation`. */
  async finish(): Promise<void> {
    const shared = this.#shared;
    this.#shared = [];
    for (const slot of shared) {
      const check = async (): Promise<void> => {
        if (await this.#isShared(slot)) throw this.#duplicate(slot);
      };
      if (this.#context.defer(slot.index!.source.index, check)) continue;
      await check();
      await this.#context.pause();
    }
    this.#budget?.clear();
  }

  async #isShared(slot: UniqueSlot): Promise<boolean> {
    return (await countEntries(this.#context.transaction, slot)) > 1;
  }
}

/** Up to two. */
async function countEntries(transaction: Transaction, { index, values }: UniqueSlot): Promise<number> {
  const cursor = transaction.scan(index!.source.keys.range(values), { limit: 2, keysOnly: true });
  try {
    let entries = 0;
    for (let batch = await cursor.next(); batch !== undefined; batch = await cursor.next()) entries += batch.length;
    return entries;
  } finally {
    cursor.close();
  }
}
