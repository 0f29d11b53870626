/**
 * Where in a TOML text each key stands.
 *
 * The parser gives values without places, and a message that cannot say "line 12, column 3" makes a user search. This
 * walks the text once more and notes for every key the place of its name and of its value. It keeps true: every path
 * that the parser produced has an entry, arrays of tables and inline tables included.
 *
 * It reads only text that the parser (smol-toml) has accepted, so it checks nothing; on other text it stops early and
 * answers with what it found. Source: TOML 1.0.0, sections Keys, String, Array, Table, Inline Table, Array of Tables.
 */

export interface Place {
  /** Both from 1; columns count UTF-16 units, as editors do. */
  readonly line: number;
  readonly column: number;
}

export interface KeyPlace {
  /** The key itself, or the header of a table. */
  readonly key: Place;
  /** The first character of its value; for a table the same as `key`. */
  readonly value: Place;
}

/** Dotted path of a key: `server.port`, `security.users[0].name`; parts that are no bare key are quoted. */
export type KeyPath = string;

export function joinPath(base: KeyPath, part: string | number): KeyPath {
  if (typeof part === 'number') return `${base}[${part}]`;
  const name = /^[A-Za-z0-9_-]+$/.test(part) ? part : JSON.stringify(part);
  return base === '' ? name : `${base}.${name}`;
}

export function locateKeys(toml: string): ReadonlyMap<KeyPath, KeyPlace> {
  return new Locator(toml).run();
}

class Locator {
  readonly #text: string;
  readonly #places = new Map<KeyPath, KeyPlace>();
  /** How many tables `[[path]]` has so far. */
  readonly #rows = new Map<KeyPath, number>();
  readonly #lineStarts: number[] = [0];
  #at = 0;

  constructor(text: string) {
    this.#text = text;
    for (let i = text.indexOf('\n'); i >= 0; i = text.indexOf('\n', i + 1)) this.#lineStarts.push(i + 1);
    if (text.charCodeAt(0) === 0xfeff) this.#at = 1;
  }

  run(): ReadonlyMap<KeyPath, KeyPlace> {
    let table: KeyPath = '';
    this.#skipBlank();
    while (this.#at < this.#text.length) {
      const before = this.#at;
      if (this.#text[this.#at] === '[') table = this.#header();
      else this.#pair(table);
      this.#skipBlank();
      if (this.#at === before) break; // Not TOML.
    }
    return this.#places;
  }

  #header(): KeyPath {
    const isRow = this.#text[this.#at + 1] === '[';
    this.#at += isRow ? 2 : 1;
    this.#skipSpace();
    const start = this.#at;
    const parts = this.#key();
    this.#at += isRow ? 2 : 1;
    let path: KeyPath = '';
    for (const [i, part] of parts.entries()) {
      path = joinPath(path, part);
      this.#note(path, start, start);
      const last = i === parts.length - 1;
      let rows = this.#rows.get(path);
      if (last && isRow) {
        rows = (rows ?? 0) + 1;
        this.#rows.set(path, rows);
      }
      if (rows !== undefined) {
        path = joinPath(path, rows - 1);
        this.#note(path, start, start);
      }
    }
    return path;
  }

  /** `key = value`, or `a.b.c = value`. */
  #pair(table: KeyPath): void {
    const start = this.#at;
    const parts = this.#key();
    this.#skipSpace();
    if (this.#text[this.#at] !== '=') {
      this.#at = this.#text.length;
      return;
    }
    this.#at++;
    this.#skipSpace();
    let path = table;
    for (const part of parts) {
      path = joinPath(path, part);
      this.#note(path, start, this.#at);
    }
    this.#value(path);
  }

