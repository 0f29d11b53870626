/**
 * The PostgreSQL port under hostile bytes: conversations cut at every byte, lengths that lie, messages that were damaged.
 * Whatever comes in, nothing is thrown into the socket layer, memory stays bounded, and other connections work.
 */

import { afterAll, beforeAll, expect, test } from 'vitest';
import { silentLog } from '../../src/base/log.ts';
import type { Socket, SocketHandlers } from '../../src/platform/sockets.ts';
import { OPEN_PRINCIPALS } from '../../src/protocols/pgwire/authentication.ts';
import { FrameReader } from '../../src/protocols/pgwire/frame-reader.ts';
import { pgwireListener } from '../../src/protocols/pgwire/listener.ts';
import { SqlEngine } from '../../src/query/sql/sql-engine.ts';
import { SqlSession } from '../../src/query/sql/sql-session.ts';
import { openTestStore, platform, type TestStore } from '../support/stores.ts';

let fixture: TestStore;
let engine: SqlEngine;

beforeAll(async () => {
  fixture = await openTestStore('memory');
  engine = new SqlEngine({ store: fixture.store, platform });
  // Made before, so that every conversation below is answered in the same way, the first as well as the last.
  const session = new SqlSession(engine, { user: 'orbit', database: 'actors', processId: 1 });
  await session.execute('create table fuzz (id int primary key, v text)');
  session.close();
});

afterAll(async () => {
  engine.close();
  await fixture.dispose();
});

/** A socket that keeps what is written; `idle` settles when the connection waits for nothing. */
class FakeSocket implements Socket {
  readonly remoteAddress = '127.0.0.1';
  readonly remotePort = 1;
  readonly bufferedBytes = 0;
  readonly tls = undefined;
  readonly written: Buffer[] = [];
  closed = false;
  paused = false;
  handlers: SocketHandlers | undefined;

  startTls(): void {}
  write(bytes: Uint8Array): boolean {
    this.written.push(Buffer.from(bytes));
    return true;
  }
  pause(): void {
    this.paused = true;
  }
  resume(): void {
    this.paused = false;
  }
  end(): void {
    if (this.closed) return;
    this.closed = true;
    this.handlers?.onClose();
  }
  destroy(): void {
    this.end();
  }

  /** Feeds bytes in a buffer that is overwritten afterwards, as the platform does. */
  async feed(bytes: Buffer): Promise<void> {
    if (this.closed) return;
    const lent = Buffer.from(bytes);
    this.handlers!.onData(lent);
    lent.fill(0xee);
    while (this.paused && !this.closed) await new Promise((resolve) => setImmediate(resolve));
  }

  get output(): Buffer {
    return Buffer.concat(this.written);
  }
}

function connect(): FakeSocket {
  const listener = pgwireListener(engine, {
    // Process ids and secrets are part of the output: each connection gets a listener, and a fixed secret.
    platform: { ...platform, random: { ...platform.random, bytes: (length) => new Uint8Array(length) } },
    principals: OPEN_PRINCIPALS,
    log: silentLog,
  });
  const socket = new FakeSocket();
  socket.handlers = listener(socket);
  return socket;
}

function message(type: string, ...parts: (Buffer | string | number)[]): Buffer {
  const body = Buffer.concat(
    parts.map((part) => {
      if (typeof part === 'string') return Buffer.from(`${part}\0`);
      if (typeof part === 'number') {
        const bytes = Buffer.alloc(2);
        bytes.writeInt16BE(part);
        return bytes;
      }
      return part;
    }),
  );
  const header = Buffer.alloc(4);
  header.writeInt32BE(body.length + 4);
  return Buffer.concat([Buffer.from(type), header, body]);
}

function int32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(value);
  return bytes;
}

const STARTUP = message(
  '',
  int32(3 << 16),
  'user',
  'orbit',
  'database',
  'actors',
  'client_encoding',
  'UTF8',
  Buffer.alloc(1),
);

const CONVERSATION = [
  message('', int32(80_877_103)),
  STARTUP,
  message('Q', 'create table if not exists fuzz (id int primary key, v text)'),
  message('Q', "delete from fuzz; insert into fuzz values (1, 'é'), (2, null) returning *"),
  message('P', '', 'select id, v from fuzz where id >= $1 order by id', 1, int32(23)),
  message('B', '', '', 0, 1, int32(1), Buffer.from('1'), 1, 1),
  message('D', Buffer.from('P'), ''),
  message('E', '', int32(1)),
  message('E', '', int32(0)),
  message('S'),
  message('P', 'broken', 'selec', 0),
  message('E', '', int32(0)),
  message('S'),
  message('Q', ''),
  message('Q', 'begin; select nope'),
  message('Q', 'rollback'),
  message('H'),
  message('X'),
];

test('a conversation cut at any byte is answered as a whole one', async () => {
  const bytes = Buffer.concat(CONVERSATION);
  await connect().feed(bytes); // Leaves the rows that the conversation deletes first.
  const whole = connect();
  await whole.feed(bytes);
  expect(whole.closed).toBe(true);
  expect(whole.output.includes('INSERT 0 2')).toBe(true);
  const text = (socket: FakeSocket) => socket.output.toString('latin1');
  for (let cut = 1; cut < bytes.length; cut++) {
    const socket = connect();
    await socket.feed(bytes.subarray(0, cut));
    await socket.feed(bytes.subarray(cut));
    expect(text(socket), `cut at ${cut}`).toBe(text(whole));
  }
  const slow = connect();
  for (const byte of bytes) await slow.feed(Buffer.from([byte]));
  expect(text(slow)).toBe(text(whole));
});

test('damaged conversations end or are answered, and never harm the next', async () => {
  const seed = Number(process.env.ORBIT_TEST_SEED ?? Math.trunc(Math.random() * 2 ** 31));
  let state = seed;
  const random = (bound: number): number => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fff_ffff;
    return (state >>> 8) % bound;
  };
  for (let round = 0; round < 400; round++) {
    const bytes = Buffer.concat(CONVERSATION);
    for (let changes = 1 + random(4); changes > 0; changes--) bytes[random(bytes.length)] = random(256);
    const socket = connect();
    try {
      for (let at = 0; at < bytes.length; ) {
        const length = 1 + random(200);
        await socket.feed(bytes.subarray(at, at + length));
        at += length;
      }
      socket.end();
    } catch (error) {
      throw new Error(`seed ${seed}, round ${round}`, { cause: error });
    }
  }
  const next = connect();
  await next.feed(Buffer.concat([STARTUP, message('Q', 'select 42 as answer'), message('X')]));
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
    reader.started(1_000);
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
