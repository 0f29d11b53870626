/**
 * What the settings of providers and routes mean together: which provider is the default, what each may keep, which
 * sizes its caches have by default.
 */

import { normalize } from 'node:path';
import type { Origin, ProviderConfig, ProvidersConfig, RoutesConfig } from './config.ts';
import type { DeclaredProviders } from './declared-providers.ts';
import type { KeyPath } from './locate.ts';
import { nearest } from './nearest.ts';
import { MEMORY_FIELDS, ROCKSDB_FIELDS, TIKV_FIELDS, TIKV_RETRIES } from './provider-schema.ts';
import { FIELDS, MODELS, type Model, ROUTE_FIELDS } from './schema.ts';
import { pathOf, type Settings } from './settings.ts';

const KB = 2 ** 10;
const MB = 2 ** 20;

export interface ResolvedProviders {
  readonly providers: ProvidersConfig;
  readonly routes: RoutesConfig;
}

/** The providers and routes; to be used only if `settings.problems` is empty afterwards. */
export function resolveProviders(
  settings: Settings,
  declared: DeclaredProviders,
  dataDir: string,
  limitBytes: number,
): ResolvedProviders {
  const names = resolveNames(settings, declared);
  // Routes first: they may name built-in providers, which are thereby declared.
  const routes = resolveRoutes(settings, declared, names.default);
  const byName = resolveByName(settings, declared, { dataDir, limitBytes, defaultName: names.default });
  return { providers: { ...names, byName }, routes };
}

interface ProviderContext {
  readonly dataDir: string;
  readonly limitBytes: number;
  readonly defaultName: string;
}

function resolveByName(
  settings: Settings,
  declared: DeclaredProviders,
  context: ProviderContext,
): Map<string, ProviderConfig> {
  const byName = new Map<string, ProviderConfig>();
  for (const [name, { type }] of declared.entries()) {
    if (type !== undefined) byName.set(name, resolveProvider(settings, name, type, context));
  }
  const directories = new Map<string, string>();
  for (const [name, provider] of byName) {
    if (provider.type !== 'RocksDB') continue;
    const directory = normalize(provider.dataDir).replace(/\/+$/, '');
    const other = directories.get(directory);
    directories.set(directory, name);
    if (other === undefined) continue;
    const origin = settings.origin(pathOf(ROCKSDB_FIELDS.data_dir, name));
    settings.problem(
      origin,
      `providers ${other} and ${name} have the same directory ${directory}`,
      'give each a data_dir of its own',
    );
  }
  return byName;
}

/** The default and the cluster provider, which must exist. */
function resolveNames(settings: Settings, declared: DeclaredProviders): Omit<ProvidersConfig, 'byName'> {
  const backend = settings.given(FIELDS.backend.path);
  const name = declared.defaultName();
  const provider = declared.require(name);
  const origin = settings.origin(FIELDS.provider.path);
  if (provider === undefined) unknownProvider(settings, declared, origin, 'the default provider', name);
  if (backend !== undefined && provider?.type !== undefined && provider.type.toLowerCase() !== backend.value) {
    settings.problem(
      backend.origin,
      `${FIELDS.backend.path} is ${backend.value}, but the default provider ${name} is of type "${provider.type}"`,
      `remove one: ${FIELDS.backend.path}, or ${FIELDS.provider.path}`,
    );
  }
  const candidates = [...declared.entries()].filter(
    ([, { type, origin }]) => type?.toLowerCase() === backend?.value && origin.kind !== 'default',
  );
  if (backend !== undefined && settings.given(FIELDS.provider.path) === undefined && candidates.length > 1) {
    const names = candidates.map(([candidate]) => candidate).join(', ');
    settings.problem(
      backend.origin,
      `several providers are of type ${backend.value}: ${names}`,
      `name one with ${FIELDS.provider.path}`,
    );
  }
  settings.readOr(FIELDS.provider, name);
  const cluster = settings.read(FIELDS.cluster);
  if (cluster !== undefined && declared.require(cluster) === undefined) {
    unknownProvider(settings, declared, settings.origin(FIELDS.cluster.path), 'the cluster provider', cluster);
  }
  return { default: name, cluster };
}

