/** A PostgreSQL port over a store in memory, for tests with stock clients. */

import { silentLog } from '../../src/base/log.ts';
import type { Listener } from '../../src/platform/sockets.ts';
import { type PgwireOptions, pgwireListener } from '../../src/protocols/pgwire/listener.ts';
import type { SqlLimits } from '../../src/query/sql/limits.ts';
import { SqlEngine } from '../../src/query/sql/sql-engine.ts';
import { type ContractProvider, type ContractStore, openContractStore, platform } from '../support/stores.ts';

export interface PgServer {
  readonly engine: SqlEngine;
  readonly test: ContractStore;
  readonly listener: Listener;
  readonly port: number;
  /** For `pg.Client`. */
  readonly config: { readonly host: string; readonly port: number; readonly user: string; readonly database: string };
  /** As the server does when it stops. */
  drain(timeoutMs: number): Promise<void>;
  stop(): Promise<void>;
}

export async function startPgServer(
  options: Partial<PgwireOptions> & { readonly limits?: Partial<SqlLimits>; readonly provider?: ContractProvider } = {},
): Promise<PgServer> {
  const { limits = {}, provider = 'memory', ...wire } = options;
  const test = await openContractStore(provider);
  const engine = new SqlEngine({ store: test.store, platform, limits });
  const { accept, drain } = pgwireListener(engine, {
    principals: {
      required: false,
      verifier: () => ({
        salt: Buffer.alloc(0),
        iterations: 1,
        storedKey: Buffer.alloc(0),
        serverKey: Buffer.alloc(0),
      }),
    },
    platform,
    log: silentLog,
    ...wire,
  });
  const listener = await platform.sockets.listen({ host: '127.0.0.1', port: 0 }, accept);
  return {
    engine,
    test,
    listener,
    port: listener.port,
    config: { host: '127.0.0.1', port: listener.port, user: 'orbit', database: 'actors' },
    drain,
    async stop() {
      await listener.close();
      engine.close();
      await test.dispose();
    },
  };
}
