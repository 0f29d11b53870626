/**
 * Golden scripts: statements and what they answer, in files that a reader can follow.
 *
 *   statement, over any number of lines
 *   ----
 *   name:oid|name:oid        columns, when there are any; a type of the database's own has no oid of its own: `user`
 *   value|value              rows in text; null is the sign ∅, a row without columns or with one empty text is ()
 *   TAG                      as CommandComplete says it
 *   ERROR 42703 message @8   or SQLSTATE, message and position; then `DETAIL: …` where there is one
 *
 * Blocks are parted by a blank line; a line beginning with # is a comment. What is written down is what PostgreSQL 15
 * answers: the differential test holds every script against it, where it is installed.
 */

import type pg from 'pg';

export interface ScriptBlock {
  readonly comment: readonly string[];
  readonly statement: string;
  readonly expected: string;
}

export function parseScript(text: string): readonly ScriptBlock[] {
  const blocks: ScriptBlock[] = [];
  for (const part of text.split(/\n\n+/)) {
    const lines = part.split('\n').filter((line) => line !== '');
    const comment = lines.filter((line) => line.startsWith('#'));
    const rest = lines.filter((line) => !line.startsWith('#'));
    if (rest.length === 0 && comment.length === 0) continue;
    const line = rest.indexOf('----');
    const statement = (line < 0 ? rest : rest.slice(0, line)).join('\n');
    blocks.push({ comment, statement, expected: line < 0 ? '' : rest.slice(line + 1).join('\n') });
  }
  return blocks;
}

export function printScript(blocks: readonly ScriptBlock[]): string {
  return `${blocks
    .map(({ comment, statement, expected }) =>
      [...comment, ...(statement === '' ? [] : [statement, '----', expected])].join('\n'),
    )
    .join('\n\n')}\n`;
}

/** PostgreSQL gives lower ones to itself. */
const FIRST_USER_OID = 16_384;

const asText = { getTypeParser: () => (value: string) => value } as unknown as pg.CustomTypesConfig;

/** Runs one block and writes down the answer. */
export async function answerOf(client: pg.Client, statement: string): Promise<string> {
  try {
    const answer: unknown = await client.query({ text: statement, rowMode: 'array', types: asText });
    const results = (Array.isArray(answer) ? answer : [answer]) as pg.QueryArrayResult[];
    return results.map(printResult).join('\n');
  } catch (error) {
    return printError(error);
  }
}

function printResult({ fields, rows, command, rowCount }: pg.QueryArrayResult): string {
  const lines: string[] = [];
  if (fields.length > 0)
    lines.push(
      fields.map(({ name, dataTypeID }) => `${name}:${dataTypeID < FIRST_USER_OID ? dataTypeID : 'user'}`).join('|'),
    );
  for (const row of rows) {
    const values = row.map((value: unknown) => (value === null ? '∅' : String(value)));
    lines.push(values.length === 0 || (values.length === 1 && values[0] === '') ? '()' : values.join('|'));
  }
  lines.push(rowCount === null ? command : `${command} ${rowCount}`);
  return lines.join('\n');
}

export function printError(error: unknown): string {
  const { code, message, position, detail } = error as pg.DatabaseError;
  if (code === undefined) throw error;
  const lines = [`ERROR ${code} ${message}${position === undefined ? '' : ` @${position}`}`];
  if (detail !== undefined) lines.push(`DETAIL: ${detail}`);
  return lines.join('\n');
}
