import { screen, waitFor, within } from '@testing-library/react';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { placeOf } from '@/log/log';
import { localCopies } from '@/onboarding/local-copy';
import { openApp, inhabitWorld } from '../support/app';

inhabitWorld();
afterEach(() => vi.restoreAllMocks());

describe('when the server cannot be reached', () => {
  it('shows an error page with Retry instead of leading anywhere, and goes on when it is back', async () => {
    let down = true;
    const { user, world } = await openApp('/dashboard');
    world.overrides.push(({ path, problem }) => (down && path === '/api/auth/verify-profile' ? problem(503, 'GW-0011', 'A part of the system that this needs is unavailable') : undefined));
    expect(await screen.findByRole('heading', { level: 1, name: 'Groundwork cannot be reached' }, { timeout: 10_000 })).toBeInTheDocument();
    expect(location.pathname).toBe('/dashboard');
    expect(screen.getByText('Request world-0001')).toBeInTheDocument();
    down = false;
    await user.click(screen.getByRole('button', { name: 'Try again' }));
    expect(await screen.findByRole('heading', { level: 1, name: 'Dashboard' })).toBeInTheDocument();
  });
});

describe('a session', () => {
  it('is renewed once when the server refuses the token, and the request is repeated', async () => {
    let refused = 0;
    const { world, sent } = await openApp('/dashboard');
    world.overrides.push(({ path, problem }) => {
      if (path !== '/api/context/freshness' || refused > 0) return undefined;
      refused += 1;
      return problem(401, 'GW-0004', 'A valid access token is needed');
    });
    expect(await screen.findByText('Fresh')).toBeInTheDocument();
    expect(sent('POST /auth/v1/token')).toHaveLength(2);
    expect(sent('GET /api/context/freshness')).toHaveLength(2);
  });

  it('is asked for only where one may be', async () => {
    const { sent } = await openApp('/', { signedIn: false });
    await screen.findByRole('heading', { level: 1 });
    expect(sent()).toEqual([]);
  });

  it('that ends leads to the sign-in, and leaves nothing of the account in the page', async () => {
    const { user, sent } = await openApp('/dashboard');
    await screen.findByText('Fresh');
    await user.click(screen.getByRole('button', { name: 'Account' }));
    await user.click(screen.getByRole('button', { name: 'Sign out' }));
    await waitFor(() => expect(screen.queryByText('Acme Analytics')).not.toBeInTheDocument());
    expect(sent('POST /auth/v1/logout')).toHaveLength(1);
    expect(localStorage.getItem('groundwork.signed-in')).toBeNull();
  });
});

describe('signing out', () => {
  it('asks first while words are on this device alone', async () => {
    const { user, world, sent } = await openApp('/dashboard');
    await screen.findByText('Fresh');
    const copies = localCopies(world.ids.WORKSPACE, world.ids.USER, 'company');
    copies.write({ answer: { company_name: 'Acme' }, base: '1.3' });
    const press = async () => {
      await user.click(screen.getByRole('button', { name: 'Account' }));
      await user.click(screen.getByRole('button', { name: 'Sign out' }));
      return screen.findByRole('alertdialog', { name: 'Sign out and lose unsaved words?' });
    };
    await user.click(within(await press()).getByRole('button', { name: 'Cancel' }));
    expect(await copies.read()).toMatchObject({ answer: { company_name: 'Acme' } });
    expect(sent('POST /auth/v1/logout')).toEqual([]);
    await user.click(within(await press()).getByRole('button', { name: 'Sign out anyway' }));
    await waitFor(() => expect(sent('POST /auth/v1/logout')).toHaveLength(1));
    await waitFor(async () => expect(await copies.read()).toBeUndefined());
  });
});

describe('a page that breaks', () => {
  it('leaves the app alive, says so, and is told to the gateway', async () => {
    // React tells of it, too.
    vi.spyOn(console, 'error').mockImplementation(() => undefined);
    const { world, sent } = await openApp('/dashboard');
    world.overrides.push(({ path, json }) => (path === '/api/context/freshness' ? json({ state: 'fresh', age_s: 1 }) : path === '/api/context/manifest' ? json({ record: {}, content: {} }) : undefined));
    expect(await screen.findByRole('heading', { level: 1, name: 'This page could not be shown' })).toBeInTheDocument();
    await waitFor(() => expect(sent('POST /gateway/client-errors')).not.toEqual([]));
    expect(screen.getByRole('navigation', { name: 'Main' })).toBeInTheDocument();
  });

  it('is told of without ids', () => {
    expect(placeOf('/onboarding/payment/01994c1e-0000-7000-8000-000000000003')).toBe('/onboarding/payment/:id');
  });
});
