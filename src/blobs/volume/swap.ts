/**
 * The end of a vacuum: its two new files take the place of the volume's own, as one step that a crash cannot halve.
 *
 * `.cpd` and `.cpx` are whole and synced, then `.cpc` says so; from then on the renames are repeated at every opening until
 * they are done, and before that stray new files are removed. So the volume is the old one or the new one.
 */

import { utf8 } from '../../base/bytes.ts';
import type { Files } from '../../platform/files.ts';
import { directoryOf } from './recover.ts';

/** Makes the swap irrevocable: both new files must be on stable storage. */
export async function decideSwap(files: Files, base: string): Promise<void> {
  // Lengths and rows of the old files mean nothing for the new ones.
  await files.remove(`${base}.clean`);
  await files.remove(`${base}.sdx`);
  await files.writeAtomic(`${base}.cpc`, utf8('the compacted files are whole\n'));
}

/** Finishes a swap that was decided; removes the files of one that was not. To be called before a volume is opened. */
export async function finishSwap(files: Files, base: string): Promise<void> {
  const directory = directoryOf(base);
  if (await files.exists(`${base}.cpc`)) {
    if (await files.exists(`${base}.cpd`)) await files.rename(`${base}.cpd`, `${base}.dat`);
    if (await files.exists(`${base}.cpx`)) await files.rename(`${base}.cpx`, `${base}.idx`);
    await files.syncDirectory(directory);
    await files.remove(`${base}.cpc`);
    await files.syncDirectory(directory);
    return;
  }
  await discardSwap(files, base);
}

export async function discardSwap(files: Files, base: string): Promise<void> {
  await files.remove(`${base}.cpd`);
  await files.remove(`${base}.cpx`);
}
