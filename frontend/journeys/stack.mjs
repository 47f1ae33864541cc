// The running stack beside the browser: its addresses, the sandbox's mails and payments, and people made without a page.
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

export const GATEWAY = process.env.GATEWAY_URL ?? 'http://127.0.0.1:8080';
export const SANDBOX = process.env.SANDBOX_URL ?? 'http://127.0.0.1:8090';
/** Where the services say that people reach them, when that is another address than the browser's. */
const PUBLIC = process.env.PUBLIC_URL ?? GATEWAY;

const read = (path) => JSON.parse(readFileSync(fileURLToPath(new URL(path, import.meta.url)), 'utf8'));
export const answers = read('../../crates/domain/tests/fixtures/answers/acme.json');

export const PASSWORD = 'drawn on warm paper';

export function newAddress() {
  return `web-${randomBytes(6).toString('hex')}@journey.example`;
}

async function call(base, method, path, { token, body, headers = {} } = {}) {
  const response = await fetch(base + path, {
    method,
    headers: {
      ...(body !== undefined && { 'Content-Type': 'application/json' }),
      ...(token !== undefined && { Authorization: `Bearer ${token}` }),
      ...headers,
    },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  const answer = { status: response.status, headers: response.headers, body: text === '' ? undefined : JSON.parse(text) };
  if (!response.ok) throw Object.assign(new Error(`${method} ${path} answered ${response.status}: ${text.slice(0, 300)}`), { answer });
  return answer;
}

export const api = (method, path, options) => call(GATEWAY, method, path, options);
export const sandbox = (method, path, body) => call(SANDBOX, method, path, { body });

/** Asks until the answer is not empty. */
export async function until(what, ask, seconds = 30) {
  const deadline = Date.now() + seconds * 1_000;
  for (;;) {
    const found = await ask();
    if (found) return found;
    if (Date.now() > deadline) throw new Error(`${what} did not come within ${seconds} s`);
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
}

/** The newest mail to an address: its link, as the browser's address has it, and its code. */
export async function mailTo(email) {
  const mail = await until(`a mail to ${email}`, async () => {
    const { body } = await sandbox('GET', '/control/mails');
    return body.filter(({ to }) => to[0] === email).at(-1);
  });
  return {
    link: /https?:\/\/\S+#\S+/.exec(mail.text)?.[0].replace(PUBLIC, GATEWAY),
    code: /type this code: (\d{6})/.exec(mail.text)?.[1],
  };
}

/** Leads what comes back to the public address to the one that is under test. */
export async function bringHome(context) {
  if (PUBLIC === GATEWAY) return;
  await context.route(`${PUBLIC}/**`, (route) => route.fulfill({ status: 302, headers: { Location: route.request().url().replace(PUBLIC, GATEWAY) } }));
}

export const payment = (order, outcome) => sandbox('POST', `/control/orders/${order}-1/pay`, { outcome });

/** Sets the sandbox's weather for as long as the act lasts. */
export async function inWeather(weather, act) {
  const { body: before } = await sandbox('GET', '/control/weather');
  await sandbox('PUT', '/control/weather', { ...before, ...weather, webhook: { ...before.webhook, ...weather.webhook } });
  try {
    return await act();
  } finally {
    await sandbox('PUT', '/control/weather', before);
  }
}

/** Somebody who has an account, and has done what `upTo` says: nothing, paid, answered all steps, or finalized. */
export async function somebody(upTo = 'account') {
  const email = newAddress();
  let { body: session } = await api('POST', '/auth/v1/signup', { body: { email, password: PASSWORD, data: { name: 'Asha Rao' } } });
  if (session.access_token === undefined) {
    const { code } = await mailTo(email);
    ({ body: session } = await api('POST', '/auth/v1/verify', { body: { type: 'signup', email, token: code } }));
  }
  const token = session.access_token;
  await api('POST', '/api/auth/ensure-profile', { token, body: {} });
  const person = { email, token };
  if (upTo === 'account') return person;

  const { body: order } = await api('POST', '/api/payments/v2/initiate', { token, body: { plan: 'soar', cycle: 'monthly' }, headers: { 'Idempotency-Key': randomBytes(8).toString('hex') } });
  await payment(order.order_id, 'success');
  await until('the unlock', async () => (await api('GET', '/api/onboarding', { token })).body.status !== 'locked', 60);
  if (upTo === 'paid') return person;

  for (const [slug, answer] of Object.entries(answers)) {
    await api('POST', `/api/onboarding/steps/${slug}/complete`, { token, body: { answer }, headers: { 'If-Match': '"0"' } });
  }
  if (upTo === 'answered') return person;

  await api('POST', '/api/onboarding/finalize', { token, body: {} });
  await until('the manifest', async () => (await api('GET', '/api/auth/verify-profile', { token })).body.next === 'app', 60);
  return person;
}
