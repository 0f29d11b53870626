/** Providers from code are checked like those of a file. */

import { expect, test } from 'vitest';
import { persistence } from '../../src/config/builder.ts';
import { loadConfig } from '../../src/config/load.ts';
import { main } from './inputs.ts';

test('the builder and the file give the same providers', async () => {
  const built = persistence()
    .withMemory('scratch', { maxEntries: 10 })
    .withRocksDb('local', { dataDir: './db', blockCacheSize: '64MB', durability: 'process' })
    .withTiKv(
      'tikv-cluster',
      { pdEndpoints: ['pd-1:2379'], connectionTimeout: 5, requestTimeout: '1s', enableAsyncCommit: false },
      true,
    )
    .build({ memoryLimitBytes: 2 ** 30 });
  const { providers } = await loadConfig(
    main(`
      [memory]
      limit = "1GB"
      [defaults]
      addressable = "tikv-cluster"
      [providers.scratch]
      type = "Memory"
      max_entries = 10
      [providers.local]
      type = "RocksDB"
      data_dir = "./db"
      block_cache_size = "64MB"
      durability = "process"
      [providers.tikv-cluster]
      type = "TiKV"
      pd_endpoints = ["pd-1:2379"]
      connection_timeout = 5
      request_timeout = "1s"
      enable_async_commit = false
    `),
  );
  expect(built).toEqual(providers);
});

test('a single provider is the default', () => {
  expect(persistence().withMemory('only').build().default).toBe('only');
});

test('all problems are told at once', () => {
  const builder = persistence()
    .withMemory('a', { maxEntries: -1 })
    .withMemory('a')
    .withRocksDb('b', { blockCacheSize: 'much' }, true)
    .withTiKv('c', { pdEndpoints: [] }, true);
  expect(() => builder.build()).toThrowError(
    expect.objectContaining({
      code: 'invalid_config',
      message: expect.stringMatching(
        /5 problems.*providers\.a\.max_entries.*a is declared twice.*block_cache_size.*pd_endpoints.*several providers are the default: b, c/s,
      ),
    }),
  );
});

test('no provider, and no default among several, are problems', () => {
  expect(() => persistence().build()).toThrow('there is no provider');
  expect(() => persistence().withMemory('a').withMemory('b').build()).toThrow('no provider is the default');
});

test('an option that the types do not know is refused', () => {
  const options = { maxEntires: 3 } as object;
  expect(() => persistence().withMemory('a', options).build()).toThrow('unknown option maxEntires');
});
