import { common } from '@/texts/common';
import { Button } from './Button';
import { Mark } from './Mark';
import { RequestId } from './Notice';
import { Page } from './Page';

interface ErrorPageProps {
  title: string;
  text: string;
  error?: unknown;
  busy?: boolean;
  retryLabel?: string;
  /** Part of a page whose frame is there already. */
  inside?: boolean;
  onRetry: () => void;
}

/** A whole page that says what is wrong and offers the one thing that can help. */
export function ErrorPage({ title, text, error, busy = false, retryLabel = common.retry, inside = false, onRetry }: ErrorPageProps) {
  const sheet = (
    <div className="sheet ticks narrow stack">
      <Mark size={32} />
      <Page title={title} className="stack-8">
        <p className="secondary">{text}</p>
      </Page>
      <RequestId error={error} />
      <div>
        <Button kind="primary" busy={busy} onClick={onRetry}>
          {retryLabel}
        </Button>
      </div>
    </div>
  );
  if (inside) return sheet;
  return (
    <main className="main" id="content">
      <div className="wide">{sheet}</div>
    </main>
  );
}
