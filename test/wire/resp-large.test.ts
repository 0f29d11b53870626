/** Values of many megabytes on a store that keeps a log: taken in slices, whole or not at all, and in order with everything else. */

import { createHash } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { dumpString } from '../../src/models/keyvalue/dump.ts';
import { DatabaseKeys } from '../../src/models/keyvalue/keys.ts';
import { LARGE_STRING_BYTES } from '../../src/models/keyvalue/values.ts';
import { Keyspace } from '../../src/storage/keyspace.ts';
import { RawClient, request } from './resp-client.ts';
import { startRespServer, type TestServer } from './resp-server.ts';

const closers: (() => Promise<void> | void)[] = [];

afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

async function newDirectory(): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'orbit-large-'));
  closers.push(() => rm(directory, { recursive: true, force: true }));
  return directory;
}

async function start(): Promise<TestServer> {
  const server = await startRespServer({ directory: await newDirectory() });
  closers.push(() => server.close());
  return server;
}

async function startInMemory(): Promise<TestServer> {
  const server = await startRespServer();
  closers.push(() => server.close());
  return server;
}

async function connect({ port }: { readonly port: number }): Promise<RawClient> {
  const client = await RawClient.connect(port);
  closers.push(() => client.close());
  return client;
}

/** Longer than a slice, and no slice like another. */
function largeValue(seed: number): Buffer {
  const value = Buffer.alloc(LARGE_STRING_BYTES + 1_000_003);
  for (let at = 0; at + 4 <= value.length; at += 4) value.writeUInt32LE(Math.imul(at + seed, 0x9e3779b1) >>> 0, at);
  return value;
}

function firstBit(value: Buffer, bit: 0 | 1, from: number): number {
  for (let at = from; ; at++) if (((value[at >> 3]! >> (7 - (at & 7))) & 1) === bit) return at;
}

const digestOf = (bytes: Buffer | string): string =>
  createHash('sha256')
    .update(typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes)
    .digest('hex');

function bulk(value: Buffer): string {
  return digestOf(Buffer.concat([Buffer.from(`$${value.length}\r\n`), value, Buffer.from('\r\n')]));
}

