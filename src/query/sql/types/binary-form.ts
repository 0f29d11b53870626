/**
 * The binary forms of values, as PostgreSQL's `*_send` functions give them. Everything is big-endian; they are read in
 * protocols/pgwire/binary-values.ts.
 *
 *   numeric     int16 count of digits to base 10,000, weight of the first, sign (0, 4000, NaN c000, infinities d000, f000), scale
 *   date        int32 days since 2000-01-01        time     int64 microseconds
 *   timetz      int64 microseconds, int32 seconds behind UTC
 *   interval    int64 microseconds, int32 days, int32 months
 *   jsonb       a byte 1, text                     inet     family 2 or 3, bits, whether cidr, count of bytes, bytes
 *   arrays      int32 dimensions, whether nulls, element's OID; per dimension length and first subscript; elements with length
 *   ranges      a byte of flags, bounds with length
 *   multiranges int32 count; ranges with length    bits    int32 count, eight to a byte
 *   snapshots   int32 count of those running, int64 for the first, the next and each of the running ones
 *   records     int32 count; per field its OID, its length, its value
 */

import { NUMERIC_NAN, type Numeric } from '../../../models/relational/numeric.ts';
import {
  type Inet,
  type Interval,
  type Jsonb,
  SqlArray,
  SqlRange,
  SqlRecord,
  type TimeTz,
} from '../../../models/relational/values.ts';
import { bytesOfBits } from './bit-strings.ts';
import { labelName } from './enum-labels.ts';
import { bytesOfMac } from './mac-addresses.ts';
import { readSnapshot } from './snapshots.ts';
import { formatText } from './text-form.ts';
import { UTC } from './time-zone.ts';
import { INFINITY_MICROS, MINUS_INFINITY_MICROS } from './timestamptz.ts';
import { type SqlType, type SqlValue, typeInfo } from './types.ts';

/** 2000-01-01 in microseconds and days since 1970. */
export const POSTGRES_EPOCH_MICROS = 946_684_800_000_000n;
export const POSTGRES_EPOCH_DAYS = 10_957;
export const DATE_INFINITY = 2_147_483_647;
export function sinceEpoch(micros: bigint): bigint {
  return micros === INFINITY_MICROS || micros === MINUS_INFINITY_MICROS ? micros : micros - POSTGRES_EPOCH_MICROS;
}

type Value = Exclude<SqlValue, null>;

/** The bytes of a value. */
export function encodeBinary(type: SqlType, value: Value): Buffer {
  switch (type) {
    case 'bool':
      return Buffer.of(value === true ? 1 : 0);
    case 'int2':
      return sized(2, (b) => b.writeInt16BE(value as number));
    case 'int4':
      return sized(4, (b) => b.writeInt32BE(value as number));
    case 'int8':
      return sized(8, (b) => b.writeBigInt64BE(value as bigint));
    case 'xid8':
    case 'pg_lsn':
      return sized(8, (b) => b.writeBigUInt64BE(value as bigint));
    case 'float4':
      return sized(4, (b) => b.writeFloatBE(value as number));
    case 'float8':
      return sized(8, (b) => b.writeDoubleBE(value as number));
    case 'timestamp':
    case 'timestamptz':
      return sized(8, (b) => b.writeBigInt64BE(sinceEpoch(value as bigint)));
    case 'date': {
      const days = value as number;
      const shown = Number.isFinite(days) ? days - POSTGRES_EPOCH_DAYS : days > 0 ? DATE_INFINITY : -DATE_INFINITY - 1;
      return sized(4, (b) => b.writeInt32BE(shown));
    }
    case 'time':
      return sized(8, (b) => b.writeBigInt64BE(BigInt(value as number)));
    case 'timetz':
      return sized(12, (b) => {
        b.writeBigInt64BE(BigInt((value as TimeTz).micros));
        b.writeInt32BE(-(value as TimeTz).offset, 8);
      });
    case 'interval':
      return sized(16, (b) => {
        const { months, days, micros } = value as Interval;
        b.writeBigInt64BE(micros);
        b.writeInt32BE(days, 8);
        b.writeInt32BE(months, 12);
      });
    case 'uuid':
      return Buffer.from((value as string).replaceAll('-', ''), 'hex');
    case 'macaddr':
    case 'macaddr8':
      return bytesOfMac(value as string);
    case 'bit':
    case 'varbit':
      return Buffer.concat([sized(4, (b) => b.writeInt32BE((value as string).length)), bytesOfBits(value as string)]);
    case 'pg_snapshot':
    case 'txid_snapshot': {
      const { xmin, xmax, running } = readSnapshot(value as string);
      return Buffer.concat([
        sized(4, (b) => b.writeInt32BE(running.length)),
        ...[xmin, xmax, ...running].map((xid) => sized(8, (b) => b.writeBigUInt64BE(xid))),
      ]);
    }
    case 'bytea':
      return Buffer.from(value as Uint8Array);
    case 'numeric':
      return encodeNumeric(value as Numeric);
    case 'jsonb':
      return Buffer.concat([Buffer.of(1), Buffer.from((value as Jsonb).text)]);
    case 'jsonpath':
      return Buffer.concat([Buffer.of(1), Buffer.from(value as string)]);
    case 'char':
      return Buffer.of(value === '' ? 0 : (value as string).charCodeAt(0));
    case 'inet':
    case 'cidr': {
      const { bytes, bits } = value as Inet;
      return Buffer.concat([Buffer.of(bytes.length === 4 ? 2 : 3, bits, type === 'cidr' ? 1 : 0, bytes.length), bytes]);
    }
    case 'void':
      return Buffer.alloc(0);
    default:
      return encodeOther(type, value);
  }
}

