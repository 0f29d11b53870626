/** Messages of a client of PostgreSQL (its manual, "Message Formats"), for tests that send what no stock client would. */

export function message(type: string, ...parts: readonly Buffer[]): Buffer {
  const body = Buffer.concat(parts);
  const header = Buffer.alloc(5);
  header.write(type, 'latin1');
  header.writeInt32BE(body.length + 4, 1);
  return Buffer.concat([header, body]);
}

export function text(...texts: readonly string[]): Buffer {
  return Buffer.from(texts.map((each) => `${each}\0`).join(''));
}

export function int(bytes: 2 | 4, value: number): Buffer {
  const buffer = Buffer.alloc(bytes);
  buffer.writeIntBE(value, 0, bytes);
  return buffer;
}

export const sync = message('S');

export function query(sql: string): Buffer {
  return message('Q', text(sql));
}

/** @param types Of its parameters, object ids; 0 for what the server finds out. */
export function parse(name: string, sql: string, types: readonly number[] = []): Buffer {
  return message('P', text(name, sql), int(2, types.length), ...types.map((type) => int(4, type)));
}

export function describeStatement(name: string): Buffer {
  return message('D', Buffer.from('S'), text(name));
}

export function describePortal(name: string): Buffer {
  return message('D', Buffer.from('P'), text(name));
}

/** @param rows At most so many; 0 for all. */
export function execute(name: string, rows = 0): Buffer {
  return message('E', text(name), int(4, rows));
}

export function closeStatement(name: string): Buffer {
  return message('C', Buffer.from('S'), text(name));
}

export function closePortal(name: string): Buffer {
  return message('C', Buffer.from('P'), text(name));
}

/** A parameter: a text, bytes in the binary format, or null. */
export type BoundValue = string | Buffer | null;

/** @param inBinary Whether results come in the binary format. */
export function bind(portal: string, statement: string, values: readonly BoundValue[], inBinary = false): Buffer {
  return message(
    'B',
    text(portal, statement),
    int(2, values.length),
    ...values.map((value) => int(2, Buffer.isBuffer(value) ? 1 : 0)),
    int(2, values.length),
    ...values.flatMap((value) =>
      value === null ? [int(4, -1)] : [int(4, Buffer.byteLength(value)), Buffer.from(value as string)],
    ),
    int(2, 1),
    int(2, inBinary ? 1 : 0),
  );
}
