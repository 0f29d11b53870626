/** The server's messages, field by field (PostgreSQL 15, "Message Formats"). */

import type { Bytes } from '../../base/bytes.ts';
import { OperationError } from '../../base/errors.ts';
import { COPY_SIGNATURE } from '../../query/sql/copy/copy-binary.ts';
import type { Notification } from '../../query/sql/notifications.ts';
import type { ResultColumn } from '../../query/sql/planner/plan.ts';
import type { FieldFormat } from '../../query/sql/portal.ts';
import type { Notice } from '../../query/sql/results.ts';
import { SqlError } from '../../query/sql/sql-error.ts';
import type { TransactionStatus } from '../../query/sql/sql-session.ts';
import { domainStorage } from '../../query/sql/types/cast.ts';
import { baseOf, type SqlType, typeInfo } from '../../query/sql/types/types.ts';
import type { MessageWriter } from './message-writer.ts';
import { NOTICE_SQLSTATE, sqlstateOf } from './sqlstate.ts';

export function authenticationOk(writer: MessageWriter): void {
  writer.begin('R').int32(0).end();
}

export function authenticationSasl(writer: MessageWriter, mechanisms: readonly string[]): void {
  writer.begin('R').int32(10);
  for (const mechanism of mechanisms) writer.text(mechanism);
  writer.int8(0).end();
}

/** @param step 11 to go on, 12 for the last word. */
export function authenticationSaslData(writer: MessageWriter, step: 11 | 12, data: string): void {
  writer.begin('R').int32(step).bytes(Buffer.from(data, 'utf8')).end();
}

export function backendKeyData(writer: MessageWriter, processId: number, secret: number): void {
  writer.begin('K').int32(processId).uint32(secret).end();
}

export function parameterStatus(writer: MessageWriter, name: string, value: string): void {
  writer.begin('S').text(name).text(value).end();
}

/** Tells that the newest protocol here is 3.0, and which options of the client mean nothing here. */
export function negotiateProtocolVersion(writer: MessageWriter, unknownOptions: readonly string[]): void {
  writer.begin('v').int32(0).int32(unknownOptions.length);
  for (const option of unknownOptions) writer.text(option);
  writer.end();
}

const STATUS = { idle: 'I', block: 'T', failed: 'E' } as const satisfies Record<TransactionStatus, string>;

export function readyForQuery(writer: MessageWriter, status: TransactionStatus): void {
  writer.begin('Z').int8(STATUS[status].charCodeAt(0)).end();
}

/** A message that is its type alone: ParseComplete, NoData and their like. */
export function bare(writer: MessageWriter, type: '1' | '2' | '3' | 'n' | 's' | 'I' | 'c'): void {
  writer.begin(type).end();
}

export function commandComplete(writer: MessageWriter, tag: string): void {
  writer.begin('C').text(tag).end();
}

/** Asks the client for data of `columns` fields. */
export function copyInResponse(writer: MessageWriter, columns: number, format: FieldFormat): void {
  copyResponse(writer, 'G', columns, format);
}

/** Tells of data with `columns` fields a line. */
export function copyOutResponse(writer: MessageWriter, columns: number, format: FieldFormat): void {
  copyResponse(writer, 'H', columns, format);
}

function copyResponse(writer: MessageWriter, type: string, columns: number, format: FieldFormat): void {
  const code = format === 'binary' ? 1 : 0;
  writer.begin(type).int8(code).int16(columns);
  for (let i = 0; i < columns; i++) writer.int16(code);
  writer.end();
}

/** The first bytes of COPY … TO STDOUT in the binary format: no flags, and no more of a header. */
export function copyHeader(writer: MessageWriter): void {
  writer.begin('d').bytes(COPY_SIGNATURE).int32(0).int32(0).end();
}

/** Its last ones. */
export function copyTrailer(writer: MessageWriter): void {
  writer.begin('d').int16(-1).end();
}

/** A line of COPY … TO STDOUT; libpq expects one in each message. */
export function copyData(writer: MessageWriter, line: string): void {
  writer.begin('d').raw(line).end();
}

/** RowDescription of columns in text, as plans are described again and again. */
const TEXT_DESCRIPTIONS = new WeakMap<readonly ResultColumn[], Bytes>();

/** @param formats One for each column, or none for all in text. */
export function rowDescription(
  writer: MessageWriter,
  columns: readonly ResultColumn[],
  formats: readonly FieldFormat[],
): void {
  const isText = formats.every((format) => format === 'text');
  const written = isText ? TEXT_DESCRIPTIONS.get(columns) : undefined;
  if (written !== undefined) {
    writer.bytes(written);
    return;
  }
  const start = writer.length;
  writer.begin('T').int16(columns.length);
  for (let i = 0; i < columns.length; i++) {
    const { name, type, modifier, tableId, columnNumber } = columns[i]!;
    writer.text(name).uint32(tableId).int16(columnNumber);
    // Clients are told what a domain is made of.
    const { oid, size } = typeInfo(baseOf(type));
    const shown = modifier < 0 && type.startsWith('user:') ? domainStorage(type).modifier : modifier;
    writer.uint32(oid).int16(size).int32(shown);
    writer.int16(formats[i] === 'binary' ? 1 : 0);
  }
  writer.end();
  if (isText) TEXT_DESCRIPTIONS.set(columns, writer.copyFrom(start));
}

export function parameterDescription(writer: MessageWriter, types: readonly SqlType[]): void {
  writer.begin('t').int16(types.length);
  for (const type of types) writer.uint32(typeInfo(type).oid);
  writer.end();
}

export function notice(writer: MessageWriter, { severity, condition, message, detail }: Notice): void {
  fields(writer.begin('N'), severity, NOTICE_SQLSTATE[condition], message);
  field(writer, 'D', detail);
  writer.int8(0).end();
}

export function notification(writer: MessageWriter, { processId, channel, payload }: Notification): void {
  writer.begin('A').int32(processId).text(channel).text(payload).end();
}

/** @param severity FATAL ends the connection. */
export function errorResponse(writer: MessageWriter, severity: 'ERROR' | 'FATAL', error: unknown): void {
  const known = error instanceof OperationError;
  const message = known ? error.message : 'internal error';
  fields(writer.begin('E'), severity, sqlstateOf(error), message);
  if (known && error.hint !== undefined) field(writer, 'H', error.hint);
  if (error instanceof SqlError) {
    field(writer, 'D', error.detail);
    field(writer, 'W', error.where);
    field(writer, 'P', error.position === undefined ? undefined : String(error.position));
    if (error.table !== undefined || error.datatype !== undefined) field(writer, 's', error.schema);
    field(writer, 't', error.table);
    field(writer, 'c', error.column);
    field(writer, 'd', error.datatype);
    field(writer, 'n', error.constraint);
    field(writer, 'R', error.routine);
  }
  writer.int8(0).end();
}

/** FATAL before there is a session; the message says nothing that a stranger may not know. */
export function fatalResponse(writer: MessageWriter, sqlstate: string, message: string, hint?: string): void {
  fields(writer.begin('E'), 'FATAL', sqlstate, message);
  field(writer, 'H', hint);
  writer.int8(0).end();
}

function fields(writer: MessageWriter, severity: string, sqlstate: string, message: string): void {
  field(writer, 'S', severity);
  field(writer, 'V', severity);
  field(writer, 'C', sqlstate);
  field(writer, 'M', message);
}

function field(writer: MessageWriter, type: string, value: string | undefined): void {
  // A zero byte would end the field early and shift all that follows.
  if (value !== undefined) writer.int8(type.charCodeAt(0)).text(value.replaceAll('\0', '\\0'));
}
