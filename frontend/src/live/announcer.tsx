import { useSyncExternalStore } from 'react';

/** What was said last, by urgency. */
interface Said {
  polite: string;
  assertive: string;
}

let said: Said = { polite: '', assertive: '' };
const listeners = new Set<() => void>();

/** Says something to screen readers. Whatever matters must also stand in the page. */
export function announce(text: string, urgency: keyof Said = 'polite'): void {
  // A trailing no-break space makes a repetition a change, which is what is read out.
  said = { ...said, [urgency]: said[urgency] === text ? `${text}\u00a0` : text };
  for (const listener of listeners) listener();
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

/** The two regions. They exist before any text is put in them, for the whole life of the page. */
export function LiveRegions() {
  const { polite, assertive } = useSyncExternalStore(subscribe, () => said);
  return (
    <div className="hidden-visually">
      <p role="status" aria-live="polite">
        {polite}
      </p>
      <p role="alert" aria-live="assertive">
        {assertive}
      </p>
    </div>
  );
}
