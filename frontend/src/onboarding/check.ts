import * as z from 'zod/mini';
import { onboardingTexts } from '@/texts/onboarding';
import { pointerOf, type Answer } from './answer';
import type { Field, Step } from './definition';

const texts = onboardingTexts.check;

/** `draft`: types and upper limits, what the server asks of a save. `complete`: what is needed, too. */
export type Strictness = 'draft' | 'complete';

export interface Finding {
  pointer: string;
  message: string;
}

const segmenter = 'Segmenter' in Intl ? new Intl.Segmenter(undefined, { granularity: 'grapheme' }) : undefined;

/** The characters as a reader counts them. */
export function graphemes(text: string): number {
  if (segmenter === undefined) return Array.from(text).length;
  return Array.from(segmenter.segment(text)).length;
}

function limited(min: number, max: number, strictness: Strictness) {
  return z.string().check(
    z.superRefine((value, context) => {
      const used = graphemes(value.trim());
      if (used > max) context.addIssue({ code: 'custom', message: texts.tooLong(used, max) });
      else if (strictness === 'complete' && used < min) context.addIssue({ code: 'custom', message: texts.tooShort(min) });
    }),
  );
}

function isWebAddress(value: string): boolean {
  return /^https?:\/\//i.test(value) && URL.canParse(value);
}

/** A whole or broken number within limits; anything else that was typed is told apart from a number out of range. */
function within(min: number, max: number, whole: boolean) {
  return z.unknown().check(
    z.superRefine((value, context) => {
      if (typeof value !== 'number' || (whole && !Number.isSafeInteger(value))) {
        context.addIssue({ code: 'custom', message: whole ? texts.integer : texts.number });
      } else if (value < min || value > max) {
        context.addIssue({ code: 'custom', message: texts.range(min, max) });
      }
    }),
  );
}

function amount(max: number) {
  return z.unknown().check(z.refine((value) => typeof value === 'number' && value >= 0 && value <= max, { error: texts.amount }));
}

function schemaOf(field: Field, strictness: Strictness): z.ZodMiniType {
  switch (field.kind) {
    case 'text':
    case 'long_text':
      return limited(field.min, field.max, strictness);
    case 'url':
      // A half-typed address is saved as it is once it could be one.
      return z.string().check(z.refine((value) => isWebAddress(value.trim()), { error: texts.url }));
    case 'integer':
      return within(field.min, field.max, true);
    case 'year':
      return within(field.min, new Date().getFullYear() + field.years_ahead, true);
    case 'number':
      return within(field.min, field.max, false);
    case 'amount':
      return amount(field.max);
    case 'money':
      return z.object({ amount_minor: amount(field.max), currency: z.string() });
    case 'currency':
      return z.string();
    case 'boolean':
      return z.boolean().check(z.refine((value) => strictness === 'draft' || !field.must_be_true || value, { error: texts.confirm }));
    case 'enum':
      return z.string().check(z.refine((value) => field.options.some((option) => option.value === value), { error: texts.choose }));
    case 'date':
      return z.string().check(z.refine((value) => /^\d{4}-\d{2}-\d{2}$/.test(value), { error: texts.date }));
    case 'text_list': {
      const entries = z.array(limited(0, field.max, strictness));
      return entries.check(
        z.superRefine((value, context) => {
          const count = value.filter((entry) => entry.trim() !== '').length;
          if (count > field.max_items) context.addIssue({ code: 'custom', message: texts.atMostItems(field.max_items) });
          else if (strictness === 'complete' && count < field.min_items) {
            context.addIssue({ code: 'custom', message: texts.atLeastItems(field.min_items) });
          }
        }),
      );
    }
    case 'object_list':
      return z.array(objectOf(field.fields, strictness)).check(
        z.superRefine((value, context) => {
          if (value.length > field.max_items) context.addIssue({ code: 'custom', message: texts.atMostItems(field.max_items) });
          else if (strictness === 'complete' && value.length < field.min_items) {
            context.addIssue({ code: 'custom', message: texts.atLeastItems(field.min_items) });
          }
        }),
      );
  }
}

function missing(field: Field): string {
  if (field.kind === 'enum' || field.kind === 'currency') return texts.choose;
  if (field.kind === 'text_list' || field.kind === 'object_list') return texts.atLeastItems(Math.max(1, field.min_items));
  return texts.required;
}

function objectOf(fields: readonly Field[], strictness: Strictness): z.ZodMiniType {
  const shape = Object.fromEntries(
    fields.map((field) => {
      const schema = z.optional(schemaOf(field, strictness));
      return [field.name, schema];
    }),
  );
  const required = strictness === 'complete' ? fields.filter((field) => field.required) : [];
  return z.object(shape).check(
    z.superRefine((value, context) => {
      const members = value as Record<string, unknown>;
      for (const field of required) {
        if (members[field.name] === undefined) {
          context.addIssue({ code: 'custom', path: [field.name], message: missing(field) });
        }
      }
    }),
  );
}

/** The rules that join several fields; see `crates/domain/src/answer/rules.rs`. */
function joint(step: Step, answer: Answer): Finding[] {
  if (step.slug === 'integrity' && Array.isArray(answer.contradictions)) {
    return answer.contradictions.flatMap((item: Record<string, unknown>, index) =>
      item.severity === 'critical' && item.resolution === undefined
        ? [{ pointer: `/contradictions/${index}/resolution`, message: texts.resolution }]
        : [],
    );
  }
  if (step.slug === 'market-size') {
    const above = (smaller: string, larger: string) => {
      const [small, large] = [answer[smaller], answer[larger]];
      return typeof small === 'number' && typeof large === 'number' && small > large;
    };
    if (above('sam', 'tam')) return [{ pointer: '/sam', message: texts.atMostTotal }];
    if (above('som', 'sam')) return [{ pointer: '/som', message: texts.atMostServed }];
    if (above('som', 'tam')) return [{ pointer: '/som', message: texts.atMostTotal }];
  }
  return [];
}

/** What stands against saving or completing an answer. The server decides; this only says it sooner, and beside the field. */
export function check(step: Step, answer: Answer, strictness: Strictness): Finding[] {
  const result = z.safeParse(objectOf(step.fields, strictness), answer);
  const found = result.success ? [] : result.error.issues.map((issue) => ({ pointer: pointerOf(issue.path), message: issue.message }));
  return strictness === 'complete' ? [...found, ...joint(step, answer)] : found;
}
