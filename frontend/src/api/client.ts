import createClient, { type Middleware } from 'openapi-fetch';
import type { paths as AuthPaths } from './generated/auth';
import type { paths as ContextPaths } from './generated/context';
import type { paths as OnboardingPaths } from './generated/onboarding';
import type { paths as PaymentsPaths } from './generated/payments';
import { Problem, problemOf, silence } from './problem';

/** What a request needs of the session. It is set once by `session/session.ts`, so that neither module needs the other. */
export interface Credentials {
  /** A token that is good for some seconds more, or none when nobody is signed in. */
  token(): Promise<string | undefined>;
  /** After a 401: a newer token, or none when the session is over. */
  renew(refused: string): Promise<string | undefined>;
  /** The workspace that requests are about. */
  workspace(): string | undefined;
}

let credentials: Credentials = {
  token: () => Promise.resolve(undefined),
  renew: () => Promise.resolve(undefined),
  workspace: () => undefined,
};

export function setCredentials(given: Credentials): void {
  credentials = given;
}

const TIMEOUT_MS = 20_000;

/** The gateway takes it over when it is well-formed, so that a request without an answer has an id too. */
export function newRequestId(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(12));
  return `web-${Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')}`;
}

/** A key that makes a repeated request the same one. */
export function newIdempotencyKey(): string {
  return newRequestId();
}

function withTimeout(signal: AbortSignal): AbortSignal {
  return AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT_MS)]);
}

/**
 * `fetch` with the session: bearer token, workspace, request id, a limit of time, and one more try with a newer token after a 401.
 * It throws a `Problem` when nobody answers, and passes an abort on.
 */
export async function authorisedFetch(request: Request, timeout = true): Promise<Response> {
  const requestId = newRequestId();
  const token = await credentials.token();
  const send = async (bearer: string | undefined) => {
    const copy = request.clone();
    copy.headers.set('X-Request-Id', requestId);
    if (bearer !== undefined) copy.headers.set('Authorization', `Bearer ${bearer}`);
    const workspace = credentials.workspace();
    if (workspace !== undefined && !copy.headers.has('X-Workspace-Id')) copy.headers.set('X-Workspace-Id', workspace);
    try {
      return await fetch(copy, timeout ? { signal: withTimeout(request.signal) } : {});
    } catch (error) {
      if (request.signal.aborted) throw error;
      throw silence(error, requestId);
    }
  };
  const first = await send(token);
  if (first.status !== 401 || token === undefined) return first;
  const newer = await credentials.renew(token);
  return newer === undefined ? first : send(newer);
}

const asIdentityKnowsIt: Middleware = {
  onRequest({ request }) {
    request.headers.set('X-Session-Mode', 'cookie');
    return request;
  },
};

const options = { baseUrl: globalThis.location.origin, fetch: (request: Request) => authorisedFetch(request) };

/** The services, by what they answer for. `auth` speaks for `/api/auth` and the identity provider `/auth/v1`. */
export const api = {
  auth: createClient<AuthPaths>(options),
  payments: createClient<PaymentsPaths>(options),
  onboarding: createClient<OnboardingPaths>(options),
  context: createClient<ContextPaths>(options),
};
api.auth.use(asIdentityKnowsIt);

interface Answered<T> {
  data?: T;
  error?: unknown;
  response: Response;
}

/** The body of a good answer; anything else is thrown as a `Problem`. */
export async function unwrap<T>(request: Promise<Answered<T>>): Promise<T> {
  return (await answered(request)).data;
}

/** The same with the answer's headers. */
export async function answered<T>(request: Promise<Answered<T>>): Promise<{ data: T; response: Response }> {
  const { data, error, response } = await request;
  if (!response.ok) throw problemOf(response, error);
  return { data: data as T, response };
}

/** A file with the name that the server gives it, and the headers that speak of it. */
export async function download(path: string): Promise<{ blob: Blob; name: string; headers: Headers }> {
  const response = await authorisedFetch(new Request(new URL(path, globalThis.location.origin)));
  if (!response.ok) throw problemOf(response, await response.json().catch(() => undefined));
  const name = /filename="([^"]+)"/.exec(response.headers.get('Content-Disposition') ?? '')?.[1] ?? 'download';
  return { blob: await response.blob(), name, headers: response.headers };
}

export function isProblem(error: unknown, code: string): error is Problem {
  return error instanceof Problem && error.code === code;
}
