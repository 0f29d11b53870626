import fc from 'fast-check';
import { setVerifying } from './src/base/assert.ts';

setVerifying(true);

// The same seed as every other test of the run, so that a failed property replays from the commit it failed on.
fc.configureGlobal({ seed: Number.parseInt(process.env.ORBIT_TEST_SEED ?? '4711', 10) });
