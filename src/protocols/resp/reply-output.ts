/**
 * The replies of one client on their way to its socket, and the messages of the server's own among them.
 *
 * **Replies leave when durable.** Each stretch has a version, the highest it committed or observed; its replies wait until
 * that is durable, and behind the replies before them. A message of the server's own leaves behind the replies of the stretch
 * that is running, as one of them may hold what the message invalidates.
 *
 * **What waits is bounded.** Beyond one bound on what is not durable the client is not read; a client that does not read is
 * closed beyond another, and weighed with all others on the way there. And it takes no more memory than it is weighed with: behind
 * what waits for a socket, replies are copied to memory of their own size, and the writer keeps its buffer.
 */

import { asBuffer, type Bytes } from '../../base/bytes.ts';
import type { Socket } from '../../platform/sockets.ts';
import { INVALIDATE_ALL } from './client-tracking.ts';
import type { DurableWaiter } from './durable-waits.ts';
import type { ExecutionContext } from './execution-context.ts';
import { HeldReplies } from './held-replies.ts';
import { isObserved, type Session } from './session.ts';

/** Clients are weighed again each time one of them has grown by so much. */
export const WEIGHED_BYTES = 1024 * 1024;

/** A client that has left more than so many bytes unread is served in steps: see `isFarBehind`. */
const UNREAD_BYTES = 1024 * 1024;

/** Between values that are lent, so much is copied. */
const COPIED_BYTES = 1024;

/** Of messages that wait for a reply; beyond it everything is invalidated at once. */
const PUSHES_MAX = 1_000;

/** The connection whose replies they are. */
export interface ReplyingClient extends Session {
  /** A command has still to be answered. */
  readonly isWaiting: boolean;
  /** More replies wait to be durable than may: nothing is read meanwhile. */
  setBehind(isBehind: boolean): void;
  /** Replies that had waited have left. */
  released(): void;
  /** What replies were to tell may not have happened. */
  failUnknown(error: unknown): void;
}

export class ReplyOutput implements DurableWaiter {
  readonly #context: ExecutionContext;
  readonly #client: ReplyingClient;
  readonly #socket: Socket;
  readonly #held = new HeldReplies();
  /** Messages for behind the replies of this stretch, or of the command that is running. */
  #pushes: Buffer[] = [];
  #inStretch = false;
  /** What was kept for this client when all of them were last weighed because of it. */
  #weighedBytes = 0;
  /** The socket has not taken all that was written. */
  #isBehind = false;
  /** Much of what was written waits for the client to read: nothing is gained by executing its next commands at once. */
  isFarBehind = false;
  #closed = false;

  constructor(context: ExecutionContext, client: ReplyingClient, socket: Socket) {
    this.#context = context;
    this.#client = client;
    this.#socket = socket;
  }

  /** No reply waits. */
  get isEmpty(): boolean {
    return this.#held.isEmpty;
  }

  /** Bytes that have not left. */
  get bytes(): number {
    return this.#held.length + this.#socket.bufferedBytes;
  }

  /** A stretch begins: what it replies is gathered in the listener's writer. */
  begin(): void {
    this.#inStretch = true;
    this.#context.writer.reset();
  }

