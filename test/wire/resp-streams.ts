/**
 * Whole streams of random bytes to this server and to a real Redis, and all that comes back compared byte for byte: long pipelines cut
 * anywhere, inline commands with quotes, transactions with errors and with databases swapped inside, the protocol switched and
 * replies turned off on the way. Where replies may be missing they cannot be told apart, so a marker ends each stream.
 *
 * Needs `redis-server` in the path.
 */

import { setTimeout as sleep } from 'node:timers/promises';
import { randomFrom } from '../support/random-from.ts';
import { startRedis } from './redis-reference.ts';
import { RawClient, request } from './resp-client.ts';
import { CommandGenerator, type Random } from './resp-commands.ts';
import { startRespServer, type TestServerOptions } from './resp-server.ts';

export interface StreamsOptions {
  readonly seed: number;
  /** How many commands to send to each server, about. */
  readonly commands: number;
  /** How to start this server; default: a store in memory. */
  readonly server?: TestServerOptions;
}

const CLIENTS = 3;
const STREAM_COMMANDS_MAX = 120;
const PIECES_MAX = 4;
/** Longer than what the streams let expire. */
const EXPIRED_MS = 5;

/** Differ as the documentation says, or tell of the server itself. */
const LEFT_OUT = new Set(['MIGRATE', 'DEBUG', 'OBJECT', 'HELLO', 'RESET', 'SWAPDB']);

interface Stream {
  readonly commands: readonly (readonly string[] | string)[];
  readonly bytes: Buffer;
  /** Where the first command begins that closes the connection: the rest is sent at once. */
  readonly endsAt: number;
  /** Something expires behind it. */
  readonly isBrief: boolean;
}

/** @throws Error naming the seed, the stream and both answers when they differ. */
export async function runStreams({ seed, commands, server: options }: StreamsOptions): Promise<void> {
  const redis = await startRedis();
  const server = await startRespServer(options);
  try {
    const random = randomFrom(seed);
    const ports = [redis.port, server.port] as const;
    const pairs: (readonly [RawClient, RawClient])[] = [];
    for (let number = 0; number < CLIENTS; number++) pairs.push(await connectBoth(ports));
    const generator = new CommandGenerator(random);
    for (let sent = 0, number = 0; sent < commands; number++) {
      const at = random(CLIENTS);
      const stream = newStream(random, generator);
      sent += stream.commands.length;
      const end = Buffer.from(`$8\r\nend${String(number).padStart(5, '0')}\r\n`);
      const marker = request('ECHO', end.toString('latin1', 4, 12));
      const bytes = Buffer.concat([stream.bytes, request('DISCARD'), request('CLIENT', 'REPLY', 'ON'), marker]);
      const anywhere = Array.from({ length: random(PIECES_MAX) }, () => random(bytes.length)).sort((a, b) => a - b);
      // Whoever writes to a connection that was closed is told so, and not what had been answered before.
      const cuts = anywhere.filter((cut) => cut <= stream.endsAt);
      const [theirs, ours] = await Promise.all(pairs[at]!.map((client) => exchange(client, bytes, cuts, end)));
      if (theirs !== ours) throw new Error(difference(`seed ${seed}, stream ${number}`, stream, theirs!, ours!));
      if (!theirs!.endsWith(end.toString('latin1'))) pairs[at] = await connectBoth(ports);
      if (stream.isBrief) await sleep(EXPIRED_MS);
    }
    for (const client of pairs.flat()) client.close();
  } finally {
    await server.close();
    await redis.close();
  }
}

async function connectBoth(ports: readonly [number, number]): Promise<readonly [RawClient, RawClient]> {
  return [await RawClient.connect(ports[0]), await RawClient.connect(ports[1])];
}

/** Sends `bytes` in pieces. @returns what came back until `end`, or until the connection was closed. */
async function exchange(client: RawClient, bytes: Buffer, cuts: readonly number[], end: Buffer): Promise<string> {
  let from = 0;
  for (const cut of cuts) {
    client.send(bytes.subarray(from, cut));
    from = cut;
    await sleep(0);
  }
  client.send(bytes.subarray(from));
  const received = await client.until(end);
  // What HELLO tells of the server itself.
  return received.replace(/\$\d\r\n7\.\d\.\d+\r\n/g, 'VERSION').replace(/\$2\r\nid\r\n:\d+/g, 'ID');
}

function difference(what: string, { commands }: Stream, theirs: string, ours: string): string {
  let same = 0;
  while (same < theirs.length && theirs[same] === ours[same]) same++;
  const near = (reply: string) => JSON.stringify(reply.slice(Math.max(0, same - 200), same + 200));
  const sent = commands.map((each) => JSON.stringify(each)).join('\n');
  return `${what}: Redis answered\n${near(theirs)}\nwhere this server answered\n${near(ours)}\nto\n${sent}`;
}

