/**
 * Files that have no name from the moment they are open: whatever ends the process, also `kill -9`, gives their space back.
 * What a crash leaves between the two has the name, and is for the caller to know.
 */

import { join } from 'node:path';
import type { File, Files } from './files.ts';

/** An empty file for reading and writing; `name` is free again in the existing `directory`. @throws OperationError `disk_full`, `io`. */
export async function openUnnamed(files: Files, directory: string, name: string): Promise<File> {
  const path = join(directory, name);
  const file = await files.open(path, { mode: 'createNew' });
  try {
    await files.remove(path);
  } catch (error) {
    await file.close();
    throw error;
  }
  return file;
}
