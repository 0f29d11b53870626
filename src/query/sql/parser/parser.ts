/**
 * Text to syntax trees, with PostgreSQL's own parser in WebAssembly (`libpg-query`), but for plain statements: those are
 * parsed here, to the same trees (plain-statement.ts).
 *
 * The parser is loaded with the first statement: an idle server does not pay for it. A statement can exhaust the
 * module's stack (`1+1+…` with 20,000 terms does), and what is left of the module afterwards cannot be trusted; so after
 * every exception that is not a syntax error the instance is thrown away, and the next statement gets a new one.
 *
 * Trees are kept by the exact text from the second time that it comes: a client that repeats itself is not parsed again and
 * again, and one that does not leaves nothing behind. They are shared, and read-only.
 * Places in a tree are byte offsets in the UTF-8 form of the text; errors that leave here carry characters.
 */

import type { Node, ParseResult, ResTarget, SelectStmt } from '@pgsql/types';
import type { LibPgQuery } from 'libpg-query/wasm/libpg-query.js';
import { type Awaitable, isPromise } from '../../../base/awaitable.ts';
import { LruCache } from '../../../base/lru-cache.ts';
import { compileEarly } from '../../../platform/early-compiling.ts';
import { keepWasmTiers } from '../../../platform/wasm-tiers.ts';
import { stringsOf } from '../binder/names.ts';
import type { NamesOfStatement } from '../binder/referenced-tables.ts';
import type { SqlLimits } from '../limits.ts';
import { SqlError, statementTooLong } from '../sql-error.ts';
import { nestsTooDeep } from './nesting.ts';
import { parsePlain } from './plain-statement.ts';
import { parameterJunk, syntaxError } from './syntax-error.ts';

/** One statement of a query string. */
export interface ParsedStatement {
  readonly node: Node;
  /** The whole query string, which locations refer to. */
  readonly text: string;
  /** Which statement of the text this is, from 0. */
  readonly index: number;
  /** The text came before: the same object stands for it when it comes again. */
  readonly isKept?: boolean;
  /** What `namesOf` finds in the tree, where the parser has come across all of it. */
  readonly names?: NamesOfStatement;
}

const WORDS_MAX = 10_000;

export class SqlParser {
  readonly #limits: SqlLimits;
  readonly #parsed: LruCache<string, readonly ParsedStatement[]>;
  /** Words that were asked for whether they are names. */
  readonly #names = new Map<string, boolean>();
  /** Texts that came once. */
  readonly #seen: LruCache<string, true>;
  #instance: LibPgQuery | undefined;
  #loading: Promise<LibPgQuery> | undefined;

  constructor(limits: SqlLimits) {
    this.#limits = limits;
    this.#parsed = new LruCache(limits.parsedStatementsMax, limits.parsedBytesMax);
    this.#seen = new LruCache(limits.parsedStatementsMax, limits.parsedBytesMax);
  }

  /**
   * The statements of `text`; none when it holds only space and comments. Synchronous once the parser is loaded.
   * @throws SqlError `syntax_error` and its kin with a position, `program_limit_exceeded`, `statement_too_complex`.
   */
  parse(text: string): Awaitable<readonly ParsedStatement[]> {
    const known = this.#parsed.get(text);
    if (known !== undefined) return known;
    const instance = this.#load();
    return isPromise(instance) ? instance.then((loaded) => this.#parse(loaded, text)) : this.#parse(instance, text);
  }

  #load(): Awaitable<LibPgQuery> {
    if (this.#instance !== undefined) return this.#instance;
    this.#loading ??= loadGrammar().then(
      (instance) => {
        this.#instance = instance;
        this.#loading = undefined;
        return instance;
      },
      (error: unknown) => {
        this.#loading = undefined;
        throw error;
      },
    );
    return this.#loading;
  }

  #isName(instance: LibPgQuery, word: string): boolean {
    let known = this.#names.get(word);
    if (known === undefined) {
      known = isPlainName(instance, word);
      if (this.#names.size === WORDS_MAX) this.#names.clear();
      this.#names.set(word, known);
    }
    return known;
  }

