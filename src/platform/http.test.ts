import { request } from 'node:http';
import * as net from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { type Bytes, text, utf8 } from '../base/bytes.ts';
import { hasCode } from '../base/errors.ts';
import { type HttpHandler, type HttpListener, type HttpListenOptions, type HttpRequest, listenHttp } from './http.ts';

let listener: HttpListener | undefined;
afterEach(() => listener?.close());

async function serve(handler: HttpHandler, options: Partial<HttpListenOptions> = {}): Promise<string> {
  listener = await listenHttp({ host: '127.0.0.1', port: 0, ...options }, handler);
  return `http://127.0.0.1:${listener.port}`;
}

/** Sends text as it is, and answers with everything that came until the server closed. */
function raw(port: number, sent: string): Promise<string> {
  return new Promise((resolve, reject) => {
    let received = '';
    const socket = net.connect(port, '127.0.0.1', () => socket.write(sent));
    socket.on('data', (chunk) => {
      received += chunk.toString('latin1');
    });
    socket.on('close', () => resolve(received));
    socket.on('error', reject);
  });
}

describe('an HTTP listener', () => {
  it('hands over method, path, query, headers and body, and sends back the answer', async () => {
    let seen: HttpRequest | undefined;
    const url = await serve(async (incoming) => {
      seen = incoming;
      return { status: 201, headers: { 'x-answer': 'yes' }, body: `got ${text(await incoming.body())}` };
    });
    const response = await fetch(`${url}/a%2Fb?x=1&x=2&y`, {
      method: 'POST',
      body: 'hello',
      headers: { 'X-Ask': 'it' },
    });
    expect(response.status).toBe(201);
    expect(response.headers.get('x-answer')).toBe('yes');
    expect(response.headers.get('content-length')).toBe('9');
    expect(await response.text()).toBe('got hello');
    expect(seen).toMatchObject({ method: 'POST', path: '/a%2Fb', remoteAddress: '127.0.0.1' });
    expect(seen!.query.getAll('x')).toEqual(['1', '2']);
    expect(seen!.headers['x-ask']).toBe('it');
  });

  it('sends bytes, nothing, and streams', async () => {
    async function* stream(): AsyncGenerator<Bytes> {
      for (const part of ['one ', 'two ', 'three']) yield utf8(part);
    }
    const url = await serve(({ path }) => {
      if (path === '/bytes') return { status: 200, body: utf8('bytes') };
      if (path === '/stream') return { status: 200, body: stream() };
      return { status: 204 };
    });
    expect(await (await fetch(`${url}/bytes`)).text()).toBe('bytes');
    expect(await (await fetch(`${url}/stream`)).text()).toBe('one two three');
    expect((await fetch(`${url}/stream`, { method: 'HEAD' })).status).toBe(200);
    expect((await fetch(url)).status).toBe(204);
  });

  it('pulls a stream no faster than the client reads, and closes it when the client goes', async () => {
    let pulled = 0;
    const closed = Promise.withResolvers<void>();
    async function* endless(): AsyncGenerator<Bytes> {
      try {
        for (;;) {
          pulled++;
          yield new Uint8Array(1 << 20);
        }
      } finally {
        closed.resolve();
      }
    }
    const url = await serve(() => ({ status: 200, body: endless() }));
    const outgoing = request(url).end();
    const incoming = await new Promise<import('node:http').IncomingMessage>((resolve) =>
      outgoing.once('response', resolve),
    );
    await new Promise((resolve) => incoming.once('readable', resolve));
    incoming.destroy();
    await closed.promise;
    expect(pulled).toBeLessThan(50);
  });

  it.each(['content-length', 'chunked'])('refuses a body beyond its bound (%s)', async (how) => {
    const url = await serve(
      async (incoming) => {
        try {
          return { status: 200, body: String((await incoming.body()).length) };
        } catch (error) {
          return { status: hasCode(error, 'too_large') ? 413 : 500 };
        }
      },
      { bodyBytesMax: 1_000 },
    );
    const send = (bytes: number) =>
      new Promise<number>((resolve, reject) => {
        const outgoing = request(url, { method: 'POST' }, (response) => {
          response.resume();
          resolve(response.statusCode!);
        });
        outgoing.on('error', reject);
        if (how === 'content-length') outgoing.setHeader('content-length', bytes);
        outgoing.write(new Uint8Array(bytes - 1));
        outgoing.end('x');
      });
    expect(await send(1_000)).toBe(200);
    expect(await send(1_001)).toBe(413);
  });

  it('answers 500 without details when the handler throws, and tells the owner', async () => {
    const errors: unknown[] = [];
    const failure = new Error('a secret');
    const url = await serve(
      () => {
        throw failure;
      },
      { onHandlerError: (error) => errors.push(error) },
    );
    const response = await fetch(url);
    expect(response.status).toBe(500);
    expect(await response.text()).toBe('internal error\n');
    expect(errors).toEqual([failure]);
  });

  it('does not make a cut stream look complete', async () => {
    async function* failing(): AsyncGenerator<Bytes> {
      yield utf8('part');
      throw new Error('the disk is gone');
    }
    const url = await serve(() => ({ status: 200, body: failing() }));
    await expect(fetch(url).then((response) => response.text())).rejects.toThrow();
  });

  it('closes a connection whose headers do not arrive in time', async () => {
    await serve(() => ({ status: 200 }), { headerTimeoutMs: 200 });
    expect(await raw(listener!.port, 'GET / HTTP/1.1\r\nhost: x\r\n')).toMatch(/^HTTP\/1\.1 408 /);
  });

  it('answers garbage with 400', async () => {
    await serve(() => ({ status: 200 }));
    expect(await raw(listener!.port, 'PING\r\n\r\n')).toMatch(/^HTTP\/1\.1 400 /);
  });

  it('accepts the absolute form of a target', async () => {
    await serve(({ path, query }) => ({ status: 200, body: `${path} ${query}` }));
    const sent = 'GET http://host:1/a?b=c HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n';
    expect(await raw(listener!.port, sent)).toMatch(/\r\n\r\n\/a b=c$/);
  });

  it('tells a handler that waits for a body when its client has gone', async () => {
    const outcome = Promise.withResolvers<unknown>();
    await serve(async (incoming) => {
      await incoming.body().then(outcome.resolve, outcome.resolve);
      return { status: 200 };
    });
    const socket = net.connect(listener!.port, '127.0.0.1', () =>
      socket.write('POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 100000\r\n\r\nhalf', () => socket.destroy()),
    );
    expect(await outcome.promise).toMatchObject({ code: 'cancelled' });
  });

  it('names host, port and the fix when the port is in use', async () => {
    await serve(() => ({ status: 200 }));
    const { port } = listener!;
    await expect(listenHttp({ host: '127.0.0.1', port }, () => ({ status: 200 }))).rejects.toMatchObject({
      code: 'io',
      message: `127.0.0.1:${port} is in use`,
    });
  });
});
