/**
 * Which versions open transactions may still read, and which engine views they read them from.
 *
 * A snapshot is a read version R and costs nothing until the engine is about to move past it: then it is given a *base*,
 * an engine view at a position P <= R, and reads P from there and (P, R] from the overlay. Bases are opened at most once
 * per applied batch and shared; at `BASES_MAX` of them the last one serves all later snapshots too, at the price of
 * keeping the overlay since its position.
 */

import { assert } from '../base/assert.ts';
import { type Awaitable, isPromise } from '../base/awaitable.ts';
import { OperationError } from '../base/errors.ts';
import type { Engine, EngineSnapshot } from './engine.ts';
import type { Version } from './store.ts';
import type { VersionedMemtable } from './versioned-memtable.ts';

const BASES_MAX = 64;

export interface Base {
  readonly view: EngineSnapshot;
  /** Snapshots that read from it, readers in the middle of a read, and one for the store while it is the newest. */
  references: number;
  /** The youngest version that is read from it: what the overlay holds between its position and this must stay. */
  readVersionMax: Version;
  /** Serves snapshots of any later version: everything since its position must stay in the overlay. */
  keepsAll: boolean;
}

export class Snapshot {
  readonly readVersion: Version;
  /** Needs the versions after `readVersion`, to be checked for conflicts when it commits. */
  validates: boolean;
  base: Base | undefined;
  /** Transactions that read from it. */
  holders = 1;
  /** Scans that read from it. */
  cursors = 0;
  /** Its versions were given up to keep memory bounded. */
  tooOld = false;

  constructor(readVersion: Version, validates: boolean) {
    this.readVersion = readVersion;
    this.validates = validates;
  }
}

export class Snapshots {
  readonly #engine: Engine;
  /** Oldest first. */
  readonly #open = new Set<Snapshot>();
  /** Those of `#open` that validate, oldest first. */
  readonly #validating = new Set<Snapshot>();
  /** Those of `#open` without a base, oldest first. */
  readonly #unbased = new Set<Snapshot>();
  readonly #bases: Base[] = [];
  /** The newest base while no batch was applied since it was opened. */
  #newest: Base | undefined;
  /** Highest version of a memtable that left the overlay: a base older than it can serve no new snapshot. */
  #droppedThrough: Version = 0;
  /** Reads that wait for an engine. */
  #pins = 0;
  #closed = false;

  constructor(engine: Engine) {
    this.#engine = engine;
  }

  get count(): number {
    return this.#open.size;
  }

  /** Of those that are open; infinite when none is. */
  get oldestReadVersion(): Version {
    for (const oldest of this.#open) return oldest.readVersion;
    return Number.POSITIVE_INFINITY;
  }

  /** Read versions do not go back from one to the next. */
  open(readVersion: Version, validates: boolean): Snapshot {
    const snapshot = new Snapshot(readVersion, validates);
    this.#open.add(snapshot);
    if (validates) this.#validating.add(snapshot);
    this.#unbased.add(snapshot);
    return snapshot;
  }

  /** One more transaction reads from it: it is closed when all of them have closed it. */
  share(snapshot: Snapshot): Snapshot {
    assert(this.#open.has(snapshot), 'a snapshot that is open is shared');
    snapshot.holders++;
    return snapshot;
  }

  close(snapshot: Snapshot): void {
    if (--snapshot.holders === 0) this.#drop(snapshot);
  }

  /** Whoever still holds it. */
  #drop(snapshot: Snapshot): void {
    if (!this.#open.delete(snapshot)) return;
    this.#validating.delete(snapshot);
    this.#unbased.delete(snapshot);
    if (snapshot.base !== undefined) this.#release(snapshot.base);
    snapshot.base = undefined;
  }

  /** The base of a snapshot, opened now if it has none. It may be another one after the next batch was applied. */
  baseOf(snapshot: Snapshot): Awaitable<Base> {
    if (snapshot.base !== undefined) return snapshot.base;
    return this.#withBase((base) => this.#attach(snapshot, base));
  }

  /** Keeps a base readable until `reading` is done, also when its snapshot moves to another one meanwhile. */
  pinned<T>(base: Base, reading: Promise<T>): Promise<T> {
    base.references++;
    this.#pins++;
    return reading.finally(() => {
      this.#pins--;
      this.#release(base);
    });
  }

  /** Gives a base to every snapshot that the engine is about to move past. */
  prepareApply(position: Version): Awaitable<void> {
    let needed = false;
    for (const snapshot of this.#unbased) {
      if (snapshot.readVersion < position) needed = true;
      break;
    }
    if (!needed) return;
    return this.#withBase((base) => {
      for (const snapshot of this.#unbased) {
        if (snapshot.readVersion >= position) break;
        this.#attach(snapshot, base);
      }
    });
  }

