/**
 * Stream sockets as protocol servers need them.
 *
 * The machine's implementation reads every socket of a listener into one reusable buffer (`onread`), which doubles
 * throughput of small requests; so a chunk handed to `onData` is only valid during the call.
 */

import type { Bytes } from '../base/bytes.ts';
import type { TlsCredentials, TlsIdentity, TlsIdentityOptions, TlsSession } from './tls.ts';

/** Seconds of silence after which the kernel asks an accepted peer whether it is still there, and closes when nobody answers. */
export const KEEP_ALIVE_S = 300;

export interface Sockets {
  /** Listens and answers with the bound address; port 0 picks a free one. @throws `io` naming host, port and the fix. */
  listen(options: ListenOptions, onConnection: (socket: Socket) => SocketHandlers): Promise<Listener>;
  connect(options: ConnectOptions, handlers: SocketHandlers): Promise<Socket>;
  /** @throws OperationError `invalid_config` for what is no certificate, or not the key of it. */
  identify(credentials: TlsCredentials, options?: TlsIdentityOptions): TlsIdentity;
}

/** Host and port, or the path of a Unix socket. */
export type ConnectOptions = { readonly host: string; readonly port: number } | { readonly path: string };

export interface ListenOptions {
  /** Host and port, or the path of a Unix socket. Default 127.0.0.1 and a free port. */
  readonly host?: string;
  readonly port?: number;
  readonly path?: string;
  /** Connections beyond it are refused: told `refusal`, then closed. */
  readonly connectionsMax?: number;
  /** Bytes sent to a client that is one too many, before it is closed. */
  readonly refusal?: Bytes;
  /** Encrypts connections from their first byte on. */
  readonly tls?: ListenTls;
}

export interface ListenTls {
  readonly identity: TlsIdentity;
  /** Whether who speaks in clear is cut off. Otherwise the first byte tells: 0x16 begins a handshake. */
  readonly required: boolean;
}

export interface Listener {
  readonly host: string;
  readonly port: number;
  readonly connections: number;
  /** Stops accepting; open connections live on. */
  stopAccepting(): void;
  /** Stops accepting and destroys what is open. */
  close(): Promise<void>;
}

export interface SocketHandlers {
  /** `chunk` is only valid during the call: copy what must stay. An error thrown here destroys the socket. */
  onData(chunk: Bytes): void;
  /** The kernel took what `write` had left over. */
  onDrain?(): void;
  /** The peer will send no more. The socket stays writable until `end` or `destroy`. */
  onEnd?(): void;
  /** Called exactly once, after an error, `end` or `destroy`. */
  onClose(error?: Error): void;
}

export interface Socket {
  readonly remoteAddress: string;
  readonly remotePort: number;
  /** Of this end; empty and 0 for a Unix socket. */
  readonly localAddress: string;
  readonly localPort: number;
  /** True while written bytes wait for the kernel. */
  readonly bufferedBytes: number;
  /** Once a handshake is done. */
  readonly tls: TlsSession | undefined;
  /**
   * Encrypts from here on; the client begins the handshake. Nothing may be written before it is done: until then what is
   * written is dropped, and `end` destroys. A handshake that fails closes the socket.
   */
  startTls(identity: TlsIdentity): void;
  /**
   * Hands bytes to the kernel. @returns true when it took them all at once, so that the caller may reuse the buffer;
   * false when they are kept until `onDrain`, and the buffer now belongs to the socket.
   */
  write(bytes: Bytes): boolean;
  /** As `write`, of several one after the other. */
  writeAll(parts: readonly Bytes[]): boolean;
  /** Stops and resumes delivery of `onData`. */
  pause(): void;
  resume(): void;
  /** Flushes what was written, then closes. Nothing is delivered any more, and a peer that takes nothing delays it. */
  end(): void;
  /** As `end`, of a client that was told why it is not served. It may wait for its end, so that whoever goes on in a loop is slowed down. */
  refuse(): void;
  destroy(): void;
}
