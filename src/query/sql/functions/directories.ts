/** All functions and all operators there are, each kind under one roof. A new one is a row in a table of its chapter. */

import { ADVISORY_FUNCTIONS } from './advisory-functions.ts';
import { ARITHMETIC } from './arithmetic.ts';
import { ARRAY_FUNCTIONS, ARRAY_OPERATORS } from './array-functions.ts';
import { BIT_FUNCTIONS, BIT_OPERATORS } from './bit-functions.ts';
import { CATALOG_FUNCTIONS } from './catalog-functions.ts';
import { COMPARISONS } from './comparisons.ts';
import { DATETIME_FUNCTIONS } from './datetime-functions.ts';
import { DATETIME_OPERATORS } from './datetime-operators.ts';
import { FunctionDirectory } from './definition.ts';
import { ENUM_FUNCTIONS } from './enum-functions.ts';
import { FORMATTING_FUNCTIONS } from './formatting-functions.ts';
import { FURTHER_FUNCTIONS } from './further-functions.ts';
import { HASH_FUNCTIONS } from './hash-functions.ts';
import { JSON_FUNCTIONS, JSON_OPERATORS } from './json-functions.ts';
import { JSON_PATH_FUNCTIONS, JSON_PATH_OPERATORS } from './json-path-functions.ts';
import { JSON_RECORD_FUNCTIONS } from './json-records.ts';
import { LOG_POSITION_FUNCTIONS, LOG_POSITION_OPERATORS } from './log-position-functions.ts';
import { MATH_FUNCTIONS, MATH_OPERATORS } from './math.ts';
import { MULTIRANGE_FUNCTIONS, MULTIRANGE_OPERATORS } from './multirange-functions.ts';
import { operatorFunctions } from './operator-functions.ts';
import { PATTERN_FUNCTIONS, PATTERN_OPERATORS } from './patterns.ts';
import { PRIVILEGE_FUNCTIONS } from './privilege-functions.ts';
import { NETWORK_FUNCTIONS, NETWORK_OPERATORS, RANGE_FUNCTIONS, RANGE_OPERATORS } from './range-functions.ts';
import { SEND_FUNCTIONS } from './send-functions.ts';
import { SEQUENCE_FUNCTIONS } from './sequence-functions.ts';
import { SERIES_FUNCTIONS } from './series.ts';
import { SESSION_FUNCTIONS } from './session-functions.ts';
import { SIZE_FUNCTIONS } from './size-functions.ts';
import { STRING_FUNCTIONS, STRING_OPERATORS } from './strings.ts';
import { SYSTEM_FUNCTIONS } from './system-functions.ts';
import { TRANSACTION_FUNCTIONS } from './transaction-functions.ts';
import { TYPE_FUNCTIONS } from './type-functions.ts';

export const OPERATORS = new FunctionDirectory([
  COMPARISONS,
  ARITHMETIC,
  MATH_OPERATORS,
  DATETIME_OPERATORS,
  STRING_OPERATORS,
  ARRAY_OPERATORS,
  JSON_OPERATORS,
  JSON_PATH_OPERATORS,
  RANGE_OPERATORS,
  MULTIRANGE_OPERATORS,
  BIT_OPERATORS,
  NETWORK_OPERATORS,
  LOG_POSITION_OPERATORS,
  PATTERN_OPERATORS,
]);

export const FUNCTIONS = new FunctionDirectory([
  STRING_FUNCTIONS,
  ARRAY_FUNCTIONS,
  DATETIME_FUNCTIONS,
  JSON_FUNCTIONS,
  JSON_PATH_FUNCTIONS,
  JSON_RECORD_FUNCTIONS,
  RANGE_FUNCTIONS,
  MULTIRANGE_FUNCTIONS,
  BIT_FUNCTIONS,
  NETWORK_FUNCTIONS,
  LOG_POSITION_FUNCTIONS,
  TYPE_FUNCTIONS,
  ENUM_FUNCTIONS,
  FORMATTING_FUNCTIONS,
  FURTHER_FUNCTIONS,
  SEND_FUNCTIONS,
  HASH_FUNCTIONS,
  PATTERN_FUNCTIONS,
  MATH_FUNCTIONS,
  SESSION_FUNCTIONS,
  SYSTEM_FUNCTIONS,
  SEQUENCE_FUNCTIONS,
  ADVISORY_FUNCTIONS,
  CATALOG_FUNCTIONS,
  SERIES_FUNCTIONS,
  SIZE_FUNCTIONS,
  TRANSACTION_FUNCTIONS,
  PRIVILEGE_FUNCTIONS,
  operatorFunctions(OPERATORS),
]);
