/** The storage layer beside the bare RocksDB binding: what versions, isolation, overlay and log cost and bring. */

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Durability } from '../../src/base/durability.ts';
import { silentLog } from '../../src/base/log.ts';
import { newNodePlatform } from '../../src/platform/node-platform.ts';
import { type DatabaseContext, rocksDbBinding } from '../../src/providers/rocksdb/binding.ts';
import { openRocksDbStore } from '../../src/providers/rocksdb/open.ts';
import { prefixRange } from '../../src/storage/key-range.ts';
import type { LocalStore } from '../../src/storage/local-store.ts';
import { compare, rate } from './compare.ts';

const KEYS = 200_000;
const VALUE = Buffer.alloc(100, 7);
const platform = newNodePlatform();
const binding = rocksDbBinding();

function key(i: number): Buffer {
  const bytes = Buffer.alloc(16, 'k/');
  bytes.writeUInt32BE(Math.imul(i, 2_654_435_761) >>> 0, 4);
  return bytes;
}

export async function run(): Promise<string[]> {
  const directory = await mkdtemp(join(tmpdir(), 'orbit-bench-'));
  const open = (name: string, durability: Durability) =>
    openRocksDbStore({ name, directory: join(directory, name), platform, log: silentLog, durability });
  const volatile = await open('volatile', 'memory');
  const durable = await open('durable', 'disk');
  const bare = await openBare(join(directory, 'bare'));
  try {
    const lines: string[] = [];
    lines.push(
      await compare({
        name: 'put, batches of 100, unsynced',
        unit: 'keys/s',
        peerName: 'bare binding',
        ours: () => rate(KEYS, () => fill(volatile)),
        peer: () => rate(KEYS, () => fillBare(bare)),
      }),
    );
    await settle(volatile);
    lines.push(
      await compare({
        name: 'get, one key, from the engine',
        unit: 'keys/s',
        peerName: 'bare binding',
        ours: () =>
          rate(100_000, async () => {
            for (let i = 0; i < 100_000; i++) if ((await volatile.get(key(i))) === undefined) throw new Error('lost');
          }),
        peer: () =>
          rate(100_000, () => {
            for (let i = 0; i < 100_000; i++) {
              const [value] = binding.db_get_many_sync(bare, [key(i)], undefined);
              if (value === undefined) throw new Error('lost');
            }
          }),
      }),
    );
    lines.push(
      await compare({
        name: 'scan, from the engine',
        unit: 'keys/s',
        peerName: 'bare binding',
        ours: () => rate(KEYS, () => scan(volatile)),
        peer: () => rate(KEYS, () => scanBare(bare)),
      }),
    );
    lines.push(
      await compare({
        name: 'two-key transactions, 64 clients, synced',
        unit: 'tx/s',
        peerName: 'synced batch',
        ours: () => transactions(durable, 64, 2_000),
        peer: () =>
          rate(1_000, () => {
            for (let i = 0; i < 1_000; i++) {
              const batch = binding.batch_init();
              binding.batch_put(batch, key(i), VALUE, undefined);
              binding.batch_put(batch, key(i + 1), VALUE, undefined);
              binding.batch_write(bare, batch, { sync: true });
            }
          }),
      }),
    );
    for (const clients of [1, 16, 256]) {
      lines.push(
        `two-key transactions, ${clients} clients, synced: ${Math.round(await transactions(durable, clients, 2_000))} tx/s`,
      );
    }
    lines.push(await snapshotCost(durable));
    return lines;
  } finally {
    await volatile.close();
    await durable.close();
    await new Promise<void>((resolve) => binding.db_close(bare, () => resolve()));
    await rm(directory, { recursive: true, force: true });
  }
}

async function fill(store: LocalStore): Promise<void> {
  for (let i = 0; i < KEYS; i += 100) {
    const full = store.whenWritable();
    if (full !== undefined) await full;
    const batch = store.writeBatch();
    for (let j = i; j < i + 100; j++) batch.put(key(j), VALUE);
    await batch.commit();
  }
  await settle(store);
}

