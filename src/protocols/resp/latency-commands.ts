/** LATENCY, one row for each subcommand. Source: https://redis.io/docs/latest/commands/?group=server */

import { anyNumber, text } from './arguments.ts';
import { type CommandEntry, containerCommand, sessionCommand } from './command.ts';
import { RespError } from './errors.ts';
import type { LatencyEvent, LatencyMonitor } from './latency-monitor.ts';
import { integer, mapTree, type Tree, tree, verbatim } from './replies.ts';

const FLAGS = ['admin', 'noscript', 'loading', 'stale'] as const;
const TIPS = ['nondeterministic_output', 'request_policy:all_nodes', 'response_policy:special'] as const;

const GRAPH_COLUMNS = 80;
const GRAPH_ROWS = 4;
/** How much of its row a column fills. */
const FILLINGS = ['_', 'o', '#'] as const;

const SECONDS_PER_UNIT: readonly (readonly [unit: string, seconds: number])[] = [
  ['d', 86_400],
  ['h', 3_600],
  ['m', 60],
  ['s', 1],
];

function latenciesOf({ calls, latencies }: CommandEntry): Tree {
  return mapTree([
    ['calls', calls],
    ['histogram_usec', mapTree(latencies!.cumulative(calls))],
  ]);
}

/** A column for each sample, the latest at the right; below it how long ago that was, downwards. */
function graphOf({ name, samples, maxMs }: LatencyEvent, nowMs: number): string {
  const shown = samples.slice(-GRAPH_COLUMNS);
  const times = shown.map(({ ms }) => ms);
  const [high, low] = [Math.max(...times), Math.min(...times)];
  const steps = GRAPH_ROWS * FILLINGS.length;
  const heights = times.map((ms) => (high === low ? 1 : 1 + Math.round(((ms - low) / (high - low)) * (steps - 1))));
  const rows = Array.from({ length: GRAPH_ROWS }, (_, fromTop) => {
    const below = (GRAPH_ROWS - 1 - fromTop) * FILLINGS.length;
    return heights.map((height) => (height <= below ? ' ' : (FILLINGS[height - below - 1] ?? '|'))).join('');
  }).filter((row) => row.trim() !== '');
  const ages = shown.map(({ atS }) => ageOf(Math.max(0, Math.floor(nowMs / 1_000) - atS)));
  const ageRows = Array.from({ length: Math.max(...ages.map((age) => age.length)) }, (_, row) =>
    ages.map((age) => age[row] ?? ' ').join(''),
  );
  return [
    `${name} - high ${high} ms, low ${low} ms (all time high ${maxMs} ms)`,
    '-'.repeat(GRAPH_COLUMNS),
    ...rows,
    '',
    ...ageRows,
    '',
  ].join('\n');
}

function ageOf(seconds: number): string {
  const [unit, each] = SECONDS_PER_UNIT.find(([, size]) => seconds >= size) ?? ['s', 1];
  return `${Math.floor(seconds / each)}${unit}`;
}

function reportOf({ thresholdMs, events }: LatencyMonitor): string {
  if (thresholdMs === 0 && events.size === 0) {
    return 'Latency is not monitored: CONFIG SET latency-monitor-threshold <milliseconds> begins it. Slow commands are listed by SLOWLOG GET, figures by /metrics.\n';
  }
  if (events.size === 0) return `No command took ${thresholdMs} ms or more since they are monitored.\n`;
  const lines = [...events.values()].map(({ name, samples, maxMs }) => {
    const mean = samples.reduce((sum, { ms }) => sum + ms, 0) / samples.length;
    const deviation = samples.reduce((sum, { ms }) => sum + Math.abs(ms - mean), 0) / samples.length;
    const seconds = samples.length === 1 ? 'one second' : `${samples.length} different seconds`;
    return `${name}: in ${seconds}, ${mean.toFixed(0)} ms on average (mean deviation ${deviation.toFixed(0)} ms), at worst ${maxMs} ms.\n`;
  });
  return `${lines.join('')}Which commands they were: SLOWLOG GET, where slowlog-log-slower-than is no higher.\n`;
}

export const latencyCommands = {
  LATENCY: containerCommand(
    'LATENCY',
    'server',
    { summary: 'A container for latency diagnostics commands', since: '2.8.13' },
    {
      DOCTOR: sessionCommand({
        summary: 'Return a human readable latency analysis report.',
        since: '2.8.13',
        group: 'server',
        complexity: 'O(1)',
        flags: FLAGS,
        tips: TIPS,
        args: {},
        reply: verbatim,
        run: ({ server }) => reportOf(server.latency),
      }),
      GRAPH: sessionCommand({
        summary: 'Return a latency graph for the event.',
        since: '2.8.13',
        group: 'server',
        complexity: 'O(1)',
        flags: FLAGS,
        tips: TIPS,
        args: { event: text },
        reply: verbatim,
        run: ({ server: { latency, platform } }, { event: name }) => {
          const event = latency.events.get(name);
          if (event === undefined) throw new RespError(`ERR No samples available for event '${name}'`);
          return graphOf(event, platform.clock.nowMs());
        },
      }),
      HISTOGRAM: sessionCommand({
        summary: 'Return the cumulative distribution of latencies of a subset of commands or all.',
        since: '7.0.0',
        group: 'server',
        complexity: 'O(N) where N is the number of commands with latency information being retrieved.',
        flags: FLAGS,
        tips: TIPS,
        args: { command: anyNumber(text) },
        reply: tree,
        run: ({ server: { commands } }, { command: names }) => {
          const wanted = names.flatMap((name) => {
            const entry = commands.byName(name);
            return entry === undefined ? [] : [entry, ...(entry.subcommands?.all ?? [])];
          });
          const timed = (names.length === 0 ? commands.all : wanted).filter(({ latencies }) => latencies !== undefined);
          return mapTree(timed.map((entry) => [entry.name, latenciesOf(entry)]));
        },
      }),
      HISTORY: sessionCommand({
        summary: 'Return timestamp-latency samples for the event.',
        since: '2.8.13',
        group: 'server',
        complexity: 'O(1)',
        flags: FLAGS,
        tips: TIPS,
        args: { event: text },
        reply: tree,
        run: ({ server: { latency } }, { event }): Tree =>
          (latency.events.get(event)?.samples ?? []).map(({ atS, ms }) => [atS, ms]),
      }),
      LATEST: sessionCommand({
        summary: 'Return the latest latency samples for all events.',
        since: '2.8.13',
        group: 'server',
        complexity: 'O(1)',
        flags: FLAGS,
        tips: TIPS,
        args: {},
        reply: tree,
        run: ({ server: { latency } }): Tree =>
          [...latency.events.values()].map(({ name, samples, maxMs }) => {
            const { atS, ms } = samples.at(-1)!;
            return [name, atS, ms, maxMs];
          }),
      }),
      RESET: sessionCommand({
        summary: 'Reset latency data for one or more events.',
        since: '2.8.13',
        group: 'server',
        complexity: 'O(1)',
        flags: FLAGS,
        tips: ['request_policy:all_nodes', 'response_policy:all_succeeded'],
        args: { event: anyNumber(text) },
        reply: integer,
        run: ({ server: { latency } }, { event }) => latency.reset(event),
      }),
    },
  ),
};
