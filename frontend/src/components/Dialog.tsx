import { lazy, Suspense } from 'react';
import type { ConfirmProps, DialogProps } from './DialogContent';

const DialogContent = lazy(() => import('./DialogContent'));

/** A question before something that cannot be taken back, or costs. Its code comes with the first one that opens. */
export function ConfirmDialog({ open, ...rest }: ConfirmProps & { open: boolean }) {
  if (!open) return null;
  return (
    <Suspense fallback={null}>
      <DialogContent kind="confirm" {...rest} />
    </Suspense>
  );
}

/** A choice or a form above the page. */
export function Dialog({ open, ...rest }: DialogProps & { open: boolean }) {
  if (!open) return null;
  return (
    <Suspense fallback={null}>
      <DialogContent kind="plain" {...rest} />
    </Suspense>
  );
}