function resolveRoutes(settings: Settings, declared: DeclaredProviders, defaultName: string): RoutesConfig {
  const check = (path: KeyPath, name: string) => {
    // A default that does not exist has been reported, and need not be for every model.
    if (name !== defaultName && declared.require(name) === undefined)
      unknownProvider(settings, declared, settings.origin(path), path, name);
    return name;
  };
  const models = Object.fromEntries(
    MODELS.map((model) => {
      const field = ROUTE_FIELDS[model];
      return [model, check(field.path, settings.readOr(field, defaultName))];
    }),
  ) as Record<Model, string>;
  const actors = new Map<string, string>();
  const beginning = 'routes.actors.';
  for (const [path, { value, field }] of settings.entries()) {
    if (field.path !== FIELDS.routeActor.path) continue;
    const key = path.slice(beginning.length);
    actors.set(key.startsWith('"') ? (JSON.parse(key) as string) : key, check(path, value as string));
  }
  return { models, actors };
}

function unknownProvider(
  settings: Settings,
  declared: DeclaredProviders,
  origin: Origin,
  what: string,
  name: string,
): void {
  const near = nearest(name, declared.names());
  settings.problem(
    origin,
    `${what} is ${JSON.stringify(name)}, which is not declared`,
    near === undefined
      ? `declare it: [providers.${name}] with its type; or use one of ${declared.names().join(', ')}`
      : `did you mean ${JSON.stringify(near)}?`,
  );
}

function resolveProvider(
  settings: Settings,
  name: string,
  type: ProviderConfig['type'],
  context: ProviderContext,
): ProviderConfig {
  switch (type) {
    case 'Memory':
      return {
        type,
        durability: durabilityOf(
          settings,
          MEMORY_FIELDS.durability,
          name,
          type,
          ['memory'],
          name === context.defaultName,
        ),
        entriesMax: settings.read(MEMORY_FIELDS.max_entries, name),
      };
    case 'RocksDB': {
      const { limitBytes } = context;
      const durability = durabilityOf(
        settings,
        ROCKSDB_FIELDS.durability,
        name,
        type,
        ['disk', 'process', 'memory'],
        name === context.defaultName,
      );
      // Without a log the engine holds what memory above it has no room for: it need not hold much of that in memory again.
      const writeBufferMax = durability === 'memory' ? 8 * MB : 128 * MB;
      const writeBuffer = Math.min(writeBufferMax, floorTo(limitBytes / 32, 64 * KB));
      const blockCache = Math.min(1024 * MB, floorTo(limitBytes / 8, MB));
      const config: ProviderConfig = {
        type,
        durability,
        dataDir: settings.readOr(ROCKSDB_FIELDS.data_dir, `${context.dataDir.replace(/\/+$/, '')}/${name}`, name),
        backgroundJobsMax: settings.read(ROCKSDB_FIELDS.max_background_jobs, name),
        writeBufferBytes: settings.readOr(ROCKSDB_FIELDS.write_buffer_size, writeBuffer, name),
        writeBuffersMax: settings.read(ROCKSDB_FIELDS.max_write_buffer_number, name),
        statistics: settings.read(ROCKSDB_FIELDS.enable_statistics, name),
        blockCacheBytes: settings.readOr(ROCKSDB_FIELDS.block_cache_size, blockCache, name),
        logSegmentBytes: settings.read(ROCKSDB_FIELDS.log_segment_bytes, name),
        logRetainBytes: settings.read(ROCKSDB_FIELDS.log_retain_bytes, name),
      };
      const engineBytes = config.blockCacheBytes + config.writeBufferBytes * config.writeBuffersMax;
      if (engineBytes > limitBytes) {
        settings.problem(
          settings.origin(pathOf(ROCKSDB_FIELDS.block_cache_size, name)),
          `block_cache_size and max_write_buffer_number x write_buffer_size of provider ${name} are more than ${FIELDS.memoryLimit.path}`,
          'lower one of the three, or raise [memory] limit',
        );
      }
      return config;
    }
    case 'TiKV':
      return resolveTiKv(settings, name, name === context.defaultName);
  }
}

