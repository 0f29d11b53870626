import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  asBuffer,
  type Bytes,
  compareBytes,
  concatBytes,
  equalBytes,
  latin1,
  startsWith,
  utf8,
} from '../base/bytes.ts';
import { hasCode, OperationError } from '../base/errors.ts';
import { decimal, INT64_MAX, INT64_MIN, timestamp, uuid, uuidText } from '../base/value.ts';
import { prefixRange, rangeContains } from './key-range.ts';
import { DECIMAL_EXPONENT_MAX, decodeTuple, encodeTuple, KeyReader, KeyWriter, type TupleValue } from './tuple.ts';

const seed = process.env.ORBIT_TEST_SEED;

/** fast-check prints the seed and the path of a failure. */
function check(property: fc.IProperty<unknown> | fc.IPropertyWithHooks<never>, numRuns = 1_000): void {
  fc.assert(property as fc.IProperty<unknown>, seed === undefined ? { numRuns } : { seed: Number(seed), numRuns });
}

const special = [0, 1, -1, 0x7f, 0xff, 0x100, 0xffff, 0x10000, 2 ** 31, 2 ** 32, 2 ** 32 + 1, 2 ** 53 - 1, 2 ** 53];
const int = fc.oneof(
  fc.bigInt({ min: INT64_MIN, max: INT64_MAX }),
  fc.integer({ min: -300, max: 300 }).map(BigInt),
  fc.constantFrom(...special.flatMap((value) => [BigInt(value), -BigInt(value)]), INT64_MIN, INT64_MAX),
);
const float = fc
  .oneof(fc.double(), fc.integer({ min: -5, max: 5 }), fc.constantFrom(NaN, Infinity, -Infinity, 5e-324, 1.7e308))
  .map((value) => (value === 0 ? 0 : value));
const text = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 8 }),
  fc.string({ unit: fc.constantFrom('\0', '\u0001', 'a', 'b', '\u00ff', '\uffff', '\u{10ffff}'), maxLength: 4 }),
  fc.string({ unit: 'binary-ascii', minLength: 40, maxLength: 70 }),
);
const bytes = fc
  .oneof(
    fc.uint8Array({ maxLength: 8 }),
    fc.array(fc.constantFrom(0, 1, 0xfe, 0xff), { maxLength: 5 }).map((list) => Uint8Array.from(list)),
    fc.uint8Array({ minLength: 60, maxLength: 200 }),
  )
  .map((array): Bytes => Buffer.from(array));
/** Canonical decimals: what the decoder answers. */
const decimals = fc
  .oneof(
    fc
      .tuple(fc.bigInt({ min: -(10n ** 12n), max: 10n ** 12n }), fc.integer({ min: 0, max: 14 }))
      .map(([unscaled, scale]) => canonicalDecimal(unscaled, scale)),
    fc
      .tuple(fc.integer({ min: -99, max: 99 }), fc.integer({ min: 0, max: 4 }))
      .map(([unscaled, scale]) => canonicalDecimal(BigInt(unscaled), scale)),
    fc.constantFrom('NaN', 'Infinity', '-Infinity', '0', '1', '-1', '10', '100', '0.1', '0.01', '-0.01'),
  )
  .map(decimal);
const scalars: Record<string, fc.Arbitrary<TupleValue>> = {
  null: fc.constant(null),
  boolean: fc.boolean(),
  int,
  float,
  decimal: decimals,
  text,
  bytes,
  timestamp: int.map(timestamp),
  uuid: fc.uint8Array({ minLength: 16, maxLength: 16 }).map((array) => uuid(Buffer.from(array))),
};
const scalar = fc.oneof(...Object.values(scalars));
const nested: fc.Arbitrary<TupleValue> = fc.letrec<{ element: TupleValue }>((tie) => ({
  element: fc.oneof({ depthSize: 'small' }, scalar, fc.array(tie('element'), { maxLength: 3 })),
})).element;
const types: Record<string, fc.Arbitrary<TupleValue>> = {
  ...scalars,
  tuple: fc.array(nested, { maxLength: 3 }),
  mixed: nested,
};

