// Every page with the world it is shown in. Pictures and accessibility checks go through this list.
import { AxeBuilder } from '@axe-core/playwright';
import { makeWorld } from '../tests/support/world.mjs';

const visitor = { signedIn: false, next: 'choose_plan' };

export const PAGES = [
  { name: 'landing', path: '/', world: visitor },
  { name: 'pricing', path: '/pricing', world: visitor },
  { name: 'status', path: '/status', world: visitor },
  { name: 'support', path: '/support', world: visitor },
  { name: 'not-found', path: '/nowhere', world: visitor },
  { name: 'sign-up', path: '/signup', world: visitor },
  { name: 'sign-in', path: '/signin', world: visitor },
  { name: 'verify-email', path: '/verify-email', world: visitor },
  { name: 'confirm', path: '/auth/confirm#token_hash=abc&type=signup', world: visitor },
  { name: 'forgot-password', path: '/forgot-password', world: visitor },
  { name: 'reset-password', path: '/reset-password', world: { next: 'app' } },
  { name: 'setup', path: '/setup', world: { next: 'create_workspace' }, refused: '/api/auth/ensure-profile' },
  { name: 'invitation', path: '/invitations/accept#token=abc', world: { next: 'choose_plan' } },
  { name: 'plans', path: '/onboarding/plans', world: { next: 'choose_plan' } },
  { name: 'payment-summary', path: '/onboarding/payment/new?plan=glide&cycle=monthly', world: { next: 'choose_plan' } },
  { name: 'payment-pending', path: '/onboarding/payment', world: { next: 'payment_pending' } },
  { name: 'payment-paid', path: '/onboarding/payment/1', world: { next: 'onboarding', order: 'completed' } },
  { name: 'payment-failed', path: '/onboarding/payment/1', world: { next: 'choose_plan', order: 'failed' } },
  { name: 'payment-expired', path: '/onboarding/payment/1', world: { next: 'choose_plan', order: 'expired' } },
  { name: 'task-list', path: '/onboarding', world: { next: 'onboarding' } },
  { name: 'step-company', path: '/onboarding/steps/company', world: { next: 'onboarding' } },
  { name: 'step-pricing', path: '/onboarding/steps/pricing', world: { next: 'app' } },
  { name: 'step-icps', path: '/onboarding/steps/icps', world: { next: 'app' } },
  { name: 'step-brand', path: '/onboarding/steps/brand', world: { next: 'app' } },
  { name: 'step-constraints', path: '/onboarding/steps/constraints', world: { next: 'onboarding' } },
  { name: 'review', path: '/onboarding/steps/review', world: { next: 'app' } },
  { name: 'building', path: '/onboarding/building', world: { next: 'building' } },
  { name: 'dashboard', path: '/dashboard', world: { next: 'app', workspaces: 2 } },
  { name: 'dashboard-stale', path: '/dashboard', world: { next: 'app', ageDays: 9, plan: 'glide' } },
  { name: 'foundation', path: '/foundation', world: { next: 'app' } },
  { name: 'foundation-history', path: '/foundation?tab=history', world: { next: 'app' } },
  { name: 'foundation-older', path: '/foundation?version=1.0.0', world: { next: 'app' } },
  { name: 'foundation-changes', path: '/foundation?tab=history&compare=1.2.0', world: { next: 'app' } },
  { name: 'settings-profile', path: '/settings/profile', world: { next: 'app' } },
  { name: 'settings-workspace', path: '/settings/workspace', world: { next: 'app', workspaces: 2 } },
  { name: 'settings-members', path: '/settings/members', world: { next: 'app' } },
  { name: 'settings-security', path: '/settings/security', world: { next: 'app' } },
  { name: 'settings-billing', path: '/settings/billing', world: { next: 'app' } },
  { name: 'settings-context', path: '/settings/context', world: { next: 'app', ageDays: 15 } },
  { name: 'unreachable', path: '/dashboard', world: { next: 'app' }, down: true },
];

/** Lets the world answer instead of the services. */
export async function inhabit(context, { world: settings, down = false, refused }) {
  const world = makeWorld(settings);
  await context.addInitScript((signedIn) => {
    if (signedIn && localStorage.getItem('groundwork.signed-in') === null) localStorage.setItem('groundwork.signed-in', '1');
  }, world.state.signedIn);
  await context.route(/\/(api|auth\/v1|gateway)\//, async (route) => {
    const request = route.request();
    const url = new URL(request.url());
    if (down && url.pathname.endsWith('verify-profile')) return route.abort('connectionrefused');
    if (url.pathname === refused) return route.fulfill(world.problem(503, 'AUTH-0002', 'The workspace could not be prepared'));
    const text = request.postData();
    const { status, headers, body } = world.answer(request.method(), url.pathname, {
      query: url.searchParams,
      body: text ? JSON.parse(text) : undefined,
      headers: request.headers(),
    });
    return route.fulfill({ status, headers, body });
  });
  return world;
}

/** Opens a page and waits until it has drawn what it is going to. */
export async function open(page, base, { path }) {
  await page.goto(base + path);
  await page.waitForSelector('h1', { timeout: 15_000 });
  await page.waitForFunction(() => document.querySelector('.skeleton, .splash') === null, undefined, { timeout: 15_000 });
  await page.evaluate(() => document.fonts.ready);
}

/** What axe finds serious or worse. */
export async function audit(page) {
  // A page is one frame: axe may finish where it began, without a page of its own.
  const { violations } = await new AxeBuilder({ page })
    .withTags(['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'])
    .setLegacyMode()
    .analyze();
  return violations
    .filter(({ impact }) => impact === 'serious' || impact === 'critical')
    .map(({ id, help, nodes }) => `${id}: ${help}: ${nodes.map(({ target }) => target.join(' ')).join(', ')}`);
}
