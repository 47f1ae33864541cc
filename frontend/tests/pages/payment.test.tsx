import { fireEvent, screen, waitFor, within } from '@testing-library/react';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { openApp, inhabitWorld } from '../support/app';
import { seriousFindings } from '../support/axe';

inhabitWorld();
afterEach(() => vi.unstubAllGlobals());

describe('paying', () => {
  it('makes one order however often the button is pressed, and the same one after an error', async () => {
    const { user, world, sent } = await openApp('/onboarding/payment/new?plan=glide&cycle=monthly', { next: 'choose_plan' });
    let failing = true;
    world.overrides.push(({ path, problem, json }) => {
      if (path !== '/api/payments/v2/initiate') return undefined;
      if (failing) return problem(504, 'GW-0019', 'The service did not answer in time');
      world.state.next = 'payment_pending';
      return json({ order_id: world.ids.ORDER, plan: 'glide', cycle: 'monthly', amount: 700_000, currency: 'INR', state: 'pending', created_at: new Date(), expires_at: new Date() }, 201);
    });
    const button = await screen.findByRole('button', { name: 'Pay ₹7,000 with PhonePe' });
    fireEvent.click(button);
    fireEvent.click(button);
    await waitFor(() => expect(screen.getByRole('alert')).toHaveTextContent('not available'));
    expect(sent('POST /api/payments/v2/initiate')).toHaveLength(1);
    failing = false;
    await user.click(button);
    expect(await screen.findByRole('heading', { level: 1, name: 'Your payment is being confirmed' })).toBeInTheDocument();
    const keys = sent('POST /api/payments/v2/initiate').map(({ headers }) => headers['idempotency-key']);
    expect(new Set(keys).size).toBe(1);
    expect(sent('POST /api/payments/v2/initiate')[0]?.body).toEqual({ plan: 'glide', cycle: 'monthly' });
  });

  it('leads to the order that is open already', async () => {
    const { user, world } = await openApp('/onboarding/payment/new?plan=soar&cycle=yearly', { next: 'choose_plan' });
    world.overrides.push(({ path, problem }) =>
      path === '/api/payments/v2/initiate' ? problem(409, 'PAY-0002', 'Another order is open', { order: { order_id: world.ids.ORDER } }) : undefined,
    );
    await user.click(await screen.findByRole('button', { name: /^Pay/ }));
    expect(await screen.findByRole('heading', { level: 1, name: 'Your payment is being confirmed' })).toBeInTheDocument();
    expect(location.pathname).toBe(`/onboarding/payment/${world.ids.ORDER}`);
  });

  it('is for owners and admins', async () => {
    await openApp('/onboarding/payment/new?plan=glide&cycle=monthly', { next: 'choose_plan', role: 'member' });
    expect(await screen.findByText(/An owner or admin of the workspace/)).toBeInTheDocument();
    expect(screen.queryByRole('button', { name: /^Pay/ })).not.toBeInTheDocument();
  });
});

describe('a pending payment', () => {
  it('says what happens and what cannot, and moves on by itself when it is paid', async () => {
    const { world, container } = await openApp('/payment/return?order=01994c1e-0000-7000-8000-000000000003', { next: 'payment_pending' });
    expect(await screen.findByText('You will not be charged twice. While this order is open, no second one is made.')).toBeInTheDocument();
    expect(screen.getByText(world.ids.ORDER)).toBeInTheDocument();
    expect(screen.getByText('₹7,000')).toBeInTheDocument();
    expect(await seriousFindings(container)).toEqual([]);
    world.state.order = 'completed';
    world.state.next = 'onboarding';
    expect(await screen.findByRole('heading', { level: 1, name: 'Paid. Thank you.' }, { timeout: 5_000 })).toBeInTheDocument();
    await waitFor(() => expect(screen.getByRole('alert')).toHaveTextContent('Paid. Thank you.'));
    expect(await screen.findByRole('link', { name: 'Start the onboarding' })).toHaveAttribute('href', '/onboarding');
  });

  it('can be given up, after a question', async () => {
    const { user, sent } = await openApp('/onboarding/payment', { next: 'payment_pending' });
    await user.click(await screen.findByRole('button', { name: 'Give this order up' }));
    const dialog = await screen.findByRole('alertdialog');
    await user.click(within(dialog).getByRole('button', { name: 'Give this order up' }));
    expect(await screen.findByRole('heading', { level: 1, name: 'Choose a plan' })).toBeInTheDocument();
    expect(sent('POST /api/payments/v2/orders/01994c1e-0000-7000-8000-000000000003/abandon')).toHaveLength(1);
  });

  it.each([
    ['failed', 'The payment did not go through', 'Try again'],
    ['expired', 'The payment was not finished in time', 'Try again'],
    ['quarantined', 'We are checking this payment', 'See the plans'],
    ['something_new', 'We are looking into this payment', 'See the plans'],
  ])('that is %s says so, and offers what can be done', async (order, title, action) => {
    await openApp('/onboarding/payment/01994c1e-0000-7000-8000-000000000003', { next: 'choose_plan', order });
    expect(await screen.findByRole('heading', { level: 1, name: title })).toBeInTheDocument();
    expect(screen.getByRole('link', { name: action })).toBeInTheDocument();
    expect(screen.queryByText('Paid. Thank you.')).not.toBeInTheDocument();
  });
});
