/**
 * The command-line flags, and which configuration key each sets.
 *
 * Kept apart from the schema so that `orbit --help` need not load a validator: this file imports nothing.
 */

export interface FlagSpec {
  /** As commander takes it: `-b, --bind <address>`. */
  readonly syntax: string;
  /** The configuration key it sets; undefined for flags that steer the loading itself. */
  readonly path?: string;
  readonly description: string;
}

/** Flags of every command that reads the configuration. */
export const COMMON_FLAGS: readonly FlagSpec[] = [
  { syntax: '-c, --config <file>', description: 'configuration file (default: orbit.toml where it exists)' },
  {
    syntax: '--providers-file <file>',
    path: 'persistence.providers_file',
    description: 'file with [defaults] and [providers.NAME]',
  },
  { syntax: '--data-dir <directory>', path: 'server.data_dir', description: 'where everything durable is kept' },
];

/** Flags of `orbit start`, besides the common ones; `orbit config` takes them too, to show what they would do. */
export const START_FLAGS: readonly FlagSpec[] = [
  {
    syntax: '--provider <name>',
    path: 'defaults.addressable',
    description: 'provider that keeps what no route sends elsewhere',
  },
  { syntax: '-b, --bind <address>', path: 'server.bind_address', description: 'address all listeners bind' },
  {
    syntax: '-p, --grpc-port <port>',
    path: 'protocols.grpc.port',
    description: 'without effect: there is no gRPC listener yet',
  },
  { syntax: '-H, --http-port <port>', path: 'protocols.rest.port', description: 'HTTP port' },
  { syntax: '-m, --metrics-port <port>', path: 'monitoring.metrics.port', description: 'metrics port' },
  { syntax: '--postgres-port <port>', path: 'protocols.postgresql.port', description: 'PostgreSQL port' },
  { syntax: '--redis-port <port>', path: 'protocols.redis.port', description: 'Redis port' },
  { syntax: '-n, --node-id <id>', path: 'server.node_id', description: 'name of this member' },
  { syntax: '-l, --log-level <level>', path: 'logging.level', description: 'trace, debug, info, warn, error' },
  { syntax: '-d, --dev-mode', path: 'server.dev_mode', description: 'debug log for people, stack traces' },
  { syntax: '--durability <class>', path: 'storage.durability', description: 'disk, process or memory' },
  { syntax: '--memory-limit <size>', path: 'memory.limit', description: 'memory the process may use, like 2GB' },
  {
    syntax: '-s, --seed-nodes <list>',
    path: 'actor_system.cluster.seed_nodes',
    description: 'members to join; needs a cluster provider',
  },
];

/** `--bind` of `-b, --bind <address>`. */
function longName(flag: FlagSpec): string {
  return /--[a-z-]+/.exec(flag.syntax)![0];
}

const BY_PATH = new Map([...COMMON_FLAGS, ...START_FLAGS].map((flag) => [flag.path, flag]));

/** The flag that sets a configuration key, as `--bind`. */
export function flagOf(path: string): string | undefined {
  const flag = BY_PATH.get(path);
  return flag && longName(flag);
}

/** The key that a flag sets; undefined for `--config`. */
export function pathOfFlag(name: string): string | undefined {
  return [...COMMON_FLAGS, ...START_FLAGS].find((flag) => longName(flag) === name)?.path;
}
