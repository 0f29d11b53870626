/** Shapes of replies: what a command returns, and how that is written in RESP2 and RESP3. */

import type { Bytes } from '../../base/bytes.ts';
import type { ReplyWriter } from './reply-writer.ts';

export interface Reply<T> {
  /** For messages of tests. */
  readonly name: string;
  write(writer: ReplyWriter, value: T): void;
}

export const ok: Reply<void> = { name: 'OK', write: (writer) => writer.simple('OK') };

export const integer: Reply<number | bigint> = {
  name: 'integer',
  write: (writer, value) => writer.integer(value),
};

export const integerOrNil: Reply<number | undefined> = {
  name: 'integer or nil',
  write: (writer, value) => (value === undefined ? writer.nil() : writer.integer(value)),
};

/** 1 or 0, in both protocols. */
export const zeroOrOne: Reply<boolean> = {
  name: 'integer',
  write: (writer, value) => writer.integer(value ? 1 : 0),
};

export const bulk: Reply<Bytes> = { name: 'bulk string', write: (writer, value) => writer.bulk(value) };

export const bulkOrNil: Reply<Bytes | undefined> = {
  name: 'bulk string or nil',
  write: (writer, value) => (value === undefined ? writer.nil() : writer.bulk(value)),
};

export const arrayOfBulk: Reply<readonly Bytes[]> = {
  name: 'array of bulk strings',
  write: (writer, values) => {
    writer.array(values.length);
    for (const value of values) writer.bulk(value);
  },
};

export const arrayOfBulkOrNil: Reply<readonly (Bytes | undefined)[]> = {
  name: 'array of bulk strings',
  write: (writer, values) => {
    writer.array(values.length);
    for (const value of values) bulkOrNil.write(writer, value);
  },
};

export const simple: Reply<string> = { name: 'simple string', write: (writer, value) => writer.simple(value) };

export const textOrNil: Reply<string | undefined> = {
  name: 'bulk string or nil',
  write: (writer, value) => (value === undefined ? writer.nil() : writer.text(value)),
};

export const verbatim: Reply<string> = {
  name: 'verbatim string',
  write: (writer, value) => writer.verbatim(value),
};

/** A reply whose shape depends on its value: for what is asked seldom, like COMMAND DOCS. */
export type Tree =
  | string
  | number
  | undefined
  | readonly Tree[]
  | { readonly kind: 'bytes'; readonly bytes: Bytes }
  | { readonly kind: 'simple'; readonly text: string }
  | { readonly kind: 'set'; readonly members: readonly Tree[] }
  | { readonly kind: 'map'; readonly entries: readonly (readonly [Tree, Tree])[] };

export const tree: Reply<Tree> = { name: 'any', write: writeTree };

export function simpleTree(text: string): Tree {
  return { kind: 'simple', text };
}

export function bytesTree(bytes: Bytes): Tree {
  return { kind: 'bytes', bytes };
}

export function setTree(members: readonly Tree[]): Tree {
  return { kind: 'set', members };
}

export function mapTree(entries: readonly (readonly [Tree, Tree])[]): Tree {
  return { kind: 'map', entries };
}

function writeTree(writer: ReplyWriter, value: Tree): void {
  if (value === undefined) {
    writer.nil();
  } else if (typeof value === 'string') {
    writer.text(value);
  } else if (typeof value === 'number') {
    writer.integer(value);
  } else if (isList(value)) {
    writer.array(value.length);
    for (const element of value) writeTree(writer, element);
  } else if (value.kind === 'bytes') {
    writer.bulk(value.bytes);
  } else if (value.kind === 'simple') {
    writer.simple(value.text);
  } else if (value.kind === 'set') {
    writer.set(value.members.length);
    for (const member of value.members) writeTree(writer, member);
  } else {
    writer.map(value.entries.length);
    for (const [name, entry] of value.entries) {
      writeTree(writer, name);
      writeTree(writer, entry);
    }
  }
}

function isList(value: Tree): value is readonly Tree[] {
  return Array.isArray(value);
}
