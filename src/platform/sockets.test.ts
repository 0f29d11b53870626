/** What `Sockets` promises: the machine's in both of its ways of reading, and the simulated ones. */

import { mkdtemp, rm } from 'node:fs/promises';
import * as net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Bytes, concatBytes, copyBytes, latin1, utf8 } from '../base/bytes.ts';
import { NodeSockets } from './node-sockets.ts';
import { SeededRandom } from './simulated/seeded-random.ts';
import { Simulation } from './simulated/simulation.ts';
import type { Listener, ListenOptions, Socket, SocketHandlers, Sockets } from './sockets.ts';

interface Subject {
  readonly name: string;
  readonly open: () => { readonly sockets: Sockets; readonly run: <T>(work: () => Promise<T>) => Promise<T> };
}

const subjects: readonly Subject[] = [
  { name: 'the machine, one read buffer', open: () => ({ sockets: new NodeSockets(), run: (work) => work() }) },
  {
    name: 'the machine, data events',
    open: () => ({ sockets: new NodeSockets({ sharedReadBuffer: false }), run: (work) => work() }),
  },
  {
    name: 'the simulation',
    open() {
      const simulation = new Simulation(7, { network: { latencyMs: [0, 5] } });
      return { sockets: simulation.boot().sockets, run: (work) => simulation.time.run(work) };
    },
  },
];

/** Collects what arrives at one end. */
class Recorder implements SocketHandlers {
  socket: Socket | undefined;
  received: Bytes[] = [];
  bytes = 0;
  ended = 0;
  drains = 0;
  closes: (Error | undefined)[] = [];
  #waiting: { readonly condition: () => boolean; readonly resolve: () => void }[] = [];

  onData(chunk: Bytes): void {
    this.received.push(copyBytes(chunk));
    this.bytes += chunk.length;
    this.#check();
  }

  onDrain(): void {
    this.drains++;
    this.#check();
  }

  onEnd(): void {
    this.ended++;
    this.#check();
  }

  onClose(error?: Error): void {
    this.closes.push(error);
    this.#check();
  }

  get text(): string {
    return latin1(concatBytes(...this.received));
  }

  until(condition: (recorder: this) => boolean): Promise<void> {
    return new Promise((resolve) => {
      this.#waiting.push({ condition: () => condition(this), resolve });
      this.#check();
    });
  }

  #check(): void {
    for (const waiting of [...this.#waiting]) {
      if (!waiting.condition()) continue;
      this.#waiting.splice(this.#waiting.indexOf(waiting), 1);
      waiting.resolve();
    }
  }
}

