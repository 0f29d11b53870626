/**
 * A disk with a page cache and a power switch.
 *
 * Everything exists twice: as the kernel shows it, and as it is on stable storage. The model, after ext4:
 *
 * - Contents. A write goes to the page cache and makes the sectors (512 bytes) it touches dirty. `sync` and writes of a
 *   file opened `synced` make them durable. Overwriting a dirty sector may first write the older version back: the
 *   kernel does so at any time.
 * - Names. Creations, renames and removals enter a journal in order; a rename is one entry. Syncing a directory makes
 *   its entries durable and the directory itself reachable; so does syncing a file for its own name, as on ext4, unless
 *   `strictNames` asks for what POSIX promises. Entries that touch a name go to stable storage in their order.
 * - A failed sync loses: its dirty sectors count as clean, each durable or not by chance, and a second sync that
 *   succeeds says nothing about them, as on Linux.
 * - Power loss (`crash`). What is durable stays. Of the rest all is lost, all is kept, or, `torn`, by chance: each dirty
 *   sector by itself, sizes and truncations by themselves, and the journal up to some entry.
 *
 * Left out: sectors torn within, lying disks, bit rot but by `corrupt`, permissions, links.
 */

import { assert } from '../../base/assert.ts';
import type { Bytes } from '../../base/bytes.ts';
import { OperationError } from '../../base/errors.ts';
import { newSystemError } from '../system-error.ts';
import type { SeededRandom } from './seeded-random.ts';
import { SECTOR_BYTES, SparseBytes } from './sparse-bytes.ts';

export type DiskOperation = 'read' | 'write' | 'sync' | 'name';

/** Virtual milliseconds, or a range to draw from. */
export type Latency = number | readonly [minMs: number, maxMs: number];

export interface DiskOptions {
  /** Bytes that all files together may hold; writes beyond fail with ENOSPC. Default unlimited. */
  readonly capacityBytes?: number;
  /** Default 0: calls settle at once, without anyone driving virtual time. `name` is everything about names. */
  readonly latencyMs?: Readonly<Partial<Record<DiskOperation, Latency>>>;
  /** Only syncing the directory makes a name durable. Default false. */
  readonly strictNames?: boolean;
}

/** What happens at a power loss to what was not synced. */
export type Unsynced = 'lost' | 'kept' | 'torn';

export interface DiskFault {
  /** Default EIO. */
  readonly code?: string;
  /** How often; default 1. */
  readonly times?: number;
  /** Only on paths it matches. */
  readonly path?: RegExp;
  /** A failing write gets this far first. Default 0. */
  readonly afterBytes?: number;
}

/** A directory with all it holds: relative path to contents, undefined for a directory. */
export type DirectorySnapshot = ReadonlyMap<string, Bytes | undefined>;

export interface FileNode {
  readonly kind: 'file';
  parent: DirectoryNode | undefined;
  cached: SparseBytes;
  readonly durable: SparseBytes;
  readonly dirty: Set<number>;
  /** The smallest size it was cut to since the last sync. */
  cutTo: number | undefined;
}

interface DirectoryNode {
  readonly kind: 'directory';
  parent: DirectoryNode | undefined;
  cached: Map<string, DiskNode>;
  readonly durable: Map<string, DiskNode>;
}

type DiskNode = FileNode | DirectoryNode;

interface NameChange {
  readonly directory: DirectoryNode;
  readonly name: string;
  /** Undefined removes the name. */
  readonly node: DiskNode | undefined;
}

/** Changes that reach stable storage together. */
type JournalEntry = readonly NameChange[];

/** A process's view of the disk, told when the power goes. */
export interface DiskUser {
  powerLost(unsynced: Unsynced): void;
}

export interface DiskLock {
  readonly user: DiskUser;
  readonly pid: number;
}

export class SimulatedDisk {
  capacityBytes: number;
  readonly #latencyMs: Readonly<Partial<Record<DiskOperation, Latency>>>;
  readonly #strictNames: boolean;
  readonly #random: SeededRandom;
  readonly #root = newDirectory(undefined);
  #journal: JournalEntry[] = [];
  #usedBytes = 0;
  #faults: { readonly operation: DiskOperation; readonly fault: DiskFault; left: number }[] = [];
  readonly #users = new Set<DiskUser>();
  readonly #locks = new Map<string, DiskLock>();

