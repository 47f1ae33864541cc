import { useEffect, useId, useRef, useState, type ReactNode } from 'react';

interface MenuProps {
  label: ReactNode;
  /** Spoken instead of a label that says too little. */
  title?: string;
  up?: boolean;
  className?: string;
  children: (close: () => void) => ReactNode;
}

/** A button that unfolds a list of links and buttons. Escape, a press outside and leaving it fold it again. */
export function Menu({ label, title, up = false, className = 'button', children }: MenuProps) {
  const [open, setOpen] = useState(false);
  const id = useId();
  const root = useRef<HTMLDivElement>(null);
  const button = useRef<HTMLButtonElement>(null);
  const close = () => setOpen(false);

  useEffect(() => {
    if (!open) return;
    const opener = button.current;
    const outside = (event: Event) => {
      if (event.target instanceof Node && !root.current?.contains(event.target)) setOpen(false);
    };
    const escape = (event: KeyboardEvent) => {
      if (event.key !== 'Escape') return;
      setOpen(false);
      button.current?.focus();
    };
    document.addEventListener('pointerdown', outside);
    document.addEventListener('focusin', outside);
    document.addEventListener('keydown', escape);
    return () => {
      document.removeEventListener('pointerdown', outside);
      document.removeEventListener('focusin', outside);
      document.removeEventListener('keydown', escape);
      // Whatever was pressed went with the list, and the focus with it.
      if (document.activeElement === document.body) opener?.focus();
    };
  }, [open]);

  return (
    <div className="menu" ref={root}>
      <button type="button" className={className} ref={button} aria-expanded={open} aria-controls={id} {...(title !== undefined && { 'aria-label': title })} onClick={() => setOpen(!open)}>
        {label}
      </button>
      <div id={id} hidden={!open} className={`menu-list ${up ? 'menu-list-up' : ''}`}>
        {open && children(close)}
      </div>
    </div>
  );
}
