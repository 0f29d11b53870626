/** Bounds of the SQL engine. Every one of them has an answer for when it is reached. */

export interface SqlLimits {
  /** UTF-8 bytes of one query string; beyond it `program_limit_exceeded`. Parsing 16 MiB blocks for about 0.6 s. */
  readonly statementBytesMax: number;
  /** Nesting of expressions; beyond it `statement_too_complex`. */
  readonly expressionDepthMax: number;
  /**
   * Estimated bytes that one operator (a sort, the groups of GROUP BY) may hold; beyond it rows go into temporary files, or
   * the statement gets `out_of_memory`.
   */
  readonly workBytesMax: number;
  /** The same of all running statements together. */
  readonly queryBytesMax: number;
  /** One row of COPY … FROM, as it is sent; beyond it `program_limit_exceeded`. V8 has no longer strings. */
  readonly copyLineBytesMax: number;
  /** Query strings whose trees, and plans with them, are kept. */
  readonly parsedStatementsMax: number;
  /** Bytes of query strings whose trees are kept; trees are about twenty times larger. */
  readonly parsedBytesMax: number;
  /** Prepared statements and portals of one session. */
  readonly preparedStatementsMax: number;
  /** Work without giving the event loop back, in milliseconds. */
  readonly sliceMs: number;
  /** How often an autocommit statement runs again after a conflict that PostgreSQL would not have had. */
  readonly attemptsMax: number;
}

export const DEFAULT_SQL_LIMITS: SqlLimits = {
  statementBytesMax: 16 * 1024 * 1024,
  expressionDepthMax: 1_000,
  workBytesMax: 64 * 1024 * 1024,
  queryBytesMax: 512 * 1024 * 1024,
  copyLineBytesMax: 0x1fff_ffe8,
  parsedStatementsMax: 1_024,
  parsedBytesMax: 512 * 1024,
  preparedStatementsMax: 4_096,
  sliceMs: 2,
  attemptsMax: 16,
};
