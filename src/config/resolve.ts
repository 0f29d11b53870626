/**
 * From settings that are right one by one to the configuration: computed defaults, and what must hold between values.
 */

import { BUILD_LISTENERS } from './compatibility.ts';
import type { BlobsConfig, Config, ListenersConfig, Origin, TlsConfig, UserConfig } from './config.ts';
import type { DeclaredProviders } from './declared-providers.ts';
import type { LoadInputs } from './load.ts';
import { joinPath } from './locate.ts';
import { resolveProviders } from './resolve-providers.ts';
import { FIELDS } from './schema.ts';
import type { Settings } from './settings.ts';

const MB = 2 ** 20;

/** The configuration; to be used only if `settings.problems` is empty afterwards. */
export async function resolve(
  settings: Settings,
  declared: DeclaredProviders,
  inputs: Pick<LoadInputs, 'env' | 'readFile' | 'hostMemoryBytes'>,
): Promise<Config> {
  const bind = settings.read(FIELDS.bind);
  const dataDir = settings.read(FIELDS.dataDir);
  const devMode = settings.read(FIELDS.devMode);
  const server = {
    nodeId: settings.read(FIELDS.nodeId),
    bind,
    dataDir,
    environment: settings.read(FIELDS.environment),
    devMode,
    busyPollUs: settings.read(FIELDS.busyPollUs),
    tls: await resolveTls(settings, inputs),
  };
  const limitBytes = resolveMemory(settings, inputs.hostMemoryBytes);
  const { providers, routes } = resolveProviders(settings, declared, dataDir, limitBytes);
  const listeners = resolveListeners(settings);
  const users = await resolveUsers(settings, inputs);
  const authentication = settings.readOr(FIELDS.authentication, users.length > 0);
  checkAccess(settings, bind, users, authentication);
  const seedNodes = settings.read(FIELDS.seedNodes);
  const cluster = providers.byName.get(providers.cluster ?? providers.default);
  if (seedNodes.length > 0 && cluster !== undefined && cluster.type !== 'TiKV') {
    settings.problem(
      settings.origin(FIELDS.seedNodes.path),
      `seed nodes need a provider that members share; ${providers.cluster ?? providers.default} is of type "${cluster.type}"`,
      'leave them out for a single member, or set [defaults] cluster to a provider of type "TiKV"',
    );
  }
  const config: Config = {
    server,
    listeners,
    blobs: resolveBlobs(settings, dataDir, listeners.blobs.enabled && authentication),
    memory: { limitBytes },
    providers,
    routes,
    actors: {
      modules: settings.read(FIELDS.actorModules),
      activationsMax: settings.read(FIELDS.maxActors),
      mailboxTurnsMax: settings.read(FIELDS.mailboxSize),
      seedNodes,
    },
    logging: {
      level: settings.readOr(FIELDS.logLevel, devMode ? 'debug' : 'info'),
      format: settings.readOr(FIELDS.logFormat, devMode ? 'plain' : 'json'),
    },
    security: { authentication },
    users,
    origins: new Map([...settings.entries()].map(([path, { origin }]) => [path, origin])),
    warnings: settings.warnings,
  };
  return config;
}

async function resolveTls(settings: Settings, inputs: Pick<LoadInputs, 'readFile'>): Promise<TlsConfig | undefined> {
  const certFile = settings.read(FIELDS.tlsCert);
  const keyFile = settings.read(FIELDS.tlsKey);
  const caFile = settings.read(FIELDS.tlsCa);
  const requireClientCert = settings.read(FIELDS.tlsRequireClient);
  const required = settings.read(FIELDS.tlsRequired);
  for (const field of [FIELDS.tlsCert, FIELDS.tlsKey, FIELDS.tlsCa]) {
    const file = settings.read(field);
    if (file === undefined || (await inputs.readFile(file)) !== undefined) continue;
    settings.problem(
      settings.origin(field.path),
      `${field.path}: there is no file ${file}`,
      'name an existing PEM file',
    );
  }
  const given = [FIELDS.tlsCert, FIELDS.tlsKey, FIELDS.tlsCa, FIELDS.tlsRequireClient].find(
    ({ path }) => settings.given(path) !== undefined && settings.origin(path).kind !== 'default',
  );
  if (certFile !== undefined && keyFile !== undefined) {
    if (requireClientCert && caFile === undefined) {
      const message = 'client certificates are required but no authority is named to check them';
      settings.problem(settings.origin(FIELDS.tlsRequireClient.path), message, 'set [server.tls] ca_cert_file');
    }
    return { certFile, keyFile, caFile, requireClientCert, required };
  }
  if (
    given !== undefined &&
    (certFile !== undefined || keyFile !== undefined || caFile !== undefined || requireClientCert)
  ) {
    const lacks = [certFile === undefined && 'cert_file', keyFile === undefined && 'key_file']
      .filter(Boolean)
      .join(' and ');
    settings.problem(
      settings.origin(given.path),
      `[server.tls] lacks ${lacks}`,
      'a certificate and its key go together',
    );
  }
  return undefined;
}

