/**
 * Reads our sources as the architecture tests need them: which files there are, what each imports, and its code without
 * comments.
 *
 * A scanner, not a parser: it knows strings, templates, comments and regular expressions well enough for sources that
 * Biome has formatted.
 */

import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = join(dirname(fileURLToPath(import.meta.url)), '..', '..');

export interface Source {
  /** From the root of the project, with slashes: `src/base/errors.ts`. */
  readonly path: string;
  readonly text: string;
}

export interface Import {
  readonly specifier: string;
  readonly typeOnly: boolean;
}

/** The TypeScript files below `folders`, tests left out: they may reach everywhere. */
export function readSources(...folders: readonly string[]): Source[] {
  const sources: Source[] = [];
  for (const folder of folders) {
    for (const entry of readdirSync(join(ROOT, folder), { recursive: true, withFileTypes: true })) {
      if (!entry.isFile() || !entry.name.endsWith('.ts') || entry.name.endsWith('.test.ts')) continue;
      const path = join(entry.parentPath, entry.name);
      sources.push({ path: relative(ROOT, path).replaceAll('\\', '/'), text: readFileSync(path, 'utf8') });
    }
  }
  return sources.sort((a, b) => (a.path < b.path ? -1 : 1));
}

/** Static imports, re-exports and dynamic imports of a literal. */
export function importsOf(text: string): Import[] {
  const code = withoutComments(text);
  const imports: Import[] = [];
  const statement = /(?:^|[;}\n])\s*(?:import|export)\s+(type\s+)?(?:[\w*\s{},$]*?\sfrom\s*)?(['"])([^'"]+)\2/g;
  for (const match of code.matchAll(statement))
    imports.push({ specifier: match[3]!, typeOnly: match[1] !== undefined });
  for (const match of code.matchAll(/\b(?:import|require)\s*\(\s*(['"])([^'"]+)\1/g)) {
    imports.push({ specifier: match[2]!, typeOnly: false });
  }
  return imports;
}

/** The text with comments blanked out, line breaks kept. */
export function withoutComments(text: string): string {
  return scan(text, false);
}

/** The text with comments blanked out and strings emptied; what `${}` holds in a template stays. */
export function withoutCommentsAndStrings(text: string): string {
  return scan(text, true);
}

// What stands before a slash that begins a regular expression, as opposed to a division.
const BEFORE_REGEXP = /(?:^|[=(,:[!&|?{};+\-*%<>~^\n]|\b(?:return|typeof|case|in|of|do|else|void|throw))\s*$/;

function scan(text: string, emptyStrings: boolean): string {
  let out = '';
  let at = 0;
  /** Depth of braces at which an enclosing template goes on. */
  const templates: number[] = [];
  let depth = 0;
  const copyString = (from: number, to: number) => {
    out += emptyStrings ? blank(text.slice(from, to)) : text.slice(from, to);
  };
  /** Copies template text from `start` up to its end or the next `${`. */
  const copyTemplate = (start: number) => {
    let end = start;
    while (end < text.length) {
      if (text[end] === '\\') end += 2;
      else if (text[end] === '`') {
        copyString(start, end);
        out += '`';
        at = end + 1;
        return;
      } else if (text[end] === '$' && text[end + 1] === '{') {
        copyString(start, end);
        out += '${';
        at = end + 2;
        templates.push(depth++);
        return;
      } else end++;
    }
    at = text.length;
  };
  while (at < text.length) {
    const char = text[at]!;
    const next = text[at + 1];
    if (char === '/' && next === '/') {
      const end = text.indexOf('\n', at);
      at = end < 0 ? text.length : end;
    } else if (char === '/' && next === '*') {
      const end = text.indexOf('*/', at + 2);
      const stop = end < 0 ? text.length : end + 2;
      out += blank(text.slice(at, stop));
      at = stop;
    } else if (char === "'" || char === '"') {
      let end = at + 1;
      while (end < text.length && text[end] !== char && text[end] !== '\n') end += text[end] === '\\' ? 2 : 1;
      out += char;
      copyString(at + 1, end);
      out += char;
      at = end + 1;
    } else if (char === '`') {
      out += '`';
      copyTemplate(at + 1);
    } else if (char === '/' && BEFORE_REGEXP.test(out.slice(-40))) {
      let end = at + 1;
      let inClass = false;
      while (end < text.length && text[end] !== '\n' && (inClass || text[end] !== '/')) {
        if (text[end] === '\\') end++;
        else if (text[end] === '[') inClass = true;
        else if (text[end] === ']') inClass = false;
        end++;
      }
      out += '/';
      copyString(at + 1, end);
      out += '/';
      at = end + 1;
    } else if (char === '}' && templates.at(-1) === depth - 1) {
      depth = templates.pop()!;
      out += '}';
      copyTemplate(at + 1);
    } else {
      if (char === '{') depth++;
      if (char === '}') depth--;
      out += char;
      at++;
    }
  }
  return out;
}

function blank(text: string): string {
  return text.replace(/[^\n]/g, ' ');
}
