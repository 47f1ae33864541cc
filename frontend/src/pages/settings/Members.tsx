import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { useNavigate } from 'react-router';
import { api, unwrap } from '@/api/client';
import type { components } from '@/api/generated/auth';
import { Button } from '@/components/Button';
import { ConfirmDialog } from '@/components/Dialog';
import { Select, TextField } from '@/components/Field';
import { Form, text } from '@/components/Form';
import { ErrorNotice, Notice } from '@/components/Notice';
import { QueryPanel } from '@/components/QueryPanel';
import { Sheet } from '@/components/Sheet';
import { Day, Moment } from '@/components/Time';
import { useSubmit } from '@/components/use-submit';
import { askGateAgain, useRole, useWorkspace } from '@/gate/gate-query';
import { announce } from '@/live/announcer';
import { forgetWorkspace } from '@/session/session';
import { useSession } from '@/session/use-session';
import { appTexts } from '@/texts/app';
import { common } from '@/texts/common';

const texts = appTexts.settings.members;
type Member = components['schemas']['MemberBody'];
const ROLES = ['owner', 'admin', 'member'];

const membersKey = (workspace: string) => ['members', workspace];
const invitationsKey = (workspace: string) => ['invitations', workspace];

function nameOf(member: Member): string {
  return member.name === '' ? (member.email ?? texts.unnamed) : member.name;
}

interface Act {
  kind: 'remove' | 'leave' | 'hand_over';
  member: Member;
}

function MemberList({ members }: { members: Member[] }) {
  const workspace = useWorkspace();
  const { canManage, isOwner } = useRole();
  const me = useSession((state) => state.user?.id);
  const client = useQueryClient();
  const navigate = useNavigate();
  const [act, setAct] = useState<Act>();
  const changeRole = useSubmit(async (member: Member, role: string) => {
    await unwrap(api.auth.PATCH('/api/auth/workspace/members/{user_id}', { params: { path: { user_id: member.user_id } }, body: { role } }));
    await client.invalidateQueries({ queryKey: membersKey(workspace.id) });
    await askGateAgain(client);
    announce(appTexts.settings.saved);
  }, texts.errors);
  const carryOut = useSubmit(async ({ kind, member }: Act) => {
    if (kind === 'hand_over') {
      await unwrap(api.auth.PUT('/api/auth/workspace/owner', { body: { user_id: member.user_id } }));
    } else {
      await unwrap(api.auth.DELETE('/api/auth/workspace/members/{user_id}', { params: { path: { user_id: member.user_id } } }));
    }
    if (kind === 'leave') {
      forgetWorkspace();
      await askGateAgain(client);
      void navigate('/dashboard');
      return;
    }
    await client.invalidateQueries({ queryKey: membersKey(workspace.id) });
    await askGateAgain(client);
    announce(appTexts.settings.saved);
  }, texts.errors);
  const question = act && {
    remove: { title: texts.removeTitle(nameOf(act.member)), text: texts.removeText, confirm: texts.remove(nameOf(act.member)) },
    leave: { title: texts.leaveTitle, text: texts.leaveText, confirm: texts.leave },
    hand_over: { title: texts.handOverTitle(nameOf(act.member)), text: texts.handOverText, confirm: texts.handOver(nameOf(act.member)) },
  }[act.kind];
  return (
    <>
      {changeRole.error !== undefined && <ErrorNotice error={changeRole.error} byCode={texts.errors} />}
      {carryOut.error !== undefined && <ErrorNotice error={carryOut.error} byCode={texts.errors} />}
      <ul>
        {members.map((member) => {
          const name = nameOf(member);
          const self = member.user_id === me;
          return (
            <li key={member.user_id} className="member-row">
              <div>
                <p>
                  <strong className="breakable">{name}</strong> {self && <span className="muted">{texts.you}</span>}
                </p>
                <p className="muted small breakable">
                  {member.email} · {texts.joined} <Day at={member.joined_at} />
                </p>
              </div>
              {isOwner ? (
                <Select label={texts.role} aria-label={texts.roleOf(name)} value={member.role} disabled={changeRole.busy} onChange={(event) => void changeRole.run(member, event.target.value)}>
                  {ROLES.map((role) => (
                    <option key={role} value={role}>
                      {common.roles[role]}
                    </option>
                  ))}
                </Select>
              ) : (
                <p>{common.roles[member.role] ?? member.role}</p>
              )}
              <div className="row">
                {isOwner && !self && member.role !== 'owner' && (
                  <Button small kind="quiet" aria-label={texts.handOver(name)} onClick={() => setAct({ kind: 'hand_over', member })}>
                    {texts.handOverShort}
                  </Button>
                )}
                {self ? (
                  <Button small onClick={() => setAct({ kind: 'leave', member })}>
                    {texts.leave}
                  </Button>
                ) : (
                  (isOwner || (canManage && member.role === 'member')) && (
                    <Button small kind="danger" aria-label={texts.remove(name)} onClick={() => setAct({ kind: 'remove', member })}>
                      {texts.removeShort}
                    </Button>
                  )
                )}
              </div>
            </li>
          );
        })}
      </ul>
      {act && question && (
        <ConfirmDialog
          open
          title={question.title}
          text={<p>{question.text}</p>}
          confirm={question.confirm}
          danger={act.kind !== 'hand_over'}
          busy={carryOut.busy}
          onClose={() => setAct(undefined)}
          onConfirm={() => void carryOut.run(act).finally(() => setAct(undefined))}
        />
      )}
    </>
  );
}

