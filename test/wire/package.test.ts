/**
 * The published package, as a stranger gets it: packed, unpacked into an empty project beside its dependencies, started
 * with its own command, embedded in a program, with an actor module of the project's own.
 */

import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, it } from 'vitest';

const root = fileURLToPath(new URL('../..', import.meta.url));
let project: string;

beforeAll(() => {
  project = mkdtempSync(join(tmpdir(), 'orbit-package-'));
  const packed = execFileSync('npm', ['pack', '--silent', '--pack-destination', project], {
    cwd: root,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
  })
    .trim()
    .split('\n')
    .at(-1)!;
  const modules = join(project, 'node_modules');
  mkdirSync(join(modules, 'orbit'), { recursive: true });
  execFileSync('tar', ['-xzf', join(project, packed), '-C', join(modules, 'orbit'), '--strip-components=1']);
  const manifest = JSON.parse(readFileSync(join(modules, 'orbit/package.json'), 'utf8')) as { dependencies: object };
  for (const name of Object.keys(manifest.dependencies)) {
    mkdirSync(dirname(join(modules, name)), { recursive: true });
    symlinkSync(join(root, 'node_modules', name), join(modules, name), 'dir');
  }
  writeFileSync(join(project, 'package.json'), '{ "type": "module" }');
}, 120_000);

afterAll(() => rmSync(project, { recursive: true, force: true }));

it('serves, and calls an actor module of the project', { timeout: 60_000 }, async () => {
  writeFileSync(
    join(project, 'counter.js'),
    `import { defineActor } from 'orbit';
     export const Counter = defineActor({
       type: 'counter', initial: () => ({ n: 0 }),
       methods: { add(turn, by) { turn.save({ n: turn.state.n + by }); return turn.state.n; } },
     });`,
  );
  writeFileSync(join(project, 'orbit.toml'), '[actors]\nmodules = ["./counter.js"]\n');
  const ports = ['--redis-port', '--postgres-port', '--http-port', '--metrics-port'].flatMap((flag) => [flag, '0']);
  const server = spawn(process.execPath, ['node_modules/orbit/dist/main.js', 'start', ...ports], { cwd: project });
  try {
    const port = await redisPort(server);
    expect(await command(port, 'ACTOR.CALL counter a add 5\r\n')).toBe('$1\r\n5\r\n');
    expect(await command(port, 'ACTOR.CALL counter a add 7\r\n')).toBe('$2\r\n12\r\n');
  } finally {
    const closed = new Promise((resolve) => server.once('close', resolve));
    server.kill('SIGTERM');
    expect(await closed).toBe(0);
  }
});

it('opens a store inside a program', { timeout: 60_000 }, () => {
  writeFileSync(
    join(project, 'embed.js'),
    `import { openStores, persistence } from 'orbit';
     const stores = await openStores(persistence().withRocksDb('local', { dataDir: './embedded' }).build());
     const transaction = stores.default.begin();
     transaction.put(Buffer.from('app/greeting'), Buffer.from('hello'));
     const { version } = await transaction.commit();
     console.log(version, Buffer.from(await stores.default.get(Buffer.from('app/greeting'))).toString());
     await stores.close();`,
  );
  expect(execFileSync(process.execPath, ['embed.js'], { cwd: project, encoding: 'utf8' })).toBe('1 hello\n');
});

it('brings types that a strict program compiles against', { timeout: 60_000 }, () => {
  writeFileSync(
    join(project, 'typed.ts'),
    `import { type Commit, defineActor, openStores, persistence, type Turn } from 'orbit';
     export const Counter = defineActor({
       type: 'counter', initial: () => ({ n: 0 }),
       methods: { add: (turn: Turn<{ n: number }>, by: number): number => { turn.save({ n: turn.state.n + by }); return by; } },
     });
     const stores = await openStores(persistence().withMemory('main').build());
     const commit: Commit = await stores.default.begin().commit();
     console.log(commit.version.toFixed());`,
  );
  const flags = [
    '--noEmit',
    '--strict',
    '--module',
    'nodenext',
    '--target',
    'es2024',
    '--types',
    'node',
    '--typeRoots',
  ];
  const compiler = join(root, 'node_modules/typescript/bin/tsc');
  const types = join(root, 'node_modules/@types');
  const compile = (file: string) =>
    execFileSync(process.execPath, [compiler, ...flags, types, file], {
      cwd: project,
      encoding: 'utf8',
      stdio: 'pipe',
    });
  expect(compile('typed.ts')).toBe('');
  writeFileSync(join(project, 'wrong.ts'), `import { persistence } from 'orbit';\npersistence().withMemory(1);\n`);
  expect(() => compile('wrong.ts')).toThrow();
});

/** The port in the start screen. */
function redisPort(server: ChildProcess): Promise<number> {
  return new Promise((resolve, reject) => {
    let output = '';
    const read = (chunk: Buffer) => {
      output += chunk.toString();
      const match = /redis\s+127\.0\.0\.1:(\d+)/.exec(output);
      if (match !== null) resolve(Number(match[1]));
    };
    server.stdout!.on('data', read);
    server.stderr!.on('data', read);
    server.once('close', () => reject(new Error(`the server ended: ${output}`)));
  });
}

function command(port: number, line: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1', () => socket.write(line));
    socket.once('error', reject);
    socket.once('data', (reply) => {
      resolve(reply.toString());
      socket.destroy();
    });
  });
}
