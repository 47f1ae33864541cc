import { useFieldArray, useFormContext } from 'react-hook-form';
import { Button } from '@/components/Button';
import type { FieldOf } from '@/onboarding/definition';
import type { Values } from '@/onboarding/answer';
import { onboardingTexts } from '@/texts/onboarding';
import { common } from '@/texts/common';
import { ListControls } from './ListControls';
import { useError } from './FieldInput';

const texts = onboardingTexts.step;

function Entry({ path, label }: { path: string; label: string }) {
  const { register } = useFormContext<Values>();
  const error = useError(`${path}.value`);
  return (
    <span className="entry-text">
      <input
        id={`${path}.value`}
        className="input"
        aria-label={label}
        aria-invalid={error === undefined ? undefined : true}
        aria-describedby={error === undefined ? undefined : `${path}-error`}
        autoComplete="off"
        {...register(`${path}.value`)}
      />
      {error !== undefined && (
        <span className="field-error" id={`${path}-error`}>
          {error}
        </span>
      )}
    </span>
  );
}

/** A list of short texts: Enter adds another, the arrows reorder. */
export function TextList({ field, path }: { field: FieldOf<'text_list'>; path: string }) {
  const { control } = useFormContext();
  const { fields, append, insert, move, remove } = useFieldArray({ control, name: path });
  const error = useError(path);
  const full = fields.length >= field.max_items;
  const focusOn = (index: number) => requestAnimationFrame(() => document.getElementById(`${path}.${index}.value`)?.focus());
  return (
    <fieldset className="choices" id={path} tabIndex={-1} aria-describedby={error === undefined ? undefined : `${path}-error`}>
      <legend>
        {field.label} {!field.required && <span className="field-optional">({common.optional})</span>}
      </legend>
      {field.help !== undefined && <span className="field-help">{field.help}</span>}
      {error !== undefined && (
        <span className="field-error" id={`${path}-error`}>
          {error}
        </span>
      )}
      {fields.length > 0 && (
        <ol className="entries">
          {fields.map(({ id }, index) => (
            // Enter in an entry means "one more", not "send the form".
            // eslint-disable-next-line jsx-a11y/no-noninteractive-element-interactions
            <li
              key={id}
              className="entry"
              onKeyDown={(event) => {
                if (event.key !== 'Enter' || !(event.target instanceof HTMLInputElement)) return;
                event.preventDefault();
                if (full) return;
                insert(index + 1, { value: '' }, { shouldFocus: false });
                focusOn(index + 1);
              }}
            >
              <Entry path={`${path}.${index}`} label={texts.entry(field.label, index + 1)} />
              <ListControls name={texts.entry(field.label, index + 1)} index={index} count={fields.length} move={move} remove={remove} path={path} />
            </li>
          ))}
        </ol>
      )}
      <div className="row">
        <Button
          small
          id={`${path}-add`}
          blocked={full}
          aria-label={`${fields.length === 0 ? texts.addFirst : texts.addText}: ${field.label}`}
          onClick={() => {
            append({ value: '' }, { shouldFocus: false });
            focusOn(fields.length);
          }}
        >
          {fields.length === 0 ? texts.addFirst : texts.addText}
        </Button>
        <span className="muted small">{full ? texts.full(field.max_items) : `${fields.length} / ${field.max_items}`}</span>
      </div>
    </fieldset>
  );
}
