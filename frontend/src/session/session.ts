import { createStore } from 'zustand/vanilla';
import { api, answered, unwrap, setCredentials } from '@/api/client';
import type { components } from '@/api/generated/auth';
import { Problem, silence } from '@/api/problem';

type SessionBody = components['schemas']['SessionBody'];
export type User = components['schemas']['UserBody'];

/**
 * `unknown` until the cookie was tried; `unreachable` when nobody answered that; `second_factor` when the password was right and a
 * code of an authenticator app is still to come.
 */
export type SessionStatus = 'unknown' | 'unreachable' | 'signed_out' | 'second_factor' | 'signed_in';

export interface SessionState {
  status: SessionStatus;
  user: User | undefined;
  workspace: string | undefined;
}

/** Who is signed in on this device. The token itself stays in this module. */
export const session = createStore<SessionState>(() => ({ status: 'unknown', user: undefined, workspace: undefined }));

/** Says only that a cookie may be there, so that visitors are not asked for one. */
const HINT = 'groundwork.signed-in';
const WORKSPACE = 'groundwork.workspace';
/** A token is renewed when it has less than this left. */
const MARGIN_S = 60;

let access: { token: string; expiresAtS: number } | undefined;
let refreshing: Promise<string | undefined> | undefined;
/** `left`: a person signed out. `ended`: the server refused the session; what is kept for its user stays. */
export type EndOfSession = 'left' | 'ended';
const cleanUps = new Set<(end: EndOfSession) => void | Promise<void>>();
const tabs = typeof BroadcastChannel === 'undefined' ? undefined : new BroadcastChannel('groundwork.session');

function stored(key: string): string | undefined {
  try {
    return localStorage.getItem(key) ?? undefined;
  } catch {
    return undefined;
  }
}

function store(key: string, value: string | undefined): void {
  try {
    if (value === undefined) localStorage.removeItem(key);
    else localStorage.setItem(key, value);
  } catch {
    // Private modes without storage: the session lasts as long as the page.
  }
}

/** The verified factors of a user, which their session has to show. */
export function verifiedFactors(user: User): { id: string; friendly_name?: string }[] {
  const factors = (user.factors ?? []) as { id?: unknown; status?: unknown; friendly_name?: unknown }[];
  return factors
    .filter((factor) => factor.status === 'verified' && typeof factor.id === 'string')
    .map((factor) => ({ id: factor.id as string, ...(typeof factor.friendly_name === 'string' && { friendly_name: factor.friendly_name }) }));
}

function levelOf(token: string): string {
  try {
    const payload = token.split('.')[1] ?? '';
    const claims = JSON.parse(atob(payload.replaceAll('-', '+').replaceAll('_', '/'))) as { aal?: string };
    return claims.aal ?? 'aal1';
  } catch {
    return 'aal1';
  }
}

/** Takes over a session that the provider answered. */
export function takeOver(body: SessionBody): void {
  access = { token: body.access_token, expiresAtS: body.expires_at };
  store(HINT, '1');
  const needsCode = levelOf(body.access_token) === 'aal1' && verifiedFactors(body.user).length > 0;
  session.setState({
    status: needsCode ? 'second_factor' : 'signed_in',
    user: body.user,
    workspace: session.getState().workspace ?? stored(WORKSPACE),
  });
}

function forget(end: EndOfSession): void {
  access = undefined;
  store(HINT, undefined);
  store(WORKSPACE, undefined);
  session.setState({ status: 'signed_out', user: undefined, workspace: undefined });
  for (const cleanUp of cleanUps) void cleanUp(end);
}

/** Runs whenever a session ends, here or in another tab: caches and stores empty themselves. */
export function onSignOut(cleanUp: (end: EndOfSession) => void | Promise<void>): () => void {
  cleanUps.add(cleanUp);
  return () => cleanUps.delete(cleanUp);
}

async function exchange(): Promise<string | undefined> {
  // Plain fetch: the request must not wait for the token that it brings.
  let response: Response;
  try {
    response = await fetch('/auth/v1/token?grant_type=refresh_token', {
      method: 'POST',
      headers: { 'Content-Type': 'application/json', 'X-Session-Mode': 'cookie' },
      body: '{}',
      signal: AbortSignal.timeout(20_000),
    });
  } catch (error) {
    throw silence(error);
  }
  if (response.ok) {
    takeOver((await response.json()) as SessionBody);
    return access?.token;
  }
  // Anything but a plain refusal says nothing about the session.
  if (response.status >= 500 || response.status === 429 || response.status === 408) {
    throw new Problem({ status: response.status, code: `http_${response.status}`, title: response.statusText });
  }
  forget('ended');
  return undefined;
}

