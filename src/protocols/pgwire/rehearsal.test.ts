import { afterEach, beforeEach, expect, test } from 'vitest';
import { openTestStore, platform, type TestStore } from '../../../test/support/stores.ts';
import { silentLog } from '../../base/log.ts';
import type { Sockets } from '../../platform/sockets.ts';
import { SqlEngine } from '../../query/sql/sql-engine.ts';
import { SqlError } from '../../query/sql/sql-error.ts';
import { SqlSession } from '../../query/sql/sql-session.ts';
import { Rehearsal } from '../rehearsal.ts';
import { OPEN_PRINCIPALS } from './authentication.ts';
import { pgwireListener } from './listener.ts';
import { rehearseStatements } from './rehearsal.ts';
import { rehearsedTexts } from './rehearsed-texts.ts';

let fixture: TestStore;
let engine: SqlEngine;
let warnings: string[];
let stages: TestStore[];
let closed: number;

beforeEach(async () => {
  fixture = await openTestStore('memory');
  engine = new SqlEngine({ store: fixture.store, platform });
  warnings = [];
  stages = [];
  closed = 0;
});
afterEach(async () => {
  engine.close();
  await fixture.dispose();
  for (const each of stages) await each.dispose();
});

function newRehearsal(loopShare: () => number, clock = platform.clock, sockets: Sockets = platform.sockets): Rehearsal {
  const warn = (_: unknown, message: string) => void warnings.push(message);
  return new Rehearsal({
    platform: { ...platform, clock, sockets },
    log: { ...silentLog, warn },
    openStage: async () => {
      const opened = await openTestStore('rocksdb');
      stages.push(opened);
      const { store } = opened;
      const stage = new SqlEngine({ store, platform, parser: engine.parser, autoAnalyzeDelayMs: 50 });
      const close = async (): Promise<void> => {
        stage.close();
        expect(stage.runningStatements).toBe(0);
        await store.close();
        closed++;
      };
      const { accept } = pgwireListener(stage, { principals: OPEN_PRINCIPALS, platform, log: silentLog });
      return { accept, close };
    },
    what: 'statements',
    perform: rehearseStatements,
    loopShare,
  });
}

test('every statement that is rehearsed does what it is for', async () => {
  const session = new SqlSession(engine, { user: 'orbit', database: 'actors', processId: 1 });
  const failed: string[] = [];
  const texts = [...rehearsedTexts()];
  for (const text of texts) {
    await session.execute(text).catch((error: unknown) => {
      failed.push(error instanceof SqlError ? error.condition : String(error));
    });
  }
  expect(new Set(texts).size).toBeGreaterThan(texts.length * 0.9);
  expect(new Set(failed)).toEqual(new Set(['undefined_column', 'invalid_text_representation', 'syntax_error']));
});

test('a rehearsal runs to its end over a store of its own, once, and loads the parser', async () => {
  const rehearsal = newRehearsal(() => 0);
  rehearsal.begin();
  rehearsal.begin();
  await rehearsal.done;
  expect(warnings).toEqual([]);
  expect(stages).toHaveLength(1);
  expect(closed).toBe(1);
  expect(engine.parser.parse('SELECT 1')).toBeInstanceOf(Array);
  expect(engine.runningStatements).toBe(0);
  const session = new SqlSession(engine, { user: 'orbit', database: 'actors', processId: 1 });
  const [tables] = await session.execute("SELECT relname FROM pg_class WHERE relname IN ('plain', 'keyed')");
  expect(tables!.rows).toEqual([]);
  session.close();
});

test('a busy server rehearses nothing, and stopping does not wait for it to become idle', async () => {
  let looks = 0;
  const seen = Promise.withResolvers<void>();
  const rehearsal = newRehearsal(() => {
    if (++looks === 4) seen.resolve();
    return 0.9;
  });
  rehearsal.begin();
  await seen.promise;
  await rehearsal.stop();
  expect(stages).toEqual([]);
});

test('a server that was busy for too long is not looked at any more, until somebody knocks', async () => {
  let share = 0.9;
  let nowMs = 0;
  const monotonicMs = () => (nowMs += 10_000);
  const rehearsal = newRehearsal(() => share, { ...platform.clock, monotonicMs });
  rehearsal.begin();
  await rehearsal.done;
  expect(stages).toEqual([]);
  share = 0;
  rehearsal.begin();
  await rehearsal.done;
  expect(stages).toHaveLength(1);
});

test('stopping ends a rehearsal that runs, and none begins afterwards', async () => {
  let looks = 0;
  const seen = Promise.withResolvers<void>();
  const rehearsal = newRehearsal(() => {
    if (++looks === 6) seen.resolve();
    return 0;
  });
  rehearsal.begin();
  await seen.promise;
  await rehearsal.stop();
  const { length } = stages;
  rehearsal.begin();
  await rehearsal.done;
  expect(stages).toHaveLength(length);
  expect(warnings).toEqual([]);
});

test('who else connects to the port of a rehearsal is cut off without a word', async () => {
  const heard: Uint8Array[] = [];
  const cutOff = Promise.withResolvers<void>();
  const sockets: Sockets = {
    identify: (...all) => platform.sockets.identify(...all),
    connect: (...all) => platform.sockets.connect(...all),
    listen: async (...all) => {
      const listener = await platform.sockets.listen(...all);
      const hears = { onData: (bytes: Uint8Array) => void heard.push(bytes), onClose: () => cutOff.resolve() };
      const stranger = await platform.sockets.connect({ host: listener.host, port: listener.port }, hears);
      stranger.write(STARTUP);
      return listener;
    },
  };
  const rehearsal = newRehearsal(() => 0, platform.clock, sockets);
  rehearsal.begin();
  await cutOff.promise;
  await rehearsal.stop();
  expect(heard).toEqual([]);
  expect(warnings).toEqual([]);
});

/** Of a client that asks for this server's database. */
const STARTUP = Buffer.from('\0\0\0\x24\0\x03\0\0user\0orbit\0database\0actors\0\0');
