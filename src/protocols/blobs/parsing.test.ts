import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseBlobPath } from './blob-path.ts';
import { parseManifest } from './chunk-manifest.ts';
import { boundaryOf, parameter, readParts } from './multipart.ts';
import { preconditionStatus } from './preconditions.ts';
import { parseRanges } from './ranges.ts';

async function* inPieces(bytes: Buffer, cuts: readonly number[]): AsyncGenerator<Buffer> {
  let from = 0;
  for (const cut of [...cuts.filter((at) => at < bytes.length).sort((a, b) => a - b), bytes.length]) {
    if (cut > from) yield bytes.subarray(from, cut);
    from = Math.max(from, cut);
  }
}

async function partsOf(body: AsyncIterable<Buffer>, boundary = 'b') {
  const parts: { name: string | undefined; fileName: string | undefined; content: string }[] = [];
  for await (const part of readParts(body, boundary)) {
    let content = '';
    for await (const piece of part.content) content += Buffer.from(piece).toString('latin1');
    parts.push({ name: part.name, fileName: part.fileName, content });
  }
  return parts;
}

const FORM = Buffer.from(
  '--b\r\nContent-Disposition: form-data; name="text"\r\n\r\nplain\r\n--\r\n--b not\r\n--b\r\n' +
    'content-disposition: form-data; name="file"; filename="a \\"b\\".txt"\r\nContent-Type: x/y\r\n\r\n\r\n--b--\r\nepilogue',
);
const PARTS = [
  { name: 'text', fileName: undefined, content: 'plain\r\n--\r\n' },
  { name: 'file', fileName: 'a "b".txt', content: '' },
];

describe('multipart forms', () => {
  it('come out the same however they came in', async () => {
    const form = Buffer.from(FORM.toString('latin1').replace('\r\n--b not', '\r\n'), 'latin1');
    for (let cut = 0; cut <= form.length; cut++) expect(await partsOf(inPieces(form, [cut]))).toEqual(PARTS);
    await fc.assert(
      fc.asyncProperty(fc.array(fc.nat(form.length), { maxLength: 20 }), async (cuts) => {
        expect(await partsOf(inPieces(form, cuts))).toEqual(PARTS);
      }),
    );
  });

  it('are refused cut off, or with a boundary that is followed by something else', async () => {
    const form = Buffer.from(FORM.toString('latin1').replace('\r\n--b not', '\r\n'), 'latin1');
    const end = form.indexOf('--b--') + 5;
    for (let length = 0; length < end; length++) {
      await expect(partsOf(inPieces(form.subarray(0, length), [])), `${length}`).rejects.toMatchObject({
        code: 'invalid_argument',
      });
    }
    await expect(partsOf(inPieces(FORM, []))).rejects.toThrow(/not followed by a line break/);
    await expect(partsOf(inPieces(Buffer.from('something else'), []))).rejects.toThrow(/boundary/);
  });

  it('are told by their type, and name files in any spelling', () => {
    expect(boundaryOf('multipart/form-data; boundary="x y"')).toBe('x y');
    expect(boundaryOf('Multipart/Form-Data; charset=utf-8; boundary=abc')).toBe('abc');
    expect(boundaryOf('application/json; boundary=abc')).toBeUndefined();
    expect(parameter("form-data; filename*=UTF-8''%C3%BC.txt; filename=u.txt", 'filename')).toBe('ü.txt');
    expect(parameter('form-data; name=a; filename=b', 'filename')).toBe('b');
  });
});

