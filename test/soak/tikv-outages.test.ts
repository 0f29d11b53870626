/** The soak of outages, short: within two seconds nothing is given up yet, so nobody fails; all go on. */

import { expect, test } from 'vitest';
import { runOutages } from './tikv-outages.ts';

test("two seconds without a store, PD's leader or any PD are waited for by everybody", async () => {
  const { problems, lines } = await runOutages(2, () => {});
  expect(problems).toEqual([]);
  expect(lines).toHaveLength(3);
}, 180_000);
