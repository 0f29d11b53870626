/** Pools of stock clients with mixed work (see `clients.ts`); 10,000 operations each are `npm run soak -- clients`. */

import { afterAll, beforeAll, expect, test } from 'vitest';
import { CLIENTS, prepare } from './clients.ts';
import { type PgServer, startPgServer } from './pg-server.ts';
import { startRespServer, type TestServer } from './resp-server.ts';

const seed = process.env.ORBIT_TEST_SEED ?? '1';

let resp: TestServer;
let sql: PgServer;

beforeAll(async () => {
  resp = await startRespServer();
  sql = await startPgServer();
});
afterAll(async () => {
  await resp.close();
  await sql.stop();
});

test.each(Object.keys(CLIENTS))('%s, a pool of 50 with mixed operations', async (name) => {
  const { protocol, run } = CLIENTS[name]!;
  const port = protocol === 'redis' ? resp.port : sql.port;
  await prepare(protocol, port);
  await run({ seed, port, operations: 500, connections: 50 }).catch((error: unknown) => {
    throw new Error(`seed ${seed}`, { cause: error });
  });
  await expect
    .poll(() => (protocol === 'redis' ? resp.resp.statistics().connectionsOpen : sql.listener.connections))
    .toBe(0);
});