/** The order that the encoding must keep, written independently of it. */
function compareValues(a: TupleValue, b: TupleValue): number {
  const rank = (value: TupleValue): number =>
    ['null', 'boolean', 'bigint', 'number', 'decimal', 'string', 'bytes', 'timestamp', 'uuid', 'tuple'].indexOf(
      typeName(value),
    );
  if (rank(a) !== rank(b)) return rank(a) - rank(b);
  if (typeof a === 'boolean' || typeof a === 'bigint') return a < (b as typeof a) ? -1 : a > (b as typeof a) ? 1 : 0;
  if (typeof a === 'number') return compareNumbers(a, b as number);
  if (typeof a === 'string') return compareCodePoints(a, b as string);
  if (a === null) return 0;
  if (a instanceof Uint8Array) return compareBytes(a, b as Bytes);
  if (Array.isArray(a)) return compareTuples(a as TupleValue[], b as TupleValue[]);
  const [x, y] = [a, b] as [Exclude<typeof a, readonly TupleValue[]>, Exclude<typeof a, readonly TupleValue[]>];
  if (x.kind === 'timestamp' && y.kind === 'timestamp') return x.micros < y.micros ? -1 : x.micros > y.micros ? 1 : 0;
  if (x.kind === 'uuid' && y.kind === 'uuid') return compareBytes(x.bytes, y.bytes);
  if (x.kind === 'decimal' && y.kind === 'decimal') return compareDecimals(x.text, y.text);
  throw new Error('unreachable');
}

function compareTuples(a: readonly TupleValue[], b: readonly TupleValue[]): number {
  for (let i = 0; i < Math.min(a.length, b.length); i++) {
    const order = compareValues(a[i]!, b[i]!);
    if (order !== 0) return order;
  }
  return a.length - b.length;
}

function typeName(value: TupleValue): string {
  if (value === null) return 'null';
  if (value instanceof Uint8Array) return 'bytes';
  if (Array.isArray(value)) return 'tuple';
  return typeof value === 'object' ? (value as { kind: string }).kind : typeof value;
}

function compareNumbers(a: number, b: number): number {
  if (Number.isNaN(a) || Number.isNaN(b)) return Number(Number.isNaN(a)) - Number(Number.isNaN(b));
  return a < b ? -1 : a > b ? 1 : 0;
}

function compareCodePoints(a: string, b: string): number {
  const [x, y] = [Array.from(a, (c) => c.codePointAt(0)!), Array.from(b, (c) => c.codePointAt(0)!)];
  for (let i = 0; i < Math.min(x.length, y.length); i++) if (x[i] !== y[i]) return x[i]! - y[i]!;
  return x.length - y.length;
}

function compareDecimals(a: string, b: string): number {
  if (!/\d/.test(a) || !/\d/.test(b)) return compareNumbers(Number(a), Number(b));
  const unscaled = (value: string): bigint => {
    const [whole, fraction = ''] = value.split('.');
    return BigInt(whole!.replace(/^-0$/, '0') + fraction.padEnd(30, '0')) * (value.startsWith('-0') ? -1n : 1n);
  };
  const [x, y] = [unscaled(a), unscaled(b)];
  return x < y ? -1 : x > y ? 1 : 0;
}

function canonicalDecimal(unscaled: bigint, scale: number): string {
  const digits = (unscaled < 0n ? -unscaled : unscaled).toString().padStart(scale + 1, '0');
  const whole = digits.slice(0, digits.length - scale);
  const fraction = digits.slice(digits.length - scale).replace(/0+$/, '');
  return `${unscaled < 0n ? '-' : ''}${whole}${fraction === '' ? '' : `.${fraction}`}`;
}