describe.each(subjects)('sockets of $name', (subject) => {
  let sockets: Sockets;
  let run: <T>(work: () => Promise<T>) => Promise<T>;
  let listener: Listener | undefined;
  let accepted: Recorder[];

  beforeEach(() => {
    ({ sockets, run } = subject.open());
    accepted = [];
    listener = undefined;
  });
  afterEach(() => run(async () => listener?.close()));

  async function listen(options: ListenOptions = {}, make = () => new Recorder()): Promise<Listener> {
    listener = await sockets.listen(options, (socket) => {
      const recorder = make();
      recorder.socket = socket;
      accepted.push(recorder);
      return recorder;
    });
    return listener;
  }

  async function connect(port: number): Promise<Recorder> {
    const recorder = new Recorder();
    recorder.socket = await sockets.connect({ host: '127.0.0.1', port }, recorder);
    return recorder;
  }

  /** A connected pair: the client's end and the server's. */
  async function pair(options: ListenOptions = {}, make?: () => Recorder): Promise<[Recorder, Recorder]> {
    const { port } = await listen(options, make);
    const client = await connect(port);
    client.socket!.write(utf8('.'));
    await until(() => accepted.length === 1);
    const server = accepted[0]!;
    await server.until(({ bytes, closes }) => bytes === 1 || closes.length > 0);
    server.received = [];
    server.bytes = 0;
    return [client, server];
  }

  async function until(condition: () => boolean): Promise<void> {
    const probe = new Recorder();
    for (let turns = 0; !condition(); turns++) {
      expect(turns).toBeLessThan(10_000);
      await Promise.race([probe.until(condition), turn()]);
    }
  }
  // On virtual time a turn needs an event of its own.
  const turn = () => (sockets instanceof NodeSockets ? new Promise((resolve) => setImmediate(resolve)) : noise());
  const noise = () => sockets.connect({ host: '127.0.0.1', port: 1 }, new Recorder()).catch(() => undefined);

  it('carry bytes both ways, many connections side by side', () =>
    run(async () => {
      const { port } = await listen();
      const clients = await Promise.all(Array.from({ length: 10 }, () => connect(port)));
      for (const [i, client] of clients.entries()) client.socket!.write(utf8(`hello ${i}`));
      await until(() => accepted.length === 10);
      for (const server of accepted) {
        await server.until(({ bytes }) => bytes === 7);
        server.socket!.write(utf8(`you said ${server.text}`));
      }
      for (const [i, client] of clients.entries()) {
        await client.until(({ bytes }) => bytes === 16);
        expect(client.text).toBe(`you said hello ${i}`);
      }
      expect(listener!.connections).toBe(10);
    }));

  it('tell when the kernel did not take all, keep the rest, and drain once it is read', () =>
    run(async () => {
      const [client, server] = await pair();
      const seed = process.env.ORBIT_TEST_SEED ?? '1';
      const sent = new SeededRandom(seed).bytes(200_000);
      server.socket!.pause();
      let written = 0;
      while (client.socket!.write(copyBytes(sent))) written++; // Ours again each time, and given away the last time.
      written++;
      expect(client.socket!.bufferedBytes).toBeGreaterThan(0);
      expect(server.bytes).toBe(0);
      expect(client.drains).toBe(0);
      server.socket!.resume();
      await client.until(({ drains }) => drains === 1);
      expect(client.socket!.bufferedBytes).toBe(0);
      await server.until(({ bytes }) => bytes === written * sent.length);
      const all = Buffer.concat(server.received);
      for (let i = 0; i < written; i++) {
        expect(all.subarray(i * sent.length, (i + 1) * sent.length).equals(sent), `part ${i}, seed ${seed}`).toBe(true);
      }
    }));

  it('send parts as they follow each other, short and long, in front of what is written next', () =>
    run(async () => {
      const [client, server] = await pair();
      const part = (bytes: number, value: number) => new Uint8Array(bytes).fill(value);
      const written = [part(10, 1), part(700_000, 2), part(2, 3), part(5, 4), part(2_000_000, 5), part(1, 6)];
      server.socket!.writeAll([]);
      server.socket!.writeAll(written.slice(0, 3));
      server.socket!.writeAll(written.slice(3));
      server.socket!.write(part(7, 8));
      await client.until(({ bytes }) => bytes === 2_700_025);
      expect(Buffer.compare(concatBytes(...client.received), concatBytes(...written, part(7, 8)))).toBe(0);
    }));

  it('flush what was written before they end, and close both sides once', () =>
    run(async () => {
      const [client, server] = await pair();
      const big = Buffer.alloc(3_000_000, 'x');
      server.socket!.write(big);
      server.socket!.end();
      await client.until(({ ended }) => ended === 1);
      expect(client.bytes).toBe(big.length);
      expect(server.closes).toEqual([]);
      client.socket!.end();
      await client.until(({ closes }) => closes.length === 1);
      await server.until(({ closes }) => closes.length === 1);
      expect([...client.closes, ...server.closes]).toEqual([undefined, undefined]);
      expect(listener!.connections).toBe(0);
      expect(client.socket!.write(utf8('late'))).toBe(true);
      client.socket!.end();
      client.socket!.destroy();
    }));

  it('stay writable after the peer ended', () =>
    run(async () => {
      const [client, server] = await pair();
      client.socket!.write(utf8('question'));
      client.socket!.end();
      await server.until(({ ended }) => ended === 1);
      expect(server.text).toBe('question');
      expect(server.closes).toEqual([]);
      server.socket!.end();
      await server.until(({ closes }) => closes.length === 1);
      await client.until(({ closes }) => closes.length === 1);
    }));

  it('speak to, wait for, and end with clients who have said nothing', () =>
    run(async () => {
      const { port } = await listen();
      const clients: Recorder[] = [];
      for (let i = 0; i < 5; i++) clients.push(await connect(port));
      await until(() => accepted.length === 5);
      const [spoken, paused, ended, destroyed, left] = accepted;
      spoken!.socket!.write(utf8('who is there?'));
      await clients[0]!.until(({ bytes }) => bytes === 13);
      clients[0]!.socket!.write(utf8('me'));
      await spoken!.until(({ bytes }) => bytes === 2);
      expect(spoken!.text).toBe('me');

      paused!.socket!.pause();
      clients[1]!.socket!.write(utf8('early'));
      clients[1]!.socket!.end();
      ended!.socket!.write(utf8('good'));
      ended!.socket!.write(utf8('bye'));
      ended!.socket!.end();
      await clients[2]!.until(({ ended }) => ended === 1);
      expect(clients[2]!.text).toBe('goodbye');
      expect(paused!.bytes).toBe(0);
      paused!.socket!.resume();
      await paused!.until(({ ended }) => ended === 1);
      expect(paused!.text).toBe('early');

      destroyed!.socket!.destroy();
      await destroyed!.until(({ closes }) => closes.length === 1);
      await clients[3]!.until(({ ended, closes }) => ended + closes.length > 0);
      clients[4]!.socket!.end();
      await left!.until(({ ended }) => ended === 1);
      expect(left!.bytes).toBe(0);
    }));

  it('hear all of a hundred clients who come and go at once, some of them without a word of farewell', () =>
    run(async () => {
      const { port } = await listen();
      const clients = await Promise.all(Array.from({ length: 100 }, () => connect(port)));
      for (const client of clients) client.socket!.write(utf8('hello'));
      await until(() => accepted.length === 100);
      await Promise.all(accepted.map((server) => server.until(({ bytes }) => bytes === 5)));
      for (let i = 0; i < 100; i++) {
        if (i % 2 === 0) clients[i]!.socket!.end();
        else clients[i]!.socket!.destroy();
      }
      for (const server of accepted) {
        await server.until(({ ended, closes }) => ended + closes.length > 0);
        server.socket!.end();
        await server.until(({ closes }) => closes.length === 1);
      }
      await until(() => listener!.connections === 0);
      for (let i = 0; i < 100; i += 2) await clients[i]!.until(({ closes }) => closes.length === 1);
    }));

  it('close the session whose handler throws, and tell it why', () =>
    run(async () => {
      const failure = new Error('a bug');
      const [client, server] = await pair({}, () => {
        const recorder = new Recorder();
        recorder.onData = () => {
          throw failure;
        };
        return recorder;
      });
      await server.until(({ closes }) => closes.length === 1);
      expect(server.closes).toEqual([failure]);
      await client.until(({ ended, closes }) => ended + closes.length > 0);
      client.socket!.destroy();
    }));

  it('refuse one connection too many with a word, and accept again later', () =>
    run(async () => {
      const { port } = await listen({ connectionsMax: 1, refusal: utf8('too many') });
      const first = await connect(port);
      await until(() => accepted.length === 1);
      const second = await connect(port);
      second.socket!.write(utf8('unread input'));
      await second.until(({ ended, closes }) => ended + closes.length > 0);
      expect(second.text).toBe('too many');
      second.socket!.destroy();
      expect(accepted).toHaveLength(1);
      first.socket!.destroy();
      await accepted[0]!.until(({ ended }) => ended === 1);
      accepted[0]!.socket!.end();
      await accepted[0]!.until(({ closes }) => closes.length === 1);
      await connect(port);
      await until(() => accepted.length === 2);
    }));

  it('close everything with the listener, and nothing else', () =>
    run(async () => {
      const [client, server] = await pair();
      listener!.stopAccepting();
      await expect(connect(listener!.port)).rejects.toMatchObject({
        code: 'io',
        message: expect.stringContaining(`cannot connect to 127.0.0.1:${listener!.port}`),
      });
      client.socket!.write(utf8('still open'));
      await server.until(({ text }) => text === 'still open');
      await listener!.close();
      await server.until(({ closes }) => closes.length === 1);
      await client.until(({ ended, closes }) => ended + closes.length > 0);
      client.socket!.destroy();
    }));

  it('name host, port and the fix when a port is in use', () =>
    run(async () => {
      const { port } = await listen();
      await expect(sockets.listen({ port }, () => new Recorder())).rejects.toMatchObject({
        code: 'io',
        message: `127.0.0.1:${port} is in use`,
        hint: expect.stringContaining('another port'),
      });
    }));
});

