/**
 * Protobuf messages as data: a table of fields per message, one encoder and one decoder for all.
 *
 *   export const RegionEpoch = message({ confVer: u64(1), version: u64(2) });
 *   export type RegionEpoch = Decoded<typeof RegionEpoch>;
 *
 * proto3 rules: a scalar of value zero is not written and reads back as zero; nested messages and members of a oneof
 * have presence (`undefined` when absent); fields of unknown numbers are skipped, unknown enum numbers kept; repeated
 * numbers are written packed and read both ways; the last of several occurrences of a scalar counts. 64-bit integers
 * are `bigint`. Not here: maps, floats, fixed-width numbers and extensions, which no message of ours uses.
 */

import { ProtobufError, Reader } from './reader.ts';
import { Writer } from './writer.ts';

type Kind = 'u64' | 'i64' | 'u32' | 'i32' | 'bool' | 'bytes' | 'string' | 'message';

/** `D` is what decoding yields, `I` what encoding accepts. */
export interface Field<D, I> {
  readonly number: number;
  readonly kind: Kind;
  readonly repeated: boolean;
  /** Whether zero is written and absence reads as undefined. */
  readonly presence: boolean;
  readonly type?: () => AnyMessage;
  /** Carries the types; never set. */
  readonly types?: (init: I) => D;
}

type AnyField = Field<unknown, never>;
export type Fields = Readonly<Record<string, AnyField>>;
type AnyMessage = MessageType<Fields>;

type DecodedFields<F> = { -readonly [K in keyof F]: F[K] extends Field<infer D, never> ? D : never };
type InitFields<F> = {
  readonly [K in keyof F]?: F[K] extends { readonly types?: (init: infer I) => unknown } ? I | undefined : never;
};

/** What decoding a message yields: every field present. */
export type Decoded<M> = M extends MessageType<infer F> ? DecodedFields<F> : never;
/** What encoding a message accepts: any of its fields. */
export type Init<M> = M extends MessageType<infer F> ? InitFields<F> : never;

const scalar =
  <T>(kind: Kind) =>
  (number: number): Field<T, T> => ({ number, kind, repeated: false, presence: false });
const repeatedScalar =
  <T>(kind: Kind) =>
  (number: number): Field<readonly T[], readonly T[]> => ({ number, kind, repeated: true, presence: false });

export const u64 = scalar<bigint>('u64');
export const i64 = scalar<bigint>('i64');
export const u32 = scalar<number>('u32');
export const i32 = scalar<number>('i32');
export const bool = scalar<boolean>('bool');
/** Decoded byte strings are views of the input. */
export const bytes = (number: number): Field<Buffer, Uint8Array> => ({
  number,
  kind: 'bytes',
  repeated: false,
  presence: false,
});
export const string = scalar<string>('string');
/** Enums are numbers; the names are constants beside the message. */
export const enumeration = i32;
/** A number in a oneof: zero is written too. */
export const oneofU32 = (number: number): Field<number | undefined, number> => ({
  number,
  kind: 'u32',
  repeated: false,
  presence: true,
});
export const repeatedU64 = repeatedScalar<bigint>('u64');
export const repeatedBool = repeatedScalar<boolean>('bool');
export const repeatedEnumeration = repeatedScalar<number>('i32');
export const repeatedString = repeatedScalar<string>('string');
export const repeatedBytes = (number: number): Field<readonly Buffer[], readonly Uint8Array[]> => ({
  number,
  kind: 'bytes',
  repeated: true,
  presence: false,
});

export function nested<F extends Fields>(
  number: number,
  type: MessageType<F>,
): Field<DecodedFields<F> | undefined, InitFields<F>> {
  return { number, kind: 'message', repeated: false, presence: true, type: () => type as unknown as AnyMessage };
}

export function repeated<F extends Fields>(
  number: number,
  type: MessageType<F>,
): Field<readonly DecodedFields<F>[], readonly InitFields<F>[]> {
  return { number, kind: 'message', repeated: true, presence: false, type: () => type as unknown as AnyMessage };
}

export function message<F extends Fields>(fields: F): MessageType<F> {
  return new MessageType(fields);
}

interface Slot {
  readonly name: string;
  readonly number: number;
  readonly kind: Kind;
  readonly repeated: boolean;
  readonly presence: boolean;
  /** Field number and wire type as written; for repeated numbers the packed one. */
  readonly tag: number;
  readonly type: (() => AnyMessage) | undefined;
}

const VARINT = 0;
const DELIMITED = 2;

const EMPTY_BUFFER = Buffer.alloc(0);
const EMPTY_LIST: readonly never[] = Object.freeze([]);

const ZERO: Readonly<Record<Kind, unknown>> = {
  u64: 0n,
  i64: 0n,
  u32: 0,
  i32: 0,
  bool: false,
  bytes: EMPTY_BUFFER,
  string: '',
  message: undefined,
};

const writer = new Writer();

export class MessageType<F extends Fields> {
  readonly fields: F;
  readonly #slots: readonly Slot[];
  readonly #byNumber: readonly (Slot | undefined)[];
  /** One shape for all decoded messages of the type. */
  readonly #empty: Record<string, unknown>;

