/** A raw Redis connection for tests: sends bytes, collects bytes, and cuts them into replies without decoding them. */

import * as net from 'node:net';

export class RawClient {
  readonly #socket: net.Socket;
  #unread: Buffer = Buffer.alloc(0);
  #chunks: Buffer[] = [];
  #closed = false;
  #wake: (() => void) | undefined;

  private constructor(socket: net.Socket) {
    this.#socket = socket;
    socket.setNoDelay(true);
    socket.on('data', (chunk) => {
      this.#chunks.push(chunk);
      this.#wake?.();
    });
    socket.on('error', () => {});
    socket.on('close', () => {
      this.#closed = true;
      this.#wake?.();
    });
  }

  get #received(): Buffer {
    if (this.#chunks.length > 0) this.#unread = Buffer.concat([this.#unread, ...this.#chunks.splice(0)]);
    return this.#unread;
  }

  set #received(bytes: Buffer) {
    this.#unread = bytes;
  }

  static connect(port: number): Promise<RawClient> {
    return new Promise((resolve, reject) => {
      const socket = net.connect({ host: '127.0.0.1', port });
      socket.once('error', reject);
      socket.once('connect', () => resolve(new RawClient(socket)));
    });
  }

  send(bytes: string | Buffer): void {
    this.#socket.write(typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes);
  }

  /** The bytes of the next reply, as latin1. @throws when the connection closes first. */
  async reply(): Promise<string> {
    for (;;) {
      const end = replyEnd(this.#received, 0);
      if (end !== undefined) {
        const reply = this.#received.subarray(0, end).toString('latin1');
        this.#received = this.#received.subarray(end);
        return reply;
      }
      const needed = bulkEnd(this.#unread);
      do {
        if (this.#closed)
          throw new Error(`connection closed with ${JSON.stringify(this.#received.toString('latin1'))}`);
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
      } while (this.#receivedBytes < needed && !this.#closed);
    }
  }

  get #receivedBytes(): number {
    return this.#chunks.reduce((sum, chunk) => sum + chunk.length, this.#unread.length);
  }

  async call(...args: readonly (string | Buffer)[]): Promise<string> {
    this.send(request(...args));
    return this.reply();
  }

  /** The next `length` bytes, as latin1. */
  async exactly(length: number): Promise<string> {
    while (this.#receivedBytes < length && !this.#closed) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    const bytes = this.#received.subarray(0, length).toString('latin1');
    this.#received = this.#received.subarray(length);
    return bytes;
  }

  /** All that comes until it ends with `end`, or until the server closes; as latin1. */
  async until(end: Buffer): Promise<string> {
    for (;;) {
      const received = this.#received;
      if (this.#closed || received.subarray(-end.length).equals(end)) {
        this.#received = Buffer.alloc(0);
        return received.toString('latin1');
      }
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  /** Everything that is left once the server has closed. */
  async rest(): Promise<string> {
    while (!this.#closed) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    return this.#received.toString('latin1');
  }

  /** Says that nothing more will be sent. */
  finish(): void {
    this.#socket.end();
  }

  stopReading(): void {
    this.#socket.pause();
  }

  readAgain(): void {
    this.#socket.resume();
  }

  close(): void {
    this.#socket.destroy();
  }
}

/** One command as a multibulk request. */
export function request(...args: readonly (string | Buffer)[]): Buffer {
  const parts: Buffer[] = [Buffer.from(`*${args.length}\r\n`)];
  for (const arg of args) {
    const bytes = typeof arg === 'string' ? Buffer.from(arg, 'latin1') : arg;
    parts.push(Buffer.from(`$${bytes.length}\r\n`), bytes, Buffer.from('\r\n'));
  }
  return Buffer.concat(parts);
}

/** Where a bulk string that begins here ends; 0 for anything else. */
function bulkEnd(bytes: Buffer): number {
  const lineEnd = bytes.indexOf('\r\n');
  if (lineEnd === -1 || bytes[0] !== 0x24) return 0;
  return lineEnd + 2 + Number(bytes.toString('latin1', 1, lineEnd)) + 2;
}

/** Where the reply that begins at `at` ends; undefined while it is incomplete. */
function replyEnd(bytes: Buffer, at: number): number | undefined {
  const lineEnd = bytes.indexOf('\r\n', at);
  if (lineEnd === -1) return undefined;
  const type = String.fromCharCode(bytes[at]!);
  const count = Number(bytes.toString('latin1', at + 1, lineEnd));
  let end = lineEnd + 2;
  if ('$=!'.includes(type)) {
    if (count < 0) return end;
    end += count + 2;
    return end <= bytes.length ? end : undefined;
  }
  if (!'*%~>'.includes(type)) return end;
  const elements = type === '%' ? count * 2 : count;
  for (let i = 0; i < elements; i++) {
    const next = replyEnd(bytes, end);
    if (next === undefined) return undefined;
    end = next;
  }
  return end;
}
