import { lazy, Suspense } from 'react';
import { NavLink, Navigate, Route, Routes } from 'react-router';
import { Page } from '@/components/Page';
import { Skeleton } from '@/components/QueryPanel';
import { appTexts } from '@/texts/app';
import '../app/app.css';

const texts = appTexts.settings;

const SECTIONS = {
  profile: lazy(() => import('./Profile')),
  workspace: lazy(() => import('./WorkspaceSettings')),
  members: lazy(() => import('./Members')),
  security: lazy(() => import('./Security')),
  billing: lazy(() => import('./Billing')),
  context: lazy(() => import('./Context')),
} as const;
type Section = keyof typeof SECTIONS;
const NAMES = Object.keys(SECTIONS) as Section[];

function Frame({ section }: { section: Section }) {
  const Content = SECTIONS[section];
  return (
    <Page title={texts.sections[section]} above={<p className="fig fig-plain">{texts.title}</p>}>
      <nav className="tabs settings-nav no-print" aria-label={texts.title}>
        {NAMES.map((name) => (
          <NavLink key={name} to={`/settings/${name}`} className="tab">
            {texts.sections[name]}
          </NavLink>
        ))}
      </nav>
      <Suspense fallback={<Skeleton lines={6} />}>
        <Content />
      </Suspense>
    </Page>
  );
}

export default function Settings() {
  return (
    <Routes>
      {NAMES.map((name) => (
        <Route key={name} path={name} element={<Frame section={name} />} />
      ))}
      <Route path="*" element={<Navigate to="/settings/profile" replace />} />
    </Routes>
  );
}
