/**
 * The query of a definition as it was written, cut out of the string that it came in. Relations in it are given their
 * schemas, so that the text means the same from any search path.
 *
 * Lexical rules: PostgreSQL 15, 4.1. Places are byte offsets, as the parser tells them.
 */

/** Strings, quoted names and comments, passed over as one; words; and the end of a statement. */
const TOKENS =
  /[eE]'(?:[^'\\]|\\[\s\S]|'')*'|'(?:[^']|'')*'|"(?:[^"]|"")*"|\$([A-Za-z_\x80-\xff]?[\w\x80-\xff]*)\$[\s\S]*?\$\1\$|--[^\n]*|\/\*[\s\S]*?\*\/|[A-Za-z_\x80-\xff][\w$\x80-\xff]*|;/g;

const QUERY_BEGINS = /^[\s(]*(?:select|with|values|table)\b/i;
const QUERY_ENDS = /\s+with\s+(?:(?:local|cascaded)\s+check\s+option|check\s+option|(?:no\s+)?data)\s*$/i;

/**
 * @param from Where the name of what is defined begins; the query follows an AS behind it.
 * @param names What to write for the names that begin at these places.
 */
export function queryText(text: string, from: number, names: ReadonlyMap<number, string>): string {
  // A character for each byte: places of one are places of the other.
  const bytes = Buffer.from(text).toString('latin1');
  let written = '';
  let copied: number | undefined;
  let end = bytes.length;
  for (const { 0: token, index } of bytes.matchAll(TOKENS)) {
    if (index < from) continue;
    const after = index + token.length;
    if (copied === undefined) {
      if (/^as$/i.test(token) && QUERY_BEGINS.test(bytes.slice(after))) copied = after;
      continue;
    }
    if (token === ';') {
      end = index;
      break;
    }
    const name = names.get(index);
    if (name === undefined) continue;
    written += bytes.slice(copied, index) + Buffer.from(name).toString('latin1');
    copied = after;
  }
  const query = written + bytes.slice(copied ?? from, end);
  return Buffer.from(query, 'latin1').toString().replace(QUERY_ENDS, '').trim();
}
