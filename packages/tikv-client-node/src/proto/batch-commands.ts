/**
 * `tikvpb.BatchCommands`: many commands in one message of a stream. A command is the number of its member in the oneof
 * `cmd` and the encoded request or response; it is decoded by whoever asked for it.
 *
 *   BatchCommandsRequest:  1 requests []Request · 2 request_ids []u64
 *   BatchCommandsResponse: 1 responses []Response · 2 request_ids []u64 · 3 transport_layer_load u64
 */

import { type Decoded, message, repeatedBytes, repeatedU64, u64 } from '../protobuf/message.ts';
import { Reader } from '../protobuf/reader.ts';

/** Both directions; a response also carries the load. */
export const BatchCommands = message({
  commands: repeatedBytes(1),
  requestIds: repeatedU64(2),
  transportLayerLoad: u64(3),
});
export type BatchCommands = Decoded<typeof BatchCommands>;

/** What a server answers to a command it does not know. */
export const EMPTY_COMMAND = 255;

export interface Command {
  readonly number: number;
  readonly body: Buffer;
}

/** The bytes of one `Request` or `Response`; an empty body is written too, for members of a oneof have presence. */
export function wrapCommand(number: number, body: Uint8Array): Buffer {
  const tag = (number << 3) | 2;
  const tagBytes = varintBytes(tag);
  const wrapped = Buffer.allocUnsafe(tagBytes + varintBytes(body.length) + body.length);
  const at = writeVarint(wrapped, writeVarint(wrapped, 0, tag), body.length);
  wrapped.set(body, at);
  return wrapped;
}

/** @returns undefined when no member is set. @throws ProtobufError */
export function unwrapCommand(wrapped: Uint8Array): Command | undefined {
  const reader = new Reader(wrapped);
  let command: Command | undefined;
  while (reader.at < reader.end) {
    const tag = reader.uint32();
    if ((tag & 7) === 2) command = { number: tag >>> 3, body: reader.bytes() };
    else reader.skip(tag & 7);
  }
  return command;
}

function varintBytes(value: number): number {
  return value < 0x80 ? 1 : value < 0x4000 ? 2 : value < 0x20_0000 ? 3 : value < 0x1000_0000 ? 4 : 5;
}

function writeVarint(buffer: Buffer, at: number, value: number): number {
  let to = at;
  let rest = value;
  for (; rest > 0x7f; rest >>>= 7) buffer[to++] = (rest & 0x7f) | 0x80;
  buffer[to++] = rest;
  return to;
}
