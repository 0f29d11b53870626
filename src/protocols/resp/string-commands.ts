/** The string commands, one row each. Source: https://redis.io/docs/latest/commands/?group=string */

import { type Awaitable, isPromise, whenReady } from '../../base/awaitable.ts';
import { type Bytes, EMPTY_BYTES } from '../../base/bytes.ts';
import { hasCode, OperationError } from '../../base/errors.ts';
import type { Database } from '../../models/keyvalue/database.ts';
import { INT64_MAX, INT64_MIN, parseInt64 } from '../../models/keyvalue/integers.ts';
import { type CommonSubsequence, longestCommonSubsequence } from '../../models/keyvalue/lcs.ts';
import {
  append,
  getAndDelete,
  getAndExpire,
  getRange,
  getString,
  getStringOrAbsent,
  incrementBy,
  incrementByFloat,
  lengthOf,
  putAllIfAbsent,
  putString,
  putStrings,
  type SetOptions,
  type SetOutcome,
  setRange,
  setString,
} from '../../models/keyvalue/strings.ts';
import { asExpiry, type ExpiryMs, NEVER, STRING_BYTES_MAX } from '../../models/keyvalue/values.ts';
import {
  type Argument,
  type ArgumentDoc,
  anyOrder,
  bytes,
  type Chosen,
  choice,
  described,
  flag,
  integer as integerArgument,
  key,
  keyAndValue,
  many,
  withInteger,
} from './arguments.ts';
import { command } from './command.ts';
import { NOT_AN_INTEGER, RespError, SYNTAX_ERROR } from './errors.ts';
import { arrayOfBulkOrNil, bulk, bulkOrNil, integer, ok, type Reply, zeroOrOne } from './replies.ts';

const setOptions = anyOrder({
  condition: choice({ NX: flag('nx', 'NX'), XX: flag('xx', 'XX') }, '2.6.12'),
  get: choice({ GET: flag('get', 'GET', '6.2.0') }),
  expiration: choice({
    EX: withInteger('seconds', 'EX', 'integer', '2.6.12'),
    PX: withInteger('milliseconds', 'PX', 'integer', '2.6.12'),
    EXAT: withInteger('unix-time-seconds', 'EXAT', 'unix-time', '6.2.0'),
    PXAT: withInteger('unix-time-milliseconds', 'PXAT', 'unix-time', '6.2.0'),
    KEEPTTL: flag('keepttl', 'KEEPTTL', '6.0.0'),
  }),
});

type Expiration = Chosen<'EX' | 'PX' | 'EXAT' | 'PXAT' | 'KEEPTTL'>;

/** OK or nil; with GET the previous value or nil. */
const setReply: Reply<SetOutcome & { readonly wantsPrevious: boolean }> = {
  name: 'OK, bulk string or nil',
  write: (writer, outcome) => {
    if (outcome.wantsPrevious) bulkOrNil.write(writer, outcome.previous);
    else if (outcome.written) writer.simple('OK');
    else writer.nil();
  },
};

/** What GETEX does with the expiry; its number is looked at only when there is a string. */
interface GetExpiration {
  readonly token: 'EX' | 'PX' | 'EXAT' | 'PXAT' | 'PERSIST';
  readonly value: Bytes | undefined;
}

const GET_EXPIRATION_TOKENS = ['EX', 'PX', 'EXAT', 'PXAT'] as const;

const getExpiration: Argument<GetExpiration | undefined> = described(
  [
    {
      name: 'expiration',
      type: 'oneof',
      flags: ['optional'],
      arguments: [
        { name: 'seconds', type: 'integer', token: 'EX' },
        { name: 'milliseconds', type: 'integer', token: 'PX' },
        { name: 'unix-time-seconds', type: 'unix-time', token: 'EXAT' },
        { name: 'unix-time-milliseconds', type: 'unix-time', token: 'PXAT' },
        { name: 'persist', type: 'pure-token', token: 'PERSIST' },
      ],
    },
  ],
  (cursor) => {
    let chosen: GetExpiration | undefined;
    while (cursor.remaining > 0) {
      let next: GetExpiration | undefined;
      if (cursor.takeToken('PERSIST')) next = { token: 'PERSIST', value: undefined };
      else {
        const token = GET_EXPIRATION_TOKENS.find((candidate) => cursor.takeToken(candidate));
        if (token !== undefined) next = { token, value: cursor.bytes() };
      }
      if (next === undefined || (chosen !== undefined && chosen.token !== next.token)) {
        throw new RespError(SYNTAX_ERROR);
      }
      chosen = next;
    }
    return chosen;
  },
);

