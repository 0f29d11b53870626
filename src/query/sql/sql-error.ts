/**
 * Errors that SQL itself defines, by the condition names of PostgreSQL (appendix A of its manual).
 *
 * A condition belongs to one `ErrorCode`, so that callers which speak no SQL (REST, actors) can act on it; the protocol
 * turns conditions into SQLSTATEs. Errors of the storage below keep their codes and pass through as they are.
 */

import { type ErrorCode, OperationError } from '../../base/errors.ts';

export const CONDITIONS = {
  sql_json_member_not_found: 'invalid_argument',
  sql_json_object_not_found: 'invalid_argument',
  sql_json_array_not_found: 'invalid_argument',
  invalid_sql_json_subscript: 'invalid_argument',
  non_numeric_sql_json_item: 'invalid_argument',
  sql_json_number_not_found: 'invalid_argument',
  singleton_sql_json_item_required: 'invalid_argument',
  invalid_argument_for_sql_json_datetime_function: 'invalid_argument',
  duplicate_function: 'already_exists',
  invalid_function_definition: 'invalid_argument',
  invalid_schema_definition: 'invalid_argument',
  active_sql_transaction: 'invalid_argument',
  ambiguous_column: 'invalid_argument',
  ambiguous_function: 'invalid_argument',
  ambiguous_parameter: 'invalid_argument',
  array_element_error: 'out_of_range',
  array_subscript_error: 'out_of_range',
  bad_copy_file_format: 'invalid_argument',
  cannot_change_runtime_parameter: 'invalid_argument',
  cannot_coerce: 'wrong_type',
  cardinality_violation: 'invalid_argument',
  triggered_data_change_violation: 'invalid_argument',
  character_not_in_repertoire: 'invalid_argument',
  check_violation: 'invalid_argument',
  collation_mismatch: 'invalid_argument',
  configuration_limit_exceeded: 'too_large',
  data_exception: 'invalid_argument',
  datatype_mismatch: 'wrong_type',
  datetime_field_overflow: 'out_of_range',
  deadlock_detected: 'deadlock',
  dependent_objects_still_exist: 'invalid_argument',
  division_by_zero: 'out_of_range',
  duplicate_alias: 'invalid_argument',
  duplicate_column: 'already_exists',
  duplicate_cursor: 'already_exists',
  duplicate_object: 'already_exists',
  duplicate_prepared_statement: 'already_exists',
  duplicate_schema: 'already_exists',
  duplicate_table: 'already_exists',
  external_routine_invocation_exception: 'invalid_argument',
  feature_not_supported: 'unsupported',
  foreign_key_violation: 'invalid_argument',
  generated_always: 'invalid_argument',
  grouping_error: 'invalid_argument',
  in_failed_sql_transaction: 'invalid_argument',
  indeterminate_datatype: 'invalid_argument',
  insufficient_privilege: 'invalid_argument',
  internal_error: 'invalid_argument',
  invalid_argument_for_nth_value_function: 'invalid_argument',
  invalid_argument_for_ntile_function: 'invalid_argument',
  invalid_argument_for_logarithm: 'out_of_range',
  invalid_argument_for_power_function: 'out_of_range',
  invalid_argument_for_width_bucket_function: 'out_of_range',
  invalid_binary_representation: 'invalid_argument',
  invalid_column_definition: 'invalid_argument',
  invalid_column_reference: 'invalid_argument',
  invalid_catalog_name: 'not_found',
  invalid_authorization: 'unauthenticated',
  invalid_cursor_definition: 'invalid_argument',
  invalid_cursor_name: 'not_found',
  invalid_cursor_state: 'invalid_argument',
  invalid_datetime_format: 'invalid_argument',
  invalid_foreign_key: 'invalid_argument',
  invalid_grant_operation: 'invalid_argument',
  invalid_escape_sequence: 'invalid_argument',
  invalid_name: 'invalid_argument',
  invalid_object_definition: 'invalid_argument',
  invalid_parameter_value: 'invalid_argument',
  invalid_preceding_or_following_size: 'invalid_argument',
  invalid_recursion: 'invalid_argument',
  invalid_regular_expression: 'invalid_argument',
  invalid_row_count_in_limit_clause: 'invalid_argument',
  invalid_row_count_in_result_offset_clause: 'invalid_argument',
  invalid_savepoint_specification: 'not_found',
  invalid_schema_name: 'not_found',
  invalid_sql_statement_name: 'not_found',
  invalid_table_definition: 'invalid_argument',
  interval_field_overflow: 'out_of_range',
  invalid_tablesample_argument: 'invalid_argument',
  invalid_tablesample_repeat: 'invalid_argument',
  invalid_text_representation: 'invalid_argument',
  invalid_time_zone_displacement_value: 'invalid_argument',
  invalid_transaction_state: 'invalid_argument',
  invalid_use_of_escape_character: 'invalid_argument',
  lock_not_available: 'lock_not_available',
  name_too_long: 'too_large',
  no_active_sql_transaction: 'invalid_argument',
  not_null_violation: 'invalid_argument',
  null_value_not_allowed: 'invalid_argument',
  numeric_value_out_of_range: 'out_of_range',
  object_in_use: 'invalid_argument',
  object_not_in_prerequisite_state: 'invalid_argument',
  out_of_memory: 'too_large',
  program_limit_exceeded: 'too_large',
  protocol_violation: 'invalid_argument',
  query_canceled: 'cancelled',
  read_only_sql_transaction: 'invalid_argument',
  reserved_name: 'invalid_argument',
  sequence_generator_limit_exceeded: 'out_of_range',
  serialization_failure: 'transaction_conflict',
  statement_too_complex: 'too_large',
  string_data_length_mismatch: 'out_of_range',
  string_data_right_truncation: 'out_of_range',
  substring_error: 'invalid_argument',
  syntax_error: 'invalid_argument',
  too_many_columns: 'too_large',
  undefined_column: 'not_found',
  undefined_function: 'not_found',
  undefined_object: 'not_found',
  undefined_parameter: 'not_found',
  undefined_table: 'not_found',
  unique_violation: 'already_exists',
  unsafe_new_enum_value_usage: 'invalid_argument',
  untranslatable_character: 'invalid_argument',
  with_check_option_violation: 'invalid_argument',
  windowing_error: 'invalid_argument',
  wrong_object_type: 'wrong_type',
} as const satisfies Record<string, ErrorCode>;