function encodeOther(type: SqlType, value: Value): Buffer {
  if (typeof value === 'string')
    return Buffer.from(type.startsWith('user:') ? labelName(type, value, undefined) : value);
  if (typeof value === 'number') return sized(4, (b) => b.writeUInt32BE(value));
  if (value instanceof SqlArray) {
    return typeInfo(type).kind === 'm' ? encodeMultirange(value) : encodeArray(value.element, value);
  }
  if (value instanceof SqlRange) return encodeRange(typeInfo(type).element!, value);
  if (value instanceof SqlRecord) {
    const parts: Buffer[] = [sized(4, (b) => b.writeInt32BE(value.values.length))];
    for (let i = 0; i < value.values.length; i++) {
      parts.push(sized(4, (b) => b.writeUInt32BE(typeInfo(value.types[i]!).oid)));
      parts.push(...measured(value.types[i]!, value.values[i]!));
    }
    return Buffer.concat(parts);
  }
  const { base } = typeInfo(type);
  if (base !== undefined) return encodeBinary(base, value);
  return Buffer.from(formatText(type, value, { zone: UTC }));
}

function sized(length: number, write: (bytes: Buffer) => void): Buffer {
  const bytes = Buffer.alloc(length);
  write(bytes);
  return bytes;
}

/** A value behind its length; null is the length -1. */
function measured(type: SqlType, value: SqlValue): Buffer[] {
  if (value === null) return [sized(4, (b) => b.writeInt32BE(-1))];
  const bytes = encodeBinary(type, value);
  return [sized(4, (b) => b.writeInt32BE(bytes.length)), bytes];
}

/** How many ranges, and each behind its length. */
function encodeMultirange({ element, values }: SqlArray): Buffer {
  return Buffer.concat([
    sized(4, (b) => b.writeInt32BE(values.length)),
    ...values.flatMap((range) => measured(element, range)),
  ]);
}

function encodeArray(element: SqlType, { dimensions, lowers, values }: SqlArray): Buffer {
  const head = Buffer.alloc(12 + dimensions.length * 8);
  head.writeInt32BE(dimensions.length, 0);
  head.writeInt32BE(values.includes(null) ? 1 : 0, 4);
  head.writeUInt32BE(typeInfo(element).oid, 8);
  for (let i = 0; i < dimensions.length; i++) {
    head.writeInt32BE(dimensions[i]!, 12 + i * 8);
    head.writeInt32BE(lowers[i]!, 16 + i * 8);
  }
  return Buffer.concat([head, ...values.flatMap((value) => measured(element, value))]);
}

export const RANGE_EMPTY = 1;
export const RANGE_LOWER_INCLUSIVE = 2;
export const RANGE_UPPER_INCLUSIVE = 4;
export const RANGE_LOWER_INFINITE = 8;
export const RANGE_UPPER_INFINITE = 16;

function encodeRange(bound: SqlType, { empty, lower, upper, lowerInclusive, upperInclusive }: SqlRange): Buffer {
  if (empty) return Buffer.of(RANGE_EMPTY);
  let flags = 0;
  if (lowerInclusive) flags |= RANGE_LOWER_INCLUSIVE;
  if (upperInclusive) flags |= RANGE_UPPER_INCLUSIVE;
  if (lower === null) flags |= RANGE_LOWER_INFINITE;
  if (upper === null) flags |= RANGE_UPPER_INFINITE;
  const parts: Buffer[] = [Buffer.of(flags)];
  if (lower !== null) parts.push(...measured(bound, lower));
  if (upper !== null) parts.push(...measured(bound, upper));
  return Buffer.concat(parts);
}

export const SIGN_NEGATIVE = 0x4000;
export const SIGN_NAN = 0xc000;
export const SIGN_INFINITY = 0xd000;
export const SIGN_MINUS_INFINITY = 0xf000;
export const NUMERIC_BASE_DIGITS = 4;

function encodeNumeric(value: Numeric): Buffer {
  if (!value.isFinite) {
    const sign = value === NUMERIC_NAN ? SIGN_NAN : value.sign > 0 ? SIGN_INFINITY : SIGN_MINUS_INFINITY;
    return sized(8, (b) => {
      b.writeUInt16BE(sign, 4);
      // PostgreSQL shows a part of its header here.
      b.writeUInt16BE(sign === SIGN_NAN ? 0 : 0x20, 6);
    });
  }
  const negative = value.digits < 0n;
  const text = (negative ? -value.digits : value.digits).toString();
  // Align the point with a boundary of four digits on both sides.
  const fraction = Math.ceil(value.scale / NUMERIC_BASE_DIGITS) * NUMERIC_BASE_DIGITS;
  let aligned = text.padStart(value.scale, '0') + '0'.repeat(fraction - value.scale);
  aligned = aligned.padStart(Math.ceil(aligned.length / NUMERIC_BASE_DIGITS) * NUMERIC_BASE_DIGITS, '0');
  const groups = aligned.match(/\d{4}/g)?.map(Number) ?? [];
  let weight = groups.length - fraction / NUMERIC_BASE_DIGITS - 1;
  let first = 0;
  while (first < groups.length && groups[first] === 0) {
    first++;
    weight--;
  }
  let end = groups.length;
  while (end > first && groups[end - 1] === 0) end--;
  const kept = groups.slice(first, end);
  const bytes = Buffer.alloc(8 + kept.length * 2);
  bytes.writeInt16BE(kept.length, 0);
  bytes.writeInt16BE(kept.length === 0 ? 0 : weight, 2);
  bytes.writeUInt16BE(negative ? SIGN_NEGATIVE : 0, 4);
  bytes.writeUInt16BE(value.scale, 6);
  for (let i = 0; i < kept.length; i++) bytes.writeInt16BE(kept[i]!, 8 + i * 2);
  return bytes;
}
