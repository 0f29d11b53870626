/**
 * Client side caching: three clients of this server and three of a real Redis 7 do the same at random, one command after the
 * other, and hear the same replies and invalidations. Without `redis-server` that part is skipped and says so.
 */

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { SeededRandom } from '../../src/platform/simulated/seeded-random.ts';
import { isRedisInstalled, type RedisReference, startRedis } from './redis-reference.ts';
import { RawClient, request } from './resp-client.ts';
import { startRespServer, type TestServer } from './resp-server.ts';

const SEED = process.env.ORBIT_TEST_SEED ?? '1';
const CLIENTS = 3;
const STEPS = 1_500;
const INVALIDATE = '>2\r\n$10\r\ninvalidate\r\n';
if (!isRedisInstalled) console.warn('skipped: redis-server is not installed, so there is nothing to compare with');

/** What one client hears: its reply, and pushes in order, those of broadcasts key by key. */
interface Heard {
  readonly reply: string | undefined;
  readonly pushes: readonly string[];
}

class Side {
  readonly #clients: RawClient[] = [];
  readonly #ids: string[] = [];

  static async connect(port: number): Promise<Side> {
    const side = new Side();
    for (let i = 0; i < CLIENTS; i++) {
      const client = await RawClient.connect(port);
      await client.call('HELLO', '3');
      side.#ids.push((await client.call('CLIENT', 'ID')).slice(1, -2));
      side.#clients.push(client);
    }
    await side.#clients[0]!.call('FLUSHALL');
    return side;
  }

