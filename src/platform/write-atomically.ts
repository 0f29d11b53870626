/**
 * Replaces a file so that after a crash it holds either the old bytes or the new, never a mixture.
 *
 * The order is the whole point: the new bytes are durable before they get the name, and the name is durable before the
 * caller is told. A crash in between may leave a file named `*.tmp` beside the target; nothing reads those.
 */

import { dirname } from 'node:path';
import type { Bytes } from '../base/bytes.ts';
import type { Files } from './files.ts';

/** `tag` makes the temporary name unique among concurrent calls. */
export async function writeAtomically(files: Files, path: string, bytes: Bytes, tag: string): Promise<void> {
  const temporary = `${path}.${tag}.tmp`;
  try {
    const file = await files.open(temporary, { mode: 'createNew' });
    try {
      await file.write(bytes, 0);
      await file.sync();
    } finally {
      await file.close();
    }
    await files.rename(temporary, path);
  } catch (error) {
    await files.remove(temporary).catch(() => {}); // The first error is the one to tell.
    throw error;
  }
  await files.syncDirectory(dirname(path));
}
