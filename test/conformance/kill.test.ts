/** Real processes that are killed while they write, and transactions many times the size of a segment. */

import { describe, expect, it } from 'vitest';
import { text, utf8 } from '../../src/base/bytes.ts';
import { SeededRandom } from '../../src/platform/simulated/seeded-random.ts';
import { kill, put, useDataDirectory } from '../support/data-directory.ts';

const seed = process.env.ORBIT_TEST_SEED ?? '1';
const { open, startWriter } = useDataDirectory();

describe('kill -9', () => {
  it.each(['disk', 'process'] as const)(
    'of a process that writes in class %s loses nothing it acknowledged',
    async (durability) => {
      const random = new SeededRandom(`${seed}/kill ${durability}`);
      let version = 0;
      for (let round = 0; round < 3; round++) {
        const { child, lines } = startWriter(durability);
        expect((await lines.next()).value).toBe('open');
        const acknowledged = new Map<string, number>();
        const wanted = 200 + random.int(1_500);
        for (let i = 0; ; i++) {
          if (i === wanted) child.kill('SIGKILL');
          const { value, done } = await lines.next();
          if (done === true) break;
          const [at, client, n] = value.split(' ');
          if (n === undefined) continue; // Cut off.
          version = Math.max(version, Number(at));
          acknowledged.set(client!, Number(n));
        }
        await kill(child);
        const store = await open(durability);
        expect(store.version, `seed ${seed}`).toBeGreaterThanOrEqual(version);
        version = store.version;
        for (const [client, n] of acknowledged) {
          const left = Number(text((await store.get(utf8(`left/${client}`)))!));
          const right = Number(text((await store.get(utf8(`right/${client}`)))!));
          expect(left).toBe(right);
          expect(left).toBeGreaterThanOrEqual(n);
        }
        expect(await put(store, 'parent', String(round))).toBe(version + 1);
        version++;
        await store.close();
      }
    },
  );
});

describe('a large transaction', () => {
  it('of many times a segment is one commit, and survives', async () => {
    let store = await open();
    const transaction = store.begin();
    for (let i = 0; i < 70; i++) transaction.put(utf8(`large/${i}`), Buffer.alloc(1 << 20, i + 1));
    const { version } = await transaction.commit();
    await put(store, 'after', '1');
    await store.close();
    store = await open();
    expect(store.version).toBe(version + 1);
    for (let i = 0; i < 70; i += 23) expect((await store.get(utf8(`large/${i}`)))![1 << 19]).toBe(i + 1);
  });
});
