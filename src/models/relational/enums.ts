/**
 * The labels of enums, by type. A value is the first name of its label in memory, the label's id in a row, and its place in the
 * order in a key: so renaming a label touches no row and nothing that is being computed, and one that is put between two others
 * finds its place between their keys. What labels are called is asked where values are read from text and shown.
 */

import { OperationError } from '../../base/errors.ts';
import type { ColumnType } from './table.ts';

export interface EnumLabel {
  /** Given out once in an enum, from 1. */
  readonly id: number;
  /** Where it sorts; never changed. */
  readonly order: number;
  readonly name: string;
  /** The names that it had before, in order; undefined where it was never renamed. */
  readonly former?: readonly string[];
}

/** The label as its values are in memory. */
export function labelValueOf({ name, former }: Pick<EnumLabel, 'name' | 'former'>): string {
  return former?.[0] ?? name;
}

/** The labels of one enum, looked up from all sides. */
class EnumLabels {
  readonly #byValue = new Map<string, EnumLabel>();
  readonly #byId = new Map<number, string>();
  readonly #byOrder = new Map<number, string>();

  constructor(labels: readonly EnumLabel[]) {
    for (const label of labels) {
      const value = labelValueOf(label);
      this.#byValue.set(value, label);
      this.#byId.set(label.id, value);
      this.#byOrder.set(label.order, value);
    }
  }

  /** @throws OperationError `corruption` for a label that the enum does not have. */
  of(value: string): EnumLabel {
    return known(this.#byValue.get(value), value);
  }

  /** The value that a row holds. */
  withId(id: number): string {
    return known(this.#byId.get(id), id);
  }

  /** The value that a key holds. */
  at(order: number): string {
    return known(this.#byOrder.get(order), order);
  }
}

function known<T>(label: T | undefined, what: string | number): T {
  if (label !== undefined) return label;
  throw new OperationError('corruption', `an enum has no label ${what}`);
}

const ENUMS = new Map<ColumnType, EnumLabels>();

/** Again when labels were added or renamed. */
export function defineEnum(type: ColumnType, labels: readonly EnumLabel[]): void {
  ENUMS.set(type, new EnumLabels(labels));
}

/** @throws OperationError `corruption` for a type that is no enum. */
export function enumOf(type: ColumnType): EnumLabels {
  const labels = ENUMS.get(type);
  if (labels === undefined) throw new OperationError('corruption', `type ${type} is no enum`);
  return labels;
}
