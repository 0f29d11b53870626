/**
 * MIGRATE: moves keys to another Redis, or to another server like this one.
 *
 * The keys are locked while they are on their way: others read them, and writes of them wait. They are deleted in the transaction
 * that locked them, those that the other has taken. Source: https://redis.io/docs/latest/commands/migrate/
 */

import type { Bytes } from '../../base/bytes.ts';
import { copyBytes, latin1 } from '../../base/bytes.ts';
import { OperationError } from '../../base/errors.ts';
import { type Database, readLive } from '../../models/keyvalue/database.ts';
import { expiryOf, NEVER, stringOf } from '../../models/keyvalue/values.ts';
import { type Argument, type ArgumentDoc, described, integer as integerArgument, key, text } from './arguments.ts';
import { type KeyOfCall, sessionCommand } from './command.ts';
import { RespError, SYNTAX_ERROR } from './errors.ts';
import { type MigratedKey, migrate } from './migration.ts';
import { simple } from './replies.ts';
import type { Session } from './session.ts';

const TIMEOUT_DEFAULT_MS = 1_000;
/** Timers reach no further; it is 24 days. */
const TIMEOUT_MAX_MS = 0x7fffffff;
/** Of the words of a call, the key, and the first option. */
const KEY_PLACE = 3;
const OPTIONS_PLACE = 6;

/** So many words behind these are no options. */
const WORDS_BEHIND: Readonly<Record<string, number>> = { AUTH: 1, AUTH2: 2 };

const OPTION_DOCS: readonly ArgumentDoc[] = [
  { name: 'copy', type: 'pure-token', token: 'COPY', since: '3.0.0', flags: ['optional'] },
  { name: 'replace', type: 'pure-token', token: 'REPLACE', since: '3.0.0', flags: ['optional'] },
  {
    name: 'authentication',
    type: 'oneof',
    flags: ['optional'],
    arguments: [
      { name: 'password', type: 'string', token: 'AUTH', since: '4.0.7', flags: ['optional'] },
      {
        name: 'username_password',
        type: 'block',
        token: 'AUTH2',
        since: '6.0.0',
        flags: ['optional'],
        arguments: [
          { name: 'username', type: 'string' },
          { name: 'password', type: 'string' },
        ],
      },
    ],
  },
  {
    name: 'key',
    type: 'key',
    isKey: true,
    keySpec: 1,
    token: 'KEYS',
    since: '3.0.6',
    flags: ['optional', 'multiple'],
  },
];

interface MigrateOptions {
  readonly copy: boolean;
  readonly replace: boolean;
  readonly credentials: readonly Bytes[];
  /** Those of KEYS, which takes what follows it. */
  readonly keys: readonly Bytes[] | undefined;
}

const options = described<MigrateOptions>(OPTION_DOCS, (cursor) => {
  let copy = false;
  let replace = false;
  let credentials: readonly Bytes[] = [];
  while (cursor.remaining > 0) {
    const behind = cursor.remaining - 1;
    if (cursor.takeToken('COPY')) copy = true;
    else if (cursor.takeToken('REPLACE')) replace = true;
    else if (behind >= 1 && cursor.takeToken('AUTH')) credentials = [copyBytes(cursor.bytes())];
    else if (behind >= 2 && cursor.takeToken('AUTH2')) {
      credentials = [copyBytes(cursor.bytes()), copyBytes(cursor.bytes())];
    } else if (cursor.takeToken('KEYS')) {
      const keys: Bytes[] = [];
      while (cursor.remaining > 0) keys.push(copyBytes(cursor.bytes()));
      return { copy, replace, credentials, keys };
    } else throw new RespError(SYNTAX_ERROR);
  }
  return { copy, replace, credentials, keys: undefined };
});

const keyOrEmpty: Argument<Bytes> = {
  ...key,
  docs: (name) => [
    {
      name,
      type: 'oneof',
      arguments: [
        { name: 'key', type: 'key', isKey: true },
        { name: 'empty_string', type: 'pure-token', token: '' },
      ],
    },
  ],
};

const portText: Argument<string> = { ...text, docs: integerArgument.docs };

/** None where there are keys both before and behind KEYS. */
function keysOfMigrate(words: readonly Bytes[]): readonly KeyOfCall[] {
  const flags = ['RW', 'access', 'delete'] as const;
  const first = words[KEY_PLACE]!;
  for (let i = OPTIONS_PLACE; i < words.length; i++) {
    const word = latin1(words[i]!).toUpperCase();
    if (word === 'KEYS') return first.length > 0 ? [] : words.slice(i + 1).map((key) => ({ key, flags }));
    i += WORDS_BEHIND[word] ?? 0;
  }
  return [{ key: first, flags }];
}

