/** The names behind the ids in relational keys, as of one transaction, for printing keys. */

import { type NameResolver, NO_NAMES } from '../../storage/key-path.ts';
import type { Keyspace } from '../../storage/keyspace.ts';
import type { Transaction } from '../../storage/store.ts';
import { readTables } from './catalog.ts';

export async function loadNames(transaction: Transaction, keyspace: Keyspace): Promise<NameResolver> {
  const names = new Map<bigint, string>();
  const ids = new Map<string, bigint>();
  for (const table of await readTables(transaction, keyspace)) {
    names.set(BigInt(table.id), table.name);
    ids.set(table.name, BigInt(table.id));
  }
  return {
    ...NO_NAMES,
    nameOf: (kind, id) => (kind === 'table' ? names.get(id) : undefined),
    idOf: (kind, name) => (kind === 'table' ? ids.get(name) : undefined),
  };
}
