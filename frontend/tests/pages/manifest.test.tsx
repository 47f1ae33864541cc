import { screen, waitFor, within } from '@testing-library/react';
import { describe, expect, it } from 'vitest';
import { useBcmStore } from '@/bcm/bcm-store';
import { openApp, inhabitWorld } from '../support/app';
import { seriousFindings } from '../support/axe';

inhabitWorld();

describe('the dashboard', () => {
  it('asks for each thing once, however many panels show it', async () => {
    const { sent, container } = await openApp('/dashboard');
    expect(await screen.findByText('Fresh')).toBeInTheDocument();
    await screen.findByText('1,148 of 1,200 tokens');
    for (const route of ['GET /api/context/freshness', 'GET /api/context/manifest', 'GET /api/auth/verify-profile', 'GET /api/payments/v2/plans']) {
      expect(sent(route), route).toHaveLength(1);
    }
    expect(await seriousFindings(container)).toEqual([]);
  });

  it.each([
    [3, 'Fresh', false],
    [9, 'Stale', true],
    [15, 'Expired', false],
  ])('at %d days says %s', async (ageDays, state, banner) => {
    await openApp('/dashboard', { ageDays });
    expect(await screen.findByText(state)).toBeInTheDocument();
    expect(screen.queryByText(/The manifest is stale/) !== null).toBe(banner);
  });

  it('says that edited answers are not in it yet, and leads to where they are finalized', async () => {
    const { unmount, world } = await openApp('/dashboard');
    await screen.findByText('Fresh');
    expect(screen.queryByText(/You edited answers/)).not.toBeInTheDocument();
    unmount();
    useBcmStore.getState().enter(world.ids.WORKSPACE);
    useBcmStore.getState().setStaleReason('edited');
    await openApp('/dashboard');
    expect(await screen.findByText(/You edited answers after this manifest was made/)).toBeInTheDocument();
    expect(screen.getByRole('link', { name: 'Review and finalize' })).toHaveAttribute('href', '/onboarding/steps/review');
  });

  it('shows an error with Retry in the panel that has one, and the rest as it is', async () => {
    let down = true;
    const { user, world } = await openApp('/dashboard');
    world.overrides.push(({ path, problem }) => (down && path === '/api/auth/workspace/audit' ? problem(500, 'GW-0001', 'Something went wrong on our side') : undefined));
    const panel = await screen.findByRole('region', { name: 'Activity' });
    expect(await within(panel).findByText('Something went wrong on our side. Trying again is safe.', undefined, { timeout: 8_000 })).toBeInTheDocument();
    expect(screen.getByText('Fresh')).toBeInTheDocument();
    down = false;
    await user.click(within(panel).getByRole('button', { name: 'Try again' }));
    expect(await within(panel).findByText('Invited somebody')).toBeInTheDocument();
  });
});

describe('a rebuild', () => {
  async function press(user: Awaited<ReturnType<typeof openApp>>['user'], name: string) {
    await user.click(within(await screen.findByRole('alertdialog')).getByRole('button', { name }));
  }

  it('runs as a job and says when nothing changed', async () => {
    const { user, sent } = await openApp('/dashboard');
    await user.click(await screen.findByRole('button', { name: 'Rebuild' }));
    await press(user, 'Rebuild');
    await waitFor(() => expect(screen.getAllByText(/Checked at \d\d:\d\d, unchanged/).length).toBeGreaterThan(0), { timeout: 4_000 });
    expect(sent('POST /api/context/rebuild')[0]?.body).toEqual({ force: false });
    expect(useBcmStore.getState().rebuild).toBeUndefined();
  });

  it('within an hour says when the next one is possible, and can be forced', async () => {
    const { user, world, sent } = await openApp('/dashboard');
    world.overrides.push(({ path, body, problem }) =>
      path === '/api/context/rebuild' && !(body as { force: boolean }).force
        ? problem(429, 'BCM-0003', 'The manifest was rebuilt within the last hour', { available_at: '2026-11-28T12:34:00Z' })
        : undefined,
    );
    await user.click(await screen.findByRole('button', { name: 'Rebuild' }));
    await press(user, 'Rebuild');
    const dialog = await screen.findByRole('alertdialog', { name: 'It was rebuilt within the last hour' });
    expect(dialog).toHaveTextContent(/The next rebuild is possible at \d\d:34/);
    await press(user, 'Rebuild anyway');
    await waitFor(() => expect(sent('POST /api/context/rebuild').map(({ body }) => body)).toEqual([{ force: false }, { force: true }]));
  });

  it('goes on after a reload', async () => {
    const first = await openApp('/dashboard');
    useBcmStore.getState().enter(first.world.ids.WORKSPACE);
    useBcmStore.getState().begin(first.world.ids.JOB);
    first.unmount();
    const { sent } = await openApp('/dashboard');
    await waitFor(() => expect(sent(`GET /api/context/rebuild/${first.world.ids.JOB}`).length).toBeGreaterThan(0), { timeout: 4_000 });
    await waitFor(() => expect(screen.getAllByText(/unchanged/).length).toBeGreaterThan(0), { timeout: 4_000 });
  });

  it('is offered to owners and admins alone', async () => {
    await openApp('/dashboard', { role: 'member' });
    expect(await screen.findByText('An owner or admin rebuilds the manifest.')).toBeInTheDocument();
    expect(screen.queryByRole('button', { name: 'Rebuild' })).not.toBeInTheDocument();
  });
});

