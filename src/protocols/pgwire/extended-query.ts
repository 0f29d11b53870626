/**
 * The extended protocol: Parse, Bind, Describe, Execute and Close, over the prepared statements and portals of one session
 * (PostgreSQL 15, "Extended Query").
 *
 * After an error everything is skipped up to Sync, which the connection hands to the session itself: so a client may send
 * many messages ahead, and none works on what one before it failed to make. Statements and portals are named by the client
 * and bounded in number; the unnamed ones make way for their successors.
 */

import { unreachable } from '../../base/assert.ts';
import { type Awaitable, isPromise } from '../../base/awaitable.ts';
import type { ResultColumn } from '../../query/sql/planner/plan.ts';
import type { FieldFormat, Portal, PreparedStatement } from '../../query/sql/portal.ts';
import type { SqlEngine } from '../../query/sql/sql-engine.ts';
import { notSupported, SqlError } from '../../query/sql/sql-error.ts';
import type { SqlSession } from '../../query/sql/sql-session.ts';
import type { TimeContext } from '../../query/sql/types/timestamptz.ts';
import { type SqlType, type SqlValue, typeOfOid } from '../../query/sql/types/types.ts';
import * as message from './backend-messages.ts';
import { readParameter } from './field-format.ts';
import type { BodyReader } from './frame-reader.ts';
import { FRONTEND } from './frontend-messages.ts';
import type { MessageWriter } from './message-writer.ts';
import type { ResultMessages } from './result-messages.ts';

type ExtendedMessage = (typeof FRONTEND)['parse' | 'bind' | 'describe' | 'execute' | 'close'];

export class ExtendedQuery {
  /** After an error, until Sync. */
  isSkipping = false;
  readonly #engine: SqlEngine;
  readonly #session: SqlSession;
  readonly #writer: MessageWriter;
  readonly #results: ResultMessages;
  readonly #time: TimeContext;

  constructor(engine: SqlEngine, session: SqlSession, writer: MessageWriter, results: ResultMessages) {
    this.#engine = engine;
    this.#session = session;
    this.#writer = writer;
    this.#results = results;
    this.#time = new ParameterTime(engine, session);
  }

  /**
   * Does what one message says, and answers it; what fails is reported here.
   * @param isOwn Whether values may be parts of the message's body.
   */
  handle(type: ExtendedMessage, fields: BodyReader, isOwn: boolean): Awaitable<void> {
    try {
      const done = this.#do(type, fields, isOwn);
      if (!isPromise(done)) return undefined;
      return done.catch((error: unknown) => this.#results.between(() => this.fail(error)));
    } catch (error) {
      this.fail(error);
      return undefined;
    }
  }

  /** Reports an error in a message of the extended protocol. */
  fail(error: unknown): void {
    this.#session.fail();
    this.#results.error(error);
    this.isSkipping = true;
  }

  #do(type: ExtendedMessage, fields: BodyReader, isOwn: boolean): Awaitable<void> {
    switch (type) {
      case FRONTEND.parse:
        return this.#parse(fields);
      case FRONTEND.bind:
        return this.#bind(fields, isOwn);
      case FRONTEND.describe:
        return this.#describe(fields);
      case FRONTEND.execute:
        return this.#execute(fields);
      case FRONTEND.close:
        return this.#closeObject(fields);
      default:
        return unreachable(type);
    }
  }

  #parse(fields: BodyReader): Awaitable<void> {
    const name = fields.text();
    const text = fields.text();
    const types: (SqlType | undefined)[] = [];
    for (let count = fields.uint16(); count > 0; count--) types.push(parameterType(fields.uint32()));
    fields.finish();
    const { statements } = this.#session;
    if (name === '') statements.delete('');
    else if (statements.has(name)) {
      throw new SqlError('duplicate_prepared_statement', `prepared statement "${name}" already exists`);
    } else if (statements.size >= this.#engine.limits.preparedStatementsMax) {
      throw new SqlError(
        'configuration_limit_exceeded',
        `a session keeps at most ${this.#engine.limits.preparedStatementsMax} prepared statements`,
      );
    }
    const keep = (prepared: PreparedStatement): void => {
      statements.set(name, prepared);
      message.bare(this.#writer, '1');
    };
    const prepared = this.#session.prepare(text, types);
    return isPromise(prepared) ? prepared.then(keep) : keep(prepared);
  }

