/** Clients as a program on a machine opens them: gRPC, the machine's clock, TLS files that may be replaced while it runs. */

import { readFileSync } from 'node:fs';
import { TikvClient } from '../client.ts';
import type { ClientOptions } from '../config.ts';
import type { Environment } from '../environment.ts';
import { messageOf, TikvError } from '../errors.ts';
import type { RawClient, RawOptions } from '../raw-client.ts';
import { GrpcTransport, type TlsMaterial } from './grpc-transport.ts';
import { nodeEnvironment } from './node-environment.ts';

/** Paths of PEM files. */
export interface TlsFiles {
  readonly caPath: string;
  readonly certPath?: string;
  readonly keyPath?: string;
  /** Checked in place of the host. */
  readonly serverName?: string;
}

export interface NodeClientOptions extends Omit<ClientOptions, 'environment' | 'transport'> {
  /** Default the machine's. */
  readonly environment?: Environment;
  readonly tls?: TlsFiles;
  /** How often TLS files are looked at. Default 10,000. */
  readonly tlsReloadMs?: number;
  readonly connectTimeoutMs?: number;
  readonly keepaliveTimeMs?: number;
  readonly keepaliveTimeoutMs?: number;
  readonly windowBytes?: number;
  readonly messageBytesMax?: number;
}

const RELOAD_MS = 10_000;

/** @throws TikvError `configuration` for unreadable TLS files, else as `TikvClient.connect`. */
export async function connect(options: NodeClientOptions, signal?: AbortSignal): Promise<TikvClient> {
  const { clientOptions, stop } = prepare(options);
  try {
    const client = await TikvClient.connect(clientOptions, signal);
    return stoppingWith(client, stop);
  } catch (error) {
    stop();
    throw error;
  }
}

/** @throws as `connect`. */
export async function connectRaw(
  options: NodeClientOptions,
  raw: RawOptions = {},
): Promise<{ readonly client: TikvClient; readonly raw: RawClient }> {
  const { clientOptions, stop } = prepare(options);
  try {
    const opened = await TikvClient.openRaw(clientOptions, raw);
    return { client: stoppingWith(opened.client, stop), raw: opened.raw };
  } catch (error) {
    stop();
    throw error;
  }
}

function prepare(options: NodeClientOptions): { readonly clientOptions: ClientOptions; readonly stop: () => void } {
  const {
    tls,
    environment = nodeEnvironment,
    tlsReloadMs = RELOAD_MS,
    connectTimeoutMs,
    keepaliveTimeMs,
    keepaliveTimeoutMs,
    windowBytes,
    messageBytesMax,
    ...rest
  } = options;
  let material = tls === undefined ? undefined : readTls(tls);
  const transport = new GrpcTransport({
    environment,
    tls: material === undefined ? undefined : () => material!,
    ...(connectTimeoutMs === undefined ? {} : { connectTimeoutMs }),
    ...(keepaliveTimeMs === undefined ? {} : { keepaliveTimeMs }),
    ...(keepaliveTimeoutMs === undefined ? {} : { keepaliveTimeoutMs }),
    ...(windowBytes === undefined ? {} : { windowBytes }),
    ...(messageBytesMax === undefined ? {} : { messageBytesMax }),
  });
  let stopped = false;
  const watch = () => {
    if (stopped || tls === undefined) return;
    environment.timers.after(tlsReloadMs, () => {
      if (stopped) return;
      try {
        const fresh = readTls(tls);
        if (!sameMaterial(fresh, material!)) {
          material = fresh;
          transport.reloadCredentials();
        }
      } catch {
        // Files half replaced: what is loaded stays good until they are whole.
      }
      watch();
    });
  };
  watch();
  const stop = () => {
    stopped = true;
  };
  return { clientOptions: { ...rest, environment, transport }, stop };
}

function stoppingWith(client: TikvClient, stop: () => void): TikvClient {
  const close = client.close.bind(client);
  client.close = async () => {
    stop();
    await close();
  };
  return client;
}

function readTls({ caPath, certPath, keyPath, serverName }: TlsFiles): TlsMaterial {
  const read = (path: string) => {
    try {
      return readFileSync(path);
    } catch (error) {
      throw new TikvError('configuration', `cannot read ${path}: ${messageOf(error)}`, { cause: error });
    }
  };
  return {
    ca: read(caPath),
    ...(certPath === undefined ? {} : { cert: read(certPath) }),
    ...(keyPath === undefined ? {} : { key: read(keyPath) }),
    ...(serverName === undefined ? {} : { serverName }),
  };
}

function sameMaterial(a: TlsMaterial, b: TlsMaterial): boolean {
  const same = (x: string | Buffer | undefined, y: string | Buffer | undefined) => String(x ?? '') === String(y ?? '');
  return same(a.ca, b.ca) && same(a.cert, b.cert) && same(a.key, b.key);
}