  constructor(random: SeededRandom, options: DiskOptions = {}) {
    this.#random = random;
    this.capacityBytes = options.capacityBytes ?? Number.POSITIVE_INFINITY;
    this.#latencyMs = options.latencyMs ?? {};
    this.#strictNames = options.strictNames ?? false;
  }

  // What a test does to it

  /** Power loss: whoever uses the disk loses it, and it shows what survived. */
  crash(unsynced: Unsynced): void {
    for (const user of [...this.#users]) user.powerLost(unsynced);
    this.#users.clear();
    this.#locks.clear();
    let kept = 0;
    if (unsynced === 'kept') kept = this.#journal.length;
    if (unsynced === 'torn') kept = this.#random.int(this.#journal.length + 1);
    for (const entry of this.#journal.slice(0, kept)) applyDurably(entry);
    this.#journal = [];
    this.#usedBytes = 0;
    this.#restart(this.#root, unsynced, new Set());
  }

  /** The next operations of that kind fail. @returns a function that takes back what has not struck yet. */
  fail(operation: DiskOperation, fault: DiskFault = {}): () => void {
    const armed = { operation, fault, left: fault.times ?? 1 };
    this.#faults.push(armed);
    return () => {
      armed.left = 0;
    };
  }

  /** Flips one bit, in cache and on stable storage. */
  corrupt(path: string, position: number, bit = 0): void {
    const file = this.#requireFile(path);
    for (const contents of [file.cached, file.durable]) {
      if (position >= contents.size) continue;
      const byte = new Uint8Array(1);
      contents.read(byte, position);
      byte[0]! ^= 1 << bit;
      contents.write(byte, position);
    }
  }

  /** What the kernel shows of a directory now. */
  snapshot(directory: string): DirectorySnapshot {
    const entries = new Map<string, Bytes | undefined>();
    const walk = (node: DiskNode, prefix: string) => {
      if (node.kind === 'file') return;
      for (const name of [...node.cached.keys()].sort()) {
        const child = node.cached.get(name)!;
        entries.set(prefix + name, child.kind === 'file' ? child.cached.toBytes() : undefined);
        walk(child, `${prefix}${name}/`);
      }
    };
    walk(this.#require(directory), '');
    return entries;
  }

  /** Replaces a directory by a snapshot; afterwards all names on the disk are durable. */
  restore(directory: string, snapshot: DirectorySnapshot): void {
    this.remove(directory);
    this.makeDirectory(directory);
    for (const [relative, bytes] of snapshot) {
      const path = `${directory}/${relative}`;
      if (bytes === undefined) {
        this.makeDirectory(path);
        continue;
      }
      const file = this.openFile(path, 'createNew');
      file.cached.write(bytes, 0);
      this.#usedBytes += bytes.length;
      for (let sector = 0; sector * SECTOR_BYTES < bytes.length; sector++) file.dirty.add(sector);
      this.#settle(file);
    }
    for (const entry of this.#journal) applyDurably(entry);
    this.#journal = [];
  }

  get freeBytes(): number {
    return Math.max(0, Math.min(this.capacityBytes - this.#usedBytes, Number.MAX_SAFE_INTEGER));
  }

  // What `SimulatedFiles` is made of. All throw native-looking system errors.

  attach(user: DiskUser): void {
    this.#users.add(user);
  }

  /** Process death: its locks are free, everything it wrote is still in the page cache. */
  detach(user: DiskUser): void {
    this.#users.delete(user);
    for (const [path, lock] of this.#locks) if (lock.user === user) this.#locks.delete(path);
  }

  drawLatencyMs(operation: DiskOperation): number {
    const latency = this.#latencyMs[operation] ?? 0;
    return typeof latency === 'number' ? latency : this.#random.between(latency[0], latency[1]);
  }

  openFile(path: string, mode: 'read' | 'write' | 'create' | 'createNew'): FileNode {
    this.strike('name', path);
    const found = this.#find(path);
    if (found === undefined) {
      if (mode === 'read' || mode === 'write') throw noEntry();
      const file = newFile();
      this.#link([{ ...this.#place(path), node: file }]);
      return file;
    }
    if (mode === 'createNew') throw newSystemError('EEXIST', 'file already exists');
    if (found.kind === 'directory') throw isDirectory();
    return found;
  }

  readFile(file: FileNode, path: string, into: Bytes, position: number): number {
    this.strike('read', path);
    return file.cached.read(into, position);
  }

  /** Into the page cache only. Fails half way when space runs out. */
  writeFile(file: FileNode, path: string, bytes: Bytes, position: number): void {
    const fault = this.#armed('write', path);
    const before = file.cached.size;
    const room = Math.max(before, before + this.freeBytes) - position;
    const allowed = fault === undefined ? room : Math.min(room, fault.afterBytes ?? 0);
    const fits = Math.min(bytes.length, Math.max(0, allowed));
    const end = position + fits;
    if (fits > 0) {
      for (let sector = Math.floor(position / SECTOR_BYTES); sector * SECTOR_BYTES < end; sector++) {
        if (file.dirty.has(sector) && this.#random.chance(0.1)) file.durable.copySector(file.cached, sector);
        file.dirty.add(sector);
      }
      file.cached.write(bytes.subarray(0, fits), position);
      if (this.#isLinked(file)) this.#usedBytes += file.cached.size - before;
    }
    if (fault !== undefined) throw faultError(fault);
    if (fits < bytes.length) throw newSystemError('ENOSPC', 'no space left on device');
  }

  /** Makes one range durable, and the file reachable: what `O_DSYNC` adds to a write. */
  syncRange(file: FileNode, path: string, position: number, length: number): void {
    const first = Math.floor(position / SECTOR_BYTES);
    const sectors: number[] = [];
    for (let sector = first; sector * SECTOR_BYTES < position + length; sector++) sectors.push(sector);
    this.#strikeSync(file, path, sectors);
    this.#cut(file);
    for (const sector of sectors) {
      file.durable.copySector(file.cached, sector);
      file.dirty.delete(sector);
    }
    if (!this.#strictNames) this.#commitNames((change) => isOnPath(change.node, file));
  }

  syncFile(file: FileNode, path: string): void {
    this.#strikeSync(file, path, [...file.dirty]);
    this.#settle(file);
    if (!this.#strictNames) this.#commitNames((change) => isOnPath(change.node, file));
  }

  resizeFile(file: FileNode, path: string, size: number): void {
    this.strike('write', path);
    const before = file.cached.size;
    if (size - before > this.freeBytes) throw newSystemError('ENOSPC', 'no space left on device');
    if (size < before) {
      file.cutTo = Math.min(size, file.cutTo ?? size);
      for (const sector of file.dirty) if (sector * SECTOR_BYTES >= size) file.dirty.delete(sector);
    }
    file.cached.resize(size);
    if (this.#isLinked(file)) this.#usedBytes += size - before;
  }

  syncDirectory(path: string): void {
    this.strike('sync', path);
    const directory = this.#require(path);
    if (directory.kind === 'file') throw newSystemError('ENOTDIR', 'not a directory');
    this.#commitNames((change) => change.directory === directory || isOnPath(change.node, directory));
  }

  exists(path: string): boolean {
    this.strike('name', path);
    return this.#find(path) !== undefined;
  }

  /** Sorted; empty when missing. */
  list(path: string): readonly string[] {
    this.strike('name', path);
    const node = this.#find(path);
    if (node === undefined) return [];
    if (node.kind === 'file') throw newSystemError('ENOTDIR', 'not a directory');
    return [...node.cached.keys()].sort();
  }

  size(path: string): number {
    this.strike('name', path);
    const node = this.#require(path);
    return node.kind === 'file' ? node.cached.size : 0;
  }

  makeDirectory(path: string): void {
    this.strike('name', path);
    let at: DirectoryNode = this.#root;
    const names = segments(path);
    for (const [i, name] of names.entries()) {
      let next = at.cached.get(name);
      if (next === undefined) {
        next = newDirectory(at);
        this.#link([{ directory: at, name, node: next }]);
      }
      if (next.kind === 'file') {
        if (i < names.length - 1) throw newSystemError('ENOTDIR', 'not a directory');
        throw newSystemError('EEXIST', 'file already exists');
      }
      at = next;
    }
  }

  rename(from: string, to: string): void {
    this.strike('name', from);
    const node = this.#require(from);
    const source = this.#place(from);
    const target = this.#place(to);
    const replaced = target.directory.cached.get(target.name);
    if (replaced === node) return;
    if (replaced?.kind === 'directory') {
      if (node.kind === 'file') throw isDirectory();
      if (replaced.cached.size > 0) throw newSystemError('ENOTEMPTY', 'directory not empty');
    }
    if (replaced?.kind === 'file' && node.kind === 'directory') throw newSystemError('ENOTDIR', 'not a directory');
    if (isOnPath(node, target.directory)) throw newSystemError('EINVAL', 'invalid argument');
    this.#link([
      { ...source, node: undefined },
      { ...target, node },
    ]);
  }

  /** Bottom up, name by name: a crash may leave a directory half removed. */
  remove(path: string): void {
    this.strike('name', path);
    const node = this.#find(path);
    if (node === undefined) return;
    assert(node !== this.#root, 'the root of a disk cannot be removed');
    const unlink = (child: DiskNode, directory: DirectoryNode, name: string) => {
      if (child.kind === 'directory') {
        for (const [inner, grandchild] of [...child.cached]) unlink(grandchild, child, inner);
      }
      this.#link([{ directory, name, node: undefined }]);
    };
    const { directory, name } = this.#place(path);
    unlink(node, directory, name);
  }

  /** Takes a lock for `user`; the file tells only that it exists. @throws OperationError `store_locked`. */
  lock(path: string, user: DiskUser, pid: number): DiskLock {
    const key = segments(path).join('/');
    const holder = this.#locks.get(key);
    if (holder !== undefined) {
      const who = holder.user === user ? `this process (${holder.pid})` : `process ${holder.pid}`;
      throw new OperationError('store_locked', `${path} is in use by ${who}`, {
        hint: 'Stop that process, or start this one with another data directory.',
      });
    }
    this.openFile(path, 'create');
    const lock: DiskLock = { user, pid };
    this.#locks.set(key, lock);
    return lock;
  }

  /** Harmless when that lock is no longer held. */
  unlock(path: string, lock: DiskLock): void {
    const key = segments(path).join('/');
    if (this.#locks.get(key) !== lock) return;
    this.#locks.delete(key);
    this.remove(path);
  }

  /** Throws if a fault is armed for it. */
  strike(operation: DiskOperation, path: string): void {
    const fault = this.#armed(operation, path);
    if (fault !== undefined) throw faultError(fault);
  }

  // Contents

  #strikeSync(file: FileNode, path: string, sectors: readonly number[]): void {
    const fault = this.#armed('sync', path);
    if (fault === undefined) return;
    for (const sector of sectors) {
      if (this.#random.chance(0.5)) file.durable.copySector(file.cached, sector);
      file.dirty.delete(sector);
    }
    throw faultError(fault);
  }

  #cut(file: FileNode): void {
    if (file.cutTo !== undefined && file.cutTo < file.durable.size) file.durable.resize(file.cutTo);
    file.cutTo = undefined;
  }

  #settle(file: FileNode): void {
    this.#cut(file);
    for (const sector of file.dirty) file.durable.copySector(file.cached, sector);
    file.durable.resize(file.cached.size);
    file.dirty.clear();
  }

  #settleByChance(file: FileNode): void {
    const random = this.#random;
    if (random.chance(0.5)) this.#cut(file);
    // Some runs lose almost everything, some almost nothing, and some keep a prefix, as a slow writeback would.
    const probability = random.pick([0.05, 0.5, 0.95]);
    const sectors = [...file.dirty].sort((a, b) => a - b);
    const prefix = random.chance(0.3) ? random.int(sectors.length + 1) : undefined;
    for (const [index, sector] of sectors.entries()) {
      const kept = prefix === undefined ? random.chance(probability) : index < prefix;
      if (kept) file.durable.copySector(file.cached, sector);
    }
    if (file.cached.size > file.durable.size && random.chance(0.5)) file.durable.resize(file.cached.size);
  }

  #restart(directory: DirectoryNode, unsynced: Unsynced, seen: Set<FileNode>): void {
    directory.cached = new Map(directory.durable);
    for (const node of directory.cached.values()) {
      node.parent = directory;
      if (node.kind === 'directory') {
        this.#restart(node, unsynced, seen);
        continue;
      }
      // Twice only when one name of a rename was kept: never, as a rename is one entry.
      assert(!seen.has(node), 'a file has one name');
      seen.add(node);
      if (unsynced === 'kept') this.#settle(node);
      if (unsynced === 'torn') this.#settleByChance(node);
      node.cached = node.durable.clone();
      node.dirty.clear();
      node.cutTo = undefined;
      this.#usedBytes += node.cached.size;
    }
  }

  // Names

  #find(path: string): DiskNode | undefined {
    let at: DiskNode = this.#root;
    for (const name of segments(path)) {
      if (at.kind === 'file') return undefined;
      const next = at.cached.get(name);
      if (next === undefined) return undefined;
      at = next;
    }
    return at;
  }

  #require(path: string): DiskNode {
    const node = this.#find(path);
    if (node === undefined) throw noEntry();
    return node;
  }

  #requireFile(path: string): FileNode {
    const node = this.#require(path);
    if (node.kind === 'directory') throw isDirectory();
    return node;
  }

  /** The directory that holds or would hold `path`, and the name in it. */
  #place(path: string): { readonly directory: DirectoryNode; readonly name: string } {
    const names = segments(path);
    const name = names.pop();
    assert(name !== undefined, 'the root of a disk has no name');
    const directory = this.#require(names.join('/'));
    if (directory.kind === 'file') throw newSystemError('ENOTDIR', 'not a directory');
    return { directory, name };
  }

  #isLinked(file: FileNode): boolean {
    return file.parent !== undefined;
  }

  #link(entry: JournalEntry): void {
    for (const { directory, name, node } of entry) {
      const before = directory.cached.get(name);
      if (before !== undefined) {
        before.parent = undefined;
        if (before.kind === 'file') this.#usedBytes -= before.cached.size;
      }
      if (node === undefined) {
        directory.cached.delete(name);
      } else {
        directory.cached.set(name, node);
        node.parent = directory;
        if (node.kind === 'file') this.#usedBytes += node.cached.size;
      }
    }
    this.#journal.push(entry);
  }

  /** Makes the wanted changes durable, and before them whatever happened earlier to the same names. */
  #commitNames(wanted: (change: NameChange) => boolean): void {
    const names = new Map<DirectoryNode, Set<string>>();
    const rest: JournalEntry[] = [];
    const committed: JournalEntry[] = [];
    for (const entry of this.#journal.toReversed()) {
      if (!entry.some((change) => wanted(change) || names.get(change.directory)?.has(change.name) === true)) {
        rest.push(entry);
        continue;
      }
      committed.push(entry);
      for (const { directory, name } of entry) {
        const touched = names.get(directory) ?? new Set();
        names.set(directory, touched.add(name));
      }
    }
    for (const entry of committed.toReversed()) applyDurably(entry);
    this.#journal = rest.reverse();
  }

  #armed(operation: DiskOperation, path: string): DiskFault | undefined {
    this.#faults = this.#faults.filter((armed) => armed.left > 0);
    for (const armed of this.#faults) {
      if (armed.operation !== operation || armed.fault.path?.test(path) === false) continue;
      armed.left--;
      return armed.fault;
    }
    return undefined;
  }
}

function applyDurably(entry: JournalEntry): void {
  for (const { directory, name, node } of entry) {
    if (node === undefined) directory.durable.delete(name);
    else directory.durable.set(name, node);
  }
}

function newDirectory(parent: DirectoryNode | undefined): DirectoryNode {
  return { kind: 'directory', parent, cached: new Map(), durable: new Map() };
}

function newFile(): FileNode {
  return {
    kind: 'file',
    parent: undefined,
    cached: new SparseBytes(),
    durable: new SparseBytes(),
    dirty: new Set(),
    cutTo: undefined,
  };
}

/** Whether `node` is `leaf` or a directory above it. */
function isOnPath(node: DiskNode | undefined, leaf: DiskNode): boolean {
  if (node === undefined) return false;
  for (let at: DiskNode | undefined = leaf; at !== undefined; at = at.parent) if (at === node) return true;
  return false;
}

function segments(path: string): string[] {
  const names: string[] = [];
  for (const name of path.split('/')) {
    if (name === '..') names.pop();
    else if (name !== '' && name !== '.') names.push(name);
  }
  return names;
}

function noEntry(): Error {
  return newSystemError('ENOENT', 'no such file or directory');
}

function isDirectory(): Error {
  return newSystemError('EISDIR', 'illegal operation on a directory');
}

function faultError(fault: DiskFault): Error {
  const code = fault.code ?? 'EIO';
  return newSystemError(code, code === 'ENOSPC' ? 'no space left on device' : 'i/o error');
}
