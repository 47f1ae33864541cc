// From every page in every state the browser ends where `next` says, within two navigations.
import assert from 'node:assert/strict';
import { api, GATEWAY, somebody } from './stack.mjs';
import { signIn } from './payments.mjs';

const PAGES = ['/', '/pricing', '/status', '/support', '/signin', '/signup', '/forgot-password', '/verify-email', '/setup', '/onboarding/plans', '/plans', '/onboarding', '/onboarding/steps/company', '/onboarding/building', '/dashboard', '/foundation', '/settings/billing'];
const OPEN = new Set(['/', '/pricing', '/status', '/support']);
const OF_A_WORKSPACE = new Set(['/onboarding/plans', '/plans', '/settings/billing']);

async function walk({ page, note }, label, expected) {
  for (const path of PAGES) {
    let navigations = -1;
    const count = (frame) => {
      if (frame === page.mainFrame()) navigations += 1;
    };
    page.on('framenavigated', count);
    await page.goto(GATEWAY + path);
    await page.waitForSelector('h1');
    await page.waitForTimeout(250);
    page.off('framenavigated', count);
    const end = new URL(page.url()).pathname;
    assert.equal(end, expected(path), `${label}: ${path}`);
    assert.ok(navigations <= 2, `${label}: ${path} took ${navigations} navigations`);
  }
  note(`${label}: ${PAGES.length} pages end where the gate says`);
}

export async function everywhere(world) {
  const entry = new Set(['/signin', '/signup', '/forgot-password', '/verify-email']);
  await walk(world, 'a visitor', (path) => (OPEN.has(path) || entry.has(path) ? path : '/signin'));

  const states = [
    ['account', () => '/onboarding/plans', () => false],
    ['paid', () => '/onboarding', (path) => path.startsWith('/onboarding') && path !== '/onboarding/building'],
    ['finalized', () => '/dashboard', (path) => ['/dashboard', '/foundation', '/onboarding', '/onboarding/steps/company'].includes(path)],
  ];
  for (const [upTo, home, stays] of states) {
    const person = await somebody(upTo);
    const { body } = await api('GET', '/api/auth/verify-profile', { token: person.token });
    // Another person at the same browser. What tells of a session is taken away on a page without scripts: the app might renew the
    // session just then.
    await world.page.goto(`${GATEWAY}/api/docs`);
    await world.page.evaluate(() => localStorage.clear());
    await world.context.clearCookies();
    await signIn(world, person, '/signin');
    await world.page.waitForURL((url) => url.pathname === home());
    assert.equal(body.path, home());
    await walk(world, upTo, (path) => (OPEN.has(path) || OF_A_WORKSPACE.has(path) || stays(path) ? path : home()));
  }
}
