/**
 * What was done to needles, kept outside of the volume: the proof of what a crash may and may not take.
 *
 * Each id has one client, which does one thing after the other. After a crash an id must be what its last acknowledged
 * step made it, or what the step under way would have; never anything else, and never other bytes than were written.
 * Contents follow from (id, step), so nothing but numbers is kept.
 */

import { crc32c } from '../../src/base/crc32c.ts';

/** Undefined: deleted, or never written. */
export type Step = number | undefined;

export class BlobLedger {
  readonly #acknowledged = new Map<number, Step>();
  readonly #underWay = new Map<number, Step>();
  /** Every step that was ever attempted, for what may be taken back altogether. */
  readonly #ever = new Map<number, Set<Step>>();
  acknowledgedTotal = 0;

  ids(): number[] {
    return [...this.#ever.keys()];
  }

  isBusy(id: number): boolean {
    return this.#underWay.has(id);
  }

  acknowledged(id: number): Step {
    return this.#acknowledged.get(id);
  }

  attempt(id: number, step: Step): void {
    this.#underWay.set(id, step);
    const ever = this.#ever.get(id) ?? new Set();
    this.#ever.set(id, ever.add(step).add(undefined));
  }

  acknowledge(id: number): void {
    this.#acknowledged.set(id, this.#underWay.get(id));
    this.#underWay.delete(id);
    this.acknowledgedTotal++;
  }

  /** The step failed with an error that says nothing was done. */
  refuse(id: number): void {
    this.#underWay.delete(id);
  }

  /** Judges what an id is after a crash, and takes it over. @returns a sentence when it may not be that. */
  found(id: number, data: Uint8Array | undefined, mayTakeBack = false): string | undefined {
    const candidates = mayTakeBack ? [...this.#ever.get(id)!] : [this.#acknowledged.get(id)];
    if (!mayTakeBack && this.#underWay.has(id)) candidates.push(this.#underWay.get(id));
    const matching = candidates.find((step) => matches(id, step, data));
    const isFound = candidates.some((step) => matches(id, step, data));
    this.#underWay.delete(id);
    if (!isFound) {
      const what = data === undefined ? 'nothing' : `${data.length} bytes`;
      return `needle ${id} is ${what}; it may be step ${candidates.map((step) => step ?? 'none').join(' or ')}`;
    }
    this.#acknowledged.set(id, matching);
    return undefined;
  }
}

/** The contents of a step. Lengths are 0 now and then, mostly hundreds of bytes, seldom many sectors. */
export function contentOf(id: number, step: number): Buffer {
  const seed = crc32c(Buffer.from(`${id} ${step}`));
  const kind = seed % 16;
  const length = kind === 0 ? 0 : kind < 14 ? 1 + ((seed >>> 4) % 900) : (seed >>> 4) % 12_000;
  const bytes = Buffer.alloc(length);
  let state = seed | 1;
  for (let i = 0; i < length; i++) {
    state = (Math.imul(state, 1103515245) + 12345) | 0;
    bytes[i] = state >>> 16;
  }
  return bytes;
}

function matches(id: number, step: Step, data: Uint8Array | undefined): boolean {
  if (step === undefined || data === undefined) return step === undefined && data === undefined;
  return contentOf(id, step).equals(data);
}