describe.each(Object.entries(types))('elements of type %s', (_, arbitrary) => {
  test.each([false, true])('come back as they were, descending %s', (descending) => {
    check(
      fc.property(arbitrary, (value) => {
        expect(decodeTuple(encodeTuple([value], { descending: [descending] }))).toEqual([value]);
      }),
    );
  });

  test.each([false, true])('sort as their bytes do, descending %s', (descending) => {
    check(
      fc.property(arbitrary, arbitrary, (a, b) => {
        const order = { descending: [descending] };
        const encoded = Math.sign(compareBytes(encodeTuple([a], order), encodeTuple([b], order)));
        // Written without negation, because -0 is not 0 to `toBe`.
        const expected = descending ? compareValues(b, a) : compareValues(a, b);
        expect(encoded).toBe(Math.sign(expected));
      }),
      2_000,
    );
  });

  test('begin no other element of the type', () => {
    check(
      fc.property(arbitrary, arbitrary, fc.boolean(), (a, b, descending) => {
        const [x, y] = [a, b].map((value) => encodeTuple([value], { descending: [descending] })) as [Bytes, Bytes];
        expect(startsWith(x, y)).toBe(equalBytes(x, y));
      }),
    );
  });
});

test('tuples of any types and directions sort element by element', () => {
  // The first `shared` elements of both rows are equal, so that the elements behind decide.
  const column = fc.record({ type: fc.constantFrom(...Object.keys(types)), descending: fc.boolean() });
  const rows = fc.array(column, { minLength: 1, maxLength: 4 }).chain((columns) => {
    const row = fc.tuple(...columns.map(({ type }) => types[type]!));
    return fc.record({ columns: fc.constant(columns), a: row, b: row, shared: fc.nat({ max: columns.length }) });
  });
  check(
    fc.property(rows, ({ columns, a, b, shared }) => {
      const right = b.map((value, i) => (i < shared ? a[i]! : value));
      const descending = columns.map((c) => c.descending);
      let expected = 0;
      for (let i = 0; i < columns.length && expected === 0; i++) {
        expected = descending[i] ? compareValues(right[i]!, a[i]!) : compareValues(a[i]!, right[i]!);
      }
      const encoded = compareBytes(encodeTuple(a, { descending }), encodeTuple(right, { descending }));
      expect(Math.sign(encoded)).toBe(Math.sign(expected));
      expect(decodeTuple(encodeTuple(a, { descending }))).toEqual(a);
    }),
    2_000,
  );
});

test('a tuple is the concatenation of its elements, and its range holds exactly its continuations', () => {
  const tuple = fc.array(fc.tuple(nested, fc.boolean()), { maxLength: 4 });
  check(
    fc.property(tuple, tuple, (first, second) => {
      const encode = (elements: readonly [TupleValue, boolean][]): Bytes =>
        encodeTuple(
          elements.map(([value]) => value),
          { descending: elements.map(([, descending]) => descending) },
        );
      const joined = encode([...first, ...second]);
      expect(equalBytes(joined, concatBytes(encode(first), encode(second)))).toBe(true);
      if (first.length === 0) return;
      const range = prefixRange(encode(first));
      expect(rangeContains(range, joined)).toBe(true);
      const begins = second.length >= first.length && equalBytes(encode(second.slice(0, first.length)), encode(first));
      expect(rangeContains(range, encode(second))).toBe(begins);
    }),
    2_000,
  );
});

test('nulls sort first or last as asked, in both directions', () => {
  for (const descending of [false, true]) {
    for (const nullsLast of [false, true, undefined]) {
      const order = { descending: [descending], ...(nullsLast === undefined ? {} : { nullsLast: [nullsLast] }) };
      const nothing = encodeTuple([null], order);
      const expected = (nullsLast ?? descending) ? 1 : -1;
      for (const value of [false, INT64_MIN, INT64_MAX, NaN, '', '\u{10ffff}', [], [[]]] as TupleValue[]) {
        expect(Math.sign(compareBytes(nothing, encodeTuple([value], order)))).toBe(expected);
      }
      expect(decodeTuple(nothing)).toEqual([null]);
    }
  }
});

