/**
 * The `volume` actors: each owns the append position of one needle volume. The actor key is the volume id.
 *
 * A turn puts a write or a delete into the volume's queue and is over: turns give the order, the volume commits what has
 * gathered as one group (`blobs/volume/volume-writer.ts`), and the promise within the turn's result tells when. So an actor
 * takes the next write while the one before is being synced. Reads are no turns: they look into the index as it is and never
 * wait for writes.
 */

import type { Awaitable } from '../../base/awaitable.ts';
import { OperationError } from '../../base/errors.ts';
import type { Needle } from '../../blobs/formats/needle.ts';
import { ShardedVolume } from '../../blobs/sharded-volume.ts';
import type { VacuumResult } from '../../blobs/vacuum/vacuum.ts';
import type { ReadNeedle } from '../../blobs/volume/needle-read.ts';
import { type ReadOptions, Volume, type WriteOptions } from '../../blobs/volume/volume.ts';
import type { SyncWish, Written } from '../../blobs/volume/volume-writer.ts';
import type { VolumeSet } from '../../blobs/volume-set.ts';
import type { ActorReference, ActorRuntime, Turn } from '../actor.ts';
import { defineActor } from '../actor.ts';

/** Work for a volume, begun within the turn; it goes on after it. */
export interface VolumeWork {
  begin(): void;
}

export const VolumeActor = defineActor({
  type: 'volume',
  persistent: false,
  idleMs: Number.POSITIVE_INFINITY,
  initial: () => undefined,
  methods: {
    run(_turn: Turn<undefined>, work: VolumeWork): void {
      work.begin();
    },
  },
});

/** The volumes of this member, as protocols call them. */
export class VolumeActors {
  readonly set: VolumeSet;
  readonly #runtime: Pick<ActorRuntime, 'get'>;
  readonly #references = new Map<number, ActorReference<typeof VolumeActor.methods>>();

  constructor(set: VolumeSet, runtime: Pick<ActorRuntime, 'get'>) {
    this.set = set;
    this.#runtime = runtime;
  }

  /** For reads. Undefined when this member does not have it. */
  get(volumeId: number): ReturnType<VolumeSet['reader']> {
    return this.set.reader(volumeId);
  }

  /** Undefined as of `Volume.read`, and when this member does not have the volume. @throws as it, or answers with it. */
  read(volumeId: number, id: bigint, cookie: number, options?: ReadOptions): Awaitable<ReadNeedle | undefined> {
    const reader = this.set.reader(volumeId);
    return reader instanceof Volume ? reader.readNow(id, cookie, options) : reader?.read(id, cookie, options);
  }

  /** @throws as `Volume.write`, and OperationError `not_found`. */
  write(volumeId: number, needle: Needle, options: WriteOptions = {}): Promise<Written> {
    return this.#turn(volumeId, (volume) => volume.write(needle, options));
  }

  /** @throws as `Volume.delete`, and OperationError `not_found`. */
  delete(
    volumeId: number,
    id: bigint,
    cookie: number,
    options: { readonly sync?: SyncWish } = {},
  ): Promise<number | undefined> {
    const reader = this.set.reader(volumeId);
    if (reader instanceof ShardedVolume) return reader.delete(id, cookie);
    return this.#turn(volumeId, (volume) => volume.delete(id, cookie, options));
  }

  vacuum(volumeId: number, threshold?: number): Promise<VacuumResult> {
    return this.#turn(volumeId, () => this.set.vacuum(volumeId, threshold));
  }

  #turn<T>(volumeId: number, work: (volume: Volume) => Promise<T>): Promise<T> {
    const volume = this.set.get(volumeId);
    if (volume === undefined && this.set.reader(volumeId) !== undefined) {
      const error = new OperationError('store_read_only', `volume ${volumeId} is read-only: it is marked so`);
      return Promise.reject(error);
    }
    if (volume === undefined) {
      return Promise.reject(new OperationError('not_found', `there is no volume ${volumeId} here`));
    }
    let reference = this.#references.get(volumeId);
    if (reference === undefined) {
      reference = this.#runtime.get(VolumeActor, volumeId);
      this.#references.set(volumeId, reference);
    }
    return new Promise((resolve, reject) => {
      const turn = reference.run({
        begin() {
          work(volume).then(resolve, reject);
        },
      });
      if (turn instanceof Promise) turn.catch(reject);
    });
  }
}