  #key(): string[] {
    const parts: string[] = [];
    for (;;) {
      this.#skipSpace();
      const quote = this.#text[this.#at];
      if (quote === '"' || quote === "'") {
        const start = this.#at;
        this.#string();
        const literal = this.#text.slice(start, this.#at);
        parts.push(quote === '"' ? unescaped(literal) : literal.slice(1, -1));
      } else {
        const bare = /[A-Za-z0-9_-]*/y;
        bare.lastIndex = this.#at;
        const name = bare.exec(this.#text)?.[0] ?? '';
        this.#at += name.length;
        parts.push(name);
      }
      this.#skipSpace();
      if (this.#text[this.#at] !== '.') return parts;
      this.#at++;
    }
  }

  #value(path: KeyPath): void {
    const first = this.#text[this.#at];
    if (first === '"' || first === "'") this.#string();
    else if (first === '[') this.#array(path);
    else if (first === '{') this.#inlineTable(path);
    else {
      const scalar = /[^,\]}#\r\n]*/y;
      scalar.lastIndex = this.#at;
      this.#at += scalar.exec(this.#text)?.[0].length ?? 0;
    }
  }

  #array(path: KeyPath): void {
    this.#at++;
    for (let index = 0; ; index++) {
      this.#skipBlank();
      if (this.#at >= this.#text.length) return;
      if (this.#text[this.#at] === ']') break;
      const element = joinPath(path, index);
      this.#note(element, this.#at, this.#at);
      this.#value(element);
      this.#skipBlank();
      if (this.#text[this.#at] === ',') this.#at++;
      else if (this.#text[this.#at] !== ']') return;
    }
    this.#at++;
  }

  #inlineTable(path: KeyPath): void {
    this.#at++;
    for (;;) {
      this.#skipBlank();
      if (this.#at >= this.#text.length) return;
      if (this.#text[this.#at] === '}') break;
      const before = this.#at;
      this.#pair(path);
      this.#skipBlank();
      if (this.#text[this.#at] === ',') this.#at++;
      if (this.#at === before) return;
    }
    this.#at++;
  }

  /** Skips a string of any of the four kinds. */
  #string(): void {
    const quote = this.#text[this.#at]!;
    const triple = quote.repeat(3);
    const isLong = this.#text.startsWith(triple, this.#at);
    const end = isLong ? triple : quote;
    this.#at += end.length;
    while (this.#at < this.#text.length && !this.#text.startsWith(end, this.#at)) {
      this.#at += quote === '"' && this.#text[this.#at] === '\\' ? 2 : 1;
    }
    this.#at += end.length;
    // A long string may end in up to two quotes of its own.
    if (isLong) for (let i = 0; i < 2 && this.#text[this.#at] === quote; i++) this.#at++;
  }

  #skipSpace(): void {
    while (this.#text[this.#at] === ' ' || this.#text[this.#at] === '\t') this.#at++;
  }

  /** Spaces, line ends and comments. */
  #skipBlank(): void {
    const blank = /(?:[ \t\r\n]+|#[^\n]*)*/y;
    blank.lastIndex = this.#at;
    this.#at += blank.exec(this.#text)?.[0].length ?? 0;
  }

  /** The first place a path is seen at stays: a table mentioned again by a sub-table is not declared there. */
  #note(path: KeyPath, key: number, value: number): void {
    if (!this.#places.has(path)) this.#places.set(path, { key: this.#place(key), value: this.#place(value) });
  }

  #place(offset: number): Place {
    let low = 0;
    let high = this.#lineStarts.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this.#lineStarts[middle]! <= offset) low = middle;
      else high = middle - 1;
    }
    return { line: low + 1, column: offset - this.#lineStarts[low]! + 1 };
  }
}

/**
 * The text of a basic string with its quotes. JSON lacks only TOML's \U, \e and \x escapes, and a bare tab. Every
 * escape is taken as a whole, so that the second backslash of `\\e` begins none.
 */
function unescaped(literal: string): string {
  const json = literal.replaceAll(
    /\t|\\(?:U([0-9A-Fa-f]{8})|x([0-9A-Fa-f]{2})|.)/g,
    (whole, long?: string, short?: string) => {
      if (long !== undefined) return JSON.stringify(String.fromCodePoint(Number.parseInt(long, 16))).slice(1, -1);
      if (short !== undefined) return `\\u00${short}`;
      if (whole === '\t') return '\\t';
      return whole === '\\e' ? '\\u001b' : whole;
    },
  );
  try {
    return JSON.parse(json) as string;
  } catch {
    return literal.slice(1, -1);
  }
}
