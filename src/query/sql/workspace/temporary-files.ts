/**
 * Files for what statements cannot hold in memory. They have no name from the moment they are open, so that whatever ends
 * them, also `kill -9`, gives their space back; what a crash left between the two is removed at the start.
 *
 * Their sizes together are bounded. Nothing in them is synced: they are worth nothing to anyone else.
 */

import { join } from 'node:path';
import type { Bytes } from '../../../base/bytes.ts';
import { OperationError } from '../../../base/errors.ts';
import type { File, Files } from '../../../platform/files.ts';
import { openUnnamed } from '../../../platform/unnamed-file.ts';
import { SqlError } from '../sql-error.ts';

export interface TemporaryFilesOptions {
  readonly files: Files;
  /** Belongs to this engine alone; created when the first file is. */
  readonly directory: string;
  /** All files together. */
  readonly bytesMax: number;
}

/** Of files; others in the directory are left alone. */
const NAME = /^rows-\d+$/;

export class TemporaryFiles {
  readonly bytesMax: number;
  readonly #files: Files;
  readonly #directory: string;
  #directoryMade: Promise<void> | undefined;
  #created = 0;
  #open = 0;
  #bytes = 0;
  #bytesWritten = 0;

  constructor({ files, directory, bytesMax }: TemporaryFilesOptions) {
    this.#files = files;
    this.#directory = directory;
    this.bytesMax = bytesMax;
  }

  /** Bytes in files now. */
  get bytes(): number {
    return this.#bytes;
  }

  get openFiles(): number {
    return this.#open;
  }

  /** Files and bytes since the start. */
  get totals(): { readonly files: number; readonly bytes: number } {
    return { files: this.#created, bytes: this.#bytesWritten };
  }

  /** Removes what an earlier process left. To be called before the first `create`. */
  async clean(): Promise<void> {
    for (const name of await this.#files.list(this.#directory)) {
      if (NAME.test(name)) await this.#files.remove(join(this.#directory, name));
    }
  }

  /** @throws OperationError `disk_full`, `io`. */
  async create(): Promise<TemporaryFile> {
    this.#directoryMade ??= this.#files.makeDirectory(this.#directory);
    try {
      await this.#directoryMade;
    } catch (error) {
      this.#directoryMade = undefined;
      throw error;
    }
    const file = await openUnnamed(this.#files, this.#directory, `rows-${this.#created++}`);
    this.#open++;
    return new TemporaryFile(file, {
      grow: (bytes) => this.#grow(bytes),
      closed: (bytes) => {
        this.#open--;
        this.#bytes -= bytes;
      },
    });
  }

  #grow(bytes: number): void {
    if (this.#bytes + bytes > this.bytesMax) {
      throw new SqlError(
        'configuration_limit_exceeded',
        `temporary file size exceeds temp_file_limit (${Math.floor(this.bytesMax / 1024)}kB)`,
        { hint: 'All running statements share this space: raise the limit, or let fewer of them run at once.' },
      );
    }
    this.#bytes += bytes;
    this.#bytesWritten += bytes;
  }
}

interface Account {
  /** @throws SqlError `configuration_limit_exceeded`. */
  grow(bytes: number): void;
  closed(bytes: number): void;
}

export class TemporaryFile {
  readonly #file: File;
  readonly #account: Account;
  #length = 0;
  #closed = false;

  constructor(file: File, account: Account) {
    this.#file = file;
    this.#account = account;
  }

  get length(): number {
    return this.#length;
  }

  /**
   * Writes behind what is there. The caller must not change `bytes` before the promise settles.
   * @returns where they are.
   * @throws SqlError `configuration_limit_exceeded`, `query_canceled` once closed; OperationError `disk_full`, `io`.
   */
  async append(bytes: Bytes): Promise<number> {
    this.#requireOpen();
    this.#account.grow(bytes.length);
    const position = this.#length;
    this.#length += bytes.length;
    await this.#file.write(bytes, position);
    return position;
  }

  /** Fills `into` from `position`. @throws SqlError `query_canceled` once closed; OperationError `io`. */
  async read(into: Bytes, position: number): Promise<void> {
    this.#requireOpen();
    const count = await this.#file.read(into, position);
    if (count !== into.length) {
      throw new SqlError('internal_error', `a temporary file ends ${into.length - count} bytes early`);
    }
  }

  /**
   * As `read`, at once, while everybody waits: for what was written not long ago.
   * @throws OperationError `unsupported` where files cannot be read so.
   */
  readNow(into: Bytes, position: number): void {
    this.#requireOpen();
    if (this.#file.readNow === undefined) throw new OperationError('unsupported', 'files here cannot be read at once');
    const count = this.#file.readNow(into, position);
    if (count !== into.length) {
      throw new SqlError('internal_error', `a temporary file ends ${into.length - count} bytes early`);
    }
  }

  /** Gives its space back; harmless when done already. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    const done = (): void => this.#account.closed(this.#length);
    this.#file.close().then(done, done);
  }

  /** A statement that ended while it waited finds its files closed. */
  #requireOpen(): void {
    if (this.#closed) throw new SqlError('query_canceled', 'the statement has ended');
  }
}
