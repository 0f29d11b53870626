/**
 * The composition root: opens the providers, wires the layers, starts the listeners, and stops everything in reverse.
 *
 * Start: data directory, stores, lease, actors, models, listeners. Stop: no new connections, requests under way are
 * answered, connections close, actors passivate, stores sync and close.
 */

import { createRequire } from 'node:module';
import { join, resolve } from 'node:path';
import type { ActorRuntime } from './actors/actor.ts';
import type { EntryFileOptions } from './actors/families/entry-file.ts';
import { KeyspacePartition, KeyspacePartitions } from './actors/families/keyspace-partition.ts';
import { loadActorModules } from './actors/load-actor-modules.ts';
import type { ActorRuntimeOptions } from './actors/local-actor-runtime.ts';
import { RoutedActorRuntime } from './actors/routed-runtime.ts';
import { text, utf8 } from './base/bytes.ts';
import type { Durability } from './base/durability.ts';
import { messageOf, OperationError } from './base/errors.ts';
import { type Log, silentLog } from './base/log.ts';
import { openBlobs } from './blob-server.ts';
import type { Directory } from './cluster/directory.ts';
import { Membership } from './cluster/members.ts';
import { SharedStoreDirectory } from './cluster/shared-store-directory.ts';
import { SoleMemberDirectory } from './cluster/sole-member-directory.ts';
import { StoreDirectory } from './cluster/store-directory.ts';
import type { Config, ProvidersConfig, TlsConfig } from './config/config.ts';
import { showBytes } from './config/kinds.ts';
import { usedProviders } from './config/used-providers.ts';
import { pollBusily } from './platform/busy-polling.ts';
import { boundHeap, spareSmallHeap } from './platform/heap-bounds.ts';
import { type HttpHandler, type HttpListener, listenHttp } from './platform/http.ts';
import { newLoopShare } from './platform/loop-share.ts';
import { newNodePlatform, temporaryDirectory } from './platform/node-platform.ts';
import { newPinoLog } from './platform/pino-log.ts';
import type { Platform } from './platform/platform.ts';
import { followScavenges } from './platform/scavenging.ts';
import type { Listener, ListenOptions, ListenTls, Socket, SocketHandlers } from './platform/sockets.ts';
import { systemCode } from './platform/system-error.ts';
import { certificateEndMs, type TlsCredentials } from './platform/tls.ts';
import { trimHeap } from './platform/trim-heap.ts';
import { openUnnamed } from './platform/unnamed-file.ts';
import { blobMetrics } from './protocols/blobs/blob-metrics.ts';
import { type AdministrationRequest, administer } from './protocols/control/administration.ts';
import { controlPath, requestControl } from './protocols/control/control-client.ts';
import { controlListener } from './protocols/control/control-server.ts';
import type { MetricSource } from './protocols/http/exposition.ts';
import {
  actorMetrics,
  EventLoopLag,
  engineMetrics,
  listenerMetrics,
  processMetrics,
  respMetrics,
  sqlMetrics,
  storeMetrics,
} from './protocols/http/metrics.ts';
import { operationsHandler } from './protocols/http/operations.ts';
import { OPEN_PRINCIPALS } from './protocols/pgwire/authentication.ts';
import { type PgwireOptions, pgwireListener } from './protocols/pgwire/listener.ts';
import { rehearseStatements } from './protocols/pgwire/rehearsal.ts';
import { PrincipalStore } from './protocols/principals.ts';
import { Rehearsal, type Stage } from './protocols/rehearsal.ts';
import { respListener } from './protocols/resp/listener.ts';
import { rehearseCommands } from './protocols/resp/rehearsal.ts';
import { openScratchStore, restoreProvider, Stores } from './providers/registry.ts';
import type { SqlLimits } from './query/sql/limits.ts';
import { SqlEngine } from './query/sql/sql-engine.ts';
import { TemporaryFiles } from './query/sql/workspace/temporary-files.ts';
import { actorOptions, commandStage, respOptions } from './redis-wiring.ts';
import { Keyspace } from './storage/keyspace.ts';
import { LocalStore } from './storage/local-store.ts';
import type { Store } from './storage/store.ts';

