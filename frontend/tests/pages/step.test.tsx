import { fireEvent, screen, waitFor, within } from '@testing-library/react';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { forgetLocalCopies } from '@/onboarding/local-copy';
import { definition } from '../support/world.mjs';
import { openApp, inhabitWorld } from '../support/app';
import { seriousFindings } from '../support/axe';

inhabitWorld();
beforeEach(() => forgetLocalCopies());
afterEach(() => vi.restoreAllMocks());

const company = '/onboarding/steps/company';
const DRAFT = 'PUT /api/onboarding/steps/company/draft';

const saveState = () => screen.getByTestId('save-state');
/** What the permanent region of this urgency said last. */
const heard = (region: 'status' | 'alert') => document.querySelector(`[role="${region}"][aria-live]`)?.textContent ?? '';

describe('every step', () => {
  it.each(definition.steps.map(({ slug, title }) => [slug, title] as const))('%s is drawn from the definition at its own address', async (slug, title) => {
    const { container } = await openApp(`/onboarding/steps/${slug}`, { next: 'app' });
    expect(await screen.findByRole('heading', { level: 1, name: title })).toBeInTheDocument();
    expect(await screen.findByTestId('save-state')).toBeInTheDocument();
    const step = definition.steps.find((one) => one.slug === slug);
    for (const field of step?.fields ?? []) expect(container.querySelector(`[id="${field.name}"], [id="${field.name}.amount"], [name="${field.name}"]`), field.name).not.toBeNull();
    expect(await seriousFindings(container)).toEqual([]);
  });
});

describe('what is typed', () => {
  it('is saved with the revision it was typed on, and the state is said in words', async () => {
    const { user, sent, world } = await openApp(company, { next: 'onboarding' });
    const name = await screen.findByLabelText('Company name');
    await user.type(name, ' Labs');
    await waitFor(() => expect(saveState()).toHaveTextContent(/^All changes saved \(\d\d:\d\d\)/), { timeout: 3_000 });
    const saves = sent(DRAFT);
    expect(saves[0]?.headers['if-match']).toBe('"1.3"');
    expect(saves[0]?.headers['x-schema-version']).toBe(definition.schema_version);
    expect(world.steps.get('company')?.answer).toMatchObject({ company_name: expect.stringMatching(/ Labs$/) as string });
  });

  it('is saved when the field is left', async () => {
    const { user, sent } = await openApp(company, { next: 'onboarding' });
    await user.type(await screen.findByLabelText('Company name'), '!');
    await user.tab();
    expect(sent(DRAFT)).toHaveLength(1);
  });

  it('is kept and said to be not saved while the server is away, and saved when it is back', async () => {
    const { user, world } = await openApp(company, { next: 'onboarding' });
    let down = true;
    world.overrides.push(({ path, problem }) => (down && path.endsWith('/draft') ? problem(503, 'GW-0024', 'The service is starting, stopping or overloaded') : undefined));
    await user.type(await screen.findByLabelText('Company name'), '!');
    await user.tab();
    await waitFor(() => expect(saveState()).toHaveTextContent('Not saved: A part of the system is not available'));
    expect(saveState()).toHaveTextContent('Request world-0001');
    await waitFor(() => expect(heard('alert')).toMatch(/^Not saved: A part of the system is not available/));
    down = false;
    await user.click(within(saveState()).getByRole('button', { name: 'Try again' }));
    await waitFor(() => expect(saveState()).toHaveTextContent('All changes saved'));
    await waitFor(() => expect(heard('status')).toMatch(/^All changes saved/));
  });

  it('is kept when the questions themselves were changed meanwhile, and that is said', async () => {
    const { user, world } = await openApp(company, { next: 'onboarding' });
    world.overrides.push(({ path, problem }) => (path.endsWith('/draft') ? problem(409, 'ONB-0013', 'The steps have another version') : undefined));
    await user.type(await screen.findByLabelText('Company name'), '!');
    await user.tab();
    await waitFor(() => expect(saveState()).toHaveTextContent('Not saved: The questions were changed meanwhile. Your words are kept on this device'));
  });

  it('comes back after a reload when it could not be saved', async () => {
    const first = await openApp(company, { next: 'onboarding' });
    first.world.overrides.push(({ path, problem }) => (path.endsWith('/draft') ? problem(502, 'GW-0020', 'The service gave no usable answer') : undefined));
    await first.user.type(await screen.findByLabelText('Company name'), ' reloaded');
    await first.user.tab();
    await waitFor(() => expect(saveState()).toHaveTextContent('Not saved'));
    // Leaving tries once more, in vain.
    const before = first.sent(DRAFT).length;
    first.unmount();
    await waitFor(() => expect(first.sent(DRAFT).length).toBe(before + 1));
    const second = await openApp(company, { next: 'onboarding' });
    expect(await screen.findByText('What you typed last on this device was brought back.')).toBeInTheDocument();
    expect(screen.getByLabelText('Company name')).toHaveDisplayValue(/ reloaded$/);
    await waitFor(() => expect(second.world.steps.get('company')?.answer).toMatchObject({ company_name: expect.stringMatching(/ reloaded$/) as string }));
  });

  it('is not called saved when the form cannot be sent as it is', async () => {
    const { user, sent } = await openApp(company, { next: 'onboarding' });
    const employees = await screen.findByLabelText(/Employees/);
    await user.clear(employees);
    await user.type(employees, 'twelve');
    await user.tab();
    expect(saveState()).toHaveTextContent('“Employees” is not right yet. Everything is kept on this device.');
    expect(employees).toHaveAccessibleDescription('A whole number, please.');
    expect(sent(DRAFT).every(({ body }) => !JSON.stringify(body).includes('twelve'))).toBe(true);
  });
});

