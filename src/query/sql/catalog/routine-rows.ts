/** The rows of information_schema.routines and parameters: the functions and procedures that users defined (PostgreSQL 15's information_schema.sql). */

import { type FunctionParameter, outputs, type UserFunction } from '../../../models/relational/function-definition.ts';
import type { SessionFacts } from '../functions/evaluation.ts';
import { elementOf, type SqlType, typeInfo } from '../types/types.ts';
import type { CatalogObjects } from './catalog-objects.ts';
import { parameterDefault } from './function-rows.ts';
import type { SystemRow, SystemRows } from './system-row.ts';

/** What the standard calls a type. */
export function dataType(type: SqlType): string {
  const { category, title } = typeInfo(type);
  return category === 'A' ? 'ARRAY' : type.startsWith('user:') ? 'USER-DEFINED' : title;
}

/** Of a type that a user defined, or an array of such. */
export function schemaOfType(objects: CatalogObjects, type: SqlType): string {
  const own = objects.types.find((each) => each.type === (elementOf(type) ?? type) || each.type === type);
  return own === undefined ? 'pg_catalog' : objects.schemaName(own.schema);
}

/** Names can be those of several: the oid tells them apart. */
function specific({ id, name, schema }: UserFunction, objects: CatalogObjects, session: SessionFacts): SystemRow {
  return {
    specific_catalog: session.database,
    specific_schema: objects.schemaName(schema),
    specific_name: `${name}_${id}`,
  };
}

function resultType({ parameters, result }: UserFunction): SqlType {
  const fields = outputs(parameters);
  if (fields.length === 0) return result as SqlType;
  return fields.length === 1 ? fields[0]!.type : 'record';
}

export const routineRows: SystemRows = (objects, { session }) =>
  objects.functions.map((definition): SystemRow => {
    const isProcedure = definition.isProcedure === true;
    const type = resultType(definition);
    return {
      ...specific(definition, objects, session),
      routine_catalog: session.database,
      routine_schema: objects.schemaName(definition.schema),
      routine_name: definition.name,
      routine_type: isProcedure ? 'PROCEDURE' : 'FUNCTION',
      ...(isProcedure
        ? {}
        : {
            data_type: dataType(type),
            type_udt_catalog: session.database,
            type_udt_schema: schemaOfType(objects, type),
            type_udt_name: typeInfo(type).name,
            dtd_identifier: '0',
            is_null_call: definition.strict ? 'YES' : 'NO',
          }),
      routine_body: 'SQL',
      routine_definition: definition.clause === undefined ? definition.source : null,
      external_language: 'SQL',
      parameter_style: 'GENERAL',
      is_deterministic: definition.volatility === 'immutable' ? 'YES' : 'NO',
      sql_data_access: 'MODIFIES',
      schema_level_routine: 'YES',
      max_dynamic_result_sets: 0,
      security_type: definition.securityDefiner === true ? 'DEFINER' : 'INVOKER',
      as_locator: 'NO',
      is_udt_dependent: 'NO',
    };
  });

const MODES: Readonly<Record<FunctionParameter['mode'], string>> = {
  in: 'IN',
  out: 'OUT',
  inout: 'INOUT',
  variadic: 'IN',
  table: 'OUT',
};

export const parameterRows: SystemRows = (objects, { session }) =>
  objects.functions.flatMap((definition) =>
    definition.parameters.map((parameter, i): SystemRow => {
      const { name = '', type, mode } = parameter;
      return {
        ...specific(definition, objects, session),
        ordinal_position: i + 1,
        parameter_mode: MODES[mode],
        is_result: 'NO',
        as_locator: 'NO',
        parameter_name: name === '' ? null : name,
        data_type: dataType(type),
        udt_catalog: session.database,
        udt_schema: schemaOfType(objects, type),
        udt_name: typeInfo(type).name,
        dtd_identifier: `${i + 1}`,
        parameter_default: parameterDefault(parameter, objects) ?? null,
      };
    }),
  );
