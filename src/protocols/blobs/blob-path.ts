/**
 * Paths of needles: `/3,01637037d6`, `/3,01637037d6.jpg`, `/3,01637037d6_1`, `/3/01637037d6`, `/3/01637037d6.jpg`,
 * `/3/01637037d6/my.jpg`. What follows the dot, and the last form's file name, tell a type and a name, nothing else.
 */

import { OperationError } from '../../base/errors.ts';
import { type FileId, parseNeedleName, parseVolumeId } from '../../blobs/formats/file-id.ts';

export interface BlobPath extends FileId {
  /** Volume and needle as they stand in the path, without `_N`: what a token names. */
  readonly fileIdText: string;
  /** With its dot; empty for none. */
  readonly extension: string;
  /** Of the last form; empty for none. */
  readonly fileName: string;
  /** `/3,0163…`: the form that writes use. */
  readonly isCommaForm: boolean;
}

/** @throws OperationError `invalid_argument`. */
export function parseBlobPath(path: string): BlobPath {
  const comma = path.lastIndexOf(',');
  let volume: string;
  let rest: string;
  let fileName = '';
  if (comma > 0) {
    volume = path.slice(path.lastIndexOf('/', comma) + 1, comma);
    rest = path.slice(comma + 1);
    if (rest.includes('/')) throw malformed(path);
  } else {
    const parts = path.slice(1).split('/');
    if (parts.length < 2 || parts.length > 3) throw malformed(path);
    volume = parts[0]!;
    rest = parts[1]!;
    fileName = decoded(parts[2] ?? '', path);
  }
  const dot = rest.indexOf('.');
  const name = dot < 0 ? rest : rest.slice(0, dot);
  let extension = dot < 0 ? '' : decoded(rest.slice(rest.lastIndexOf('.')), path);
  if (fileName !== '' && fileName.lastIndexOf('.') > 0) extension = fileName.slice(fileName.lastIndexOf('.'));
  const underscore = name.lastIndexOf('_');
  const { id, cookie } = parseNeedleName(name);
  return {
    volumeId: parseVolumeId(volume),
    id,
    cookie,
    fileIdText: `${volume},${underscore > 0 ? name.slice(0, underscore) : name}`,
    extension,
    fileName,
    isCommaForm: comma > 0,
  };
}

function decoded(part: string, path: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    throw malformed(path);
  }
}

function malformed(path: string): OperationError {
  return new OperationError('invalid_argument', `${JSON.stringify(path.slice(0, 80))} names no file: /volume,id`);
}
