/** Commands on strings as arrays of bits, one row each. Source: https://redis.io/docs/latest/commands/?group=bitmap */

import type { Bytes } from '../../base/bytes.ts';
import {
  type Bit,
  type BitFieldOperation,
  type BitFieldType,
  type BitOperation,
  type BitRange,
  bitField,
  combineBits,
  countBits,
  findBit,
  getBit,
  type Overflow,
  setBit,
} from '../../models/keyvalue/bits.ts';
import { parseInt64 } from '../../models/keyvalue/integers.ts';
import { type Argument, type ArgumentCursor, type ArgumentDoc, described, key, keyOfSpec, many } from './arguments.ts';
import { command } from './command.ts';
import { RespError, SYNTAX_ERROR } from './errors.ts';
import { integer, type Reply } from './replies.ts';

const OFFSET_INVALID = 'ERR bit offset is not an integer or out of range';
const TYPE_INVALID = 'ERR Invalid bitfield type. Use something like i16 u8. Note that u64 is not supported but i64 is.';
/** Bits of the longest string. */
const OFFSET_END = 512 * 1024 * 1024 * 8;

const bitOffset: Argument<number> = described(
  [{ name: 'offset', type: 'integer' }],
  (cursor) => offsetWithin(cursor.integerNow(OFFSET_INVALID)),
  { minimum: 1, fixed: true },
);

function offsetWithin(offset: number | bigint): number {
  if (offset < 0 || offset >= OFFSET_END) throw new RespError(OFFSET_INVALID);
  return Number(offset);
}

const bitValue: Argument<Bit> = described(
  [{ name: 'value', type: 'integer' }],
  (cursor) => {
    const message = 'ERR bit is not an integer or out of range';
    const value = cursor.integerNow(message);
    if (value !== 0 && value !== 1) throw new RespError(message);
    return value;
  },
  { minimum: 1, fixed: true },
);

const wantedBit: Argument<Bit> = described(
  [{ name: 'bit', type: 'integer' }],
  (cursor) => {
    const value = cursor.integerNow();
    if (value !== 0 && value !== 1) throw new RespError('ERR The bit argument must be 1 or 0.');
    return value;
  },
  { minimum: 1, fixed: true },
);

const UNIT_DOC: ArgumentDoc = {
  name: 'index_unit',
  type: 'oneof',
  since: '7.0.0',
  flags: ['optional'],
  arguments: [
    { name: 'byte', type: 'pure-token', token: 'BYTE' },
    { name: 'bit', type: 'pure-token', token: 'BIT' },
  ],
};

function unitOf(cursor: ArgumentCursor): BitRange['unit'] {
  if (cursor.remaining === 0 || cursor.takeToken('BYTE')) return 'byte';
  if (cursor.takeToken('BIT')) return 'bit';
  throw new RespError(SYNTAX_ERROR);
}

/** `start end [unit]`, or nothing. */
const countRange: Argument<BitRange | undefined> = described(
  [
    {
      name: 'index',
      type: 'block',
      flags: ['optional'],
      arguments: [{ name: 'start', type: 'integer' }, { name: 'end', type: 'integer' }, UNIT_DOC],
    },
  ],
  (cursor) => {
    if (cursor.remaining === 0) return undefined;
    if (cursor.remaining !== 2 && cursor.remaining !== 3) throw new RespError(SYNTAX_ERROR);
    const first = Number(cursor.integerNow());
    const last = Number(cursor.integerNow());
    return { first, last, unit: unitOf(cursor) };
  },
);

interface FindRange extends BitRange {
  readonly hasEnd: boolean;
}

/** `start [end [unit]]`, or nothing. */
const findRange: Argument<FindRange> = described(
  [
    {
      name: 'index',
      type: 'block',
      flags: ['optional'],
      arguments: [
        { name: 'start', type: 'integer' },
        {
          name: 'end_index',
          type: 'block',
          flags: ['optional'],
          arguments: [{ name: 'end', type: 'integer' }, UNIT_DOC],
        },
      ],
    },
  ],
  (cursor) => {
    if (cursor.remaining > 3) throw new RespError(SYNTAX_ERROR);
    const first = cursor.remaining > 0 ? Number(cursor.integerNow()) : 0;
    const hasEnd = cursor.remaining > 0;
    if (!hasEnd) return { first, last: -1, unit: 'byte', hasEnd };
    const place = cursor.skip();
    const unit = unitOf(cursor);
    const last = Number(cursor.integerAt(place));
    cursor.finishNumbers();
    return { first, last, unit, hasEnd };
  },
);