test('decoding random and damaged bytes yields a tuple that encodes to the same bytes, or corruption', () => {
  const damaged = fc
    .tuple(
      fc.array(nested, { minLength: 1, maxLength: 3 }),
      fc.nat(),
      fc.nat({ max: 255 }),
      fc.constantFrom('set', 'cut', 'add'),
    )
    .map(([values, at, byte, how]) => {
      const whole = Buffer.from(encodeTuple(values));
      const position = at % whole.length;
      if (how === 'cut') return whole.subarray(0, position);
      if (how === 'add') return Buffer.concat([whole.subarray(0, position), Buffer.of(byte), whole.subarray(position)]);
      whole[position] = byte;
      return whole;
    });
  const tagged = fc
    .tuple(
      fc.constantFrom(0x0c, 0x13, 0x14, 0x1c, 0x20, 0x29, 0x2b, 0x30, 0x31, 0x40, 0xd6, 0xcf),
      fc.uint8Array({ maxLength: 24 }),
    )
    .map(([tag, rest]) => Buffer.concat([Buffer.of(tag), rest]));
  let decoded = 0;
  let refused = 0;
  check(
    fc.property(fc.oneof(fc.uint8Array({ maxLength: 32 }), damaged, tagged), (input) => {
      let values: TupleValue[];
      try {
        values = decodeTuple(input);
      } catch (error) {
        refused++;
        expect(hasCode(error, 'corruption')).toBe(true);
        return;
      }
      decoded++;
      // Nothing but directions and null placement is lost in decoding, and both are told by the element's first byte.
      const reader = new KeyReader(input);
      const descending: boolean[] = [];
      const nullsLast: boolean[] = [];
      while (!reader.atEnd) {
        const first = input[reader.offset]!;
        descending.push(first >= 0x80);
        nullsLast.push(first === 0x7e || first === 0xfe);
        reader.value();
      }
      // A null last inside a nested tuple has no ascending spelling of ours.
      if (!asBuffer(input).includes(0x7e) && !asBuffer(input).includes(0x81)) {
        expect(latin1(encodeTuple(values, { descending, nullsLast }))).toBe(latin1(input));
      }
    }),
    20_000,
  );
  expect(decoded).toBeGreaterThan(100);
  expect(refused).toBeGreaterThan(100);
});

test.each([
  ['an integer with leading zeros', '16 00 01'],
  ['an integer above int64', '1c 80 00 00 00 00 00 00 00'],
  ['an integer below int64', '0c 7f ff ff ff ff ff ff fe'],
  ['a float of -0', '20 7f ff ff ff ff ff ff ff'],
  ['a second NaN', '20 ff f8 00 00 00 00 00 01'],
  ['a decimal with a leading zero', '2b 15 01 01 0b 00'],
  ['a decimal with trailing zeros', '2b 15 01 0b 01 00'],
  ['a decimal without digits', '2b 15 01 00'],
  ['a decimal digit pair of 100', '2b 15 01 65 00'],
  ['a decimal of enormous exponent', '2b 18 7f ff ff ff 0b 00'],
  ['text that is not UTF-8', '30 ff 00 01'],
  ['an overlong UTF-8 form', '30 c1 81 00 01'],
  ['a UTF-8 surrogate', '30 ed a0 80 00 01'],
  ['an unknown escape', '30 61 00 02'],
  ['text without an end', '30 61 62'],
  ['text cut in its end', '30 61 00'],
  ['a tuple without an end', '40 15 01'],
  ['tag 00', '00'],
  ['tag ff', 'ff'],
  ['an unknown tag', '50'],
  ['a descending element in a tuple', '40 ea fe 00'],
  ['nesting without bound', '40 '.repeat(1_000)],
])('refuses %s as corruption', (_, hex) => {
  expect(() => decodeTuple(Buffer.from(hex.replaceAll(' ', ''), 'hex'))).toThrow(
    expect.objectContaining({ code: 'corruption' }),
  );
});

