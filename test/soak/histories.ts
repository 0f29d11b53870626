/**
 * Workloads that record what clients saw, and checkers that prove from the record alone whether an isolation level was
 * kept. They run over any `Store`, on the machine or in simulation.
 *
 * - **Bank** (Jepsen): transfers keep the sum; every consistent read sees the whole of it.
 * - **List append** (Kingsbury and Alvaro, "Elle", VLDB 2020): transactions append unique numbers to lists and read them.
 *   A list shows the order of all writes to its key, so the dependencies between transactions can be inferred: ww
 *   (the next write), wr (read what was written), rw (wrote what replaced a value that was read). Forbidden are cycles:
 *   under read committed those of ww and wr (Adya: G0, G1c); under snapshot isolation those without two adjacent rw edges
 *   (Cerone and Gotsman 2016: G-single and relatives too); under serializability all. And at every level: reads of
 *   aborted (G1a) and intermediate (G1b) writes, lost and duplicated writes, lists that contradict each other.
 * - **Write skew**: what snapshot isolation allows and serializability does not, between rows and with phantoms.
 *
 * Stores here promise more than the names of the levels: a transaction reads everything that was acknowledged before it
 * began. So "ended before the other began" counts as a dependency as well (rt), which makes the levels *strong*.
 *
 * A client stops when the store closes or takes no writes; `commit_unknown` is a transaction that may have happened.
 */

import { assert } from '../../src/base/assert.ts';
import { type Bytes, concatBytes, text, utf8 } from '../../src/base/bytes.ts';
import { type ErrorCode, OperationError } from '../../src/base/errors.ts';
import type { Platform } from '../../src/platform/platform.ts';
import { SeededRandom } from '../../src/platform/simulated/seeded-random.ts';
import { prefixRange, singleKey } from '../../src/storage/key-range.ts';
import { runTransaction } from '../../src/storage/run-transaction.ts';
import type { Isolation, Store, Transaction } from '../../src/storage/store.ts';

export interface WorkloadOptions {
  readonly store: Store;
  readonly platform: Pick<Platform, 'clock' | 'random' | 'timers'>;
  readonly seed: number | string;
  /** Transactions to attempt, over all clients. */
  readonly transactions: number;
  /** Concurrent clients. */
  readonly clients: number;
  readonly isolation: Isolation;
  /** Keys of the workload begin with it; whatever it held is deleted first. Default `soak/`, and the workload's name. */
  readonly prefix?: string;
}

export interface WorkloadResult {
  /** Committed. */
  readonly transactions: number;
  /** Refused by the store with an error that says to run the transaction again. */
  readonly conflicts: number;
  /** What the isolation level forbids; each names the seed. */
  readonly anomalies: readonly string[];
  /** What it allows although no serial execution would show it; only from write skew. */
  readonly allowed: readonly string[];
}

// ---- Bank

const ACCOUNTS = 8;
const BALANCE = 100;

