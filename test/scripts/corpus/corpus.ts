/**
 * The corpus: hand-kept SQL over everything that docs/sql.md promises, one file for each topic, run here, on PostgreSQL 18
 * within the process (PGlite) and on PostgreSQL 15 where it is installed. There are no expected answers to keep: the
 * two servers are the truth, PostgreSQL 15 in all that it says.
 *
 * A file is statements, each ended by a semicolon at the end of a line; it runs on one connection, from an empty database. A comment
 * right above a statement may be a mark:
 *
 *   -- differs: why      our answer is another one, for a reason that docs/sql.md tells
 *   -- awaits: what      not here yet
 *   -- 15: why           PostgreSQL 18 answers otherwise than 15, which we follow
 *   -- 15.20: why        the same of releases from 15.20 on; an earlier one is not asked
 *
 * A mark in the first lines of a file, before an empty line, is for all of it. A mark must be true: where all answers are the same, it has
 * to go, and the run says so.
 *
 * Compared are columns (name, type, modifier), rows, tags, notices, the state of the transaction, and of errors SQLSTATE, with PostgreSQL 15 also
 * message, detail, hint, position, and the names of what they are about. Rows of statements that ask for no order are compared as sets.
 * Left out: object ids from 16384 on, which every server gives out as it likes; rows that were sent before an error.
 */

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { PGlite } from '@electric-sql/pglite';
import type { ContractProvider } from '../../support/stores.ts';
import { startPgServer } from '../../wire/pg-server.ts';
import { type PostgresReference, startPostgres } from '../../wire/postgres-reference.ts';
import { isOrdered } from '../../wire/row-order.ts';
import { RawPgClient } from '../../wire/sql-differential.ts';

export const CORPUS = import.meta.dirname;

type MarkKind = 'differs' | 'awaits' | '15';

export interface Mark {
  readonly kind: MarkKind;
  /** Of kind 15: the first minor release that answers so. */
  readonly since: number;
  readonly why: string;
}

export interface CorpusStatement {
  readonly sql: string;
  /** Of its first line, from 1. */
  readonly line: number;
  readonly mark: Mark | undefined;
}

export interface CorpusFile {
  readonly name: string;
  readonly mark: Mark | undefined;
  readonly statements: readonly CorpusStatement[];
}

export interface CorpusReport {
  statements: number;
  /** Statements that all refuse alike. */
  errors: number;
  /** Marked ones that differ as they say. */
  marked: number;
  readonly marks: Map<string, number>;
  readonly differences: string[];
  /** Marks that are not true. */
  readonly stale: string[];
  /** What was awaited and is here by now: marks that should go. */
  readonly learnt: string[];
}

const MARK = /^--\s*(differs|awaits|15(?:\.(\d+))?):\s*(.*)$/;

export function corpusNames(): readonly string[] {
  return readdirSync(CORPUS)
    .filter((name) => name.endsWith('.sql'))
    .sort();
}

export function readCorpus(name: string): CorpusFile {
  return parseCorpus(name, readFileSync(join(CORPUS, name), 'utf8'));
}

export function parseCorpus(name: string, text: string): CorpusFile {
  const statements: CorpusStatement[] = [];
  const header = /^(--.*\n)+\n/.exec(text)?.[0] ?? '';
  const mark = header.split('\n').map(markOf).find(Boolean);
  let line = header.split('\n').length;
  for (const part of splitStatements(text.slice(header.length))) {
    const lines = part.split('\n');
    const first = lines.findIndex((each) => each.trim() !== '' && !each.startsWith('--'));
    const comment = lines.slice(0, Math.max(0, first));
    if (first >= 0) {
      const own = comment.map(markOf).findLast(Boolean);
      statements.push({ sql: lines.slice(first).join('\n').trim(), line: line + first, mark: own });
    }
    line += lines.length - 1;
  }
  return { name, mark, statements };
}

function markOf(line: string): Mark | undefined {
  const match = MARK.exec(line);
  if (match === null) return undefined;
  const [, kind, since, why] = match;
  return { kind: since === undefined ? (kind as MarkKind) : '15', since: Number(since ?? 0), why: why! };
}

/** Cuts after each semicolon that ends a line outside of quotes and comments; the pieces together are the whole. */
function splitStatements(text: string): string[] {
  const pieces: string[] = [];
  let from = 0;
  const token =
    /--[^\n]*|\/\*[\s\S]*?\*\/|[eE]'(?:[^'\\]|\\[\s\S]|'')*'|'(?:[^']|'')*'|"[^"]*"|(\$\w*\$)[\s\S]*?\1|;[ \t]*(?=\n|$)|\w+|[\s\S]/g;
  for (const { 0: found, index } of text.matchAll(token)) {
    if (
      !found.startsWith(';') ||
      !/^;[ \t]*$/.test(found) ||
      !/^(\n|$)/.test(text.slice(index + found.length, index + found.length + 1))
    )
      continue;
    pieces.push(text.slice(from, index + found.length));
    from = index + found.length;
  }
  pieces.push(text.slice(from));
  return pieces;
}