test('refuses to encode what has no place in the order', () => {
  const code = (run: () => unknown): string => {
    try {
      run();
    } catch (error) {
      return error instanceof OperationError ? error.code : String(error);
    }
    return 'none';
  };
  let deep: TupleValue = [];
  for (let i = 0; i < 40; i++) deep = [deep];
  expect(code(() => encodeTuple([INT64_MAX + 1n]))).toBe('out_of_range');
  expect(code(() => encodeTuple([INT64_MIN - 1n]))).toBe('out_of_range');
  expect(code(() => encodeTuple([timestamp(INT64_MAX + 1n)]))).toBe('out_of_range');
  expect(code(() => encodeTuple([decimal(`1e${DECIMAL_EXPONENT_MAX}`)]))).toBe('out_of_range');
  expect(code(() => encodeTuple([decimal('1e-999999999')]))).toBe('out_of_range');
  expect(code(() => encodeTuple([decimal(`1e${DECIMAL_EXPONENT_MAX - 1}`)]))).toBe('none');
  for (const malformed of ['', '.', '-', '1.2.3', '1e', '0x10', ' 1', '1 ', 'inf', 'e5', '--1']) {
    expect(code(() => encodeTuple([decimal(malformed)]))).toBe('invalid_argument');
  }
  expect(code(() => encodeTuple(['\ud800']))).toBe('invalid_argument');
  expect(code(() => encodeTuple([`${'x'.repeat(100)}\udfff`]))).toBe('invalid_argument');
  expect(code(() => encodeTuple([deep]))).toBe('invalid_argument');
  expect(code(() => new KeyWriter().int(2 ** 53))).toBe('out_of_range');
  expect(code(() => new KeyWriter().int(1.5))).toBe('out_of_range');
});

test('decimals of one value are one key, however they are written', () => {
  for (const spellings of [
    ['1', '1.0', '1.00', '+1', '01', '1.', '10e-1', '0.1e1', '1e0'],
    ['0', '-0', '0.000', '.0', '0e99'],
    ['-120', '-120.0', '-1.2e2', '-1.2E+2'],
    ['0.05', '.05', '5e-2', '0.0500'],
  ]) {
    const keys = spellings.map((spelling) => latin1(encodeTuple([decimal(spelling)])));
    expect(new Set(keys).size).toBe(1);
    expect(decodeTuple(encodeTuple([decimal(spellings.at(-1)!)]))).toEqual([decimal(spellings[0]!)]);
  }
});

test('integers are the same key as number and as bigint', () => {
  check(
    fc.property(fc.maxSafeInteger(), (value) => {
      const written = new KeyWriter().int(value).finish();
      expect(latin1(written)).toBe(latin1(encodeTuple([BigInt(value)])));
      expect(new KeyReader(written).safeInt()).toBe(value === 0 ? 0 : value);
      expect(new KeyReader(written).int()).toBe(BigInt(value));
    }),
  );
  expect(() => new KeyReader(encodeTuple([2n ** 53n])).safeInt()).toThrow(
    expect.objectContaining({ code: 'corruption' }),
  );
});

