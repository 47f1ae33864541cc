import { describe, expect, it } from 'vitest';
import { fromMinor, money, toMinor } from './money';

describe('money', () => {
  it('is written as people in India write it', () => {
    expect(money(500_000)).toBe('₹5,000');
    expect(money(10_000_000)).toBe('₹1,00,000');
    expect(money(123_450)).toBe('₹1,234.50');
  });

  it.each([
    ['1,250.50', 'INR', 125_050],
    ['1250', 'INR', 125_000],
    ['0.5', 'INR', 50],
    ['1 000', 'JPY', 1000],
    ['1.234', 'KWD', 1234],
  ])('%s in %s is %d', (typed, currency, minor) => {
    expect(toMinor(typed, currency)).toBe(minor);
    expect(toMinor(fromMinor(minor, currency), currency)).toBe(minor);
  });

  it.each(['', '1.2.3', '-5', 'five', '1.234', '1e5', '99999999999999999999'])('%j is no amount in rupees', (typed) => {
    expect(toMinor(typed, 'INR')).toBeUndefined();
  });
});
