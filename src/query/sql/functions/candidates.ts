/**
 * Which of several functions or operators a call means: PostgreSQL's rules for overloaded names (parse_func.c,
 * func_select_candidate) and for polymorphic types (parse_coerce.c).
 *
 * Literals of type unknown take part: first those candidates win that match most arguments exactly, then those with preferred
 * types; then unknown arguments take the category that all candidates agree on, strings before others; at last an unknown
 * argument is taken for the one type that the others have.
 */

import {
  arrayOf,
  baseOf,
  canCast,
  commonType,
  elementOf,
  isRecord,
  multirangeOf,
  type SqlType,
  titleOf,
  typeInfo,
} from '../types/types.ts';

export interface Candidate<T> {
  /** As many as the call has arguments. */
  readonly arguments: readonly SqlType[];
  readonly item: T;
}

export function isPolymorphic(type: SqlType): boolean {
  return type.startsWith('any') && type !== 'any';
}

/** That nothing is said for a type. @param type What is named in it: '' for the kin of anyelement. */
const undetermined = (type: '' | SqlType): string =>
  `could not determine polymorphic type ${type === '' ? '' : `${type} `}because input has type unknown`;

/** Whether an argument may be passed for a parameter of the declared type. */
function accepts(declared: SqlType, actual: SqlType): boolean {
  if (actual === 'unknown' || declared === 'any' || declared === actual) return true;
  switch (declared) {
    case 'anyelement':
    case 'anycompatible':
      return true;
    case 'anyarray':
    case 'anycompatiblearray':
      return elementOf(baseOf(actual)) !== undefined;
    case 'anynonarray':
    case 'anycompatiblenonarray':
      return elementOf(baseOf(actual)) === undefined;
    case 'anyenum':
      return typeInfo(baseOf(actual)).kind === 'e';
    case 'anyrange':
    case 'anycompatiblerange':
      return typeInfo(baseOf(actual)).kind === 'r';
    case 'anymultirange':
    case 'anycompatiblemultirange':
      return typeInfo(baseOf(actual)).kind === 'm';
    case 'record':
      return isRecord(baseOf(actual));
    case '_record':
      return false;
    default:
      return canCast(actual, declared, 'implicit');
  }
}

function acceptsAll(declared: readonly SqlType[], actual: readonly SqlType[]): boolean {
  for (let i = 0; i < declared.length; i++) if (!accepts(declared[i]!, actual[i]!)) return false;
  if (!declared.some(isPolymorphic)) return true;
  // Literals alone say nothing against it; that they say nothing for a type either is told when it is chosen.
  const concrete = polymorph(declared, actual);
  return typeof concrete !== 'string' || concrete.startsWith('could not determine');
}

/** The one that fits; 'none', or 'ambiguous'. An exact match is the caller's to look for first. */
export function chooseCandidate<T>(
  all: readonly Candidate<T>[],
  actual: readonly SqlType[],
): Candidate<T> | 'none' | 'ambiguous' {
  const fitting = all.filter((each) => acceptsAll(each.arguments, actual));
  if (fitting.length === 0) return 'none';
  if (fitting.length === 1) return fitting[0]!;
  return selectBest(fitting, actual.map(baseOf)) ?? 'ambiguous';
}

function selectBest<T>(fitting: readonly Candidate<T>[], inputs: readonly SqlType[]): Candidate<T> | undefined {
  const known = inputs.map((input) => input !== 'unknown');
  let left = most(fitting, (each) => count(each.arguments, (type, i) => known[i]! && type === inputs[i]));
  if (left.length === 1) return left[0];
  left = most(left, (each) =>
    count(
      each.arguments,
      (type, i) =>
        known[i]! && (type === inputs[i] || (category(type) === category(inputs[i]!) && typeInfo(type).preferred)),
    ),
  );
  if (left.length === 1) return left[0];
  const unknowns = known.flatMap((isKnown, i) => (isKnown ? [] : [i]));
  if (unknowns.length === 0) return undefined;
  const slots = unknowns.map((i) => agreement(left.map((each) => each.arguments[i]!)));
  if (slots.every((slot) => slot !== undefined)) {
    const kept = left.filter((each) =>
      unknowns.every((i, n) => {
        const type = each.arguments[i]!;
        const slot = slots[n]!;
        return category(type) === slot.category && (!slot.preferred || typeInfo(type).preferred);
      }),
    );
    if (kept.length > 0) left = kept;
    if (left.length === 1) return left[0];
  }
  const types = new Set(inputs.filter((_, i) => known[i]));
  if (types.size !== 1) return undefined;
  const [type] = types;
  const alike = left.filter((each) =>
    acceptsAll(
      each.arguments,
      inputs.map(() => type!),
    ),
  );
  return alike.length === 1 ? alike[0] : undefined;
}

