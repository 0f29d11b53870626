/**
 * Has the disk write while the processor works: one file after the other is synced as bytes pass, so that little is left
 * to wait for in the end. A sync that fails is told by the next call; what it left behind nobody can know.
 */

import type { File } from '../../platform/files.ts';

/** Written to all files between two syncs. */
const EVERY_BYTES = 16 * 1024 * 1024;

export class WriteBehind {
  readonly #files: readonly File[];
  #next = 0;
  #unsynced = 0;
  #syncing: Promise<void> | undefined;
  #failed: { readonly error: unknown } | undefined;

  constructor(files: readonly File[]) {
    this.#files = files;
  }

  /** After so many bytes were written to all files together. */
  wrote(bytes: number): void {
    if (this.#failed !== undefined) throw this.#failed.error;
    this.#unsynced += bytes;
    if (this.#unsynced < EVERY_BYTES || this.#syncing !== undefined) return;
    this.#unsynced = 0;
    const file = this.#files[this.#next++ % this.#files.length]!;
    this.#syncing = file.sync().then(
      () => {
        this.#syncing = undefined;
      },
      (error: unknown) => {
        this.#syncing = undefined;
        this.#failed = { error };
      },
    );
  }

  /** When it returns, all files are on stable storage. */
  async finish(): Promise<void> {
    await this.#syncing;
    if (this.#failed !== undefined) throw this.#failed.error;
    const results = await Promise.allSettled(this.#files.map((file) => file.sync()));
    for (const result of results) if (result.status === 'rejected') throw result.reason;
  }
}
