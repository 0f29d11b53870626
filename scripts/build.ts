/**
 * Compiles src/ into dist/, from nothing, with the TiKV client beside it in dist/tikv-client/, and makes dist/main.js a
 * program. Sources name the client `#tikv-client`, which is where it lies in the repository; what is built names its place.
 */

import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const DIST = join(ROOT, 'dist');
const SHEBANG = '#!/usr/bin/env node\n';

rmSync(DIST, { recursive: true, force: true });
const compiler = join(ROOT, 'node_modules', 'typescript', 'bin', 'tsc');
for (const project of ['packages/tikv-client-node/tsconfig.build.json', 'tsconfig.build.json']) {
  const run = spawnSync(process.execPath, [compiler, '-p', project], { cwd: ROOT, stdio: 'inherit' });
  if (run.error !== undefined) throw run.error;
  if (run.status !== 0) process.exit(run.status ?? 1);
}

for (const entry of readdirSync(DIST, { recursive: true, withFileTypes: true })) {
  if (!entry.isFile() || !/\.(?:js|d\.ts)$/.test(entry.name)) continue;
  const path = join(entry.parentPath, entry.name);
  const text = readFileSync(path, 'utf8');
  if (!text.includes("'#tikv-client'")) continue;
  const place = relative(entry.parentPath, join(DIST, 'tikv-client', 'index.js')).replaceAll('\\', '/');
  writeFileSync(path, text.replaceAll("'#tikv-client'", `'${place.startsWith('.') ? place : `./${place}`}'`));
}

const main = join(DIST, 'main.js');
if (!existsSync(main)) throw new Error('the build has no dist/main.js: is src/main.ts missing?');
const code = readFileSync(main, 'utf8');
if (!code.startsWith('#!')) writeFileSync(main, SHEBANG + code);
chmodSync(main, 0o755);
