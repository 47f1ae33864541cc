import { money } from '@/format/money';
import { date } from '@/format/time';
import { amountCurrency, type Answer } from '@/onboarding/answer';
import type { Field } from '@/onboarding/definition';
import { onboardingTexts } from '@/texts/onboarding';

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** A value that is no list, in words: the label of a choice, an amount with its currency. */
function plain(field: Field, value: unknown, around: Record<string, unknown>): string {
  switch (field.kind) {
    case 'enum':
      return field.options.find((option) => option.value === value)?.label ?? String(value);
    case 'amount':
      return typeof value === 'number' ? money(value, amountCurrency(around.currency)) : String(value);
    case 'money':
      return isObject(value) && typeof value.amount_minor === 'number' ? money(value.amount_minor, amountCurrency(value.currency)) : '';
    case 'boolean':
      return value === true ? '✓' : '–';
    case 'date':
      return typeof value === 'string' && !Number.isNaN(Date.parse(value)) ? date(value) : String(value);
    default:
      return typeof value === 'string' || typeof value === 'number' ? String(value) : '';
  }
}

function Value({ field, value, around }: { field: Field; value: unknown; around: Record<string, unknown> }) {
  if (field.kind === 'text_list') {
    const entries = (Array.isArray(value) ? value : []).filter((entry): entry is string => typeof entry === 'string' && entry.trim() !== '');
    return (
      <ul className="answer-list">
        {entries.map((entry, index) => (
          <li key={index}>{entry}</li>
        ))}
      </ul>
    );
  }
  if (field.kind === 'object_list') {
    return (
      <ol className="stack">
        {(Array.isArray(value) ? value : []).map((item, index) => (
          <li key={index}>
            <Facts fields={field.fields} answer={isObject(item) ? item : {}} />
          </li>
        ))}
      </ol>
    );
  }
  return <span className="breakable">{plain(field, value, around)}</span>;
}

function Facts({ fields, answer }: { fields: readonly Field[]; answer: Answer }) {
  const given = fields.filter((field) => answer[field.name] !== undefined && answer[field.name] !== null);
  return (
    <dl className="facts">
      {given.map((field) => (
        <div key={field.name} className="facts-pair">
          <dt>{field.label}</dt>
          <dd>
            <Value field={field} value={answer[field.name]} around={answer} />
          </dd>
        </div>
      ))}
    </dl>
  );
}

/** An answer as it is read, not edited: what was not answered is not shown. */
export function Readable({ fields, answer }: { fields: readonly Field[]; answer: Answer | null | undefined }) {
  if (!answer || Object.keys(answer).length === 0) return <p className="muted">{onboardingTexts.review.notAnswered}</p>;
  return <Facts fields={fields} answer={answer} />;
}
