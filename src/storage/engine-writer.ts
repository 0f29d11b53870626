/**
 * The road of writes from the overlay to the engine.
 *
 * A memtable that takes no more writes is applied as one batch that carries its version, the oldest first, one at a time. Now
 * and then a batch is synced, and only log below a synced position is trimmed: recovery replays the log from the position
 * that the engine holds.
 *
 * Where the same keys are written again and again, memtables wait for younger ones, and what those write anew is left out:
 * readers find it in the overlay, and recovery in the log, until it is applied with them (`thinnedBatch`).
 *
 * Kept true:
 * - the engine never holds a version that is not on stable storage in the log, in any class: it may write what it holds
 *   to its own files at any time, and a state ahead of its log could not be recovered;
 * - a memtable leaves the overlay only when the engine holds it, or younger ones what it lacks of it, and no open transaction
 *   needs it;
 * - what is not applied is bounded: beyond it writers wait for room (`whenRoom`), unless the engine has none itself.
 */

import { AssertionError } from '../base/assert.ts';
import { type Deferred, deferred } from '../base/awaitable.ts';
import { hasCode, messageOf } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import type { Platform, Timer } from '../platform/platform.ts';
import type { CommitLog } from './commit-log.ts';
import type { Engine } from './engine.ts';
import { thinnedBatch } from './memtable-batch.ts';
import type { ArenaPool, Overlay } from './overlay.ts';
import type { Snapshots } from './snapshots.ts';
import type { Version } from './store.ts';
import type { VersionedMemtable } from './versioned-memtable.ts';

const RECOVER_RETRY_MS = 500;

/** Memtables wait for younger ones while writes that are not applied take less than this share of their bound. */
const WAITING_SHARE = 1 / 2;
/** And only where one write in so many, or more, was of a key that the memtable had already. */
const REPEATS_WORTH_WAITING = 16;

/** The store whose writes these are. */
export interface WriteSource {
  readonly version: () => Version;
  /** Whether the memtable that takes writes has none. */
  readonly isActiveEmpty: () => boolean;
  /** Closes it to writes, if there are any in it, and opens another. */
  readonly sealActive: () => void;
}

export interface EngineWriterOptions {
  /** Of the store, for messages. */
  readonly name: string;
  readonly platform: Platform;
  readonly logger: Log;
  readonly engine: Engine;
  readonly overlay: Overlay;
  readonly snapshots: Snapshots;
  /** Where the memory of memtables goes. */
  readonly arenas: ArenaPool;
  /** Bound on memory for writes not yet applied; the same again for versions kept for open transactions. */
  readonly bytesMax: number;
  /** A memtable with writes takes more of them for so long; where keys repeat it then waits as long for younger ones. */
  readonly applyDelayMs: number;
  /** Bytes applied between two synced batches. */
  readonly syncBytes: number;
  /** Time between two synced batches while there is something to sync. */
  readonly syncDelayMs: number;
}

export class EngineWriter {
  /** Once it is open: what is applied has to be stable there, and it is trimmed behind what is synced. */
  log: CommitLog | undefined;
  /** The engine refused a batch for lack of space. */
  isFull = false;
  /** Why the engine refuses batches, other than for lack of space. */
  trouble = '';
  readonly #source: WriteSource;
  readonly #name: string;
  readonly #platform: Platform;
  readonly #logger: Log;
  readonly #engine: Engine;
  readonly #overlay: Overlay;
  readonly #snapshots: Snapshots;
  readonly #arenas: ArenaPool;
  readonly #bytesMax: number;
  readonly #applyDelayMs: number;
  readonly #syncBytes: number;
  readonly #syncDelayMs: number;
  #state: 'open' | 'closing' | 'closed' = 'open';
  #applying: Promise<void> | undefined;
  #applyTimer: Timer | undefined;
  /** The version when the timer went off last, and the time before that: what was written by then waits no longer. */
  #lastTick: Version = 0;
  #due: Version = 0;
  #appliedSinceSync = 0;
  #syncTimer: Timer | undefined;
  #writable: Deferred<void> | undefined;

  constructor(source: WriteSource, options: EngineWriterOptions) {
    this.#source = source;
    this.#name = options.name;
    this.#platform = options.platform;
    this.#logger = options.logger;
    this.#engine = options.engine;
    this.#overlay = options.overlay;
    this.#snapshots = options.snapshots;
    this.#arenas = options.arenas;
    this.#bytesMax = options.bytesMax;
    this.#applyDelayMs = options.applyDelayMs;
    this.#syncBytes = options.syncBytes;
    this.#syncDelayMs = options.syncDelayMs;
  }

