/** COPY … FROM STDIN and COPY … TO STDOUT, of a table or a query. */

import type { CopyStmt, Node } from '@pgsql/types';
import { type Awaitable, isPromise } from '../../../base/awaitable.ts';
import type { Bytes } from '../../../base/bytes.ts';
import { bindCopy, bindCopyTo } from '../binder/bind-copy.ts';
import { relationName } from '../binder/names.ts';
import type { CatalogTable } from '../catalog-cache.ts';
import { drain } from '../operators/drain.ts';
import type { ParsedStatement } from '../parser/parser.ts';
import { planCopy } from '../planner/plan.ts';
import { closeRunning, type RunningPortal, tagOf } from '../portal.ts';
import type { ClosableCopySource, UtilitySink } from '../results.ts';
import type { SessionContext } from '../session-context.ts';
import { SqlError } from '../sql-error.ts';
import { PlanOutdated, type StatementRunner } from '../statement-runner.ts';
import { CopyWriter } from './copy-output.ts';

/** More than the rows of a chunk that a client sends of a COPY, as they come. */
const COPY_VALUES = 32_768n;

export class CopyStatements {
  readonly #session: SessionContext;
  readonly #runner: StatementRunner;

  constructor(session: SessionContext, runner: StatementRunner) {
    this.#session = session;
    this.#runner = runner;
  }

  async run(parsed: ParsedStatement, statement: CopyStmt, sink: UtilitySink): Promise<void> {
    await this.#session.block.holdPortals();
    await this.#session.engine.catalog.refresh();
    await this.#session.block.loadSchemas();
    return statement.is_from === true ? this.#from(statement, sink) : this.#to(parsed, statement, sink);
  }

  async #to({ text, index }: ParsedStatement, statement: CopyStmt, sink: UtilitySink): Promise<void> {
    const found = await this.#find(statement);
    const { query, format } = bindCopyTo(statement, () => found);
    const running = await this.#openQuery({ node: query, text, index });
    try {
      const { columns } = running.plan;
      if (columns === undefined) {
        throw new SqlError('feature_not_supported', 'COPY query must have a RETURNING clause');
      }
      const forced = columns.map(({ name }) => format.forceQuote === '*' || format.forceQuote.includes(name));
      const writer = new CopyWriter(format, columns, forced, this.#session.parameters.style);
      sink.copyOut!(columns.length, format.binary ? 'binary' : 'text');
      if (format.binary) await sink.copyBinary!('header');
      else if (format.header !== false) await sink.copyLines!([writer.header(columns.map(({ name }) => name))]);
      let rows = 0;
      await drain(running.operator, running.execution, (batch) => {
        rows += batch.length;
        if (format.binary) return sink.copyBinary!({ columns, rows: batch });
        return sink.copyLines!(batch.map((row) => writer.line(row)));
      });
      if (format.binary) await sink.copyBinary!('trailer');
      sink.copyDone!();
      sink.complete(`COPY ${rows}`);
    } finally {
      closeRunning(running);
    }
  }

  async #openQuery(statement: ParsedStatement & { readonly node: Node }): Promise<RunningPortal> {
    for (;;) {
      try {
        return await this.#runner.open(await this.#runner.plan(statement, undefined), [], false);
      } catch (error) {
        if (!(error instanceof PlanOutdated)) throw error;
      }
    }
  }

  async #find({ relation }: CopyStmt): Promise<CatalogTable | undefined> {
    if (relation === undefined) return undefined;
    const find = await this.#runner.names.findTables({ RangeVar: relation });
    return find(relationName(relation));
  }

  /** Rows that have come cannot be asked for again: the values that a chunk of them takes are there before it is. */
  async #reserveForCopy(table: CatalogTable | undefined): Promise<void> {
    const { sequences } = this.#session.engine;
    for (const { sequence } of table?.table.columns ?? []) {
      const state = sequence === undefined ? undefined : sequences.get(sequence);
      if (state !== undefined && !state.reaches) await sequences.ensure(state, COPY_VALUES);
    }
  }

  async #from(statement: CopyStmt, sink: UtilitySink): Promise<void> {
    for (;;) {
      await this.#session.engine.catalog.refresh();
      const { generation } = this.#session.engine.catalog;
      const found = await this.#find(statement);
      const bound = bindCopy(statement, () => found, await this.#runner.bindingOfDefinitions());
      let source: ClosableCopySource | undefined;
      const { sequences } = this.#session.engine;
      const reserve = () => this.#reserveForCopy(found);
      const next = (): Awaitable<Bytes | undefined> => {
        const read = (): Awaitable<Bytes | undefined> => {
          const chunk = source!.next();
          return isPromise(chunk) ? this.#session.interrupts.race(chunk) : chunk;
        };
        return sequences.isShared ? reserve().then(read) : read();
      };
      const plan = planCopy(bound, { next, decode: (...value) => source!.decode(...value) }, generation);
      let running: RunningPortal;
      try {
        running = await this.#runner.open(plan, [], false);
      } catch (error) {
        if (error instanceof PlanOutdated) continue;
        throw error;
      }
      try {
        source = await sink.copyIn!(bound.columns.length, bound.format.binary ? 'binary' : 'text');
        await drain(running.operator, running.execution, () => {});
        sink.complete(tagOf(running));
      } finally {
        source?.close();
        closeRunning(running);
      }
      return;
    }
  }
}
