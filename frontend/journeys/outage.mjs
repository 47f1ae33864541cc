// onboarding-svc is killed while somebody types, and Redis loses everything: nothing is lost. How that is done is the stack's
// business: ONBOARDING_DOWN, ONBOARDING_UP and REDIS_FLUSH are commands; without them this journey is left out.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { signIn } from './payments.mjs';
import { api, somebody } from './stack.mjs';
import { saved } from './steps.mjs';

const { ONBOARDING_DOWN, ONBOARDING_UP, REDIS_FLUSH } = process.env;
export const canBreakThings = ONBOARDING_DOWN !== undefined && ONBOARDING_UP !== undefined && REDIS_FLUSH !== undefined;

const run = promisify(execFile);
const shell = (command) => run('bash', ['-c', command], { cwd: new URL('../..', import.meta.url) });

export async function outage(world) {
  const { page, hands, note } = world;
  const person = await somebody('paid');
  const field = () => page.locator('[id="core_promise"]');
  const stored = async () => (await api('GET', '/api/onboarding/steps/value-proposition', { token: person.token })).body.answer?.core_promise;
  await signIn(world, person, '/onboarding/steps/value-proposition');
  await hands.fill(field(), 'Before.');
  await saved(page);

  await shell(ONBOARDING_DOWN);
  await hands.fill(field(), 'While the service was dead.');
  await page.getByTestId('save-state').getByText(/^Not saved: A part of the system is not available/).waitFor({ timeout: 30_000 });
  await page.getByTestId('save-state').getByText(/^Request /).waitFor();
  await shell(ONBOARDING_UP);
  await saved(page, 60_000);
  assert.equal(await stored(), 'While the service was dead.');
  note('killed while typing: "not saved" with a request id, and saved after it returned');

  await shell(REDIS_FLUSH);
  await hands.fill(field(), 'After Redis lost everything.');
  const state = page.getByTestId('save-state');
  const conflict = page.getByRole('dialog', { name: 'This step was changed elsewhere' });
  await page.waitForTimeout(1_000);
  await state.getByText(/^All changes saved/).or(conflict).first().waitFor({ timeout: 30_000 });
  // The server counts anew from its disk, and asks rather than guesses.
  if (await conflict.isVisible()) await hands.press('button', 'Keep mine', conflict);
  await saved(page);
  await page.reload();
  await field().waitFor();
  assert.equal(await field().inputValue(), 'After Redis lost everything.');
  assert.equal(await stored(), 'After Redis lost everything.');
  note('Redis flushed: nothing lost');
}
