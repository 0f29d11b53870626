/**
 * CREATE, ALTER and DROP FUNCTION in LANGUAGE sql (PostgreSQL's functioncmds.c). A body is one query: what writes, and
 * several statements, are refused, as are procedures and other languages.
 */

import type {
  AlterFunctionStmt,
  CreateFunctionStmt,
  DropStmt,
  Node,
  ObjectWithArgs,
  RenameStmt,
  SelectStmt,
} from '@pgsql/types';
import { openIds } from '../../models/relational/catalog.ts';
import {
  encodeFunction,
  type FunctionParameter,
  functionKey,
  inputs,
  inputTypes,
  outputs,
  type UserFunction,
} from '../../models/relational/function-definition.ts';
import { type ColumnType, PUBLIC_SCHEMA, type SqlExpression } from '../../models/relational/table.ts';
import type { Transaction } from '../../storage/store.ts';
import { checkBody, resultOf } from './binder/bind-function.ts';
import { kindOf, namedType, nameOfList, stringOf, stringsOf } from './binder/names.ts';
import { isPolymorphic } from './functions/candidates.ts';
import { schemaField } from './relation-lookup.ts';
import { withComment } from './rename-statements.ts';
import type { ResultSink } from './results.ts';
import type { SchemaChanges } from './schema-changes.ts';
import type { SessionContext } from './session-context.ts';
import { notSupported, SqlError } from './sql-error.ts';
import type { StatementRunner } from './statement-runner.ts';
import { type SqlType, titleOf, typeInfo } from './types/types.ts';
import { loadFunctions } from './user-functions.ts';

type Sink = Pick<ResultSink, 'complete' | 'notice'>;

const MODES: Readonly<Record<string, FunctionParameter['mode']>> = {
  FUNC_PARAM_IN: 'in',
  FUNC_PARAM_DEFAULT: 'in',
  FUNC_PARAM_OUT: 'out',
  FUNC_PARAM_INOUT: 'inout',
  FUNC_PARAM_VARIADIC: 'variadic',
  FUNC_PARAM_TABLE: 'table',
};

type Traits = Pick<UserFunction, 'strict' | 'volatility'>;

export class FunctionStatements {
  readonly #session: SessionContext;
  readonly #schema: SchemaChanges;
  readonly #runner: StatementRunner;

  constructor(session: SessionContext, schema: SchemaChanges, runner: StatementRunner) {
    this.#session = session;
    this.#schema = schema;
    this.#runner = runner;
  }

