/**
 * Many calls over one `BatchCommands` stream. What is asked in one turn of the event loop travels in one message, up to
 * `COMMANDS_MAX`; answers come in any order and are matched by id.
 *
 * When the stream breaks every pending call fails with the reason: whether it was executed is unknown. A call whose time
 * is up, or whose caller lost interest, is forgotten; its answer is ignored when it comes.
 */

import type { Environment, Timer } from './environment.ts';
import { messageOf } from './errors.ts';
import { BatchCommands, EMPTY_COMMAND, unwrapCommand, wrapCommand } from './proto/batch-commands.ts';
import { type CallOptions, type Connection, GrpcStatus, type MessageStream, RpcError } from './transport.ts';

const PATH = '/tikvpb.Tikv/BatchCommands';
const COMMANDS_MAX = 128;
/** Of one message, so that a large value does not wait for, or delay, a hundred others. */
const MESSAGE_BYTES_MAX = 4 * 1024 * 1024;

interface Pending {
  readonly number: number;
  readonly deadlineMs: number;
  readonly timeoutMs: number;
  readonly signal: AbortSignal | undefined;
  readonly onAbort: (() => void) | undefined;
  readonly resolve: (response: Buffer) => void;
  readonly reject: (error: RpcError) => void;
}

export class BatchStream {
  readonly #environment: Environment;
  readonly #connection: Connection;
  readonly #pending = new Map<bigint, Pending>();
  #queuedCommands: Buffer[] = [];
  #queuedIds: bigint[] = [];
  #queuedBytes = 0;
  #stream: MessageStream | undefined;
  #lastId = 0n;
  #scheduled = false;
  #sweep: Timer | undefined;
  #sweepAtMs = 0;

  constructor(environment: Environment, connection: Connection) {
    this.#environment = environment;
    this.#connection = connection;
  }

  /** A message is being filled, with room for more. */
  get isGathering(): boolean {
    return this.#queuedIds.length > 0 && this.#queuedIds.length < COMMANDS_MAX;
  }

  get pending(): number {
    return this.#pending.size;
  }

  /** @throws RpcError */
  call(number: number, request: Uint8Array, options: CallOptions): Promise<Buffer> {
    const { signal, timeoutMs } = options;
    if (signal?.aborted === true) {
      return Promise.reject(this.#error(GrpcStatus.CANCELLED, 'cancelled', signal.reason));
    }
    return new Promise((resolve, reject) => {
      const id = ++this.#lastId;
      const onAbort =
        signal === undefined
          ? undefined
          : () => this.#settle(id)?.reject(this.#error(GrpcStatus.CANCELLED, 'cancelled', signal.reason));
      if (onAbort !== undefined) signal?.addEventListener('abort', onAbort, { once: true });
      const deadlineMs = this.#environment.clock.monotonicMs() + timeoutMs;
      this.#pending.set(id, { number, deadlineMs, timeoutMs, signal, onAbort, resolve, reject });
      this.#expectBy(deadlineMs);
      const command = wrapCommand(number, request);
      if (this.#queuedBytes + command.length > MESSAGE_BYTES_MAX || this.#queuedIds.length >= COMMANDS_MAX)
        this.#flush();
      this.#queuedCommands.push(command);
      this.#queuedIds.push(id);
      this.#queuedBytes += command.length;
      if (this.#scheduled) return;
      this.#scheduled = true;
      this.#environment.timers.soon(() => {
        this.#scheduled = false;
        this.#flush();
      });
    });
  }

  #flush(): void {
    if (this.#queuedIds.length === 0) return;
    const message = BatchCommands.encode({ commands: this.#queuedCommands, requestIds: this.#queuedIds });
    this.#queuedCommands = [];
    this.#queuedIds = [];
    this.#queuedBytes = 0;
    this.#stream ??= this.#open();
    this.#stream.send(message);
  }

  #open(): MessageStream {
    const stream: MessageStream = this.#connection.open(PATH, {
      onMessage: (message) => {
        try {
          this.#answered(message);
        } catch (error) {
          this.#broken(stream, this.#error(GrpcStatus.INTERNAL, messageOf(error), error));
          stream.cancel();
        }
        if (stream.retired && this.#pending.size === 0 && this.#stream === stream) {
          this.#stream = undefined;
          stream.cancel();
        }
      },
      onClose: (error) => this.#broken(stream, error),
    });
    return stream;
  }

  #answered(message: Buffer): void {
    const { commands, requestIds } = BatchCommands.decode(message);
    for (const [index, wrapped] of commands.entries()) {
      const id = requestIds[index];
      if (id === undefined) throw new Error('an answer has no request id');
      const call = this.#settle(id);
      if (call === undefined) continue;
      const command = unwrapCommand(wrapped);
      if (command?.number === call.number) call.resolve(command.body);
      else if (command === undefined || command.number === EMPTY_COMMAND) {
        call.reject(this.#error(GrpcStatus.UNIMPLEMENTED, `the store does not know command ${call.number}`));
      } else {
        call.reject(this.#error(GrpcStatus.INTERNAL, `command ${call.number} was answered by ${command.number}`));
      }
    }
  }

  #broken(stream: MessageStream, error: RpcError): void {
    if (this.#stream !== stream) return;
    this.#stream = undefined;
    // What is still queued was never sent, but that is for a repetition to find out: one road is enough.
    this.#queuedCommands = [];
    this.#queuedIds = [];
    this.#queuedBytes = 0;
    for (const id of [...this.#pending.keys()]) this.#settle(id)?.reject(error);
  }

  #settle(id: bigint): Pending | undefined {
    const call = this.#pending.get(id);
    if (call === undefined) return undefined;
    this.#pending.delete(id);
    if (call.onAbort !== undefined) call.signal?.removeEventListener('abort', call.onAbort);
    return call;
  }

  /** One timer for all calls: it looks for those whose time is up, and is set again for the next. */
  #expectBy(deadlineMs: number): void {
    if (this.#sweep !== undefined && this.#sweepAtMs <= deadlineMs) return;
    this.#sweep?.cancel();
    this.#sweepAtMs = deadlineMs;
    const delayMs = deadlineMs - this.#environment.clock.monotonicMs();
    this.#sweep = this.#environment.timers.after(delayMs, () => {
      this.#sweep = undefined;
      const nowMs = this.#environment.clock.monotonicMs();
      let next = Number.POSITIVE_INFINITY;
      for (const [id, call] of [...this.#pending]) {
        // A timer may be early by a fraction of a millisecond.
        if (call.deadlineMs > nowMs + 1) next = Math.min(next, call.deadlineMs);
        else {
          const message = `no answer within ${call.timeoutMs} ms`;
          this.#settle(id)?.reject(this.#error(GrpcStatus.DEADLINE_EXCEEDED, message));
        }
      }
      if (next !== Number.POSITIVE_INFINITY) this.#expectBy(next);
    });
  }

  #error(status: number, message: string, cause?: unknown): RpcError {
    return new RpcError(status, message, this.#connection.address, cause);
  }
}
