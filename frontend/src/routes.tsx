import { lazy, type ComponentType, type LazyExoticComponent } from 'react';
import type { Area } from '@/gate/destination';

type PageComponent = LazyExoticComponent<ComponentType>;

/** The frame around a page. */
export type Shell = 'public' | 'journey' | 'app';

export interface PageRoute {
  path: string;
  area: Area;
  shell: Shell;
  page: PageComponent;
}

const Payment = lazy(() => import('@/pages/payment/Payment'));
const Plans = lazy(() => import('@/pages/plans/Plans'));

/** Every address of the app, what the gate asks for it, and the page. The only list: the gate, the router and the tests read it. */
export const ROUTES: readonly PageRoute[] = [
  { path: '/', area: 'open', shell: 'public', page: lazy(() => import('@/pages/public/Landing')) },
  { path: '/pricing', area: 'open', shell: 'public', page: lazy(() => import('@/pages/public/Pricing')) },
  { path: '/status', area: 'open', shell: 'public', page: lazy(() => import('@/pages/public/Status')) },
  { path: '/support', area: 'open', shell: 'public', page: lazy(() => import('@/pages/public/Support')) },
  { path: '/auth/confirm', area: 'open', shell: 'public', page: lazy(() => import('@/pages/account/Confirm')) },
  { path: '/reset-password', area: 'open', shell: 'public', page: lazy(() => import('@/pages/account/ResetPassword')) },
  { path: '/invitations/accept', area: 'open', shell: 'public', page: lazy(() => import('@/pages/account/AcceptInvitation')) },
  { path: '/signin', area: 'entry', shell: 'public', page: lazy(() => import('@/pages/account/SignIn')) },
  { path: '/signup', area: 'entry', shell: 'public', page: lazy(() => import('@/pages/account/SignUp')) },
  { path: '/forgot-password', area: 'entry', shell: 'public', page: lazy(() => import('@/pages/account/ForgotPassword')) },
  { path: '/verify-email', area: 'verify', shell: 'public', page: lazy(() => import('@/pages/account/VerifyEmail')) },
  { path: '/setup', area: 'setup', shell: 'public', page: lazy(() => import('@/pages/setup/Setup')) },
  { path: '/onboarding/plans', area: 'workspace', shell: 'journey', page: Plans },
  // The address that mails about a failed payment name.
  { path: '/plans', area: 'workspace', shell: 'journey', page: Plans },
  { path: '/onboarding/payment/new', area: 'workspace', shell: 'journey', page: lazy(() => import('@/pages/payment/Summary')) },
  { path: '/onboarding/payment', area: 'workspace', shell: 'journey', page: Payment },
  { path: '/onboarding/payment/:orderId', area: 'workspace', shell: 'journey', page: Payment },
  // Where the payment provider leads back to.
  { path: '/payment/return', area: 'workspace', shell: 'journey', page: Payment },
  { path: '/onboarding', area: 'onboarding', shell: 'journey', page: lazy(() => import('@/pages/onboarding/TaskList')) },
  { path: '/onboarding/steps/:slug', area: 'onboarding', shell: 'journey', page: lazy(() => import('@/pages/onboarding/StepPage')) },
  { path: '/onboarding/building', area: 'building', shell: 'journey', page: lazy(() => import('@/pages/onboarding/Building')) },
  { path: '/dashboard', area: 'app', shell: 'app', page: lazy(() => import('@/pages/app/Dashboard')) },
  { path: '/foundation', area: 'app', shell: 'app', page: lazy(() => import('@/pages/app/Foundation')) },
  { path: '/settings/*', area: 'workspace', shell: 'app', page: lazy(() => import('@/pages/settings/Settings')) },
  ...(import.meta.env.DEV
    ? [{ path: '/_components', area: 'open', shell: 'public', page: lazy(() => import('@/pages/development/Components')) } as const]
    : []),
  { path: '*', area: 'open', shell: 'public', page: lazy(() => import('@/pages/public/NotFound')) },
];
