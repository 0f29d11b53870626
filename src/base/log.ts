/**
 * The shape of a structured log, so that every layer can write to one without knowing which library is behind it.
 *
 * Fields are data, the message is a constant sentence; secrets and values of users never appear in either.
 */

export interface Log {
  debug(fields: LogFields, message: string): void;
  info(fields: LogFields, message: string): void;
  warn(fields: LogFields, message: string): void;
  error(fields: LogFields, message: string): void;
  /** A log whose every line carries `fields`. */
  child(fields: LogFields): Log;
}

export type LogFields = Readonly<Record<string, unknown>>;

/** Drops everything: for tests and embedding. */
export const silentLog: Log = {
  debug() {},
  info() {},
  warn() {},
  error() {},
  child: () => silentLog,
};
