/** Medians of alternating runs: what makes two figures of one noisy machine comparable. */

export interface Case {
  readonly name: string;
  /** What is counted, per second. */
  readonly unit: string;
  /** One run of ours. @returns operations per second. */
  readonly ours: () => Promise<number> | number;
  readonly peer: () => Promise<number> | number;
  readonly peerName: string;
}

export const RUNS = 5;

/** One warm-up of each, then `RUNS` of each, alternating. @returns `name  ours …  peer …  ratio …x`. */
export async function compare({ name, unit, ours, peer, peerName }: Case): Promise<string> {
  await ours();
  await peer();
  const ourRates: number[] = [];
  const peerRates: number[] = [];
  for (let run = 0; run < RUNS; run++) {
    ourRates.push(await ours());
    peerRates.push(await peer());
  }
  const [our, their] = [median(ourRates), median(peerRates)];
  return `${name.padEnd(44)} orbit ${format(our)} ${unit}   ${peerName} ${format(their)} ${unit}   ratio ${(our / their).toFixed(2)}x`;
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

function format(rate: number): string {
  return (rate >= 10_000 ? `${(rate / 1_000).toFixed(1)}k` : rate.toFixed(0)).padStart(8);
}