export type { Stores } from './providers/registry.ts';

export interface ServerOutput {
  readonly stdout: (line: string) => void;
}

/** A server that has been started. */
export interface RunningServer {
  /** Bound addresses by listener: `redis`, `postgres`, `http`, `metrics`, `blobs`. */
  readonly addresses: Readonly<Record<string, { readonly host: string; readonly port: number }>>;
  readonly stores: Stores;
  readonly actors: ActorRuntime;
  /**
   * Reads certificates anew, for connections from then on.
   * @throws OperationError when they cannot be used: then those it has stay.
   */
  reload(): Promise<void>;
  /** Answers what is under way, then closes everything. */
  stop(): Promise<void>;
  /** Settles once it has stopped. */
  readonly stopped: Promise<void>;
}

export const VERSION = (createRequire(import.meta.url)('../package.json') as { version: string }).version;

/** A server that may use less memory spends some on statements only when a client speaks SQL. */
const REHEARSED_AT_START_BYTES = 2 ** 30;

/** What durability means, in one clause, for the start-up screen. */
const DURABILITY_MEANS: Readonly<Record<Durability, string>> = {
  disk: 'acknowledged writes survive power loss',
  process: 'acknowledged writes survive kill -9; synced every second',
  memory: 'nothing survives a restart',
};

/** @throws OperationError when anything cannot be opened or bound; then nothing stays open. */
export async function runServer(config: Config, output: ServerOutput): Promise<RunningServer> {
  const platform = newNodePlatform();
  const log = newPinoLog(config.logging);
  const startedMs = platform.clock.monotonicMs();
  const cleanup: Cleanup = [];
  try {
    cleanup.push({ what: 'bounds of the heap', undo: boundHeap(config.memory.limitBytes) });
    cleanup.push({ what: 'threads of collections', undo: followScavenges() });
    cleanup.push({ what: 'busy polling', undo: pollBusily(config.server.busyPollUs) });
    const server = await start(config, platform, log, cleanup);
    trimHeap();
    cleanup.push({ what: 'growth of a small heap', undo: spareSmallHeap(config.memory.limitBytes) });
    const readyMs = Math.round(platform.clock.monotonicMs() - startedMs);
    for (const line of startScreen(config, server, readyMs)) output.stdout(line);
    return server;
  } catch (error) {
    await unwind(cleanup, log);
    throw error;
  }
}

/** In the data directory, for what statements cannot hold in memory. */
const TEMPORARY_DIRECTORY = '.temporary';

/** In the temporary directory, while statements and commands are rehearsed. */
const REHEARSAL_DIRECTORY = 'rehearsal';
const COMMANDS_REHEARSAL_DIRECTORY = 'rehearsal-of-commands';

/** What all statements may hold together is a quarter of the memory, one operator a quarter of that. */
function queryLimits(memoryBytes: number): Pick<SqlLimits, 'queryBytesMax' | 'workBytesMax'> {
  const queryBytesMax = Math.floor(memoryBytes / 4);
  return { queryBytesMax, workBytesMax: Math.min(OPERATOR_BYTES_MAX, Math.floor(queryBytesMax / 4)) };
}

/** Rows in temporary files are read and written faster than a heap of more than this is collected. */
const OPERATOR_BYTES_MAX = 64 * 2 ** 20;

/** In the temporary directory, for hot entries that have no room in memory. */
const ENTRY_FILE = 'entries';

/** The file of entries may take one part in so many of what the file system has left at the start. */
const ENTRY_FILE_FRACTION = 4;

/** A smaller file of entries is not worth its memory. */
const ENTRY_FILE_BYTES_MIN = 4 * 2 ** 20;

/** How long connections may take to get the replies they wait for. */
const DRAIN_MS_MAX = 5_000;
/** As long as the SQL engine waits for statements that run. */
const STATEMENTS_DRAIN_MS_MAX = 10_000;

/** What to undo, last first. */
type Cleanup = { readonly what: string; readonly undo: () => Promise<void> | void }[];

