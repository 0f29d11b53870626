/** Commands that concern the server, one row each. Source: https://redis.io/docs/latest/commands/?group=server */

import { type Bytes, latin1 } from '../../base/bytes.ts';
import { nameGlob } from '../../models/keyvalue/glob.ts';
import { type ArgumentDoc, anyNumber, anyOrder, bytes, choice, described, flag, many, text } from './arguments.ts';
import {
  type CommandEntry,
  databaseCommand,
  type KeyOfCall,
  keyPositions,
  type MovableKeys,
  sessionCommand,
  withHelp,
} from './command.ts';
import { RespError, SYNTAX_ERROR } from './errors.ts';
import { information } from './information.ts';
import { bytesTree, integer, mapTree, ok, setTree, simpleTree, type Tree, tree, verbatim } from './replies.ts';
import type { RespServer } from './session.ts';

const FLUSH_MODE = anyOrder({
  async: choice({ ASYNC: flag('async', 'ASYNC', '4.0.0'), SYNC: flag('sync', 'SYNC', '6.2.0') }),
});

const FLUSH_HISTORY = [
  ['4.0.0', 'Added the `ASYNC` flushing mode modifier.'],
  ['6.2.0', 'Added the `SYNC` flushing mode modifier.'],
] as const;

const listFilter = described(
  [
    {
      name: 'filterby',
      type: 'oneof',
      token: 'FILTERBY',
      flags: ['optional'],
      arguments: [
        { name: 'module-name', type: 'string', token: 'MODULE' },
        { name: 'category', type: 'string', token: 'ACLCAT' },
        { name: 'pattern', type: 'pattern', token: 'PATTERN' },
      ],
    },
  ],
  (cursor): ((entry: CommandEntry) => boolean) => {
    if (cursor.remaining === 0) return () => true;
    if (cursor.remaining !== 3 || !cursor.takeToken('FILTERBY')) throw new RespError(SYNTAX_ERROR);
    if (cursor.takeToken('MODULE')) {
      cursor.skip();
      return () => false;
    }
    if (cursor.takeToken('ACLCAT')) {
      const category = `@${cursor.text().toLowerCase()}`;
      return (entry) => categoriesOf(entry).includes(category);
    }
    if (!cursor.takeToken('PATTERN')) throw new RespError(SYNTAX_ERROR);
    const matches = nameGlob(cursor.text());
    return (entry) => matches(entry.name);
  },
);

