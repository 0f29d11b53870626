/**
 * Files of the machine, over the callback interface of `node:fs`: each call is one trip to libuv's thread pool and one
 * promise.
 *
 * Files are created for the owner alone (0600, directories 0700): they hold what users store.
 */

import { execFile } from 'node:child_process';
import * as fs from 'node:fs';
import * as fsPromises from 'node:fs/promises';
import { dirname } from 'node:path';
import { assert } from '../base/assert.ts';
import type { Bytes } from '../base/bytes.ts';
import { OperationError } from '../base/errors.ts';
import type { File, FileLock, Files, OpenOptions } from './files.ts';
import { lockFile } from './node-file-lock.ts';
import { fileError, systemCode } from './system-error.ts';
import { writeAtomically } from './write-atomically.ts';

const { O_CREAT, O_EXCL, O_RDONLY, O_RDWR } = fs.constants;
/** Absent on Windows only, where a sync follows each write instead. */
const O_DSYNC: number | undefined = fs.constants.O_DSYNC;

const FLAGS: Readonly<Record<OpenOptions['mode'], number>> = {
  read: O_RDONLY,
  write: O_RDWR,
  create: O_RDWR | O_CREAT,
  createNew: O_RDWR | O_CREAT | O_EXCL,
};

/** One system call moves less than 2 GiB. */
const CALL_BYTES_MAX = 2 ** 30;

let temporaryFiles = 0;

export interface NodeFilesOptions {
  /**
   * Reads and writes hold up the thread instead of waiting in the pool: for threads that have nothing else to do and move
   * much through little memory. Default false.
   */
  readonly blocking?: boolean;
}

export class NodeFiles implements Files {
  readonly #blocking: boolean;

  constructor(options: NodeFilesOptions = {}) {
    this.#blocking = options.blocking === true;
  }