  /** @param isOwn Whether values may be parts of the message's body. */
  #bind(fields: BodyReader, isOwn: boolean): void {
    const session = this.#session;
    const portalName = fields.text();
    const name = fields.text();
    const prepared = this.#statement(name);
    const formats = readFormats(fields);
    const count = fields.uint16();
    const types = prepared.parameterTypes;
    if (count !== types.length) {
      throw new SqlError(
        'protocol_violation',
        `bind message supplies ${count} parameters, but prepared statement "${name}" requires ${types.length}`,
      );
    }
    if (formats.length > 1 && formats.length !== count) {
      throw new SqlError(
        'protocol_violation',
        `bind message has ${formats.length} parameter formats but ${count} parameters`,
      );
    }
    session.requireBindable(prepared);
    const time = this.#time;
    const values: SqlValue[] = [];
    let format: FieldFormat = 'text';
    try {
      for (let i = 0; i < count; i++) {
        const length = fields.int32();
        format = (formats.length === 1 ? formats[0] : formats[i]) ?? 'text';
        values.push(length === -1 ? null : readParameter(types[i]!, format, fields.bytes(length), time, i + 1, isOwn));
      }
    } catch (error) {
      if (error instanceof SqlError) {
        const place = placeOfParameter(portalName, values.length + 1, format);
        error.where = error.where === undefined ? place : `${error.where}\n${place}`;
      }
      throw error;
    }
    const wanted = readFormats(fields);
    fields.finish();
    const columns = prepared.columns?.length ?? 0;
    if (wanted.length > 1 && wanted.length !== columns) {
      throw new SqlError(
        'protocol_violation',
        `bind message has ${wanted.length} result formats but query has ${columns} columns`,
      );
    }
    if (portalName !== '' && session.portals.has(portalName)) {
      throw new SqlError('duplicate_cursor', `cursor "${portalName}" already exists`);
    }
    if (session.portals.size >= this.#engine.limits.preparedStatementsMax) {
      throw new SqlError(
        'configuration_limit_exceeded',
        `a session keeps at most ${this.#engine.limits.preparedStatementsMax} portals`,
      );
    }
    session.closePortal(portalName);
    const all = wanted.length === 1 && columns !== 1 ? new Array<FieldFormat>(columns).fill(wanted[0]!) : wanted;
    session.portals.set(portalName, session.portal(prepared, values, all));
    message.bare(this.#writer, '2');
  }

  #describe(fields: BodyReader): void {
    const kind = fields.byte();
    const name = fields.text();
    fields.finish();
    if (kind === 0x53) {
      const prepared = this.#statement(name);
      message.parameterDescription(this.#writer, prepared.parameterTypes);
      this.#describeColumns(prepared.columns, []);
      return;
    }
    if (kind !== 0x50) throw new SqlError('protocol_violation', `invalid DESCRIBE message subtype ${kind}`);
    const { prepared, formats } = this.#portal(name);
    this.#describeColumns(prepared.columns, formats);
  }

  #describeColumns(columns: readonly ResultColumn[] | undefined, formats: readonly FieldFormat[]): void {
    if (columns === undefined) message.bare(this.#writer, 'n');
    else message.rowDescription(this.#writer, columns, formats);
  }

  #execute(fields: BodyReader): Awaitable<void> {
    const portal = this.#portal(fields.text());
    const rowsMax = Math.max(fields.int32(), 0);
    fields.finish();
    this.#results.formats = portal.formats;
    const finish = (outcome: 'complete' | 'suspended' | 'empty'): void => {
      if (outcome === 'suspended') message.bare(this.#writer, 's');
      else if (outcome === 'empty') message.bare(this.#writer, 'I');
    };
    const outcome = this.#session.run(portal, rowsMax, this.#results);
    return isPromise(outcome) ? outcome.then(finish) : finish(outcome);
  }

  #closeObject(fields: BodyReader): void {
    const kind = fields.byte();
    const name = fields.text();
    fields.finish();
    if (kind === 0x53) this.#session.statements.delete(name);
    else if (kind === 0x50) this.#session.closePortal(name);
    else throw new SqlError('protocol_violation', `invalid CLOSE message subtype ${kind}`);
    message.bare(this.#writer, '3');
  }

  #statement(name: string): PreparedStatement {
    const prepared = this.#session.statements.get(name);
    if (prepared !== undefined) return prepared;
    const shown = name === '' ? 'unnamed prepared statement' : `prepared statement "${name}"`;
    throw new SqlError('invalid_sql_statement_name', `${shown} does not exist`);
  }

  #portal(name: string): Portal {
    const portal = this.#session.portals.get(name);
    if (portal === undefined) throw new SqlError('invalid_cursor_name', `portal "${name}" does not exist`);
    return portal;
  }
}

/** What the values of parameters depend on. Asked only by types that do. */
class ParameterTime implements TimeContext {
  readonly #engine: SqlEngine;
  readonly #session: SqlSession;

  constructor(engine: SqlEngine, session: SqlSession) {
    this.#engine = engine;
    this.#session = session;
  }

  get zone(): TimeContext['zone'] {
    return this.#session.parameters.zone;
  }

  get nowMicros(): bigint {
    return this.#engine.nowMicros();
  }

  get dateOrder(): NonNullable<TimeContext['dateOrder']> {
    return this.#session.parameters.style.dateOrder ?? 'MDY';
  }

  get intervalStyle(): NonNullable<TimeContext['intervalStyle']> {
    return this.#session.parameters.style.intervalStyle ?? 'postgres';
  }

  get names(): TimeContext['names'] {
    return this.#session.parameters.style.names;
  }
}

function parameterType(oid: number): SqlType | undefined {
  if (oid === 0 || oid === 705) return undefined;
  const type = typeOfOid(oid);
  if (type === undefined || type === 'void') throw notSupported(`a parameter of the type with OID ${oid}`);
  return type === 'name' || type === 'varchar' ? 'text' : type;
}

/** As PostgreSQL names it, without showing its value. */
function placeOfParameter(portal: string, number: number, format: FieldFormat): string {
  const place = `${portal === '' ? 'unnamed portal' : `portal "${portal}"`} parameter $${number}`;
  return format === 'text' ? `${place} = '...'` : place;
}

function readFormats(fields: BodyReader): FieldFormat[] {
  const formats: FieldFormat[] = [];
  for (let count = fields.uint16(); count > 0; count--) {
    const code = fields.int16();
    if (code !== 0 && code !== 1) throw new SqlError('protocol_violation', `unsupported format code: ${code}`);
    formats.push(code === 1 ? 'binary' : 'text');
  }
  return formats;
}
