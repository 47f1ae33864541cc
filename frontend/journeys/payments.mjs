// What can go wrong with a payment: each ends right, without a second order, with words that say what happens.
import assert from 'node:assert/strict';
import { api, GATEWAY, inWeather, PASSWORD, payment, sandbox, somebody, until } from './stack.mjs';

const heading = (page, name) => page.getByRole('heading', { level: 1, name });

export async function signIn({ page, hands }, { email }, path) {
  await page.goto(GATEWAY + path);
  await hands.type('E-mail address', email);
  await hands.type('Password', PASSWORD);
  await hands.press('button', 'Sign in');
}

/** Orders, and stops on the provider's page. */
async function order(world) {
  const { page, hands } = world;
  const person = await somebody();
  await signIn(world, person, '/onboarding/payment/new?plan=ascent&cycle=monthly');
  await hands.press('button', /^Pay ₹5,000/);
  await page.waitForURL(/\/pay\//);
  const open = await until('the open order', async () => (await api('GET', '/api/auth/verify-profile', { token: person.token })).body.open_order);
  return { ...person, order: open.id };
}

async function ordersOf(person) {
  const { body } = await sandbox('GET', '/control/orders');
  return body.filter(({ merchant_order_id: id }) => id.startsWith(person.order)).length;
}

export async function failed(world) {
  const { page, hands, note } = world;
  const person = await order(world);
  await hands.press('button', 'Fail');
  await heading(page, 'The payment did not go through').waitFor({ timeout: 60_000 });
  await page.getByText('No money was taken for this order.').waitFor();
  note('a failed payment says so');
  await hands.press('link', 'Try again');
  await hands.press('button', /^Pay ₹5,000/);
  await page.waitForURL(/\/pay\//);
  await hands.press('button', 'Succeed');
  await heading(page, 'Paid. Thank you.').waitFor({ timeout: 60_000 });
  assert.equal(await ordersOf(person), 1);
  note('and can be tried again');
}

export async function closedPage(world) {
  const { page, hands, note } = world;
  const person = await order(world);
  // The person closes the provider's page and comes back on their own.
  await page.goto(`${GATEWAY}/dashboard`);
  await heading(page, 'Your payment is being confirmed').waitFor();
  await page.getByText('You will not be charged twice.').waitFor();
  await page.goto(`${GATEWAY}/onboarding/payment/new?plan=soar&cycle=yearly`);
  await hands.press('button', /^Pay/);
  await heading(page, 'Your payment is being confirmed').waitFor();
  assert.equal(page.url(), `${GATEWAY}/onboarding/payment/${person.order}`);
  note('another choice leads to the order that is open: no second one is made');
  await hands.press('link', 'Go back to PhonePe’s page');
  await hands.press('button', 'Succeed');
  await heading(page, 'Paid. Thank you.').waitFor({ timeout: 60_000 });
  assert.equal(await ordersOf(person), 1);
  note('paid with the first order');
}

export async function pending(world) {
  const { page, hands, note } = world;
  const person = await order(world);
  await hands.press('button', 'Leave pending');
  await heading(page, 'Your payment is being confirmed').waitFor();
  await page.waitForTimeout(Number(process.env.PENDING_MS ?? 10_000));
  await heading(page, 'Your payment is being confirmed').waitFor();
  await payment(person.order, 'success');
  await heading(page, 'Paid. Thank you.').waitFor({ timeout: 60_000 });
  await page.getByRole('link', { name: 'Start the onboarding' }).waitFor({ timeout: 30_000 });
  assert.equal(await ordersOf(person), 1);
  note('pending stays pending, and moves on by itself when it is paid');
}

export async function webhookLost(world) {
  const { page, hands, note } = world;
  await inWeather({ webhook: { lost: true } }, async () => {
    const person = await order(world);
    await hands.press('button', 'Succeed');
    await heading(page, 'Paid. Thank you.').waitFor({ timeout: 120_000 });
    await page.getByRole('link', { name: 'Start the onboarding' }).waitFor({ timeout: 30_000 });
    assert.equal(await ordersOf(person), 1);
  });
  note('without any webhook the payment is found out');
}
