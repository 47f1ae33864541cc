// A world in which the services answer as they do, for tests of components and for the pictures of every page. It knows no HTTP:
// `answer` is asked with method, path and body, by msw in Node and by Playwright in a browser. What the services really do is
// proved by the journeys against a running stack.
import { readFileSync } from 'node:fs';

const here = process.cwd().endsWith('frontend') ? process.cwd() : `${process.cwd()}/frontend`;
const read = (path) => JSON.parse(readFileSync(`${here}/${path}`, 'utf8'));

export const definition = read('tests/support/definition.json');
export const answers = read('../crates/domain/tests/fixtures/answers/acme.json');

const USER = '01994c1e-0000-7000-8000-000000000001';
const WORKSPACE = '01994c1e-0000-7000-8000-000000000002';
const ORDER = '01994c1e-0000-7000-8000-000000000003';
const JOB = '01994c1e-0000-7000-8000-000000000004';
const CHECKSUM = '5b2f1c9d8e7a6f504132231405f6e7d8c9bab1a2938475665748392a1b0c9d8e';
const DAY = 86_400_000;

const at = (ms) => new Date(Date.now() + ms).toISOString();

const PATHS = {
  verify_email: '/verify-email',
  create_workspace: '/setup',
  choose_plan: '/onboarding/plans',
  payment_pending: '/onboarding/payment',
  onboarding: '/onboarding',
  building: '/onboarding/building',
  app: '/dashboard',
};

function price(amount) {
  const net = Math.round(amount / 1.18);
  return { amount, currency: 'INR', net, gst: amount - net };
}

const plan = (code, name, monthly, entitlements) => ({ code, name, monthly: price(monthly), yearly: price(monthly * 10), entitlements });
export const plans = [
  plan('ascent', 'Ascent', 500_000, { seats: 1, campaigns: 3, moves_per_week: 3, api_access: false, audit_export: false }),
  plan('glide', 'Glide', 700_000, { seats: 5, campaigns: null, moves_per_week: null, api_access: false, audit_export: false }),
  plan('soar', 'Soar', 1_000_000, { seats: null, campaigns: null, moves_per_week: null, api_access: true, audit_export: true }),
];

export const content = {
  schema_version: 'manifest.1',
  company: answers.company && { name: answers.company.company_name, website: answers.company.website, industry: answers.company.industry, stage: answers.company.stage, description: answers.company.description, founded_year: answers.company.founded_year, employee_count: answers.company.employee_count, headquarters: answers.company.headquarters },
  offer: {
    ...answers['value-proposition'],
    problem: answers.problem?.problem_statement,
    solution: answers.solution?.solution,
    deliverable: answers.offer?.core_deliverable,
    outcome: answers.offer?.promised_outcome,
    revenue_model: answers['revenue-model']?.revenue_model,
    pricing: answers.pricing?.price_points,
  },
  icps: answers.icps?.icps.map((icp) => ({ ...icp, confidence: 860 })),
  competitive: {
    category: answers.positioning?.category,
    path: answers.positioning?.category_path,
    statement: answers.positioning?.positioning_statement,
    differentiation: answers.positioning?.differentiation,
    competitors: answers.competitors?.competitors.map(({ name, kind, strengths, weaknesses }) => ({ name, kind, strengths, weaknesses })),
    axes: answers.positioning?.axes,
  },
  brand: answers.brand,
  messaging: { ...answers.messaging, guardrails: answers.guardrails },
  channels: answers.channels?.channels,
  goals: { short_term: answers.goals?.short_term_goals, long_term: answers.goals?.long_term_goals, kpis: answers.goals?.kpis },
  risks: answers.constraints?.risks,
};

const record = (sequence, version, ageMs, reason) => ({
  workspace_id: WORKSPACE,
  sequence,
  version,
  checksum: CHECKSUM,
  size: 4_812,
  source: { context_number: sequence, context_sha256: CHECKSUM.split('').reverse().join(''), reducer_version: '1', policy: 'cl100k/1200' },
  generated_at: at(-ageMs),
  generated_by: USER,
  reason,
  meta: {
    completion_percent: 91,
    token_count: 1_148,
    token_budget: 1_200,
    trims: [{ pointer: '/icps/1/objections/2', action: 'dropped' }, { pointer: '/offer/solution', action: 'shortened' }],
    missing: ['market-size', 'company/founded_year'],
    evidence_count: 3,
  },
});

