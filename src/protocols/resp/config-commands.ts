/** CONFIG, one row for each subcommand. Source: https://redis.io/docs/latest/commands/config-get/ */

import { nameGlob } from '../../models/keyvalue/glob.ts';
import { described } from './arguments.ts';
import { containerCommand, sessionCommand } from './command.ts';
import { PARAMETERS } from './config-parameters.ts';
import { RespError, SYNTAX_ERROR } from './errors.ts';
import { mapTree, ok, tree } from './replies.ts';
import type { RespServer } from './session.ts';

interface Setting {
  readonly name: string;
  /** The name as the client has written it. */
  readonly asked: string;
  readonly value: string;
}

const parameters = described<readonly string[]>(
  [{ name: 'parameter', type: 'block', flags: ['multiple'], arguments: [{ name: 'parameter', type: 'string' }] }],
  (cursor) => {
    const all: string[] = [];
    while (cursor.remaining > 0) all.push(cursor.text());
    return all;
  },
  { minimum: 1 },
);

const settings = described<readonly Setting[]>(
  [
    {
      name: 'parameter_value',
      type: 'block',
      flags: ['multiple'],
      arguments: [
        { name: 'parameter', type: 'string' },
        { name: 'value', type: 'string' },
      ],
    },
  ],
  (cursor) => {
    if (cursor.remaining % 2 !== 0) throw new RespError(SYNTAX_ERROR);
    const all: Setting[] = [];
    while (cursor.remaining > 0) {
      const asked = cursor.text();
      all.push({ name: asked.toLowerCase(), asked, value: cursor.text() });
    }
    return all;
  },
  { minimum: 2 },
);

/** All are checked before the first one is set; when a value turns out to be wrong, those before it get their old one. */
function setAll(server: RespServer, all: readonly Setting[]): void {
  const fail = (shown: string, why: string): never => {
    throw new RespError(`ERR CONFIG SET failed (possibly related to argument '${shown}') - ${why}`);
  };
  const unknown = all.find(({ name }) => !Object.hasOwn(PARAMETERS, name));
  const seen = new Set<string>();
  for (const { name, asked } of all) {
    if (name === unknown?.name) break;
    if (PARAMETERS[name]!.set === undefined) fail(asked, "can't set immutable config");
    if (seen.has(name)) fail(asked, 'duplicate parameter');
    seen.add(name);
  }
  if (unknown !== undefined) {
    throw new RespError(`ERR Unknown option or number of arguments for CONFIG SET - '${unknown.asked}'`);
  }
  const before = all.map(({ name }) => ({ name, value: String(PARAMETERS[name]!.get(server)) }));
  for (const { name, value } of all) {
    const wrong = PARAMETERS[name]!.set!(server, value);
    if (wrong === undefined) continue;
    for (const setting of before) PARAMETERS[setting.name]!.set!(server, setting.value);
    fail(name, wrong); // Once a parameter has been found, it is told by its own name.
  }
}

/** A parameter that is asked for by its name is answered under the name as it was asked for, in whatever case. */
function matching(server: RespServer, patterns: readonly string[]): [string, string][] {
  const found = new Map<string, string>();
  for (const pattern of patterns) {
    const matches = nameGlob(pattern);
    for (const [name, { get }] of Object.entries(PARAMETERS)) {
      if (!matches(name)) continue;
      const shown = /[*?[]/.test(pattern) ? name : pattern;
      if (!found.has(shown)) found.set(shown, String(get(server)));
    }
  }
  return [...found];
}

function resetStatistics({ counters, commands }: RespServer): void {
  counters.connectionsAccepted = 0;
  counters.commands = 0;
  counters.errors = 0;
  counters.errorsByPrefix.clear();
  counters.lookups.hits = 0;
  counters.lookups.misses = 0;
  counters.bytesReceived = 0;
  counters.bytesSent = 0;
  counters.clientsEvicted = 0;
  for (const entry of commands.all) entry.resetStatistics();
}

export const configCommands = {
  CONFIG: containerCommand(
    'CONFIG',
    'server',
    { summary: 'A container for server configuration commands', since: '2.0.0' },
    {
      GET: sessionCommand({
        summary: 'Get the values of configuration parameters',
        since: '2.0.0',
        group: 'server',
        complexity: 'O(N) when N is the number of configuration parameters provided',
        flags: ['admin', 'noscript', 'loading', 'stale'],
        history: [['7.0.0', 'Added the ability to pass multiple pattern parameters in one call']],
        args: { parameters },
        reply: tree,
        run: ({ server }, { parameters: patterns }) => mapTree(matching(server, patterns)),
      }),
      SET: sessionCommand({
        summary: 'Set configuration parameters to the given values',
        since: '2.0.0',
        group: 'server',
        complexity: 'O(N) when N is the number of configuration parameters provided',
        flags: ['admin', 'noscript', 'loading', 'stale'],
        tips: ['request_policy:all_nodes', 'response_policy:all_succeeded'],
        history: [['7.0.0', 'Added the ability to set multiple parameters in one call.']],
        args: { settings },
        reply: ok,
        run: ({ server }, { settings: all }) => setAll(server, all),
      }),
      RESETSTAT: sessionCommand({
        summary: 'Reset the stats returned by INFO',
        since: '2.0.0',
        group: 'server',
        complexity: 'O(1)',
        flags: ['admin', 'noscript', 'loading', 'stale'],
        args: {},
        reply: ok,
        run: ({ server }) => resetStatistics(server),
      }),
      REWRITE: sessionCommand({
        summary: 'Rewrite the configuration file with the in memory configuration',
        since: '2.8.0',
        group: 'server',
        complexity: 'O(1)',
        flags: ['admin', 'noscript', 'loading', 'stale'],
        args: {},
        reply: ok,
        run: () => {
          throw new RespError('ERR The server is running without a config file');
        },
      }),
    },
  ),
};
