/**
 * The randomized run, over a slice of seeds that follows the commit. ORBIT_TEST_SEED picks the slice;
 * TIKV_CHAOS_RUNS its length.
 */

import { describe, expect, it } from 'vitest';
import { chaos } from './support/chaos.ts';
import { type TransactionEvent, violations } from './support/history.ts';

const FIRST = Number(process.env.ORBIT_TEST_SEED ?? 1) >>> 0;
const RUNS = Number(process.env.TIKV_CHAOS_RUNS ?? 4);

// On a busy machine turns of the event loop take long, and a run has hundreds of thousands.
describe('clients among failing stores', { timeout: 300_000 }, () => {
  it('keep snapshot isolation, lose nothing and double nothing', async () => {
    const told = { committed: 0, failed: 0, undetermined: 0, died: 0 };
    for (let i = 0; i < RUNS; i++) {
      const seed = (FIRST + i) >>> 0;
      const result = await chaos(seed);
      expect(result.violations, `ORBIT_TEST_SEED=${seed}`).toEqual([]);
      for (const [what, count] of Object.entries(result.told)) told[what as keyof typeof told] += count;
    }
    expect(told.committed, JSON.stringify(told)).toBeGreaterThan(RUNS * 40);
    if (RUNS >= 50) expect(told.undetermined + told.died).toBeGreaterThan(0);
  });

  it('repeat exactly for the same seed', async () => {
    const [first, second] = [await chaos(FIRST), await chaos(FIRST)];
    expect(second.digest, `ORBIT_TEST_SEED=${FIRST}`).toBe(first.digest);
  });
});

describe('the judge of histories', () => {
  const event = (over: Partial<TransactionEvent>): TransactionEvent => ({
    startTs: 10n,
    reads: [],
    writes: new Map(),
    told: 'committed',
    toldCommitTs: 15n,
    ...over,
  });
  const put = (key: string, value: string) => new Map([[key, value]]);

  it('canary: notices a lost update, a read from nowhere, half a transaction, and a wrong word', () => {
    const truth = (_key: string, startTs: bigint) => (startTs === 99n ? undefined : startTs + 5n);
    const first = event({ writes: put('a', '1') });
    expect(violations([first], truth)).toEqual([]);
    const lost = [
      first,
      event({ startTs: 20n, reads: [{ key: 'a', value: '1', readTs: 20n }], writes: put('a', '2'), toldCommitTs: 25n }),
      event({ startTs: 22n, reads: [{ key: 'a', value: '1', readTs: 22n }], writes: put('a', '3'), toldCommitTs: 27n }),
    ];
    expect(violations(lost, truth).join()).toContain('lost the update');
    const stale = event({ startTs: 30n, reads: [{ key: 'a', value: undefined, readTs: 30n }], toldCommitTs: 35n });
    expect(violations([first, stale], truth).join()).toContain('instead of 1');
    const half = event({ writes: new Map([...put('a', '1'), ...put('b', '1')]) });
    expect(violations([half], (key) => (key === 'a' ? 15n : undefined)).join()).toContain('in part');
    expect(violations([event({ startTs: 99n, writes: put('a', '1') })], truth).join()).toContain('but it did not');
    expect(violations([event({ told: 'failed', writes: put('a', '1') })], truth).join()).toContain('but it committed');
  });
});
