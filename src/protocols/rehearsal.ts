/**
 * What the server asks itself, so that the first requests of its clients are not the first that V8 sees.
 *
 * A function's first calls are slow: it is compiled, then interpreted, and compiled again once it has been called often
 * (docs/decisions/statements-are-rehearsed.md). So before the first client asks, connections of the server's own ask over a store of
 * their own: what clients store, see and count is left alone.
 *
 * Compiled code holds for the classes that it has met, and is thrown away at the first other one. So all is as clients have it: a store
 * of the same provider, objects with the same options, and sockets that connect, ask and leave. For as long as it takes
 * a port of the loopback interface is open for them, at which others are cut off.
 *
 * Clients come first: something is rehearsed only when the event loop has waited for most of the time just before, and
 * a server that clients keep busy rehearses nothing. It ends by itself, and sooner when the server stops.
 */

import { messageOf } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import type { Platform } from '../platform/platform.ts';
import type { Socket, SocketHandlers, Sockets } from '../platform/sockets.ts';

export interface RehearsalOptions {
  readonly platform: Pick<Platform, 'clock' | 'timers' | 'sockets'>;
  readonly log: Log;
  /** What is rehearsed, for the log. */
  readonly what: string;
  readonly openStage: () => Promise<Stage>;
  /** Asks until all is asked, or `moments` are over. */
  readonly perform: (stage: OpenStage) => Promise<void>;
  /** The share of the time since its last call in which the event loop had work, from 0 to 1. */
  readonly loopShare: () => number;
}

/** What is rehearsed on. */
export interface Stage {
  /** Of a listener with clients' class and options, over an empty store. No password is asked for. */
  readonly accept: (socket: Socket) => SocketHandlers;
  /** Nothing is left of it then. */
  close(): Promise<void>;
}

/** A stage that connections can be made to. */
export interface OpenStage {
  readonly sockets: Sockets;
  readonly port: number;
  readonly gate: Gate;
  readonly moments: IdleMoments;
}

/** How long the event loop is looked at before the next stretch: less long the longer it was idle. */
const PAUSE_MS = 20;
const PAUSE_MS_MIN = 1;
/** Something is asked again and again for so long. */
const STRETCH_MS = 2;
/** Whose clients leave less than the rest of the time idle is busy. */
const BUSY_SHARE = 0.2;
/** Whoever was busy for so long has compiled what it needs. */
const GIVE_UP_MS = 60_000;

export const HOST = '127.0.0.1';

export class Rehearsal {
  readonly #options: RehearsalOptions;
  #running: Promise<void> | undefined;
  readonly #stop = new AbortController();

  constructor(options: RehearsalOptions) {
    this.#options = options;
  }

  /** Begins, the first time that it is called, and again once it was given up. */
  begin(): void {
    if (this.#stop.signal.aborted || this.#running !== undefined) return;
    const givenUp = (): void => {
      this.#running = undefined;
    };
    this.#running = this.#run(givenUp).catch((error: unknown) => {
      this.#options.log.warn({ error: messageOf(error) }, `${this.#options.what} could not be rehearsed`);
    });
  }

  /** Settles once all has been run, or given up. */
  get done(): Promise<void> {
    return this.#running ?? Promise.resolve();
  }

  /** Ends it after what is being asked. */
  async stop(): Promise<void> {
    this.#stop.abort();
    await this.done;
  }

  async #run(givenUp: () => void): Promise<void> {
    const { platform, openStage, perform, loopShare } = this.#options;
    const moments = new IdleMoments(platform, loopShare, this.#stop.signal);
    if (!(await moments.next())) {
      givenUp();
      return;
    }
    const stage = await openStage();
    try {
      const gate = new Gate();
      const listener = await platform.sockets.listen({ host: HOST }, (socket) => {
        gate.meet(socket);
        return stage.accept(socket);
      });
      try {
        await perform({ sockets: platform.sockets, port: listener.port, gate, moments });
      } finally {
        await listener.close();
      }
    } finally {
      await stage.close();
    }
  }
}

/** The times at which clients leave the event loop to itself. */
export class IdleMoments {
  readonly #platform: RehearsalOptions['platform'];
  readonly #loopShare: () => number;
  readonly #signal: AbortSignal;
  readonly #giveUpMs: number;
  #pauseMs = PAUSE_MS;
  #stretchEndMs = 0;

  constructor(platform: RehearsalOptions['platform'], loopShare: () => number, signal: AbortSignal) {
    this.#platform = platform;
    this.#loopShare = loopShare;
    this.#signal = signal;
    this.#giveUpMs = platform.clock.monotonicMs() + GIVE_UP_MS;
  }

  /** Goes on at once within a stretch, else when there is a moment for the next. @returns false when nothing is to be asked any more. */
  async goOn(): Promise<boolean> {
    return this.#platform.clock.monotonicMs() < this.#stretchEndMs || (await this.next());
  }

  /** Waits until clients leave the event loop to itself. @returns false when nothing is to be rehearsed any more. */
  async next(): Promise<boolean> {
    const { clock, timers } = this.#platform;
    while (!this.#signal.aborted && clock.monotonicMs() < this.#giveUpMs) {
      this.#loopShare();
      // A timer does not keep a process alive that stops, so nobody may wait for one then.
      await timers.sleep(this.#pauseMs, this.#signal).catch(() => {});
      if (this.#loopShare() < BUSY_SHARE) {
        this.#pauseMs = Math.max(PAUSE_MS_MIN, this.#pauseMs / 2);
        this.#stretchEndMs = clock.monotonicMs() + STRETCH_MS;
        return !this.#signal.aborted;
      }
      this.#pauseMs = PAUSE_MS;
    }
    return false;
  }
}

/** Cuts off whoever is not the client that is expected. Until that one has connected nobody is listened to. */
export class Gate {
  #expectedPort: number | undefined;
  #waiting: Socket[] = [];

  /** The next client is connecting. */
  close(): void {
    this.#expectedPort = undefined;
  }

  /** It has connected, from this port. */
  openFor(port: number): void {
    this.#expectedPort = port;
    for (const socket of this.#waiting) {
      if (socket.remotePort === port) socket.resume();
      else socket.destroy();
    }
    this.#waiting = [];
  }

  meet(socket: Socket): void {
    if (this.#expectedPort === undefined) {
      socket.pause();
      this.#waiting.push(socket);
    } else if (socket.remotePort !== this.#expectedPort) socket.destroy();
  }
}