/** A server while it starts: what its parts are made of, and what they leave for its end. */
interface Foundation {
  readonly config: Config;
  readonly platform: Platform;
  readonly log: Log;
  readonly keyspace: Keyspace;
  readonly nodeId: string;
  readonly stores: Stores;
  readonly actors: ActorRuntime;
  readonly principals: PrincipalStore;
  readonly tls: ListenTls | undefined;
  readonly metrics: MetricSource[];
  /** Listeners of connections, and of requests, by name. */
  readonly sockets: Record<string, Listener>;
  readonly https: Record<string, HttpListener>;
  /** What begins once all has started, one behind the other. */
  readonly rehearsals: Rehearsal[];
  /** What lets requests under way be answered, before anything is closed. */
  readonly drains: (() => Promise<void>)[];
  readonly cleanup: Cleanup;
}

async function start(config: Config, platform: Platform, log: Log, cleanup: Cleanup): Promise<RunningServer> {
  const keyspace = new Keyspace();
  await platform.files.makeDirectory(config.server.dataDir);
  const nodeId = config.server.nodeId ?? (await nodeIdOf(config, platform));
  const stores = await Stores.open(config, platform, log);
  cleanup.push({ what: 'stores', undo: () => stores.close() });
  const actors = await openActors(config, platform, log, { keyspace, nodeId, stores });
  cleanup.push({ what: 'actors', undo: () => actors.stop() });
  for (const definition of await loadActorModules(config.actors.modules)) actors.register(definition);

  const foundation: Foundation = {
    config,
    platform,
    log,
    keyspace,
    nodeId,
    stores,
    actors,
    principals: await PrincipalStore.of(config.users),
    tls: await tlsOf(config, platform, log),
    metrics: [],
    sockets: {},
    https: {},
    rehearsals: [],
    drains: [],
    cleanup,
  };
  const partitions = await startPartitions(foundation);
  const sql = await openSql(foundation);
  const lag = new EventLoopLag(platform);
  lag.start();
  cleanup.push({ what: 'loop monitor', undo: () => lag.stop() });

  const { metrics, sockets, https, drains, tls } = foundation;
  const all = [...stores.byName.values()];
  const engines = all.filter((store) => store instanceof LocalStore).filter(({ name }) => hasStatistics(config, name));
  metrics.push(
    ...all.map(storeMetrics),
    ...engines.map(engineMetrics),
    listenerMetrics(() => sockets),
    actorMetrics(actors),
    sqlMetrics(sql),
    processMetrics(lag),
  );
  let started = false;
  let membership: Membership | undefined;
  if (config.listeners.redis.enabled) await listenToRedis(foundation, partitions);
  if (config.listeners.postgres.enabled) await listenToPostgres(foundation, sql);
  if (config.listeners.blobs.enabled) await listenToBlobs(foundation);
  const operations = operationsHandler({
    platform,
    store: stores.default,
    stores: all,
    members: () => membership?.members,
    started: () => started,
    metrics,
  });
  await listenToOperators(foundation, operations);
  const control = await platform.sockets.listen(
    { path: controlPath(config.server.dataDir, temporaryDirectory()) },
    controlListener({ platform, keyspace, stores: stores.byName, defaultProvider: config.providers.default }, log),
  );
  cleanup.push({ what: 'control socket', undo: () => control.close() });
  started = true;

  const listeners = Object.entries<Listener | HttpListener>({ ...sockets, ...https });
  const addresses = Object.fromEntries(listeners.map(([name, { host, port }]) => [name, { host, port }]));
  membership = await joinMembers(foundation, addresses);
  void rehearse(foundation.rehearsals);

  const stopped = Promise.withResolvers<void>();
  let stopping: Promise<void> | undefined;
  const stop = (): Promise<void> => {
    stopping ??= (async () => {
      started = false;
      for (const [, listener] of listeners) listener.stopAccepting();
      control.stopAccepting();
      await Promise.all(drains.map((drain) => drain()));
      await unwind(cleanup, log);
      stopped.resolve();
    })();
    return stopping;
  };
  const reload = async (): Promise<void> => {
    if (tls === undefined || config.server.tls === undefined) return;
    tls.identity.replace(await credentialsOf(config.server.tls, platform, log));
    log.info({ certificate: config.server.tls.certFile }, 'certificates were read anew');
  };
  return { addresses, stores, actors, reload, stop, stopped: stopped.promise };
}

