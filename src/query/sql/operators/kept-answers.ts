/**
 * Answers of a subquery by the values that it was asked with: the same question is answered once for as long as there is
 * room. When the room is used up the oldest answers leave; where hardly any question comes twice, nothing is kept.
 */

import type { DistinctKey } from '../types/distinct-key.ts';
import type { SqlValue } from '../types/types.ts';
import { keyBytes, valueBytes } from '../types/value-bytes.ts';
import { MemoryBudget } from './memory-budget.ts';
import type { ExecutionContext } from './operator.ts';

/** After so many questions it is known whether they come twice. */
const TRIED = 1_000;
/** Fewer answers that were there than this part of the questions are not worth keeping the others. */
const HITS_MIN = 0.05;

export class KeptAnswers {
  readonly #answers = new Map<DistinctKey, SqlValue>();
  readonly #budget: MemoryBudget;
  #asked = 0;
  #hits = 0;
  #isOn = true;

  constructor(context: ExecutionContext) {
    this.#budget = new MemoryBudget('a subquery', context);
  }

  get isOn(): boolean {
    return this.#isOn;
  }

  /** Undefined where it is not known. */
  get(key: DistinctKey): SqlValue | undefined {
    this.#asked++;
    const answer = this.#answers.get(key);
    if (answer !== undefined) this.#hits++;
    else if (this.#asked === TRIED && this.#hits < TRIED * HITS_MIN) this.#stop();
    return answer;
  }

  /** @returns the answer. */
  keep(key: DistinctKey, answer: SqlValue): SqlValue {
    if (!this.#isOn) return answer;
    const bytes = keyBytes(key) + valueBytes(answer);
    while (!this.#budget.tryTake(bytes)) {
      const oldest = this.#answers.entries().next().value;
      if (oldest === undefined) return answer;
      this.#answers.delete(oldest[0]);
      this.#budget.give(keyBytes(oldest[0]) + valueBytes(oldest[1]));
    }
    this.#answers.set(key, answer);
    return answer;
  }

  #stop(): void {
    this.#isOn = false;
    this.#answers.clear();
    this.#budget.clear();
  }
}

/** One key of several values; no two lists of values of the same types have the same. */
export function answerKey(values: readonly SqlValue[]): DistinctKey {
  if (values.length === 1) {
    const [only = null] = values;
    return typeof only === 'object' && only !== null ? String(only) : only; // A numeric, with its scale.
  }
  let key = '';
  for (const value of values) {
    if (value === null) {
      key += '-';
      continue;
    }
    const text = String(value);
    key += `${text.length}:${text}`;
  }
  return key;
}
