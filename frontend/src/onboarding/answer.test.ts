import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import definition from '../../tests/support/definition.json';
import { fieldAt, labelAt, sameAnswer, toAnswer, toValues, type Answer } from './answer';
import { check } from './check';
import type { Definition, Step } from './definition';

const { steps } = definition as unknown as Definition;

function step(slug: string): Step {
  const found = steps.find((one) => one.slug === slug);
  if (found === undefined) throw new Error(`there is no step ${slug}`);
  return found;
}

/** Whole sets of answers that the server's own tests use. */
const folder = '../crates/domain/tests/fixtures/answers';
const fixtures = readdirSync(folder)
  .filter((file) => file.endsWith('.json'))
  .map((file) => [file, JSON.parse(readFileSync(`${folder}/${file}`, 'utf8')) as Record<string, Answer>] as const);

describe('the form of a step', () => {
  it('there are fixtures to try it with', () => expect(fixtures.length).toBeGreaterThan(0));

  it.each(fixtures)('shows the answers of %s and gives the same back', (_, answers) => {
    for (const one of steps) {
      const answer = answers[one.slug];
      if (answer === undefined) continue;
      expect(toAnswer(one.fields, toValues(one.fields, answer)), one.slug).toEqual(answer);
    }
  });

  it.each(steps.map((one) => [one.slug, one] as const))('of %s is empty at first, and asks for nothing but what is required', (_, one) => {
    const answer = toAnswer(one.fields, toValues(one.fields, null));
    expect(check(one, answer, 'draft')).toEqual([]);
    const required = one.fields.filter((field) => field.required).map((field) => `/${field.name}`);
    expect(check(one, answer, 'complete').map(({ pointer }) => pointer)).toEqual(required);
  });
});

describe('what was typed', () => {
  it('stays text when it is no number, so that the check finds it', () => {
    const company = step('company');
    const answer = toAnswer(company.fields, { ...toValues(company.fields, null), employee_count: 'twelve' });
    expect(answer).toEqual({ employee_count: 'twelve' });
    expect(check(company, answer, 'draft')).toEqual([{ pointer: '/employee_count', message: 'A whole number, please.' }]);
  });

  it('is money in the currency beside it', () => {
    const pricing = step('pricing');
    const point = { name: 'Starter', amount_minor: '1,250.50', currency: 'INR', interval: 'month' };
    expect(toAnswer(pricing.fields, { pricing_strategy: '', price_points: [point, { ...point, amount_minor: '1250', currency: 'JPY' }] })).toEqual({
      price_points: [
        { name: 'Starter', amount_minor: 125_050, currency: 'INR', interval: 'month' },
        { name: 'Starter', amount_minor: 1250, currency: 'JPY', interval: 'month' },
      ],
    });
  });

  it('keeps its place in lists, so that a pointer of the server leads to it', () => {
    const brand = step('brand');
    expect(toAnswer(brand.fields, { values: [], personality: [], tone: [{ value: '' }, { value: 'calm' }] })).toEqual({ tone: ['', 'calm'] });
  });
});

describe('a pointer of the server', () => {
  it.each([
    ['company', '/company_name', 'company_name', 'Company name'],
    ['icps', '/icps', 'icps', 'Ideal customer profiles'],
    ['icps', '/icps/1/name', 'icps.1.name', 'Ideal customer profiles 2, Name'],
    ['icps', '/icps/0/pains/2/severity', 'icps.0.pains.2.severity', 'Ideal customer profiles 1, Pains 3, Severity'],
    ['icps', '/icps/0/channels/1', 'icps.0.channels.1.value', 'Ideal customer profiles 1, Where you reach them 2'],
    ['brand', '/tone/1', 'tone.1.value', 'Tone of voice 2'],
    ['constraints', '/monthly_budget', 'monthly_budget.amount', 'Monthly budget'],
    ['constraints', '/monthly_budget/amount_minor', 'monthly_budget.amount', 'Monthly budget'],
    ['icps', '/icps/0', 'icps.0.name', 'Ideal customer profiles 1'],
  ])('in %s: %s leads to %s', (slug, pointer, field, label) => {
    expect(fieldAt(step(slug).fields, pointer)).toBe(field);
    expect(labelAt(step(slug).fields, pointer)).toBe(label);
  });
});

describe('the check', () => {
  const complete = (slug: string, answer: Answer) => check(step(slug), answer, 'complete').map(({ pointer }) => pointer);

  it('counts characters as readers do', () => {
    const family = '👩‍👩‍👧‍👦';
    expect(check(step('messaging'), { one_liner: family.repeat(160) }, 'draft')).toEqual([]);
    expect(check(step('messaging'), { one_liner: family.repeat(161) }, 'draft')[0]?.pointer).toBe('/one_liner');
  });

  it('asks drafts for no minimum, and complete answers for all of them', () => {
    expect(check(step('company'), { description: 'short' }, 'draft')).toEqual([]);
    expect(complete('company', { company_name: 'A', industry: 'finance', stage: 'seed', description: 'short' })).toEqual(['/company_name', '/description']);
  });

  it('knows what is missing inside of lists', () => {
    expect(complete('icps', { icps: [{ name: 'A', description: 'Long enough to be one' }, { pains: [{ severity: 11 }] }] })).toEqual(
      expect.arrayContaining(['/icps/1/name', '/icps/1/description', '/icps/1/pains/0/text', '/icps/1/pains/0/severity']),
    );
  });

  it('joins fields as the server does', () => {
    expect(complete('market-size', { tam: 10, sam: 20, som: 5 })).toEqual(['/sam']);
    expect(complete('market-size', { tam: 10, som: 20 })).toEqual(['/som']);
    expect(complete('integrity', { contradictions: [{ statement: 'a', conflicts_with: 'b', severity: 'critical' }] })).toEqual(['/contradictions/0/resolution']);
    expect(complete('review', { confirmed: false })).toEqual(['/confirmed']);
  });
});

describe('two answers', () => {
  it('are the same whatever the order of their members', () => {
    expect(sameAnswer({ a: 1, b: [{ c: 2, d: 3 }] }, { b: [{ d: 3, c: 2 }], a: 1 })).toBe(true);
    expect(sameAnswer({ a: [1, 2] }, { a: [2, 1] })).toBe(false);
    expect(sameAnswer({ a: undefined }, {})).toBe(true);
    expect(sameAnswer({}, null)).toBe(false);
  });
});
