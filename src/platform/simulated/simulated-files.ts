/**
 * The files of one simulated process on a `SimulatedDisk`.
 *
 * A call takes effect when its latency has passed, at once where there is none; a write reads the caller's buffer only
 * then, so that whoever changes it too early corrupts the file, as on the machine. When the process is killed, each
 * write in flight happens or not; when the power goes, it may be torn. Calls of a dead process never settle.
 */

import { assert } from '../../base/assert.ts';
import type { Bytes } from '../../base/bytes.ts';
import type { File, FileLock, Files, OpenOptions } from '../files.ts';
import type { Timer } from '../platform.ts';
import { fileError, newSystemError } from '../system-error.ts';
import { writeAtomically } from '../write-atomically.ts';
import type { SeededRandom } from './seeded-random.ts';
import type { DiskOperation, DiskUser, FileNode, SimulatedDisk, Unsynced } from './simulated-disk.ts';
import type { SimulatedTime } from './simulated-time.ts';

interface InFlight {
  readonly timer: Timer;
  /** What the page cache may have got of it; absent for calls without an effect on contents. */
  readonly toCache: (() => void) | undefined;
}

export interface SimulatedFilesOptions {
  readonly time: SimulatedTime;
  readonly random: SeededRandom;
  readonly pid: number;
}

export class SimulatedFiles implements Files, DiskUser {
  readonly #disk: SimulatedDisk;
  readonly #time: SimulatedTime;
  readonly #random: SeededRandom;
  readonly #pid: number;
  readonly #inFlight = new Set<InFlight>();
  #alive = true;
  #temporaryFiles = 0;

  constructor(disk: SimulatedDisk, options: SimulatedFilesOptions) {
    this.#disk = disk;
    this.#time = options.time;
    this.#random = options.random;
    this.#pid = options.pid;
    disk.attach(this);
  }

  /** The process dies; the page cache lives on. */
  kill(): void {
    if (!this.#alive) return;
    this.#die((toCache) => {
      if (this.#random.chance(0.5)) toCache();
    });
    this.#disk.detach(this);
  }

