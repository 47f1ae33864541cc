import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Problem } from '@/api/problem';
import { viewOf, type Order } from './order';
import { pauseAfter, PaymentWatch, type Watched } from './payment-watch';

const BEGIN = new Date('2026-11-28T10:00:00Z').getTime();

function order(state: string): Order {
  return {
    order_id: '0199',
    plan: 'ascent',
    cycle: 'monthly',
    amount: 500_000,
    currency: 'INR',
    autopay: false,
    state,
    created_at: new Date(BEGIN).toISOString(),
    expires_at: new Date(BEGIN + 20 * 60_000).toISOString(),
  };
}

let states: Watched[];
let asked: number[];
let answer: () => Promise<Order>;
let watch: PaymentWatch;
let hidden: boolean;

beforeEach(() => {
  vi.useFakeTimers({ now: BEGIN });
  states = [];
  asked = [];
  hidden = false;
  answer = () => Promise.resolve(order('pending'));
  vi.spyOn(document, 'hidden', 'get').mockImplementation(() => hidden);
  watch = new PaymentWatch({
    read: () => {
      asked.push(Date.now() - BEGIN);
      return answer();
    },
    onChange: (state) => states.push(state),
  });
});

afterEach(() => watch.stop());

const last = () => states.at(-1);

describe('the schedule', () => {
  it.each([
    [0, 2_000],
    [29_999, 2_000],
    [30_000, 5_000],
    [179_999, 5_000],
    [180_000, 15_000],
    [1_000_000, 15_000],
  ])('after %d ms waits %d ms', (elapsed, pause) => {
    expect(pauseAfter(elapsed)).toBe(pause);
  });

  it('asks at once, then every 2 s, every 5 s and every 15 s until the order expires', async () => {
    watch.start();
    await vi.advanceTimersByTimeAsync(30_000);
    expect(asked.slice(0, 3)).toEqual([0, 2_000, 4_000]);
    expect(asked).toHaveLength(16);
    await vi.advanceTimersByTimeAsync(150_000);
    expect(asked).toHaveLength(16 + 30);
    await vi.advanceTimersByTimeAsync(17 * 60_000 + 30_000);
    const before = asked.length;
    expect(last()?.phase).toBe('overdue');
    await vi.advanceTimersByTimeAsync(600_000);
    expect(asked).toHaveLength(before);
  });
});

describe('the watch', () => {
  it('ends with the first decision, whoever brings it', async () => {
    watch.start();
    await vi.advanceTimersByTimeAsync(1_000);
    watch.tell(order('completed'));
    expect(last()).toMatchObject({ phase: 'decided', order: { state: 'completed' } });
    await vi.advanceTimersByTimeAsync(60_000);
    expect(asked).toHaveLength(1);
    // A straggler changes nothing.
    watch.tell(order('failed'));
    expect(last()?.order?.state).toBe('completed');
  });

  it('rests while the page is hidden and asks at once when it is looked at', async () => {
    watch.start();
    await vi.advanceTimersByTimeAsync(2_000);
    hidden = true;
    document.dispatchEvent(new Event('visibilitychange'));
    await vi.advanceTimersByTimeAsync(60_000);
    expect(asked).toHaveLength(2);
    hidden = false;
    document.dispatchEvent(new Event('visibilitychange'));
    await vi.advanceTimersByTimeAsync(0);
    expect(asked).toHaveLength(3);
  });

  it('goes on through errors, and asks a person after five in a row', async () => {
    watch.start();
    await vi.advanceTimersByTimeAsync(0);
    answer = () => Promise.reject(new Problem({ status: 503, code: 'GW-0011', title: '' }));
    await vi.advanceTimersByTimeAsync(8_000);
    expect(last()?.phase).toBe('watching');
    await vi.advanceTimersByTimeAsync(2_000);
    expect(last()?.phase).toBe('interrupted');
    const before = asked.length;
    await vi.advanceTimersByTimeAsync(60_000);
    expect(asked).toHaveLength(before);
    answer = () => Promise.resolve(order('completed'));
    await watch.checkAgain();
    expect(last()?.phase).toBe('decided');
  });

  it('goes on by itself once it is looked at again, or the stream tells something', async () => {
    const interrupt = async () => {
      answer = () => Promise.reject(new Problem({ status: 503, code: 'GW-0011', title: '' }));
      await vi.advanceTimersByTimeAsync(30_000);
      expect(last()?.phase).toBe('interrupted');
      answer = () => Promise.resolve(order('pending'));
    };
    watch.start();
    await vi.advanceTimersByTimeAsync(0);
    await interrupt();
    dispatchEvent(new Event('online'));
    await vi.advanceTimersByTimeAsync(0);
    expect(last()?.phase).toBe('watching');
    await interrupt();
    const before = asked.length;
    watch.tell(order('pending'));
    await vi.advanceTimersByTimeAsync(10_000);
    expect(last()?.phase).toBe('watching');
    expect(asked.length).toBeGreaterThan(before);
  });

  it('stops asking for an order that is not there', async () => {
    answer = () => Promise.reject(new Problem({ status: 404, code: 'PAY-0003', title: '' }));
    watch.start();
    await vi.advanceTimersByTimeAsync(20_000);
    expect(asked).toHaveLength(1);
    expect(last()?.phase).toBe('interrupted');
  });
});

describe('what an order looks like', () => {
  it('never is a success unless it is completed', () => {
    for (const state of ['created', 'pending', 'failed', 'expired', 'refunded', 'quarantined', 'something_new']) {
      expect(viewOf({ state }), state).not.toBe('paid');
    }
    expect(viewOf({ state: 'completed' })).toBe('paid');
    expect(viewOf({ state: 'something_new' })).toBe('unknown');
  });
});
