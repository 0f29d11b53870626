/** nextval, currval, lastval and setval: manual section 9.17. A sequence is a name, or its oid. */

import { assert } from '../../../base/assert.ts';
import type { FunctionTable, RunContext } from './definition.ts';
import type { ScalarFunction, SequenceAccess } from './evaluation.ts';

function sequences({ session }: RunContext): SequenceAccess {
  assert(session.sequences !== undefined, 'a volatile function is computed in a session');
  return session.sequences;
}

type Sequence = string | number;

export const SEQUENCE_FUNCTIONS: FunctionTable = {
  'nextval(text) int8 volatile': (sequence: Sequence, context: RunContext) => sequences(context).next(sequence),
  'nextval(regclass) int8 volatile': (sequence: Sequence, context: RunContext) => sequences(context).next(sequence),
  'currval(text) int8 volatile': (sequence: Sequence, context: RunContext) => sequences(context).current(sequence),
  'currval(regclass) int8 volatile': (sequence: Sequence, context: RunContext) => sequences(context).current(sequence),
  'lastval() int8 volatile': (context: RunContext) => sequences(context).lastGiven(),
  'setval(text, int8) int8 volatile': (sequence: Sequence, value: bigint, context: RunContext) =>
    sequences(context).set(sequence, value, true),
  'setval(regclass, int8) int8 volatile': (sequence: Sequence, value: bigint, context: RunContext) =>
    sequences(context).set(sequence, value, true),
  'setval(text, int8, bool) int8 volatile': (sequence: Sequence, value: bigint, called: boolean, context: RunContext) =>
    sequences(context).set(sequence, value, called),
  'setval(regclass, int8, bool) int8 volatile': (
    sequence: Sequence,
    value: bigint,
    called: boolean,
    context: RunContext,
  ) => sequences(context).set(sequence, value, called),
};

/** nextval of a sequence that is known by id: the default of serial and identity columns. */
export const NEXT_VALUE: ScalarFunction = {
  name: 'nextval',
  arguments: ['regclass'],
  result: 'int8',
  strict: true,
  volatility: 'volatile',
  evaluate: ([sequence], context) => sequences(context).next(sequence as number),
};
