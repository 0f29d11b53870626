/** The package as a stranger gets it: packed, unpacked into an empty project, and used as its README says. */

import { execFileSync, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, it } from 'vitest';

const root = fileURLToPath(new URL('../../..', import.meta.url));
const packageDirectory = fileURLToPath(new URL('..', import.meta.url));
let project: string;

beforeAll(() => {
  project = mkdtempSync(join(tmpdir(), 'tikv-client-package-'));
  const packed = execFileSync('npm', ['pack', '--silent', '--pack-destination', project], {
    cwd: packageDirectory,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
  })
    .trim()
    .split('\n')
    .at(-1)!;
  const installed = join(project, 'node_modules', 'tikv-client-node');
  mkdirSync(installed, { recursive: true });
  execFileSync('tar', ['-xzf', join(project, packed), '-C', installed, '--strip-components=1']);
  writeFileSync(join(project, 'package.json'), '{ "type": "module" }');
}, 120_000);

afterAll(() => rmSync(project, { recursive: true, force: true }));

it('runs the first example of its README on the cluster that it brings', async () => {
  const cluster = spawn(process.execPath, ['node_modules/tikv-client-node/dist/test-cluster/node/main.js'], {
    cwd: project,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const ended = new Promise<unknown>((resolve) => cluster.once('exit', resolve));
  try {
    const line = await new Promise<string>((resolve, reject) => {
      cluster.stdout.once('data', (chunk: Buffer) => resolve(chunk.toString()));
      void ended.then((code) => reject(new Error(`the cluster ended with ${code}`)));
    });
    const endpoint = line.trim().replace('TIKV_PD_ENDPOINTS=', '');
    const example = examples()[0]!;
    expect(example).toContain("'127.0.0.1:2379'");
    writeFileSync(join(project, 'example.js'), example.replace('127.0.0.1:2379', endpoint));
    expect(execFileSync(process.execPath, ['example.js'], { cwd: project, encoding: 'utf8' })).toBe('hello\n');
  } finally {
    cluster.kill('SIGTERM');
    await ended;
  }
});

it('runs the second, a test on virtual time', () => {
  writeFileSync(join(project, 'inside.js'), examples()[1]!);
  expect(execFileSync(process.execPath, ['inside.js'], { cwd: project, encoding: 'utf8' })).toBe('undetermined\n');
});

it('brings types that a strict program compiles against', () => {
  const flags = [
    '--noEmit',
    '--strict',
    '--module',
    'nodenext',
    '--target',
    'es2024',
    '--lib',
    'es2024,esnext.disposable',
  ];
  const compile = (file: string, text: string) => {
    writeFileSync(join(project, file), text);
    return execFileSync(
      process.execPath,
      [
        join(root, 'node_modules/typescript/bin/tsc'),
        ...flags,
        '--types',
        'node',
        '--typeRoots',
        join(root, 'node_modules/@types'),
        file,
      ],
      { cwd: project, encoding: 'utf8', stdio: 'pipe' },
    );
  };
  const program = (value: string) => `import { connect, UndeterminedError } from 'tikv-client-node';
    import { TestCluster } from 'tikv-client-node/test-cluster';
    export const cluster: typeof TestCluster = TestCluster;
    const client = await connect({ pdEndpoints: ['127.0.0.1:2379'], hooks: { onBackoff: (kind) => kind === 'pdRPC' } });
    const transaction = await client.begin({ pessimistic: true });
    transaction.put(Buffer.from('a'), ${value});
    try {
      await transaction.commit();
    } catch (error) {
      if (error instanceof UndeterminedError) console.log(error.message);
    }`;
  expect(compile('typed.ts', program("Buffer.from('1')"))).toBe('');
  expect(() => compile('wrong.ts', program('1'))).toThrow();
});

/** The code of its README. */
function examples(): string[] {
  const readme = readFileSync(join(project, 'node_modules/tikv-client-node/README.md'), 'utf8');
  return [...readme.matchAll(/```ts\n(.*?)```/gs)].map((match) => match[1]!);
}
