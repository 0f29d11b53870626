import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { platform } from '../../test/support/stores.ts';
import type { ProviderSpec } from '../storage/provider-specs.ts';
import type { Store } from '../storage/store.ts';
import { openScratchStore, type StoresSpec } from './registry.ts';

const MEBIBYTE = 2 ** 20;

let directory: string;
let store: Store | undefined;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'orbit-registry-'));
});
afterEach(async () => {
  await store?.close();
  await rm(directory, { recursive: true });
});

function specOf(provider: ProviderSpec): StoresSpec {
  return {
    memory: { limitBytes: 512 * MEBIBYTE },
    providers: { default: 'local', cluster: undefined, byName: new Map([['local', provider]]) },
    routes: { models: {}, actors: new Map() },
  };
}

const rocksDb = (durability: 'disk' | 'memory'): ProviderSpec => ({
  type: 'RocksDB',
  durability,
  dataDir: directory,
  backgroundJobsMax: 2,
  writeBufferBytes: MEBIBYTE,
  writeBuffersMax: 2,
  blockCacheBytes: MEBIBYTE,
  logSegmentBytes: MEBIBYTE,
  logRetainBytes: 0,
});

test('a scratch store is of the kind that keeps the model, but waits for no disk', async () => {
  store = await openScratchStore(specOf(rocksDb('disk')), 'relational', join(directory, 'scratch'), platform);
  expect(store.supports).toMatchObject({ persistent: true, changeFeed: true });
  expect(store.durability).toBe('process');
});

test('without a log there is none in a scratch store either', async () => {
  store = await openScratchStore(specOf(rocksDb('memory')), 'relational', join(directory, 'scratch'), platform);
  expect(store.supports).toMatchObject({ persistent: true, changeFeed: false });
});

test('a scratch store is in memory where the model is, and where the disk is nearly full', async () => {
  const memory: ProviderSpec = { type: 'Memory', entriesMax: undefined };
  const full = {
    ...platform,
    files: Object.assign(Object.create(platform.files), { freeBytes: async () => MEBIBYTE }),
  };
  for (const [spec, on] of [
    [specOf(memory), platform],
    [specOf(rocksDb('disk')), full],
  ] as const) {
    const scratch = await openScratchStore(spec, 'relational', join(directory, 'scratch'), on);
    expect(scratch.supports.persistent).toBe(false);
    await scratch.close();
    expect(await platform.files.exists(join(directory, 'scratch'))).toBe(false);
  }
});
