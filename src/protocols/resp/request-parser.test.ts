import { describe, expect, it } from 'vitest';
import { type PartialCommand, REQUEST_LIMITS, RequestBatch } from './request-parser.ts';

interface Parsed {
  readonly commands: readonly (readonly string[])[];
  readonly error: string | undefined;
}

/** Parses `input` delivered in the given pieces, as a connection does. */
function parsePieces(pieces: readonly Buffer[], limits = REQUEST_LIMITS): Parsed {
  const batch = new RequestBatch();
  const commands: string[][] = [];
  let kept = Buffer.alloc(0);
  let needed = 0;
  let partial: PartialCommand | undefined;
  for (const piece of pieces) {
    kept = Buffer.concat([kept, piece]);
    if (kept.length < needed) continue;
    batch.parse(kept, 0, kept.length, limits, true, partial);
    commands.push(...commandsOf(batch));
    if (batch.error !== undefined) return { commands, error: batch.error };
    kept = kept.subarray(batch.consumed);
    needed = batch.neededBytes;
    partial = batch.partial;
  }
  return { commands, error: undefined };
}

function commandsOf(batch: RequestBatch): string[][] {
  return Array.from({ length: batch.count }, (_, command) =>
    Array.from({ length: batch.argumentCount(command) }, (_, i) => {
      const argument = batch.firstArgument[command]! + i;
      const start = batch.starts[argument]!;
      return Buffer.from(batch.buffer.subarray(start, start + batch.lengths[argument]!)).toString('latin1');
    }),
  );
}

function multibulk(...args: readonly string[]): string {
  return `*${args.length}\r\n${args.map((arg) => `$${Buffer.byteLength(arg, 'latin1')}\r\n${arg}\r\n`).join('')}`;
}

const MANY = Array.from({ length: 200 }, (_, i) => `argument${i}`);

const CORPUS: readonly (readonly [string, string, Parsed])[] = [
  ['one command', multibulk('GET', 'k'), { commands: [['GET', 'k']], error: undefined }],
  [
    'a pipeline of both forms',
    `${multibulk('SET', 'k', 'a\r\nb')}PING\r\n${multibulk('GET', '')}echo "x y"\n`,
    {
      commands: [['SET', 'k', 'a\r\nb'], ['PING'], ['GET', ''], ['echo', 'x y']],
      error: undefined,
    },
  ],
  [
    'empty commands are skipped',
    `*0\r\n\r\n*-1\r\n  \r\n${multibulk('PING')}`,
    { commands: [['PING']], error: undefined },
  ],
  ['a long command', multibulk('MSET', ...MANY), { commands: [['MSET', ...MANY]], error: undefined }],
  ['unbalanced quotes', 'set a "b\r\n', { commands: [], error: 'Protocol error: unbalanced quotes in request' }],
  [
    'garbage behind a closing quote',
    `PING\r\nset a "b"c\r\n`,
    { commands: [['PING']], error: 'Protocol error: unbalanced quotes in request' },
  ],
  ['a count that is no number', '*x\r\n', { commands: [], error: 'Protocol error: invalid multibulk length' }],
  ['a count with a leading zero', '*03\r\n', { commands: [], error: 'Protocol error: invalid multibulk length' }],
  [
    'a count beyond all bounds',
    '*99999999999\r\n',
    { commands: [], error: 'Protocol error: invalid multibulk length' },
  ],
  ['something else than a bulk', '*1\r\n+PING\r\n', { commands: [], error: "Protocol error: expected '$', got '+'" }],
  ['a negative length', '*1\r\n$-1\r\n', { commands: [], error: 'Protocol error: invalid bulk length' }],
  ['a length beyond the limit', '*1\r\n$536870913\r\n', { commands: [], error: 'Protocol error: invalid bulk length' }],
];

