// Two tabs editing one step, and a server that is away while somebody types: nothing is lost.
import assert from 'node:assert/strict';
import { api, GATEWAY, somebody } from './stack.mjs';
import { signIn } from './payments.mjs';
import { saved } from './steps.mjs';

const statement = (page) => page.locator('[id="core_promise"]');
const stored = async ({ token }) => (await api('GET', '/api/onboarding/steps/value-proposition', { token })).body.answer?.core_promise;

export async function twoTabs(world) {
  const { page, context, hands, note } = world;
  const path = '/onboarding/steps/value-proposition';
  const person = await somebody('paid');
  await signIn(world, person, path);
  await statement(page).waitFor();
  const other = await context.newPage();
  await other.goto(GATEWAY + path);
  await statement(other).waitFor();

  await hands.fill(statement(page), 'Typed in the first tab.');
  await saved(page);
  await statement(other).fill('Typed in the second tab.');
  const dialog = other.getByRole('dialog', { name: 'This step was changed elsewhere' });
  await dialog.waitFor({ timeout: 20_000 });
  await dialog.getByText('Typed in the first tab.').waitFor();
  await dialog.getByText('Typed in the second tab.').waitFor();
  assert.equal(await stored(person), 'Typed in the first tab.');
  note('the conflict is offered with both versions, and nothing was overwritten');
  await dialog.getByRole('button', { name: 'Keep mine' }).click();
  await saved(other);
  assert.equal(await stored(person), 'Typed in the second tab.');

  await hands.fill(statement(page), 'The first tab once more.');
  await page.getByRole('dialog').waitFor({ timeout: 20_000 });
  await hands.press('button', 'Take theirs', page.getByRole('dialog'));
  assert.equal(await statement(page).inputValue(), 'Typed in the second tab.');
  note('mine can be kept, theirs can be taken');
}

export async function serverAway(world) {
  const { page, context, hands, note } = world;
  const person = await somebody('paid');
  await signIn(world, person, '/onboarding/steps/value-proposition');
  await statement(page).waitFor();
  let away = true;
  await context.route('**/api/onboarding/**', (route) => (away ? route.abort('connectionrefused') : route.continue()));
  await hands.fill(statement(page), 'Typed while the server was away.');
  await page.getByTestId('save-state').getByText(/^Not saved: The server cannot be reached/).waitFor({ timeout: 20_000 });
  note('while nobody answers, "not saved" is shown');
  // The page dies before the server is back, and can do nothing about it: a tab that is left would try once more.
  const died = page.waitForEvent('crash');
  page.goto('chrome://crash').catch(() => undefined);
  await died;
  away = false;
  const again = await context.newPage();
  await again.goto(`${GATEWAY}/onboarding/steps/value-proposition`);
  await again.getByText('What you typed last on this device was brought back.').waitFor();
  await saved(again);
  assert.equal(await stored(person), 'Typed while the server was away.');
  note('after the page died the words come back from this device and are saved');
}
