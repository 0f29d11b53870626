/** Functions and operators that ask a document by a path in the SQL/JSON language (manual, 9.16.1, tables 9.46 and 9.48). */

import type { Jsonb, JsonValue } from '../../../models/relational/values.ts';
import { SqlError } from '../sql-error.ts';
import { parseJsonPath } from '../types/json-path.ts';
import { isJsonObject, jsonbOf } from '../types/json-value.ts';
import type { FunctionTable, RunContext } from './definition.ts';
import { isSoft, type PathOptions, pathExists, queryPath } from './json-path-run.ts';

const NO_VARIABLES = jsonbOf(new Map());

/** A call: what is asked by which path, and what of it counts. */
interface Asked {
  readonly json: Jsonb;
  readonly path: string;
  readonly variables: Jsonb;
  /** Errors of the document end the search and are not told. */
  readonly silent: boolean;
  readonly time: RunContext;
  /** Whether what is local may be compared with what has a zone. */
  readonly usesZone: boolean;
}

const optionsOf = ({ variables, time, usesZone }: Asked): PathOptions => ({
  variables: variables.tree,
  time,
  usesZone,
});

/** @returns whether all of the document was searched. */
function search(asked: Asked, found: JsonValue[]): boolean {
  const searched = quietly(asked, () =>
    queryPath(parseJsonPath(asked.path), asked.json.tree, optionsOf(asked), (item) => found.push(item)),
  );
  return searched !== 'failed';
}

function quietly<T>({ silent }: Asked, work: () => T): T | 'failed' {
  try {
    return work();
  } catch (error) {
    if (silent && isSoft(error)) return 'failed';
    throw error;
  }
}

/** What is found before an error that is not told counts. */
function query(asked: Asked): JsonValue[] {
  const found: JsonValue[] = [];
  search(asked, found);
  return found;
}

function exists(asked: Asked): boolean | null {
  const found = quietly(asked, () => pathExists(parseJsonPath(asked.path), asked.json.tree, optionsOf(asked)));
  return found === 'failed' ? null : found;
}

function match(asked: Asked): boolean | null {
  const found: JsonValue[] = [];
  if (search(asked, found) && found.length === 1) {
    const [only] = found;
    if (typeof only === 'boolean') return only;
    if (only === null) return null;
  }
  if (asked.silent) return null;
  throw new SqlError('singleton_sql_json_item_required', 'single boolean result is expected');
}

const ARGUMENTS = 'target jsonb, path jsonpath, vars jsonb = {}, silent bool = false';

/** Those with time zones compare with the session's. */
function functionsNamed(ending: '' | '_tz', words: '' | ' stable'): FunctionTable {
  const usesZone = ending === '_tz';
  const asking =
    <T>(answer: (asked: Asked) => T) =>
    (json: Jsonb, path: string, variables: Jsonb, silent: boolean, time: RunContext): T => {
      if (isJsonObject(variables.tree)) return answer({ json, path, variables, silent, time, usesZone });
      throw new SqlError('invalid_parameter_value', '"vars" argument is not an object', {
        detail: 'Jsonpath parameters should be encoded as key-value pairs of "vars" object.',
      });
    };
  return {
    [`jsonb_path_exists${ending}(${ARGUMENTS}) bool${words}`]: asking(exists),
    [`jsonb_path_match${ending}(${ARGUMENTS}) bool${words}`]: asking(match),
    [`jsonb_path_query${ending}(${ARGUMENTS}) setof jsonb${words}`]: asking((asked) => query(asked).map(jsonbOf)),
    [`jsonb_path_query_array${ending}(${ARGUMENTS}) jsonb${words}`]: asking((asked) => jsonbOf(query(asked))),
    [`jsonb_path_query_first${ending}(${ARGUMENTS}) jsonb${words}`]: asking((asked) => {
      const [first] = query(asked);
      return first === undefined ? null : jsonbOf(first);
    }),
  };
}

export const JSON_PATH_FUNCTIONS: FunctionTable = { ...functionsNamed('', ''), ...functionsNamed('_tz', ' stable') };

/** Operators take no variables and tell no errors. */
const operator =
  <T>(answer: (asked: Asked) => T) =>
  (json: Jsonb, path: string, time: RunContext): T =>
    answer({ json, path, variables: NO_VARIABLES, silent: true, time, usesZone: false });

export const JSON_PATH_OPERATORS: FunctionTable = {
  '@?(jsonb, jsonpath) bool': operator(exists),
  '@@(jsonb, jsonpath) bool': operator(match),
};
