/**
 * The same random commands to this server and to a real Redis, replies compared byte for byte. Three clients of each take turns,
 * so that transactions and watched keys meet commands of others. Needs `redis-server` in the path.
 */

import { randomFrom } from '../support/random-from.ts';
import { type RedisReference, startRedis } from './redis-reference.ts';
import { RawClient, request } from './resp-client.ts';
import { CommandGenerator, type Comparison, type RandomCommand } from './resp-commands.ts';
import { startRespServer, type TestServerOptions } from './resp-server.ts';

export interface DifferentialOptions {
  readonly seed: number;
  /** How many commands to send to each server. */
  readonly commands: number;
  /** How to start this server; default: a store in memory. */
  readonly server?: TestServerOptions;
  /** Default: both, one after the other. */
  readonly protocols?: readonly ('2' | '3')[];
}

const CLIENTS = 3;
const PIPELINE_MAX = 16;
const SHOWN = 40;

/** @throws Error naming the seed and the latest commands when a reply differs. */
export async function runDifferential(options: DifferentialOptions): Promise<void> {
  const { seed, commands, protocols = ['2', '3'] } = options;
  const redis = await startRedis();
  const server = await startRespServer(options.server);
  // Refused on a store that several servers share.
  const without = options.server?.provider === 'tikv' ? ['SWAPDB'] : [];
  try {
    for (const protocol of protocols) {
      const share = Math.ceil(commands / protocols.length);
      await compare(redis, server.port, { seed: seed + Number(protocol), commands: share, protocol, without });
    }
  } finally {
    await server.close();
    await redis.close();
  }
}

interface Pair {
  readonly number: number;
  readonly theirs: RawClient;
  readonly ours: RawClient;
  readonly generator: CommandGenerator;
}

async function compare(
  redis: RedisReference,
  ourPort: number,
  {
    seed,
    commands,
    protocol,
    without,
  }: {
    readonly seed: number;
    readonly commands: number;
    readonly protocol: string;
    readonly without: readonly string[];
  },
): Promise<void> {
  const random = randomFrom(seed);
  const pairs: Pair[] = [];
  const history: string[] = [];
  for (let number = 0; number < CLIENTS; number++) {
    const [theirs, ours] = [await RawClient.connect(redis.port), await RawClient.connect(ourPort)];
    for (const client of [theirs, ours]) {
      await client.call('HELLO', protocol);
      await client.call('FLUSHALL');
    }
    pairs.push({ number, theirs, ours, generator: new CommandGenerator(random, without) });
  }
  for (let sent = 0; sent < commands; ) {
    const pair = pairs[random(CLIENTS)]!;
    // One pipeline in one write, and so in one stretch here.
    const pipeline: RandomCommand[] = [];
    const length = 1 + random(PIPELINE_MAX);
    do pipeline.push(pair.generator.next());
    while (pipeline.length < length);
    while (pair.generator.hasPending) pipeline.push(pair.generator.next());
    const bytes = Buffer.concat(pipeline.map(({ args }) => request(...args)));
    pair.theirs.send(bytes);
    pair.ours.send(bytes);
    for (const { args, comparison } of pipeline) {
      const [expected, actual] = [await pair.theirs.reply(), await pair.ours.reply()];
      history.push(`${pair.number} ${JSON.stringify(args)} -> ${JSON.stringify(expected)}`);
      if (!agree(expected, actual, comparison)) {
        const latest = history.slice(-SHOWN).join('\n');
        throw new Error(
          `seed ${seed}, RESP${protocol}: ${JSON.stringify(actual)} where Redis answered the last of\n${latest}`,
        );
      }
    }
    sent += pipeline.length;
  }
  for (const { theirs, ours } of pairs) {
    theirs.close();
    ours.close();
  }
}

function agree(expected: string, actual: string, comparison: Comparison): boolean {
  if (expected === actual) return true;
  if (comparison === 'sorted') return sorted(expected) === sorted(actual);
  if (comparison === 'near') return Math.abs(Number(expected.slice(1)) - Number(actual.slice(1))) <= 1;
  return false;
}

/** The lines of an array of bulk strings in one order; keys have no line ends. */
function sorted(reply: string): string {
  const [head, ...rest] = reply.split('\r\n');
  const elements: string[] = [];
  for (let i = 0; i + 1 < rest.length; i += 2) elements.push(`${rest[i]}:${rest[i + 1]}`);
  return [head, ...elements.sort()].join('\n');
}
