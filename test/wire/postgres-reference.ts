/**
 * A private PostgreSQL 15 to compare with: a cluster of its own in a temporary directory, collation "C".
 * Undefined where no server is installed.
 */

import { execFile } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { chown, mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** Where Debian installs it, newest first. */
const ROOT = '/usr/lib/postgresql';

export interface PostgresReference {
  readonly config: { readonly host: string; readonly port: number; readonly user: string; readonly database: string };
  /** Of its first process. */
  readonly pid: number;
  stop(): Promise<void>;
}

export function postgresBinaries(): string | undefined {
  if (!existsSync(ROOT)) return undefined;
  const versions = readdirSync(ROOT).filter((version) => existsSync(join(ROOT, version, 'bin', 'initdb')));
  return versions.includes('15') ? join(ROOT, '15', 'bin') : undefined;
}

/** @param sync Whether its commits wait for the disk. Default: no. */
export async function startPostgres({
  sync = false,
}: {
  readonly sync?: boolean;
} = {}): Promise<PostgresReference | undefined> {
  const binaries = postgresBinaries();
  if (binaries === undefined) return undefined;
  const directory = await mkdtemp(join(tmpdir(), 'orbit-postgres-'));
  // The server refuses to run as root.
  const isRoot = userInfo().uid === 0;
  const server = (command: string, args: readonly string[]) =>
    isRoot
      ? run('runuser', ['-u', 'postgres', '--', join(binaries, command), ...args], { cwd: directory })
      : run(join(binaries, command), args as string[], { cwd: directory });
  if (isRoot) {
    const { stdout } = await run('id', ['-u', 'postgres']);
    await chown(directory, Number(stdout), Number(stdout));
  }
  const data = join(directory, 'data');
  await server('initdb', ['-D', data, '-U', 'orbit', '--locale=C', '--encoding=UTF8', '--auth=trust', '--no-sync']);
  const port = await freePort();
  const options = `-c listen_addresses=127.0.0.1 -c port=${port} -c unix_socket_directories=${directory} -c fsync=${sync ? 'on' : 'off'} -c timezone=UTC`;
  await server('pg_ctl', ['-D', data, '-w', '-l', join(directory, 'log'), '-o', options, 'start']);
  const [pid] = (await readFile(join(data, 'postmaster.pid'), 'utf8')).split('\n');
  return {
    pid: Number(pid),
    config: { host: '127.0.0.1', port, user: 'orbit', database: 'postgres' },
    async stop() {
      await server('pg_ctl', ['-D', data, '-m', 'immediate', 'stop']);
      await rm(directory, { recursive: true, force: true });
    },
  };
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.on('error', reject);
    probe.listen(0, '127.0.0.1', () => {
      const address = probe.address();
      probe.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0));
    });
  });
}