describe('a step that was changed elsewhere', () => {
  async function meet() {
    const opened = await openApp(company, { next: 'onboarding' });
    await screen.findByLabelText('Company name');
    opened.world.steps.set('company', { answer: { company_name: 'Theirs' }, revision: '1.9', state: 'draft', updated_at: new Date().toISOString() });
    fireEvent.change(screen.getByLabelText('Company name'), { target: { value: 'Mine' } });
    await opened.user.click(screen.getByLabelText(/Website/));
    fireEvent.blur(screen.getByLabelText('Company name'));
    return { ...opened, dialog: await screen.findByRole('dialog', { name: 'This step was changed elsewhere' }, { timeout: 4_000 }) };
  }

  it('offers both versions, and keeps mine on top of theirs', async () => {
    const { user, dialog, world } = await meet();
    expect(within(dialog).getByText('Mine')).toBeInTheDocument();
    expect(within(dialog).getByText('Theirs')).toBeInTheDocument();
    await user.click(within(dialog).getByRole('button', { name: 'Keep mine' }));
    await waitFor(() => expect(world.steps.get('company')?.answer).toMatchObject({ company_name: 'Mine' }));
    expect(screen.queryByRole('dialog')).not.toBeInTheDocument();
  });

  it('takes theirs into the form', async () => {
    const { user, dialog, world } = await meet();
    await user.click(within(dialog).getByRole('button', { name: 'Take theirs' }));
    expect(screen.getByLabelText('Company name')).toHaveValue('Theirs');
    expect(world.steps.get('company')?.answer).toMatchObject({ company_name: 'Theirs' });
    expect(saveState()).toHaveTextContent('All changes saved');
  });

  it('can be decided later, and says so until it is', async () => {
    const { user, dialog } = await meet();
    await user.click(within(dialog).getByRole('button', { name: 'Decide later' }));
    expect(saveState()).toHaveTextContent('Changed elsewhere');
    await user.click(screen.getByRole('button', { name: 'Decide' }));
    expect(await screen.findByRole('dialog')).toBeInTheDocument();
  });
});

describe('completing a step', () => {
  it('lists what is missing, leads to the field, and sends nothing', async () => {
    const { user, sent } = await openApp(company, { next: 'onboarding' });
    await user.clear(await screen.findByLabelText('Company name'));
    await user.click(screen.getByRole('button', { name: 'Complete and continue' }));
    const summary = await screen.findByRole('group', { name: 'One thing is missing or not right' });
    expect(summary).toHaveFocus();
    await user.click(within(summary).getByRole('link', { name: 'Company name: Please fill this in.' }));
    expect(screen.getByLabelText('Company name')).toHaveFocus();
    expect(screen.getByLabelText('Company name')).toHaveAccessibleDescription('Please fill this in.');
    expect(sent('POST /api/onboarding/steps/company/complete')).toEqual([]);
  });

  it('shows what only the server knows beside the field', async () => {
    const { user, world } = await openApp(company, { next: 'onboarding' });
    world.overrides.push(({ path, problem }) =>
      path.endsWith('/complete')
        ? problem(422, 'ONB-0004', 'The answer is not valid', { errors: [{ pointer: '/answer/headquarters', code: 'control_character', message: 'This has a character that cannot be used.' }] })
        : undefined,
    );
    await user.click(await screen.findByRole('button', { name: 'Complete and continue' }));
    await waitFor(() => expect(screen.getByLabelText(/Headquarters/)).toHaveAccessibleDescription('This has a character that cannot be used.'));
  });

  it('leads to the next step, with the focus on its heading', async () => {
    const { user, world } = await openApp(company, { next: 'onboarding' });
    await user.click(await screen.findByRole('button', { name: 'Complete and continue' }));
    expect(await screen.findByRole('heading', { level: 1, name: 'Value proposition' })).toHaveFocus();
    expect(world.steps.get('company')?.state).toBe('complete');
  });

  it('can be put off where the step is optional', async () => {
    const { user, world } = await openApp('/onboarding/steps/evidence', { next: 'onboarding' });
    await user.click(await screen.findByRole('button', { name: 'Skip this step' }));
    await user.click(within(await screen.findByRole('alertdialog')).getByRole('button', { name: 'Skip this step' }));
    expect(await screen.findByRole('heading', { level: 1, name: 'Contradictions' })).toBeInTheDocument();
    expect(world.steps.get('evidence')?.state).toBe('skipped');
  });
});