  #parse(instance: LibPgQuery, text: string): readonly ParsedStatement[] {
    const bytes = Buffer.byteLength(text, 'utf8');
    if (bytes > this.#limits.statementBytesMax) {
      throw statementTooLong(bytes, this.#limits.statementBytesMax);
    }
    if (text.includes('\0')) {
      throw new SqlError('character_not_in_repertoire', 'invalid byte sequence for encoding "UTF8": 0x00');
    }
    if (nestsTooDeep(text)) throw tooDeep();
    const isKept = this.#seen.get(text) === true;
    let statements: readonly ParsedStatement[] = [];
    if (bytes > 0) {
      try {
        const plain = parsePlain(text, (word) => this.#isName(instance, word));
        statements =
          plain === undefined
            ? parseGrammar(instance, text).map((node, index) => ({ node, text, index, isKept }))
            : [{ ...plain, text, index: 0, isKept }];
      } catch (error) {
        if (error instanceof SqlError) throw error;
        if (this.#instance === instance) this.#instance = undefined;
        throw tooDeep(error);
      }
    }
    if (isKept) {
      this.#seen.delete(text);
      this.#parsed.set(text, statements, bytes);
    } else this.#seen.set(text, true, bytes);
    return statements;
  }
}

function tooDeep(cause?: unknown): SqlError {
  return new SqlError('statement_too_complex', 'stack depth limit exceeded', {
    hint: 'Simplify the statement: it nests deeper than the parser can follow.',
    cause,
  });
}

/** Words that mean something to the grammar in places where nothing was asked about them, and are names elsewhere. */
const MEANT: ReadonlySet<string> = new Set(['over', 'filter', 'within', 'cube', 'rollup']);

/**
 * Whether a word is a name to the grammar, and no more than that: of a column, of a function, of a table and of what they are
 * called. @param word In small letters.
 */
export function isPlainName(instance: LibPgQuery, word: string): boolean {
  if (MEANT.has(word)) return false;
  try {
    const [only] = parseGrammar(instance, `SELECT ${word}, ${word}(1), 1 ${word} FROM ${word} ${word}`);
    const { targetList = [], fromClause = [] } = (only as { SelectStmt: SelectStmt }).SelectStmt;
    const [column, call, called] = targetList.map((each) => (each as { ResTarget: ResTarget }).ResTarget);
    const [relation] = fromClause;
    if (called?.name !== word || column?.val === undefined || !('ColumnRef' in column.val)) return false;
    if (call?.val === undefined || !('FuncCall' in call.val)) return false;
    if (relation === undefined || !('RangeVar' in relation)) return false;
    return stringsOf(call.val.FuncCall.funcname).join('.') === word && relation.RangeVar.alias?.aliasname === word;
  } catch (error) {
    if (error instanceof SqlError) return false;
    throw error;
  }
}

/** That of the instance which parsed last, as it was then: it grows. */
let parserMemory: Buffer = Buffer.alloc(0);

/** Puts a text, and the zero behind it, into the parser's memory. For more than a few words the library's own loop takes longer. */
function writeText({ HEAPU8: memory }: LibPgQuery, text: string, at: number): void {
  if (memory.buffer !== parserMemory.buffer) parserMemory = Buffer.from(memory.buffer);
  parserMemory[at + parserMemory.write(text, at)] = 0;
}

export async function loadGrammar(): Promise<LibPgQuery> {
  keepWasmTiers();
  compileEarly();
  const { default: factory } = await import('libpg-query/wasm/libpg-query.js');
  return factory();
}

/**
 * Trees from PostgreSQL's own parser. @throws SqlError of the syntax; anything else leaves the instance useless.
 *
 * The struct of a result is three pointers: tree (JSON), captured stderr, error.
 */
export function parseGrammar(instance: LibPgQuery, text: string): readonly Node[] {
  const bytes = Buffer.byteLength(text, 'utf8');
  const query = instance._malloc(bytes + 1);
  if (query === 0) throw new RangeError('the parser is out of memory');
  writeText(instance, text, query);
  const result = instance._wasm_parse_query_raw(query);
  if (result === 0) throw new RangeError('the parser is out of memory');
  const error = instance.getValue(result + 8, 'i32');
  let failure: SqlError | undefined;
  let tree = '';
  if (error === 0) {
    tree = instance.UTF8ToString(instance.getValue(result, 'i32'));
  } else {
    const message = instance.UTF8ToString(instance.getValue(error, 'i32'));
    // The cursor counts characters from 1, unlike locations in trees; 0 is no place.
    const cursor = instance.getValue(error + 16, 'i32');
    const { condition, hint } = syntaxError(message, text, cursor - 1);
    // PostgreSQL 15 tells no place here.
    const known = cursor > 0 && !message.startsWith('WITH TIES ');
    failure = new SqlError(condition, message, { position: known ? cursor : undefined, hint });
  }
  const junk = parameterJunk(text);
  if (junk !== undefined && (failure === undefined || (failure.position ?? 0) > junk.position!)) failure = junk;
  instance._wasm_free_parse_result(result);
  instance._free(query);
  if (failure !== undefined) throw failure;
  const parsed = JSON.parse(tree) as ParseResult;
  return (parsed.stmts ?? []).flatMap((raw) => (raw.stmt === undefined ? [] : [raw.stmt]));
}
