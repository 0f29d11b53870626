/** The names behind the ids in relational keys, as of one transaction, for printing keys. */

import { type NameResolver, NO_NAMES } from '../../storage/key-path.ts';
import type { Keyspace } from '../../storage/keyspace.ts';
import type { Transaction } from '../../storage/store.ts';
import { decodeTable } from './catalog.ts';

export async function loadNames(transaction: Transaction, keyspace: Keyspace): Promise<NameResolver> {
  const names = new Map<bigint, string>();
  const ids = new Map<string, bigint>();
  const cursor = transaction.scan(keyspace.catalog.range(['table']));
  for (let batch = await cursor.next(); batch !== undefined; batch = await cursor.next()) {
    for (const { value } of batch) {
      const table = decodeTable(value);
      names.set(BigInt(table.id), table.name);
      ids.set(table.name, BigInt(table.id));
    }
  }
  return {
    ...NO_NAMES,
    nameOf: (kind, id) => (kind === 'table' ? names.get(id) : undefined),
    idOf: (kind, name) => (kind === 'table' ? ids.get(name) : undefined),
  };
}
