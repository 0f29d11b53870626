import { beforeEach, describe, expect, test } from 'vitest';
import { isPromise } from '../base/awaitable.ts';
import { type Bytes, latin1, utf8 } from '../base/bytes.ts';
import { OperationError } from '../base/errors.ts';
import type { Timer, Timers } from '../platform/platform.ts';
import { SeededRandom } from '../platform/simulated/seeded-random.ts';
import { ALL_KEYS } from './key-range.ts';
import { LockOwner, LockTable, type LockWait } from './lock-table.ts';
import type { LockMode } from './store.ts';

/** Timers that fire when the test says so. */
class ManualTimers implements Timers {
  nowMs = 0;
  readonly #set = new Set<{ atMs: number; callback: () => void }>();
  #yields: (() => void)[] = [];
  get pending(): number {
    return this.#set.size;
  }
  after(delayMs: number, callback: () => void): Timer {
    const timer = { atMs: this.nowMs + delayMs, callback };
    this.#set.add(timer);
    return { cancel: () => this.#set.delete(timer) };
  }
  advance(ms: number): void {
    this.nowMs += ms;
    const due = [...this.#set].filter((timer) => timer.atMs <= this.nowMs).sort((a, b) => a.atMs - b.atMs);
    for (const timer of due) if (this.#set.delete(timer)) timer.callback();
    for (const resolve of this.#yields.splice(0)) resolve();
  }
  every(): Timer {
    throw new Error('unused');
  }
  sleep(): Promise<void> {
    throw new Error('unused');
  }
  soon(): void {
    throw new Error('unused');
  }
  yield(): Promise<void> {
    return new Promise((resolve) => void this.#yields.push(resolve));
  }
}

/** What became of a request: true, false, an error code, or `waiting`. */
type Outcome = boolean | string;

class Request {
  outcome: Outcome = 'waiting';
  message = '';

  constructor(run: () => boolean | Promise<boolean>) {
    try {
      const result = run();
      if (isPromise(result))
        result.then(
          (value) => this.#settle(value),
          (error) => this.#fail(error),
        );
      else this.outcome = result;
    } catch (error) {
      this.#fail(error);
    }
  }

  #settle(value: boolean): void {
    this.outcome = value;
  }

  #fail(error: unknown): void {
    if (!(error instanceof OperationError)) throw error;
    this.outcome = error.code;
    this.message = error.message;
  }
}

/** Lets every promise that was settled run its continuations. */
const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

let timers: ManualTimers;
let table: LockTable;
let [a, b, c, d]: LockOwner[] = [];
const [k1, k2, k3] = ['k1', 'k2', 'k3'].map(utf8) as [Bytes, Bytes, Bytes];

beforeEach(() => {
  timers = new ManualTimers();
  table = new LockTable({ timers });
  [a, b, c, d] = ['a', 'b', 'c', 'd'].map((label) => new LockOwner(label));
});

function acquire(owner: LockOwner, key: Bytes, mode?: LockMode, wait?: LockWait, timeoutMs?: number): Request {
  return new Request(() => table.acquire(owner, key, mode, wait, timeoutMs));
}

/** As transactions ask: for what can be had at once first. */
function acquireFirst(owner: LockOwner, key: Bytes, mode: LockMode, wait: LockWait, timeoutMs?: number): Request {
  return new Request(
    () => table.acquireFree(owner, key, mode) !== 'contended' || table.acquire(owner, key, mode, wait, timeoutMs),
  );
}

test('a free key is locked at once, again by its holder, and leaves the table when released', () => {
  expect(table.isLockedByOther(k1, undefined)).toBe(false);
  expect(table.acquire(a!, k1)).toBe(true);
  expect(table.acquire(a!, k1, 'share')).toBe(true);
  expect(table.heldMode(a!, k1)).toBe('exclusive');
  expect([table.isLockedByOther(k1, a!), table.isLockedByOther(k1, b!), table.isLockedByOther(k1, undefined)]).toEqual([
    false,
    true,
    true,
  ]);
  table.release(a!, k1);
  table.release(a!, k1);
  expect([table.count, table.heldMode(a!, k1), a!.idle]).toEqual([0, undefined, true]);
});

test('share locks are held together and keep an exclusive request out until the last is gone', async () => {
  expect([table.acquire(a!, k1, 'share'), table.acquire(b!, k1, 'share')]).toEqual([true, true]);
  expect(table.isLockedByOther(k1, a!)).toBe(true);
  const writer = acquire(c!, k1);
  table.releaseAll(a!);
  await settled();
  expect(writer.outcome).toBe('waiting');
  table.releaseAll(b!);
  await settled();
  expect(writer.outcome).toBe(true);
});

test('waiters are served in order of arrival, and share requests do not overtake', async () => {
  table.acquire(a!, k1, 'share');
  const requests = [acquire(b!, k1), acquire(c!, k1, 'share'), acquire(d!, k1, 'share')];
  const outcomes = (): Promise<Outcome[]> => settled().then(() => requests.map((request) => request.outcome));
  expect(await outcomes()).toEqual(['waiting', 'waiting', 'waiting']);
  table.releaseAll(a!);
  expect(await outcomes()).toEqual([true, 'waiting', 'waiting']);
  table.releaseAll(b!);
  expect(await outcomes()).toEqual([true, true, true]);
});

test('an upgrade is granted at once to a sole holder and else waits ahead of the queue', async () => {
  table.acquire(a!, k1, 'share');
  table.acquire(b!, k1, 'share');
  const queued = acquire(c!, k1);
  const upgrade = acquire(a!, k1);
  table.releaseAll(b!);
  await settled();
  expect([upgrade.outcome, queued.outcome, table.heldMode(a!, k1)]).toEqual([true, 'waiting', 'exclusive']);
  table.downgrade(a!, k1, 'share');
  expect(table.acquire(a!, k1)).toBe(true);
  table.releaseAll(a!);
  await settled();
  expect(queued.outcome).toBe(true);
});

test('who relies on presence and who writes go together; a removal waits for both, and nobody passes it', async () => {
  table.acquire(a!, k1, 'presence');
  expect(table.acquire(b!, k1)).toBe(true);
  expect([table.isLockedByOther(k1, b!), table.isLockedByOther(k1, a!)]).toEqual([false, true]);
  expect(acquire(a!, k1, 'share', 'skip').outcome).toBe(false);
  const removal = acquire(c!, k1, 'removal');
  const late = acquire(d!, k1, 'presence');
  await settled();
  expect([removal.outcome, late.outcome]).toEqual(['waiting', 'waiting']);
  table.releaseAll(b!);
  // Its holder may ask for more ahead of who waits for it.
  expect(table.acquire(a!, k1)).toBe(true);
  expect(table.heldMode(a!, k1)).toBe('exclusive');
  table.releaseAll(a!);
  await settled();
  expect([removal.outcome, late.outcome]).toEqual([true, 'waiting']);
  table.downgrade(c!, k1, 'exclusive');
  await settled();
  expect([late.outcome, table.heldMode(c!, k1)]).toEqual([true, 'exclusive']);
});

test('who relies on presence does not queue behind writers', () => {
  table.acquire(a!, k1);
  expect(acquire(b!, k1).outcome).toBe('waiting');
  expect(table.acquire(c!, k1, 'presence')).toBe(true);
});

test('a downgrade lets waiting share requests in', async () => {
  table.acquire(a!, k1);
  const reader = acquire(b!, k1, 'share');
  table.downgrade(a!, k1, 'share');
  await settled();
  expect([reader.outcome, table.heldMode(a!, k1)]).toEqual([true, 'share']);
});

test('nowait and a timeout of zero throw naming the holder, skip answers false', () => {
  table.acquire(a!, k1);
  const refused = acquire(b!, k1, 'exclusive', 'nowait');
  expect([refused.outcome, refused.message]).toEqual(['lock_not_available', 'k1 is locked by a']);
  expect(acquire(b!, k1, 'exclusive', 'block', 0).outcome).toBe('lock_not_available');
  expect(acquire(b!, k1, 'share', 'skip').outcome).toBe(false);
  expect([table.waiting, b!.idle]).toEqual([0, true]);
});

test('a wait ends when its time has passed, and those behind it are served', async () => {
  table.acquire(a!, k1, 'share');
  const writer = acquire(b!, k1, 'exclusive', 'block', 100);
  const reader = acquire(c!, k1, 'share');
  timers.advance(99);
  await settled();
  expect([writer.outcome, reader.outcome]).toEqual(['waiting', 'waiting']);
  timers.advance(1);
  await settled();
  expect([writer.outcome, reader.outcome]).toEqual(['lock_not_available', true]);
});

test('a wait that is served cancels its timer', async () => {
  table.acquire(a!, k1);
  const waiting = acquire(b!, k1, 'exclusive', 'block', 100);
  table.releaseAll(a!);
  await settled();
  expect([waiting.outcome, timers.pending]).toEqual([true, 0]);
});

test('an owner that ends while waiting is rejected, and those behind it are served', async () => {
  table.acquire(a!, k1, 'share');
  const closed = acquire(b!, k1);
  const reader = acquire(c!, k1, 'share');
  table.releaseAll(b!);
  await settled();
  expect([closed.outcome, reader.outcome]).toEqual(['transaction_closed', true]);
  const cancelled = acquire(d!, k1);
  table.releaseAll(d!, new OperationError('cancelled', 'the statement was cancelled'));
  await settled();
  expect(cancelled.outcome).toBe('cancelled');
});

test('a lock granted to an owner that ends before it continues is not lost', async () => {
  table.acquire(a!, k1);
  acquire(b!, k1);
  const last = acquire(c!, k1);
  table.releaseAll(a!);
  table.releaseAll(b!);
  await settled();
  expect(last.outcome).toBe(true);
});

describe('deadlocks', () => {
  test('two owners that want what the other holds: the second to wait is refused, with the cycle', async () => {
    table.acquire(a!, k1);
    table.acquire(b!, k2);
    const first = acquire(a!, k2);
    const second = acquire(b!, k1);
    await settled();
    expect([first.outcome, second.outcome]).toEqual(['waiting', 'deadlock']);
    expect(second.message).toBe('waiting would be a deadlock: b waits for k1 behind a, a waits for k2 behind b');
    expect(table.deadlocks).toBe(1);
    table.releaseAll(b!);
    await settled();
    expect(first.outcome).toBe(true);
  });

  test('a cycle of three is found, a chain is not one', async () => {
    for (const [owner, key] of [
      [a!, k1],
      [b!, k2],
      [c!, k3],
    ] as const)
      table.acquire(owner, key);
    expect([acquire(a!, k2).outcome, acquire(d!, k1).outcome, acquire(b!, k3).outcome]).toEqual(
      Array(3).fill('waiting'),
    );
    expect(acquire(c!, k1).outcome).toBe('deadlock');
  });

  test('two share holders that both upgrade', async () => {
    table.acquire(a!, k1, 'share');
    table.acquire(b!, k1, 'share');
    const first = acquire(a!, k1);
    expect(acquire(b!, k1).outcome).toBe('deadlock');
    table.releaseAll(b!);
    await settled();
    expect(first.outcome).toBe(true);
  });

  test('a cycle that only the order of service closes is opened: the request passes who waits earlier', async () => {
    table.acquire(a!, k1, 'share');
    table.acquire(b!, k2);
    const first = acquire(c!, k1); // behind a
    const other = acquire(b!, k1, 'share'); // behind c, only because of the order of service
    const last = acquire(a!, k2); // behind b
    await settled();
    expect([first.outcome, other.outcome, last.outcome]).toEqual(['waiting', true, 'waiting']);
    table.releaseAll(b!);
    await settled();
    expect([first.outcome, last.outcome]).toEqual(['waiting', true]);
  });

  test('who asks for what would close a cycle passes others itself where that helps', () => {
    table.acquire(a!, k1, 'share');
    table.acquire(b!, k2, 'share');
    acquire(c!, k1); // behind a
    acquire(d!, k2); // behind b
    expect(acquire(b!, k1, 'share').outcome).toBe('waiting'); // behind c
    expect(acquire(a!, k2, 'share').outcome).toBe(true); // behind d, were it not a deadlock
  });
});

test('a range is asked for keys that others hold', () => {
  table.acquire(a!, k2);
  table.acquire(a!, k3, 'share');
  table.acquire(b!, k3, 'share');
  const from = (start: Bytes, end?: Bytes): string | undefined => {
    const key = table.lockedByOtherIn({ start, end }, a);
    return key === undefined ? undefined : latin1(key);
  };
  expect([from(k1, k3), from(k1), from(k3, k3), from(utf8('k4'))]).toEqual([undefined, 'k3', undefined, undefined]);
  expect(table.lockedByOtherIn({ start: k1, end: k3 }, b)).toEqual(k2);
});

test('the number of waiting requests is bounded', () => {
  table = new LockTable({ timers, waitersMax: 1 });
  table.acquire(a!, k1);
  expect(acquire(b!, k1).outcome).toBe('waiting');
  expect(acquire(c!, k1).outcome).toBe('overloaded');
  table.releaseAll(b!);
  expect(acquire(c!, k1).outcome).toBe('waiting');
});

/**
 * The same rules, written for reading: lists searched from the start, the whole wait-for graph closed transitively.
 */
class Model {
  readonly held: { key: string; owner: string; mode: LockMode }[] = [];
  readonly queue: { key: string; owner: string; mode: LockMode; request: number; deadlineMs: number }[] = [];
  readonly outcomes: Outcome[] = [];

  acquire(owner: string, key: string, mode: LockMode, wait: LockWait, deadlineMs: number): void {
    const request = this.outcomes.length;
    const mine = this.held.find((h) => h.key === key && h.owner === owner);
    const others = this.held.filter((h) => h.key === key && h.owner !== owner);
    const queued = this.queue.filter((w) => w.key === key);
    const fits =
      (mine !== undefined && MODES.indexOf(mine.mode) >= MODES.indexOf(mode)) ||
      (compatible(mode, others) && (mine !== undefined || compatible(mode, queued)));
    if (fits) {
      this.outcomes.push(true);
      this.#hold(owner, key, mode);
    } else if (wait === 'skip') {
      this.outcomes.push(false);
    } else if (wait === 'nowait') {
      this.outcomes.push('lock_not_available');
    } else {
      this.outcomes.push('waiting');
      const entry = { key, owner, mode, request, deadlineMs };
      const first = this.queue.findIndex((w) => w.key === key && !this.#holds(w.owner, key));
      if (mine !== undefined && first !== -1) this.queue.splice(first, 0, entry);
      else this.queue.push(entry);
      if (this.cyclic() && !this.#reordered(entry)) this.#end(entry, 'deadlock');
    }
  }

  /** Whether one of those who wait can go ahead, so that nobody waits for himself: the last one, or the first who can. */
  #reordered(last: Model['queue'][number]): boolean {
    const before = [...this.queue];
    const byAge = [...before].sort((x, y) => x.request - y.request);
    for (const waiter of [last, ...byAge]) {
      this.queue.splice(0, this.queue.length, waiter, ...before.filter((other) => other !== waiter));
      if (!this.cyclic()) {
        this.#serve();
        return true;
      }
    }
    this.queue.splice(0, this.queue.length, ...before);
    return false;
  }

  release(owner: string, key: string): void {
    this.#drop(this.held, (h) => h.owner === owner && h.key === key);
    this.#serve();
  }

  releaseAll(owner: string): void {
    for (const waiter of this.queue.filter((w) => w.owner === owner)) this.#end(waiter, 'transaction_closed');
    this.#drop(this.held, (h) => h.owner === owner);
    this.#serve();
  }

  advance(nowMs: number): void {
    const due = this.queue.filter((w) => w.deadlineMs <= nowMs).sort((x, y) => x.deadlineMs - y.deadlineMs);
    for (const waiter of due) if (this.queue.includes(waiter)) this.#end(waiter, 'lock_not_available');
  }

  /** True when some owner, in any number of steps, waits for itself. */
  cyclic(): boolean {
    const reach = new Map<string, Set<string>>();
    this.queue.forEach((w, position) => {
      const targets = reach.get(w.owner) ?? new Set();
      reach.set(w.owner, targets);
      const ahead = this.queue.filter((other, i) => i < position && other.key === w.key);
      for (const other of [...this.held.filter((h) => h.key === w.key), ...ahead]) {
        if (other.owner !== w.owner && !compatible(w.mode, [other])) targets.add(other.owner);
      }
    });
    for (let grown = true; grown; ) {
      grown = false;
      for (const targets of reach.values()) {
        const before = targets.size;
        for (const target of [...targets]) for (const next of reach.get(target) ?? []) targets.add(next);
        grown ||= targets.size > before;
      }
    }
    return [...reach].some(([owner, targets]) => targets.has(owner));
  }

  #serve(): void {
    const passed: { key: string; mode: LockMode }[] = [];
    for (const waiter of [...this.queue]) {
      const others = this.held.filter((h) => h.key === waiter.key && h.owner !== waiter.owner);
      const ahead = passed.filter((w) => w.key === waiter.key);
      if (!compatible(waiter.mode, others) || !compatible(waiter.mode, ahead)) {
        passed.push(waiter);
        continue;
      }
      this.#drop(this.queue, (w) => w === waiter);
      this.outcomes[waiter.request] = true;
      this.#hold(waiter.owner, waiter.key, waiter.mode);
    }
  }

  #holds(owner: string, key: string): boolean {
    return this.held.some((h) => h.owner === owner && h.key === key);
  }

  #hold(owner: string, key: string, mode: LockMode): void {
    const mine = this.held.find((h) => h.owner === owner && h.key === key);
    if (mine === undefined) this.held.push({ owner, key, mode });
    else if (MODES.indexOf(mode) > MODES.indexOf(mine.mode)) mine.mode = mode;
  }

  #end(waiter: Model['queue'][number], outcome: Outcome): void {
    this.#drop(this.queue, (w) => w === waiter);
    this.outcomes[waiter.request] = outcome;
    this.#serve();
  }

