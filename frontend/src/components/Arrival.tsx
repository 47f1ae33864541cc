import { useEffect, useRef, type ReactNode } from 'react';

/** What takes the place of the button that led here: the focus goes along, or it would be lost with the button. */
export function Arrival({ label, children }: { label: string; children: ReactNode }) {
  const place = useRef<HTMLDivElement>(null);
  useEffect(() => place.current?.focus(), []);
  return (
    <div ref={place} role="group" aria-label={label} tabIndex={-1} className="arrival">
      {children}
    </div>
  );
}
