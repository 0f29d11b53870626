/**
 * Conditions and values of ever new forms for statements that are rehearsed: operands on either side, nested, negated, in
 * parentheses that nobody needs. They are drawn, but the same ones in each process.
 */

export interface DrawnColumn {
  readonly name: string;
  /** Whether it is compared with numbers that have a fraction. */
  readonly isFraction: boolean;
}

const COMPARISONS = ['<', '>', '>=', '=', '<>', '<='] as const;
const SIGNS = ['+', '-'] as const;
const NUMBERS_MAX = 100;
/** Products of so many of them stay integers. */
const FACTORS_MAX = 30;

/** A linear congruential generator (Numerical Recipes, 7.1): whose numbers are poor, and good enough here. */
export class Draw {
  #state = 1;

  below(bound: number): number {
    this.#state = (Math.imul(this.#state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((this.#state / 2 ** 32) * bound);
  }

  of<T>(items: readonly T[]): T {
    return items[this.below(items.length)]!;
  }

  /** 1 to `max` of what `item` makes. */
  some(max: number, item: () => string): readonly string[] {
    return Array.from({ length: 1 + this.below(max) }, item);
  }

  number(isFraction: boolean): string {
    return isFraction ? `${this.below(NUMBERS_MAX)}.${10 + this.below(90)}` : `${this.below(NUMBERS_MAX)}`;
  }
}

/** A condition on columns of one of `tables`, which all have them. */
export function drawCondition(
  draw: Draw,
  tables: readonly string[],
  columns: readonly DrawnColumn[],
  depth: number,
): string {
  if (depth > 0 && draw.below(3) > 0) {
    const parts = draw.some(3, () => drawCondition(draw, tables, columns, depth - 1));
    const joined = parts.reduce((left, right) => `${left} ${draw.below(2) ? 'AND' : 'OR'} ${right}`);
    return draw.below(3) ? `(${joined})` : joined;
  }
  const { name, isFraction } = draw.of(columns);
  const number = (): string => draw.number(isFraction);
  switch (draw.below(12)) {
    case 0:
      return `${name} BETWEEN ${number()} AND ${number()}`;
    case 1:
      return `${name} IN (${draw.some(6, number).join(',')})`;
    case 2:
      return `((${name} IS NULL))`;
    case 3:
      return `NOT (${name} ${draw.of(COMPARISONS)} ${number()})`;
    case 4: {
      if (depth === 0) return `${name} IS NOT NULL`;
      const other = draw.of(columns.filter((column) => column.isFraction === isFraction));
      return `${name} IN (SELECT ${other.name} FROM ${draw.of(tables)} WHERE ${drawCondition(draw, tables, columns, 0)})`;
    }
    case 5:
    case 6:
    case 7:
      return `${number()} ${draw.of(COMPARISONS)} ${name}`;
    case 8:
      return `((${name} ${draw.of(COMPARISONS)} ${number()}))`;
    default:
      return `${name} ${draw.of(COMPARISONS)} ${number()}`;
  }
}

/** A number, in the end of what `leaf` gives. */
export function drawValue(draw: Draw, leaf: () => string, depth: number): string {
  if (depth === 0) return leaf();
  const operand = (): string => drawValue(draw, leaf, depth - 1);
  switch (draw.below(14)) {
    case 0:
      return `( ${operand()} )`;
    case 1:
      return `CAST ( ${operand()} AS ${draw.below(3) ? 'INTEGER' : 'REAL'} )`;
    case 2:
      return `COALESCE ( ${operand()}, CAST ( NULL AS INTEGER ), ${operand()} )`;
    case 3:
      return `NULLIF ( ${operand()}, ${operand()} )`;
    case 4:
      return `CASE ${operand()} WHEN ${operand()} THEN ${operand()} WHEN ${operand()} THEN NULL ELSE ${operand()} END`;
    case 5:
      return `CASE WHEN NOT ${operand()} >= ${operand()} THEN ${operand()} END`;
    case 6:
      return `${operand()} * ${operand()}`;
    case 7:
      return `${operand()} / - ${1 + draw.below(FACTORS_MAX)}`;
    case 8:
    case 9:
    case 10:
      return `${draw.of(SIGNS)} ${operand()}`;
    default:
      return `${operand()} ${draw.of(SIGNS)} ${operand()}`;
  }
}

/** A column, or a small number. */
export function drawLeaf(draw: Draw, columns: readonly string[]): string {
  if (columns.length > 0 && draw.below(3) > 0) return draw.of(columns);
  return draw.below(8) ? `${1 + draw.below(FACTORS_MAX)}` : 'CAST ( NULL AS INTEGER )';
}

/** As `drawLeaf`, of groups. */
export function drawAggregate(draw: Draw, columns: readonly string[]): string {
  const { of, value } = {
    of: draw.of(['ALL', 'DISTINCT']),
    value: () => drawValue(draw, () => drawLeaf(draw, columns), 1),
  };
  switch (draw.below(6)) {
    case 0:
      return 'COUNT ( * )';
    case 1:
      return drawLeaf(draw, []);
    default:
      return `${draw.of(['COUNT', 'SUM', 'MIN', 'MAX', 'AVG'])} ( ${of} ${value()} )`;
  }
}
