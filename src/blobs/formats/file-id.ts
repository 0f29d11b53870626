/**
 * File ids as text: `<volume>,<id and cookie>`, as in `3,01637037d6`.
 *
 * After the comma stand the needle id and the cookie in lower-case hexadecimal, without the leading zero *bytes* of the
 * id: an even number of digits, of which the last 8 are the cookie. Parsing also takes an odd number, as other writers drop
 * leading zero digits. A suffix `_N`, decimal, adds N to the id: it names the further ids of one assignment.
 */

import { OperationError } from '../../base/errors.ts';

const ID_MAX = 2n ** 64n - 1n;

export interface NeedleName {
  readonly id: bigint;
  /** Guards against guessing: unsigned 32 bits. */
  readonly cookie: number;
}

export interface FileId extends NeedleName {
  /** Unsigned 32 bits. */
  readonly volumeId: number;
}

export function fileIdText(file: FileId): string {
  return `${file.volumeId},${needleNameText(file)}`;
}

export function needleNameText(needle: NeedleName): string {
  let id = needle.id === 0n ? '' : needle.id.toString(16);
  if (id.length % 2 === 1) id = `0${id}`;
  return id + needle.cookie.toString(16).padStart(8, '0');
}

/** @throws OperationError `invalid_argument` saying what is wrong with it. */
export function parseFileId(text: string): FileId {
  const comma = text.indexOf(',');
  if (comma <= 0) throw malformed('file id', text, 'it is a volume id, a comma and hexadecimal digits');
  return { volumeId: parseVolumeId(text.slice(0, comma)), ...parseNeedleName(text.slice(comma + 1)) };
}

/** @throws OperationError `invalid_argument`. */
export function parseVolumeId(text: string): number {
  const volumeId = Number(text);
  if (!/^\d{1,10}$/.test(text) || volumeId > 0xffff_ffff) {
    throw malformed('volume id', text, 'it is a decimal number below 2^32');
  }
  return volumeId;
}

/** What follows the comma, `_N` included. @throws OperationError `invalid_argument`. */
export function parseNeedleName(text: string): NeedleName {
  const underscore = text.lastIndexOf('_');
  const digits = underscore > 0 ? text.slice(0, underscore) : text;
  if (digits.length <= 8 || digits.length > 24 || !/^[0-9a-fA-F]+$/.test(digits)) {
    throw malformed('file id', text, 'after the comma it has 9 to 24 hexadecimal digits');
  }
  const idText = digits.slice(0, -8);
  // Ids of up to 13 digits fit a number, whose parsing needs no bigint arithmetic.
  let id = idText.length <= 13 ? BigInt(Number.parseInt(idText, 16)) : BigInt(`0x${idText}`);
  if (underscore > 0) {
    const delta = text.slice(underscore + 1);
    if (!/^\d{1,20}$/.test(delta)) throw malformed('file id', text, 'after the underscore it has a decimal number');
    id += BigInt(delta);
    if (id > ID_MAX) throw malformed('file id', text, 'the id with its suffix exceeds 64 bits');
  }
  return { id, cookie: Number.parseInt(digits.slice(-8), 16) };
}

function malformed(what: string, text: string, rule: string): OperationError {
  return new OperationError(
    'invalid_argument',
    `the ${what} ${JSON.stringify(text.slice(0, 60))} is malformed: ${rule}`,
  );
}
