import { describe, expect, it } from 'vitest';
import { text, utf8 } from '../../base/bytes.ts';
import { SeededRandom } from '../../platform/simulated/seeded-random.ts';
import { ValueCache } from './value-cache.ts';

const seed = process.env.ORBIT_TEST_SEED ?? '1';
const CACHE_BYTES = 64 * 1024;

function read(cache: ValueCache, key: string): string | undefined {
  const value = cache.get(utf8(key));
  return value && text(value);
}

describe('a cache of values', () => {
  it('never answers anything but what was put last', () => {
    const random = new SeededRandom(`${seed}/value-cache`);
    const cache = new ValueCache(CACHE_BYTES);
    const model = new Map<string, string>();
    let hits = 0;
    for (let step = 0; step < 60_000; step++) {
      const key = `key ${'.'.repeat(random.int(9))}${random.int(400)}`;
      switch (random.int(8)) {
        case 0: {
          const around = utf8(`<${key}>`);
          cache.delete(around, 1, around.length - 1);
          model.delete(key);
          break;
        }
        case 1:
        case 2: {
          const value = `${step} ${'v'.repeat(random.pick([0, 3, 40, 300, 2_000]))}`;
          cache.put(utf8(key), utf8(value));
          model.set(key, value);
          break;
        }
        default: {
          const found = read(cache, key);
          if (found === undefined) break;
          hits++;
          expect(found, `ORBIT_TEST_SEED=${seed}, step ${step}`).toBe(model.get(key));
        }
      }
      if (random.chance(0.000_1)) {
        cache.clear();
        model.clear();
      }
    }
    expect(hits).toBeGreaterThan(300);
    expect(cache.memoryBytes).toBeLessThanOrEqual(CACHE_BYTES);
  });

  it('keeps most of what fits, and the youngest of what does not', () => {
    const cache = new ValueCache(CACHE_BYTES);
    const count = CACHE_BYTES / 256;
    for (let i = 0; i < count; i++) cache.put(utf8(`key ${i}`), utf8('v'.repeat(100)));
    let kept = 0;
    for (let i = 0; i < count; i++) if (read(cache, `key ${i}`) !== undefined) kept++;
    expect(kept).toBeGreaterThan(count * 0.95);
    for (let i = 0; i < count * 10; i++) cache.put(utf8(`other ${i}`), utf8('v'.repeat(100)));
    for (let i = 0; i < count; i++) expect(read(cache, `key ${i}`)).toBeUndefined();
    expect(read(cache, `other ${count * 10 - 1}`)).toBe('v'.repeat(100));
  });

  it('gives out copies and takes copies', () => {
    const cache = new ValueCache(CACHE_BYTES);
    const value = Buffer.from('value');
    cache.put(utf8('key'), value);
    value.fill(0);
    cache.get(utf8('key'))!.fill(0);
    expect(read(cache, 'key')).toBe('value');
  });

  it('leaves large values out', () => {
    const cache = new ValueCache(1 << 20);
    cache.put(utf8('key'), Buffer.alloc(100_000));
    expect(cache.get(utf8('key'))).toBeUndefined();
  });

  it('has room again, and nothing else, once it was cleared', () => {
    const cache = new ValueCache(CACHE_BYTES);
    for (let i = 0; cache.hasRoom; i++) cache.put(utf8(`key ${i}`), utf8('v'.repeat(100)));
    const { memoryBytes } = cache;
    cache.clear();
    expect(cache.hasRoom).toBe(true);
    expect(cache.has(utf8('key 1'), 0, 5)).toBe(false);
    cache.put(utf8('key 2'), utf8('new'));
    expect([read(cache, 'key 2'), read(cache, 'key 1'), read(cache, 'key 0')]).toEqual(['new', undefined, undefined]);
    expect(cache.memoryBytes).toBe(memoryBytes);
  });

  it('has room again where keys or ranges of keys were deleted, and forgets no others', () => {
    const cache = new ValueCache(CACHE_BYTES);
    let count = 0;
    for (; cache.hasRoom; count++)
      cache.put(utf8(`${count % 2 === 0 ? 'even' : 'odd'} ${count}`), utf8('v'.repeat(100)));
    for (const _ of cache.deleteRanges([{ start: utf8('even '), end: utf8('even!') }])) expect(_).toBeUndefined();
    expect(cache.hasRoom).toBe(true);
    for (let i = 0; i < count; i++) {
      const key = `${i % 2 === 0 ? 'even' : 'odd'} ${i}`;
      expect(read(cache, key), key).toBe(i % 2 === 0 ? undefined : 'v'.repeat(100));
    }
    let more = 0;
    for (; cache.hasRoom && more < count; more++) cache.put(utf8(`more ${more}`), utf8('v'.repeat(100)));
    expect(more).toBeGreaterThan(count / 4);
    expect(more).toBeLessThan(count);
    cache.put(utf8('even 0'), utf8('again'));
    expect(read(cache, 'even 0')).toBe('again');
  });

  it('a value that is too large to be kept leaves nothing of the one before', () => {
    const cache = new ValueCache(1024 * 1024);
    cache.put(utf8('key'), utf8('small'));
    cache.put(utf8('key'), Buffer.alloc(17 * 1024));
    expect(cache.get(utf8('key'))).toBeUndefined();
  });

  it('keys and values are kept from where they lie beside others', () => {
    const cache = new ValueCache(1024 * 1024);
    const bytes = Buffer.from('..key 1value 1..key 2value 2');
    cache.putBeside(bytes, 2, 7, 14);
    cache.putBeside(bytes, 16, 21, 28);
    cache.putBeside(bytes, 16, 21, 27);
    expect(cache.get(utf8('key 1'))).toEqual(utf8('value 1'));
    expect(cache.get(utf8('key 2'))).toEqual(utf8('value '));
    expect(cache.has(bytes, 16, 21)).toBe(true);
    expect(cache.has(bytes, 16, 20)).toBe(false);
  });
});