/** One renewal at a time in this tab, and one after the other between tabs. */
function refresh(): Promise<string | undefined> {
  if (refreshing !== undefined) return refreshing;
  const run = async () => ('locks' in navigator ? navigator.locks.request('groundwork.refresh', exchange) : exchange());
  const running = run().finally(() => {
    refreshing = undefined;
  });
  refreshing = running;
  return running;
}

function fresh(): string | undefined {
  return access !== undefined && access.expiresAtS - MARGIN_S > Date.now() / 1000 ? access.token : undefined;
}

setCredentials({
  async token() {
    if (access === undefined && session.getState().status !== 'unknown') return undefined;
    if (fresh() !== undefined) return fresh();
    if (access === undefined) return undefined;
    try {
      return await refresh();
    } catch (error) {
      // The old token may still be good; a server that refuses it will say so.
      if (access.expiresAtS > Date.now() / 1000) return access.token;
      throw error;
    }
  },
  async renew(refused) {
    if (access !== undefined && access.token !== refused) return access.token;
    return refresh();
  },
  workspace: () => session.getState().workspace,
});

/** Finds out whether somebody is signed in: asks only where a cookie may be. */
export async function startSession(): Promise<void> {
  if (session.getState().status === 'signed_in') return;
  if (stored(HINT) === undefined) {
    session.setState({ status: 'signed_out' });
    return;
  }
  session.setState({ status: 'unknown' });
  try {
    await refresh();
  } catch {
    session.setState({ status: 'unreachable' });
  }
}

export async function signIn(email: string, password: string): Promise<void> {
  const body = await unwrap(
    api.auth.POST('/auth/v1/token', { params: { query: { grant_type: 'password' } }, body: { email, password } }),
  );
  takeOver(body);
}

/** Creates an account. `signed_in` where addresses need no confirmation, else the mail has to be followed. */
export async function signUp(email: string, password: string, name: string): Promise<'signed_in' | 'confirm'> {
  const body = await unwrap(
    api.auth.POST('/auth/v1/signup', { body: { email, password, data: { name } as Record<string, unknown> as Record<string, never> } }),
  );
  if (!('access_token' in body)) return 'confirm';
  takeOver(body);
  return 'signed_in';
}

/** Shows the second factor: the session is raised and gets tokens that say so. */
export async function showFactor(factorId: string, code: string): Promise<void> {
  const path = { factor_id: factorId };
  const challenge = await unwrap(api.auth.POST('/auth/v1/factors/{factor_id}/challenge', { params: { path } }));
  takeOver(
    await unwrap(api.auth.POST('/auth/v1/factors/{factor_id}/verify', { params: { path }, body: { challenge_id: challenge.id, code } })),
  );
}

export type LinkOutcome = 'signed_in' | 'other_address';

/** Brings the proof of a mail: the token of a link, or a code with its address. */
export async function bringProof(
  proof: { type: string; token_hash: string } | { type: string; email: string; token: string },
): Promise<LinkOutcome> {
  const { data } = await answered(api.auth.POST('/auth/v1/verify', { body: proof }));
  if (!('access_token' in data)) return 'other_address';
  takeOver(data);
  return 'signed_in';
}

/** Signs out here; with `global` everywhere. The device forgets the session even when nobody answers. */
export async function signOut(scope: 'local' | 'global' | 'others' = 'local'): Promise<void> {
  try {
    await unwrap(api.auth.POST('/auth/v1/logout', { params: { query: { scope } } }));
  } catch (error) {
    if (scope !== 'local') throw error;
  }
  if (scope === 'others') return;
  forget('left');
  tabs?.postMessage('signed-out');
}

tabs?.addEventListener('message', (message: MessageEvent<string>) => {
  if (message.data === 'signed-out') forget('left');
});

/** The workspace that everything is about from now on. Caches of the former one empty themselves. */
export function chooseWorkspace(id: string): void {
  if (session.getState().workspace === id) return;
  store(WORKSPACE, id);
  session.setState({ workspace: id });
}

export function forgetWorkspace(): void {
  store(WORKSPACE, undefined);
  session.setState({ workspace: undefined });
}

export function updateUser(user: User): void {
  session.setState({ user });
}

/** For tests: as if the page had just been opened. */
export function resetSession(): void {
  access = undefined;
  refreshing = undefined;
  session.setState({ status: 'unknown', user: undefined, workspace: undefined });
}