/** Random transfers between accounts, checked by readers of all accounts. */
export async function runBank(options: WorkloadOptions): Promise<WorkloadResult> {
  const { isolation } = options;
  const prefix = utf8(options.prefix ?? 'soak/bank/');
  const accounts = Array.from({ length: ACCOUNTS }, (_, i) => concatBytes(prefix, utf8(`account ${i}`)));
  const range = prefixRange(prefix);
  const anomalies: string[] = [];
  await aside(options, (transaction) => {
    transaction.deleteRange(range);
    for (const account of accounts) transaction.put(account, utf8(String(BALANCE)));
  });
  const audit = (balances: readonly number[], how: string): void => {
    const sum = balances.reduce((total, balance) => total + balance, 0);
    if (sum !== ACCOUNTS * BALANCE) anomalies.push(`${how} saw a sum of ${sum}: ${balances.join(' ')}`);
    if (balances.some((balance) => balance < 0)) anomalies.push(`${how} saw a negative balance: ${balances.join(' ')}`);
  };
  const readAll = async (transaction: Transaction, how: number): Promise<number[]> => {
    if (how === 0) return (await readRange(transaction, prefix)).map(([, value]) => Number(value));
    if (how === 1) return (await transaction.batchGet(accounts)).map(balanceOf);
    const balances: number[] = [];
    for (const account of accounts) balances.push(balanceOf(await transaction.get(account)));
    return balances;
  };
  const counts = await runClients(options, async ({ transaction, random, pause }) => {
    if (random.int(4) === 0) {
      // Reads one by one are consistent where all statements of a transaction see one version.
      const how = random.int(isolation === 'readCommitted' ? 2 : 3);
      const balances = await readAll(transaction, how);
      await pause();
      return () => audit(balances, ['a scan', 'a batch', 'a series of reads'][how]!);
    }
    const from = random.int(ACCOUNTS);
    const to = (from + 1 + random.int(ACCOUNTS - 1)) % ACCOUNTS;
    const [payer, payee] = [accounts[from]!, accounts[to]!];
    // In no particular order, so that there are deadlocks to survive.
    if (isolation === 'readCommitted' || random.int(4) === 0) {
      await transaction.lock([payer]);
      await pause();
      await transaction.lock([payee]);
      transaction.beginStatement();
    }
    const balance = balanceOf(await transaction.get(payer));
    await pause();
    const other = balanceOf(await transaction.get(payee));
    const amount = 1 + random.int(BALANCE);
    if (balance < amount) return undefined;
    transaction.put(payer, utf8(String(balance - amount)));
    await pause();
    transaction.put(payee, utf8(String(other + amount)));
    await pause();
    return undefined;
  });
  await aside(options, async (transaction) => audit(await readAll(transaction, 0), 'the end'));
  return result(options, counts, anomalies);
}

function balanceOf(value: Bytes | undefined): number {
  return value === undefined ? Number.NaN : Number(text(value));
}

// ---- Write skew

const PAIRS = 4;
const GUESTS_MAX = 3;

/**
 * Two rules that one transaction alone always keeps: of each pair of doctors one stays on call, and a room takes at most
 * three guests (a rule over a range, so breaking it takes a phantom). Serializable transactions keep them together.
 */
export async function runWriteSkew(options: WorkloadOptions): Promise<WorkloadResult> {
  const { isolation } = options;
  const prefix = utf8(options.prefix ?? 'soak/skew/');
  const doctor = (pair: number, side: number): Bytes => concatBytes(prefix, utf8(`doctor ${pair} ${side}`));
  const room = (pair: number): Bytes => concatBytes(prefix, utf8(`room ${pair} `));
  const anomalies: string[] = [];
  const allowed: string[] = [];
  let guests = 0;
  await aside(options, (transaction) => {
    transaction.deleteRange(prefixRange(prefix));
    for (let pair = 0; pair < PAIRS; pair++) {
      for (const side of [0, 1]) transaction.put(doctor(pair, side), utf8('on'));
    }
  });
  const broken = (what: string): void => {
    (isolation === 'serializable' ? anomalies : allowed).push(what);
  };
  const counts = await runClients(options, async ({ transaction, random, pause }) => {
    const pair = random.int(PAIRS);
    if (random.int(2) === 0) {
      const on = (await transaction.batchGet([doctor(pair, 0), doctor(pair, 1)])).map(
        (value) => value !== undefined && text(value) === 'on',
      );
      await pause();
      const nobody = !on[0] && !on[1];
      const side = random.int(2);
      if (on[0] && on[1]) transaction.put(doctor(pair, side), utf8('off'));
      else for (const one of nobody ? [0, 1] : [on[0] ? 1 : 0]) transaction.put(doctor(pair, one), utf8('on'));
      await pause();
      return nobody ? () => broken(`nobody of pair ${pair} is on call`) : undefined;
    }
    const present = await readRange(transaction, room(pair));
    await pause();
    if (present.length < GUESTS_MAX) {
      transaction.put(concatBytes(room(pair), utf8(String(guests++).padStart(8, '0'))), utf8('guest'));
    } else {
      transaction.deleteRange(prefixRange(room(pair)));
    }
    await pause();
    return present.length > GUESTS_MAX ? () => broken(`room ${pair} has ${present.length} guests`) : undefined;
  });
  return result(options, counts, anomalies, allowed);
}