function Invitations() {
  const workspace = useWorkspace();
  const client = useQueryClient();
  const [sentTo, setSentTo] = useState<string>();
  const open = useQuery({
    queryKey: invitationsKey(workspace.id),
    queryFn: () => unwrap(api.auth.GET('/api/auth/workspace/invitations')),
  });
  const invite = useSubmit(async (values: FormData) => {
    const email = text(values, 'email');
    await unwrap(api.auth.POST('/api/auth/workspace/invitations', { body: { email, role: text(values, 'role') } }));
    await client.invalidateQueries({ queryKey: invitationsKey(workspace.id) });
    setSentTo(email);
    announce(texts.invited(email));
  }, texts.errors);
  const revoke = useSubmit(async (id: string, email: string) => {
    await unwrap(api.auth.DELETE('/api/auth/workspace/invitations/{invitation_id}', { params: { path: { invitation_id: id } } }));
    await client.invalidateQueries({ queryKey: invitationsKey(workspace.id) });
    announce(texts.revoked(email));
  });
  return (
    <div className="grid-2">
      <Sheet title={texts.inviteTitle}>
        <Form onSubmit={(values) => void invite.run(values)} error={invite.error} byCode={texts.errors}>
          <TextField label={texts.email} name="email" type="email" autoComplete="off" required />
          <Select label={texts.role} name="role" defaultValue="member">
            <option value="member">{common.roles.member}</option>
            <option value="admin">{common.roles.admin}</option>
          </Select>
          <div>
            <Button type="submit" kind="primary" busy={invite.busy}>
              {texts.invite}
            </Button>
          </div>
        </Form>
        {sentTo !== undefined && (
          <Notice kind="success">
            <p>{texts.invited(sentTo)}</p>
          </Notice>
        )}
      </Sheet>
      <Sheet title={texts.open}>
        {revoke.error !== undefined && <ErrorNotice error={revoke.error} />}
        <QueryPanel query={open} isEmpty={(list) => list.length === 0} empty={<p className="secondary">{texts.none}</p>}>
          {(list) => (
            <ul className="plain-list">
              {list.map(({ id, email, role, expires_at }) => (
                <li key={id} className="row-apart">
                  <div>
                    <p className="breakable">
                      {email} <span className="muted">({common.roles[role] ?? role})</span>
                    </p>
                    <p className="muted small">
                      {texts.expires} <Moment at={expires_at} />
                    </p>
                  </div>
                  <Button small aria-label={texts.revoke(email)} busy={revoke.busy} onClick={() => void revoke.run(id, email)}>
                    {texts.revokeShort}
                  </Button>
                </li>
              ))}
            </ul>
          )}
        </QueryPanel>
      </Sheet>
    </div>
  );
}

export default function Members() {
  const workspace = useWorkspace();
  const { canManage } = useRole();
  const members = useQuery({ queryKey: membersKey(workspace.id), queryFn: () => unwrap(api.auth.GET('/api/auth/workspace/members')) });
  return (
    <div className="stack-24">
      <Sheet title={texts.title}>
        <QueryPanel query={members}>{(list) => <MemberList members={list} />}</QueryPanel>
      </Sheet>
      {canManage ? <Invitations /> : <p className="secondary">{texts.onlyAdmins}</p>}
    </div>
  );
}