/** A runtime for the actors of each store. */
async function openActors(
  config: Config,
  platform: Platform,
  log: Log,
  { keyspace, nodeId, stores }: Pick<Foundation, 'keyspace' | 'nodeId' | 'stores'>,
): Promise<RoutedActorRuntime> {
  const runtimes = new Map<string, ActorRuntimeOptions>();
  for (const [name, store] of stores.byName) {
    const directory = await directoryOf(store, platform, keyspace, nodeId);
    runtimes.set(name, actorOptions(config, platform, log, { store, keyspace, directory }, stores.byName.size));
  }
  return new RoutedActorRuntime(runtimes, (type) => stores.ofActorType(type).name);
}

/** The keyspace of Redis. */
async function startPartitions(foundation: Foundation): Promise<KeyspacePartitions> {
  const { config, platform, log, keyspace, stores, actors, cleanup } = foundation;
  const store = stores.ofModel('keyvalue');
  actors.register(KeyspacePartition);
  const partitions = new KeyspacePartitions({
    runtime: actors,
    store,
    platform,
    space: keyspace.kv,
    hotBytesMax: Math.floor(config.memory.limitBytes / 8),
    entryFile: await entryFileOf(config, platform, log, store.name),
    writeBehind: true,
  });
  partitions.start();
  cleanup.push({ what: 'key-value partitions', undo: () => partitions.stop() });
  return partitions;
}

async function openSql(foundation: Foundation): Promise<SqlEngine> {
  const { config, log, stores, drains, cleanup } = foundation;
  const directory = join(config.server.dataDir, TEMPORARY_DIRECTORY);
  const options = sqlOptions(foundation, stores.ofModel('relational'), directory);
  await options.temporaryFiles.clean();
  const sql = new SqlEngine({ ...options, log });
  drains.push(() => sql.drain());
  cleanup.push({ what: 'SQL', undo: () => sql.close() });
  return sql;
}

function sqlOptions({ config, platform, keyspace }: Foundation, store: Store, directory: string) {
  const bytesMax = config.listeners.postgres.temporaryBytesMax;
  return {
    store,
    platform,
    keyspace,
    temporaryFiles: new TemporaryFiles({ files: platform.files, directory, bytesMax }),
    limits: queryLimits(config.memory.limitBytes),
    autoAnalyzeDelayMs: 2_000,
  };
}

async function listenToRedis(foundation: Foundation, partitions: KeyspacePartitions): Promise<void> {
  const { config, platform, log, actors, principals, tls, metrics, drains, cleanup, rehearsals } = foundation;
  const { redis } = config.listeners;
  const port = () => foundation.sockets.redis?.port ?? redis.port;
  const resp = respListener(
    respOptions(config, platform, { version: VERSION, port }, { partitions, principals, actors, log }),
  );
  metrics.push(respMetrics(resp, partitions));
  drains.push(() => resp.drain(DRAIN_MS_MAX));
  const options = {
    port: redis.port,
    connectionsMax: redis.connectionsMax,
    refusal: utf8('-ERR max number of clients reached\r\n'),
    ...(tls !== undefined && { tls }),
  };
  await listen(foundation, 'redis', '--redis-port', options, resp.accept);
  const directory = join(config.server.dataDir, TEMPORARY_DIRECTORY, COMMANDS_REHEARSAL_DIRECTORY);
  // What a process left that was killed meanwhile.
  await platform.files.remove(directory);
  if (redis.rehearsal === 'never' || config.memory.limitBytes < REHEARSED_AT_START_BYTES) return;
  if (partitions.store.supports.shared) return; // Every command is a transaction of its own there.
  const rehearsal = new Rehearsal({
    platform,
    log,
    what: 'commands',
    openStage: () => openCommandStage(foundation, directory),
    perform: rehearseCommands,
    loopShare: newLoopShare(),
  });
  drains.push(() => rehearsal.stop());
  cleanup.push({ what: 'rehearsal of commands', undo: () => rehearsal.stop() });
  rehearsals.push(rehearsal);
}