  /**
   * Moves the snapshots that are at least as young as the engine now is to a view of now: they let go of the memtables
   * they read so far. Not to be called while a batch is being applied.
   */
  rebase(): Awaitable<void> {
    const { position } = this.#engine;
    const movable = (snapshot: Snapshot): boolean =>
      snapshot.readVersion >= position &&
      snapshot.base !== undefined &&
      !snapshot.base.keepsAll &&
      snapshot.base.view.position < position;
    if (![...this.#open].some(movable)) return;
    return this.#withBase((base) => {
      if (base.view.position < position) return; // A base that serves all is as old as it is.
      const left = new Set<Base>();
      for (const snapshot of this.#open) {
        if (!movable(snapshot)) continue;
        left.add(snapshot.base!);
        base.references++;
        base.readVersionMax = Math.max(base.readVersionMax, snapshot.readVersion);
        this.#release(snapshot.base!);
        snapshot.base = base;
      }
      for (const old of left) old.readVersionMax = 0;
      for (const { base: own, readVersion } of this.#open) {
        if (own !== undefined && left.has(own)) own.readVersionMax = Math.max(own.readVersionMax, readVersion);
      }
    });
  }

  /** A batch was applied: views opened from now on are younger. */
  applied(): void {
    const newest = this.#newest;
    this.#newest = undefined;
    if (newest !== undefined) this.#release(newest);
  }

  /** Whether an open snapshot needs this memtable, which the engine already holds. */
  needs(memtable: VersionedMemtable): boolean {
    for (const base of this.#bases) {
      if (base.view.position >= memtable.lastVersion) continue;
      if (base.keepsAll || base.readVersionMax > memtable.baseVersion) return true;
    }
    for (const oldest of this.#validating) return oldest.readVersion < memtable.lastVersion;
    return false;
  }

  dropped(memtable: VersionedMemtable): void {
    this.#droppedThrough = Math.max(this.#droppedThrough, memtable.lastVersion);
  }

  /**
   * Frees a memtable that only old snapshots hold: those that would validate against it can only read from now on, those
   * that read from it answer `transaction_too_old`.
   */
  giveUp(memtable: VersionedMemtable): void {
    for (const snapshot of this.#open) {
      if (validatesAgainst(snapshot, memtable)) {
        snapshot.validates = false;
        this.#validating.delete(snapshot);
      }
      if (readsFrom(snapshot, memtable) || snapshot.base?.keepsAll === true) {
        // Nothing is kept for it any more, neither to read nor to be checked against.
        snapshot.tooOld = true;
        snapshot.validates = false;
        this.#drop(snapshot);
      }
    }
    // A base may outlive who read from it: while it is the newest, or while a read is under way.
    for (const base of this.#bases) {
      base.readVersionMax = 0;
      base.keepsAll = false;
    }
    for (const { base, readVersion } of this.#open) {
      if (base !== undefined) base.readVersionMax = Math.max(base.readVersionMax, readVersion);
    }
  }

  closeAll(): void {
    this.#closed = true;
    for (const snapshot of this.#open) this.#drop(snapshot);
    this.applied();
    assert(this.#bases.length === 0 || this.#pins > 0, 'an engine view outlived all snapshots');
  }

  #attach(snapshot: Snapshot, base: Base): Base {
    if (snapshot.base !== undefined) return snapshot.base;
    assert(
      base.view.position <= snapshot.readVersion,
      () => `base ${base.view.position} is younger than snapshot ${snapshot.readVersion}`,
    );
    this.#unbased.delete(snapshot);
    if (!this.#open.has(snapshot)) return base;
    base.references++;
    base.readVersionMax = Math.max(base.readVersionMax, snapshot.readVersion);
    snapshot.base = base;
    return base;
  }

  /**
   * Calls `use` with a base for new snapshots in the very stretch in which it was opened: a moment later another one
   * may have taken its place as the newest, and with it its only reference.
   */
  #withBase<T>(use: (base: Base) => T): Awaitable<T> {
    const last = this.#bases.at(-1);
    if (
      last !== undefined &&
      (last === this.#newest || last.keepsAll) &&
      (last.keepsAll || last.view.position >= this.#droppedThrough)
    ) {
      return use(last);
    }
    const view = this.#engine.snapshot();
    return isPromise(view) ? view.then((opened) => this.#adopt(opened, use)) : this.#adopt(view, use);
  }

  #adopt<T>(view: EngineSnapshot, use: (base: Base) => T): Awaitable<T> {
    const newest = this.#newest;
    const twice = newest?.view.position === view.position;
    // A batch may have been applied, and have left the overlay, while the view was being opened: the view lacks it.
    const late = view.position < this.#droppedThrough;
    if (this.#closed || late || twice) view.release();
    if (this.#closed) throw new OperationError('store_closed', 'the store closed while its engine opened a view');
    if (late) return this.#withBase(use);
    if (twice) return use(newest!);
    this.applied();
    const base: Base = { view, references: 1, readVersionMax: 0, keepsAll: this.#bases.length + 1 >= BASES_MAX };
    this.#bases.push(base);
    this.#newest = base;
    return use(base);
  }

  #release(base: Base): void {
    assert(base.references > 0, 'a base is released as often as it was taken');
    base.references--;
    if (base.references > 0) return;
    this.#bases.splice(this.#bases.indexOf(base), 1);
    base.view.release();
  }
}

function validatesAgainst(snapshot: Snapshot, memtable: VersionedMemtable): boolean {
  return snapshot.validates && snapshot.readVersion < memtable.lastVersion;
}

function readsFrom(snapshot: Snapshot, memtable: VersionedMemtable): boolean {
  const base = snapshot.base;
  return base !== undefined && base.view.position < memtable.lastVersion && memtable.baseVersion < snapshot.readVersion;
}
