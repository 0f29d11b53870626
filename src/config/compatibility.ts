/**
 * What other Orbit files and environments contain and this build does nothing with: the one table of it.
 *
 * Every entry says why. A key listed here is accepted, its type is checked, and a warning names it at `orbit config
 * check` and at start, unless its value asks for what happens anyway. What is listed nowhere is an error, so nothing is
 * ignored in silence. Keys of providers without effect stand with the provider (`provider-schema.ts`).
 */

import { type Field, idle } from './field.ts';
import { anything, boolean, bytes, decimal, duration, integer, list, port, text, word } from './kinds.ts';

/** Listeners that this build can open. */
export const BUILD_LISTENERS: ReadonlySet<string> = new Set(['blobs', 'http', 'metrics', 'postgres', 'redis']);

const count = integer(0, Number.MAX_SAFE_INTEGER);
const seconds = duration('s', 0, Number.MAX_SAFE_INTEGER);
const texts = list(text());

const ONE_TRANSACTION = 'all models share one store and its transactions; there is nothing to tune here';
const VECTORS = 'vector indexes take these parameters in CREATE INDEX … WITH (…)';
const SQL_FEATURES = 'what the server supports does not depend on switches';
const POOLING = 'the server is its own store: there are no connections to pool';
const TIERS = 'data lives in its provider and is not moved between tiers';
const WAL = 'durability is one setting: [storage] durability, or durability of the provider';
const ENGINE = 'engine settings belong to the provider: [providers.local] write_buffer_size, block_cache_size, …';
const NO_PROTOCOL = (name: string) => `this build has no ${name} listener`;

function protocol(section: string, name: string): Field[] {
  const why = NO_PROTOCOL(name);
  return [
    idle(`protocols.${section}.enabled`, boolean, why, false),
    idle(`protocols.${section}.port`, port, why),
    idle(`protocols.${section}.max_connections`, count, why),
    idle(`protocols.${section}.connection_timeout_secs`, seconds, why),
    idle(`protocols.${section}.authentication_enabled`, boolean, why, false),
  ];
}

function vectors(section: string): Field[] {
  return [
    idle(`${section}.default_metric`, text(), VECTORS),
    idle(`${section}.max_dimensions`, count, VECTORS),
    idle(`${section}.batch_size`, count, VECTORS),
    idle(`${section}.enable_simd`, boolean, VECTORS, true),
    idle(`${section}.indexing.default_algorithm`, word('hnsw', 'ivf', 'brute_force'), VECTORS),
    idle(`${section}.indexing.hnsw.m`, count, VECTORS),
    idle(`${section}.indexing.hnsw.ef_construction`, count, VECTORS),
    idle(`${section}.indexing.hnsw.ef_search`, count, VECTORS),
    idle(`${section}.indexing.ivf.nlist`, count, VECTORS),
    idle(`${section}.indexing.ivf.nprobe`, count, VECTORS),
  ];
}

function switches(section: string, why: string, ...keys: readonly (readonly [key: string, usual: boolean])[]): Field[] {
  return keys.map(([key, usual]) => idle(`${section}.${key}`, boolean, why, usual));
}

function counts(section: string, why: string, ...keys: readonly string[]): Field[] {
  return keys.map((key) => idle(`${section}.${key}`, count, why));
}

function times(section: string, why: string, ...keys: readonly string[]): Field[] {
  return keys.map((key) => idle(`${section}.${key}`, seconds, why));
}

