import { useState } from 'react';
import { Link, useNavigate } from 'react-router';
import { Button } from '@/components/Button';
import { ErrorNotice, Notice } from '@/components/Notice';
import { useSubmit } from '@/components/use-submit';
import { bringProof } from '@/session/session';
import { accountTexts } from '@/texts/account';
import { common } from '@/texts/common';
import { AccountPage } from './AccountPage';
import { pendingInvitation } from './pending-invitation';

const texts = accountTexts.confirm;
const KINDS = ['signup', 'invite', 'recovery', 'magiclink', 'email_change'] as const;
type Kind = (typeof KINDS)[number];

interface MailLink {
  kind: Kind;
  token: string;
  redirectTo: string;
}

function linkOf(hash: string): MailLink | undefined {
  const members = new URLSearchParams(hash.replace(/^#/, ''));
  const kind = KINDS.find((name) => name === members.get('type'));
  const token = members.get('token_hash');
  if (kind === undefined || token === null) return undefined;
  return { kind, token, redirectTo: members.get('redirect_to') ?? '' };
}

/** Whether somebody else waits for the proof: a client on another site, or one that began the sign-in with PKCE. */
function belongsElsewhere({ token, redirectTo }: MailLink): boolean {
  if (token.startsWith('pkce_')) return true;
  try {
    return redirectTo !== '' && new URL(redirectTo).origin !== location.origin;
  } catch {
    return false;
  }
}

/** Where a proof leads on to. Whoever signed up for an invitation goes back to it. */
function after(kind: Kind): string {
  if (kind === 'recovery') return '/reset-password';
  return kind !== 'email_change' && pendingInvitation() !== undefined ? '/invitations/accept' : '/signin';
}

/**
 * Where the links of mails lead. What redeems them is a press of the button, since scanners of mail follow links but press nothing.
 * The token stands behind the #, so that no server on the way sees it before that.
 */
export default function Confirm() {
  const [link] = useState(() => linkOf(location.hash));
  const [half, setHalf] = useState(false);
  const navigate = useNavigate();
  const submit = useSubmit(async ({ kind, token, redirectTo }: MailLink) => {
    if (belongsElsewhere({ kind, token, redirectTo })) {
      location.assign(`/auth/v1/verify?${new URLSearchParams({ token, type: kind, redirect_to: redirectTo })}`);
      return;
    }
    const outcome = await bringProof({ type: kind, token_hash: token });
    if (outcome === 'other_address') setHalf(true);
    else void navigate(after(kind), { replace: true });
  }, texts.errors);

  if (link === undefined) {
    return (
      <AccountPage title={texts.incompleteTitle}>
        <div className="stack">
          <p className="secondary">{texts.incomplete}</p>
          <Link to="/signin">{common.signIn}</Link>
        </div>
      </AccountPage>
    );
  }
  const { title, text, button } = texts[link.kind];
  return (
    <AccountPage title={title} lead={text}>
      <div className="stack">
        {submit.error !== undefined && <ErrorNotice error={submit.error} byCode={texts.errors} />}
        {half ? (
          <Notice kind="success">
            <p>{texts.halfDone}</p>
          </Notice>
        ) : (
          <Button kind="primary" busy={submit.busy} onClick={() => void submit.run(link)}>
            {button}
          </Button>
        )}
      </div>
    </AccountPage>
  );
}
