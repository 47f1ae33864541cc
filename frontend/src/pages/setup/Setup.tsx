import { useQueryClient } from '@tanstack/react-query';
import { useEffect } from 'react';
import { api, unwrap } from '@/api/client';
import { Button } from '@/components/Button';
import { Notice, RequestId } from '@/components/Notice';
import { Page } from '@/components/Page';
import { useSubmit } from '@/components/use-submit';
import { askGateAgain } from '@/gate/gate-query';
import { accountTexts } from '@/texts/account';
import { common } from '@/texts/common';

const texts = accountTexts.setup;

/** Makes what is missing of profile and workspace, then asks the gate: in this order, since the second reads what the first wrote. */
export default function Setup() {
  const client = useQueryClient();
  const prepare = useSubmit(async () => {
    await unwrap(api.auth.POST('/api/auth/ensure-profile'));
    await askGateAgain(client);
  });
  const { run } = prepare;
  useEffect(() => {
    void run();
    // Once when the page opens; the button is for every further try.
    // eslint-disable-next-line react-hooks/exhaustive-deps
  }, []);
  return (
    <Page title={texts.title} lead={<p>{texts.text}</p>} className="narrow">
      {prepare.error !== undefined && (
        <Notice kind="warning">
          <p>{texts.failed}</p>
          <RequestId error={prepare.error} />
          <div>
            <Button kind="primary" busy={prepare.busy} onClick={() => void run()}>
              {common.retry}
            </Button>
          </div>
        </Notice>
      )}
    </Page>
  );
}