function newExpiry(chosen: GetExpiration | undefined, nowMs: number): number | undefined {
  if (chosen === undefined) return undefined;
  if (chosen.token === 'PERSIST' || chosen.value === undefined) return NEVER;
  const value = parseInt64(chosen.value, 0, chosen.value.length);
  if (value === undefined) throw new RespError(NOT_AN_INTEGER);
  return expiryOption({ token: chosen.token, value }, nowMs, 'getex') as number;
}

const double: Argument<Bytes> = { ...bytes, docs: (name) => [{ name, type: 'double' }] };

interface LcsOptions {
  readonly wants: 'bytes' | 'length' | 'ranges';
  readonly lengthMin: number | bigint;
  readonly withLengths: boolean;
}

const LCS_DOCS: readonly ArgumentDoc[] = [
  { name: 'len', type: 'pure-token', token: 'LEN', flags: ['optional'] },
  { name: 'idx', type: 'pure-token', token: 'IDX', flags: ['optional'] },
  { name: 'len', type: 'integer', token: 'MINMATCHLEN', flags: ['optional'] },
  { name: 'withmatchlen', type: 'pure-token', token: 'WITHMATCHLEN', flags: ['optional'] },
];

const lcsOptions: Argument<LcsOptions> = described(LCS_DOCS, (cursor) => {
  let wantsLength = false;
  let wantsRanges = false;
  let withLengths = false;
  let lengthMin: number | bigint = 0;
  while (cursor.remaining > 0) {
    if (cursor.takeToken('IDX')) wantsRanges = true;
    else if (cursor.takeToken('LEN')) wantsLength = true;
    else if (cursor.takeToken('WITHMATCHLEN')) withLengths = true;
    else if (cursor.remaining > 1 && cursor.takeToken('MINMATCHLEN')) lengthMin = cursor.integerNow();
    else throw new RespError(SYNTAX_ERROR);
  }
  if (wantsLength && wantsRanges) {
    throw new RespError('ERR If you want both the length and indexes, please just use IDX.');
  }
  return { wants: wantsRanges ? 'ranges' : wantsLength ? 'length' : 'bytes', lengthMin, withLengths };
});

const lcsReply: Reply<CommonSubsequence & LcsOptions> = {
  name: 'bulk string, integer or map',
  write: (writer, { wants, length, bytes: common, ranges, lengthMin, withLengths }) => {
    if (wants === 'bytes') {
      writer.bulk(common);
      return;
    }
    if (wants === 'length') {
      writer.integer(length);
      return;
    }
    const shown = ranges.filter((range) => range.length >= lengthMin);
    writer.map(2);
    writer.text('matches');
    writer.array(shown.length);
    for (const range of shown) {
      writer.array(withLengths ? 3 : 2);
      for (const [first, last] of [range.a, range.b]) {
        writer.array(2);
        writer.integer(first);
        writer.integer(last);
      }
      if (withLengths) writer.integer(range.length);
    }
    writer.text('len');
    writer.integer(length);
  },
};

const NOT_STRINGS = 'ERR The specified keys must contain string values';

const PLAIN_SET = { written: true, previous: undefined, wantsPrevious: false };

