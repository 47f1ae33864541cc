import type { CSSProperties } from 'react';

interface ProgressProps {
  label: string;
  done: number;
  total: number;
  /** What is read out instead of a percentage. */
  text: string;
}

/** Progress on a ruler: a mark for each unit. */
export function Progress({ label, done, total, text }: ProgressProps) {
  const style = { '--marks': total } as CSSProperties;
  return (
    <div className="ruler" role="progressbar" aria-label={label} aria-valuemin={0} aria-valuemax={total} aria-valuenow={done} aria-valuetext={text} style={style}>
      <span style={{ width: `${total === 0 ? 0 : (done / total) * 100}%` }} />
    </div>
  );
}
