/**
 * How deep brackets nest in a text, before it is parsed: the grammar's stack holds ten thousand symbols, and a text that needs more is
 * refused by the parser only once it has filled that. Looking through the characters is a tenth of that work, stops at the
 * first bracket too many, and is left out for texts that are too short to hold so many.
 *
 * Strings, quoted names and comments are passed over (PostgreSQL 15, 4.1). One without an end takes the rest of the text: the
 * parser will tell.
 */

/** Each open bracket is a symbol on the stack of PostgreSQL's grammar (`YYMAXDEPTH`). */
const BRACKETS_MAX = 10_000;

const QUOTE = 0x27;
const QUOTES = 0x22;
const DOLLAR = 0x24;
const OPENING = 0x28;
const CLOSING = 0x29;
const STAR = 0x2a;
const HYPHEN = 0x2d;
const SLASH = 0x2f;
const OPENING_SQUARE = 0x5b;
const BACKSLASH = 0x5c;
const CLOSING_SQUARE = 0x5d;

const DOLLAR_QUOTE = /\$(?:[A-Za-z_\u0080-\uffff][\w\u0080-\uffff]*)?\$/y;

/** Whether more brackets are open somewhere than the grammar can hold. */
export function nestsTooDeep(text: string): boolean {
  const { length } = text;
  if (length <= BRACKETS_MAX) return false;
  let depth = 0;
  let at = 0;
  while (at < length) {
    const code = text.charCodeAt(at);
    switch (code) {
      case OPENING:
      case OPENING_SQUARE:
        if (++depth > BRACKETS_MAX) return true;
        at++;
        break;
      case CLOSING:
      case CLOSING_SQUARE:
        depth--;
        at++;
        break;
      case QUOTE:
        at = hasEscapes(text, at) ? behindEscapes(text, at) : behind(text, "'", at + 1);
        break;
      case QUOTES:
        at = behind(text, '"', at + 1);
        break;
      case DOLLAR:
        at = isWithinWord(text, at) ? at + 1 : behindDollars(text, at);
        break;
      case HYPHEN:
        at = text.charCodeAt(at + 1) === HYPHEN ? behind(text, '\n', at + 2) : at + 1;
        break;
      case SLASH:
        at = text.charCodeAt(at + 1) === STAR ? behindComment(text, at + 2) : at + 1;
        break;
      default:
        at++;
    }
  }
  return false;
}

/** A doubled quote within is the end of one string and the beginning of the next: which comes to the same here. */
function behind(text: string, end: string, from: number): number {
  const at = text.indexOf(end, from);
  return at === -1 ? text.length : at + end.length;
}

/** `E'…'`, whose E is no part of a longer word. */
function hasEscapes(text: string, quote: number): boolean {
  return (text.charCodeAt(quote - 1) | 0x20) === 0x65 && !isWithinWord(text, quote - 1);
}

function behindEscapes(text: string, quote: number): number {
  for (let at = quote + 1; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === BACKSLASH) at++;
    else if (code === QUOTE) return at + 1;
  }
  return text.length;
}

function behindDollars(text: string, at: number): number {
  DOLLAR_QUOTE.lastIndex = at;
  const quote = DOLLAR_QUOTE.exec(text)?.[0];
  return quote === undefined ? at + 1 : behind(text, quote, at + quote.length);
}

/** Comments of this kind nest. */
function behindComment(text: string, from: number): number {
  const bounds = /\/\*|\*\//g;
  bounds.lastIndex = from;
  for (let depth = 1; depth > 0; ) {
    const bound = bounds.exec(text);
    if (bound === null) return text.length;
    depth += bound[0] === '/*' ? 1 : -1;
  }
  return bounds.lastIndex;
}

/** Whether the character at `at` goes on with a word. */
function isWithinWord(text: string, at: number): boolean {
  const before = text.charCodeAt(at - 1);
  const letter = before | 0x20;
  return (
    (letter >= 0x61 && letter <= 0x7a) ||
    (before >= 0x30 && before <= 0x39) ||
    before === 0x5f ||
    before === DOLLAR ||
    before >= 0x80
  );
}
