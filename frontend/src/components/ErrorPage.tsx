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
  onRetry: () => void;
}

/** A whole page that says what is wrong and offers the one thing that can help. */
export function ErrorPage({ title, text, error, busy = false, retryLabel = common.retry, onRetry }: ErrorPageProps) {
  return (
    <main className="main" id="content">
      <div className="wide">
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
      </div>
    </main>
  );
}
