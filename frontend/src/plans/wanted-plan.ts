import { isCycle, type Cycle } from './plans-query';

const KEY = 'groundwork.wanted-plan';

/** The plan that was pressed on the price list, kept over the sign-up and its mail. */
export function rememberPlan(plan: string | null, cycle: string | null): void {
  if (plan === null || !/^[a-z0-9_-]{1,40}$/.test(plan)) return;
  try {
    localStorage.setItem(KEY, JSON.stringify({ plan, cycle: isCycle(cycle) ? cycle : 'monthly' }));
  } catch {
    // It is chosen once more then.
  }
}

export function wantedPlan(): { plan: string; cycle: Cycle } | undefined {
  try {
    const kept = JSON.parse(localStorage.getItem(KEY) ?? 'null') as { plan?: unknown; cycle?: string } | null;
    if (typeof kept?.plan !== 'string' || !isCycle(kept.cycle)) return undefined;
    return { plan: kept.plan, cycle: kept.cycle };
  } catch {
    return undefined;
  }
}

export function forgetPlan(): void {
  try {
    localStorage.removeItem(KEY);
  } catch {
    // Nothing was kept.
  }
}
