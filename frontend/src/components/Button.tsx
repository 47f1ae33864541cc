import type { ButtonHTMLAttributes, ReactNode } from 'react';
import { Link, type LinkProps } from 'react-router';

type Kind = 'primary' | 'secondary' | 'danger' | 'quiet';
interface Look {
  kind?: Kind;
  small?: boolean;
}

function look({ kind = 'secondary', small = false }: Look, more = ''): string {
  return ['button', kind === 'secondary' ? '' : `button-${kind}`, small ? 'button-small' : '', more].filter(Boolean).join(' ');
}

interface ButtonProps extends ButtonHTMLAttributes<HTMLButtonElement>, Look {
  /** Its work is under way: it stays in the focus order and takes no further press. */
  busy?: boolean;
  /** Why it cannot be used; it stays in the focus order so that the reason can be found. */
  blocked?: boolean;
  children: ReactNode;
}

/** One primary button on a screen. */
export function Button({ kind, small, busy = false, blocked = false, className, onClick, type = 'button', children, ...rest }: ButtonProps) {
  const inert = busy || blocked;
  return (
    <button
      {...rest}
      type={type}
      className={look({ ...(kind && { kind }), ...(small && { small }) }, className)}
      aria-busy={busy || undefined}
      aria-disabled={inert || undefined}
      onClick={(event) => {
        if (inert) event.preventDefault();
        else onClick?.(event);
      }}
    >
      {busy && <span className="spinner" aria-hidden="true" />}
      {children}
    </button>
  );
}

interface LinkButtonProps extends LinkProps, Look {}

/** Looks like a button and leads somewhere. */
export function LinkButton({ kind, small, className, ...rest }: LinkButtonProps) {
  return <Link {...rest} className={look({ ...(kind && { kind }), ...(small && { small }) }, className)} />;
}
