/**
 * SORT and SORT_RO. They sort lists, sets and sorted sets, and a database here holds none: a key that is absent has no
 * elements, as in Redis, and a string is WRONGTYPE. What the options say is checked all the same.
 * Source: https://redis.io/docs/latest/commands/sort/
 */

import { type Awaitable, whenReady } from '../../base/awaitable.ts';
import { type Bytes, latin1 } from '../../base/bytes.ts';
import { OperationError } from '../../base/errors.ts';
import { type Database, readLive } from '../../models/keyvalue/database.ts';
import { deleteKeys } from '../../models/keyvalue/lifetimes.ts';
import { type Argument, type ArgumentDoc, described, key } from './arguments.ts';
import { command, type KeyOfCall, keyspaceCommand, type MovableKeys } from './command.ts';
import { RespError, SYNTAX_ERROR } from './errors.ts';
import { arrayOfBulk, type Reply } from './replies.ts';

const NO_ELEMENTS: readonly Bytes[] = [];

const OPTION_DOCS: readonly ArgumentDoc[] = [
  { name: 'pattern', type: 'pattern', isKey: true, keySpec: 1, token: 'BY', flags: ['optional'] },
  {
    name: 'offset_count',
    type: 'block',
    token: 'LIMIT',
    flags: ['optional'],
    arguments: [
      { name: 'offset', type: 'integer' },
      { name: 'count', type: 'integer' },
    ],
  },
  {
    name: 'pattern',
    type: 'pattern',
    isKey: true,
    keySpec: 1,
    token: 'GET',
    flags: ['optional', 'multiple', 'multiple_token'],
  },
  {
    name: 'order',
    type: 'oneof',
    flags: ['optional'],
    arguments: [
      { name: 'asc', type: 'pure-token', token: 'ASC' },
      { name: 'desc', type: 'pure-token', token: 'DESC' },
    ],
  },
  { name: 'sorting', type: 'pure-token', token: 'ALPHA', flags: ['optional'] },
];

const STORE_DOC: ArgumentDoc = {
  name: 'destination',
  type: 'key',
  isKey: true,
  keySpec: 2,
  token: 'STORE',
  flags: ['optional'],
};

/** @returns where the result goes; of the other options nothing matters to what is empty. */
function sortOptions({ stores }: { readonly stores: boolean }): Argument<Bytes | undefined> {
  const docs = stores ? [...OPTION_DOCS, STORE_DOC] : OPTION_DOCS;
  return described(docs, (cursor) => {
    let destination: Bytes | undefined;
    while (cursor.remaining > 0) {
      const behind = cursor.remaining - 1;
      if (cursor.takeToken('ASC') || cursor.takeToken('DESC') || cursor.takeToken('ALPHA')) continue;
      if (behind >= 2 && cursor.takeToken('LIMIT')) {
        cursor.integerNow();
        cursor.integerNow();
      } else if (stores && behind >= 1 && cursor.takeToken('STORE')) destination = cursor.bytes();
      else if (behind >= 1 && (cursor.takeToken('BY') || cursor.takeToken('GET'))) cursor.skip();
      else throw new RespError(SYNTAX_ERROR);
    }
    return destination;
  });
}

/** @throws OperationError `wrong_type` for a key that is there. */
function requireNoString(database: Database, redisKey: Bytes): Awaitable<void> {
  return whenReady(readLive(database, redisKey), (stored) => {
    if (stored === undefined) return;
    throw new OperationError('wrong_type', 'Operation against a key holding the wrong kind of value');
  });
}

const elementsOrCount: Reply<readonly Bytes[] | number> = {
  name: 'array of bulk strings or integer',
  write: (writer, value) => (typeof value === 'number' ? writer.integer(value) : arrayOfBulk.write(writer, value)),
};

/** So many words behind these are no options. */
const WORDS_BEHIND: Readonly<Record<string, number>> = { LIMIT: 2, GET: 1, BY: 1 };

function keysOfSort([, first, ...options]: readonly Bytes[]): readonly KeyOfCall[] {
  const source: KeyOfCall = { key: first!, flags: ['RO', 'access'] };
  let destination: Bytes | undefined;
  for (let i = 0; i < options.length; i++) {
    const word = latin1(options[i]!).toUpperCase();
    if (word === 'STORE' && i + 1 < options.length) destination = options[i + 1];
    else i += WORDS_BEHIND[word] ?? 0;
  }
  return destination === undefined ? [source] : [source, { key: destination, flags: ['OW', 'update'] }];
}

const SORT_FACTS = {
  group: 'generic',
  complexity:
    'O(N+M*log(M)) where N is the number of elements in the list or set to sort, and M the number of returned elements. When the elements are not sorted, complexity is O(N).',
  keyFlags: ['RO', 'access'],
  categories: ['set', 'sortedset', 'list', 'dangerous'],
} as const;

const PATTERN_KEYS: MovableKeys = {
  notes:
    "For the optional BY/GET keyword. It is marked 'unknown' because the key names derive from the content of the key we sort",
  flags: ['RO', 'access'],
};

export const sortCommands = {
  SORT: keyspaceCommand({
    ...SORT_FACTS,
    summary: 'Sort the elements in a list, set or sorted set',
    since: '1.0.0',
    flags: ['write', 'denyoom', 'movablekeys'],
    movableKeys: [
      PATTERN_KEYS,
      {
        notes:
          "For the optional STORE keyword. It is marked 'unknown' because the keyword can appear anywhere in the argument array",
        flags: ['OW', 'update'],
      },
    ],
    keysOf: keysOfSort,
    args: { key, destination: sortOptions({ stores: true }) },
    reply: elementsOrCount,
    run: (on, { key, destination }) => {
      const database = on.database(on.selected);
      return whenReady(requireNoString(database, key), () => {
        if (destination === undefined) return NO_ELEMENTS;
        return whenReady(deleteKeys(database, [destination]), () => 0);
      });
    },
  }),
  SORT_RO: command({
    ...SORT_FACTS,
    summary: 'Sort the elements in a list, set or sorted set. Read-only variant of SORT.',
    since: '7.0.0',
    flags: ['readonly', 'movablekeys'],
    movableKeys: [PATTERN_KEYS],
    keysOf: ([, source]) => [{ key: source!, flags: ['RO', 'access'] }],
    args: { key, options: sortOptions({ stores: false }) },
    reply: arrayOfBulk,
    run: (database, { key }) => whenReady(requireNoString(database, key), () => NO_ELEMENTS),
  }),
};
