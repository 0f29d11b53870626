/**
 * The parameters of Redis that have a meaning here: what they are, and whether CONFIG SET changes them, until the server stops.
 *
 * Three kinds: those that can be set; those that cannot be set in Redis either; and those that are set in Redis and of which there
 * is one truth here. Of the last, setting what holds anyway succeeds, so that a client that asks for it at its start goes on;
 * anything else is refused with the reason, and never taken without effect.
 */

import { parseInt64 } from '../../models/keyvalue/integers.ts';
import { KEEP_ALIVE_S } from '../../platform/sockets.ts';
import type { RespServer } from './session.ts';

export interface Parameter {
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
const MIB = 1_024 * 1_024;
const INT_MAX = 0x7fff_ffff;
const SLOW_ENTRIES_MAX = 100_000;
const PERCENTILES_MAX = 64;

const BY_CLASS = 'what a reply means follows from the class of the store, server.durability of the configuration';
const NOT_EVICTED = 'nothing is evicted, as data may be larger than memory';

export const PARAMETERS: Readonly<Record<string, Parameter>> = {
  appendfsync: fixed(({ partitions }) => FSYNC[partitions.store.durability] ?? 'no', BY_CLASS),
  appendonly: fixed(({ partitions }) => (partitions.store.durability === 'memory' ? 'no' : 'yes'), BY_CLASS),
  'client-query-buffer-limit': {
    get: ({ limits }) => limits.inputBytesMax,
    set: (server, value) =>
      setMemory(value, [MIB, Number.MAX_SAFE_INTEGER], (inputBytesMax) => {
        server.limits = { ...server.limits, inputBytesMax };
      }),
  },
  'cluster-enabled': { get: () => 'no' },
  databases: { get: ({ databases }) => databases.count },
  'latency-monitor-threshold': {
    get: ({ latency }) => latency.thresholdMs,
    set: ({ latency }, value) =>
      setInteger(value, [0, Number.MAX_SAFE_INTEGER], (ms) => {
        latency.thresholdMs = ms;
      }),
  },
  'latency-tracking': fixed(() => 'yes', 'latencies are always tracked'),
  'latency-tracking-info-percentiles': {
    get: ({ latency }) => latency.percentiles.join(' '),
    set: ({ latency }, value) => {
      const words = value.split(' ').filter((word) => word !== '');
      const percentiles = words.map(Number);
      if (words.length > PERCENTILES_MAX || percentiles.some(Number.isNaN)) {
        return 'Invalid latency-tracking-info-percentiles parameters';
      }
      if (percentiles.some((percent) => percent < 0 || percent > 100)) {
        return 'latency-tracking-info-percentiles parameters should sit between [0.0,100.0]';
      }
      latency.percentiles = percentiles;
      return undefined;
    },
  },
  maxclients: fixed(({ info }) => info.connectionsMax, 'it is protocols.redis.max_connections of the configuration'),
  maxmemory: fixedMemory(() => 0, NOT_EVICTED),
  'maxmemory-clients': fixedMemory(
    ({ limits }) => limits.clientBytesMax,
    'it is a quarter of memory.limit of the configuration',
  ),
  'maxmemory-policy': fixed(() => 'noeviction', NOT_EVICTED),
  'notify-keyspace-events': fixed(() => '', 'there is no PUBSUB that would carry them; CLIENT TRACKING tells of keys'),
  port: fixed(({ info }) => info.port, 'it is protocols.redis.port of the configuration'),
  'proto-max-bulk-len': {
    get: ({ limits }) => limits.bulkBytesMax,
    set: (server, value) =>
      setMemory(value, [MIB, 512 * MIB], (bulkBytesMax) => {
        server.limits = { ...server.limits, bulkBytesMax };
      }),
  },
  save: fixed(() => '', 'there are no snapshots to save, as every write is in the log'),
  'slowlog-log-slower-than': {
    get: ({ slowLog }) => slowLog.thresholdMicros,
    set: ({ slowLog }, value) =>
      setInteger(value, [-1, Number.MAX_SAFE_INTEGER], (micros) => {
        slowLog.thresholdMicros = micros;
      }),
  },
  'slowlog-max-len': {
    get: ({ slowLog }) => slowLog.entriesMax,
    set: ({ slowLog }, value) =>
      setInteger(value, [0, Number.MAX_SAFE_INTEGER], (entries) => {
        slowLog.entriesMax = Math.min(entries, SLOW_ENTRIES_MAX);
      }),
  },
  'tcp-keepalive': fixed(() => KEEP_ALIVE_S, 'it is the same for all ports'),
  timeout: {
    get: ({ idleClients }) => idleClients.timeoutS,
    set: ({ idleClients }, value) =>
      setInteger(value, [0, INT_MAX], (seconds) => {
        idleClients.timeoutS = seconds;
      }),
  },
};

function fixed(get: Parameter['get'], why: string): Parameter {
  return { get, set: (server, value) => (value.toLowerCase() === String(get(server)) ? undefined : why) };
}

function fixedMemory(get: (server: RespServer) => number, why: string): Parameter {
  return {
    get,
    set: (server, value) => {
      const bytes = memoryOf(value);
      if (bytes === undefined) return NO_MEMORY_VALUE;
      return bytes === get(server) ? undefined : why;
    },
  };
}

type Bounds = readonly [least: number, most: number];

function setInteger(value: string, [least, most]: Bounds, apply: (number: number) => void): string | undefined {
  const bytes = Buffer.from(value);
  const number = parseInt64(bytes, 0, bytes.length);
  if (number === undefined) return "argument couldn't be parsed into an integer";
  if (number < least || (most <= INT_MAX && number > most)) return outOf([least, most]);
  apply(Number(number));
  return undefined;
}

const NO_MEMORY_VALUE = 'argument must be a memory value';

function memoryOf(value: string): number | undefined {
  const [, amount = '', unit = ''] = /^(\d{1,15})([a-z]*)$/.exec(value.toLowerCase()) ?? [];
  const scale = MEMORY_UNITS[unit];
  return amount === '' || scale === undefined ? undefined : Number(amount) * scale;
}

function setMemory(value: string, [least, most]: Bounds, apply: (bytes: number) => void): string | undefined {
  const bytes = memoryOf(value);
  if (bytes === undefined) return NO_MEMORY_VALUE;
  if (bytes < least || bytes > most) return outOf([least, most]);
  apply(bytes);
  return undefined;
}

/** Redis tells the bound of its own type where there is none of the parameter. */
function outOf([least, most]: Bounds): string {
  const shown = most === Number.MAX_SAFE_INTEGER ? '9223372036854775807' : String(most);
  return `argument must be between ${least} and ${shown} inclusive`;
}