function category(type: SqlType): string {
  return typeInfo(type).category;
}

function count(types: readonly SqlType[], test: (type: SqlType, i: number) => boolean): number {
  let total = 0;
  for (let i = 0; i < types.length; i++) if (test(types[i]!, i)) total++;
  return total;
}

function most<T>(candidates: readonly Candidate<T>[], score: (each: Candidate<T>) => number): readonly Candidate<T>[] {
  const scores = candidates.map(score);
  const best = Math.max(...scores);
  return candidates.filter((_, i) => scores[i] === best);
}

/** The category that an unknown argument takes, and whether one of the types there is preferred. */
function agreement(types: readonly SqlType[]): { category: string; preferred: boolean } | undefined {
  let slot: { category: string; preferred: boolean } | undefined;
  let conflict = false;
  for (const type of types) {
    const { category: found, preferred } = typeInfo(type);
    if (slot === undefined) slot = { category: found, preferred };
    else if (found === slot.category) slot.preferred ||= preferred;
    else if (found === 'S') slot = { category: found, preferred };
    else conflict = true;
  }
  return conflict && slot?.category !== 'S' ? undefined : slot;
}

export interface Polymorph {
  readonly arguments: readonly SqlType[];
  /** What a polymorphic result type is. */
  result(declared: SqlType): SqlType | string;
}

/**
 * Concrete types for polymorphic parameters, or the message of why there are none. Types of the `any…` family must agree
 * exactly, those of the `anycompatible…` family have a common type.
 */
