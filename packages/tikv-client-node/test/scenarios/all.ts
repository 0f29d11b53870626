/** Every suite of scenarios, in the order of the reference. */

import type { Suite } from '../support/scenario.ts';
import { asynchronousCommit, onePhaseCommit, readsElsewhere } from './async-commit.ts';
import { garbageCollection } from './gc.ts';
import { locksOfDeadClients, theSafePoint } from './locks.ts';
import { pd } from './pd.ts';
import { pessimisticTransactions } from './pessimistic.ts';
import { apiV2, rawKv } from './raw.ts';
import { regionErrors, theHooks, theRegionCache } from './regions.ts';
import { stores } from './stores.ts';
import { transactions } from './transactions.ts';
import { twoPhases } from './two-phase.ts';

export const ALL_SUITES: readonly Suite[] = [
  transactions,
  twoPhases,
  locksOfDeadClients,
  asynchronousCommit,
  onePhaseCommit,
  readsElsewhere,
  pessimisticTransactions,
  theSafePoint,
  garbageCollection,
  regionErrors,
  theRegionCache,
  theHooks,
  stores,
  pd,
  rawKv,
  apiV2,
];
