import { useEffect, useState } from 'react';
import { ago, date, dateAndTime } from '@/format/time';

/** The minute that it is, so that "3 minutes ago" grows old. */
export function useNow(everyMs = 30_000): number {
  const [now, setNow] = useState(() => Date.now());
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), everyMs);
    return () => clearInterval(timer);
  }, [everyMs]);
  return now;
}

/** A moment, exact and as people say it: `28 Nov 2026, 10:46 (3 minutes ago)`. */
export function Moment({ at, relative = true }: { at: string; relative?: boolean }) {
  const now = useNow();
  return (
    <time dateTime={at}>
      {dateAndTime(at)}
      {relative && <span className="muted"> ({ago(at, now)})</span>}
    </time>
  );
}

export function Day({ at }: { at: string }) {
  return <time dateTime={at}>{date(at)}</time>;
}
