/**
 * The real server as a child process: `orbit start` on free ports, its start screen read, ended by a signal. And any other
 * `orbit` command, run to its end.
 */

import { type ChildProcess, spawn } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const MAIN = join(ROOT, 'src/main.ts');
/** As `npm start` has them; a compile cache holds for a process with the same ones. */
export const NODE_FLAGS = ['--concurrent-turbofan-max-threads=1'];

const LISTENERS = ['redis', 'postgres', 'http', 'metrics'] as const;
/** `blobs` listens when the environment or a file asks for it. */
export type ListenerName = (typeof LISTENERS)[number] | 'blobs';

export interface ServerProcessOptions {
  readonly dataDir: string;
  /** After `orbit start --data-dir … --redis-port 0 …`. */
  readonly args?: readonly string[];
  /** A command that runs the server, like strace with its arguments. */
  readonly under?: readonly string[];
  /** Beside PATH. */
  readonly env?: Readonly<Record<string, string>>;
}

export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** A server that has been spawned; `ready` once it has printed its listeners. */
export class ServerProcess {
  readonly exited: Promise<Exit>;
  /** Resolves with the milliseconds from spawn to the end of the start screen. Rejects when the process ends before. */
  readonly ready: Promise<number>;
  readonly #child: ChildProcess;
  #ended = false;
  stdout = '';
  stderr = '';

  private constructor({ dataDir, args = [], under = [], env = {} }: ServerProcessOptions) {
    const ports = LISTENERS.flatMap((name) => [`--${name}-port`, '0']);
    const spawnedAt = performance.now();
    this.#child = spawnOrbit(['start', '--data-dir', dataDir, ...ports, ...args], under, env);
    const ready = Promise.withResolvers<number>();
    this.ready = ready.promise;
    this.ready.catch(() => {}); // Whoever waits hears of it; nobody has to.
    this.#child.stdout!.setEncoding('utf8').on('data', (chunk: string) => {
      this.stdout += chunk;
      // The last line of the screen.
      if (/^ {2}memory .*\n/m.test(this.stdout)) ready.resolve(performance.now() - spawnedAt);
    });
    this.#child.stderr!.setEncoding('utf8').on('data', (chunk: string) => {
      this.stderr += chunk;
    });
    this.exited = new Promise((resolve) => {
      this.#child.on('close', (code, signal) => {
        this.#ended = true;
        ready.reject(new Error(`the server ended with ${code ?? signal} before it was ready\n${this.stderr}`));
        resolve({ code, signal });
      });
    });
  }

  /** Spawns the server and does not wait for it. */
  static spawn(options: ServerProcessOptions): ServerProcess {
    return new ServerProcess(options);
  }

  /** Spawns the server and waits until it is ready. */
  static async start(options: ServerProcessOptions): Promise<ServerProcess> {
    const server = new ServerProcess(options);
    await server.ready;
    return server;
  }

  /** Of the spawned process: the server, or the command it runs under. */
  get pid(): number {
    return this.#child.pid!;
  }

  get ended(): boolean {
    return this.#ended;
  }

  /** @throws while the listener is not in the start screen. */
  port(name: ListenerName): number {
    const port = new RegExp(`^ {2}${name} +[\\d.]+:(\\d+)`, 'm').exec(this.stdout)?.[1];
    if (port === undefined) throw new Error(`no port of ${name} in\n${this.stdout}`);
    return Number(port);
  }

  /** Ends it as kill -9 does. Harmless when it has ended. */
  async kill(): Promise<Exit> {
    this.#child.kill('SIGKILL');
    return this.exited;
  }

  /** Tells it to read its certificates anew. */
  hangUp(): void {
    this.#child.kill('SIGHUP');
  }

  /** Asks it to end. @returns the exit code. */
  async stop(): Promise<number | null> {
    this.#child.kill('SIGTERM');
    return (await this.exited).code;
  }

  /** Memory of the process now, and the most it ever was, as the kernel counts them; undefined once it has ended. */
  async memory(): Promise<{ readonly rssBytes: number; readonly peakBytes: number } | undefined> {
    let status: string;
    try {
      status = await readFile(`/proc/${this.pid}/status`, 'utf8');
    } catch {
      return undefined;
    }
    const bytes = (name: string) => Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(status)?.[1] ?? 0) * 1024;
    return { rssBytes: bytes('VmRSS'), peakBytes: bytes('VmHWM') };
  }
}

export interface CommandResult extends Exit {
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs `orbit ARGS` to its end. */
export async function runOrbit(...args: readonly string[]): Promise<CommandResult> {
  const child = spawnOrbit(args);
  let stdout = '';
  let stderr = '';
  child.stdout!.setEncoding('utf8').on('data', (chunk: string) => {
    stdout += chunk;
  });
  child.stderr!.setEncoding('utf8').on('data', (chunk: string) => {
    stderr += chunk;
  });
  const exit = await new Promise<Exit>((resolve) => child.on('close', (code, signal) => resolve({ code, signal })));
  return { ...exit, stdout, stderr };
}

const running = new Set<ChildProcess>();
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

/** With an environment of its own: nothing of the caller's configuration reaches it. */
function spawnOrbit(
  args: readonly string[],
  under: readonly string[] = [],
  more: Readonly<Record<string, string>> = {},
): ChildProcess {
  const [program, ...rest] = [...under, process.execPath, ...NODE_FLAGS, MAIN, ...args];
  // Many servers of tests live for a moment, side by side: what one rehearses for later is taken from the others.
  const isTest = process.env.VITEST !== undefined;
  const rehearsal = isTest ? { ORBIT_POSTGRES_REHEARSAL: 'connection', ORBIT_REDIS_REHEARSAL: 'never' } : {};
  const env = { PATH: process.env.PATH, MALLOC_ARENA_MAX: '2', ...rehearsal, ...more };
  const child = spawn(program!, rest, { cwd: ROOT, env, stdio: ['ignore', 'pipe', 'pipe'] });
  running.add(child);
  child.on('close', () => running.delete(child));
  return child;
}