  /** Sends a command by one client, and gathers what all of them hear. `@1` stands for the id of a client. */
  async step(by: number, args: readonly string[]): Promise<readonly Heard[]> {
    const heard: Heard[] = [];
    const filled = args.map((arg) => arg.replace(/^@(\d)$/, (_, i) => this.#ids[Number(i)]!));
    heard[by] = await this.#hear(this.#clients[by]!, filled);
    for (let i = 0; i < CLIENTS; i++) {
      const more = await this.#hear(this.#clients[i]!, ['ECHO', 'barrier']);
      const before = i === by ? heard[by]! : { reply: undefined, pushes: [] };
      heard[i] = { reply: before.reply, pushes: [...before.pushes, ...more.pushes].sort() };
    }
    return heard;
  }

  async #hear(client: RawClient, args: readonly string[]): Promise<Heard> {
    const pushes: string[] = [];
    let reply = await client.call(...args);
    for (; reply.startsWith('>'); reply = await client.reply()) {
      const keys = reply
        .slice(INVALIDATE.length)
        .split('\r\n')
        .filter((_, i) => i > 0 && i % 2 === 0);
      pushes.push(...(reply === `${INVALIDATE}_\r\n` ? ['everything'] : keys));
    }
    if (/^(TRACKINGINFO|GETREDIR)$/.test(args[1] ?? ''))
      for (const [i, id] of this.#ids.entries()) reply = reply.replace(`:${id}\r\n`, `:@${i}\r\n`);
    return { reply, pushes };
  }

  close(): void {
    for (const client of this.#clients) client.close();
  }
}

/** Commands of which what a client reads and writes is the same whether they come alone or in a transaction. */
class Steps {
  readonly #random: SeededRandom;
  /** What each client does in MULTI: it reads or writes, as a transaction's commit is one change. */
  readonly #inMulti: ('reads' | 'writes' | undefined)[] = [];

  readonly #ended: number[] = [];

  constructor(seed: string) {
    this.#random = new SeededRandom(seed);
  }

  next(): readonly [by: number, args: readonly string[]] {
    // Redis tells clients that track again what they had read before they ended it.
    const [last] = this.#ended.splice(0);
    if (last !== undefined) return [last, ['FLUSHDB']];
    const by = this.#random.int(CLIENTS);
    const multi = this.#inMulti[by];
    if (multi !== undefined) {
      if (this.#random.chance(0.7)) return [by, multi === 'reads' ? this.#read() : this.#write()];
      this.#inMulti[by] = undefined;
      return [by, [this.#random.pick(['EXEC', 'EXEC', 'DISCARD'])]];
    }
    const kind = this.#random.int(100);
    if (kind < 40) return [by, this.#read()];
    if (kind < 70) return [by, this.#write()];
    if (kind < 85) {
      const args = this.#tracking();
      if (args[2] === 'OFF') this.#ended.push(by);
      return [by, args];
    }
    if (kind < 90) return [by, ['CLIENT', 'CACHING', this.#random.pick(['YES', 'NO', 'yes', 'MAYBE'])]];
    if (kind < 94) return [by, ['CLIENT', this.#random.pick(['TRACKINGINFO', 'GETREDIR'])]];
    if (kind < 95) return [by, ['FLUSHDB']];
    if (kind < 97) return [by, ['SELECT', String(this.#random.int(2))]];
    this.#inMulti[by] = this.#random.pick(['reads', 'writes']);
    return [by, ['MULTI']];
  }

  #key(): string {
    return `${this.#random.pick(['user:', 'item:', 'u', ''])}${this.#random.int(3)}`;
  }

  #read(): readonly string[] {
    const key = this.#key();
    return this.#random.pick([
      ['GET', key],
      ['GET', key],
      ['MGET', key, this.#key()],
      ['STRLEN', key],
      ['EXISTS', key, this.#key()],
      ['TYPE', key],
      ['GETRANGE', key, '0', '1'],
      ['BITCOUNT', key],
      ['OBJECT', 'FREQ', key],
      ['TTL', key],
    ]);
  }

  #write(): readonly string[] {
    const key = this.#key();
    return this.#random.pick([
      ['SET', key, String(this.#random.int(1_000))],
      ['SET', key, String(this.#random.int(1_000))],
      ['MSET', key, '1', `${key}+`, '2'],
      ['DEL', key],
      ['UNLINK', key],
      ['SETNX', key, '5'],
      ['APPEND', key, '1'],
      ['EXPIRE', key, '1000'],
      ['PERSIST', key],
      ['GETDEL', key],
      ['GETSET', key, '7'],
      ['RENAME', key, `${key}+`],
      ['COPY', key, `${key}+`],
    ]);
  }

  #tracking(): readonly string[] {
    const options: string[] = [];
    for (const option of ['BCAST', 'OPTIN', 'OPTOUT', 'NOLOOP'])
      if (this.#random.chance(option === 'BCAST' ? 0.4 : 0.2)) options.push(option);
    if (this.#random.chance(options.includes('BCAST') ? 0.6 : 0.05))
      for (let i = 1 + this.#random.int(2); i > 0; i--)
        options.push('PREFIX', this.#random.pick(['user:', 'item:', 'u', 'us', '']));
    if (this.#random.chance(0.2)) options.push('REDIRECT', this.#random.pick(['@0', '@1', '@2', '99999', 'x', '0']));
    if (this.#random.chance(0.03)) options.push(this.#random.pick(['PREFIX', 'REDIRECT', 'FOO']));
    return ['CLIENT', 'TRACKING', this.#random.pick(['ON', 'ON', 'on', 'OFF', 'OFF', 'MAYBE']), ...options];
  }
}

describe.skipIf(!isRedisInstalled)('clients that cache, beside a real Redis 7', () => {
  let redis: RedisReference;
  let server: TestServer;

  beforeAll(async () => {
    [redis, server] = await Promise.all([startRedis(), startRespServer()]);
  });

  afterAll(async () => {
    await server?.close();
    await redis?.close();
  });

  it('are told the same of changed keys', async () => {
    const [theirs, ours] = [await Side.connect(redis.port), await Side.connect(server.port)];
    const steps = new Steps(`${SEED} tracking`);
    const done: string[] = [];
    let invalidations = 0;
    for (let i = 0; i < STEPS; i++) {
      const [by, args] = steps.next();
      done.push(`${by}: ${args.join(' ')}`);
      const [expected, got] = [await theirs.step(by, args), await ours.step(by, args)];
      expect(got, `seed ${SEED}, after\n${done.slice(-40).join('\n')}`).toEqual(expected);
      invalidations += expected.reduce((sum, { pushes }) => sum + pushes.length, 0);
    }
    expect(invalidations).toBeGreaterThan(50);
    theirs.close();
    ours.close();
  });

  it('hear that the client they redirect to has gone', async () => {
    const heard = [redis.port, server.port].map(async (port) => {
      const [reader, target, writer] = await Promise.all([0, 1, 2].map(() => RawClient.connect(port)));
      for (const client of [reader!, target!]) await client.call('HELLO', '3');
      const id = (await target!.call('CLIENT', 'ID')).slice(1, -2);
      await reader!.call('CLIENT', 'TRACKING', 'ON', 'REDIRECT', id);
      await reader!.call('GET', 'redirected');
      await writer!.call('SET', 'redirected', '1');
      const told = await target!.reply();
      await reader!.call('GET', 'redirected');
      await writer!.call('CLIENT', 'KILL', 'ID', id);
      await writer!.call('SET', 'redirected', '2');
      const broken = (await reader!.reply()).replace(`:${id}\r\n`, ':ID\r\n');
      const info = (await reader!.call('CLIENT', 'TRACKINGINFO')).replace(`:${id}\r\n`, ':ID\r\n');
      for (const client of [reader!, writer!]) client.close();
      return [told, broken, info];
    });
    expect(await heard[1]).toEqual(await heard[0]);
    expect((await heard[1]!)[1]).toContain('tracking-redir-broken');
  });
});

describe('a cache that believes what it is told', () => {
  it.each(['disk', 'memory'])(
    'hears soon of keys that expire while nobody does anything, class %s',
    async (durability) => {
      const directory = durability === 'disk' ? await mkdtemp(join(tmpdir(), 'orbit-tracking-')) : undefined;
      const server = await startRespServer(directory === undefined ? { writeBehind: true } : { directory });
      // The store itself is walked over every 8 seconds, which is late, and here not at all.
      vi.spyOn(server.partitions, 'reclaim').mockResolvedValue();
      server.partitions.start();
      const reader = await RawClient.connect(server.port);
      await reader.call('HELLO', '3');
      await reader.call('CLIENT', 'TRACKING', 'ON', 'NOLOOP');
      for (const key of ['one', 'two']) {
        await reader.call('SET', key, '1', 'PX', '1000');
        // It has not expired by now, however busy the machine is.
        expect(await reader.call('GET', key)).toBe('$1\r\n1\r\n');
        expect(await reader.reply()).toBe(`${INVALIDATE}*1\r\n$3\r\n${key}\r\n`);
      }
      reader.close();
      server.partitions.stop();
      await server.close();
      if (directory !== undefined) await rm(directory, { recursive: true, force: true });
    },
    60_000,
  );

  it.each(['disk', 'memory'])('holds what the key does, in a store of class %s', async (durability) => {
    const directory = durability === 'disk' ? await mkdtemp(join(tmpdir(), 'orbit-tracking-')) : undefined;
    const server = await startRespServer(directory === undefined ? {} : { directory });
    const [writer, ...readers] = await Promise.all([0, 1, 2].map(() => RawClient.connect(server.port)));
    const caches = readers.map(async (reader, i) => {
      await reader.call('HELLO', '3');
      await reader.call('CLIENT', 'TRACKING', 'ON', ...(i === 0 ? [] : ['BCAST', 'PREFIX', 'count']));
      let cached: string | undefined;
      let invalidations = 0;
      for (;;) {
        // Read before it is invalidated too: what was asked for may be changed while its reply waits for the disk.
        reader.send(request('GET', 'counter'));
        for (let reply = await reader.reply(); ; reply = await reader.reply()) {
          if (!reply.startsWith('>')) {
            cached = reply;
            break;
          }
          cached = undefined;
          invalidations++;
        }
        if (cached?.includes('\r\n300\r\n')) return invalidations;
        while (cached !== undefined) {
          expect((await reader.reply()).startsWith(INVALIDATE)).toBe(true);
          cached = undefined;
          invalidations++;
        }
      }
    });
    // Ten at a time, so that reads meet writes that are not durable yet. A cache that kept an old value would wait for ever.
    for (let i = 0; i < 30; i++) {
      for (let j = 0; j < 10; j++) writer!.send(request('INCR', 'counter'));
      for (let j = 0; j < 10; j++) await writer!.reply();
    }
    for (const invalidations of await Promise.all(caches)) expect(invalidations).toBeGreaterThan(1);
    for (const client of [writer!, ...readers]) client.close();
    await server.close();
    if (directory !== undefined) await rm(directory, { recursive: true });
  });
});
