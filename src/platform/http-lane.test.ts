import * as net from 'node:net';
import { setImmediate as turn } from 'node:timers/promises';
import { afterEach, describe, expect, it } from 'vitest';
import { type Bytes, text, utf8 } from '../base/bytes.ts';
import { type HttpHandler, type HttpListener, type HttpListenOptions, type HttpResponse, listenHttp } from './http.ts';

let listener: HttpListener | undefined;
afterEach(() => listener?.close());

async function serve(handler: HttpHandler, options: Partial<HttpListenOptions> = {}): Promise<number> {
  listener = await listenHttp({ host: '127.0.0.1', port: 0, ...options }, handler);
  return listener.port;
}

class Client {
  received = '';
  readonly socket: net.Socket;
  readonly closed: Promise<void>;
  #waiting: (() => void)[] = [];

  constructor(port: number) {
    this.socket = net.connect({ port, host: '127.0.0.1', noDelay: true });
    this.socket.on('data', (chunk) => {
      this.received += chunk.toString('latin1');
      for (const wake of this.#waiting.splice(0)) wake();
    });
    this.closed = new Promise((resolve) => this.socket.on('close', () => resolve()));
    this.socket.on('error', () => {});
  }

  async until(pattern: { test(received: string): boolean }): Promise<string> {
    while (!pattern.test(this.received)) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    return this.received;
  }
}

/** Without dates, which tell nothing, and without what only `node:http` says. */
function bare(received: string): string {
  return received.replace(/^(?:date|connection|keep-alive): .*\r\n/gim, '');
}

const HOST = 'host: x\r\n';
const get = (path: string) => `GET ${path} HTTP/1.1\r\n${HOST}\r\n`;
const put = (path: string, body: string) =>
  `PUT ${path} HTTP/1.1\r\n${HOST}content-length: ${body.length}\r\n\r\n${body}`;
const ok = (body: string) => `HTTP/1.1 200 OK\r\ncontent-length: ${body.length}\r\n\r\n${body}`;

const echo: HttpHandler = async (request) => {
  if (request.path.startsWith('/later')) await turn();
  return { status: 200, body: `${request.method} ${request.path} ${text(await request.body())}` };
};

const CONVERSATION = [
  get('/1'),
  put('/2', 'two'),
  `HEAD /3 HTTP/1.1\r\n${HOST}\r\n`,
  get('/later/4'),
  put('/later/5', 'five'),
  get('/6'),
];
const ANSWERS = [
  ok('GET /1 '),
  ok('PUT /2 two'),
  ok('HEAD /3 ').slice(0, -8),
  ok('GET /later/4 '),
  ok('PUT /later/5 five'),
  ok('GET /6 '),
].join('');

describe('plain requests', () => {
  it('are answered in the order in which they came, all at once or one by one', async () => {
    const port = await serve(echo);
    const all = new Client(port);
    all.socket.write(CONVERSATION.join(''));
    await all.until(/GET \/6 $/);
    expect(bare(all.received)).toBe(ANSWERS);
    const slow = new Client(port);
    for (const request of CONVERSATION) {
      const before = slow.received.length;
      slow.socket.write(request);
      await slow.until(new RegExp(`^[\\s\\S]{${before}}HTTP[\\s\\S]*\r\n\r\n`));
    }
    await slow.until(/GET \/6 $/);
    expect(bare(slow.received)).toBe(ANSWERS);
  });

  it('are answered the same wherever the packets end', async () => {
    const port = await serve(echo);
    const bytes = CONVERSATION.join('');
    for (let cut = 1; cut < bytes.length; cut += 3) {
      const client = new Client(port);
      client.socket.write(bytes.slice(0, cut));
      await turn();
      client.socket.write(bytes.slice(cut));
      await client.until(/GET \/6 $/);
      expect(bare(client.received), `cut at ${cut}`).toBe(ANSWERS);
      client.socket.destroy();
    }
  });

  it('may be followed by one of any other kind, and by plain ones again', async () => {
    const port = await serve(echo);
    const others = [
      `POST /c HTTP/1.1\r\n${HOST}transfer-encoding: chunked\r\n\r\n5\r\nchunk\r\n0\r\n\r\n`,
      `PUT /d HTTP/1.1\r\n${HOST}x: 1\r\nx: 2\r\ncontent-length: 1\r\n\r\nd`,
      put('/e', 'e'.repeat(100_000)),
    ];
    for (const other of others) {
      const client = new Client(port);
      client.socket.write(get('/later/1') + put('/2', 'two') + other + get('/last'));
      await client.until(/GET \/last $/);
      const bodies = client.received
        .replace(/HTTP\/1\.1 200 OK\r\n[\s\S]*?\r\n\r\n/g, '|')
        .replace(/e{100000}/, 'e...');
      expect(bodies).toMatch(
        /^\|GET \/later\/1 \|PUT \/2 two\|(?:POST \/c chunk|PUT \/d d|PUT \/e e\.\.\.)\|GET \/last $/,
      );
      client.socket.destroy();
    }
  });

  it('may be followed by one of another kind behind a large answer', async () => {
    const large = 'x'.repeat(3_000_000);
    const port = await serve((request) => ({ status: 200, body: request.path === '/large' ? large : 'small' }));
    const client = new Client(port);
    client.socket.write(
      `${get('/large')}${get('/large')}GET /2 HTTP/1.1\r\nhost: x\r\nhost2: y\r\nconnection: close\r\n\r\n`,
    );
    await client.closed;
    expect(bare(client.received)).toBe(`${ok(large)}${ok(large)}${ok('small')}`);
  });

  it('are answered with streams, of a told length or in chunks', async () => {
    async function* stream(): AsyncGenerator<Bytes> {
      for (const part of ['one ', '', 'two ', 'three']) yield utf8(part);
    }
    const port = await serve(({ path }) => {
      const headers: Record<string, string> = path === '/told' ? { 'content-length': '13' } : {};
      return { status: 200, headers, body: stream() };
    });
    const client = new Client(port);
    client.socket.write(get('/told') + get('/chunks') + get('/told'));
    await client.until(/three[\s\S]*three[\s\S]*three/);
    const told = 'HTTP/1.1 200 OK\r\ncontent-length: 13\r\n\r\none two three';
    const chunked =
      'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\none \r\n4\r\ntwo \r\n5\r\nthree\r\n0\r\n\r\n';
    expect(bare(client.received)).toBe(told + chunked + told);
  });

  it.each([
    ['garbage', '\0\x01\xff'],
    ['garbage that begins with a capital', 'G\x01\xff'],
    ['garbage behind empty lines', '\r\n\n \x01'],
    ['a handshake for encryption', '\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03'],
    ['a method in small letters', 'get / HTTP/1.1\r\n\r\n'],
    ['a method that there is not', 'GARBAGE / HTTP/1.1\r\n\r\n'],
  ])('may be followed by %s, which is refused', async (_, sent) => {
    const client = new Client(await serve(echo));
    client.socket.write(Buffer.from(get('/1'), 'latin1'));
    await client.until(/GET \/1/);
    client.socket.write(Buffer.from(sent, 'latin1'));
    await client.closed;
    expect(bare(client.received)).toBe(`${ok('GET /1 ')}HTTP/1.1 400 Bad Request\r\n\r\n`);
  });

  it('may come behind an empty line', async () => {
    const client = new Client(await serve(echo));
    client.socket.write(`\r\n${get('/1')}`);
    expect(await client.until(/GET \/1/)).toContain('HTTP/1.1 200 OK');
    client.socket.destroy();
  });

  it('never get a header that would be read as two', async () => {
    const errors: unknown[] = [];
    const bad: Record<string, string>[] = [
      { a: 'b\r\nc: d' },
      { 'a: b\r\nc': 'd' },
      { a: 'b\0' },
      { a: '\u0141' },
      { '': 'a' },
    ];
    const port = await serve(({ path }) => ({ status: 200, headers: bad[Number(path.slice(1))]! }), {
      onHandlerError: (error) => errors.push(error),
    });
    const client = new Client(port);
    client.socket.write(bad.map((_, i) => get(`/${i}`)).join(''));
    await client.until(/(?:internal error\n[\s\S]*){5}$/);
    expect(client.received.match(/HTTP\/1\.1 500 /g)).toHaveLength(bad.length);
    expect(errors).toHaveLength(bad.length);
  });

  it('do not reach the handler without their whole body', async () => {
    let calls = 0;
    const port = await serve(() => {
      calls++;
      return { status: 200 };
    });
    const cut = new Client(port);
    cut.socket.write(put('/1', 'body').slice(0, -1));
    await turn();
    cut.socket.destroy();
    await cut.closed;
    const other = new Client(port);
    other.socket.write(put('/2', 'body'));
    await other.until(/200 OK/);
    expect(calls).toBe(1);
  });
});

describe('a long body', () => {
  const LONG = Buffer.alloc(300_000, 'abcdefg');

  it('is taken as the handler takes it, wherever the packets end, and the next request follows', async () => {
    const port = await serve(async (request) => {
      if (request.path === '/whole') return { status: 200, body: (await request.body(1_000_000)).slice() };
      const parts: Bytes[] = [];
      if (request.path === '/pieces') for await (const piece of request.pieces()) parts.push(piece);
      for (let length = -1; request.path === '/read' && length !== 0; ) {
        const into = Buffer.alloc(70_001);
        length = await request.read(into);
        parts.push(into.subarray(0, length));
        await turn();
      }
      return { status: 200, body: Buffer.concat(parts) };
    });
    const client = new Client(port);
    for (const path of ['/whole', '/pieces', '/read', '/whole']) {
      const head = `PUT ${path} HTTP/1.1\r\n${HOST}content-length: ${LONG.length}\r\n\r\n`;
      client.received = '';
      client.socket.write(head + LONG.toString('latin1', 0, 100_000));
      await turn();
      client.socket.write(LONG.toString('latin1', 100_000) + get('/next'));
      await client.until({ test: (received) => received.length > LONG.length && received.endsWith('\r\n\r\n') });
      expect(bare(client.received), path).toBe(ok(LONG.toString('latin1')) + ok(''));
    }
  });

  it('comes when it is asked for, if its client waits for that', async () => {
    const port = await serve(async (request) => ({
      status: 200,
      body: String((await request.body(1_000_000)).length),
    }));
    for (const length of [5, LONG.length]) {
      const client = new Client(port);
      client.socket.write(
        `${get('/')}PUT / HTTP/1.1\r\n${HOST}expect: 100-continue\r\ncontent-length: ${length}\r\n\r\n`,
      );
      await client.until(/ 200 OK[\s\S]*HTTP\/1.1 100 Continue\r\n\r\n$/);
      client.socket.write(LONG.subarray(0, length));
      await client.until(new RegExp(`\r\n\r\n${length}$`));
    }
  });

  it('that nobody takes is refused with the last answer', async () => {
    const errors: unknown[] = [];
    const handler: HttpHandler = async (request) =>
      request.path === '/refused' ? { status: 403 } : { status: 200, body: await request.body() };
    const port = await serve(handler, { bodyBytesMax: 100_000, onHandlerError: (error) => errors.push(error) });
    for (const [path, status] of Object.entries({ '/refused': 403, '/large': 500 })) {
      const client = new Client(port);
      client.socket.write(`PUT ${path} HTTP/1.1\r\n${HOST}content-length: ${LONG.length}\r\n\r\nbegin`);
      await client.until(new RegExp(`^HTTP/1.1 ${status} `));
      await client.until(/connection: close\r\n/);
      client.socket.end(LONG);
      await client.closed;
      expect(client.received.match(/HTTP\/1/g)).toHaveLength(1);
    }
    expect(errors).toMatchObject([{ code: 'too_large' }]);
  });

  it('waits in the client while the handler does not read', async () => {
    const go = Promise.withResolvers<void>();
    const begun = Promise.withResolvers<void>();
    const bytes = 64 * 1024 * 1024;
    const port = await serve(async (request) => {
      begun.resolve();
      await go.promise;
      let sum = 0;
      const into = Buffer.alloc(1024 * 1024);
      for (let length = -1; length !== 0; sum += length) length = await request.read(into);
      return { status: 200, body: String(sum) };
    });
    const client = new Client(port);
    client.socket.write(`PUT / HTTP/1.1\r\n${HOST}content-length: ${bytes}\r\n\r\n`);
    await begun.promise;
    let isSent = false;
    client.socket.write(Buffer.alloc(bytes), () => {
      isSent = true;
    });
    for (let i = 0; i < 50; i++) await turn();
    expect(isSent).toBe(false); // The kernel holds some megabytes, the server one read.
    go.resolve();
    await client.until(new RegExp(`\r\n\r\n${bytes}$`));
  });

  it('that is cut is told to the handler', async () => {
    const outcome = Promise.withResolvers<unknown>();
    const port = await serve(async (request) => {
      await request.body(1_000_000).then(outcome.resolve, outcome.resolve);
      return { status: 200 };
    });
    const client = new Client(port);
    client.socket.write(`PUT / HTTP/1.1\r\n${HOST}content-length: 100000\r\n\r\nhalf`, () => client.socket.destroy());
    expect(await outcome.promise).toMatchObject({ code: 'cancelled' });
  });
});

describe('a client that goes', () => {
  it('is told to a handler at work, whether it closed or was cut', async () => {
    let aborted = Promise.withResolvers<void>();
    const port = await serve(async ({ signal }) => {
      await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()));
      aborted.resolve();
      return { status: 200 };
    });
    for (const go of ['destroy', 'resetAndDestroy'] as const) {
      aborted = Promise.withResolvers();
      const client = new Client(port);
      client.socket.write(get('/'), () => client.socket[go]());
      await aborted.promise;
    }
  });

