/** What only a simulated network can do; what all sockets promise is in `sockets.test.ts`. */

import { describe, expect, it } from 'vitest';
import { type Bytes, concatBytes, copyBytes, text, utf8 } from '../../base/bytes.ts';
import type { Socket, SocketHandlers } from '../sockets.ts';
import { Simulation } from './simulation.ts';

function end(): SocketHandlers & { chunks: Bytes[]; events: string[] } {
  const chunks: Bytes[] = [];
  const events: string[] = [];
  return {
    chunks,
    events,
    onData: (chunk) => void chunks.push(copyBytes(chunk)),
    onEnd: () => void events.push('end'),
    onClose: (error) => void events.push(error === undefined ? 'close' : `close: ${error.message}`),
  };
}

async function connected(seed: number) {
  const simulation = new Simulation(seed, { network: { latencyMs: [1, 4], windowBytes: 1_000 } });
  const [a, b] = [simulation.boot({ host: 'a' }), simulation.boot({ host: 'b' })];
  const [client, server] = [end(), end()];
  let accepted: Socket | undefined;
  const { socket, listener } = await simulation.time.run(async () => {
    const listener = await b.sockets.listen({ host: '0.0.0.0', port: 700 }, (socket) => {
      accepted = socket;
      return server;
    });
    return { listener, socket: await a.sockets.connect({ host: 'b', port: 700 }, client) };
  });
  return {
    simulation,
    time: simulation.time,
    network: simulation.network,
    a,
    b,
    client,
    server,
    socket,
    accepted: accepted!,
    listener,
  };
}

describe('a simulated network', () => {
  it('cuts what is sent into other chunks, in order, and repeats from its seed', async () => {
    const shapes = new Set<string>();
    for (const seed of [1, 1, 2, 3]) {
      const { time, socket, server } = await connected(seed);
      for (let i = 0; i < 20; i++) socket.write(utf8(`message ${i};`));
      await time.runUntilIdle();
      expect(text(concatBytes(...server.chunks))).toBe(Array.from({ length: 20 }, (_, i) => `message ${i};`).join(''));
      shapes.add(server.chunks.map((chunk) => chunk.length).join());
    }
    expect(shapes.size).toBe(3);
  });

  it('spoils a chunk that is kept after the call', async () => {
    const { time, socket, server } = await connected(1);
    let kept: Bytes | undefined;
    server.onData = (chunk) => {
      kept = chunk;
    };
    socket.write(utf8('x'));
    await time.runUntilIdle();
    expect(kept).toEqual(Buffer.from([0xaa]));
  });

  it('holds back what is sent while a link is cut', async () => {
    const { time, network, socket, server } = await connected(1);
    network.cut('a', 'b');
    socket.write(utf8('held'));
    await time.advance(60_000);
    expect(server.chunks).toEqual([]);
    network.heal('a', 'b');
    await time.runUntilIdle();
    expect(text(concatBytes(...server.chunks))).toBe('held');
  });

  it('closes the sockets of a killed process behind what it sent', async () => {
    const { time, a, socket, client, server } = await connected(1);
    socket.write(utf8('last words'));
    a.kill();
    await time.runUntilIdle();
    expect(text(concatBytes(...server.chunks))).toBe('last words');
    expect(server.events).toEqual(['end']);
    expect(client.events).toEqual([]);
  });

  it('resets the peers of a host without power', async () => {
    const { time, b, client, server, socket } = await connected(1);
    b.losePower('lost');
    await time.advance(2_000);
    expect(client.events).toEqual(['close: connection of b:700: ECONNRESET: connection reset by peer']);
    expect(server.events).toEqual([]);
    expect(socket.write(utf8('x'))).toBe(true);
  });

  it('resets whoever writes to a closed socket', async () => {
    const { time, socket, accepted, client } = await connected(1);
    accepted.destroy();
    await time.runUntilIdle();
    expect(client.events).toEqual(['end']);
    socket.write(utf8('anyone?'));
    await time.runUntilIdle();
    expect(client.events[1]).toContain('ECONNRESET');
  });

  it('keeps loopback listeners to their own host, and ports free for the next process', async () => {
    const { simulation, time, a, b, listener } = await connected(1);
    await listener.close();
    await b.sockets.listen({ host: '127.0.0.1', port: 700 }, end);
    await expect(time.runUntil(a.sockets.connect({ host: 'b', port: 700 }, end()))).rejects.toThrow('ECONNREFUSED');
    await time.runUntil(b.sockets.connect({ host: 'localhost', port: 700 }, end()));
    b.kill();
    const again = simulation.boot({ host: 'b', disk: b.disk });
    await again.sockets.listen({ host: '0.0.0.0', port: 700 }, end);
    await time.runUntil(a.sockets.connect({ host: 'b', port: 700 }, end()));
  });
});
