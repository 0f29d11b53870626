/** How long or precise values of a type may be, as information_schema tells it. */

import type { SystemRow } from './system-row.ts';

/** Precision in bits or digits, its radix, the scale. */
function numbers(type: string, modifier: number): SystemRow {
  const bits = { int2: 16, int4: 32, int8: 64, float4: 24, float8: 53 }[type];
  if (bits !== undefined) {
    return { numeric_precision: bits, numeric_precision_radix: 2, numeric_scale: type.startsWith('int') ? 0 : null };
  }
  if (type !== 'numeric') return {};
  if (modifier < 0) return { numeric_precision_radix: 10 };
  return {
    numeric_precision: ((modifier - 4) >> 16) & 0xffff,
    numeric_precision_radix: 10,
    numeric_scale: (modifier - 4) & 0x7ff,
  };
}

/** How long values may be, or how precise. */
export function measures(type: string, modifier: number): SystemRow {
  const isText = type === 'varchar' || type === 'bpchar' || type === 'text';
  return {
    character_maximum_length: modifier < 0 ? null : isText ? modifier - 4 : type.endsWith('bit') ? modifier : null,
    character_octet_length: isText ? (modifier >= 0 ? (modifier - 4) * 4 : 1_073_741_824) : null,
    ...numbers(type, modifier),
    datetime_precision: TIMES.has(type) ? (modifier >= 0 ? modifier & 0xffff : 6) : type === 'date' ? 0 : null,
  };
}

const TIMES = new Set<string>(['timestamp', 'timestamptz', 'time', 'timetz', 'interval']);
