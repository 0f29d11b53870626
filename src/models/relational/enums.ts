/**
 * The labels of enums, by type. A value is its label in memory, the label's id in a row, and its place in the order in a key:
 * so renaming a label touches no row, and one that is put between two others finds its place between their keys.
 */

import { OperationError } from '../../base/errors.ts';
import type { ColumnType } from './table.ts';

export interface EnumLabel {
  /** Given out once in an enum, from 1. */
  readonly id: number;
  /** Where it sorts; never changed. */
  readonly order: number;
  readonly name: string;
}

/** The labels of one enum, looked up from all sides. */
class EnumLabels {
  readonly #byName = new Map<string, EnumLabel>();
  readonly #byId = new Map<number, EnumLabel>();
  readonly #byOrder = new Map<number, EnumLabel>();

  constructor(labels: readonly EnumLabel[]) {
    for (const label of labels) {
      this.#byName.set(label.name, label);
      this.#byId.set(label.id, label);
      this.#byOrder.set(label.order, label);
    }
  }

  /** @throws OperationError `corruption` for a label that the enum does not have. */
  named(name: string): EnumLabel {
    return known(this.#byName.get(name), name);
  }

  withId(id: number): EnumLabel {
    return known(this.#byId.get(id), id);
  }

  at(order: number): EnumLabel {
    return known(this.#byOrder.get(order), order);
  }
}

function known(label: EnumLabel | undefined, what: string | number): EnumLabel {
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
