/**
 * Walks over the keys of a database in the order of their bytes: KEYS, SCAN, RANDOMKEY, DBSIZE. Functions of a transaction.
 *
 * A walk reads in batches and gives the event loop back after `ENTRIES_BETWEEN_PAUSES` entries or `STEPS_BETWEEN_PAUSES`
 * steps of matching, whichever comes first; a short one stays synchronous where the store is.
 */

import { type Awaitable, isPromise } from '../../base/awaitable.ts';
import { type Bytes, keySuccessor } from '../../base/bytes.ts';
import type { Key, KeyRange } from '../../storage/key-range.ts';
import type { Entry, Transaction } from '../../storage/store.ts';
import { isExpired } from './database.ts';
import type { Glob } from './glob.ts';
import type { DatabaseKeys } from './keys.ts';
import { LIFETIME_BYTES, typeOf } from './values.ts';

const ENTRIES_BETWEEN_PAUSES = 4_096;
const STEPS_BETWEEN_PAUSES = 1_000_000;

/** A database to walk over. */
export interface Walked {
  readonly transaction: Pick<Transaction, 'scan'>;
  readonly keys: DatabaseKeys;
  readonly nowMs: number;
  /** Gives the event loop back. */
  readonly pause: () => Promise<void>;
}

/** Which keys are wanted. */
export interface Wanted {
  readonly glob: Glob | undefined;
  /** Name of a type; undefined wants all. */
  readonly type: string | undefined;
}

export interface WalkedPart {
  /** Redis keys, copies. */
  readonly found: readonly Bytes[];
  /** The last stored key looked at when there may be more behind it. */
  readonly last: Key | undefined;
}

/** Looks at up to `entriesMax` keys behind the stored key `after`. */
export function walkPart(
  on: Walked,
  wanted: Wanted,
  after: Key | undefined,
  entriesMax: number,
): Awaitable<WalkedPart> {
  const { glob } = wanted;
  const whole = glob === undefined ? on.keys.range : on.keys.rangeOf(glob.literalPrefix);
  const start = after === undefined ? whole.start : later(whole.start, keySuccessor(after));
  const range: KeyRange = { start, end: whole.end };
  if (whole.end !== undefined && Buffer.compare(start, whole.end) >= 0) return { found: [], last: undefined };
  const found: Bytes[] = [];
  let seen = 0;
  let last: Key | undefined;
  const done = walk(on, range, { limit: entriesMax, valueBytes: LIFETIME_BYTES, ...(glob && { glob }) }, (entry) => {
    seen++;
    last = entry.key;
    if (isExpired(entry.value, on.nowMs)) return false;
    if (wanted.type !== undefined && !hasType(entry.value, wanted.type)) return false;
    const redisKey = on.keys.decode(entry.key);
    if (glob === undefined || glob.matches(redisKey)) found.push(redisKey);
    return false;
  });
  const end = (): WalkedPart => ({ found, last: seen < entriesMax ? undefined : last });
  return isPromise(done) ? done.then(end) : end();
}

function hasType(stored: Bytes, name: string): boolean {
  typeOf(stored);
  return name.toLowerCase() === 'string';
}

function later(a: Key, b: Key): Key {
  return Buffer.compare(a, b) >= 0 ? a : b;
}

/** Number of keys, expired ones included until they are reclaimed. */
export function countKeys(on: Walked): Awaitable<number> {
  let count = 0;
  const done = walk(on, on.keys.range, { keysOnly: true }, () => {
    count++;
    return false;
  });
  return isPromise(done) ? done.then(() => count) : count;
}

/** Calls `visit` for the keys of `range` until one of them satisfies it. @returns that key. */
export async function findKey(on: Walked, visit: (key: Key) => boolean): Promise<Key | undefined> {
  let found: Key | undefined;
  await walk(on, on.keys.range, { keysOnly: true }, ({ key }) => {
    if (found === undefined && visit(key)) found = key;
    return found !== undefined;
  });
  return found;
}

const SAMPLED = 1_024;
const NEIGHBOURS = 64;
const FRACTION_BYTES = 6;

