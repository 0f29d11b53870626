/**
 * Definitions of tables as objects that all have the same properties in the same order, those that do not hold among them, as
 * undefined.
 *
 * V8 gives objects that do one hidden class. What reads tables, which is all of the planner, is compiled for classes that it has
 * met: with some thirty properties that a definition has or has not, each new combination of them made it throw away what it had.
 */

import type { Check, Column, ForeignKey, Index, IndexPart, Table } from './table.ts';

/** A type whose optional properties are there, if only as undefined. */
type Whole<T> = { [K in keyof Required<T>]: T[K] | undefined };

/** It says the same as `table`; all that it consists of is made anew. */
export function uniformTable(table: Table): Table {
  const whole: Whole<Table> = {
    id: table.id,
    name: table.name,
    storage: table.storage,
    schema: table.schema,
    version: table.version,
    columns: table.columns.map(uniformColumn),
    dropped: table.dropped,
    primaryKey: table.primaryKey,
    primaryKeyName: table.primaryKeyName,
    indexes: table.indexes?.map(uniformIndex),
    checks: table.checks?.map(uniformCheck),
    foreignKeys: table.foreignKeys?.map(uniformForeignKey),
    referencedBy: table.referencedBy,
    ownedSequences: table.ownedSequences,
    view: table.view,
    unlogged: table.unlogged,
    storageParameters: table.storageParameters,
    primaryKeyParameters: table.primaryKeyParameters,
    primaryKeyClustered: table.primaryKeyClustered,
    comment: table.comment,
    primaryKeyComment: table.primaryKeyComment,
    primaryIndexComment: table.primaryIndexComment,
  };
  return whole as Table;
}

export function uniformColumn(column: Column): Column {
  const whole: Whole<Column> = {
    name: column.name,
    type: column.type,
    modifier: column.modifier,
    collation: column.collation,
    notNull: column.notNull,
    default: column.default,
    number: column.number,
    missing: column.missing,
    generated: column.generated,
    identity: column.identity,
    sequence: column.sequence,
    statisticsTarget: column.statisticsTarget,
    storage: column.storage,
    comment: column.comment,
  };
  return whole as Column;
}

function uniformIndex(index: Index): Index {
  const whole: Whole<Index> = {
    id: index.id,
    name: index.name,
    method: index.method,
    unique: index.unique,
    nullsDistinct: index.nullsDistinct,
    isConstraint: index.isConstraint,
    parts: index.parts.map(uniformPart),
    include: index.include,
    predicate: index.predicate,
    deferrable: index.deferrable,
    isPrimary: index.isPrimary,
    invalid: index.invalid,
    storageParameters: index.storageParameters,
    clustered: index.clustered,
    comment: index.comment,
    constraintComment: index.constraintComment,
  };
  return whole as Index;
}

function uniformPart(part: IndexPart): IndexPart {
  const whole: Whole<IndexPart> = {
    column: part.column,
    expression: part.expression,
    type: part.type,
    modifier: part.modifier,
    descending: part.descending,
    nullsFirst: part.nullsFirst,
    operatorClass: part.operatorClass,
    collation: part.collation,
  };
  return whole as IndexPart;
}

function uniformCheck(check: Check): Check {
  const whole: Whole<Check> = {
    id: check.id,
    name: check.name,
    expression: check.expression,
    noInherit: check.noInherit,
    notValid: check.notValid,
    comment: check.comment,
  };
  return whole as Check;
}

function uniformForeignKey(key: ForeignKey): ForeignKey {
  const whole: Whole<ForeignKey> = {
    id: key.id,
    name: key.name,
    columns: key.columns,
    references: key.references,
    referenced: key.referenced,
    matchFull: key.matchFull,
    onUpdate: key.onUpdate,
    onDelete: key.onDelete,
    setColumns: key.setColumns,
    notValid: key.notValid,
    deferrable: key.deferrable,
    comment: key.comment,
  };
  return whole as ForeignKey;
}