export type Condition = keyof typeof CONDITIONS;

/** What an error is about: a relation or a type. */
export interface InSchema {
  readonly name: string;
  /** Id of its schema; undefined in `public`. */
  readonly schema?: number | undefined;
}

export interface SqlErrorDetails {
  /** Byte offset in the statement's UTF-8 text; what the parser's tree holds. Negative or undefined: no place. */
  readonly location?: number | undefined;
  /** The place is that of the opening parenthesis before it. */
  readonly atParenthesis?: boolean;
  /** Place in the text in characters, from 1. Set by whoever knows the text. */
  readonly position?: number | undefined;
  readonly detail?: string | undefined;
  readonly hint?: string | undefined;
  readonly table?: InSchema | undefined;
  readonly column?: string | undefined;
  readonly constraint?: string | undefined;
  readonly datatype?: InSchema | undefined;
  /** The function of PostgreSQL that says this, where clients tell an error by it. */
  readonly routine?: string | undefined;
  /** Where it happened besides the text, like a line of COPY. */
  readonly where?: string | undefined;
  readonly cause?: unknown;
}

export class SqlError extends OperationError {
  readonly condition: Condition;
  readonly detail: string | undefined;
  /** In bytes; given later by whoever knows the place. */
  location: number | undefined;
  readonly atParenthesis: boolean;
  /** Name of the schema of what it is about; found by whoever knows schemas, from `schemaId`. */
  schema = 'public';
  readonly schemaId: number | undefined;
  readonly table: string | undefined;
  readonly column: string | undefined;
  readonly constraint: string | undefined;
  readonly datatype: string | undefined;
  readonly routine: string | undefined;
  where: string | undefined;
  /** In characters, from 1; see `locate`. */
  position: number | undefined;

  constructor(condition: Condition, message: string, details: SqlErrorDetails = {}) {
    super(CONDITIONS[condition], message, {
      ...(details.hint === undefined ? {} : { hint: details.hint }),
      ...(details.cause === undefined ? {} : { cause: details.cause }),
    });
    this.condition = condition;
    this.detail = details.detail;
    this.location = details.location;
    this.atParenthesis = details.atParenthesis ?? false;
    this.position = details.position;
    this.schemaId = (details.table ?? details.datatype)?.schema;
    this.table = details.table?.name;
    this.column = details.column;
    this.constraint = details.constraint;
    this.datatype = details.datatype?.name;
    this.routine = details.routine;
    this.where = details.where;
  }
}

/** The answer to valid PostgreSQL that this server does not have: never a silent success. */
export function notSupported(feature: string, location?: number): SqlError {
  return new SqlError('feature_not_supported', `${feature} is not supported`, { location });
}

/** @param bytes Of the text. @param bytesMax The limit that it is beyond. */
export function statementTooLong(bytes: number, bytesMax: number): SqlError {
  const message = `a query string of ${bytes} bytes exceeds the limit of ${bytesMax} bytes`;
  return new SqlError('program_limit_exceeded', message);
}

/** Gives an error that knows its byte offset the position in characters. Harmless for all other errors. */
export function locate(error: unknown, statement: string): void {
  if (!(error instanceof SqlError) || error.position !== undefined) return;
  if (error.location === undefined || error.location < 0) return;
  error.position = characterPosition(statement, error.location);
  if (!error.atParenthesis) return;
  const before = [...statement].slice(0, error.position).lastIndexOf('(');
  if (before >= 0) error.position = before + 1;
}

/** Runs `work`; an error of SQL without a place of its own gets this one. */
export function at<T>(location: number | undefined, work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (error instanceof SqlError) error.location ??= location;
    throw error;
  }
}

export function missingSchema(name: string, location?: number): SqlError {
  return new SqlError('invalid_schema_name', `schema "${name}" does not exist`, { location });
}

export function unknownParameter(name: string): SqlError {
  return new SqlError('undefined_object', `unrecognized configuration parameter "${name}"`);
}

/** Runs `work`; its errors have no place, as PostgreSQL tells none for expressions that it looks at after the statement was read. */
export function withoutPlace<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (error instanceof SqlError) error.location = -1;
    throw error;
  }
}

/** The character (code point), from 1, at a byte offset of the UTF-8 form of `text`. */
export function characterPosition(text: string, byteOffset: number): number {
  let bytes = 0;
  let characters = 0;
  for (let i = 0; i < text.length && bytes < byteOffset; i++) {
    const code = text.charCodeAt(i);
    if (code < 0x80) bytes += 1;
    else if (code < 0x800) bytes += 2;
    else if (code >= 0xd800 && code < 0xdc00) {
      bytes += 4;
      i++;
    } else bytes += 3;
    characters++;
  }
  return characters + 1;
}
