// From the landing page to an exported manifest, in a real browser against the real services.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { answers, GATEWAY, mailTo, newAddress, PASSWORD } from './stack.mjs';
import { fillStep, leastOf, saved } from './steps.mjs';

const heading = (page, name) => page.getByRole('heading', { level: 1, name });

/** Signs up, by the link of the mail where addresses have to be confirmed; says whether they had. */
async function signUp(page, hands) {
  const email = newAddress();
  await page.goto(GATEWAY);
  await hands.press('link', 'Start your groundwork');
  await hands.type('Your name', 'Asha Rao');
  await hands.type('E-mail address', email);
  await hands.type('Password', PASSWORD);
  await hands.press('button', 'Create the account');
  const plans = heading(page, 'Choose a plan');
  await heading(page, 'Check your mail').or(plans).waitFor();
  const byMail = !(await plans.isVisible());
  if (byMail) {
    const { link } = await mailTo(email);
    // The mail opens another document, as it does for people.
    await page.goto('about:blank');
    await page.goto(link);
    await hands.press('button', 'Confirm the address');
    await plans.waitFor();
  }
  return { email, byMail };
}

async function pay(page, hands) {
  await hands.press('link', 'Choose Glide');
  await hands.press('button', /^Pay ₹7,000/);
  await page.waitForURL(/\/pay\//);
  await hands.press('button', 'Succeed');
  await heading(page, 'Paid. Thank you.').waitFor({ timeout: 60_000 });
  const marker = await page.evaluate(() => (window.notReloaded = true));
  assert.ok(marker);
  await hands.press('link', 'Start the onboarding');
  await heading(page, 'Your groundwork').waitFor();
  assert.ok(await page.evaluate(() => window.notReloaded), 'the onboarding was unlocked without a reload');
}

/** A second device: the same person in another browser, who writes a step there. */
async function secondDevice(newContext, email, definition) {
  const context = await newContext();
  const page = await context.newPage();
  const { Pointer } = await import('./hands.mjs');
  const hands = new Pointer(page);
  await page.goto(`${GATEWAY}/onboarding/steps/channels`);
  await hands.type('E-mail address', email);
  await hands.type('Password', PASSWORD);
  await hands.press('button', 'Sign in');
  await heading(page, 'Channels').waitFor();
  const step = definition.steps.find(({ slug }) => slug === 'channels');
  await fillStep(hands, step, answers.channels);
  await saved(page);
  await context.close();
}

async function answerSteps({ page, context, hands, newContext, note }, email, definition, brief) {
  for (const step of definition.steps) {
    if (step.slug === 'review') break;
    await heading(page, step.title).waitFor();
    await page.getByTestId('save-state').waitFor();
    const full = answers[step.slug];
    if (step.optional && (full === undefined || brief)) {
      await hands.press('button', 'Skip this step');
      await hands.press('button', 'Skip this step', page.getByRole('alertdialog'));
      continue;
    }
    const answer = brief ? leastOf(step.fields, full) : full;
    if (step.slug === 'channels' && !brief) {
      // It was answered on the second device: it is here without being typed again.
      await page.getByLabel('Name').first().waitFor();
      assert.equal(await page.locator('[id="channels.0.name"]').inputValue(), answers.channels.channels[0].name);
    } else {
      await fillStep(hands, step, answer);
    }
    if (step.slug === 'problem' && !brief) {
      await saved(page);
      await page.reload();
      await page.getByTestId('save-state').waitFor();
      assert.equal(await page.locator('[id="problem_statement"]').inputValue(), answer.problem_statement, 'a reload loses nothing');
      note('a reload in step 6 lost nothing');
    }
    if (step.slug === 'competitors' && !brief) {
      await secondDevice(newContext, email, definition);
      note('a second device wrote step 20');
    }
    if (step.slug === 'positioning' && !brief) {
      await context.setOffline(true);
      const words = `${answer.differentiation} Always.`;
      await hands.fill(page.locator('[id="differentiation"]'), words);
      await page.getByTestId('save-state').getByText('Offline: kept on this device').waitFor();
      await page.waitForTimeout(Number(process.env.OFFLINE_MS ?? 5_000));
      await context.setOffline(false);
      await saved(page, 40_000);
      note('an offline while in step 12 was kept and then saved');
    }
    await hands.press('button', 'Complete and continue');
  }
  await heading(page, 'Review').waitFor();
}

async function finish({ page, hands, note }) {
  await hands.tick(page.getByLabel('Everything above is right'));
  await hands.press('button', 'Finalize');
  await heading(page, 'Dashboard').waitFor({ timeout: 60_000 });
  await page.getByText('Fresh', { exact: true }).waitFor();
  note('finalized; the manifest is on the dashboard');
  await hands.press('button', 'Rebuild');
  await hands.press('button', 'Rebuild', page.getByRole('alertdialog'));
  const force = page.getByRole('alertdialog', { name: 'It was rebuilt within the last hour' });
  const told = page.getByText(/unchanged\. The version stays|^Rebuilt: version/).last();
  await force.or(told).first().waitFor({ timeout: 30_000 });
  if (await force.isVisible()) {
    await hands.press('button', 'Rebuild anyway', force);
    await told.waitFor({ timeout: 30_000 });
  }
  note('rebuilt');
  await hands.press('link', 'Read the foundation');
  await heading(page, 'Foundation').waitFor();
  const shown = (await page.getByRole('region', { name: 'Record' }).locator('.copyable code').innerText()).trim();
  const [download] = await Promise.all([page.waitForEvent('download'), exportAsJson(hands)]);
  const bytes = await readFile(await download.path());
  assert.equal(createHash('sha256').update(bytes).digest('hex'), shown, 'the exported bytes have the checksum that is shown');
  await page.getByText('Its checksum is the one shown above.').first().waitFor();
  note(`exported ${download.suggestedFilename()}, checksum as shown`);
}

async function exportAsJson(hands) {
  await hands.press('button', 'Export');
  await hands.press('button', 'JSON, the exact bytes');
}

/** The whole journey; `brief` answers what is needed and skips what may be skipped. */
export async function whole(world, { brief }) {
  const { page, hands, note } = world;
  const definition = await (await fetch(`${GATEWAY}/api/onboarding/steps`)).json();
  const { email, byMail } = await signUp(page, hands);
  note(byMail ? 'signed up and confirmed by the link of the mail' : 'signed up; this stack asks for no confirmation');
  await pay(page, hands);
  note('paid on the sandbox page; unlocked without a reload');
  await hands.press('link', 'Start with step 1');
  await answerSteps(world, email, definition, brief);
  note('22 steps done');
  await finish(world);
}