  open(path: string, options: OpenOptions): Promise<File> {
    const synced = options.synced === true;
    const flags = FLAGS[options.mode] | (synced ? (O_DSYNC ?? 0) : 0);
    const syncAfterWrite = synced && O_DSYNC === undefined;
    return new Promise((resolve, reject) => {
      fs.open(path, flags, 0o600, (error, fd) => {
        if (error !== null) reject(fileError(error, 'open', path));
        else resolve(new (this.#blocking ? BlockingFile : NodeFile)(path, fd, syncAfterWrite));
      });
    });
  }

  read(path: string): Promise<Bytes> {
    return translated(fsPromises.readFile(path), 'read', path);
  }

  writeAtomic(path: string, bytes: Bytes): Promise<void> {
    return writeAtomically(this, path, bytes, `${process.pid}-${temporaryFiles++}`);
  }

  async exists(path: string): Promise<boolean> {
    try {
      await fsPromises.access(path);
      return true;
    } catch (error) {
      const code = systemCode(error);
      if (code === 'ENOENT' || code === 'ENOTDIR') return false;
      throw fileError(error, 'look for', path);
    }
  }

  async list(path: string): Promise<readonly string[]> {
    try {
      return (await fsPromises.readdir(path)).sort();
    } catch (error) {
      if (systemCode(error) === 'ENOENT') return [];
      throw fileError(error, 'list', path);
    }
  }

  async size(path: string): Promise<number> {
    return (await translated(fsPromises.stat(path), 'inspect', path)).size;
  }

  async makeDirectory(path: string): Promise<void> {
    await translated(makeDirectories(path), 'create directory', path);
  }

  rename(from: string, to: string): Promise<void> {
    return translated(fsPromises.rename(from, to), `rename to ${to}`, from);
  }

  remove(path: string): Promise<void> {
    return translated(fsPromises.rm(path, { recursive: true, force: true }), 'remove', path);
  }

  async syncDirectory(path: string): Promise<void> {
    try {
      const handle = await fsPromises.open(path, O_RDONLY);
      try {
        await handle.sync();
      } finally {
        await handle.close();
      }
    } catch (error) {
      throw fileError(error, 'sync directory', path);
    }
  }

  async freeBytes(path: string): Promise<number> {
    const stats = await translated(fsPromises.statfs(path), 'inspect the file system of', path);
    return stats.bavail * stats.bsize;
  }

  freeBytesNow(path: string): number {
    try {
      const stats = fs.statfsSync(path);
      return stats.bavail * stats.bsize;
    } catch (error) {
      throw fileError(error, 'inspect the file system of', path);
    }
  }

  /** By `fallocate` of util-linux: Node has no call for it. */
  preallocate(path: string, bytes: number): Promise<void> {
    return new Promise((resolve, reject) => {
      execFile('fallocate', ['--keep-size', '--length', String(bytes), '--', path], (error, _, stderr) => {
        if (error === null) return resolve();
        const message = `cannot preallocate ${bytes} bytes for ${path}: ${stderr.trim() || error.message}`;
        const isFull = /no space|quota/i.test(stderr);
        reject(
          new OperationError(isFull ? 'disk_full' : 'unsupported', message, {
            cause: error,
            hint: isFull
              ? 'Free space on that file system, or make the volumes smaller.'
              : 'Preallocation needs the program fallocate and a file system that has it: switch it off elsewhere.',
          }),
        );
      });
    });
  }

  lock(path: string): Promise<FileLock> {
    return lockFile(path);
  }
}

class NodeFile implements File {
  readonly path: string;
  protected readonly fd: number;
  protected readonly syncAfterWrite: boolean;
  #inFlight = 0;
  #closing: { readonly promise: Promise<void>; readonly start: () => void } | undefined;

  constructor(path: string, fd: number, syncAfterWrite: boolean) {
    this.path = path;
    this.fd = fd;
    this.syncAfterWrite = syncAfterWrite;
  }

  read(into: Bytes, position: number): Promise<number> {
    return this.#call('read', (settle) => {
      let done = 0;
      const next = () => {
        const length = Math.min(into.length - done, CALL_BYTES_MAX);
        fs.read(this.fd, into, done, length, position + done, (error, bytesRead) => {
          if (error !== null) return settle(error);
          done += bytesRead;
          if (bytesRead === 0 || done === into.length) return settle(null, done);
          next();
        });
      };
      next();
    });
  }

