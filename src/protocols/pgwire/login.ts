/**
 * From a client's first byte until it is known who it is (PostgreSQL 15, "Start-up" and "SASL Authentication").
 *
 * A request for TLS is answered 'S' where there is a certificate, one for GSSAPI never, and neither more often than a client
 * needs. A request to cancel is a connection of its own. Where users are configured everyone proves to be one of them, by
 * SCRAM; where none are, only clients on this machine get in.
 *
 * It writes what the client is asked next, and says how the login ended; refusing, and ending the connection, is up to whom
 * it tells. Sessions are none of its business: it only says what one is to be opened with.
 */

import type { Socket } from '../../platform/sockets.ts';
import type { TlsIdentity } from '../../platform/tls.ts';
import { notSupported, SqlError } from '../../query/sql/sql-error.ts';
import { ScramExchange } from './authentication.ts';
import * as message from './backend-messages.ts';
import type { ClientOutput } from './client-output.ts';
import { type BodyReader, type FrameReader, utf8Text } from './frame-reader.ts';
import { FRONTEND, loginBounds } from './frontend-messages.ts';
import type { MessageMemory } from './large-message.ts';
import type { PgwireOptions } from './listener.ts';
import { CONNECTION_SQLSTATE } from './sqlstate.ts';

const PROTOCOL_3 = 3 << 16;
const SSL_REQUEST = 80_877_103;
const GSS_REQUEST = 80_877_104;
const CANCEL_REQUEST = 80_877_102;
/** Requests for encryption that one connection may make, one of each kind. */
const ENCRYPTION_REQUESTS_MAX = 2;
const DATABASE = 'actors';

/** Why a client does not get in. */
export interface Refusal {
  readonly kind: 'refused';
  readonly sqlstate: string;
  readonly text: string;
  readonly hint?: string;
}

export interface LoginAccepted {
  readonly kind: 'accepted';
  readonly user: string;
  readonly database: string;
  /** Settings that the session begins with, by name. */
  readonly parameters: ReadonlyMap<string, string>;
}

export type LoginOutcome =
  | LoginAccepted
  | { readonly kind: 'cancel'; readonly processId: number; readonly secret: number }
  | Refusal;

/** What it needs of its connection. */
export interface LoginChannel {
  readonly socket: Socket;
  readonly reader: FrameReader;
  readonly output: ClientOutput;
  /** What large messages are counted in. */
  readonly memory: MessageMemory;
}

export class Login {
  readonly #channel: LoginChannel;
  readonly #options: PgwireOptions;
  #encryptionRequests = 0;
  #startup: ReadonlyMap<string, string> = new Map();
  #awaits: 'startup' | 'sasl-first' | 'sasl-final' = 'startup';
  #scram: ScramExchange | undefined;

  constructor(channel: LoginChannel, options: PgwireOptions) {
    this.#channel = channel;
    this.#options = options;
  }

  /**
   * Takes the client's next message. @returns the outcome; undefined while there is none.
   * @throws SqlError `protocol_violation`, `invalid_authorization`, `feature_not_supported`.
   */
  handle(type: number, body: BodyReader): LoginOutcome | undefined {
    if (this.#awaits === 'startup') return this.#handleStartup(body);
    if (type !== FRONTEND.password) throw new SqlError('protocol_violation', 'expected SASL response');
    return this.#handleSasl(body);
  }

  #handleStartup(body: BodyReader): LoginOutcome | undefined {
    const { socket, output } = this.#channel;
    const { tls } = this.#options;
    const code = body.int32();
    if (code === SSL_REQUEST && tls !== undefined && socket.tls === undefined) {
      this.#encrypt(tls.identity);
      return undefined;
    }
    if (code === SSL_REQUEST || code === GSS_REQUEST) {
      if (++this.#encryptionRequests > ENCRYPTION_REQUESTS_MAX) {
        throw new SqlError('protocol_violation', 'too many requests for encryption');
      }
      output.writer.int8('N'.charCodeAt(0));
      return undefined;
    }
    if (code === CANCEL_REQUEST) return { kind: 'cancel', processId: body.int32(), secret: body.uint32() };
    if (code >>> 16 !== 3) {
      return refused(
        CONNECTION_SQLSTATE.unsupported_protocol,
        `unsupported frontend protocol ${code >>> 16}.${code & 0xffff}: server supports 3.0 to 3.0`,
      );
    }
    const parameters = new Map<string, string>();
    const unknownOptions: string[] = [];
    for (let name = body.text(); name !== ''; name = body.text()) {
      const value = body.text();
      if (name.startsWith('_pq_.')) unknownOptions.push(name);
      else parameters.set(name, value);
    }
    if (code !== PROTOCOL_3 || unknownOptions.length > 0) {
      message.negotiateProtocolVersion(output.writer, unknownOptions);
    }
    this.#startup = parameters;
    return this.#identify(parameters.get('user') ?? '');
  }

