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
  it('keeps the newest write of each key, what a savepoint took back left out, now and after a restart', async () => {
    let store = await open();
    await put(store, 'large/gone', 'before');
    const transaction = store.begin();
    const write = (i: number, fill: number): void =>
      transaction.put(utf8(`large/${String(i).padStart(3, '0')}`), Buffer.alloc(1 << 17, fill));
    for (let i = 0; i < 60; i++) write(i, 1);
    const savepoint = transaction.savepoint();
    for (let i = 0; i < 40; i++) write(i, 2);
    transaction.delete(utf8('large/059'));
    transaction.rollbackTo(savepoint);
    for (let i = 0; i < 20; i++) write(i, 3);
    transaction.deleteRange({ start: utf8('large/030'), end: utf8('large/040') });
    transaction.delete(utf8('large/gone'));
    write(35, 4);
    const expected = new Map<string, number>();
    for (let i = 0; i < 60; i++) {
      if (i >= 30 && i < 40 && i !== 35) continue;
      expected.set(`large/${String(i).padStart(3, '0')}`, i < 20 ? 3 : i === 35 ? 4 : 1);
    }
    const held = async (reader: { scan: typeof transaction.scan }): Promise<Map<string, number>> => {
      const found = new Map<string, number>();
      const cursor = reader.scan({ start: utf8('large/'), end: utf8('large0') });
      for (let batch = await cursor.next(); batch !== undefined; batch = await cursor.next()) {
        for (const { key, value } of batch) found.set(text(key), value[1 << 16]!);
      }
      return found;
    };
    expect(await held(transaction)).toEqual(expected);
    await transaction.commit();
    await put(store, 'after', '1');
    for (let round = 0; round < 2; round++) {
      const reader = store.begin({ readOnly: true });
      expect(await held(reader)).toEqual(expected);
      reader.rollback();
      await store.close();
      store = await open();
    }
  });

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
