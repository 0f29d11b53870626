/** Code over vectors, as planner/compile-vector.ts makes it of expressions. */

import type { ColumnVector } from '../../../models/relational/column-vector.ts';
import type { EvaluationContext } from '../functions/evaluation.ts';
import type { ColumnBatch } from './column-batch.ts';

/** A value for each row of a batch. */
export type VectorCode = (batch: ColumnBatch, context: EvaluationContext) => ColumnVector;
/** Keeps those of the first `count` places whose rows meet a condition, in their order. @returns how many they are. */
export type VectorTest = (batch: ColumnBatch, places: Int32Array, count: number, context: EvaluationContext) => number;
