/**
 * UPDATE of the one row under a full primary key, in columns that nothing else hangs on: no index, no foreign key and not
 * the key itself.
 *
 * It does what a read of that key, `LockRows`, `UpdateRows` and `Modify` do one after another, with one key and without
 * batches. A row that is not there is not waited for; one that had to be waited for is read again.
 *
 * The client is told that the row was there, and nothing else of it. So the answer need not wait until the commit that wrote
 * the row last is durable, if the row was there before: whoever updates one row after another, each in a block, holds its lock
 * for the time of the statements and not of the disk. A CHECK would tell more than that.
 */

import { type Awaitable, isPromise, whenReady } from '../../../base/awaitable.ts';
import type { Bytes } from '../../../base/bytes.ts';
import type { Key } from '../../../storage/key-range.ts';
import type { LockOptions, Version } from '../../../storage/store.ts';
import type { Evaluate } from '../functions/evaluation.ts';
import type { SqlValue } from '../types/types.ts';
import type { ExecutionContext, ModifyingOperator } from './operator.ts';
import { TableWriter } from './table-writer.ts';
import type { Assignment, WriteRules } from './write-rules.ts';

export interface PointUpdateRules {
  readonly rules: WriteRules;
  /** One for each column of the primary key; a null among them finds nothing. */
  readonly key: readonly Evaluate[];
  /** Over the old row. */
  readonly assignments: readonly Assignment[];
}

const LOCK: LockOptions = { mode: 'exclusive', wait: 'block' };

export class PointUpdate implements ModifyingOperator {
  affected = 0;
  readonly #planned: PointUpdateRules;
  readonly #context: ExecutionContext;
  /** What the transaction's earlier statements have observed. */
  #told: Version = 0;
  #done = false;

  constructor(planned: PointUpdateRules, context: ExecutionContext) {
    this.#planned = planned;
    this.#context = context;
  }

  next(): Awaitable<undefined> {
    if (this.#done) return undefined;
    this.#done = true;
    const context = this.#context;
    const { key: parts, rules } = this.#planned;
    const values = new Array<SqlValue>(parts.length);
    for (let i = 0; i < parts.length; i++) {
      const value = parts[i]!([], context);
      if (value === null) return undefined;
      values[i] = value;
    }
    const key = rules.table.codec.keys.key(values);
    this.#told = context.transaction.observedVersion;
    const found = context.get(key);
    return isPromise(found) ? found.then((value) => this.#lock(key, value)) : this.#lock(key, found);
  }

  close(): void {
    this.#done = true;
  }

  #lock(key: Key, value: Bytes | undefined): Awaitable<undefined> {
    if (value === undefined) return undefined;
    const context = this.#context;
    const locked = context.lock([key], LOCK);
    if (isPromise(locked)) return locked.then(() => this.#reread(key));
    return context.nothingNewer ? this.#update(key, value) : this.#reread(key);
  }

  /** What the row is now that it is locked; the stricter levels have refused the lock of one that changed. */
  #reread(key: Key): Awaitable<undefined> {
    const { transaction, wroteBefore } = this.#context;
    const isNewest = transaction.isolation === 'readCommitted';
    // What was written before would hide behind an older commit, were the newest one asked for.
    if (isNewest && wroteBefore && !this.#context.nothingNewer) transaction.beginStatement();
    const found = isNewest && !wroteBefore ? this.#context.newest(key) : transaction.get(key);
    return whenReady(found, (value) => (value === undefined ? undefined : this.#update(key, value)));
  }

  #update(key: Key, value: Bytes): Awaitable<undefined> {
    const { rules, assignments } = this.#planned;
    const context = this.#context;
    if (context.isWritten(key)) return undefined;
    const writer = new TableWriter(rules, context);
    const old = rules.table.codec.decode(key, value);
    const row = [...old];
    for (const each of assignments) row[each.position] = each.value(old, context);
    writer.prepare(row);
    writer.replace(key, row);
    if (rules.checks.length === 0 && rules.viewChecks === undefined) context.transaction.withhold?.(this.#told, key);
    this.affected = 1;
    return whenReady(writer.finish(), () => undefined);
  }
}
