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
  readonly #state = new Map<string, string>();
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

  /** The newest write, the only one in flight, was answered with an error that says that it did not happen. */
  refused(): void {
    if (this.inFlight !== 1) throw new Error(`${this.name}: a refusal with ${this.inFlight} writes in flight`);
    this.#attempted.pop();
  }

  /**
   * Compares what was found after a crash, all keys of this client, with what may be; goes on from there.
   * @returns what is wrong, empty when nothing is.
   */
  verify(found: ReadonlyMap<string, string>): string[] {
    const expected = this.#state;
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
    for (; count < this.#acknowledged; count++) apply(this.#attempted[count]!);
    for (const key of expected.keys()) check(key);
    for (const key of found.keys()) check(key);
    const acknowledgedOnly = describe(wrong, expected, found);
    for (; wrong.size > 0 && count < this.#attempted.length; count++) {
      const write = this.#attempted[count]!;
      apply(write);
      for (const [key] of write) check(key);
    }
    const problems =
      wrong.size === 0
        ? []
        : [
            `${this.name}: no prefix of its writes gives what was found ` +
              `(${this.#acknowledged} acknowledged, ${this.inFlight} in flight); beside the acknowledged ones: ${acknowledgedOnly}`,
          ];
    if (wrong.size === 0) this.survivedTotal += count - this.#acknowledged;
    this.#state.clear();
    for (const [key, value] of found) this.#state.set(key, value);
    this.#attempted = [];
    this.#acknowledged = 0;
    return problems;
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
