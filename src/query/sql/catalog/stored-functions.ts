/** The functions that users defined, for what definitions say of them; see binder/stored-calls.ts. */

import type { Schemas } from '../../../models/relational/schema.ts';
import { PUBLIC_SCHEMA } from '../../../models/relational/table.ts';
import { definitionOf } from '../binder/bind-function.ts';
import { queryContext } from '../binder/bind-query.ts';
import { ExpressionBinder } from '../binder/expression-binder.ts';
import type { FunctionLookup } from '../binder/query-context.ts';
import { compileAtOnce } from '../planner/compile-at-once.ts';
import { compileExpression } from '../planner/compile-expression.ts';
import type { FunctionSet } from './user-functions.ts';

/** The functions of a catalog as definitions call them, whoever reads those: bodies find names without a schema in `public`. */
export function storedFunctions(set: FunctionSet, schemas: Schemas): FunctionLookup | undefined {
  if (set.isEmpty) return undefined;
  return {
    byId: (id) => {
      const found = set.byId(id);
      return found && definitionOf(found);
    },
    named: ({ schema, name }) => {
      const id = schema === undefined ? PUBLIC_SCHEMA : schemas.named(schema)?.id;
      return id === undefined ? [] : set.named(name, id).map(definitionOf);
    },
    findTable: () => undefined,
    writtenBy: () => undefined,
    usedBy: () => undefined,
    binder: (context, scope) => new ExpressionBinder(context, scope),
    compile: compileExpression,
    compileAtOnce,
    withQueries: (context) => queryContext(context, () => undefined),
  };
}
