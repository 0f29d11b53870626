/**
 * One store: checks each request as TiKV does, lets faults have their turn, executes, and speaks BatchCommands.
 *
 * Answers to a batch come out of order and in odd groups where the cluster has `disorder`.
 */

import { keyText } from '../src/bytes.ts';
import { sleep } from '../src/environment.ts';
import { memcomparableBytes } from '../src/memcomparable.ts';
import { BatchCommands, EMPTY_COMMAND, unwrapCommand, wrapCommand } from '../src/proto/batch-commands.ts';
import type { Context } from '../src/proto/kvrpcpb.ts';
import { UnsafeDestroyRangeRequest, UnsafeDestroyRangeResponse } from '../src/proto/transaction-messages.ts';
import { GrpcStatus } from '../src/transport.ts';
import type { ClusterState } from './cluster-state.ts';
import type { FaultAction } from './faults.ts';
import type { Handler } from './handler.ts';
import { RAW_HANDLERS } from './raw-handlers.ts';
import {
  checkApi,
  checkKeys,
  checkRegion,
  KEY_BYTES_MAX,
  RAFT_ENTRY_BYTES_MAX,
  type RegionErrorInit,
} from './region-checks.ts';
import {
  ConnectionLost,
  type ServerStream,
  type ServerStreamHandlers,
  type Service,
  SILENCE,
  StatusError,
} from './service.ts';
import type { StoreState } from './topology.ts';
import { dropRange, TRANSACTION_HANDLERS } from './transaction-handlers.ts';

const HANDLERS: readonly Handler[] = [...TRANSACTION_HANDLERS, ...RAW_HANDLERS];
const BY_PATH = new Map(HANDLERS.map((handler) => [handler.method.path, handler]));
const BY_NUMBER = new Map(
  HANDLERS.flatMap((handler) =>
    handler.method.batchNumber === undefined ? [] : [[handler.method.batchNumber, handler]],
  ),
);

const BATCH_COMMANDS = '/tikvpb.Tikv/BatchCommands';
const DESTROY_RANGE = '/tikvpb.Tikv/UnsafeDestroyRange';
export const HEALTH_CHECK = '/grpc.health.v1.Health/Check';
/** `HealthCheckResponse { status: SERVING }`. */
export const SERVING = Buffer.from([0x08, 0x01]);

type Answer = Readonly<Record<string, unknown>>;

export class StoreService implements Service {
  readonly #cluster: ClusterState;
  readonly #store: StoreState;

  constructor(cluster: ClusterState, store: StoreState) {
    this.#cluster = cluster;
    this.#store = store;
  }

  async call(path: string, request: Buffer): Promise<Uint8Array> {
    if (this.#store.state === 'frozen') return SILENCE;
    if (path === HEALTH_CHECK) return SERVING;
    if (path === DESTROY_RANGE) return this.#destroyRange(request);
    const handler = BY_PATH.get(path);
    if (handler === undefined) throw new StatusError(GrpcStatus.UNIMPLEMENTED, `unknown method ${path}`);
    return this.#serve(handler, request);
  }

  open(path: string, stream: ServerStream): ServerStreamHandlers {
    if (path !== BATCH_COMMANDS) throw new StatusError(GrpcStatus.UNIMPLEMENTED, `unknown stream ${path}`);
    let open = true;
    const replies: { id: bigint; reply: Buffer }[] = [];
    let flushing = false;
    const flush = () => {
      flushing = false;
      if (!open || replies.length === 0) return;
      for (const group of this.#groups(replies.splice(0))) {
        stream.send(
          BatchCommands.encode({ commands: group.map((one) => one.reply), requestIds: group.map((one) => one.id) }),
        );
      }
    };
    const reply = (id: bigint, command: Buffer) => {
      replies.push({ id, reply: command });
      if (flushing) return;
      flushing = true;
      this.#cluster.environment.timers.soon(flush);
    };
    const fail = (error: unknown) => {
      if (!open) return;
      open = false;
      stream.end(error instanceof StatusError ? error : new StatusError(GrpcStatus.INTERNAL, String(error)));
    };
    return {
      onMessage: (message) => {
        if (this.#store.state === 'frozen') return;
        const batch = BatchCommands.decode(message);
        flushing = true; // What is answered at once goes out together.
        for (const [index, wrapped] of batch.commands.entries()) {
          if (!open) return;
          const id = batch.requestIds[index]!;
          const command = unwrapCommand(wrapped);
          const handler = command === undefined ? undefined : BY_NUMBER.get(command.number);
          if (command === undefined || handler === undefined) {
            reply(id, wrapCommand(EMPTY_COMMAND, Buffer.alloc(0)));
            continue;
          }
          try {
            const answer = this.#serve(handler, command.body);
            if (answer instanceof Promise) answer.then((body) => reply(id, wrapCommand(command.number, body)), fail);
            else reply(id, wrapCommand(command.number, answer));
          } catch (error) {
            fail(error);
          }
        }
        flush();
      },
      onClose: () => {
        open = false;
      },
    };
  }

  /** @throws StatusError */
  #serve(handler: Handler, bytes: Buffer): Uint8Array | Promise<Uint8Array> {
    const request = handler.method.request.decode(bytes) as Answer;
    const { faults } = this.#cluster;
    if (!faults.active) return this.#encode(handler, this.#execute(handler, request, bytes.length));
    const context = request.context as Context | undefined;
    const action = faults.arrived({
      storeId: this.#store.id,
      method: handler.method.name,
      regionId: context?.regionId ?? 0n,
      request,
    });
    if (action === undefined) return this.#encode(handler, this.#execute(handler, request, bytes.length));
    return this.#underFault(handler, request, bytes.length, action);
  }

  async #underFault(handler: Handler, request: Answer, size: number, action: FaultAction): Promise<Uint8Array> {
    const { timers } = this.#cluster.environment;
    const execute = async () => this.#encode(handler, await this.#execute(handler, request, size));
    switch (action.kind) {
      case 'delay': {
        if (action.when !== 'after') await sleep(timers, action.ms);
        const answer = await execute();
        if (action.when === 'after') await sleep(timers, action.ms);
        return answer;
      }
      case 'regionError':
        return handler.method.response.encode({ regionError: action.error } as never);
      case 'respond':
        return handler.method.response.encode(action.response as never);
      case 'status':
        throw new StatusError(action.status, action.message);
      case 'swallow':
        return SILENCE;
      case 'loseReply':
        await execute();
        if (action.how === 'silence') return SILENCE;
        if (action.how === 'undetermined') {
          return handler.method.response.encode({ regionError: { undeterminedResult: {} } } as never);
        }
        throw new ConnectionLost();
      case 'duplicate': {
        const answer = await execute();
        await execute();
        return answer;
      }
      case 'hook':
        action.run();
        return execute();
    }
  }