  async create(statement: CreateFunctionStmt, text: string, sink: Sink): Promise<void> {
    if (statement.is_procedure === true) throw notSupported('CREATE PROCEDURE');
    const { language, source } = readOptions(statement.options ?? []);
    if (language === undefined && statement.sql_body === undefined) {
      throw new SqlError('invalid_function_definition', 'no language specified');
    }
    if (language !== undefined && language !== 'sql') {
      if (!['plpgsql', 'c', 'internal'].includes(language)) {
        throw new SqlError('undefined_object', `language "${language}" does not exist`);
      }
      throw notSupported(`LANGUAGE ${language}`);
    }
    this.#session.block.refuseReadOnly('CREATE FUNCTION');
    const transaction = await this.#schema.begin();
    const { keyspace } = this.#session.engine;
    const name = nameOfList(stringsOf(statement.funcname));
    const schema = this.#schema.lookup.creation(name);
    const parameters = this.#parameters(statement.parameters ?? []);
    const { result, returnsSet } = resultType(statement, parameters);
    requireKnownResult(parameters, result);
    const query = await this.#query(statement, source);
    const known = (await loadFunctions(transaction, keyspace)).named(name.name, schema.id);
    const types = inputTypes({ parameters }).join();
    const old = known.find((each) => inputTypes(each).join() === types);
    if (old !== undefined && statement.replace !== true) {
      throw new SqlError('duplicate_function', `function "${name.name}" already exists with same argument types`);
    }
    const nextId = await openIds(transaction, keyspace);
    const definition: UserFunction = {
      id: old?.id ?? nextId(),
      name: name.name,
      ...schemaField(schema),
      parameters,
      result,
      returnsSet,
      ...traitsOf(statement.options ?? [], { strict: false, volatility: 'volatile' }),
      source: source ?? '',
      ...(statement.sql_body === undefined ? {} : { clause: clauseOf(text) }),
      query: query as unknown as UserFunction['query'],
      zone: this.#session.parameters.zone.name,
      ...(old?.comment === undefined ? {} : { comment: old.comment }),
    };
    if (
      old !== undefined &&
      (titleOf(resultOf(old)) !== titleOf(resultOf(definition)) || old.returnsSet !== returnsSet)
    ) {
      throw new SqlError('invalid_function_definition', 'cannot change return type of existing function', {
        hint: `Use DROP FUNCTION ${titleWith(old)} first.`,
      });
    }
    // Off, as a dump has it while what the body speaks of is not there yet: mistakes show when the function is called.
    if (this.#session.parameters.show('check_function_bodies') === 'on') {
      checkBody(definition, await this.#runner.functionContext({ SelectStmt: query }));
    }
    transaction.put(functionKey(keyspace, definition.id), encodeFunction(definition));
    sink.complete('CREATE FUNCTION');
  }

  #parameters(nodes: readonly Node[]): readonly FunctionParameter[] {
    const parameters = nodes.flatMap((node): FunctionParameter[] => {
      if (!('FunctionParameter' in node)) return [];
      const { name, argType, mode = '', defexpr } = node.FunctionParameter;
      if (argType?.setof === true) {
        throw new SqlError('invalid_function_definition', 'functions cannot accept set arguments');
      }
      const { type } = namedType(argType);
      const { category } = typeInfo(type);
      if ((type as SqlType) === 'any') {
        throw new SqlError('invalid_function_definition', 'SQL functions cannot have arguments of type "any"');
      }
      const given = MODES[mode] ?? 'in';
      const isArray =
        category === 'A' || type === ('anyarray' as SqlType) || type === ('anycompatiblearray' as SqlType);
      if (given === 'variadic' && !isArray) {
        throw new SqlError('invalid_function_definition', 'VARIADIC parameter must be an array');
      }
      const zone = this.#session.parameters.zone.name;
      const value = defexpr && { tree: defexpr as unknown as SqlExpression['tree'], zone };
      return [
        {
          ...(name === undefined ? {} : { name }),
          type,
          mode: given,
          ...(value === undefined ? {} : { default: value }),
        },
      ];
    });
    const given = inputs(parameters);
    const firstDefault = given.findIndex((each) => each.default !== undefined);
    if (firstDefault >= 0 && given.slice(firstDefault).some((each) => each.default === undefined)) {
      throw new SqlError(
        'invalid_function_definition',
        'input parameters after one with a default value must also have defaults',
      );
    }
    const names = [given, outputs(parameters)].map((list) =>
      list.flatMap(({ name }) => (name === undefined ? [] : [name])),
    );
    for (const list of names) {
      const twice = list.find((name, i) => list.indexOf(name) !== i);
      if (twice === undefined) continue;
      throw new SqlError('invalid_function_definition', `parameter name "${twice}" used more than once`);
    }
    return parameters;
  }

  async #query({ sql_body: body }: CreateFunctionStmt, source: string | undefined): Promise<SelectStmt> {
    let nodes: readonly Node[];
    if (body !== undefined && 'ReturnStmt' in body) {
      const val = body.ReturnStmt.returnval!;
      nodes = [
        { SelectStmt: { targetList: [{ ResTarget: { val } }], limitOption: 'LIMIT_OPTION_DEFAULT', op: 'SETOP_NONE' } },
      ];
    } else if (body !== undefined && 'List' in body) {
      const [list] = body.List.items ?? [];
      nodes = list !== undefined && 'List' in list ? (list.List.items ?? []) : [];
    } else {
      if (source === undefined) throw new SqlError('invalid_function_definition', 'no function body specified');
      nodes = (await this.#session.engine.parser.parse(source)).map(({ node }) => node);
    }
    const [only, second] = nodes;
    if (only === undefined) throw notSupported('a function with an empty body');
    if (second !== undefined) throw notSupported('a function of several statements');
    const resolved = await this.#runner.resolveTypes(only);
    if ('SelectStmt' in resolved && resolved.SelectStmt.intoClause === undefined) return resolved.SelectStmt;
    throw notSupported(`${kindOf(resolved).replace(/Stmt$/, '').toUpperCase()} in a function`);
  }