export const stringCommands = {
  GET: command({
    summary: 'Get the value of a key',
    since: '1.0.0',
    group: 'string',
    complexity: 'O(1)',
    flags: ['readonly', 'fast'],
    keyFlags: ['RO', 'access'],
    args: { key },
    reply: bulkOrNil,
    run: (database, { key }) => getString(database, key),
  }),
  SET: command({
    summary: 'Set the string value of a key',
    since: '1.0.0',
    group: 'string',
    complexity: 'O(1)',
    flags: ['write', 'denyoom'],
    keyFlags: ['RW', 'access', 'update', 'variable_flags'],
    keyNotes: 'RW and ACCESS due to the optional `GET` argument',
    keyFlagsOf: (words) => (words.slice(3).includes('GET') ? ['RW', 'access', 'update'] : ['OW', 'update']),
    history: [
      ['2.6.12', 'Added the `EX`, `PX`, `NX` and `XX` options.'],
      ['6.0.0', 'Added the `KEEPTTL` option.'],
      ['6.2.0', 'Added the `GET`, `EXAT` and `PXAT` option.'],
      ['7.0.0', 'Allowed the `NX` and `GET` options to be used together.'],
    ],
    args: { key, value: bytes, options: setOptions },
    reply: setReply,
    run: (database, { key, value, options: { condition, get, expiration } }) => {
      if (condition === undefined && get === undefined && expiration === undefined) {
        return whenReady(putString(database, key, value), () => PLAIN_SET);
      }
      const options: SetOptions = {
        condition: condition === undefined ? 'always' : condition.token === 'NX' ? 'ifAbsent' : 'ifPresent',
        expiresAtMs: expiryOption(expiration, database.nowMs, 'set'),
        returnPrevious: get !== undefined,
      };
      return whenReady(setString(database, key, value, options), (outcome) => ({
        ...outcome,
        wantsPrevious: get !== undefined,
      }));
    },
  }),
  MGET: command({
    summary: 'Get the values of all the given keys',
    since: '1.0.0',
    group: 'string',
    complexity: 'O(N) where N is the number of keys to retrieve.',
    flags: ['readonly', 'fast'],
    keyFlags: ['RO', 'access'],
    tips: ['request_policy:multi_shard'],
    args: { key: many(key) },
    reply: arrayOfBulkOrNil,
    run: (database, { key: keys }) => {
      const values = keys.map((key) => getStringOrAbsent(database, key));
      const waits = values.some((value) => value instanceof Promise);
      return waits ? Promise.all(values) : (values as (Bytes | undefined)[]);
    },
  }),
  MSET: command({
    summary: 'Set multiple keys to multiple values',
    since: '1.0.1',
    group: 'string',
    complexity: 'O(N) where N is the number of keys to set.',
    flags: ['write', 'denyoom'],
    keyFlags: ['OW', 'update'],
    tips: ['request_policy:multi_shard', 'response_policy:all_succeeded'],
    args: { key_value: many(keyAndValue) },
    reply: ok,
    run: (database, { key_value: pairs }) => putStrings(database, pairs),
  }),
  INCR: command({
    summary: 'Increment the integer value of a key by one',
    since: '1.0.0',
    group: 'string',
    complexity: 'O(1)',
    flags: ['write', 'denyoom', 'fast'],
    keyFlags: ['RW', 'access', 'update'],
    args: { key },
    reply: integer,
    run: (database, { key }) => incrementBy(database, key, 1),
  }),
  DECR: command({
    summary: 'Decrement the integer value of a key by one',
    since: '1.0.0',
    group: 'string',
    complexity: 'O(1)',
    flags: ['write', 'denyoom', 'fast'],
    keyFlags: ['RW', 'access', 'update'],
    args: { key },
    reply: integer,
    run: (database, { key }) => incrementBy(database, key, -1),
  }),
  INCRBY: command({
    summary: 'Increment the integer value of a key by the given amount',
    since: '1.0.0',
    group: 'string',
    complexity: 'O(1)',
    flags: ['write', 'denyoom', 'fast'],
    keyFlags: ['RW', 'access', 'update'],
    args: { key, increment: integerArgument },
    reply: integer,
    run: (database, { key, increment }) => incrementBy(database, key, increment),
  }),
  DECRBY: command({
    summary: 'Decrement the integer value of a key by the given number',
    since: '1.0.0',
    group: 'string',
    complexity: 'O(1)',
    flags: ['write', 'denyoom', 'fast'],
    keyFlags: ['RW', 'access', 'update'],
    args: { key, decrement: integerArgument },
    reply: integer,
    run: (database, { key, decrement }) => {
      if (decrement === INT64_MIN) throw new OperationError('out_of_range', 'decrement would overflow');
      return incrementBy(database, key, -decrement);
    },
  }),
  INCRBYFLOAT: command({
    summary: 'Increment the float value of a key by the given amount',
    since: '2.6.0',
    group: 'string',
    complexity: 'O(1)',
    flags: ['write', 'denyoom', 'fast'],
    keyFlags: ['RW', 'access', 'update'],
    args: { key, increment: double },
    reply: bulk,
    run: (database, { key, increment }) => incrementByFloat(database, key, increment),
  }),
  APPEND: command({
    summary: 'Append a value to a key',
    since: '2.0.0',
    group: 'string',
    complexity:
      'O(1). The amortized time complexity is O(1) assuming the appended value is small and the already present value is of any size, since the dynamic string library used by Redis will double the free space available on every reallocation.',
    flags: ['write', 'denyoom', 'fast'],
    keyFlags: ['RW', 'insert'],
    args: { key, value: bytes },
    reply: integer,
    run: (database, { key, value }) => append(database, key, value, STRING_BYTES_MAX),
  }),
  STRLEN: command({
    summary: 'Get the length of the value stored in a key',
    since: '2.2.0',
    group: 'string',
    complexity: 'O(1)',
    flags: ['readonly', 'fast'],
    keyFlags: ['RO'],
    args: { key },
    reply: integer,
    run: (database, { key }) => lengthOf(database, key),
  }),
  SETRANGE: command({
    summary: 'Overwrite part of a string at key starting at the specified offset',
    since: '2.2.0',
    group: 'string',
    complexity:
      'O(1), not counting the time taken to copy the new string in place. Usually, this string is very small so the amortized complexity is O(1). Otherwise, complexity is O(M) with M being the length of the value argument.',
    flags: ['write', 'denyoom'],
    keyFlags: ['RW', 'update'],
    args: { key, offset: integerArgument, value: bytes },
    reply: integer,
    run: (database, { key, offset, value }) => {
      if (offset < 0) throw new RespError('ERR offset is out of range');
      return setRange(database, key, { offset: Number(offset), value, lengthMax: STRING_BYTES_MAX });
    },
  }),
  GETRANGE: command({
    summary: 'Get a substring of the string stored at a key',
    since: '2.4.0',
    group: 'string',
    complexity:
      'O(N) where N is the length of the returned string. The complexity is ultimately determined by the returned length, but because creating a substring from an existing string is very cheap, it can be considered O(1) for small strings.',
    flags: ['readonly'],
    keyFlags: ['RO', 'access'],
    args: { key, start: integerArgument, end: integerArgument },
    reply: bulk,
    run: (database, { key, start, end }) => getRange(database, key, Number(start), Number(end)),
  }),
  SUBSTR: command({
    summary: 'Get a substring of the string stored at a key',
    since: '1.0.0',
    group: 'string',
    complexity:
      'O(N) where N is the length of the returned string. The complexity is ultimately determined by the returned length, but because creating a substring from an existing string is very cheap, it can be considered O(1) for small strings.',
    deprecated: { since: '2.0.0', replacedBy: '`GETRANGE`' },
    flags: ['readonly'],
    keyFlags: ['RO', 'access'],
    args: { key, start: integerArgument, end: integerArgument },
    reply: bulk,
    run: (database, { key, start, end }) => getRange(database, key, Number(start), Number(end)),
  }),
  GETSET: command({
    summary: 'Set the string value of a key and return its old value',
    since: '1.0.0',
    group: 'string',
    complexity: 'O(1)',
    deprecated: { since: '6.2.0', replacedBy: '`SET` with the `!GET` argument' },
    flags: ['write', 'denyoom', 'fast'],
    countsLookups: true,
    keyFlags: ['RW', 'access', 'update'],
    args: { key, value: bytes },
    reply: bulkOrNil,
    run: (database, { key, value }) =>
      whenReady(setString(database, key, value, REPLACE), (outcome) => outcome.previous),
  }),
  GETDEL: command({
    summary: 'Get the value of a key and delete the key',
    since: '6.2.0',
    group: 'string',
    complexity: 'O(1)',
    flags: ['write', 'fast'],
    countsLookups: true,
    keyFlags: ['RW', 'access', 'delete'],
    args: { key },
    reply: bulkOrNil,
    run: (database, { key }) => getAndDelete(database, key),
  }),
  GETEX: command({
    summary: 'Get the value of a key and optionally set its expiration',
    since: '6.2.0',
    group: 'string',
    complexity: 'O(1)',
    flags: ['write', 'fast'],
    countsLookups: true,
    keyFlags: ['RW', 'access', 'update'],
    keyNotes: 'RW and UPDATE because it changes the TTL',
    args: { key, expiration: getExpiration },
    reply: bulkOrNil,
    run: (database, { key, expiration }) => getAndExpire(database, key, () => newExpiry(expiration, database.nowMs)),
  }),
  SETNX: command({
    summary: 'Set the value of a key, only if the key does not exist',
    since: '1.0.0',
    group: 'string',
    complexity: 'O(1)',
    flags: ['write', 'denyoom', 'fast'],
    keyFlags: ['OW', 'insert'],
    args: { key, value: bytes },
    reply: zeroOrOne,
    run: (database, { key, value }) =>
      whenReady(setString(database, key, value, IF_ABSENT), (outcome) => outcome.written),
  }),
  SETEX: command({
    summary: 'Set the value and expiration of a key',
    since: '2.0.0',
    group: 'string',
    complexity: 'O(1)',
    flags: ['write', 'denyoom'],
    keyFlags: ['OW', 'update'],
    args: { key, seconds: integerArgument, value: bytes },
    reply: ok,
    run: (database, { key, seconds, value }) =>
      putExpiring(database, key, value, expiryOption({ token: 'EX', value: seconds }, database.nowMs, 'setex')),
  }),
  PSETEX: command({
    summary: 'Set the value and expiration in milliseconds of a key',
    since: '2.6.0',
    group: 'string',
    complexity: 'O(1)',
    flags: ['write', 'denyoom'],
    keyFlags: ['OW', 'update'],
    args: { key, milliseconds: integerArgument, value: bytes },
    reply: ok,
    run: (database, { key, milliseconds, value }) =>
      putExpiring(database, key, value, expiryOption({ token: 'PX', value: milliseconds }, database.nowMs, 'psetex')),
  }),
  MSETNX: command({
    summary: 'Set multiple keys to multiple values, only if none of the keys exist',
    since: '1.0.1',
    group: 'string',
    complexity: 'O(N) where N is the number of keys to set.',
    flags: ['write', 'denyoom'],
    keyFlags: ['OW', 'insert'],
    tips: ['request_policy:multi_shard', 'response_policy:agg_min'],
    args: { key_value: many(keyAndValue) },
    reply: zeroOrOne,
    run: (database, { key_value: pairs }) => putAllIfAbsent(database, pairs),
  }),
  LCS: command({
    summary: 'Find longest common substring',
    since: '7.0.0',
    group: 'string',
    complexity: 'O(N*M) where N and M are the lengths of s1 and s2, respectively',
    flags: ['readonly'],
    keyFlags: ['RO', 'access'],
    args: { key1: key, key2: key, options: lcsOptions },
    reply: lcsReply,
    run: (database, { key1, key2, options }) =>
      whenReady(readStrings(database, key1, key2), ([a, b]) => ({
        ...longestCommonSubsequence(a ?? EMPTY_BYTES, b ?? EMPTY_BYTES),
        ...options,
      })),
  }),
};

