/**
 * Hostile bytes for the Redis port: random ones, and valid requests cut or damaged. Used by the tests, in short, and by
 * `npm run soak -- fuzz`.
 */

import { REQUEST_LIMITS, RequestBatch } from '../../src/protocols/resp/request-parser.ts';
import { FakeSocket } from '../support/fake-socket.ts';
import { randomFrom } from '../support/random-from.ts';
import { request } from '../wire/resp-client.ts';
import { startRespServer } from '../wire/resp-server.ts';

const ALPHABET = Buffer.from('*$0123456789-+\r\n\r\n"\'\\x abSETGET\0\xff', 'latin1');

export const RECORDED: readonly Buffer[] = [
  request('SET', 'key', 'value', 'EX', '10'),
  request('MGET', 'a', 'b', 'c'),
  request('HELLO', '3', 'AUTH', 'default', 'x'),
  Buffer.from('PING\r\nset a "b c"\r\n'),
  request('COMMAND', 'DOCS', 'get'),
  request('CLIENT', 'SETINFO', 'LIB-NAME', 'ioredis'),
  request('INCRBY', 'n', '-9223372036854775808'),
  request('DEL', ...Array.from({ length: 100 }, (_, i) => `k${i}`)),
];

export function fuzzCase(random: (bound: number) => number): Buffer {
  if (random(2) === 0) {
    return Buffer.from(Array.from({ length: random(200) }, () => ALPHABET[random(ALPHABET.length)]!));
  }
  const bytes = Buffer.concat(Array.from({ length: 1 + random(3) }, () => RECORDED[random(RECORDED.length)]!));
  for (let i = random(4); i > 0; i--) bytes[random(bytes.length)] = random(256);
  return bytes.subarray(0, random(4) === 0 ? random(bytes.length + 1) : bytes.length);
}

/** @throws when a parse result is impossible. */
export function checkParse(bytes: Buffer, batch: RequestBatch): void {
  batch.parse(bytes, 0, bytes.length, REQUEST_LIMITS, true);
  check(batch.consumed >= 0 && batch.consumed <= bytes.length, 'it consumed what there is');
  for (let command = 0; command < batch.count; command++) {
    check(batch.argumentCount(command) > 0, 'a command has a name');
    for (let i = batch.firstArgument[command]!; i < batch.firstArgument[command + 1]!; i++) {
      check(batch.lengths[i]! >= 0, 'no length is below zero');
      check(batch.starts[i]! + batch.lengths[i]! <= batch.consumed, 'arguments lie within what was consumed');
    }
  }
  if (batch.error === undefined && batch.consumed < bytes.length) {
    check(batch.neededBytes > bytes.length - batch.consumed, 'it waits for more than there is');
  }
}

function check(condition: boolean, what: string): void {
  if (!condition) throw new Error(`not true: ${what}`);
}

/** @throws Error naming the case. */
export function fuzzRespParser(seed: number, cases: number): void {
  const random = randomFrom(seed);
  const batch = new RequestBatch();
  for (let i = 0; i < cases; i++) {
    const bytes = fuzzCase(random);
    const shown = bytes.toString('latin1');
    try {
      checkParse(bytes, batch);
    } catch (error) {
      throw new Error(`seed ${seed}, case ${i}: ${JSON.stringify(shown)}`, { cause: error });
    }
  }
}

export interface RespTarget {
  connect(): FakeSocket;
  close(): Promise<void>;
}

/** A Redis port without a network. */
export async function openRespTarget(): Promise<RespTarget> {
  const server = await startRespServer();
  return {
    connect() {
      const socket = new FakeSocket();
      socket.handlers = server.resp.accept(socket);
      return socket;
    },
    close: () => server.close(),
  };
}

/** The recorded requests with each other's, cut into pieces at random. @throws Error naming the round. */
export async function fuzzRespConnections(target: RespTarget, seed: number, rounds: number): Promise<void> {
  const random = randomFrom(seed);
  for (let round = 0; round < rounds; round++) {
    const socket = target.connect();
    try {
      const bytes = fuzzCase(random);
      for (let at = 0; at < bytes.length && !socket.closed; ) {
        const length = 1 + random(60);
        await socket.feed(bytes.subarray(at, at + length));
        at += length;
      }
      socket.end();
    } catch (error) {
      throw new Error(`seed ${seed}, round ${round}`, { cause: error });
    }
  }
}