  powerLost(unsynced: Unsynced): void {
    // What was still under way is not synced by anyone: the disk decides which of its sectors survive.
    this.#die((toCache) => {
      if (unsynced !== 'lost') toCache();
    });
  }

  open(path: string, options: OpenOptions): Promise<File> {
    return this.perform('name', 'open', path, () => {
      const node = this.#disk.openFile(path, options.mode);
      return new SimulatedFile(this, this.#disk, node, path, options);
    });
  }

  read(path: string): Promise<Bytes> {
    return this.perform('read', 'read', path, () => {
      const node = this.#disk.openFile(path, 'read');
      const bytes = Buffer.alloc(node.cached.size);
      this.#disk.readFile(node, path, bytes, 0);
      return bytes;
    });
  }

  writeAtomic(path: string, bytes: Bytes): Promise<void> {
    return writeAtomically(this, path, bytes, `${this.#pid}-${this.#temporaryFiles++}`);
  }

  exists(path: string): Promise<boolean> {
    return this.perform('name', 'look for', path, () => this.#disk.exists(path));
  }

  list(path: string): Promise<readonly string[]> {
    return this.perform('name', 'list', path, () => this.#disk.list(path));
  }

  size(path: string): Promise<number> {
    return this.perform('name', 'inspect', path, () => this.#disk.size(path));
  }

  makeDirectory(path: string): Promise<void> {
    return this.perform('name', 'create directory', path, () => this.#disk.makeDirectory(path));
  }

  rename(from: string, to: string): Promise<void> {
    return this.perform('name', `rename to ${to}`, from, () => this.#disk.rename(from, to));
  }

  remove(path: string): Promise<void> {
    return this.perform('name', 'remove', path, () => this.#disk.remove(path));
  }

  syncDirectory(path: string): Promise<void> {
    return this.perform('sync', 'sync directory', path, () => this.#disk.syncDirectory(path));
  }

  freeBytes(path: string): Promise<number> {
    return this.perform('name', 'inspect the file system of', path, () => {
      this.#disk.size(path); // Fails as the machine does when there is no such path.
      return this.#disk.freeBytes;
    });
  }

  freeBytesNow(path: string): number {
    this.#disk.size(path);
    return this.#disk.freeBytes;
  }

  /** The simulated disk counts lengths, not blocks: there is room or there is not. */
  preallocate(path: string, bytes: number): Promise<void> {
    return this.perform('name', 'preallocate', path, () => {
      if (bytes - this.#disk.size(path) > this.#disk.freeBytes) {
        throw newSystemError('ENOSPC', 'no space left on device');
      }
    });
  }

  lock(path: string): Promise<FileLock> {
    return this.perform('name', 'lock', path, () => {
      const lock = this.#disk.lock(path, this, this.#pid);
      return {
        release: () => this.perform('name', 'release lock', path, () => this.#disk.unlock(path, lock)),
      };
    });
  }

  /** Runs `effect` when the operation's latency has passed; for `SimulatedFile`. */
  perform<T>(
    operation: DiskOperation,
    action: string,
    path: string,
    effect: () => T,
    toCache?: () => void,
  ): Promise<T> {
    if (!this.#alive) return new Promise(() => {});
    return new Promise((resolve, reject) => {
      const finish = () => {
        try {
          resolve(effect());
        } catch (error) {
          reject(fileError(error, action, path));
        }
      };
      const delayMs = this.#disk.drawLatencyMs(operation);
      if (delayMs === 0) {
        finish();
        return;
      }
      const timer = this.#time.after(delayMs, () => {
        this.#inFlight.delete(call);
        finish();
      });
      const call: InFlight = { timer, toCache };
      this.#inFlight.add(call);
    });
  }

  #die(fate: (toCache: () => void) => void): void {
    this.#alive = false;
    for (const { timer, toCache } of this.#inFlight) {
      timer.cancel();
      if (toCache === undefined) continue;
      try {
        fate(toCache);
      } catch {
        // A fault was armed for it, and nobody is left to be told.
      }
    }
    this.#inFlight.clear();
  }
}

class SimulatedFile implements File {
  readonly path: string;
  readonly #files: SimulatedFiles;
  readonly #disk: SimulatedDisk;
  readonly #node: FileNode;
  readonly #writable: boolean;
  readonly #synced: boolean;
  #closed = false;

  constructor(files: SimulatedFiles, disk: SimulatedDisk, node: FileNode, path: string, options: OpenOptions) {
    this.path = path;
    this.#files = files;
    this.#disk = disk;
    this.#node = node;
    this.#writable = options.mode !== 'read';
    this.#synced = options.synced === true;
  }

  read(into: Bytes, position: number): Promise<number> {
    return this.#call('read', 'read', () => this.#disk.readFile(this.#node, this.path, into, position));
  }

  write(bytes: Bytes, position: number): Promise<void> {
    const toCache = () => {
      if (!this.#writable) throw newSystemError('EBADF', 'bad file descriptor');
      this.#disk.writeFile(this.#node, this.path, bytes, position);
    };
    return this.#call(
      this.#synced ? 'sync' : 'write',
      'write',
      () => {
        toCache();
        if (this.#synced) this.#disk.syncRange(this.#node, this.path, position, bytes.length);
      },
      toCache,
    );
  }

  writeParts(parts: readonly Bytes[], position: number): Promise<void> {
    return this.write(Buffer.concat(parts), position);
  }

  sync(): Promise<void> {
    return this.#call('sync', 'sync', () => this.#disk.syncFile(this.#node, this.path));
  }

  truncate(length: number): Promise<void> {
    return this.#call('write', 'truncate', () => {
      if (!this.#writable) throw newSystemError('EINVAL', 'invalid argument');
      this.#disk.resizeFile(this.#node, this.path, length);
    });
  }

  size(): Promise<number> {
    return this.#call('name', 'inspect', () => this.#node.cached.size);
  }

  async close(): Promise<void> {
    this.#closed = true;
  }

  #call<T>(operation: DiskOperation, action: string, effect: () => T, toCache?: () => void): Promise<T> {
    assert(!this.#closed, () => `${action} of ${this.path} after close`);
    return this.#files.perform(operation, action, this.path, effect, toCache);
  }
}