export const serverCommands = {
  FLUSHDB: databaseCommand({
    scope: 'database',
    summary: 'Remove all keys from the current database',
    since: '1.0.0',
    group: 'server',
    complexity: 'O(1); the space is reclaimed in the background',
    flags: ['write'],
    categories: ['keyspace', 'dangerous'],
    tips: ['request_policy:all_shards', 'response_policy:all_succeeded'],
    history: FLUSH_HISTORY,
    args: { mode: FLUSH_MODE },
    reply: ok,
    run: (databases) => {
      for (const database of databases) database.clear();
    },
  }),
  FLUSHALL: databaseCommand({
    scope: 'server',
    summary: 'Remove all keys from all databases',
    since: '1.0.0',
    group: 'server',
    complexity: 'O(1); the space is reclaimed in the background',
    flags: ['write'],
    categories: ['keyspace', 'dangerous'],
    tips: ['request_policy:all_shards', 'response_policy:all_succeeded'],
    history: FLUSH_HISTORY,
    args: { mode: FLUSH_MODE },
    reply: ok,
    run: (databases) => {
      for (const database of databases) database.clear();
    },
  }),
  INFO: sessionCommand({
    summary: 'Get information and statistics about the server',
    since: '1.0.0',
    group: 'server',
    complexity: 'O(1)',
    flags: ['loading', 'stale'],
    categories: ['dangerous'],
    tips: ['nondeterministic_output', 'request_policy:all_shards', 'response_policy:special'],
    history: [['7.0.0', 'Added support for taking multiple section arguments.']],
    args: { section: anyNumber(text) },
    reply: verbatim,
    run: (session, { section }) => information(session.server, section),
  }),
  COMMAND: sessionCommand({
    summary: 'Get array of Redis command details',
    since: '2.8.13',
    group: 'server',
    complexity: 'O(N) where N is the total number of Redis commands',
    flags: ['loading', 'stale'],
    categories: ['connection'],
    tips: ['nondeterministic_output_order'],
    args: {},
    reply: tree,
    run: (session) => session.server.commands.entries.map(commandInfo),
    subcommands: withHelp('COMMAND', 'server', {
      COUNT: sessionCommand({
        summary: 'Get total number of Redis commands',
        since: '2.8.13',
        group: 'server',
        complexity: 'O(1)',
        flags: ['loading', 'stale'],
        categories: ['connection'],
        args: {},
        reply: integer,
        run: (session) => session.server.commands.entries.length,
      }),
      INFO: sessionCommand({
        summary: 'Get array of specific Redis command details, or all when no argument is given.',
        since: '2.8.13',
        group: 'server',
        complexity: 'O(N) where N is the number of commands to look up',
        flags: ['loading', 'stale'],
        categories: ['connection'],
        tips: ['nondeterministic_output_order'],
        history: [['7.0.0', 'Allowed to be called with no argument to get info on all commands.']],
        args: { 'command-name': anyNumber(text) },
        reply: tree,
        run: (session, { 'command-name': names }): Tree => {
          const { commands } = session.server;
          if (names.length === 0) return commands.entries.map(commandInfo);
          return names.map((name): Tree => {
            const entry = commands.byName(name);
            return entry === undefined ? undefined : commandInfo(entry);
          });
        },
      }),
      DOCS: sessionCommand({
        summary: 'Get array of specific Redis command documentation',
        since: '7.0.0',
        group: 'server',
        complexity: 'O(N) where N is the number of commands to look up',
        flags: ['loading', 'stale'],
        categories: ['connection'],
        tips: ['nondeterministic_output_order'],
        args: { 'command-name': anyNumber(text) },
        reply: tree,
        run: (session, { 'command-name': names }) => {
          const { commands } = session.server;
          const entries =
            names.length === 0
              ? commands.entries
              : names.map((name) => commands.byName(name)).filter((entry) => entry !== undefined);
          return mapTree(entries.map((entry) => [entry.name, commandDocs(entry)]));
        },
      }),
      LIST: sessionCommand({
        summary: 'Get an array of Redis command names',
        since: '7.0.0',
        group: 'server',
        complexity: 'O(N) where N is the total number of Redis commands',
        flags: ['loading', 'stale'],
        categories: ['connection'],
        tips: ['nondeterministic_output_order'],
        args: { filterby: listFilter },
        reply: tree,
        run: (session, { filterby }): Tree => session.server.commands.all.filter(filterby).map((entry) => entry.name),
      }),
      GETKEYS: sessionCommand({
        summary: 'Extract keys given a full Redis command',
        since: '2.8.13',
        group: 'server',
        complexity: 'O(N) where N is the number of arguments to the command',
        flags: ['loading', 'stale'],
        categories: ['connection'],
        args: { command: bytes, arg: many(bytes) },
        reply: tree,
        run: (session, { command: name, arg }): Tree =>
          keysOfCall(session.server, [name, ...arg]).map(({ key }) => bytesTree(key)),
      }),
      GETKEYSANDFLAGS: sessionCommand({
        summary: 'Extract keys and access flags given a full Redis command',
        since: '7.0.0',
        group: 'server',
        complexity: 'O(N) where N is the number of arguments to the command',
        flags: ['loading', 'stale'],
        categories: ['connection'],
        args: { command: bytes, arg: many(bytes) },
        reply: tree,
        run: (session, { command: name, arg }): Tree =>
          keysOfCall(session.server, [name, ...arg]).map(({ key, flags }) => [
            bytesTree(key),
            setTree(flags.map(simpleTree)),
          ]),
      }),
    }),
  }),
};

function keysOfCall({ commands }: RespServer, words: readonly Bytes[]): readonly KeyOfCall[] {
  const [name, second] = words;
  let entry = name && commands.find(name, 0, name.length);
  if (entry?.subcommands !== undefined && second !== undefined) {
    entry = entry.subcommands.find(second, 0, second.length);
  }
  if (entry === undefined) throw new RespError('ERR Invalid command specified');
  if (entry.firstKey === 0) throw new RespError('ERR The command has no key arguments');
  if (!entry.accepts(words.length)) throw new RespError('ERR Invalid number of arguments specified for command');
  const { keyFlagsOf, keysOf } = entry.command;
  if (keysOf !== undefined) {
    const keys = keysOf(words);
    if (keys.length === 0) throw new RespError('ERR Invalid arguments specified for command');
    return keys;
  }
  const flags = keyFlagsOf?.(words.map((word) => latin1(word).toUpperCase()));
  return keyPositions(entry, words.length).map((position) => {
    const spec = entry.keySpecs.findLast(({ index }) => index <= position);
    return { key: words[position]!, flags: flags ?? spec?.flags ?? [] };
  });
}

