/** Commands on keys of any type, one row each. Source: https://redis.io/docs/latest/commands/?group=generic */

import { type Awaitable, whenReady } from '../../base/awaitable.ts';
import { type Bytes, equalBytes } from '../../base/bytes.ts';
import { type Database, readLive } from '../../models/keyvalue/database.ts';
import { dumpInSlices, isDumpIntact, restoreString } from '../../models/keyvalue/dump.ts';
import { parseInt64 } from '../../models/keyvalue/integers.ts';
import {
  copy,
  countExisting,
  deleteKeys,
  type ExpireCondition,
  expireAt,
  expiryTime,
  move,
  persist,
  rename,
  typeNameOf,
} from '../../models/keyvalue/lifetimes.ts';
import { getString, type SetOptions, setString } from '../../models/keyvalue/strings.ts';
import { asExpiry, type ExpiryMs, NEVER, STRING_BYTES_MAX } from '../../models/keyvalue/values.ts';
import {
  type Argument,
  bytes,
  choice,
  described,
  flag,
  int32,
  int32Now,
  integer as integerArgument,
  key,
  keyOfSpec,
  many,
} from './arguments.ts';
import { command, containerCommand, keyspaceCommand } from './command.ts';
import { NOT_AN_INTEGER, RespError, SYNTAX_ERROR } from './errors.ts';
import type { KeyspaceTransaction } from './keyspace-transaction.ts';
import { bulkOrNil, integer, integerOrNil, ok, simple, textOrNil, zeroOrOne } from './replies.ts';
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
function timeToLive(
  database: Database,
  redisKey: Bytes,
  show: (milliseconds: ExpiryMs) => ExpiryMs,
): Awaitable<ExpiryMs> {
  return whenReady(expiryTime(database, redisKey), (expiresAtMs) => {
    if (expiresAtMs === undefined) return -2;
    if (typeof expiresAtMs === 'bigint') return show(asExpiry(expiresAtMs - BigInt(database.nowMs)));
    return expiresAtMs === NEVER ? -1 : show(Math.max(0, expiresAtMs - database.nowMs));
  });
}

/** Rounded as Redis does. */
function inSeconds(milliseconds: ExpiryMs): ExpiryMs {
  if (typeof milliseconds === 'number') return Math.floor((milliseconds + 500) / 1000);
  return asExpiry((milliseconds + 500n) / 1000n);
}

function inMilliseconds(milliseconds: ExpiryMs): ExpiryMs {
  return milliseconds;
}

const unixTime: Argument<number | bigint> = { ...integerArgument, docs: (name) => [{ name, type: 'unix-time' }] };

function expireAtTime(
  database: Database,
  redisKey: Bytes,
  amount: number | bigint,
  condition: ExpireCondition,
  unit: { readonly inSeconds: boolean; readonly commandName: string },
): Awaitable<boolean> {
  return expireAt(database, redisKey, absoluteExpiry(amount, { ...unit, nowMs: 0 }), condition);
}

/** -2 for an absent key, -1 for one without expiry. */
function timeOfExpiry(
  database: Database,
  redisKey: Bytes,
  show: (milliseconds: ExpiryMs) => ExpiryMs,
): Awaitable<ExpiryMs> {
  return whenReady(expiryTime(database, redisKey), (expiresAtMs) => {
    if (expiresAtMs === undefined) return -2;
    return expiresAtMs === NEVER ? -1 : show(expiresAtMs);
  });
}

const SAME_PLACE = 'ERR source and destination objects are the same';
const NO_FREQUENCIES =
  'ERR An LFU maxmemory policy is not selected, access frequency not tracked. Please note that when switching between policies at runtime LRU and LFU data will take some time to adjust.';

function requireDatabase(on: KeyspaceTransaction, index: number): number {
  if (index < 0 || index >= on.server.databases.count) throw new RespError('ERR DB index is out of range');
  return index;
}

function databaseIndex(which: 'first' | 'second'): Argument<number> {
  return { ...integerArgument, parse: (cursor) => int32Now(cursor, `ERR invalid ${which} DB index`) };
}

const copyOptions = described(
  [
    { name: 'destination-db', type: 'integer', token: 'DB', flags: ['optional'] },
    { name: 'replace', type: 'pure-token', token: 'REPLACE', flags: ['optional'] },
  ],
  (cursor) => {
    let database: number | undefined;
    let replace = false;
    while (cursor.remaining > 0) {
      if (cursor.takeToken('REPLACE')) replace = true;
      else if (cursor.remaining > 1 && cursor.takeToken('DB')) database = int32Now(cursor);
      else throw new RespError(SYNTAX_ERROR);
    }
    return { database, replace };
  },
);

