import { beforeEach, describe, expect, it, vi } from 'vitest';
import { Problem } from '@/api/problem';
import { log, logError, placeOf } from './log';

let sent: URLSearchParams[];
/** Each test has an hour of its own, since reports are counted by the minute. */
let hour = 0;

beforeEach(() => {
  hour += 1;
  vi.useFakeTimers({ now: new Date('2026-11-28T00:00:00Z').getTime() + hour * 3_600_000 });
  sent = [];
  vi.stubGlobal('fetch', (path: string) => {
    sent.push(new URL(path, 'http://localhost').searchParams);
    return Promise.resolve(new Response(null, { status: 204 }));
  });
});

describe('what the gateway is told of a browser', () => {
  it('has the place without ids and queries, and is cut to a length that fits into an address', () => {
    history.replaceState(null, '', '/onboarding/payment/01994c1e-0000-7000-8000-000000000003?secret=1#token');
    log({ event: 'render', message: 'x'.repeat(5_000), stack: 'y'.repeat(50_000) });
    expect(sent[0]?.get('where')).toBe('/onboarding/payment/:id');
    expect(sent[0]?.toString()).not.toMatch(/secret|token/);
    expect(sent[0]?.toString().length).toBeLessThan(4_000);
  });

  it('is at most ten reports in a minute', () => {
    for (let report = 0; report < 50; report += 1) log({ event: 'render', message: 'again' });
    expect(sent).toHaveLength(10);
    vi.advanceTimersByTime(60_001);
    log({ event: 'render', message: 'again' });
    expect(sent).toHaveLength(11);
  });

  it('names the request that failed, and leaves out what never reached the server', () => {
    logError('action', new Problem({ status: 500, code: 'GW-0001', title: 'Something went wrong', requestId: 'web-1' }));
    logError('action', new Problem({ status: 0, code: 'network', title: 'The server cannot be reached' }));
    logError('unhandled', 'a text that was thrown');
    expect(sent.map((report) => report.get('request_id'))).toEqual(['web-1', null]);
    expect(sent[1]?.get('message')).toBe('a text that was thrown');
  });
});

it('ids are taken out of every place', () => {
  expect(placeOf('/a/01994c1e-0000-7000-8000-000000000003/b')).toBe('/a/:id/b');
});
