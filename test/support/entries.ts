/** What tests write to a store, and read of it, as text. */

import { type Bytes, text, utf8 } from '../../src/base/bytes.ts';
import type { Cursor, Store, Transaction } from '../../src/storage/store.ts';
import { platform } from './stores.ts';

/** By key; undefined means a deletion. */
export type Entries = Readonly<Record<string, string | undefined>>;

/** Commits `entries`. @returns the version. */
export async function writeEntries(store: Store, entries: Entries): Promise<number> {
  const transaction = store.begin();
  for (const [key, value] of Object.entries(entries)) {
    if (value === undefined) transaction.delete(utf8(key));
    else transaction.put(utf8(key), utf8(value));
  }
  return (await transaction.commit()).version;
}

/** Moves everything written so far from the overlay into the engine. */
export async function settleStore(store: Store): Promise<void> {
  const version = store.version;
  while (store.statistics().appliedVersion < version) await platform.timers.sleep(5);
}

/** What a call throws, at once or later. */
export async function failure(run: () => unknown): Promise<unknown> {
  try {
    await run();
  } catch (error) {
    return error;
  }
  throw new Error('it did not fail');
}

export function asText(bytes: Bytes | undefined): string | undefined {
  return bytes === undefined ? undefined : text(bytes);
}

export async function value(transaction: Transaction, key: string): Promise<string | undefined> {
  return asText(await transaction.get(utf8(key)));
}

/** Every entry of a cursor as `key=value`. */
export async function all(cursor: Cursor): Promise<string[]> {
  const entries: string[] = [];
  for (let batch = await cursor.next(); batch !== undefined; batch = await cursor.next()) {
    for (const entry of batch) entries.push(`${text(entry.key)}=${text(entry.value)}`);
  }
  return entries;
}
