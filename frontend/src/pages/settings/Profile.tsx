import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { api, download, isProblem, unwrap } from '@/api/client';
import { saveFile } from '@/bcm/save-file';
import { Button } from '@/components/Button';
import { ConfirmDialog } from '@/components/Dialog';
import { TextField } from '@/components/Field';
import { Form, text } from '@/components/Form';
import { ErrorNotice, Notice } from '@/components/Notice';
import { QueryPanel } from '@/components/QueryPanel';
import { Sheet } from '@/components/Sheet';
import { ThemeChoice } from '@/components/ThemeChoice';
import { Moment } from '@/components/Time';
import { useSubmit } from '@/components/use-submit';
import { updateUser } from '@/session/session';
import { useSession } from '@/session/use-session';
import { appTexts } from '@/texts/app';

const texts = appTexts.settings.profile;

function Address() {
  const user = useSession((state) => state.user);
  const change = useSubmit(async (values: FormData) => {
    updateUser(await unwrap(api.auth.PUT('/auth/v1/user', { body: { email: text(values, 'email') } })));
  }, texts.errors);
  return (
    <Sheet title={texts.email}>
      <p className="breakable">{user?.email}</p>
      {user?.new_email && (
        <Notice>
          <p role="status">{texts.pending(user.new_email)}</p>
        </Notice>
      )}
      <Form onSubmit={(values) => void change.run(values)} error={change.error} byCode={texts.errors}>
        <TextField label={texts.newEmail} name="email" type="email" autoComplete="email" required />
        <div>
          <Button type="submit" busy={change.busy}>
            {texts.changeEmail}
          </Button>
        </div>
      </Form>
    </Sheet>
  );
}

function Data() {
  const save = useSubmit(async () => {
    const { blob, name } = await download('/api/auth/account/export');
    saveFile(blob, name);
  });
  return (
    <Sheet title={texts.data}>
      <p className="secondary">{texts.exportText}</p>
      {save.error !== undefined && <ErrorNotice error={save.error} />}
      <div>
        <Button busy={save.busy} onClick={() => void save.run()}>
          {texts.exportButton}
        </Button>
      </div>
    </Sheet>
  );
}

const deletionKey = ['account-deletion'];

function Deletion() {
  const client = useQueryClient();
  const [asking, setAsking] = useState(false);
  const deletion = useQuery({
    queryKey: deletionKey,
    queryFn: async () => {
      try {
        return await unwrap(api.auth.GET('/api/auth/account/deletion'));
      } catch (error) {
        if (isProblem(error, 'GW-0002')) return null;
        throw error;
      }
    },
  });
  const ask = useSubmit(async () => {
    client.setQueryData(deletionKey, await unwrap(api.auth.POST('/api/auth/account/deletion')));
  }, texts.errors);
  const keep = useSubmit(async () => {
    await unwrap(api.auth.DELETE('/api/auth/account/deletion'));
    client.setQueryData(deletionKey, null);
  });
  return (
    <Sheet title={texts.deleteTitle}>
      <QueryPanel query={deletion} lines={2}>
        {(due) =>
          due ? (
            <Notice kind="warning">
              <p>
                {texts.due} <Moment at={due.due_at} />
              </p>
              <div>
                <Button busy={keep.busy} onClick={() => void keep.run()}>
                  {texts.keep}
                </Button>
              </div>
            </Notice>
          ) : (
            <>
              <p className="secondary">{texts.deleteText}</p>
              <div>
                <Button kind="danger" onClick={() => setAsking(true)}>
                  {texts.deleteButton}
                </Button>
              </div>
            </>
          )
        }
      </QueryPanel>
      {ask.error !== undefined && <ErrorNotice error={ask.error} byCode={texts.errors} />}
      {keep.error !== undefined && <ErrorNotice error={keep.error} />}
      <ConfirmDialog
        open={asking}
        title={texts.deleteConfirm}
        text={<p>{texts.deleteText}</p>}
        confirm={texts.deleteButton}
        danger
        busy={ask.busy}
        onClose={() => setAsking(false)}
        onConfirm={() => void ask.run().finally(() => setAsking(false))}
      />
    </Sheet>
  );
}

export default function Profile() {
  return (
    <div className="grid-2">
      <Address />
      <Sheet title={texts.appearance}>
        <ThemeChoice />
      </Sheet>
      <Data />
      <Deletion />
    </div>
  );
}
