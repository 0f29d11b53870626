/**
 * Templates of to_char, to_date, to_timestamp and to_number, taken apart (PostgreSQL's formatting.c, parse_format): keywords
 * with what stands around them, and between them separators, spaces and other characters, of which some are quoted.
 */

import { SqlError } from '../sql-error.ts';

export interface Keyword {
  readonly name: string;
  /** What it means, whichever case it is written in. */
  readonly id: string;
  readonly isDigit: boolean;
  readonly convention?: 'gregorian' | 'iso';
}

export type TemplateNode =
  | {
      readonly kind: 'field';
      readonly keyword: Keyword;
      /** FM: without blanks and zeros that fill up. */
      readonly fill: boolean;
      /** TM: in the language of the session. */
      readonly translated: boolean;
      /** TH or th: an ordinal's ending. */
      readonly ordinal: 'TH' | 'th' | undefined;
    }
  | { readonly kind: 'separator' | 'space' | 'character'; readonly text: string; readonly quoted?: true };

/** Keywords by their first character, longer ones before those that they begin with. */
export type Keywords = ReadonlyMap<string, readonly Keyword[]>;

export function keywordsOf(rows: readonly Keyword[]): Keywords {
  const found = new Map<string, Keyword[]>();
  for (const row of rows) {
    const first = row.name[0]!;
    const same = found.get(first);
    if (same === undefined) found.set(first, [row]);
    else same.push(row);
  }
  return found;
}

const PREFIXES = { FM: 'fill', fm: 'fill', TM: 'translated', tm: 'translated' } as const;

/** @param isDate Templates of dates have prefixes, suffixes and separators. */
export function parseTemplate(template: string, keywords: Keywords, isDate: boolean): readonly TemplateNode[] {
  const nodes: TemplateNode[] = [];
  let at = 0;
  while (at < template.length) {
    const prefix = isDate ? PREFIXES[template.slice(at, at + 2) as keyof typeof PREFIXES] : undefined;
    if (prefix !== undefined) at += 2;
    const keyword = keywords.get(template[at] ?? '')?.find(({ name }) => template.startsWith(name, at));
    if (keyword !== undefined) {
      at += keyword.name.length;
      const suffix = isDate ? template.slice(at, at + 2) : '';
      const ordinal = suffix === 'TH' || suffix === 'th' ? suffix : undefined;
      // SP, numbers in words, is read and means nothing.
      if (ordinal !== undefined || suffix === 'SP') at += 2;
      nodes.push({
        kind: 'field',
        keyword,
        fill: prefix === 'fill',
        translated: prefix === 'translated',
        ordinal,
      });
      continue;
    }
    if (at >= template.length) break;
    if (template[at] === '"') {
      at++;
      while (at < template.length) {
        if (template[at] === '"') {
          at++;
          break;
        }
        if (template[at] === '\\' && at + 1 < template.length) at++;
        const text = String.fromCodePoint(template.codePointAt(at)!);
        nodes.push({ kind: 'character', text, quoted: true });
        at += text.length;
      }
      continue;
    }
    if (template[at] === '\\' && template[at + 1] === '"') at++;
    const text = String.fromCodePoint(template.codePointAt(at)!);
    at += text.length;
    const kind = isDate && isSeparator(text) ? 'separator' : isSpace(text) ? 'space' : 'character';
    nodes.push({ kind, text });
  }
  return nodes;
}

