import { fromMinor, toMinor } from '@/format/money';
import type { Field } from './definition';

/** An answer as the API has it. */
export type Answer = Record<string, unknown>;
/** The same as it stands in the form: texts for everything that is typed, `{value}` for each entry of a list of texts. */
export type Values = Record<string, unknown>;

/** The currency of amounts whose currency is not chosen yet. */
export const DEFAULT_CURRENCY = 'INR';

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function list(value: unknown): unknown[] {
  return Array.isArray(value) ? (value as unknown[]) : [];
}

function typed(value: unknown): string {
  if (typeof value === 'string') return value;
  return typeof value === 'number' ? String(value) : '';
}

function currencyOf(values: Record<string, unknown>): string {
  const chosen = typed(values.currency);
  return chosen === '' ? DEFAULT_CURRENCY : chosen;
}

/** The currency that the amounts of a form or item are in. */
export function amountCurrency(chosen: unknown): string {
  return typeof chosen === 'string' && chosen !== '' ? chosen : DEFAULT_CURRENCY;
}

/** An empty form of these fields. */
export function emptyValues(fields: readonly Field[]): Values {
  return toValues(fields, {});
}

/** An answer as the form shows it. What an answer lacks is empty. */
export function toValues(fields: readonly Field[], answer: Answer | null | undefined): Values {
  const from = isObject(answer) ? answer : {};
  return Object.fromEntries(
    fields.map((field): [string, unknown] => {
      const value = from[field.name];
      switch (field.kind) {
        case 'boolean':
          return [field.name, value === true];
        case 'amount':
          return [field.name, typeof value === 'number' ? fromMinor(value, currencyOf(from)) : typed(value)];
        case 'money': {
          const money = isObject(value) ? value : {};
          const currency = currencyOf(money);
          const amount = money.amount_minor;
          return [field.name, { amount: typeof amount === 'number' ? fromMinor(amount, currency) : typed(amount), currency }];
        }
        case 'text_list':
          return [field.name, list(value).map((entry) => ({ value: typed(entry) }))];
        case 'object_list':
          return [field.name, list(value).map((item) => toValues(field.fields, isObject(item) ? item : {}))];
        default:
          return [field.name, typed(value)];
      }
    }),
  );
}

function number(text: string): number | string {
  const plain = text.replaceAll(/[\s,_]/g, '');
  return /^-?\d+(\.\d+)?$/.test(plain) ? Number(plain) : text;
}

/**
 * What the form holds as an answer. Empty fields are left out; entries of lists keep their places, so that a pointer of the server
 * leads to the field; what was typed and is no number stays a text, for the check to find.
 */
export function toAnswer(fields: readonly Field[], values: Values): Answer {
  const answer: Answer = {};
  for (const field of fields) {
    const value = values[field.name];
    switch (field.kind) {
      case 'boolean':
        if (value === true || field.must_be_true) answer[field.name] = value === true;
        break;
      case 'integer':
      case 'year':
      case 'number': {
        const text = typed(value).trim();
        if (text !== '') answer[field.name] = number(text);
        break;
      }
      case 'amount': {
        const text = typed(value).trim();
        if (text !== '') answer[field.name] = toMinor(text, currencyOf(values)) ?? text;
        break;
      }
      case 'money': {
        const money = isObject(value) ? value : {};
        const text = typed(money.amount).trim();
        const currency = currencyOf(money);
        if (text !== '') answer[field.name] = { amount_minor: toMinor(text, currency) ?? text, currency };
        break;
      }
      case 'text_list': {
        const entries = list(value).map((entry) => typed(isObject(entry) ? entry.value : entry));
        if (entries.some((entry) => entry.trim() !== '')) answer[field.name] = entries;
        break;
      }
      case 'object_list': {
        const items = list(value).map((item) => toAnswer(field.fields, isObject(item) ? item : {}));
        if (items.length > 0) answer[field.name] = items;
        break;
      }
      default: {
        const text = typed(value);
        if (text.trim() !== '') answer[field.name] = text;
      }
    }
  }
  return answer;
}

/** Whether two answers say the same, whatever the order of their members. */
export function sameAnswer(one: unknown, other: unknown): boolean {
  if (Array.isArray(one) && Array.isArray(other)) {
    return one.length === other.length && one.every((item, index) => sameAnswer(item, other[index]));
  }
  if (isObject(one) && isObject(other)) {
    const names = new Set([...Object.keys(one), ...Object.keys(other)]);
    return [...names].every((name) => sameAnswer(one[name], other[name]));
  }
  return one === other;
}

/**
 * The name of the form's field at a JSON pointer into an answer: `/icps/0/name` is `icps.0.name`, `/tone/1` is `tone.1.value`.
 * A pointer to nothing in the form leads to the nearest field around it.
 */
export function fieldAt(fields: readonly Field[], pointer: string): string | undefined {
  const parts = pointer.split('/').slice(1);
  const [name, ...rest] = parts;
  const field = fields.find((one) => one.name === name);
  if (field === undefined) return undefined;
  const [index, ...inner] = rest;
  if (index === undefined || !/^\d+$/.test(index)) return field.kind === 'money' ? `${field.name}.amount` : field.name;
  if (field.kind === 'text_list') return `${field.name}.${index}.value`;
  if (field.kind !== 'object_list') return field.name;
  const within = fieldAt(field.fields, `/${inner.join('/')}`);
  const first = field.fields[0]?.name ?? '';
  return `${field.name}.${index}.${within ?? first}`;
}

/** A JSON pointer from the path of a check. */
export function pointerOf(path: readonly PropertyKey[]): string {
  return path.map((part) => `/${String(part)}`).join('');
}

/** What the field at a pointer is called, with the places in lists: `Ideal customer profiles 1, Name`. */
export function labelAt(fields: readonly Field[], pointer: string): string {
  const [name, index, ...inner] = pointer.split('/').slice(1);
  const field = fields.find((one) => one.name === name);
  if (field === undefined) return '';
  if (index === undefined || !/^\d+$/.test(index)) return field.label;
  const place = `${field.label} ${Number(index) + 1}`;
  if (field.kind !== 'object_list' || inner.length === 0) return place;
  return `${place}, ${labelAt(field.fields, `/${inner.join('/')}`)}`;
}
