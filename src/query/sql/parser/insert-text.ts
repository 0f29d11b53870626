/**
 * INSERT statements whose rows are literals, taken apart without a syntax tree: the tree of a thousand rows costs more than
 * all else that happens to them.
 *
 * What is in front of the rows is given to the parser once, with parameters for one row behind it, and planned; texts that
 * differ in nothing but their rows share that plan, and their rows are read straight from the text (literal-rows.ts). Only
 * `INSERT INTO name [(columns)] VALUES` with plain names is known here, and behind the rows nothing but a semicolon. Of every
 * other text, and of rows that hold anything but literals, this knows nothing: the parser reads it as a whole, so what is
 * wrong with a text is always told by the parser and the binder, in their words and places.
 */

import { LruCache } from '../../../base/lru-cache.ts';
import type { SqlType } from '../types/types.ts';
import type { ParsedStatement } from './parser.ts';

const TEMPLATES_MAX = 1_000;
const TEMPLATE_CHARS_MAX = 4 * 1024 * 1024;
/** PostgreSQL's limit of expressions in a list. */
const PLACES_MAX = 1_664;

const SPACE = '[ \\t\\r\\n]';
const NAME = '(?:[a-z_][a-z_0-9]{0,62}|"[^"]{1,63}")';
const COLUMNS = `\\(${SPACE}{0,64}${NAME}(?:${SPACE}{0,64},${SPACE}{0,64}${NAME}){0,${PLACES_MAX}}${SPACE}{0,64}\\)`;
/** Ends with the parenthesis of the first row. Repetitions are bounded, so that no text keeps it looking. */
const HEAD = new RegExp(
  `${SPACE}{0,64}insert${SPACE}{1,64}into${SPACE}{1,64}(?:${NAME}\\.)?${NAME}${SPACE}{0,64}` +
    `(?:${COLUMNS}${SPACE}{0,64})?(?<=[ \\t\\r\\n)])values${SPACE}{0,64}\\(`,
  'iy',
);

export interface InsertText {
  /** With a parameter for each literal of one row. */
  readonly statement: ParsedStatement;
  /** Of the parameters: for the columns to say. */
  readonly types: readonly (SqlType | undefined)[];
  /** Which places of a row say DEFAULT. */
  readonly defaults: readonly boolean[];
  /** Where the first row begins. */
  readonly at: number;
}

interface Template {
  readonly statement: ParsedStatement | undefined;
  readonly types: readonly (SqlType | undefined)[];
  readonly defaults: readonly boolean[];
  /** Generation of the catalog with which it could not be planned. */
  refusedAt: number | undefined;
}

export class InsertTexts {
  /** By what is in front of the rows, and which places say DEFAULT. */
  readonly #templates = new LruCache<string, Template>(TEMPLATES_MAX, TEMPLATE_CHARS_MAX);

  /**
   * What is known of the statement, if it is of this kind.
   * @param generation Of the catalog.
   * @param parse Gives the trees of a text, undefined when it cannot yet.
   */
  match(
    text: string,
    generation: number,
    parse: (text: string) => readonly ParsedStatement[] | undefined,
  ): InsertText | undefined {
    HEAD.lastIndex = 0;
    if (!HEAD.test(text)) return undefined;
    const at = HEAD.lastIndex - 1;
    const defaults = shapeOf(text, at);
    if (defaults === undefined) return undefined;
    const name = nameOf(text, at, defaults);
    let template = this.#templates.get(name);
    if (template === undefined) {
      const parsed = parse(templateOf(text.slice(0, at), defaults));
      if (parsed === undefined) return undefined;
      const [statement] = parsed;
      template = {
        statement: parsed.length === 1 && 'InsertStmt' in statement!.node ? statement : undefined,
        types: defaults.flatMap((isDefault) => (isDefault ? [] : [undefined])),
        defaults,
        refusedAt: undefined,
      };
      this.#templates.set(name, template, name.length);
    }
    const { statement, types, refusedAt } = template;
    if (statement === undefined || refusedAt === generation) return undefined;
    return { statement, types, defaults: template.defaults, at };
  }

  /** The statement that `text` matched cannot be planned like that, as long as the catalog is as it is. */
  refuse(text: string, { at, defaults }: InsertText, generation: number): void {
    const template = this.#templates.get(nameOf(text, at, defaults));
    if (template !== undefined) template.refusedAt = generation;
  }
}

function nameOf(text: string, at: number, defaults: readonly boolean[]): string {
  let name = text.slice(0, at);
  for (const isDefault of defaults) name += isDefault ? 'd' : 'v';
  return name;
}

function templateOf(head: string, defaults: readonly boolean[]): string {
  let parameters = 0;
  return `${head}(${defaults.map((isDefault) => (isDefault ? 'DEFAULT' : `$${++parameters}`)).join(',')})`;
}

const QUOTE = 0x27;
const COMMA = 0x2c;
const CLOSE = 0x29;

/** For each place of the first row whether it says DEFAULT. Whether the others hold literals is found out by who reads them. */
function shapeOf(text: string, at: number): boolean[] | undefined {
  const defaults: boolean[] = [];
  let start = at + 1;
  for (let i = start; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code === QUOTE) {
      i = text.indexOf("'", i + 1);
      if (i < 0) return undefined;
    } else if (code === COMMA || code === CLOSE) {
      defaults.push(i - start < 32 && text.slice(start, i).trim().toLowerCase() === 'default');
      if (code === CLOSE) return defaults;
      if (defaults.length === PLACES_MAX) return undefined;
      start = i + 1;
    }
  }
  return undefined;
}
