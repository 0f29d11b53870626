/**
 * The scenarios of the reference that ask nothing of the cluster but to serve: against the cluster whose PD members
 * TIKV_PD_ENDPOINTS names, or else against a test cluster over gRPC. Keys begin with a prefix of the run's own, and are
 * deleted at its end. Those that need a cluster that fails on demand are in the other files.
 */

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { isTikvError } from '../src/errors.ts';
import { connect, type TikvClient } from '../src/index.ts';
import { nodeEnvironment } from '../src/node/node-environment.ts';
import type { Transaction } from '../src/transaction.ts';
import { TestCluster } from '../test-cluster/cluster.ts';
import { type ListeningCluster, listen } from '../test-cluster/node/listen.ts';

const GIVEN = process.env.TIKV_PD_ENDPOINTS;

let listening: ListeningCluster | undefined;
let client: TikvClient;
let other: TikvClient;
let prefix: string;

const bytes = (key: string) => Buffer.from(prefix + key);
const end = () => Buffer.from(`${prefix.slice(0, -1)}0`); // '/' and the character after it.
const text = (value: Uint8Array | undefined) => (value === undefined ? undefined : Buffer.from(value).toString());

async function put(entries: Readonly<Record<string, string>>, on = client): Promise<void> {
  const transaction = await on.begin();
  for (const [key, value] of Object.entries(entries)) transaction.put(bytes(key), Buffer.from(value));
  await transaction.commit();
}

async function read(key: string, on = other): Promise<string | undefined> {
  return text(await (await on.begin()).get(bytes(key)));
}

async function keysOf(reader: Pick<Transaction, 'scan'>, from: string, to: string, reverse = false): Promise<string[]> {
  const found: string[] = [];
  for await (const batch of reader.scan(bytes(from), bytes(to), { reverse })) {
    for (const [key] of batch) found.push(key.toString().slice(prefix.length));
  }
  return found;
}

const failure = (promise: Promise<unknown>) =>
  promise.then(
    () => undefined,
    (error: unknown) => error,
  );

beforeAll(async () => {
  let pdEndpoints = GIVEN?.split(',').map((each) => each.trim());
  if (pdEndpoints === undefined) {
    const cluster = new TestCluster({ environment: nodeEnvironment, disorderSeed: 9 });
    listening = await listen(cluster);
    pdEndpoints = [...listening.pdEndpoints];
  }
  [client, other] = await Promise.all([connect({ pdEndpoints }), connect({ pdEndpoints })]);
  prefix = `tikv-client-node test ${await client.timestamp()}/`;
}, 60_000);

afterAll(async () => {
  const transaction = await client.begin();
  for await (const batch of transaction.scan(Buffer.from(prefix), end(), { keysOnly: true })) {
    for (const [key] of batch) transaction.delete(key);
  }
  await transaction.commit();
  await Promise.all([client.close(), other.close()]);
  await listening?.close();
}, 60_000);

