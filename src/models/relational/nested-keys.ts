/**
 * Values in keys that are made of others: arrays, composites, ranges, jsonb and addresses. Each is one tuple, whose order
 * is PostgreSQL's order of the values. None of them comes back out of a key: rows hold it as well.
 *
 *   arrays      (elements), count of dimensions, their lengths, their first subscripts; a null element after all others
 *   composites  fields, nulls after all others
 *   ranges      false when empty; else true, lower bound (null first), 1 when exclusive, upper (null last), 1 when inclusive
 *   jsonb       flat, in the order of its text: rank of the kind, size, contents; an empty array on top has rank -1
 *   inet, cidr  length of the address, bits of the network as text, the address
 */

import { decimal } from '../../base/value.ts';
import type { KeyWriter } from '../../storage/tuple.ts';
import type { Numeric } from './numeric.ts';
import type { ColumnType, ColumnValue } from './table.ts';
import type { Inet, Jsonb, JsonObject, JsonValue, SqlArray, SqlRange, SqlRecord } from './values.ts';

/** Around the elements of a tuple inside of another; see storage/tuple.ts. */
const OPEN = Uint8Array.of(0x40);
const CLOSE = Uint8Array.of(0x00);

type WriteValue = (writer: KeyWriter, type: ColumnType, value: Exclude<ColumnValue, null>) => void;

function writeNullable(writer: KeyWriter, type: ColumnType, value: ColumnValue, write: WriteValue): void {
  if (value === null) writer.null({ last: true });
  else write(writer, type, value);
}

export function writeArray(writer: KeyWriter, array: SqlArray, write: WriteValue): void {
  writer.literal(OPEN).literal(OPEN);
  for (const each of array.values) writeNullable(writer, array.element, each, write);
  writer.literal(CLOSE).int(array.dimensions.length);
  for (const each of array.dimensions) writer.int(each);
  for (const each of array.lowers) writer.int(each);
  writer.literal(CLOSE);
}

export function writeRecord(writer: KeyWriter, { types, values }: SqlRecord, write: WriteValue): void {
  writer.literal(OPEN);
  for (let i = 0; i < values.length; i++) writeNullable(writer, types[i]!, values[i]!, write);
  writer.literal(CLOSE);
}

export function writeRange(writer: KeyWriter, bound: ColumnType, range: SqlRange, write: WriteValue): void {
  writer.literal(OPEN).boolean(!range.empty);
  if (!range.empty) {
    if (range.lower === null) writer.null();
    else {
      write(writer, bound, range.lower);
      writer.int(range.lowerInclusive ? 0 : 1);
    }
    if (range.upper === null) writer.null({ last: true });
    else {
      write(writer, bound, range.upper);
      writer.int(range.upperInclusive ? 1 : 0);
    }
  }
  writer.literal(CLOSE);
}

export function writeInet(writer: KeyWriter, { bytes, bits }: Inet): void {
  let network = '';
  for (let i = 0; i < bits; i++) network += (bytes[i >> 3]! >> (7 - (i & 7))) & 1;
  writer.literal(OPEN).int(bytes.length).text(network).bytes(bytes).literal(CLOSE);
}

export function writeJson(writer: KeyWriter, { tree }: Jsonb): void {
  writer.literal(OPEN);
  if (Array.isArray(tree) && tree.length === 0) writer.int(-1);
  else writeTree(writer, tree);
  writer.literal(CLOSE);
}

function writeTree(writer: KeyWriter, root: JsonValue): void {
  const pending: (JsonValue | { readonly name: string })[] = [root];
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    if (next === null) writer.int(0);
    else if (typeof next === 'string') writer.int(1).text(next);
    else if (typeof next === 'boolean') writer.int(3).boolean(next);
    else if (Array.isArray(next)) {
      writer.int(4).int(next.length);
      for (let i = next.length; i-- > 0; ) pending.push(next[i] as JsonValue);
    } else if (next instanceof Map) {
      const entries = [...(next as JsonObject)];
      writer.int(5).int(entries.length);
      for (const [name, value] of entries.reverse()) pending.push(value, { name });
    } else if ('name' in next) writer.int(Buffer.byteLength(next.name)).text(next.name);
    else writer.int(2).decimal(decimal((next as Numeric).toString()));
  }
}
