/**
 * Definitions of tables as they were decoded last. Each change of the schema has everyone read again what they knew, and nearly
 * all of it is byte for byte what it was: then the table is the same object, and what was made of it can be kept by it.
 *
 * A definition that names a type of users is not kept: what its values are decoded to follows from that type's definition too.
 */

import { asBuffer, type Bytes, copyBytes, equalBytes } from '../../base/bytes.ts';
import { LruCache } from '../../base/lru-cache.ts';
import type { Keyspace } from '../../storage/keyspace.ts';
import type { Table, TableId } from './table.ts';

const TABLES_MAX = 10_000;
/** Of definitions as they are stored, which is a fraction of what they take decoded. */
const BYTES_MAX = 4 * 1024 * 1024;

const USER_TYPE = Buffer.from('user:');

interface Decoded {
  readonly bytes: Bytes;
  readonly table: Table;
}

const known = new WeakMap<Keyspace, LruCache<TableId, Decoded>>();

/**
 * The table that `bytes` define: the same object as the last time, where they are the same. Nobody may change it.
 * @param decode What makes it of them.
 */
export function decodedTable(keyspace: Keyspace, id: TableId, bytes: Bytes, decode: (bytes: Bytes) => Table): Table {
  let tables = known.get(keyspace);
  if (tables === undefined) {
    tables = new LruCache(TABLES_MAX, BYTES_MAX);
    known.set(keyspace, tables);
  }
  const last = tables.get(id);
  if (last !== undefined && equalBytes(last.bytes, bytes)) return last.table;
  const table = decode(bytes);
  if (asBuffer(bytes).includes(USER_TYPE)) tables.delete(id);
  else tables.set(id, { bytes: copyBytes(bytes), table }, bytes.length);
  return table;
}
