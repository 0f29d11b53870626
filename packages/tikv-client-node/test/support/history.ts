/**
 * Judges a history of transactions: atomicity, snapshot isolation, no lost update, and that what clients were told is
 * what happened. Values are unique, so that a read names its writer.
 */

export interface ReadEvent {
  readonly key: string;
  /** Undefined: absent. */
  readonly value: string | undefined;
  /** As of which timestamp. */
  readonly readTs: bigint;
}

export interface TransactionEvent {
  readonly startTs: bigint;
  readonly reads: readonly ReadEvent[];
  readonly writes: ReadonlyMap<string, string>;
  /** What the client was told; `died`: it was told nothing. */
  readonly told: 'committed' | 'failed' | 'undetermined' | 'died';
  readonly toldCommitTs: bigint | undefined;
}

/** What storage says became of a write; undefined: it is not there. */
export type Truth = (key: string, startTs: bigint) => bigint | undefined;

/** @returns what is wrong, in words. */
export function violations(history: readonly TransactionEvent[], truth: Truth): string[] {
  const found: string[] = [];
  /** Committed writes of each key, in order. */
  const versions = new Map<string, { commitTs: bigint; value: string; startTs: bigint }[]>();
  const commits = new Map<TransactionEvent, bigint>();
  for (const event of history) {
    const outcomes = [...event.writes.keys()].map((key) => truth(key, event.startTs));
    const commitTs = outcomes[0];
    if (outcomes.some((one) => one !== commitTs)) {
      found.push(`the transaction of ${event.startTs} took effect in part: ${outcomes.join(', ')}`);
      continue;
    }
    if (event.writes.size > 0) {
      if (event.told === 'committed' && commitTs === undefined)
        found.push(`${event.startTs} was told it committed, but it did not`);
      if (event.told === 'failed' && commitTs !== undefined)
        found.push(`${event.startTs} was told it failed, but it committed`);
      if (event.told === 'committed' && commitTs !== undefined && event.toldCommitTs !== commitTs) {
        found.push(`${event.startTs} was told it committed at ${event.toldCommitTs}, but it was ${commitTs}`);
      }
    }
    if (commitTs === undefined) continue;
    commits.set(event, commitTs);
    for (const [key, value] of event.writes) {
      const list = versions.get(key) ?? [];
      list.push({ commitTs, value, startTs: event.startTs });
      versions.set(key, list);
    }
  }
  for (const list of versions.values()) list.sort((a, b) => (a.commitTs < b.commitTs ? -1 : 1));
  for (const event of history) {
    for (const { key, value, readTs } of event.reads) {
      const expected = versions.get(key)?.findLast((one) => one.commitTs <= readTs)?.value;
      if (value !== expected)
        found.push(`${event.startTs} read ${key} as of ${readTs}: ${value} instead of ${expected}`);
    }
    const commitTs = commits.get(event);
    if (commitTs === undefined) continue;
    for (const { key, readTs } of event.reads) {
      if (!event.writes.has(key)) continue;
      const between = versions.get(key)?.find((one) => one.commitTs > readTs && one.commitTs < commitTs);
      if (between !== undefined) found.push(`${event.startTs} lost the update of ${key} by ${between.startTs}`);
    }
  }
  return found;
}