  #encode(handler: Handler, answer: Answer | Promise<Answer>): Uint8Array | Promise<Uint8Array> {
    if (answer instanceof Promise) return answer.then((one) => handler.method.response.encode(one as never));
    return handler.method.response.encode(answer as never);
  }

  #execute(handler: Handler, request: Answer, size: number): Answer | Promise<Answer> {
    const cluster = this.#cluster;
    const context = request.context as Context | undefined;
    if (context === undefined) throw new StatusError(GrpcStatus.INVALID_ARGUMENT, 'the request has no context');
    const checked = checkRegion(cluster, this.#store, context);
    if ('error' in checked) return { regionError: checked.error };
    const { region } = checked;
    const touched = handler.touches(request);
    const keys = touched.keys ?? [];
    if (handler.kind !== 'either') {
      const refusal = checkApi(cluster, handler.kind, context, keys, touched.bounds);
      if (refusal !== undefined) return handler.refuse(refusal);
      const tooLong = keys.find((key) => memcomparableBytes(key.length) > KEY_BYTES_MAX);
      if (tooLong !== undefined) return handler.refuse(`KeyTooLarge { key: ${tooLong.length} bytes }`);
    }
    const outside = checkKeys(cluster, region, keys);
    if (outside !== undefined) return { regionError: outside };
    if (handler.writes && size > RAFT_ENTRY_BYTES_MAX) {
      return { regionError: { raftEntryTooLarge: { regionId: region.id, entrySize: BigInt(size) } } };
    }
    const recheck = (): RegionErrorInit | undefined => {
      const again = checkRegion(cluster, this.#store, context);
      return 'error' in again ? again.error : checkKeys(cluster, again.region, keys);
    };
    const answer = handler.run({ cluster, store: this.#store, region, recheck }, request, context);
    if (handler.writes) cluster.locks.wake();
    return answer;
  }

  #destroyRange(bytes: Buffer): Uint8Array {
    const request = UnsafeDestroyRangeRequest.decode(bytes);
    dropRange(this.#cluster.data, keyText(request.startKey), keyText(request.endKey));
    this.#cluster.raw.deleteRange(keyText(request.startKey), keyText(request.endKey));
    return UnsafeDestroyRangeResponse.encode({});
  }

  #groups<T>(replies: T[]): T[][] {
    const { disorder } = this.#cluster;
    if (disorder === undefined || replies.length < 2) return [replies];
    for (let i = replies.length - 1; i > 0; i--) {
      const j = disorder.int(i + 1);
      [replies[i], replies[j]] = [replies[j]!, replies[i]!];
    }
    const cut = disorder.int(replies.length);
    return cut === 0 ? [replies] : [replies.slice(0, cut), replies.slice(cut)];
  }
}
