/**
 * The keys of the main configuration file that have an effect. What is accepted without one is in `compatibility.ts`,
 * the keys of providers are in `provider-schema.ts`.
 *
 * Names of sections and keys are those of the Orbit-RS server file; `[memory]`, `[storage] durability`, `[routes]`,
 * `[actors]`, `[server.tls]`, `[server] busy_poll_us`, `[[security.users]]` and `rehearsal` of `[protocols.postgresql]` and `[protocols.redis]` are ours.
 */

import { DURABILITIES } from '../base/durability.ts';
import { type Field, field } from './field.ts';
import { boolean, bytes, decimal, duration, integer, list, port, text, word } from './kinds.ts';

const KB = 2 ** 10;
const MB = 2 ** 20;
const GB = 2 ** 30;
const HOUR_MS = 3_600_000;

const name = text({
  what: 'a name of up to 64 letters, digits, "-", "_" or "."',
  pattern: /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/,
});
const file = text({ what: 'the path of a file' });

export const MODELS = ['keyvalue', 'relational', 'graph', 'vector', 'timeseries'] as const;
export type Model = (typeof MODELS)[number];

export const FIELDS = {
  nodeId: field('server.node_id', name, undefined, 'Name of this member in logs, metrics and leases.', {
    env: 'ORBIT_NODE_ID',
    initially: 'made once, kept in the data directory',
  }),
  bind: field(
    'server.bind_address',
    text({ what: 'a host name or IP address, without a port', pattern: /^(?:[A-Za-z0-9.-]+|\[?[0-9A-Fa-f:.%]+\]?)$/ }),
    '127.0.0.1',
    'Address of all listeners. Anything but loopback needs users.',
    { env: 'ORBIT_BIND' },
  ),
  dataDir: field('server.data_dir', text({ what: 'a directory' }), './data', 'Where everything durable is kept.', {
    env: 'ORBIT_DATA_DIR',
  }),
  environment: field(
    'server.environment',
    word('Development', 'Testing', 'Staging', 'Production'),
    'Development',
    'A label in the start-up log.',
    { env: 'ORBIT_ENVIRONMENT' },
  ),
  devMode: field('server.dev_mode', boolean, false, 'Debug log for people, stack traces with errors.', {
    env: 'ORBIT_DEV_MODE',
  }),
  tlsCert: field('server.tls.cert_file', file, undefined, 'Certificate chain (PEM) of all listeners.', {
    env: 'ORBIT_TLS_CERT_FILE',
    besideFile: true,
  }),
  tlsKey: field('server.tls.key_file', file, undefined, 'Its private key (PEM).', {
    env: 'ORBIT_TLS_KEY_FILE',
    besideFile: true,
  }),
  tlsCa: field('server.tls.ca_cert_file', file, undefined, 'Authorities (PEM) that sign client certificates.', {
    env: 'ORBIT_TLS_CA_CERT_FILE',
    besideFile: true,
  }),
  tlsRequireClient: field('server.tls.require_client_cert', boolean, false, 'Refuse clients without a certificate.', {
    env: 'ORBIT_TLS_REQUIRE_CLIENT_CERT',
  }),
  tlsRequired: field(
    'server.tls.required',
    boolean,
    true,
    'Refuse clear text on the Redis and PostgreSQL ports. HTTP is encrypted in any case.',
    { env: 'ORBIT_TLS_REQUIRED' },
  ),

  busyPollUs: field(
    'server.busy_poll_us',
    integer(0, 10_000),
    150,
    'For how many µs after an answer the server polls for the next request of a client that, alone, asks again at once; 0 to sleep.',
    { env: 'ORBIT_BUSY_POLL_US' },
  ),
  memoryLimit: field(
    'memory.limit',
    bytes(64 * MB, 1024 * GB),
    undefined,
    'Memory the process may use, divided over its caches.',
    {
      env: 'ORBIT_MEMORY_LIMIT',
      initially: '60 % of the cgroup limit or of the host',
    },
  ),
  maxMemoryMb: field(
    'performance.memory.max_memory_mb',
    integer(64, 1024 * 1024),
    undefined,
    'The same in megabytes, as older files say it; `memory.limit` wins.',
  ),
  durability: field('storage.durability', word(...DURABILITIES), undefined, 'What an acknowledged write survives.', {
    env: 'ORBIT_DURABILITY',
    initially: '`disk`; `memory` for Memory providers',
  }),

  provider: field('defaults.addressable', name, undefined, 'Provider that keeps what no route sends elsewhere.', {
    env: 'ORBIT_PROVIDER',
    initially: 'the provider of type `persistence.provider`, else `local`',
  }),
  cluster: field('defaults.cluster', name, undefined, 'Provider that keeps membership and leases.', {
    env: 'ORBIT_CLUSTER_PROVIDER',
  }),
  backend: field(
    'persistence.provider',
    word('memory', 'rocksdb', 'tikv'),
    undefined,
    'Type of the default provider.',
    {
      env: 'ORBIT_PERSISTENCE_BACKEND',
    },
  ),
  providersFile: field('persistence.providers_file', file, undefined, 'File with [defaults] and [providers.NAME].', {
    env: 'ORBIT_PROVIDERS_FILE',
    besideFile: true,
  }),

  routeKeyvalue: route('keyvalue'),
  routeRelational: route('relational'),
  routeGraph: route('graph'),
  routeVector: route('vector'),
  routeTimeseries: route('timeseries'),
  routeActor: field('routes.actors.*', name, undefined, 'Provider for the state of actors of that type.'),

  actorModules: field('actors.modules', list(file, { max: 256 }), [], 'JavaScript modules with actors of your own.', {
    env: 'ORBIT_ACTORS_MODULES',
    besideFile: true,
  }),
  maxActors: field('actor_system.max_actors', integer(1, 100_000_000), 10_000, 'Activations held in memory at most.', {
    env: 'ORBIT_ACTOR_SYSTEM_MAX_ACTORS',
  }),
  mailboxSize: field('actor_system.mailbox_size', integer(1, 1_000_000), 1000, 'Calls that may wait for one actor.', {
    env: 'ORBIT_ACTOR_SYSTEM_MAILBOX_SIZE',
  }),
  seedNodes: field(
    'actor_system.cluster.seed_nodes',
    list(
      text({
        what: 'host:port, http://host:port or id@http://host:port',
        pattern: /^([A-Za-z0-9._-]+@)?(https?:\/\/)?([A-Za-z0-9.-]+|\[[0-9A-Fa-f:]+\]):\d{1,5}$/,
      }),
    ),
    [],
    'Members to join. Needs a cluster provider.',
    { env: 'ORBIT_SEED_NODES' },
  ),

  grpcEnabled: field('protocols.grpc.enabled', boolean, true, 'Listen for gRPC.', { env: 'ORBIT_GRPC_ENABLED' }),
  grpcPort: field('protocols.grpc.port', port, 50_051, 'Port; 0 picks a free one.', { env: 'ORBIT_GRPC_PORT' }),
  grpcStreams: field('protocols.grpc.max_concurrent_streams', integer(1, 1_000_000), 1000, 'Streams of a connection.', {
    env: 'ORBIT_GRPC_MAX_CONCURRENT_STREAMS',
  }),
  grpcMessage: field('protocols.grpc.max_message_size', bytes(1 * KB, 1 * GB), 4 * MB, 'Size of a message.', {
    env: 'ORBIT_GRPC_MAX_MESSAGE_SIZE',
  }),

  postgresEnabled: field('protocols.postgresql.enabled', boolean, true, 'Listen for PostgreSQL clients.', {
    env: 'ORBIT_POSTGRES_ENABLED',
  }),
  postgresPort: field('protocols.postgresql.port', port, 5432, 'Port; 0 picks a free one.', {
    env: 'ORBIT_POSTGRES_PORT',
  }),
  postgresConnections: field('protocols.postgresql.max_connections', integer(1, 1_000_000), 1000, 'Clients at once.', {
    env: 'ORBIT_POSTGRES_MAX_CONNECTIONS',
  }),
  postgresConnect: field(
    'protocols.postgresql.connection_timeout_secs',
    duration('s', 0, HOUR_MS),
    30_000,
    'Time to start up and authenticate; 0 is without limit.',
    { env: 'ORBIT_POSTGRES_CONNECTION_TIMEOUT_SECS' },
  ),
  postgresRehearsal: field(
    'protocols.postgresql.rehearsal',
    word('start', 'connection', 'never'),
    'start',
    'When statements are rehearsed, so that the first ones of clients are fast: `start` once the server is idle, for some 80 MB, and as `connection` with a `[memory] limit` below 1 GB; `connection` when the first client comes.',
    { env: 'ORBIT_POSTGRES_REHEARSAL' },
  ),
  postgresQuery: field(
    'protocols.postgresql.sql_engine.query_timeout_secs',
    duration('s', 0, 24 * HOUR_MS),
    0,
    'Initial `statement_timeout` of sessions; 0 is without limit.',
    { env: 'ORBIT_POSTGRES_QUERY_TIMEOUT_SECS' },
  ),
  postgresTemporary: field(
    'protocols.postgresql.sql_engine.temp_file_limit',
    bytes(0, 1024 * 1024 * GB),
    16 * GB,
    'Bytes of temporary files, of all statements together, for rows that do not fit into memory.',
    { env: 'ORBIT_POSTGRES_TEMP_FILE_LIMIT' },
  ),

  redisEnabled: field('protocols.redis.enabled', boolean, true, 'Listen for Redis clients.', {
    env: 'ORBIT_REDIS_ENABLED',
  }),
  redisPort: field('protocols.redis.port', port, 6379, 'Port; 0 picks a free one.', { env: 'ORBIT_REDIS_PORT' }),
  redisConnections: field('protocols.redis.max_connections', integer(1, 1_000_000), 1000, 'Clients at once.', {
    env: 'ORBIT_REDIS_MAX_CONNECTIONS',
  }),
  redisConnect: field(
    'protocols.redis.connection_timeout_secs',
    duration('s', 0, HOUR_MS),
    30_000,
    'Time to authenticate, where there are users; 0 is without limit.',
    { env: 'ORBIT_REDIS_CONNECTION_TIMEOUT_SECS' },
  ),
  redisPipeline: field(
    'protocols.redis.commands.max_pipeline_size',
    integer(1, 1_000_000),
    10_000,
    'Commands of one client that are executed before other clients have their turn.',
    { env: 'ORBIT_REDIS_MAX_PIPELINE_SIZE' },
  ),
  redisRehearsal: field(
    'protocols.redis.rehearsal',
    word('start', 'never'),
    'start',
    'Whether commands are rehearsed once the server is idle, so that the first ones of clients are fast; not with a `[memory] limit` below 1 GB.',
    { env: 'ORBIT_REDIS_REHEARSAL' },
  ),
  redisEntryFile: field(
    'protocols.redis.entry_file_limit',
    bytes(0, 64 * GB),
    4 * GB,
    'Bytes of a temporary file for entries that memory has no room for; 0 is none.',
    { env: 'ORBIT_REDIS_ENTRY_FILE_LIMIT' },
  ),
  redisDisabled: field(
    'protocols.redis.commands.disabled_commands',
    list(text({ what: 'a command name', pattern: /^[A-Za-z][A-Za-z._|-]*$/ })),
    [],
    'Commands answered as unknown.',
    { env: 'ORBIT_REDIS_DISABLED_COMMANDS' },
  ),

  httpEnabled: field('protocols.rest.enabled', boolean, true, 'Listen for HTTP.', { env: 'ORBIT_HTTP_ENABLED' }),
  httpPort: field('protocols.rest.port', port, 8080, 'Port; 0 picks a free one.', { env: 'ORBIT_HTTP_PORT' }),
  httpConnections: field('protocols.rest.max_connections', integer(1, 1_000_000), 1000, 'Clients at once.', {
    env: 'ORBIT_HTTP_MAX_CONNECTIONS',
  }),
  httpTimeout: field(
    'protocols.rest.request_timeout_secs',
    duration('s', 0, HOUR_MS),
    30_000,
    'Of a request; 0 is without limit.',
    {
      env: 'ORBIT_HTTP_REQUEST_TIMEOUT_SECS',
    },
  ),

  blobsEnabled: field('protocols.blobs.enabled', boolean, false, 'Serve needle volumes over HTTP (docs/blobs.md).', {
    env: 'ORBIT_BLOBS_ENABLED',
  }),
  blobsPort: field('protocols.blobs.port', port, 8090, 'Port; 0 picks a free one.', { env: 'ORBIT_BLOBS_PORT' }),
  blobsConnections: field('protocols.blobs.max_connections', integer(1, 1_000_000), 1000, 'Clients at once.', {
    env: 'ORBIT_BLOBS_MAX_CONNECTIONS',
  }),
  blobsDirectories: field(
    'protocols.blobs.directories',
    list(text({ what: 'the path of a directory' }), { min: 1, max: 64 }),
    undefined,
    'Where volumes are; each directory belongs to one process.',
    { env: 'ORBIT_BLOBS_DIRECTORIES', initially: '`blobs` in the data directory' },
  ),
  blobsDurability: field(
    'protocols.blobs.durability',
    word('disk', 'process'),
    'disk',
    'What an acknowledged write survives: power loss, or kill -9 and a sync every second.',
    { env: 'ORBIT_BLOBS_DURABILITY' },
  ),
  blobsVolumes: field(
    'protocols.blobs.initial_volumes',
    integer(0, 1_000),
    4,
    'Volumes made at the first start, with ids from 1: as many are written to in parallel.',
    { env: 'ORBIT_BLOBS_INITIAL_VOLUMES' },
  ),
  blobsPreallocate: field(
    'protocols.blobs.preallocate',
    boolean,
    false,
    'A new volume takes volume_size_limit of the disk at once (Linux, by the program fallocate).',
    { env: 'ORBIT_BLOBS_PREALLOCATE' },
  ),
  blobsVolumesMax: field('protocols.blobs.max_volumes', integer(1, 100_000), 1_000, 'Volumes at most.', {
    env: 'ORBIT_BLOBS_MAX_VOLUMES',
  }),
  blobsVolumeSize: field(
    'protocols.blobs.volume_size_limit',
    bytes(1 * MB, 8 * 1024 * GB),
    30 * GB,
    'A volume of that size takes no more writes.',
    { env: 'ORBIT_BLOBS_VOLUME_SIZE_LIMIT' },
  ),
  blobsFileSize: field('protocols.blobs.file_size_limit', bytes(1, 8 * 1024 * GB), 16 * GB, 'Largest upload.', {
    env: 'ORBIT_BLOBS_FILE_SIZE_LIMIT',
  }),
  blobsFree: field(
    'protocols.blobs.min_free_space',
    bytes(0, 1024 * GB),
    1 * GB,
    'With less, volumes take deletes only: the rest is for these and for vacuum.',
    { env: 'ORBIT_BLOBS_MIN_FREE_SPACE' },
  ),
  blobsGarbage: field(
    'protocols.blobs.garbage_threshold',
    decimal(0, 1),
    0.3,
    'Part of a volume that is garbage when it is vacuumed by itself; 0 is never.',
    { env: 'ORBIT_BLOBS_GARBAGE_THRESHOLD' },
  ),
  blobsVacuumRate: field(
    'protocols.blobs.vacuum_rate',
    bytes(0, 1024 * GB),
    0,
    'Bytes that a vacuum reads each second; 0 is without limit.',
    { env: 'ORBIT_BLOBS_VACUUM_RATE' },
  ),
  blobsWriteKey: field(
    'protocols.blobs.jwt_signing_key',
    text({ what: 'text that is not empty' }),
    undefined,
    'Writes and deletes must carry a token signed with it. Needed where there are users.',
    { env: 'ORBIT_BLOBS_JWT_SIGNING_KEY', secret: true },
  ),
  blobsReadKey: field(
    'protocols.blobs.jwt_read_key',
    text({ what: 'text that is not empty' }),
    undefined,
    'Reads must carry a token signed with it. Needed where there are users.',
    { env: 'ORBIT_BLOBS_JWT_READ_KEY', secret: true },
  ),

  metricsEnabled: field('monitoring.metrics.enabled', boolean, true, 'Listen for Prometheus.', {
    env: 'ORBIT_METRICS_ENABLED',
  }),
  metricsPort: field('monitoring.metrics.port', port, 9090, 'Port; 0 picks a free one.', { env: 'ORBIT_METRICS_PORT' }),

  logLevel: field(
    'logging.level',
    word('trace', 'debug', 'info', 'warn', 'error'),
    undefined,
    'Least level that is logged.',
    {
      env: 'ORBIT_LOG_LEVEL',
      initially: '`info`; `debug` in dev mode',
    },
  ),
  logFormat: field('logging.format', word('json', 'plain'), undefined, 'One JSON object a line, or text for people.', {
    env: 'ORBIT_LOG_FORMAT',
    initially: '`json`; `plain` in dev mode',
  }),

  authentication: field(
    'security.authentication.enabled',
    boolean,
    undefined,
    'Whether clients must say who they are. Without it everyone who can connect may do everything.',
    { env: 'ORBIT_AUTHENTICATION', initially: 'true where there are users' },
  ),
  password: field(
    'security.password',
    text({ what: 'text that is not empty' }),
    undefined,
    'Password of a user `orbit`: one user, said briefly.',
    {
      env: 'ORBIT_PASSWORD',
      secret: true,
    },
  ),
  userName: field('security.users[].name', name, undefined, 'Name of the user, one `[[security.users]]` each.'),
  userPassword: field('security.users[].password', text(), undefined, 'Its password, or one of the following two.', {
    secret: true,
  }),
  userPasswordEnv: field(
    'security.users[].password_env',
    text({ what: 'the name of an environment variable', pattern: /^[A-Za-z_][A-Za-z0-9_]*$/ }),
    undefined,
    'Environment variable that holds it.',
  ),
  userPasswordFile: field('security.users[].password_file', file, undefined, 'File whose first line it is.', {
    besideFile: true,
  }),
} as const;

function route(model: Model): Field<string | undefined> {
  return field<string>(`routes.models.${model}`, name, undefined, `Provider of the ${model} model.`);
}

/** Paths of names, whose values must be declared providers. */
export const ROUTE_FIELDS: Readonly<Record<Model, Field<string | undefined>>> = {
  keyvalue: FIELDS.routeKeyvalue,
  relational: FIELDS.routeRelational,
  graph: FIELDS.routeGraph,
  vector: FIELDS.routeVector,
  timeseries: FIELDS.routeTimeseries,
};