/** The servers that a corpus is run on, held for any number of files. */
export class CorpusServers {
  readonly #lite: PGlite;
  readonly #installed: PostgresReference | undefined;
  readonly #installedClient: RawPgClient | undefined;
  /** Of the installed one: 20 of 15.20. */
  readonly #minor: number;

  private constructor(lite: PGlite, installed?: PostgresReference, client?: RawPgClient, minor = 0) {
    this.#lite = lite;
    this.#installed = installed;
    this.#installedClient = client;
    this.#minor = minor;
  }

  static async start(): Promise<CorpusServers> {
    const installed = await startPostgres();
    const client = installed && (await RawPgClient.connect(installed.config.port, installed.config.database));
    const [[version] = []] = client === undefined ? [] : rowsOf(await client.query('show server_version_num'));
    return new CorpusServers(await PGlite.create(), installed, client, Number(version ?? 0) % 10_000);
  }

  async stop(): Promise<void> {
    this.#installedClient?.close();
    await this.#installed?.stop();
    await this.#lite.close();
  }

  /** Runs one file over a store of that kind and adds to the report. */
  async run(file: CorpusFile, report: CorpusReport, provider: ContractProvider = 'memory'): Promise<void> {
    const server = await startPgServer({ provider });
    const client = await RawPgClient.connect(server.port);
    const lite = async (sql: string) => Buffer.from(await this.#lite.execProtocolRaw(queryMessage(sql)));
    const installed = this.#installedClient;
    const references = installed === undefined ? [lite] : [lite, (sql: string) => installed.query(sql)];
    const fileReport: CorpusReport = file.mark === undefined ? report : newReport();
    try {
      for (const reference of references) await emptied(reference);
      for (const ask of [...references, (sql: string) => client.query(sql)]) {
        for (const sql of SESSION) await ask(sql);
      }
      for (const statement of file.statements) {
        const { sql, mark } = statement;
        const [byLite, byInstalled] = [await lite(sql), await installed?.query(sql)];
        const asked = (mark?.since ?? 0) <= this.#minor ? byInstalled : undefined;
        judge(file, statement, { lite: byLite, installed: asked, ours: await client.query(sql) }, fileReport);
      }
    } finally {
      client.close();
      await server.stop();
    }
    if (file.mark === undefined) return;
    report.statements += file.statements.length;
    const label = `${file.mark.kind}: ${file.mark.why}`;
    const count = fileReport.differences.length + fileReport.marked;
    report.marked += count;
    report.marks.set(label, (report.marks.get(label) ?? 0) + count);
    if (count === 0 && this.#installed !== undefined)
      (file.mark.kind === 'awaits' ? report.learnt : report.stale).push(
        `${file.name}: all of it answers as PostgreSQL does, so its mark has to go`,
      );
  }
}

export function newReport(): CorpusReport {
  return { statements: 0, errors: 0, marked: 0, marks: new Map(), differences: [], stale: [], learnt: [] };
}

/** What may differ between the servers before anyone said anything. */
const SESSION = ["set timezone = 'UTC'", "set intervalstyle = 'postgres'", "set datestyle = 'ISO, MDY'"];

async function emptied(ask: (sql: string) => Promise<Buffer>): Promise<void> {
  await ask('rollback');
  await ask('discard all');
  const schemas = rowsOf(
    await ask("select nspname from pg_namespace where nspname !~ '^pg_' and nspname <> 'information_schema'"),
  );
  for (const [schema] of schemas) await ask(`drop schema "${schema}" cascade`);
  await ask('create schema public');
}

interface Answers {
  readonly lite: Buffer;
  readonly installed: Buffer | undefined;
  readonly ours: Buffer;
}

function judge(file: CorpusFile, { sql, line, mark }: CorpusStatement, answers: Answers, report: CorpusReport): void {
  report.statements++;
  const ordered = isOrdered(sql);
  const brief = printed(answers.ours, 'brief', ordered);
  const byLite = printed(answers.lite, 'brief', ordered);
  const full = printed(answers.ours, 'full', ordered);
  const byInstalled = answers.installed && printed(answers.installed, 'full', ordered);
  const followsOld = byInstalled === undefined || byInstalled === full;
  const place = `${file.name}:${line}`;
  if (mark !== undefined) {
    const isTrue =
      mark.kind === '15' ? followsOld && byLite !== brief : byLite !== brief || (byInstalled ?? full) !== full;
    if (isTrue) {
      report.marked++;
      const label = `${mark.kind}: ${mark.why}`;
      report.marks.set(label, (report.marks.get(label) ?? 0) + 1);
      return;
    }
    // Without PostgreSQL 15 nobody knows what is true of its words.
    if (byInstalled === undefined && mark.kind !== '15') {
      report.marked++;
      return;
    }
    if (mark.kind !== '15' || byLite === brief) {
      const list = mark.kind === 'awaits' ? report.learnt : report.stale;
      list.push(`${place}: the mark "${mark.kind}: ${mark.why}" is not true (any more): ${sql}`);
      return;
    }
  }
  if (!followsOld) {
    report.differences.push(
      `${place}: ${sql}\n  PostgreSQL 15: ${indented(byInstalled)}\n  here:          ${indented(full)}`,
    );
  } else if (byLite !== brief) {
    report.differences.push(
      `${place}: ${sql}\n  PostgreSQL 18: ${indented(byLite)}\n  here:          ${indented(brief)}`,
    );
  } else if (/^E /m.test(brief)) report.errors++;
}

function indented(text: string): string {
  const cut = text.length > 1_500 ? `${text.slice(0, 1_500)}…` : text;
  return cut.replaceAll('\n', '\n                 ');
}

interface Message {
  readonly type: string;
  readonly body: Buffer;
}

function* messages(bytes: Buffer): Generator<Message> {
  for (let at = 0; at < bytes.length; ) {
    const end = at + 1 + bytes.readInt32BE(at + 1);
    yield { type: String.fromCharCode(bytes[at]!), body: bytes.subarray(at + 5, end) };
    at = end;
  }
}

function rowsOf(bytes: Buffer): string[][] {
  return [...messages(bytes)].filter(({ type }) => type === 'D').map(({ body }) => valuesOf(body).map(String));
}

function valuesOf(body: Buffer): (string | null)[] {
  const values: (string | null)[] = [];
  for (let at = 2; at < body.length; ) {
    const length = body.readInt32BE(at);
    at += 4;
    values.push(length < 0 ? null : body.toString('utf8', at, at + length));
    at += Math.max(0, length);
  }
  return values;
}

/** Severity, file, line and routine tell of the server's own source; everything else is for the client. */
const ERROR_FIELDS = ['C', 'M', 'D', 'H', 'P', 'p', 'q', 's', 't', 'c', 'd', 'n'];

/** An answer in lines. @param detail `brief` leaves of errors and notices only the code. */
export function printed(bytes: Buffer, detail: 'brief' | 'full', ordered: boolean): string {
  const lines: string[] = [];
  let rows: string[] = [];
  const endRows = (): void => {
    for (const row of ordered ? rows : rows.sort()) lines.push(row);
    rows = [];
  };
  for (const { type, body } of messages(bytes)) {
    if (type === 'D') {
      rows.push(
        `D ${valuesOf(body)
          .map((value) => (value === null ? 'null' : JSON.stringify(value)))
          .join(', ')}`,
      );
      continue;
    }
    if (type === 'E') {
      rows = [];
      while (lines.at(-1) === 'n' || lines.at(-1)?.startsWith('T ')) lines.pop();
    }
    endRows();
    const line = printedMessage(type, body, detail);
    if (line !== undefined) lines.push(line);
  }
  return lines.join('\n');
}

function printedMessage(type: string, body: Buffer, detail: 'brief' | 'full'): string | undefined {
  switch (type) {
    case 'T':
      return `T ${columnsOf(body).join(', ')}`;
    case 'C':
    case 'Z':
      return `${type} ${body.toString('latin1').replace('\0', '')}`;
    case 'I':
    case 'n':
      return type;
    case 't': {
      const types = Array.from({ length: body.readInt16BE(0) }, (_, i) => body.readUInt32BE(2 + 4 * i));
      return `t ${types.map(shownOid).join(', ')}`;
    }
    case 'E':
    case 'N': {
      const fields = new Map(
        body
          .toString('utf8')
          .split('\0')
          .map((field) => [field[0], field.slice(1)]),
      );
      if (detail === 'brief') return type === 'N' ? undefined : `E ${fields.get('C')}`;
      const words = ERROR_FIELDS.filter((name) => fields.has(name)).map((name) => `${name}:${fields.get(name)}`);
      return `${type} ${words.join(' ')}`;
    }
    default:
      return undefined;
  }
}

const FIRST_OWN_OID = 16_384;

function columnsOf(body: Buffer): string[] {
  const columns: string[] = [];
  for (let at = 2; at < body.length; at += 18) {
    const end = body.indexOf(0, at);
    const name = body.toString('utf8', at, end);
    at = end + 1;
    const type = shownOid(body.readUInt32BE(at + 6));
    columns.push(`${name} ${type}/${body.readInt16BE(at + 10)}/${body.readInt32BE(at + 12)}`);
  }
  return columns;
}

function shownOid(oid: number): string {
  return oid >= FIRST_OWN_OID ? 'own' : String(oid);
}

export function queryMessage(sql: string): Buffer {
  const text = Buffer.from(`${sql}\0`);
  const header = Buffer.alloc(5);
  header[0] = 0x51;
  header.writeInt32BE(text.length + 4, 1);
  return Buffer.concat([header, text]);
}
