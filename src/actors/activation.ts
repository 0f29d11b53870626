/**
 * One resident actor. Small on purpose: a million idle ones fit into a gigabyte, so everything that few activations need
 * (mailbox, timers, someone waiting for the end) is in `extras`, made on demand, and there are no closures.
 */

import type { Lease } from '../cluster/directory.ts';
import type { DeactivationReason } from './actor.ts';
import type { ActorTurn } from './actor-turn.ts';
import type { ActorType } from './actor-type.ts';
import { addressOf } from './keys.ts';
import { Mailbox } from './mailbox.ts';

// Flags. An activation whose flags are 0 is idle, loaded and current: a turn may run at once.
/** A turn, a hook or a load is under way. */
export const BUSY = 1;
/** No lease and no state yet. */
export const COLD = 2;
/** The stored state was changed by someone else: load it again before the next turn. */
export const STALE = 4;
/** What a turn reads here was not durable when last looked at; see `pendingVersion`. */
export const UNSYNCED = 8;
/** Leaves memory as soon as no call waits. */
export const LEAVING = 16;
/** Left memory. */
export const DEAD = 32;
/** The lease ends at some time. */
export const TIMED = 64;
/** Calls wait in the mailbox. */
export const QUEUED = 128;
/** A commit of its own is being ordered, in this very stretch. */
export const COMMITTING = 256;

/** Bytes of an idle activation with a short key and no state, its place in the table included; measured. */
export const ACTIVATION_BYTES = 320;

export class Activation {
  readonly type: ActorType;
  readonly key: string;
  flags: number = COLD;
  state: unknown = undefined;
  /** Whether the store holds a saved state. */
  stored = false;
  /** The outermost turn while BUSY; else a finished one kept for the next. */
  turn: ActorTurn | undefined = undefined;
  lease: Lease | undefined = undefined;
  /** Version that last changed the state; meaningful while UNSYNCED. */
  pendingVersion = 0;
  /** Tick of the runtime's sweep at the end of the last call. */
  lastTick: number;
  /** What it counts for the memory bound. */
  bytes: number = ACTIVATION_BYTES;
  extras: ActivationExtras | undefined = undefined;

  constructor(type: ActorType, key: string, tick: number) {
    this.type = type;
    this.key = key;
    this.lastTick = tick;
  }

  get address(): string {
    return addressOf(this.type.name, this.key);
  }

  needExtras(): ActivationExtras {
    this.extras ??= new ActivationExtras();
    return this.extras;
  }

  needMailbox(): Mailbox {
    const extras = this.needExtras();
    extras.mailbox ??= new Mailbox();
    return extras.mailbox;
  }
}

class ActivationExtras {
  mailbox: Mailbox | undefined = undefined;
  timers: Set<{ cancel(): void }> | undefined = undefined;
  leaveReason: DeactivationReason = 'requested';
  /** Resolves when the activation has left memory. */
  gone: { readonly promise: Promise<void>; readonly resolve: () => void } | undefined = undefined;
}
