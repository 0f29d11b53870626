/**
 * What a node of a plan asks of the store, and what it was given: counted for EXPLAIN (ANALYZE, BUFFERS), which has no
 * pages to tell of. A node's calls are its own and those of all nodes below it, as PostgreSQL counts buffers.
 */

import { isPromise, whenReady } from '../../../base/awaitable.ts';
import type { Bytes } from '../../../base/bytes.ts';
import { PackedEntries } from '../../../storage/packed-entries.ts';
import type { Cursor, Entry, Transaction } from '../../../storage/store.ts';
import type { ExecutionContext } from '../operators/operator.ts';

export interface StoreCalls {
  /** Keys that were asked for one by one, or many together. */
  gets: number;
  /** Ranges that were opened. */
  ranges: number;
  /** Entries that ranges gave. */
  entries: number;
  /** Of keys and values in entries, and of values that were asked for by key. */
  bytes: number;
  writes: number;
  /** Of the keys and values that were written. */
  writtenBytes: number;
}

export function noCalls(): StoreCalls {
  return { gets: 0, ranges: 0, entries: 0, bytes: 0, writes: 0, writtenBytes: 0 };
}

/** The context, its reads counted. Everything else is that of the context itself. */
export function countingContext(context: ExecutionContext, calls: StoreCalls): ExecutionContext {
  let transaction: Transaction | undefined;
  const own: Partial<ExecutionContext> = {
    get: (key) => counted(calls, 1, context.get(key)),
    batchGet: (keys) => counted(calls, keys.length, context.batchGet(keys)),
    newest: (key) => counted(calls, 1, context.newest(key)),
    scan: (range, options) => countingCursor(context.scan(range, options), calls),
  };
  return overlaid(context, own, (name) => {
    if (name !== 'transaction') return undefined;
    transaction ??= countingTransaction(context.transaction, calls);
    return transaction;
  });
}

function countingTransaction(transaction: Transaction, calls: StoreCalls): Transaction {
  const written = (key: Bytes, value?: Bytes): void => {
    calls.writes++;
    calls.writtenBytes += key.length + (value?.length ?? 0);
  };
  const own: Partial<Transaction> = {
    get: (key) => counted(calls, 1, transaction.get(key)),
    batchGet: (keys) => counted(calls, keys.length, transaction.batchGet(keys)),
    scan: (range, options) => countingCursor(transaction.scan(range, options), calls),
    put: (key, value) => {
      written(key, value);
      transaction.put(key, value);
    },
    putLocked: (key, value) => {
      written(key, value);
      transaction.putLocked(key, value);
    },
    putNew: (key, value) => {
      written(key, value);
      return transaction.putNew(key, value);
    },
    delete: (key) => {
      written(key);
      transaction.delete(key);
    },
  };
  return overlaid(transaction, own, () => undefined);
}

/** The object with some members replaced; the others are called on the object itself, private members and all. */
function overlaid<T extends object>(object: T, own: Partial<T>, computed: (name: string | symbol) => unknown): T {
  return new Proxy(object, {
    get(target, name) {
      const replaced = computed(name) ?? own[name as keyof T];
      if (replaced !== undefined) return replaced;
      const value: unknown = Reflect.get(target, name, target);
      return typeof value === 'function' ? value.bind(target) : value;
    },
    set: (target, name, value) => Reflect.set(target, name, value, target),
  });
}

type Found = Bytes | undefined | readonly (Bytes | undefined)[];

function counted<T extends Found | Promise<Found>>(calls: StoreCalls, gets: number, found: T): T {
  calls.gets += gets;
  if (isPromise(found)) return found.then((late) => note(calls, late)) as T;
  return note(calls, found as Found) as T;
}

function note(calls: StoreCalls, found: Found): Found {
  if (Array.isArray(found)) for (const each of found) calls.bytes += each?.length ?? 0;
  else calls.bytes += (found as Bytes | undefined)?.length ?? 0;
  return found;
}

function countingCursor(cursor: Cursor, calls: StoreCalls): Cursor {
  calls.ranges++;
  const noted = (batch: readonly Entry[] | undefined): void => {
    calls.entries += batch?.length ?? 0;
    for (const { key, value } of batch ?? []) calls.bytes += key.length + value.length;
  };
  const notedPacked = ({ from, to, offsets }: PackedEntries): void => {
    calls.entries += to - from;
    calls.bytes += offsets[2 * to]! - offsets[2 * from]!;
  };
  const { nextPacked } = cursor;
  return {
    next: () =>
      whenReady(cursor.next(), (batch) => {
        noted(batch);
        return batch;
      }),
    ...(nextPacked !== undefined && {
      nextPacked: () =>
        whenReady(nextPacked.call(cursor), (batch) => {
          if (batch instanceof PackedEntries) notedPacked(batch);
          else noted(batch);
          return batch;
        }),
    }),
    close: () => cursor.close(),
  };
}
