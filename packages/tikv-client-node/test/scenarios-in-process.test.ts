/** The scenarios within the process: the same run for the same seed, to the order of messages. */

import { ALL_SUITES } from './scenarios/all.ts';
import { runSuites } from './support/scenario.ts';

runSuites(ALL_SUITES, 'in the process');
