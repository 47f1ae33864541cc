import { Link, useNavigate, useSearchParams } from 'react-router';
import { isProblem } from '@/api/client';
import { Button } from '@/components/Button';
import { PasswordField, TextField } from '@/components/Field';
import { Form, secret, text } from '@/components/Form';
import { useSubmit } from '@/components/use-submit';
import { signIn } from '@/session/session';
import { useSession } from '@/session/use-session';
import { accountTexts } from '@/texts/account';
import { common } from '@/texts/common';
import { AccountPage } from './AccountPage';
import { rememberAddress } from './pending-address';
import { SecondFactor } from './SecondFactor';

const texts = accountTexts.signIn;

export default function SignIn() {
  const status = useSession((state) => state.status);
  const navigate = useNavigate();
  const [parameters] = useSearchParams();
  const submit = useSubmit(async (values: FormData) => {
    const email = text(values, 'email');
    try {
      await signIn(email, secret(values, 'password'));
    } catch (error) {
      if (!isProblem(error, 'email_not_confirmed')) throw error;
      rememberAddress(email);
      void navigate('/verify-email');
    }
  }, texts.errors);

  if (status === 'second_factor') {
    return (
      <AccountPage title={accountTexts.factor.title} lead={accountTexts.factor.lead}>
        <SecondFactor />
      </AccountPage>
    );
  }
  const query = parameters.size > 0 ? `?${parameters}` : '';
  return (
    <AccountPage
      title={texts.title}
      lead={texts.lead}
      after={
        <p>
          {texts.noAccount} <Link to={`/signup${query}`}>{common.signUp}</Link>
        </p>
      }
    >
      <Form onSubmit={(values) => void submit.run(values)} error={submit.error} byCode={texts.errors}>
        <TextField label={accountTexts.email} name="email" type="email" autoComplete="username" required />
        <PasswordField label={accountTexts.password} name="password" autoComplete="current-password" required />
        <div className="row-apart">
          <Button type="submit" kind="primary" busy={submit.busy}>
            {common.signIn}
          </Button>
          <Link to="/forgot-password">{texts.forgot}</Link>
        </div>
      </Form>
    </AccountPage>
  );
}