describe('a value of many megabytes', () => {
  it('is stored in a transaction of its own, in order with the commands around it', async () => {
    const server = await start();
    const client = await connect(server);
    const value = largeValue(1);
    client.send(
      Buffer.concat([
        request('SET', 'small', '1'),
        request('SET', 'big', value),
        request('INCR', 'small'),
        request('SET', 'big', 'no', 'NX'),
        request('STRLEN', 'big'),
        request('GET', 'big'),
        request('GET', 'small'),
      ]),
    );
    for (const reply of ['+OK\r\n', '+OK\r\n', ':2\r\n', '$-1\r\n', `:${value.length}\r\n`]) {
      expect(await client.reply()).toBe(reply);
    }
    expect(digestOf(await client.reply())).toBe(bulk(value));
    expect(await client.reply()).toBe('$1\r\n2\r\n');
    expect(server.partitions.statistics().waitingCommands).toBeGreaterThan(0);
  });

  it('takes the options of SET, and those of its kin', async () => {
    const client = await connect(await start());
    const [first, second] = [largeValue(2), largeValue(3)];
    expect(await client.call('SET', 'big', first, 'XX')).toBe('$-1\r\n');
    expect(await client.call('SET', 'big', first, 'EX', '1000')).toBe('+OK\r\n');
    expect(await client.call('SET', 'big', second, 'NX')).toBe('$-1\r\n');
    expect(digestOf(await client.call('SET', 'big', second, 'KEEPTTL', 'GET'))).toBe(bulk(first));
    expect(Number((await client.call('TTL', 'big')).slice(1))).toBeGreaterThan(900);
    expect(digestOf(await client.call('GET', 'big'))).toBe(bulk(second));
    expect(await client.call('MSET', 'a', first, 'b', '1', 'c', second)).toBe('+OK\r\n');
    expect(await client.call('MSETNX', 'd', first, 'a', 'x')).toBe(':0\r\n');
    expect(await client.call('EXISTS', 'a', 'b', 'c', 'd')).toBe(':3\r\n');
    expect(digestOf(await client.call('GET', 'c'))).toBe(bulk(second));
    expect(await client.call('SETEX', 'big', '1', first)).toBe('+OK\r\n');
    while ((await client.call('EXISTS', 'big')) !== ':0\r\n');
  });

  it('belongs to a transaction, and ends that of who watches its key', async () => {
    const server = await start();
    const [client, other] = [await connect(server), await connect(server)];
    const value = largeValue(4);
    await other.call('WATCH', 'big');
    expect(await client.call('MULTI')).toBe('+OK\r\n');
    expect(await client.call('SET', 'big', value)).toBe('+QUEUED\r\n');
    expect(await client.call('STRLEN', 'big')).toBe('+QUEUED\r\n');
    expect(await client.call('EXEC')).toBe(`*2\r\n+OK\r\n:${value.length}\r\n`);
    for (const args of [['MULTI'], ['PING']]) await other.call(...args);
    expect(await other.call('EXEC')).toBe('*-1\r\n');
    await other.call('WATCH', 'big');
    expect(await client.call('SET', 'big', value)).toBe('+OK\r\n');
    for (const args of [['MULTI'], ['PING']]) await other.call(...args);
    expect(await other.call('EXEC')).toBe('*-1\r\n');
  });

  it('waits for who has locked its key, and others do not wait for it', async () => {
    const server = await start();
    const [client, other] = [await connect(server), await connect(server)];
    const value = largeValue(5);
    const key = Buffer.from(new DatabaseKeys(new Keyspace().kv, 0).encode(Buffer.from('big')));
    const transaction = server.store.begin();
    await transaction.lock([key]);
    client.send(Buffer.concat([request('SET', 'big', value), request('GET', 'n')]));
    expect(await other.call('SET', 'n', '7')).toBe('+OK\r\n');
    expect(await other.call('EXISTS', 'big')).toBe(':0\r\n');
    transaction.rollback();
    expect(await client.reply()).toBe('+OK\r\n');
    expect(await client.reply()).toBe('$1\r\n7\r\n');
    expect(digestOf(await other.call('GET', 'big'))).toBe(bulk(value));
  });

  it('is changed by whatever changes a short one, alone or in a transaction', async () => {
    const client = await connect(await start());
    const value = largeValue(7);
    const { length } = value;
    const holds = async (key: string, expected: Buffer): Promise<void> =>
      expect(digestOf(await client.call('GET', key)), key).toBe(bulk(expected));
    const patched = (at: number, bytes: Buffer): Buffer => {
      const copy = Buffer.alloc(Math.max(length, at + bytes.length));
      value.copy(copy);
      bytes.copy(copy, at);
      return copy;
    };
    for (const inTransaction of [false, true]) {
      const change = async (reply: string, ...args: (string | Buffer)[]): Promise<void> => {
        expect(await client.call('SET', 'k', value)).toBe('+OK\r\n');
        if (inTransaction) await client.call('MULTI');
        const answer = await client.call(...args);
        expect(inTransaction ? await client.call('EXEC') : answer, args[0] as string).toBe(
          inTransaction ? `*1\r\n${reply}` : reply,
        );
      };
      const tail = Buffer.from('tail');
      await change(`:${length + 4}\r\n`, 'APPEND', 'k', tail);
      await holds('k', patched(length, tail));
      await change(`:${length}\r\n`, 'SETRANGE', 'k', '9000000', tail);
      await holds('k', patched(9_000_000, tail));
      await change(`:${length + 104}\r\n`, 'SETRANGE', 'k', String(length + 100), tail);
      await holds('k', patched(length + 100, tail));
      await change(':0\r\n', 'SETBIT', 'k', String(8 * (length + 9)), '1');
      await holds('k', patched(length + 9, Buffer.of(0x80)));
      await change('*1\r\n:0\r\n', 'BITFIELD', 'k', 'SET', 'u16', String(8 * length), '258');
      await holds('k', patched(length, Buffer.of(1, 2)));
      await change(':1\r\n', 'COPY', 'k', 'copy', 'REPLACE');
      await holds('copy', value);
      await change('+OK\r\n', 'RENAME', 'k', 'renamed');
      await holds('renamed', value);
      await change(':1\r\n', 'EXPIRE', 'k', '1000');
      await holds('k', value);
      expect(Number((await client.call('TTL', 'k')).slice(1))).toBeGreaterThan(900);
      await change(`:${length}\r\n`, 'BITOP', 'NOT', 'not', 'k');
      await holds('not', Buffer.from(value.map((byte) => ~byte)));
      await change(`:${length}\r\n`, 'BITOP', 'XOR', 'xor', 'not', 'k');
      await holds('xor', Buffer.alloc(length, 0xff));
      await client.call('SET', 'short', 'abc');
      await change(`:${length}\r\n`, 'BITOP', 'AND', 'and', 'xor', 'short');
      const and = Buffer.alloc(length);
      and.write('abc');
      await holds('and', and);
      expect(await client.call('BITPOS', 'xor', '0')).toBe(`:${8 * length}\r\n`);
      expect(await client.call('BITPOS', 'and', '1', '3')).toBe(':-1\r\n');
      expect(await client.call('BITCOUNT', 'xor', '1', '-2')).toBe(`:${8 * (length - 2)}\r\n`);
    }
    const dumped = Buffer.from(await client.call('DUMP', 'k'), 'latin1');
    const payload = dumped.subarray(dumped.indexOf('\r\n') + 2, dumped.length - 2);
    expect(await client.call('RESTORE', 'restored', '0', payload)).toBe('+OK\r\n');
    await holds('restored', value);
  });

  it('is dumped, restored and searched in slices, hot or not, and others have their turns', async () => {
    for (const server of [await start(), await startInMemory()]) {
      const [client, other] = [await connect(server), await connect(server)];
      const value = largeValue(7);
      let ones = 0;
      for (const byte of value) for (let rest = byte; rest !== 0; rest &= rest - 1) ones++;
      await client.call('SET', 'big', value);
      for (const isHot of [false, true]) {
        client.send(request('DUMP', 'big'));
        other.send(request('PING'));
        const [payload] = await Promise.all([client.reply(), other.reply()]);
        const dumped = Buffer.from(payload.slice(payload.indexOf('\r\n') + 2, -2), 'latin1');
        expect(digestOf(dumped), `hot: ${isHot}`).toBe(digestOf(Buffer.from(dumpString(value))));
        expect(await client.call('RESTORE', 'copy', '0', dumped, 'REPLACE')).toBe('+OK\r\n');
        dumped[LARGE_STRING_BYTES]! ^= 1;
        expect(await client.call('RESTORE', 'copy', '0', dumped, 'REPLACE')).toMatch(/^-ERR DUMP payload version or/);
        expect(digestOf(await client.call('GET', 'copy'))).toBe(bulk(value));
        expect(await client.call('BITCOUNT', 'copy')).toBe(`:${ones}\r\n`);
        expect(await client.call('BITCOUNT', 'big', '0', '-1', 'BIT')).toBe(`:${ones}\r\n`);
        expect(await client.call('BITPOS', 'big', '0', '1', '-1', 'BIT')).toBe(`:${firstBit(value, 0, 1)}\r\n`);
        await client.call('GET', 'big');
      }
      await client.call('MULTI');
      for (const args of [
        ['SETRANGE', 'zeros', String(value.length), '\x10'],
        ['BITPOS', 'zeros', '1'],
        ['BITPOS', 'zeros', '1', '0', '-2'],
        ['BITCOUNT', 'zeros'],
      ]) {
        await client.call(...args);
      }
      expect(await client.call('EXEC')).toBe(`*4\r\n:${value.length + 1}\r\n:${value.length * 8 + 3}\r\n:-1\r\n:1\r\n`);
    }
  });

  it('is there after a restart', async () => {
    const directory = await newDirectory();
    const value = largeValue(6);
    const first = await startRespServer({ directory });
    const client = await RawClient.connect(first.port);
    expect(await client.call('SET', 'big', value)).toBe('+OK\r\n');
    client.close();
    await first.close();
    const second = await startRespServer({ directory });
    closers.push(() => second.close());
    expect(digestOf(await (await connect(second)).call('GET', 'big'))).toBe(bulk(value));
  });
});
