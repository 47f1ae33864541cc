// Pictures of every page in both themes at three widths, in screenshots/, and what axe and the console say of each.
//   npm run screenshots [-- NAME…] [-- --check]    --check: no pictures, exit 1 when anything is found
import { mkdir } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { launch, watch } from './browser.mjs';
import { audit, inhabit, open, PAGES } from './pages.mjs';
import { serve } from './serve.mjs';

const WIDTHS = [390, 820, 1440];
const THEMES = ['light', 'dark'];
const folder = fileURLToPath(new URL('../screenshots/', import.meta.url));
const check = process.argv.includes('--check');
const names = process.argv.slice(2).filter((word) => !word.startsWith('--'));
const pages = PAGES.filter(({ name }) => names.length === 0 || names.includes(name));
const unknown = names.filter((name) => !PAGES.some((page) => page.name === name));
if (unknown.length > 0) {
  console.error(`there is no page ${unknown.join(', ')}; there are ${PAGES.map(({ name }) => name).join(', ')}`);
  process.exit(2);
}

await mkdir(folder, { recursive: true });
const { url, stop } = await serve();
const browser = await launch();
let findings = 0;

/** One page in both themes, at every width: what is wrong with it. */
async function look(entry) {
  const context = await browser.newContext({ colorScheme: 'light', reducedMotion: 'reduce', viewport: { width: 1440, height: 900 } });
  await inhabit(context, entry);
  const page = await context.newPage();
  // A page without a service, or with something that is not there yet, meets its refusal in the console, too.
  const found = watch(page, (message) => /Failed to load resource/.test(message.text()));
  try {
    await open(page, url, entry);
    for (const colorScheme of THEMES) {
      await page.emulateMedia({ colorScheme });
      // The dark theme differs in colours alone: one width says whether they are right.
      for (const width of check && colorScheme === 'dark' ? [1440] : WIDTHS) {
        await page.setViewportSize({ width, height: 900 });
        await page.waitForTimeout(60);
        const overflow = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
        if (overflow > 0) found.push(`${width} px: the page is ${overflow} px too wide`);
        if (width === 1440 || (width === 390 && colorScheme === 'light')) found.push(...(await audit(page)).map((text) => `${colorScheme}, ${width} px: axe: ${text}`));
        if (!check) await page.screenshot({ path: `${folder}${entry.name}-${colorScheme}-${width}.png`, fullPage: true });
      }
    }
  } catch (error) {
    found.push(String(error));
  }
  await context.close();
  return found;
}

// Pages wait for the browser most of the time, so that two go beside each other; both take from one queue.
const queue = pages.values();
async function lane() {
  for (const entry of queue) {
    const found = await look(entry);
    findings += found.length;
    console.log(`${found.length === 0 ? 'ok   ' : 'FOUND'} ${entry.name}`);
    for (const text of found) console.log(`      ${text}`);
  }
}
await Promise.all([lane(), lane()]);
await browser.close();
stop();
process.exit(findings > 0 ? 1 : 0);
