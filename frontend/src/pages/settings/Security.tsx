import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { api, unwrap } from '@/api/client';
import type { components } from '@/api/generated/auth';
import { Button } from '@/components/Button';
import { ConfirmDialog } from '@/components/Dialog';
import { Copyable } from '@/components/Copy';
import { PasswordField, TextField } from '@/components/Field';
import { Form, secret, text } from '@/components/Form';
import { ErrorNotice, Notice } from '@/components/Notice';
import { QueryPanel } from '@/components/QueryPanel';
import { Sheet } from '@/components/Sheet';
import { Tag } from '@/components/Tag';
import { Moment } from '@/components/Time';
import { useSubmit } from '@/components/use-submit';
import { announce } from '@/live/announcer';
import { showFactor, signOut, updateUser, verifiedFactors } from '@/session/session';
import { useSession } from '@/session/use-session';
import { accountTexts } from '@/texts/account';
import { appTexts } from '@/texts/app';
import { common } from '@/texts/common';
import { clientName } from './client-name';

const texts = appTexts.settings.security;

function Password() {
  const [done, setDone] = useState(false);
  const change = useSubmit(async (values: FormData) => {
    setDone(false);
    const present = secret(values, 'present');
    const body = { password: secret(values, 'password'), ...(present !== '' && { current_password: present }) };
    updateUser(await unwrap(api.auth.PUT('/auth/v1/user', { body })));
    setDone(true);
    announce(texts.changed);
  }, texts.errors);
  return (
    <Sheet title={texts.password}>
      <Form key={String(done)} onSubmit={(values) => void change.run(values)} error={change.error} byCode={texts.errors}>
        <PasswordField label={texts.presentPassword} help={texts.presentPasswordHelp} name="present" autoComplete="current-password" optional />
        <PasswordField label={texts.newPassword} help={accountTexts.passwordHelp} name="password" autoComplete="new-password" minLength={8} required />
        <div>
          <Button type="submit" busy={change.busy}>
            {texts.changePassword}
          </Button>
        </div>
      </Form>
      {done && (
        <Notice kind="success">
          <p>{texts.changed}</p>
        </Notice>
      )}
    </Sheet>
  );
}

type Enrolled = components['schemas']['EnrolledBody'];

async function reloadUser(): Promise<void> {
  updateUser(await unwrap(api.auth.GET('/auth/v1/user')));
}

/** The QR code comes as SVG text or as a data address already. */
function qrSource(code: string): string {
  return code.startsWith('data:') ? code : `data:image/svg+xml;utf8,${encodeURIComponent(code)}`;
}

function Enrolment({ enrolled, onDone }: { enrolled: Enrolled; onDone: () => void }) {
  const confirm = useSubmit(async (values: FormData) => {
    await showFactor(enrolled.id, text(values, 'code').replaceAll(' ', ''));
    await reloadUser();
    onDone();
  }, texts.errors);
  const cancel = useSubmit(async () => {
    await unwrap(api.auth.DELETE('/auth/v1/factors/{factor_id}', { params: { path: { factor_id: enrolled.id } } }));
    onDone();
  });
  return (
    <div className="stack">
      <p>{texts.scan}</p>
      <img className="qr" src={qrSource(enrolled.totp.qr_code)} alt={texts.qr} />
      <p>
        {texts.key}: <Copyable label={texts.key} value={enrolled.totp.secret} />
      </p>
      <Form onSubmit={(values) => void confirm.run(values)} error={confirm.error} byCode={texts.errors}>
        <TextField label={texts.code} name="code" inputMode="numeric" autoComplete="one-time-code" pattern="[0-9 ]{6,7}" required />
        <div className="row">
          <Button type="submit" kind="primary" busy={confirm.busy}>
            {texts.confirm}
          </Button>
          <Button kind="quiet" busy={cancel.busy} onClick={() => void cancel.run()}>
            {common.cancel}
          </Button>
        </div>
      </Form>
    </div>
  );
}