// ---- List append: the workload

export type ListOperation =
  | { readonly kind: 'append'; readonly key: string; readonly value: number }
  | { readonly kind: 'read'; readonly key: string; readonly values: readonly number[] };

/** What one transaction did and saw. */
export interface ListTransaction {
  readonly operations: readonly ListOperation[];
  /** `unknown`: the commit may or may not have happened. */
  readonly status: 'committed' | 'aborted' | 'unknown';
  /** Moments of one counter: `began` is before the transaction's begin, `ended` after its commit was acknowledged. */
  readonly began: number;
  readonly ended: number;
}

const LISTS = 5;
/** A list this long is left alone, and a fresh one takes its place: lists are rewritten whole. */
const LIST_VALUES_MAX = 60;

/** Appends and reads of random lists, checked by `checkListAppend`. */
export async function runListAppend(options: WorkloadOptions): Promise<WorkloadResult> {
  const { isolation } = options;
  const prefix = options.prefix ?? 'soak/lists/';
  const keyOf = (list: string): Bytes => utf8(`${prefix}${list}`);
  const history: ListTransaction[] = [];
  let nextValue = 1;
  let nextList = LISTS;
  const lists = Array.from({ length: LISTS }, (_, i) => String(i));
  const used = new Set(lists);
  await aside(options, (transaction) => transaction.deleteRange(prefixRange(utf8(prefix))));

  const read = async (transaction: Transaction, list: string, how: number): Promise<number[]> => {
    const key = keyOf(list);
    let value: Bytes | undefined;
    if (how === 0) value = await transaction.get(key);
    else if (how === 1) [value] = await transaction.batchGet([key]);
    else {
      const cursor = transaction.scan(singleKey(key), { reverse: how === 2 });
      value = (await cursor.next())?.[0]?.value;
      cursor.close();
    }
    return value === undefined || value.length === 0 ? [] : text(value).split(' ').map(Number);
  };

  const counts = await runClients(options, async ({ transaction, random, pause, onEnd }) => {
    const operations: ListOperation[] = [];
    onEnd((status, began, ended) => history.push({ operations, status, began, ended }));
    const append = async (list: string): Promise<ListOperation> => {
      if (isolation === 'readCommitted' || random.int(6) === 0) await transaction.lock([keyOf(list)]);
      transaction.beginStatement();
      const values = await read(transaction, list, random.int(4));
      await pause();
      const value = nextValue++;
      transaction.put(keyOf(list), utf8([...values, value].join(' ')));
      if (values.length + 1 >= LIST_VALUES_MAX && lists.includes(list)) {
        const fresh = String(nextList++);
        lists[lists.indexOf(list)] = fresh;
        used.add(fresh);
      }
      return { kind: 'append', key: list, value };
    };
    for (let left = 1 + random.int(4); left > 0; left--) {
      const list = lists[random.int(LISTS)]!;
      const action = random.int(20);
      if (action < 9) {
        transaction.beginStatement();
        operations.push({ kind: 'read', key: list, values: await read(transaction, list, random.int(4)) });
      } else if (action < 18) {
        operations.push(await append(list));
      } else {
        // Rolled back to a savepoint: as if another, aborted transaction had written it.
        const savepoint = transaction.savepoint();
        const undone = await append(list);
        transaction.rollbackTo(savepoint);
        history.push({ operations: [undone], status: 'aborted', began: 0, ended: 0 });
      }
      await pause();
    }
    if (random.int(25) === 0) transaction.rollback();
    return undefined;
  });

  // A last transaction reads every list, so that nothing that was committed stays unseen.
  const operations: ListOperation[] = [];
  const done = await aside(options, async (transaction) => {
    operations.length = 0;
    for (const list of used) operations.push({ kind: 'read', key: list, values: await read(transaction, list, 0) });
  });
  if (!done) return result(options, counts, checkListAppend(history, isolation, { complete: false }));
  history.push({ operations, status: 'committed', began: counts.moment, ended: counts.moment + 1 });
  return result(options, counts, checkListAppend(history, isolation));
}

