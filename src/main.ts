#!/usr/bin/env -S node --concurrent-turbofan-max-threads=1
/**
 * The command line: arguments and signals, nothing else.
 *
 * Everything heavy is imported when a command runs, so that --help and --version answer at once. Exit codes: 0 success,
 * 1 failure while running, 2 wrong usage or configuration; a second signal during shutdown exits at once with 128 and
 * the signal's number.
 */

import { createRequire } from 'node:module';
import { Argument, Command, CommanderError, InvalidArgumentError, Option } from 'commander';
import type { Config } from './config/config.ts';
import { COMMON_FLAGS, type FlagSpec, START_FLAGS } from './config/flags.ts';
import type { LoadInputs } from './config/load.ts';
import { keepAlive } from './platform/keep-alive.ts';
import type { RunningServer } from './server.ts';

type Out = (line: string) => void;

const OK = 0;
const FAILED = 1;
const USAGE = 2;

const out: Out = (line) => void process.stdout.write(`${line}\n`);

/** Runs the command of `argv`. @returns the exit code. */
async function main(argv: readonly string[]): Promise<number> {
  const program = new Command('orbit');
  let code = OK;
  program
    .description('One server in which psql, redis-cli and HTTP clients work on the same data.')
    .version(version(), '-V, --version')
    .exitOverride()
    .configureOutput({ outputError: (text, write) => write(hinted(text)) })
    .showSuggestionAfterError()
    .addHelpText('after', EXIT_CODES);

  withFlags(program.command('start').description('run the server until SIGTERM or SIGINT'), [
    ...COMMON_FLAGS,
    ...START_FLAGS,
  ]).action(async (_, command: Command) => {
    const config = await load(command);
    await warn(config);
    await serve(config);
  });

  const config = program.command('config').description('show or check the configuration');
  withFlags(config.command('print').description('every value and where it came from'), [
    ...COMMON_FLAGS,
    ...START_FLAGS,
  ])
    .addOption(new Option('--format <format>', 'output format').choices(['toml', 'json']).default('toml'))
    .action(async ({ format }: { format: 'toml' | 'json' }, command: Command) => {
      const { printConfig } = await import('./config/commands.ts');
      await printConfig(await inputsOf(command), format, out);
    });
  withFlags(config.command('check').description('what is wrong, or has no effect'), [...COMMON_FLAGS, ...START_FLAGS])
    .addOption(new Option('--format <format>', 'output format').choices(['text', 'json']).default('text'))
    .action(async ({ format }: { format: 'text' | 'json' }, command: Command) => {
      const { checkConfigCommand } = await import('./config/commands.ts');
      if (!(await checkConfigCommand(await inputsOf(command), format, out))) code = USAGE;
    });

  withFlags(program.command('keys').description('print stored keys, names resolved'), COMMON_FLAGS)
    .option('--prefix <prefix>', 'only keys that begin with it')
    .option('--limit <count>', 'keys at most', wholeNumber)
    .option('--provider <name>', 'provider to read (default: the default provider)')
    .action(async (options: { prefix?: string; limit?: number; provider?: string }, command: Command) => {
      const { prefix, limit, provider } = options;
      const chosen = {
        ...(prefix !== undefined && { prefix }),
        ...(limit !== undefined && { limit }),
        ...(provider !== undefined && { provider }),
      };
      const loaded = await load(command);
      await (await server()).keysCommand(loaded, chosen, out);
    });
  withFlags(
    program.command('transaction').description('what became of a transaction whose commit was unknown'),
    COMMON_FLAGS,
  )
    .argument('<id>', 'as the error said')
    .option('--provider <name>', 'provider that it was on (default: the one that can tell)')
    .action(async (id: string, { provider }: { provider?: string }, command: Command) => {
      const loaded = await load(command);
      await (await server()).transactionCommand(loaded, id, provider === undefined ? {} : { provider }, out);
    });
  withFlags(program.command('backup').description('write a consistent copy of all data to a directory'), COMMON_FLAGS)
    .argument('<directory>', 'an empty or new directory')
    .action(async (directory: string, _, command: Command) => {
      const loaded = await load(command);
      await (await server()).backupCommand(loaded, directory, out);
    });
  withFlags(program.command('restore').description('bring data back from a backup'), COMMON_FLAGS)
    .argument('<directory>', 'a directory that orbit backup wrote')
    .option('--to <position>', 'log position to stop at (default: the end)', wholeNumber)
    .action(async (directory: string, { to }: { to?: number }, command: Command) => {
      const loaded = await load(command);
      await (await server()).restoreCommand(loaded, directory, to === undefined ? {} : { to }, out);
    });

  const blobs = program.command('blobs').description('needle volumes of a directory that no server has open');
  const commands = () => import('./blob-commands.ts');
  blobs
    .command('check <directory> [volume]')
    .description('verify every record, and the index; change nothing')
    .action(async (directory: string, volume: string | undefined) => {
      const volumeId = volume === undefined ? undefined : wholeNumber(volume);
      if (!(await (await commands()).checkCommand(directory, volumeId, out))) code = FAILED;
    });
  blobs
    .command('fix')
    .argument('<directory>')
    .argument('<volume>', 'volume id', wholeNumber)
    .description('write the index anew from the data, repair a torn end')
    .action(async (directory: string, volumeId: number) => (await commands()).fixCommand(directory, volumeId, out));
  blobs
    .command('export')
    .argument('<directory>')
    .argument('<volume>', 'volume id', wholeNumber)
    .description('write the needles of a volume to a tar file')
    .option('-o, --output <file>', 'the tar file')
    .option('--format <text>', 'names of its members, of {{.Mime}} {{.Id}} {{.Name}} {{.Ext}}')
    .option('--newer <date>', 'only needles modified after it, like 2026-01-02T15:04:05')
    .option('--limit <count>', 'needles at most', wholeNumber)
    .action(async (directory: string, volumeId: number, options: { output?: string; limit?: number }) =>
      (await commands()).exportCommand(directory, volumeId, options, out),
    );
  blobs
    .command('compact')
    .argument('<directory>')
    .argument('<volume>', 'volume id', wholeNumber)
    .description('vacuum a volume, however little garbage it has')
    .action(async (directory: string, volumeId: number) => (await commands()).compactCommand(directory, volumeId, out));
  blobs
    .command('create')
    .argument('<directory>')
    .argument('<volume>', 'volume id', wholeNumber)
    .description('make an empty volume')
    .option('--collection <name>', 'collection it belongs to')
    .option('--replication <xyz>', 'further copies in data centers, racks, servers')
    .option('--ttl <ttl>', 'time to live of its needles: 3m 4h 5d 6w 7M 8y')
    .option('--large', '5-byte offsets: up to 8 TiB, for builds of SeaweedFS with large disks')
    .action(async (directory: string, volumeId: number, options: { collection?: string; large?: boolean }) =>
      (await commands()).createCommand(directory, volumeId, options, out),
    );
  blobs
    .command('mark')
    .argument('<directory>')
    .argument('<volume>', 'volume id', wholeNumber)
    .addArgument(new Argument('<state>').choices(['read-only', 'writable']))
    .description('mark a volume read-only or writable')
    .action(async (directory: string, volumeId: number, state: string) =>
      (await commands()).markCommand(directory, volumeId, state === 'read-only', out),
    );

  const ec = blobs.command('ec').description('erasure coding: a volume in 10 + 4 shards, of which any 4 may be lost');
  const erasure = () => import('./erasure-commands.ts');
  const onShards = (name: string, description: string) =>
    ec
      .command(name)
      .argument('<directory>')
      .argument('<volume>', 'volume id', wholeNumber)
      .description(description)
      .option('--rate <MB/s>', 'megabytes per second at most', wholeNumber);
  onShards('encode', 'turn a volume into shards')
    .option('--data-shards <count>', 'default 10, the only one SeaweedFS reads', wholeNumber)
    .option('--parity-shards <count>', 'default 4', wholeNumber)
    .action(async (directory: string, volumeId: number, options: object) =>
      (await erasure()).encodeCommand(directory, volumeId, options, out),
    );
  onShards('rebuild', 'make lost shards anew, repair rotten ones').action(
    async (directory: string, volumeId: number, options: object) => {
      if (!(await (await erasure()).rebuildCommand(directory, volumeId, options, out))) code = FAILED;
    },
  );
  onShards('decode', 'turn shards back into a volume').action(
    async (directory: string, volumeId: number, options: object) =>
      (await erasure()).decodeCommand(directory, volumeId, options, out),
  );
  onShards('scrub', 'compare every block of every shard with its checksum')
    .option('--repair', 'repair rotten blocks')
    .action(async (directory: string, volumeId: number, options: object) => {
      if (!(await (await erasure()).scrubCommand(directory, volumeId, options, out))) code = FAILED;
    });
  ec.command('status')
    .argument('<directory>')
    .argument('<volume>', 'volume id', wholeNumber)
    .description('say what a volume is, and which of its shards are lost')
    .action(async (directory: string, volumeId: number) => (await erasure()).statusCommand(directory, volumeId, out));

  try {
    await program.parseAsync(argv);
    return code;
  } catch (error) {
    // Help and version arrive here too. Commander has already written its message.
    if (error instanceof CommanderError) return error.exitCode === 0 ? OK : USAGE;
    return report(error, argv);
  }
}

