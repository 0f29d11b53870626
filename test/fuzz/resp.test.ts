/**
 * Random bytes, and valid requests cut or damaged at random places: the parser never throws, never loops, never claims
 * bytes it was not given, and a server that got them still serves the next client.
 */

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { RequestBatch } from '../../src/protocols/resp/request-parser.ts';
import { randomFrom } from '../support/random-from.ts';
import { RawClient, request } from '../wire/resp-client.ts';
import { startRespServer } from '../wire/resp-server.ts';
import { checkParse, fuzzCase, fuzzRespConnections, fuzzRespParser, openRespTarget, type RespTarget } from './resp.ts';

const SEED = Number(process.env.ORBIT_TEST_SEED ?? 7);

describe('damaged requests', () => {
  it('never harm the parser', () => {
    fuzzRespParser(SEED, 3_000);
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

describe('a conversation', () => {
  let target: RespTarget;
  beforeAll(async () => {
    target = await openRespTarget();
  });
  afterAll(() => target.close());

  it('cut at any byte is answered as a whole one', async () => {
    const bytes = Buffer.concat([
      ...['SET key value', 'APPEND key \u00e9', 'INCR n'].map((line) => Buffer.from(`${line}\r\n`)),
      request('DEL', 'key', 'n'),
      Buffer.from('PING\nset a "b\\x41 c"\r\n\r\n*0\r\n'),
      request('MSET', 'a', '', 'b', 'x'.repeat(300)),
      request('MGET', 'a', 'b', 'c'),
      request('MULTI'),
      request('GET', 'b'),
      request('NOSUCH', 'one'),
      request('EXEC'),
      request('DEL', 'a', 'b'),
      Buffer.from('*1\r\n+broken\r\n'),
    ]);
    const answerTo = async (...parts: readonly Buffer[]) => {
      const socket = target.connect();
      for (const part of parts) await socket.feed(part);
      expect(socket.closed).toBe(true);
      return socket.output.toString('latin1');
    };
    const whole = await answerTo(bytes);
    expect(whole).toMatch(
      /^\+OK\r\n:7\r\n:1\r\n:2\r\n\+PONG\r\n.*EXECABORT.*Protocol error: expected '\$', got '\+'\r\n$/s,
    );
    for (let cut = 1; cut < bytes.length; cut++) {
      expect(await answerTo(bytes.subarray(0, cut), bytes.subarray(cut)), `cut at ${cut}`).toBe(whole);
    }
    expect(await answerTo(...[...bytes].map((byte) => Buffer.from([byte])))).toBe(whole);
  });

  it('damaged and in pieces ends or is answered', async () => {
    await fuzzRespConnections(target, SEED + 2, 1_500);
  });
});
