/**
 * TLS of the machine: Node's, over sockets that were accepted in clear.
 *
 * A `tls.Server` that never listens does the handshakes: connections are handed to it as Node documents, by its
 * `connection` event. It checks client certificates, and gives up on clients that do not come to an end.
 */

import { createHash, X509Certificate } from 'node:crypto';
import type * as net from 'node:net';
import * as tls from 'node:tls';
import type { Bytes } from '../base/bytes.ts';
import { messageOf, OperationError } from '../base/errors.ts';
import type { TlsCredentials, TlsIdentity, TlsIdentityOptions, TlsSession } from './tls.ts';

const HANDSHAKE_MS_MAX = 30_000;

export class NodeTlsIdentity implements TlsIdentity {
  readonly #servers = new Set<tls.Server>();
  readonly #handshakes = new WeakMap<net.Socket, (secure: tls.TLSSocket) => void>();
  readonly #onFailure: (error: Error) => void;
  readonly #acceptor: tls.Server;
  #options: tls.TlsOptions;

  constructor(credentials: TlsCredentials, { onFailure = () => {} }: TlsIdentityOptions = {}) {
    this.#options = optionsOf(credentials);
    this.#onFailure = onFailure;
    this.#acceptor = this.serve(tls.createServer(this.options));
    this.#acceptor.on('secureConnection', (secure) => this.#secured(secure));
  }

  /** For a server of Node's that speaks TLS by itself. */
  get options(): tls.TlsOptions {
    return this.#options;
  }

  /** Keeps the certificate of a server up to date, and tells of its failures. */
  serve<S extends tls.Server>(server: S): S {
    this.#servers.add(server);
    server.once('close', () => this.#servers.delete(server));
    server.on('tlsClientError', (error, secure) => {
      this.#onFailure(failureOf(error, secure.remoteAddress));
      secure.destroy();
    });
    server.on('secureConnection', (secure) => {
      if (secure.authorized || secure.getPeerX509Certificate() === undefined) return;
      const error = new Error(`its certificate is not valid: ${secure.authorizationError}`);
      this.#onFailure(failureOf(error, secure.remoteAddress));
      secure.destroy();
    });
    return server;
  }

  replace(credentials: TlsCredentials): void {
    const options = optionsOf(credentials);
    this.#options = options;
    for (const server of this.#servers) server.setSecureContext(options);
  }

  /** The server's side of a handshake over `plain`, which from now on belongs to the secure socket. */
  accept(plain: net.Socket, onSecure: (secure: tls.TLSSocket) => void): void {
    this.#handshakes.set(plain, onSecure);
    plain.allowHalfOpen = false; // Who says nothing more in the middle of a handshake has gone.
    this.#acceptor.emit('connection', plain);
  }

  #secured(secure: tls.TLSSocket): void {
    // The socket below is private to Node, and the only way back to whose handshake it was.
    const { _parent: plain } = secure as tls.TLSSocket & { readonly _parent?: net.Socket };
    const onSecure = plain && this.#handshakes.get(plain);
    if (secure.destroyed || onSecure === undefined) secure.destroy();
    else {
      secure.allowHalfOpen = true;
      onSecure(secure);
    }
  }
}

/** What was agreed upon with the client of a secure socket. */
export function sessionOf(secure: tls.TLSSocket): TlsSession {
  const certificate = secure.getX509Certificate();
  return {
    protocol: secure.getProtocol() ?? '',
    endPoint: certificate === undefined ? undefined : endPointOf(certificate),
  };
}

/** The hash of the certificate's own signature; SHA-256 in place of the broken ones (RFC 5929, 4.1). */
function endPointOf(certificate: X509Certificate): Bytes | undefined {
  const name = /sha-?(224|256|384|512)|sha1|md5/i.exec(certificate.signatureAlgorithm ?? '');
  if (name === null) return undefined;
  return createHash(`sha${name[1] ?? '256'}`)
    .update(certificate.raw)
    .digest();
}

function optionsOf({
  certificate,
  key,
  authorities,
  requireClientCertificate = false,
}: TlsCredentials): tls.TlsOptions {
  const options: tls.TlsOptions = {
    cert: certificate,
    key,
    ...(authorities !== undefined && { ca: authorities }),
    minVersion: 'TLSv1.2',
    requestCert: authorities !== undefined,
    rejectUnauthorized: requireClientCertificate,
    handshakeTimeout: HANDSHAKE_MS_MAX,
  };
  try {
    tls.createSecureContext(options);
    for (const pem of [certificate, authorities]) if (pem !== undefined) new X509Certificate(pem);
  } catch (error) {
    throw new OperationError('invalid_config', `the TLS certificate cannot be used: ${messageOf(error)}`, {
      cause: error,
      hint: 'Give the certificate and its private key as PEM files, the key without a passphrase.',
    });
  }
  return options;
}

function failureOf(error: Error, address: string | undefined): OperationError {
  return new OperationError('io', `TLS handshake with ${address ?? 'a client that has gone'}: ${error.message}`, {
    cause: error,
  });
}
