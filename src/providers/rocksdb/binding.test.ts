import { describe, expect, it } from 'vitest';
import { OperationError } from '../../base/errors.ts';
import { decodePosition, encodePosition, translateRocksDbError } from './binding.ts';

describe('errors of RocksDB', () => {
  it.each([
    [{ message: 'IO error: No space left on device: While appending to file', code: 'LEVEL_IO_ERROR' }, 'disk_full'],
    [new Error('Space limit reached'), 'disk_full'],
    [Object.assign(new Error('lock'), { code: 'LEVEL_LOCKED' }), 'store_locked'],
    [{ message: 'block checksum mismatch', code: 'LEVEL_CORRUPTION' }, 'corruption'],
    [new Error('something else'), 'io'],
  ] as const)('have a code of ours, also those that come from the worker as plain objects: %o', (error, code) => {
    const translated = translateRocksDbError(error, 'data/state');
    expect(translated).toMatchObject({ code, cause: error });
    expect(translated.message).toContain('data/state');
    expect(translated.message).not.toContain('[object');
  });

  it('are translated once', () => {
    const error = new OperationError('io', 'already');
    expect(translateRocksDbError(error, 'data')).toBe(error);
  });

  it('whatever was thrown, have a message', () => {
    for (const thrown of [undefined, null, 'text', 7]) {
      expect(translateRocksDbError(thrown, 'data').message).toContain(String(thrown));
    }
  });
});

describe('the position in the state', () => {
  it('is eight bytes, big-endian', () => {
    expect(encodePosition(258)).toEqual(Buffer.from([0, 0, 0, 0, 0, 0, 1, 2]));
    expect(decodePosition(encodePosition(2 ** 53 - 1))).toBe(2 ** 53 - 1);
    expect(decodePosition(undefined)).toBe(0);
  });
});