function newStream(random: Random, generator: CommandGenerator): Stream {
  const commands: (readonly string[] | string)[] = [];
  const length = 1 + random(STREAM_COMMANDS_MAX);
  let inMulti = false;
  while (commands.length < length) {
    for (const each of next(random, generator, inMulti)) {
      const [name, ...args] = typeof each === 'string' ? each.trim().split(' ') : each;
      if (/^(multi)$/i.test(name!) && args.length === 0) inMulti = true;
      if (/^(exec|discard|reset|quit)$/i.test(name!) && args.length === 0) inMulti = false;
      // An empty line is the command that CLIENT REPLY SKIP is about in Redis.
      if (name !== '' || commands.at(-1)?.[1] !== 'REPLY') commands.push(each);
    }
  }
  // At the end, so that it is over for whatever comes next, however long that takes.
  const isBrief = !inMulti && random(4) === 0;
  if (isBrief) commands.push(['SET', 'abc'[random(3)]!, 'brief', 'PX', '1']);
  const bytes = commands.map((each) => (typeof each === 'string' ? Buffer.from(each, 'latin1') : request(...each)));
  const last = commands.findIndex((each) => CLOSING.includes(each));
  const endsAt = last < 0 ? Infinity : Buffer.concat(bytes.slice(0, last)).length;
  return { commands, bytes: Buffer.concat(bytes), endsAt, isBrief };
}

function next(random: Random, generator: CommandGenerator, inMulti: boolean): (readonly string[] | string)[] {
  const pick = <T>(values: readonly T[]): T => values[random(values.length)]!;
  const dice = random(100);
  if (dice < 6) return [pick(INLINE)];
  if (dice < 9) return [['HELLO', pick(['2', '3', '3', '4', 'x'])]];
  // Within a transaction Redis leaves elements out of the array that EXEC answers with.
  if (dice < 13 && !inMulti) return [['CLIENT', 'REPLY', pick(['ON', 'on', 'OFF', 'SKIP', 'skip', 'BOGUS'])]];
  if (dice < 15) return [['RESET']];
  if (dice < 18) return transaction(random, generator);
  if (dice < 21) return [['SWAPDB', pick(['0', '1', '2']), pick(['0', '1', '2'])]];
  if (dice < 23)
    return [
      ['WATCH', pick(['w1', 'w2'])],
      ['SELECT', pick(['0', '1', '2'])],
    ];
  // Where replies are off Redis never closes.
  if (dice < 24 && random(4) === 0 && !inMulti) return [['CLIENT', 'REPLY', 'ON'], pick(CLOSING)];
  return ordinary(generator);
}

/** A command, and those that belong right behind it. */
function ordinary(generator: CommandGenerator): (readonly string[])[] {
  const commands: (readonly string[])[] = [];
  do {
    const { args, comparison } = generator.next();
    if (comparison === 'exact' && !LEFT_OUT.has(args[0]!.toUpperCase())) commands.push(args);
  } while (commands.length === 0 || generator.hasPending);
  return commands;
}

/**
 * Databases are swapped first, and once: what a transaction takes back before it ends is no change here, while Redis looks at
 * watched keys command by command.
 */
function transaction(random: Random, generator: CommandGenerator): (readonly string[])[] {
  const inside: (readonly string[])[] = random(6) === 0 ? [['SWAPDB', '0', String(1 + random(2))]] : [];
  for (let left = random(12); left > 0; left--) {
    const dice = random(12);
    if (dice === 0) inside.push(['SELECT', String(random(3))]);
    else if (dice === 1) inside.push(['INCR', 'ohmy']);
    else inside.push(...ordinary(generator));
  }
  return [['MULTI'], ...inside, [random(6) === 0 ? 'DISCARD' : 'EXEC']];
}

/** Whoever says one of these is let go. */
const CLOSING: readonly (readonly string[] | string)[] = [['QUIT'], 'get "a\r\n', '*1\r\n!'];

/** Each is a whole line. */
const INLINE: readonly string[] = [
  'PING\r\n',
  '\r\n',
  '\n',
  'set a "x y\\x41\\n\\"z"\r\n',
  "set b 'it\\'s \\n'\n",
  'get a\r\n',
  '  get   b  \r\n',
  'echo ""\r\n',
  'multi\r\n',
  'exec\r\n',
  'nosuch "a b" c\r\n',
  'mset a 1 b "2" c \'3\'\r\n',
  'echo \\x41\r\n',
  'echo "\\xZZ\\q\\t\\a"\r\n',
  'ECHO a\tb\r\n',
  'get a extra\r\n',
  'select 1\r\n',
  'select 0\r\n',
];
