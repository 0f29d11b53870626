/**
 * The keys of `[providers.NAME]`, by the provider's type, as users of the persistence file know them.
 *
 * Spelling and defaults follow Orbit-RS (`persistence-config.toml`, and its TiKV document); `durability` and the two log
 * keys are ours. Environment variables apply to the default provider of that type.
 */

import { DURABILITIES } from '../base/durability.ts';
import { type Field, field, idle } from './field.ts';
import { boolean, bytes, duration, integer, list, text, word } from './kinds.ts';

const KB = 2 ** 10;
const MB = 2 ** 20;
const GB = 2 ** 30;

export const PROVIDER_TYPES = ['Memory', 'RocksDB', 'TiKV'] as const;
export type ProviderType = (typeof PROVIDER_TYPES)[number];

/** Types that Orbit-RS knows and this server does not have, with what serves instead. */
export const FOREIGN_PROVIDER_TYPES: Readonly<Record<string, string>> = {
  S3: 'use type = "RocksDB"',
  MinIO: 'use type = "RocksDB"',
  AWSS3: 'use type = "RocksDB"',
  DigitalOceanSpaces: 'use type = "RocksDB"',
  Azure: 'use type = "RocksDB"',
  GoogleCloud: 'use type = "RocksDB"',
  GCPStorage: 'use type = "RocksDB"',
  Etcd: 'use type = "TiKV" for a store that several members share',
  Redis: 'use type = "RocksDB" on one machine or "TiKV" on several',
  Kubernetes: 'use type = "TiKV" for a store that several members share',
  Composite: 'declare two providers and send models to them in [routes]',
  Flash: 'use type = "RocksDB"',
  CowBTree: 'use type = "RocksDB"',
  LsmTree: 'use type = "RocksDB"',
};

const endpoint = text({
  what: 'host:port, or https://host:port',
  pattern: /^(https?:\/\/)?([A-Za-z0-9.-]+|\[[0-9A-Fa-f:]+\]):\d{1,5}$/,
});

const durability = word(...DURABILITIES);

export const MEMORY_FIELDS = {
  durability: field('providers.*.durability', durability, undefined, 'Only `memory`: this provider has no log.', {
    initially: '`memory`',
  }),
  max_entries: field(
    'providers.*.max_entries',
    integer(1, Number.MAX_SAFE_INTEGER),
    undefined,
    'Writes that would exceed this number of keys are refused. No limit when absent.',
    { env: 'ORBIT_MEMORY_MAX_ENTRIES' },
  ),
} as const;

const BACKUP = 'the Memory provider keeps nothing on disk; use type = "RocksDB", or `orbit backup`';

const MEMORY_IDLE: readonly Field[] = [
  { ...idle('providers.*.disk_backup.path', text(), BACKUP), env: 'ORBIT_MEMORY_BACKUP_PATH' },
  {
    ...idle('providers.*.disk_backup.sync_interval', duration('s', 0, 86_400_000), BACKUP),
    env: 'ORBIT_MEMORY_BACKUP_INTERVAL',
  },
  idle('providers.*.disk_backup.compression', word('None', 'Gzip', 'Lz4', 'Zstd'), BACKUP),
  { ...idle('providers.*.disk_backup.enabled', boolean, BACKUP, false), env: 'ORBIT_MEMORY_DISK_BACKUP' },
];

export const ROCKSDB_FIELDS = {
  data_dir: field('providers.*.data_dir', text({ what: 'a directory' }), undefined, 'Directory of this provider.', {
    env: 'ORBIT_ROCKSDB_DATA_DIR',
    initially: '`NAME` in `server.data_dir`',
  }),
  durability: field('providers.*.durability', durability, undefined, 'What an acknowledged write survives.', {
    initially: '`storage.durability`',
  }),
  max_background_jobs: field('providers.*.max_background_jobs', integer(1, 64), 4, 'Threads that flush and compact.', {
    env: 'ORBIT_ROCKSDB_MAX_BACKGROUND_JOBS',
  }),
  write_buffer_size: field('providers.*.write_buffer_size', bytes(64 * KB, 4 * GB), undefined, 'Size of a memtable.', {
    env: 'ORBIT_ROCKSDB_WRITE_BUFFER_SIZE',
    initially: '1/32 of `memory.limit`, at most `128MB`, `8MB` with the durability `memory`',
  }),
  max_write_buffer_number: field('providers.*.max_write_buffer_number', integer(2, 64), 3, 'Memtables at most.', {
    env: 'ORBIT_ROCKSDB_MAX_WRITE_BUFFER_NUMBER',
  }),
  enable_statistics: field('providers.*.enable_statistics', boolean, true, 'Engine counters among the metrics.', {
    env: 'ORBIT_ROCKSDB_ENABLE_STATISTICS',
  }),
  block_cache_size: field(
    'providers.*.block_cache_size',
    bytes(1 * MB, 1024 * GB),
    undefined,
    'Cache of table blocks, and a quarter of it for single values.',
    {
      env: 'ORBIT_ROCKSDB_BLOCK_CACHE_SIZE',
      initially: '1/8 of `memory.limit`, at most `1GB`',
    },
  ),
  log_segment_bytes: field(
    'providers.*.log_segment_bytes',
    bytes(1 * MB, 4 * GB),
    32 * MB,
    'Size of a commit log segment.',
    {
      env: 'ORBIT_ROCKSDB_LOG_SEGMENT_BYTES',
    },
  ),
  log_retain_bytes: field(
    'providers.*.log_retain_bytes',
    bytes(0, 1024 * GB),
    128 * MB,
    'Commit log kept behind what recovery needs, for change feeds that resume.',
    { env: 'ORBIT_ROCKSDB_LOG_RETAIN_BYTES' },
  ),
} as const;

