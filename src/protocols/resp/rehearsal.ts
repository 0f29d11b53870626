/**
 * Commands that the server executes for itself, so that the first ones of its clients are not the first that V8 sees: until what
 * they run through is compiled well, a SET takes three times what it takes later (docs/decisions/statements-are-rehearsed.md).
 *
 * Rehearsed are the commands that most requests are, alone and in pipelines, of keys that are new, that are there and that are absent.
 */

import { type AnswerEnd, DeafClient } from '../deaf-client.ts';
import type { OpenStage } from '../rehearsal.ts';

/** V8 compiles a function best after 500 calls that run all of it, and some of these run once for a whole pipeline. */
const ROUNDS = 60;
/** Of a round: so many messages of so many commands of a kind each. */
const PIPELINES: readonly (readonly [messages: number, commands: number])[] = [
  [20, 1],
  [20, 16],
  [2, 64],
];
const KEYS = 4_000;
/** Of them, those that are read: they are there from the beginning. */
const KEYS_READ = 1_000;
/** Between the keys of a pipeline. */
const STEP = 17;
const VALUE = 'x'.repeat(100);
const CONNECTIONS = 4;
const LF = 10;

type Command = (key: number) => readonly string[];

/** With the line ends of its reply, told of keys that are there. */
const KINDS: readonly (readonly [command: Command, lines: number])[] = [
  [(key) => ['SET', name(key), VALUE], 1],
  [(key) => ['GET', name(key % KEYS_READ)], 2],
  [(key) => ['INCR', `counter:${name(key)}`], 1],
];

/** Commands that come now and then, one message of each in a round. */
const OTHERS: readonly (readonly [command: Command, lines: number])[] = [
  [(key) => ['GET', `none:${key}`], 1],
  [(key) => ['DECR', `counter:${name(key)}`], 1],
  [(key) => ['INCRBY', `counter:${name(key)}`, '10'], 1],
  [(key) => ['EXISTS', name(key)], 1],
  [(key) => ['MSET', name(key), VALUE, name(key + 1), 'short'], 1],
  [(key) => ['MGET', name(key % KEYS_READ), name((key + 1) % KEYS_READ)], 5],
  [(key) => ['SET', `short:${key}`, String(key), 'EX', '1000'], 1],
  [(key) => ['DEL', `short:${key}`], 1],
  [() => ['PING'], 1],
];

/** Has the rehearsed commands executed, message after message, by several clients in turn. */
export async function rehearseCommands(stage: OpenStage): Promise<void> {
  const clients: DeafClient[] = [];
  try {
    for (let i = 0; i < CONNECTIONS; i++) {
      const client = await DeafClient.connect(stage);
      clients.push(client);
      await client.ask(encoded(['PING']), afterLines(1));
    }
    for (const { bytes, lines } of messages()) {
      if (!(await stage.moments.goOn())) break;
      const client = clients.shift()!;
      clients.push(client);
      await client.ask(bytes, afterLines(lines));
    }
  } finally {
    for (const client of clients) client.leave();
  }
}

function* messages(): Generator<{ readonly bytes: Buffer; readonly lines: number }> {
  // Ahead of GETs, which are to find them all.
  for (let key = 0; key < KEYS_READ; key += 50) yield message(KINDS[0]!, key, 50, 1);
  let key = 0;
  for (let round = 0; round < ROUNDS; round++) {
    for (const [count, commands] of PIPELINES) {
      for (const kind of KINDS) {
        // A prime, so that keys come in no order.
        for (let i = 0; i < count; i++) {
          key += 1_009;
          yield message(kind, key, commands);
        }
      }
    }
    for (const kind of OTHERS) yield message(kind, key, 1 + (round % 4));
  }
}

function message([command, lines]: readonly [Command, number], first: number, count: number, step = STEP) {
  const commands = Array.from({ length: count }, (_, i) => encoded(command((first + i * step) % KEYS)));
  return { bytes: Buffer.concat(commands), lines: lines * count };
}

function name(key: number): string {
  return `key:${String(key).padStart(12, '0')}`;
}

function encoded(args: readonly string[]): Buffer {
  return Buffer.from(`*${args.length}\r\n${args.map((arg) => `$${arg.length}\r\n${arg}\r\n`).join('')}`, 'latin1');
}

/** As many lines have come as are the answer. */
function afterLines(count: number): AnswerEnd {
  let left = count;
  return (chunk) => {
    for (let at = chunk.indexOf(LF); at >= 0; at = chunk.indexOf(LF, at + 1)) left--;
    return left <= 0;
  };
}