  async drop(statement: DropStmt, sink: Sink): Promise<void> {
    this.#session.block.refuseReadOnly('DROP FUNCTION');
    const transaction = await this.#schema.begin();
    for (const object of statement.objects ?? []) {
      if (!('ObjectWithArgs' in object)) continue;
      const found = await this.#find(transaction, object.ObjectWithArgs, statement.missing_ok === true);
      if (typeof found === 'string') {
        sink.notice({ severity: 'NOTICE', condition: 'successful_completion', message: `${found}, skipping` });
      } else transaction.delete(functionKey(this.#session.engine.keyspace, found.id));
    }
    sink.complete('DROP FUNCTION');
  }

  async alter({ func, actions = [] }: AlterFunctionStmt, sink: Sink): Promise<void> {
    this.#session.block.refuseReadOnly('ALTER FUNCTION');
    const transaction = await this.#schema.begin();
    const found = await this.#find(transaction, func!, false);
    if (typeof found === 'string') return;
    this.#store(transaction, { ...found, ...traitsOf(actions, found) });
    sink.complete('ALTER FUNCTION');
  }

  /** @throws SqlError when there is none that this transaction may change. */
  async requireChangeable(named: ObjectWithArgs): Promise<void> {
    this.#session.block.refuseReadOnly('ALTER FUNCTION');
    await this.#find(await this.#schema.begin(), named, false);
  }

  async rename({ object, newname = '' }: RenameStmt, sink: Sink): Promise<void> {
    this.#session.block.refuseReadOnly('ALTER FUNCTION');
    const transaction = await this.#schema.begin();
    const named = object !== undefined && 'ObjectWithArgs' in object ? object.ObjectWithArgs : {};
    const found = await this.#find(transaction, named, false);
    if (typeof found === 'string') return;
    const others = await loadFunctions(transaction, this.#session.engine.keyspace);
    const types = inputTypes(found).join();
    const taken = others
      .named(newname, found.schema ?? PUBLIC_SCHEMA)
      .some((each) => inputTypes(each).join() === types);
    if (taken) {
      const shown = `${newname}(${inputTypes(found).map(titleOf).join(', ')})`;
      throw new SqlError('duplicate_function', `function ${shown} already exists in schema "public"`);
    }
    this.#store(transaction, { ...found, name: newname });
    sink.complete('ALTER FUNCTION');
  }

  /** @param comment Undefined takes it away. @throws SqlError as `#find`. */
  async comment(named: ObjectWithArgs, comment: string | undefined): Promise<void> {
    const transaction = await this.#schema.begin();
    const found = await this.#find(transaction, named, false);
    if (typeof found !== 'string') this.#store(transaction, withComment(found, comment));
  }

  #store(transaction: Transaction, definition: UserFunction): void {
    transaction.put(functionKey(this.#session.engine.keyspace, definition.id), encodeFunction(definition));
  }

  /** @returns why it is not there, where it may miss. @throws SqlError `undefined_function`, `ambiguous_function`. */
  async #find(transaction: Transaction, named: ObjectWithArgs, mayMiss: boolean): Promise<UserFunction | string> {
    const functions = await loadFunctions(transaction, this.#session.engine.keyspace);
    const name = nameOfList(stringsOf(named.objname));
    const wanted =
      named.args_unspecified === true
        ? undefined
        : (named.objargs ?? []).map(
            (node): ColumnType => namedType('TypeName' in node ? node.TypeName : undefined).type,
          );
    const shown = stringsOf(named.objname).join('.');
    for (const schema of this.#session.block.schemasOf(name)) {
      const found = functions
        .named(name.name, schema.id)
        .filter((each) => wanted === undefined || inputTypes(each).join() === wanted.join());
      if (found.length > 1) {
        throw new SqlError('ambiguous_function', `function name "${shown}" is not unique`, {
          hint: 'Specify the argument list to select the function unambiguously.',
        });
      }
      if (found[0] !== undefined) return found[0];
    }
    const message =
      wanted === undefined
        ? mayMiss
          ? `function ${shown}() does not exist`
          : `could not find a function named "${shown}"`
        : `function ${shown}(${wanted.map(mayMiss ? shortTitle : titleOf).join(mayMiss ? ',' : ', ')}) does not exist`;
    if (mayMiss) return message;
    throw new SqlError('undefined_function', message);
  }
}

function shortTitle(type: ColumnType): string {
  return type.startsWith('user:')
    ? titleOf(type)
    : typeInfo(type).name === type && isSqlName(type)
      ? `pg_catalog.${type}`
      : type;
}

/** Types whose names the grammar itself puts into pg_catalog. */
function isSqlName(type: ColumnType): boolean {
  return [
    'int2',
    'int4',
    'int8',
    'float4',
    'float8',
    'bool',
    'numeric',
    'varchar',
    'bpchar',
    'interval',
    'timestamp',
    'timestamptz',
    'time',
    'timetz',
  ].includes(type);
}

function titleWith(definition: UserFunction): string {
  return `${definition.name}(${inputTypes(definition).map(titleOf).join(',')})`;
}

/** The type of what comes out has to follow from what goes in. @throws SqlError `invalid_function_definition`, `feature_not_supported`. */
function requireKnownResult(parameters: readonly FunctionParameter[], result: string): void {
  const given = inputs(parameters).map(({ type }) => type as SqlType);
  const out = outputs(parameters);
  if (out.length > 1 && out.some(({ type }) => isPolymorphic(type))) {
    throw notSupported('a function with several OUT parameters of polymorphic types');
  }
  if (!isPolymorphic(result as SqlType)) return;
  const isCompatible = result.startsWith('anycompatible');
  const family = given.filter((type) => isPolymorphic(type) && type.startsWith('anycompatible') === isCompatible);
  const needed = /range$/.test(result) ? family.filter((type) => /range$/.test(type)) : family;
  if (needed.length > 0) return;
  const kinds = isCompatible
    ? 'anycompatible, anycompatiblearray, anycompatiblenonarray, anycompatiblerange, or anycompatiblemultirange'
    : 'anyelement, anyarray, anynonarray, anyenum, anyrange, or anymultirange';
  const ranges = isCompatible ? 'anycompatiblerange or anycompatiblemultirange' : 'anyrange or anymultirange';
  throw new SqlError('invalid_function_definition', 'cannot determine result data type', {
    detail: `A result of type ${result} requires at least one input of type ${/range$/.test(result) ? ranges : kinds}.`,
  });
}

function resultType(
  { returnType }: CreateFunctionStmt,
  parameters: readonly FunctionParameter[],
): { readonly result: string; readonly returnsSet: boolean } {
  const given = outputs(parameters);
  const returnsSet = returnType?.setof === true;
  if (returnType === undefined) {
    if (given.length === 0) throw new SqlError('invalid_function_definition', 'function result type must be specified');
    return { result: given.length === 1 ? given[0]!.type : 'record', returnsSet };
  }
  const { setof: _, ...plain } = returnType;
  const { type } = namedType(plain);
  const isTable = given.some(({ mode }) => mode === 'table');
  if (given.length > 0 && !isTable) {
    const wanted = given.length === 1 ? given[0]!.type : 'record';
    if (type !== wanted) {
      const message = `function result type must be ${titleOf(wanted as ColumnType)} because of OUT parameters`;
      throw new SqlError('invalid_function_definition', message);
    }
  }
  if ((type as SqlType) === 'any' || (type as string) === 'trigger')
    throw notSupported(`a function that returns ${titleOf(type)}`);
  return { result: isTable && given.length > 1 ? 'record' : type, returnsSet };
}

function readOptions(options: readonly Node[]): {
  readonly language: string | undefined;
  readonly source: string | undefined;
} {
  let language: string | undefined;
  let source: string | undefined;
  const seen = new Set<string>();
  for (const node of options) {
    if (!('DefElem' in node)) continue;
    const { defname = '', arg, location } = node.DefElem;
    if (seen.has(defname)) throw new SqlError('syntax_error', 'conflicting or redundant options', { location });
    seen.add(defname);
    if (defname === 'language') language = stringOf(arg).toLowerCase();
    else if (defname === 'as') source = arg !== undefined && 'List' in arg ? stringOf(arg.List.items?.[0]) : undefined;
    else if (['window', 'transform', 'security'].includes(defname)) {
      const isOn = arg !== undefined && 'Boolean' in arg && arg.Boolean.boolval === true;
      if (defname !== 'security' || isOn) throw notSupported(`${defname.toUpperCase()} of a function`, location);
    } else if (defname === 'set') throw notSupported('SET of a function', location);
  }
  return { language, source };
}

/** What planning may rely on. COST, ROWS, PARALLEL and LEAKPROOF are hints that change no answer. */
function traitsOf(options: readonly Node[], before: Traits): Traits {
  let { strict, volatility } = before;
  for (const node of options) {
    if (!('DefElem' in node)) continue;
    const { defname, arg } = node.DefElem;
    if (defname === 'strict') strict = arg !== undefined && 'Boolean' in arg && arg.Boolean.boolval === true;
    else if (defname === 'volatility') volatility = stringOf(arg) as Traits['volatility'];
    else if (defname === 'set') throw notSupported('SET of a function');
  }
  return { strict, volatility };
}

/** The clause that ends the statement; comments, strings and quoted names before it are passed over. */
function clauseOf(text: string): string {
  const tokens = /'(?:[^']|'')*'|"(?:[^"]|"")*"|--[^\n]*|\/\*[\s\S]*?\*\/|\b(?:RETURN|BEGIN\s+ATOMIC)\b/gi;
  const begin = [...text.matchAll(tokens)].find(([token]) => /^[rb]/i.test(token));
  return text.slice(begin?.index).replace(/;?\s*$/, '');
}