/** Where commands are rehearsed: as clients have it, but for the store, which is of the same kind. */
async function openCommandStage({ config, platform, nodeId }: Foundation, directory: string): Promise<Stage> {
  const store = await openScratchStore(config, 'keyvalue', directory, platform);
  const keyspace = new Keyspace();
  const placement = await directoryOf(store, platform, keyspace, nodeId);
  const stage = commandStage(config, platform, VERSION, { store, keyspace, directory: placement });
  const close = async (): Promise<void> => {
    await stage.close();
    await store.close();
    await platform.files.remove(directory);
  };
  return { accept: stage.accept, close };
}

/** One behind the other: two at once would each take the other for a busy client. */
async function rehearse(rehearsals: readonly Rehearsal[]): Promise<void> {
  for (const rehearsal of rehearsals) {
    rehearsal.begin();
    await rehearsal.done;
  }
}

async function listenToPostgres(foundation: Foundation, sql: SqlEngine): Promise<void> {
  const { config, platform, log, principals, tls, drains, cleanup, rehearsals } = foundation;
  const { postgres } = config.listeners;
  const pgwire = pgwireListener(sql, pgwireOptions(foundation, { principals, log, tls }));
  drains.push(() => pgwire.drain(STATEMENTS_DRAIN_MS_MAX));
  const directory = join(config.server.dataDir, TEMPORARY_DIRECTORY, REHEARSAL_DIRECTORY);
  // What a process left that was killed meanwhile.
  await platform.files.remove(directory);
  const rehearsal = new Rehearsal({
    platform,
    log,
    what: 'statements',
    perform: rehearseStatements,
    openStage: () => openStage(foundation, sql, directory),
    loopShare: newLoopShare(),
  });
  drains.push(() => rehearsal.stop());
  cleanup.push({ what: 'rehearsal', undo: () => rehearsal.stop() });
  const options = { port: postgres.port, connectionsMax: postgres.connectionsMax };
  await listen(foundation, 'postgres', '--postgres-port', options, (socket) => {
    if (postgres.rehearsal !== 'never') rehearsal.begin();
    return pgwire.accept(socket);
  });
  if (postgres.rehearsal === 'start' && config.memory.limitBytes >= REHEARSED_AT_START_BYTES)
    rehearsals.push(rehearsal);
}

/** For clients and for what is rehearsed. */
function pgwireOptions(
  { config, platform }: Foundation,
  { principals, log, tls }: Pick<PgwireOptions, 'principals' | 'log'> & { readonly tls: ListenTls | undefined },
): PgwireOptions {
  const { connectTimeoutMs, queryTimeoutMs } = config.listeners.postgres;
  return {
    principals,
    platform,
    log,
    connectTimeoutMs,
    statementTimeoutMs: queryTimeoutMs,
    ...(tls !== undefined && { tls }),
  };
}

/** Where statements are rehearsed: as clients of `sql` have it, but for the store, which is of the same kind. */
async function openStage(foundation: Foundation, sql: SqlEngine, directory: string): Promise<Stage> {
  const { config, platform } = foundation;
  const { parser } = sql;
  // A client's first statement finds them there then, as nearly all do that are rehearsed.
  await sql.loadDefinitions();
  const store = await openScratchStore(config, 'relational', directory, platform);
  const engine = new SqlEngine({ ...sqlOptions(foundation, store, directory), log: silentLog, parser });
  const { accept } = pgwireListener(
    engine,
    pgwireOptions(foundation, { principals: OPEN_PRINCIPALS, log: silentLog, tls: undefined }),
  );
  const close = async (): Promise<void> => {
    engine.close();
    await store.close();
    await platform.files.remove(directory);
  };
  return { accept, close };
}