  it('lets go of what is not sent any more', async () => {
    const cut = Promise.withResolvers<void>();
    const unsent = Promise.withResolvers<void>();
    const port = await serve(async ({ signal }): Promise<HttpResponse> => {
      signal.addEventListener('abort', () => cut.resolve());
      await cut.promise;
      return { status: 200, body: (async function* () {})(), onUnsent: () => unsent.resolve() };
    });
    const client = new Client(port);
    client.socket.write(get('/'), () => client.socket.resetAndDestroy());
    await unsent.promise;
  });

  it('gets its answers when it only ends its side', async () => {
    const port = await serve(echo);
    const client = new Client(port);
    client.socket.end(get('/later/1') + get('/2'));
    await client.closed;
    expect(bare(client.received)).toBe(ok('GET /later/1 ') + ok('GET /2 '));
  });
});

describe('bounds', () => {
  it('stop the reading of a client that does not read', async () => {
    let calls = 0;
    const body = 'x'.repeat(60_000);
    const port = await serve(() => {
      calls++;
      return { status: 200, body };
    });
    const client = net.connect(port, '127.0.0.1');
    client.pause();
    const requests = get('/').repeat(500);
    let writes = 0;
    await new Promise<void>((resolve) => {
      // Until the kernel takes no more: 20,000 requests would be answered by more than a gigabyte.
      const more = () => {
        while (writes < 40) {
          writes++;
          if (!client.write(requests)) {
            let quiet = 0;
            let last = -1;
            const look = setInterval(() => {
              quiet = calls === last ? quiet + 1 : 0;
              last = calls;
              if (quiet < 10) return;
              clearInterval(look);
              resolve();
            }, 20);
            return;
          }
        }
        resolve();
      };
      client.once('connect', more);
    });
    expect(calls).toBeLessThan(5_000);
    client.destroy();
  });

  it('close connections beyond the most that are served', async () => {
    const port = await serve(echo, { connectionsMax: 2 });
    const two = [new Client(port), new Client(port)];
    for (const client of two) client.socket.write(get('/1'));
    for (const client of two) await client.until(/GET \/1 $/);
    const third = new Client(port);
    await third.closed;
    expect(third.received).toBe('');
    two[0]!.socket.destroy();
    await two[0]!.closed;
    for (;;) {
      const next = new Client(port);
      next.socket.write(get('/2'));
      await Promise.race([next.until(/GET \/2 $/), next.closed]);
      if (next.received !== '') break;
    }
  });

  it('end idle connections when nothing is accepted any more, the others with their answer', async () => {
    const working = Promise.withResolvers<void>();
    const go = Promise.withResolvers<void>();
    const port = await serve(async ({ path }) => {
      if (path === '/slow') {
        working.resolve();
        await go.promise;
      }
      return { status: 200, body: path };
    });
    const [idle, busy] = [new Client(port), new Client(port)];
    idle.socket.write(get('/1'));
    await idle.until(/\/1$/);
    busy.socket.write(get('/slow'));
    await working.promise;
    listener!.stopAccepting();
    await idle.closed;
    go.resolve();
    await busy.closed;
    expect(busy.received).toMatch(/connection: close\r\n[\s\S]*\r\n\r\n\/slow$/);
  });

  it('cut a connection that never speaks', async () => {
    const port = await serve(echo, { headerTimeoutMs: 500 });
    const client = new Client(port);
    await client.closed;
    expect(client.received).toBe('');
  });
});
