/**
 * Strings and counters: functions of a `Database`. They know nothing of the wire.
 *
 * Every read happens before the first write, so a function that failed or had to wait has changed nothing.
 */

import type { Awaitable } from '../../base/awaitable.ts';
import { whenReady } from '../../base/awaitable.ts';
import type { Bytes } from '../../base/bytes.ts';
import { asBuffer } from '../../base/bytes.ts';
import { OperationError } from '../../base/errors.ts';
import type { Database } from './database.ts';
import { readLive } from './database.ts';
import { formatInt64, INT64_MAX, INT64_MIN, parseInt64 } from './integers.ts';
import { encodeString, expiryOf, NEVER, STRING, stringOf, typeOf } from './values.ts';

export interface SetOptions {
  readonly condition: 'always' | 'ifAbsent' | 'ifPresent';
  /** Milliseconds since 1970, `NEVER`, or `keep` for that of the value replaced. */
  readonly expiresAtMs: number | 'keep';
  /** The previous string is wanted; then a value of another type is `wrong_type`. */
  readonly returnPrevious: boolean;
}

export interface SetOutcome {
  readonly written: boolean;
  readonly previous: Bytes | undefined;
}

const WRITTEN: SetOutcome = { written: true, previous: undefined };

/** The string's bytes, a view. @throws OperationError `wrong_type`. */
export function getString(on: Database, key: Bytes): Awaitable<Bytes | undefined> {
  return whenReady(readLive(on, key), stringOrAbsent);
}

/** As `getString`, and absent for a value of another type. */
export function getStringOrAbsent(on: Database, key: Bytes): Awaitable<Bytes | undefined> {
  return whenReady(readLive(on, key), (stored) =>
    stored === undefined || typeOf(stored) !== STRING ? undefined : stringOf(stored),
  );
}

/** Writes without looking at what was there. */
export function putString(on: Database, key: Bytes, value: Bytes): void {
  on.put(key, encodeString(value, NEVER));
}

/** An expiry that has passed removes the key. @throws OperationError `wrong_type` with `returnPrevious`. */
export function setString(on: Database, key: Bytes, value: Bytes, options: SetOptions): Awaitable<SetOutcome> {
  if (options.condition === 'always' && !options.returnPrevious && options.expiresAtMs !== 'keep') {
    write(on, key, value, options.expiresAtMs);
    return WRITTEN;
  }
  return whenReady(readLive(on, key), (stored) => {
    const previous = options.returnPrevious ? stringOrAbsent(stored) : undefined;
    if (options.condition === (stored === undefined ? 'ifPresent' : 'ifAbsent')) return { written: false, previous };
    const expiresAtMs =
      options.expiresAtMs === 'keep' ? (stored === undefined ? NEVER : expiryOf(stored)) : options.expiresAtMs;
    write(on, key, value, expiresAtMs);
    return { written: true, previous };
  });
}

function write(on: Database, key: Bytes, value: Bytes, expiresAtMs: number): void {
  if (expiresAtMs !== NEVER && expiresAtMs <= on.nowMs) on.delete(key);
  else on.put(key, encodeString(value, expiresAtMs));
}

/**
 * Adds to the integer that a string spells, 0 when absent; keeps the expiry.
 * @throws OperationError `wrong_type`, `invalid_argument` when it spells none, `out_of_range` beyond 64 bits.
 */
export function incrementBy(on: Database, key: Bytes, delta: number | bigint): Awaitable<number | bigint> {
  return whenReady(readLive(on, key), (stored) => {
    const bytes = stringOrAbsent(stored);
    const value = bytes === undefined ? 0 : parseInt64(bytes, 0, bytes.length);
    if (value === undefined) throw new OperationError('invalid_argument', 'value is not an integer or out of range');
    const sum = add(value, delta);
    on.put(key, encodeString(formatInt64(sum), stored === undefined ? NEVER : expiryOf(stored)));
    return sum;
  });
}

function add(value: number | bigint, delta: number | bigint): number | bigint {
  if (typeof value === 'number' && typeof delta === 'number') {
    const sum = value + delta;
    if (Number.isSafeInteger(sum)) return sum;
  }
  const sum = BigInt(value) + BigInt(delta);
  if (sum > INT64_MAX || sum < INT64_MIN) {
    throw new OperationError('out_of_range', 'increment or decrement would overflow');
  }
  return sum;
}

function stringOrAbsent(stored: Bytes | undefined): Bytes | undefined {
  if (stored === undefined) return undefined;
  if (typeOf(stored) !== STRING) {
    throw new OperationError('wrong_type', 'Operation against a key holding the wrong kind of value');
  }
  return asBuffer(stringOf(stored));
}
