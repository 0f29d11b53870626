import * as http from 'node:http';
import * as net from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { HEAD_BYTES_MAX, HeadParser } from './http-head.ts';
import { SeededRandom } from './simulated/seeded-random.ts';

const seed = Number(process.env.ORBIT_TEST_SEED ?? 1);

const PLAIN = 'PUT /3,01637037d6?ts=7 HTTP/1.1\r\nHost: a:1\r\nX-Some:\t of  it \r\nContent-Length: 5\r\n\r\nhello';

function parse(text: string) {
  return new HeadParser().parse(Buffer.from(text, 'latin1'), 0);
}

describe('a parser of plain heads', () => {
  it('takes them apart', () => {
    expect(parse(PLAIN)).toEqual({
      method: 'PUT',
      path: '/3,01637037d6',
      search: 'ts=7',
      headers: { host: 'a:1', 'x-some': 'of  it', 'content-length': '5' },
      bodyBytes: 5,
      expectsContinue: false,
      end: PLAIN.length - 5,
    });
  });

  it('takes one behind another, and the same lines as the same object', () => {
    const parser = new HeadParser();
    const bytes = Buffer.from(PLAIN + PLAIN + PLAIN.replace('a:1', 'b:1'));
    const first = parser.parse(bytes, 0)!;
    const second = parser.parse(bytes, first.end + 5)!;
    const third = parser.parse(bytes, second.end + 5)!;
    expect(second.headers).toBe(first.headers);
    expect(third.headers).toMatchObject({ host: 'b:1' });
  });

  it.each([
    ['nothing', ''],
    ['a method that is not served', PLAIN.replace('PUT', 'BREW')],
    ['a method in small letters', PLAIN.replace('PUT', 'put')],
    ['an absolute target', PLAIN.replace('/3', 'http://a/3')],
    ['a target with a space', PLAIN.replace('/3', '/ 3')],
    ['a target with a fragment', PLAIN.replace('/3', '/#3')],
    ['another version', PLAIN.replace('1.1', '1.0')],
    ['bare line feeds', PLAIN.replaceAll('\r\n', '\n')],
    ['a bare line feed in a value', PLAIN.replace('of', 'o\nf')],
    ['a bare carriage return in a value', PLAIN.replace('of', 'o\rf')],
    ['a zero byte', PLAIN.replace('of', 'o\0f')],
    ['a folded line', PLAIN.replace('of', 'o\r\n f')],
    ['a space before the colon', PLAIN.replace('X-Some:', 'X-Some :')],
    ['a header without a name', PLAIN.replace('X-Some:', ':')],
    ['a line without a colon', PLAIN.replace('X-Some:', 'X-Some')],
    ['a header twice', PLAIN.replace('X-Some', 'Content-length')],
    ['no host', PLAIN.replace('Host', 'Hose')],
    ['a length with a sign', PLAIN.replace('h: 5', 'h: +5')],
    ['a length that is a list', PLAIN.replace('h: 5', 'h: 5, 5')],
    ['a length that is empty', PLAIN.replace('h: 5', 'h: ')],
    ['chunks', PLAIN.replace('X-Some:', 'Transfer-Encoding:')],
    ['an expectation', PLAIN.replace('X-Some:\t of  it', 'Expect: 200-ok')],
    ['an upgrade', PLAIN.replace('X-Some:', 'Upgrade:')],
    ['the last request', PLAIN.replace('X-Some:\t of  it', 'Connection: close')],
    ['a head that is too large', PLAIN.replace('of', 'o'.repeat(HEAD_BYTES_MAX))],
  ])('leaves %s to others', (_, text) => {
    expect(parse(text)).toBeUndefined();
  });

  it('leaves a head that is not there as a whole to others, wherever it ends', () => {
    const head = PLAIN.slice(0, -5);
    for (let length = 0; length < head.length; length++)
      expect(parse(head.slice(0, length)), `${length}`).toBeUndefined();
    expect(parse(head)).toBeDefined();
  });
});

describe('what the parser takes', () => {
  let server: http.Server;
  let seen: ((request: http.IncomingMessage) => void) | undefined;
  beforeAll(async () => {
    server = http.createServer({ joinDuplicateHeaders: true }, (incoming, outgoing) => {
      seen?.(incoming);
      incoming.resume();
      outgoing.end();
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  });
  afterAll(() => server.close());

  /** What `node:http` makes of it: a request, or undefined. */
  function askNode(bytes: Buffer): Promise<http.IncomingMessage | undefined> {
    return new Promise((resolve) => {
      const { port } = server.address() as net.AddressInfo;
      const socket = net.connect(port, '127.0.0.1', () => socket.end(bytes));
      let found: http.IncomingMessage | undefined;
      seen = (request) => {
        found ??= request;
      };
      socket.resume();
      socket.on('error', () => {});
      socket.on('close', () => resolve(found));
    });
  }

  it('is what node:http takes it for, whatever was damaged', async () => {
    const random = new SeededRandom(seed);
    const pieces = [
      '\r\n',
      '\n',
      '\r',
      ' ',
      '\t',
      ':',
      '\0',
      'Host: b\r\n',
      'Connection: x\r\n',
      'é',
      '%',
      ',',
      '5',
      '-',
      '_',
    ];
    let taken = 0;
    for (let i = 0; i < 400; i++) {
      let text = PLAIN;
      for (let edits = 1 + random.int(2); edits > 0; edits--) {
        const at = random.int(PLAIN.length - 5);
        text = text.slice(0, at) + random.pick(pieces) + text.slice(at + random.int(3));
      }
      const bytes = Buffer.from(text, 'latin1');
      const ours = new HeadParser().parse(bytes, 0);
      if (ours === undefined) continue;
      taken++;
      const node = await askNode(bytes);
      const where = `seed ${seed}: ${JSON.stringify(text)}`;
      expect(node, where).toBeDefined();
      expect({ method: node!.method, url: node!.url, headers: { ...node!.headers } }, where).toEqual({
        method: ours.method,
        url: ours.search === '' && !text.includes('?') ? ours.path : `${ours.path}?${ours.search}`,
        headers: { ...ours.headers },
      });
    }
    expect(taken).toBeGreaterThan(20);
  });
});
