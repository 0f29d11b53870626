/** What functions tell of the catalog's objects (manual, 9.26.3 to 9.26.5). */

import { assert } from '../../../base/assert.ts';
import type { ColumnValue } from '../../../models/relational/table.ts';
import { SqlArray } from '../../../models/relational/values.ts';
import { titleOf, titleWithModifier, typeOfOid } from '../types/types.ts';
import type { FunctionTable, RunContext } from './definition.ts';
import type { CatalogAccess } from './evaluation.ts';
import { defaultPrivileges } from './privilege-defaults.ts';

function catalog({ session }: RunContext): CatalogAccess {
  const catalog = session.catalog?.();
  assert(catalog !== undefined, 'the catalog is loaded before a plan that asks for it runs');
  return catalog;
}

const nothing = (): null => null;
const yes = (): boolean => true;

/** UTF8; the others are known by name only. */
const ENCODINGS: Readonly<Record<number, string>> = { 0: 'SQL_ASCII', 6: 'UTF8', 8: 'LATIN1' };

function roleName(oid: number, user: string): string {
  return oid === 10 ? user : oid === 6171 ? 'pg_database_owner' : `unknown (OID=${oid})`;
}

export const CATALOG_FUNCTIONS: FunctionTable = {
  'format_type(oid, int4) text stable called': (oid: number | null, modifier: number | null, context: RunContext) => {
    if (oid === null) return null;
    const type = typeOfOid(oid);
    if (type === undefined) return oid === 0 ? '-' : '???';
    const title = catalog(context).typeTitle(type);
    return modifier === null || title !== titleOf(type) ? title : titleWithModifier(type, modifier);
  },
  'pg_get_indexdef(oid) text stable': (oid: number, context: RunContext) =>
    catalog(context).indexDefinition(oid, 0, false),
  'pg_get_indexdef(oid, int4, bool) text stable': (oid: number, column: number, pretty: boolean, context: RunContext) =>
    catalog(context).indexDefinition(oid, column, pretty),
  'pg_get_constraintdef(oid) text stable': (oid: number, context: RunContext) =>
    catalog(context).constraintDefinition(oid, false),
  'pg_get_constraintdef(oid, bool) text stable': (oid: number, pretty: boolean, context: RunContext) =>
    catalog(context).constraintDefinition(oid, pretty),
  'pg_get_expr(pg_node_tree, oid) text stable': (tree: string) => tree,
  'pg_get_expr(pg_node_tree, oid, bool) text stable': (
    tree: string,
    _: number,
    pretty: boolean,
    context: RunContext,
  ) => (pretty ? catalog(context).prettyExpression(tree) : tree),
  'pg_get_userbyid(oid) name stable': (oid: number, { session }: RunContext) => roleName(oid, session.user),
  'pg_table_is_visible(oid) bool stable': (oid: number, context: RunContext) => catalog(context).isVisible(oid),
  'pg_type_is_visible(oid) bool stable': (oid: number, context: RunContext) => catalog(context).isVisibleType(oid),
  'pg_function_is_visible(oid) bool stable': (oid: number, context: RunContext) =>
    catalog(context).isVisibleFunction(oid),
  'pg_collation_is_visible(oid) bool stable': yes,
  'pg_operator_is_visible(oid) bool stable': yes,
  'pg_opclass_is_visible(oid) bool stable': yes,
  'pg_opfamily_is_visible(oid) bool stable': yes,
  'pg_conversion_is_visible(oid) bool stable': yes,
  'pg_ts_config_is_visible(oid) bool stable': yes,
  'pg_get_serial_sequence(text, text) text stable': (table: string, column: string, context: RunContext) =>
    catalog(context).serialSequence(table, column),
  'obj_description(oid, name) text stable': (oid: number, name: string, context: RunContext) =>
    catalog(context).comment(oid, 0, name),
  'pg_describe_object(oid, oid, int4) text stable': (
    classOid: number,
    oid: number,
    column: number,
    context: RunContext,
  ) => catalog(context).describe(classOid, oid, column),
  'obj_description(oid) text stable': (oid: number, context: RunContext) => catalog(context).comment(oid, 0),
  'col_description(oid, int4) text stable': (oid: number, column: number, context: RunContext) =>
    catalog(context).comment(oid, column, 'pg_class'),
  'shobj_description(oid, name) text stable': nothing,
  'pg_encoding_to_char(int4) name stable': (encoding: number) => ENCODINGS[encoding] ?? '',
  'getdatabaseencoding() name stable': () => 'UTF8',
  'pg_get_viewdef(oid) text stable': (oid: number, context: RunContext) => catalog(context).viewDefinition(oid, false),
  'pg_get_viewdef(oid, bool) text stable': (oid: number, pretty: boolean, context: RunContext) =>
    catalog(context).viewDefinition(oid, pretty),
  'pg_get_viewdef(text) text stable': (name: string, context: RunContext) =>
    catalog(context).viewDefinition(catalog(context).find(name) ?? 0, false),
  'pg_get_viewdef(text, bool) text stable': (name: string, pretty: boolean, context: RunContext) =>
    catalog(context).viewDefinition(catalog(context).find(name) ?? 0, pretty),
  'pg_get_partkeydef(oid) text stable': nothing,
  'pg_get_triggerdef(oid) text stable': nothing,
  'pg_get_triggerdef(oid, bool) text stable': nothing,
  'pg_get_ruledef(oid) text stable': nothing,
  'pg_get_ruledef(oid, bool) text stable': nothing,
  'pg_get_statisticsobjdef_columns(oid) text stable': nothing,
  'pg_get_functiondef(oid) text stable': (oid: number, context: RunContext) =>
    catalog(context).functionText(oid, 'definition'),
  'pg_get_function_result(oid) text stable': (oid: number, context: RunContext) =>
    catalog(context).functionText(oid, 'result'),
  'pg_get_function_sqlbody(oid) text stable': (oid: number, context: RunContext) =>
    catalog(context).functionText(oid, 'clause'),
  'pg_get_function_arguments(oid) text stable': (oid: number, context: RunContext) =>
    catalog(context).functionText(oid, 'arguments'),
  'pg_get_function_identity_arguments(oid) text stable': (oid: number, context: RunContext) =>
    catalog(context).functionText(oid, 'identity'),
  'acldefault(char, oid) _aclitem stable': (kind: string, owner: number, { session }: RunContext) =>
    defaultPrivileges(kind, roleName(owner, session.user)),
  // No table is a partition of another.
  'pg_partition_ancestors(regclass) setof regclass stable': (): Iterable<ColumnValue> => [],
  'pg_tablespace_location(oid) text stable': () => '',
  'pg_relation_is_publishable(regclass) bool stable': yes,
  'current_schemas(bool) _name stable': (implied: boolean, { session }: RunContext): ColumnValue =>
    new SqlArray('name', session.schemaNames?.(implied) ?? []),
  'to_regclass(text) regclass stable': (name: string, context: RunContext) => catalog(context).find(name) ?? null,
};