describe('sockets of the machine', () => {
  it('can be destroyed by the hundred while their clients go on sending', async () => {
    const clients = 300;
    const served: Socket[] = [];
    let closed = 0;
    const done = Promise.withResolvers<void>();
    const listener = await new NodeSockets().listen({}, (socket) => {
      socket.pause();
      // Each keeps the turn busy, so that the closing of most is put off.
      if (served.push(socket) === clients) for (const each of served) each.resume();
      return {
        onData: () => {
          socket.destroy();
          const end = performance.now() + 0.2;
          while (performance.now() < end);
        },
        onClose: () => {
          if (++closed === clients) done.resolve();
        },
      };
    });
    const sent = Buffer.alloc(1_000_000);
    const sending = Array.from({ length: clients }, () => {
      const client = net.connect(listener.port).on('error', () => {});
      client.write(sent);
      return client;
    });
    await done.promise;
    for (const client of sending) client.destroy();
    await listener.close();
  });

  it('read a client that goes on after its end away, so that it finds the last word', async () => {
    const listener = await new NodeSockets().listen({}, (socket) => ({
      onData: () => {
        socket.write(utf8('enough'));
        socket.end();
      },
      onClose: () => {},
    }));
    const client = net.connect({ port: listener.port, allowHalfOpen: true });
    const received: Buffer[] = [];
    client.on('data', (chunk) => received.push(chunk));
    client.end(Buffer.alloc(3_000_000));
    await new Promise<void>((resolve, reject) => void client.on('close', resolve).on('error', reject));
    expect(Buffer.concat(received).toString()).toBe('enough');
    await listener.close();
  });

  it('refuse clients for their first words: these find the last one, whatever they go on sending, and are closed once', async () => {
    const closes: (Error | undefined)[] = [];
    const listener = await new NodeSockets().listen({}, (socket) => ({
      onData: (chunk) => {
        socket.write(utf8('no'));
        socket.refuse();
        expect(socket.write(utf8('late'))).toBe(true);
        if (chunk[0] === 0x21) socket.destroy();
        if (chunk[0] === 0x3f) throw new Error('a bug');
      },
      onClose: (error) => {
        closes.push(error);
      },
    }));
    const speak = async (words: readonly (string | Buffer)[], ends: boolean): Promise<string> => {
      const client = net.connect({ port: listener.port, allowHalfOpen: true }).on('error', () => {});
      let received = '';
      client.on('data', (chunk) => {
        received += chunk.toString();
      });
      const over = new Promise((resolve) => client.once('end', resolve).once('close', resolve));
      for (const word of words) {
        client.write(word);
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
      await over;
      if (ends) client.end();
      else client.destroy();
      return received;
    };
    await speak(['.'], true); // The first end of a process may go another way.
    const half = Buffer.alloc(40_000);
    const many = await Promise.all([
      ...Array.from({ length: 10 }, (_, i) => speak(['.', half, half].slice(0, 1 + (i % 3)), i % 2 === 0)),
      speak(['.', ...Array.from({ length: 20 }, () => half)], true),
      speak([Buffer.alloc(100_000)], true),
    ]);
    expect(new Set(many)).toEqual(new Set(['no']));
    await speak(['!'], true);
    await speak(['?'], true);
    while (listener.connections > 0) await new Promise((resolve) => setTimeout(resolve, 5));
    expect(closes.map((error) => error?.message)).toEqual([...Array.from({ length: 14 }, () => undefined), 'a bug']);
    // One that stays is closed with the listener.
    const stays = net.connect({ port: listener.port, allowHalfOpen: true }).on('error', () => {});
    stays.resume().write('.');
    await new Promise((resolve) => stays.once('end', resolve));
    expect(listener.connections).toBe(1);
    await listener.close();
    expect(closes).toHaveLength(16);
    stays.destroy();
  });

  it('refuse clients in the middle of much that they send, each with the last word', async () => {
    const listener = await new NodeSockets().listen({}, (socket) => {
      let bytes = 0;
      return {
        onData: (chunk) => {
          bytes += chunk.length;
          if (bytes < 200_000) return;
          socket.write(utf8('enough'));
          socket.refuse();
        },
        onClose: () => {},
      };
    });
    const send = async (): Promise<string> => {
      let received = '';
      const client = net.connect(listener.port).on('error', () => {});
      client.on('data', (chunk) => {
        received += chunk.toString();
      });
      client.write(Buffer.alloc(500_000));
      await new Promise((resolve) => client.once('end', resolve).once('close', resolve));
      return received;
    };
    expect(await Promise.all(Array.from({ length: 5 }, send))).toEqual(Array.from({ length: 5 }, () => 'enough'));
    while (listener.connections > 0) await new Promise((resolve) => setTimeout(resolve, 5));
    await listener.close();
  });

  it('tell all whom they refuse at once, and let them go one after the other, or a few at a time where they are many', async () => {
    const events: string[] = [];
    const listener = await new NodeSockets().listen({}, (socket) => ({
      onData: () => {
        socket.write(utf8('no'));
        socket.refuse();
      },
      onClose: () => {},
    }));
    const refused = (count: number) =>
      Promise.all(
        Array.from({ length: count }, async () => {
          const client = net.connect(listener.port);
          client.on('data', () => events.push('told'));
          client.write('.');
          await new Promise((resolve) => client.once('end', resolve));
          events.push('let go');
        }),
      );
    await refused(1); // The first end of a process may go another way.
    events.length = 0;
    const begunMs = performance.now();
    await refused(40);
    expect(performance.now() - begunMs).toBeGreaterThan(30);
    expect(events.lastIndexOf('told')).toBeLessThan(events.lastIndexOf('let go'));
    const manyBegunMs = performance.now();
    await refused(300);
    expect(performance.now() - manyBegunMs).toBeGreaterThan(100);
    expect(events.filter((event) => event === 'let go')).toHaveLength(340);
    await listener.close();
  });

  it('that send much leave others their turn', async () => {
    let most = 0;
    let inTurn = 0;
    let total = 0;
    const done = Promise.withResolvers<void>();
    const bytes = 20_000_000;
    const listener = await new NodeSockets().listen({}, (socket) => ({
      onData: (chunk) => {
        if (inTurn === 0) {
          setImmediate(() => {
            inTurn = 0;
          });
        }
        inTurn += chunk.length;
        total += chunk.length;
        most = Math.max(most, inTurn);
        if (total === bytes) {
          socket.end();
          done.resolve();
        }
      },
      onClose: () => {},
    }));
    const client = net.connect(listener.port);
    client.write(Buffer.alloc(bytes));
    await done.promise;
    expect(most).toBeLessThanOrEqual(4 * 64 * 1024);
    client.destroy();
    await listener.close();
  });

  it('that are sent much leave others their turn, and get all of it in order', async () => {
    const large = Array.from({ length: 3 }, (_, i) => new SeededRandom(i).bytes(900_000));
    const sent = Buffer.concat([utf8('^'), ...large.flatMap((each) => [utf8('<'), each, utf8('>')]), utf8('end')]);
    const drains: number[] = [];
    const open: Socket[] = [];
    const listener = await new NodeSockets().listen({}, (socket) => ({
      onData: () => {
        open.push(socket);
        socket.write(utf8('^')); // The first write of a process goes another way.
      },
      onDrain: () => {
        drains.push(open.indexOf(socket));
        socket.write(utf8('end'));
        socket.end();
      },
      onClose: () => {},
    }));
    const clients = Array.from({ length: 10 }, () => net.connect({ port: listener.port, allowHalfOpen: true }));
    const received = clients.map(async (client) => {
      const chunks: Buffer[] = [];
      for await (const chunk of client) chunks.push(chunk as Buffer);
      return Buffer.concat(chunks);
    });
    for (const client of clients) client.write('.');
    while (open.length < clients.length) await new Promise((resolve) => setImmediate(resolve));
    for (const socket of open) {
      for (const each of large) {
        socket.write(utf8('<'));
        socket.write(each);
        socket.write(utf8('>'));
      }
    }
    // One piece of one of them has left in this turn.
    expect(open.reduce((sum, { bufferedBytes }) => sum + bufferedBytes, 0)).toBeGreaterThan(
      10 * 3 * 900_000 - 1_500_000,
    );
    for (const each of await Promise.all(received)) expect(each.equals(sent)).toBe(true);
    expect(drains.sort()).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    for (const client of clients) client.destroy();
    await listener.close();
  });

  it('that end behind much still send it, and let go of it when they are destroyed', async () => {
    const large = Buffer.alloc(5_000_000, 'x');
    const open: Socket[] = [];
    const ends = Promise.withResolvers<void>();
    const listener = await new NodeSockets().listen({}, (socket) => ({
      onData: () => {
        open.push(socket);
        socket.write(large);
        socket.write(utf8('end'));
        if (open.length === 1) socket.end();
        else socket.destroy();
      },
      onClose: () => {
        if (open.length === 2) ends.resolve();
      },
    }));
    let bytes = 0;
    const first = net.connect(listener.port).on('data', (chunk) => {
      bytes += chunk.length;
    });
    first.write('.');
    await new Promise((resolve) => first.once('close', resolve));
    expect(bytes).toBe(large.length + 3);
    const second = net.connect(listener.port).on('error', () => {});
    second.resume().write('.');
    await ends.promise;
    expect(open[1]!.bufferedBytes).toBe(0);
    second.destroy();
    await listener.close();
  });

  it('answer a peer that has ended, also at length, after breaks between its words', async () => {
    const sockets = new NodeSockets();
    const server = new Recorder();
    const listener = await sockets.listen({}, (socket) => {
      server.socket = socket;
      return server;
    });
    const client = net.connect({ port: listener.port, allowHalfOpen: true });
    const answered: Buffer[] = [];
    client.on('data', (chunk) => answered.push(chunk));
    const ended = new Promise((resolve) => client.once('end', resolve));
    // The second fills what is read at once.
    const questions = [Buffer.from('short'), Buffer.alloc(300_000, 1), Buffer.from('and short again')];
    let asked = 0;
    for (const question of questions) {
      client.write(question);
      asked += question.length;
      await server.until(({ bytes }) => bytes >= asked);
      server.socket!.pause();
      await new Promise((resolve) => setImmediate(resolve));
      server.socket!.resume();
    }
    client.end();
    await server.until(({ ended }) => ended === 1);
    expect(Buffer.compare(concatBytes(...server.received), Buffer.concat(questions))).toBe(0);
    const answers = Array.from({ length: 5 }, (_, i) => Buffer.alloc(1_200_000, i));
    for (const answer of answers) server.socket!.write(answer);
    server.socket!.end();
    await ended;
    expect(Buffer.compare(Buffer.concat(answered), Buffer.concat(answers))).toBe(0);
    await server.until(({ closes }) => closes.length === 1);
    expect(server.closes).toEqual([undefined]);
    await listener.close();
  });

  it('reuse one buffer for all reads', async () => {
    const sockets = new NodeSockets();
    const buffers = new Set<ArrayBufferLike>();
    let connections = 0;
    const done = Promise.withResolvers<void>();
    const listener = await sockets.listen({}, (socket) => ({
      onData(chunk) {
        buffers.add(chunk.buffer);
        socket.end();
        if (++connections === 3) done.resolve();
      },
      onClose() {},
    }));
    for (let i = 0; i < 3; i++) {
      const client = net.connect(listener.port, '127.0.0.1').on('error', () => {});
      client.end('x');
    }
    await done.promise;
    expect(buffers.size).toBe(1);
    await listener.close();
  });

  it('listen on a Unix socket, also where a killed process left its name', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'orbit-sockets-'));
    const path = join(directory, 's');
    const sockets = new NodeSockets();
    const echo = (socket: Socket): SocketHandlers => ({
      onData: (chunk) => void socket.write(copyBytes(chunk)),
      onClose() {},
    });
    try {
      await leaveStaleSocket(path);
      const listener = await sockets.listen({ path }, echo);
      expect(listener).toMatchObject({ host: path, port: 0 });
      await expect(sockets.listen({ path }, echo)).rejects.toMatchObject({ message: `${path} is in use` });
      const nowhere = join(directory, 'missing', 's');
      await expect(sockets.listen({ path: nowhere }, echo)).rejects.toMatchObject({
        message: `cannot listen on ${nowhere}: its folder is missing or not writable`,
      });
      const client = net.connect(path);
      client.write('local');
      const said = await new Promise((resolve) => client.once('data', (chunk) => resolve(chunk.toString())));
      expect(said).toBe('local');
      client.destroy();
      await listener.close();
    } finally {
      await rm(directory, { recursive: true });
    }
  });

  it('tell the reason when the peer resets', async () => {
    const sockets = new NodeSockets();
    const server = new Recorder();
    const listener = await sockets.listen({}, () => server);
    const client = net.connect(listener.port, '127.0.0.1');
    client.write('x');
    await server.until(({ bytes }) => bytes === 1);
    client.resetAndDestroy();
    await server.until(({ closes }) => closes.length === 1);
    expect(server.closes[0]).toMatchObject({
      code: 'io',
      message: expect.stringMatching(/^connection of 127\.0\.0\.1:\d+: /),
    });
    await listener.close();
  });
});

/** A bound name that nobody listens on: what remains of a process that was killed. */
async function leaveStaleSocket(path: string): Promise<void> {
  const { spawn } = await import('node:child_process');
  const code = `require('node:net').createServer().listen(process.argv[1], () => process.kill(process.pid, 'SIGKILL'))`;
  const child = spawn(process.execPath, ['-e', code, path], { stdio: 'ignore' });
  await new Promise((resolve) => child.once('exit', resolve));
}
