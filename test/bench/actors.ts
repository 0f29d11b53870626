/**
 * The price of a turn, in nanoseconds on one core: beside a bare function call and an `await`, so that the figures of two
 * machines can be compared; of memory per idle actor, and of activating from RocksDB.
 */

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { defineActor } from '../../src/actors/actor.ts';
import { LocalActorRuntime } from '../../src/actors/local-actor-runtime.ts';
import { RequestContext } from '../../src/actors/request-context.ts';
import { silentLog } from '../../src/base/log.ts';
import { newObserver } from '../../src/base/observer.ts';
import { SoleMemberDirectory } from '../../src/cluster/sole-member-directory.ts';
import { newNodePlatform } from '../../src/platform/node-platform.ts';
import { openMemoryStore } from '../../src/providers/memory/open.ts';
import { openRocksDbStore } from '../../src/providers/rocksdb/open.ts';
import { Keyspace } from '../../src/storage/keyspace.ts';
import type { Store } from '../../src/storage/store.ts';

const platform = newNodePlatform();
const keyspace = new Keyspace();
const ROUNDS = 5;
const IDLE_ACTORS = 200_000;
const COLD_ACTORS = 2_000;

const Counter = defineActor({
  type: 'counter',
  persistent: false,
  idleMs: Number.POSITIVE_INFINITY,
  initial: () => ({ n: 0 }),
  methods: {
    add(turn, by: number): number {
      turn.state.n += by;
      return turn.state.n;
    },
    async addLater(turn, by: number): Promise<number> {
      turn.state.n += by;
      return turn.state.n;
    },
    addThrough(turn, key: string, by: number) {
      return turn.get(Counter_, key).add(by);
    },
  },
});
// The type of a definition that refers to itself cannot be inferred from within.
const Counter_ = defineActor({ type: 'inner', persistent: false, initial: () => ({ n: 0 }), methods: { add: addTo } });
function addTo(turn: { readonly state: { n: number } }, by: number): number {
  turn.state.n += by;
  return turn.state.n;
}

const Saved = defineActor({
  type: 'saved',
  initial: () => ({ n: 0 }),
  methods: {
    add(turn, by: number): number {
      turn.save({ n: turn.state.n + by });
      return turn.state.n;
    },
    read: (turn): number => turn.state.n,
  },
});

/** Returns the lines to print. */
export async function run(): Promise<string[]> {
  const lines: string[] = [];
  const store = await openMemoryStore({ name: 'bench', platform, log: silentLog });
  const runtime = await newRuntime(store);
  try {
    const plain = { n: 0 };
    const bare = (by: number) => {
      plain.n += by;
      return plain.n;
    };
    const counter = runtime.get(Counter, 'a');
    const bareNs = await median(5_000_000, (count) => {
      for (let i = 0; i < count; i++) bare(1);
    });
    const awaitNs = await median(1_000_000, async (count) => {
      for (let i = 0; i < count; i++) await bare(1);
    });
    const turnNs = await median(5_000_000, (count) => {
      for (let i = 0; i < count; i++) counter.add(1);
    });
    const many = Array.from({ length: 1_024 }, (_, i) => runtime.get(Counter, i));
    for (const each of many) each.add(1);
    const spreadNs = await median(5_000_000, (count) => {
      for (let i = 0; i < count; i++) many[i & 1_023]!.add(1);
    });
    const lookupNs = await median(1_000_000, (count) => {
      for (let i = 0; i < count; i++) runtime.get(Counter, 'a').add(1);
    });
    const namedNs = await median(500_000, (count) => {
      for (let i = 0; i < count; i++) runtime.invoke('counter', 'a', 'add', [1]);
    });
    const nestedNs = await median(1_000_000, (count) => {
      for (let i = 0; i < count; i++) counter.addThrough('b', 1);
    });
    const asyncNs = await median(300_000, async (count) => {
      for (let i = 0; i < count; i++) await counter.addLater(1);
    });
    lines.push(
      `actors: local synchronous turns ${perSecond(turnNs)}   bare calls ${perSecond(bareNs)}   awaits ${perSecond(awaitNs)}   ratio ${(bareNs / turnNs).toFixed(2)}x of a call, ${(awaitNs / turnNs).toFixed(2)}x of an await`,
    );
    lines.push(
      `actors: ns per operation, bare call ${ns(bareNs)}, await ${ns(awaitNs)}, turn ${ns(turnNs)} (${perSecond(turnNs)}), over 1,024 actors ${ns(spreadNs)}, ` +
        `with lookup ${ns(lookupNs)}, by name ${ns(namedNs)}, turn in turn ${ns(nestedNs)}, asynchronous turn ${ns(asyncNs)}`,
    );
    const observed = runtime.get(Saved, 'a', new RequestContext({ observer: newObserver() }));
    const savingNs = await median(20_000, async (count) => {
      for (let i = 0; i < count; i++) {
        observed.add(1);
        if ((i & 255) === 255) await platform.timers.yield();
      }
    });
    lines.push(`actors: ns per saving turn, memory store ${ns(savingNs)} (${perSecond(savingNs)})`);
    lines.push(idleMemory(runtime));
  } finally {
    await runtime.stop();
    await store.close();
  }
  lines.push(await coldActivations());
  return lines;
}

