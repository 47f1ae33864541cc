import { useEffect, useRef, useState } from 'react';
import { follow } from '@/api/events';
import { readOrder, type Order } from './order';
import { PaymentWatch, type Watched } from './payment-watch';

/** Watches an order while the page is shown: event stream and questions together, whichever is first. */
export function usePaymentWatch(orderId: string): Watched & { checkAgain: () => Promise<void> } {
  const [state, setState] = useState<Watched>({ phase: 'watching', order: undefined, error: undefined });
  const watch = useRef<PaymentWatch>(undefined);
  useEffect(() => {
    const end = new AbortController();
    const current = new PaymentWatch({ read: () => readOrder(orderId), onChange: setState });
    watch.current = current;
    current.start();
    void follow({
      path: `/api/payments/v2/orders/${encodeURIComponent(orderId)}/events`,
      signal: end.signal,
      onEvent: ({ event, data }) => {
        if (event === 'order') current.tell(JSON.parse(data) as Order);
      },
    });
    return () => {
      end.abort();
      current.stop();
    };
  }, [orderId]);
  return { ...state, checkAgain: () => watch.current?.checkAgain() ?? Promise.resolve() };
}
