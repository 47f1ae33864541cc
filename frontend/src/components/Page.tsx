import { useEffect, useRef, type ReactNode } from 'react';
import { useLocation } from 'react-router';
import { common } from '@/texts/common';

let navigations = 0;

interface PageProps {
  title: string;
  /** A line above the title, such as the phase of a step. */
  above?: ReactNode;
  lead?: ReactNode;
  className?: string;
  children?: ReactNode;
}

/** A page with its heading: the document's title follows it, and so does the focus after each navigation. */
export function Page({ title, above, lead, className, children }: PageProps) {
  const heading = useRef<HTMLHeadingElement>(null);
  const { pathname } = useLocation();
  useEffect(() => {
    document.title = `${title} · ${common.product}`;
  }, [title]);
  useEffect(() => {
    // The first page of a visit is read from its top by itself.
    navigations += 1;
    if (navigations > 1) {
      heading.current?.focus({ preventScroll: true });
      window.scrollTo({ top: 0 });
    }
  }, [pathname]);
  return (
    <div className={className}>
      <header className="page-head">
        {above}
        <h1 ref={heading} tabIndex={-1}>
          {title}
        </h1>
        {lead !== undefined && <div className="lead">{lead}</div>}
      </header>
      {children}
    </div>
  );
}
