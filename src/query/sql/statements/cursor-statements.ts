/**
 * DECLARE, FETCH, MOVE and CLOSE. Cursors are portals: those of the protocol can be fetched from, and those of DECLARE
 * executed by the protocol.
 */

import type { FetchStmt, Node } from '@pgsql/types';
import { type Awaitable, isPromise, whenReady } from '../../../base/awaitable.ts';
import { lockingTitle } from '../binder/bind-locking.ts';
import { Cursor } from '../cursor.ts';
import type { ParsedStatement } from '../parser/parser.ts';
import type { PlanNode } from '../planner/plan-node.ts';
import { failPortal, type Portal } from '../portal.ts';
import type { UtilitySink } from '../results.ts';
import type { SessionContext } from '../session-context.ts';
import { notSupported, SqlError } from '../sql-error.ts';
import { PlanOutdated, type StatementRunner } from '../statement-runner.ts';

type DeclareStmt = Extract<Node, { DeclareCursorStmt: unknown }>['DeclareCursorStmt'];

/** Bits of its `options` (parsenodes.h). */
const OPTIONS = { binary: 1, scroll: 2, noScroll: 4, insensitive: 8, asensitive: 16, hold: 32 } as const;

export class CursorStatements {
  readonly #session: SessionContext;
  readonly #runner: StatementRunner;

  constructor(session: SessionContext, runner: StatementRunner) {
    this.#session = session;
    this.#runner = runner;
  }

  /** @throws SqlError of any kind that the query can be wrong in. */
  async declare({ text, index }: ParsedStatement, declare: DeclareStmt, sink: UtilitySink): Promise<void> {
    const { portalname: name = '', options = 0, query } = declare;
    const { block, engine } = this.#session;
    const has = (option: keyof typeof OPTIONS): boolean => (options & OPTIONS[option]) !== 0;
    checkOptions(has, query!);
    if (!has('hold') && block.status === 'implicit' && block.standsAlone) {
      throw new SqlError('no_active_sql_transaction', 'DECLARE CURSOR can only be used in transaction blocks');
    }
    const statement = { node: query!, text, index };
    for (;;) {
      try {
        const { plan, tables } = await this.#runner.planCursor(statement);
        if (plan.writesRows === true) {
          throw new SqlError(
            'feature_not_supported',
            'DECLARE CURSOR must not contain data-modifying statements in WITH',
          );
        }
        if (block.portals.has(name)) throw new SqlError('duplicate_cursor', `cursor "${name}" already exists`);
        if (block.portals.size >= engine.limits.preparedStatementsMax) {
          throw new SqlError(
            'configuration_limit_exceeded',
            `a session keeps at most ${engine.limits.preparedStatementsMax} portals`,
          );
        }
        const workspace = has('hold') ? engine.newWorkspace() : undefined;
        const opened = await this.#runner.open(plan, [], false);
        const running = workspace === undefined ? opened : { ...opened, restIn: workspace };
        const keyWidths = tables.map(({ table }) => Math.max(1, table.primaryKey.length));
        const width = plan.columns!.length - keyWidths.reduce((sum, each) => sum + each, 0);
        const columns = plan.columns!.slice(0, width);
        const identities = tables.map((table, i) => ({
          table,
          offset: width + keyWidths.slice(0, i).reduce((sum, each) => sum + each, 0),
        }));
        const goesBack = has('scroll') || (!has('noScroll') && plan.node !== undefined && canGoBack(plan.node));
        const scroll = has('scroll') ? 'all' : goesBack ? 'fitting' : 'none';
        const cursor = new Cursor({ running, columns, scroll, identities, workspace }, this.#session.interrupts);
        const isBinary = has('binary');
        const portal: Portal = {
          prepared: {
            statement,
            parameterTypes: [],
            columns,
            plan,
            preparedMs: 0,
            fromSql: true,
            uses: 0,
          },
          values: [],
          formats: isBinary ? columns.map(() => 'binary') : [],
          state: 'running',
          running,
          cursor,
          declared: { isBinary, isHoldable: has('hold'), isScrollable: goesBack },
          createdMs: engine.platform.clock.nowMs(),
          depth: block.savepoints.length,
        };
        block.portals.set(name, portal);
        sink.complete('DECLARE CURSOR');
        return;
      } catch (error) {
        if (!(error instanceof PlanOutdated)) throw error;
      }
    }
  }

  /** @throws SqlError `invalid_cursor_name`, and as `Cursor.read`. */
  async fetchOrMove(
    { portalname: name = '', direction, howMany, ismove: isMove }: FetchStmt,
    sink: UtilitySink,
    { announce }: { readonly announce: boolean },
  ): Promise<void> {
    const portal = this.#require(name);
    const cursor = await this.#cursorOf(portal, name);
    const count = Number(howMany ?? 0);
    if (isMove === true) {
      const moved = await this.#run(name, () => cursor.read(direction as 'FETCH_FORWARD', count, undefined));
      sink.complete(`MOVE ${moved}`);
      return;
    }
    if (announce) sink.columns(cursor.columns, portal.declared?.isBinary === true ? portal.formats : undefined);
    const { sequences } = this.#session;
    const fetched = await this.#run(name, () =>
      cursor.read(direction as 'FETCH_FORWARD', count, (batch) =>
        whenReady(sequences.topUp(), () => sink.rows(cursor.columns, batch)),
      ),
    );
    sink.complete(`FETCH ${fetched}`);
  }

