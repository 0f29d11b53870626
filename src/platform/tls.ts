/**
 * Encryption of sockets, as protocol servers need it: TLS 1.2 and 1.3, the server's side only.
 *
 * An identity is a certificate and its key. Listeners and connections refer to it, and `replace` changes what it is for
 * all handshakes from then on, so that a renewed certificate needs no restart. Encryption and its rules are Node's.
 */

import { X509Certificate } from 'node:crypto';
import type { Bytes } from '../base/bytes.ts';

export interface TlsCredentials {
  /** The server's certificate and those between it and its authority, PEM. */
  readonly certificate: string;
  /** Its private key, PEM, without a passphrase. */
  readonly key: string;
  /** Authorities (PEM) of client certificates; without them clients are not asked for one. */
  readonly authorities?: string;
  /** Refuses clients that have no certificate; needs `authorities`. One that is shown must be valid either way. */
  readonly requireClientCertificate?: boolean;
}

export interface TlsIdentity {
  /**
   * For handshakes from now on; open connections keep what they have, and old sessions cannot be resumed.
   * @throws OperationError `invalid_config` for what is no certificate, or not the key of it: then nothing changes.
   */
  replace(credentials: TlsCredentials): void;
}

/** What a connection has agreed upon. */
export interface TlsSession {
  /** "TLSv1.2" or "TLSv1.3". */
  readonly protocol: string;
  /**
   * The hash of the certificate that the client was shown, for channel binding of the type `tls-server-end-point`
   * (RFC 5929, 4.1); undefined where its signature names no hash, as Ed25519.
   */
  readonly endPoint: Bytes | undefined;
}

export interface TlsIdentityOptions {
  /** Told of handshakes that failed: an `io` error that names the reason. */
  readonly onFailure?: (error: Error) => void;
}

/** When the first certificate of a PEM text ends to be valid, milliseconds since 1970; undefined for what is none. */
export function certificateEndMs(pem: string): number | undefined {
  try {
    return Date.parse(new X509Certificate(pem).validTo);
  } catch {
    return undefined;
  }
}