function resolveTiKv(settings: Settings, name: string, isDefault: boolean): ProviderConfig {
  const F = TIKV_FIELDS;
  const caFile = settings.read(F.ca_cert_path, name);
  const certFile = settings.read(F.client_cert_path, name);
  const keyFile = settings.read(F.client_key_path, name);
  const enableTls = settings.read(F.enable_tls, name);
  const problem = (key: keyof typeof F, message: string, fix: string) =>
    settings.problem(settings.origin(pathOf(F[key], name)), `providers.${name}: ${message}`, fix);
  if (enableTls && caFile === undefined)
    problem('enable_tls', 'TLS needs the authority of the servers', 'set ca_cert_path');
  if (!enableTls && (caFile ?? certFile ?? keyFile) !== undefined) {
    const key = caFile !== undefined ? 'ca_cert_path' : certFile !== undefined ? 'client_cert_path' : 'client_key_path';
    problem(key, 'certificates are given, but TLS is off', 'set enable_tls = true');
  }
  if ((certFile === undefined) !== (keyFile === undefined)) {
    const key = certFile !== undefined ? 'client_cert_path' : 'client_key_path';
    problem(key, 'a client certificate and its key go together', 'set both client_cert_path and client_key_path');
  }
  return {
    type: 'TiKV',
    durability: durabilityOf(settings, F.durability, name, 'TiKV', ['disk'], isDefault),
    pdEndpoints: settings.read(F.pd_endpoints, name),
    connectTimeoutMs: settings.read(F.connection_timeout, name),
    requestTimeoutMs: settings.read(F.request_timeout, name),
    transactionTimeoutMs: settings.read(F.txn_timeout, name),
    asyncCommit: settings.read(F.enable_async_commit, name),
    onePhaseCommit: settings.read(F.enable_one_pc, name),
    patience: settings.read(F.max_retries, name) / TIKV_RETRIES,
    coalesceGets: settings.read(F.coalesce_gets, name),
    snapshotCacheBytes: settings.read(F.snapshot_cache_size, name),
    batchKeysMax: settings.read(F.batch_size, name),
    regionCacheMax: settings.read(F.region_cache_size, name),
    regionCacheTtlMs: settings.read(F.region_cache_ttl, name),
    keyPrefix: settings.read(F.key_prefix, name),
    requestSource: settings.read(F.request_source, name),
    gcLifeTimeMs: settings.read(F.enable_gc, name) ? settings.read(F.gc_life_time, name) : undefined,
    tls: enableTls && caFile !== undefined ? { caFile, certFile, keyFile } : undefined,
    grpc: {
      connectionsPerStore: settings.read(F.grpc_connection_count, name),
      keepAliveMs: settings.read(F.grpc_keepalive_time, name),
      keepAliveTimeoutMs: settings.read(F.grpc_keepalive_timeout, name),
      initialWindowBytes: settings.read(F.grpc_initial_window_size, name),
      messageBytesMax: settings.read(F.grpc_max_message_size, name),
    },
  };
}

/**
 * The class of a provider: its own, else the general one where it can keep it. The general one must be kept by the
 * default provider; others take the class nearest to it.
 */
function durabilityOf<D extends 'disk' | 'process' | 'memory'>(
  settings: Settings,
  field: (typeof ROCKSDB_FIELDS)['durability'],
  name: string,
  type: ProviderConfig['type'],
  possible: readonly [D, ...D[]],
  isDefault: boolean,
): D {
  const own = settings.given(pathOf(field, name));
  const general = settings.given(FIELDS.durability.path);
  const wanted = own ?? general;
  const found = possible.find((durability) => durability === wanted?.value);
  if (wanted !== undefined && found === undefined && (own !== undefined || isDefault)) {
    const because: Record<ProviderConfig['type'], string> = {
      Memory: 'it has no log; use a provider of type "RocksDB", or durability = "memory"',
      RocksDB: 'it keeps disk, process and memory',
      TiKV: 'it answers when a quorum has synced; use durability = "disk"',
    };
    const message = `provider ${name} of type "${type}" cannot keep durability "${wanted.value}"`;
    settings.problem(wanted.origin, message, because[type]);
  }
  return settings.readOr(field, found ?? possible[0], name) as D;
}

function floorTo(bytes: number, unit: number): number {
  return Math.floor(bytes / unit) * unit;
}