async function listenToBlobs(foundation: Foundation): Promise<void> {
  const { config, platform, log, actors, tls, metrics, https, cleanup } = foundation;
  const blobs = await openBlobs(config, platform, actors, log);
  cleanup.push({ what: 'volumes', undo: () => blobs.close() });
  metrics.push(blobMetrics(blobs.set));
  const listener = await withFlag('[protocols.blobs] port', () =>
    blobs.listen({ host: config.server.bind, version: VERSION, ...(tls !== undefined && { tls: tls.identity }) }),
  );
  https.blobs = listener;
  cleanup.push({ what: 'blobs listener', undo: () => listener.close() });
}

/** Health and metrics: both answer on either of two ports. */
async function listenToOperators(foundation: Foundation, operations: HttpHandler): Promise<void> {
  const { config, log, tls, https, cleanup } = foundation;
  const { http, metrics } = config.listeners;
  const options = {
    host: config.server.bind,
    connectionsMax: http.connectionsMax,
    ...(http.requestTimeoutMs > 0 && { requestTimeoutMs: http.requestTimeoutMs }),
    ...(tls !== undefined && { tls: tls.identity }),
    onHandlerError: (error: unknown) => log.error({ error: messageOf(error) }, 'an HTTP request failed'),
  };
  const listenAt = async (name: string, flag: string, port: number): Promise<void> => {
    const listener = await withFlag(flag, () => listenHttp({ ...options, port }, operations));
    https[name] = listener;
    cleanup.push({ what: `${name} listener`, undo: () => listener.close() });
  };
  if (http.enabled) await listenAt('http', '--http-port', http.port);
  if (metrics.enabled) await listenAt('metrics', '--metrics-port', metrics.port);
}

async function listen(
  { config, platform, sockets, cleanup }: Foundation,
  name: string,
  flag: string,
  options: ListenOptions,
  accept: (socket: Socket) => SocketHandlers,
): Promise<void> {
  const listener = await withFlag(flag, () =>
    platform.sockets.listen({ host: config.server.bind, ...options }, accept),
  );
  sockets[name] = listener;
  cleanup.push({ what: `${name} listener`, undo: () => listener.close() });
}

/** Makes this member known to others, where it shares a store with them. */
async function joinMembers(
  { config, platform, log, keyspace, nodeId, stores, cleanup }: Foundation,
  addresses: RunningServer['addresses'],
): Promise<Membership | undefined> {
  const store = clusterStoreOf(config, stores);
  if (store === undefined) return undefined;
  const reachable = Object.fromEntries(
    Object.entries(addresses).map(([name, { host, port }]) => [name, `${host}:${port}`]),
  );
  const identity = { id: nodeId, version: VERSION, addresses: reachable };
  const membership = await Membership.join({ store, platform, keyspace, log, ...identity });
  cleanup.push({ what: 'member record', undo: () => membership.leave() });
  return membership;
}

async function tlsOf(config: Config, platform: Platform, log: Log): Promise<ListenTls | undefined> {
  const { tls } = config.server;
  if (tls === undefined) return undefined;
  const onFailure = (error: Error) => log.debug({ error: error.message }, 'a client could not be encrypted');
  const identity = platform.sockets.identify(await credentialsOf(tls, platform, log), { onFailure });
  return { identity, required: tls.required };
}

async function credentialsOf(tls: TlsConfig, platform: Platform, log: Log): Promise<TlsCredentials> {
  const { certFile, keyFile, caFile } = tls;
  const certificate = text(await platform.files.read(certFile));
  const credentials: TlsCredentials = {
    certificate,
    key: text(await platform.files.read(keyFile)),
    ...(caFile !== undefined && { authorities: text(await platform.files.read(caFile)) }),
    requireClientCertificate: tls.requireClientCert,
  };
  const until = certificateEndMs(certificate);
  if (until !== undefined && until < platform.clock.nowMs()) {
    log.warn({ certificate: certFile, until: new Date(until).toISOString() }, 'the certificate has expired');
  }
  return credentials;
}

/** Undoes everything, last first, whatever fails on the way. */
async function unwind(cleanup: Cleanup, log: Log): Promise<void> {
  for (let step = cleanup.pop(); step !== undefined; step = cleanup.pop()) {
    try {
      await step.undo();
    } catch (error) {
      log.error({ what: step.what, error: messageOf(error) }, 'could not be closed');
    }
  }
}