function Factors() {
  const user = useSession((state) => state.user);
  const factors = user ? verifiedFactors(user) : [];
  const [enrolled, setEnrolled] = useState<Enrolled>();
  const [removing, setRemoving] = useState<{ id: string; name: string }>();
  const enrol = useSubmit(async (values: FormData) => {
    setEnrolled(await unwrap(api.auth.POST('/auth/v1/factors', { body: { factor_type: 'totp', friendly_name: text(values, 'name'), issuer: common.product } })));
  }, texts.errors);
  const remove = useSubmit(async (id: string) => {
    await unwrap(api.auth.DELETE('/auth/v1/factors/{factor_id}', { params: { path: { factor_id: id } } }));
    await reloadUser();
  }, texts.errors);
  return (
    <Sheet title={texts.factors}>
      <p className="secondary">{texts.factorsText}</p>
      {remove.error !== undefined && <ErrorNotice error={remove.error} byCode={texts.errors} />}
      {factors.length === 0 ? (
        <p>{texts.none}</p>
      ) : (
        <ul className="plain-list">
          {factors.map(({ id, friendly_name }) => {
            const name = friendly_name ?? id.slice(0, 8);
            return (
              <li key={id} className="row-apart">
                <span className="breakable">{name}</span>
                <Button small kind="danger" onClick={() => setRemoving({ id, name })}>
                  {texts.removeFactor(name)}
                </Button>
              </li>
            );
          })}
        </ul>
      )}
      {enrolled ? (
        <Enrolment enrolled={enrolled} onDone={() => setEnrolled(undefined)} />
      ) : (
        <Form onSubmit={(values) => void enrol.run(values)} error={enrol.error} byCode={texts.errors}>
          <TextField label={texts.name} name="name" maxLength={60} required autoComplete="off" />
          <div>
            <Button type="submit" busy={enrol.busy}>
              {texts.add}
            </Button>
          </div>
        </Form>
      )}
      {removing && (
        <ConfirmDialog
          open
          title={texts.removeTitle(removing.name)}
          text={<p>{texts.removeText}</p>}
          confirm={texts.removeFactor(removing.name)}
          danger
          busy={remove.busy}
          onClose={() => setRemoving(undefined)}
          onConfirm={() => void remove.run(removing.id).finally(() => setRemoving(undefined))}
        />
      )}
    </Sheet>
  );
}

const sessionsKey = ['sessions'];

function Sessions() {
  const client = useQueryClient();
  const sessions = useQuery({ queryKey: sessionsKey, queryFn: () => unwrap(api.auth.GET('/api/auth/sessions')) });
  const [othersOver, setOthersOver] = useState(false);
  const end = useSubmit(async (id: string, name: string) => {
    await unwrap(api.auth.DELETE('/api/auth/sessions/{session_id}', { params: { path: { session_id: id } } }));
    await client.invalidateQueries({ queryKey: sessionsKey });
    announce(texts.ended(name));
  });
  const others = useSubmit(async () => {
    await signOut('others');
    await client.invalidateQueries({ queryKey: sessionsKey });
    setOthersOver(true);
    announce(texts.othersDone);
  });
  return (
    <Sheet title={texts.sessions}>
      {end.error !== undefined && <ErrorNotice error={end.error} />}
      {others.error !== undefined && <ErrorNotice error={others.error} />}
      <QueryPanel query={sessions}>
        {(list) => (
          <>
            <ul className="plain-list">
              {list.map((one) => {
                const name = clientName(one.user_agent ?? '') ?? texts.unknownClient;
                return (
                  <li key={one.id} className="row-apart">
                    <div>
                      <p>
                        {name} {one.current && <Tag tone="success">{texts.current}</Tag>} {one.aal === 'aal2' && <Tag>{texts.twoFactors}</Tag>}
                      </p>
                      <p className="muted small">
                        {one.ip} · {texts.seen} <Moment at={one.refreshed_at ?? one.created_at} />
                      </p>
                    </div>
                    {!one.current && (
                      <Button small aria-label={texts.endOf(name)} busy={end.busy} onClick={() => void end.run(one.id, name)}>
                        {texts.end}
                      </Button>
                    )}
                  </li>
                );
              })}
            </ul>
            {list.length > 1 && (
              <div>
                <Button busy={others.busy} onClick={() => void others.run()}>
                  {texts.others}
                </Button>
              </div>
            )}
            {othersOver && (
              <Notice kind="success">
                <p>{texts.othersDone}</p>
              </Notice>
            )}
          </>
        )}
      </QueryPanel>
    </Sheet>
  );
}

export default function Security() {
  return (
    <div className="grid-2">
      <Password />
      <Factors />
      <Sessions />
    </div>
  );
}