  /** Sends the replies of the stretch, now or when they are durable. */
  emit(): void {
    const { writer, server } = this.#context;
    if (isObserved(server)) server.partitions.settle();
    const version = this.#client.observedVersion;
    this.#client.observedVersion = 0;
    if (writer.length > 0 && !this.#closed) {
      if (this.#held.isEmpty) {
        const durable = version === 0 ? undefined : server.partitions.store.whenDurable(version);
        if (durable === undefined) {
          server.counters.bytesSent += writer.bytes;
          if (writer.lentBytes > 0) this.#sendParts();
          else if (this.#isBehind) this.#sendCopy(writer.view());
          else if (this.#socket.write(writer.view())) this.#weighedBytes = 0;
          else {
            writer.replaceBuffer();
            this.#check();
          }
        } else {
          this.#hold(version);
          this.#context.durableWaits.add(durable, this);
        }
      } else this.#hold(version);
    }
    this.#inStretch = false;
    if (this.#pushes.length > 0 && !this.#client.isWaiting) {
      for (const message of this.#pushes.splice(0)) this.show(message);
    }
  }

  /** As `Session.push`. */
  push(message: Buffer): void {
    if (this.#inStretch || this.#client.isWaiting) {
      if (this.#pushes.length >= PUSHES_MAX) this.#pushes = [INVALIDATE_ALL];
      this.#pushes.push(message);
    }
    if (!this.#inStretch) this.show(message);
  }

  /** Sends a message behind the replies that wait, now. */
  show(message: Buffer): void {
    if (!this.#held.isEmpty) {
      this.#held.hold(message, message.length, 0);
      return;
    }
    this.#context.server.counters.bytesSent += message.length;
    this.#socket.write(message);
    this.#check();
  }

  /** One last error, behind which the connection ends; replies that are still held are dropped. */
  fail(line: string): void {
    this.#held.drop();
    this.#socket.write(Buffer.from(`-${line.replace(/[\r\n]/g, ' ')}\r\n`));
  }

  close(): void {
    this.#closed = true;
    this.#held.drop();
  }

  /** What is lent leaves from where it is; what is short between is copied, so that the socket keeps no buffer for it. */
  #sendParts(): void {
    const { writer } = this.#context;
    const parts: Bytes[] = [];
    let mayKeepBuffer = false;
    for (const { bytes, isLent } of writer.parts()) {
      const isCopied = !isLent && (this.#isBehind || bytes.length <= COPIED_BYTES);
      if (bytes.length > 0) parts.push(isCopied ? Buffer.from(bytes) : bytes);
      mayKeepBuffer ||= !isLent && !isCopied;
    }
    if (!this.#socket.writeAll(parts) && mayKeepBuffer) writer.replaceBuffer();
    this.#check();
  }

  /** Of bytes that will wait for the socket. */
  #sendCopy(bytes: Bytes): void {
    this.#socket.write(Buffer.from(bytes));
    this.#check();
  }

  /** The socket has written what it held. */
  drained(): void {
    this.#isBehind = false;
    this.isFarBehind = false;
    this.#weighedBytes = 0;
  }

  #hold(version: number): void {
    const { writer, server } = this.#context;
    if (writer.lentBytes === 0) this.#held.hold(writer.buffer, writer.length, version);
    else {
      for (const { bytes, isLent } of writer.parts()) {
        if (isLent) this.#held.holdLent(bytes, version);
        else this.#held.hold(asBuffer(bytes), bytes.length, version);
      }
    }
    if (this.#held.length > server.limits.undurableBytesMax) this.#client.setBehind(true);
  }

  /** Sends all replies that have become durable, with one write where nothing is lent, and waits for the next ones. */
  onDurable(): void {
    if (this.#closed || this.#held.isEmpty) return;
    const { server } = this.#context;
    const { store } = server.partitions;
    for (let bytes = this.#held.takeDurable(store); bytes !== undefined; ) {
      server.counters.bytesSent += bytes.length;
      this.#held.sent(!this.#socket.write(bytes));
      this.#check();
      bytes = this.#held.isParted ? this.#held.takeDurable(store) : undefined;
    }
    const { waiting } = this.#held;
    if (this.#held.length <= server.limits.undurableBytesMax) this.#client.setBehind(false);
    if (waiting !== undefined && !this.#closed) this.#context.durableWaits.add(waiting, this);
    this.#client.released();
  }

  onUnknown(error: unknown): void {
    if (!this.#closed && !this.#held.isEmpty) this.#client.failUnknown(error);
  }

  /** Closes a client that does not read. */
  #check(): void {
    const bytes = this.#socket.bufferedBytes;
    const { server } = this.#context;
    this.#isBehind = bytes > 0;
    this.isFarBehind = bytes > UNREAD_BYTES;
    if (bytes <= server.limits.outputBytesMax) {
      if (bytes >= this.#weighedBytes + WEIGHED_BYTES) {
        this.#weighedBytes = bytes;
        this.#context.boundClients();
      } else if (bytes === 0) this.#weighedBytes = 0;
      return;
    }
    server.log.warn({ client: this.#client.id }, 'closing a client that does not read its replies');
    this.#socket.destroy();
  }
}
