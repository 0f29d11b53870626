/**
 * Statements that the server runs for itself, so that the first ones of its clients are not the first that V8 sees: the
 * hundreds of functions between a query string and its rows make the first statements of a process take some ten times what they
 * take later (docs/decisions/statements-are-rehearsed.md).
 *
 * The stage is a listener whose engine has clients' class and options, with their parser, as each loads PostgreSQL's grammar once.
 */

import { type Bytes, EMPTY_BYTES } from '../../base/bytes.ts';
import { type AnswerEnd, DeafClient } from '../deaf-client.ts';
import type { OpenStage } from '../rehearsal.ts';
import { rehearsedTexts } from './rehearsed-texts.ts';

/** Of one connection. */
const STATEMENTS_MAX = 64;

const PROTOCOL_3 = 3 << 16;
const QUERY = 0x51;
const TERMINATE = Buffer.from('X\0\0\0\x04');
/** ReadyForQuery, up to the transaction status. */
const READY = Buffer.from('Z\0\0\0\x05');
const READY_BYTES = READY.length + 1;

/** Runs the rehearsed statements, one after another, on connections that follow each other. */
export async function rehearseStatements(stage: OpenStage): Promise<void> {
  let client: DeafClient | undefined;
  try {
    for (const text of rehearsedTexts()) {
      if (!(await stage.moments.goOn())) break;
      if (client !== undefined && client.asked > STATEMENTS_MAX) {
        client.leave(TERMINATE);
        client = undefined;
      }
      if (client === undefined) {
        client = await DeafClient.connect(stage);
        await client.ask(startup(), untilReady());
      }
      await client.ask(query(text), untilReady());
    }
  } finally {
    client?.leave(TERMINATE);
  }
}

/** The server is ready for the next message. */
function untilReady(): AnswerEnd {
  // A chunk may end within a message.
  let last: Bytes = EMPTY_BYTES;
  return (chunk) => {
    last = Buffer.concat([last, chunk.subarray(-READY_BYTES)]).subarray(-READY_BYTES);
    return READY.equals(last.subarray(0, READY.length));
  };
}

function startup(): Buffer {
  const body = Buffer.from('\0\0\0\0\0\0\0\0user\0orbit\0database\0actors\0\0');
  body.writeInt32BE(body.length, 0);
  body.writeInt32BE(PROTOCOL_3, 4);
  return body;
}

function query(text: string): Buffer {
  const message = Buffer.from(`\0\0\0\0\0${text}\0`);
  message[0] = QUERY;
  message.writeInt32BE(message.length - 1, 1);
  return message;
}
