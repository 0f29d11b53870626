/** From stored bytes to the state that a definition of today understands: decoded, upgraded, checked. */

import type { Bytes } from '../base/bytes.ts';
import { OperationError } from '../base/errors.ts';
import type { Activation } from './activation.ts';
import { decodeState } from './state-codec.ts';

/** @throws OperationError `store_format` (a version that the definition cannot read), `corruption`, and what `upgrade` throws. */
export function readSavedState(activation: Activation, bytes: Bytes): unknown {
  const { state: schema, stateVersion = 0, upgrade } = activation.type.definition;
  const saved = decodeState(bytes);
  const { version } = saved;
  if (version > stateVersion || (version < stateVersion && upgrade === undefined)) {
    throw new OperationError(
      'store_format',
      `the saved state of ${activation.address} has version ${version}, its definition ${stateVersion}`,
      { hint: version > stateVersion ? 'run the newer definition' : 'give the definition an `upgrade`' },
    );
  }
  const value = version < stateVersion ? upgrade!(saved.value, version) : saved.value;
  if (schema === undefined) return value;
  try {
    return schema.parse(value);
  } catch (error) {
    throw new OperationError('corruption', `the saved state of ${activation.address} does not fit its schema`, {
      cause: error,
    });
  }
}
