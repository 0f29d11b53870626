/** A slice of the soak of volumes: kill -9 with writes, deletes and vacuums under way. */

import { expect, test } from 'vitest';
import { runBlobKill } from '../soak/blobs.ts';

const seed = process.env.ORBIT_TEST_SEED ?? '1';

test('kill -9 takes no acknowledged needle, brings none back, and makes no other byte', {
  timeout: 120_000,
}, async () => {
  const report = await runBlobKill({ seed, rounds: 4, killAfterMs: [20, 300] });
  expect(report.problems, `seed ${seed}`).toEqual([]);
  expect(report.acknowledged).toBeGreaterThan(50);
});
