import { useId, type ReactNode } from 'react';

/** `FIG. 01 — Freshness`, as drawings are captioned. */
export function Fig({ number, children, plain = false }: { number?: number | string; children: ReactNode; plain?: boolean }) {
  return (
    <p className={`fig ${plain ? 'fig-plain' : ''}`}>
      <span>
        {number !== undefined && `Fig. ${typeof number === 'number' ? String(number).padStart(2, '0') : number} — `}
        {children}
      </span>
    </p>
  );
}

interface SheetProps {
  /** Names the region for screen readers and is its visible heading. */
  title?: string;
  /** Where it stands in the outline of the page. */
  level?: 2 | 3;
  fig?: { number: number | string; caption: string };
  /** Beside the heading. */
  aside?: ReactNode;
  ticks?: boolean;
  className?: string;
  children: ReactNode;
}

/** A table that may be wider than the screen: it scrolls by itself, with the keyboard, too. */
export function WideTable({ label, children }: { label: string; children: ReactNode }) {
  return (
    // What scrolls has to be reached.
    // eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex
    <div className="table-wrap" role="region" aria-label={label} tabIndex={0}>
      <table>{children}</table>
    </div>
  );
}

/** A sheet of paper on the canvas: every panel is one. */
export function Sheet({ title, level = 2, fig, aside, ticks = false, className = '', children }: SheetProps) {
  const id = useId();
  const Heading = `h${level}` as const;
  const classes = `sheet stack ${ticks ? 'ticks' : ''} ${className}`;
  const inner = (
    <>
      {fig && <Fig number={fig.number}>{fig.caption}</Fig>}
      {title !== undefined && (
        <div className="row-apart">
          <Heading id={id}>{title}</Heading>
          {aside}
        </div>
      )}
      {children}
    </>
  );
  if (title === undefined) return <div className={classes}>{inner}</div>;
  return (
    <section className={classes} aria-labelledby={id}>
      {inner}
    </section>
  );
}
