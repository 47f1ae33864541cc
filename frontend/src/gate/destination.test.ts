import { describe, expect, it } from 'vitest';
import { AREAS, destination, NEXT, ownPath, type Area, type Destination, type Next } from './destination';
import type { SessionStatus } from '@/session/session';

/** As `domain::gate::Next::path` has them. */
const PATHS: Record<Next, string> = {
  verify_email: '/verify-email',
  create_workspace: '/setup',
  choose_plan: '/onboarding/plans',
  payment_pending: '/onboarding/payment',
  onboarding: '/onboarding',
  building: '/onboarding/building',
  app: '/dashboard',
};

/** A page of each area; the first is the one that an answer's path means, where there is one. */
const PAGES: Record<Area, string[]> = {
  open: ['/', '/pricing', '/support', '/auth/confirm', '/reset-password'],
  entry: ['/signin', '/signup', '/forgot-password'],
  verify: ['/verify-email'],
  setup: ['/setup'],
  workspace: ['/onboarding/plans', '/onboarding/payment', '/onboarding/payment/1', '/payment/return?order=1', '/settings/billing'],
  onboarding: ['/onboarding', '/onboarding/steps/company'],
  building: ['/onboarding/building'],
  app: ['/dashboard', '/foundation'],
};

const areaOf = (path: string): Area => AREAS.find((area) => PAGES[area].some((page) => page.split('?')[0] === path.split('?')[0])) ?? 'open';

interface World {
  session?: SessionStatus;
  next?: Next;
  onboarding?: string;
  wanted?: string;
}

function at(here: string, { session = 'signed_in', next, onboarding = 'in_progress', wanted }: World): Destination {
  const answer = next && { next, path: PATHS[next], onboarding };
  return destination({ area: areaOf(here), here, session, answer, failed: false, wanted });
}

/** Follows the gate as the browser does; how many navigations it took, and where it ended. */
function follow(start: string, world: World): { end: string; navigations: number } {
  let here = start;
  for (let navigations = 0; navigations <= 5; navigations += 1) {
    const step = at(here, { ...world, ...(here.includes('?next=') && { wanted: decodeURIComponent(here.split('?next=')[1] ?? '') }) });
    if (step.kind !== 'go') return { end: here, navigations };
    here = step.to;
  }
  throw new Error(`${start} never ends: ${here}`);
}

const everywhere = Object.values(PAGES).flat();

describe('the gate', () => {
  it.each(NEXT.flatMap((next) => everywhere.map((page) => [next, page] as const)))('with %s leads from %s within two navigations, and never in a circle', (next, page) => {
    const { end, navigations } = follow(page, { next });
    expect(navigations).toBeLessThanOrEqual(2);
    // Either the page was allowed, or the browser is where the server says.
    if (end !== page) expect(end).toBe(PATHS[next]);
  });

  it.each(NEXT)('lets %s stay on its own path, which leads nowhere else', (next) => {
    expect(at(PATHS[next], { next })).toEqual({ kind: 'page' });
  });

  it.each([
    ['onboarding', '/dashboard', '/onboarding'],
    ['choose_plan', '/onboarding', '/onboarding/plans'],
    ['choose_plan', '/onboarding/steps/company', '/onboarding/plans'],
    ['payment_pending', '/foundation', '/onboarding/payment'],
    ['building', '/onboarding/steps/company', '/onboarding/building'],
    ['app', '/onboarding/building', '/dashboard'],
    ['verify_email', '/onboarding/plans', '/verify-email'],
    ['create_workspace', '/settings/billing', '/setup'],
  ] as const)('with %s leads from %s to %s', (next, from, to) => {
    expect(at(from, { next })).toEqual({ kind: 'go', to });
  });

  it.each(['choose_plan', 'payment_pending', 'onboarding', 'building', 'app'] as const)('keeps plans, payment and settings open with %s', (next) => {
    for (const page of PAGES.workspace) expect(at(page, { next }), page).toEqual({ kind: 'page' });
  });

  it('lets answers be edited while the app is open, and shows how the newer manifest is made', () => {
    expect(at('/onboarding/steps/company', { next: 'app' })).toEqual({ kind: 'page' });
    expect(at('/onboarding/building', { next: 'app', onboarding: 'finalizing' })).toEqual({ kind: 'page' });
  });

  it.each(everywhere.filter((page) => !['open', 'entry', 'verify'].includes(areaOf(page))))('sends a visitor from %s to the sign-in, and back afterwards', (page) => {
    const step = at(page, { session: 'signed_out' });
    expect(step).toEqual({ kind: 'go', to: `/signin?next=${encodeURIComponent(page)}` });
    expect(follow(`/signin?next=${encodeURIComponent(page)}`, { next: 'app' }).navigations).toBeLessThanOrEqual(2);
  });

  it('asks for the second factor on the sign-in page alone', () => {
    expect(at('/dashboard', { session: 'second_factor' })).toEqual({ kind: 'go', to: '/signin?next=%2Fdashboard' });
    expect(at('/signin', { session: 'second_factor' })).toEqual({ kind: 'page' });
  });

  it('waits while nothing is known, and shows open pages meanwhile', () => {
    expect(at('/dashboard', { session: 'unknown' })).toEqual({ kind: 'wait' });
    expect(at('/dashboard', {})).toEqual({ kind: 'wait' });
    expect(at('/pricing', { session: 'unknown' })).toEqual({ kind: 'page' });
  });

  it.each(AREAS.filter((area) => area !== 'open'))('never redirects from %s while the server is unreachable', (area) => {
    const here = PAGES[area][0] ?? '/';
    const unanswered = destination({ area, here, session: 'signed_in', answer: undefined, failed: true });
    expect(unanswered).toEqual({ kind: 'unreachable' });
    expect(destination({ area, here, session: 'unreachable', answer: undefined, failed: false }).kind).not.toBe('go');
  });

  it('leads to its own path for a state that came after this code', () => {
    const answer = { next: 'choose_seats', path: '/onboarding/seats', onboarding: 'locked' };
    expect(destination({ area: 'app', here: '/dashboard', session: 'signed_in', answer, failed: false })).toEqual({ kind: 'go', to: '/onboarding/seats' });
  });
});

describe('a path to come back to', () => {
  it.each(['/dashboard', '/settings/billing?tab=1', '/onboarding/steps/icps'])('takes %s', (path) => {
    expect(ownPath(path)).toBe(path);
  });

  it.each(['//evil.example', '/\\evil.example', 'https://evil.example', 'javascript:alert(1)', '', '/\t/evil.example', 'dashboard', undefined, null])(
    'refuses %j',
    (path) => {
      expect(ownPath(path)).toBeUndefined();
    },
  );
});