describe('the foundation', () => {
  it('can be read in sections, with the record beside them', async () => {
    const { container } = await openApp('/foundation');
    for (const title of ['Company', 'Offer', 'Ideal customers', 'Messaging']) {
      expect(await screen.findByRole('region', { name: title })).toBeInTheDocument();
    }
    const record = screen.getByRole('region', { name: 'Record' });
    expect(within(record).getByText('1.2.0')).toBeInTheDocument();
    expect(within(record).getByText('Business context no. 3')).toBeInTheDocument();
    expect(await seriousFindings(container)).toEqual([]);
  });

  it('shows older versions, and the way back', async () => {
    const { user } = await openApp('/foundation?tab=history');
    await user.click(await screen.findByRole('button', { name: 'View 1.0.0' }));
    expect(await screen.findByText('You are reading version 1.0.0, not the current one.')).toBeInTheDocument();
    expect(screen.getByRole('group', { name: 'You are reading version 1.0.0, not the current one.' })).toHaveFocus();
    await user.click(screen.getByRole('button', { name: 'Back to the current version' }));
    await waitFor(() => expect(screen.queryByText(/You are reading version/)).not.toBeInTheDocument());
    expect(screen.getByRole('tab', { name: 'Manifest' })).toHaveFocus();
  });

  it('says where each thing comes from when it is asked', async () => {
    const { user, sent } = await openApp('/foundation');
    await screen.findByRole('region', { name: 'Company' });
    expect(sent('GET /api/context/manifest/versions/1.2.0')).toEqual([]);
    await user.click(screen.getByRole('button', { name: 'Show where it comes from' }));
    expect(await screen.findByRole('link', { name: 'from Company' })).toHaveAttribute('href', '/onboarding/steps/company');
  });

  it('compares a version with the one before it, in words', async () => {
    const { user, container } = await openApp('/foundation?tab=history');
    await user.click(await screen.findByRole('button', { name: 'Compare 1.2.0 with the version before it' }));
    const changes = await screen.findByRole('region', { name: 'From 1.1.0 to 1.2.0' });
    expect(within(changes).getByText('60')).toBeInTheDocument();
    expect(within(changes).getByText('85')).toBeInTheDocument();
    expect(within(changes).getByText('(Head of maintenance)')).toBeInTheDocument();
    expect(await seriousFindings(container)).toEqual([]);
  });

  it('goes back to an older version after a question', async () => {
    const { user, sent } = await openApp('/foundation?tab=history');
    await user.click(await screen.findByRole('button', { name: 'Go back to 1.0.0' }));
    await user.click(within(await screen.findByRole('alertdialog', { name: 'Go back to 1.0.0?' })).getByRole('button', { name: 'Go back to 1.0.0' }));
    await waitFor(() => expect(screen.getAllByRole('status').some((region) => region.textContent === 'Version 1.3.0 is current now.')).toBe(true));
    expect(sent('POST /api/context/rollback')[0]?.body).toEqual({ to: '1.0.0' });
  });

  it('says what is to be done while there is none', async () => {
    const { world } = await openApp('/foundation');
    world.overrides.push(({ path, json }) => (path === '/api/context/freshness' ? json({ state: 'missing', stale_after_s: 1, expired_after_s: 2 }) : undefined));
    expect(await screen.findByText('There is no manifest yet')).toBeInTheDocument();
    expect(screen.getByRole('link', { name: 'Go to the onboarding' })).toBeInTheDocument();
  });
});

describe('the store', () => {
  it('forgets everything of a workspace when another one is entered', () => {
    const store = useBcmStore.getState();
    store.enter('one');
    store.begin('job');
    useBcmStore.getState().enter('one');
    expect(useBcmStore.getState().rebuild?.job).toBe('job');
    useBcmStore.getState().enter('two');
    expect(useBcmStore.getState()).toMatchObject({ workspace: 'two', rebuild: undefined, outcome: undefined });
  });
});

describe('the settings', () => {
  it.each(['profile', 'workspace', 'members', 'security', 'billing', 'context'])('%s has nothing that axe finds serious', async (section) => {
    const { container } = await openApp(`/settings/${section}`);
    await screen.findByRole('heading', { level: 1 });
    await waitFor(() => expect(container.querySelector('.skeleton')).toBeNull());
    expect(await seriousFindings(container)).toEqual([]);
  });
});
