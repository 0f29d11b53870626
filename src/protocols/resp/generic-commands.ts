/** Commands on keys of any type, one row each. Source: https://redis.io/docs/latest/commands/?group=generic */

import { type Awaitable, whenReady } from '../../base/awaitable.ts';
import type { Bytes } from '../../base/bytes.ts';
import type { Database } from '../../models/keyvalue/database.ts';
import {
  countExisting,
  deleteKeys,
  type ExpireCondition,
  expireAt,
  expiryTime,
  persist,
  typeNameOf,
} from '../../models/keyvalue/lifetimes.ts';
import { NEVER } from '../../models/keyvalue/values.ts';
import { type Argument, choice, flag, integer as integerArgument, key, many } from './arguments.ts';
import { command } from './command.ts';
import { RespError } from './errors.ts';
import { integer, simple, zeroOrOne } from './replies.ts';
import { absoluteExpiry } from './string-commands.ts';

const CONDITIONS = choice(
  { NX: flag('nx', 'NX'), XX: flag('xx', 'XX'), GT: flag('gt', 'GT'), LT: flag('lt', 'LT') },
  '7.0.0',
);

/** The options of EXPIRE combine, within limits that have messages of their own. */
const expireCondition: Argument<ExpireCondition> = {
  minimum: 0,
  fixed: false,
  docs: (name) => [
    {
      name,
      type: 'oneof',
      since: '7.0.0',
      flags: ['optional'],
      arguments: CONDITIONS.alternatives.map(({ doc }) => doc),
    },
  ],
  parse: (cursor) => {
    const condition = { ifNone: false, ifAny: false, ifGreater: false, ifLess: false };
    while (cursor.remaining > 0) {
      if (cursor.takeToken('NX')) condition.ifNone = true;
      else if (cursor.takeToken('XX')) condition.ifAny = true;
      else if (cursor.takeToken('GT')) condition.ifGreater = true;
      else if (cursor.takeToken('LT')) condition.ifLess = true;
      else throw new RespError(`ERR Unsupported option ${cursor.text()}`);
    }
    if (condition.ifNone && (condition.ifAny || condition.ifGreater || condition.ifLess)) {
      throw new RespError('ERR NX and XX, GT or LT options at the same time are not compatible');
    }
    if (condition.ifGreater && condition.ifLess) {
      throw new RespError('ERR GT and LT options at the same time are not compatible');
    }
    return condition;
  },
};

const EXPIRE_HISTORY = [['7.0.0', 'Added options: `NX`, `XX`, `GT` and `LT`.']] as const;

function expireIn(
  database: Database,
  redisKey: Bytes,
  amount: number | bigint,
  condition: ExpireCondition,
  unit: { readonly inSeconds: boolean; readonly commandName: string },
): Awaitable<boolean> {
  const expiresAtMs = absoluteExpiry(amount, { ...unit, nowMs: database.nowMs });
  return expireAt(database, redisKey, expiresAtMs, condition);
}

/** -2 for an absent key, -1 for one without expiry, else what `show` makes of the milliseconds left. */
function timeToLive(database: Database, redisKey: Bytes, show: (milliseconds: number) => number): Awaitable<number> {
  return whenReady(expiryTime(database, redisKey), (expiresAtMs) => {
    if (expiresAtMs === undefined) return -2;
    return expiresAtMs === NEVER ? -1 : show(Math.max(0, expiresAtMs - database.nowMs));
  });
}

export const genericCommands = {
  DEL: command({
    summary: 'Delete a key',
    since: '1.0.0',
    group: 'generic',
    complexity:
      'O(N) where N is the number of keys that will be removed. When a key to remove holds a value other than a string, the individual complexity for this key is O(M) where M is the number of elements in the list, set, sorted set or hash. Removing a single key that holds a string value is O(1).',
    flags: ['write'],
    keyFlags: ['RM', 'delete'],
    tips: ['request_policy:multi_shard', 'response_policy:agg_sum'],
    args: { key: many(key) },
    reply: integer,
    run: (database, { key: keys }) => deleteKeys(database, keys),
  }),
  EXISTS: command({
    summary: 'Determine if a key exists',
    since: '1.0.0',
    group: 'generic',
    complexity: 'O(N) where N is the number of keys to check.',
    flags: ['readonly', 'fast'],
    keyFlags: ['RO'],
    tips: ['request_policy:multi_shard', 'response_policy:agg_sum'],
    history: [['3.0.3', 'Accepts multiple `key` arguments.']],
    args: { key: many(key) },
    reply: integer,
    run: (database, { key: keys }) => countExisting(database, keys),
  }),
  TYPE: command({
    summary: 'Determine the type stored at key',
    since: '1.0.0',
    group: 'generic',
    complexity: 'O(1)',
    flags: ['readonly', 'fast'],
    keyFlags: ['RO'],
    args: { key },
    reply: simple,
    run: (database, { key }) => typeNameOf(database, key),
  }),
  EXPIRE: command({
    summary: "Set a key's time to live in seconds",
    since: '1.0.0',
    group: 'generic',
    complexity: 'O(1)',
    flags: ['write', 'fast'],
    keyFlags: ['RW', 'update'],
    history: EXPIRE_HISTORY,
    args: { key, seconds: integerArgument, condition: expireCondition },
    reply: zeroOrOne,
    run: (database, { key, seconds, condition }) =>
      expireIn(database, key, seconds, condition, { inSeconds: true, commandName: 'expire' }),
  }),
  PEXPIRE: command({
    summary: "Set a key's time to live in milliseconds",
    since: '2.6.0',
    group: 'generic',
    complexity: 'O(1)',
    flags: ['write', 'fast'],
    keyFlags: ['RW', 'update'],
    history: EXPIRE_HISTORY,
    args: { key, milliseconds: integerArgument, condition: expireCondition },
    reply: zeroOrOne,
    run: (database, { key, milliseconds, condition }) =>
      expireIn(database, key, milliseconds, condition, { inSeconds: false, commandName: 'pexpire' }),
  }),
  TTL: command({
    summary: 'Get the time to live for a key in seconds',
    since: '1.0.0',
    group: 'generic',
    complexity: 'O(1)',
    flags: ['readonly', 'fast'],
    keyFlags: ['RO', 'access'],
    tips: ['nondeterministic_output'],
    history: [['2.8.0', 'Added the -2 reply.']],
    args: { key },
    reply: integer,
    run: (database, { key }) => timeToLive(database, key, (milliseconds) => Math.floor((milliseconds + 500) / 1000)),
  }),
  PTTL: command({
    summary: 'Get the time to live for a key in milliseconds',
    since: '2.6.0',
    group: 'generic',
    complexity: 'O(1)',
    flags: ['readonly', 'fast'],
    keyFlags: ['RO', 'access'],
    tips: ['nondeterministic_output'],
    history: [['2.8.0', 'Added the -2 reply.']],
    args: { key },
    reply: integer,
    run: (database, { key }) => timeToLive(database, key, (milliseconds) => milliseconds),
  }),
  PERSIST: command({
    summary: 'Remove the expiration from a key',
    since: '2.2.0',
    group: 'generic',
    complexity: 'O(1)',
    flags: ['write', 'fast'],
    keyFlags: ['RW', 'update'],
    args: { key },
    reply: zeroOrOne,
    run: (database, { key }) => persist(database, key),
  }),
};
