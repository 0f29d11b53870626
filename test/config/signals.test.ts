/**
 * How `orbit start` lives and dies, with a composition root that only prints: the first signal stops the server, the
 * second ends the process, failures have a code.
 */

import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));

/** A server whose behaviour is chosen by the node id. */
const SERVER = `
import { OperationError } from './base/errors.ts';

export async function runServer(config, io) {
  const { nodeId } = config.server;
  if (nodeId === 'refuses') throw new OperationError('store_locked', 'the directory is in use', { hint: 'stop the other' });
  const alive = setInterval(() => {}, 60_000);
  const stopped = Promise.withResolvers();
  if (nodeId === 'fails-later') setImmediate(() => stopped.reject(new OperationError('io', 'the disk is gone')));
  io.stdout('ready on ' + config.listeners.redis.port);
  return {
    stopped: stopped.promise,
    async stop() {
      io.stdout('stopping');
      if (nodeId === 'hangs') return;
      if (nodeId === 'fails-to-stop') throw new OperationError('io', 'the last write failed');
      clearInterval(alive);
      if (nodeId === 'stops-later') await new Promise((resolve) => setTimeout(resolve, 200).unref());
      stopped.resolve();
    },
  };
}
`;

let folder: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'orbit-signals-'));
  mkdirSync(join(folder, 'src'));
  for (const name of ['package.json', 'node_modules']) symlinkSync(join(ROOT, name), join(folder, name));
  for (const name of ['base', 'config', 'platform']) symlinkSync(join(ROOT, 'src', name), join(folder, 'src', name));
  copyFileSync(join(ROOT, 'src/main.ts'), join(folder, 'src/main.ts'));
  writeFileSync(join(folder, 'src/server.ts'), SERVER);
});

afterAll(() => rmSync(folder, { recursive: true }));

/** A started process; `until` waits for text on its standard output. */
class Orbit {
  readonly #child: ChildProcessWithoutNullStreams;
  readonly #closed: Promise<number | null>;
  stdout = '';
  stderr = '';
  #wake: () => void = () => {};

  constructor(...args: readonly string[]) {
    this.#child = spawn(process.execPath, [join(folder, 'src/main.ts'), 'start', ...args], {
      cwd: folder,
      env: { PATH: process.env.PATH },
    });
    this.#child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
      this.stdout += chunk;
      this.#wake();
    });
    this.#child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
      this.stderr += chunk;
    });
    this.#closed = new Promise((resolve) => {
      this.#child.on('close', (code) => {
        resolve(code);
        this.#wake();
      });
    });
  }

  async until(text: string): Promise<void> {
    while (!this.stdout.includes(text)) {
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#wake = resolve;
      await promise;
      if (this.#child.exitCode !== null && !this.stdout.includes(text))
        throw new Error(`ended: ${this.stdout}${this.stderr}`);
    }
  }

  send(signal: 'SIGINT' | 'SIGTERM'): void {
    this.#child.kill(signal);
  }

  code(): Promise<number | null> {
    return this.#closed;
  }
}

test.each(['SIGINT', 'SIGTERM'] as const)('%s stops the server once, and that is success', async (signal) => {
  const orbit = new Orbit('--redis-port', '7001');
  await orbit.until('ready on 7001\n');
  orbit.send(signal);
  expect(await orbit.code()).toBe(0);
  expect(orbit).toMatchObject({ stdout: 'ready on 7001\nstopping\n', stderr: '' });
});

test('a shutdown that waits for nothing but time is waited for', async () => {
  const orbit = new Orbit('--node-id', 'stops-later');
  await orbit.until('ready');
  orbit.send('SIGTERM');
  expect(await orbit.code()).toBe(0);
  expect(orbit.stderr).toBe('');
});

test.each([
  ['SIGINT', 130],
  ['SIGTERM', 143],
] as const)('a second signal, %s, ends a shutdown that hangs with code %i', async (signal, code) => {
  const orbit = new Orbit('--node-id', 'hangs');
  await orbit.until('ready');
  orbit.send('SIGTERM');
  await orbit.until('stopping');
  orbit.send(signal);
  expect(await orbit.code()).toBe(code);
  expect(orbit.stdout.match(/stopping/g)).toHaveLength(1);
});

test('a server that cannot start is code 1 with the hint', async () => {
  const orbit = new Orbit('--node-id', 'refuses');
  expect(await orbit.code()).toBe(1);
  expect(orbit).toMatchObject({ stdout: '', stderr: 'error: the directory is in use\nhint: stop the other\n' });
});

test('a server that fails while it runs is code 1', async () => {
  const orbit = new Orbit('--node-id', 'fails-later');
  expect(await orbit.code()).toBe(1);
  expect(orbit.stderr).toBe('error: the disk is gone\n');
});

test('a server that fails to stop is code 1', async () => {
  const orbit = new Orbit('--node-id', 'fails-to-stop');
  await orbit.until('ready');
  orbit.send('SIGTERM');
  expect(await orbit.code()).toBe(1);
  expect(orbit.stderr).toBe('error: the last write failed\n');
});

test('warnings are on standard error before it starts', async () => {
  const orbit = new Orbit('--grpc-port', '50052', '--node-id', 'refuses');
  await orbit.code();
  expect(orbit.stderr).toMatch(/^warning: flag --grpc-port: accepted for compatibility, .*\nerror: /);
});
