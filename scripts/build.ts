/** Compiles src/ into dist/, from nothing, and makes dist/main.js a program. */

import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const DIST = join(ROOT, 'dist');
const SHEBANG = '#!/usr/bin/env node\n';

rmSync(DIST, { recursive: true, force: true });
const compiler = join(ROOT, 'node_modules', 'typescript', 'bin', 'tsc');
const run = spawnSync(process.execPath, [compiler, '-p', 'tsconfig.build.json'], { cwd: ROOT, stdio: 'inherit' });
if (run.error !== undefined) throw run.error;
if (run.status !== 0) process.exit(run.status ?? 1);

const main = join(DIST, 'main.js');
if (!existsSync(main)) throw new Error('the build has no dist/main.js: is src/main.ts missing?');
const code = readFileSync(main, 'utf8');
if (!code.startsWith('#!')) writeFileSync(main, SHEBANG + code);
chmodSync(main, 0o755);