/** In the order in which Redis lists them; some have no command here. */
export const CATEGORIES = [
  'keyspace',
  'read',
  'write',
  'set',
  'sortedset',
  'list',
  'hash',
  'string',
  'bitmap',
  'hyperloglog',
  'geo',
  'stream',
  'pubsub',
  'admin',
  'fast',
  'slow',
  'blocking',
  'dangerous',
  'connection',
  'transaction',
  'scripting',
] as const;

export function categoriesOf({ command, subcommands }: CommandEntry): readonly string[] {
  const categories = new Set<string>(command.categories);
  if (command.flags.includes('readonly')) categories.add('read');
  if (command.flags.includes('write')) categories.add('write');
  if (command.flags.includes('admin')) categories.add('admin').add('dangerous');
  const { group } = command;
  if (subcommands === undefined) {
    if (group === 'string' || group === 'bitmap' || group === 'connection') categories.add(group);
    if (group === 'generic' && command.scope !== 'session' && !categories.has('list')) categories.add('keyspace');
    if (group === 'transactions') categories.add('transaction');
  }
  categories.add(command.flags.includes('fast') ? 'fast' : 'slow');
  return CATEGORIES.filter((category) => categories.has(category)).map((category) => `@${category}`);
}

function commandInfo(entry: CommandEntry): Tree {
  return [
    entry.name,
    entry.arity,
    setTree(entry.command.flags.map(simpleTree)),
    entry.firstKey,
    entry.lastKey,
    entry.keyStep,
    setTree(categoriesOf(entry).map(simpleTree)),
    setTree(entry.command.tips ?? []),
    setTree(keySpecs(entry)),
    setTree(entry.subcommands?.entries.map(commandInfo) ?? []),
  ];
}

function keySpecs({ keySpecs: specs, command }: CommandEntry): readonly Tree[] {
  const { keyNotes, movableKeys = [] } = command;
  const fixed = specs.map(({ index, lastKey, step, flags }) =>
    keySpec(keyNotes, flags, typed('index', [['index', index]]), keyRange(lastKey, step)),
  );
  return [...fixed, ...movableKeys.map(movableKeySpec)];
}

function movableKeySpec({ notes, flags, keyword }: MovableKeys): Tree {
  if (keyword === undefined) return keySpec(notes, flags, typed('unknown', []), typed('unknown', []));
  const search = typed('keyword', [
    ['keyword', keyword.word],
    ['startfrom', keyword.startFrom],
  ]);
  return keySpec(notes, flags, search, keyRange(-1, 1));
}

function keySpec(notes: string | undefined, flags: readonly string[], search: Tree, find: Tree): Tree {
  return mapTree([
    ...(notes === undefined ? [] : [['notes', notes] as const]),
    ['flags', setTree(flags.map(simpleTree))],
    ['begin_search', search],
    ['find_keys', find],
  ]);
}

function keyRange(lastKey: number, step: number): Tree {
  return typed('range', [
    ['lastkey', lastKey],
    ['keystep', step],
    ['limit', 0],
  ]);
}

function typed(type: string, spec: readonly (readonly [Tree, Tree])[]): Tree {
  return mapTree([
    ['type', type],
    ['spec', mapTree(spec)],
  ]);
}

function commandDocs(entry: CommandEntry): Tree {
  const { summary, since, group, complexity, deprecated, history } = entry.command;
  const args = entry.subcommands === undefined ? entry.argumentDocs() : [];
  return mapTree([
    ['summary', summary],
    ['since', since],
    ['group', group],
    ['complexity', complexity],
    ...(deprecated === undefined
      ? []
      : ([
          ['doc_flags', setTree([simpleTree('deprecated')])],
          ['deprecated_since', deprecated.since],
          ['replaced_by', deprecated.replacedBy],
        ] as const)),
    ...(history === undefined
      ? []
      : [['history', setTree(history.map(([version, change]) => [version, change]))] as const]),
    ...(args.length === 0 ? [] : [['arguments', args.map(argumentDoc)] as const]),
    ...(entry.subcommands === undefined
      ? []
      : [['subcommands', mapTree(entry.subcommands.entries.map((sub) => [sub.name, commandDocs(sub)]))] as const]),
  ]);
}

function argumentDoc(doc: ArgumentDoc): Tree {
  const entries: [Tree, Tree][] = [
    ['name', doc.name],
    ['type', doc.type],
  ];
  if (doc.isKey) entries.push(['key_spec_index', doc.keySpec ?? 0]);
  if (doc.token !== undefined) entries.push(['token', doc.token]);
  if (doc.since !== undefined) entries.push(['since', doc.since]);
  if (doc.flags !== undefined) entries.push(['flags', setTree(doc.flags.map(simpleTree))]);
  if (doc.arguments !== undefined) entries.push(['arguments', doc.arguments.map(argumentDoc)]);
  return mapTree(entries);
}
