import { useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { useNavigate } from 'react-router';
import { api, isProblem, unwrap } from '@/api/client';
import { Button, LinkButton } from '@/components/Button';
import { ErrorNotice } from '@/components/Notice';
import { Splash } from '@/components/Splash';
import { useSubmit } from '@/components/use-submit';
import { askGateAgain, enterWorkspace } from '@/gate/gate-query';
import { announce } from '@/live/announcer';
import { useSession } from '@/session/use-session';
import { accountTexts } from '@/texts/account';
import { common } from '@/texts/common';
import { AccountPage } from './AccountPage';
import { forgetInvitation, pendingInvitation, rememberInvitation } from './pending-invitation';

const texts = accountTexts.invitation;
/** Answers after which this invitation is of no use: for another address or taken back, used or too old, a member already. */
const FINAL = ['AUTH-0004', 'AUTH-0005', 'AUTH-0006'];

/** The token of the link; it is kept while the person signs up or in, and stays out of addresses. */
function invitationToken(): string | undefined {
  const token = new URLSearchParams(location.hash.replace(/^#/, '')).get('token');
  if (token === null) return pendingInvitation();
  rememberInvitation(token);
  return token;
}

export default function AcceptInvitation() {
  const { status, user } = useSession((state) => state);
  const [token] = useState(invitationToken);
  const navigate = useNavigate();
  const client = useQueryClient();
  const join = useSubmit(async () => {
    let workspace;
    try {
      workspace = await unwrap(api.auth.POST('/api/auth/invitations/accept', { body: { token: token ?? '' } }));
    } catch (error) {
      if (FINAL.some((code) => isProblem(error, code))) forgetInvitation();
      throw error;
    }
    forgetInvitation();
    enterWorkspace(client, workspace.id);
    await askGateAgain(client);
    announce(texts.joined(workspace.name));
    void navigate('/dashboard', { replace: true });
  }, texts.errors);
  if (token === undefined) {
    return (
      <AccountPage title={texts.title}>
        <p>{texts.incomplete}</p>
      </AccountPage>
    );
  }
  if (status === 'unknown') return <Splash />;
  if (status !== 'signed_in') {
    return (
      <AccountPage title={texts.title} lead={texts.needsAccount}>
        <div className="row">
          <LinkButton kind="primary" to="/signin?next=/invitations/accept">
            {common.signIn}
          </LinkButton>
          <LinkButton to="/signup?next=/invitations/accept">{common.signUp}</LinkButton>
        </div>
      </AccountPage>
    );
  }
  return (
    <AccountPage title={texts.title} lead={texts.text}>
      <div className="stack">
        {join.error !== undefined && <ErrorNotice error={join.error} byCode={texts.errors} />}
        <p className="secondary">{texts.signedInAs(user?.email ?? '')}</p>
        <Button kind="primary" busy={join.busy} onClick={() => void join.run()}>
          {texts.join}
        </Button>
      </div>
    </AccountPage>
  );
}
