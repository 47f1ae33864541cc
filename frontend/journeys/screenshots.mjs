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
for (const entry of pages) {
  for (const colorScheme of THEMES) {
    const context = await browser.newContext({ colorScheme, reducedMotion: 'reduce', viewport: { width: 1440, height: 900 } });
    await inhabit(context, entry);
    const page = await context.newPage();
    // A page without a service, or with something that is not there yet, meets its refusal in the console, too.
    const found = watch(page, (message) => /Failed to load resource/.test(message.text()));
    try {
      await open(page, url, entry);
      for (const width of WIDTHS) {
        await page.setViewportSize({ width, height: 900 });
        await page.waitForTimeout(60);
        const overflow = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
        if (overflow > 0) found.push(`${width} px: the page is ${overflow} px too wide`);
        // The dark theme differs in colours alone: once is enough there.
        if (width === 1440 || (width === 390 && colorScheme === 'light')) found.push(...(await audit(page)).map((text) => `${width} px: axe: ${text}`));
        if (!check) await page.screenshot({ path: `${folder}${entry.name}-${colorScheme}-${width}.png`, fullPage: true });
      }
    } catch (error) {
      found.push(String(error));
    }
    findings += found.length;
    console.log(`${found.length === 0 ? 'ok   ' : 'FOUND'} ${entry.name} (${colorScheme})`);
    for (const text of found) console.log(`      ${text}`);
    await context.close();
  }
}
await browser.close();
stop();
process.exit(findings > 0 ? 1 : 0);