  /** What came in clear behind the request could be anyone's, and must not be taken for the client's (CVE-2021-23214). */
  #encrypt(identity: TlsIdentity): void {
    const { socket, reader, output } = this.#channel;
    if (reader.buffered > 0) {
      throw new SqlError('protocol_violation', 'received unencrypted data after SSL request');
    }
    output.writer.int8('S'.charCodeAt(0));
    output.writeNow();
    socket.startTls(identity);
  }

  #identify(user: string): LoginOutcome | undefined {
    const { socket, reader, output, memory } = this.#channel;
    const { principals, platform, tls } = this.#options;
    if (user === '') {
      return refused(CONNECTION_SQLSTATE.invalid_authorization, 'no PostgreSQL user name specified in startup packet');
    }
    if (tls?.required && socket.tls === undefined) {
      const hint = 'Ask for it: sslmode=require.';
      return refused(CONNECTION_SQLSTATE.invalid_authorization, 'connections must be encrypted', hint);
    }
    if (principals.required) {
      this.#scram = new ScramExchange(principals.verifier(user), platform.random, socket.tls?.endPoint);
      this.#awaits = 'sasl-first';
      reader.started(loginBounds(memory));
      message.authenticationSasl(output.writer, this.#scram.mechanisms);
      return undefined;
    }
    if (isLocal(socket.remoteAddress)) return this.#accept(user);
    return refused(
      CONNECTION_SQLSTATE.invalid_authorization,
      'connections from other machines need a password, and no users are configured',
    );
  }

  #handleSasl(body: BodyReader): LoginOutcome | undefined {
    const { writer } = this.#channel.output;
    const scram = this.#scram!;
    if (this.#awaits === 'sasl-first') {
      const mechanism = body.text();
      const length = body.int32();
      const first = utf8Text(body.bytes(length));
      body.finish();
      message.authenticationSaslData(writer, 11, scram.first(mechanism, first));
      this.#awaits = 'sasl-final';
      return undefined;
    }
    const signature = scram.final(utf8Text(body.bytes(body.remaining)));
    const user = this.#startup.get('user') ?? '';
    if (signature === undefined) {
      return refused(CONNECTION_SQLSTATE.invalid_password, `password authentication failed for user "${user}"`);
    }
    message.authenticationSaslData(writer, 12, signature);
    return this.#accept(user);
  }

  /** It is the user that it says; what it asks for may still not be there. */
  #accept(user: string): LoginOutcome {
    const { database: only = DATABASE, statementTimeoutMs = 0 } = this.#options;
    const database = this.#startup.get('database') ?? user;
    if (database !== only) {
      const hint = `The only database here is "${only}".`;
      return refused(CONNECTION_SQLSTATE.invalid_database, `database "${database}" does not exist`, hint);
    }
    if ((this.#startup.get('replication') ?? 'false') !== 'false') throw notSupported('replication');
    const parameters = new Map<string, string>();
    if (statementTimeoutMs > 0) parameters.set('statement_timeout', String(statementTimeoutMs));
    for (const [name, value] of this.#startup) {
      if (name === 'user' || name === 'database' || name === 'replication') continue;
      if (name === 'options') for (const [option, chosen] of commandLineOptions(value)) parameters.set(option, chosen);
      else parameters.set(name, value);
    }
    return { kind: 'accepted', user, database, parameters };
  }
}

function refused(sqlstate: string, text: string, hint?: string): Refusal {
  return { kind: 'refused', sqlstate, text, ...(hint === undefined ? {} : { hint }) };
}

function isLocal(address: string): boolean {
  return address === '' || address === '::1' || address.startsWith('127.') || address.startsWith('::ffff:127.');
}

/** Settings in the client's `options`: `-c name=value` and `--name=value`, a backslash before a space that belongs. */
function* commandLineOptions(options: string): Generator<readonly [string, string]> {
  const words = options.match(/(?:\\.|[^\s\\])+/g) ?? [];
  for (let i = 0; i < words.length; i++) {
    let word = words[i]!.replace(/\\(.)/g, '$1');
    if (word === '-c') word = (words[++i] ?? '').replace(/\\(.)/g, '$1');
    else if (word.startsWith('-c')) word = word.slice(2);
    else if (word.startsWith('--')) word = word.slice(2);
    const equals = word.indexOf('=');
    if (equals < 1) throw new SqlError('invalid_parameter_value', `invalid command-line argument: ${word}`);
    yield [word.slice(0, equals).replaceAll('-', '_'), word.slice(equals + 1)];
  }
}
