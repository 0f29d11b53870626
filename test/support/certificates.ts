/**
 * Certificates made on the spot (RFC 5280, encoded by the rules of X.690 DER), so that tests of TLS need neither files nor the
 * `openssl` program: an authority, and what it signs for servers and clients on this machine. P-256 keys, ECDSA with SHA-256.
 */

import { generateKeyPairSync, type KeyObject, randomBytes, sign } from 'node:crypto';

export interface Issued {
  /** PEM. */
  readonly certificate: string;
  readonly key: string;
}

export interface Authority extends Issued {
  /** Valid for `localhost`, 127.0.0.1 and ::1 from an hour ago, for `days` (default one; negative: it has expired). */
  issue(name: string, options?: { readonly days?: number }): Issued;
}

const DAY_MS = 86_400_000;

export function newAuthority(name = 'Test authority'): Authority {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const certificate = certificateOf({
    subject: name,
    issuer: name,
    key: publicKey,
    signer: privateKey,
    days: 1,
    extensions: [
      extension('2.5.29.19', true, sequence(der(0x01, Buffer.from([0xff])))), // It may sign others.
      extension('2.5.29.15', true, der(0x03, Buffer.from([1, 0x06]))), // keyCertSign, cRLSign
    ],
  });
  return {
    certificate,
    key: pem(privateKey),
    issue(subject, { days = 1 } = {}) {
      const pair = generateKeyPairSync('ec', { namedCurve: 'P-256' });
      const names = [
        der(0x82, Buffer.from('localhost')),
        der(0x87, Buffer.from([127, 0, 0, 1])),
        der(0x87, Buffer.concat([Buffer.alloc(15), Buffer.from([1])])),
      ];
      return {
        certificate: certificateOf({
          subject,
          issuer: name,
          key: pair.publicKey,
          signer: privateKey,
          days,
          extensions: [extension('2.5.29.17', false, sequence(...names))],
        }),
        key: pem(pair.privateKey),
      };
    },
  };
}

function certificateOf({
  subject,
  issuer,
  key,
  signer,
  days,
  extensions,
}: {
  readonly subject: string;
  readonly issuer: string;
  readonly key: KeyObject;
  readonly signer: KeyObject;
  readonly days: number;
  readonly extensions: readonly Buffer[];
}): string {
  const algorithm = sequence(oid('1.2.840.10045.4.3.2')); // ecdsa-with-SHA256
  const serial = randomBytes(8);
  serial[0] = (serial[0]! & 0x7f) | 0x40; // Positive, and of one length.
  const now = Date.now();
  const tbs = sequence(
    der(0xa0, der(0x02, Buffer.from([2]))), // Version 3.
    der(0x02, serial),
    algorithm,
    commonName(issuer),
    sequence(time(now - 3_600_000 + Math.min(0, days) * 2 * DAY_MS), time(now + days * DAY_MS)),
    commonName(subject),
    key.export({ format: 'der', type: 'spki' }),
    der(0xa3, sequence(...extensions)),
  );
  const signature = sign('sha256', tbs, signer);
  const bytes = sequence(tbs, algorithm, der(0x03, Buffer.concat([Buffer.from([0]), signature])));
  const lines = bytes.toString('base64').match(/.{1,64}/g)!;
  return `-----BEGIN CERTIFICATE-----\n${lines.join('\n')}\n-----END CERTIFICATE-----\n`;
}

function pem(key: KeyObject): string {
  return key.export({ format: 'pem', type: 'pkcs8' }).toString();
}

function commonName(name: string): Buffer {
  return sequence(der(0x31, sequence(oid('2.5.4.3'), der(0x0c, Buffer.from(name)))));
}

function extension(id: string, critical: boolean, value: Buffer): Buffer {
  return sequence(oid(id), ...(critical ? [der(0x01, Buffer.from([0xff]))] : []), der(0x04, value));
}

/** UTCTime. */
function time(ms: number): Buffer {
  const digits = new Date(ms).toISOString().replace(/\D/g, '').slice(2, 14);
  return der(0x17, Buffer.from(`${digits}Z`));
}

function oid(dotted: string): Buffer {
  const [first = 0, second = 0, ...rest] = dotted.split('.').map(Number);
  const bytes = [first * 40 + second];
  for (const part of rest) {
    const septets = [part & 0x7f];
    for (let left = part >>> 7; left > 0; left >>>= 7) septets.unshift((left & 0x7f) | 0x80);
    bytes.push(...septets);
  }
  return der(0x06, Buffer.from(bytes));
}

function sequence(...parts: readonly Buffer[]): Buffer {
  return der(0x30, Buffer.concat(parts));
}

/** Tag, length, value. */
function der(tag: number, value: Buffer): Buffer {
  const length =
    value.length < 128
      ? [value.length]
      : value.length < 256
        ? [0x81, value.length]
        : [0x82, value.length >> 8, value.length & 0xff];
  return Buffer.concat([Buffer.from([tag, ...length]), value]);
}