describe('any cluster', { timeout: 60_000 }, () => {
  it('1: sets, reads, overwrites and deletes a key', async () => {
    expect(await read('one')).toBeUndefined();
    await put({ one: 'a' });
    expect(await read('one')).toBe('a');
    await put({ one: 'b' }, other);
    expect(await read('one', client)).toBe('b');
    const transaction = await client.begin();
    transaction.delete(bytes('one'));
    await transaction.commit();
    expect(await read('one')).toBeUndefined();
  });

  it('2: scans hundreds of keys over split regions, both ways', async () => {
    const keys = Array.from({ length: 300 }, (_, i) => `scan/${String(i).padStart(3, '0')}`);
    await client.split(['scan/050', 'scan/100', 'scan/101', 'scan/250'].map(bytes));
    await put(Object.fromEntries(keys.map((key) => [key, key])));
    const reader = await other.begin();
    expect(await keysOf(reader, 'scan/', 'scan0')).toEqual(keys);
    expect(await keysOf(reader, 'scan/', 'scan0', true)).toEqual(keys.toReversed());
    expect(await keysOf(reader, 'scan/049', 'scan/102')).toEqual(keys.slice(49, 102));
  });

  it('3: answers a batch with absent and repeated keys', async () => {
    await put({ 'batch/a': '1', 'batch/n': '2' });
    const found = await (await other.begin()).batchGet(['batch/n', 'batch/x', 'batch/a', 'batch/n'].map(bytes));
    expect(found.map(text)).toEqual(['2', undefined, '1', '2']);
  });

  it('4: lets the second committer lose, and an old snapshot stay as it is', async () => {
    await put({ conflict: 'old' });
    const [first, second, reader] = [await client.begin(), await other.begin(), await other.begin()];
    first.put(bytes('conflict'), Buffer.from('first'));
    second.put(bytes('conflict'), Buffer.from('second'));
    await first.commit();
    expect(isTikvError(await failure(second.commit()), 'write_conflict')).toBe(true);
    expect(text(await reader.get(bytes('conflict')))).toBe('old');
    expect(await read('conflict')).toBe('first');
  });

  it('5: adds increments up under retry', async () => {
    await put({ count: '0' });
    const increment = async (on: TikvClient): Promise<void> => {
      for (;;) {
        const transaction = await on.begin();
        const value = Number(text(await transaction.get(bytes('count'))));
        transaction.put(bytes('count'), Buffer.from(String(value + 1)));
        const error = await failure(transaction.commit());
        if (error === undefined) return;
        if (!isTikvError(error, 'write_conflict')) throw error;
      }
    };
    await Promise.all(Array.from({ length: 20 }, (_, i) => increment(i % 2 === 0 ? client : other)));
    expect(await read('count')).toBe('20');
  });

  it('7: reads through regions that were split behind its back', async () => {
    await put(Object.fromEntries(Array.from({ length: 40 }, (_, i) => [`stale/${i + 10}`, String(i)])));
    await (await other.begin()).batchGet([bytes('stale/10')]);
    await client.split(['stale/20', 'stale/30', 'stale/40'].map(bytes));
    const wanted = Array.from({ length: 40 }, (_, i) => bytes(`stale/${i + 10}`));
    expect((await (await other.begin()).batchGet(wanted)).map(text)).toEqual(wanted.map((_, i) => String(i)));
  });

  it('21, 24, 26: commits asynchronously, in one phase, and in two', async () => {
    await client.split([bytes('how/m')]);
    for (const [i, options] of [{}, { asyncCommit: false }, { asyncCommit: false, onePhaseCommit: false }].entries()) {
      for (const keys of [['how/a'], ['how/a', 'how/z']]) {
        const transaction = await client.begin(options);
        for (const key of keys) transaction.put(bytes(key), Buffer.from(`${i} ${keys.length}`));
        const commitTs = await transaction.commit();
        const snapshot = other.snapshot(await other.timestamp());
        expect(snapshot.readTs).toBeGreaterThanOrEqual(commitTs!); // What the stores computed may be the next one granted.
        for (const key of keys) expect(text(await snapshot.get(bytes(key)))).toBe(`${i} ${keys.length}`);
      }
    }
  });

  it('28: fails a lock at once where asked, after a while, or when the holder ends', async () => {
    const holder = await client.begin({ pessimistic: true });
    await holder.lock([bytes('lock')]);
    const waiter = await other.begin({ pessimistic: true });
    expect(isTikvError(await failure(waiter.lock([bytes('lock')], { waitMs: 0 })), 'lock_not_available')).toBe(true);
    expect(isTikvError(await failure(waiter.lock([bytes('lock')], { waitMs: 100 })), 'lock_wait_timeout')).toBe(true);
    const waiting = waiter.lock([bytes('lock')]);
    await holder.rollback();
    await waiting;
    await waiter.rollback();
  });

  it('29: tells a statement to begin again when a lock meets a newer version', async () => {
    await put({ newer: '1' });
    const transaction = await client.begin({ pessimistic: true });
    await put({ newer: '2' }, other);
    const error = await failure(transaction.lock([bytes('newer')]));
    expect(error).toMatchObject({ code: 'write_conflict', statementRetry: true });
    await transaction.beginStatement();
    const [value] = await transaction.lock([bytes('newer')], { returnValues: true });
    expect(text(value)).toBe('2');
    await transaction.rollback();
  });

  it('30: finds a deadlock of two', async () => {
    const [one, two] = [await client.begin({ pessimistic: true }), await other.begin({ pessimistic: true })];
    await one.lock([bytes('dead/1')]);
    await two.lock([bytes('dead/2')]);
    const waits = [one.lock([bytes('dead/2')]), two.lock([bytes('dead/1')])].map(failure);
    const first = await Promise.race(waits);
    expect(first).toMatchObject({ code: 'deadlock' });
    const outcome = await Promise.race([
      waits[0]!.then((error) => [one, two, error]),
      waits[1]!.then((error) => [two, one, error]),
    ]);
    await (outcome[0] as Transaction).rollback();
    await Promise.all(waits);
    await (outcome[1] as Transaction).rollback();
  });

  it('33: lets readers pass pessimistic locks', async () => {
    await put({ passed: '1' });
    const holder = await client.begin({ pessimistic: true });
    await holder.lock([bytes('passed')]);
    expect(await read('passed')).toBe('1');
    await holder.rollback();
  });

  it('35: refuses an insert of what exists', async () => {
    await put({ there: '1' });
    const transaction = await other.begin();
    transaction.insert(bytes('there'), Buffer.from('2'));
    expect(await failure(transaction.commit())).toMatchObject({ code: 'already_exists', key: bytes('there') });
    expect(await read('there')).toBe('1');
  });

  it('39: grants timestamps in order to all who ask at once', async () => {
    const before = await client.timestamp();
    const granted = await Promise.all(Array.from({ length: 500 }, () => client.timestamp()));
    expect(new Set(granted).size).toBe(500);
    expect(granted.every((timestamp) => timestamp > before)).toBe(true);
    const largest = granted.reduce((a, b) => (a > b ? a : b));
    expect(await other.timestamp()).toBeGreaterThan(largest);
  });
});
