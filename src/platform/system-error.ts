/**
 * Translates errors of the operating system where they enter: code, path and a hint, the native error as `cause`.
 *
 * Shared by the machine's files and the simulated ones, so that a test sees the message that a user would see.
 */

import { type ErrorCode, OperationError } from '../base/errors.ts';

const CODES: Readonly<Record<string, ErrorCode>> = {
  ENOSPC: 'disk_full',
  EDQUOT: 'disk_full',
  ENOENT: 'not_found',
  EEXIST: 'already_exists',
};

const HINTS: Readonly<Record<string, string>> = {
  ENOSPC: 'Free space on that file system, or delete data; writes resume by themselves.',
  EDQUOT: 'Raise the disk quota of the user that runs the server, or delete data.',
  EMFILE: 'Raise the limit of open files for the server (ulimit -n).',
  ENFILE: 'The machine has no file handles left: raise fs.file-max.',
  EACCES: 'Give the user that runs the server access to it.',
  EPERM: 'Give the user that runs the server access to it.',
  EROFS: 'The file system is mounted read-only: mount it for writing, or name another place.',
  EEXIST: 'Name another path, or move away what is there.',
  ENOTDIR: 'A part of the path is a file: name another path, or move that file away.',
  EISDIR: 'That is a directory: name a file.',
};

/** The `code` of a Node system error ("ENOENT"), or undefined for anything else. */
export function systemCode(error: unknown): string | undefined {
  if (!(error instanceof Error) || !('code' in error)) return undefined;
  return typeof error.code === 'string' ? error.code : undefined;
}

/** "cannot write data/log-1: ENOSPC: no space left on device"; an `OperationError` passes unchanged. */
export function fileError(error: unknown, action: string, path: string): OperationError {
  if (error instanceof OperationError) return error;
  const code = systemCode(error) ?? '';
  const hint = HINTS[code];
  return new OperationError(CODES[code] ?? 'io', `cannot ${action} ${path}: ${reason(error)}`, {
    cause: error,
    ...(hint === undefined ? {} : { hint }),
  });
}

/** An `io` error of a connection or listener. */
export function socketError(error: unknown, what: string): OperationError {
  if (error instanceof OperationError) return error;
  return new OperationError('io', `${what}: ${reason(error)}`, { cause: error });
}

/** What a failed `listen` on a Unix socket tells its user. Node says EACCES for a folder that is not there, too. */
export function listenPathError(error: unknown, path: string): OperationError {
  if (systemCode(error) !== 'EACCES') return listenError(error, path);
  return new OperationError('io', `cannot listen on ${path}: its folder is missing or not writable`, {
    cause: error,
    hint: 'Create the folder, and give the user that runs the server access to it.',
  });
}

/** What a failed `listen` tells its user; `where` is "host:port". */
export function listenError(error: unknown, where: string): OperationError {
  switch (systemCode(error)) {
    case 'EADDRINUSE':
      return new OperationError('io', `${where} is in use`, {
        cause: error,
        hint: 'Another process listens there: stop it, or choose another port with the port flag of this protocol.',
      });
    case 'EACCES':
      return new OperationError('io', `no permission to listen on ${where}`, {
        cause: error,
        hint: 'Ports below 1024 need privileges: choose a higher one, or grant CAP_NET_BIND_SERVICE.',
      });
    case 'EADDRNOTAVAIL':
    case 'ENOTFOUND':
      return new OperationError('io', `cannot listen on ${where}: no such address on this machine`, {
        cause: error,
        hint: 'Use 127.0.0.1 for this machine only, or an address that one of its interfaces has.',
      });
    default:
      return socketError(error, `cannot listen on ${where}`);
  }
}

/** An error as the operating system would raise it, for simulated faults. */
export function newSystemError(code: string, text: string): Error {
  return Object.assign(new Error(`${code}: ${text}`), { code });
}

// Node's messages end in ", write '/path'": the caller has named action and path already.
function reason(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  const comma = systemCode(error) === undefined ? -1 : message.indexOf(', ');
  return comma < 0 ? message : message.slice(0, comma);
}
