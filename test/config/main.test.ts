/** The command line as a process: exit codes, messages, and what it must not load before it answers. */

import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

const MAIN = fileURLToPath(new URL('../../src/main.ts', import.meta.url));
let folder: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'orbit-main-'));
  writeFileSync(join(folder, 'orbit.toml'), '[protocols.redis]\nport = 7000\n');
  writeFileSync(join(folder, 'wrong.toml'), '[protocols.redis]\nprot = 7000\n');
});

afterAll(() => rmSync(folder, { recursive: true }));

interface Outcome {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

function orbit(args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<Outcome> {
  const child = spawn(process.execPath, [MAIN, ...args], { cwd: folder, env: { PATH: process.env.PATH, ...env } });
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    stdout += chunk;
  });
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
    stderr += chunk;
  });
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code) => resolve({ code, stdout, stderr }));
  });
}

describe('orbit', () => {
  test('--version is that of the package', async () => {
    const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
      version: string;
    };
    expect(await orbit(['--version'])).toEqual({ code: 0, stdout: `${version}\n`, stderr: '' });
  });

  test('--help lists commands and exit codes', async () => {
    const { code, stdout } = await orbit(['--help']);
    expect(code).toBe(0);
    for (const text of ['start', 'config', 'keys', 'backup', 'restore', '0  success', '2  wrong usage'])
      expect(stdout).toContain(text);
  });

  test('--help loads nothing but the command line', () => {
    // What the entry point imports before it runs a command; `import type` costs nothing.
    const imports = [...readFileSync(MAIN, 'utf8').matchAll(/^import (?!type).* from '(.*)';$/gm)].map(
      ([, from]) => from,
    );
    const ours = ['./config/flags.ts', './platform/keep-alive.ts'];
    expect(imports).toEqual(['node:module', 'commander', ...ours]);
    for (const path of ours) expect(readFileSync(join(dirname(MAIN), path), 'utf8')).not.toMatch(/^import /m);
  });

  test.each([
    [[], /Usage: orbit/],
    [['strat'], /^error: unknown command 'strat'\nhint: did you mean start\?\n/],
    [['start', '--redis-prt', '1'], /^error: unknown option '--redis-prt'\nhint: did you mean --redis-port\?\n/],
    [['start', '--redis-port'], /^error: option '--redis-port <port>' argument missing/],
    [['keys', '--limit', 'few'], /^error: .*whole number/],
    [['backup'], /^error: missing required argument 'directory'/],
    [['config', 'print', '--format', 'yaml'], /^error: .*Allowed choices are toml, json/],
  ])('%j is wrong usage', async (args, message) => {
    const { code, stdout, stderr } = await orbit(args);
    expect([code, stdout]).toEqual([2, '']);
    expect(stderr).toMatch(message);
  });

  test.each(['start', 'config print', 'config check', 'keys', 'backup target', 'restore source'])(
    '%s refuses a wrong configuration with code 2, place and fix',
    async (command) => {
      expect(await orbit([...command.split(' '), '-c', 'wrong.toml'])).toEqual({
        code: 2,
        stdout: '',
        stderr: 'error: wrong.toml:2:1: unknown key prot in [protocols.redis]\nhint: did you mean port?\n',
      });
    },
  );

  test('shows a stack in dev mode only', async () => {
    const { stderr } = await orbit(['config', 'check', '-c', 'wrong.toml', '--dev-mode']);
    expect(stderr).toContain('\n    at ');
  });

  test('config print merges file, environment and flags of the process', async () => {
    const { code, stdout } = await orbit(['config', 'print', '--format', 'json', '--http-port', '0'], {
      ORBIT_NODE_ID: 'n1',
    });
    expect(code).toBe(0);
    const { values } = JSON.parse(stdout) as { values: Record<string, { value: unknown; origin: string }> };
    expect(values['protocols.redis.port']).toEqual({ value: 7000, origin: 'orbit.toml:2' });
    expect(values['protocols.rest.port']).toEqual({ value: 0, origin: 'flag --http-port' });
    expect(values['server.node_id']).toEqual({ value: 'n1', origin: 'env ORBIT_NODE_ID' });
    expect(values['memory.limit']!.value).toBeGreaterThan(64 * 2 ** 20);
  });

  test('config check answers ok for a right one', async () => {
    expect(await orbit(['config', 'check'])).toEqual({ code: 0, stdout: 'orbit.toml: ok\n', stderr: '' });
  });
});
