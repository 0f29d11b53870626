/**
 * Sixteen workers on five clients, with skewed clocks, against a cluster in which regions split and merge, leaders and PD
 * move, stores restart, messages get lost and clients die. One run per seed; it repeats exactly.
 */

import { keyText } from '../../src/bytes.ts';
import type { TikvClient } from '../../src/client.ts';
import { TikvError, UndeterminedError } from '../../src/errors.ts';
import type { Transaction } from '../../src/transaction.ts';
import type { ArrivedCall, FaultAction } from '../../test-cluster/faults.ts';
import type { InProcessTransport } from '../../test-cluster/in-process-transport.ts';
import type { SeededRandom } from '../../test-cluster/virtual-time.ts';
import { type ReadEvent, type TransactionEvent, violations } from './history.ts';
import { bytes, pause, World } from './world.ts';

export interface ChaosResult {
  readonly violations: readonly string[];
  readonly told: Readonly<Record<TransactionEvent['told'], number>>;
  /** Of all that clients observed: equal for equal seeds. */
  readonly digest: string;
}

const WORKERS = 16;
const CLIENTS = 5;
const TRANSACTIONS_PER_WORKER = 10;
const ACCOUNTS = Array.from({ length: 8 }, (_, i) => `account ${i}`);
const LISTS = ['list a', 'list m', 'list z'];
const PAIRS = [
  ['duty 1a', 'duty 1b'],
  ['duty 2a', 'duty 2b'],
] as const;
const BALANCE = 100;

interface Member {
  client: TikvClient;
  transport: InProcessTransport;
}

/** Numbers behind unique values: "17#seed.worker.n". */
const numberOf = (value: string | undefined) => Number(value?.split('#')[0] ?? 0);

export async function chaos(seed: number): Promise<ChaosResult> {
  const world = new World({ seed });
  world.cluster.faults.recording = false;
  return world.time.run(() => run(world), 6 * 3_600_000);
}

async function run(world: World): Promise<ChaosResult> {
  const { random, cluster } = world;
  const history: TransactionEvent[] = [];
  let unique = 0;
  const mark = () => `#${++unique}`;
  const newMember = async (): Promise<Member> => {
    const transport = world.inProcess(random.int(20_000) - 10_000);
    return {
      client: await world.open({ asyncCommit: random.chance(0.7), onePhaseCommit: random.chance(0.7) }, transport),
      transport,
    };
  };
  const members: Member[] = [];
  for (let i = 0; i < CLIENTS; i++) members.push(await newMember());

  const setUp = new Recording(await members[0]!.client.begin());
  for (const key of ACCOUNTS) setUp.put(key, `${BALANCE}${mark()}`);
  for (const pair of PAIRS) for (const key of pair) setUp.put(key, `1${mark()}`);
  await setUp.finish(history);
  cluster.split('account 4', 'duty 1b', 'list b');

  let working = true;
  const totals: string[] = [];
  const worker = async (index: number) => {
    const own = random.fork();
    for (let i = 0; i < TRANSACTIONS_PER_WORKER; i++) {
      await pause(world, own.between(0, 1_200));
      const member = members[index % CLIENTS]!;
      const { client, transport } = member;
      let died = false;
      let recording: Recording | undefined;
      try {
        const pessimistic = own.chance(0.35);
        recording = new Recording(await orDeath(transport, world, client.begin({ pessimistic })));
        const body = perform(recording, own, mark, totals);
        await orDeath(
          transport,
          world,
          body.then(() => recording!.finish(history)),
        );
        continue;
      } catch (error) {
        died = error === DEATH;
        if (!died && !(error instanceof TikvError)) throw error;
      }
      recording?.giveUp(history, died);
      if (died && members[index % CLIENTS] === member) members[index % CLIENTS] = await newMember();
    }
  };
  const trouble = nemesis(world, members, () => working);
  await Promise.all(Array.from({ length: WORKERS }, (_, index) => worker(index)));
  working = false;
  await trouble;

  // Calm: every lock that is left is resolved by a reader that meets it, once it has expired.
  await pause(world, 60_000);
  const last = await world.open();
  const found: string[] = [];
  const reader = await last.begin();
  for (const key of [...ACCOUNTS, ...LISTS, ...PAIRS.flat()]) await reader.get(bytes(key));
  await last.settled();
  for (const state of [...cluster.state.data.locked]) await (await last.begin()).get(Buffer.from(state.key, 'latin1'));
  await last.settled();
  const left = [...cluster.state.data.locked].filter((state) => state.lock!.type !== 5);
  // A lock that a reader may pass is no wrong; one that a writer cannot remove is.
  for (const state of left) {
    const writer = await last.begin();
    writer.guard(Buffer.from(state.key, 'latin1'));
    await writer.commit();
  }
  const truth = (key: string, startTs: bigint) => {
    const outcome = cluster.state.data.keys.get(keyText(bytes(key)))?.outcomeOf(startTs);
    return outcome?.kind === 'committed' ? outcome.write.commitTs : undefined;
  };
  found.push(...violations(history, truth), ...totals);
  for (const event of history) {
    if (event.told !== 'undetermined') continue;
    const [primary] = [...event.writes.keys()].sort();
    const status = await last.transactionStatus(bytes(primary!), event.startTs).catch(() => undefined);
    // Of a pessimistic transaction the primary is another key: then the status is asked of a key that knows as well.
    const committed = truth(primary!, event.startTs) !== undefined;
    if (status !== undefined && (status.kind === 'committed') !== committed)
      found.push(`the status of ${event.startTs} is wrong`);
  }
  const final = new Recording(await last.begin());
  let sum = 0;
  for (const key of ACCOUNTS) sum += numberOf(await final.get(key));
  if (sum !== ACCOUNTS.length * BALANCE) found.push(`the accounts hold ${sum}`);
  for (const [a, b] of PAIRS) {
    if (numberOf(await final.get(a)) + numberOf(await final.get(b)) < 1) found.push(`nobody is left on ${a} and ${b}`);
  }
  for (const { client, transport } of members) if (!transport.dead) await client.close();
  await last.close();
  const told = { committed: 0, failed: 0, undetermined: 0, died: 0 };
  for (const event of history) told[event.told]++;
  const digest = history
    .map((event) => `${event.startTs}:${event.told}:${event.toldCommitTs}:${event.reads.map((one) => one.value)}`)
    .join('\n');
  return { violations: found, told, digest: `${digest}\n${world.time.elapsedMs}` };
}