describe('the request parser', () => {
  it('adds to what it has found of a long command, and begins no second list of it', () => {
    const bytes = Buffer.from(multibulk('MSET', ...MANY), 'latin1');
    const batch = new RequestBatch();
    let partial: PartialCommand | undefined;
    const counts: number[] = [];
    for (let end = bytes.length / 2; end < bytes.length; end += bytes.length / 10) {
      batch.parse(bytes, 0, Math.floor(end), REQUEST_LIMITS, true, partial);
      expect(batch.partial).toBe(partial ?? batch.partial);
      partial = batch.partial;
      counts.push(partial!.count);
    }
    expect(counts).toEqual([...new Set(counts)].sort((a, b) => a - b));
    batch.parse(bytes, 0, bytes.length, REQUEST_LIMITS, true, partial);
    expect(commandsOf(batch)).toEqual([['MSET', ...MANY]]);
  });

  for (const [name, input, expected] of CORPUS) {
    it(`parses ${name}, wherever it is split`, () => {
      const bytes = Buffer.from(input, 'latin1');
      expect(parsePieces([Buffer.from(bytes)])).toEqual(expected);
      for (let at = 0; at <= bytes.length; at++) {
        const pieces = [Buffer.from(bytes.subarray(0, at)), Buffer.from(bytes.subarray(at))];
        expect(parsePieces(pieces), `split at ${at}`).toEqual(expected);
      }
      expect(parsePieces(Array.from(bytes, (byte) => Buffer.of(byte)))).toEqual(expected);
    });
  }

  it('unquotes inline arguments as Redis does', () => {
    const parse = (line: string) => parsePieces([Buffer.from(`${line}\r\n`, 'latin1')]).commands[0];
    expect(parse(`a "\\x41\\n\\"q\\"" 'it\\'s'`)).toEqual(['a', 'A\n"q"', "it's"]);
    expect(parse('a"b c" d')).toEqual(['ab c', 'd']);
    expect(parse('a "" b')).toEqual(['a', '', 'b']);
    expect(parse(`'\\n' "\\xzz"`)).toEqual(['\\n', 'xzz']);
  });

  it('refuses lines beyond the limit before their end has come', () => {
    const limits = { ...REQUEST_LIMITS, lineBytesMax: 100 };
    const long = Buffer.alloc(101, 0x61);
    expect(parsePieces([long], limits).error).toBe('Protocol error: too big inline request');
    expect(parsePieces([Buffer.concat([Buffer.from('*'), Buffer.alloc(101, 0x31)])], limits).error).toBe(
      'Protocol error: too big mbulk count string',
    );
    expect(parsePieces([Buffer.concat([Buffer.from('*1\r\n$'), Buffer.alloc(101, 0x31)])], limits).error).toBe(
      'Protocol error: too big bulk count string',
    );
  });

  it('holds an unauthenticated client to small commands, one at a time', () => {
    const batch = new RequestBatch();
    const two = Buffer.from(multibulk('AUTH', 'x') + multibulk('MSET', ...MANY));
    batch.parse(two, 0, two.length, REQUEST_LIMITS, false);
    expect(batch.count).toBe(1);
    expect(batch.error).toBeUndefined();
    batch.parse(two, batch.consumed, two.length, REQUEST_LIMITS, false);
    expect(batch.error).toBe('Protocol error: unauthenticated multibulk length');
    const big = Buffer.from('*1\r\n$20000\r\n');
    batch.parse(big, 0, big.length, REQUEST_LIMITS, false);
    expect(batch.error).toBe('Protocol error: unauthenticated bulk length');
  });

  it('says how many bytes a bulk still needs, so that it is not parsed again for each chunk', () => {
    const batch = new RequestBatch();
    const start = Buffer.from('*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$1000000\r\nabc');
    batch.parse(start, 0, start.length, REQUEST_LIMITS, true);
    expect(batch.count).toBe(0);
    expect(batch.neededBytes).toBe(start.length - 3 + 1_000_000 + 2);
  });

  it('detaches the rest of a batch into memory of its own', () => {
    const batch = new RequestBatch();
    const bytes = Buffer.from(multibulk('GET', 'a') + multibulk('SET', 'b', 'c') + multibulk('PING'));
    batch.parse(bytes, 0, bytes.length, REQUEST_LIMITS, true);
    const rest = batch.detach(1);
    const none = batch.detach(3);
    bytes.fill(0);
    expect(commandsOf(rest)).toEqual([['SET', 'b', 'c'], ['PING']]);
    expect(commandsOf(rest.detach(1))).toEqual([['PING']]);
    expect(commandsOf(rest.detach(1).detach(1))).toEqual([]);
    expect(rest.detach(1).buffer).toBe(rest.buffer);
    expect(commandsOf(none)).toEqual([]);
  });

  it('detaches most of a buffer that nobody else has without a copy, and little of it with one', () => {
    const bytes = Buffer.from(multibulk('SET', 'k', '0123456789'.repeat(20)) + multibulk('PING'));
    const batch = new RequestBatch();
    batch.parse(bytes, 0, bytes.length, REQUEST_LIMITS, true);
    batch.isBufferKept = true;
    const [all, last] = [batch.detach(0), batch.detach(1)];
    expect(all.buffer.byteOffset).toBe(bytes.byteOffset + bytes.indexOf('SET'));
    expect(all.buffer.buffer).toBe(bytes.buffer);
    expect(commandsOf(all)).toEqual([['SET', 'k', '0123456789'.repeat(20)], ['PING']]);
    expect(last.buffer.buffer).not.toBe(bytes.buffer);
    expect(commandsOf(last)).toEqual([['PING']]);
    batch.parse(bytes, 0, bytes.length, REQUEST_LIMITS, true);
    expect(batch.detach(0).buffer.buffer).not.toBe(bytes.buffer);
  });
});
