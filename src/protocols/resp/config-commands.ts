/**
 * CONFIG: the parameters of Redis that have a meaning here, and what they are. A few can be set, until the server stops; the
 * others come from the configuration file. Source: https://redis.io/docs/latest/commands/config-get/
 */

import { nameGlob } from '../../models/keyvalue/glob.ts';
import { parseInt64 } from '../../models/keyvalue/integers.ts';
import { described, many, text } from './arguments.ts';
import { containerCommand, sessionCommand } from './command.ts';
import { RespError, SYNTAX_ERROR } from './errors.ts';
import { mapTree, ok, tree } from './replies.ts';
import type { RespServer } from './session.ts';

interface Parameter {
  readonly get: (server: RespServer) => string | number;
  /** Absent when it cannot be changed while the server runs. @returns what is wrong with the value. */
  readonly set?: (server: RespServer, value: string) => string | undefined;
}

/** How often the class of the store makes writes durable, in the words of Redis. */
const FSYNC: Readonly<Record<string, string>> = { disk: 'always', process: 'everysec', memory: 'no' };
const MEMORY_UNITS: Readonly<Record<string, number>> = {
  '': 1,
  b: 1,
  k: 1_000,
  kb: 1_024,
  m: 1_000_000,
  mb: 1_024 ** 2,
  g: 1_000_000_000,
  gb: 1_024 ** 3,
};
const BULK_BYTES_MIN = 1_024 * 1_024;
const BULK_BYTES_MAX = 512 * 1_024 * 1_024;

const PARAMETERS: Readonly<Record<string, Parameter>> = {
  appendfsync: { get: ({ partitions }) => FSYNC[partitions.store.durability] ?? 'no' },
  appendonly: { get: ({ partitions }) => (partitions.store.durability === 'memory' ? 'no' : 'yes') },
  'client-query-buffer-limit': { get: ({ limits }) => limits.inputBytesMax },
  'cluster-enabled': { get: () => 'no' },
  databases: { get: ({ databases }) => databases.count },
  'latency-monitor-threshold': { get: () => 0 },
  maxmemory: { get: () => 0 },
  'maxmemory-policy': { get: () => 'noeviction' },
  'notify-keyspace-events': { get: () => '' },
  port: { get: ({ info }) => info.port },
  'proto-max-bulk-len': {
    get: ({ limits }) => limits.bulkBytesMax,
    set: (server, value) => {
      const [, amount = '', unit = ''] = /^(\d{1,15})([a-z]*)$/.exec(value.toLowerCase()) ?? [];
      const scale = MEMORY_UNITS[unit];
      if (amount === '' || scale === undefined) return 'argument must be a memory value';
      const bulkBytesMax = Number(amount) * scale;
      if (bulkBytesMax < BULK_BYTES_MIN || bulkBytesMax > BULK_BYTES_MAX) {
        return `argument must be between ${BULK_BYTES_MIN} and ${BULK_BYTES_MAX} inclusive`;
      }
      server.limits = { ...server.limits, bulkBytesMax };
      return undefined;
    },
  },
  save: { get: () => '' },
  'slowlog-log-slower-than': {
    get: ({ slowLog }) => slowLog.thresholdMicros,
    set: ({ slowLog }, value) =>
      setInteger(value, -1, (micros) => {
        slowLog.thresholdMicros = micros;
      }),
  },
  'slowlog-max-len': {
    get: ({ slowLog }) => slowLog.entriesMax,
    set: ({ slowLog }, value) =>
      setInteger(value, 0, (entries) => {
        slowLog.entriesMax = Math.min(entries, SLOW_ENTRIES_MAX);
      }),
  },
  timeout: { get: () => 0 },
};

const SLOW_ENTRIES_MAX = 100_000;

function setInteger(value: string, least: number, apply: (number: number) => void): string | undefined {
  const bytes = Buffer.from(value);
  const number = parseInt64(bytes, 0, bytes.length);
  if (number === undefined) return "argument couldn't be parsed into an integer";
  if (number < least) return `argument must be between ${least} and 9223372036854775807 inclusive`;
  apply(Number(number));
  return undefined;
}

interface Setting {
  readonly name: string;
  /** The name as the client has written it. */
  readonly asked: string;
  readonly value: string;
}

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
        args: { parameter: many(text) },
        reply: tree,
        run: ({ server }, { parameter }) => mapTree(matching(server, parameter)),
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
