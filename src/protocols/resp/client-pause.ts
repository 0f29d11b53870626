/** CLIENT PAUSE: holds commands of all clients back for a while, or only those that write. */

import { type Deferred, deferred } from '../../base/awaitable.ts';
import type { Platform, Timer } from '../../platform/platform.ts';
import type { CommandEntry } from './command.ts';
import type { Session } from './session.ts';

export type PauseMode = 'all' | 'write';

export class ClientPause {
  readonly #platform: Pick<Platform, 'clock' | 'timers'>;
  #mode: PauseMode = 'write';
  #endsAtMs = 0;
  #ended: Deferred<void> | undefined;
  #timer: Timer | undefined;

  constructor(platform: Pick<Platform, 'clock' | 'timers'>) {
    this.#platform = platform;
  }

  get isActive(): boolean {
    return this.#ended !== undefined;
  }

  /** A pause that is under way becomes no shorter and no weaker. */
  begin(mode: PauseMode, durationMs: number): void {
    const endsAtMs = this.#platform.clock.monotonicMs() + durationMs;
    this.#mode = this.isActive && this.#mode === 'all' ? 'all' : mode;
    if (this.isActive && endsAtMs <= this.#endsAtMs) return;
    this.#endsAtMs = endsAtMs;
    this.#ended ??= deferred();
    this.#arm(durationMs);
  }

  end(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#ended?.resolve();
    this.#ended = undefined;
  }

  /** Set when the command has to wait until the pause is over; ask again then. */
  holds(entry: CommandEntry, session: Session): Promise<void> | undefined {
    if (this.#ended === undefined || entry.name === 'client|unpause' || entry.name === 'client|pause') return undefined;
    return this.#mode === 'all' || mayWrite(entry, session) ? this.#ended.promise : undefined;
  }

  /** Timers take up to some 24 days; a longer pause is several of them. */
  #arm(durationMs: number): void {
    this.#timer?.cancel();
    const step = Math.min(durationMs, 0x7fff_ffff);
    this.#timer = this.#platform.timers.after(step, () => {
      if (step < durationMs) this.#arm(durationMs - step);
      else this.end();
    });
  }
}

export function mayWrite(entry: CommandEntry, session: Session): boolean {
  return entry.isWrite || (entry.name === 'exec' && session.transaction.queuesWrites);
}
