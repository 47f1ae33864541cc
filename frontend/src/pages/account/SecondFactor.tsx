import { useState } from 'react';
import { Button } from '@/components/Button';
import { Select, TextField } from '@/components/Field';
import { Form, text } from '@/components/Form';
import { useSubmit } from '@/components/use-submit';
import { showFactor, signOut, verifiedFactors } from '@/session/session';
import { useSession } from '@/session/use-session';
import { accountTexts } from '@/texts/account';

const texts = accountTexts.factor;

/** Asks for the code of an authenticator app. */
export function SecondFactor() {
  const user = useSession((state) => state.user);
  const factors = user ? verifiedFactors(user) : [];
  const [factor, setFactor] = useState(factors[0]?.id ?? '');
  const submit = useSubmit((values: FormData) => showFactor(factor, text(values, 'code').replaceAll(' ', '')), texts.errors);
  return (
    <div className="stack">
      <Form onSubmit={(values) => void submit.run(values)} error={submit.error} byCode={texts.errors}>
        {factors.length > 1 && (
          <Select label={texts.which} value={factor} onChange={(event) => setFactor(event.target.value)}>
            {factors.map(({ id, friendly_name }) => (
              <option key={id} value={id}>
                {friendly_name ?? id.slice(0, 8)}
              </option>
            ))}
          </Select>
        )}
        <TextField label={accountTexts.code} name="code" inputMode="numeric" autoComplete="one-time-code" pattern="[0-9 ]{6,7}" required />
        <Button type="submit" kind="primary" busy={submit.busy}>
          {texts.submit}
        </Button>
      </Form>
      <Button kind="quiet" onClick={() => void signOut()}>
        {texts.other}
      </Button>
    </div>
  );
}