// ---- List append: the checker

interface Edge {
  readonly to: number;
  readonly kind: 'ww' | 'wr' | 'rw' | 'rt';
  readonly why: string;
}

/** One step of a cycle: an edge, or an edge and the rw edge behind it. */
interface Step {
  readonly to: number;
  readonly edges: readonly Edge[];
}

/**
 * What `isolation` forbids in `history`; empty when it was kept. Every append must carry a value of its own, and the
 * history ends with a transaction that reads all lists, unless it says that it is not `complete`. Aborted transactions matter: nobody may have seen them.
 */
export function checkListAppend(
  history: readonly ListTransaction[],
  isolation: Isolation,
  { complete = true }: { readonly complete?: boolean } = {},
): string[] {
  const anomalies: string[] = [];
  const writers = new Map<number, { readonly transaction: number; readonly key: string; readonly last: boolean }>();
  history.forEach((transaction, index) => {
    transaction.operations.forEach((operation, i) => {
      if (operation.kind !== 'append') return;
      const { key, value } = operation;
      assert(!writers.has(value), () => `value ${value} is appended twice by the workload itself`);
      const later = transaction.operations.slice(i + 1).some((other) => other.kind === 'append' && other.key === key);
      writers.set(value, { transaction: index, key, last: !later });
    });
  });

  // What was read: clean, and each list a beginning of the longest one, which is then the order of its versions.
  const orders = new Map<string, readonly number[]>();
  const externalReads: { readonly reader: number; readonly key: string; readonly values: readonly number[] }[] = [];
  history.forEach(({ status, operations }, index) => {
    if (status !== 'committed') return;
    const own = new Map<string, number[]>();
    const seen = new Map<string, readonly number[]>();
    for (const operation of operations) {
      const { key } = operation;
      const mine = own.get(key) ?? [];
      if (operation.kind === 'append') {
        own.set(key, [...mine, operation.value]);
        continue;
      }
      const { values } = operation;
      const external = values.slice(0, values.length - mine.length);
      const show = `T${index} read ${key} as [${values.join(' ')}]`;
      if (!equal(values.slice(external.length), mine))
        anomalies.push(`internal: ${show} without its own [${mine.join(' ')}]`);
      const before = seen.get(key);
      if (isolation !== 'readCommitted' && before !== undefined && !equal(before, external)) {
        anomalies.push(`internal: ${show} after [${before.join(' ')}]`);
      }
      seen.set(key, external);
      if (new Set(values).size !== values.length) anomalies.push(`duplicate: ${show}`);
      for (const value of values) {
        const writer = writers.get(value);
        if (writer === undefined || writer.key !== key)
          anomalies.push(`garbage: ${show}, but nobody appended ${value}`);
        else if (history[writer.transaction]!.status === 'aborted') {
          anomalies.push(`G1a: ${show}, but T${writer.transaction}, which wrote ${value}, was aborted`);
        }
      }
      const newest = external.at(-1);
      const writer = newest === undefined ? undefined : writers.get(newest);
      if (writer !== undefined && writer.transaction !== index && !writer.last) {
        anomalies.push(`G1b: ${show}, but T${writer.transaction} went on after ${newest}`);
      }
      externalReads.push({ reader: index, key, values: external });
      const longest = orders.get(key) ?? [];
      const [short, long] = longest.length < values.length ? [longest, values] : [values, longest];
      if (!equal(short, long.slice(0, short.length))) {
        anomalies.push(`incompatible order: ${show}, others as [${longest.join(' ')}]`);
      }
      orders.set(key, long);
    }
  });
  const present = new Set([...orders.values()].flat());
  for (const [value, { transaction, key }] of complete ? writers : []) {
    if (history[transaction]!.status === 'committed' && !present.has(value)) {
      anomalies.push(`lost: T${transaction} committed ${value}, which ${key} does not hold`);
    }
  }
  // Without an order of versions there are no dependencies to speak of.
  if (anomalies.length > 0) return anomalies;
  return findCycles(dependencies(history, writers, orders, externalReads), history.length, isolation);
}