/** Idle time and frequency are checked and not kept: nothing is ever evicted. */
const restoreOptions = described(
  [
    { name: 'replace', type: 'pure-token', token: 'REPLACE', since: '3.0.0', flags: ['optional'] },
    { name: 'absttl', type: 'pure-token', token: 'ABSTTL', since: '5.0.0', flags: ['optional'] },
    { name: 'seconds', type: 'integer', token: 'IDLETIME', since: '5.0.0', flags: ['optional'] },
    { name: 'frequency', type: 'integer', token: 'FREQ', since: '5.0.0', flags: ['optional'] },
  ],
  (cursor) => {
    let replace = false;
    let isAbsolute = false;
    let hint: 'IDLETIME' | 'FREQ' | undefined;
    while (cursor.remaining > 0) {
      if (cursor.takeToken('REPLACE')) replace = true;
      else if (cursor.takeToken('ABSTTL')) isAbsolute = true;
      else if (cursor.remaining > 1 && hint !== 'FREQ' && cursor.takeToken('IDLETIME')) {
        hint = 'IDLETIME';
        if (cursor.integerNow() < 0) throw new RespError('ERR Invalid IDLETIME value, must be >= 0');
      } else if (cursor.remaining > 1 && hint !== 'IDLETIME' && cursor.takeToken('FREQ')) {
        hint = 'FREQ';
        const frequency = cursor.integerNow();
        if (frequency < 0 || frequency > 255) {
          throw new RespError('ERR Invalid FREQ value, must be >= 0 and <= 255');
        }
      } else throw new RespError(SYNTAX_ERROR);
    }
    return { replace, isAbsolute };
  },
);

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
    run: (database, { key }) => timeToLive(database, key, inSeconds),
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
    run: (database, { key }) => timeToLive(database, key, inMilliseconds),
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
  UNLINK: command({
    summary: 'Delete a key asynchronously in another thread. Otherwise it is just as DEL, but non blocking.',
    since: '4.0.0',
    group: 'generic',
    complexity:
      'O(1) for each key removed regardless of its size. Then the command does O(N) work in a different thread in order to reclaim memory, where N is the number of allocations the deleted objects where composed of.',
    flags: ['write', 'fast'],
    keyFlags: ['RM', 'delete'],
    tips: ['request_policy:multi_shard', 'response_policy:agg_sum'],
    args: { key: many(key) },
    reply: integer,
    run: (database, { key: keys }) => deleteKeys(database, keys),
  }),
  TOUCH: command({
    summary: 'Alters the last access time of a key(s). Returns the number of existing keys specified.',
    since: '3.2.1',
    group: 'generic',
    complexity: 'O(N) where N is the number of keys that will be touched.',
    flags: ['readonly', 'fast'],
    keyFlags: ['RO'],
    tips: ['request_policy:multi_shard', 'response_policy:agg_sum'],
    args: { key: many(key) },
    reply: integer,
    run: (database, { key: keys }) => countExisting(database, keys),
  }),
  EXPIREAT: command({
    summary: 'Set the expiration for a key as a UNIX timestamp',
    since: '1.2.0',
    group: 'generic',
    complexity: 'O(1)',
    flags: ['write', 'fast'],
    keyFlags: ['RW', 'update'],
    history: [['7.0.0', 'Added options: `NX`, `XX`, `GT` and `LT`.']],
    args: { key, 'unix-time-seconds': unixTime, condition: expireCondition },
    reply: zeroOrOne,
    run: (database, { key, 'unix-time-seconds': seconds, condition }) =>
      expireAtTime(database, key, seconds, condition, { inSeconds: true, commandName: 'expireat' }),
  }),
  PEXPIREAT: command({
    summary: 'Set the expiration for a key as a UNIX timestamp specified in milliseconds',
    since: '2.6.0',
    group: 'generic',
    complexity: 'O(1)',
    flags: ['write', 'fast'],
    keyFlags: ['RW', 'update'],
    history: [['7.0.0', 'Added options: `NX`, `XX`, `GT` and `LT`.']],
    args: { key, 'unix-time-milliseconds': unixTime, condition: expireCondition },
    reply: zeroOrOne,
    run: (database, { key, 'unix-time-milliseconds': milliseconds, condition }) =>
      expireAtTime(database, key, milliseconds, condition, { inSeconds: false, commandName: 'pexpireat' }),
  }),
  EXPIRETIME: command({
    summary: 'Get the expiration Unix timestamp for a key',
    since: '7.0.0',
    group: 'generic',
    complexity: 'O(1)',
    flags: ['readonly', 'fast'],
    keyFlags: ['RO', 'access'],
    args: { key },
    reply: integer,
    run: (database, { key }) => timeOfExpiry(database, key, inSeconds),
  }),
  PEXPIRETIME: command({
    summary: 'Get the expiration Unix timestamp for a key in milliseconds',
    since: '7.0.0',
    group: 'generic',
    complexity: 'O(1)',
    flags: ['readonly', 'fast'],
    keyFlags: ['RO', 'access'],
    args: { key },
    reply: integer,
    run: (database, { key }) => timeOfExpiry(database, key, inMilliseconds),
  }),
  RENAME: command({
    summary: 'Rename a key',
    since: '1.0.0',
    group: 'generic',
    complexity: 'O(1)',
    flags: ['write'],
    keyFlags: [
      ['RW', 'access', 'delete'],
      ['OW', 'update'],
    ],
    args: { key, newkey: keyOfSpec(1) },
    reply: ok,
    run: (database, { key, newkey }) => whenReady(rename(database, key, newkey, false), () => undefined),
  }),
  RENAMENX: command({
    summary: 'Rename a key, only if the new key does not exist',
    since: '1.0.0',
    group: 'generic',
    complexity: 'O(1)',
    flags: ['write', 'fast'],
    keyFlags: [
      ['RW', 'access', 'delete'],
      ['OW', 'insert'],
    ],
    history: [['3.2.0', 'The command no longer returns an error when source and destination names are the same.']],
    args: { key, newkey: keyOfSpec(1) },
    reply: zeroOrOne,
    run: (database, { key, newkey }) => rename(database, key, newkey, true),
  }),
  COPY: keyspaceCommand({
    summary: 'Copy a key',
    since: '6.2.0',
    group: 'generic',
    complexity: 'O(N) worst case for collections, where N is the number of nested items. O(1) for string values.',
    flags: ['write', 'denyoom'],
    keyFlags: [
      ['RO', 'access'],
      ['OW', 'update'],
    ],
    args: { source: key, destination: keyOfSpec(1), options: copyOptions },
    reply: zeroOrOne,
    run: (on, { source, destination, options: { database, replace } }) => {
      const target = requireDatabase(on, database ?? on.selected);
      if (target === on.selected && equalBytes(source, destination)) throw new RespError(SAME_PLACE);
      const from = { on: on.database(on.selected), key: source };
      return copy(from, { on: on.database(target), key: destination }, replace);
    },
  }),
  MOVE: keyspaceCommand({
    summary: 'Move a key to another database',
    since: '1.0.0',
    group: 'generic',
    complexity: 'O(1)',
    flags: ['write', 'fast'],
    keyFlags: ['RW', 'access', 'update'],
    args: { key, db: int32 },
    reply: zeroOrOne,
    run: (on, { key, db }) => {
      const target = requireDatabase(on, db);
      if (target === on.selected) throw new RespError(SAME_PLACE);
      return move({ on: on.database(on.selected), key }, { on: on.database(target), key });
    },
  }),
  SWAPDB: keyspaceCommand({
    summary: 'Swaps two Redis databases',
    since: '4.0.0',
    group: 'server',
    complexity: 'O(N) where N is the count of clients watching or blocking on keys from both databases.',
    flags: ['write', 'fast'],
    categories: ['keyspace', 'dangerous'],
    args: { index1: databaseIndex('first'), index2: databaseIndex('second') },
    reply: ok,
    run: (on, { index1, index2 }) => on.swap(requireDatabase(on, index1), requireDatabase(on, index2)),
  }),
  DUMP: command({
    summary: 'Return a serialized version of the value stored at the specified key.',
    since: '2.6.0',
    group: 'generic',
    complexity:
      'O(1) to access the key and additional O(N*M) to serialize it, where N is the number of Redis objects composing the value and M their average size. For small string values the time complexity is thus O(1)+O(1*M) where M is small, so simply O(1).',
    flags: ['readonly'],
    keyFlags: ['RO', 'access'],
    tips: ['nondeterministic_output'],
    args: { key },
    reply: bulkOrNil,
    run: (database, { key }) =>
      whenReady(getString(database, key), (value) => (value === undefined ? undefined : dumpInSlices(database, value))),
  }),
  RESTORE: command({
    summary: 'Create a key using the provided serialized value, previously obtained using DUMP.',
    since: '2.6.0',
    group: 'generic',
    complexity:
      'O(1) to create the new key and additional O(N*M) to reconstruct the serialized value, where N is the number of Redis objects composing the value and M their average size. For small string values the time complexity is thus O(1)+O(1*M) where M is small, so simply O(1). However for sorted set values the complexity is O(N*M*log(N)) because inserting values into sorted sets is O(log(N)).',
    flags: ['write', 'denyoom'],
    keyFlags: ['OW', 'update'],
    categories: ['dangerous'],
    history: [
      ['3.0.0', 'Added the `REPLACE` modifier.'],
      ['5.0.0', 'Added the `ABSTTL` modifier.'],
      ['5.0.0', 'Added the `IDLETIME` and `FREQ` options.'],
    ],
    args: { key, ttl: { ...bytes, docs: integerArgument.docs }, 'serialized-value': bytes, options: restoreOptions },
    reply: ok,
    run: (database, { key, ttl, 'serialized-value': payload, options }) => {
      return whenReady(readLive(database, key), (taken) => {
        if (taken !== undefined && !options.replace) throw new RespError('BUSYKEY Target key name already exists.');
        const lifetime = parseInt64(ttl, 0, ttl.length);
        if (lifetime === undefined) throw new RespError(NOT_AN_INTEGER);
        if (lifetime < 0) throw new RespError('ERR Invalid TTL value, must be >= 0');
        return whenReady(isDumpIntact(database, payload), (isIntact) => {
          if (!isIntact) throw new RespError('ERR DUMP payload version or checksum are wrong');
          const value = restoreString(payload, STRING_BYTES_MAX);
          const isRelative = !options.isAbsolute && lifetime !== 0;
          // In 64 bits, as Redis adds: what is beyond them has passed.
          const expiresAtMs = isRelative
            ? asExpiry(BigInt.asIntN(64, BigInt(lifetime) + BigInt(database.nowMs)))
            : lifetime;
          // Nothing is written that would be gone at once, so who watches the key is not disturbed.
          if (taken === undefined && lifetime !== 0 && expiresAtMs <= database.nowMs) return undefined;
          const set: SetOptions = { condition: 'always', expiresAtMs, returnPrevious: false };
          return whenReady(setString(database, key, value, set), () => undefined);
        });
      });
    },
  }),
  OBJECT: containerCommand(
    'OBJECT',
    'generic',
    { summary: 'A container for object introspection commands', since: '2.2.3' },
    {
      ENCODING: command({
        summary: 'Inspect the internal encoding of a Redis object',
        since: '2.2.3',
        group: 'generic',
        complexity: 'O(1)',
        flags: ['readonly'],
        keyFlags: ['RO'],
        tips: ['nondeterministic_output'],
        args: { key },
        reply: textOrNil,
        run: (database, { key }) => whenReady(getString(database, key), (value) => value && encodingOf(value)),
      }),
      FREQ: command({
        summary: 'Get the logarithmic access frequency counter of a Redis object',
        since: '4.0.0',
        group: 'generic',
        complexity: 'O(1)',
        flags: ['readonly'],
        keyFlags: ['RO'],
        tips: ['nondeterministic_output'],
        args: { key },
        reply: bulkOrNil,
        run: (database, { key }) =>
          whenReady(readLive(database, key), (stored) => {
            if (stored !== undefined) throw new RespError(NO_FREQUENCIES);
            return undefined;
          }),
      }),
      IDLETIME: command({
        summary: 'Get the time since a Redis object was last accessed',
        since: '2.2.3',
        group: 'generic',
        complexity: 'O(1)',
        flags: ['readonly'],
        keyFlags: ['RO'],
        tips: ['nondeterministic_output'],
        args: { key },
        reply: integerOrNil,
        // Nothing is ever evicted, so nobody keeps the time of the last access.
        run: (database, { key }) =>
          whenReady(readLive(database, key), (stored) => (stored === undefined ? undefined : 0)),
      }),
      REFCOUNT: command({
        summary: 'Get the number of references to the value of the key',
        since: '2.2.3',
        group: 'generic',
        complexity: 'O(1)',
        flags: ['readonly'],
        keyFlags: ['RO'],
        tips: ['nondeterministic_output'],
        args: { key },
        reply: integerOrNil,
        run: (database, { key }) =>
          whenReady(getString(database, key), (value) => (value === undefined ? undefined : referencesOf(value))),
      }),
    },
  ),
};

const SHARED_INTEGERS = 10_000;
const SHARED_REFERENCES = 0x7fffffff;
const EMBEDDED_BYTES_MAX = 44;

/** What Redis would keep a freshly written value as. */
function encodingOf(value: Bytes): string {
  if (parseInt64(value, 0, value.length) !== undefined) return 'int';
  return value.length <= EMBEDDED_BYTES_MAX ? 'embstr' : 'raw';
}

/** Redis shares small integers, and says so. */
function referencesOf(value: Bytes): number {
  const number = parseInt64(value, 0, value.length);
  return number !== undefined && number >= 0 && number < SHARED_INTEGERS ? SHARED_REFERENCES : 1;
}
