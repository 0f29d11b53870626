/** The options of COPY, in their PostgreSQL 15 meaning, and what is wrong with them in its words (its copy.c). */

import type { Node } from '@pgsql/types';
import type { CopyFormat } from '../copy/copy-text.ts';
import { notSupported, SqlError } from '../sql-error.ts';
import { parseBoolean } from '../types/text-form.ts';
import { stringOf, stringsOf } from './names.ts';

/** @throws SqlError of whatever an option can be wrong in. */
export function bindCopyOptions(options: readonly Node[], isFrom: boolean): CopyFormat {
  const given = new Map<string, string>();
  const lists = new Map<string, readonly string[] | '*'>();
  let header: CopyFormat['header'] = false;
  for (const option of options) {
    if (!('DefElem' in option)) continue;
    const { defname = '', arg, location } = option.DefElem;
    if (given.has(defname) || lists.has(defname)) {
      throw new SqlError('syntax_error', 'conflicting or redundant options', { location });
    }
    switch (defname) {
      case 'format': {
        const format = textOf(arg);
        if (format !== 'text' && format !== 'csv' && format !== 'binary') {
          throw new SqlError('invalid_parameter_value', `COPY format "${format}" not recognized`, { location });
        }
        given.set(defname, format);
        break;
      }
      case 'freeze':
        // Rows are never frozen here: they are as visible as their transaction.
        if (arg !== undefined) parseBoolean(textOf(arg));
        given.set(defname, '');
        break;
      case 'header':
        header = headerOf(arg, isFrom);
        given.set(defname, '');
        break;
      case 'delimiter':
      case 'null':
      case 'quote':
      case 'escape':
        given.set(defname, textOf(arg));
        break;
      case 'force_quote':
      case 'force_not_null':
      case 'force_null':
        lists.set(defname, arg !== undefined && 'List' in arg ? stringsOf(arg.List.items) : '*');
        break;
      case 'encoding':
        if (!/^utf-?8$/i.test(textOf(arg))) throw notSupported(`COPY in the encoding ${textOf(arg)}`, location);
        given.set(defname, '');
        break;
      default:
        throw new SqlError('syntax_error', `option "${defname}" not recognized`, { location });
    }
  }
  const csv = given.get('format') === 'csv';
  const delimiter = given.get('delimiter') ?? (csv ? ',' : '\t');
  const nullText = given.get('null') ?? (csv ? '' : '\\N');
  const quote = given.get('quote') ?? '"';
  const escaping = given.get('escape') ?? quote;
  const refuse = (condition: 'feature_not_supported' | 'invalid_parameter_value', message: string): never => {
    throw new SqlError(condition, message);
  };
  const binary = given.get('format') === 'binary';
  for (const option of ['delimiter', 'null'] as const) {
    if (!binary || !given.has(option)) continue;
    throw new SqlError('syntax_error', `cannot specify ${option.toUpperCase()} in BINARY mode`);
  }
  if (Buffer.byteLength(delimiter) !== 1) {
    refuse('feature_not_supported', 'COPY delimiter must be a single one-byte character');
  }
  if (/[\r\n]/.test(delimiter)) {
    refuse('invalid_parameter_value', 'COPY delimiter cannot be newline or carriage return');
  }
  if (/[\r\n]/.test(nullText)) {
    refuse('invalid_parameter_value', 'COPY null representation cannot use newline or carriage return');
  }
  if (!csv && /[\\.a-z0-9]/.test(delimiter)) {
    refuse('invalid_parameter_value', `COPY delimiter cannot be "${delimiter}"`);
  }
  if (binary && header !== false) refuse('feature_not_supported', 'cannot specify HEADER in BINARY mode');
  if (!csv && given.has('quote')) refuse('feature_not_supported', 'COPY quote available only in CSV mode');
  if (csv && Buffer.byteLength(quote) !== 1) {
    refuse('feature_not_supported', 'COPY quote must be a single one-byte character');
  }
  if (csv && delimiter === quote) {
    refuse('invalid_parameter_value', 'COPY delimiter and quote must be different');
  }
  if (!csv && given.has('escape')) refuse('feature_not_supported', 'COPY escape available only in CSV mode');
  if (csv && Buffer.byteLength(escaping) !== 1) {
    refuse('feature_not_supported', 'COPY escape must be a single one-byte character');
  }
  for (const [option, words, needsFrom] of FORCED) {
    if (!lists.has(option)) continue;
    if (!csv) refuse('feature_not_supported', `COPY ${words} available only in CSV mode`);
    if (isFrom !== needsFrom) {
      refuse('feature_not_supported', `COPY ${words} only available using COPY ${needsFrom ? 'FROM' : 'TO'}`);
    }
  }
  if (nullText.includes(delimiter)) {
    refuse('feature_not_supported', 'COPY delimiter must not appear in the NULL specification');
  }
  if (csv && nullText.includes(quote)) {
    refuse('feature_not_supported', 'CSV quote character must not appear in the NULL specification');
  }
  const columns = (option: string): readonly string[] => {
    const list = lists.get(option) ?? [];
    return list === '*' ? [] : list;
  };
  return {
    binary,
    csv,
    delimiter,
    nullText,
    header,
    quote,
    escape: escaping,
    forceQuote: lists.get('force_quote') ?? [],
    forceNotNull: columns('force_not_null'),
    forceNull: columns('force_null'),
  };
}

const FORCED = [
  ['force_quote', 'force quote', false],
  ['force_not_null', 'force not null', true],
  ['force_null', 'force null', true],
] as const;

function headerOf(arg: Node | undefined, isFrom: boolean): CopyFormat['header'] {
  if (arg === undefined) return true;
  const text = textOf(arg).toLowerCase();
  if (text === 'match') {
    if (isFrom) return 'match';
    throw new SqlError('feature_not_supported', 'cannot use "match" with HEADER in COPY TO');
  }
  if (['true', 'on', '1'].includes(text)) return true;
  if (['false', 'off', '0'].includes(text)) return false;
  throw new SqlError('syntax_error', 'header requires a Boolean value or "match"');
}

function textOf(arg: Node | undefined): string {
  if (arg === undefined) return '';
  if ('Boolean' in arg) return String(arg.Boolean.boolval ?? false);
  if ('Integer' in arg) return String(arg.Integer.ival ?? 0);
  return stringOf(arg);
}