const EXIT_CODES = `
Exit codes:
  0  success
  1  failure while running
  2  wrong usage or configuration
  130, 143  a second SIGINT or SIGTERM ended the shutdown

Flags are stronger than the environment (ORBIT_*), that than the configuration file, that than the defaults.
\`orbit config print\` shows each value and where it came from.`;

function withFlags(command: Command, flags: readonly FlagSpec[]): Command {
  for (const flag of flags) command.option(flag.syntax, flag.description);
  return command;
}

/** Runs the server until it stops. The first signal stops it, the second ends the process. */
async function serve(config: Config): Promise<void> {
  let running: RunningServer | undefined;
  let signalled = false;
  const failure = Promise.withResolvers<never>();
  const onSignal = (exitCode: number) => () => {
    if (signalled) process.exit(exitCode);
    signalled = true;
    running?.stop().catch(failure.reject);
  };
  process.on('SIGINT', onSignal(130));
  process.on('SIGTERM', onSignal(143));
  running = await (await server()).runServer(config, { stdout: out });
  const serving = running;
  // Without certificates there is nothing to read anew, and a hangup ends the process as it ends others.
  if (config.server.tls !== undefined) {
    process.on('SIGHUP', () => {
      serving.reload().catch((error: unknown) => void report(error, process.argv));
    });
  }
  // A signal that came while it was starting.
  if (signalled) await running.stop();
  await Promise.race([running.stopped, failure.promise]);
}

