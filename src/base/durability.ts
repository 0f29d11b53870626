/**
 * What an acknowledged write survives. One name for each class everywhere: configuration, flags, metrics, documents.
 *
 * | class     | survives                | how                                                        |
 * |-----------|-------------------------|------------------------------------------------------------|
 * | `disk`    | power loss              | the log record is synced before the reply                  |
 * | `process` | kill -9 of the process  | the log record is written before the reply, synced within 1 s |
 * | `memory`  | nothing                 | no log and no change feed                                  |
 */
export const DURABILITIES = ['disk', 'process', 'memory'] as const;
export type Durability = (typeof DURABILITIES)[number];
