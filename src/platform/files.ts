/**
 * Files as the commit log, backups and volumes need them. Paths are absolute or relative to the working directory.
 *
 * Errors are `OperationError`: `disk_full` for ENOSPC and EDQUOT, `not_found` for ENOENT, `already_exists` for EEXIST,
 * `store_locked` for a held lock, `io` for everything else, with the path in the message and the system error as `cause`.
 */

import type { Bytes } from '../base/bytes.ts';

export interface Files {
  /** Opens for reading and, unless `read`, writing. `create` creates when missing; `createNew` fails when present. */
  open(path: string, options: OpenOptions): Promise<File>;
  /** The whole file. */
  read(path: string): Promise<Bytes>;
  /** Replaces the file atomically: a temporary file, synced, renamed, and the directory synced. */
  writeAtomic(path: string, bytes: Bytes): Promise<void>;
  exists(path: string): Promise<boolean>;
  /** Names in a directory, sorted; empty when it is missing. */
  list(path: string): Promise<readonly string[]>;
  size(path: string): Promise<number>;
  /** With the directories above it; harmless where it is there. */
  makeDirectory(path: string): Promise<void>;
  rename(from: string, to: string): Promise<void>;
  /** Removes a file, or a directory with all it holds; harmless when missing. */
  remove(path: string): Promise<void>;
  /** Makes creations, renames and removals in a directory durable. */
  syncDirectory(path: string): Promise<void>;
  /** Bytes that can still be written in the file system of `path`. */
  freeBytes(path: string): Promise<number>;
  /** As `freeBytes`, at once: for who must decide before anyone else runs. */
  freeBytesNow(path: string): number;
  /**
   * Takes blocks for the first `bytes` of a file without changing its length, so that appending later finds room.
   * @throws OperationError `disk_full`, or `unsupported` where the system cannot.
   */
  preallocate(path: string, bytes: number): Promise<void>;
  /** Takes an exclusive advisory lock that dies with the process. @throws `store_locked` naming the holder's pid. */
  lock(path: string): Promise<FileLock>;
}

export interface OpenOptions {
  readonly mode: 'read' | 'write' | 'create' | 'createNew';
  /** Every write returns only when its bytes are on stable storage (`O_DSYNC`). Default false. */
  readonly synced?: boolean;
}

export interface File {
  readonly path: string;
  /** Reads up to `into.length` bytes at `position`; fewer only at the end of the file. */
  read(into: Bytes, position: number): Promise<number>;
  /**
   * As `read`, at once: a fraction of the cost where the bytes are in memory, and a blocked process where they are not. For
   * callers that notice when it is slow and go back to `read`. Absent where reading always takes its time.
   */
  readNow?(into: Bytes, position: number): number;
  /** Writes all of `bytes` at `position`. The caller must not change them before the promise settles. */
  write(bytes: Bytes, position: number): Promise<void>;
  /**
   * As `write`, at once: a fraction of the cost while the system has memory for it, and a blocked process while it has not.
   * For callers that notice. Absent where writing always takes its time.
   */
  writeNow?(bytes: Bytes, position: number): void;
  /** As `write`, of several parts that lie one after the other in the file. At most 1,024 of them. */
  writeParts(parts: readonly Bytes[], position: number): Promise<void>;
  /** `fdatasync`: contents written so far are on stable storage. */
  sync(): Promise<void>;
  truncate(length: number): Promise<void>;
  size(): Promise<number>;
  close(): Promise<void>;
}

export interface FileLock {
  release(): Promise<void>;
}