  #drop<T>(list: T[], which: (item: T) => boolean): void {
    for (let i = list.length - 1; i >= 0; i--) if (which(list[i]!)) list.splice(i, 1);
  }
}

const MODES: readonly LockMode[] = ['presence', 'share', 'exclusive', 'removal'];
const TOGETHER: Readonly<Record<LockMode, readonly LockMode[]>> = {
  presence: ['presence', 'share', 'exclusive'],
  share: ['presence', 'share'],
  exclusive: ['presence'],
  removal: [],
};

function compatible(mode: LockMode, others: readonly { readonly mode: LockMode }[]): boolean {
  return others.every((other) => TOGETHER[mode].includes(other.mode));
}

function seeded(seed: number): (bound: number) => number {
  const random = new SeededRandom(seed);
  return (bound) => random.int(bound);
}

test('gives up very many keys in one step: all are free at once, waiters are served, and the table forgets them in slices', async () => {
  const [many, other] = [new LockOwner('many'), new LockOwner('other')];
  const keys = Array.from({ length: 10_000 }, (_, i) => utf8(`key${i}`));
  for (const key of keys) table.acquire(many, key);
  const waiting = table.acquire(other, keys[9_999]!);
  table.releaseAll(many);
  expect(await waiting).toBe(true);
  expect(table.isLockedByOther(keys[0]!, other)).toBe(false);
  expect(table.acquire(other, keys[1]!, 'share', 'nowait')).toBe(true);
  // The owner that gave them up is like any other now.
  expect(table.heldMode(many, keys[1]!)).toBeUndefined();
  expect(() => table.acquire(many, keys[1]!, 'exclusive', 'nowait')).toThrow('is locked by other');
  expect(table.acquire(many, keys[2]!, 'exclusive', 'nowait')).toBe(true);
  let slices = 0;
  for (; table.count > 3; slices++) {
    const before = table.count;
    timers.advance(0);
    await settled();
    expect(before - table.count).toBeLessThanOrEqual(4_096);
  }
  expect(slices).toBeGreaterThan(2);
  expect(table.heldMode(other, keys[9_999]!)).toBe('exclusive');
  expect(table.heldMode(other, keys[1]!)).toBe('share');
  expect(table.heldMode(many, keys[2]!)).toBe('exclusive');
  expect(table.count).toBe(3);
});

