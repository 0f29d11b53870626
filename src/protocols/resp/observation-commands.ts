/**
 * Commands that look at the server: SLOWLOG, MEMORY, MONITOR, TIME, WAIT, WAITAOF, DEBUG. What is not measured here is answered as Redis
 * answers when it has nothing to tell. Source: https://redis.io/docs/latest/commands/?group=server
 */

import { type Awaitable, whenReady } from '../../base/awaitable.ts';
import { storedBytes } from '../../models/keyvalue/lifetimes.ts';
import { type ArgumentCursor, bytes, described, ignored, integer as integerArgument, key } from './arguments.ts';
import { command, containerCommand, sessionCommand } from './command.ts';
import { RespError, SYNTAX_ERROR } from './errors.ts';
import { integer, integerOrNil, mapTree, ok, type Reply, type Tree, tree, verbatim } from './replies.ts';
import type { SlowCommand } from './slow-log.ts';

const SLOW_COMMANDS_DEFAULT = 10;

const slowCount = described([{ name: 'count', type: 'integer', flags: ['optional'] }], (cursor) => {
  if (cursor.remaining === 0) return SLOW_COMMANDS_DEFAULT;
  const message = 'ERR count should be greater than or equal to -1';
  const count = cursor.integerNow(message);
  if (count < -1) throw new RespError(message);
  return count === -1 ? Number.POSITIVE_INFINITY : Number(count);
});

const slowCommands: Reply<readonly SlowCommand[]> = {
  name: 'array of slow commands',
  write: (writer, entries) => {
    writer.array(entries.length);
    for (const { id, atS, micros, args, address, clientName } of entries) {
      writer.array(6);
      writer.integer(id);
      writer.integer(atS);
      writer.integer(micros);
      writer.array(args.length);
      for (const arg of args) writer.bulk(arg);
      writer.text(address);
      writer.text(clientName);
    }
  },
};

const DEBUG_REFUSED =
  'ERR DEBUG command not allowed. If the enable-debug-command option is set to "local", you can run it from a local connection, otherwise you need to set this option in the configuration file, and then restart the server.';

const NO_LOG = 'ERR WAITAOF cannot be used when numlocal is set but appendonly is disabled.';

const usageOptions = described(
  [{ name: 'count', type: 'integer', token: 'SAMPLES', flags: ['optional'] }],
  (cursor) => {
    while (cursor.remaining > 0) {
      if (cursor.remaining < 2 || !cursor.takeToken('SAMPLES')) throw new RespError(SYNTAX_ERROR);
      if (cursor.integerNow() < 0) throw new RespError(SYNTAX_ERROR);
    }
  },
);

const timeoutMs = { ...integerArgument, parse: parseTimeout };

const localSyncs = {
  ...integerArgument,
  parse: (cursor: ArgumentCursor): boolean => {
    const value = cursor.integerNow();
    if (value < 0 || value > 1) throw new RespError('ERR value is out of range, value must between 0 and 1');
    return value === 1;
  },
};

const replicaSyncs = {
  ...integerArgument,
  parse: (cursor: ArgumentCursor): void => {
    const message = 'ERR value is out of range, must be positive';
    if (cursor.integerNow(message) < 0) throw new RespError(message);
  },
};

function parseTimeout(cursor: ArgumentCursor): number {
  cursor.finishNumbers();
  const value = cursor.integerNow('ERR timeout is not an integer or out of range');
  if (value < 0) throw new RespError('ERR timeout is negative');
  return Number(value);
}

