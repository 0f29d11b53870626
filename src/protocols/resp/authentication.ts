/** Who may use the Redis port. The principal store behind it is shared with the other protocols. */

import type { Awaitable } from '../../base/awaitable.ts';

/** Someone who has proved who they are. */
export interface Principal {
  readonly name: string;
}

export interface Principals {
  /** Commands other than AUTH, HELLO and QUIT need a principal first. */
  readonly required: boolean;
  /** Everyone who is configured. */
  readonly names: readonly string[];
  /** The principal, or undefined for a wrong password, an unknown or a disabled user: callers cannot tell which. */
  verify(user: string, password: string): Awaitable<Principal | undefined>;
}

/** The user that `AUTH password` means. */
export const DEFAULT_USER = 'default';

/** Whoever comes where nobody has to say who it is. */
export const ANYONE: Principal = { name: DEFAULT_USER };

/** Everyone is the default user, and no password was ever set. */
export const OPEN_PRINCIPALS: Principals = {
  required: false,
  names: [],
  verify: (user) => (user === DEFAULT_USER ? ANYONE : undefined),
};
