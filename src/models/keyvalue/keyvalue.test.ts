import { describe, expect, it } from 'vitest';
import { Keyspace } from '../../storage/keyspace.ts';
import { KEY_BYTES_MAX, VALUE_BYTES_MAX } from '../../storage/store.ts';
import type { Database } from './database.ts';
import { DatabaseMap, databaseMapKey } from './database-map.ts';
import { formatInt64, INT64_MAX, INT64_MIN, parseInt64 } from './integers.ts';
import { DatabaseKeys } from './keys.ts';
import { deleteKeys, expireAt, expiryTime, persist } from './lifetimes.ts';
import { getString, incrementBy, putString, setString } from './strings.ts';
import { encodeString, expiryOf, NEVER, STRING_BYTES_MAX, stringOf } from './values.ts';

/** A database in a `Map`. */
class MapDatabase implements Database {
  nowMs = 1_000_000;
  readonly entries = new Map<string, Buffer>();
  readonly expired: string[] = [];
  get(key: Uint8Array): Buffer | undefined {
    return this.entries.get(nameOf(key));
  }
  put(key: Uint8Array, stored: Uint8Array): void {
    this.entries.set(nameOf(key), Buffer.from(stored));
  }
  delete(key: Uint8Array): void {
    this.entries.delete(nameOf(key));
  }
  clear(): void {
    this.entries.clear();
  }
  noteExpired(key: Uint8Array): void {
    this.expired.push(nameOf(key));
  }
}

const nameOf = (bytes: Uint8Array) => Buffer.from(bytes).toString('latin1');
const bytesOf = (text: string) => Buffer.from(text, 'latin1');
const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');
const UNCONDITIONAL = { ifNone: false, ifAny: false, ifGreater: false, ifLess: false };
const K = bytesOf('k');

describe('the stored form of a value', () => {
  it('has the literal bytes of docs/formats/keyvalue.md', () => {
    expect(hex(encodeString(bytesOf('hello'), NEVER))).toBe('010068656c6c6f');
    expect(hex(encodeString(bytesOf('hello'), 1_700_000_000_000))).toBe('01010068e5cf8b01000068656c6c6f');
    expect(hex(encodeString(bytesOf(''), NEVER))).toBe('0100');
  });

  it('reads back what it wrote, up to the latest expiry and beyond the reusable buffer', () => {
    for (const expiresAtMs of [NEVER, 1, 0xffff_ffff, 0x1_0000_0000, Number.MAX_SAFE_INTEGER, 2n ** 53n, INT64_MAX]) {
      for (const length of [0, 1, 32, 33, 65_526, 65_527, 200_000]) {
        const value = Buffer.alloc(length, 0x61);
        const stored = encodeString(value, expiresAtMs);
        expect(expiryOf(stored)).toBe(expiresAtMs);
        expect(Buffer.compare(stringOf(stored), value)).toBe(0);
      }
    }
  });

  it('is one that the store takes for the longest string of Redis too', () => {
    expect(STRING_BYTES_MAX).toBe(512 * 1024 * 1024);
    expect(encodeString(bytesOf(''), INT64_MAX).length + STRING_BYTES_MAX).toBeLessThanOrEqual(VALUE_BYTES_MAX);
  });

  it('refuses bytes it does not know as corruption', () => {
    for (const stored of ['', '01', '0200', '0102', '01010000', '0101ffffffffffffffff']) {
      expect(() => expiryOf(Buffer.from(stored, 'hex')), stored).toThrow(
        expect.objectContaining({ code: 'corruption' }),
      );
    }
  });
});

describe('the keys of a database', () => {
  const space = new Keyspace().kv;

  it('have the literal bytes of docs/formats/keyvalue.md', () => {
    expect(nameOf(new DatabaseKeys(space, 0).encode(bytesOf('hello')))).toBe('orbit/kv/\x14\x31hello\x00\x01');
    expect(nameOf(new DatabaseKeys(space, 15).encode(bytesOf('a\0b')))).toBe('orbit/kv/\x15\x0f\x31a\x00\xffb\x00\x01');
  });

  it('are the tuples of the codec, and decode to the Redis key', () => {
    const keys = new DatabaseKeys(space, 7);
    for (const text of ['', 'a', '\0\0', '\xff', 'user:{1}:name']) {
      const key = keys.encode(bytesOf(text));
      expect(hex(key)).toBe(hex(space.key([7n, bytesOf(text)])));
      expect(nameOf(keys.decode(key))).toBe(text);
    }
  });

  it('refuse a Redis key that the store could not hold, and accept the longest it can', () => {
    const keys = new DatabaseKeys(space, 0);
    const overhead = keys.encode(bytesOf('')).length;
    expect(keys.encode(Buffer.alloc(KEY_BYTES_MAX - overhead, 1)).length).toBe(KEY_BYTES_MAX);
    for (const key of [Buffer.alloc(KEY_BYTES_MAX - overhead + 1, 1), Buffer.alloc(33_000, 0)]) {
      expect(() => keys.encode(key)).toThrow(expect.objectContaining({ code: 'too_large' }));
    }
  });
});

