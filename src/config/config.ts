/**
 * The configuration as the server uses it: validated, in normalised units, immutable.
 *
 * Sizes are bytes and durations milliseconds; a duration of 0 is "without limit". Paths are as the user gave them, save
 * that paths of input files are relative to the file that named them. Where each value came from is in `origins`.
 */

import type { MemorySpec, RocksDbSpec, TiKvSpec } from '../storage/provider-specs.ts';
import type { Model } from './schema.ts';

export interface Config {
  readonly server: ServerConfig;
  readonly listeners: ListenersConfig;
  readonly blobs: BlobsConfig;
  readonly memory: { readonly limitBytes: number };
  readonly providers: ProvidersConfig;
  readonly routes: RoutesConfig;
  readonly actors: ActorsConfig;
  readonly logging: { readonly level: LogLevel; readonly format: 'json' | 'plain' };
  readonly security: { readonly authentication: boolean };
  /** Every principal; empty when anyone who can connect may do everything. */
  readonly users: readonly UserConfig[];
  /** Where every value came from, by the path of its key. */
  readonly origins: ReadonlyMap<string, Origin>;
  /** What was accepted and has no effect, or is unwise: for the start-up log. */
  readonly warnings: readonly Problem[];
}

/** When statements and commands are rehearsed: once the server has started, or with the first connection. */
export type RehearsalBegin = 'start' | 'connection' | 'never';

export type LogLevel = 'trace' | 'debug' | 'info' | 'warn' | 'error';

export interface ServerConfig {
  /** Undefined: the server makes one and keeps it in the data directory. */
  readonly nodeId: string | undefined;
  readonly bind: string;
  readonly dataDir: string;
  readonly environment: 'Development' | 'Testing' | 'Staging' | 'Production';
  readonly devMode: boolean;
  readonly busyPollUs: number;
  /** For all listeners. */
  readonly tls: TlsConfig | undefined;
}

export interface TlsConfig {
  readonly certFile: string;
  readonly keyFile: string;
  readonly caFile: string | undefined;
  readonly requireClientCert: boolean;
  /** Clear text is refused. */
  readonly required: boolean;
}

export interface BlobsConfig {
  readonly directories: readonly string[];
  readonly durability: 'disk' | 'process';
  readonly initialVolumes: number;
  readonly preallocate: boolean;
  readonly volumesMax: number;
  readonly volumeBytesMax: number;
  readonly fileBytesMax: number;
  readonly freeBytesMin: number;
  /** 0 is never. */
  readonly garbageThreshold: number;
  /** 0 is without limit. */
  readonly vacuumBytesPerSecond: number;
  readonly writeKey: string | undefined;
  readonly readKey: string | undefined;
}

export interface ListenersConfig {
  readonly blobs: ListenerConfig & { readonly connectionsMax: number };
  readonly grpc: ListenerConfig & { readonly streamsMax: number; readonly messageBytesMax: number };
  readonly http: ListenerConfig & { readonly connectionsMax: number; readonly requestTimeoutMs: number };
  readonly metrics: ListenerConfig;
  readonly postgres: ListenerConfig & {
    readonly connectionsMax: number;
    /** To start up and authenticate. */
    readonly connectTimeoutMs: number;
    readonly rehearsal: RehearsalBegin;
    /** Initial `statement_timeout`. */
    readonly queryTimeoutMs: number;
    /** For rows of statements that do not fit into memory. */
    readonly temporaryBytesMax: number;
  };
  readonly redis: ListenerConfig & {
    readonly connectionsMax: number;
    /** To authenticate. */
    readonly connectTimeoutMs: number;
    /** Lower case, subcommands as `config|set`. */
    readonly disabledCommands: readonly string[];
    /** Commands of one client that are executed before other clients have their turn. */
    readonly pipelineCommandsMax: number;
    readonly rehearsal: Exclude<RehearsalBegin, 'connection'>;
    /** Of a file for entries that memory has no room for. */
    readonly entryFileBytesMax: number;
  };
}

export interface ListenerConfig {
  /** False also where this build has no such listener. */
  readonly enabled: boolean;
  /** 0 picks a free one. */
  readonly port: number;
}

export interface ProvidersConfig {
  /** Name of the provider that keeps what no route sends elsewhere. Always in `byName`. */
  readonly default: string;
  /** Name of the provider that keeps membership and leases, if one was named. */
  readonly cluster: string | undefined;
  readonly byName: ReadonlyMap<string, ProviderConfig>;
}

export type ProviderConfig = MemoryProviderConfig | RocksDbProviderConfig | TiKvProviderConfig;

export interface MemoryProviderConfig extends MemorySpec {
  readonly durability: 'memory';
}

export interface RocksDbProviderConfig extends RocksDbSpec {
  readonly statistics: boolean;
}

export interface TiKvProviderConfig extends TiKvSpec {
  readonly durability: 'disk';
}

export interface RoutesConfig {
  /** Provider of each model; the default provider where none was named. */
  readonly models: Readonly<Record<Model, string>>;
  /** Provider for the state of an actor type; types not listed use the default provider. */
  readonly actors: ReadonlyMap<string, string>;
}

export interface ActorsConfig {
  readonly modules: readonly string[];
  readonly activationsMax: number;
  readonly mailboxTurnsMax: number;
  readonly seedNodes: readonly string[];
}

export interface UserConfig {
  readonly name: string;
  /** Never to be logged. */
  readonly password: string;
}

/** Where a value came from. */
export type Origin =
  | { readonly kind: 'flag'; readonly name: string }
  | { readonly kind: 'env'; readonly name: string }
  | { readonly kind: 'file'; readonly file: string; readonly line: number; readonly column: number }
  | { readonly kind: 'builder' }
  | { readonly kind: 'default' };

export function showOrigin(origin: Origin): string {
  switch (origin.kind) {
    case 'flag':
      return `flag ${origin.name}`;
    case 'env':
      return `env ${origin.name}`;
    case 'file':
      return `${origin.file}:${origin.line}`;
    case 'builder':
      return 'builder';
    case 'default':
      return 'default';
  }
}

/** Something wrong with the configuration, or worth a warning. */
export interface Problem {
  readonly origin: Origin;
  /** What is wrong; names the key. */
  readonly message: string;
  /** What to do about it. */
  readonly fix: string;
}

/** `orbit.toml:3:1: unknown key …`, without the fix. */
export function showProblem(problem: Problem): string {
  const { origin, message } = problem;
  if (origin.kind === 'file') return `${origin.file}:${origin.line}:${origin.column}: ${message}`;
  return origin.kind === 'default' ? message : `${showOrigin(origin)}: ${message}`;
}