/** One of the workloads. */
async function perform(
  recording: Recording,
  random: SeededRandom,
  mark: () => string,
  totals: string[],
): Promise<void> {
  const kind = random.int(4);
  if (kind === 0) {
    // A reader sees the same total whatever is under way.
    let sum = 0;
    for (const value of await recording.batchGet(ACCOUNTS)) sum += numberOf(value);
    if (sum !== ACCOUNTS.length * BALANCE) totals.push(`a reader of ${recording.startTs} saw a total of ${sum}`);
  } else if (kind === 1) {
    const from = random.pick(ACCOUNTS);
    const to = random.pick(ACCOUNTS.filter((one) => one !== from));
    await recording.lock([from, to]);
    const amount = random.int(10);
    const [a, b] = [await recording.get(from), await recording.get(to)];
    recording.put(from, `${numberOf(a) - amount}${mark()}`);
    recording.put(to, `${numberOf(b) + amount}${mark()}`);
  } else if (kind === 2) {
    const key = random.pick(LISTS);
    await recording.lock([key]);
    recording.put(key, `${numberOf(await recording.get(key)) + 1}${mark()}`);
  } else {
    // One of two may leave as long as the other stays: the other is guarded.
    const [a, b] = random.pick(PAIRS);
    const [leaver, stayer] = random.chance(0.5) ? [a, b] : [b, a];
    await recording.lock([leaver, stayer]);
    const [x, y] = [numberOf(await recording.get(leaver)), numberOf(await recording.get(stayer))];
    if (x + y > 1) {
      recording.put(leaver, `0${mark()}`);
      recording.guard(stayer);
    } else {
      recording.put(leaver, `1${mark()}`);
      recording.guard(stayer);
    }
  }
}