describe('64-bit integers', () => {
  const parse = (text: string) => parseInt64(bytesOf(text), 0, text.length);

  it('are parsed exactly, as a number where that is exact', () => {
    for (const value of [0, 1, -1, 999_999_999_999_999, Number.MAX_SAFE_INTEGER, -Number.MAX_SAFE_INTEGER]) {
      expect(parse(String(value))).toBe(value);
    }
    for (const value of [INT64_MAX, INT64_MIN, 9_007_199_254_740_993n]) {
      expect(parse(String(value))).toBe(value);
      expect(nameOf(formatInt64(value))).toBe(String(value));
    }
  });

  it('are refused in any other spelling', () => {
    for (const text of ['', '-', '+1', '01', '-0', '-01', ' 1', '1 ', '1.0', '0x1', '9223372036854775808', '1e3']) {
      expect(parse(text), text).toBeUndefined();
    }
    expect(parse('-9223372036854775809')).toBeUndefined();
  });
});

describe('strings and expiry', () => {
  it('treat a key as gone in the millisecond of its expiry, and hint that it can be reclaimed', () => {
    const database = new MapDatabase();
    setString(database, K, bytesOf('v'), {
      condition: 'always',
      expiresAtMs: database.nowMs + 5,
      returnPrevious: false,
    });
    database.nowMs += 4;
    expect(nameOf(getString(database, K) as Buffer)).toBe('v');
    database.nowMs += 1;
    expect(getString(database, K)).toBeUndefined();
    expect(database.expired).toEqual(['k']);
    expect(deleteKeys(database, [K])).toBe(0);
  });

  it('keep the expiry through INCR and drop it through a plain write', () => {
    const database = new MapDatabase();
    putString(database, K, bytesOf('41'));
    expect(expireAt(database, K, database.nowMs + 50, UNCONDITIONAL)).toBe(true);
    expect(incrementBy(database, K, 1)).toBe(42);
    expect(expiryTime(database, K)).toBe(database.nowMs + 50);
    putString(database, K, bytesOf('x'));
    expect(expiryTime(database, K)).toBe(NEVER);
    expect(persist(database, K)).toBe(false);
  });

  it('refuse overflow and text that is no integer without changing anything', () => {
    const database = new MapDatabase();
    putString(database, K, bytesOf(String(INT64_MAX)));
    expect(() => incrementBy(database, K, 1)).toThrow(expect.objectContaining({ code: 'out_of_range' }));
    putString(database, K, bytesOf('1 '));
    expect(() => incrementBy(database, K, 1)).toThrow(expect.objectContaining({ code: 'invalid_argument' }));
    expect(nameOf(getString(database, K) as Buffer)).toBe('1 ');
  });

  it('delete at once what is told to have expired', () => {
    const database = new MapDatabase();
    putString(database, K, bytesOf('x'));
    expect(expireAt(database, K, database.nowMs, UNCONDITIONAL)).toBe(true);
    expect(database.entries.size).toBe(0);
  });
});

describe('the order of databases', () => {
  it('has the literal bytes of docs/formats/keyvalue.md', () => {
    expect(hex(databaseMapKey(new Keyspace().kv))).toBe('6f726269742f6b762f13fe');
    expect(hex(new DatabaseMap(16, undefined).swapped(0, 1).bytes)).toBe('010002030405060708090a0b0c0d0e0f');
  });

  it('refuses what is no permutation as corruption', () => {
    for (const bytes of ['0000', '02', '010203', '0102', '']) {
      expect(() => new DatabaseMap(2, Buffer.from(bytes, 'hex')), bytes).toThrow(
        expect.objectContaining({ code: 'corruption' }),
      );
    }
  });
});