function dependencies(
  history: readonly ListTransaction[],
  writers: ReadonlyMap<number, { readonly transaction: number }>,
  orders: ReadonlyMap<string, readonly number[]>,
  reads: readonly { readonly reader: number; readonly key: string; readonly values: readonly number[] }[],
): Edge[][] {
  const graph: Edge[][] = history.map(() => []);
  const writerOf = (value: number): number => writers.get(value)!.transaction;
  const add = (from: number, to: number, kind: Edge['kind'], why: string): void => {
    if (from !== to) graph[from]!.push({ to, kind, why });
  };
  for (const [key, order] of orders) {
    for (let i = 1; i < order.length; i++) {
      add(writerOf(order[i - 1]!), writerOf(order[i]!), 'ww', `${key}: ${order[i - 1]} then ${order[i]}`);
    }
  }
  for (const { reader, key, values } of reads) {
    const newest = values.at(-1);
    const next = orders.get(key)![values.length];
    if (newest !== undefined) add(writerOf(newest), reader, 'wr', `${key}: ${newest}`);
    if (next !== undefined) add(reader, writerOf(next), 'rw', `${key}: ${newest ?? 'empty'} before ${next}`);
  }
  // Real time, with one node per ending instead of an edge per pair: ended -> its moment -> … -> whoever began later.
  const committed = history.flatMap(({ status }, index) => (status === 'committed' ? [index] : []));
  const endings = committed.toSorted((a, b) => history[a]!.ended - history[b]!.ended);
  const beginnings = committed.toSorted((a, b) => history[a]!.began - history[b]!.began);
  let next = 0;
  endings.forEach((ended, i) => {
    const moment = graph.push([]) - 1;
    if (i > 0) add(moment - 1, moment, 'rt', '');
    add(ended, moment, 'rt', '');
    const following = endings[i + 1];
    const until = following === undefined ? Number.POSITIVE_INFINITY : history[following]!.ended;
    while (next < beginnings.length && history[beginnings[next]!]!.began < until) {
      const began = beginnings[next++]!;
      if (history[began]!.began > history[ended]!.ended) add(moment, began, 'rt', '');
    }
  });
  return graph;
}

/** One cycle per kind and knot of the graph, the simplest kinds first. Nodes from `transactions` on are moments. */
function findCycles(graph: readonly Edge[][], transactions: number, isolation: Isolation): string[] {
  const only = (...kinds: Edge['kind'][]): Step[][] =>
    graph.map((edges) =>
      edges.filter(({ kind }) => kinds.includes(kind)).map((edge) => ({ to: edge.to, edges: [edge] })),
    );
  // A cycle without adjacent rw edges is one of steps that are each a ww, wr or rt edge, and maybe a rw edge after it.
  const separated = (): Step[][] => {
    const plain = only('ww', 'wr', 'rt');
    const steps = plain.map((list) => [...list]);
    plain.forEach((list, from) => {
      for (const { to, edges } of list) {
        for (const rw of graph[to]!) if (rw.kind === 'rw') steps[from]!.push({ to: rw.to, edges: [...edges, rw] });
      }
    });
    return steps;
  };
  const levels: readonly (() => Step[][])[] = [
    () => only('ww', 'rt'),
    () => only('ww', 'wr', 'rt'),
    separated,
    () => only('ww', 'wr', 'rw', 'rt'),
  ];
  const checked = { readCommitted: 2, snapshot: 3, serializable: 4 }[isolation];
  for (const level of levels.slice(0, checked)) {
    const found = cyclesOf(level()).map((cycle) => describeCycle(cycle, transactions));
    if (found.length > 0) return found;
  }
  return [];
}

