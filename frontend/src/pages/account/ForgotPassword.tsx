import { useState } from 'react';
import { Link } from 'react-router';
import { api, unwrap } from '@/api/client';
import { Button } from '@/components/Button';
import { TextField } from '@/components/Field';
import { Form, text } from '@/components/Form';
import { useSubmit } from '@/components/use-submit';
import { accountTexts } from '@/texts/account';
import { common } from '@/texts/common';
import { AccountPage } from './AccountPage';

const texts = accountTexts.forgot;

export default function ForgotPassword() {
  const [sentTo, setSentTo] = useState<string>();
  const submit = useSubmit(async (values: FormData) => {
    const email = text(values, 'email');
    await unwrap(api.auth.POST('/auth/v1/recover', { body: { email } }));
    setSentTo(email);
  }, accountTexts.verify.errors);
  const back = (
    <p>
      <Link to="/signin">{common.signIn}</Link>
    </p>
  );
  if (sentTo !== undefined) {
    return (
      <AccountPage title={texts.sentTitle} after={back}>
        <p role="status">{texts.sent(sentTo)}</p>
      </AccountPage>
    );
  }
  return (
    <AccountPage title={texts.title} lead={texts.lead} after={back}>
      <Form onSubmit={(values) => void submit.run(values)} error={submit.error} byCode={accountTexts.verify.errors}>
        <TextField label={accountTexts.email} name="email" type="email" autoComplete="username" required />
        <Button type="submit" kind="primary" busy={submit.busy}>
          {texts.submit}
        </Button>
      </Form>
    </AccountPage>
  );
}