function fillBare(database: DatabaseContext): void {
  for (let i = 0; i < KEYS; i += 100) {
    const batch = binding.batch_init();
    for (let j = i; j < i + 100; j++) binding.batch_put(batch, key(j), VALUE, undefined);
    binding.batch_write(database, batch, { sync: false });
  }
}

async function scan(store: LocalStore): Promise<void> {
  const transaction = store.begin({ readOnly: true });
  const cursor = transaction.scan(prefixRange(Buffer.from('k/')));
  let count = 0;
  for (let batch = await cursor.next(); batch !== undefined; batch = await cursor.next()) count += batch.length;
  transaction.rollback();
  if (count !== KEYS) throw new Error(`${count} keys`);
}

function scanBare(database: DatabaseContext): void {
  const iterator = binding.iterator_init(database, {
    reverse: false,
    keys: true,
    values: true,
    keyEncoding: 'buffer',
    valueEncoding: 'buffer',
    highWaterMarkBytes: 1 << 20,
    fillCache: true,
  });
  let count = 0;
  for (;;) {
    const { rows, finished } = binding.iterator_nextv_sync(iterator, 1_000);
    count += rows.length / 2;
    if (finished) break;
  }
  binding.iterator_close(iterator);
  if (count < KEYS) throw new Error(`${count} keys`);
}

/** Clients that each read a key and write two, one transaction after the other, acknowledged after the sync. */
async function transactions(store: LocalStore, clients: number, durationMs: number): Promise<number> {
  const end = performance.now() + durationMs;
  let committed = 0;
  const client = async (number: number): Promise<void> => {
    for (let i = 0; performance.now() < end; i++) {
      const transaction = store.begin();
      const own = key(number * 1_000_000 + (i % 10_000));
      await transaction.get(own);
      transaction.put(own, VALUE);
      transaction.put(key(number * 1_000_000 + (i % 10_000) + 500_000), VALUE);
      await transaction.commit();
      committed++;
    }
  };
  await Promise.all(Array.from({ length: clients }, (_, number) => client(number)));
  return (committed / durationMs) * 1_000;
}

/** 10,000 snapshots at as many versions: their memory, and what they do to commits. */
async function snapshotCost(store: LocalStore): Promise<string> {
  const before = await transactions(store, 64, 2_000);
  globalThis.gc?.();
  const memoryBefore = process.memoryUsage().rss;
  const snapshots = [];
  for (let i = 0; i < 10_000; i++) {
    snapshots.push(store.begin({ readOnly: true }));
    if (i % 10 === 0) await transactions(store, 1, 1);
  }
  const withSnapshots = await transactions(store, 64, 2_000);
  const memory = (process.memoryUsage().rss - memoryBefore) / 1e6;
  for (const snapshot of snapshots) snapshot.rollback();
  const after = await transactions(store, 64, 2_000);
  const slower = (1 - withSnapshots / ((before + after) / 2)) * 100;
  return `10,000 open snapshots: ${memory.toFixed(0)} MB, commits ${Math.round(withSnapshots)}/s beside ${Math.round((before + after) / 2)}/s without (${slower.toFixed(0)} % slower)`;
}

async function settle(store: LocalStore): Promise<void> {
  const { version } = store;
  while (store.statistics().appliedVersion < version) await platform.timers.sleep(5);
}

function openBare(directory: string): Promise<DatabaseContext> {
  const database = binding.db_init(directory);
  return platform.files.makeDirectory(directory).then(
    () =>
      new Promise((resolve, reject) => {
        const options = {
          createIfMissing: true,
          parallelism: 2,
          walCompression: false,
          compaction: 'level',
          memtableMemoryBudget: 32 << 20,
          cacheSize: 64 << 20,
          cacheIndexAndFilterBlocks: true,
          compression: true,
        } as const;
        binding.db_open(database, options, (error) => (error ? reject(error) : resolve(database)));
      }),
  );
}
