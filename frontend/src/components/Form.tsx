import type { ReactNode } from 'react';
import { ErrorNotice } from './Notice';

interface FormProps {
  onSubmit: (values: FormData) => void;
  error?: unknown;
  byCode?: Record<string, string>;
  label?: string;
  children: ReactNode;
}

/** A short form: the browser checks what it can, the error of the last try stands above the fields. */
export function Form({ onSubmit, error, byCode, label, children }: FormProps) {
  return (
    <form
      className="stack"
      {...(label !== undefined && { 'aria-label': label })}
      onSubmit={(event) => {
        event.preventDefault();
        onSubmit(new FormData(event.currentTarget));
      }}
    >
      {error !== undefined && <ErrorNotice error={error} {...(byCode && { byCode })} />}
      {children}
    </form>
  );
}

/** A password as it was typed: blanks at its ends belong to it. */
export function secret(values: FormData, name: string): string {
  const value = values.get(name);
  return typeof value === 'string' ? value : '';
}

/** A text of a form's values, trimmed. */
export function text(values: FormData, name: string): string {
  const value = values.get(name);
  return typeof value === 'string' ? value.trim() : '';
}
