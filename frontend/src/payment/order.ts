import { queryOptions } from '@tanstack/react-query';
import { api, unwrap } from '@/api/client';
import type { components } from '@/api/generated/payments';

export type Order = components['schemas']['OrderBody'];

/** What a page says of an order. `unknown` is a state that came after this code: it is never read as success. */
export type OrderView = 'pending' | 'paid' | 'failed' | 'expired' | 'refunded' | 'held' | 'unknown';

const VIEWS: Record<string, OrderView> = {
  created: 'pending',
  pending: 'pending',
  completed: 'paid',
  refund_pending: 'paid',
  partially_refunded: 'paid',
  refunded: 'refunded',
  failed: 'failed',
  expired: 'expired',
  quarantined: 'held',
};

export function viewOf({ state }: Pick<Order, 'state'>): OrderView {
  return VIEWS[state] ?? 'unknown';
}

/** Whether nothing more is to come of it that a page should wait for. */
export function isDecided(order: Pick<Order, 'state'>): boolean {
  return viewOf(order) !== 'pending';
}

export function readOrder(id: string): Promise<Order> {
  return unwrap(api.payments.GET('/api/payments/v2/status/{order_id}', { params: { path: { order_id: id } } }));
}

export function orderQuery(id: string) {
  return queryOptions({ queryKey: ['order', id], queryFn: () => readOrder(id), staleTime: Infinity, retry: false });
}
