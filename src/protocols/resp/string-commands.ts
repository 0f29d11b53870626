/** The string commands, one row each. Source: https://redis.io/docs/latest/commands/?group=string */

import { whenReady } from '../../base/awaitable.ts';
import type { Bytes } from '../../base/bytes.ts';
import { OperationError } from '../../base/errors.ts';
import { INT64_MAX, INT64_MIN } from '../../models/keyvalue/integers.ts';
import {
  getString,
  getStringOrAbsent,
  incrementBy,
  putString,
  type SetOptions,
  type SetOutcome,
  setString,
} from '../../models/keyvalue/strings.ts';
import { EXPIRY_MAX_MS, NEVER } from '../../models/keyvalue/values.ts';
import {
  anyOrder,
  bytes,
  type Chosen,
  choice,
  flag,
  integer as integerArgument,
  key,
  keyAndValue,
  many,
  withInteger,
} from './arguments.ts';
import { command } from './command.ts';
import { RespError } from './errors.ts';
import { arrayOfBulkOrNil, bulkOrNil, integer, ok, type Reply } from './replies.ts';

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
        putString(database, key, value);
        return PLAIN_SET;
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
    run: (database, { key_value: pairs }) => {
      for (const { key, value } of pairs) putString(database, key, value);
    },
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
};

function expiryOption(expiration: Expiration | undefined, nowMs: number, commandName: string): number | 'keep' {
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

/**
 * Milliseconds since 1970. Redis allows times up to 2^63 ms; here the bound is 2^53 ms, in the year 287396.
 * @throws RespError beyond it.
 */
export function absoluteExpiry(amount: number | bigint, { inSeconds, nowMs, commandName }: ExpiryInput): number {
  const exact = BigInt(amount) * (inSeconds ? 1000n : 1n) + BigInt(nowMs);
  if (exact > BigInt(EXPIRY_MAX_MS) || exact < -INT64_MAX) {
    throw new RespError(`ERR invalid expire time in '${commandName}' command`);
  }
  return Number(exact);
}
