import { expect, test } from 'vitest';
import { platform } from '../../../test/support/stores.ts';
import { startRespServer } from '../../../test/wire/resp-server.ts';
import { silentLog } from '../../base/log.ts';
import { Rehearsal } from '../rehearsal.ts';
import { rehearseCommands } from './rehearsal.ts';

test('every command that is rehearsed is answered with as many lines as are waited for, and none with an error', async () => {
  const server = await startRespServer({ writeBehind: true });
  const warnings: string[] = [];
  let closed = 0;
  const rehearsal = new Rehearsal({
    platform,
    log: { ...silentLog, warn: (_: unknown, message: string) => void warnings.push(message) },
    what: 'commands',
    openStage: async () => ({
      accept: server.resp.accept,
      close: async () => {
        closed++;
      },
    }),
    perform: rehearseCommands,
    loopShare: () => 0,
  });
  rehearsal.begin();
  await rehearsal.done;
  const { calls, errors, lookups, connectionsOpen } = server.resp.statistics();
  expect(warnings).toEqual([]);
  expect(errors).toBe(0);
  expect(closed).toBe(1);
  expect(connectionsOpen).toBe(0);
  expect(lookups.hits).toBeGreaterThan(lookups.misses);
  const of = (name: string) => calls.find(({ command }) => command === name)?.calls ?? 0;
  for (const name of ['set', 'get', 'incr']) expect(of(name)).toBeGreaterThan(20_000);
  await server.close();
});

test('a rehearsal ends behind the message that is being answered when the server stops', async () => {
  const server = await startRespServer();
  const rehearsal = new Rehearsal({
    platform,
    log: silentLog,
    what: 'commands',
    openStage: async () => ({ accept: server.resp.accept, close: async () => {} }),
    perform: rehearseCommands,
    loopShare: () => 0,
  });
  rehearsal.begin();
  await expect.poll(() => server.resp.statistics().commands).toBeGreaterThan(10);
  await rehearsal.stop();
  const { commands } = server.resp.statistics();
  expect(commands).toBeLessThan(50_000);
  await server.close();
});
