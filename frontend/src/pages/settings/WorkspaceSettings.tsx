import { useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { useNavigate } from 'react-router';
import { api, unwrap } from '@/api/client';
import { Button } from '@/components/Button';
import { Copyable } from '@/components/Copy';
import { TextField } from '@/components/Field';
import { Form, text } from '@/components/Form';
import { Sheet } from '@/components/Sheet';
import { useSubmit } from '@/components/use-submit';
import { askGateAgain, enterWorkspace, useGate, useRole, useWorkspace } from '@/gate/gate-query';
import { announce } from '@/live/announcer';
import { appTexts } from '@/texts/app';
import { common } from '@/texts/common';

const texts = appTexts.settings.workspace;

export default function WorkspaceSettings() {
  const workspace = useWorkspace();
  const { workspaces } = useGate();
  const { canManage } = useRole();
  const client = useQueryClient();
  const navigate = useNavigate();
  const [name, setName] = useState(workspace.name);
  const rename = useSubmit(async () => {
    await unwrap(api.auth.PATCH('/api/auth/workspace', { body: { name: name.trim() } }));
    await askGateAgain(client);
    announce(appTexts.settings.saved);
  });
  const enter = (id: string) => {
    enterWorkspace(client, id);
    void navigate('/dashboard');
  };
  const make = useSubmit(async (values: FormData) => {
    const made = await unwrap(api.auth.POST('/api/auth/workspaces', { body: { name: text(values, 'name') } }));
    await askGateAgain(client);
    enter(made.id);
  });
  return (
    <div className="grid-2">
      <Sheet title={workspace.name}>
        <Form onSubmit={() => void rename.run()} error={rename.error}>
          <TextField label={texts.name} value={name} maxLength={120} required readOnly={!canManage} onChange={(event) => setName(event.target.value)} {...(!canManage && { help: texts.onlyAdmins })} />
          {canManage && (
            <div>
              <Button type="submit" busy={rename.busy}>
                {texts.rename}
              </Button>
            </div>
          )}
        </Form>
        <dl className="facts">
          <dt>{texts.slug}</dt>
          <dd className="code breakable">{workspace.slug}</dd>
          <dt>{texts.id}</dt>
          <dd>
            <Copyable label={texts.id} value={workspace.id} />
          </dd>
        </dl>
      </Sheet>
      <Sheet title={texts.others}>
        <ul className="plain-list">
          {workspaces.map((one) => (
            <li key={one.id} className="row-apart">
              <span className="breakable">
                {one.name} <span className="muted">({common.roles[one.role] ?? one.role})</span>
              </span>
              {one.id === workspace.id ? (
                <span className="muted">{texts.current}</span>
              ) : (
                <Button small onClick={() => enter(one.id)}>
                  {texts.change(one.name)}
                </Button>
              )}
            </li>
          ))}
        </ul>
        <details>
          <summary>{texts.make}</summary>
          <Form onSubmit={(values) => void make.run(values)} error={make.error}>
            <TextField label={texts.newName} name="name" maxLength={120} required />
            <div>
              <Button type="submit" busy={make.busy}>
                {texts.makeButton}
              </Button>
            </div>
          </Form>
        </details>
      </Sheet>
    </div>
  );
}
