import { queryOptions } from '@tanstack/react-query';
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

export function isCycle(value: string | null | undefined): value is Cycle {
  return value === 'monthly' || value === 'yearly';
}