/** Whether a provider's engine shows its figures; only those that can turn it off are asked. */
function hasStatistics(config: Config, name: string): boolean {
  const provider = config.providers.byName.get(name);
  return provider?.type !== 'RocksDB' || provider.statistics;
}

/** Where reading a value costs the more for not being in memory: on RocksDB. */
async function entryFileOf(
  config: Config,
  { files, clock }: Platform,
  log: Log,
  store: string,
): Promise<EntryFileOptions | undefined> {
  if (config.providers.byName.get(store)?.type !== 'RocksDB') return undefined;
  const free = await files.freeBytes(config.server.dataDir);
  const bytesMax = Math.min(config.listeners.redis.entryFileBytesMax, Math.floor(free / ENTRY_FILE_FRACTION));
  if (bytesMax < ENTRY_FILE_BYTES_MIN) return undefined;
  const directory = join(config.server.dataDir, TEMPORARY_DIRECTORY);
  return {
    open: async () => {
      await files.makeDirectory(directory);
      await files.remove(join(directory, ENTRY_FILE)); // As a crash may have left it.
      return openUnnamed(files, directory, ENTRY_FILE);
    },
    bytesMax,
    clock,
    onFailure: (error) => log.warn({ error: messageOf(error) }, 'entries go to no file any more'),
  };
}

/** Names the flag that moves a listener whose port is taken. */
async function withFlag<T>(flag: string, listen: () => Promise<T>): Promise<T> {
  try {
    return await listen();
  } catch (error) {
    if (!(error instanceof OperationError) || systemCode(error.cause) !== 'EADDRINUSE') throw error;
    throw new OperationError(error.code, error.message, {
      cause: error,
      hint: `Choose another port with ${flag} (0 picks a free one), or stop what listens there.`,
    });
  }
}

/** Who owns the actors of a store: this process all of them, or whoever has a lease where other processes write to it too. */
async function directoryOf(store: Store, platform: Platform, keyspace: Keyspace, nodeId: string): Promise<Directory> {
  const alone = await SoleMemberDirectory.open(store, platform, keyspace, nodeId);
  if (!store.supports.shared) return alone;
  const leases = new StoreDirectory(store, platform, keyspace, { member: nodeId });
  return new SharedStoreDirectory(alone, leases, new Set([KeyspacePartition.type]));
}

/** Where members make themselves known: the cluster provider, or any that others can share. */
function clusterStoreOf(config: Config, stores: Stores): Store | undefined {
  const { cluster } = config.providers;
  const preferred = cluster === undefined ? stores.default : stores.named(cluster);
  return [preferred, ...stores.byName.values()].find(({ supports }) => supports.shared);
}

async function nodeIdOf(config: Config, platform: Platform): Promise<string> {
  const path = join(config.server.dataDir, 'NODE_ID');
  if (await platform.files.exists(path)) return text(await platform.files.read(path)).trim();
  const id = platform.random.uuid();
  await platform.files.writeAtomic(path, utf8(`${id}\n`));
  return id;
}

function startScreen(config: Config, server: RunningServer, readyMs: number): string[] {
  const address = (name: string): string => {
    const bound = server.addresses[name];
    return bound === undefined ? 'off' : `${bound.host}:${bound.port}`;
  };
  const port = (name: string) => server.addresses[name]?.port;
  const host = config.server.bind;
  const row = (name: string, value: string, note = '') => `  ${name.padEnd(11)} ${value.padEnd(21)} ${note}`.trimEnd();
  const encrypted = config.server.tls?.required === true;
  const lines = [
    `orbit ${VERSION} is ready (${readyMs} ms)`,
    '',
    row(
      'redis',
      address('redis'),
      port('redis') === undefined ? '' : `redis-cli ${encrypted ? '--tls ' : ''}-h ${host} -p ${port('redis')}`,
    ),
    row(
      'postgres',
      address('postgres'),
      port('postgres') === undefined ? '' : `psql -h ${host} -p ${port('postgres')} -U orbit -d actors`,
    ),
    row('http', address('http'), '/health/live /health/ready /health/startup'),
    row('metrics', address('metrics'), '/metrics'),
    ...(port('blobs') === undefined ? [] : [row('blobs', address('blobs'), '/status')]),
    '',
    row('data', resolve(config.server.dataDir)),
  ];
  for (const [name, store] of server.stores.byName) {
    const type = config.providers.byName.get(name)?.type ?? '';
    lines.push(
      row('provider', `${name} (${type})`, `durability ${store.durability}: ${DURABILITY_MEANS[store.durability]}`),
    );
  }
  if (config.server.tls !== undefined) {
    const note = encrypted ? 'clear text is refused' : 'clear text is taken too, except for HTTP';
    lines.push(row('tls', config.server.tls.certFile, note));
  }
  lines.push(row('memory', `limit ${showBytes(config.memory.limitBytes)}`));
  return lines;
}

