/**
 * Streams between simulated hosts: ordered, delayed, cut into chunks at random places, and breakable.
 *
 * A direction of a connection holds a window of bytes that the "kernel" took; beyond it the writer's buffer is kept by
 * reference until there is room, so that changing it before `onDrain` corrupts the stream, as on the machine. A chunk is
 * handed to `onData` in a buffer that is overwritten after the call, so that whoever keeps it without a copy sees
 * garbage at once. `cut` holds back what two hosts send each other until `heal`, as TCP does while it retransmits.
 *
 * Encryption changes no byte here: `startTls` only makes `tls` known, and a listener with an identity calls it for everyone.
 *
 * Left out: loss without repair, reordering (TCP shows neither), the backlog, Unix sockets but their names. The peer of a
 * host that lost power is reset within `RESET_MS_MAX`, where the machine would wait for its next write or a timeout.
 */

import { assert } from '../../base/assert.ts';
import { type Bytes, copyBytes } from '../../base/bytes.ts';
import type { OperationError } from '../../base/errors.ts';
import type { ConnectOptions, Listener, ListenOptions, Socket, SocketHandlers, Sockets } from '../sockets.ts';
import { listenError, newSystemError, socketError } from '../system-error.ts';
import type { TlsCredentials, TlsIdentity, TlsSession } from '../tls.ts';
import type { SeededRandom } from './seeded-random.ts';
import type { Latency } from './simulated-disk.ts';
import type { SimulatedTime } from './simulated-time.ts';

const RESET_MS_MAX = 2_000;
const LINGER_MS = 2_000;
const FIRST_FREE_PORT = 40_000;

export interface NetworkOptions {
  /** One way. Default 0. */
  readonly latencyMs?: Latency;
  /** Cuts what is delivered into chunks at random positions. Default true. */
  readonly split?: boolean;
  /** Bytes under way per direction before a writer has to wait. Default 64 KiB. */
  readonly windowBytes?: number;
}

export class SimulatedNetwork {
  readonly time: SimulatedTime;
  readonly random: SeededRandom;
  readonly windowBytes: number;
  readonly #latencyMs: Latency;
  readonly #split: boolean;
  readonly #listeners = new Map<string, SimulatedListener>();
  readonly #cuts = new Set<string>();
  readonly #held: { readonly link: string; readonly callback: () => void }[] = [];
  #freePort = FIRST_FREE_PORT;

  constructor(time: SimulatedTime, random: SeededRandom, options: NetworkOptions = {}) {
    this.time = time;
    this.random = random;
    this.windowBytes = options.windowBytes ?? 64 * 1024;
    this.#latencyMs = options.latencyMs ?? 0;
    this.#split = options.split ?? true;
  }

  /** Holds back everything between two hosts, connection attempts included. */
  cut(a: string, b: string): void {
    this.#cuts.add(linkOf(a, b));
  }

