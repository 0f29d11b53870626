/** What listens at an address, whatever carries the bytes. */

import { GrpcStatus } from '../src/transport.ts';

export class StatusError extends Error {
  override readonly name = 'StatusError';
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

/** What was executed, and its reply is lost: over TCP the whole connection is cut, in the process the one call fails. */
export class ConnectionLost extends StatusError {
  constructor() {
    super(GrpcStatus.UNAVAILABLE, 'the connection was reset');
  }
}

/** The server's side of a stream. */
export interface ServerStream {
  send(message: Uint8Array): void;
  end(error: StatusError): void;
}

export interface ServerStreamHandlers {
  onMessage(message: Buffer): void;
  /** The client has gone. */
  onClose(): void;
}

export interface Service {
  /** A promise that never settles is a server that never answers. @throws StatusError */
  call(path: string, request: Buffer): Promise<Uint8Array>;
  /** @throws StatusError */
  open(path: string, stream: ServerStream): ServerStreamHandlers;
}

/** A reply that does not come. */
export const SILENCE = new Promise<never>(() => {});
