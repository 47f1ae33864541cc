import { useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { NavLink, Outlet, useNavigate } from 'react-router';
import { enterWorkspace, useGate, useGateEvents } from '@/gate/gate-query';
import { signOut } from '@/session/session';
import { useSession } from '@/session/use-session';
import { appTexts } from '@/texts/app';
import { common } from '@/texts/common';
import { ConfirmDialog } from './Dialog';
import { Menu } from './Menu';
import { Brand } from './PublicShell';

const texts = appTexts.nav;

const PLACES = [
  { to: '/dashboard', code: '01', label: texts.dashboard },
  { to: '/foundation', code: '02', label: texts.foundation },
  { to: '/settings', code: '03', label: texts.settings },
];

function AccountMenu() {
  const user = useSession((state) => state.user);
  const email = user?.email;
  const navigate = useNavigate();
  const [asking, setAsking] = useState(false);
  const leave = async () => {
    await signOut();
    void navigate('/', { replace: true });
  };
  const askOrLeave = async () => {
    const unsaved = await import('@/onboarding/local-copy')
      .then(({ hasUnsavedCopies }) => hasUnsavedCopies(user?.id ?? ''))
      // Whatever is wrong with the device's store must not keep anybody signed in.
      .catch(() => false);
    if (unsaved) setAsking(true);
    else await leave();
  };
  return (
    <>
      <ConfirmDialog
        open={asking}
        title={common.signOutTitle}
        text={<p>{common.signOutText}</p>}
        confirm={common.signOutAnyway}
        danger
        onClose={() => setAsking(false)}
        onConfirm={() => void leave()}
      />
      <Menu label={texts.account} up>
        {(close) => (
          <>
            {email !== undefined && <p className="menu-item muted small breakable">{email}</p>}
            <NavLink className="menu-item" to="/settings/profile" onClick={close}>
              {appTexts.settings.sections.profile}
            </NavLink>
            <NavLink className="menu-item" to="/support" onClick={close}>
              {common.support}
            </NavLink>
            <button
              type="button"
              className="menu-item"
              onClick={() => {
                close();
                void askOrLeave();
              }}
            >
              {common.signOut}
            </button>
          </>
        )}
      </Menu>
    </>
  );
}

function WorkspaceMenu() {
  const { workspace, workspaces } = useGate();
  const client = useQueryClient();
  const navigate = useNavigate();
  if (!workspace) return null;
  if (workspaces.length < 2) return <p className="workspace-name">{workspace.name}</p>;
  return (
    <Menu label={workspace.name} title={`${texts.workspace}: ${workspace.name}`}>
      {(close) =>
        workspaces.map(({ id, name }) => (
          <button
            key={id}
            type="button"
            className="menu-item"
            aria-pressed={id === workspace.id}
            onClick={() => {
              close();
              enterWorkspace(client, id);
              void navigate('/dashboard');
            }}
          >
            {name}
          </button>
        ))
      }
    </Menu>
  );
}

/** The frame of the app: a rail with the places, the workspace and the account. */
export function AppShell() {
  const { next } = useGate();
  useGateEvents();
  // Before there is an app, the settings can be reached and the other places lead where the gate says.
  const places = next === 'app' ? PLACES : PLACES.filter(({ to }) => to === '/settings');
  return (
    <div className="app">
      <a className="skip" href="#content">
        {common.skip}
      </a>
      <header className="rail">
        <Brand />
        <WorkspaceMenu />
        <nav className="rail-nav" aria-label={texts.label}>
          {places.map(({ to, code, label }) => (
            <NavLink key={to} to={to} className="rail-link">
              <span className="code" aria-hidden="true">
                {code}
              </span>
              {label}
            </NavLink>
          ))}
        </nav>
        <div className="rail-foot">
          <AccountMenu />
        </div>
      </header>
      <main className="app-main" id="content">
        <Outlet />
      </main>
    </div>
  );
}

/** The frame of everything before the app: plans, payment and the onboarding. */
export function JourneyShell() {
  return (
    <>
      <a className="skip" href="#content">
        {common.skip}
      </a>
      <header className="topbar">
        <div className="wide topbar-inner">
          <Brand />
          <div className="row">
            <WorkspaceMenu />
            <NavLink to="/settings" className="nav-link">
              {texts.settings}
            </NavLink>
            <AccountMenu />
          </div>
        </div>
      </header>
      <main className="main" id="content">
        <div className="wide">
          <Outlet />
        </div>
      </main>
    </>
  );
}
