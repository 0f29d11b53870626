/** The damaged needles of one volume, as its status names them: the oldest give way to new ones. */

import { messageOf } from '../../base/errors.ts';
import type { Log } from '../../base/log.ts';
import { fileIdText } from '../formats/file-id.ts';
import { recordBytes } from '../formats/needle.ts';
import type { NeedleVersion } from '../formats/super-block.ts';
import type { NeedlePlace } from './needle-read.ts';

const QUARANTINED_MAX = 1_000;

export interface Quarantined {
  readonly offset: number;
  readonly end: number;
  /** As its header tells, where that could be read. */
  readonly fileId: string | undefined;
  readonly reason: string;
}

export class Quarantine {
  readonly #volumeId: number;
  readonly #log: Log;
  #damaged: Quarantined[];

  constructor(volumeId: number, log: Log, known: readonly Quarantined[] = []) {
    this.#volumeId = volumeId;
    this.#log = log;
    this.#damaged = [...known];
  }

  get list(): readonly Quarantined[] {
    return this.#damaged;
  }

  /** Logs it, once for each place. */
  add(place: NeedlePlace, cookie: number, version: NeedleVersion, error: unknown): void {
    const { id, offset, size } = place;
    if (this.#damaged.some((one) => one.offset === offset)) return;
    const fileId = fileIdText({ volumeId: this.#volumeId, id, cookie });
    const reason = messageOf(error);
    if (this.#damaged.length >= QUARANTINED_MAX) this.#damaged.shift();
    this.#damaged.push({ offset, end: offset + recordBytes(size, version), fileId, reason });
    this.#log.error({ volume: this.#volumeId, needle: fileId, reason }, 'a needle is damaged');
  }

  /** Offsets are others now; what is damaged still is found when it is read. */
  clear(): void {
    this.#damaged = [];
  }
}