async function load(command: Command): Promise<Config> {
  const { loadConfig } = await import('./config/load.ts');
  return loadConfig(await inputsOf(command));
}

async function inputsOf(command: Command): Promise<LoadInputs> {
  const { hostMemoryBytes, processEnvironment } = await import('./config/environment.ts');
  const { newNodePlatform } = await import('./platform/node-platform.ts');
  const { hasCode } = await import('./base/errors.ts');
  const { files } = newNodePlatform();
  const readFile = async (path: string) => {
    try {
      return Buffer.from(await files.read(path)).toString('utf8');
    } catch (error) {
      if (hasCode(error, 'not_found')) return undefined;
      throw error;
    }
  };
  const known = new Set([...COMMON_FLAGS, ...START_FLAGS].map((flag) => flag.syntax));
  const flags: Record<string, string | boolean> = {};
  for (const option of command.options) {
    const value: unknown = command.getOptionValue(option.attributeName());
    if (known.has(option.flags) && option.long && (typeof value === 'string' || value === true))
      flags[option.long] = value;
  }
  return { flags, env: processEnvironment(), readFile, hostMemoryBytes: await hostMemoryBytes(readFile) };
}

/** The composition root: every engine and protocol hangs on it. */
function server(): Promise<typeof import('./server.ts')> {
  return import('./server.ts');
}

async function warn(config: Config): Promise<void> {
  const { showProblem } = await import('./config/config.ts');
  for (const warning of config.warnings) process.stderr.write(`warning: ${showProblem(warning)}: ${warning.fix}\n`);
}

/** Writes an error for people; the stack only in dev mode. @returns the exit code. */
async function report(error: unknown, argv: readonly string[]): Promise<number> {
  const { messageOf, OperationError } = await import('./base/errors.ts');
  const { processEnvironment, usesColor } = await import('./config/environment.ts');
  const known = error instanceof OperationError;
  const devMode = argv.includes('--dev-mode') || argv.includes('-d') || processEnvironment().ORBIT_DEV_MODE === 'true';
  const label = usesColor(process.stderr) ? '\u001b[31merror:\u001b[39m' : 'error:';
  process.stderr.write(`${label} ${messageOf(error)}\n`);
  const hint = known ? error.hint : 'this is a fault of the server; --dev-mode shows where it happened';
  if (hint !== undefined) process.stderr.write(`hint: ${hint}\n`);
  if (devMode && error instanceof Error) process.stderr.write(`${error.stack}\n`);
  return known && error.code === 'invalid_config' ? USAGE : FAILED;
}

/** Commander's suggestion as a hint of ours. */
function hinted(text: string): string {
  return text.replace(/\n\(Did you mean (.*)\?\)/, '\nhint: did you mean $1?');
}

function wholeNumber(text: string): number {
  const value = Number(text);
  if (!/^\d+$/.test(text) || !Number.isSafeInteger(value)) throw new InvalidArgumentError('It must be a whole number.');
  return value;
}

function version(): string {
  return (createRequire(import.meta.url)('../package.json') as { version: string }).version;
}

// A reader that has seen enough (`orbit keys | head`) is no failure.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  process.exit(error.code === 'EPIPE' ? OK : FAILED);
});
process.exit(await keepAlive(main(process.argv)));
