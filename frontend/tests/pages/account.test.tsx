import { screen, waitFor } from '@testing-library/react';
import { describe, expect, it } from 'vitest';
import { openApp, inhabitWorld } from '../support/app';
import { seriousFindings } from '../support/axe';

inhabitWorld();

describe('signing in', () => {
  it('leads to where somebody was on the way to', async () => {
    const { user } = await openApp('/foundation', { signedIn: false });
    expect(await screen.findByRole('heading', { level: 1, name: 'Sign in' })).toBeInTheDocument();
    expect(location.search).toBe('?next=%2Ffoundation');
    await user.type(screen.getByLabelText('E-mail address'), 'asha@acme.example');
    await user.type(screen.getByLabelText('Password'), 'four unrelated words');
    await user.click(screen.getByRole('button', { name: 'Sign in' }));
    expect(await screen.findByRole('heading', { level: 1, name: 'Foundation' })).toHaveFocus();
    expect(document.title).toBe('Foundation · Groundwork');
  });

  it('says in words what is wrong, where it is heard, and keeps what was typed', async () => {
    const { user, world } = await openApp('/signin', { signedIn: false });
    world.overrides.push(({ path, json }) =>
      path === '/auth/v1/token' ? json({ code: 400, error_code: 'invalid_credentials', msg: 'Invalid login credentials' }, 400) : undefined,
    );
    await user.type(await screen.findByLabelText('E-mail address'), 'asha@acme.example');
    await user.type(screen.getByLabelText('Password'), 'wrong');
    await user.click(screen.getByRole('button', { name: 'Sign in' }));
    await waitFor(() => expect(screen.getByRole('alert')).toHaveTextContent('do not belong together'));
    expect(screen.getByLabelText('E-mail address')).toHaveValue('asha@acme.example');
    expect(screen.getByText('Request world-0001')).toBeInTheDocument();
  });

  it('asks for the code of an authenticator app before anything is shown', async () => {
    const { user, world } = await openApp('/signin', { signedIn: false });
    const factor = { id: 'f-1', status: 'verified', friendly_name: 'Phone' };
    const session = (aal: string) => ({
      access_token: `h.${btoa(JSON.stringify({ aal }))}.s`,
      token_type: 'bearer',
      expires_in: 3600,
      expires_at: Math.floor(Date.now() / 1000) + 3600,
      user: { id: world.ids.USER, email: 'asha@acme.example', factors: [factor] },
    });
    world.overrides.push(({ path, json }) => {
      if (path === '/auth/v1/token') return json(session('aal1'));
      if (path === '/auth/v1/factors/f-1/challenge') return json({ id: 'c-1', type: 'totp', expires_at: 0 });
      return path === '/auth/v1/factors/f-1/verify' ? json(session('aal2')) : undefined;
    });
    await user.type(await screen.findByLabelText('E-mail address'), 'asha@acme.example');
    await user.type(screen.getByLabelText('Password'), 'right');
    await user.click(screen.getByRole('button', { name: 'Sign in' }));
    await user.type(await screen.findByLabelText('Six-digit code'), '123 456');
    await user.click(screen.getByRole('button', { name: 'Confirm' }));
    expect(await screen.findByRole('heading', { level: 1, name: 'Dashboard' })).toBeInTheDocument();
  });
});

describe('signing up', () => {
  it('leads to the mail, and takes the code of it', async () => {
    const { user, sent, world } = await openApp('/signup?plan=glide&cycle=yearly', { signedIn: false, next: 'choose_plan' });
    await user.type(await screen.findByLabelText('Your name'), 'Asha Rao');
    await user.type(screen.getByLabelText('E-mail address'), 'asha@acme.example');
    await user.type(screen.getByLabelText('Password'), 'four unrelated words');
    await user.click(screen.getByRole('button', { name: 'Create the account' }));
    expect(await screen.findByText(/asha@acme.example/)).toBeInTheDocument();
    expect(sent('POST /auth/v1/signup')[0]?.body).toMatchObject({ data: { name: 'Asha Rao' } });
    world.state.signedIn = true;
    await user.type(screen.getByLabelText('Six-digit code'), '123456');
    await user.click(screen.getByRole('button', { name: 'Confirm the address' }));
    // The plan that was pressed on the price list is the one to be chosen now.
    expect(await screen.findByRole('link', { name: 'Choose Glide' })).toHaveClass('button-primary');
    expect(screen.getByLabelText('Yearly')).toBeChecked();
  });

  it('redeems the link of a mail only when the button is pressed', async () => {
    const { user, sent } = await openApp('/auth/confirm#token_hash=abc&type=signup', { signedIn: false, next: 'choose_plan' });
    const button = await screen.findByRole('button', { name: 'Confirm the address' });
    expect(sent('POST /auth/v1/verify')).toEqual([]);
    await user.click(button);
    expect(await screen.findByRole('heading', { level: 1, name: 'Choose a plan' })).toBeInTheDocument();
    expect(sent('POST /auth/v1/verify')[0]).toMatchObject({ body: { type: 'signup', token_hash: 'abc' }, headers: { 'x-session-mode': 'cookie' } });
  });

  it('brings whoever signed up for an invitation back to it', async () => {
    const first = await openApp('/invitations/accept#token=invited', { signedIn: false });
    expect(await screen.findByRole('link', { name: 'Create an account' })).toBeInTheDocument();
    first.unmount();
    // The link of the mail opens another tab.
    const { user, sent } = await openApp('/auth/confirm#token_hash=abc&type=signup', { signedIn: false, next: 'choose_plan' });
    await user.click(await screen.findByRole('button', { name: 'Confirm the address' }));
    await user.click(await screen.findByRole('button', { name: 'Join the workspace' }));
    await waitFor(() => expect(sent('POST /api/auth/invitations/accept')[0]?.body).toEqual({ token: 'invited' }));
    await waitFor(() => expect(localStorage.getItem('groundwork.invitation')).toBeNull());
  });
});

describe.each(['/signin', '/signup', '/forgot-password', '/verify-email', '/', '/pricing'])('%s', (path) => {
  it('has nothing that axe finds serious', async () => {
    const { container } = await openApp(path, { signedIn: false });
    await screen.findByRole('heading', { level: 1 });
    expect(await seriousFindings(container)).toEqual([]);
  });
});
