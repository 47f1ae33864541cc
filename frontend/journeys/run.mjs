// Journeys of a browser through the running stack. Needs GATEWAY_URL and SANDBOX_URL, as `deploy/local/stack exec` sets them.
//   npm run journeys [-- NAME…] [-- --list]    JOURNEY_LANES: how many go beside each other, two by default
import { launch, watch } from './browser.mjs';
import { serverAway, twoTabs } from './conflict.mjs';
import { everywhere } from './gate.mjs';
import { Keyboard, Pointer } from './hands.mjs';
import { canBreakThings, outage } from './outage.mjs';
import { closedPage, failed, pending, webhookLost } from './payments.mjs';
import { firstRoute } from './speed.mjs';
import { bringHome } from './stack.mjs';
import { whole } from './whole.mjs';

const JOURNEYS = {
  whole: { title: 'sign-up to export', run: (world) => whole(world, { brief: false }) },
  keyboard: { title: 'the same by keyboard alone', hands: Keyboard, run: (world) => whole(world, { brief: true }) },
  failed: { title: 'a failed payment', run: failed },
  closed: { title: 'a closed pay page', run: closedPage },
  pending: { title: 'a payment that stays pending', run: pending },
  tabs: { title: 'two tabs editing one step', run: twoTabs },
  away: { title: 'the server away while somebody types', run: serverAway, quiet: true },
  gate: { title: 'the gate, from every page', run: everywhere },
  // These change the world for everybody, or measure time.
  lost: { title: 'every webhook lost', run: webhookLost, alone: true },
  ...(canBreakThings && { outage: { title: 'onboarding-svc killed while somebody types, Redis flushed', run: outage, quiet: true, alone: true } }),
  speed: { title: 'the first route on a slow phone', run: firstRoute, alone: true },
};

/** What the console of the browser lists although it is an answer: "none yet", "changed elsewhere", "another order is open". */
const ANSWERS = [
  [404, /\/api\/auth\/account\/deletion$/],
  [404, /\/api\/payments\/v2\/billing-details$/],
  [412, /\/api\/onboarding\/steps\/[a-z-]+\/draft$/],
  [409, /\/api\/payments\/v2\/initiate$/],
  [429, /\/api\/context\/rebuild$/],
  // Page after page within seconds: streams of pages that were left still count. The app asks now and then instead.
  [429, /\/api\/auth\/gate\/events$/],
];

function isAnswer(message) {
  return ANSWERS.some(([status, path]) => path.test(message.location().url) && message.text().includes(`status of ${status} `));
}

const words = process.argv.slice(2);
if (words.includes('--list')) {
  for (const [name, { title }] of Object.entries(JOURNEYS)) console.log(`${name.padEnd(10)} ${title}`);
  process.exit(0);
}
const names = words.filter((word) => !word.startsWith('--'));
for (const name of names) {
  if (JOURNEYS[name] === undefined) {
    console.error(`there is no journey ${name}; --list names them`);
    process.exit(2);
  }
}

const browser = await launch();
let failures = 0;

async function travel(name, journey) {
  const contexts = [];
  const newContext = async () => {
    const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, acceptDownloads: true, locale: 'en-GB' });
    await bringHome(context);
    contexts.push(context);
    return context;
  };
  const context = await newContext();
  context.setDefaultTimeout(30_000);
  const page = await context.newPage();
  // A journey that takes the server away meets its silence in the console.
  const found = watch(page, (message) => isAnswer(message) || (journey.quiet === true && /Failed to load resource/.test(message.text())) || /ERR_INTERNET_DISCONNECTED/.test(message.text()));
  const began = Date.now();
  const notes = [];
  let failure;
  try {
    await journey.run({ page, context, newContext, hands: new (journey.hands ?? Pointer)(page), note: (text) => notes.push(text) });
    if (found.length > 0) failure = new Error(found.join('\n'));
  } catch (error) {
    failure = error;
    const file = `${process.env.JOURNEY_SHOTS ?? '.'}/failed-${name}.png`;
    if (process.env.JOURNEY_SHOTS) await page.screenshot({ path: file, fullPage: true }).catch(() => undefined);
    notes.push(`at ${page.url()}`, ...found);
  }
  console.log(`${failure === undefined ? 'passed' : 'FAILED'}  ${journey.title} (${((Date.now() - began) / 1000).toFixed(1)} s)`);
  for (const text of notes) console.log(`        ${text}`);
  if (failure !== undefined) {
    failures += 1;
    console.log(`        ${failure.stack ?? failure}`);
  }
  for (const one of contexts) await one.close();
}

const chosen = Object.entries(JOURNEYS).filter(([name]) => names.length === 0 || names.includes(name));
/** Every lane takes the next one from here. */
const together = chosen.filter(([, { alone }]) => alone !== true).values();
async function lane() {
  for (const [name, journey] of together) await travel(name, journey);
}
await Promise.all(Array.from({ length: Number(process.env.JOURNEY_LANES ?? 2) }, lane));
for (const [name, journey] of chosen) {
  if (journey.alone === true) await travel(name, journey);
}
await browser.close();
process.exit(failures > 0 ? 1 : 0);
