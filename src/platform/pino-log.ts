/** The structured log of the server: JSON lines, or one readable line each, on standard error. */

import { pino } from 'pino';
import type { Log, LogFields } from '../base/log.ts';

export interface LogSettings {
  readonly level: 'trace' | 'debug' | 'info' | 'warn' | 'error';
  readonly format: 'json' | 'plain';
}

const STANDARD_ERROR = 2;

export function newPinoLog(settings: LogSettings): Log {
  const destination = pino.destination({ dest: STANDARD_ERROR, sync: true });
  const options = { level: settings.level, base: null, timestamp: pino.stdTimeFunctions.isoTime };
  if (settings.format === 'json') return wrap(pino(options, destination));
  return wrap(pino(options, { write: (line: string) => void destination.write(readable(line)) }));
}

type PinoLike = Pick<ReturnType<typeof pino>, 'debug' | 'info' | 'warn' | 'error' | 'child'>;

function wrap(logger: PinoLike): Log {
  return {
    debug: (fields, message) => logger.debug(fields, message),
    info: (fields, message) => logger.info(fields, message),
    warn: (fields, message) => logger.warn(fields, message),
    error: (fields, message) => logger.error(fields, message),
    child: (fields: LogFields) => wrap(logger.child(fields)),
  };
}

const LEVEL_NAMES: Readonly<Record<number, string>> = { 10: 'trace', 20: 'debug', 30: 'info', 40: 'warn', 50: 'error' };

/** `2026-11-21T02:10:54.123Z warn message key=value …` */
function readable(line: string): string {
  const { level, time, msg, ...fields } = JSON.parse(line) as { level: number; time: string; msg: string };
  const pairs = Object.entries(fields).map(
    ([key, value]) => `${key}=${typeof value === 'string' ? value : JSON.stringify(value)}`,
  );
  return `${[time, LEVEL_NAMES[level] ?? level, msg, ...pairs].join(' ')}\n`;
}
