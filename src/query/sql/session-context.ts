/** What the rooms of one session share: settings, running statement, transaction, prepared statements. */

import type { SessionSequences } from './catalog/sequences.ts';
import type { SessionFacts } from './functions/evaluation.ts';
import type { Interrupts } from './interrupts.ts';
import type { PreparedStatement } from './portal.ts';
import type { SessionParameters } from './session-parameters.ts';
import type { SqlEngine } from './sql-engine.ts';
import type { TransactionBlock } from './transaction-block.ts';

export interface SessionContext {
  readonly engine: SqlEngine;
  readonly parameters: SessionParameters;
  readonly facts: SessionFacts;
  readonly interrupts: Interrupts;
  readonly block: TransactionBlock;
  readonly sequences: SessionSequences;
  readonly statements: Map<string, PreparedStatement>;
}
