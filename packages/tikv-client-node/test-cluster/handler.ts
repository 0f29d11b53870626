/** How a store executes one kind of request: what it touches, what it does, and how it says no. */

import type { Method } from '../src/methods.ts';
import type { Context } from '../src/proto/kvrpcpb.ts';
import type { Decoded, Fields, Init, MessageType } from '../src/protobuf/message.ts';
import type { ClusterState } from './cluster-state.ts';
import type { RegionErrorInit } from './region-checks.ts';
import type { RegionState, StoreState } from './topology.ts';

/** Where a request executes. */
export interface Place {
  readonly cluster: ClusterState;
  readonly store: StoreState;
  readonly region: RegionState;
  /** The checks of arrival once more, for what waited. */
  readonly recheck: () => RegionErrorInit | undefined;
}

/** Keys must lie in the region; bounds are clipped to it. */
export interface Touched {
  readonly keys?: readonly Uint8Array[];
  readonly bounds?: readonly [Uint8Array, Uint8Array];
}

type Answer = Readonly<Record<string, unknown>>;

export interface Handler {
  readonly method: Method;
  /** `either`: what no API version is checked for. */
  readonly kind: 'txn' | 'raw' | 'either';
  readonly writes: boolean;
  touches(request: Answer): Touched;
  /** The response that says why. */
  refuse(reason: string): Answer;
  run(place: Place, request: Answer, context: Context): Answer | Promise<Answer>;
}

export function handle<Q extends Fields, S extends Fields>(
  method: Method<Q, S>,
  handler: {
    readonly kind: 'txn' | 'raw' | 'either';
    readonly writes?: boolean;
    readonly touches: (request: Decoded<MessageType<Q>>) => Touched;
    readonly refuse: (reason: string) => Init<MessageType<S>>;
    readonly run: (
      place: Place,
      request: Decoded<MessageType<Q>>,
      context: Context,
    ) => Init<MessageType<S>> | Promise<Init<MessageType<S>>>;
  },
): Handler {
  return { writes: false, ...handler, method } as unknown as Handler;
}