const OPERATIONS: readonly BitOperation[] = ['AND', 'OR', 'XOR', 'NOT'];

const bitOperation: Argument<BitOperation> = described(
  [{ name: 'operation', type: 'string' }],
  (cursor) => {
    const operation = OPERATIONS.find((token) => cursor.takeToken(token));
    if (operation === undefined) throw new RespError(SYNTAX_ERROR);
    return operation;
  },
  { minimum: 1, fixed: true },
);

function fieldType(text: Bytes): BitFieldType {
  const signed = text[0] === 0x69;
  const bits = signed || text[0] === 0x75 ? parseInt64(text, 1, text.length) : undefined;
  if (bits === undefined || bits < 1 || bits > (signed ? 64 : 63)) throw new RespError(TYPE_INVALID);
  return { signed, bits: Number(bits) };
}

/** A number of bits, or `#` and a number of fields. */
function fieldOffset(text: Bytes, type: BitFieldType): number {
  const counts = text[0] === 0x23;
  const value = parseInt64(text, counts ? 1 : 0, text.length);
  if (value === undefined) throw new RespError(OFFSET_INVALID);
  return offsetWithin(counts ? BigInt(value) * BigInt(type.bits) : value);
}

const ENCODING_AND_OFFSET: readonly ArgumentDoc[] = [
  { name: 'encoding', type: 'string' },
  { name: 'offset', type: 'integer' },
];

const fieldOperations: Argument<readonly BitFieldOperation[]> = described(
  [
    {
      name: 'operation',
      type: 'oneof',
      flags: ['optional', 'multiple'],
      arguments: [
        { name: 'encoding_offset', type: 'block', token: 'GET', arguments: ENCODING_AND_OFFSET },
        {
          name: 'write',
          type: 'block',
          arguments: [
            {
              name: 'wrap_sat_fail',
              type: 'oneof',
              token: 'OVERFLOW',
              flags: ['optional'],
              arguments: [
                { name: 'wrap', type: 'pure-token', token: 'WRAP' },
                { name: 'sat', type: 'pure-token', token: 'SAT' },
                { name: 'fail', type: 'pure-token', token: 'FAIL' },
              ],
            },
            {
              name: 'write_operation',
              type: 'oneof',
              arguments: [
                {
                  name: 'encoding_offset_value',
                  type: 'block',
                  token: 'SET',
                  arguments: [...ENCODING_AND_OFFSET, { name: 'value', type: 'integer' }],
                },
                {
                  name: 'encoding_offset_increment',
                  type: 'block',
                  token: 'INCRBY',
                  arguments: [...ENCODING_AND_OFFSET, { name: 'increment', type: 'integer' }],
                },
              ],
            },
          ],
        },
      ],
    },
  ],
  parseFieldOperations,
);

function parseFieldOperations(cursor: ArgumentCursor): readonly BitFieldOperation[] {
  const operations: BitFieldOperation[] = [];
  let overflow: Overflow = 'WRAP';
  while (cursor.remaining > 0) {
    const left = cursor.remaining - 1;
    if (left >= 2 && cursor.takeToken('GET')) {
      const type = fieldType(cursor.bytes());
      operations.push({ kind: 'get', type, offset: fieldOffset(cursor.bytes(), type) });
    } else if (left >= 1 && cursor.takeToken('OVERFLOW')) {
      const kind = (['WRAP', 'SAT', 'FAIL'] as const).find((token) => cursor.takeToken(token));
      if (kind === undefined) throw new RespError('ERR Invalid OVERFLOW type specified');
      overflow = kind;
    } else {
      const kind =
        left < 3 ? undefined : cursor.takeToken('SET') ? 'set' : cursor.takeToken('INCRBY') ? 'increment' : undefined;
      if (kind === undefined) throw new RespError(SYNTAX_ERROR);
      const type = fieldType(cursor.bytes());
      const offset = fieldOffset(cursor.bytes(), type);
      operations.push({ kind, type, offset, value: BigInt(cursor.integerNow()), overflow });
    }
  }
  return operations;
}

