import type { ReactNode } from 'react';

export type Tone = 'plain' | 'success' | 'warning' | 'error' | 'accent';

/** A state in a word. The word says it; the colour only helps. */
export function Tag({ tone = 'plain', children }: { tone?: Tone; children: ReactNode }) {
  return <span className={`tag ${tone === 'plain' ? '' : `tag-${tone}`}`}>{children}</span>;
}
