/**
 * The handle below a socket of Node's (libuv's stream), as far as it is used without one. It is private to Node, and so are the
 * classes of its requests: the first write and the first end of the process that go a stream's way show them.
 */

import type * as net from 'node:net';
import { getSystemErrorName } from 'node:util';
import type { Bytes } from '../base/bytes.ts';

/** The part of a socket's handle (libuv's stream) that is used here. */
export interface StreamHandle {
  /** @returns 0, or a negative system error. What the kernel does not take at once stays queued with `request`. */
  writeBuffer(request: WriteRequest, bytes: Bytes): number;
  /** As that, of several one after the other. */
  writev(request: WriteRequest, parts: readonly Bytes[], areBuffers: true): number;
  /** Bytes queued. */
  readonly writeQueueSize: number;
  /** Sends the end behind what was written. @returns 0, or something else where nothing is sent. */
  shutdown(request: ShutdownRequest): number;
  /** Of TCP only, as is the next. */
  setNoDelay?(on: boolean): number;
  /** Fills `peer`. @returns 0, or a negative system error. */
  getpeername?(peer: Peer): number;
  /** As that, of this end. */
  getsockname?(peer: Peer): number;
  setKeepAlive?(on: boolean, seconds: number): number;
  /** Of all reads. */
  readonly bytesRead: number;
  /** What is read goes there. */
  useUserBuffer(bytes: Bytes): void;
  /** Called after each read, at the end, and after an error. */
  onread: (this: StreamHandle) => void;
  /** @returns 0, or a negative system error. */
  readStart(): number;
  readStop(): number;
  close(then?: () => void): void;
}

export interface Peer {
  address?: string;
  port?: number;
}

/** The part of a listening handle that is used here. */
export interface ListeningHandle extends StreamHandle {
  /** Called with 0 or a negative system error, and what was accepted. */
  onconnection(status: number, accepted: StreamHandle): void;
}

export interface WriteRequest {
  oncomplete?: (status: number) => void;
  /** Keeps what is queued alive. */
  buffer?: Bytes | readonly Bytes[];
}

export interface ShutdownRequest {
  oncomplete?: () => void;
}

/** Node's classes of requests, once seen. */
export let WriteRequestClass: (new () => WriteRequest) | undefined;
export let ShutdownRequestClass: (new () => ShutdownRequest) | undefined;

let isLearning = false;

/** Has the next streams that write and end show the classes of their requests. */
export function learnRequests(handle: StreamHandle): void {
  if (isLearning) return;
  isLearning = true;
  if (typeof handle.writeQueueSize !== 'number') return;
  meet(handle, 'writeBuffer', (request) => {
    WriteRequestClass = request as new () => WriteRequest;
  });
  meet(handle, 'shutdown', (request) => {
    ShutdownRequestClass = request as new () => ShutdownRequest;
  });
}

/** Tells the class of the request that `method` is first called with, by any handle of this kind. */
function meet(handle: StreamHandle, method: 'writeBuffer' | 'shutdown', learn: (request: unknown) => void): void {
  let owner: object | null = handle;
  while (owner !== null && !Object.hasOwn(owner, method)) owner = Object.getPrototypeOf(owner) as object | null;
  if (owner === null) return;
  const methods = owner as Record<typeof method, (this: StreamHandle, request: object, bytes?: Bytes) => number>;
  const ordinary = methods[method];
  methods[method] = function met(request, bytes) {
    learn(request.constructor);
    methods[method] = ordinary;
    return ordinary.call(this, request, bytes);
  };
}

/**
 * By which a handle knows whom it belongs to: Node's own symbol, for which it has room. A function for each handle that knows it
 * would take a tenth of what we have of a connection.
 */
let ownerKey: symbol | undefined;

export function setOwner(handle: StreamHandle, owner: object): void {
  ownerKey ??=
    Object.getOwnPropertySymbols(handle).find(({ description }) => description === 'owner_symbol') ?? Symbol('owner');
  (handle as unknown as Record<symbol, object>)[ownerKey] = owner;
}

/** Who was set last. */
export function ownerOf(handle: StreamHandle): object {
  return (handle as unknown as Record<symbol, object>)[ownerKey!]!;
}

export function writeError(status: number): Error {
  const code = getSystemErrorName(status);
  return Object.assign(new Error(`write ${code}`), { code, errno: status, syscall: 'write' });
}

export function resetError(): Error {
  return Object.assign(new Error('read ECONNRESET'), { code: 'ECONNRESET', syscall: 'read' });
}

export function handleOf(raw: net.Socket): StreamHandle | undefined {
  return (raw as net.Socket & { readonly _handle?: StreamHandle | null })._handle ?? undefined;
}
