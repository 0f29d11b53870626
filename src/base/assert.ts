/**
 * Assertions for what must be true; they stay on in production.
 *
 * A failed assertion is a bug of ours, never a user's mistake: input from outside is validated and answered with an
 * `OperationError`. The smallest thing that cannot be trusted any more ends: the session, the activation; in storage
 * and blobs, the process.
 */

export class AssertionError extends Error {
  override readonly name = 'AssertionError';
}

/** Narrows `condition` to true. The message may be a function, so that the passing case builds no string. */
export function assert(condition: unknown, message: string | (() => string)): asserts condition {
  if (!condition) throw new AssertionError(typeof message === 'string' ? message : message());
}

/** Closes a `switch` over a union: adding a member without a case does not compile. */
export function unreachable(value: never): never {
  throw new AssertionError(`unreachable: ${String(value)}`);
}

let verifying = false;

/** Turns the costly checks of `verify` on or off; on in tests and simulation. */
export function setVerifying(on: boolean): void {
  verifying = on;
}

/** Runs a costly check (tree order, reference counts) where `setVerifying` turned it on. */
export function verify(check: () => void): void {
  if (verifying) check();
}
