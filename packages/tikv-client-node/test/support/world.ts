/** A cluster and its clients on virtual time, for tests. */

import { TikvClient } from '../../src/client.ts';
import type { ClientOptions } from '../../src/config.ts';
import type { RawClient, RawOptions } from '../../src/raw-client.ts';
import type { Transaction } from '../../src/transaction.ts';
import { TestCluster, type TestClusterOptions } from '../../test-cluster/cluster.ts';
import { InProcessTransport } from '../../test-cluster/in-process-transport.ts';
import { SeededRandom, VirtualTime } from '../../test-cluster/virtual-time.ts';

export interface WorldOptions extends Omit<TestClusterOptions, 'environment'> {
  readonly seed?: number;
  readonly client?: Partial<ClientOptions>;
}

export class World {
  readonly time = new VirtualTime();
  readonly random: SeededRandom;
  readonly cluster: TestCluster;
  readonly background: string[] = [];
  readonly #client: Partial<ClientOptions>;

  constructor(options: WorldOptions = {}) {
    const { seed = 1, client = {}, ...cluster } = options;
    this.random = new SeededRandom(seed);
    this.cluster = new TestCluster({
      disorderSeed: this.random.int(2 ** 32),
      ...cluster,
      environment: this.time.environment(this.random.fork()),
    });
    this.#client = client;
  }

  /** One that can be made to lose messages, or to die. */
  transport(clockAheadMs = 0): InProcessTransport {
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

  /** Runs `work` with one client, to its end. */
  run<T>(work: (client: TikvClient) => Promise<T>, options: Partial<ClientOptions> = {}): Promise<T> {
    return this.time.run(async () => {
      const client = await this.open(options);
      const result = await work(client);
      await client.close();
      return result;
    });
  }

  #options(options: Partial<ClientOptions>, transport: InProcessTransport): ClientOptions {
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
