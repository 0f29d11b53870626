/**
 * Parameters by which a session keeps the planner off a method (`SET enable_hashjoin = off`), as PostgreSQL has them: what
 * is off is taken only where there is no other way.
 */

export const PLANNER_SWITCHES = [
  'enable_bitmapscan',
  'enable_hashagg',
  'enable_hashjoin',
  'enable_incremental_sort',
  'enable_indexonlyscan',
  'enable_indexscan',
  'enable_memoize',
  'enable_mergejoin',
  'enable_nestloop',
  'enable_seqscan',
  'enable_sort',
] as const;

export type PlannerSwitch = (typeof PLANNER_SWITCHES)[number];

/** What is switched off. */
export type PlannerSettings = ReadonlySet<PlannerSwitch>;

/** What being switched off costs: PostgreSQL's disable_cost. */
const OFF_COST = 1e10;

export function switchCost(settings: PlannerSettings, name: PlannerSwitch): number {
  return settings.size > 0 && settings.has(name) ? OFF_COST : 0;
}
