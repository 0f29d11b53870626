/**
 * Random commands to a server whose store is TiKV, beside Redis; the long runs, and those of SQL beside PostgreSQL, are
 * `npm run soak -- resp --store tikv` and `npm run soak -- sql --store tikv`.
 */

import { expect, test } from 'vitest';
import { isRedisInstalled } from './redis-reference.ts';
import { runDifferential } from './resp-differential.ts';

const SEED = Number(process.env.ORBIT_TEST_SEED ?? '1') >>> 0;

test.runIf(isRedisInstalled)(
  'commands are answered as Redis answers them',
  async () => {
    await expect(
      runDifferential({ seed: SEED, commands: 1_000, server: { provider: 'tikv' } }),
    ).resolves.toBeUndefined();
  },
  60_000,
);
