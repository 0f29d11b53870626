/**
 * From conditions and error codes to SQLSTATEs (PostgreSQL 15, appendix A). The only place that knows them.
 *
 * A condition or code without a row does not compile.
 */

import { type ErrorCode, OperationError } from '../../base/errors.ts';
import { type Condition, SqlError } from '../../query/sql/sql-error.ts';

const OF_CONDITION = {
  active_sql_transaction: '25001',
  ambiguous_column: '42702',
  ambiguous_function: '42725',
  ambiguous_parameter: '42P08',
  array_subscript_error: '2202E',
  bad_copy_file_format: '22P04',
  cannot_change_runtime_parameter: '55P02',
  cannot_coerce: '42846',
  cardinality_violation: '21000',
  character_not_in_repertoire: '22021',
  check_violation: '23514',
  configuration_limit_exceeded: '53400',
  data_exception: '22000',
  datatype_mismatch: '42804',
  datetime_field_overflow: '22008',
  deadlock_detected: '40P01',
  dependent_objects_still_exist: '2BP01',
  division_by_zero: '22012',
  duplicate_alias: '42712',
  duplicate_column: '42701',
  duplicate_cursor: '42P03',
  duplicate_object: '42710',
  duplicate_prepared_statement: '42P05',
  duplicate_schema: '42P06',
  duplicate_table: '42P07',
  feature_not_supported: '0A000',
  foreign_key_violation: '23503',
  generated_always: '428C9',
  grouping_error: '42803',
  in_failed_sql_transaction: '25P02',
  indeterminate_datatype: '42P18',
  insufficient_privilege: '42501',
  internal_error: 'XX000',
  invalid_binary_representation: '22P03',
  invalid_column_definition: '42611',
  invalid_column_reference: '42P10',
  invalid_authorization: '28000',
  invalid_cursor_name: '34000',
  invalid_datetime_format: '22007',
  invalid_foreign_key: '42830',
  invalid_name: '42602',
  invalid_object_definition: '42P17',
  invalid_parameter_value: '22023',
  invalid_recursion: '42P19',
  invalid_row_count_in_limit_clause: '2201W',
  invalid_row_count_in_result_offset_clause: '2201X',
  invalid_savepoint_specification: '3B001',
  invalid_schema_name: '3F000',
  invalid_sql_statement_name: '26000',
  invalid_table_definition: '42P16',
  interval_field_overflow: '22015',
  invalid_text_representation: '22P02',
  invalid_time_zone_displacement_value: '22009',
  invalid_transaction_state: '25000',
  lock_not_available: '55P03',
  name_too_long: '42622',
  no_active_sql_transaction: '25P01',
  not_null_violation: '23502',
  numeric_value_out_of_range: '22003',
  object_in_use: '55006',
  object_not_in_prerequisite_state: '55000',
  out_of_memory: '53200',
  program_limit_exceeded: '54000',
  protocol_violation: '08P01',
  query_canceled: '57014',
  read_only_sql_transaction: '25006',
  reserved_name: '42939',
  sequence_generator_limit_exceeded: '2200H',
  serialization_failure: '40001',
  statement_too_complex: '54001',
  string_data_right_truncation: '22001',
  substring_error: '22011',
  syntax_error: '42601',
  too_many_columns: '54011',
  undefined_column: '42703',
  undefined_function: '42883',
  undefined_object: '42704',
  undefined_parameter: '42P02',
  undefined_table: '42P01',
  unique_violation: '23505',
  untranslatable_character: '22P05',
  with_check_option_violation: '44000',
  wrong_object_type: '42809',
} as const satisfies Record<Condition, string>;

const OF_CODE = {
  already_exists: '23505',
  not_found: '42704',
  invalid_argument: '22023',
  wrong_type: '42804',
  out_of_range: '22003',
  unsupported: '0A000',
  too_large: '54000',
  transaction_conflict: '40001',
  transaction_too_old: '40001',
  deadlock: '40P01',
  lock_not_available: '55P03',
  transaction_closed: '25000',
  commit_unknown: '40003',
  store_read_only: '25006',
  store_closed: '57P01',
  store_locked: '55006',
  store_format: 'XX001',
  corruption: 'XX001',
  disk_full: '53100',
  out_of_memory: '53200',
  io: '58030',
  overloaded: '53300',
  deadline_exceeded: '57014',
  cancelled: '57014',
  actor_cycle: '40P01',
  lease_lost: '57P03',
  actor_failed: '38000',
  unauthenticated: '28P01',
  permission_denied: '42501',
  invalid_config: 'F0000',
} as const satisfies Record<ErrorCode, string>;

/** Errors of a connection, before there is a session. */
export const CONNECTION_SQLSTATE = {
  invalid_password: '28P01',
  invalid_authorization: '28000',
  invalid_database: '3D000',
  protocol_violation: '08P01',
  unsupported_protocol: '0A000',
  admin_shutdown: '57P01',
} as const;

/** Of a notice. */
export const NOTICE_SQLSTATE = {
  active_sql_transaction: '25001',
  no_active_sql_transaction: '25P01',
  duplicate_table: '42P07',
  successful_completion: '00000',
} as const;

export const INTERNAL_ERROR = 'XX000';

export function sqlstateOf(error: unknown): string {
  if (error instanceof SqlError) return OF_CONDITION[error.condition];
  if (error instanceof OperationError) return OF_CODE[error.code];
  return INTERNAL_ERROR;
}