describe('a list', () => {
  it('is filled, reordered and emptied with the keyboard alone', async () => {
    const { user, world } = await openApp('/onboarding/steps/brand', { next: 'onboarding' });
    const tone = await screen.findByRole('group', { name: /Tone of voice/ });
    await user.click(within(tone).getByRole('button', { name: 'Add: Tone of voice' }));
    await waitFor(() => expect(screen.getByRole('textbox', { name: 'Tone of voice, 1' })).toHaveFocus());
    await user.keyboard('calm{Enter}');
    await waitFor(() => expect(screen.getByRole('textbox', { name: 'Tone of voice, 2' })).toHaveFocus());
    await user.keyboard('exact');
    await user.click(screen.getByRole('button', { name: 'Move Tone of voice, 2 up' }));
    expect(screen.getByRole('textbox', { name: 'Tone of voice, 1' })).toHaveValue('exact');
    await waitFor(() => expect(screen.getAllByRole('status').some((region) => region.textContent.includes('is now 1 of 2'))).toBe(true));
    await waitFor(() => expect(world.steps.get('brand')?.answer).toMatchObject({ tone: ['exact', 'calm'] }), { timeout: 3_000 });
    await user.click(screen.getByRole('button', { name: 'Remove Tone of voice, 2' }));
    await waitFor(() => expect(world.steps.get('brand')?.answer).toMatchObject({ tone: ['exact'] }), { timeout: 3_000 });
  });
});

describe('the review', () => {
  it('shows the answers in words, and finalizes for those who may', async () => {
    const { user, sent } = await openApp('/onboarding/steps/review', { next: 'app' });
    expect(await screen.findByRole('heading', { level: 2, name: 'Your answers' })).toBeInTheDocument();
    const confirmed = await screen.findByLabelText('Everything above is right');
    if (!(confirmed as HTMLInputElement).checked) await user.click(confirmed);
    await user.click(screen.getByRole('button', { name: 'Finalize' }));
    expect(await screen.findByRole('heading', { level: 1, name: 'Building your manifest' })).toBeInTheDocument();
    expect(sent('POST /api/onboarding/finalize')).toHaveLength(1);
  });

  it('leads from the list of what is missing to the confirmation', async () => {
    const { user, world } = await openApp('/onboarding/steps/review', { next: 'app' });
    world.steps.set('review', { answer: null, revision: '1.3', state: 'pending', updated_at: null });
    await user.click(await screen.findByRole('button', { name: 'Finalize' }));
    const summary = await screen.findByRole('group', { name: 'One thing is missing or not right' });
    await user.click(within(summary).getByRole('link', { name: /^Everything above is right/ }));
    expect(screen.getByRole('checkbox', { name: 'Everything above is right' })).toHaveFocus();
  });

  it('lists the steps that a refusal names, with links', async () => {
    const { user, world } = await openApp('/onboarding/steps/review', { next: 'app' });
    world.overrides.push(({ path, problem }) =>
      path === '/api/onboarding/finalize' ? problem(422, 'ONB-0007', 'Some steps are not complete', { steps: [{ slug: 'pricing', title: 'Pricing', href: '', errors: [{}, {}] }] }) : undefined,
    );
    const confirmed = await screen.findByLabelText('Everything above is right');
    if (!(confirmed as HTMLInputElement).checked) await user.click(confirmed);
    await user.click(screen.getByRole('button', { name: 'Finalize' }));
    expect(await screen.findByText('These steps are still to be completed')).toBeInTheDocument();
    expect(screen.getByText('(2 things missing)')).toBeInTheDocument();
  });
});
