/**
 * Hostile bytes for the PostgreSQL port, without a network: conversations cut at every byte, and damaged ones. Used by the tests, in
 * short, and by `npm run soak -- fuzz`.
 */

import { silentLog } from '../../src/base/log.ts';
import { SeededRandom } from '../../src/platform/simulated/seeded-random.ts';
import { OPEN_PRINCIPALS } from '../../src/protocols/pgwire/authentication.ts';
import { pgwireListener } from '../../src/protocols/pgwire/listener.ts';
import { SqlEngine } from '../../src/query/sql/sql-engine.ts';
import { SqlSession } from '../../src/query/sql/sql-session.ts';
import { FakeSocket } from '../support/fake-socket.ts';
import { openTestStore, platform } from '../support/stores.ts';

export interface PgwireTarget {
  connect(): FakeSocket;
  close(): Promise<void>;
}

export async function openPgwireTarget(): Promise<PgwireTarget> {
  const fixture = await openTestStore('memory');
  const engine = new SqlEngine({ store: fixture.store, platform });
  // Made before, so that every conversation below is answered in the same way, the first as well as the last.
  const session = new SqlSession(engine, { user: 'orbit', database: 'actors', processId: 1 });
  await session.execute('create table fuzz (id int primary key, v text)');
  session.close();
  return {
    connect: () => connectTo(engine),
    async close() {
      engine.close();
      await fixture.dispose();
    },
  };
}

function connectTo(engine: SqlEngine): FakeSocket {
  const listener = pgwireListener(engine, {
    // Process ids and secrets are part of the output: each connection gets a listener, and a fixed secret.
    platform: { ...platform, random: { ...platform.random, bytes: (length) => new Uint8Array(length) } },
    principals: OPEN_PRINCIPALS,
    log: silentLog,
  });
  const socket = new FakeSocket();
  socket.handlers = listener.accept(socket);
  return socket;
}

export function message(type: string, ...parts: (Buffer | string | number)[]): Buffer {
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

export function int32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(value);
  return bytes;
}

export const STARTUP = message(
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

export const CONVERSATION = [
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

/** @throws Error naming the round when a damaged conversation throws, or a connection never comes to rest. */
export async function fuzzPgwire(target: PgwireTarget, seed: number | string, rounds: number): Promise<void> {
  const random = new SeededRandom(`${seed} pgwire`);
  const whole = Buffer.concat(CONVERSATION);
  for (let round = 0; round < rounds; round++) {
    const bytes = Buffer.from(whole);
    for (let changes = 1 + random.int(4); changes > 0; changes--) bytes[random.int(bytes.length)] = random.int(256);
    const socket = target.connect();
    try {
      for (let at = 0; at < bytes.length && !socket.closed; ) {
        const length = 1 + random.int(200);
        await socket.feed(bytes.subarray(at, at + length));
        at += length;
      }
      socket.end();
    } catch (error) {
      throw new Error(`seed ${seed}, round ${round}`, { cause: error });
    }
  }
}