describe('ranges', () => {
  it.each<[string, ReturnType<typeof parseRanges>]>([
    ['bytes=0-0', [{ start: 0, end: 1 }]],
    ['bytes=5-', [{ start: 5, end: 10 }]],
    ['bytes=-4', [{ start: 6, end: 10 }]],
    ['bytes=-40', [{ start: 0, end: 10 }]],
    ['bytes=8-100', [{ start: 8, end: 10 }]],
    [
      'bytes = 1-2 , 4-5',
      [
        { start: 1, end: 3 },
        { start: 4, end: 6 },
      ],
    ],
    ['bytes=1-2,50-60', [{ start: 1, end: 3 }]],
    ['bytes=10-', 'unsatisfiable'],
    ['bytes=-0', 'unsatisfiable'],
    ['bytes=3-2', 'unsatisfiable'],
    ['bytes=x', 'unsatisfiable'],
    ['bytes=0-9,0-9', undefined],
    ['lines=1-2', undefined],
    [`bytes=${Array(65).fill('0-0').join(',')}`, undefined],
  ])('%s', (header, ranges) => {
    expect(parseRanges(header, 10)).toEqual(ranges);
  });
});

describe('preconditions', () => {
  const at = Date.UTC(2024, 0, 1) / 1000;
  const date = (seconds: number) => new Date(seconds * 1000).toUTCString();
  it.each<[Record<string, string>, 304 | 412 | undefined]>([
    [{}, undefined],
    [{ 'if-none-match': '"e"' }, 304],
    [{ 'if-none-match': 'W/"e"' }, 304],
    [{ 'if-none-match': '*' }, 304],
    [{ 'if-none-match': '"a", "b"' }, undefined],
    [{ 'if-none-match': '"a"', 'if-modified-since': date(at) }, undefined],
    [{ 'if-modified-since': date(at) }, 304],
    [{ 'if-modified-since': date(at - 1) }, undefined],
    [{ 'if-modified-since': 'no date' }, undefined],
    [{ 'if-match': '"e"' }, undefined],
    [{ 'if-match': 'W/"e"' }, 412],
    [{ 'if-unmodified-since': date(at - 1) }, 412],
  ])('%o', (headers, status) => {
    expect(preconditionStatus(headers, '"e"', at)).toBe(status);
  });
});

describe('paths of needles', () => {
  it('name volume, id and cookie, and what follows the dot only a type', () => {
    const needle = { volumeId: 3, id: 1n, cookie: 0x637037d6, fileIdText: '3,01637037d6' };
    expect(parseBlobPath('/3,01637037d6')).toEqual({ ...needle, extension: '', fileName: '', isCommaForm: true });
    expect(parseBlobPath('/3,01637037d6.tar.gz')).toMatchObject({ ...needle, extension: '.gz' });
    expect(parseBlobPath('/3,01637037d6_2')).toMatchObject({ ...needle, id: 3n });
    expect(parseBlobPath('/3/01637037d6/my%20photo.jpg')).toMatchObject({
      ...needle,
      extension: '.jpg',
      fileName: 'my photo.jpg',
      isCommaForm: false,
    });
    for (const path of ['/', '/3', '/3,', '/3,1', '/x/01637037d6', '/3/01637037d6/a/b', '/3,01637037d6/a', '/3/%/x']) {
      expect(() => parseBlobPath(path), path).toThrow(/malformed|names no file/);
    }
  });
});

describe('chunk manifests', () => {
  it('are refused when their chunks overlap, reach too far, or are none', () => {
    const manifest = (...chunks: unknown[]) => Buffer.from(JSON.stringify({ size: 10, chunks }));
    const chunk = (offset: number, size: number) => ({ fid: '1,01637037d6', offset, size });
    expect(parseManifest(manifest(chunk(5, 5), chunk(0, 5))).chunks.map(({ offset }) => offset)).toEqual([0, 5]);
    for (const wrong of [
      manifest(chunk(0, 6), chunk(5, 5)),
      manifest(chunk(5, 6)),
      manifest({ fid: 'x', offset: 0, size: 1 }),
      manifest({ offset: 0, size: 1 }),
      manifest(chunk(-1, 1)),
      manifest(7),
      Buffer.from('{}'),
      Buffer.from('{'),
    ]) {
      expect(() => parseManifest(wrong), wrong.toString()).toThrow(
        expect.objectContaining({ code: 'invalid_argument' }),
      );
    }
  });
});
