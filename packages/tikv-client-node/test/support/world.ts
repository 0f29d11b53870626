/** A cluster and its clients on virtual time, for tests; within the process, or over gRPC. */

import { TikvClient } from '../../src/client.ts';
import type { ClientOptions } from '../../src/config.ts';
import type { Environment } from '../../src/environment.ts';
import { TikvError } from '../../src/errors.ts';
import type { RawClient, RawOptions } from '../../src/raw-client.ts';
import type { Transaction } from '../../src/transaction.ts';
import type { Transport } from '../../src/transport.ts';
import { TestCluster, type TestClusterOptions } from '../../test-cluster/cluster.ts';
import type { ArrivedCall } from '../../test-cluster/faults.ts';
import { InProcessTransport } from '../../test-cluster/in-process-transport.ts';
import { SeededRandom, VirtualTime } from '../../test-cluster/virtual-time.ts';
import { Wire, WireTransport } from './wire.ts';

export const CARRIERS = ['in the process', 'over gRPC'] as const;
export type Carrier = (typeof CARRIERS)[number];

export interface WorldOptions extends Omit<TestClusterOptions, 'environment'> {
  readonly seed?: number;
  readonly client?: Partial<ClientOptions>;
  /** Default `in the process`. */
  readonly carrier?: Carrier;
}

/** A client's. */
export interface WorldTransport extends Transport {
  readonly options: { readonly environment: Environment };
  /** Nothing leaves any more and nothing arrives: the client's process has died. */
  die(): void;
}

export class World {
  readonly time: VirtualTime;
  readonly random: SeededRandom;
  readonly cluster: TestCluster;
  readonly background: string[] = [];
  readonly #client: Partial<ClientOptions>;
  readonly #wire: Wire | undefined;
  #addresses = 0;

  constructor(options: WorldOptions = {}) {
    const { seed = 1, client = {}, carrier = 'in the process', ...cluster } = options;
    const wire = carrier === 'over gRPC' ? new Wire() : undefined;
    this.#wire = wire;
    this.time = wire === undefined ? new VirtualTime() : new VirtualTime(() => wire.atRest());
    this.random = new SeededRandom(seed);
    this.cluster = new TestCluster({
      disorderSeed: this.random.int(2 ** 32),
      ...cluster,
      environment: this.time.environment(this.random.fork()),
    });
    this.#client = client;
  }

  /** TCP connections that servers have taken. */
  get connections(): number {
    return this.#wire?.connections ?? 0;
  }

  transport(clockAheadMs = 0): WorldTransport {
    if (this.#wire === undefined) return this.inProcess(clockAheadMs);
    const environment = this.time.environment(this.random.fork(), clockAheadMs);
    return new WireTransport({ environment, random: this.random.fork() });
  }

  /** One that can be made to lose messages. */
  inProcess(clockAheadMs = 0): InProcessTransport {
    const environment = this.time.environment(this.random.fork(), clockAheadMs);
    return new InProcessTransport({ cluster: this.cluster, environment, random: this.random.fork() });
  }

  open(options: Partial<ClientOptions> = {}, transport = this.transport()): Promise<TikvClient> {
    return TikvClient.connect(this.#options(options, transport));
  }

  openRaw(
    raw: RawOptions = {},
    options: Partial<ClientOptions> = {},
  ): Promise<{ readonly client: TikvClient; readonly raw: RawClient }> {
    return TikvClient.openRaw(this.#options(options, this.transport()), raw);
  }

  /** Where nobody is, for a store to move to. */
  async newAddress(): Promise<string> {
    return this.#wire?.newAddress() ?? `elsewhere${this.#addresses++}:20160`;
  }

  /** Runs `work` to its end while the cluster serves. */
  async within<T>(work: () => Promise<T>): Promise<T> {
    await this.#wire?.open(this.cluster);
    try {
      return await this.time.run(work);
    } finally {
      await this.#wire?.close();
    }
  }

  /** Runs `work` with one client, to its end. */
  run<T>(work: (client: TikvClient) => Promise<T>, options: Partial<ClientOptions> = {}): Promise<T> {
    return this.within(async () => {
      const client = await this.open(options);
      const result = await work(client);
      await client.close();
      return result;
    });
  }

  #options(options: Partial<ClientOptions>, transport: WorldTransport): ClientOptions {
    return {
      pdEndpoints: this.cluster.pdAddresses,
      environment: transport.options.environment,
      transport,
      hooks: { onBackground: (what, error) => void this.background.push(`${what}: ${String(error)}`) },
      ...this.#client,
      ...options,
    };
  }
}

export const bytes = (text: string): Buffer => Buffer.from(text, 'utf8');

export async function getText(from: { get(key: Uint8Array): Promise<Buffer | undefined> }, key: string) {
  return (await from.get(bytes(key)))?.toString();
}

export function putText(transaction: Transaction, key: string, value: string): void {
  transaction.put(bytes(key), bytes(value));
}

/** Commits the pairs. */
export async function putAll(client: TikvClient, pairs: Readonly<Record<string, string>>): Promise<void> {
  const transaction = await client.begin();
  for (const [key, value] of Object.entries(pairs)) putText(transaction, key, value);
  await transaction.commit();
}

/** What a new transaction reads. */
export async function readText(client: TikvClient, key: string): Promise<string | undefined> {
  return getText(await client.begin(), key);
}

/** Virtual milliseconds. */
export function pause(world: World, ms: number): Promise<void> {
  return new Promise((resolve) => void world.time.after(ms, resolve));
}

/** What a commit ends with. */
export async function outcomeOf(transaction: Transaction): Promise<string> {
  try {
    await transaction.commit();
    return 'committed';
  } catch (error) {
    return error instanceof TikvError ? error.code : String(error);
  }
}

/**
 * A transaction over `keys` whose client dies while it commits: `survive` lets that many matching requests through, the
 * rest never arrive.
 */
export async function dieWhileCommitting(
  world: World,
  keys: readonly string[],
  options: { readonly async?: boolean; readonly lost: string; readonly survive: number },
  clientOptions: Partial<ClientOptions> = {},
): Promise<bigint> {
  const transport = world.transport();
  const client = await world.open(clientOptions, transport);
  const transaction = await client.begin({ asyncCommit: options.async ?? false, onePhaseCommit: false });
  for (const key of keys) putText(transaction, key, `by ${key}`);
  const mine = (call: ArrivedCall) => call.request.startVersion === transaction.startTs;
  const fault = world.cluster.faults.add({
    method: options.lost,
    when: mine,
    after: options.survive,
    times: 1000,
    action: { kind: 'swallow' },
  });
  transaction.commit().catch(() => {});
  while (fault.hits() === 0) await pause(world, 1);
  await pause(world, 20);
  transport.die();
  return transaction.startTs;
}

/** All pairs of a range, as text. */
export async function scanText(
  from: {
    scan(
      start: Uint8Array,
      end: Uint8Array,
      options?: { reverse?: boolean; limit?: number; keysOnly?: boolean },
    ): AsyncGenerator<(readonly [Buffer, Buffer])[]>;
  },
  start = '',
  end = '',
  options: { reverse?: boolean; limit?: number; keysOnly?: boolean } = {},
): Promise<string[]> {
  const found: string[] = [];
  for await (const batch of from.scan(bytes(start), bytes(end), options)) {
    for (const [key, value] of batch) found.push(`${key.toString()}=${value.toString()}`);
  }
  return found;
}
