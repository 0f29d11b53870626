/**
 * What one client did, kept outside of the server: the proof of what a crash may and may not take.
 *
 * A client that alone writes its keys sends writes in order. The server orders commits as they come and keeps a prefix of
 * that order through a crash. So what is found afterwards must be what the client had before, and then its first
 * `n` writes, whole, for one `n` that is at least the number of acknowledged and at most the number of attempted ones.
 * Anything else is a lost write, a torn one, one out of order, or one that nobody made.
 */

/** One atomic write: keys and their values, undefined for a deletion. */
export type Write = readonly (readonly [key: string, value: string | undefined])[];

export class Ledger {
  /** For messages. */
  readonly name: string;
  #state: ReadonlyMap<string, string> = new Map();
  /** Attempted since the last verification, in order. */
  #attempted: Write[] = [];
  /** How many of them were acknowledged: always the first ones. */
  #acknowledged = 0;
  /** Over the whole life. */
  acknowledgedTotal = 0;
  /** Writes that were found although they had not been acknowledged, over the whole life. */
  survivedTotal = 0;

  constructor(name: string) {
    this.name = name;
  }

  /** Writes without an answer. */
  get inFlight(): number {
    return this.#attempted.length - this.#acknowledged;
  }

  /** What the last verification found. */
  get found(): ReadonlyMap<string, string> {
    return this.#state;
  }

  attempt(write: Write): void {
    this.#attempted.push(write);
  }

  /** The oldest write in flight was answered with success. */
  acknowledge(): void {
    if (this.inFlight === 0) throw new Error(`${this.name}: an acknowledgement of nothing`);
    this.#acknowledged++;
    this.acknowledgedTotal++;
  }

  /** How many writes were acknowledged since the last verification: a mark for `verifyCut`. */
  get acknowledgedCount(): number {
    return this.#acknowledged;
  }

  get attemptedCount(): number {
    return this.#attempted.length;
  }

  /**
   * Compares what was found after a crash, all keys of this client, with what may be; goes on from there.
   * @returns what is wrong, empty when nothing is.
   */
  verify(found: ReadonlyMap<string, string>): string[] {
    const { count, problem } = this.#prefix(found, this.#acknowledged, this.#attempted.length);
    if (problem === undefined) this.survivedTotal += count - this.#acknowledged;
    this.#state = new Map(found);
    this.#attempted = [];
    this.#acknowledged = 0;
    return problem === undefined ? [] : [problem];
  }

  /**
   * The same for a copy taken while the client goes on: `atLeast` is `acknowledgedCount` from before the copy began,
   * `atMost` is `attemptedCount` from after it ended. @returns how many writes beyond `atLeast` it holds.
   */
  verifyCut(
    found: ReadonlyMap<string, string>,
    atLeast: number,
    atMost: number,
  ): { readonly beyond: number; readonly problem: string | undefined } {
    const { count, problem } = this.#prefix(found, atLeast, atMost);
    return { beyond: count - atLeast, problem };
  }

  /** How many of the first writes give what was found; a problem when no number within the bounds does. */
  #prefix(
    found: ReadonlyMap<string, string>,
    atLeast: number,
    atMost: number,
  ): { readonly count: number; readonly problem: string | undefined } {
    const expected = new Map(this.#state);
    const wrong = new Set<string>();
    const apply = (write: Write): void => {
      for (const [key, value] of write) {
        if (value === undefined) expected.delete(key);
        else expected.set(key, value);
      }
    };
    const check = (key: string): void => {
      if (found.get(key) === expected.get(key)) wrong.delete(key);
      else wrong.add(key);
    };
    let count = 0;
    for (; count < atLeast; count++) apply(this.#attempted[count]!);
    for (const key of expected.keys()) check(key);
    for (const key of found.keys()) check(key);
    const beside = describe(wrong, expected, found);
    for (; wrong.size > 0 && count < atMost; count++) {
      const write = this.#attempted[count]!;
      apply(write);
      for (const [key] of write) check(key);
    }
    if (wrong.size === 0) return { count, problem: undefined };
    return {
      count,
      problem:
        `${this.name}: no prefix of its writes gives what was found (${atLeast} must be there, ${atMost - atLeast} more ` +
        `may be); beside the first: ${beside}`,
    };
  }
}

const SHOWN_MAX = 3;

function describe(
  keys: ReadonlySet<string>,
  expected: ReadonlyMap<string, string>,
  found: ReadonlyMap<string, string>,
): string {
  const show = (value: string | undefined): string => (value === undefined ? 'nothing' : JSON.stringify(cut(value)));
  const shown = [...keys].slice(0, SHOWN_MAX).map((key) => {
    return `${key} holds ${show(found.get(key))} for ${show(expected.get(key))}`;
  });
  if (keys.size > SHOWN_MAX) shown.push(`and ${keys.size - SHOWN_MAX} more`);
  return shown.join(', ');
}

function cut(value: string): string {
  return value.length > 40 ? `${value.slice(0, 40)}…` : value;
}
