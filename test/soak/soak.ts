/** What every soak takes and gives. */

export interface SoakOptions {
  readonly seed: number;
  /** Of what the soak counts: transactions, keys, snapshots. Default: the soak's own. */
  readonly count: number | undefined;
  readonly rounds: number | undefined;
  /** A TiKV test cluster in a process of its own, where the soak knows how to; default: the soak's own store. */
  readonly store: 'tikv' | undefined;
  readonly progress: (line: string) => void;
}

export interface SoakResult {
  /** What was promised and not kept; empty for success. */
  readonly problems: readonly string[];
  /** What was measured, in one line. */
  readonly line: string;
}