export const COMPATIBILITY: readonly Field[] = [
  idle('server.config_dir', text(), 'the configuration is the file given with --config'),
  idle(
    'actor_system.supervision_strategy',
    word('OneForOne', 'OneForAll', 'RestForOne'),
    'a failed turn ends its own activation only',
    'OneForOne',
  ),
  ...['gossip_port', 'heartbeat_interval_ms', 'failure_timeout_ms'].map((key) =>
    idle(`actor_system.cluster.${key}`, count, 'members find each other through the cluster provider, without gossip'),
  ),

  ...times('protocols.grpc.keep_alive', NO_PROTOCOL('gRPC'), 'interval_secs', 'timeout_secs'),
  idle('protocols.grpc.tls.enabled', boolean, 'TLS is set for all listeners in [server.tls]', false),
  ...['cert_file', 'key_file', 'ca_cert_file'].map((key) =>
    idle(`protocols.grpc.tls.${key}`, text(), 'TLS is set for all listeners in [server.tls]'),
  ),
  idle('protocols.grpc.tls.require_client_cert', boolean, 'TLS is set for all listeners in [server.tls]', false),

  ...counts(
    'protocols.postgresql.sql_engine',
    'queries are bounded by memory and time, not by a score',
    'max_query_complexity',
  ),
  ...switches('protocols.postgresql.sql_engine', SQL_FEATURES, ['enable_optimization', true], ['enable_caching', true]),
  ...counts('protocols.postgresql.sql_engine', 'caches share [memory] limit', 'cache_size_mb'),
  ...vectors('protocols.postgresql.vector_ops'),
  ...switches(
    'protocols.postgresql.features',
    SQL_FEATURES,
    ['enable_pgvector', true],
    ['enable_postgis', false],
    ['enable_json', true],
    ['enable_fulltext', true],
    ['enable_prepared_statements', true],
    ['enable_transactions', true],
  ),

  idle(
    'protocols.redis.commands.enabled_groups',
    texts,
    'all commands are enabled; name unwanted ones in disabled_commands',
  ),
  ...times('protocols.redis.commands', 'commands are bounded by memory, not by time', 'command_timeout_secs'),
  ...vectors('protocols.redis.vector_ops'),
  ...switches(
    'protocols.redis.features',
    SQL_FEATURES,
    ['enable_streams', true],
    ['enable_pubsub', true],
    ['enable_modules', false],
    ['enable_redisearch', true],
    ['enable_redisjson', true],
    ['enable_redisgraph', true],
    ['enable_cluster', false],
  ),

  ...['allowed_origins', 'allowed_methods', 'allowed_headers'].map((key) =>
    idle(`protocols.rest.cors.${key}`, texts, 'answers carry no CORS headers; put a proxy before browsers'),
  ),
  ...times('protocols.rest.cors', 'answers carry no CORS headers; put a proxy before browsers', 'max_age_secs'),
  ...counts(
    'protocols.rest.rate_limit',
    'load is limited by admission, not by request rate',
    'requests_per_minute',
    'burst_capacity',
  ),

  ...protocol('cypher', 'Bolt'),
  idle('protocols.cypher.graph_engine.max_query_complexity', count, NO_PROTOCOL('Bolt')),
  idle('protocols.cypher.graph_engine.query_timeout_secs', seconds, NO_PROTOCOL('Bolt')),
  idle('protocols.cypher.graph_engine.enable_optimization', boolean, NO_PROTOCOL('Bolt'), true),
  idle('protocols.cypher.graph_engine.storage_backend', text(), NO_PROTOCOL('Bolt')),
  idle('protocols.mcp.enabled', boolean, NO_PROTOCOL('MCP'), false),
  idle('protocols.mcp.port', port, NO_PROTOCOL('MCP')),
  idle('protocols.mcp.version', text(), NO_PROTOCOL('MCP')),
  idle('protocols.mcp.tools.available_tools', texts, NO_PROTOCOL('MCP')),
  idle('protocols.mcp.tools.tool_configs.**', anything, NO_PROTOCOL('MCP')),
  ...protocol('cql', 'CQL'),
  idle('protocols.cql.protocol_version', count, NO_PROTOCOL('CQL')),
  ...protocol('mysql', 'MySQL'),
  idle('protocols.mysql.server_version', text(), NO_PROTOCOL('MySQL')),
  ...protocol('aql', 'AQL'),
  ...protocol('orbitql', 'OrbitQL'),

  idle('security.authentication.methods', texts, 'passwords are the one method: SCRAM-SHA-256, AUTH, HTTP Basic'),
  ...['secret_key', 'expiration_secs', 'algorithm'].map((key) => ({
    ...idle(`security.authentication.jwt.${key}`, anything, 'this build takes no tokens'),
    secret: key === 'secret_key',
  })),
  idle('security.authentication.session.timeout_secs', seconds, 'a session lives as long as its connection'),
  idle('security.authentication.session.storage', text(), 'a session lives as long as its connection'),
  idle(
    'security.authorization.enabled',
    boolean,
    'this build has no roles: who is authenticated may do everything',
    false,
  ),
  idle('security.authorization.model', text(), 'this build has no roles: who is authenticated may do everything'),
  idle(
    'security.authorization.default_permissions',
    texts,
    'this build has no roles: who is authenticated may do everything',
  ),
  idle('security.encryption.at_rest.**', anything, 'this build does not encrypt files; encrypt the file system'),
  idle('security.encryption.in_transit.enabled', boolean, 'TLS is set in [server.tls]', false),
  idle('security.encryption.in_transit.tls_version', text(), 'TLS 1.2 and 1.3 are offered'),
  idle('security.encryption.in_transit.cipher_suites', texts, 'the cipher suites are those of the runtime'),

  ...counts(
    'performance.memory.pool_config',
    'memory is divided from [memory] limit',
    'initial_size_mb',
    'max_size_mb',
  ),
  idle('performance.memory.pool_config.growth_factor', decimal(0, 1000), 'memory is divided from [memory] limit'),
  idle('performance.memory.gc_settings.auto_gc', boolean, 'the runtime collects garbage by itself', true),
  idle('performance.memory.gc_settings.interval_secs', seconds, 'the runtime collects garbage by itself'),
  idle(
    'performance.memory.gc_settings.memory_threshold_pct',
    decimal(0, 100),
    'the runtime collects garbage by itself',
  ),
  ...counts('performance.io', 'reads and writes are scheduled by the store', 'max_concurrent_ops', 'buffer_size_kb'),
  ...times('performance.io', 'reads and writes are scheduled by the store', 'timeout_secs'),
  idle('performance.io.enable_direct_io', boolean, 'reads and writes are scheduled by the store', false),
  idle('performance.network.tcp_nodelay', boolean, 'always on', true),
  idle('performance.network.keep_alive', boolean, 'always on', true),
  idle('performance.network.recv_buffer_size', bytes(0, 2 ** 31), 'the kernel sizes socket buffers'),
  idle('performance.network.send_buffer_size', bytes(0, 2 ** 31), 'the kernel sizes socket buffers'),
  idle('performance.cpu.worker_threads', count, 'worker threads follow the number of processors'),
  idle('performance.cpu.enable_affinity', boolean, 'threads are placed by the kernel', false),
  idle('performance.cpu.enable_simd', boolean, 'used wherever the processor has it', true),

  idle('logging.component_levels.**', anything, 'there is one level for the whole server'),
  idle(
    'logging.outputs[].output_type',
    word('stdout', 'file'),
    'the log goes to standard output; redirect it',
    'stdout',
  ),
  idle('logging.outputs[].file_path', text(), 'the log goes to standard output; redirect it'),
  idle('logging.outputs[].rotation.**', anything, 'the log goes to standard output; redirect it'),
  idle('monitoring.metrics.format', word('prometheus'), 'always prometheus', 'prometheus'),
  idle('monitoring.metrics.collection_interval_secs', seconds, 'metrics are collected when they are asked for'),
  idle('monitoring.metrics.retention_days', count, 'metrics are kept by whoever asks for them'),
  idle('monitoring.health_checks.enabled', boolean, 'health is served on the HTTP and metrics ports', true),
  idle('monitoring.health_checks.port', port, 'health is served on the HTTP and metrics ports'),
  ...times('monitoring.health_checks', 'health is told when it is asked for', 'interval_secs', 'timeout_secs'),
  idle('monitoring.tracing.enabled', boolean, 'this build exports no traces', false),
  idle('monitoring.tracing.backend', text(), 'this build exports no traces'),
  idle('monitoring.tracing.sampling_rate', decimal(0, 1), 'this build exports no traces'),
  idle('monitoring.tracing.endpoint', text(), 'this build exports no traces'),

  ...switches('pooling', POOLING, ['enabled', false], ['enable_dynamic_sizing', false]),
  ...counts('pooling', POOLING, 'min_connections', 'max_connections'),
  ...times(
    'pooling',
    POOLING,
    'connection_timeout_secs',
    'idle_timeout_secs',
    'max_lifetime_secs',
    'health_check_interval_secs',
  ),
  idle('pooling.load_balancing_strategy', text(), POOLING),
  idle('pooling.tier', text(), POOLING),
  idle('pooling.target_utilization', decimal(0, 1), POOLING),
  idle('pooling.circuit_breaker.**', anything, POOLING),
  idle('pooling.protocol_overrides.**', anything, POOLING),

  idle('persistence.data_dir', text(), 'directories are [server] data_dir, or data_dir of the provider'),
  idle('persistence.wal.enabled', boolean, WAL, true),
  idle('persistence.wal.wal_dir', text(), WAL),
  idle('persistence.wal.sync_interval_ms', count, WAL),
  idle('persistence.wal.max_size_mb', count, WAL),
  idle('persistence.wal.fsync_on_write', boolean, WAL),
  idle('persistence.rocksdb.enable_wal', boolean, WAL, true),
  ...counts(
    'persistence.rocksdb',
    ENGINE,
    'max_open_files',
    'write_buffer_size_mb',
    'max_write_buffer_number',
    'block_cache_size_mb',
  ),
  idle('persistence.rocksdb.enable_compression', boolean, ENGINE, true),
  idle('persistence.rocksdb.compression_type', text(), ENGINE),

  idle('storage.tiered.**', anything, TIERS),
  idle('storage.cold_tier.**', anything, TIERS),
  idle('unified_storage.**', anything, ONE_TRANSACTION),
  idle('dynamic.**', anything, 'a provider that fails is reported, never replaced by another with other data'),
];

