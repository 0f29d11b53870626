/**
 * Extensions that were created in a database. Documented in docs/formats/relational.md.
 *
 *   {prefix}/catalog/ ('extension', id)  -> definition as JSON
 *
 * What an extension consists of is known to the server by its name; its functions have definitions that name it.
 */

import { type Bytes, text, utf8 } from '../../base/bytes.ts';
import { OperationError } from '../../base/errors.ts';
import type { Key } from '../../storage/key-range.ts';
import type { Keyspace } from '../../storage/keyspace.ts';
import type { Transaction } from '../../storage/store.ts';
import type { TableId } from './table.ts';

export interface Extension {
  readonly id: TableId;
  readonly name: string;
  readonly version: string;
  /** Id of its schema; undefined in `public`. */
  readonly schema?: number;
  readonly comment?: string;
}

const FORMAT = 1;

function extensionKey(keyspace: Keyspace, id: TableId): Key {
  return keyspace.catalog.key(['extension', BigInt(id)]);
}

/** @throws OperationError `corruption`, `store_format`. */
export function decodeExtension(bytes: Bytes): Extension {
  let stored: Extension & { readonly format: number };
  try {
    stored = JSON.parse(text(bytes)) as typeof stored;
  } catch (error) {
    throw new OperationError('corruption', 'the definition of an extension is no JSON', { cause: error });
  }
  const { format, ...extension } = stored;
  if (format !== FORMAT) {
    throw new OperationError('store_format', `the definition of an extension has format ${format}, not ${FORMAT}`);
  }
  return extension;
}

/** All of them as the transaction sees them, in the order of their ids. */
export async function readExtensions(transaction: Transaction, keyspace: Keyspace): Promise<readonly Extension[]> {
  const extensions: Extension[] = [];
  const cursor = transaction.scan(keyspace.catalog.range(['extension']));
  try {
    for (let batch = await cursor.next(); batch !== undefined; batch = await cursor.next()) {
      for (const { value } of batch) extensions.push(decodeExtension(value));
    }
  } finally {
    cursor.close();
  }
  return extensions;
}

/** Requires `beginSchemaChange`. Defines an extension, or changes it. */
export function putExtension(transaction: Transaction, keyspace: Keyspace, extension: Extension): void {
  transaction.put(extensionKey(keyspace, extension.id), utf8(JSON.stringify({ format: FORMAT, ...extension })));
}

/** Requires `beginSchemaChange`, and that nothing of it is left. */
export function deleteExtension(transaction: Transaction, keyspace: Keyspace, { id }: Extension): void {
  transaction.delete(extensionKey(keyspace, id));
}
