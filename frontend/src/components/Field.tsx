import { useId, useState, type InputHTMLAttributes, type ReactNode, type SelectHTMLAttributes, type TextareaHTMLAttributes } from 'react';
import { common } from '@/texts/common';
import { Button } from './Button';

export interface FieldTexts {
  label: string;
  help?: string | undefined;
  error?: string | undefined;
  /** Says so beside the label; fields without it are needed. */
  optional?: boolean;
  /** How much of the room is used, such as `12 of 160`. */
  count?: { used: number; most: number } | undefined;
}

interface FieldProps extends FieldTexts {
  /** Draws the control with the ids that join it to label, help and error. */
  children: (ids: { id: string; 'aria-describedby': string | undefined; 'aria-invalid': true | undefined }) => ReactNode;
  id?: string | undefined;
}

/** Label, control, help and error, joined for everybody who does not see how near they stand. */
export function Field({ label, help, error, optional = false, count, id: given, children }: FieldProps) {
  const made = useId();
  const id = given ?? made;
  const described = [error !== undefined && `${id}-error`, help !== undefined && help !== '' && `${id}-help`].filter(Boolean).join(' ');
  return (
    <div className="field">
      <span className="field-label">
        <label htmlFor={id}>
          {label} {optional && <span className="field-optional">({common.optional})</span>}
        </label>
        {count && (
          <span className="field-count" data-over={count.used > count.most}>
            {count.used} / {count.most}
          </span>
        )}
      </span>
      {help !== undefined && help !== '' && (
        <span className="field-help" id={`${id}-help`}>
          {help}
        </span>
      )}
      {children({ id, 'aria-describedby': described === '' ? undefined : described, 'aria-invalid': error === undefined ? undefined : true })}
      {error !== undefined && (
        <span className="field-error" id={`${id}-error`}>
          {error}
        </span>
      )}
    </div>
  );
}

type TextFieldProps = FieldTexts & Omit<InputHTMLAttributes<HTMLInputElement>, 'children'> & { ref?: React.Ref<HTMLInputElement> };

export function TextField({ label, help, error, optional, count, id, className, ...input }: TextFieldProps) {
  return (
    <Field {...{ label, help, error, count, id }} {...(optional && { optional })}>
      {(ids) => <input {...input} {...ids} className={`input ${className ?? ''}`} />}
    </Field>
  );
}

export function TextArea({
  label,
  help,
  error,
  optional,
  count,
  id,
  ...input
}: FieldTexts & TextareaHTMLAttributes<HTMLTextAreaElement> & { ref?: React.Ref<HTMLTextAreaElement> }) {
  return (
    <Field {...{ label, help, error, count, id }} {...(optional && { optional })}>
      {(ids) => <textarea {...input} {...ids} className="input" />}
    </Field>
  );
}

export function Select({
  label,
  help,
  error,
  optional,
  id,
  children,
  ...select
}: FieldTexts & SelectHTMLAttributes<HTMLSelectElement> & { ref?: React.Ref<HTMLSelectElement> }) {
  return (
    <Field {...{ label, help, error, id }} {...(optional && { optional })}>
      {(ids) => (
        <select {...select} {...ids} className="input">
          {children}
        </select>
      )}
    </Field>
  );
}

/** A password that can be looked at while it is typed. */
export function PasswordField(props: TextFieldProps) {
  const [shown, setShown] = useState(false);
  const { label, help, error, optional, count, id, className, ...input } = props;
  return (
    <Field {...{ label, help, error, count, id }} {...(optional && { optional })}>
      {(ids) => (
        <span className="input-group">
          <input {...input} {...ids} type={shown ? 'text' : 'password'} className={`input ${className ?? ''}`} spellCheck={false} />
          <Button aria-pressed={shown} aria-label={`${shown ? common.hide : common.show}: ${label}`} onClick={() => setShown(!shown)}>
            {shown ? common.hide : common.show}
          </Button>
        </span>
      )}
    </Field>
  );
}

export function Checkbox({ label, ...input }: { label: ReactNode } & InputHTMLAttributes<HTMLInputElement> & { ref?: React.Ref<HTMLInputElement> }) {
  const made = useId();
  const id = input.id ?? made;
  return (
    <label className="checkbox" htmlFor={id}>
      <input {...input} id={id} type="checkbox" />
      <span>{label}</span>
    </label>
  );
}