function resolveMemory(settings: Settings, hostMemoryBytes: number): number {
  const limit = settings.given(FIELDS.memoryLimit.path);
  const older = settings.given(FIELDS.maxMemoryMb.path);
  if (limit?.origin.kind === 'file' && older !== undefined && limit.value !== (older.value as number) * MB) {
    const message = `${FIELDS.maxMemoryMb.path} and ${FIELDS.memoryLimit.path} say different things`;
    settings.problem(older.origin, message, `keep ${FIELDS.memoryLimit.path}`);
  }
  const computed =
    older === undefined
      ? Math.max(64 * MB, Math.floor((hostMemoryBytes * 0.6) / MB) * MB)
      : (older.value as number) * MB;
  return settings.readOr(FIELDS.memoryLimit, computed);
}

/** `needsKeys`: users must say who they are, so nobody may read or write blobs without a token. */
function resolveBlobs(settings: Settings, dataDir: string, needsKeys: boolean): BlobsConfig {
  const writeKey = settings.read(FIELDS.blobsWriteKey);
  const readKey = settings.read(FIELDS.blobsReadKey);
  for (const [field, key] of [
    [FIELDS.blobsWriteKey, writeKey],
    [FIELDS.blobsReadKey, readKey],
  ] as const) {
    if (!needsKeys || key !== undefined) continue;
    settings.problem(
      settings.origin(FIELDS.blobsEnabled.path),
      `[protocols.blobs] is enabled and there are users, but ${field.path} is not set: everyone could use it`,
      `set ${field.path} or ${field.env}, or remove [protocols.blobs] enabled`,
    );
  }
  return {
    directories: settings.readOr(FIELDS.blobsDirectories, [`${dataDir}/blobs`]),
    durability: settings.read(FIELDS.blobsDurability),
    initialVolumes: settings.read(FIELDS.blobsVolumes),
    preallocate: settings.read(FIELDS.blobsPreallocate),
    volumesMax: settings.read(FIELDS.blobsVolumesMax),
    volumeBytesMax: settings.read(FIELDS.blobsVolumeSize),
    fileBytesMax: settings.read(FIELDS.blobsFileSize),
    freeBytesMin: settings.read(FIELDS.blobsFree),
    garbageThreshold: settings.read(FIELDS.blobsGarbage),
    vacuumBytesPerSecond: settings.read(FIELDS.blobsVacuumRate),
    writeKey,
    readKey,
  };
}

function resolveListeners(settings: Settings): ListenersConfig {
  const has = (name: keyof ListenersConfig) => BUILD_LISTENERS.has(name);
  const listeners: ListenersConfig = {
    blobs: {
      enabled: settings.read(FIELDS.blobsEnabled) && has('blobs'),
      port: settings.read(FIELDS.blobsPort),
      connectionsMax: settings.read(FIELDS.blobsConnections),
    },
    grpc: {
      enabled: settings.read(FIELDS.grpcEnabled) && has('grpc'),
      port: settings.read(FIELDS.grpcPort),
      streamsMax: settings.read(FIELDS.grpcStreams),
      messageBytesMax: settings.read(FIELDS.grpcMessage),
    },
    http: {
      enabled: settings.read(FIELDS.httpEnabled) && has('http'),
      port: settings.read(FIELDS.httpPort),
      connectionsMax: settings.read(FIELDS.httpConnections),
      requestTimeoutMs: settings.read(FIELDS.httpTimeout),
    },
    metrics: {
      enabled: settings.read(FIELDS.metricsEnabled) && has('metrics'),
      port: settings.read(FIELDS.metricsPort),
    },
    postgres: {
      enabled: settings.read(FIELDS.postgresEnabled) && has('postgres'),
      port: settings.read(FIELDS.postgresPort),
      connectionsMax: settings.read(FIELDS.postgresConnections),
      connectTimeoutMs: settings.read(FIELDS.postgresConnect),
      rehearsal: settings.read(FIELDS.postgresRehearsal),
      queryTimeoutMs: settings.read(FIELDS.postgresQuery),
      temporaryBytesMax: settings.read(FIELDS.postgresTemporary),
    },
    redis: {
      enabled: settings.read(FIELDS.redisEnabled) && has('redis'),
      port: settings.read(FIELDS.redisPort),
      connectionsMax: settings.read(FIELDS.redisConnections),
      connectTimeoutMs: settings.read(FIELDS.redisConnect),
      disabledCommands: settings.read(FIELDS.redisDisabled).map((command) => command.toLowerCase()),
      pipelineCommandsMax: settings.read(FIELDS.redisPipeline),
      rehearsal: settings.read(FIELDS.redisRehearsal),
      entryFileBytesMax: settings.read(FIELDS.redisEntryFile),
    },
  };
  if (!has('grpc')) {
    const asked = [FIELDS.grpcPort, FIELDS.grpcStreams, FIELDS.grpcMessage, FIELDS.grpcEnabled].find(
      ({ path }) => settings.origin(path).kind !== 'default' && settings.given(path)?.value !== false,
    );
    if (asked !== undefined && settings.read(FIELDS.grpcEnabled)) {
      const message = 'accepted for compatibility, has no effect: protocols.grpc';
      settings.warnings.push({ origin: settings.origin(asked.path), message, fix: 'this build has no gRPC listener' });
    }
  }
  const fields = {
    blobs: FIELDS.blobsPort,
    grpc: FIELDS.grpcPort,
    http: FIELDS.httpPort,
    metrics: FIELDS.metricsPort,
    postgres: FIELDS.postgresPort,
    redis: FIELDS.redisPort,
  };
  const taken = new Map<number, string>();
  for (const [name, field] of Object.entries(fields) as [keyof ListenersConfig, typeof FIELDS.grpcPort][]) {
    const { enabled, port } = listeners[name];
    if (!enabled || port === 0) continue;
    const other = taken.get(port);
    if (other === undefined) taken.set(port, field.path);
    else {
      const named = settings.origin(field.path).kind === 'default' ? other : field.path;
      settings.problem(
        settings.origin(named),
        `${other} and ${field.path} are both ${port}`,
        'give each listener a port of its own, or 0 for a free one',
      );
    }
  }
  return listeners;
}