  /** Undefined when more may be written, or when waiting would not help; else a promise of room. */
  whenRoom(): Promise<void> | undefined {
    if (this.isFull || this.unappliedBytes < this.#bytesMax) return undefined;
    this.log?.requestSync();
    this.#writable ??= deferred();
    return this.#writable.promise;
  }

  /** Lets those go on who wait for room. */
  release(): void {
    this.#writable?.resolve();
    this.#writable = undefined;
  }

  get unappliedBytes(): number {
    let bytes = 0;
    for (const memtable of this.#overlay.memtables) if (!memtable.applied) bytes += memtable.used;
    return bytes;
  }

  /** There is something to apply, some time. */
  schedule(): void {
    if (this.#applyTimer !== undefined) return;
    this.#applyTimer = this.#platform.timers.after(this.#applyDelayMs, () => {
      this.#applyTimer = undefined;
      if (this.#state === 'closed') return;
      this.#due = this.#lastTick;
      this.#lastTick = this.#source.version();
      if (this.#applying === undefined) this.#source.sealActive();
      this.maybeApply();
      if (!this.#source.isActiveEmpty() || this.#oldestUnapplied()?.sealed === true) this.schedule();
    });
  }

  #oldestUnapplied(): VersionedMemtable | undefined {
    for (const memtable of this.#overlay.memtables) if (!memtable.applied) return memtable;
    return undefined;
  }

  /** Applies what can be, in the background, unless that is under way. */
  maybeApply(): void {
    if (this.#applying !== undefined || this.#nextToApply() === undefined) return;
    this.#applying = this.#applyAll().then(
      () => {
        this.#applying = undefined;
        this.maybeApply();
      },
      (error: unknown) => {
        this.#applying = undefined;
        if (this.#state === 'open') throw error;
      },
    );
  }

  /** The oldest memtable not applied, once it is sealed, on stable storage, and has waited for younger ones. */
  #nextToApply(): VersionedMemtable | undefined {
    const memtable = this.#oldestUnapplied();
    return memtable?.sealed === true && memtable.lastVersion <= this.#stableVersion && !this.#mayWait(memtable)
      ? memtable
      : undefined;
  }

  get #stableVersion(): Version {
    return this.log?.syncedVersion ?? this.#source.version();
  }

  /** Whether younger memtables may make much of this one needless, and there is room until they do. */
  #mayWait({ lastVersion, entryCount, keyCount }: VersionedMemtable): boolean {
    return (
      this.log !== undefined &&
      lastVersion > this.#due &&
      (entryCount - keyCount) * REPEATS_WORTH_WAITING >= entryCount &&
      this.unappliedBytes < this.#bytesMax * WAITING_SHARE
    );
  }

  /**
   * Memtables younger than this one whose keys the engine need not get from it: they are on stable storage, no open
   * transaction reads a state between the two, and none will, as each reads the newest state of when it began. Without a log
   * there are none: what a crash leaves of an engine is to be a state that there was.
   */
  #youngerThan(memtable: VersionedMemtable): readonly VersionedMemtable[] {
    if (this.log === undefined) return [];
    const versionMax = Math.min(this.#stableVersion, this.#snapshots.oldestReadVersion);
    return this.#overlay.memtables.filter(
      ({ baseVersion, lastVersion, sealed }) =>
        baseVersion >= memtable.lastVersion && sealed && lastVersion <= versionMax,
    );
  }

  async #applyAll(): Promise<void> {
    for (let memtable = this.#nextToApply(); memtable !== undefined; memtable = this.#nextToApply()) {
      const sync = this.log !== undefined && this.#appliedSinceSync + memtable.used >= this.#syncBytes;
      await this.apply(memtable, sync);
      if (this.#state === 'closed') return;
    }
  }

  /**
   * Applies one memtable, which is the oldest that is not, and repeats that until the engine takes it.
   * @throws OperationError what the engine says, once it is being closed.
   */
  async apply(memtable: VersionedMemtable, sync: boolean): Promise<void> {
    await this.#snapshots.prepareApply(memtable.lastVersion);
    const batch = await thinnedBatch(memtable, this.#youngerThan(memtable), () => this.#platform.timers.yield());
    const { position } = this.#engine;
    for (;;) {
      try {
        await this.#engine.apply(batch, { sync });
        break;
      } catch (error) {
        if (this.#state !== 'open') throw error;
        if (hasCode(error, 'disk_full')) {
          if (!this.isFull)
            this.#logger.warn(
              { store: this.#name },
              'disk full: the engine takes no writes; deletes are kept in the log',
            );
          this.isFull = true;
          this.release();
        } else {
          if (this.trouble === '')
            this.#logger.error(
              { store: this.#name, error: messageOf(error) },
              'the engine refused a batch; trying again',
            );
          this.trouble = messageOf(error);
        }
        await this.#platform.timers.sleep(RECOVER_RETRY_MS);
        const recovered = await this.#engine.recover().then(
          () => true,
          () => false,
        );
        // What left the overlay is in the log alone, to be replayed when the store is opened again.
        if (recovered && this.#engine.position < position) throw new AssertionError('the engine lost applied batches');
      }
    }
    this.isFull = false;
    this.trouble = '';
    memtable.applied = true;
    this.#snapshots.applied();
    if (this.#retainedBytes() > this.#bytesMax) await this.#snapshots.rebase();
    this.retire();
    if (this.log !== undefined) {
      this.#appliedSinceSync += memtable.used;
      if (sync) await this.#afterSync();
      else if (this.#syncTimer === undefined) this.#scheduleSync();
    }
    if (this.#writable !== undefined && this.unappliedBytes < this.#bytesMax) this.release();
  }

  async #afterSync(): Promise<void> {
    this.#appliedSinceSync = 0;
    this.#syncTimer?.cancel();
    this.#syncTimer = undefined;
    try {
      await this.log?.trim(this.#engine.position);
    } catch (error) {
      this.#logger.warn({ store: this.#name, error: messageOf(error) }, 'cannot trim the commit log');
    }
  }

  /** Makes the engine's position durable once there was something to apply and then quiet. */
  syncSoon(): void {
    this.#due = this.#source.version();
    this.maybeApply();
    this.#syncTimer?.cancel();
    this.#scheduleSync(0);
  }

  #scheduleSync(delayMs = this.#syncDelayMs): void {
    this.#syncTimer = this.#platform.timers.after(delayMs, () => {
      this.#syncTimer = undefined;
      if (this.#state !== 'open') return;
      if (this.#applying !== undefined) this.#scheduleSync(Math.min(delayMs + 10, this.#syncDelayMs));
      else {
        this.#applying = this.#syncEngine()
          .catch((error: unknown) =>
            this.#logger.warn({ store: this.#name, error: messageOf(error) }, 'cannot sync the engine'),
          )
          .finally(() => {
            this.#applying = undefined;
            this.maybeApply();
          });
      }
    });
  }

  async #syncEngine(): Promise<void> {
    await this.#engine.apply({ ...EMPTY_BATCH, position: this.#engine.position }, { sync: true });
    await this.#afterSync();
  }

  /** Of memtables that the engine holds and open transactions still need. */
  #retainedBytes(): number {
    let bytes = 0;
    for (const memtable of this.#overlay.memtables)
      if (memtable.applied && this.#snapshots.needs(memtable)) bytes += memtable.memoryBytes;
    return bytes;
  }

  /** Drops applied memtables that nobody needs; over the memory bound, transactions that hold the oldest give way. */
  retire(): void {
    const memtables = this.#overlay.memtables;
    for (;;) {
      let retained = 0;
      let oldest: VersionedMemtable | undefined;
      for (let i = 0; i < memtables.length; ) {
        const memtable = memtables[i]!;
        if (!memtable.applied || this.#snapshots.needs(memtable)) {
          if (memtable.applied) {
            oldest ??= memtable;
            if (!memtable.shrunk) {
              memtable.shrunk = true;
              this.#arenas.release(memtable.shrink(), memtable.used);
            }
            retained += memtable.memoryBytes;
          }
          i++;
          continue;
        }
        memtables.splice(i, 1);
        this.#snapshots.dropped(memtable);
        if (!memtable.shrunk) this.#arenas.release(memtable.arena, memtable.used);
      }
      if (oldest === undefined || retained <= this.#bytesMax) return;
      this.#snapshots.giveUp(oldest);
    }
  }

  // ---- Ending

  /** Applies nothing more of its own accord. */
  stop(): void {
    this.#state = 'closing';
    this.#applyTimer?.cancel();
    this.#syncTimer?.cancel();
  }

  /** What is being applied has been, or failed. */
  async settled(): Promise<void> {
    await this.#applying?.catch(() => {});
  }

  /** Once stopped and settled: applies all that is left, and syncs. @throws OperationError what the engine says. */
  async applyRest(): Promise<void> {
    // A copy: what was applied leaves the overlay at once.
    for (const memtable of [...this.#overlay.memtables]) {
      if (!memtable.applied && !memtable.isEmpty) await this.apply(memtable, false);
      memtable.applied = true;
    }
    await this.#syncEngine();
  }

  close(): void {
    this.#state = 'closed';
    this.#syncTimer?.cancel();
  }
}

const EMPTY_BATCH = {
  deletedRanges: [],
  arena: Buffer.from(new SharedArrayBuffer(8)),
  operations: new Int32Array(new SharedArrayBuffer(4)),
  count: 0,
};
