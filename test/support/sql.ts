/** SQL without a network: an engine over a store in memory, and sessions of it. */

import { GatheringSink } from '../../src/query/sql/results.ts';
import { SqlEngine, type SqlEngineOptions } from '../../src/query/sql/sql-engine.ts';
import { SqlSession } from '../../src/query/sql/sql-session.ts';
import { openTestStore, platform, type TestStore } from './stores.ts';

export class TestEngine {
  readonly fixture: TestStore;
  /** May be replaced by another one over the same store. */
  engine: SqlEngine;
  #sessions = 0;

  private constructor(fixture: TestStore, options: Partial<SqlEngineOptions>) {
    this.fixture = fixture;
    this.engine = new SqlEngine({ store: fixture.store, platform, ...options });
  }

  static async open(options: Partial<SqlEngineOptions> = {}): Promise<TestEngine> {
    return new TestEngine(await openTestStore('memory'), options);
  }

  session(processId: number = ++this.#sessions): SqlSession {
    return new SqlSession(this.engine, { user: 'orbit', database: 'actors', processId });
  }

  /** Closes the engine, and the store with it. */
  async dispose(): Promise<void> {
    this.engine.close();
    await this.fixture.dispose();
  }
}

/** Of the last statement of a text. */
export async function lastRows(session: SqlSession, text: string): Promise<unknown> {
  const sink = new GatheringSink();
  await session.query(text, sink);
  return sink.results.at(-1)!.rows;
}