/** A character of ASCII that can be seen and is neither letter nor digit. */
export function isSeparator(text: string | undefined): boolean {
  return text !== undefined && /^[!-/:-@[-`{-~]$/.test(text);
}

export function isSpace(text: string | undefined): boolean {
  return text !== undefined && /^[ \t\n\v\f\r]$/.test(text);
}

/** The ending of an ordinal number. @param digits Ending in a digit. */
export function ordinalEnding(digits: string, style: 'TH' | 'th'): string {
  const last = digits.at(-2) === '1' ? '0' : digits.at(-1);
  const ending = last === '1' ? 'st' : last === '2' ? 'nd' : last === '3' ? 'rd' : 'th';
  return style === 'TH' ? ending.toUpperCase() : ending;
}

export const MONTHS = [
  'January',
  'February',
  'March',
  'April',
  'May',
  'June',
  'July',
  'August',
  'September',
  'October',
  'November',
  'December',
];
export const DAYS = ['Sunday', 'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday'];
/** From December down to January. */
export const ROMAN_MONTHS = ['XII', 'XI', 'X', 'IX', 'VIII', 'VII', 'VI', 'V', 'IV', 'III', 'II', 'I'];

type Row = readonly [names: string, isDigit: boolean, convention?: 'gregorian' | 'iso'];

/** In PostgreSQL's order, which decides where one keyword begins another. */
const DATE_ROWS: readonly Row[] = [
  ['A.D. a.d.', false],
  ['A.M. a.m.', false],
  ['AD ad', false],
  ['AM am', false],
  ['B.C. b.c.', false],
  ['BC bc', false],
  ['CC cc', true],
  ['DAY Day day', false],
  ['DDD ddd', true, 'gregorian'],
  ['DD dd', true, 'gregorian'],
  ['DY Dy dy', false],
  ['D d', true, 'gregorian'],
  ['FF1 ff1', true],
  ['FF2 ff2', true],
  ['FF3 ff3', true],
  ['FF4 ff4', true],
  ['FF5 ff5', true],
  ['FF6 ff6', true],
  ['FX fx', false],
  ['HH24 hh24', true],
  ['HH12 hh12', true],
  ['HH hh', true],
  ['IDDD iddd', true, 'iso'],
  ['ID id', true, 'iso'],
  ['IW iw', true, 'iso'],
  ['IYYY iyyy', true, 'iso'],
  ['IYY iyy', true, 'iso'],
  ['IY iy', true, 'iso'],
  ['I i', true, 'iso'],
  ['J j', true],
  ['MI mi', true],
  ['MM mm', true, 'gregorian'],
  ['MONTH Month month', false, 'gregorian'],
  ['MON Mon mon', false, 'gregorian'],
  ['MS ms', true],
  ['OF of', false],
  ['P.M. p.m.', false],
  ['PM pm', false],
  ['Q q', true],
  ['RM rm', false, 'gregorian'],
  ['SSSSS sssss', true],
  ['SSSS ssss', true],
  ['SS ss', true],
  ['TZH tzh', false],
  ['TZM tzm', true],
  ['TZ tz', false],
  ['US us', true],
  ['WW ww', true, 'gregorian'],
  ['W w', true, 'gregorian'],
  ['Y,YYY y,yyy', true, 'gregorian'],
  ['YYYY yyyy', true, 'gregorian'],
  ['YYY yyy', true, 'gregorian'],
  ['YY yy', true, 'gregorian'],
  ['Y y', true, 'gregorian'],
];

const DATE_KEYWORDS = keywordsOf(
  DATE_ROWS.flatMap(([names, isDigit, convention]) => {
    const [id, ...others] = names.split(' ') as [string, ...string[]];
    return [id, ...others].map((name) => ({
      name,
      id: id === 'SSSSS' ? 'SSSS' : id,
      isDigit,
      ...(convention === undefined ? {} : { convention }),
    }));
  }),
);

/** Something is wrong with a template itself, whatever is read by it. */
export class InvalidTemplate extends SqlError {}

/** @throws InvalidTemplate for a separator that the standard does not have. */
function requireStandard(node: TemplateNode): void {
  if (node.kind === 'field' || node.quoted === true || "-./,':; ".includes(node.text)) return;
  throw new InvalidTemplate('invalid_datetime_format', `invalid datetime format separator: "${node.text}"`);
}

const TEMPLATES_MAX = 100;
const templates = new Map<string, readonly TemplateNode[]>();

/**
 * A template of dates; those that were used last are kept. @param strict As the standard has it, with few separators.
 * @throws InvalidTemplate `invalid_datetime_format`.
 */
export function dateTemplate(template: string, strict = false): readonly TemplateNode[] {
  const key = strict ? `!${template}` : template;
  let known = templates.get(key);
  if (known !== undefined) return known;
  known = parseTemplate(template, DATE_KEYWORDS, true);
  if (strict) for (const node of known) requireStandard(node);
  if (templates.size >= TEMPLATES_MAX) templates.clear();
  templates.set(key, known);
  return known;
}
