/** Long work on one value, in slices: where a `Database` can pause, others have their turns in between. */

import type { Awaitable } from '../../base/awaitable.ts';
import type { Database } from './database.ts';
import { LARGE_STRING_BYTES } from './values.ts';

/** Some milliseconds of work at a byte or two for each cycle. */
const SLICE_BYTES = 8 * 1024 * 1024;

export type Pauses = Pick<Database, 'pause'>;

/**
 * Has `work` done from `start` to `end`, in order and without gaps, until it answers `false`.
 * In a turn what is long throws before any work is done: the command runs again outside of it.
 */
export function inSlices(
  { pause }: Pauses,
  start: number,
  end: number,
  work: (from: number, to: number) => boolean,
): Awaitable<void> {
  if (pause === undefined || end - start <= LARGE_STRING_BYTES) {
    work(start, end);
    return undefined;
  }
  return pause().then(async () => {
    for (let from = start; from < end; from += SLICE_BYTES) {
      if (!work(from, Math.min(end, from + SLICE_BYTES))) return;
      await pause();
    }
  });
}
