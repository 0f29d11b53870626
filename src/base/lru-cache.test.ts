import { describe, expect, it } from 'vitest';
import { LruCache } from './lru-cache.ts';

describe('a cache of what was used lately', () => {
  it('forgets what was not asked for since it came', () => {
    const cache = new LruCache<string, number>(3);
    for (const [i, key] of ['a', 'b', 'c'].entries()) cache.set(key, i);
    expect(cache.get('a')).toBe(0);
    cache.set('d', 3);
    expect([cache.get('a'), cache.get('b'), cache.get('c'), cache.get('d')]).toEqual([0, undefined, 2, 3]);
  });

  it('forgets the oldest when all were asked for', () => {
    const cache = new LruCache<string, number>(2);
    cache.set('a', 0);
    cache.set('b', 1);
    cache.get('a');
    cache.get('b');
    cache.set('c', 2);
    expect([cache.get('a'), cache.get('b'), cache.get('c'), cache.size]).toEqual([undefined, 1, 2, 2]);
  });

  it('stays within the sum of the costs, and keeps nothing that is too large by itself', () => {
    const cache = new LruCache<string, number>(10, 5);
    cache.set('a', 0, 3);
    cache.set('b', 1, 3);
    expect([cache.get('a'), cache.get('b')]).toEqual([undefined, 1]);
    cache.set('c', 2, 6);
    expect([cache.get('b'), cache.get('c'), cache.size]).toEqual([1, undefined, 1]);
  });
});
