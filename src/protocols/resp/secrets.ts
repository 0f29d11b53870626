/** Which arguments are passwords or names of users beside them: MONITOR and SLOWLOG do not show those, as in Redis. */

import type { ArgumentColumns } from './arguments.ts';
import type { CommandEntry } from './command.ts';

const NOTHING: ReadonlySet<number> = new Set();

/** By command: where its options begin, and how many secrets stand behind a word. */
const SECRETS: Readonly<Record<string, { readonly from: number; readonly behind: Readonly<Record<string, number>> }>> =
  {
    hello: { from: 2, behind: { AUTH: 2 } },
    migrate: { from: 6, behind: { AUTH: 1, AUTH2: 2 } },
  };

/** @returns places among the words of the command, its name being 0. */
export function secretsOf(entry: CommandEntry, from: ArgumentColumns, at: number): ReadonlySet<number> {
  const options = SECRETS[entry.name];
  if (options === undefined && entry.name !== 'auth') return NOTHING;
  const first = from.firstArgument[at]!;
  const count = from.firstArgument[at + 1]! - first;
  const secrets = new Set<number>();
  if (options === undefined) {
    for (let place = 1; place < count; place++) secrets.add(place);
    return secrets;
  }
  for (let place = options.from; place < count; place++) {
    const word = wordOf(from, first + place);
    if (word === 'KEYS') break;
    for (let left = options.behind[word] ?? 0; left > 0; left--) secrets.add(++place);
  }
  return secrets;
}

/** In upper case; empty for what is longer than any option. */
function wordOf({ buffer, starts, lengths }: ArgumentColumns, argument: number): string {
  const start = starts[argument]!;
  const length = lengths[argument]!;
  if (length > 8) return '';
  return String.fromCharCode(...buffer.subarray(start, start + length)).toUpperCase();
}