test('a writer reuses its buffer behind its prefix and hands out keys of their own', () => {
  const writer = new KeyWriter(utf8('p/'));
  const first = writer.int(1).text('a').finish();
  const second = writer
    .reset()
    .bytes(utf8('x'.repeat(500)))
    .finish();
  expect(latin1(first)).toBe(latin1(concatBytes(utf8('p/'), encodeTuple([1n, 'a']))));
  expect(latin1(second)).toBe(latin1(concatBytes(utf8('p/'), encodeTuple([utf8('x'.repeat(500))]))));
  const at = writer.reset().int(1).length;
  const shared = writer.float(2).finish();
  expect(latin1(writer.truncate(at).boolean(true).view())).toBe(
    latin1(concatBytes(utf8('p/'), encodeTuple([1n, true]))),
  );
  for (const part of ['abc', 'a\0c', 'xyz', 'y'.repeat(100)]) {
    const key = writer.reset().bytes(utf8(`<${part}>`), 1, part.length + 1);
    expect(latin1(key.view())).toBe(latin1(concatBytes(utf8('p/'), encodeTuple([utf8(part)]))));
  }
  const target = Buffer.alloc(64);
  const end = writer.reset().int(1).float(2).finishInto(target, 3);
  expect(latin1(target.subarray(3, end))).toBe(latin1(shared));
  expect(() => writer.truncate(1)).toThrow(/cut/);
});

test('a reader refuses an element of another type than asked for, and one that is missing', () => {
  const key = encodeTuple([1n, 'a', utf8('b')]);
  const reader = new KeyReader(key);
  expect([reader.int(), reader.text(), latin1(reader.bytes()), reader.atEnd]).toEqual([1n, 'a', 'b', true]);
  const corruption = expect.objectContaining({ code: 'corruption' });
  expect(() => reader.value()).toThrow(corruption);
  expect(() => reader.reset(key).text()).toThrow(corruption);
  expect(() => reader.reset(key).bytes()).toThrow(corruption);
  expect(() => reader.reset(encodeTuple(['a'])).int()).toThrow(corruption);
});

test('UUIDs read and print their text form', () => {
  expect(uuidText(uuid('6BA7B810-9dad-11d1-80b400c04fd430c8'))).toBe('6ba7b810-9dad-11d1-80b4-00c04fd430c8');
  expect(() => uuid('6ba7b810')).toThrow(expect.objectContaining({ code: 'invalid_argument' }));
  expect(() => uuid(utf8('short'))).toThrow(expect.objectContaining({ code: 'invalid_argument' }));
});

/** One element of the notation of docs/formats/tuple.md. */
function parseElement(source: string): TupleValue {
  if (source === 'null' || source === 'null last') return null;
  if (source === 'true' || source === 'false') return source === 'true';
  if (source.startsWith('"')) return JSON.parse(source) as string;
  if (source.startsWith("x'")) return Buffer.from(source.slice(2, -1), 'hex');
  if (source.startsWith('timestamp ')) return timestamp(BigInt(source.slice(10)));
  if (source.startsWith('uuid ')) return uuid(source.slice(5));
  if (source.startsWith('(')) return source.slice(1, -1).split(', ').map(parseElement);
  if (source.endsWith('m')) return decimal(source.slice(0, -1));
  return /^-?\d+$/.test(source) ? BigInt(source) : Number(source);
}

test('the examples of docs/formats/tuple.md hold', () => {
  const page = readFileSync(new URL('../../docs/formats/tuple.md', import.meta.url), 'utf8');
  const examples = [...page.matchAll(/^\| *`\((.*)\)` *\| *(?:`([0-9a-f ]+)`)? *\|$/gm)];
  expect(examples.length).toBeGreaterThan(35);
  for (const [, tuple = '', hex = ''] of examples) {
    const elements =
      tuple === '' ? [] : (tuple.match(/(?:desc )?(?:\([^)]*\)|"[^"]*"|[^,]+)/g) ?? []).map((e) => e.trim());
    const descending = elements.map((element) => element.startsWith('desc '));
    const plain = elements.map((element) => element.replace(/^desc /, ''));
    const values = plain.map(parseElement);
    // In the page "last" means the tag 7e, which flipped comes first.
    const nullsLast = plain.map((element, i) => (element === 'null last') !== descending[i]);
    const encoded = encodeTuple(values, { descending, nullsLast });
    expect(asBuffer(encoded).toString('hex'), tuple).toBe(hex.replaceAll(' ', ''));
    expect(decodeTuple(encoded), tuple).toEqual(values);
  }
});