/** As `atoi`: what begins with no digit is 0, and nobody listens there. */
function portOf(text: string): number {
  const port = Number.parseInt(text, 10);
  return Number.isInteger(port) && port >= 0 && port <= 0xffff ? port : 0;
}

/** Those that are there, with what is left of their time. */
async function present(database: Database, keys: readonly Bytes[]): Promise<MigratedKey[]> {
  const found: MigratedKey[] = [];
  for (const key of keys) {
    const stored = await readLive(database, key);
    if (stored === undefined) continue;
    const expiresAtMs = expiryOf(stored);
    const left = BigInt(expiresAtMs) - BigInt(database.nowMs);
    const ttlMs = expiresAtMs === NEVER ? 0n : left < 1n ? 1n : left;
    found.push({ key, value: stringOf(stored), ttlMs });
  }
  return found;
}

interface Migration extends MigrateOptions {
  readonly host: string;
  readonly port: number;
  readonly keys: readonly Bytes[];
  readonly database: number | bigint;
  readonly timeoutMs: number;
}

/** @returns OK, or NOKEY where none of the keys is there. */
async function migrateKeys({ server, database: selected }: Session, migration: Migration): Promise<string> {
  const { partitions, platform, databases: order } = server;
  const { copy, keys, replace } = migration;
  const { map } = order;
  const stored = map.stored(selected);
  // The transaction may run again; what is with the other by then is not sent once more.
  let outcome: { readonly taken: readonly MigratedKey[]; readonly error: unknown } | undefined;
  const found = await partitions.wait(
    { database: stored, lockKeys: copy ? [] : keys, readOnly: copy },
    async (databases) => {
      if (order.map !== map) throw new OperationError('transaction_conflict', 'the databases were swapped meanwhile');
      const database = databases(stored);
      if (outcome === undefined) {
        const there = await present(database, keys);
        if (there.length === 0) return false;
        const taken: MigratedKey[] = [];
        let error: unknown;
        try {
          await migrate(platform, migration, there, { replace, taken: (migrated) => taken.push(migrated) });
        } catch (thrown) {
          error = thrown;
        }
        outcome = { taken, error };
      }
      if (!copy) for (const { key } of outcome.taken) database.delete(key);
      return true;
    },
  );
  if (!found) return 'NOKEY';
  if (outcome?.error !== undefined) throw outcome.error;
  return 'OK';
}

export const migrationCommands = {
  MIGRATE: sessionCommand({
    summary: 'Atomically transfer a key from a Redis instance to another one.',
    since: '2.6.0',
    group: 'generic',
    complexity:
      'This command actually executes a DUMP+DEL in the source instance, and a RESTORE in the target instance. See the pages of these commands for time complexity. Also an O(N) data transfer between the two instances is performed.',
    flags: ['write', 'movablekeys'],
    keyFlags: ['RW', 'access', 'delete'],
    movableKeys: [{ flags: ['RW', 'access', 'delete', 'incomplete'], keyword: { word: 'KEYS', startFrom: -2 } }],
    keysOf: keysOfMigrate,
    categories: ['keyspace', 'dangerous'],
    tips: ['nondeterministic_output'],
    history: [
      ['3.0.0', 'Added the `COPY` and `REPLACE` options.'],
      ['3.0.6', 'Added the `KEYS` option.'],
      ['4.0.7', 'Added the `AUTH` option.'],
      ['6.0.0', 'Added the `AUTH2` option.'],
    ],
    args: {
      host: text,
      port: portText,
      key_or_empty_string: keyOrEmpty,
      'destination-db': integerArgument,
      timeout: integerArgument,
      options,
    },
    reply: simple,
    run: (session, { host, port, key_or_empty_string: key, 'destination-db': database, timeout, options }) => {
      if (options.keys !== undefined && key.length > 0) {
        throw new RespError('ERR When using MIGRATE KEYS option, the key argument must be set to the empty string');
      }
      if (session.transaction.isRunning) {
        throw new OperationError('unsupported', 'MIGRATE is not supported inside a transaction');
      }
      const timeoutMs = timeout <= 0 ? TIMEOUT_DEFAULT_MS : Math.min(Number(timeout), TIMEOUT_MAX_MS);
      const keys = options.keys ?? [copyBytes(key)];
      return migrateKeys(session, { ...options, host, port: portOf(port), keys, database, timeoutMs });
    },
  }),
};
