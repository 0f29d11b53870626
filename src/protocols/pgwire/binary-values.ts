/**
 * Reads the binary forms of values, as PostgreSQL's `*_recv` functions do: binary-form.ts draws and writes them. Those of one machine
 * word are in field-format.ts too.
 */

import {
  NUMERIC_INFINITY,
  NUMERIC_MINUS_INFINITY,
  NUMERIC_NAN,
  NUMERIC_SCALE_MAX,
  Numeric,
} from '../../models/relational/numeric.ts';
import { EMPTY_RANGE, Inet, Interval, SqlArray, SqlRange, SqlRecord, TimeTz } from '../../models/relational/values.ts';
import { notSupported, SqlError } from '../../query/sql/sql-error.ts';
import { ARRAY_DIMENSIONS_MAX, arrayFrom, countOf, tooManyDimensions } from '../../query/sql/types/array-bounds.ts';
import {
  DATE_INFINITY,
  NUMERIC_BASE_DIGITS,
  POSTGRES_EPOCH_DAYS,
  POSTGRES_EPOCH_MICROS,
  RANGE_EMPTY,
  RANGE_LOWER_INCLUSIVE,
  RANGE_LOWER_INFINITE,
  RANGE_UPPER_INCLUSIVE,
  RANGE_UPPER_INFINITE,
  SIGN_INFINITY,
  SIGN_MINUS_INFINITY,
  SIGN_NAN,
  SIGN_NEGATIVE,
} from '../../query/sql/types/binary-form.ts';
import { bitsOfBytes } from '../../query/sql/types/bit-strings.ts';
import { parseJsonPath, printJsonPath } from '../../query/sql/types/json-path.ts';
import { parseJsonb } from '../../query/sql/types/json-value.ts';
import { formatMac } from '../../query/sql/types/mac-addresses.ts';
import { applyModifier } from '../../query/sql/types/modifiers.ts';
import { multirange } from '../../query/sql/types/multiranges.ts';
import { isNetwork } from '../../query/sql/types/network.ts';
import { canonicalRange } from '../../query/sql/types/ranges.ts';
import { formatSnapshot, parseSnapshot } from '../../query/sql/types/snapshots.ts';
import { parseText } from '../../query/sql/types/text-form.ts';
import {
  checkedDate,
  checkedTimestamp,
  INFINITY_MICROS,
  isInfinite,
  MINUS_INFINITY_MICROS,
  type TimeContext,
} from '../../query/sql/types/timestamptz.ts';
import { domainCheckOf, type SqlType, type SqlValue, typeInfo, typeOfOid } from '../../query/sql/types/types.ts';
import { utf8Text } from './frame-reader.ts';

/** Seconds. */
const OFFSET_END = 16 * 3_600;

function fromEpoch(micros: bigint): bigint {
  return micros === INFINITY_MICROS || micros === MINUS_INFINITY_MICROS ? micros : micros + POSTGRES_EPOCH_MICROS;
}

/** Object ids below mean the same on all servers (PostgreSQL's FirstGenbkiObjectId). */
const BUILT_IN_OIDS_END = 10_000;

/** What lacks bytes, and what a range has left over, are errors of the protocol to PostgreSQL; the rest is of the value. */
export function tooShort(message = 'insufficient data left in message'): SqlError {
  return new SqlError('protocol_violation', message);
}

function malformed(message: string): SqlError {
  return new SqlError('invalid_binary_representation', message);
}

/**
 * @param excess What to say of bytes that are left.
 * @throws SqlError `invalid_binary_representation`, `protocol_violation` when bytes are missing.
 */
export function decodeBinary(type: SqlType, bytes: Buffer, context: TimeContext, excess: string): SqlValue {
  const reader = new Reader(bytes, context);
  const value = reader.value(type, bytes.length);
  reader.end(type, excess);
  return value;
}

class Reader {
  readonly #bytes: Buffer;
  readonly #context: TimeContext;
  #at = 0;
  /** Where the value ends that is read, which may be a part of another. */
  #end: number;

  constructor(bytes: Buffer, context: TimeContext) {
    this.#bytes = bytes;
    this.#context = context;
    this.#end = bytes.length;
  }

