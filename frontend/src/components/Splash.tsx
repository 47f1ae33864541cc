import { useEffect, useState } from 'react';
import { common } from '@/texts/common';
import { Mark } from './Mark';

/** Waiting for the first answer. It appears late, so that a fast answer does not flicker. */
export function Splash({ after = 150, inside = false }: { after?: number; /** Part of a page whose frame is there already. */ inside?: boolean }) {
  const [shown, setShown] = useState(after === 0);
  useEffect(() => {
    const timer = setTimeout(() => setShown(true), after);
    return () => clearTimeout(timer);
  }, [after]);
  if (!shown) return null;
  const content = (
    <>
      <Mark size={40} />
      <p role="status">{common.loading}</p>
    </>
  );
  return inside ? (
    <div className="splash">{content}</div>
  ) : (
    <main className="splash" id="content">
      {content}
    </main>
  );
}