const ROCKSDB_IDLE: readonly Field[] = [
  {
    ...idle(
      'providers.*.target_file_size_base',
      bytes(1 * MB, 16 * GB),
      'table files have the size of half a write buffer; set write_buffer_size',
    ),
    env: 'ORBIT_ROCKSDB_TARGET_FILE_SIZE_BASE',
  },
  {
    ...idle(
      'providers.*.enable_wal',
      boolean,
      '`durability` decides: "process" for fewer syncs, "memory" for no commit log',
      true,
    ),
    env: 'ORBIT_ROCKSDB_ENABLE_WAL',
  },
];

const path = text({ what: 'the path of a file' });

/** What Orbit-RS has, and what the client's budgets of waiting are meant for. */
export const TIKV_RETRIES = 3;

export const TIKV_FIELDS = {
  pd_endpoints: field(
    'providers.*.pd_endpoints',
    list(endpoint, { min: 1, max: 64 }),
    ['127.0.0.1:2379'],
    'Placement drivers.',
    {
      env: 'ORBIT_TIKV_PD_ENDPOINTS',
    },
  ),
  durability: field(
    'providers.*.durability',
    durability,
    undefined,
    'Only `disk`: TiKV acknowledges what a quorum has synced.',
    {
      initially: '`disk`',
    },
  ),
  connection_timeout: field('providers.*.connection_timeout', duration('s', 1, 3_600_000), 30_000, 'To connect.', {
    env: 'ORBIT_TIKV_CONNECTION_TIMEOUT',
  }),
  request_timeout: field('providers.*.request_timeout', duration('s', 1, 3_600_000), 10_000, 'Of one request.', {
    env: 'ORBIT_TIKV_REQUEST_TIMEOUT',
  }),
  txn_timeout: field(
    'providers.*.txn_timeout',
    duration('s', 1, 86_400_000),
    30_000,
    'What a commit may spend on waiting.',
    {
      env: 'ORBIT_TIKV_TXN_TIMEOUT',
    },
  ),
  enable_async_commit: field(
    'providers.*.enable_async_commit',
    boolean,
    true,
    'Commit is done when all locks are written.',
    {
      env: 'ORBIT_TIKV_ENABLE_ASYNC_COMMIT',
    },
  ),
  enable_one_pc: field('providers.*.enable_one_pc', boolean, true, 'One phase for transactions within a region.', {
    env: 'ORBIT_TIKV_ENABLE_ONE_PC',
  }),
  max_retries: field(
    'providers.*.max_retries',
    integer(1, 1000),
    TIKV_RETRIES,
    'How long an operation goes on with servers that fail: 3 is 20 s of pauses for a read, 6 twice that.',
    { env: 'ORBIT_TIKV_MAX_RETRIES' },
  ),
  coalesce_gets: field(
    'providers.*.coalesce_gets',
    boolean,
    true,
    'Point reads that come together travel as one request for each region.',
    { env: 'ORBIT_TIKV_COALESCE_GETS' },
  ),
  snapshot_cache_size: field(
    'providers.*.snapshot_cache_size',
    bytes(0, GB),
    4 * MB,
    'What one transaction keeps of what it has read, so as not to ask again; 0 keeps nothing.',
    { env: 'ORBIT_TIKV_SNAPSHOT_CACHE_SIZE' },
  ),
  batch_size: field('providers.*.batch_size', integer(1, 1_000_000), 1000, 'Keys in one answer to a scan.', {
    env: 'ORBIT_TIKV_BATCH_SIZE',
  }),
  region_cache_size: field('providers.*.region_cache_size', integer(1, 10_000_000), 1000, 'Regions remembered.', {
    env: 'ORBIT_TIKV_REGION_CACHE_SIZE',
  }),
  region_cache_ttl: field(
    'providers.*.region_cache_ttl',
    duration('s', 1000, 86_400_000),
    600_000,
    'How long each is.',
    {
      env: 'ORBIT_TIKV_REGION_CACHE_TTL',
    },
  ),
  key_prefix: field(
    'providers.*.key_prefix',
    text({ what: 'up to 64 letters, digits, "-", "_" or "."', pattern: /^[A-Za-z0-9._-]{1,64}$/ }),
    'orbit',
    'First part of every key.',
    { env: 'ORBIT_TIKV_KEY_PREFIX' },
  ),
  request_source: field(
    'providers.*.request_source',
    text({ what: 'up to 64 letters, digits or "_"', pattern: /^[A-Za-z0-9_]{1,64}$/ }),
    'external_orbit',
    "What TiKV's metrics count our requests under.",
    { env: 'ORBIT_TIKV_REQUEST_SOURCE' },
  ),
  enable_tls: field('providers.*.enable_tls', boolean, false, 'Connect with TLS.', { env: 'ORBIT_TIKV_ENABLE_TLS' }),
  ca_cert_path: field('providers.*.ca_cert_path', path, undefined, 'Authority that signed the servers.', {
    env: 'ORBIT_TIKV_CA_CERT_PATH',
    besideFile: true,
  }),
  client_cert_path: field('providers.*.client_cert_path', path, undefined, 'Our certificate.', {
    env: 'ORBIT_TIKV_CLIENT_CERT_PATH',
    besideFile: true,
  }),
  client_key_path: field('providers.*.client_key_path', path, undefined, 'Its key.', {
    env: 'ORBIT_TIKV_CLIENT_KEY_PATH',
    besideFile: true,
  }),
  enable_gc: field(
    'providers.*.enable_gc',
    boolean,
    false,
    'Old versions are removed by this server: for clusters that no TiDB uses. Several servers may do so.',
    { env: 'ORBIT_TIKV_ENABLE_GC' },
  ),
  gc_life_time: field(
    'providers.*.gc_life_time',
    duration('s', 600_000, 86_400_000),
    600_000,
    'How long old versions stay; transactions that run longer fail.',
    { env: 'ORBIT_TIKV_GC_LIFE_TIME' },
  ),
  grpc_connection_count: field('providers.*.grpc_connection_count', integer(1, 64), 4, 'Channels to each store.', {
    env: 'ORBIT_TIKV_GRPC_CONNECTION_COUNT',
  }),
  grpc_keepalive_time: field(
    'providers.*.grpc_keepalive_time',
    duration('s', 1000, 3_600_000),
    10_000,
    'Between pings.',
    {
      env: 'ORBIT_TIKV_GRPC_KEEPALIVE_TIME',
    },
  ),
  grpc_keepalive_timeout: field('providers.*.grpc_keepalive_timeout', duration('s', 100, 600_000), 3000, 'Of a ping.', {
    env: 'ORBIT_TIKV_GRPC_KEEPALIVE_TIMEOUT',
  }),
  grpc_initial_window_size: field(
    'providers.*.grpc_initial_window_size',
    bytes(64 * KB, 2 * GB - 1),
    128 * MB,
    'Flow control.',
    {
      env: 'ORBIT_TIKV_GRPC_INITIAL_WINDOW_SIZE',
    },
  ),
  grpc_max_message_size: field(
    'providers.*.grpc_max_message_size',
    bytes(64 * KB, 2 * GB - 1),
    2 * GB - 1,
    'Of an answer.',
    {
      env: 'ORBIT_TIKV_GRPC_MAX_MESSAGE_SIZE',
    },
  ),
} as const;

