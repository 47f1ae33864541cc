// What a browser loads, against the bars: first route, each lazy route, styles. Reads the manifest that the build writes.
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';

const BARS_KB = { first: 140, lazy: 40, styles: 20 };
const dist = fileURLToPath(new URL('../dist/', import.meta.url));
const manifest = JSON.parse(readFileSync(`${dist}.vite/manifest.json`, 'utf8'));

const size = (file) => gzipSync(readFileSync(dist + file), { level: 9 }).length;
const kb = (bytes) => (bytes / 1000).toFixed(1);

/** The chunk with everything that it imports at once. */
function closure(key, found = new Set()) {
  if (!found.has(key)) {
    found.add(key);
    for (const next of manifest[key].imports ?? []) closure(next, found);
  }
  return found;
}

const scripts = (keys) => [...keys].reduce((sum, key) => sum + size(manifest[key].file), 0);

const entry = Object.keys(manifest).find((key) => manifest[key].isEntry);
const landing = Object.keys(manifest).find((key) => key.endsWith('pages/public/Landing.tsx'));
const first = closure(entry);
for (const key of closure(landing)) first.add(key);

const rows = [['first route (/)', scripts(first), BARS_KB.first]];
// A lazy route costs what the first route has not loaded; its frame is shared with its neighbours and counted with each.
for (const key of Object.keys(manifest).filter((name) => manifest[name].isDynamicEntry && name.includes('src/pages/'))) {
  const own = [...closure(key)].filter((one) => !first.has(one));
  rows.push([key.replace('src/pages/', '').replace('.tsx', ''), scripts(own), BARS_KB.lazy]);
}
const styles = new Set(Object.values(manifest).flatMap((chunk) => chunk.css ?? []));
rows.push(['styles, all of them', [...styles].reduce((sum, file) => sum + size(file), 0), BARS_KB.styles]);

let failed = false;
for (const [name, bytes, bar] of rows) {
  const over = bytes > bar * 1000;
  failed ||= over;
  console.log(`${over ? 'OVER' : 'ok  '} ${name.padEnd(32)} ${kb(bytes).padStart(7)} kB of ${bar} kB`);
}
process.exit(failed ? 1 : 0);