function idleMemory(runtime: LocalActorRuntime): string {
  const collect = (globalThis as { gc?: () => void }).gc;
  collect?.();
  const before = process.memoryUsage().heapUsed;
  for (let i = 0; i < IDLE_ACTORS; i++) runtime.get(Counter, `idle-${i}`).add(1);
  collect?.();
  const bytes = (process.memoryUsage().heapUsed - before) / IDLE_ACTORS;
  const perGigabyte = Math.floor(2 ** 30 / bytes / 1_000);
  return `actors: bytes per resident actor just used ${Math.round(bytes)} (${perGigabyte} k per GB)${collect === undefined ? '; run with --expose-gc to be exact' : ''}`;
}

async function coldActivations(): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'orbit-bench-actors-'));
  const open = () =>
    openRocksDbStore({
      name: 'bench',
      directory,
      platform,
      log: silentLog,
      durability: 'process',
    });
  try {
    let store = await open();
    let runtime = await newRuntime(store);
    await Promise.all(Array.from({ length: COLD_ACTORS }, (_, i) => runtime.get(Saved, i).add(i)));
    await runtime.stop();
    await store.close();
    store = await open();
    runtime = await newRuntime(store);
    const micros: number[] = [];
    for (let i = 0; i < COLD_ACTORS; i++) {
      const startMs = platform.clock.monotonicMs();
      await runtime.get(Saved, i).read();
      micros.push((platform.clock.monotonicMs() - startMs) * 1_000);
      if ((i & 63) === 63) await platform.timers.yield();
    }
    await runtime.stop();
    await store.close();
    micros.sort((a, b) => a - b);
    const at = (share: number) => micros[Math.floor(micros.length * share)]!.toFixed(0);
    return `actors: µs per cold activation from RocksDB, p50 ${at(0.5)}, p99 ${at(0.99)}`;
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

async function newRuntime(store: Store): Promise<LocalActorRuntime> {
  const directory = await SoleMemberDirectory.open(store, platform, keyspace, 'bench');
  return new LocalActorRuntime({ store, platform, keyspace, directory });
}

/** Nanoseconds per operation: the median of some rounds, after one to warm up. */
async function median(count: number, work: (count: number) => unknown): Promise<number> {
  const rounds: number[] = [];
  for (let round = 0; round <= ROUNDS; round++) {
    const perRound = Math.ceil(count / ROUNDS);
    const startMs = platform.clock.monotonicMs();
    const outcome = work(perRound);
    if (outcome instanceof Promise) await outcome;
    if (round > 0) rounds.push(((platform.clock.monotonicMs() - startMs) * 1e6) / perRound);
  }
  return rounds.sort((a, b) => a - b)[Math.floor(ROUNDS / 2)]!;
}

function ns(value: number): string {
  return value < 10 ? value.toFixed(1) : value.toFixed(0);
}

function perSecond(nanoseconds: number): string {
  return nanoseconds < 1e3 ? `${(1e3 / nanoseconds).toFixed(1)} M/s` : `${(1e6 / nanoseconds).toFixed(0)} k/s`;
}