const ISOLATION =
  'the isolation level decides: REPEATABLE READ validates at commit, READ COMMITTED and what locks rows locks';
const RETRIES = 'each trouble has growing pauses of its own; max_retries and txn_timeout say when to give up';
const COMPRESSION = 'TiKV compresses what it stores; messages travel as they are';

function tikvIdle(key: string, kind: Field['kind'], why: string, ...usual: readonly unknown[]): Field {
  return { ...idle(`providers.*.${key}`, kind, why, ...usual), env: `ORBIT_TIKV_${key.toUpperCase()}` };
}

const TIKV_IDLE: readonly Field[] = [
  tikvIdle('max_connections', integer(1, 10_000), 'a store has grpc_connection_count connections', 10),
  tikvIdle('enable_pessimistic', boolean, ISOLATION, true, false),
  tikvIdle('enable_pessimistic_txn', boolean, ISOLATION, true, false),
  tikvIdle('enable_optimistic', boolean, ISOLATION, true),
  tikvIdle('coprocessor_pool_size', integer(1, 1024), 'nothing is computed by coprocessors', 8),
  tikvIdle('retry_delay_ms', duration('ms', 0, 3_600_000), RETRIES, 100),
  tikvIdle('enable_compression', boolean, COMPRESSION, true, false),
  tikvIdle('grpc_compression_type', word('none', 'gzip', 'deflate'), COMPRESSION, 'none'),
];

export const PROVIDER_FIELDS: Readonly<Record<ProviderType, readonly Field[]>> = {
  Memory: [...Object.values(MEMORY_FIELDS), ...MEMORY_IDLE],
  RocksDB: [...Object.values(ROCKSDB_FIELDS), ...ROCKSDB_IDLE],
  TiKV: [...Object.values(TIKV_FIELDS), ...TIKV_IDLE],
};

/** The provider's own spelling of a type, whatever the case. */
export function providerType(type: string): ProviderType | undefined {
  return PROVIDER_TYPES.find((known) => known.toLowerCase() === type.toLowerCase());
}