function describeCycle(cycle: readonly Step[], transactions: number): string {
  const edges = cycle.flatMap((step) => step.edges);
  const count = (kind: Edge['kind']): number => edges.filter((edge) => edge.kind === kind).length;
  const adjacent = edges.some((edge, i) => edge.kind === 'rw' && edges[(i + 1) % edges.length]!.kind === 'rw');
  const rw = count('rw');
  const name =
    rw === 0 ? (count('wr') === 0 ? 'G0' : 'G1c') : rw === 1 ? 'G-single' : adjacent ? 'G2' : 'G-nonadjacent';
  let at = edges.at(-1)!.to;
  let out = '';
  let waited = false;
  for (const edge of [...edges, undefined]) {
    // Moments in between are one step of real time.
    if (at < transactions) {
      out += `${waited ? ' -rt-> ' : ''}T${at}`;
      waited = false;
    }
    if (edge === undefined) break;
    if (edge.kind === 'rt') waited = true;
    else out += ` -${edge.kind} (${edge.why})-> `;
    at = edge.to;
  }
  return `${name}${count('rt') > 0 ? ' in real time' : ''}: ${out}`;
}

/** A shortest cycle through some node of every strongly connected component. */
function cyclesOf(graph: readonly Step[][]): Step[][] {
  const component = components(graph);
  const done = new Set<number>();
  const cycles: Step[][] = [];
  graph.forEach((steps, node) => {
    const own = component[node]!;
    if (done.has(own)) return;
    if (!steps.some(({ to }) => component[to] === own)) return;
    done.add(own);
    // Breadth first, back to where it began.
    const arrived = new Map<number, { readonly from: number; readonly step: Step }>();
    const queue = [node];
    for (let i = 0; i < queue.length && !arrived.has(node); i++) {
      for (const step of graph[queue[i]!]!) {
        if (component[step.to] !== own || arrived.has(step.to)) continue;
        arrived.set(step.to, { from: queue[i]!, step });
        queue.push(step.to);
      }
    }
    const cycle: Step[] = [];
    let at = node;
    do {
      const { from, step } = arrived.get(at)!;
      cycle.unshift(step);
      at = from;
    } while (at !== node);
    cycles.push(cycle);
  });
  return cycles;
}

/** The number of each node's strongly connected component (Tarjan 1972, without recursion). */
function components(graph: readonly Step[][]): number[] {
  const order = new Array<number>(graph.length).fill(-1);
  const low = new Array<number>(graph.length).fill(0);
  const component = new Array<number>(graph.length).fill(-1);
  const open: number[] = [];
  let visited = 0;
  let found = 0;
  for (let root = 0; root < graph.length; root++) {
    if (order[root] !== -1) continue;
    const path = [{ node: root, next: 0 }];
    for (let top = path.at(-1); top !== undefined; top = path.at(-1)) {
      const { node } = top;
      if (top.next === 0) {
        order[node] = visited;
        low[node] = visited++;
        open.push(node);
      }
      const step = graph[node]![top.next++];
      if (step === undefined) {
        path.pop();
        if (low[node] === order[node]) {
          for (let member = open.pop()!; ; member = open.pop()!) {
            component[member] = found;
            if (member === node) break;
          }
          found++;
        }
        const parent = path.at(-1);
        if (parent !== undefined) low[parent.node] = Math.min(low[parent.node]!, low[node]!);
      } else if (order[step.to] === -1) {
        path.push({ node: step.to, next: 0 });
      } else if (component[step.to] === -1) {
        low[node] = Math.min(low[node]!, order[step.to]!);
      }
    }
  }
  return component;
}