/** Other spellings of our keys: an error, but one that knows what was meant. */
export const MOVED: Readonly<Record<string, string>> = {
  node: 'the name of the member is [server] node_id',
  tls: 'certificates are [server.tls] cert_file, key_file, ca_cert_file',
  users: 'users are rows of [[security.users]]',
  listeners: 'ports are [protocols.redis] port, [protocols.postgresql] port, [protocols.rest] port, …',
  metrics: 'the section is [monitoring.metrics]',
  deployment: 'describe one member: [server], and [actor_system.cluster] for the others',
  transactions: 'transactions belong to the store and need no settings',
  saga: 'this server has no sagas: a transaction spans all models',
  'protocols.http': 'the section is [protocols.rest]',
  'server.port': 'ports are [protocols.redis] port, [protocols.postgresql] port, [protocols.rest] port, …',
  'server.bind': 'the key is bind_address',
  'server.log_level': 'the key is [logging] level',
};

const AUTHENTICATION = 'clients authenticate where there are users: [[security.users]], or ORBIT_PASSWORD';
const MEMBERS = 'members find each other through the cluster provider: [defaults] cluster';
const FOREIGN_ENGINE = 'this build has the backends memory, rocksdb and tikv; use ORBIT_ROCKSDB_*';

/** Environment variables of other Orbit servers and documents, by their beginning, and what to do instead. */
export const FOREIGN_ENVIRONMENT: Readonly<Record<string, string>> = {
  ORBIT_COW_: FOREIGN_ENGINE,
  ORBIT_LSM_: FOREIGN_ENGINE,
  ORBIT_S3_: FOREIGN_ENGINE,
  ORBIT_AZURE_: FOREIGN_ENGINE,
  ORBIT_GCP_: FOREIGN_ENGINE,
  ORBIT_ENABLE_TLS: 'set ORBIT_TLS_CERT_FILE and ORBIT_TLS_KEY_FILE',
  ORBIT_ENABLE_AUTH: AUTHENTICATION,
  ORBIT_CLUSTER_PEERS: 'use ORBIT_SEED_NODES',
  ORBIT_NAMESPACE: MEMBERS,
  ORBIT_ELECTION_: MEMBERS,
  ORBIT_DISCOVERY_DNS: MEMBERS,
  ORBIT_REPLICA_COUNT: MEMBERS,
};

/**
 * Names that no one set on purpose: Kubernetes describes every service `orbit…` to its neighbours in variables like
 * ORBIT_PORT_6379_TCP_ADDR; and our own tests take their seed from ORBIT_TEST_*.
 */
export function isBystander(name: string, value: string): boolean {
  return (
    name.startsWith('ORBIT_TEST_') ||
    /^ORBIT(_[A-Z0-9]+)*_SERVICE_(HOST|PORT)(_[A-Z0-9_]+)?$/.test(name) ||
    /^ORBIT(_[A-Z0-9]+)*_PORT_\d+_(TCP|UDP)(_(PROTO|PORT|ADDR))?$/.test(name) ||
    (name.endsWith('_PORT') && /^(tcp|udp):\/\//.test(value))
  );
}