  /** Columns of what FETCH would give; undefined for what cannot be fetched from, and for MOVE. */
  columnsOf({ portalname: name = '', ismove: isMove }: FetchStmt) {
    const portal = isMove === true ? undefined : this.#session.block.portals.get(name);
    return portal?.cursor?.columns ?? portal?.prepared.columns;
  }

  close(name: string | undefined, sink: Pick<UtilitySink, 'complete'>): void {
    const { block } = this.#session;
    if (name === undefined) for (const each of block.portals.names()) block.closePortal(each);
    else {
      this.#require(name);
      block.closePortal(name);
    }
    sink.complete(name === undefined ? 'CLOSE CURSOR ALL' : 'CLOSE CURSOR');
  }

  #require(name: string): Portal {
    const portal = this.#session.block.portals.get(name);
    if (portal === undefined) throw new SqlError('invalid_cursor_name', `cursor "${name}" does not exist`);
    return portal;
  }

  #cursorOf(portal: Portal, name: string): Awaitable<Cursor> {
    if (portal.state === 'failed') {
      throw new SqlError('object_not_in_prerequisite_state', `portal "${name}" cannot be run`);
    }
    if (portal.cursor !== undefined) return portal.cursor;
    const { plan } = portal.prepared;
    if (plan?.columns === undefined || portal.state === 'done') {
      throw notSupported(`FETCH from "${name}", which is no query that runs,`);
    }
    return whenReady(this.#runner.openPortal(portal), (running) => {
      const options = {
        running,
        columns: running.plan.columns!,
        scroll: 'none',
        identities: [],
        workspace: undefined,
      } as const;
      portal.cursor = new Cursor(options, this.#session.interrupts);
      return portal.cursor;
    });
  }

  /** A cursor whose query has failed is of no more use. */
  async #run<T>(name: string, work: () => Promise<T>): Promise<T> {
    try {
      const done = await work();
      const settled = this.#session.engine.sequences.settled();
      if (isPromise(settled)) await settled;
      return done;
    } catch (error) {
      if (!(error instanceof SqlError && error.condition === 'object_not_in_prerequisite_state')) {
        failPortal(this.#require(name));
      }
      throw error;
    }
  }
}

function checkOptions(has: (option: keyof typeof OPTIONS) => boolean, query: Node): void {
  const both = (first: string, second: string): SqlError =>
    new SqlError('invalid_cursor_definition', `cannot specify both ${first} and ${second}`);
  if (has('scroll') && has('noScroll')) throw both('SCROLL', 'NO SCROLL');
  if (has('asensitive') && has('insensitive')) throw both('ASENSITIVE', 'INSENSITIVE');
  if ('SelectStmt' in query && query.SelectStmt.intoClause !== undefined) {
    throw new SqlError('syntax_error', 'SELECT ... INTO is not allowed here', {
      location: query.SelectStmt.intoClause.rel?.location,
    });
  }
  const locking = 'SelectStmt' in query ? query.SelectStmt.lockingClause : undefined;
  if (locking === undefined) return;
  const title = lockingTitle(locking[0]);
  if (has('hold')) {
    throw new SqlError('feature_not_supported', `DECLARE CURSOR WITH HOLD ... ${title} is not supported`, {
      detail: 'Holdable cursors must be READ ONLY.',
    });
  }
  if (has('scroll')) {
    throw new SqlError('feature_not_supported', `DECLARE SCROLL CURSOR ... ${title} is not supported`, {
      detail: 'Scrollable cursors must be READ ONLY.',
    });
  }
  if (has('insensitive')) {
    throw new SqlError('invalid_cursor_definition', `DECLARE INSENSITIVE CURSOR ... ${title} is not valid`, {
      detail: 'Insensitive cursors must be READ ONLY.',
    });
  }
}

/** Which plans PostgreSQL runs backwards without being told to (ExecSupportsBackwardScan). */
const GOES_BACK = /^(Sort|Seq Scan|Index|CTE Scan|Function Scan|Values Scan|Materialize)/;
const GOES_BACK_AS_ITS_INPUT = /^(Limit|Subquery Scan|Append)/;

function canGoBack({ kind: { type }, inputs }: PlanNode): boolean {
  return GOES_BACK.test(type) || (GOES_BACK_AS_ITS_INPUT.test(type) && inputs.every(canGoBack));
}
