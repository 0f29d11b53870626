/**
 * How calls reach a server: bytes in, bytes out, by address and path. Two implementations: gRPC over HTTP/2
 * (`node/grpc-transport.ts`), and one inside the process on virtual time (`test-cluster/in-process-transport.ts`).
 *
 * Every failure is an `RpcError` with a gRPC status. Whether a call that failed was executed is unknown, unless the
 * status says otherwise; callers for which that matters must remember that an error happened.
 */

export const GrpcStatus = {
  OK: 0,
  CANCELLED: 1,
  UNKNOWN: 2,
  INVALID_ARGUMENT: 3,
  DEADLINE_EXCEEDED: 4,
  NOT_FOUND: 5,
  PERMISSION_DENIED: 7,
  RESOURCE_EXHAUSTED: 8,
  FAILED_PRECONDITION: 9,
  UNIMPLEMENTED: 12,
  INTERNAL: 13,
  UNAVAILABLE: 14,
  UNAUTHENTICATED: 16,
} as const;

export class RpcError extends Error {
  override readonly name = 'RpcError';
  readonly status: number;
  readonly address: string;

  constructor(status: number, message: string, address: string, cause?: unknown) {
    super(`${address}: ${message}`, cause === undefined ? undefined : { cause });
    this.status = status;
    this.address = address;
  }
}

export interface CallOptions {
  /** After it the call fails with DEADLINE_EXCEEDED. */
  readonly timeoutMs: number;
  /** Aborting fails the call with CANCELLED. */
  readonly signal?: AbortSignal | undefined;
}

export interface StreamHandlers {
  onMessage(message: Buffer): void;
  /** Called exactly once, however the stream ends; nothing is delivered afterwards. */
  onClose(error: RpcError): void;
}

export interface MessageStream {
  /** The bytes now belong to the stream. After the stream ended it does nothing. */
  send(message: Uint8Array): void;
  /** Ends the stream; `onClose` is called with CANCELLED. */
  cancel(): void;
  /** Bytes that wait for the peer. */
  readonly bufferedBytes: number;
  /** The connection below is to be left: open another stream, and cancel this one when nothing is pending on it. */
  readonly retired: boolean;
}

/** A connection to one address, made when it is first needed and again after it broke. */
export interface Connection {
  readonly address: string;
  /** @throws RpcError */
  call(path: string, request: Uint8Array, options: CallOptions): Promise<Buffer>;
  open(path: string, handlers: StreamHandlers): MessageStream;
  close(): void;
}

export interface Transport {
  /** Of addresses it can reach, where it makes a difference. */
  readonly scheme?: 'http' | 'https';
  /** `address` is host:port, with or without a scheme in front. */
  connect(address: string): Connection;
}
