// Debian's Chromium, driven by playwright-core: no browser is downloaded.
import { existsSync } from 'node:fs';
import { chromium } from 'playwright-core';

const executablePath = process.env.CHROMIUM ?? ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find(existsSync);

export async function launch() {
  if (executablePath === undefined) throw new Error('there is no Chromium; install it (apt-get install chromium) or name it in CHROMIUM');
  return chromium.launch({ executablePath, args: ['--no-sandbox', '--disable-dev-shm-usage'] });
}

/** Notes what a page must not do: errors in its console, exceptions, refusals of the content security policy. */
export function watch(page, ignore = () => false) {
  const found = [];
  page.on('console', (message) => {
    if (message.type() === 'error' && !ignore(message)) found.push(`console: ${message.text()} (${message.location().url})`);
  });
  page.on('pageerror', (error) => found.push(`exception: ${error.stack ?? error.message}`));
  return found;
}
