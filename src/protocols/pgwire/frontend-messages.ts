/**
 * The messages that a client sends (PostgreSQL 15, "Message Formats"): their types, and how long each may be.
 *
 * Before the client has proved who it is, it gets little memory. Later a message may be as long as PostgreSQL takes it; one
 * whose statement is longer than this server takes is skipped, and answered like any other error.
 */

import { statementTooLong } from '../../query/sql/sql-error.ts';
import type { MessageBounds } from './frame-reader.ts';
import type { MessageMemory } from './large-message.ts';

/** Type bytes. */
export const FRONTEND = {
  password: 0x70,
  query: 0x51,
  parse: 0x50,
  bind: 0x42,
  describe: 0x44,
  execute: 0x45,
  close: 0x43,
  sync: 0x53,
  flush: 0x48,
  terminate: 0x58,
  functionCall: 0x46,
  copyData: 0x64,
  copyDone: 0x63,
  copyFail: 0x66,
} as const;

const LOGIN_MESSAGE_BYTES_MAX = 65_536;
/** Of what holds statements, values and rows, and of all else, as PostgreSQL (PQ_LARGE_MESSAGE_LIMIT, PQ_SMALL_MESSAGE_LIMIT). */
const LARGE_MESSAGE_BYTES_MAX = 0x3fff_fffe;
const SMALL_MESSAGE_BYTES_MAX = 10_000;
/** Of a Parse message, beside its text: its name and the types of its parameters. */
const PARSE_BYTES_MAX = 262_144;

const LARGE_MESSAGES: ReadonlySet<number> = new Set([
  FRONTEND.query,
  FRONTEND.parse,
  FRONTEND.bind,
  FRONTEND.functionCall,
  FRONTEND.copyData,
]);

export function loginBounds(memory: MessageMemory): MessageBounds {
  return { bytesMax: () => LOGIN_MESSAGE_BYTES_MAX, refusal: () => undefined, memory };
}

export function sessionBounds(memory: MessageMemory, statementBytesMax: number): MessageBounds {
  return {
    bytesMax: (type) => (LARGE_MESSAGES.has(type) ? LARGE_MESSAGE_BYTES_MAX : SMALL_MESSAGE_BYTES_MAX),
    refusal: (type, length) => {
      const text = type === FRONTEND.query ? length - 5 : type === FRONTEND.parse ? length - PARSE_BYTES_MAX : 0;
      return text > statementBytesMax ? statementTooLong(text, statementBytesMax) : undefined;
    },
    memory,
  };
}