async function resolveUsers(settings: Settings, inputs: Pick<LoadInputs, 'env' | 'readFile'>): Promise<UserConfig[]> {
  const users: UserConfig[] = [];
  const add = (origin: Origin, name: string, password: string) => {
    if (users.some((user) => user.name === name))
      settings.problem(origin, `user ${name} is declared twice`, 'keep one of them');
    users.push({ name, password });
  };
  const single = settings.read(FIELDS.password);
  if (single !== undefined) add(settings.origin(FIELDS.password.path), 'orbit', single);
  for (let i = 0; i < settings.rows('security.users').length; i++) {
    const row = joinPath('security.users', i);
    const at = (key: string) => settings.given(joinPath(row, key));
    const origin = settings.rows('security.users')[i]!;
    const name = at('name')?.value as string | undefined;
    if (name === undefined) {
      if (!settings.problems.some((problem) => problem.message.startsWith(`${row}.name`))) {
        settings.problem(origin, `[[security.users]] lacks a name`, 'give name = "…"');
      }
      continue;
    }
    const sources = ['password', 'password_env', 'password_file'].filter((key) => at(key) !== undefined);
    if (sources.length !== 1) {
      if (settings.problems.some((problem) => problem.message.startsWith(`${row}.`))) continue;
      const message =
        sources.length === 0 ? `user ${name} has no password` : `user ${name} has ${sources.join(' and ')}`;
      settings.problem(origin, message, 'give one of password, password_env, password_file');
      continue;
    }
    const key = sources[0]!;
    const { value, origin: place } = at(key)!;
    const password =
      key === 'password'
        ? (value as string)
        : key === 'password_env'
          ? inputs.env[value as string]
          : firstLine(await inputs.readFile(value as string));
    if (password === undefined || password === '') {
      const what =
        key === 'password_env' ? `environment variable ${value} is not set` : `there is no password in file ${value}`;
      settings.problem(
        place,
        `user ${name}: ${what}`,
        key === 'password_env' ? `set ${value}` : 'write the password on its first line',
      );
      continue;
    }
    add(origin, name, password);
  }
  return users;
}

function firstLine(text: string | undefined): string | undefined {
  return text?.split(/\r?\n/, 1)[0];
}

/** Nothing but loopback may be open to everyone. */
function checkAccess(settings: Settings, bind: string, users: readonly UserConfig[], authentication: boolean): void {
  if (authentication && users.length === 0) {
    settings.problem(
      settings.origin(FIELDS.authentication.path),
      'authentication is enabled, but there are no users',
      'add [[security.users]] with name and password, or set ORBIT_PASSWORD',
    );
  } else if (!authentication && !isLoopback(bind)) {
    settings.problem(
      settings.origin(FIELDS.bind.path),
      `refusing to bind ${bind} without authentication: everyone who reaches this machine could read and change all data`,
      users.length > 0
        ? 'remove [security.authentication] enabled = false'
        : 'add [[security.users]] with name and password, or set ORBIT_PASSWORD; or bind 127.0.0.1',
    );
  }
}

/** True for addresses that only this machine can reach. */
export function isLoopback(address: string): boolean {
  const host = address.replace(/^\[|\]$/g, '').toLowerCase();
  return (
    host === 'localhost' ||
    host === '::1' ||
    /^127\.\d{1,3}\.\d{1,3}\.\d{1,3}$/.test(host) ||
    /^::ffff:127\./.test(host)
  );
}
