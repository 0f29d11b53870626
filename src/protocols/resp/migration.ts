/**
 * Hands dumped values to another Redis: connect, AUTH, SELECT, and a RESTORE for each key, whose answers are read line by
 * line. What the other refuses to let in is answered before a value leaves.
 *
 * No connection is kept for the next time, and none is encrypted. Source: Redis, cluster.c, `migrateCommand`.
 */

import { type Bytes, concatBytes, copyBytes, latin1, utf8 } from '../../base/bytes.ts';
import { OperationError } from '../../base/errors.ts';
import { dumpInSlices } from '../../models/keyvalue/dump.ts';
import type { Platform, Timer } from '../../platform/platform.ts';
import type { Socket, SocketHandlers } from '../../platform/sockets.ts';
import { systemCode } from '../../platform/system-error.ts';
import { RespError } from './errors.ts';

export interface MigrationTarget {
  readonly host: string;
  readonly port: number;
  readonly database: number | bigint;
  /** `password`, or `user password`; empty for none. */
  readonly credentials: readonly Bytes[];
  /** For each step by itself: to connect, to take a value, to answer one. */
  readonly timeoutMs: number;
}

export interface MigratedKey {
  readonly key: Bytes;
  readonly value: Bytes;
  /** 0 for a key without expiry. */
  readonly ttlMs: bigint;
}

/** Of answers that were received and not looked at. */
const ANSWER_BYTES_MAX = 1024 * 1024;
/** What is handed to the socket in one piece. */
const PIECE_BYTES = 1024 * 1024;
/** Keys, and bytes of their values, that are sent before their answers are looked at. */
const GROUP_KEYS_MAX = 64;
const GROUP_BYTES = 1024 * 1024;

/**
 * Sends the keys and their values; `taken` is told of each key that the other has now.
 * @throws RespError the first refusal of the other, or IOERR; keys it has taken stay with it.
 */
export async function migrate(
  platform: Pick<Platform, 'timers' | 'sockets'>,
  target: MigrationTarget,
  keys: readonly MigratedKey[],
  options: { readonly replace: boolean; readonly taken: (key: MigratedKey) => void },
): Promise<void> {
  const link = await Link.open(platform, target);
  try {
    const { credentials, database } = target;
    if (credentials.length > 0) {
      await link.send([utf8('AUTH'), ...credentials]);
      requireAccepted(await link.line());
    }
    await link.send([utf8('SELECT'), utf8(String(database))]);
    requireAccepted(await link.line());
    const pauses = { pause: () => platform.timers.yield() };
    let refusal: string | undefined;
    for (let from = 0; from < keys.length; ) {
      let to = from;
      for (let bytes = 0; to < keys.length && to - from < GROUP_KEYS_MAX && bytes < GROUP_BYTES; to++) {
        const { key, value, ttlMs } = keys[to]!;
        const words = [utf8('RESTORE'), key, utf8(String(ttlMs)), await dumpInSlices(pauses, value)];
        await link.send(options.replace ? [...words, utf8('REPLACE')] : words);
        bytes += value.length;
      }
      for (; from < to; from++) {
        const line = await link.line();
        if (line.startsWith('-')) refusal ??= line;
        else options.taken(keys[from]!);
      }
    }
    if (refusal !== undefined) requireAccepted(refusal);
  } finally {
    link.close();
  }
}

function requireAccepted(line: string): void {
  if (line.startsWith('-')) throw new RespError(`ERR Target instance replied with error: ${line.slice(1)}`);
}

/** A connection to a server that answers requests with lines. */
class Link implements SocketHandlers {
  readonly #timers: Platform['timers'];
  readonly #timeoutMs: number;
  #socket: Socket | undefined;
  #received = '';
  #closed = false;
  #wake: (() => void) | undefined;

  private constructor(timers: Platform['timers'], timeoutMs: number) {
    this.#timers = timers;
    this.#timeoutMs = timeoutMs;
  }

  static async open({ timers, sockets }: Pick<Platform, 'timers' | 'sockets'>, target: MigrationTarget): Promise<Link> {
    const { host, port, timeoutMs } = target;
    const link = new Link(timers, timeoutMs);
    let isLate = false;
    const connecting = sockets.connect({ host, port }, link).then((socket) => {
      if (isLate) socket.destroy();
      return socket;
    });
    try {
      link.#socket = await within(timers, timeoutMs, connecting);
    } catch (error) {
      isLate = true;
      // Redis notices a refusal when it writes.
      if (isRefusal(error)) throw failure('writing');
      throw new RespError('IOERR error or timeout connecting to the client');
    }
    return link;
  }

  async send(words: readonly Bytes[]): Promise<void> {
    const heads = words.map((word, i) => utf8(`${i === 0 ? `*${words.length}\r\n` : '\r\n'}$${word.length}\r\n`));
    let small: Bytes[] = [];
    for (const [i, word] of words.entries()) {
      small.push(heads[i]!);
      if (word.length < PIECE_BYTES) {
        small.push(word);
        continue;
      }
      await this.#write(concatBytes(...small));
      small = [];
      // What the socket cannot send at once it keeps, and the caller's bytes are the caller's.
      for (let at = 0; at < word.length; at += PIECE_BYTES) {
        await this.#write(copyBytes(word.subarray(at, at + PIECE_BYTES)));
      }
    }
    await this.#write(concatBytes(...small, utf8('\r\n')));
  }

  async #write(bytes: Bytes): Promise<void> {
    const socket = this.#socket!;
    if (this.#closed) throw failure('writing');
    if (socket.write(bytes)) return;
    while (socket.bufferedBytes > 0) await this.#event('writing');
  }

  /** The next answer, without the end of its line. */
  async line(): Promise<string> {
    let end = this.#received.indexOf('\r\n');
    while (end === -1) {
      await this.#event('reading');
      end = this.#received.indexOf('\r\n');
    }
    const line = this.#received.slice(0, end);
    this.#received = this.#received.slice(end + 2);
    return line;
  }

  close(): void {
    this.#socket?.destroy();
  }

  onData(chunk: Bytes): void {
    this.#received += latin1(chunk);
    if (this.#received.length > ANSWER_BYTES_MAX) this.#socket?.destroy();
    this.#wake?.();
  }

  onDrain(): void {
    this.#wake?.();
  }

  onEnd(): void {
    this.#socket?.destroy();
  }

  onClose(): void {
    this.#closed = true;
    this.#wake?.();
  }

  /** Waits until something has happened on the socket. @throws RespError for its end, or when nothing does. */
  async #event(doing: 'reading' | 'writing'): Promise<void> {
    if (this.#closed) throw failure(doing);
    const happened = new Promise<void>((resolve) => {
      this.#wake = resolve;
    });
    await within(this.#timers, this.#timeoutMs, happened).catch(() => {
      throw failure(doing);
    });
    this.#wake = undefined;
  }
}

function isRefusal(error: unknown): boolean {
  return error instanceof OperationError && systemCode(error.cause) === 'ECONNREFUSED';
}

function failure(doing: 'reading' | 'writing'): RespError {
  return new RespError(`IOERR error or timeout ${doing} to target instance`);
}

/** @throws when `promise` has not settled after `timeoutMs`. */
async function within<T>(timers: Platform['timers'], timeoutMs: number, promise: Promise<T>): Promise<T> {
  let timer: Timer | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = timers.after(timeoutMs, () => reject(new Error('too late')));
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    timer?.cancel();
  }
}
