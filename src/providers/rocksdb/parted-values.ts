/**
 * Values of more than 4 MiB, in parts: RocksDB copies a value as a whole at each step of its way, into a batch, its own log, a
 * memtable, a block, and out of that for whoever comes by with an iterator. Parts of a mebibyte are written a few at a time ahead
 * of the batch that they belong to, and read a few at a time.
 *
 * Below all keys of the store lie, integers big-endian:
 *
 *   00 01 | id, 8 bytes | number, 4 bytes   a part of a value
 *   00 02 | key                             what the value of that key is: its stub
 *   00 03 | id, 8 bytes                     empty: that value was written ahead, of a batch that may never have come
 *
 * and under the key itself a stub in place of the value, so that walking over keys moves nothing else:
 *
 *   offset  size  field
 *   0       8     "\0ORBITLV"
 *   8       8     id: of each such value another one
 *   16      4     length of the value
 *
 * A value that only looks like a stub has no `00 02` that says the same. Documented in docs/formats/directory.md, in
 * directories of format 2.
 */

import { assert } from '../../base/assert.ts';
import { asBuffer, type Bytes, equalBytes } from '../../base/bytes.ts';

/** A longer value lies in parts. */
export const PARTED_BYTES_MIN = 4 * 1024 * 1024;
export const PART_BYTES = 1024 * 1024;
/** Parts that are read without giving the event loop back: some milliseconds from a disk. */
const PARTS_AT_ONCE = 4;

const MAGIC = Buffer.from('\0ORBITLV', 'latin1');
const STUB_BYTES = 20;
const ID_BYTES = 8;

/** Where stubs by key begin, where they end, and where values written ahead do. */
export const STUBS_START: Bytes = Buffer.from([0, 2]);
export const AHEAD_START: Bytes = Buffer.from([0, 3]);
export const AHEAD_END: Bytes = Buffer.from([0, 4]);

/** A value in parts. */
export interface Parted {
  readonly id: bigint;
  readonly length: number;
}

export function partKey(id: bigint, number: number): Buffer {
  const key = Buffer.allocUnsafe(14);
  key[0] = 0;
  key[1] = 1;
  key.writeBigUInt64BE(id, 2);
  key.writeUInt32BE(number, 10);
  return key;
}

/** The stub's second place. */
export function stubKey(key: Bytes): Buffer {
  return Buffer.concat([STUBS_START, key]);
}

export function aheadKey(id: bigint): Buffer {
  const key = Buffer.allocUnsafe(AHEAD_START.length + ID_BYTES);
  key.set(AHEAD_START);
  key.writeBigUInt64BE(id, AHEAD_START.length);
  return key;
}

export function idWrittenAhead(key: Bytes): bigint {
  return asBuffer(key).readBigUInt64BE(AHEAD_START.length);
}

export function encodeStub({ id, length }: Parted): Buffer {
  const stub = Buffer.allocUnsafe(STUB_BYTES);
  stub.set(MAGIC);
  stub.writeBigUInt64BE(id, MAGIC.length);
  stub.writeUInt32BE(length, MAGIC.length + ID_BYTES);
  return stub;
}

/** Whether it looks like one. */
export function isStub(value: Bytes): boolean {
  if (value.length !== STUB_BYTES) return false;
  for (let i = 0; i < MAGIC.length; i++) if (value[i] !== MAGIC[i]) return false;
  return true;
}

export function decodeStub(stub: Bytes): Parted {
  const bytes = asBuffer(stub);
  assert(isStub(bytes), 'a stub begins like one');
  return { id: bytes.readBigUInt64BE(MAGIC.length), length: bytes.readUInt32BE(MAGIC.length + ID_BYTES) };
}

export function partsOf({ length }: Parted): number {
  return Math.ceil(length / PART_BYTES);
}

/** Up to `count` entries of one state of the database from a key on, keys and values in turns. */
export type ReadRows = (user: object, target: Bytes, count: number) => { readonly rows: readonly Bytes[] };

/**
 * What a key holds whose value looks like a stub, in the state that `read` reads: the value that lies in parts, or of a longer one
 * the parts with its first `bytesMax` bytes; or `value`, where it only looks so. The event loop has its turns in between.
 */
export async function wholeValue(
  read: ReadRows,
  key: Bytes,
  value: Bytes,
  giveWay: () => Promise<void>,
  bytesMax = Number.POSITIVE_INFINITY,
): Promise<Bytes> {
  const named = stubKey(key);
  const { rows } = read({}, named, 1);
  if (rows[0] === undefined || !equalBytes(rows[0], named) || !equalBytes(rows[1]!, value)) return value;
  const parted = decodeStub(value);
  const user = {};
  const count = Math.min(partsOf(parted), Math.ceil(bytesMax / PART_BYTES));
  const whole = Buffer.allocUnsafeSlow(Math.min(parted.length, count * PART_BYTES));
  for (let number = 0; number < count; number++) {
    if (number % PARTS_AT_ONCE === 0) await giveWay();
    const expected = partKey(parted.id, number);
    const [found, part] = read(user, expected, 1).rows;
    assert(found !== undefined && equalBytes(found, expected), () => `part ${number} of value ${parted.id} is there`);
    whole.set(part!, number * PART_BYTES);
  }
  return whole;
}
