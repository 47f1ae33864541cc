import { useEffect, useState } from 'react';
import { Link, useNavigate } from 'react-router';
import { api, unwrap } from '@/api/client';
import { Button } from '@/components/Button';
import { TextField } from '@/components/Field';
import { Form, text } from '@/components/Form';
import { ErrorNotice } from '@/components/Notice';
import { useSubmit } from '@/components/use-submit';
import { announce } from '@/live/announcer';
import { bringProof } from '@/session/session';
import { useSession } from '@/session/use-session';
import { accountTexts } from '@/texts/account';
import { AccountPage } from './AccountPage';
import { pendingAddress } from './pending-address';
import { pendingInvitation } from './pending-invitation';

const texts = accountTexts.verify;
/** The server mails an address once in a minute. */
const PAUSE_S = 60;

function useCountdown(): [number, () => void] {
  const [left, setLeft] = useState(0);
  useEffect(() => {
    if (left === 0) return;
    const timer = setTimeout(() => setLeft(left - 1), 1_000);
    return () => clearTimeout(timer);
  }, [left]);
  return [left, () => setLeft(PAUSE_S)];
}

export default function VerifyEmail() {
  const signedIn = useSession((state) => state.user?.email);
  const [email] = useState(() => signedIn ?? pendingAddress());
  const [sent, setSent] = useState(false);
  const [left, wait] = useCountdown();
  const navigate = useNavigate();
  const verify = useSubmit(async (values: FormData) => {
    await bringProof({ type: 'email', email: email === '' ? text(values, 'email') : email, token: text(values, 'code').replaceAll(' ', '') });
    // Else the gate leads on.
    if (pendingInvitation() !== undefined) void navigate('/invitations/accept', { replace: true });
  }, texts.errors);
  const resend = useSubmit(async () => {
    await unwrap(api.auth.POST('/auth/v1/resend', { body: { type: 'signup', email } }));
    wait();
    setSent(true);
    announce(texts.sent);
  }, texts.errors);
  return (
    <AccountPage
      title={texts.title}
      lead={email === '' ? texts.leadUnknown : texts.lead(email)}
      after={
        <p>
          <Link to="/signup">{texts.otherAddress}</Link>
        </p>
      }
    >
      <div className="stack">
        <p className="secondary">{texts.text}</p>
        <Form onSubmit={(values) => void verify.run(values)} error={verify.error} byCode={texts.errors}>
          {email === '' && <TextField label={accountTexts.email} name="email" type="email" autoComplete="email" required />}
          <TextField label={accountTexts.code} name="code" inputMode="numeric" autoComplete="one-time-code" pattern="[0-9 ]{6,7}" required />
          <Button type="submit" kind="primary" busy={verify.busy}>
            {texts.submit}
          </Button>
        </Form>
        {resend.error !== undefined && <ErrorNotice error={resend.error} byCode={texts.errors} />}
        {email !== '' && (
          <div className="row">
            <Button kind="quiet" busy={resend.busy} blocked={left > 0} onClick={() => void resend.run()}>
              {left > 0 ? texts.resendIn(left) : texts.resend}
            </Button>
            {sent && <span className="muted">{texts.sent}</span>}
          </div>
        )}
      </div>
    </AccountPage>
  );
}
