import { render } from '@testing-library/react';
import { userEvent } from '@testing-library/user-event';
import { http, HttpResponse } from 'msw';
import { setupServer } from 'msw/node';
import { afterAll, afterEach, beforeAll } from 'vitest';
import { App, makeQueryClient } from '@/App';
import { useBcmStore } from '@/bcm/bcm-store';
import { resetSession, startSession } from '@/session/session';
import { makeWorld, type World, type WorldState } from './world.mjs';

let world: World;
/** Every request that was made, as `METHOD path`. */
let requests: { route: string; headers: Record<string, string>; body: unknown }[] = [];

const server = setupServer(
  http.all('*', async ({ request }) => {
    const url = new URL(request.url);
    const text = await request.text();
    const body: unknown = text === '' ? undefined : JSON.parse(text);
    const headers = Object.fromEntries(request.headers);
    requests.push({ route: `${request.method} ${url.pathname}`, headers, body });
    const reply = world.answer(request.method, url.pathname, { query: url.searchParams, body, headers });
    return new HttpResponse(reply.status === 204 ? null : reply.body, { status: reply.status, headers: reply.headers });
  }),
);

/** Lets msw answer for as long as the file's tests run. */
export function inhabitWorld(): void {
  beforeAll(() => server.listen({ onUnhandledRequest: 'error' }));
  afterEach(() => {
    resetSession();
    useBcmStore.getState().reset();
    requests = [];
  });
  afterAll(() => server.close());
}

/** The app as a browser opens it at a path, in a world. */
export async function openApp(path: string, settings: Partial<WorldState> = {}) {
  world = makeWorld(settings);
  requests = [];
  history.replaceState(null, '', path);
  if (world.state.signedIn) localStorage.setItem('groundwork.signed-in', '1');
  const user = userEvent.setup();
  await startSession();
  const view = render(<App client={makeQueryClient()} />);
  return {
    user,
    world,
    ...view,
    /** The requests to one route, or all of them. */
    sent: (route?: string) => requests.filter((request) => route === undefined || request.route === route),
  };
}