  readNow(into: Bytes, position: number): number {
    assert(this.#closing === undefined, () => `read of ${this.path} after close`);
    try {
      let done = 0;
      while (done < into.length) {
        const bytesRead = fs.readSync(
          this.fd,
          into,
          done,
          Math.min(into.length - done, CALL_BYTES_MAX),
          position + done,
        );
        if (bytesRead === 0) break;
        done += bytesRead;
      }
      return done;
    } catch (error) {
      throw fileError(error, 'read', this.path);
    }
  }

  write(bytes: Bytes, position: number): Promise<void> {
    return this.#call('write', (settle) => {
      let done = 0;
      const next = () => {
        const length = Math.min(bytes.length - done, CALL_BYTES_MAX);
        fs.write(this.fd, bytes, done, length, position + done, (error, bytesWritten) => {
          if (error !== null) return settle(error);
          done += bytesWritten;
          if (done === bytes.length) return this.syncAfterWrite ? fs.fdatasync(this.fd, settle) : settle(null);
          // Repeating a write of nothing would spin forever.
          if (bytesWritten === 0) return settle(new OperationError('io', `cannot write ${this.path}: wrote nothing`));
          next(); // A short write: the rest fits, or the next call tells why not.
        });
      };
      next();
    });
  }

  writeNow(bytes: Bytes, position: number): void {
    assert(this.#closing === undefined, () => `write of ${this.path} after close`);
    try {
      let done = 0;
      while (done < bytes.length) {
        const length = Math.min(bytes.length - done, CALL_BYTES_MAX);
        const count = fs.writeSync(this.fd, bytes, done, length, position + done);
        if (count === 0) throw new OperationError('io', `cannot write ${this.path}: wrote nothing`);
        done += count;
      }
      if (this.syncAfterWrite) fs.fdatasyncSync(this.fd);
    } catch (error) {
      throw fileError(error, 'write', this.path);
    }
  }

  writeParts(parts: readonly Bytes[], position: number): Promise<void> {
    return this.#call('write', (settle) => {
      let rest = parts.filter((part) => part.length > 0);
      let at = position;
      const next = () => {
        if (rest.length === 0) return this.syncAfterWrite ? fs.fdatasync(this.fd, settle) : settle(null);
        fs.writev(this.fd, rest, at, (error, bytesWritten) => {
          if (error !== null) return settle(error);
          if (bytesWritten === 0) return settle(new OperationError('io', `cannot write ${this.path}: wrote nothing`));
          at += bytesWritten;
          rest = after(rest, bytesWritten);
          next();
        });
      };
      next();
    });
  }

  sync(): Promise<void> {
    return this.#call('sync', (settle) => fs.fdatasync(this.fd, settle));
  }

  truncate(length: number): Promise<void> {
    return this.#call('truncate', (settle) => fs.ftruncate(this.fd, length, settle));
  }

  size(): Promise<number> {
    return this.#call('inspect', (settle) =>
      fs.fstat(this.fd, (error, stats) => (error === null ? settle(null, stats.size) : settle(error))),
    );
  }

  /** Waits for calls in flight: a descriptor that is closed under them may name another file by then. */
  close(): Promise<void> {
    if (this.#closing !== undefined) return this.#closing.promise;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const start = () =>
      fs.close(this.fd, (error) => (error == null ? resolve() : reject(fileError(error, 'close', this.path))));
    this.#closing = { promise, start };
    if (this.#inFlight === 0) start();
    return promise;
  }

  #call<T = void>(action: string, start: (settle: Settle<T>) => void): Promise<T> {
    assert(this.#closing === undefined, () => `${action} of ${this.path} after close`);
    this.#inFlight++;
    return new Promise((resolve, reject) => {
      start((error, value) => {
        this.#inFlight--;
        if (this.#inFlight === 0) this.#closing?.start();
        if (error === null) resolve(value as T);
        else reject(fileError(error, action, this.path));
      });
    });
  }
}

/** What it returns has happened already. */
class BlockingFile extends NodeFile {
  override read(into: Bytes, position: number): Promise<number> {
    try {
      return Promise.resolve(this.readNow(into, position));
    } catch (error) {
      return Promise.reject(error);
    }
  }

  override write(bytes: Bytes, position: number): Promise<void> {
    try {
      this.writeNow(bytes, position);
      return Promise.resolve();
    } catch (error) {
      return Promise.reject(error);
    }
  }
}

/** What is left of parts of which so many bytes are done. */
function after(parts: readonly Bytes[], bytes: number): Bytes[] {
  let done = bytes;
  let index = 0;
  while (index < parts.length && done >= parts[index]!.length) done -= parts[index++]!.length;
  const rest = parts.slice(index);
  if (done > 0) rest[0] = rest[0]!.subarray(done);
  return rest;
}

type Settle<T> = (error: Error | null, value?: T) => void;

/** Not by `recursive` of Node, which tries again for ever where a parent is there and takes no directories, as /proc is. */
async function makeDirectories(path: string): Promise<void> {
  try {
    await fsPromises.mkdir(path, { mode: 0o700 });
  } catch (error) {
    const code = systemCode(error);
    if (code === 'EEXIST' && (await fsPromises.stat(path)).isDirectory()) return;
    const parent = dirname(path);
    if (code !== 'ENOENT' || parent === path || fs.existsSync(parent)) throw error;
    await makeDirectories(parent);
    await makeDirectories(path);
  }
}

async function translated<T>(promise: Promise<T>, action: string, path: string): Promise<T> {
  try {
    return await promise;
  } catch (error) {
    throw fileError(error, action, path);
  }
}
