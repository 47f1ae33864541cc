import { useFormContext, useFormState, useWatch } from 'react-hook-form';
import { Checkbox, Select, TextArea, TextField } from '@/components/Field';
import { amountCurrency, type Values } from '@/onboarding/answer';
import { graphemes } from '@/onboarding/check';
import type { Field, FieldOf } from '@/onboarding/definition';
import { common } from '@/texts/common';
import { onboardingTexts } from '@/texts/onboarding';
import { CurrencyOptions } from './CurrencyOptions';
import { ObjectList } from './ObjectList';
import { TextList } from './TextList';

const texts = onboardingTexts.step;

/** The error that stands at a path of the form, whoever found it. */
export function useError(path: string): string | undefined {
  const { getFieldState } = useFormContext<Values>();
  const state = useFormState<Values>({ name: path });
  const message: unknown = getFieldState(path, state).error?.message;
  return typeof message === 'string' && message !== '' ? message : undefined;
}

interface Props<F extends Field = Field> {
  field: F;
  /** Where its value stands in the form: `icps.0.name`. */
  path: string;
  /** Where the currency of amounts around it stands. */
  within: string;
}

/** How long a text has to be before its counter is shown, as a part of what is possible. */
const COUNTER_FROM = 0.6;

function Text({ field, path }: Props<FieldOf<'text' | 'long_text'>>) {
  const { register } = useFormContext<Values>();
  const value = useWatch<Values>({ name: path });
  const error = useError(path);
  const used = typeof value === 'string' ? graphemes(value.trim()) : 0;
  const count = field.kind === 'long_text' || used > field.max * COUNTER_FROM ? { used, most: field.max } : undefined;
  const shared = { label: field.label, help: field.help, error, optional: !field.required, count, placeholder: field.placeholder, id: path };
  return field.kind === 'long_text' ? <TextArea {...shared} rows={4} {...register(path)} /> : <TextField {...shared} {...register(path)} />;
}

function Line({ field, path, help, type = 'text', inputMode }: Props & { help?: string; type?: string; inputMode?: 'numeric' | 'decimal' | 'url' }) {
  const { register } = useFormContext<Values>();
  return (
    <TextField
      id={path}
      label={field.label}
      help={help ?? field.help}
      error={useError(path)}
      optional={!field.required}
      placeholder={field.placeholder}
      type={type}
      inputMode={inputMode}
      autoComplete="off"
      {...register(path)}
    />
  );
}

function Choice({ field, path }: Props<FieldOf<'enum'>>) {
  const { register } = useFormContext<Values>();
  const error = useError(path);
  return (
    <Select id={path} label={field.label} help={field.help} error={error} optional={!field.required} {...register(path)}>
      <option value="">{field.required ? texts.choose : texts.none}</option>
      {field.options.map(({ value, label }) => (
        <option key={value} value={value}>
          {label}
        </option>
      ))}
    </Select>
  );
}

function Currency({ field, path }: Props<FieldOf<'currency'>>) {
  const { register } = useFormContext<Values>();
  return (
    <Select id={path} label={field.label} help={field.help} error={useError(path)} optional={!field.required} {...register(path)}>
      <option value="">{texts.choose}</option>
      <CurrencyOptions />
    </Select>
  );
}

function Amount({ field, path, within }: Props<FieldOf<'amount'>>) {
  const chosen: unknown = useWatch<Values>({ name: within === '' ? 'currency' : `${within}.currency` });
  const currency = amountCurrency(chosen);
  // The server counts in paise and says so; people type rupees here.
  const rule = field.help?.includes('minor units') ? '' : ` ${field.help ?? ''}`;
  return <Line field={field} path={path} within={within} inputMode="decimal" help={texts.amountIn(currency) + rule} />;
}

function Money({ field, path }: Props<FieldOf<'money'>>) {
  const { register } = useFormContext<Values>();
  const error = useError(`${path}.amount`);
  const chosen: unknown = useWatch<Values>({ name: `${path}.currency` });
  return (
    <fieldset className="choices money">
      <legend>
        {field.label} {!field.required && <span className="field-optional">({common.optional})</span>}
      </legend>
      <div className="money-row">
        <TextField id={`${path}.amount`} label={texts.amount} help={texts.amountIn(amountCurrency(chosen))} error={error} inputMode="decimal" autoComplete="off" {...register(`${path}.amount`)} />
        <Select id={`${path}.currency`} label={texts.currency} {...register(`${path}.currency`)}>
          <CurrencyOptions />
        </Select>
      </div>
    </fieldset>
  );
}

function Confirmation({ field, path }: Props<FieldOf<'boolean'>>) {
  const { register } = useFormContext<Values>();
  const error = useError(path);
  return (
    <div className="field">
      <Checkbox id={path} label={field.label} aria-invalid={error !== undefined} aria-describedby={error === undefined ? undefined : `${path}-error`} {...register(path)} />
      {error !== undefined && (
        <span className="field-error" id={`${path}-error`}>
          {error}
        </span>
      )}
    </div>
  );
}

/** A field of a step, drawn by its kind. Lists of objects draw their fields with it again. */
export function FieldInput({ field, path, within }: Props) {
  switch (field.kind) {
    case 'text':
    case 'long_text':
      return <Text field={field} path={path} within={within} />;
    case 'url':
      return <Line field={field} path={path} within={within} inputMode="url" />;
    case 'integer':
    case 'year':
      return <Line field={field} path={path} within={within} inputMode="numeric" />;
    case 'number':
      return <Line field={field} path={path} within={within} inputMode="decimal" />;
    case 'date':
      return <Line field={field} path={path} within={within} type="date" />;
    case 'amount':
      return <Amount field={field} path={path} within={within} />;
    case 'money':
      return <Money field={field} path={path} within={within} />;
    case 'currency':
      return <Currency field={field} path={path} within={within} />;
    case 'boolean':
      return <Confirmation field={field} path={path} within={within} />;
    case 'enum':
      return <Choice field={field} path={path} within={within} />;
    case 'text_list':
      return <TextList field={field} path={path} />;
    case 'object_list':
      return <ObjectList field={field} path={path} />;
  }
}
