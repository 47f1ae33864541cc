import type { SessionStatus } from '@/session/session';

/** What the server says where to go next; see `domain::gate`. */
export const NEXT = [
  'verify_email',
  'create_workspace',
  'choose_plan',
  'payment_pending',
  'onboarding',
  'building',
  'app',
] as const;
export type Next = (typeof NEXT)[number];

/**
 * What a page is for. `open`: anybody. `entry`: signing in and up. `setup`, `verify`: the two errands before there is a workspace.
 * `workspace`: whoever has one, paid or not (plans, payment, settings). Then the onboarding, its end, and the app.
 */
export const AREAS = ['open', 'entry', 'verify', 'setup', 'workspace', 'onboarding', 'building', 'app'] as const;
export type Area = (typeof AREAS)[number];

export interface Answer {
  next: string;
  /** The path that `next` means. */
  path: string;
  /** The onboarding's status. */
  onboarding: string;
}

export interface GateInput {
  area: Area;
  /** Where the browser is, with its query. */
  here: string;
  session: SessionStatus;
  /** What the server said, at most 30 s ago. */
  answer: Answer | undefined;
  /** The server was asked and gave no answer. */
  failed: boolean;
  /** Where a sign-in was on the way to (`?next=`). */
  wanted?: string | undefined;
}

export type Destination =
  | { kind: 'page' }
  | { kind: 'wait' }
  | { kind: 'unreachable' }
  | { kind: 'go'; to: string };

const PAGE: Destination = { kind: 'page' };
const WAIT: Destination = { kind: 'wait' };

const ALLOWED: Record<Exclude<Area, 'open' | 'entry'>, readonly Next[]> = {
  verify: ['verify_email'],
  setup: ['create_workspace'],
  workspace: ['choose_plan', 'payment_pending', 'onboarding', 'building', 'app'],
  onboarding: ['onboarding', 'app'],
  building: ['building'],
  app: ['app'],
};

/** A path of ours that a link may ask to be led to: nothing that another site could read as its own. */
export function ownPath(wish: string | null | undefined): string | undefined {
  // Browsers read a backslash as a slash, and drop tabs and line ends: both could make another site of it.
  if (wish === null || wish === undefined || !/^\/(?!\/)[^\\\s]*$/.test(wish)) return undefined;
  return wish;
}

function go(to: string, here: string): Destination {
  // Whoever is there already stays: a redirect to itself would never end.
  return to === here.split(/[?#]/)[0] ? PAGE : { kind: 'go', to };
}

function isNext(next: string): next is Next {
  return (NEXT as readonly string[]).includes(next);
}

function allows(area: Exclude<Area, 'open' | 'entry'>, answer: Answer): boolean {
  if (!isNext(answer.next)) return false;
  // While edited answers are made into a newer manifest, the older one keeps the app open.
  if (area === 'building' && answer.next === 'app') return answer.onboarding === 'finalizing';
  return ALLOWED[area].includes(answer.next);
}

/** Where the browser goes. The only place that decides it: pages never redirect by the state of the account. */
export function destination({ area, here, session, answer, failed, wanted }: GateInput): Destination {
  if (area === 'open') return PAGE;
  switch (session) {
    case 'unknown':
      return WAIT;
    case 'unreachable':
      return area === 'entry' || area === 'verify' ? PAGE : { kind: 'unreachable' };
    case 'second_factor':
      return area === 'entry' ? PAGE : { kind: 'go', to: signInPath(here) };
    case 'signed_out':
      return area === 'entry' || area === 'verify' ? PAGE : { kind: 'go', to: signInPath(here) };
    case 'signed_in':
      break;
  }
  if (answer === undefined) return failed ? { kind: 'unreachable' } : WAIT;
  if (area === 'entry') {
    const back = ownPath(wanted);
    // The page that was wanted has a gate of its own, which leads on if it has to.
    return go(back !== undefined && answer.next !== 'verify_email' ? back : answer.path, here);
  }
  return allows(area, answer) ? PAGE : go(answer.path, here);
}

export function signInPath(here: string): string {
  const back = ownPath(here);
  return back === undefined || back === '/' ? '/signin' : `/signin?next=${encodeURIComponent(back)}`;
}
