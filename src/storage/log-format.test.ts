import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { text } from '../base/bytes.ts';
import {
  bodyIsIntact,
  commitsOf,
  decodeFrameHeader,
  decodeSegmentHeader,
  encodeSegmentHeader,
  FRAME_HEADER_BYTES,
  sealFrame,
  segmentName,
  segmentNumber,
} from './log-format.ts';
import { readOperations } from './operations.ts';

const page = readFileSync(new URL('../../docs/formats/log.md', import.meta.url), 'utf8');

/** The bytes of an example of the page. */
function example(name: string): Buffer {
  const match = new RegExp(`\`\`\`${name}\n([0-9a-f \n]+)\`\`\``).exec(page);
  return Buffer.from(match![1]!.replace(/\s/g, ''), 'hex');
}

const LOG_ID = 0x0123456789abcdefn;

describe('the format of the log', () => {
  it('has segment headers as its page shows them', () => {
    const header = { number: 3, logId: LOG_ID, firstVersion: 41, firstSequence: 17 };
    expect(decodeSegmentHeader(example('segment'))).toEqual(header);
    expect(encodeSegmentHeader(header)).toEqual(example('segment'));
  });

  it('has frames as its page shows them', () => {
    const bytes = example('frame');
    const header = decodeFrameHeader(bytes)!;
    expect(header).toMatchObject({
      logId: LOG_ID,
      sequence: 17,
      firstVersion: 41,
      commits: 2,
      writtenAtMs: Date.UTC(2030, 0, 1),
      syncedSequence: 16,
    });
    const body = bytes.subarray(FRAME_HEADER_BYTES, FRAME_HEADER_BYTES + header.bodyBytes);
    expect(bodyIsIntact(header, body)).toBe(true);
    const commits = [...commitsOf(body)].map(({ start, end }) =>
      [...readOperations(body, start, end)].map((change) => {
        if (change.kind !== 'deleteRange') return `${change.kind} ${text(change.key)}`;
        return `from ${text(change.range.start)} to ${change.range.end === undefined ? 'the end' : text(change.range.end)}`;
      }),
    );
    expect(commits).toEqual([
      ['put a', 'delete b'],
      ['from c to f', 'from x to the end'],
    ]);
    // Sealing the same body over a dirty arena gives the same bytes.
    const arena = Buffer.alloc(bytes.length, 0xee);
    body.copy(arena, FRAME_HEADER_BYTES);
    sealFrame(arena, 0, header);
    expect(arena).toEqual(bytes);
  });

  it('notices every flipped bit of a header', () => {
    for (const [name, decode] of [
      ['segment', decodeSegmentHeader],
      ['frame', decodeFrameHeader],
    ] as const) {
      const bytes = example(name).subarray(0, 64);
      for (let bit = 0; bit < bytes.length * 8; bit++) {
        const flipped = Buffer.from(bytes);
        flipped[bit >> 3]! ^= 1 << (bit & 7);
        expect(decode(flipped), `${name}, bit ${bit}`).toBeUndefined();
      }
    }
  });

  it('names segments by number', () => {
    expect(segmentName(3)).toBe('0000000003.log');
    expect(segmentNumber('0000000003.log')).toBe(3);
    for (const name of ['3.log', 'spare-3.log', '0000000003.log.tmp', 'x0000000003.log']) {
      expect(segmentNumber(name)).toBeUndefined();
    }
  });
});