// ---- Commands of an operator: through the running server, or, when there is none, on the stores themselves

type Out = (line: string) => void;

/** Prints stored keys as their documented paths. */
export async function keysCommand(
  config: Config,
  options: { readonly prefix?: string; readonly limit?: number; readonly provider?: string },
  out: Out,
): Promise<void> {
  await administerHere(config, { command: 'keys', ...options }, out);
}

/** Backs every persistent provider up to a directory, while the server goes on. */
export async function backupCommand(config: Config, directory: string, out: Out): Promise<void> {
  await administerHere(config, { command: 'backup', directory: resolve(directory) }, out);
}

/** Prints what became of a transaction whose commit was unknown: `committed` or `rolled back`. */
export async function transactionCommand(
  config: Config,
  id: string,
  options: { readonly provider?: string },
  out: Out,
): Promise<void> {
  await administerHere(config, { command: 'transaction', id, ...options }, out);
}

async function administerHere(config: Config, request: AdministrationRequest, out: Out): Promise<void> {
  const platform = newNodePlatform();
  if (await requestControl(platform, controlPath(config.server.dataDir, temporaryDirectory()), request, out)) return;
  // Not as the server of this data directory: what that has left to its successor is none of ours.
  const { server: _, ...spec } = config;
  const stores = await Stores.open(spec, platform, newPinoLog(config.logging));
  try {
    const administered = {
      platform,
      keyspace: new Keyspace(),
      stores: stores.byName,
      defaultProvider: config.providers.default,
    };
    await administer(administered, request, out);
  } finally {
    await stores.close();
  }
}

/** Fills the providers of an unused data directory from a backup. */
export async function restoreCommand(
  config: Config,
  directory: string,
  options: { readonly to?: number },
  out: Out,
): Promise<void> {
  const platform = newNodePlatform();
  const log = newPinoLog(config.logging);
  const backups = resolve(directory);
  let restored = 0;
  for (const name of usedProviders(config)) {
    const backup = join(backups, name);
    if (!(await platform.files.exists(backup))) continue;
    const source = { directory: backup, to: options.to };
    await restoreProvider(name, config, platform, log, source, (message) => out(`${name}: ${message}`));
    restored++;
  }
  if (restored === 0) {
    throw new OperationError('not_found', `${backups} holds no backup of ${[...usedProviders(config)].join(' or ')}`, {
      hint: 'Name the directory that orbit backup wrote; it holds one directory per provider.',
    });
  }
}

const EMBEDDED_MEMORY_BYTES = 256 * 1024 * 1024;

/**
 * Opens the stores of `persistence()….build()`, for a program without a server.
 * @throws OperationError of the provider that cannot be opened; then none stays open.
 */
export function openStores(
  providers: ProvidersConfig,
  options: { readonly platform?: Platform; readonly log?: Log; readonly memoryLimitBytes?: number } = {},
): Promise<Stores> {
  const spec = {
    providers,
    routes: { models: {}, actors: new Map<string, string>() },
    memory: { limitBytes: options.memoryLimitBytes ?? EMBEDDED_MEMORY_BYTES },
  };
  return Stores.open(spec, options.platform ?? newNodePlatform(), options.log ?? silentLog);
}
