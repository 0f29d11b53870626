/** Medians of alternating runs: what makes two figures of one noisy machine comparable. */

export interface Case {
  readonly name: string;
  /** What is counted, per second. */
  readonly unit: string;
  /** One run of ours. @returns operations per second, alone or with what they cost. */
  readonly ours: () => Promise<number | Measured> | number;
  readonly peer: () => Promise<number | Measured> | number;
  readonly peerName: string;
}

/** A run whose processor time was taken too: on a busy machine that is the figure to trust. */
export interface Measured {
  /** Operations per second of wall time. */
  readonly rate: number;
  /** Microseconds that the server's threads ran, in user and system mode, per operation. */
  readonly processorUs: number;
}

export const RUNS = 5;

/**
 * One warm-up of each, then `RUNS` of each, alternating. @returns `name  ours …  peer …  ratio …x`, and where the runs tell
 * it, the processor time of both and theirs over ours: above 1 is in our favour in either ratio.
 */
export async function compare({ name, unit, ours, peer, peerName }: Case): Promise<string> {
  await ours();
  await peer();
  const our: (number | Measured)[] = [];
  const their: (number | Measured)[] = [];
  for (let run = 0; run < RUNS; run++) {
    our.push(await ours());
    their.push(await peer());
  }
  const [ourRate, theirRate] = [medianRate(our), medianRate(their)];
  const rates = `${name.padEnd(34)} orbit ${format(ourRate)} ${unit}  ${peerName} ${format(theirRate)} ${unit}  ratio ${(ourRate / theirRate).toFixed(2)}x`;
  const [ourUs, theirUs] = [medianProcessorUs(our), medianProcessorUs(their)];
  if (ourUs === undefined || theirUs === undefined) return rates;
  return `${rates}   processor ${ourUs.toFixed(2)} / ${theirUs.toFixed(2)} us  ratio ${(theirUs / ourUs).toFixed(2)}x`;
}

function medianRate(runs: readonly (number | Measured)[]): number {
  return median(runs.map((run) => (typeof run === 'number' ? run : run.rate)));
}

function medianProcessorUs(runs: readonly (number | Measured)[]): number | undefined {
  const taken = runs.flatMap((run) => (typeof run === 'number' ? [] : [run.processorUs]));
  return taken.length === 0 ? undefined : median(taken);
}

/** Runs `work` on `count` operations. @returns operations per second. */
export async function rate(count: number, work: () => Promise<void> | void): Promise<number> {
  const start = performance.now();
  await work();
  return (count / (performance.now() - start)) * 1_000;
}

export function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1]!;
}

export function format(rate: number): string {
  return (rate >= 10_000 ? `${(rate / 1_000).toFixed(1)}k` : rate.toFixed(0)).padStart(8);
}