  /** @param excess What to say of bytes that are left. */
  end(type: SqlType, excess: string): void {
    if (this.#at === this.#end) return;
    const { kind } = typeInfo(type);
    throw kind === 'r' || kind === 'm' ? tooShort('invalid message format') : malformed(excess);
  }

  #take(length: number): number {
    const at = this.#at;
    if (length < 0 || at + length > this.#end) {
      throw tooShort();
    }
    this.#at = at + length;
    return at;
  }

  #byte(): number {
    if (this.#at === this.#end) throw tooShort('no data left in message');
    return this.#bytes[this.#take(1)]!;
  }

  #int32(): number {
    return this.#bytes.readInt32BE(this.#take(4));
  }

  #text(length: number): string {
    const at = this.#take(length);
    const text = utf8Text(this.#bytes.subarray(at, at + length));
    if (text.includes('\0')) {
      throw new SqlError('character_not_in_repertoire', 'invalid byte sequence for encoding "UTF8": 0x00');
    }
    return text;
  }

  /** @param length Of the value. */
  value(type: SqlType, length: number): SqlValue {
    const bytes = this.#bytes;
    switch (type) {
      case 'bool':
        return this.#byte() !== 0;
      case 'int2':
        return bytes.readInt16BE(this.#take(2));
      case 'int4':
        return this.#int32();
      case 'int8':
        return bytes.readBigInt64BE(this.#take(8));
      case 'float4':
        return bytes.readFloatBE(this.#take(4));
      case 'float8':
        return bytes.readDoubleBE(this.#take(8));
      case 'timestamp':
      case 'timestamptz': {
        const micros = fromEpoch(bytes.readBigInt64BE(this.#take(8)));
        return isInfinite(micros) ? micros : checkedTimestamp(micros);
      }
      case 'date': {
        const days = this.#int32();
        if (days === DATE_INFINITY) return Number.POSITIVE_INFINITY;
        return days === -DATE_INFINITY - 1 ? Number.NEGATIVE_INFINITY : checkedDate(days + POSTGRES_EPOCH_DAYS);
      }
      case 'time':
        return this.#timeOfDay();
      case 'timetz':
        return this.#timeTz();
      case 'interval': {
        const micros = bytes.readBigInt64BE(this.#take(8));
        const days = this.#int32();
        return new Interval(this.#int32(), days, micros);
      }
      case 'xid8':
      case 'pg_lsn':
        return bytes.readBigUInt64BE(this.#take(8));
      case 'macaddr':
      case 'macaddr8': {
        // Of eight bytes those in the middle may be left out.
        const size = type === 'macaddr' || length === 6 ? 6 : 8;
        const at = this.#take(size);
        const mac = formatMac(bytes.subarray(at, at + size));
        return type === 'macaddr' ? mac : parseText(type, mac, this.#context);
      }
      case 'bit':
      case 'varbit':
        return this.#bits();
      case 'pg_snapshot':
      case 'txid_snapshot':
        return this.#snapshot();
      case 'uuid': {
        const at = this.#take(16);
        return parseText('uuid', bytes.toString('hex', at, at + 16), this.#context);
      }
      case 'bytea': {
        const at = this.#take(length);
        return Uint8Array.prototype.slice.call(bytes, at, at + length);
      }
      case 'numeric':
        return this.#numeric();
      case 'jsonb': {
        const version = this.#byte();
        if (version !== 1) throw malformed(`unsupported jsonb version number ${version}`);
        return parseJsonb(this.#text(length - 1));
      }
      case 'jsonpath': {
        const version = this.#byte();
        if (version !== 1) throw malformed(`unsupported jsonpath version number: ${version}`);
        return printJsonPath(parseJsonPath(this.#text(length - 1)));
      }
      case 'char':
        return String.fromCharCode(this.#byte()).replace('\0', '');
      case 'inet':
      case 'cidr':
        return this.#inet(type);
      default:
        return this.#other(type, length);
    }
  }

  #timeOfDay(): number {
    const micros = Number(this.#bytes.readBigInt64BE(this.#take(8)));
    if (micros < 0 || micros > 86_400_000_000) throw new SqlError('datetime_field_overflow', 'time out of range');
    return micros;
  }

  #timeTz(): TimeTz {
    const micros = this.#timeOfDay();
    const offset = -this.#int32();
    if (Math.abs(offset) < OFFSET_END) return new TimeTz(micros, offset);
    throw new SqlError('invalid_time_zone_displacement_value', 'time zone displacement out of range');
  }

  #other(type: SqlType, length: number): SqlValue {
    const info = typeInfo(type);
    if (info.base !== undefined) {
      const value = applyModifier(info.base, info.modifier ?? -1, this.value(info.base, length), false);
      info.check?.(value, this.#context);
      return value;
    }
    if (info.category === 'A') return this.#array(info.element!);
    if (info.kind === 'r') return this.#range(type, info.element!);
    if (info.kind === 'm') return this.#multirange(info.element!);
    if (info.fields !== undefined) {
      const count = this.#int32();
      const types = info.fields.map((field) => field.type);
      if (count !== types.length) {
        throw new SqlError('datatype_mismatch', `wrong number of columns: ${count}, expected ${types.length}`);
      }
      const values = types.map((field, i) => {
        this.#expectType(field, '', ` in record column ${i + 1}`);
        return this.#part(field, `record column ${i + 1}`);
      });
      return new SqlRecord(types as SqlRecord['types'], values);
    }
    if (type === 'oid' || type === 'xid' || type.startsWith('reg')) return this.#bytes.readUInt32BE(this.#take(4));
    if (info.kind === 'p' && type !== 'unknown') throw notSupported(`the binary format of type ${info.title}`);
    return parseText(type, this.#text(length), this.#context);
  }

  /** An element or field: null where its length is -1. @param what It is, for the error. */
  #part(type: SqlType, what: string): SqlValue {
    const length = this.#int32();
    if (length === -1) {
      domainCheckOf(type)?.(null, this.#context);
      return null;
    }
    if (length < 0 || length > this.#end - this.#at) throw malformed('insufficient data left in message');
    return this.#within(type, length, `improper binary format in ${what}`);
  }

  /** A bound, or a range of several. */
  #measured(type: SqlType): SqlValue {
    const length = this.#int32();
    if (length < 0 || length > this.#end - this.#at) throw tooShort();
    return this.#within(type, length, undefined);
  }

  /** The value in the next bytes. @param excess What to say of those that it leaves; undefined: nothing. */
  #within(type: SqlType, length: number, excess: string | undefined): SqlValue {
    const around = this.#end;
    this.#end = this.#at + length;
    const value = this.value(type, length);
    if (excess !== undefined) this.end(type, excess);
    this.#at = this.#end;
    this.#end = around;
    return value;
  }

  /**
   * Reads the type that the sender names. Only those of types that every server has must be right: who sends values of others
   * may name what they are made of, the base type of a domain for example.
   */
  #expectType(expected: SqlType, what: string, where: string): void {
    const oid = this.#bytes.readUInt32BE(this.#take(4));
    const { oid: expectedOid, title } = typeInfo(expected);
    if (oid === expectedOid || oid >= BUILT_IN_OIDS_END || expectedOid >= BUILT_IN_OIDS_END) return;
    const type = typeOfOid(oid);
    const sent = type === undefined ? '???' : typeInfo(type).title;
    throw new SqlError(
      'datatype_mismatch',
      `binary data has ${what}type ${oid} (${sent}) instead of expected ${expectedOid} (${title})${where}`,
    );
  }

  #array(element: SqlType): SqlArray {
    const count = this.#int32();
    if (count < 0) throw malformed(`invalid number of dimensions: ${count}`);
    if (count > ARRAY_DIMENSIONS_MAX) throw tooManyDimensions(count);
    const flags = this.#int32();
    if (flags !== 0 && flags !== 1) throw malformed('invalid array flags');
    this.#expectType(element, 'array element ', '');
    const dimensions: number[] = [];
    const lowers: number[] = [];
    for (let i = 0; i < count; i++) {
      dimensions.push(this.#int32());
      lowers.push(this.#int32());
    }
    const length = count === 0 ? 0 : countOf(dimensions);
    const values: SqlValue[] = [];
    for (let i = 0; i < length; i++) values.push(this.#part(element, `array element ${i + 1}`));
    if (length === 0) return new SqlArray(element as SqlArray['element'], []);
    return arrayFrom(element as SqlArray['element'], values, dimensions, lowers);
  }

  #range(type: SqlType, bound: SqlType): SqlRange {
    const flags = this.#byte();
    if ((flags & RANGE_EMPTY) !== 0) return EMPTY_RANGE;
    const lower = (flags & RANGE_LOWER_INFINITE) === 0 ? this.#measured(bound) : null;
    const upper = (flags & RANGE_UPPER_INFINITE) === 0 ? this.#measured(bound) : null;
    const range = new SqlRange(
      lower,
      upper,
      (flags & RANGE_LOWER_INCLUSIVE) !== 0,
      (flags & RANGE_UPPER_INCLUSIVE) !== 0,
    );
    return canonicalRange(type, range);
  }

  #multirange(type: SqlType): SqlArray {
    const count = this.#int32();
    const ranges: SqlRange[] = [];
    for (let i = 0; i < count; i++) {
      ranges.push(this.#measured(type) as SqlRange);
    }
    return multirange(type, ranges);
  }

  #bits(): string {
    const count = this.#int32();
    if (count < 0) throw malformed('invalid length in external bit string');
    const size = Math.ceil(count / 8);
    const at = this.#take(size);
    return bitsOfBytes(this.#bytes.subarray(at, at + size), count);
  }

  #snapshot(): SqlValue {
    const count = this.#int32();
    const xid = (): bigint => this.#bytes.readBigUInt64BE(this.#take(8));
    const [xmin, xmax] = [xid(), xid()];
    const running: bigint[] = [];
    for (let i = 0; i < count; i++) running.push(xid());
    return parseSnapshot(formatSnapshot({ xmin, xmax, running }));
  }

  #inet(type: 'inet' | 'cidr'): Inet {
    const at = this.#take(4);
    const [family, bits, , length] = [...this.#bytes.subarray(at, at + 4)] as [number, number, number, number];
    const size = family === 2 ? 4 : 16;
    const wrong =
      family !== 2 && family !== 3
        ? 'address family'
        : bits > size * 8
          ? 'bits'
          : length !== size
            ? 'length'
            : undefined;
    if (wrong !== undefined) throw malformed(`invalid ${wrong} in external "${type}" value`);
    const start = this.#take(length);
    const address = new Inet(Uint8Array.prototype.slice.call(this.#bytes, start, start + length), bits);
    if (type === 'cidr' && !isNetwork(address)) {
      const detail = 'Value has bits set to right of mask.';
      throw new SqlError('invalid_binary_representation', 'invalid external "cidr" value', { detail });
    }
    return address;
  }

  #numeric(): Numeric {
    const at = this.#take(8);
    const count = this.#bytes.readUInt16BE(at);
    const weight = this.#bytes.readInt16BE(at + 2);
    const sign = this.#bytes.readUInt16BE(at + 4);
    const scale = this.#bytes.readUInt16BE(at + 6);
    const groups = Array.from({ length: count }, () => this.#bytes.readInt16BE(this.#take(2)));
    switch (sign) {
      case SIGN_NAN:
        return NUMERIC_NAN;
      case SIGN_INFINITY:
        return NUMERIC_INFINITY;
      case SIGN_MINUS_INFINITY:
        return NUMERIC_MINUS_INFINITY;
      case 0:
      case SIGN_NEGATIVE:
        break;
      default:
        throw malformed('invalid sign in external "numeric" value');
    }
    if (scale > NUMERIC_SCALE_MAX) throw malformed('invalid scale in external "numeric" value');
    let digits = 0n;
    for (const group of groups) {
      if (group < 0 || group > 9_999) throw malformed('invalid digit in external "numeric" value');
      digits = digits * 10_000n + BigInt(group);
    }
    // Digits stand for multiples of 10,000^(weight - count + 1): bring them to the scale, cutting what is beyond it.
    const shift = (weight - count + 1) * NUMERIC_BASE_DIGITS + scale;
    digits = shift >= 0 ? digits * 10n ** BigInt(shift) : digits / 10n ** BigInt(-shift);
    return new Numeric(sign === 0 ? digits : -digits, scale);
  }
}
