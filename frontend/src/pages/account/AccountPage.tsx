import type { ReactNode } from 'react';
import { Page } from '@/components/Page';

/** A narrow sheet with one form. */
export function AccountPage({ title, lead, after, children }: { title: string; lead?: string; after?: ReactNode; children: ReactNode }) {
  return (
    <div className="narrow stack-24">
      <div className="sheet ticks">
        <Page title={title} {...(lead !== undefined && { lead: <p>{lead}</p> })}>
          {children}
        </Page>
      </div>
      {after}
    </div>
  );
}
