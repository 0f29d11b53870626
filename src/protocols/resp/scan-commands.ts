/** Commands that walk over keys, one row each. Source: https://redis.io/docs/latest/commands/?group=generic */

import { type Awaitable, whenReady } from '../../base/awaitable.ts';
import type { Bytes } from '../../base/bytes.ts';
import { Glob } from '../../models/keyvalue/glob.ts';
import {
  countKeys,
  randomKey,
  type Walked,
  type WalkedPart,
  type Wanted,
  walkPart,
} from '../../models/keyvalue/walk.ts';
import { type Argument, bytes, described } from './arguments.ts';
import { keyspaceCommand } from './command.ts';
import { RespError, SYNTAX_ERROR } from './errors.ts';
import type { KeyspaceTransaction } from './keyspace-transaction.ts';
import { arrayOfBulk, bulkOrNil, integer, type Reply } from './replies.ts';

const COUNT_DEFAULT = 10;
/** Keys looked at in one go by KEYS, which wants all. */
const KEYS_PART = 100_000;

function selected(on: KeyspaceTransaction): Walked {
  const { transaction, nowMs } = on;
  return { transaction, nowMs, keys: on.keys(on.selected), pause: () => on.pause() };
}

const pattern: Argument<Bytes> = { ...bytes, docs: (name) => [{ name, type: 'pattern' }] };

/** As `strtoul` reads it: nothing is 0, a sign is allowed, 64 bits at most. */
const CURSOR = /^(?:[+-]?\d{1,20})?$/;

const cursorArgument: Argument<bigint> = described(
  [{ name: 'cursor', type: 'integer' }],
  (cursor) => {
    const text = cursor.text();
    const value = CURSOR.test(text) ? BigInt(text) : undefined;
    if (value === undefined || value >= 2n ** 64n || value <= -(2n ** 64n)) throw new RespError('ERR invalid cursor');
    return value;
  },
  { minimum: 1, fixed: true },
);

interface ScanOptions extends Wanted {
  readonly count: number;
}

const scanOptions: Argument<ScanOptions> = described(
  [
    { name: 'pattern', type: 'pattern', token: 'MATCH', flags: ['optional'] },
    { name: 'count', type: 'integer', token: 'COUNT', flags: ['optional'] },
    { name: 'type', type: 'string', token: 'TYPE', since: '6.0.0', flags: ['optional'] },
  ],
  (cursor) => {
    let glob: Glob | undefined;
    let type: string | undefined;
    let count = COUNT_DEFAULT;
    while (cursor.remaining > 0) {
      if (cursor.remaining < 2) throw new RespError(SYNTAX_ERROR);
      if (cursor.takeToken('COUNT')) {
        count = Number(cursor.integerNow());
        if (count < 1) throw new RespError(SYNTAX_ERROR);
      } else if (cursor.takeToken('MATCH')) {
        glob = new Glob(cursor.bytes());
      } else if (cursor.takeToken('TYPE')) {
        type = cursor.text();
      } else {
        throw new RespError(SYNTAX_ERROR);
      }
    }
    return { glob, type, count };
  },
);

interface ScanStep {
  readonly cursor: number;
  readonly keys: readonly Bytes[];
}

const scanReply: Reply<ScanStep> = {
  name: 'cursor and array of bulk strings',
  write: (writer, { cursor, keys }) => {
    writer.array(2);
    writer.text(String(cursor));
    arrayOfBulk.write(writer, keys);
  },
};

export const scanCommands = {
  KEYS: keyspaceCommand({
    summary: 'Find all keys matching the given pattern',
    since: '1.0.0',
    group: 'generic',
    complexity:
      'O(N) with N being the number of keys in the database, under the assumption that the key names in the database and the given pattern have limited length.',
    flags: ['readonly'],
    categories: ['dangerous'],
    tips: ['request_policy:all_shards', 'nondeterministic_output_order'],
    args: { pattern },
    reply: arrayOfBulk,
    run: (on, { pattern }) => allKeys(selected(on), { glob: new Glob(pattern), type: undefined }),
  }),
  SCAN: keyspaceCommand({
    summary: 'Incrementally iterate the keys space',
    since: '2.8.0',
    group: 'generic',
    complexity:
      'O(1) for every call. O(N) for a complete iteration, including enough command calls for the cursor to return back to 0. N is the number of elements inside the collection.',
    flags: ['readonly'],
    tips: ['nondeterministic_output', 'request_policy:special'],
    history: [['6.0.0', 'Added the `TYPE` subcommand.']],
    args: { cursor: cursorArgument, options: scanOptions },
    reply: scanReply,
    run: (on, { cursor, options }) => {
      const walked = selected(on);
      const { scanCursors } = on.server;
      const place = scanCursors.placeOf(cursor <= Number.MAX_SAFE_INTEGER ? Number(cursor) : cursor, walked);
      const part = whenReady(place, (after) => walkPart(walked, options, after, options.count));
      return whenReady(part, ({ found, last }) => ({
        cursor: last === undefined ? 0 : scanCursors.remember(last),
        keys: found,
      }));
    },
  }),
  RANDOMKEY: keyspaceCommand({
    summary: 'Return a random key from the keyspace',
    since: '1.0.0',
    group: 'generic',
    complexity: 'O(1)',
    flags: ['readonly'],
    tips: ['request_policy:all_shards', 'nondeterministic_output'],
    args: {},
    reply: bulkOrNil,
    run: (on) => randomKey(selected(on), () => on.server.platform.random.float()),
  }),
  DBSIZE: keyspaceCommand({
    summary: 'Return the number of keys in the selected database',
    since: '1.0.0',
    group: 'server',
    complexity: 'O(1)',
    flags: ['readonly', 'fast'],
    categories: ['keyspace'],
    tips: ['request_policy:all_shards', 'response_policy:agg_sum'],
    args: {},
    reply: integer,
    run: (on) => countKeys(selected(on)),
    // Counting is left to databases that do not fit memory.
    known: ({ server, database }) => server.partitions.known(server.databases.stored(database))?.keys,
  }),
};

function allKeys(on: Walked, wanted: Wanted, found: Bytes[] = [], after?: Bytes): Awaitable<readonly Bytes[]> {
  return whenReady(walkPart(on, wanted, after, KEYS_PART), (part: WalkedPart) => {
    for (const key of part.found) found.push(key);
    return part.last === undefined ? found : allKeys(on, wanted, found, part.last);
  });
}
