import type { ReactNode } from 'react';
import { explain, Problem } from '@/api/problem';
import { common } from '@/texts/common';
import { Button } from './Button';

interface NoticeProps {
  kind?: 'info' | 'success' | 'warning' | 'error';
  title?: string;
  children?: ReactNode;
}

/** Something to know, in the page. What must be heard at once is announced besides. */
export function Notice({ kind = 'info', title, children }: NoticeProps) {
  return (
    <div className={`notice ${kind === 'info' ? '' : `notice-${kind}`}`}>
      {title !== undefined && <p className="notice-title">{title}</p>}
      {children}
    </div>
  );
}

/** An error with what can be quoted about it. */
export function ErrorNotice({ error, byCode, onRetry }: { error: unknown; byCode?: Record<string, string>; onRetry?: () => void }) {
  return (
    <Notice kind="error">
      <p>{explain(error, byCode)}</p>
      <RequestId error={error} />
      {onRetry && (
        <div>
          <Button small onClick={onRetry}>
            {common.retry}
          </Button>
        </div>
      )}
    </Notice>
  );
}

export function RequestId({ error }: { error: unknown }) {
  if (!(error instanceof Problem) || error.requestId === undefined) return null;
  return <p className="request-id">{common.requestId(error.requestId)}</p>;
}
