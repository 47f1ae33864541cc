import { describe, expect, it } from 'vitest';
import { freshnessNow, useOf } from './freshness';

const DAY = 86_400;
const thresholds = { stale_after_s: 7 * DAY, expired_after_s: 14 * DAY };
const told = (age_s: number | null, state = 'fresh') => ({ ...thresholds, age_s, state });

describe('freshness', () => {
  it.each([
    [0, 'fresh'],
    [7 * DAY - 60, 'fresh'],
    [7 * DAY, 'stale'],
    [14 * DAY - 60, 'stale'],
    [14 * DAY, 'expired'],
    [400 * DAY, 'expired'],
  ])('at %d seconds is %s', (age, state) => {
    expect(freshnessNow(told(age), 0).state).toBe(state);
  });

  it('grows old while the page is open, and never younger', () => {
    expect(freshnessNow(told(7 * DAY - 60), 59).state).toBe('fresh');
    expect(freshnessNow(told(7 * DAY - 60), 60).state).toBe('stale');
    expect(freshnessNow(told(100), -5_000).ageS).toBe(100);
  });

  it('without an age is what the server says', () => {
    expect(freshnessNow(told(null, 'missing'), 0).state).toBe('missing');
    expect(freshnessNow(told(null, 'building'), 0).state).toBe('building');
    expect(freshnessNow(told(null, 'something new'), 0).state).toBe('error');
  });

  it('allows, warns or forbids what depends on the manifest', () => {
    expect(useOf('fresh')).toBe('yes');
    expect(useOf('stale')).toBe('warn');
    expect([useOf('missing'), useOf('expired'), useOf('error')]).toEqual(['no', 'no', 'no']);
  });
});
