import { queryOptions, useQuery } from '@tanstack/react-query';
import { api, unwrap } from '@/api/client';
import type { components } from '@/api/generated/payments';

export type Plan = components['schemas']['PlanBody'];
export const CYCLES = ['monthly', 'yearly'] as const;
export type Cycle = (typeof CYCLES)[number];

export const plansQuery = queryOptions({
  queryKey: ['plans'],
  queryFn: async () => (await unwrap(api.payments.GET('/api/payments/v2/plans'))).plans,
  staleTime: 5 * 60_000,
});

/** What people call a plan; its code until the price list is there. */
export function usePlanName(code: string | undefined): string {
  const plans = useQuery(plansQuery);
  return plans.data?.find((plan) => plan.code === code)?.name ?? code ?? '';
}

export function isCycle(value: string | null | undefined): value is Cycle {
  return value === 'monthly' || value === 'yearly';
}
