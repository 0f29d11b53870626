/** Functions and operators that ask a document by a path in the SQL/JSON language (manual, 9.16.1, tables 9.46 and 9.48). */

import type { Jsonb, JsonValue } from '../../../models/relational/values.ts';
import { SqlError } from '../sql-error.ts';
import { parseJsonPath } from '../types/json-path.ts';
import { jsonbOf } from '../types/json-value.ts';
import type { FunctionTable, RunContext } from './definition.ts';
import { isSoft, pathExists, queryPath } from './json-path-run.ts';

const NO_VARIABLES = jsonbOf(new Map());

/** What is found before an error that is not to be told counts. */
function find(
  json: Jsonb,
  path: string,
  variables: Jsonb,
  silent: boolean,
  time: RunContext,
  usesZone = false,
): JsonValue[] | 'failed' {
  const found: JsonValue[] = [];
  return quietly(silent, () => {
    queryPath(parseJsonPath(path), json.tree, { variables: variables.tree, time, usesZone }, (item) =>
      found.push(item),
    );
    return found;
  });
}

function quietly<T>(silent: boolean, work: () => T): T | 'failed' {
  try {
    return work();
  } catch (error) {
    if (silent && isSoft(error)) return 'failed';
    throw error;
  }
}

function query(
  json: Jsonb,
  path: string,
  variables: Jsonb,
  silent: boolean,
  time: RunContext,
  usesZone = false,
): JsonValue[] {
  const found: JsonValue[] = [];
  quietly(silent, () =>
    queryPath(parseJsonPath(path), json.tree, { variables: variables.tree, time, usesZone }, (item) =>
      found.push(item),
    ),
  );
  return found;
}

function exists(
  json: Jsonb,
  path: string,
  variables: Jsonb,
  silent: boolean,
  time: RunContext,
  usesZone = false,
): boolean | null {
  const found = quietly(silent, () =>
    pathExists(parseJsonPath(path), json.tree, { variables: variables.tree, time, usesZone }),
  );
  return found === 'failed' ? null : found;
}

function match(
  json: Jsonb,
  path: string,
  variables: Jsonb,
  silent: boolean,
  time: RunContext,
  usesZone = false,
): boolean | null {
  const found = find(json, path, variables, silent, time, usesZone);
  if (found !== 'failed' && found.length === 1) {
    const [only] = found;
    if (typeof only === 'boolean') return only;
    if (only === null) return null;
  }
  if (silent) return null;
  throw new SqlError('singleton_sql_json_item_required', 'single boolean result is expected');
}

const ARGUMENTS = 'target jsonb, path jsonpath, vars jsonb = {}, silent bool = false';

type Ask<T> = (json: Jsonb, path: string, variables: Jsonb, silent: boolean, time: RunContext) => T;

/** Those with time zones compare with the session's. */
function functionsNamed(ending: '' | '_tz', words: '' | ' stable'): FunctionTable {
  const usesZone = ending === '_tz';
  const queried: Ask<JsonValue[]> = (json, path, variables, silent, time) =>
    query(json, path, variables, silent, time, usesZone);
  const existing: Ask<boolean | null> = (json, path, variables, silent, time) =>
    exists(json, path, variables, silent, time, usesZone);
  const matching: Ask<boolean | null> = (json, path, variables, silent, time) =>
    match(json, path, variables, silent, time, usesZone);
  const all: Ask<Jsonb[]> = (...given) => queried(...given).map(jsonbOf);
  const array: Ask<Jsonb> = (...given) => jsonbOf(queried(...given));
  const first: Ask<Jsonb | null> = (...given) => {
    const [found] = queried(...given);
    return found === undefined ? null : jsonbOf(found);
  };
  return {
    [`jsonb_path_exists${ending}(${ARGUMENTS}) bool${words}`]: existing,
    [`jsonb_path_match${ending}(${ARGUMENTS}) bool${words}`]: matching,
    [`jsonb_path_query${ending}(${ARGUMENTS}) setof jsonb${words}`]: all,
    [`jsonb_path_query_array${ending}(${ARGUMENTS}) jsonb${words}`]: array,
    [`jsonb_path_query_first${ending}(${ARGUMENTS}) jsonb${words}`]: first,
  };
}

export const JSON_PATH_FUNCTIONS: FunctionTable = { ...functionsNamed('', ''), ...functionsNamed('_tz', ' stable') };

export const JSON_PATH_OPERATORS: FunctionTable = {
  '@?(jsonb, jsonpath) bool': (json: Jsonb, path: string, time: RunContext) =>
    exists(json, path, NO_VARIABLES, true, time),
  '@@(jsonb, jsonpath) bool': (json: Jsonb, path: string, time: RunContext) =>
    match(json, path, NO_VARIABLES, true, time),
};
