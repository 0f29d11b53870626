/**
 * The attacks of `abuse.ts`, and the process that they run in: apart from the clients whose times are measured, so that these share
 * no heap and no memory map with them. The same attacks go to a server, or to the sink that shows what they cost the machine.
 */

import * as net from 'node:net';
import { fileURLToPath } from 'node:url';
import { SeededRandom } from '../../src/platform/simulated/seeded-random.ts';
import { request } from './resp-client.ts';

export interface Ports {
  readonly redis: number;
  readonly postgres: number;
  readonly http: number;
  readonly metrics: number;
}

interface Attacked {
  readonly ports: Ports;
  readonly random: SeededRandom;
  readonly idleConnections: number;
  /** Set when it is over. */
  stopped: boolean;
}

interface Attack {
  /** Goes on until it is stopped; ends with nothing open. */
  readonly run: (on: Attacked) => Promise<void>;
  /** What each client makes a server send, as far as the kernel takes it. */
  readonly answeredBytes?: number;
}

export const ATTACKS: Readonly<Record<string, Attack>> = {
  'headers of 2 GB': {
    run: (on) => repeatedly(on, on.ports.redis, () => Buffer.from('*2\r\n$3\r\nGET\r\n$2147483647\r\n')),
  },
  'bodies announced and not sent': {
    run: (on) => holding(on, 200, on.ports.redis, Buffer.from('*2\r\n$3\r\nGET\r\n$500000000\r\nx')),
  },
  '100,000 nested arrays': {
    run: (on) => repeatedly(on, on.ports.redis, () => NESTED_ARRAYS),
  },
  'lines without an end': {
    run: (on) => repeatedly(on, on.ports.redis, () => ENDLESS_LINE),
  },
  'clients that never read': {
    answeredBytes: 16_000_000,
    run: async (on) => {
      const asked = Buffer.concat(Array.from({ length: 400 }, () => request('GET', 'large')));
      while (!on.stopped) {
        const deaf = await Promise.all(Array.from({ length: 4 }, () => open(on.ports.redis)));
        for (const socket of deaf) {
          socket.pause();
          socket.write(asked);
        }
        await until(on, () => deaf.every((socket) => socket.destroyed), 200);
        for (const socket of deaf) socket.destroy();
      }
    },
  },
  'clients of SQL that never read': {
    answeredBytes: 16_000_000,
    run: async (on) => {
      const deaf = await Promise.all(Array.from({ length: 4 }, () => open(on.ports.postgres)));
      for (const socket of deaf) {
        socket.pause();
        socket.write(STARTUP);
        for (let i = 0; i < 50; i++) socket.write(query('select id, value from large'));
      }
      await until(on, () => false);
      for (const socket of deaf) socket.destroy();
    },
  },
  'connections that come and go': {
    run: (on) => repeatedly(on, on.ports.postgres, () => Buffer.alloc(0)),
  },
  'garbage on every port': {
    run: async (on) => {
      const garbage = () => on.random.bytes(on.random.int(3_000)) as Buffer;
      await Promise.all(Object.values(on.ports).map((port) => repeatedly(on, port, garbage)));
    },
  },
  'lengths below zero': {
    run: (on) => repeatedly(on, on.ports.postgres, () => Buffer.from([0xff, 0xff, 0xff, 0xf0, 0, 3, 0, 0])),
  },
  'expressions nested 20,000 deep': {
    run: async (on) => {
      const deep = `select ${'('.repeat(20_000)}1${')'.repeat(20_000)}`;
      while (!on.stopped) await exchange(on.ports.postgres, Buffer.concat([STARTUP, query(deep), TERMINATE]));
    },
  },
  'idle connections': {
    run: async (on) => {
      const sockets: net.Socket[] = [];
      while (sockets.length < on.idleConnections) {
        const batch = Array.from({ length: Math.min(100, on.idleConnections - sockets.length) }, (_, i) =>
          open(i % 2 === 0 ? on.ports.redis : on.ports.postgres),
        );
        sockets.push(...(await Promise.all(batch)));
      }
      await until(on, () => false);
      for (const socket of sockets) socket.destroy();
    },
  },
};

// ---- What attacks are made of

const NESTED_ARRAYS = Buffer.from('*1\r\n'.repeat(100_000));
const ENDLESS_LINE = Buffer.alloc(1_000_000, 'a');

const STARTUP = (() => {
  const body = Buffer.from('\0\x03\0\0user\0orbit\0database\0actors\0\0', 'latin1');
  const header = Buffer.alloc(4);
  header.writeInt32BE(body.length + 4);
  return Buffer.concat([header, body]);
})();
const TERMINATE = Buffer.from([0x58, 0, 0, 0, 4]);

function query(sql: string): Buffer {
  const text = Buffer.from(`${sql}\0`);
  const header = Buffer.alloc(5);
  header[0] = 0x51;
  header.writeInt32BE(text.length + 4, 1);
  return Buffer.concat([header, text]);
}

/** A connection whose errors are its own. */
function open(port: number): Promise<net.Socket> {
  return new Promise((resolve) => {
    const socket = net.connect({ host: '127.0.0.1', port });
    socket.on('error', () => resolve(socket));
    socket.on('connect', () => resolve(socket));
    socket.on('data', () => {});
  });
}

/** Sends, and waits until the server has closed. @returns what it said. */
export function exchange(port: number, bytes: Buffer, end = true): Promise<string> {
  return new Promise((resolve) => {
    const received: Buffer[] = [];
    const socket = net.connect({ host: '127.0.0.1', port });
    socket.on('error', () => {});
    socket.on('data', (chunk) => received.push(chunk));
    socket.on('close', () => resolve(Buffer.concat(received).toString('latin1')));
    if (end) socket.end(bytes);
    else socket.write(bytes);
  });
}

/** Eight clients, each again and again. */
async function repeatedly(on: Attacked, port: number, bytes: () => Buffer): Promise<void> {
  const one = async () => {
    while (!on.stopped) await exchange(port, bytes());
  };
  await Promise.all(Array.from({ length: 8 }, one));
}

/** Clients that send the beginning of something, and stay. */
async function holding(on: Attacked, clients: number, port: number, bytes: Buffer): Promise<void> {
  const sockets = await Promise.all(Array.from({ length: clients }, () => open(port)));
  for (const socket of sockets) socket.write(bytes);
  await until(on, () => false);
  for (const socket of sockets) socket.destroy();
}

async function until(on: Attacked, condition: () => boolean, msMax = Number.POSITIVE_INFINITY): Promise<void> {
  const end = performance.now() + msMax;
  while (!on.stopped && !condition() && performance.now() < end) await new Promise((resolve) => setTimeout(resolve, 5));
}

export const pgMessages = { STARTUP, TERMINATE, query };

export interface AttackOrder {
  readonly attack: string;
  readonly ports: Ports;
  readonly seed: string;
  readonly idleConnections: number;
}

// The process: begins when it is given its order, ends when it is told to, or when nobody is there any more to tell it.
if (process.argv[1] === fileURLToPath(import.meta.url)) {
  process.once('message', (order) => {
    const { attack, ports, seed, idleConnections } = order as AttackOrder;
    const on: Attacked = { ports, random: new SeededRandom(seed), idleConnections, stopped: false };
    process.once('message', () => {
      on.stopped = true;
    });
    process.once('disconnect', () => process.exit());
    ATTACKS[attack]!.run(on).then(
      () => process.exit(),
      (error: unknown) => {
        throw error;
      },
    );
    process.send!('begun');
  });
}
