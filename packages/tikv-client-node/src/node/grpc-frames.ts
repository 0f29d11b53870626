/**
 * The framing of gRPC over HTTP/2 (https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md): each message is
 * preceded by a flag byte (0: not compressed) and its length in four bytes, big-endian.
 */

const HEADER_BYTES = 5;
/** A length beyond it is taken for nonsense: raft entries end at 8 MiB, a scan's answer well below. */
export const MESSAGE_BYTES_MAX = 1024 * 1024 * 1024;

export function frame(message: Uint8Array): Buffer {
  const framed = Buffer.allocUnsafe(HEADER_BYTES + message.length);
  framed[0] = 0;
  framed.writeUInt32BE(message.length, 1);
  framed.set(message, HEADER_BYTES);
  return framed;
}

/** Puts messages together from chunks cut anywhere. */
export class FrameParser {
  #chunks: Buffer[] = [];
  #bytes = 0;
  /** Bytes of the message being gathered, header included; undefined until the header is there. */
  #needed: number | undefined;

  readonly #bytesMax: number;

  constructor(bytesMax = MESSAGE_BYTES_MAX) {
    this.#bytesMax = bytesMax;
  }

  /** @throws Error when a message is compressed or too long. */
  push(chunk: Buffer, onMessage: (message: Buffer) => void): void {
    this.#chunks.push(chunk);
    this.#bytes += chunk.length;
    if (this.#bytes < (this.#needed ?? HEADER_BYTES)) return;
    const buffer = this.#chunks.length === 1 ? chunk : Buffer.concat(this.#chunks, this.#bytes);
    let at = 0;
    this.#needed = undefined;
    while (buffer.length - at >= HEADER_BYTES) {
      if (buffer[at] !== 0) throw new Error('a compressed message, which was not asked for');
      const length = buffer.readUInt32BE(at + 1);
      if (length > this.#bytesMax) throw new Error(`a message of ${length} bytes, more than ${this.#bytesMax}`);
      if (buffer.length - at < HEADER_BYTES + length) {
        this.#needed = HEADER_BYTES + length;
        break;
      }
      onMessage(buffer.subarray(at + HEADER_BYTES, at + HEADER_BYTES + length));
      at += HEADER_BYTES + length;
    }
    this.#chunks = at === buffer.length ? [] : [at === 0 ? buffer : buffer.subarray(at)];
    this.#bytes = buffer.length - at;
  }

  /** Whether the stream may end here. */
  get atBoundary(): boolean {
    return this.#bytes === 0;
  }
}

/** `grpc-message` is percent-encoded. */
export function encodeStatusMessage(message: string): string {
  return encodeURIComponent(message.slice(0, 1000));
}

export function decodeStatusMessage(encoded: string): string {
  try {
    return decodeURIComponent(encoded);
  } catch {
    return encoded;
  }
}

/** The value of `grpc-timeout`: at most eight digits and a unit. */
export function grpcTimeout(timeoutMs: number): string {
  const ms = Math.max(1, Math.ceil(timeoutMs));
  return ms < 100_000_000 ? `${ms}m` : `${Math.min(99_999_999, Math.ceil(ms / 1000))}S`;
}
