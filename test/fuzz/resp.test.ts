/**
 * Random bytes, and valid requests cut or damaged at random places: the parser never throws, never loops, never claims
 * bytes it was not given, and a server that got them still serves the next client.
 */

import { describe, expect, it } from 'vitest';
import { REQUEST_LIMITS, RequestBatch } from '../../src/protocols/resp/request-parser.ts';
import { RawClient, request } from '../wire/resp-client.ts';
import { startRespServer } from '../wire/resp-server.ts';

const SEED = Number(process.env.ORBIT_TEST_SEED ?? 7);

/** mulberry32 */
function randomFrom(seed: number): (bound: number) => number {
  let state = seed >>> 0;
  return (bound) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) % bound;
  };
}

const ALPHABET = Buffer.from('*$0123456789-+\r\n\r\n"\'\\x abSETGET\0\xff', 'latin1');

const RECORDED: readonly Buffer[] = [
  request('SET', 'key', 'value', 'EX', '10'),
  request('MGET', 'a', 'b', 'c'),
  request('HELLO', '3', 'AUTH', 'default', 'x'),
  Buffer.from('PING\r\nset a "b c"\r\n'),
  request('COMMAND', 'DOCS', 'get'),
  request('CLIENT', 'SETINFO', 'LIB-NAME', 'ioredis'),
  request('INCRBY', 'n', '-9223372036854775808'),
  request('DEL', ...Array.from({ length: 100 }, (_, i) => `k${i}`)),
];

function fuzzCase(random: (bound: number) => number): Buffer {
  if (random(2) === 0) {
    return Buffer.from(Array.from({ length: random(200) }, () => ALPHABET[random(ALPHABET.length)]!));
  }
  const bytes = Buffer.concat(Array.from({ length: 1 + random(3) }, () => RECORDED[random(RECORDED.length)]!));
  for (let i = random(4); i > 0; i--) bytes[random(bytes.length)] = random(256);
  return bytes.subarray(0, random(4) === 0 ? random(bytes.length + 1) : bytes.length);
}

/** @throws when a parse result is impossible. */
function checkParse(bytes: Buffer, batch: RequestBatch): void {
  batch.parse(bytes, 0, bytes.length, REQUEST_LIMITS, true);
  expect(batch.consumed).toBeGreaterThanOrEqual(0);
  expect(batch.consumed).toBeLessThanOrEqual(bytes.length);
  for (let command = 0; command < batch.count; command++) {
    expect(batch.argumentCount(command)).toBeGreaterThan(0);
    for (let i = batch.firstArgument[command]!; i < batch.firstArgument[command + 1]!; i++) {
      expect(batch.lengths[i]).toBeGreaterThanOrEqual(0);
      expect(batch.starts[i]! + batch.lengths[i]!).toBeLessThanOrEqual(batch.consumed);
    }
  }
  if (batch.error === undefined && batch.consumed < bytes.length) {
    expect(batch.neededBytes).toBeGreaterThan(bytes.length - batch.consumed);
  }
}

describe('damaged requests', () => {
  it('never harm the parser', () => {
    const random = randomFrom(SEED);
    const batch = new RequestBatch();
    for (let i = 0; i < 3_000; i++) {
      const bytes = fuzzCase(random);
      const shown = bytes.toString('latin1');
      try {
        checkParse(bytes, batch);
      } catch (error) {
        throw new Error(`seed ${SEED}, case ${i}: ${JSON.stringify(shown)}`, { cause: error });
      }
    }
  });

  it('would be noticed: a parser that reads past its bytes fails the check', () => {
    class Careless extends RequestBatch {
      override parse(buffer: Uint8Array): void {
        this.buffer = buffer;
        this.count = 1;
        this.firstArgument[0] = 0;
        this.firstArgument[1] = 1;
        this.starts[0] = 0;
        this.lengths[0] = buffer.length + 1;
        this.consumed = buffer.length;
      }
    }
    expect(() => checkParse(Buffer.from('PING\r\n'), new Careless())).toThrow();
  });

  it('leave a server that still answers', async () => {
    const server = await startRespServer();
    const random = randomFrom(SEED + 1);
    try {
      for (let round = 0; round < 60; round++) {
        const clients = await Promise.all(Array.from({ length: 5 }, () => RawClient.connect(server.port)));
        await Promise.all(
          clients.map(async (client) => {
            for (let i = 0; i < 3; i++) client.send(fuzzCase(random));
            client.finish();
            await client.rest(); // The server answers what it can, and closes.
          }),
        );
      }
      const client = await RawClient.connect(server.port);
      expect(await client.call('PING'), `seed ${SEED}`).toBe('+PONG\r\n');
      client.close();
      expect(server.resp.statistics().connectionsOpen).toBeLessThanOrEqual(1);
    } finally {
      await server.close();
    }
  });
});