function equal(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((value, i) => value === b[i]);
}

// ---- Running

interface Counts {
  committed: number;
  conflicts: number;
  /** Ticks when a transaction begins and when it ends. */
  moment: number;
}

interface Attempt {
  readonly transaction: Transaction;
  /** The client's own. */
  readonly random: SeededRandom;
  /** Lets other clients run, or not. */
  readonly pause: () => Promise<void>;
  /** Takes what to call once the outcome is known. */
  readonly onEnd: (ended: (status: ListTransaction['status'], began: number, ended: number) => void) => void;
}

/**
 * The body of one transaction; may roll it back. What it returns is called after the commit: a verdict that only a
 * committed transaction may pronounce.
 */
type Body = (attempt: Attempt) => Promise<(() => void) | undefined>;

async function runClients(options: WorkloadOptions, body: Body): Promise<Counts> {
  const { store, platform, isolation } = options;
  const seed = new SeededRandom(options.seed);
  const counts: Counts = { committed: 0, conflicts: 0, moment: 0 };
  let left = options.transactions;
  const client = async (number: number): Promise<void> => {
    const random = seed.fork(`client ${number}`);
    const pause = async (): Promise<void> => {
      for (let turns = random.int(4); turns > 0; turns--) await platform.timers.yield();
    };
    while (left-- > 0) {
      await pause();
      let ended: Parameters<Attempt['onEnd']>[0] | undefined;
      const onEnd: Attempt['onEnd'] = (callback) => {
        ended = callback;
      };
      const began = counts.moment++;
      let transaction: Transaction | undefined;
      let status: ListTransaction['status'] = 'aborted';
      try {
        transaction = store.begin({ isolation, label: `client ${number}` });
        const verdict = await body({ transaction, random, pause, onEnd });
        if (transaction.state === 'open') {
          await transaction.commit();
          status = 'committed';
          counts.committed++;
          verdict?.();
        }
      } catch (error) {
        transaction?.rollback();
        if (!(error instanceof OperationError)) throw error;
        if (error.code === 'commit_unknown') status = 'unknown';
        else if (STOPPED.includes(error.code)) return;
        else if (error.retry === 'transaction') counts.conflicts++;
        else if (error.retry === 'no') throw error;
      } finally {
        ended?.(status, began, counts.moment++);
      }
    }
  };
  await Promise.all(Array.from({ length: options.clients }, (_, number) => client(number)));
  return counts;
}

/** A store that answers so is not asked again. */
const STOPPED: readonly ErrorCode[] = ['store_closed', 'store_read_only'];

/** Runs work that is no part of the contest; a store that has stopped is left as it is. @returns whether it was done. */
async function aside(
  options: WorkloadOptions,
  work: (transaction: Transaction) => Promise<void> | void,
): Promise<boolean> {
  try {
    await runTransaction(options.store, options.platform, work, { isolation: 'snapshot' });
    return true;
  } catch (error) {
    if (error instanceof OperationError && STOPPED.includes(error.code)) return false;
    throw error;
  }
}

async function readRange(transaction: Transaction, prefix: Bytes): Promise<[Bytes, string][]> {
  const cursor = transaction.scan(prefixRange(prefix));
  const entries: [Bytes, string][] = [];
  for (let batch = await cursor.next(); batch !== undefined; batch = await cursor.next()) {
    for (const { key, value } of batch) entries.push([key, text(value)]);
  }
  return entries;
}

function result(
  { seed, isolation }: WorkloadOptions,
  counts: Counts,
  anomalies: readonly string[],
  allowed: readonly string[] = [],
): WorkloadResult {
  const named = (list: readonly string[]): string[] => list.map((anomaly) => `seed ${seed}, ${isolation}: ${anomaly}`);
  return {
    transactions: counts.committed,
    conflicts: counts.conflicts,
    anomalies: named(anomalies),
    allowed: named(allowed),
  };
}
