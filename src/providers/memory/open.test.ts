import { expect, it } from 'vitest';
import { utf8 } from '../../base/bytes.ts';
import { silentLog } from '../../base/log.ts';
import { newNodePlatform } from '../../platform/node-platform.ts';
import { openMemoryStore } from './open.ts';

const platform = newNodePlatform();

it.each([
  ['keys', { entriesMax: 100 }],
  ['bytes', { bytesMax: 20_000 }],
])('a store bounded by %s refuses writes when it is full, takes deletes, and then writes again', async (_, limits) => {
  const store = await openMemoryStore({ name: 'bounded', platform, log: silentLog, applyDelayMs: 1, ...limits });
  const applied = async () => {
    const { version } = store;
    while (store.statistics().appliedVersion < version) await platform.timers.sleep(1);
  };
  let written = 0;
  const fill = async () => {
    for (; written < 10_000; written++) {
      const batch = store.writeBatch();
      batch.put(utf8(`key/${String(written).padStart(6, '0')}`), Buffer.alloc(100));
      await batch.commit();
      await applied();
    }
  };
  await expect(fill()).rejects.toMatchObject({ code: 'out_of_memory' });
  expect(written).toBeGreaterThan(20);
  expect(written).toBeLessThan(200);
  expect(store.health.status).toBe('degraded');

  const deletion = store.writeBatch();
  for (let i = 0; i < written / 2; i++) deletion.delete(utf8(`key/${String(i).padStart(6, '0')}`));
  await deletion.commit();
  await applied();
  const batch = store.writeBatch();
  batch.put(utf8('again'), utf8('1'));
  await batch.commit();
  expect(store.health.status).toBe('healthy');
  await store.close();
});
