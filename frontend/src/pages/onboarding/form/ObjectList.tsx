import { useFieldArray, useFormContext } from 'react-hook-form';
import { Button } from '@/components/Button';
import { emptyValues } from '@/onboarding/answer';
import type { FieldOf } from '@/onboarding/definition';
import { common } from '@/texts/common';
import { onboardingTexts } from '@/texts/onboarding';
import { FieldInput, useError } from './FieldInput';
import { ListControls } from './ListControls';

const texts = onboardingTexts.step;

/** A list of things with fields of their own, such as customers with their pains. */
export function ObjectList({ field, path }: { field: FieldOf<'object_list'>; path: string }) {
  const { control } = useFormContext();
  const { fields: items, append, move, remove } = useFieldArray({ control, name: path });
  const error = useError(path);
  const full = items.length >= field.max_items;
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
      {items.length > 0 && (
        <ol className="items">
          {items.map(({ id }, index) => {
            const name = texts.item(field.item, index + 1);
            return (
              <li key={id}>
                <fieldset className="item">
                  <legend className="item-legend">{name}</legend>
                  <ListControls name={name} index={index} count={items.length} move={move} remove={remove} path={path} />
                  <div className="item-fields">
                    {field.fields.map((inner) => (
                      <div key={inner.name} className={`item-field item-field-${inner.kind}`}>
                        <FieldInput field={inner} path={`${path}.${index}.${inner.name}`} within={`${path}.${index}`} />
                      </div>
                    ))}
                  </div>
                </fieldset>
              </li>
            );
          })}
        </ol>
      )}
      <div className="row">
        <Button
          small
          id={`${path}-add`}
          blocked={full}
          onClick={() => {
            append(emptyValues(field.fields), { shouldFocus: false });
            const first = field.fields[0]?.name ?? '';
            requestAnimationFrame(() => document.getElementById(`${path}.${items.length}.${first}`)?.focus());
          }}
        >
          {texts.add(field.item)}
        </Button>
        <span className="muted small">{full ? texts.full(field.max_items) : `${items.length} / ${field.max_items}`}</span>
      </div>
    </fieldset>
  );
}
