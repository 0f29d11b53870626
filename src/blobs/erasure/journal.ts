/**
 * `.ecj`: ids of needles deleted since a volume was erasure coded, 8 bytes each, big-endian, in the order of the deletes.
 * Repetitions do no harm. A torn end, shorter than an id, counts for nothing.
 */

import { OperationError } from '../../base/errors.ts';
import type { File, Files } from '../../platform/files.ts';
import { readIfThere } from './shard-files.ts';

const ID_BYTES = 8;

export async function readJournal(files: Files, base: string): Promise<Set<bigint>> {
  const bytes = Buffer.from((await readIfThere(files, `${base}.ecj`)) ?? []);
  const ids = new Set<bigint>();
  for (let at = 0; at + ID_BYTES <= bytes.length; at += ID_BYTES) ids.add(bytes.readBigUInt64BE(at));
  return ids;
}

/** The journal of an open volume. */
export class DeleteJournal {
  /** Not to be changed. */
  readonly ids: Set<bigint>;
  readonly #file: File;
  #bytes: number;
  /** Appends run one after the other. */
  #last: Promise<void> = Promise.resolve();
  #broken = false;

  private constructor(file: File, ids: Set<bigint>, bytes: number) {
    this.#file = file;
    this.ids = ids;
    this.#bytes = bytes;
  }

  static async open(files: Files, base: string): Promise<DeleteJournal> {
    const ids = await readJournal(files, base);
    const file = await files.open(`${base}.ecj`, { mode: 'create' });
    try {
      const size = await file.size();
      const whole = size - (size % ID_BYTES);
      if (whole < size) {
        await file.truncate(whole);
        await file.sync();
      }
      return new DeleteJournal(file, ids, whole);
    } catch (error) {
      await file.close();
      throw error;
    }
  }

  /** When it returns, the delete is on stable storage. A failed one did not happen. */
  add(id: bigint): Promise<void> {
    const done = this.#last.then(() => this.#append(id));
    this.#last = done.catch(() => {});
    return done;
  }

  async close(): Promise<void> {
    await this.#last;
    await this.#file.close();
  }

  async #append(id: bigint): Promise<void> {
    if (this.ids.has(id)) return;
    if (this.#broken)
      throw new OperationError('store_read_only', `${this.#file.path} takes no more deletes until reopened`);
    const row = Buffer.alloc(ID_BYTES);
    row.writeBigUInt64BE(id);
    try {
      await this.#file.write(row, this.#bytes);
      await this.#file.sync();
    } catch (error) {
      // What a failed sync left on the disk is unknown, and so is whether cutting it off will last.
      this.#broken = true;
      await this.#file.truncate(this.#bytes).catch(() => {});
      throw error;
    }
    this.#bytes += ID_BYTES;
    this.ids.add(id);
  }
}