export function polymorph(declared: readonly SqlType[], actual: readonly SqlType[]): Polymorph | string {
  let element: SqlType | undefined;
  let array: SqlType | undefined;
  let range: SqlType | undefined;
  let multirange: SqlType | undefined;
  let isUnknown = false;
  let unknownArray = false;
  const compatible: SqlType[] = [];
  let compatibleRange: SqlType | undefined;
  let compatibleMultirange: SqlType | undefined;
  let hasCompatible = false;
  for (let i = 0; i < declared.length; i++) {
    const type = baseOf(actual[i]!);
    switch (declared[i]) {
      case 'anyelement':
      case 'anynonarray':
      case 'anyenum':
        if (type === 'unknown') isUnknown = true;
        else if (element !== undefined && element !== actual[i]) {
          return `arguments declared "anyelement" are not all alike\u0000${titleOf(element)} versus ${titleOf(actual[i]!)}`;
        } else element = actual[i];
        break;
      case 'anyarray':
        if (type === 'unknown') unknownArray = true;
        else if (array !== undefined && array !== type) {
          return `arguments declared "anyarray" are not all alike\u0000${titleOf(array)} versus ${titleOf(type)}`;
        } else array = type;
        break;
      case 'anyrange':
        if (type === 'unknown') isUnknown = true;
        else if (range !== undefined && range !== type) {
          return `arguments declared "anyrange" are not all alike\u0000${titleOf(range)} versus ${titleOf(type)}`;
        } else range = type;
        break;
      case 'anymultirange':
        if (type === 'unknown') isUnknown = true;
        else if (multirange !== undefined && multirange !== type) {
          return `arguments declared "anymultirange" are not all alike\u0000${titleOf(multirange)} versus ${titleOf(type)}`;
        } else multirange = type;
        break;
      case 'anycompatible':
      case 'anycompatiblenonarray':
        hasCompatible = true;
        compatible.push(actual[i]!);
        break;
      case 'anycompatiblearray':
        hasCompatible = true;
        compatible.push(type === 'unknown' ? 'unknown' : elementOf(type)!);
        break;
      case 'anycompatiblerange':
        hasCompatible = true;
        if (type !== 'unknown') {
          if (compatibleRange !== undefined && compatibleRange !== type) {
            return `arguments declared "anycompatiblerange" are not all alike\u0000${titleOf(compatibleRange)} versus ${titleOf(type)}`;
          }
          compatibleRange = type;
          compatible.push(typeInfo(type).element!);
        }
        break;
      case 'anycompatiblemultirange':
        hasCompatible = true;
        if (type !== 'unknown') {
          if (compatibleMultirange !== undefined && compatibleMultirange !== type) {
            return `arguments declared "anycompatiblemultirange" are not all alike\u0000${titleOf(compatibleMultirange)} versus ${titleOf(type)}`;
          }
          compatibleMultirange = type;
          compatible.push(typeInfo(typeInfo(type).element!).element!);
        }
        break;
      default:
    }
  }
  const inner = array === undefined ? undefined : elementOf(array);
  if (inner !== undefined) {
    if (element === undefined) element = inner;
    else if (element !== inner) {
      return `argument declared anyarray is not consistent with argument declared anyelement\u0000${titleOf(array!)} versus ${titleOf(element)}`;
    }
  }
  const within = multirange === undefined ? undefined : typeInfo(multirange).element;
  if (within !== undefined) {
    if (range === undefined) range = within;
    else if (range !== within) {
      return `argument declared anymultirange is not consistent with argument declared anyrange\u0000${titleOf(multirange!)} versus ${titleOf(range)}`;
    }
  } else if (range !== undefined) multirange = multirangeOf(range);
  const between = range === undefined ? undefined : typeInfo(range).element;
  if (between !== undefined) {
    if (element === undefined) element = between;
    else if (element !== between) {
      return `argument declared anyrange is not consistent with argument declared anyelement\u0000${titleOf(range!)} versus ${titleOf(element)}`;
    }
  }
  if (element === undefined && (isUnknown || unknownArray)) {
    return undetermined('');
  }
  if (range === undefined && declared.includes('anyrange')) return undetermined('anyrange');
  if (multirange === undefined && declared.includes('anymultirange')) return undetermined('anymultirange');
  const common = hasCompatible ? commonType(compatible) : undefined;
  if (hasCompatible && common === undefined) {
    return `arguments of anycompatible family cannot be cast to a common type`;
  }
  if (compatibleMultirange === undefined && compatibleRange !== undefined) {
    compatibleMultirange = multirangeOf(compatibleRange);
  }
  compatibleRange ??= compatibleMultirange && typeInfo(compatibleMultirange).element;
  for (const type of ['anycompatiblerange', 'anycompatiblemultirange'] as const) {
    if (compatibleRange === undefined && declared.includes(type)) return undetermined(type);
  }
  const ranged = compatibleRange && typeInfo(compatibleRange).element;
  if (ranged !== undefined && ranged !== common) {
    return `anycompatiblerange type ${titleOf(compatibleRange!)} does not match anycompatible type ${titleOf(common!)}`;
  }
  const concrete = (type: SqlType): SqlType | string => {
    switch (type) {
      case 'anyelement':
      case 'anynonarray':
      case 'anyenum':
        return element ?? 'could not determine polymorphic type';
      case 'anyarray':
        return array ?? (element && arrayOf(element)) ?? `could not find array type for data type ${element}`;
      case 'anymultirange':
        return multirange ?? 'could not determine polymorphic type';
      case 'anyrange':
        return range ?? 'could not determine polymorphic type';
      case 'anycompatible':
      case 'anycompatiblenonarray':
        return common!;
      case 'anycompatiblearray':
        return arrayOf(common!) ?? `could not find array type for data type ${titleOf(common!)}`;
      case 'anycompatiblerange':
        return compatibleRange ?? 'could not determine polymorphic type';
      case 'anycompatiblemultirange':
        return compatibleMultirange ?? 'could not determine polymorphic type';
      default:
        return type;
    }
  };
  return { arguments: declared.map((type) => concrete(type) as SqlType), result: concrete };
}
