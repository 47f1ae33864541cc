import { useState } from 'react';
import { api, unwrap } from '@/api/client';
import { Button, LinkButton } from '@/components/Button';
import { PasswordField } from '@/components/Field';
import { Form, secret } from '@/components/Form';
import { Notice } from '@/components/Notice';
import { Splash } from '@/components/Splash';
import { useSubmit } from '@/components/use-submit';
import { updateUser } from '@/session/session';
import { useSession } from '@/session/use-session';
import { accountTexts } from '@/texts/account';
import { AccountPage } from './AccountPage';
import { SecondFactor } from './SecondFactor';

const texts = accountTexts.reset;

export default function ResetPassword() {
  const status = useSession((state) => state.status);
  const [done, setDone] = useState(false);
  const submit = useSubmit(async (values: FormData) => {
    updateUser(await unwrap(api.auth.PUT('/auth/v1/user', { body: { password: secret(values, 'password') } })));
    setDone(true);
  }, texts.errors);
  if (status === 'unknown') return <Splash />;
  if (status === 'second_factor') {
    return (
      <AccountPage title={accountTexts.factor.title} lead={accountTexts.factor.lead}>
        <SecondFactor />
      </AccountPage>
    );
  }
  if (done) {
    return (
      <AccountPage title={texts.title}>
        <div className="stack">
          <Notice kind="success">
            <p role="status">{texts.done}</p>
          </Notice>
          <LinkButton kind="primary" to="/signin">
            {texts.goOn}
          </LinkButton>
        </div>
      </AccountPage>
    );
  }
  if (status !== 'signed_in') {
    return (
      <AccountPage title={texts.title} lead={texts.needsLink}>
        <LinkButton kind="primary" to="/forgot-password">
          {texts.ask}
        </LinkButton>
      </AccountPage>
    );
  }
  return (
    <AccountPage title={texts.title}>
      <Form onSubmit={(values) => void submit.run(values)} error={submit.error} byCode={texts.errors}>
        <PasswordField label={texts.label} help={accountTexts.passwordHelp} name="password" autoComplete="new-password" minLength={8} required />
        <Button type="submit" kind="primary" busy={submit.busy}>
          {texts.submit}
        </Button>
      </Form>
    </AccountPage>
  );
}
