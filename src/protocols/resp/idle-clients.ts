/**
 * `timeout`: clients that have sent nothing for so long are disconnected. As in Redis that leaves out those that wait for an answer,
 * that still take one in, and those that look at MONITOR.
 */

import type { Platform, Timer } from '../../platform/platform.ts';
import type { Monitors } from './monitors.ts';
import type { Session } from './session.ts';

const PERIOD_MS = 1_000;

export class IdleClients {
  readonly #platform: Pick<Platform, 'clock' | 'timers'>;
  readonly #clients: Iterable<Session>;
  readonly #monitors: Monitors;
  #timeoutS = 0;
  #timer: Timer | undefined;

  constructor(options: {
    readonly platform: Pick<Platform, 'clock' | 'timers'>;
    readonly clients: Iterable<Session>;
    readonly monitors: Monitors;
  }) {
    this.#platform = options.platform;
    this.#clients = options.clients;
    this.#monitors = options.monitors;
  }

  /** 0 lets everybody stay. */
  get timeoutS(): number {
    return this.#timeoutS;
  }

  set timeoutS(seconds: number) {
    this.#timeoutS = seconds;
    if (seconds > 0) this.#timer ??= this.#platform.timers.every(PERIOD_MS, () => this.#disconnect());
    else this.stop();
  }

  stop(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  #disconnect(): void {
    const since = this.#platform.clock.nowMs() - this.#timeoutS * 1_000;
    for (const client of [...this.#clients]) {
      if (client.activeAtMs >= since || client.isWaiting || client.outputBytes > 0) continue;
      if (!this.#monitors.has(client)) client.disconnect();
    }
  }
}