const REPLACE: SetOptions = { condition: 'always', expiresAtMs: NEVER, returnPrevious: true };
const IF_ABSENT: SetOptions = { condition: 'ifAbsent', expiresAtMs: NEVER, returnPrevious: false };

function putExpiring(
  database: Database,
  redisKey: Bytes,
  value: Bytes,
  expiresAtMs: ExpiryMs | 'keep',
): Awaitable<void> {
  const options: SetOptions = { condition: 'always', expiresAtMs, returnPrevious: false };
  return whenReady(setString(database, redisKey, value, options), () => undefined);
}

/** Both strings; LCS has its own words for another type. */
function readStrings(
  database: Database,
  a: Bytes,
  b: Bytes,
): Awaitable<readonly [Bytes | undefined, Bytes | undefined]> {
  const translate = (error: unknown): never => {
    throw hasCode(error, 'wrong_type') ? new RespError(NOT_STRINGS) : error;
  };
  try {
    const first = getString(database, a);
    const second = getString(database, b);
    if (isPromise(first) || isPromise(second)) return Promise.all([first, second]).catch(translate);
    return [first, second];
  } catch (error) {
    return translate(error);
  }
}

function expiryOption(expiration: Expiration | undefined, nowMs: number, commandName: string): ExpiryMs | 'keep' {
  if (expiration === undefined) return NEVER;
  if (expiration.token === 'KEEPTTL') return 'keep';
  const inSeconds = expiration.token === 'EX' || expiration.token === 'EXAT';
  const relative = expiration.token === 'EX' || expiration.token === 'PX';
  if (expiration.value <= 0) throw new RespError(`ERR invalid expire time in '${commandName}' command`);
  return absoluteExpiry(expiration.value, { inSeconds, nowMs: relative ? nowMs : 0, commandName });
}

export interface ExpiryInput {
  readonly inSeconds: boolean;
  /** What the amount is added to: now, or 0 for an absolute time. */
  readonly nowMs: number;
  readonly commandName: string;
}

/** Milliseconds since 1970. @throws RespError beyond 63 bits. */
export function absoluteExpiry(amount: number | bigint, { inSeconds, nowMs, commandName }: ExpiryInput): ExpiryMs {
  const milliseconds = BigInt(amount) * (inSeconds ? 1000n : 1n);
  const exact = milliseconds + BigInt(nowMs);
  if (exact > INT64_MAX || milliseconds < INT64_MIN) {
    throw new RespError(`ERR invalid expire time in '${commandName}' command`);
  }
  return asExpiry(exact);
}
