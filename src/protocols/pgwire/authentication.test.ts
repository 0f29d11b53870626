/** SCRAM with channel binding, the client's side computed by hand (RFC 5802, 3 and 7). What stock clients do is in test/wire. */

import { createHash, createHmac, pbkdf2Sync, randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { SCRAM_MECHANISM, SCRAM_PLUS_MECHANISM, ScramExchange, type ScramVerifier } from './authentication.ts';

const PASSWORD = 'pencil';
const SALT = Buffer.from('a salt of sixteen');
const ITERATIONS = 4_096;
const END_POINT = createHash('sha256').update('the certificate').digest();

const salted = pbkdf2Sync(PASSWORD, SALT, ITERATIONS, 32, 'sha256');
const hmac = (key: Uint8Array, text: string): Buffer => createHmac('sha256', key).update(text).digest();
const clientKey = hmac(salted, 'Client Key');
const verifier: ScramVerifier = {
  salt: SALT,
  iterations: ITERATIONS,
  storedKey: createHash('sha256').update(clientKey).digest(),
  serverKey: hmac(salted, 'Server Key'),
};
const random = { bytes: (length: number) => new Uint8Array(randomBytes(length)) };

interface Client {
  readonly mechanism?: string;
  /** "n,,", "y,," or "p=tls-server-end-point,,". */
  readonly header?: string;
  /** The certificate that the client was shown. */
  readonly shown?: Uint8Array;
  readonly tamper?: (final: string) => string;
}

/** The server's last word, or undefined for a wrong proof. */
function logIn(exchange: ScramExchange, client: Client): string | undefined {
  const { mechanism = SCRAM_PLUS_MECHANISM, header = 'p=tls-server-end-point,,', shown = new Uint8Array(0) } = client;
  const bare = 'n=,r=rOprNGfwEbeRWgbNEkqO';
  const serverFirst = exchange.first(mechanism, header + bare);
  const nonce = /^r=([^,]+)/.exec(serverFirst)![1]!;
  const binding = Buffer.concat([Buffer.from(header), shown]).toString('base64');
  const withoutProof = `c=${binding},r=${nonce}`;
  const message = `${bare},${serverFirst},${withoutProof}`;
  const signature = hmac(verifier.storedKey, message);
  const proof = Buffer.from(clientKey.map((byte, i) => byte ^ signature[i]!)).toString('base64');
  const answer = exchange.final((client.tamper ?? ((final) => final))(`${withoutProof},p=${proof}`));
  if (answer !== undefined) expect(answer).toBe(`v=${hmac(verifier.serverKey, message).toString('base64')}`);
  return answer;
}

const bound = () => new ScramExchange(verifier, random, END_POINT);
const refused = (message: string) => expect.objectContaining({ message: expect.stringContaining(message) });

describe('a SCRAM exchange', () => {
  it('offers binding where there is a certificate, and only there', () => {
    expect(bound().mechanisms).toEqual([SCRAM_PLUS_MECHANISM, SCRAM_MECHANISM]);
    const clear = new ScramExchange(verifier, random);
    expect(clear.mechanisms).toEqual([SCRAM_MECHANISM]);
    expect(() => logIn(clear, {})).toThrow(refused('invalid SASL authentication mechanism'));
  });

  it('takes a proof that is bound to its certificate, and one that is not bound', () => {
    expect(logIn(bound(), { shown: END_POINT })).toBeDefined();
    expect(logIn(bound(), { mechanism: SCRAM_MECHANISM, header: 'n,,' })).toBeDefined();
    expect(logIn(new ScramExchange(verifier, random), { mechanism: SCRAM_MECHANISM, header: 'y,,' })).toBeDefined();
  });

  it('refuses a proof for another certificate: someone stands between', () => {
    const shown = createHash('sha256').update('another certificate').digest();
    expect(() => logIn(bound(), { shown })).toThrow(refused('channel binding check failed'));
    expect(() => logIn(bound(), {})).toThrow(refused('channel binding check failed'));
  });

  it('refuses a client that was told that there is no binding', () => {
    const told = { mechanism: SCRAM_MECHANISM, header: 'y,,' };
    expect(() => logIn(bound(), told)).toThrow(refused('negotiation error'));
  });

  it('refuses other kinds of binding, and a header that belongs to the other mechanism', () => {
    expect(() => logIn(bound(), { header: 'p=tls-unique,,' })).toThrow(
      refused('unsupported SCRAM channel-binding type'),
    );
    expect(() => logIn(bound(), { header: 'n,,' })).toThrow(refused('malformed'));
    expect(() => logIn(bound(), { mechanism: SCRAM_MECHANISM })).toThrow(refused('malformed'));
  });

  it('answers a wrong proof with nothing, and refuses a header or a nonce that changed on the way', () => {
    const wrong = (final: string) => final.replace(/p=.*$/, `p=${Buffer.alloc(32, 7).toString('base64')}`);
    expect(logIn(bound(), { shown: END_POINT, tamper: wrong })).toBeUndefined();
    const short = (final: string) => final.replace(/p=.*$/, 'p=AAAA');
    expect(logIn(bound(), { shown: END_POINT, tamper: short })).toBeUndefined();
    const nonce = (final: string) => final.replace(/r=/, 'r=x');
    expect(() => logIn(bound(), { shown: END_POINT, tamper: nonce })).toThrow(refused('malformed'));
    const header = (final: string) => final.replace(/^c=[^,]*/, `c=${Buffer.from('n,,').toString('base64')}`);
    expect(() => logIn(bound(), { mechanism: SCRAM_MECHANISM, header: 'n,a=ann,', tamper: header })).toThrow(
      refused('malformed'),
    );
  });
});
