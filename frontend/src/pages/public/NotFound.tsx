import { LinkButton } from '@/components/Button';
import { Page } from '@/components/Page';
import { common } from '@/texts/common';

export default function NotFound() {
  return (
    <Page title={common.errors.notFoundTitle} lead={<p>{common.errors.notFoundText}</p>} className="middle">
      <LinkButton kind="primary" to="/">
        {common.errors.toStart}
      </LinkButton>
    </Page>
  );
}
