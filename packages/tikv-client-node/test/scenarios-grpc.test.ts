/** The scenarios over gRPC: sockets that really break, listeners that really close; only time is the tests' own. */

import { ALL_SUITES } from './scenarios/all.ts';
import { runSuites } from './support/scenario.ts';

runSuites(ALL_SUITES, 'over gRPC');