/**
 * @param {{ next?: string, signedIn?: boolean, order?: string, role?: string, ageDays?: number, plan?: string, workspaces?: number }} settings
 */
export function makeWorld(settings = {}) {
  const state = { next: 'app', signedIn: true, order: 'pending', role: 'owner', ageDays: 2, plan: 'soar', workspaces: 1, ...settings };
  const beforeApp = ['verify_email', 'create_workspace', 'choose_plan', 'payment_pending'].includes(state.next);
  /** Steps as they were saved: half of them while the onboarding runs. */
  const steps = new Map(
    definition.steps.map((step, index) => {
      const answered = !beforeApp && (state.next === 'onboarding' ? index < 9 : true);
      const given = answered ? answers[step.slug] : undefined;
      const progress = !answered ? (index === 9 && state.next === 'onboarding' ? 'draft' : 'pending') : given === undefined ? 'skipped' : 'complete';
      return [step.slug, { answer: given ?? null, revision: given ? '1.3' : '0', state: progress, updated_at: given ? at(-DAY) : null }];
    }),
  );
  const isDone = ({ state: progress }) => progress === 'complete' || progress === 'skipped';
  const done = () => [...steps.values()].filter(isDone).length;
  const workspaces = Array.from({ length: state.workspaces }, (_, index) => ({
    id: index === 0 ? WORKSPACE : WORKSPACE.replace(/2$/, String(5 + index)),
    name: index === 0 ? 'Acme Analytics' : `Another workspace ${index}`,
    role: state.role,
    slug: index === 0 ? 'acme-analytics-7f3a' : `another-${index}`,
  }));

  const user = {
    id: USER,
    aud: 'authenticated',
    role: 'authenticated',
    email: 'asha@acme.example',
    phone: '',
    app_metadata: {},
    user_metadata: { name: 'Asha Rao' },
    identities: [],
    factors: [],
    created_at: at(-30 * DAY),
    updated_at: at(-DAY),
    is_anonymous: false,
  };
  const claims = Buffer.from(JSON.stringify({ sub: USER, aal: 'aal1' })).toString('base64url');
  const sessionBody = () => ({ access_token: `h.${claims}.s`, token_type: 'bearer', expires_in: 3600, expires_at: Math.floor(Date.now() / 1000) + 3600, user });

  const order = () => ({
    order_id: ORDER,
    plan: 'glide',
    cycle: 'monthly',
    amount: 700_000,
    currency: 'INR',
    autopay: false,
    state: state.order,
    created_at: at(-60_000),
    expires_at: at(18 * 60_000),
    redirect_url: state.order === 'pending' ? 'https://pay.example/checkout' : null,
    failure: state.order === 'failed' ? 'The payment was declined by the bank' : null,
    completed_at: state.order === 'completed' ? at(-1_000) : null,
  });

  const subscription = () =>
    beforeApp ? null : { id: ORDER, plan: state.plan, status: 'active', entitled: true, period_end: at(21 * DAY), grace_end: null, entitlements: plans.find(({ code }) => code === state.plan).entitlements };

  const gate = () => ({
    user_id: USER,
    email: user.email,
    next: state.next,
    path: PATHS[state.next],
    needs_payment: beforeApp,
    profile: { user_id: USER, name: 'Asha Rao', email: user.email, onboarding_status: 'in_progress', created_at: at(-30 * DAY) },
    workspace: state.next === 'create_workspace' ? null : workspaces[0],
    workspaces: state.next === 'create_workspace' ? [] : workspaces,
    subscription: subscription(),
    open_order: state.next === 'payment_pending' ? { id: ORDER, amount: 700_000, cycle: 'monthly', plan: 'glide', status: 'pending' } : null,
    onboarding: {
      status: { onboarding: 'in_progress', building: 'finalizing', app: 'completed' }[state.next] ?? 'locked',
      next_step: [...steps].find(([, step]) => !isDone(step))?.[0] ?? null,
      percent: Math.round((done() / 23) * 100),
      steps_done: done(),
      steps_total: 23,
    },
    manifest: { ready: state.next === 'app', freshness: 'fresh', version: '1.2.0', checksum: CHECKSUM, generated_at: at(-state.ageDays * DAY) },
  });

  const resume = (withAnswers) => ({
    workspace_id: WORKSPACE,
    status: gate().onboarding.status === 'completed' ? 'completed' : gate().onboarding.status,
    schema_version: definition.schema_version,
    next_step: gate().onboarding.next_step,
    steps_done: done(),
    steps_total: 23,
    percent: gate().onboarding.percent,
    expires_at: state.next === 'onboarding' ? at(7 * DAY) : null,
    context_number: state.next === 'onboarding' ? null : 3,
    failure_reason: null,
    steps: definition.steps.map(({ slug, number, title, phase, optional }) => {
      const { answer, revision, state: progress, updated_at } = steps.get(slug);
      return { slug, number, title, phase, optional, state: progress, revision, updated_at, ...(withAnswers && { answer }) };
    }),
  });

  const json = (body, status = 200, headers = {}) => ({ status, headers: { 'Content-Type': 'application/json', 'X-Request-Id': 'world-0001', ...headers }, body: JSON.stringify(body) });
  const problem = (status, code, title, more = {}) => ({
    status,
    headers: { 'Content-Type': 'application/problem+json', 'X-Request-Id': 'world-0001' },
    body: JSON.stringify({ type: `/errors/${code}`, title, status, code, request_id: 'world-0001', ...more }),
  });
  const nothing = { status: 204, headers: {}, body: '' };
  /** A stream that says one thing and stays silent; who asks again gets it again. */
  const events = (event, data) => ({ status: 200, headers: { 'Content-Type': 'text/event-stream' }, body: `event: ${event}\ndata: ${JSON.stringify(data)}\n\n` });

  let revision = 3;
  const finish = (slug, progress, answer) => {
    const step = steps.get(slug);
    revision += 1;
    steps.set(slug, { answer: answer ?? step.answer, revision: `1.${revision}`, state: progress, updated_at: at(0) });
    return json({ slug, state: progress, revision: `1.${revision}`, status: 'in_progress', steps_done: done(), steps_total: 23, percent: Math.round((done() / 23) * 100), next_step: gate().onboarding.next_step });
  };

  const history = [record(3, '1.2.0', state.ageDays * DAY, 'edit'), record(2, '1.1.0', 9 * DAY, 'edit'), record(1, '1.0.0', 21 * DAY, 'onboarding')];

  /** What is answered; a test may put functions in front. `undefined` from one lets the next answer. */
  const overrides = [];

  function answer(method, path, { query = new URLSearchParams(), body, headers = {} } = {}) {
    for (const override of overrides) {
      const found = override({ method, path, query, body, headers, json, problem, state });
      if (found !== undefined) return found;
    }
    const route = `${method} ${path}`;
    const step = /^\/api\/onboarding\/steps\/([a-z-]+)(?:\/(draft|complete|skip))?$/.exec(path);
    if (step && path !== '/api/onboarding/steps') {
      const [, slug, act] = step;
      const kept = steps.get(slug);
      if (kept === undefined) return problem(404, 'ONB-0003', 'There is no such step');
      if (act === undefined) return json({ slug, ...kept });
      const expected = headers['if-match'];
      if (expected !== undefined && expected !== `"${kept.revision}"`) {
        return problem(412, 'ONB-0005', 'The step was changed elsewhere', { current: { revision: kept.revision, answer: kept.answer, updated_at: kept.updated_at }, yours: body?.answer ?? null });
      }
      if (act === 'complete') return finish(slug, 'complete', body?.answer);
      if (act === 'skip') return finish(slug, 'skipped');
      revision += 1;
      steps.set(slug, { answer: body.answer, revision: `1.${revision}`, state: 'draft', updated_at: at(0) });
      return json({ slug, state: 'draft', revision: `1.${revision}`, saved_at: at(0), durable: true }, 200, { 'Preference-Applied': 'durable' });
    }
    const version = /^\/api\/context\/manifest\/versions\/(.+)$/.exec(path);
    if (version) {
      const provenance = query.get('provenance') === 'true' ? { provenance: { '/company/name': { step: 'company', field: '/company_name', context_number: 3 } } } : {};
      return json({ record: history.find((one) => one.version === version[1]) ?? history[0], content, ...provenance });
    }
    if (/\/orders\/[^/]+\/events$/.test(path)) return events('order', order());
    if (/\/status\/[^/]+$/.test(path)) return json(order());
    if (/\/orders\/[^/]+\/check$/.test(path)) return json(order(), 202);
    if (/\/orders\/[^/]+\/abandon$/.test(path)) {
      state.order = 'expired';
      state.next = 'choose_plan';
      return json(order());
    }
    if (path.startsWith('/api/onboarding/finalize/')) return json({ context_number: 3, status: state.next === 'building' ? 'finalizing' : 'completed', sha256: CHECKSUM, finalized_by: USER, finalized_at: at(0), reason: null });
    if (path.startsWith('/api/context/rebuild/')) return json({ id: JOB, state: 'succeeded', reason: '', forced: false, requested_by: USER, created_at: at(-1_000), finished_at: at(0), result: { outcome: 'unchanged', version: '1.2.0' } });

    switch (route) {
      case 'POST /auth/v1/token':
        return state.signedIn || query.get('grant_type') === 'password' ? json(sessionBody()) : json({ code: 400, error_code: 'refresh_token_not_found', msg: 'Invalid Refresh Token' }, 400);
      case 'POST /auth/v1/signup':
        return json(user);
      case 'POST /auth/v1/verify':
        return json(sessionBody());
      case 'POST /auth/v1/logout':
        return nothing;
      case 'POST /auth/v1/resend':
      case 'POST /auth/v1/recover':
        return json({});
      case 'GET /auth/v1/user':
      case 'PUT /auth/v1/user':
        return json(user);
      case 'GET /auth/v1/health':
        return json({ name: 'GoTrue', version: '2', description: '' });
      case 'GET /api/auth/verify-profile':
        return json(gate());
      case 'GET /api/auth/gate/events':
        return events('gate', gate());
      case 'POST /api/auth/ensure-profile':
        state.next = 'choose_plan';
        return json({ created: true, profile: gate().profile, workspace: workspaces[0] });
      case 'POST /api/auth/invitations/accept':
        return json(workspaces[0]);
      case 'GET /api/auth/workspace/members':
        return json([
          { user_id: USER, name: 'Asha Rao', email: user.email, role: state.role, joined_at: at(-30 * DAY) },
          { user_id: USER.replace(/1$/, '8'), name: 'Vikram Iyer', email: 'vikram@acme.example', role: 'admin', joined_at: at(-12 * DAY) },
          { user_id: USER.replace(/1$/, '9'), name: '', email: 'meera@acme.example', role: 'member', joined_at: at(-2 * DAY) },
        ]);
      case 'GET /api/auth/workspace/invitations':
        return json([{ id: JOB, email: 'dev@acme.example', role: 'member', invited_by: USER, created_at: at(-DAY), expires_at: at(6 * DAY) }]);
      case 'GET /api/auth/workspace/audit':
        return json({
          items: ['invitation.accept', 'invitation.create', 'workspace.rename'].map((action, index) => ({ id: JOB.replace(/4$/, String(index)), action, actor_id: index === 0 ? null : USER, detail: {}, occurred_at: at(-index * DAY - 3_600_000), outcome: 'done', resource: 'workspace' })),
        });
      case 'GET /api/auth/sessions':
        return json([
          { id: USER, aal: 'aal1', created_at: at(-DAY), refreshed_at: at(-60_000), current: true, ip: '203.0.113.7', user_agent: 'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/139.0 Safari/537.36' },
          { id: JOB, aal: 'aal2', created_at: at(-9 * DAY), refreshed_at: at(-3 * DAY), current: false, ip: '198.51.100.4', user_agent: 'Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X) Safari/605.1' },
        ]);
      case 'GET /api/auth/account/deletion':
        return problem(404, 'GW-0002', 'There is nothing here');
      case 'GET /api/payments/v2/plans':
        return json({ plans });
      case 'POST /api/payments/v2/initiate':
        state.next = 'payment_pending';
        return json(order(), 201);
      case 'GET /api/payments/v2/subscription':
        return json({ subscription_id: ORDER, plan: state.plan, cycle: 'monthly', status: 'active', entitled: true, payable: false, autopay: true, period_start: at(-9 * DAY), period_end: at(21 * DAY), grace_end: null, next: null });
      case 'GET /api/payments/v2/invoices':
        return json({
          invoices: [
            { kind: 'credit_note', number: 'CN/2026-27/000004', amount: 100_000, days: 2 },
            { kind: 'invoice', number: 'GW/2026-27/000117', amount: 1_000_000, days: 9 },
          ].map(({ days, ...rest }, index) => ({ ...rest, invoice_id: JOB.replace(/4$/, String(index)), order_id: ORDER, currency: 'INR', plan: 'soar', cycle: 'monthly', issued_at: at(-days * DAY), period_start: at(-9 * DAY), period_end: at(21 * DAY), place_of_supply: '27', taxable: 847_458, cgst: 76_271, sgst: 76_271, igst: 0 })),
        });
      case 'GET /api/payments/v2/billing-details':
        return json({ legal_name: 'Acme Analytics Private Limited', address: ['14 Karve Road', 'Pune 411004'], gstin: null, state: '27', state_name: 'Maharashtra' });
      case 'GET /api/onboarding':
        return json(resume(query.get('answers') === 'true'));
      case 'GET /api/onboarding/steps':
        return json(definition);
      case 'POST /api/onboarding/finalize':
        state.next = 'building';
        return json({ context_number: 3, sha256: CHECKSUM, status_url: '/api/onboarding/finalize/3' }, 202);
      case 'GET /api/context/freshness': {
        const thresholds = { stale_after_s: 7 * 86_400, expired_after_s: 14 * 86_400 };
        if (state.next !== 'app') return json({ state: 'missing', changed: [], ...thresholds });
        const age = state.ageDays * 86_400;
        const freshness = age >= thresholds.expired_after_s ? 'expired' : age >= thresholds.stale_after_s ? 'stale' : 'fresh';
        return json({ state: freshness, age_s: age, generated_at: at(-age * 1000), version: '1.2.0', changed: state.ageDays > 7 ? ['pricing', 'channels'] : [], ...thresholds });
      }
      case 'GET /api/context/manifest':
        return state.next === 'app' ? json({ record: history[0], content }) : problem(404, 'BCM-0001', 'There is no manifest yet');
      case 'GET /api/context/diff': {
        const at = history.findIndex((one) => one.version === query.get('to'));
        const named = ({ sequence, version: name }) => ({ sequence, version: name, checksum: CHECKSUM });
        return json({
          from: history[at + 1] ? named(history[at + 1]) : null,
          to: named(history[at] ?? history[0]),
          change: 'minor',
          differences: [
            { section: 'company', kind: 'changed', what: 'employee count', pointer: '/company/employee_count', before: 60, after: 85 },
            { section: 'icps', kind: 'added', what: 'pain', of: 'Head of maintenance', pointer: '/icps/0/pains/2', after: { text: 'Spare parts that arrive after the failure', severity: 6 } },
          ],
          patch: [],
        });
      }
      case 'POST /api/context/rollback':
        return json({ record: record(4, '1.3.0', 0, 'rollback') }, 201);
      case 'GET /api/context/history':
        return json({ items: history });
      case 'POST /api/context/rebuild':
        return json({ id: JOB, state: 'queued', reason: '', forced: false, requested_by: USER, created_at: at(0) }, 202);
      case 'GET /api/context/openapi.json':
        return json({});
      case 'POST /gateway/client-errors':
        return nothing;
      default:
        return problem(404, 'GW-0002', `There is nothing here: ${route}`);
    }
  }

  return { state, steps, overrides, answer, json, problem, ids: { USER, WORKSPACE, ORDER, JOB, CHECKSUM } };
}
