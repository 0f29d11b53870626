/**
 * What one execution holds beside single batches of rows: its part of the engine's memory, and temporary files. All of it
 * is given back at once by `release`, whatever state the operators are in.
 */

import { assert } from '../../../base/assert.ts';
import type { SqlLimits } from '../limits.ts';
import type { QueryMemory } from './query-memory.ts';
import { RowFile } from './row-file.ts';
import type { TemporaryFiles } from './temporary-files.ts';

export interface WorkspaceOptions {
  readonly memory: QueryMemory;
  /** Undefined where nothing may be put into files: then operators answer `out_of_memory`. */
  readonly files: TemporaryFiles | undefined;
  readonly limits: Pick<SqlLimits, 'workBytesMax'>;
}

export class Workspace {
  readonly #options: WorkspaceOptions;
  readonly #files = new Set<RowFile>();
  #bytes = 0;
  #bytesMost = 0;
  #fileBytes = 0;
  #released = false;

  constructor(options: WorkspaceOptions) {
    this.#options = options;
  }

  /** What one operator may hold. */
  get workBytesMax(): number {
    return this.#options.limits.workBytesMax;
  }

  /** Whether operators may put rows into files. */
  get canSpill(): boolean {
    return this.#options.files !== undefined;
  }

  /** The most memory that was taken at a time, and bytes put into files and given back since. */
  get totals(): { readonly memory: number; readonly files: number } {
    return { memory: this.#bytesMost, files: this.#fileBytes };
  }

  /** @param force See `QueryMemory.force`. */
  take(bytes: number, force: boolean): boolean {
    if (this.#released) return true; // Of a statement that has ended, until it notices.
    const { memory } = this.#options;
    if (force) memory.force(bytes);
    else if (!memory.take(bytes)) return false;
    this.#bytes += bytes;
    if (this.#bytes > this.#bytesMost) this.#bytesMost = this.#bytes;
    return true;
  }

  give(bytes: number): void {
    if (this.#released) return;
    this.#bytes -= bytes;
    this.#options.memory.give(bytes);
  }

  /** @throws OperationError `disk_full`, `io`. */
  async newFile(blockBytes?: number): Promise<RowFile> {
    const { files } = this.#options;
    assert(files !== undefined, 'an engine with a place for temporary files');
    const file = new RowFile(await files.create(), blockBytes);
    if (this.#released) file.close();
    else this.#files.add(file);
    return file;
  }

  /** Gives a file back before the end of the execution. */
  closeFile(file: RowFile): void {
    if (!this.#files.delete(file)) return;
    this.#fileBytes += file.bytes;
    file.close();
  }

  /** Gives everything back; harmless when done already. */
  release(): void {
    if (this.#released) return;
    this.#released = true;
    this.#options.memory.give(this.#bytes);
    this.#bytes = 0;
    for (const file of this.#files) {
      this.#fileBytes += file.bytes;
      file.close();
    }
    this.#files.clear();
  }
}
