/**
 * Fills Node's compile cache with the sources, once; `npm start` runs it first.
 *
 * Node strips the types of each source file when it loads it, and the tool that does so takes 60 MB of memory in every
 * thread. With NODE_COMPILE_CACHE set, what it produced is kept, keyed by contents, and later starts neither load the
 * tool nor wait for it. What is kept holds for a V8 with the same flags, so it is filled under those that this process was
 * started with. The published package holds JavaScript and needs none of this.
 */

import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const self = fileURLToPath(import.meta.url);
/** The directory to fill; without one this is the process that fills it. */
const cache = process.argv[2];

if (cache === undefined) {
  const { openStores, persistence } = await import('../src/index.ts');
  const dataDir = await mkdtemp(join(tmpdir(), 'orbit-warm-'));
  const keepAlive = setInterval(() => {}, 1_000);
  const stores = await openStores(persistence().withRocksDb('warm', { dataDir }).build());
  await stores.close();
  clearInterval(keepAlive);
  await rm(dataDir, { recursive: true, force: true });
} else if (!existsSync(cache)) {
  const env = { ...process.env, NODE_COMPILE_CACHE: cache };
  spawnSync(process.execPath, [...process.execArgv, self], { env, stdio: 'ignore' });
  spawnSync(process.execPath, [...process.execArgv, join(self, '../../src/main.ts'), 'config', 'check'], {
    env,
    stdio: 'ignore',
  });
}
