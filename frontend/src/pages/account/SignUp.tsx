import { Link, useNavigate, useSearchParams } from 'react-router';
import { Button } from '@/components/Button';
import { PasswordField, TextField } from '@/components/Field';
import { Form, secret, text } from '@/components/Form';
import { useSubmit } from '@/components/use-submit';
import { rememberPlan } from '@/plans/wanted-plan';
import { signUp } from '@/session/session';
import { accountTexts } from '@/texts/account';
import { common } from '@/texts/common';
import { AccountPage } from './AccountPage';
import { rememberAddress } from './pending-address';

const texts = accountTexts.signUp;

export default function SignUp() {
  const navigate = useNavigate();
  const [parameters] = useSearchParams();
  const submit = useSubmit(async (values: FormData) => {
    const email = text(values, 'email');
    rememberPlan(parameters.get('plan'), parameters.get('cycle'));
    const outcome = await signUp(email, secret(values, 'password'), text(values, 'name'));
    if (outcome === 'confirm') {
      rememberAddress(email);
      void navigate('/verify-email');
    }
  }, texts.errors);
  const query = parameters.size > 0 ? `?${parameters}` : '';
  return (
    <AccountPage
      title={texts.title}
      lead={texts.lead}
      after={
        <p>
          {texts.haveAccount} <Link to={`/signin${query}`}>{common.signIn}</Link>
        </p>
      }
    >
      <Form onSubmit={(values) => void submit.run(values)} error={submit.error} byCode={texts.errors}>
        <TextField label={accountTexts.name} name="name" autoComplete="name" maxLength={100} required />
        <TextField label={accountTexts.email} name="email" type="email" autoComplete="username" required />
        <PasswordField label={accountTexts.password} help={accountTexts.passwordHelp} name="password" autoComplete="new-password" minLength={8} required />
        <Button type="submit" kind="primary" busy={submit.busy}>
          {texts.submit}
        </Button>
      </Form>
    </AccountPage>
  );
}
