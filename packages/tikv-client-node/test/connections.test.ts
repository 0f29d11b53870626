/** Connections over gRPC: pings that notice a peer gone silent, messages of any length, and windows as large as told. */

import { createServer as createHttp2Server, type ServerHttp2Session } from 'node:http2';
import { type AddressInfo, connect as connectTcp, createServer as createTcpServer, type Socket } from 'node:net';
import { describe, expect, it } from 'vitest';
import { connect } from '../src/node/connect.ts';
import { frame } from '../src/node/grpc-frames.ts';
import { GrpcTransport } from '../src/node/grpc-transport.ts';
import { nodeEnvironment } from '../src/node/node-environment.ts';
import { GrpcStatus } from '../src/transport.ts';
import { TestCluster } from '../test-cluster/cluster.ts';
import { listen } from '../test-cluster/node/listen.ts';
import { bytes } from './support/world.ts';

const MEMBERS = '/pdpb.PD/GetMembers';
const MIB = 1024 * 1024;

/** Passes on what it gets, until it is told to hold it back: the connection stays open, and silent. */
class Relay {
  held = false;
  connections = 0;
  readonly #sockets = new Set<Socket>();
  readonly #server = createTcpServer((near) => {
    this.connections++;
    const far = connectTcp(this.#port, '127.0.0.1');
    const pass = (from: Socket, to: Socket) => {
      this.#sockets.add(from);
      from.on('data', (chunk: Buffer) => {
        if (!this.held) to.write(chunk);
      });
      from.on('close', () => to.destroy());
      from.on('error', () => {});
    };
    pass(near, far);
    pass(far, near);
  });
  readonly #port: number;

  constructor(target: string) {
    this.#port = Number(target.split(':')[1]);
  }

  async start(): Promise<string> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    return `127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async stop(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}

describe('keepalive', () => {
  it('ends a connection whose peer has gone silent, long before the call is due, and the next one is new', async () => {
    const cluster = new TestCluster({ environment: nodeEnvironment, stores: 1, pdMembers: 1 });
    const server = await listen(cluster);
    const relay = new Relay(server.pdEndpoints[0]!);
    const transport = new GrpcTransport({
      environment: nodeEnvironment,
      keepaliveTimeMs: 50,
      keepaliveTimeoutMs: 2_000,
    });
    const connection = transport.connect(await relay.start());
    const members = () => connection.call(MEMBERS, Buffer.alloc(0), { timeoutMs: 600_000 });
    try {
      await members();
      relay.held = true;
      await expect(members()).rejects.toMatchObject({
        status: GrpcStatus.UNAVAILABLE,
        message: `${connection.address}: no answer to a ping within 2000 ms`,
      });
      relay.held = false;
      await members();
      expect(relay.connections).toBe(2);
    } finally {
      connection.close();
      await relay.stop();
      await server.close();
    }
  });

  it('lets a call take its time while pings are answered, and sends none when nothing is asked', async () => {
    const server = createHttp2Server();
    let session: ServerHttp2Session | undefined;
    let pings = 0;
    server.on('session', (one) => {
      session = one;
      one.on('ping', () => pings++);
    });
    server.on('stream', (stream) => {
      stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
      stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
      const answer = () => {
        if (pings < 3) setTimeout(answer, 5);
        else stream.end(frame(Buffer.from('late')));
      };
      answer();
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const transport = new GrpcTransport({
      environment: nodeEnvironment,
      keepaliveTimeMs: 10,
      keepaliveTimeoutMs: 50_000,
    });
    const connection = transport.connect(`127.0.0.1:${(server.address() as AddressInfo).port}`);
    expect(String(await connection.call(MEMBERS, Buffer.alloc(0), { timeoutMs: 60_000 }))).toBe('late');
    const before = pings;
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(pings - before).toBeLessThanOrEqual(1); // One may have been under way.
    connection.close();
    session?.destroy();
    await new Promise((resolve) => server.close(resolve));
  });
});

describe('messages', () => {
  it('of more than 4 and 16 MiB arrive, and longer ones than the client allows are refused by their length', async () => {
    const cluster = new TestCluster({ environment: nodeEnvironment, stores: 1, pdMembers: 1 });
    const server = await listen(cluster);
    const { pdEndpoints } = server;
    const [client, narrow] = await Promise.all([
      connect({ pdEndpoints }),
      connect({ pdEndpoints, messageBytesMax: 4 * MIB, backoffWeight: 0.02 }),
    ]);
    try {
      const keys = ['a', 'b', 'c', 'd'].map(bytes);
      for (const [index, key] of keys.entries()) {
        const writer = await client.begin();
        writer.put(key, Buffer.alloc(5 * MIB, index + 1));
        await writer.commit();
      }
      cluster.faults.calls.length = 0;
      const reader = await client.begin();
      expect((await reader.get(keys[1]!))?.equals(Buffer.alloc(5 * MIB, 2))).toBe(true);
      const found = await (await client.begin()).batchGet(keys);
      expect(found.map((value) => [value?.length, value?.[0], value?.at(-1)])).toEqual(
        keys.map((_, index) => [5 * MIB, index + 1, index + 1]),
      );
      expect(cluster.faults.count('KvBatchGet')).toBe(1); // All of it in one message.
      const refused = await narrow.begin();
      await expect(refused.get(keys[0]!)).rejects.toMatchObject({
        message: expect.stringMatching(/a message of \d+ bytes, more than 4194304/),
      });
      await (await narrow.begin()).get(bytes('missing'));
    } finally {
      await client.close();
      await narrow.close();
      await server.close();
    }
  });
});

describe('windows', () => {
  it.each([
    [undefined, 128 * MIB],
    [3 * MIB, 3 * MIB],
  ])('given as %s bytes are %i, of a stream and of the connection', async (windowBytes, expected) => {
    const server = createHttp2Server();
    const sessions = new Set<ServerHttp2Session>();
    const seen = new Promise<{ readonly stream: number | undefined; readonly connection: number | undefined }>(
      (resolve) => {
        server.on('session', (session) => sessions.add(session));
        server.on('stream', (stream) => {
          const { session } = stream;
          const look = () => {
            const connection = session?.state.remoteWindowSize;
            // The connection's is told after the stream's.
            if ((connection ?? 0) < expected) setTimeout(look, 5);
            else resolve({ stream: session?.remoteSettings.initialWindowSize, connection });
          };
          look();
        });
      },
    );
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const transport = new GrpcTransport({
      environment: nodeEnvironment,
      ...(windowBytes === undefined ? {} : { windowBytes }),
    });
    const connection = transport.connect(`127.0.0.1:${(server.address() as AddressInfo).port}`);
    connection.call(MEMBERS, Buffer.alloc(0), { timeoutMs: 60_000 }).catch(() => {});
    expect(await seen).toEqual({ stream: expected, connection: expected });
    connection.close();
    for (const session of sessions) session.destroy();
    await new Promise((resolve) => server.close(resolve));
  });
});
