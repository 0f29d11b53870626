/** Replies with large values, which are sent from where they are kept: each is what it was when it was asked for. */

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { RawClient, request } from './resp-client.ts';
import { startRespServer, type TestServerOptions } from './resp-server.ts';

const closers: (() => Promise<void> | void)[] = [];

afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

/** Longer than what is copied, and than what sockets take at once. */
const LENGTH = 12_000_000;

const bulk = (value: string) => `$${value.length}\r\n${value}\r\n`;

/** Compared in parts: a difference of megabytes is nothing to print. */
function expectSame(found: string, wanted: string): void {
  expect(found.length).toBe(wanted.length);
  let at = 0;
  if (found !== wanted) while (found[at] === wanted[at]) at++;
  expect({ at, part: found.slice(at, at + 40) }).toEqual({ at, part: wanted.slice(at, at + 40) });
}

async function connect(port: number): Promise<RawClient> {
  const client = await RawClient.connect(port);
  closers.push(() => client.close());
  return client;
}

const STORES: Record<string, () => Promise<TestServerOptions>> = {
  'in memory': async () => ({}),
  'in memory, written behind': async () => ({ writeBehind: true }),
  'on disk': async () => {
    const directory = await mkdtemp(join(tmpdir(), 'orbit-lent-'));
    closers.push(() => rm(directory, { recursive: true, force: true }));
    return { directory };
  },
};

for (const [store, optionsOf] of Object.entries(STORES)) {
  describe(`large values ${store}`, () => {
    async function start(): Promise<{ readonly port: number; readonly client: RawClient }> {
      const { port, close } = await startRespServer(await optionsOf());
      closers.push(close);
      return { port, client: await connect(port) };
    }

    it('are not changed by writes that come before they have left', async () => {
      const { port, client } = await start();
      const value = 'v'.repeat(LENGTH);
      const writes: readonly (readonly string[])[] = [
        ['SETRANGE', 'key', '5', 'changed'],
        ['SETBIT', 'key', String(LENGTH * 8 - 3), '1'],
        ['SET', 'key', 'w'.repeat(LENGTH)],
        ['APPEND', 'key', 'more'],
        ['DEL', 'key'],
        ['FLUSHALL'],
      ];
      for (const write of writes) {
        expect(await client.call('SET', 'key', value)).toBe('+OK\r\n');
        const readers = await Promise.all([1, 2].map(() => connect(port)));
        // Kept by the server once it has been read.
        expectSame(await client.call('GET', 'key'), bulk(value));
        for (const reader of readers) {
          reader.stopReading();
          reader.send(Buffer.concat([request('GET', 'key'), request('GETRANGE', 'key', '1', '-1')]));
        }
        await client.call('GET', 'key');
        await client.call(...write);
        for (const reader of readers) {
          reader.readAgain();
          expectSame(await reader.reply(), bulk(value));
          // The second is another stretch, which may come behind the write.
          const second = await reader.reply();
          if (second !== bulk(value.slice(1))) {
            expectSame(second, bulk((await client.call('GET', 'key')).replace(/^\$-?\d+\r\n/, '').slice(1, -2)));
          }
        }
      }
    });

    it('stand in order between short ones, alone, in lists and in transactions', async () => {
      const { client } = await start();
      const [a, b] = ['a'.repeat(300_000), 'b'.repeat(LENGTH)];
      client.send(
        Buffer.concat([
          request('SET', 'a', a),
          request('GET', 'a'),
          request('SET', 'b', b),
          request('SET', 'c', 'short'),
          request('GET', 'b'),
          request('GET', 'c'),
          request('MGET', 'a', 'c', 'b', 'none', 'a'),
          request('MULTI'),
          request('GET', 'b'),
          request('INCR', 'n'),
          request('GETSET', 'a', 'other'),
          request('EXEC'),
          request('ECHO', a),
          request('GETDEL', 'b'),
          request('PING'),
        ]),
      );
      const expected = [
        '+OK\r\n',
        bulk(a),
        '+OK\r\n',
        '+OK\r\n',
        bulk(b),
        bulk('short'),
        `*5\r\n${bulk(a)}${bulk('short')}${bulk(b)}$-1\r\n${bulk(a)}`,
        '+OK\r\n+QUEUED\r\n+QUEUED\r\n+QUEUED\r\n',
        `*3\r\n${bulk(b)}:1\r\n${bulk(a)}`,
        bulk(a),
        bulk(b),
        '+PONG\r\n',
      ].join('');
      expectSame(await client.exactly(expected.length), expected);
    });
  });
}