async function nemesis(world: World, members: Member[], working: () => boolean): Promise<void> {
  const { cluster } = world;
  const random = world.random.fork();
  const anyKey = () => random.pick([...ACCOUNTS, ...LISTS, ...PAIRS.flat()]);
  while (working()) {
    await pause(world, random.between(5, 200));
    switch (random.int(12)) {
      case 0:
        cluster.split(anyKey());
        break;
      case 1:
        cluster.mergeNext(anyKey());
        break;
      case 2:
      case 3:
        cluster.transferLeader(anyKey());
        break;
      case 4: {
        const store = random.pick(cluster.stores);
        cluster.stopStore(store.id, random.chance(0.8));
        await pause(world, random.between(10, 2_000));
        cluster.startStore(store.id);
        break;
      }
      case 5: {
        const { transport } = random.pick(members);
        transport.losses.probability = random.between(0, 0.3);
        await pause(world, random.between(100, 3_000));
        transport.losses.probability = 0;
        break;
      }
      case 6:
        cluster.state.pd.leader = undefined;
        await pause(world, random.between(1, 500));
        cluster.state.pd.leader = random.int(3);
        break;
      case 7:
        random.pick(members).transport.die();
        break;
      case 8:
      case 9:
        cluster.faults.add({
          method: random.pick(['KvPrewrite', 'KvCommit', 'KvPessimisticLock', 'KvResolveLock', 'KvCheckTxnStatus']),
          times: 1 + random.int(3),
          action: random.pick<FaultAction>([
            { kind: 'loseReply', how: 'undetermined' },
            { kind: 'loseReply', how: 'disconnect' },
            { kind: 'loseReply', how: 'silence' },
            { kind: 'duplicate' },
            { kind: 'delay', ms: random.int(6_000) },
            { kind: 'delay', ms: random.int(1_000), when: 'after' },
          ]),
        });
        break;
      case 10: {
        // One region prewrites for an asynchronous commit and answers late; the others meet a reader that is ahead of
        // its time in between, and have to fall back.
        const when = (call: ArrivedCall) => call.request.useAsyncCommit === true;
        const late = { kind: 'delay', ms: 400, when: 'after' } as const;
        const slow = cluster.faults.add({ method: 'KvPrewrite', when, action: late });
        cluster.faults.add({ method: 'KvPrewrite', when, times: 2, action: { kind: 'delay', ms: 100 } });
        for (let waited = 0; slow.hits() === 0 && waited < 2_000; waited += 50) await pause(world, 50);
        // Nobody reads ahead of PD: its clock has jumped.
        cluster.state.tso.aheadMs += 3_000;
        cluster.observeRead(cluster.state.tso.next());
        break;
      }
      default:
        cluster.state.tso.aheadMs = random.int(2_000) - 1_000;
    }
  }
  for (const store of cluster.stores) cluster.startStore(store.id);
  cluster.faults.clear();
}

const DEATH = new Error('the client has died');

/** The promise, unless the client dies first: then nothing of it is ever heard again. */
function orDeath<T>(transport: InProcessTransport, world: World, promise: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    let settled = false;
    promise.then(
      (value) => {
        settled = true;
        if (!transport.dead) resolve(value);
      },
      (error: unknown) => {
        settled = true;
        if (!transport.dead) reject(error);
      },
    );
    const watch = () => {
      if (transport.dead) reject(DEATH);
      else if (!settled) world.time.after(50, watch);
    };
    watch();
  });
}

/** A transaction that remembers what it saw. */
class Recording {
  readonly #transaction: Transaction;
  readonly #reads: ReadEvent[] = [];
  readonly #writes = new Map<string, string>();
  #recorded = false;

  constructor(transaction: Transaction) {
    this.#transaction = transaction;
  }

  get startTs(): bigint {
    return this.#transaction.startTs;
  }

  async get(key: string): Promise<string | undefined> {
    const { readTs } = this.#transaction;
    const value = (await this.#transaction.get(bytes(key)))?.toString();
    this.#reads.push({ key, value, readTs });
    return value;
  }

  async batchGet(keys: readonly string[]): Promise<(string | undefined)[]> {
    const { readTs } = this.#transaction;
    const values = (await this.#transaction.batchGet(keys.map(bytes))).map((value) => value?.toString());
    for (const [index, key] of keys.entries()) this.#reads.push({ key, value: values[index], readTs });
    return values;
  }

  /** Where the transaction is pessimistic; the statement is repeated while keys have changed. */
  async lock(keys: readonly string[]): Promise<void> {
    if (!this.#transaction.pessimistic) return;
    for (;;) {
      try {
        await this.#transaction.lock(keys.map(bytes), { waitMs: 3_000 });
        return;
      } catch (error) {
        if (!(error instanceof TikvError) || !error.statementRetry || error.code === 'deadlock') throw error;
        await this.#transaction.beginStatement();
      }
    }
  }

  put(key: string, value: string): void {
    this.#writes.set(key, value);
    this.#transaction.put(bytes(key), bytes(value));
  }

  guard(key: string): void {
    if (!this.#transaction.pessimistic) this.#transaction.guard(bytes(key));
  }

  /** Commits, and records what was told. */
  async finish(history: TransactionEvent[]): Promise<void> {
    try {
      const commitTs = await this.#transaction.commit();
      this.#record(history, 'committed', commitTs);
    } catch (error) {
      if (!(error instanceof TikvError)) throw error;
      this.#record(history, error instanceof UndeterminedError ? 'undetermined' : 'failed', undefined);
    }
  }

  /** Nothing more was heard, or the transaction failed before it could commit. */
  giveUp(history: TransactionEvent[], died: boolean): void {
    if (!died) void this.#transaction.rollback();
    this.#record(history, died ? 'died' : 'failed', undefined);
  }

  #record(history: TransactionEvent[], told: TransactionEvent['told'], toldCommitTs: bigint | undefined): void {
    if (this.#recorded) return;
    this.#recorded = true;
    history.push({ startTs: this.startTs, reads: this.#reads, writes: this.#writes, told, toldCommitTs });
  }
}