test('finds no key in a range that was given up in one step', () => {
  const [many, other] = [new LockOwner('many'), new LockOwner('other')];
  const keys = Array.from({ length: 5_000 }, (_, i) => utf8(`key${i}`));
  for (const key of keys) table.acquire(many, key);
  expect(keys).toContainEqual(table.lockedByOtherIn(ALL_KEYS, other));
  table.releaseAll(many);
  expect(table.lockedByOtherIn(ALL_KEYS, other)).toBeUndefined();
});

test('agrees with the naive model over random schedules, and never leaves a cycle or a servable waiter', async () => {
  const first = Number(process.env.ORBIT_TEST_SEED ?? 1);
  const totals = { deadlock: 0, granted: 0, timedOut: 0, closed: 0 };
  for (let seed = first; seed < first + 100; seed++) {
    const random = seeded(seed);
    timers = new ManualTimers();
    const inOneStep = seed % 2 === 1;
    table = new LockTable({ timers, ...(inOneStep ? { releasedOneByOneMax: random(2) } : {}) });
    const model = new Model();
    const owners = Array.from({ length: 2 + random(5) }, (_, i) => new LockOwner(`o${i}`));
    const keys = Array.from({ length: 1 + random(4) }, (_, i) => utf8(`key${i}`));
    const requests: Request[] = [];
    const trace: string[] = [];
    const agree = async (): Promise<void> => {
      await settled();
      const context = `seed ${seed}\n${trace.slice(-30).join('\n')}`;
      expect(
        requests.map((request) => request.outcome),
        context,
      ).toEqual(model.outcomes);
      const held = owners.flatMap((owner) =>
        keys.map((key) => ({ key: latin1(key), owner: owner.label, mode: table.heldMode(owner, key) })),
      );
      const order = (x: { key: string; owner: string }): string => `${x.key} ${x.owner}`;
      const sorted = <T extends { key: string; owner: string }>(list: T[]): T[] =>
        list.sort((x, y) => (order(x) < order(y) ? -1 : 1));
      expect(sorted(held.filter((h) => h.mode !== undefined)), context).toEqual(sorted([...model.held]));
      expect(table.waiting, context).toBe(model.queue.length);
      const count = new Set(model.held.map((h) => h.key)).size;
      if (inOneStep) expect(table.count, context).toBeGreaterThanOrEqual(count);
      else expect(table.count, context).toBe(count);
      expect(model.cyclic(), context).toBe(false);
    };
    for (let step = 0; step < 60; step++) {
      const owner = owners[random(owners.length)]!;
      const key = keys[random(keys.length)]!;
      const action = random(20);
      // A transaction waits for one lock at a time.
      if (action < 13 && owner.waits.size === 0) {
        const mode = random(2) === 0 ? 'exclusive' : MODES[random(4)]!;
        const wait = random(10) === 0 ? 'nowait' : random(10) === 0 ? 'skip' : 'block';
        const timeoutMs = random(3) === 0 ? 1 + random(20) : undefined;
        trace.push(`${owner.label} acquire ${latin1(key)} ${mode} ${wait} ${timeoutMs}`);
        requests.push((step % 2 === 0 ? acquire : acquireFirst)(owner, key, mode, wait, timeoutMs));
        model.acquire(owner.label, latin1(key), mode, wait, timers.nowMs + (timeoutMs ?? Infinity));
      } else if (action < 16) {
        trace.push(`${owner.label} releaseAll`);
        table.releaseAll(owner);
        model.releaseAll(owner.label);
      } else if (action < 18) {
        trace.push(`${owner.label} release ${latin1(key)}`);
        table.release(owner, key);
        model.release(owner.label, latin1(key));
      } else {
        trace.push('advance');
        timers.advance(5);
        model.advance(timers.nowMs);
      }
      await agree();
    }
    for (const owner of owners) {
      table.releaseAll(owner);
      model.releaseAll(owner.label);
    }
    await agree();
    // What was given up in one step is taken out behind it: of each owner's locks in a slice of its own.
    for (let slices = 0; table.count > 0 && slices < 100; slices++) {
      timers.advance(0);
      await settled();
    }
    expect([table.count, table.waiting, timers.pending]).toEqual([0, 0, 0]);
    for (const { outcome } of requests) {
      if (outcome === 'deadlock') totals.deadlock++;
      if (outcome === true) totals.granted++;
      if (outcome === 'lock_not_available') totals.timedOut++;
      if (outcome === 'transaction_closed') totals.closed++;
    }
  }
  for (const count of Object.values(totals)) expect(count, `seed ${first}`).toBeGreaterThan(0);
});
