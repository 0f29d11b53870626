/**
 * Strings and counters: functions of a `Database`. They know nothing of the wire.
 *
 * Every read happens before the first write, so a function that failed or had to wait has changed nothing.
 */

import type { Awaitable } from '../../base/awaitable.ts';
import { isPromise, whenReady } from '../../base/awaitable.ts';
import type { Bytes } from '../../base/bytes.ts';
import { asBuffer, EMPTY_BYTES, utf8 } from '../../base/bytes.ts';
import { OperationError } from '../../base/errors.ts';
import { type Part, zeros } from '../../base/parts.ts';
import type { Database } from './database.ts';
import { readLive } from './database.ts';
import { formatInt64, INT64_MAX, INT64_MIN, parseInt64 } from './integers.ts';
import { countExisting } from './lifetimes.ts';
import { addLongDoubles, formatLongDouble, parseLongDouble } from './long-double.ts';
import { type ExpiryMs, encodeString, expiryOf, NEVER, STRING, stringOf, typeOf } from './values.ts';
import { writeInParts, writeString } from './writes.ts';

export interface SetOptions {
  readonly condition: 'always' | 'ifAbsent' | 'ifPresent';
  /** Milliseconds since 1970, `NEVER`, or `keep` for that of the value replaced. */
  readonly expiresAtMs: ExpiryMs | 'keep';
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
export function putString(on: Database, key: Bytes, value: Bytes): Awaitable<void> {
  return writeString(on, key, value, NEVER);
}

/** As `putString`, one after the other. */
export function putStrings(
  on: Database,
  pairs: readonly { readonly key: Bytes; readonly value: Bytes }[],
): Awaitable<void> {
  for (let i = 0; i < pairs.length; i++) {
    const { key, value } = pairs[i]!;
    const written = putString(on, key, value);
    if (isPromise(written)) return written.then(() => putStrings(on, pairs.slice(i + 1)));
  }
  return undefined;
}

/** An expiry that has passed removes the key. @throws OperationError `wrong_type` with `returnPrevious`. */
export function setString(on: Database, key: Bytes, value: Bytes, options: SetOptions): Awaitable<SetOutcome> {
  if (options.condition === 'always' && !options.returnPrevious && options.expiresAtMs !== 'keep') {
    const written = writeString(on, key, value, options.expiresAtMs);
    return isPromise(written) ? written.then(() => WRITTEN) : WRITTEN;
  }
  return whenReady(readLive(on, key), (stored) => {
    const previous = options.returnPrevious ? stringOrAbsent(stored) : undefined;
    if (options.condition === (stored === undefined ? 'ifPresent' : 'ifAbsent')) return { written: false, previous };
    const expiresAtMs =
      options.expiresAtMs === 'keep' ? (stored === undefined ? NEVER : expiryOf(stored)) : options.expiresAtMs;
    return whenReady(writeString(on, key, value, expiresAtMs), () => ({ written: true, previous }));
  });
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

const STRING_TOO_LONG = 'string exceeds maximum allowed size (proto-max-bulk-len)';

/**
 * Replaces a string by the parts that `change` makes of it, keeping the expiry; undefined leaves everything as it is.
 * @throws OperationError `wrong_type`.
 */
export function updateString(
  on: Database,
  key: Bytes,
  change: (current: Bytes | undefined) => readonly Part[] | undefined,
): Awaitable<void> {
  return whenReady(readLive(on, key), (stored) => {
    const changed = change(stringOrAbsent(stored));
    if (changed === undefined) return undefined;
    return writeInParts(on, key, changed, stored === undefined ? NEVER : expiryOf(stored));
  });
}

/** The string, which is deleted. @throws OperationError `wrong_type`. */
export function getAndDelete(on: Database, key: Bytes): Awaitable<Bytes | undefined> {
  return whenReady(readLive(on, key), (stored) => {
    const bytes = stringOrAbsent(stored);
    if (bytes !== undefined) on.delete(key);
    return bytes;
  });
}

/**
 * The string, whose expiry becomes what `expiresAtMs` says; undefined keeps it, and a time that has passed deletes the key.
 * `expiresAtMs` is asked only for a string that exists. @throws OperationError `wrong_type`.
 */
export function getAndExpire(
  on: Database,
  key: Bytes,
  expiresAtMs: () => ExpiryMs | undefined,
): Awaitable<Bytes | undefined> {
  return whenReady(readLive(on, key), (stored) => {
    const bytes = stringOrAbsent(stored);
    if (stored === undefined || bytes === undefined) return undefined;
    const next = expiresAtMs();
    if (next === undefined || next === expiryOf(stored)) return bytes;
    return whenReady(writeString(on, key, bytes, next), () => bytes);
  });
}

/** Writes all of the pairs when none of the keys exists. @returns whether it did. */
export function putAllIfAbsent(
  on: Database,
  pairs: readonly { readonly key: Bytes; readonly value: Bytes }[],
): Awaitable<boolean> {
  const exists = countExisting(
    on,
    pairs.map((pair) => pair.key),
  );
  return whenReady(exists, (count) => {
    if (count > 0) return false;
    return whenReady(putStrings(on, pairs), () => true);
  });
}

/** @returns the length after. @throws OperationError `wrong_type`, `too_large` beyond `lengthMax`. */
export function append(on: Database, key: Bytes, suffix: Bytes, lengthMax: number): Awaitable<number> {
  let length = 0;
  const done = updateString(on, key, (current) => {
    length = (current?.length ?? 0) + suffix.length;
    if (current !== undefined && length > lengthMax) throw new OperationError('too_large', STRING_TOO_LONG);
    return current === undefined ? [suffix] : [current, suffix];
  });
  return whenReady(done, () => length);
}

/** Length in bytes, 0 when absent. @throws OperationError `wrong_type`. */
export function lengthOf(on: Database, key: Bytes): Awaitable<number> {
  return whenReady(getString(on, key), (bytes) => bytes?.length ?? 0);
}

/**
 * Overwrites from `offset` on, filling up with zeros; an empty `value` changes nothing. @returns the length after.
 * @throws OperationError `wrong_type`, `too_large` beyond `lengthMax`.
 */
export function setRange(
  on: Database,
  key: Bytes,
  { offset, value, lengthMax }: { readonly offset: number; readonly value: Bytes; readonly lengthMax: number },
): Awaitable<number> {
  let length = 0;
  const done = updateString(on, key, (current) => {
    length = current?.length ?? 0;
    if (value.length === 0) return undefined;
    if (offset + value.length > lengthMax) throw new OperationError('too_large', STRING_TOO_LONG);
    length = Math.max(length, offset + value.length);
    return overwritten(current ?? EMPTY_BYTES, offset, value);
  });
  return whenReady(done, () => length);
}

/** The parts of `current` with `value` from `offset` on; what lies between its end and there is zero. */
export function overwritten(current: Bytes, offset: number, value: Bytes): readonly Part[] {
  const { length } = current;
  if (offset > length) return [current, zeros(offset - length), value];
  return [current.subarray(0, offset), value, current.subarray(offset + value.length)];
}

/** Bytes `first` to `last`, a view; negative positions count from the end. @throws OperationError `wrong_type`. */
export function getRange(on: Database, key: Bytes, first: number, last: number): Awaitable<Bytes> {
  return whenReady(getString(on, key), (bytes) => {
    if (bytes === undefined || (first < 0 && last < 0 && first > last)) return EMPTY_BYTES;
    const range = rangeWithin(first, last, bytes.length);
    return range === undefined ? EMPTY_BYTES : bytes.subarray(range.first, range.last + 1);
  });
}

/** Positions of which negative ones count from the end, cut to what exists; undefined when that is nothing. */
export function rangeWithin(
  first: number,
  last: number,
  length: number,
): { readonly first: number; readonly last: number } | undefined {
  const from = Math.max(0, first < 0 ? length + first : first);
  const to = Math.min(length - 1, Math.max(0, last < 0 ? length + last : last));
  return from > to || length === 0 ? undefined : { first: from, last: to };
}

/**
 * Adds to the number that a string spells, 0 when absent; keeps the expiry. @returns the sum as text.
 * @throws OperationError `wrong_type`, `invalid_argument` for what is no number or a sum beyond the type.
 */
export function incrementByFloat(on: Database, key: Bytes, delta: Bytes): Awaitable<Bytes> {
  let text: Bytes = EMPTY_BYTES;
  const done = updateString(on, key, (current) => {
    const value = current === undefined ? { mantissa: 0n, exponent: 0 } : parseLongDouble(current);
    const added = value === undefined ? undefined : parseLongDouble(delta);
    if (value === undefined || added === undefined) {
      throw new OperationError('invalid_argument', 'value is not a valid float');
    }
    const sum = addLongDoubles(value, added);
    if (sum === 'infinite') throw new OperationError('invalid_argument', 'increment would produce NaN or Infinity');
    text = utf8(formatLongDouble(sum));
    return [text];
  });
  return whenReady(done, () => text);
}

function stringOrAbsent(stored: Bytes | undefined): Bytes | undefined {
  if (stored === undefined) return undefined;
  if (typeOf(stored) !== STRING) {
    throw new OperationError('wrong_type', 'Operation against a key holding the wrong kind of value');
  }
  return asBuffer(stringOf(stored));
}