  constructor(fields: F) {
    this.fields = fields;
    this.#slots = Object.entries(fields)
      .map(([name, field]) => slotOf(name, field))
      .sort((a, b) => a.number - b.number);
    const byNumber: (Slot | undefined)[] = [];
    const empty: Record<string, unknown> = {};
    for (const slot of this.#slots) {
      if (byNumber[slot.number] !== undefined) throw new ProtobufError(`field number ${slot.number} is given twice`);
      byNumber[slot.number] = slot;
      empty[slot.name] = slot.repeated ? EMPTY_LIST : slot.presence ? undefined : ZERO[slot.kind];
    }
    this.#byNumber = byNumber;
    this.#empty = empty;
  }

  encode(init: InitFields<F>): Buffer {
    try {
      this.encodeTo(writer, init);
      return writer.finish();
    } catch (error) {
      writer.reset();
      throw error;
    }
  }

  encodeTo(to: Writer, init: InitFields<F>): void {
    const values = init as Readonly<Record<string, unknown>>;
    for (const slot of this.#slots) {
      const value = values[slot.name];
      if (value === undefined) continue;
      if (slot.repeated) writeRepeated(to, slot, value as readonly unknown[]);
      else writeSingle(to, slot, value, slot.presence);
    }
  }

  /** @throws ProtobufError when the bytes are no message of this type. */
  decode(bytes: Uint8Array): DecodedFields<F> {
    return this.decodeFrom(new Reader(bytes));
  }

  /** Reads up to the reader's end. */
  decodeFrom(from: Reader): DecodedFields<F> {
    const values = { ...this.#empty };
    while (from.at < from.end) {
      const tag = from.uint32();
      const slot = this.#byNumber[tag >>> 3];
      const wireType = tag & 7;
      if (slot === undefined) from.skip(wireType);
      else if (slot.repeated) readRepeated(from, slot, wireType, values);
      else values[slot.name] = readSingle(from, slot, wireType);
    }
    return values as DecodedFields<F>;
  }

  /** The message with nothing set. */
  empty(): DecodedFields<F> {
    return { ...this.#empty } as DecodedFields<F>;
  }
}

function slotOf(name: string, field: AnyField): Slot {
  const { number, kind, repeated, presence, type } = field;
  const delimited = kind === 'bytes' || kind === 'string' || kind === 'message' || repeated;
  return { name, number, kind, repeated, presence, type, tag: (number << 3) | (delimited ? DELIMITED : VARINT) };
}

function writeSingle(to: Writer, slot: Slot, value: unknown, zeroToo: boolean): void {
  switch (slot.kind) {
    case 'u64':
    case 'i64':
      if (value === 0n && !zeroToo) return;
      to.uint32(slot.tag);
      to.uint64(value as bigint);
      return;
    case 'u32':
      if (value === 0 && !zeroToo) return;
      to.uint32(slot.tag);
      to.uint32(value as number);
      return;
    case 'i32':
      if (value === 0 && !zeroToo) return;
      to.uint32(slot.tag);
      to.int32(value as number);
      return;
    case 'bool':
      if (value === false && !zeroToo) return;
      to.uint32(slot.tag);
      to.uint32(value === true ? 1 : 0);
      return;
    case 'bytes':
      if ((value as Uint8Array).length === 0 && !zeroToo) return;
      to.uint32(slot.tag);
      to.bytes(value as Uint8Array);
      return;
    case 'string':
      if (value === '' && !zeroToo) return;
      to.uint32(slot.tag);
      to.string(value as string);
      return;
    case 'message': {
      to.uint32(slot.tag);
      const start = to.begin();
      slot.type!().encodeTo(to, value as Readonly<Record<string, never>>);
      to.end(start);
    }
  }
}

function writeRepeated(to: Writer, slot: Slot, values: readonly unknown[]): void {
  if (values.length === 0) return;
  if (slot.kind === 'bytes' || slot.kind === 'string' || slot.kind === 'message') {
    for (const value of values) writeSingle(to, slot, value, true);
    return;
  }
  to.uint32(slot.tag);
  const start = to.begin();
  for (const value of values) {
    if (slot.kind === 'u64' || slot.kind === 'i64') to.uint64(value as bigint);
    else if (slot.kind === 'bool') to.uint32(value === true ? 1 : 0);
    else to.int32(value as number);
  }
  to.end(start);
}

function readSingle(from: Reader, slot: Slot, wireType: number): unknown {
  const expected = slot.kind === 'bytes' || slot.kind === 'string' || slot.kind === 'message' ? DELIMITED : VARINT;
  if (wireType !== expected) throw new ProtobufError(`field ${slot.name} has wire type ${wireType}`);
  return readValue(from, slot);
}

function readValue(from: Reader, slot: Slot): unknown {
  switch (slot.kind) {
    case 'u64':
      return from.uint64();
    case 'i64':
      return from.int64();
    case 'u32':
      return from.uint32();
    case 'i32':
      return from.uint32() | 0;
    case 'bool':
      return from.bool();
    case 'bytes':
      return from.bytes();
    case 'string':
      return from.string();
    case 'message': {
      const outer = from.enter();
      const value = slot.type!().decodeFrom(from);
      from.end = outer;
      return value;
    }
  }
}

function readRepeated(from: Reader, slot: Slot, wireType: number, values: Record<string, unknown>): void {
  let list = values[slot.name] as unknown[];
  if ((list as unknown) === EMPTY_LIST) {
    list = [];
    values[slot.name] = list;
  }
  const packable = slot.kind !== 'bytes' && slot.kind !== 'string' && slot.kind !== 'message';
  if (packable && wireType === DELIMITED) {
    const outer = from.enter();
    while (from.at < from.end) list.push(readValue(from, slot));
    from.end = outer;
  } else {
    list.push(readSingle(from, slot, wireType));
  }
}
