/** What every Redis key has whatever its type: existence and expiry. Functions of a `Database`, reads before writes. */

import type { Awaitable } from '../../base/awaitable.ts';
import { isPromise, whenReady } from '../../base/awaitable.ts';
import { type Bytes, equalBytes, latin1 } from '../../base/bytes.ts';
import { OperationError } from '../../base/errors.ts';
import type { Database } from './database.ts';
import { readLive } from './database.ts';
import { type ExpiryMs, expiryOf, NEVER, stringOf, typeOf } from './values.ts';
import { writeStored, writeString } from './writes.ts';

/** Stored values of several keys, in their order; undefined where absent or expired. */
export function readAll(on: Database, keys: readonly Bytes[]): Awaitable<readonly (Bytes | undefined)[]> {
  let waits = false;
  const values = keys.map((key) => {
    const value = readLive(on, key);
    waits ||= isPromise(value);
    return value;
  });
  return waits ? Promise.all(values) : (values as (Bytes | undefined)[]);
}

/** Deletes the keys that exist. @returns how many did; a key named twice counts once. */
export function deleteKeys(on: Database, keys: readonly Bytes[]): Awaitable<number> {
  return whenReady(readAll(on, keys), (values) => {
    let deleted = 0;
    const seen = new Set<string>();
    for (let i = 0; i < keys.length; i++) {
      if (values[i] === undefined) continue;
      if (keys.length > 1) {
        const name = latin1(keys[i]!);
        if (seen.has(name)) continue;
        seen.add(name);
      }
      on.delete(keys[i]!);
      deleted++;
    }
    return deleted;
  });
}

/** How many of the keys exist; a key named twice counts twice. */
export function countExisting(on: Database, keys: readonly Bytes[]): Awaitable<number> {
  return whenReady(readAll(on, keys), (values) => values.reduce((count, value) => count + (value ? 1 : 0), 0));
}

export type TypeName = 'none' | 'string';

export function typeNameOf(on: Database, key: Bytes): Awaitable<TypeName> {
  return whenReady(readLive(on, key), (stored) => {
    if (stored === undefined) return 'none';
    typeOf(stored);
    return 'string';
  });
}

/** When to replace an expiry; a key without one counts as living forever. */
export interface ExpireCondition {
  /** Only when the key has no expiry. */
  readonly ifNone: boolean;
  /** Only when it has one. */
  readonly ifAny: boolean;
  readonly ifGreater: boolean;
  readonly ifLess: boolean;
}

/** Sets the expiry, or deletes the key when that has passed. @returns whether the key existed and the condition held. */
export function expireAt(
  on: Database,
  key: Bytes,
  expiresAtMs: ExpiryMs,
  condition: ExpireCondition,
): Awaitable<boolean> {
  return whenReady(readLive(on, key), (stored) => {
    if (stored === undefined) return false;
    const current = expiryOf(stored);
    if (condition.ifNone && current !== NEVER) return false;
    if (condition.ifAny && current === NEVER) return false;
    if (condition.ifGreater && (current === NEVER || expiresAtMs <= current)) return false;
    if (condition.ifLess && current !== NEVER && expiresAtMs >= current) return false;
    if (expiresAtMs <= on.nowMs) {
      on.delete(key);
      return true;
    }
    return whenReady(writeString(on, key, stringOf(stored), expiresAtMs), () => true);
  });
}

/** Removes the expiry. @returns whether there was one. */
export function persist(on: Database, key: Bytes): Awaitable<boolean> {
  return whenReady(readLive(on, key), (stored) => {
    if (stored === undefined || expiryOf(stored) === NEVER) return false;
    return whenReady(writeString(on, key, stringOf(stored), NEVER), () => true);
  });
}

/** Milliseconds since 1970; `NEVER` for a key without expiry; undefined for an absent one. */
export function expiryTime(on: Database, key: Bytes): Awaitable<ExpiryMs | undefined> {
  return whenReady(readLive(on, key), (stored) => (stored === undefined ? undefined : expiryOf(stored)));
}

/**
 * Gives a value another name, expiry included; what had that name is gone. A key renamed to itself stays as it is.
 * @returns whether it was done: false when `onlyIfAbsent` and the new name is taken.
 * @throws OperationError `not_found` without a value to rename.
 */
export function rename(on: Database, from: Bytes, to: Bytes, onlyIfAbsent: boolean): Awaitable<boolean> {
  return whenReady(readLive(on, from), (stored) => {
    if (stored === undefined) throw new OperationError('not_found', 'no such key');
    if (equalBytes(from, to)) return !onlyIfAbsent;
    return whenReady(onlyIfAbsent ? readLive(on, to) : undefined, (taken) => {
      if (taken !== undefined) return false;
      return whenReady(writeStored(on, to, stored), () => {
        on.delete(from);
        return true;
      });
    });
  });
}

/** A place for a value. */
export interface Place {
  readonly on: Database;
  readonly key: Bytes;
}

/** Copies a value, expiry included. @returns whether it was done: there is one, and the place is free or `replace`. */
export function copy(from: Place, to: Place, replace: boolean): Awaitable<boolean> {
  return whenReady(readLive(from.on, from.key), (stored) => {
    if (stored === undefined) return false;
    return whenReady(replace ? undefined : readLive(to.on, to.key), (taken) => {
      if (taken !== undefined) return false;
      return whenReady(writeStored(to.on, to.key, stored), () => true);
    });
  });
}

/** As `copy`, and the value leaves its first place. */
export function move(from: Place, to: Place): Awaitable<boolean> {
  return whenReady(copy(from, to, false), (done) => {
    if (done) from.on.delete(from.key);
    return done;
  });
}

/** Bytes that key and value take in the store, without what the engine adds; undefined when absent. */
export function storedBytes(on: Database, key: Bytes): Awaitable<number | undefined> {
  return whenReady(readLive(on, key), (stored) => (stored === undefined ? undefined : key.length + stored.length));
}