export const observationCommands = {
  TIME: sessionCommand({
    summary: 'Return the current server time',
    since: '2.6.0',
    group: 'server',
    complexity: 'O(1)',
    flags: ['loading', 'stale', 'fast'],
    tips: ['nondeterministic_output'],
    args: {},
    reply: tree,
    run: ({ server }) => {
      const { clock } = server.platform;
      const nowMs = clock.nowMs();
      const micros = (Math.floor(nowMs) % 1_000) * 1_000 + (Number(clock.monotonicNs() / 1_000n) % 1_000);
      return [String(Math.floor(nowMs / 1_000)), String(micros)];
    },
  }),
  WAIT: sessionCommand({
    summary:
      'Wait for the synchronous replication of all the write commands sent in the context of the current connection',
    since: '3.0.0',
    group: 'generic',
    complexity: 'O(1)',
    flags: ['noscript'],
    categories: ['connection'],
    tips: ['request_policy:all_shards', 'response_policy:agg_min'],
    args: { numreplicas: integerArgument, timeout: timeoutMs },
    reply: integer,
    run: () => 0, // No replica exists; what was written is durable before any reply leaves.
  }),
  WAITAOF: sessionCommand({
    summary:
      'Blocks until all of the preceding write commands sent by the connection are written to the append-only file of the master and/or replicas.',
    since: '7.2.0',
    group: 'generic',
    complexity: 'O(1)',
    flags: ['noscript'],
    categories: ['connection'],
    tips: ['request_policy:all_shards', 'response_policy:agg_min'],
    args: { numlocal: localSyncs, numreplicas: replicaSyncs, timeout: timeoutMs },
    reply: tree,
    // The log is this server's append-only file, and there are no replicas.
    run: ({ server }, { numlocal }): Awaitable<Tree> => {
      if (!numlocal) return [0, 0];
      const { store } = server.partitions;
      if (store.durability === 'memory') throw new RespError(NO_LOG);
      return whenReady(store.whenDurable(store.version, 'disk'), () => [1, 0]);
    },
  }),
  MONITOR: sessionCommand({
    summary: 'Listen for all requests received by the server in real time',
    since: '1.0.0',
    group: 'server',
    complexity: 'O(1)',
    flags: ['admin', 'noscript', 'loading', 'stale'],
    args: {},
    reply: ok,
    run: (session) => {
      if (session.transaction.isRunning) throw new RespError("ERR MONITOR isn't allowed for DENY BLOCKING client");
      session.server.monitors.add(session);
    },
  }),
  DEBUG: sessionCommand({
    summary: 'A container for debugging commands',
    since: '1.0.0',
    group: 'server',
    complexity: 'Depends on subcommand.',
    flags: ['admin', 'noscript', 'loading', 'stale'],
    args: { subcommand: bytes, argument: ignored },
    reply: ok,
    run: () => {
      throw new RespError(DEBUG_REFUSED);
    },
  }),
  SLOWLOG: containerCommand(
    'SLOWLOG',
    'server',
    { summary: 'A container for slow log commands', since: '2.2.12' },
    {
      GET: sessionCommand({
        summary: "Get the slow log's entries",
        since: '2.2.12',
        group: 'server',
        complexity: 'O(N) where N is the number of entries returned',
        flags: ['admin', 'loading', 'stale'],
        tips: ['request_policy:all_nodes', 'nondeterministic_output'],
        history: [['4.0.0', 'Added client IP address, port and name to the reply.']],
        args: { count: slowCount },
        argumentsMax: 3,
        reply: slowCommands,
        run: ({ server }, { count }) => server.slowLog.entries.slice(0, count),
      }),
      LEN: sessionCommand({
        summary: "Get the slow log's length",
        since: '2.2.12',
        group: 'server',
        complexity: 'O(1)',
        flags: ['admin', 'loading', 'stale'],
        tips: ['request_policy:all_nodes', 'response_policy:agg_sum', 'nondeterministic_output'],
        args: {},
        reply: integer,
        run: ({ server }) => server.slowLog.entries.length,
      }),
      RESET: sessionCommand({
        summary: 'Clear all entries from the slow log',
        since: '2.2.12',
        group: 'server',
        complexity: 'O(N) where N is the number of entries in the slowlog',
        flags: ['admin', 'loading', 'stale'],
        tips: ['request_policy:all_nodes', 'response_policy:all_succeeded'],
        args: {},
        reply: ok,
        run: ({ server }) => server.slowLog.clear(),
      }),
    },
  ),
  MEMORY: containerCommand(
    'MEMORY',
    'server',
    { summary: 'A container for memory diagnostics commands', since: '4.0.0' },
    {
      DOCTOR: sessionCommand({
        summary: 'Outputs memory problems report',
        since: '4.0.0',
        group: 'server',
        complexity: 'O(1)',
        flags: [],
        tips: ['nondeterministic_output', 'request_policy:all_shards', 'response_policy:special'],
        args: {},
        reply: verbatim,
        run: ({ server }) =>
          `The process holds ${server.info.memoryBytes()} bytes. Data may be larger than memory; nothing is evicted.\n`,
      }),
      'MALLOC-STATS': sessionCommand({
        summary: 'Show allocator internal stats',
        since: '4.0.0',
        group: 'server',
        complexity: 'Depends on how much memory is allocated, could be slow',
        flags: [],
        tips: ['nondeterministic_output', 'request_policy:all_shards', 'response_policy:special'],
        args: {},
        reply: verbatim,
        run: () => 'Stats not supported for the current allocator',
      }),
      PURGE: sessionCommand({
        summary: 'Ask the allocator to release memory',
        since: '4.0.0',
        group: 'server',
        complexity: 'Depends on how much memory is allocated, could be slow',
        flags: [],
        tips: ['request_policy:all_shards', 'response_policy:all_succeeded'],
        args: {},
        reply: ok,
        run: () => undefined,
      }),
      STATS: sessionCommand({
        summary: 'Show memory usage details',
        since: '4.0.0',
        group: 'server',
        complexity: 'O(1)',
        flags: [],
        tips: ['nondeterministic_output', 'request_policy:all_shards', 'response_policy:special'],
        args: {},
        reply: tree,
        run: ({ server }) => {
          const clientBytes = [...server.clients].reduce((sum, { inputBytes, outputBytes, transaction }) => {
            return sum + inputBytes + outputBytes + transaction.queuedBytes;
          }, 0);
          return mapTree([
            ['total.allocated', server.info.memoryBytes()],
            ['clients.normal', clientBytes],
            ['allocator.resident', server.info.memoryBytes()],
          ]);
        },
      }),
      USAGE: command({
        summary: 'Estimate the memory usage of a key',
        since: '4.0.0',
        group: 'server',
        complexity: 'O(N) where N is the number of samples.',
        flags: ['readonly'],
        keyFlags: ['RO'],
        args: { key, options: usageOptions },
        reply: integerOrNil,
        run: (database, { key }) => whenReady(storedBytes(database, key), (size) => size),
      }),
    },
  ),
};