const fieldReads: Argument<readonly BitFieldOperation[]> = described(
  [
    {
      name: 'encoding_offset',
      type: 'block',
      token: 'GET',
      flags: ['optional', 'multiple', 'multiple_token'],
      arguments: ENCODING_AND_OFFSET,
    },
  ],
  (cursor) => {
    const operations = parseFieldOperations(cursor);
    if (operations.some(({ kind }) => kind !== 'get')) {
      throw new RespError('ERR BITFIELD_RO only supports the GET subcommand');
    }
    return operations;
  },
);

const integersOrNil: Reply<readonly (bigint | undefined)[]> = {
  name: 'array of integers or nil',
  write: (writer, values) => {
    writer.array(values.length);
    for (const value of values) {
      if (value === undefined) writer.nil();
      else writer.integer(value);
    }
  },
};

export const bitmapCommands = {
  SETBIT: command({
    summary: 'Sets or clears the bit at offset in the string value stored at key',
    since: '2.2.0',
    group: 'bitmap',
    complexity: 'O(1)',
    flags: ['write', 'denyoom'],
    keyFlags: ['RW', 'access', 'update'],
    args: { key, offset: bitOffset, value: bitValue },
    reply: integer,
    run: (database, { key, offset, value }) => setBit(database, key, offset, value),
  }),
  GETBIT: command({
    summary: 'Returns the bit value at offset in the string value stored at key',
    since: '2.2.0',
    group: 'bitmap',
    complexity: 'O(1)',
    flags: ['readonly', 'fast'],
    keyFlags: ['RO', 'access'],
    args: { key, offset: bitOffset },
    reply: integer,
    run: (database, { key, offset }) => getBit(database, key, offset),
  }),
  BITCOUNT: command({
    summary: 'Count set bits in a string',
    since: '2.6.0',
    group: 'bitmap',
    complexity: 'O(N)',
    flags: ['readonly'],
    keyFlags: ['RO', 'access'],
    history: [['7.0.0', 'Added the `BYTE|BIT` option.']],
    args: { key, range: countRange },
    reply: integer,
    run: (database, { key, range }) => countBits(database, key, range),
  }),
  BITPOS: command({
    summary: 'Find first bit set or clear in a string',
    since: '2.8.7',
    group: 'bitmap',
    complexity: 'O(N)',
    flags: ['readonly'],
    keyFlags: ['RO', 'access'],
    history: [['7.0.0', 'Added the `BYTE|BIT` option.']],
    args: { key, bit: wantedBit, range: findRange },
    reply: integer,
    run: (database, { key, bit, range }) => findBit(database, key, bit, range, range.hasEnd),
  }),
  BITOP: command({
    summary: 'Perform bitwise operations between strings',
    since: '2.6.0',
    group: 'bitmap',
    complexity: 'O(N)',
    flags: ['write', 'denyoom'],
    countsLookups: true,
    keyFlags: [
      ['OW', 'update'],
      ['RO', 'access'],
    ],
    args: { operation: bitOperation, destkey: key, key: many(keyOfSpec(1)) },
    reply: integer,
    run: (database, { operation, destkey, key: sources }) => {
      if (operation === 'NOT' && sources.length !== 1) {
        throw new RespError('ERR BITOP NOT must be called with a single source key.');
      }
      return combineBits(database, operation, destkey, sources);
    },
  }),
  BITFIELD: command({
    summary: 'Perform arbitrary bitfield integer operations on strings',
    since: '3.2.0',
    group: 'bitmap',
    complexity: 'O(1) for each subcommand specified',
    flags: ['write', 'denyoom'],
    keyFlags: ['RW', 'access', 'update', 'variable_flags'],
    keyNotes: 'This command allows both access and modification of the key',
    keyFlagsOf: (words) =>
      words.some((word) => word === 'SET' || word === 'INCRBY') ? ['RW', 'access', 'update'] : ['RO', 'access'],
    args: { key, operations: fieldOperations },
    reply: integersOrNil,
    run: (database, { key, operations }) => bitField(database, key, operations),
  }),
  BITFIELD_RO: command({
    summary: 'Perform arbitrary bitfield integer operations on strings. Read-only variant of BITFIELD',
    since: '6.0.0',
    group: 'bitmap',
    complexity: 'O(1) for each subcommand specified',
    flags: ['readonly', 'fast'],
    keyFlags: ['RO', 'access'],
    args: { key, operations: fieldReads },
    reply: integersOrNil,
    run: (database, { key, operations }) => bitField(database, key, operations),
  }),
};
