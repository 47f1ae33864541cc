import type { UseQueryResult } from '@tanstack/react-query';
import { useEffect, type ReactNode } from 'react';
import { explain } from '@/api/problem';
import { announce } from '@/live/announcer';
import { common } from '@/texts/common';
import { ErrorNotice } from './Notice';

export function Skeleton({ lines = 4 }: { lines?: number }) {
  return (
    <div className="skeleton">
      <p className="hidden-visually" role="status">
        {common.loading}
      </p>
      {Array.from({ length: lines }, (_, index) => (
        <span key={index} aria-hidden="true" />
      ))}
    </div>
  );
}

interface QueryPanelProps<T> {
  query: UseQueryResult<T>;
  lines?: number;
  byCode?: Record<string, string>;
  /** Whether the answer holds nothing to show; `empty` is shown then. */
  isEmpty?: (data: T) => boolean;
  empty?: ReactNode;
  children: (data: T) => ReactNode;
}

/** What every panel is: loading, empty, error with a way out, or its content, marked when it could not be renewed. */
export function QueryPanel<T>({ query, lines, byCode, isEmpty, empty, children }: QueryPanelProps<T>) {
  const { isError, error } = query;
  // What replaces a skeleton is heard, too.
  useEffect(() => {
    if (isError) announce(explain(error, byCode));
  }, [isError, error, byCode]);
  const retry = () => void query.refetch();
  if (query.data === undefined) {
    if (query.isError) return <ErrorNotice error={query.error} {...(byCode && { byCode })} onRetry={retry} />;
    return <Skeleton {...(lines !== undefined && { lines })} />;
  }
  return (
    <>
      {query.isError && <ErrorNotice error={query.error} {...(byCode && { byCode })} onRetry={retry} />}
      {isEmpty?.(query.data) ? empty : children(query.data)}
    </>
  );
}
