/** Values to text by a template, and text to values (manual, 9.8). */

import type { Numeric } from '../../../models/relational/numeric.ts';
import type { Interval } from '../../../models/relational/values.ts';
import { applyNumericModifier, multiplyNumeric, numericOf } from '../types/numeric-arithmetic.ts';
import { parseNumericText } from '../types/text-form.ts';
import type { FunctionTable, RunContext } from './definition.ts';
import { formatInstantBy, formatIntervalBy, formatTimestampBy } from './format-dates.ts';
import { formatFloatBy, formatIntegerBy, formatNumericBy, readNumberBy } from './format-numbers.ts';
import { powerNumeric } from './numeric-functions.ts';
import { parseDateBy, parseTimestampBy } from './parse-dates.ts';

function numberBy(text: string, template: string): Numeric | null {
  if (template === '') return null;
  const { text: digits, precision, scale, multi } = readNumberBy(text, template);
  const read = applyNumericModifier(parseNumericText(digits), ((precision << 16) | scale) + 4);
  return multi === undefined ? read : multiplyNumeric(read, powerNumeric(numericOf(10), numericOf(-multi)));
}

export const FORMATTING_FUNCTIONS: FunctionTable = {
  'to_char(timestamptz, text) text stable': (value: bigint, template: string, { zone }: RunContext) =>
    formatInstantBy(value, template, zone),
  'to_char(timestamp, text) text stable': (value: bigint, template: string) => formatTimestampBy(value, template),
  'to_char(interval, text) text stable': (value: Interval, template: string) => formatIntervalBy(value, template),
  'to_char(numeric, text) text stable': formatNumericBy,
  'to_char(int4, text) text stable': (value: number, template: string) => formatIntegerBy(value, template, 'integer'),
  'to_char(int8, text) text stable': (value: bigint, template: string) => formatIntegerBy(value, template, 'bigint'),
  'to_char(float4, text) text stable': (value: number, template: string) => formatFloatBy(value, template, 6),
  'to_char(float8, text) text stable': (value: number, template: string) => formatFloatBy(value, template, 15),
  'to_number(text, text) numeric stable': numberBy,
  'to_date(text, text) date stable': (text: string, template: string) => parseDateBy(text, template),
  'to_timestamp(text, text) timestamptz stable': (text: string, template: string, { zone }: RunContext) =>
    parseTimestampBy(text, template, zone),
};