/**
 * Some key: each with the same chance in a database of up to 1,024 keys; in a larger one, a neighbour of a random place
 * between the first key and the last, which favours keys behind wide gaps.
 * @param random Uniform in [0, 1).
 */
export async function randomKey(on: Walked, random: () => number): Promise<Bytes | undefined> {
  const pick = (keys: readonly Bytes[]): Bytes | undefined => keys[Math.floor(random() * keys.length)];
  const all: Wanted = { glob: undefined, type: undefined };
  const sample = await walkPart(on, all, undefined, SAMPLED);
  if (sample.last === undefined) return pick(sample.found);
  const ends: Key[] = [];
  for (const reverse of [false, true]) {
    await walk(on, on.keys.range, { limit: 1, reverse, keysOnly: true }, ({ key }) => {
      ends.push(key);
      return true;
    });
  }
  const [first, last] = ends;
  if (first === undefined || last === undefined) return undefined;
  const neighbours = await walkPart(on, all, between(first, last, random()), NEIGHBOURS);
  if (neighbours.found.length > 0) return pick(neighbours.found);
  if (sample.found.length > 0) return pick(sample.found);
  for (let after: Key | undefined = sample.last; after !== undefined; ) {
    const part: WalkedPart = await walkPart(on, all, after, SAMPLED);
    if (part.found.length > 0) return pick(part.found);
    after = part.last;
  }
  return undefined;
}

/** A place between two keys: what they have in common, then a fraction of the way between what follows. */
function between(first: Key, last: Key, fraction: number): Key {
  let common = 0;
  while (common < first.length && first[common] === last[common]) common++;
  const number = (key: Key): number => {
    let value = 0;
    for (let i = 0; i < FRACTION_BYTES; i++) value = value * 256 + (key[common + i] ?? 0);
    return value;
  };
  const low = number(first);
  let value = low + Math.floor(fraction * (number(last) - low));
  const place = Buffer.alloc(common + FRACTION_BYTES);
  place.set(first.subarray(0, common));
  for (let i = FRACTION_BYTES - 1; i >= 0; i--) {
    place[common + i] = value % 256;
    value = Math.floor(value / 256);
  }
  return place;
}

interface WalkOptions {
  readonly limit?: number;
  readonly reverse?: boolean;
  readonly keysOnly?: boolean;
  readonly valueBytes?: number;
  readonly glob?: Glob;
}

/** @param visit Ends the walk by returning true. */
function walk(
  on: Walked,
  range: KeyRange,
  { glob, ...options }: WalkOptions,
  visit: (entry: Entry) => boolean,
): Awaitable<void> {
  const cursor = on.transaction.scan(range, options);
  let sincePause = 0;
  let stepsAtPause = glob?.steps ?? 0;
  const visitBatch = (batch: readonly Entry[]): boolean => {
    for (const entry of batch) {
      if (visit(entry)) return true;
    }
    sincePause += batch.length;
    return false;
  };
  const mustPause = (): boolean => {
    const steps = glob?.steps ?? 0;
    if (sincePause < ENTRIES_BETWEEN_PAUSES && steps - stepsAtPause < STEPS_BETWEEN_PAUSES) return false;
    sincePause = 0;
    stepsAtPause = steps;
    return true;
  };
  const goOn = async (first: Awaitable<readonly Entry[] | undefined>): Promise<void> => {
    let next = first;
    try {
      for (;;) {
        const batch = isPromise(next) ? await next : next;
        if (batch === undefined || visitBatch(batch)) return;
        if (mustPause()) await on.pause();
        next = cursor.next();
      }
    } finally {
      cursor.close();
    }
  };
  try {
    for (;;) {
      const batch = cursor.next();
      if (isPromise(batch)) return goOn(batch);
      if (batch === undefined || visitBatch(batch)) break;
      if (mustPause()) return on.pause().then(() => goOn(cursor.next()));
    }
  } catch (error) {
    cursor.close();
    throw error;
  }
  cursor.close();
  return undefined;
}
