/**
 * The kinds of value a configuration key can have: how each is checked, read from an environment variable or flag, and
 * shown again.
 *
 * A kind normalises: sizes become bytes, durations milliseconds. It keeps true that a value which came as text
 * (environment, flag) means the same as the same text in the file. Sizes are powers of 1024, as in PostgreSQL: 1MB is
 * 1,048,576 bytes. Numbers stay below 2^53.
 */

import { z } from 'zod';

export interface Kind<T> {
  /** What a value must be, to follow "must be": "a port number from 0 to 65535". */
  readonly expected: string;
  /** From what TOML holds to the normalised value. */
  readonly schema: z.ZodType<T>;
  /** From text to what TOML would hold; text that does not fit is returned as it is, for `schema` to refuse. */
  fromText(text: string): unknown;
  /** The normalised value as a TOML literal. */
  show(value: T): string;
  /** Valid words, where the value is one of a few. */
  readonly words?: readonly string[];
}

const UNIT_BYTES: Readonly<Record<string, number>> = {
  '': 1,
  B: 1,
  K: 2 ** 10,
  KB: 2 ** 10,
  KIB: 2 ** 10,
  M: 2 ** 20,
  MB: 2 ** 20,
  MIB: 2 ** 20,
  G: 2 ** 30,
  GB: 2 ** 30,
  GIB: 2 ** 30,
  T: 2 ** 40,
  TB: 2 ** 40,
  TIB: 2 ** 40,
};

const UNIT_MS: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1000,
  m: 60_000,
  min: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};

const TRUE = ['true', '1', 'yes', 'on'];
const FALSE = ['false', '0', 'no', 'off'];

export function showBytes(bytes: number): string {
  for (const unit of ['TB', 'GB', 'MB', 'KB'] as const) {
    const size = UNIT_BYTES[unit]!;
    if (bytes >= size && bytes % size === 0) return `${bytes / size}${unit}`;
  }
  return String(bytes);
}

export function showMs(ms: number): string {
  if (ms === 0) return '0s';
  for (const unit of ['h', 'm', 's'] as const) {
    const size = UNIT_MS[unit]!;
    if (ms >= size && ms % size === 0) return `${ms / size}${unit}`;
  }
  return `${ms}ms`;
}

function showText(text: string): string {
  return JSON.stringify(text);
}

/** Bytes of "256MB", "1.5 GiB" or "4096"; undefined when it is no size. */
function parseBytes(text: string): number | undefined {
  const match = /^\s*(\d+(?:\.\d+)?)\s*([a-z]*)\s*$/i.exec(text);
  const unit = match && UNIT_BYTES[match[2]!.toUpperCase()];
  return unit ? Math.round(Number(match[1]) * unit) : undefined;
}

export const boolean: Kind<boolean> = {
  expected: 'true or false',
  schema: z.boolean(),
  fromText(text) {
    const word = text.trim().toLowerCase();
    return TRUE.includes(word) ? true : FALSE.includes(word) ? false : text;
  },
  show: String,
};

export function integer(min: number, max: number, what = 'a whole number'): Kind<number> {
  return {
    expected: `${what} from ${min} to ${max}`,
    schema: z.number().int().min(min).max(max),
    fromText: (text) => (/^\s*[+-]?\d+\s*$/.test(text) ? Number(text) : text),
    show: String,
  };
}

export const port = integer(0, 65_535, 'a port number');

export function decimal(min: number, max: number): Kind<number> {
  return {
    expected: `a number from ${min} to ${max}`,
    schema: z.number().min(min).max(max),
    fromText: (text) => (/^\s*[+-]?\d+(\.\d+)?\s*$/.test(text) ? Number(text) : text),
    show: String,
  };
}

/** A size in bytes: a number, or text with a unit. */
export function bytes(min: number, max: number): Kind<number> {
  const range = z.number().int().min(min).max(max);
  return {
    expected: `a size from ${showBytes(min)} to ${showBytes(max)}, like "256MB" or a number of bytes`,
    schema: z.union([range, z.string().transform(parseBytes).pipe(range)]),
    fromText: (text) => text,
    show: (value) => showText(showBytes(value)),
  };
}

/** A duration in milliseconds: a bare number counts `unit`s, text carries its own. Zero is allowed only if `min` is. */
export function duration(unit: 's' | 'ms', min: number, max: number): Kind<number> {
  const range = z.number().min(min).max(max);
  const unitMs = UNIT_MS[unit]!;
  const parse = (text: string) => {
    const match = /^\s*(\d+(?:\.\d+)?)\s*([a-z]*)\s*$/i.exec(text);
    const ms = match && (match[2] === '' ? unitMs : UNIT_MS[match[2]!.toLowerCase()]);
    return ms ? Number(match[1]) * ms : undefined;
  };
  return {
    expected:
      `a duration from ${showMs(min)} to ${showMs(max)}: ` +
      `${unit === 's' ? 'a number of seconds' : 'a number of milliseconds'} or text like "500ms"`,
    schema: z.union([
      z
        .number()
        .transform((n) => n * unitMs)
        .pipe(range),
      z.string().transform(parse).pipe(range),
    ]),
    fromText: (text) => text,
    show: (value) => showText(showMs(value)),
  };
}

export function text(options: { readonly what?: string; readonly pattern?: RegExp } = {}): Kind<string> {
  const schema = z.string().min(1).max(4096);
  return {
    expected: options.what ?? 'text that is not empty',
    schema: options.pattern ? schema.regex(options.pattern) : schema,
    fromText: (value) => value,
    show: showText,
  };
}

/** One of a few words; case does not matter, the spelling given here results. */
export function word<const W extends string>(...words: readonly W[]): Kind<W> {
  const find = (value: unknown) =>
    words.find((w) => typeof value === 'string' && w.toLowerCase() === value.trim().toLowerCase());
  return {
    expected: `one of ${words.map((w) => showText(w)).join(', ')}`,
    schema: z
      .unknown()
      .transform(find)
      .refine((known) => known !== undefined) as unknown as z.ZodType<W>,
    fromText: (value) => value,
    show: showText,
    words,
  };
}

/** A list; as text its items are separated by commas. */
export function list(
  item: Kind<string>,
  options: { readonly min?: number; readonly max?: number } = {},
): Kind<readonly string[]> {
  const max = options.max ?? 1024;
  return {
    expected: `a list of ${options.min ? `at least ${options.min}, ` : ''}at most ${max} items, each ${item.expected}`,
    schema: z
      .array(item.schema)
      .min(options.min ?? 0)
      .max(max),
    fromText: (value) =>
      value
        .split(',')
        .map((part) => part.trim())
        .filter((part) => part !== ''),
    show: (value) => `[${value.map(item.show).join(', ')}]`,
  };
}

/** Any value at all: for what is accepted without effect and was never specified narrowly. */
export const anything: Kind<unknown> = {
  expected: 'any value',
  schema: z.unknown(),
  fromText: (value) => value,
  show: (value) => JSON.stringify(value),
};
