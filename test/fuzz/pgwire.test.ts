/**
 * The PostgreSQL port under hostile bytes: conversations cut at every byte, lengths that lie, messages that were damaged.
 * Whatever comes in, nothing is thrown into the socket layer, memory stays bounded, and other connections work.
 */

import { afterAll, beforeAll, expect, test } from 'vitest';
import { FrameReader } from '../../src/protocols/pgwire/frame-reader.ts';
import type { FakeSocket } from '../support/fake-socket.ts';
import { CONVERSATION, fuzzPgwire, int32, message, openPgwireTarget, type PgwireTarget, STARTUP } from './pgwire.ts';

let target: PgwireTarget;
const connect = (): FakeSocket => target.connect();

beforeAll(async () => {
  target = await openPgwireTarget();
});

afterAll(() => target.close());

test('a conversation cut at any byte is answered as a whole one', async () => {
  const bytes = Buffer.concat(CONVERSATION);
  const converse = async (...parts: readonly Buffer[]): Promise<FakeSocket> => {
    const socket = connect();
    for (const part of parts) await socket.feed(part);
    await socket.whenClosed();
    return socket;
  };
  await converse(bytes); // Leaves the rows that the conversation deletes first.
  const whole = await converse(bytes);
  expect(whole.output.includes('INSERT 0 2')).toBe(true);
  const text = (socket: FakeSocket) => socket.output.toString('latin1');
  for (let cut = 1; cut < bytes.length; cut++) {
    const socket = await converse(bytes.subarray(0, cut), bytes.subarray(cut));
    expect(text(socket), `cut at ${cut}`).toBe(text(whole));
  }
  const slow = await converse(...Array.from(bytes, (byte) => Buffer.from([byte])));
  expect(text(slow)).toBe(text(whole));
});

test('damaged conversations end or are answered, and never harm the next', async () => {
  await fuzzPgwire(target, process.env.ORBIT_TEST_SEED ?? '1', 400);
  const next = connect();
  await next.feed(Buffer.concat([STARTUP, message('Q', 'select 42 as answer'), message('X')]));
  await next.whenClosed();
  expect(next.output.includes('42')).toBe(true);
});

test('a length that lies is refused before memory is spent on it', async () => {
  const startup = connect();
  await startup.feed(Buffer.concat([int32(0x7fff_ffff), int32(3 << 16)]));
  expect(startup.closed).toBe(true);
  const session = connect();
  await session.feed(STARTUP);
  const before = process.memoryUsage().arrayBuffers;
  await session.feed(Buffer.concat([Buffer.from('Q'), int32(0x7fff_fff0), Buffer.alloc(10)]));
  expect(session.closed).toBe(true);
  expect(session.output.includes('08P01')).toBe(true);
  const patient = connect();
  await patient.feed(STARTUP);
  // Allowed, but not sent yet: nothing may be allocated for what has not come.
  await patient.feed(Buffer.concat([Buffer.from('Q'), int32(16 * 1024 * 1024), Buffer.alloc(10)]));
  expect(patient.closed).toBe(false);
  expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(4 * 1024 * 1024);
  patient.end();
});

test('the canary: a reader that loses a byte at a cut is found out', () => {
  const bytes = Buffer.concat([message('Q', 'select 1'), message('S')]);
  const read = (reader: FrameReader, drop: number): string => {
    reader.started({
      bytesMax: () => 1_000,
      refusal: () => undefined,
      memory: { take: () => true, give: () => {} },
    });
    const types: string[] = [];
    for (const part of [bytes.subarray(0, 7), bytes.subarray(7 + drop)]) {
      reader.feed(part);
      for (let frame = reader.next(); frame !== undefined; frame = reader.next()) {
        types.push(String.fromCharCode(frame.type));
      }
      reader.keep();
    }
    return types.join('');
  };
  expect(read(new FrameReader(), 0)).toBe('QS');
  expect(read(new FrameReader(), 1)).not.toBe('QS');
});