  /** What was held back arrives now, in order. */
  heal(a: string, b: string): void {
    const link = linkOf(a, b);
    if (!this.#cuts.delete(link)) return;
    const arrivals = this.#held.filter((held) => held.link === link);
    for (const arrival of arrivals) {
      this.#held.splice(this.#held.indexOf(arrival), 1);
      this.time.after(0, arrival.callback);
    }
  }

  // What sockets are made of

  /** Calls back at the other host after `delayMs`, or once the link is healed. */
  carry(from: string, to: string, delayMs: number, callback: () => void): void {
    const link = linkOf(from, to);
    this.time.after(delayMs, () => {
      if (this.#cuts.has(link)) this.#held.push({ link, callback });
      else callback();
    });
  }

  drawLatencyMs(from: string, to: string): number {
    if (from === to) return 0;
    const latency = this.#latencyMs;
    return typeof latency === 'number' ? latency : this.random.between(latency[0], latency[1]);
  }

  /** How many of `available` bytes the next chunk holds. */
  drawChunkBytes(available: number): number {
    return this.#split && available > 1 && this.random.chance(0.5) ? 1 + this.random.int(available) : available;
  }

  bind(host: string, listener: SimulatedListener): number {
    const port = listener.wantedPort === 0 ? this.#freePort++ : listener.wantedPort;
    const key = `${host}:${listener.path ?? port}`;
    if (this.#listeners.has(key)) throw newSystemError('EADDRINUSE', 'address already in use');
    this.#listeners.set(key, listener);
    return port;
  }

  unbind(host: string, listener: SimulatedListener): void {
    const key = `${host}:${listener.path ?? listener.port}`;
    if (this.#listeners.get(key) === listener) this.#listeners.delete(key);
  }

  find(from: string, host: string, port: number): SimulatedListener | undefined {
    const listener = this.#listeners.get(`${host}:${port}`);
    return listener?.loopbackOnly === true && from !== host ? undefined : listener;
  }

  nextPort(): number {
    return this.#freePort++;
  }
}

export class SimulatedSockets implements Sockets {
  readonly host: string;
  readonly network: SimulatedNetwork;
  readonly #listeners = new Set<SimulatedListener>();
  readonly #open = new Set<SimulatedSocket>();
  #alive = true;

  constructor(network: SimulatedNetwork, host: string) {
    this.network = network;
    this.host = host;
  }

  async listen(options: ListenOptions, onConnection: (socket: Socket) => SocketHandlers): Promise<Listener> {
    if (!this.#alive) return never();
    const listener = new SimulatedListener(this, options, onConnection);
    try {
      listener.port = this.network.bind(this.host, listener);
    } catch (error) {
      throw listenError(error, options.path ?? `${listener.host}:${options.port ?? 0}`);
    }
    this.#listeners.add(listener);
    return listener;
  }

  identify(_credentials: TlsCredentials): TlsIdentity {
    return { replace() {} };
  }

  connect(options: ConnectOptions, handlers: SocketHandlers): Promise<Socket> {
    const { network } = this;
    // A Unix socket is a listener of this host whose port is found by its path.
    const unixPort =
      'path' in options ? [...this.#listeners].find((listener) => listener.path === options.path)?.port : undefined;
    const { host, port } = 'path' in options ? { host: this.host, port: unixPort ?? 0 } : options;
    const target = isLoopback(host) ? this.host : host;
    const latencyMs = network.drawLatencyMs(this.host, target);
    return new Promise((resolve, reject) => {
      if (!this.#alive) return;
      network.carry(this.host, target, latencyMs, () => {
        const listener = network.find(this.host, target, port);
        const mine = new SimulatedSocket(this, host, port);
        const accepted = listener?.accept(mine, this.host, network.nextPort());
        network.carry(target, this.host, latencyMs, () => {
          if (!this.#alive) return;
          if (accepted !== true) {
            const refused = newSystemError('ECONNREFUSED', 'connection refused');
            reject(socketError(refused, `cannot connect to ${'path' in options ? options.path : `${host}:${port}`}`));
            return;
          }
          mine.open(handlers);
          resolve(mine);
        });
      });
    });
  }

  /** The process dies: its kernel closes what it had open. */
  kill(): void {
    this.#alive = false;
    for (const listener of this.#listeners) listener.unbind();
    for (const socket of [...this.#open]) socket.abandon('process');
  }

  /** The power goes: nobody is told by the host itself. */
  powerLost(): void {
    this.#alive = false;
    for (const listener of this.#listeners) listener.unbind();
    for (const socket of [...this.#open]) socket.abandon('power');
  }

  track(socket: SimulatedSocket): void {
    this.#open.add(socket);
  }

  forget(socket: SimulatedSocket): void {
    this.#open.delete(socket);
  }

  forgetListener(listener: SimulatedListener): void {
    this.#listeners.delete(listener);
  }
}

class SimulatedListener implements Listener {
  readonly host: string;
  readonly path: string | undefined;
  readonly wantedPort: number;
  readonly loopbackOnly: boolean;
  port = 0;
  readonly #sockets: SimulatedSockets;
  readonly #options: ListenOptions;
  readonly #onConnection: (socket: Socket) => SocketHandlers;
  readonly #open = new Set<SimulatedSocket>();

  constructor(sockets: SimulatedSockets, options: ListenOptions, onConnection: (socket: Socket) => SocketHandlers) {
    this.#sockets = sockets;
    this.#options = options;
    this.#onConnection = onConnection;
    this.path = options.path;
    this.wantedPort = options.port ?? 0;
    this.host = options.path ?? options.host ?? '127.0.0.1';
    this.loopbackOnly = isLoopback(this.host);
  }

  get connections(): number {
    return this.#open.size;
  }

  accept(client: SimulatedSocket, clientHost: string, clientPort: number): boolean {
    const { connectionsMax = Number.POSITIVE_INFINITY, refusal } = this.#options;
    const server = new SimulatedSocket(this.#sockets, clientHost, clientPort);
    server.pair(client);
    if (this.#open.size >= connectionsMax) {
      server.open({ onData() {}, onClose() {} });
      if (refusal !== undefined) server.write(copyBytes(refusal));
      server.end();
      return true;
    }
    this.#open.add(server);
    server.onClosed = () => this.#open.delete(server);
    if (this.#options.tls?.required) server.startTls();
    server.open(this.#onConnection(server));
    return true;
  }

  stopAccepting(): void {
    this.unbind();
    this.#sockets.forgetListener(this);
  }

  async close(): Promise<void> {
    this.stopAccepting();
    for (const socket of [...this.#open]) socket.destroy();
  }

  unbind(): void {
    this.#sockets.network.unbind(this.#sockets.host, this);
  }
}

/** One end. Its outgoing direction lives here, its incoming bytes too once they have arrived. */
class SimulatedSocket implements Socket {
  readonly remoteAddress: string;
  readonly remotePort: number;
  onClosed: (() => void) | undefined;
  readonly #sockets: SimulatedSockets;
  readonly #network: SimulatedNetwork;
  #peer: SimulatedSocket | undefined;
  #handlers: SocketHandlers | undefined;
  #state: 'open' | 'ending' | 'closed' = 'open';
  #dead = false;
  #closeError: Error | undefined;

  // Outgoing
  #kept: Bytes[] = [];
  #underWayBytes = 0;
  #lastArrivalMs = 0;
  #finSent = false;
  #drainAwaited = false;

  // Incoming
  #arrived: Bytes[] = [];
  #finArrived = false;
  #finDelivered = false;
  #paused = false;
  #delivering = false;

  constructor(sockets: SimulatedSockets, remoteAddress: string, remotePort: number) {
    this.#sockets = sockets;
    this.#network = sockets.network;
    this.remoteAddress = remoteAddress;
    this.remotePort = remotePort;
  }

  get localAddress(): string {
    return this.#peer?.remoteAddress ?? '';
  }

  get localPort(): number {
    return this.#peer?.remotePort ?? 0;
  }

  tls: TlsSession | undefined;

  startTls(): void {
    this.tls = { protocol: 'TLSv1.3', endPoint: undefined };
  }

  get #other(): SimulatedSocket {
    assert(this.#peer !== undefined, 'a socket is used once it is connected');
    return this.#peer;
  }

  pair(peer: SimulatedSocket): void {
    this.#peer = peer;
    peer.#peer = this;
    this.#sockets.track(this);
    peer.#sockets.track(peer);
  }

  open(handlers: SocketHandlers): void {
    this.#handlers = handlers;
    if (this.#state === 'closed') this.#tellClosed();
    else this.#deliverSoon();
  }

  get bufferedBytes(): number {
    return this.#kept.reduce((sum, bytes) => sum + bytes.length, 0);
  }

  write(bytes: Bytes): boolean {
    if (this.#state !== 'open' || bytes.length === 0) return true;
    const peer = this.#other;
    if (peer.#state === 'closed') {
      // The other host answers with a reset.
      this.#carry(() => this.#close(resetError(this)));
      return true;
    }
    this.#kept.push(bytes);
    this.#push();
    if (this.#kept.length === 0) return true;
    this.#drainAwaited = true;
    return false;
  }

  writeAll(parts: readonly Bytes[]): boolean {
    return parts.map((part) => this.write(part)).every((isTaken) => isTaken);
  }

  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    this.#paused = false;
    this.#deliverSoon();
  }

  end(): void {
    if (this.#state !== 'open') return;
    this.#state = 'ending';
    this.#push();
    this.#deliverSoon(); // Reads away what still comes.
  }

  refuse(): void {
    this.end();
  }

  destroy(): void {
    this.#abandon('process');
  }

  /** The owner is gone: no handler is called any more. */
  abandon(how: 'process' | 'power'): void {
    this.#dead = true;
    this.#abandon(how);
  }

  #abandon(how: 'process' | 'power'): void {
    if (this.#state === 'closed') return;
    const peer = this.#other;
    const unread = this.#arrived.length > 0;
    if (how === 'power') {
      const delayMs = this.#network.random.between(0, RESET_MS_MAX);
      this.#network.time.after(delayMs, () => peer.#close(resetError(peer)));
    } else if (unread) {
      this.#carry(() => peer.#close(resetError(peer)));
    } else if (!this.#finSent) {
      this.#finSent = true;
      this.#carry(() => peer.#arriveFin());
    }
    this.#kept = [];
    this.#close(undefined);
  }

  /** Hands kept bytes to the kernel as far as the window allows. */
  #push(): void {
    const peer = this.#other;
    while (this.#kept.length > 0) {
      const room = this.#network.windowBytes - this.#underWayBytes;
      if (room <= 0) return;
      const first = this.#kept[0]!;
      const taken = copyBytes(first.subarray(0, room));
      if (taken.length === first.length) this.#kept.shift();
      else this.#kept[0] = first.subarray(taken.length);
      this.#underWayBytes += taken.length;
      this.#carry(() => peer.#arrive(taken));
    }
    if (this.#drainAwaited) {
      this.#drainAwaited = false;
      this.#network.time.after(0, () => {
        if (this.#state === 'open' && this.#kept.length === 0 && !this.#dead) this.#handlers?.onDrain?.();
      });
    }
    if (this.#state === 'ending' && !this.#finSent) {
      this.#finSent = true;
      this.#carry(() => peer.#arriveFin());
      if (this.#finArrived) this.#close(undefined);
      else this.#network.time.after(LINGER_MS, () => this.#close(undefined));
    }
  }

  /** To the other host, behind everything that was sent before. */
  #carry(callback: () => void): void {
    const { time } = this.#network;
    const from = this.#sockets.host;
    const to = this.#other.#sockets.host;
    this.#lastArrivalMs = Math.max(this.#lastArrivalMs, time.elapsedMs + this.#network.drawLatencyMs(from, to));
    this.#network.carry(from, to, this.#lastArrivalMs - time.elapsedMs, callback);
  }

  #arrive(bytes: Bytes): void {
    if (this.#state === 'closed') {
      this.#other.#close(resetError(this.#other));
      return;
    }
    this.#arrived.push(bytes);
    this.#deliverSoon();
  }

  #arriveFin(): void {
    this.#finArrived = true;
    this.#deliverSoon();
  }

  #deliverSoon(): void {
    if (this.#delivering || this.#handlers === undefined) return;
    this.#delivering = true;
    this.#network.time.after(0, () => {
      this.#delivering = false;
      this.#deliver();
    });
  }

  /** One chunk, or the end. */
  #deliver(): void {
    if (this.#state === 'closed' || (this.#paused && this.#state === 'open')) return;
    const all = Buffer.concat(this.#arrived);
    if (all.length > 0) {
      const length = this.#state === 'ending' ? all.length : this.#network.drawChunkBytes(all.length);
      this.#arrived = length < all.length ? [all.subarray(length)] : [];
      const peer = this.#other;
      peer.#underWayBytes -= length;
      peer.#push();
      if (this.#state === 'open') this.#handOver(all.subarray(0, length));
      this.#deliverSoon();
      return;
    }
    if (!this.#finArrived || this.#finDelivered) return;
    this.#finDelivered = true;
    if (this.#state === 'ending') {
      if (this.#finSent) this.#close(undefined);
    } else if (this.#handlers!.onEnd === undefined) {
      this.end();
    } else {
      this.#handlers!.onEnd();
    }
  }

  #handOver(bytes: Bytes): void {
    const chunk = copyBytes(bytes);
    try {
      this.#handlers!.onData(chunk);
    } catch (error) {
      this.#close(error instanceof Error ? error : new Error(String(error)));
      this.#carry(() => this.#other.#arriveFin());
    }
    chunk.fill(0xaa); // Only valid during the call.
  }

  #close(error: Error | undefined): void {
    if (this.#state === 'closed') return;
    this.#state = 'closed';
    this.#sockets.forget(this);
    this.onClosed?.();
    this.#closeError = error;
    if (this.#handlers !== undefined) this.#tellClosed();
  }

  #tellClosed(): void {
    this.#network.time.after(0, () => {
      if (!this.#dead) this.#handlers?.onClose(this.#closeError);
    });
  }
}

function resetError(socket: Socket): OperationError {
  const peer = `${socket.remoteAddress}:${socket.remotePort}`;
  return socketError(newSystemError('ECONNRESET', 'connection reset by peer'), `connection of ${peer}`);
}

function linkOf(a: string, b: string): string {
  return a < b ? `${a} ${b}` : `${b} ${a}`;
}

function isLoopback(host: string): boolean {
  return host === '127.0.0.1' || host === '::1' || host === 'localhost';
}

function never<T>(): Promise<T> {
  return new Promise(() => {});
}
